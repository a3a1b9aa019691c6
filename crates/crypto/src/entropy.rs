//! Randomness from the operating system, by way of the crypto library's generator.

use aws_lc_rs::rand;
use strongroom_types::{Entropy, EntropyError};

/// The generator of aws-lc: one AES-CTR DRBG a thread, seeded and reseeded by the operating system.
///
/// Nothing is buffered here: pooled bytes would be given out twice after a fork or a snapshot of
/// the machine, and the library already answers small requests without a system call.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError> {
        rand::fill(out).map_err(|_| EntropyError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_fills_differ_and_every_length_works() {
        let (mut first, mut second) = ([0; 32], [0; 32]);
        SystemEntropy.fill(&mut first).unwrap();
        SystemEntropy.fill(&mut second).unwrap();
        assert_ne!(first, second);
        assert_ne!(first, [0; 32]);
        for length in [0, 1, 12, 1000, 100_000] {
            assert!(SystemEntropy.fill(&mut vec![0; length]).is_ok());
        }
    }
}
