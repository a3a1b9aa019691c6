//! Session tokens: what they carry and how they are sealed. `docs/formats/session-token.md`.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use strongroom_crypto::{
    SealError, SecretBytes, SecretText, WrappingKey, open_secret, seal_secret,
};
use strongroom_types::{AccessKeyId, AccountId, Entropy, Timestamp};

use crate::account::SECRET_BYTES_MAX;
use crate::codec::{Malformed, Reader, pairs, put_long, put_pairs, put_short, put_texts, texts};
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
    /// The account that the session belongs to.
    pub(crate) account: AccountId,
    pub(crate) bearer: SessionBearer,
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
    pub(crate) secret_access_key: SecretText,
    /// What else was given when the session was made.
    pub(crate) given: Given,
}

/// Whom a session speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SessionBearer {
    /// The root of the account, by the operator's command.
    Operator,
    /// The root of the account, by GetSessionToken.
    Root,
    /// A user, by GetSessionToken.
    User { user_id: String },
    /// A role.
    Role { role_id: String, session_name: String },
    /// A federated user of a user's making, or of the root's if there is no id.
    Federated { name: String, maker_id: String },
}

/// What is given to a session when it is made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) source_identity: String,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) transitive_tag_keys: Vec<String>,
    /// The session policy; empty if there is none.
    pub(crate) policy: String,
    pub(crate) policy_arns: Vec<String>,
}

impl Given {
    /// How much of a token it takes, and of how much.
    pub(crate) fn packed(&self) -> (usize, usize) {
        let pairs = self.tags.iter().flat_map(|(key, value)| [key, value]);
        let texts = pairs.chain(&self.transitive_tag_keys).chain(&self.policy_arns);
        let bytes: usize = texts.map(|text| text.len().saturating_add(4)).sum();
        (bytes.saturating_add(self.policy.len()), PACKED_BYTES_MAX)
    }
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
        let (packed, packed_max) = self.given.packed();
        if packed > packed_max {
            return Err(Malformed);
        }
        // Sized at once, so that growing leaves no copy behind that is not wiped.
        let mut out = Vec::with_capacity(FIXED_BYTES + SECRET_BYTES_MAX + packed);
        let (code, id, name) = match &self.bearer {
            SessionBearer::Root => (BEARER_ROOT, "", ""),
            SessionBearer::Operator => (BEARER_OPERATOR, "", ""),
            SessionBearer::User { user_id } => (BEARER_USER, user_id.as_str(), ""),
            SessionBearer::Role { role_id, session_name } => {
                (BEARER_ROLE, role_id.as_str(), session_name.as_str())
            }
            SessionBearer::Federated { name, maker_id } => {
                (BEARER_FEDERATED, maker_id.as_str(), name.as_str())
            }
        };
        out.extend_from_slice(&[FORMAT_VERSION, code]);
        out.extend_from_slice(&self.account.number().to_be_bytes());
        out.extend_from_slice(&self.issued.micros().to_be_bytes());
        out.extend_from_slice(&self.expires.micros().to_be_bytes());
        put_short(&mut out, secret)?;
        put_short(&mut out, id.as_bytes())?;
        put_short(&mut out, name.as_bytes())?;
        put_short(&mut out, self.given.source_identity.as_bytes())?;
        put_pairs(&mut out, self.given.tags.iter().map(|(key, value)| (key, value)))?;
        put_texts(&mut out, &self.given.transitive_tag_keys)?;
        put_long(&mut out, &self.given.policy)?;
        put_texts(&mut out, &self.given.policy_arns)?;
        Ok(SecretBytes::new(out))
    }

    fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != FORMAT_VERSION {
            return Err(Malformed);
        }
        let code = reader.byte()?;
        let account = account_id(&mut reader)?;
        let (issued, expires) = (timestamp(&mut reader)?, timestamp(&mut reader)?);
        let secret_access_key = SecretText::new(reader.short_text()?.to_owned());
        let id = reader.short_text()?.to_owned();
        let name = reader.short_text()?.to_owned();
        let bearer = match code {
            BEARER_ROOT if id.is_empty() && name.is_empty() => SessionBearer::Root,
            BEARER_OPERATOR if id.is_empty() && name.is_empty() => SessionBearer::Operator,
            BEARER_USER if name.is_empty() => SessionBearer::User { user_id: id },
            BEARER_ROLE => SessionBearer::Role { role_id: id, session_name: name },
            BEARER_FEDERATED => SessionBearer::Federated { name, maker_id: id },
            _ => return Err(Malformed),
        };
        let given = Given {
            source_identity: reader.short_text()?.to_owned(),
            tags: pairs(&mut reader)?,
            transitive_tag_keys: texts(&mut reader)?,
            policy: reader.long_text()?.to_owned(),
            policy_arns: texts(&mut reader)?,
        };
        reader.end()?;
        Ok(Self { account, bearer, issued, expires, secret_access_key, given })
    }
}

/// SECURITY: the access key id is authenticated with the token, so that a token lent to another
/// key, temporary or not, does not open.
fn context(access_key_id: &AccessKeyId) -> [&[u8]; 2] {
    [b"session token", access_key_id.as_str().as_bytes()]
}

const FORMAT_VERSION: u8 = 2;
const BEARER_ROOT: u8 = 1;
const BEARER_OPERATOR: u8 = 2;
const BEARER_USER: u8 = 3;
const BEARER_ROLE: u8 = 4;
const BEARER_FEDERATED: u8 = 5;
/// All but the secret and what is given, with names of their greatest length.
const FIXED_BYTES: usize = 512;
/// What all that is given to a session may take together: a policy of 2,048 characters and as much
/// of tags.
const PACKED_BYTES_MAX: usize = 4 * 1024;
/// Longest token that is looked at; the longest made here has some 6,400 characters, most have 179.
pub(crate) const TOKEN_BYTES_MAX: usize = 8 * 1024;

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
            bearer: SessionBearer::Role {
                role_id: "AROAX".to_owned(),
                session_name: "s1".to_owned(),
            },
            given: Given {
                source_identity: "me".to_owned(),
                tags: vec![("k".to_owned(), "v".to_owned())],
                transitive_tag_keys: vec!["k".to_owned()],
                policy: "{}".to_owned(),
                policy_arns: vec!["a".to_owned()],
            },
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
        let sealed = BASE64URL_NOPAD.decode(token.danger_expose().as_bytes()).unwrap();
        let context: [&[u8]; 2] = [b"session token", ID.as_bytes()];
        let opened = open_secret(&Secret::from_bytes([7; 32]), &context, &sealed).unwrap();
        let expected = [
            b"\x02\x04".as_slice(),
            &123_456_789_012_u64.to_be_bytes(),
            b"\0\0\0\0\0\0\x01\x02",
            b"\0\0\0\0\0\0\x03\x04",
            b"\x28ssssssssssssssssssssssssssssssssssssssss",
            b"\x05AROAX\x02s1\x02me",
            b"\0\x01\0\0\0\x01k\0\0\0\x01v",
            b"\0\x01\0\0\0\x01k",
            b"\0\0\0\x02{}",
            b"\0\x01\0\0\0\x01a",
        ];
        assert_eq!(opened.danger_expose(), expected.concat());
    }

    #[test]
    fn a_token_opens_for_its_own_access_key_id_under_its_own_key_only() {
        let token = claims().seal(&id(ID), &key(7), &SystemEntropy).unwrap();
        let opened = open(token.danger_expose()).unwrap();
        assert_eq!((opened.account, opened.issued), (claims().account, claims().issued));
        assert_eq!(opened.expires, claims().expires);
        assert_eq!((opened.bearer, opened.given), (claims().bearer, claims().given));
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
