//! See the function.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strongroom_store_embedded::fuzzing::key_file(bytes));
