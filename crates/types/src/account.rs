//! Accounts and the identifiers of their credentials.

use std::fmt;
use std::str::FromStr;

/// An AWS account id: exactly 12 decimal digits, leading zeros kept.
///
/// SPEC: access-control, 0.1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(u64);

/// Text that is no account id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an account id is exactly 12 digits")]
pub struct AccountIdError;

impl AccountId {
    /// An account id from its numeric value.
    ///
    /// # Errors
    /// If `number` has more than 12 digits.
    pub fn from_number(number: u64) -> Result<Self, AccountIdError> {
        if number > ACCOUNT_NUMBER_MAX {
            return Err(AccountIdError);
        }
        Ok(Self(number))
    }

    /// The numeric value, below 10^12.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }
}

impl FromStr for AccountId {
    type Err = AccountIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != 12 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(AccountIdError);
        }
        text.parse().map(Self).map_err(|_| AccountIdError)
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012}", self.0)
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountId({self})")
    }
}

/// The canonical user id of an account: 64 lower-case hexadecimal digits (32 bytes).
///
/// Used by ACLs and as the owner id in listings; hard to guess but not secret.
/// SPEC: access-control, 0.1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CanonicalUserId([u8; 32]);

impl CanonicalUserId {
    /// The id made of these 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes of the id.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for CanonicalUserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for CanonicalUserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CanonicalUserId({self})")
    }
}

/// An access key id: 16 to 128 word characters (`A-Z a-z 0-9 _`).
///
/// Ids made here are 20 characters with the prefix `AKIA` (long-term) or `ASIA` (temporary);
/// the root key of the first account may be given by the operator and look otherwise.
/// SPEC: access-control, 0.1; DESIGN, 7.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AccessKeyId(Box<str>);

/// Text that is no access key id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an access key id is 16 to 128 letters, digits or underscores")]
pub struct AccessKeyIdError;

impl AccessKeyId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the id names temporary credentials, which need a session token.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.0.starts_with("ASIA")
    }
}

impl FromStr for AccessKeyId {
    type Err = AccessKeyIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (16..=128).contains(&text.len());
        if !fits || !text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(AccessKeyIdError);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for AccessKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// 10^12 - 1: the largest number of 12 digits.
const ACCOUNT_NUMBER_MAX: u64 = 999_999_999_999;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_ids_are_exactly_twelve_digits() {
        assert_eq!("000000000001".parse::<AccountId>().unwrap().to_string(), "000000000001");
        for bad in ["", "1", "00000000000a", "0000000000001", "+00000000001", "٠٠٠٠٠٠٠٠٠٠٠٠"]
        {
            assert!(bad.parse::<AccountId>().is_err(), "{bad}");
        }
        assert!(AccountId::from_number(1_000_000_000_000).is_err());
    }

    #[test]
    fn access_key_ids_have_16_to_128_word_characters() {
        assert!("A".repeat(16).parse::<AccessKeyId>().is_ok());
        assert!("A".repeat(128).parse::<AccessKeyId>().is_ok());
        assert!("A".repeat(15).parse::<AccessKeyId>().is_err());
        assert!("A".repeat(129).parse::<AccessKeyId>().is_err());
        assert!("AKIAIOSFODNN7EXAM/LE".parse::<AccessKeyId>().is_err());
    }
}
