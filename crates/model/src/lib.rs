//! Operation types generated from AWS's public service models.
//!
//! `cargo xtask codegen` makes everything below the service modules from `models/` and
//! `scope.toml`. Knows the wire and nothing else: what an operation does is not said here.

pub mod iam;
pub mod s3;
pub mod sts;

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
