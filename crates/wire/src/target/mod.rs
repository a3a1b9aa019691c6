//! Where a request points: bucket and object key, decoded once.
//!
//! This is the only place that turns a path into a key. What it decodes is what the signature
//! covers: a segment that does not survive decoding and encoding is refused, never repaired.

use strongroom_types::{BucketName, ObjectKey, ObjectKeyError};

use crate::{ErrorResponse, PathShape, RequestHead};

/// Where a request points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The bucket, if the request names one.
    pub bucket: Option<BucketName>,
    /// The object, if the request names one; never without a bucket.
    pub object_key: Option<ObjectKey>,
    /// How the bucket was named.
    pub addressing: Addressing,
    /// Which shape of path the request has.
    pub shape: PathShape,
}

/// How a request names its bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// As the first segment of the path.
    Path,
    /// As the first labels of the host.
    VirtualHost,
}

/// Hosts whose sub-domains are buckets.
#[derive(Debug, Clone, Default)]
pub struct HostRules {
    base_domains: Vec<String>,
}

impl HostRules {
    /// Rules for these base domains, for example `s3.localhost`.
    #[must_use]
    pub fn new<I: IntoIterator<Item = T>, T: AsRef<str>>(base_domains: I) -> Self {
        let lower = |domain: T| domain.as_ref().trim_matches('.').to_ascii_lowercase();
        Self { base_domains: base_domains.into_iter().map(lower).collect() }
    }

    /// The labels in front of the longest base domain that the host ends with. `None` for every
    /// other host, and for a base domain itself, though it may lie below another one: both are
    /// addressed by path.
    fn bucket_labels<'h>(&self, host: &'h str) -> Option<&'h str> {
        if self.base_domains.iter().any(|base| base == host) {
            return None;
        }
        let labels = |base: &String| host.strip_suffix(base.as_str())?.strip_suffix('.');
        let found = self.base_domains.iter().filter_map(labels);
        found.filter(|labels| !labels.is_empty()).min_by_key(|labels| labels.len())
    }
}

/// Why a request points nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The bucket has no valid name.
    #[error("the specified bucket is not valid")]
    InvalidBucketName {
        /// The name as given.
        name: String,
    },
    /// The object key is too long.
    #[error("your key is too long")]
    KeyTooLong {
        /// Bytes of the key.
        key_bytes: usize,
    },
    /// The path cannot be decoded.
    #[error("could not parse the specified URI")]
    InvalidUri,
    /// There is no host, several, or one that is malformed.
    #[error("the request has not exactly one valid `Host` header")]
    BadHost,
}

impl TargetError {
    /// The answer in S3's terms.
    #[must_use]
    pub fn s3(&self) -> ErrorResponse {
        let message = self.to_string();
        match self {
            Self::InvalidBucketName { name } => {
                ErrorResponse::new("InvalidBucketName", 400, message).element("BucketName", name)
            }
            Self::KeyTooLong { key_bytes } => ErrorResponse::new("KeyTooLongError", 400, message)
                .element("Size", key_bytes.to_string())
                .element("MaxSizeAllowed", ObjectKey::BYTES_MAX.to_string()),
            Self::InvalidUri => ErrorResponse::new("InvalidURI", 400, message),
            Self::BadHost => ErrorResponse::new("InvalidRequest", 400, message),
        }
    }
}

/// Finds bucket and key of a request.
///
/// # Errors
/// If host or path name nothing that can exist.
pub fn parse_target(head: &RequestHead, hosts: &HostRules) -> Result<Target, TargetError> {
    let host = parse_host(head)?;
    let path = head.raw_path.strip_prefix('/').ok_or(TargetError::InvalidUri)?;
    if let Some(labels) = hosts.bucket_labels(&host) {
        let bucket = parse_bucket(labels)?;
        return target_in_bucket(bucket, path, Addressing::VirtualHost);
    }
    if let Some(fixed) = FIXED_PATHS.iter().find(|fixed| **fixed == head.raw_path) {
        let shape = PathShape::Fixed(fixed);
        return Ok(Target { bucket: None, object_key: None, addressing: Addressing::Path, shape });
    }
    if path.is_empty() {
        let shape = PathShape::Service;
        return Ok(Target { bucket: None, object_key: None, addressing: Addressing::Path, shape });
    }
    // SECURITY: split before decoding, so that an encoded slash never moves the border between
    // bucket and key.
    let (bucket, rest) = path.split_once('/').unwrap_or((path, ""));
    let bucket = percent_decode(bucket).ok_or(TargetError::InvalidUri)?;
    let bucket = std::str::from_utf8(&bucket).map_err(|_| TargetError::InvalidUri)?;
    target_in_bucket(parse_bucket(bucket)?, rest, Addressing::Path)
}

fn target_in_bucket(
    bucket: BucketName,
    raw_key: &str,
    addressing: Addressing,
) -> Result<Target, TargetError> {
    if raw_key.is_empty() {
        let shape = PathShape::Bucket;
        return Ok(Target { bucket: Some(bucket), object_key: None, addressing, shape });
    }
    let key = percent_decode(raw_key).ok_or(TargetError::InvalidUri)?;
    let object_key = ObjectKey::from_bytes(&key).map_err(|error| match error {
        ObjectKeyError::TooLong { key_bytes } => TargetError::KeyTooLong { key_bytes },
        ObjectKeyError::NotUtf8 | ObjectKeyError::Empty => TargetError::InvalidUri,
    })?;
    let shape = PathShape::Object;
    Ok(Target { bucket: Some(bucket), object_key: Some(object_key), addressing, shape })
}

fn parse_bucket(name: &str) -> Result<BucketName, TargetError> {
    name.parse().map_err(|_| TargetError::InvalidBucketName { name: name.to_owned() })
}

/// The host without its port, in lower case.
fn parse_host(head: &RequestHead) -> Result<String, TargetError> {
    let mut values = head.headers.get_all(http::header::HOST).iter();
    // SECURITY: two `Host` headers are how a proxy and a server come to see two targets.
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(TargetError::BadHost);
    };
    let authority = value.to_str().map_err(|_| TargetError::BadHost)?;
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(TargetError::BadHost)?;
            (host, port.strip_prefix(':').or(port.is_empty().then_some("")))
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, Some("")),
        },
    };
    let port = port.ok_or(TargetError::BadHost)?;
    let in_host = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':');
    let fits = (1..=HOST_BYTES_MAX).contains(&host.len()) && host.bytes().all(in_host);
    if !fits || !port.bytes().all(|b| b.is_ascii_digit()) {
        return Err(TargetError::BadHost);
    }
    Ok(host.trim_end_matches('.').to_ascii_lowercase())
}

/// Decodes percent-encoding exactly once. `None` if a percent sign is not followed by two
/// hexadecimal digits. A plus stays a plus.
#[must_use]
pub fn percent_decode(text: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let high = hex_digit(bytes.next()?)?;
        let low = hex_digit(bytes.next()?)?;
        decoded.push(high << 4 | low);
    }
    Some(decoded)
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Paths of operations that name neither bucket nor object. No bucket can have such a name.
const FIXED_PATHS: [&str; 1] = ["/WriteGetObjectResponse"];
const HOST_BYTES_MAX: usize = 255; // longest DNS name

#[cfg(test)]
mod tests;
