//! See the function.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strongroom_policy::fuzzing::policy_patterns(bytes));
