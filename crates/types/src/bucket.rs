//! Bucket names and bucket ids.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The name of a general-purpose bucket, valid for creation.
///
/// SPEC: data-protection, 6.5.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BucketName(Arc<str>);

/// Why a text is no bucket name. Answered with `InvalidBucketName` (400).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the specified bucket is not valid: {0}")]
pub struct BucketNameError(&'static str);

impl BucketName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BucketName {
    type Err = BucketNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        check(text).map_err(BucketNameError)?;
        Ok(Self(text.into()))
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The identity of one bucket: random, never reused, so that a bucket that is deleted and made
/// again under the same name is another bucket.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketId([u8; 16]);

impl BucketId {
    /// The id made of these 16 bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes of the id.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for BucketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BucketId({:032x})", u128::from_be_bytes(self.0))
    }
}

fn check(text: &str) -> Result<(), &'static str> {
    if !(NAME_BYTES_MIN..=NAME_BYTES_MAX).contains(&text.len()) {
        return Err("a name has 3 to 63 characters");
    }
    let letter_or_digit = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    if !text.bytes().all(|b| letter_or_digit(b) || b == b'.' || b == b'-') {
        return Err("a name has only lower-case letters, digits, dots and hyphens");
    }
    let ends = [text.bytes().next(), text.bytes().next_back()];
    if !ends.into_iter().flatten().all(letter_or_digit) {
        return Err("a name starts and ends with a letter or digit");
    }
    if text.contains("..") || text.contains(".-") || text.contains("-.") {
        return Err("labels between dots start and end with a letter or digit");
    }
    if is_ipv4(text) {
        return Err("a name has not the form of an IP address");
    }
    if PREFIXES_RESERVED.iter().any(|prefix| text.starts_with(prefix)) {
        return Err("this prefix is reserved");
    }
    if text == CONTROL_PATH {
        return Err("this name is reserved");
    }
    if SUFFIXES_RESERVED.iter().any(|suffix| text.ends_with(suffix)) {
        return Err("this suffix is reserved");
    }
    Ok(())
}

/// Four dotted groups of digits, whatever their value: `999.1.1.1` is refused as well.
fn is_ipv4(text: &str) -> bool {
    let mut groups = 0;
    for group in text.split('.') {
        if group.is_empty() || group.len() > 3 || !group.bytes().all(|b| b.is_ascii_digit()) {
            return false;
        }
        groups += 1;
    }
    groups == 4
}

const NAME_BYTES_MIN: usize = 3; // S3 user guide, bucket naming rules
const NAME_BYTES_MAX: usize = 63; // one DNS label
/// Where S3 Control answers: a bucket of this name would take its paths. DESIGN, 3.
const CONTROL_PATH: &str = "v20180820";
const PREFIXES_RESERVED: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
/// `-an` belongs to the account-regional namespace, which is refused until it is built.
const SUFFIXES_RESERVED: [&str; 6] =
    ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3", "-an"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names_are_accepted() {
        let longest = "a".repeat(63);
        for name in ["abc", "a-b", "a.b.c", "123", "1.2.3", longest.as_str(), "a--b"] {
            assert!(name.parse::<BucketName>().is_ok(), "{name}");
        }
    }

    #[test]
    fn names_outside_the_rules_are_refused() {
        let too_long = "a".repeat(64);
        for name in [
            "",
            "ab",
            "-ab",
            "ab-",
            ".ab",
            "ab.",
            "aB c",
            "ABC",
            "a_b",
            "a..b",
            "a.-b",
            "a-.b",
            "192.168.5.4",
            "999.1.1.1",
            "xn--abc",
            "sthree-abc",
            "amzn-s3-demo-x",
            "a-s3alias",
            "a--ol-s3",
            "a.mrap",
            "a--x-s3",
            "a--table-s3",
            "a/b",
            "äbc",
            "ab\0",
            "a-an",
            "v20180820",
            too_long.as_str(),
        ] {
            assert!(name.parse::<BucketName>().is_err(), "{name}");
        }
    }
}
