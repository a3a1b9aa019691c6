//! Data keys, the keys that wrap them, and the wrapped form that records hold.

use std::fmt;

use strongroom_types::{AccountId, BucketId, Entropy, EntropyError};

use crate::blob::BlobId;
use crate::seal::{FORMAT_VERSION, SEAL_OVERHEAD_BYTES, SealError, open_fresh, seal_fresh};
use crate::secret::{Secret, SecretBytes};

/// The key of one object version, fresh for each. Payloads are encrypted under keys derived from
/// it, see [`crate::EnvelopeSealer`].
pub struct DataKey(Secret<32>);

impl DataKey {
    /// A fresh key.
    ///
    /// # Errors
    /// If there is no randomness.
    pub fn random(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        Secret::random(entropy).map(Self)
    }

    /// The key made of this secret, which must have been used for nothing else.
    #[must_use]
    pub fn from_secret(secret: Secret<32>) -> Self {
        Self(secret)
    }

    /// The secret itself, for a key service that wraps it in its own way.
    #[must_use]
    pub fn danger_expose_secret(&self) -> &Secret<32> {
        &self.0
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(..)")
    }
}

/// What a wrapped data key belongs to. It unwraps for this and for nothing else, so that a record
/// cannot be moved to another account, bucket or payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrapContext {
    /// The account that owns the bucket.
    pub account: AccountId,
    /// The bucket.
    pub bucket_id: BucketId,
    /// The payload, or the upload that the parts belong to.
    pub blob_id: BlobId,
}

impl WrapContext {
    fn to_aad(self) -> [u8; WRAP_AAD_BYTES] {
        let mut aad = [0; WRAP_AAD_BYTES];
        let fields = [FORMAT_VERSION]
            .into_iter()
            .chain(self.account.number().to_be_bytes())
            .chain(*self.bucket_id.as_bytes())
            .chain(*self.blob_id.as_bytes());
        for (to, from) in aad.iter_mut().zip(fields) {
            *to = from;
        }
        aad
    }
}

/// A data key, sealed. Not secret; `docs/formats/wrapped-key.md` says what the bytes are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct WrappedDataKey([u8; Self::BYTES]);

impl WrappedDataKey {
    /// Bytes of a wrapped data key.
    pub const BYTES: usize = SEAL_OVERHEAD_BYTES + 32;

    /// The wrapped key that a record holds.
    ///
    /// # Errors
    /// If it has another length, or a format version that is not known.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SealError> {
        let wrapped: [u8; Self::BYTES] =
            bytes.try_into().map_err(|_| SealError::Length { sealed_bytes: bytes.len() })?;
        match wrapped.first() {
            Some(&FORMAT_VERSION) => Ok(Self(wrapped)),
            found => Err(SealError::FormatVersion { found: found.copied().unwrap_or_default() }),
        }
    }

    /// The bytes for a record.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Debug for WrappedDataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrappedDataKey(..)")
    }
}

/// A long-lived key of an account or a bucket, or a customer's, that wraps data keys.
///
/// **Nonce discipline.** It is never an AEAD key itself: each wrap derives a key of its own from it
/// and a fresh 256-bit salt, so the number of wraps has no limit worth counting.
pub struct WrappingKey(Secret<32>);

impl WrappingKey {
    /// A fresh key.
    ///
    /// # Errors
    /// If there is no randomness.
    pub fn random(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        Secret::random(entropy).map(Self)
    }

    /// The key made of this secret.
    #[must_use]
    pub fn from_secret(secret: Secret<32>) -> Self {
        Self(secret)
    }

    /// The secret itself, for the key file.
    #[must_use]
    pub fn danger_expose_secret(&self) -> &Secret<32> {
        &self.0
    }

    /// Seals a data key for one context. Two wraps of one key share no byte that could be compared.
    ///
    /// # Errors
    /// If there is no randomness, or the library fails.
    pub fn wrap(
        &self,
        data_key: &DataKey,
        context: &WrapContext,
        entropy: &dyn Entropy,
    ) -> Result<WrappedDataKey, SealError> {
        let plaintext = data_key.0.danger_expose();
        let mut wrapped = Vec::with_capacity(WrappedDataKey::BYTES);
        seal_fresh(&self.0, WRAP_LABEL, &context.to_aad(), plaintext, entropy, &mut wrapped)?;
        WrappedDataKey::from_bytes(&wrapped)
    }

    /// Opens a data key that was wrapped under this key for this context.
    ///
    /// # Errors
    /// If it is not that, down to the last bit.
    pub fn unwrap(
        &self,
        wrapped: &WrappedDataKey,
        context: &WrapContext,
    ) -> Result<DataKey, SealError> {
        let mut opened = SecretBytes::new(Vec::new());
        let plaintext = opened.as_mut_vec();
        open_fresh(&self.0, WRAP_LABEL, &context.to_aad(), wrapped.as_bytes(), plaintext)?;
        let mut data_key = Secret::zeroed();
        for (to, from) in data_key.as_mut_bytes().iter_mut().zip(opened.danger_expose()) {
            *to = *from;
        }
        Ok(DataKey(data_key))
    }
}

impl fmt::Debug for WrappingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrappingKey(..)")
    }
}

const WRAP_LABEL: &[u8] = b"strongroom wrap v1";
const WRAP_AAD_BYTES: usize = 1 + 8 + 16 + 16; // version, account, bucket id, blob id

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aead::AeadKey;
    use crate::entropy::SystemEntropy;
    use crate::hmac::hkdf_sha256;
    use crate::testing::{CountingEntropy, NoEntropy, hex};

    fn context() -> WrapContext {
        WrapContext {
            account: AccountId::from_number(123_456_789_012).unwrap(),
            bucket_id: BucketId::from_bytes([0xb0; 16]),
            blob_id: BlobId::from_bytes([0xb1; 16]),
        }
    }

    fn keys() -> (WrappingKey, DataKey) {
        let wrapping_key = WrappingKey::from_secret(Secret::from_bytes([1; 32]));
        (wrapping_key, DataKey::from_secret(Secret::from_bytes([2; 32])))
    }

    #[test]
    fn a_wrapped_key_comes_back_under_its_context() {
        let (wrapping_key, data_key) = keys();
        let wrapped = wrapping_key.wrap(&data_key, &context(), &SystemEntropy).unwrap();
        let stored = WrappedDataKey::from_bytes(wrapped.as_bytes()).unwrap();
        let unwrapped = wrapping_key.unwrap(&stored, &context()).unwrap();
        assert!(unwrapped.danger_expose_secret().ct_eq(data_key.danger_expose_secret()));
        let again = wrapping_key.wrap(&data_key, &context(), &SystemEntropy).unwrap();
        assert_ne!(again, wrapped);
    }

    #[test]
    fn the_format_is_the_documented_one() {
        let (wrapping_key, data_key) = keys();
        let entropy = CountingEntropy::default();
        let wrapped = wrapping_key.wrap(&data_key, &context(), &entropy).unwrap();
        let bytes = wrapped.as_bytes();
        let salt: Vec<u8> = (0..32).collect();
        assert_eq!(bytes.len(), 81);
        assert_eq!(bytes[0], 1);
        assert_eq!(bytes[1..33], salt);

        let secret = wrapping_key.danger_expose_secret();
        let subkey = hkdf_sha256(secret, &salt, &[b"strongroom wrap v1"]);
        let mut aad = vec![1];
        aad.extend_from_slice(&123_456_789_012_u64.to_be_bytes());
        aad.extend_from_slice(&[0xb0; 16]);
        aad.extend_from_slice(&[0xb1; 16]);
        let mut rest = bytes[33..].to_vec();
        let opened =
            AeadKey::new(&subkey).unwrap().open_in_place([0; 12], &aad, &mut rest).unwrap();
        assert_eq!(opened, [2; 32]);
        // Computed by an independent implementation.
        let sealed = "86bcf9a5a97872362531c4c5058ddfe9b7c72dcf0494c7879ddb5b3e2cb166f7\
                      16c61d0c66f735bfecff3bc6ad2c41c2";
        assert_eq!(bytes[33..], hex(sealed));
    }

    #[test]
    fn another_context_or_key_does_not_unwrap() {
        let (wrapping_key, data_key) = keys();
        let wrapped = wrapping_key.wrap(&data_key, &context(), &SystemEntropy).unwrap();
        for other in [
            WrapContext { account: AccountId::from_number(123_456_789_013).unwrap(), ..context() },
            WrapContext { bucket_id: BucketId::from_bytes([0xb2; 16]), ..context() },
            WrapContext { blob_id: BlobId::from_bytes([0xb2; 16]), ..context() },
            WrapContext {
                bucket_id: BucketId::from_bytes([0xb1; 16]),
                blob_id: BlobId::from_bytes([0xb0; 16]),
                ..context()
            },
        ] {
            let refused = wrapping_key.unwrap(&wrapped, &other).unwrap_err();
            assert_eq!(refused, SealError::Unauthentic, "{other:?}");
        }
        let other_key = WrappingKey::random(&SystemEntropy).unwrap();
        let refused = other_key.unwrap(&wrapped, &context()).unwrap_err();
        assert_eq!(refused, SealError::Unauthentic);
    }

    #[test]
    fn every_flipped_bit_and_every_other_length_is_refused() {
        let (wrapping_key, data_key) = keys();
        let wrapped = wrapping_key.wrap(&data_key, &context(), &SystemEntropy).unwrap();
        for bit in 0..WrappedDataKey::BYTES * 8 {
            let mut flipped = *wrapped.as_bytes();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let opened = WrappedDataKey::from_bytes(&flipped)
                .and_then(|flipped| wrapping_key.unwrap(&flipped, &context()));
            assert!(opened.is_err(), "{bit}");
        }
        assert!(WrappedDataKey::from_bytes(&wrapped.as_bytes()[..80]).is_err());
        assert!(WrappedDataKey::from_bytes(&[1; 82]).is_err());
        assert!(WrappedDataKey::from_bytes(b"").is_err());
    }

    #[test]
    fn a_sealed_secret_is_no_wrapped_key() {
        // Both are of one form; the label keeps a secret of 32 bytes from passing as a data key.
        let (wrapping_key, _) = keys();
        let aad = context().to_aad();
        let secret = wrapping_key.danger_expose_secret();
        let sealed = crate::seal_secret(secret, &[&aad], &[2; 32], &SystemEntropy).unwrap();
        let wrapped = WrappedDataKey::from_bytes(&sealed).unwrap();
        assert_eq!(wrapping_key.unwrap(&wrapped, &context()).unwrap_err(), SealError::Unauthentic);
    }

    #[test]
    fn keys_print_nothing_and_need_randomness() {
        let (wrapping_key, data_key) = keys();
        assert_eq!(format!("{wrapping_key:?} {data_key:?}"), "WrappingKey(..) DataKey(..)");
        let wrapped = wrapping_key.wrap(&data_key, &context(), &NoEntropy);
        assert_eq!(wrapped, Err(SealError::Entropy(EntropyError)));
        assert!(DataKey::random(&NoEntropy).is_err());
        assert!(WrappingKey::random(&NoEntropy).is_err());
    }
}
