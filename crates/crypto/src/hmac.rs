//! HMAC, and the key derivation built on it.

use std::fmt;

use aws_lc_rs::hmac;

use crate::digest::array;
use crate::secret::{Secret, ct_eq};

/// HMAC-SHA256 of `data` under `key`.
#[must_use]
pub fn hmac_sha256(key: &[u8], data: &[u8]) -> [u8; 32] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    array(hmac::sign(&key, data).as_ref())
}

/// HMAC-SHA1 of `data` under `key`, for the old signature forms that S3 still allows.
#[must_use]
pub fn hmac_sha1(key: &[u8], data: &[u8]) -> [u8; 20] {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    array(hmac::sign(&key, data).as_ref())
}

/// An HMAC-SHA256 key with its first blocks already hashed, for many messages under one key.
pub struct HmacSha256Key(hmac::Key);

impl HmacSha256Key {
    /// Prepares the key.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The code of the concatenated parts. Where more than one part varies in length, the caller
    /// puts something between them that keeps the concatenation unambiguous.
    #[must_use]
    pub fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        array(context.sign().as_ref())
    }

    /// Whether `tag` is the code of the concatenated parts, in constant time.
    #[must_use]
    pub fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        ct_eq(&self.sign(parts), tag)
    }
}

impl fmt::Debug for HmacSha256Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacSha256Key(..)")
    }
}

/// HKDF-SHA256 (RFC 5869) with one block of output, which cannot fail.
///
/// The parts of `info` are concatenated: start with a constant label, let every part but the last
/// have a fixed length.
#[must_use]
pub fn hkdf_sha256(key: &Secret<32>, salt: &[u8], info: &[&[u8]]) -> Secret<32> {
    hkdf_one_block(key.danger_expose(), salt, info)
}

fn hkdf_one_block(input_key: &[u8], salt: &[u8], info: &[&[u8]]) -> Secret<32> {
    HkdfSha256::extract(input_key, salt).expand(info)
}

/// HKDF-SHA256 after its first step, for several keys from one.
pub(crate) struct HkdfSha256(hmac::Key);

impl HkdfSha256 {
    /// Prepares to derive keys from this one.
    pub(crate) fn new(key: &Secret<32>, salt: &[u8]) -> Self {
        Self::extract(key.danger_expose(), salt)
    }

    fn extract(input_key: &[u8], salt: &[u8]) -> Self {
        let extracted = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, salt), input_key);
        Self(hmac::Key::new(hmac::HMAC_SHA256, extracted.as_ref()))
    }

    /// One key; `info` as in [`hkdf_sha256`].
    pub(crate) fn expand(&self, info: &[&[u8]]) -> Secret<32> {
        let mut context = hmac::Context::with_key(&self.0);
        for part in info {
            context.update(part);
        }
        context.update(&[FIRST_BLOCK]);
        let mut derived = Secret::zeroed();
        derived.as_mut_bytes().copy_from_slice(context.sign().as_ref());
        derived
    }
}

const FIRST_BLOCK: u8 = 1; // RFC 5869, 2.3: the block counter is one octet and starts at 1

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex;

    #[test]
    fn known_answers_of_rfc_4231_and_rfc_2202() {
        let case_1 = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
        assert_eq!(hmac_sha256(&[0x0b; 20], b"Hi There").to_vec(), hex(case_1));
        let case_2 = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hmac_sha256(b"Jefe", b"what do ya want for nothing?").to_vec(), hex(case_2));
        let case_6 = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54";
        let data = b"Test Using Larger Than Block-Size Key - Hash Key First";
        assert_eq!(hmac_sha256(&[0xaa; 131], data).to_vec(), hex(case_6));

        let sha1_case_1 = "b617318655057264e28bc0b6fb378c8ef146be00";
        assert_eq!(hmac_sha1(&[0x0b; 20], b"Hi There").to_vec(), hex(sha1_case_1));
        let sha1_case_2 = "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79";
        assert_eq!(hmac_sha1(b"Jefe", b"what do ya want for nothing?").to_vec(), hex(sha1_case_2));
    }

    #[test]
    fn a_prepared_key_signs_as_the_plain_one() {
        let key = HmacSha256Key::new(b"Jefe");
        let whole = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
        for _ in 0..2 {
            assert_eq!(key.sign(&[b"what do ya ", b"", b"want for nothing?"]), whole);
        }
        assert!(key.verify(&[b"what do ya want for nothing?"], &whole));
        assert!(!key.verify(&[b"what do ya want for nothing!"], &whole));
        assert!(!key.verify(&[b"what do ya want for nothing?"], &whole[..31]));
        assert_eq!(format!("{key:?}"), "HmacSha256Key(..)");
    }

    #[test]
    fn known_answers_of_rfc_5869() {
        // Appendix A, cases 1 to 3: the first 32 bytes of their output.
        let case_1 = hkdf_one_block(
            &[0x0b; 22],
            &hex("000102030405060708090a0b0c"),
            &[&hex("f0f1f2f3f4"), &hex("f5f6f7f8f9")],
        );
        let expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf";
        assert_eq!(case_1.danger_expose().to_vec(), hex(expected));

        let ascending = |from: u8, count: u8| (from..=from + (count - 1)).collect::<Vec<u8>>();
        let case_2 =
            hkdf_one_block(&ascending(0, 80), &ascending(0x60, 80), &[&ascending(0xb0, 80)]);
        let expected = "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c";
        assert_eq!(case_2.danger_expose().to_vec(), hex(expected));

        let case_3 = hkdf_one_block(&[0x0b; 22], b"", &[]);
        let expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d";
        assert_eq!(case_3.danger_expose().to_vec(), hex(expected));
    }

    #[test]
    fn salt_and_info_both_matter() {
        let key = Secret::from_bytes([1; 32]);
        let derived = hkdf_sha256(&key, b"salt", &[b"info"]);
        assert!(derived.ct_eq(&hkdf_sha256(&key, b"salt", &[b"in", b"fo"])));
        let prepared = HkdfSha256::new(&key, b"salt");
        for _ in 0..2 {
            assert!(derived.ct_eq(&prepared.expand(&[b"info"])));
            assert!(!derived.ct_eq(&prepared.expand(&[b"ofni"])));
        }
        assert!(!derived.ct_eq(&hkdf_sha256(&key, b"tlas", &[b"info"])));
        assert!(!derived.ct_eq(&hkdf_sha256(&key, b"salt", &[b"ofni"])));
        assert!(!derived.ct_eq(&hkdf_sha256(&Secret::from_bytes([2; 32]), b"salt", &[b"info"])));
    }
}
