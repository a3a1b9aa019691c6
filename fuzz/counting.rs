//! Randomness that is the same in every run.

use std::sync::atomic::{AtomicU8, Ordering};

use strongroom_types::{Entropy, EntropyError};

/// Bytes that count up.
#[derive(Debug)]
pub(crate) struct Counting(AtomicU8);

impl Counting {
    /// Begins with this byte.
    pub(crate) fn from(first: u8) -> Self {
        Self(AtomicU8::new(first))
    }
}

impl Entropy for Counting {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError> {
        for byte in out {
            *byte = self.0.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}
