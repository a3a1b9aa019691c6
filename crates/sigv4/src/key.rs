//! Signing keys: what is left of a secret access key after it was bound to day, region and service.

use strongroom_crypto::{Secret, SecretText, hmac_sha256};

use crate::encode::{Hex, hex};

/// The key of one signer for one day, region and service.
///
/// SECURITY: a signing key cannot be turned back into the secret it came from, nor used for another
/// day, region or service; it is the only form in which verifiers see a signer's secret.
#[derive(Debug)]
pub struct SigningKey(Secret<32>);

impl SigningKey {
    /// Derives the key from a secret access key.
    ///
    /// SPEC: access-control, 5.1. `date` is `yyyymmdd`, as in the credential scope.
    #[must_use]
    pub fn derive(secret: &SecretText, date: &str, region: &str, service: &str) -> Self {
        let secret = secret.danger_expose();
        // Sized at once, so that growing leaves no copy behind that is not wiped.
        let mut seed = String::with_capacity(PREFIX.len() + secret.len());
        seed.push_str(PREFIX);
        seed.push_str(secret);
        let seed = SecretText::new(seed);
        let by_date = hmac(seed.danger_expose().as_bytes(), date);
        let by_region = hmac(by_date.danger_expose(), region);
        let by_service = hmac(by_region.danger_expose(), service);
        Self(hmac(by_service.danger_expose(), TERMINATOR))
    }

    /// A key of the right shape that belongs to nobody; see [`crate::CheckedClaim::verify_unknown`].
    pub(crate) fn nobody() -> Self {
        Self(Secret::from_bytes([0; 32]))
    }

    /// A copy, for caches.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.duplicate())
    }

    /// The signature of a string to sign, as hexadecimal digits.
    pub(crate) fn sign(&self, string_to_sign: &[u8]) -> Hex {
        hex(&hmac_sha256(self.0.danger_expose(), string_to_sign))
    }
}

fn hmac(key: &[u8], text: &str) -> Secret<32> {
    Secret::from_bytes(hmac_sha256(key, text.as_bytes()))
}

const PREFIX: &str = "AWS4";

/// The last part of every credential scope.
pub(crate) const TERMINATOR: &str = "aws4_request";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivation_gives_the_published_key() {
        let secret = SecretText::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned());
        let signing_key = SigningKey::derive(&secret, "20130524", "us-east-1", "s3");
        assert_eq!(
            hex(signing_key.0.danger_expose()).as_str(),
            "dbb893acc010964918f1fd433add87c70e8b0db6be30c1fbeafefa5ec6ba8378"
        );
        assert_eq!(
            hex(signing_key.duplicate().0.danger_expose()).as_str(),
            hex(signing_key.0.danger_expose()).as_str()
        );
    }

    #[test]
    fn debug_shows_no_key() {
        let text = format!("{:?}", SigningKey(Secret::from_bytes([0xab; 32])));
        assert!(!text.contains("ab") && !text.contains("171"), "{text}");
    }
}
