//! Signature version 2, as far as unmodified clients still make it: HMAC-SHA1 of a short text.
//!
//! SPEC: access-control, 5.7. Unlike a signing key of version 4, what makes these signatures is the
//! secret itself; so they are made where the secret is kept, and only the result comes out.

use std::fmt;

use data_encoding::BASE64;
use strongroom_crypto::{Secret, SecretText, ct_eq, hmac_sha1};

/// The text that a signature of version 2 covers. Built from claims only, so that nobody else has
/// anything signed.
pub struct StringToSignV2(Vec<u8>);

impl StringToSignV2 {
    pub(crate) fn new(text: Vec<u8>) -> Self {
        Self(text)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// SECURITY: it holds session tokens.
impl fmt::Debug for StringToSignV2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StringToSignV2({} bytes)", self.0.len())
    }
}

/// The signature that the owner of a secret access key would have made.
#[derive(Debug)]
pub struct SignatureV2(Secret<20>);

impl SignatureV2 {
    /// Signs.
    #[must_use]
    pub fn sign(secret: &SecretText, to_sign: &StringToSignV2) -> Self {
        let key = secret.danger_expose().as_bytes();
        Self(Secret::from_bytes(hmac_sha1(key, to_sign.as_bytes())))
    }

    /// Does the work of [`Self::sign`] for an access key that does not exist.
    pub(crate) fn nobody(to_sign: &StringToSignV2) -> Self {
        Self(Secret::from_bytes(hmac_sha1(&[0; 40], to_sign.as_bytes())))
    }

    /// Whether a request bears this signature, in base64 as every signer writes it.
    ///
    /// SECURITY: constant time; an early exit would tell how much of a forgery is right.
    pub(crate) fn is(&self, given: &str) -> bool {
        ct_eq(BASE64.encode(self.0.danger_expose()).as_bytes(), given.as_bytes())
    }
}
