//! See the function.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strongroom_access::fuzzing::form_policy(bytes));
