//! Object keys and version ids.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// An object key: 1 to 1,024 bytes of UTF-8, opaque. `..`, `//` and a leading `/` mean nothing.
///
/// SPEC: data-protection, 6.4.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ObjectKey(Arc<str>);

/// Why bytes are no object key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectKeyError {
    /// Answered with `KeyTooLongError` (400).
    #[error("your key is too long")]
    TooLong {
        /// Length of the key that was given.
        key_bytes: usize,
    },
    /// Answered with `InvalidArgument` (400).
    #[error("an object key has at least one byte")]
    Empty,
    /// Answered with `InvalidURI` (400).
    #[error("an object key is UTF-8")]
    NotUtf8,
}

impl ObjectKey {
    /// Longest key in bytes of UTF-8.
    pub const BYTES_MAX: usize = 1024;

    /// The key made of these bytes.
    ///
    /// # Errors
    /// If they are empty, too many, or not UTF-8.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ObjectKeyError> {
        if bytes.is_empty() {
            return Err(ObjectKeyError::Empty);
        }
        if bytes.len() > Self::BYTES_MAX {
            return Err(ObjectKeyError::TooLong { key_bytes: bytes.len() });
        }
        let text = std::str::from_utf8(bytes).map_err(|_| ObjectKeyError::NotUtf8)?;
        Ok(Self(text.into()))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ObjectKey {
    type Err = ObjectKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_bytes(text.as_bytes())
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which version of an object: the null version, or one that the server named.
///
/// A named version is 16 bytes shown as 32 lower-case hexadecimal digits; clients must treat it as
/// opaque. SPEC: data-protection, 4.1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum VersionId {
    /// Written while the bucket was unversioned or suspended; shown as `null`.
    Null,
    /// Written while versioning was enabled.
    Named([u8; 16]),
}

/// Text that is no version id. Answered with `InvalidArgument` (400).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid version id specified")]
pub struct VersionIdError;

impl FromStr for VersionId {
    type Err = VersionIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "null" {
            return Ok(Self::Null);
        }
        let digits = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if text.len() != 32 || !digits {
            return Err(VersionIdError);
        }
        let value = u128::from_str_radix(text, 16).map_err(|_| VersionIdError)?;
        Ok(Self::Named(value.to_be_bytes()))
    }
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Named(bytes) => write!(f, "{:032x}", u128::from_be_bytes(*bytes)),
        }
    }
}

/// Whether overwriting and deleting in a bucket keep versions. SPEC: data-protection, 4.1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum VersioningState {
    /// Never enabled: a key has the null version or none.
    #[default]
    Unversioned,
    /// Each write makes a version, each simple deletion a delete marker.
    Enabled,
    /// Was set once and is off: writes and simple deletions replace the null version.
    Suspended,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_key_has_1024_bytes() {
        assert!("k".repeat(1024).parse::<ObjectKey>().is_ok());
        let refused = "k".repeat(1025).parse::<ObjectKey>();
        assert_eq!(refused, Err(ObjectKeyError::TooLong { key_bytes: 1025 }));
        assert_eq!("".parse::<ObjectKey>(), Err(ObjectKeyError::Empty));
        assert_eq!(ObjectKey::from_bytes(b"\xff"), Err(ObjectKeyError::NotUtf8));
    }

    #[test]
    fn keys_are_opaque() {
        for key in ["../x", "/", "//", "a//b", ".", "..", "\0", "a\nb"] {
            assert_eq!(key.parse::<ObjectKey>().unwrap().as_str(), key);
        }
    }

    #[test]
    fn version_ids_round_trip() {
        let id = VersionId::Named([0xab; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("null".parse(), Ok(VersionId::Null));
        for bad in ["", "Null", "x y", &"A".repeat(32), &"a".repeat(31), &"+".repeat(32)] {
            assert!(bad.parse::<VersionId>().is_err(), "{bad}");
        }
    }
}
