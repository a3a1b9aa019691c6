//! Session tokens: what they carry and how they are sealed. `docs/formats/session-token.md`.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use strongroom_crypto::{
    SealError, SecretBytes, SecretText, WrappingKey, open_secret, seal_secret,
};
use strongroom_types::{AccessKeyId, AccountId, Entropy, Timestamp};

use crate::account::SECRET_BYTES_MAX;
use crate::codec::{Malformed, Reader, put_short};
use crate::records::{account_id, timestamp};

/// Shortest life of a session. SPEC: access-control, 6.
pub const SESSION_LIFETIME_MIN: Duration = Duration::from_secs(15 * 60);
/// Longest life of a session. SPEC: access-control, 6.
pub const SESSION_LIFETIME_MAX: Duration = Duration::from_secs(36 * 60 * 60);

/// Temporary credentials, at the only moment when their secret is shown.
#[derive(Debug)]
pub struct SessionCredentials {
    /// The account whose root they speak for.
    pub account: AccountId,
    /// `ASIA...`.
    pub access_key_id: AccessKeyId,
    /// The secret half.
    pub secret_access_key: SecretText,
    /// The token that must accompany every request.
    pub session_token: SecretText,
    /// When they end.
    pub expires: Timestamp,
}

/// What a token says. Whoever holds one knows nothing of this.
#[derive(Debug)]
pub(crate) struct SessionClaims {
    /// The account whose root the session speaks for.
    pub(crate) account: AccountId,
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
    pub(crate) secret_access_key: SecretText,
}

/// Why a token could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenError {
    /// Not made here, changed, or made for another access key id.
    Invalid,
    /// The cryptographic library failed.
    Unavailable,
}

impl SessionClaims {
    /// Seals the claims for one access key id.
    pub(crate) fn seal(
        &self,
        access_key_id: &AccessKeyId,
        token_key: &WrappingKey,
        entropy: &dyn Entropy,
    ) -> Result<SecretText, SealError> {
        // INVARIANT: secrets have at most 128 characters, so they fit a length of one byte.
        let claims = self.encode().map_err(|Malformed| SealError::Unavailable)?;
        let sealed = seal_secret(
            token_key.danger_expose_secret(),
            &context(access_key_id),
            claims.danger_expose(),
            entropy,
        )?;
        Ok(SecretText::new(BASE64URL_NOPAD.encode(&sealed)))
    }

    /// Opens a token that was sealed for this access key id. Does not look at times.
    pub(crate) fn open(
        token: &str,
        access_key_id: &AccessKeyId,
        token_key: &WrappingKey,
    ) -> Result<Self, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Invalid);
        }
        let sealed = BASE64URL_NOPAD.decode(token.as_bytes()).map_err(|_| TokenError::Invalid)?;
        let key = token_key.danger_expose_secret();
        let opened =
            open_secret(key, &context(access_key_id), &sealed).map_err(|error| match error {
                SealError::Unavailable | SealError::Entropy(_) => TokenError::Unavailable,
                SealError::Length { .. }
                | SealError::FormatVersion { .. }
                | SealError::Unauthentic => TokenError::Invalid,
            })?;
        Self::decode(opened.danger_expose()).map_err(|Malformed| TokenError::Invalid)
    }

    fn encode(&self) -> Result<SecretBytes, Malformed> {
        let secret = self.secret_access_key.danger_expose().as_bytes();
        // Sized at once, so that growing leaves no copy behind that is not wiped.
        let mut out = Vec::with_capacity(FIXED_BYTES + SECRET_BYTES_MAX);
        out.push(FORMAT_VERSION);
        out.push(PRINCIPAL_ROOT);
        out.extend_from_slice(&self.account.number().to_be_bytes());
        out.extend_from_slice(&self.issued.micros().to_be_bytes());
        out.extend_from_slice(&self.expires.micros().to_be_bytes());
        put_short(&mut out, secret)?;
        Ok(SecretBytes::new(out))
    }

    fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != FORMAT_VERSION || reader.byte()? != PRINCIPAL_ROOT {
            return Err(Malformed);
        }
        let claims = Self {
            account: account_id(&mut reader)?,
            issued: timestamp(&mut reader)?,
            expires: timestamp(&mut reader)?,
            secret_access_key: SecretText::new(reader.short_text()?.to_owned()),
        };
        reader.end()?;
        Ok(claims)
    }
}

/// SECURITY: the access key id is authenticated with the token, so that a token lent to another
/// key, temporary or not, does not open.
fn context(access_key_id: &AccessKeyId) -> [&[u8]; 2] {
    [b"session token", access_key_id.as_str().as_bytes()]
}

const FORMAT_VERSION: u8 = 1;
const PRINCIPAL_ROOT: u8 = 1;
const FIXED_BYTES: usize = 1 + 1 + 8 + 8 + 8 + 1;
/// Longest token that is looked at; those made here have 155 characters.
pub(crate) const TOKEN_BYTES_MAX: usize = 4 * 1024;

#[cfg(test)]
mod tests {
    use strongroom_crypto::{Secret, SystemEntropy};

    use super::*;

    fn claims() -> SessionClaims {
        SessionClaims {
            account: AccountId::from_number(123_456_789_012).unwrap(),
            issued: Timestamp::from_micros(0x0102).unwrap(),
            expires: Timestamp::from_micros(0x0304).unwrap(),
            secret_access_key: SecretText::new("s".repeat(40)),
        }
    }

    fn key(byte: u8) -> WrappingKey {
        WrappingKey::from_secret(Secret::from_bytes([byte; 32]))
    }

    fn id(text: &str) -> AccessKeyId {
        text.parse().unwrap()
    }

    const ID: &str = "ASIAIOSFODNN7EXAMPLE";

    fn open(token: &str) -> Result<SessionClaims, TokenError> {
        SessionClaims::open(token, &id(ID), &key(7))
    }

    #[test]
    fn the_bytes_are_the_documented_ones() {
        let token = claims().seal(&id(ID), &key(7), &SystemEntropy).unwrap();
        assert_eq!(token.danger_expose().len(), 155);
        let sealed = BASE64URL_NOPAD.decode(token.danger_expose().as_bytes()).unwrap();
        let context: [&[u8]; 2] = [b"session token", ID.as_bytes()];
        let opened = open_secret(&Secret::from_bytes([7; 32]), &context, &sealed).unwrap();
        let expected = [
            b"\x01\x01".as_slice(),
            &123_456_789_012_u64.to_be_bytes(),
            b"\0\0\0\0\0\0\x01\x02",
            b"\0\0\0\0\0\0\x03\x04",
            b"\x28ssssssssssssssssssssssssssssssssssssssss",
        ];
        assert_eq!(opened.danger_expose(), expected.concat());
    }

    #[test]
    fn a_token_opens_for_its_own_access_key_id_under_its_own_key_only() {
        let token = claims().seal(&id(ID), &key(7), &SystemEntropy).unwrap();
        let opened = open(token.danger_expose()).unwrap();
        assert_eq!((opened.account, opened.issued), (claims().account, claims().issued));
        assert_eq!(opened.expires, claims().expires);
        assert!(opened.secret_access_key.ct_eq(&claims().secret_access_key));
        for (other_id, other_key) in [("ASIAIOSFODNN7EXAMPLF", 7), (ID, 8)] {
            let refused =
                SessionClaims::open(token.danger_expose(), &id(other_id), &key(other_key));
            assert_eq!(refused.unwrap_err(), TokenError::Invalid);
        }
    }

    #[test]
    fn every_changed_missing_or_added_character_is_refused() {
        let token = claims().seal(&id(ID), &key(7), &SystemEntropy).unwrap();
        let token = token.danger_expose();
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ \n";
        for (at, there) in token.char_indices() {
            for other in alphabet.chars().filter(|other| *other != there) {
                let mut changed = token.to_owned();
                changed.replace_range(at..=at, &other.to_string());
                assert_eq!(open(&changed).unwrap_err(), TokenError::Invalid, "{at} {other:?}");
            }
            let shortened: String = token.chars().take(at).collect();
            assert_eq!(open(&shortened).unwrap_err(), TokenError::Invalid, "{at}");
        }
        for added in ["A", "AA", "AAAA", "=", " "] {
            assert!(open(&format!("{token}{added}")).is_err(), "{added:?}");
            assert!(open(&format!("{added}{token}")).is_err(), "{added:?}");
        }
        assert!(open(&"A".repeat(TOKEN_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn a_sealed_secret_of_another_kind_is_no_token() {
        let plaintext = claims().encode().unwrap();
        let secret = Secret::from_bytes([7; 32]);
        let context: [&[u8]; 2] = [b"another kind", ID.as_bytes()];
        let sealed =
            seal_secret(&secret, &context, plaintext.danger_expose(), &SystemEntropy).unwrap();
        assert_eq!(open(&BASE64URL_NOPAD.encode(&sealed)).unwrap_err(), TokenError::Invalid);
    }
}
