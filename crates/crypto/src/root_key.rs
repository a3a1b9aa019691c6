//! The key above all others, as whatever holds it offers it.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use strongroom_types::Entropy;

use crate::hmac::hkdf_sha256;
use crate::seal::{SealError, open_secret, seal_secret};
use crate::secret::Secret;

/// Something that seals a secret under a root key: a file, a token, a remote key service.
///
/// Calls may block on a device or a peer. What is wrapped is a key-encryption key, so calls are few.
pub trait RootKeyProvider: Send + Sync + fmt::Debug {
    /// Seals `secret` under the root key.
    ///
    /// # Errors
    /// If the provider cannot be reached, or fails.
    fn wrap(&self, secret: &Secret<32>) -> Result<Vec<u8>, RootKeyError>;

    /// Opens what [`RootKeyProvider::wrap`] made.
    ///
    /// # Errors
    /// [`RootKeyError::Refused`] if it was not made under this root key.
    fn unwrap(&self, wrapped: &[u8]) -> Result<Secret<32>, RootKeyError>;

    /// What and which root key this is, for operators. Tells nothing of the key's bytes.
    fn describe(&self) -> String;
}

/// Why a root key did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum RootKeyError {
    /// The bytes were changed, or sealed under another root key.
    #[error("the root key does not open this: it is another key, or the file was changed")]
    Refused,
    /// The provider failed; trying again later may help.
    #[error("the root key is not available")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

/// A root key whose bytes are at hand, such as one read from a file.
#[derive(Debug)]
pub struct StaticRootKey {
    secret: Secret<32>,
    entropy: Arc<dyn Entropy>,
}

impl StaticRootKey {
    /// The provider for this key.
    #[must_use]
    pub fn new(secret: Secret<32>, entropy: Arc<dyn Entropy>) -> Self {
        Self { secret, entropy }
    }
}

impl RootKeyProvider for StaticRootKey {
    fn wrap(&self, secret: &Secret<32>) -> Result<Vec<u8>, RootKeyError> {
        let plaintext = secret.danger_expose();
        seal_secret(&self.secret, &[CONTEXT], plaintext, self.entropy.as_ref())
            .map_err(|error| RootKeyError::Unavailable(Box::new(error)))
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<Secret<32>, RootKeyError> {
        let opened =
            open_secret(&self.secret, &[CONTEXT], wrapped).map_err(|error| match error {
                SealError::Unavailable | SealError::Entropy(_) => {
                    RootKeyError::Unavailable(Box::new(error))
                }
                SealError::Length { .. }
                | SealError::FormatVersion { .. }
                | SealError::Unauthentic => RootKeyError::Refused,
            })?;
        let bytes = opened.danger_expose();
        if bytes.len() != 32 {
            return Err(RootKeyError::Refused);
        }
        let mut secret = Secret::zeroed();
        for (to, from) in secret.as_mut_bytes().iter_mut().zip(bytes) {
            *to = *from;
        }
        Ok(secret)
    }

    fn describe(&self) -> String {
        let fingerprint = hkdf_sha256(&self.secret, b"", &[FINGERPRINT_LABEL]);
        let shown = fingerprint.danger_expose().first_chunk::<8>().copied().unwrap_or_default();
        format!("static root key {:016x}", u64::from_be_bytes(shown))
    }
}

const CONTEXT: &[u8] = b"strongroom root key v1";
const FINGERPRINT_LABEL: &[u8] = b"strongroom root key fingerprint v1";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;
    use crate::testing::NoEntropy;

    fn provider(byte: u8) -> Box<dyn RootKeyProvider> {
        Box::new(StaticRootKey::new(Secret::from_bytes([byte; 32]), Arc::new(SystemEntropy)))
    }

    #[test]
    fn what_the_root_key_wrapped_it_unwraps() {
        let secret = Secret::from_bytes([3; 32]);
        let wrapped = provider(1).wrap(&secret).unwrap();
        assert!(provider(1).unwrap(&wrapped).unwrap().ct_eq(&secret));
    }

    #[test]
    fn anything_else_is_refused() {
        let wrapped = provider(1).wrap(&Secret::from_bytes([3; 32])).unwrap();
        assert!(matches!(provider(2).unwrap(&wrapped), Err(RootKeyError::Refused)));
        for bit in 0..wrapped.len() * 8 {
            let mut flipped = wrapped.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(provider(1).unwrap(&flipped), Err(RootKeyError::Refused)), "{bit}");
        }
        assert!(matches!(provider(1).unwrap(b""), Err(RootKeyError::Refused)));
        let root = Secret::from_bytes([1; 32]);
        let short = seal_secret(&root, &[CONTEXT], &[3; 31], &SystemEntropy).unwrap();
        assert!(matches!(provider(1).unwrap(&short), Err(RootKeyError::Refused)));
    }

    #[test]
    fn no_randomness_is_no_refusal() {
        let provider = StaticRootKey::new(Secret::from_bytes([1; 32]), Arc::new(NoEntropy));
        let outcome = provider.wrap(&Secret::from_bytes([3; 32]));
        assert!(matches!(outcome, Err(RootKeyError::Unavailable(_))));
    }

    #[test]
    fn keys_are_told_apart_without_being_shown() {
        assert_eq!(provider(1).describe(), provider(1).describe());
        assert_ne!(provider(1).describe(), provider(2).describe());
        assert!(!provider(1).describe().contains("0101"));
        assert!(!format!("{:?}", provider(1)).contains('1'));
    }
}
