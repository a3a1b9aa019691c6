//! Tests of the crate through its public interface.

// Says to the lints that helpers here are test code, too.
#![cfg(test)]
#![expect(clippy::string_slice, reason = "tests cut texts that they know")]

mod attacks;
mod botocore;
mod chunks;
mod claims;
mod errors;
mod forms;
mod property;
mod support;
mod vectors;
mod version_2;
