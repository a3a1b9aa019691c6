//! AES-256-GCM under a key whose nonces the caller guarantees to be unique.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::digest::array;
use crate::secret::Secret;

/// A key for AES-256-GCM.
///
/// **Nonce discipline.** Two messages sealed under one key with one nonce reveal each other and the
/// authentication key. This type cannot see that happen; whoever makes the key guarantees that it
/// does not, by one of these rules and by no other:
/// - the key is derived from a fresh random salt or is itself fresh, and seals one message;
/// - the nonce is a counter or a position that only grows within the life of the key.
///
/// A random 96-bit nonce under a long-lived key is *not* among them.
pub struct AeadKey(LessSafeKey);

/// Why sealing or opening failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AeadError {
    /// The library could not do its work: out of memory, or a message over the limit of GCM.
    #[error("the cryptographic library failed")]
    Unavailable,
    /// Bytes, tag, nonce, associated data and key do not belong together.
    #[error("the data does not authenticate")]
    Unauthentic,
}

impl AeadKey {
    /// Bytes of an authentication tag.
    pub const TAG_BYTES: usize = 16;
    /// Bytes of a nonce.
    pub const NONCE_BYTES: usize = 12;

    /// Prepares the key.
    ///
    /// # Errors
    /// [`AeadError::Unavailable`] if the library cannot.
    pub fn new(key: &Secret<32>) -> Result<Self, AeadError> {
        UnboundKey::new(&AES_256_GCM, key.danger_expose())
            .map(|unbound| Self(LessSafeKey::new(unbound)))
            .map_err(|_| AeadError::Unavailable)
    }

    /// Encrypts `buffer` where it lies and answers its tag.
    ///
    /// # Errors
    /// [`AeadError::Unavailable`] if the library cannot; the buffer is useless then.
    pub fn seal_in_place(
        &self,
        nonce: [u8; Self::NONCE_BYTES],
        aad: &[u8],
        buffer: &mut [u8],
    ) -> Result<[u8; Self::TAG_BYTES], AeadError> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0
            .seal_in_place_separate_tag(nonce, Aad::from(aad), buffer)
            .map(|tag| array(tag.as_ref()))
            .map_err(|_| AeadError::Unavailable)
    }

    /// Decrypts `buffer`, which is ciphertext and tag, where it lies; answers the plaintext in it.
    ///
    /// # Errors
    /// [`AeadError::Unauthentic`] if it is not what was sealed; the buffer is useless then.
    pub fn open_in_place<'a>(
        &self,
        nonce: [u8; Self::NONCE_BYTES],
        aad: &[u8],
        buffer: &'a mut [u8],
    ) -> Result<&'a mut [u8], AeadError> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0.open_in_place(nonce, Aad::from(aad), buffer).map_err(|_| AeadError::Unauthentic)
    }

    /// Decrypts `ciphertext` where it lies, with its tag given apart.
    ///
    /// # Errors
    /// [`AeadError::Unauthentic`] if it is not what was sealed; the buffer is useless then.
    pub fn open_separate(
        &self,
        nonce: [u8; Self::NONCE_BYTES],
        aad: &[u8],
        ciphertext: &mut [u8],
        tag: &[u8; Self::TAG_BYTES],
    ) -> Result<(), AeadError> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0
            .open_in_place_separate_tag(nonce, Aad::from(aad), tag, ciphertext)
            .map(|_| ())
            .map_err(|_| AeadError::Unauthentic)
    }
}

impl fmt::Debug for AeadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AeadKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex;

    #[test]
    fn known_answers_of_the_gcm_specification() {
        // McGrew and Viega, test cases 13, 14 and 16 (AES-256).
        let key = AeadKey::new(&Secret::from_bytes([0; 32])).unwrap();
        let tag = key.seal_in_place([0; 12], b"", &mut []).unwrap();
        assert_eq!(tag.to_vec(), hex("530f8afbc74536b9a963b4f1c4cb738b"));
        let mut block = [0; 16];
        let tag = key.seal_in_place([0; 12], b"", &mut block).unwrap();
        assert_eq!(block.to_vec(), hex("cea7403d4d606b6e074ec5d3baf39d18"));
        assert_eq!(tag.to_vec(), hex("d0d1c8a799996bf0265b98b5d48ab919"));

        let half = "feffe9928665731c6d6a8f9467308308";
        let key_bytes: [u8; 32] = hex(&half.repeat(2)).try_into().unwrap();
        let key = AeadKey::new(&Secret::from_bytes(key_bytes)).unwrap();
        let nonce = hex("cafebabefacedbaddecaf888").try_into().unwrap();
        let aad = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let mut text = hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72\
             1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
        let tag = key.seal_in_place(nonce, &aad, &mut text).unwrap();
        let expected = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa\
                        8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662";
        assert_eq!(text, hex(expected));
        assert_eq!(tag.to_vec(), hex("76fc6ece0f4e1768cddf8853bb2d551b"));
    }

    #[test]
    fn what_was_sealed_opens_and_nothing_else_does() {
        let key = AeadKey::new(&Secret::from_bytes([9; 32])).unwrap();
        let mut sealed = b"attack at dawn".to_vec();
        let tag = key.seal_in_place([1; 12], b"aad", &mut sealed).unwrap();

        let mut separate = sealed.clone();
        key.open_separate([1; 12], b"aad", &mut separate, &tag).unwrap();
        assert_eq!(separate, b"attack at dawn");

        sealed.extend_from_slice(&tag);
        let mut buffer = sealed.clone();
        assert_eq!(key.open_in_place([1; 12], b"aad", &mut buffer).unwrap(), b"attack at dawn");

        let refused = |nonce, aad: &[u8], bytes: &[u8]| {
            let mut buffer = bytes.to_vec();
            let outcome = key.open_in_place(nonce, aad, &mut buffer).map(|_| ());
            assert_eq!(outcome, Err(AeadError::Unauthentic));
            assert!(!buffer.starts_with(b"attack at"), "plaintext must not stay behind");
        };
        refused([2; 12], b"aad", &sealed);
        refused([1; 12], b"daa", &sealed);
        refused([1; 12], b"aad", &sealed[..sealed.len() - 1]);
        refused([1; 12], b"aad", &sealed[..15]);
        refused([1; 12], b"aad", b"");
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            refused([1; 12], b"aad", &flipped);
        }
        let mut separate = sealed[..14].to_vec();
        let outcome = key.open_separate([1; 12], b"aad", &mut separate, &[0; 16]);
        assert_eq!(outcome, Err(AeadError::Unauthentic));
    }
}
