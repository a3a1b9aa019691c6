//! How time and randomness enter: as arguments, so that a test can hold both still.

use std::fmt;
use std::time::Duration;

use crate::Timestamp;

/// A source of time.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The wall clock, in UTC. May step backwards when the operator sets it.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment; never steps backwards. For intervals and timeouts.
    fn elapsed(&self) -> Duration;
}

/// A cryptographically secure source of random bytes.
pub trait Entropy: Send + Sync + fmt::Debug {
    /// Fills `out` with random bytes.
    ///
    /// # Errors
    /// If the operating system has none to give; the caller must fail closed.
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError>;
}

/// The operating system gave no randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no randomness available")]
pub struct EntropyError;
