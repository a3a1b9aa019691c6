//! Entity tags.

use std::fmt;
use std::str::FromStr;

/// The ETag of an object: the MD5 of its bytes, or for an upload in parts the MD5 of the parts'
/// MD5s together with their number.
///
/// SPEC: data-protection, 1.10.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Etag {
    /// The 16 bytes.
    pub(crate) digest: [u8; 16],
    /// The number of parts; 0 for an object that was written in one piece.
    pub(crate) parts_count: u32,
}

/// Text that is no ETag of ours. It equals none, which is all that conditions ask.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an entity tag of this store")]
pub(crate) struct EtagError;

impl Etag {
    /// The ETag of an object or part written in one piece.
    #[must_use]
    pub(crate) fn of_md5(digest: [u8; 16]) -> Self {
        Self { digest, parts_count: 0 }
    }

    /// The form of headers and XML: in quotes.
    #[must_use]
    pub(crate) fn quoted(&self) -> String {
        if self.parts_count > 0 {
            return format!("\"{self}\"");
        }
        // Written for every name in a listing, so not by the general formatter.
        let mut text = String::with_capacity(34);
        text.push('"');
        data_encoding::HEXLOWER.encode_append(&self.digest, &mut text);
        text.push('"');
        text
    }
}

impl FromStr for Etag {
    type Err = EtagError;

    /// Reads the bare or the quoted form. SPEC: data-protection, 0: both are accepted.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
        let (digits, count) = match bare.split_once('-') {
            Some((digits, count)) => (digits, Some(count)),
            None => (bare, None),
        };
        let parts_count = match count {
            Some(count) if count.bytes().all(|b| b.is_ascii_digit()) && !count.starts_with('0') => {
                count.parse().map_err(|_| EtagError)?
            }
            Some(_) => return Err(EtagError),
            None => 0,
        };
        if digits.len() != 32 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(EtagError);
        }
        let digest = u128::from_str_radix(digits, 16).map_err(|_| EtagError)?;
        Ok(Self { digest: digest.to_be_bytes(), parts_count })
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.digest))?;
        if self.parts_count > 0 {
            write!(f, "-{}", self.parts_count)?;
        }
        Ok(())
    }
}
