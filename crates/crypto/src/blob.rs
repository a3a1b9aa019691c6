//! The identity of one stored payload.

use std::fmt;

use strongroom_types::{Entropy, EntropyError};

/// The identity of one stored payload: 16 random bytes, never used a second time.
///
/// The envelope and the wrapped data key are bound to it. That no two payloads share an id is what
/// keeps the nonces of parts under one data key apart; see [`crate::EnvelopeSealer`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId([u8; 16]);

impl BlobId {
    /// The id made of these 16 bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// A fresh id.
    ///
    /// # Errors
    /// If there is no randomness.
    pub fn random(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let mut bytes = [0; 16];
        entropy.fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// The 16 bytes of the id.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// 32 lower-case hexadecimal digits.
impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{CountingEntropy, NoEntropy};

    #[test]
    fn ids_show_their_bytes_in_order() {
        let id = BlobId::random(&CountingEntropy::default()).unwrap();
        assert_eq!(format!("{id:?}"), "BlobId(000102030405060708090a0b0c0d0e0f)");
        assert_eq!(BlobId::from_bytes(*id.as_bytes()), id);
        assert!(id < BlobId::from_bytes([1; 16]));
        assert!(BlobId::random(&NoEntropy).is_err());
    }
}
