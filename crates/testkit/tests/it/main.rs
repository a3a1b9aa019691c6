//! The whole request path over real sockets: every operation tried by every stranger, and attacks.

// Says to the lints that helpers here are test code, too.
#![cfg(test)]
#![expect(clippy::string_slice, reason = "tests cut texts that they know")]

mod attacks;
mod preflight;
mod sweep;
mod world;
