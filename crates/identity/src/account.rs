//! What callers see of accounts and their keys.

use std::fmt;
use std::str::FromStr;

use strongroom_crypto::SecretText;
use strongroom_types::{AccessKeyId, AccountId, CanonicalUserId, Timestamp};

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its 12 digits.
    pub id: AccountId,
    /// The name that operators use.
    pub name: AccountName,
    /// The owner id in listings and ACLs.
    pub canonical_user_id: CanonicalUserId,
    /// When it was made.
    pub created: Timestamp,
    /// The access keys of its root, at most two.
    pub root_access_key_ids: Vec<AccessKeyId>,
}

/// The name of an account: 1 to 50 letters, digits, dots, hyphens or underscores, the first one a
/// letter or digit. Unique ignoring case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountName(Box<str>);

/// Text that is no account name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an account name is 1 to 50 letters, digits, dots, hyphens or underscores and starts with a \
     letter or digit"
)]
pub struct AccountNameError;

impl AccountName {
    /// The name of the first account.
    #[must_use]
    pub fn first() -> Self {
        Self("main".into())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountName {
    type Err = AccountNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        let starts_well = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if !starts_well || text.len() > NAME_BYTES_MAX || !text.bytes().all(word) {
            return Err(AccountNameError);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An access key at the only moment when its secret is shown.
#[derive(Debug)]
pub struct NewAccessKey {
    /// The public half.
    pub access_key_id: AccessKeyId,
    /// The secret half.
    pub secret_access_key: SecretText,
}

/// An account that was just made, with its root key.
#[derive(Debug)]
pub struct NewAccount {
    /// The account.
    pub account: Account,
    /// The access key of its root.
    pub root_key: NewAccessKey,
}

/// What a start found.
#[derive(Debug)]
pub enum Bootstrap {
    /// Nothing: this start made the first account.
    Created(NewAccount),
    /// The first account, made by an earlier start.
    Existing(Account),
}

impl Bootstrap {
    /// The first account.
    #[must_use]
    pub fn account(&self) -> &Account {
        match self {
            Self::Created(new) => &new.account,
            Self::Existing(account) => account,
        }
    }
}

/// The root key that an operator chose for the first account.
#[derive(Debug)]
pub struct GivenRootKey {
    pub(crate) access_key_id: AccessKeyId,
    pub(crate) secret_access_key: SecretText,
}

/// Why a chosen root key is refused. Says nothing of the secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GivenRootKeyError {
    /// SPEC: DESIGN, 7.
    #[error("the root access key id must have 16 to 128 letters, digits or underscores")]
    AccessKeyId,
    /// `ASIA` marks temporary credentials, which need a session token.
    #[error("the root access key id must not start with `ASIA`, which marks temporary keys")]
    Temporary,
    /// SPEC: DESIGN, 7.
    #[error("the root secret access key must have 8 to 128 printable ASCII characters")]
    SecretAccessKey,
}

impl GivenRootKey {
    /// Takes a chosen key over.
    ///
    /// # Errors
    /// If the id or the secret may not look like this.
    pub fn new(
        access_key_id: &str,
        secret_access_key: SecretText,
    ) -> Result<Self, GivenRootKeyError> {
        let access_key_id: AccessKeyId =
            access_key_id.parse().map_err(|_| GivenRootKeyError::AccessKeyId)?;
        if access_key_id.is_temporary() {
            return Err(GivenRootKeyError::Temporary);
        }
        let secret = secret_access_key.danger_expose().as_bytes();
        let fits = (GIVEN_SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&secret.len());
        if !fits || !secret.iter().all(|b| (b' '..=b'~').contains(b)) {
            return Err(GivenRootKeyError::SecretAccessKey);
        }
        Ok(Self { access_key_id, secret_access_key })
    }

    /// Both halves, for the operator who gave them.
    #[must_use]
    pub fn danger_into_parts(self) -> (AccessKeyId, SecretText) {
        (self.access_key_id, self.secret_access_key)
    }
}

const NAME_BYTES_MAX: usize = 50; // AWS's limit of an account's name
const GIVEN_SECRET_BYTES_MIN: usize = 8; // DESIGN, 7
/// Longest secret access key; those made here have 40 characters. DESIGN, 7.
pub(crate) const SECRET_BYTES_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_names_have_a_first_and_a_last_allowed_length() {
        for good in ["a", "7", "Main.backup-2_x", &"n".repeat(50)] {
            assert_eq!(good.parse::<AccountName>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", ".", "_a", "a b", "a/b", "ä", "a\n", &"n".repeat(51)] {
            assert!(bad.parse::<AccountName>().is_err(), "{bad:?}");
        }
        assert_eq!("main".parse(), Ok(AccountName::first()));
    }

    #[test]
    fn given_root_keys_have_limits() {
        let given = |id: &str, secret: &str| {
            GivenRootKey::new(id, SecretText::new(secret.to_owned())).map(|_| ())
        };
        let id = "root_key_0000016";
        assert_eq!(given(id, "8 chars!"), Ok(()));
        assert_eq!(given(&"R".repeat(128), &"~".repeat(128)), Ok(()));
        assert_eq!(given("root_key_000015", "8 chars!"), Err(GivenRootKeyError::AccessKeyId));
        assert_eq!(given(&"R".repeat(129), "8 chars!"), Err(GivenRootKeyError::AccessKeyId));
        assert_eq!(given("root-key-00000016", "8 chars!"), Err(GivenRootKeyError::AccessKeyId));
        assert_eq!(given("ASIAIOSFODNN7EXAMPLE", "8 chars!"), Err(GivenRootKeyError::Temporary));
        for bad in ["7 chars", &"x".repeat(129), "tab\tinside", "new\nline!", "größer als"] {
            assert_eq!(given(id, bad), Err(GivenRootKeyError::SecretAccessKey), "{bad:?}");
        }
    }
}
