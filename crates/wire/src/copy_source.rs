//! The value of `x-amz-copy-source`.

use strongroom_types::{BucketName, BucketNameError, ObjectKey, ObjectKeyError, VersionId};

use crate::percent_decode;

/// From where an object or a part is copied.
///
/// SPEC: data-protection, 6.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopySource {
    /// The bucket to read from.
    pub bucket: BucketName,
    /// The object to read.
    pub object_key: ObjectKey,
    /// The version to read; the current one if absent.
    pub version_id: Option<VersionId>,
}

/// Why a text is no copy source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CopySourceError {
    /// It has not the form `bucket/key`, or its percent-encoding is broken.
    #[error("a copy source has the form `bucket/key`, URL-encoded")]
    BadForm,
    /// Its bucket is no bucket name.
    #[error(transparent)]
    Bucket(BucketNameError),
    /// Its key is no object key.
    #[error(transparent)]
    Key(ObjectKeyError),
    /// Its version is no version id.
    #[error("invalid version id specified")]
    VersionId,
    /// It names an access point, which is not supported.
    #[error("a copy source that is an access point is not supported")]
    AccessPoint,
}

impl CopySource {
    /// Reads the value of the header.
    ///
    /// The value is decoded exactly once, as a path is. `?versionId=` separates only where it
    /// stands literally: an encoded question mark belongs to the key.
    ///
    /// # Errors
    /// If the text is no copy source.
    pub fn parse(text: &str) -> Result<Self, CopySourceError> {
        let (path, version_id) = match text.rsplit_once("?versionId=") {
            Some((path, version_id)) => {
                let version_id = version_id.parse().map_err(|_| CopySourceError::VersionId)?;
                (path, Some(version_id))
            }
            None => (text, None),
        };
        let path = path.strip_prefix('/').unwrap_or(path);
        // An ARN has colons, which no bucket name has.
        let decoded_start = path.get(..4).map(str::to_ascii_lowercase).unwrap_or_default();
        if decoded_start == "arn:" || decoded_start == "arn%" {
            return Err(CopySourceError::AccessPoint);
        }
        // COMPAT: some clients encode the slash between bucket and key as well.
        let (bucket, key) = split_once_encoded(path).ok_or(CopySourceError::BadForm)?;
        let bucket = percent_decode(bucket).ok_or(CopySourceError::BadForm)?;
        let bucket = std::str::from_utf8(&bucket).map_err(|_| CopySourceError::BadForm)?;
        let key = percent_decode(key).ok_or(CopySourceError::BadForm)?;
        Ok(Self {
            bucket: bucket.parse().map_err(CopySourceError::Bucket)?,
            object_key: ObjectKey::from_bytes(&key).map_err(CopySourceError::Key)?,
            version_id,
        })
    }
}

/// Splits at the first slash, whether literal or encoded.
fn split_once_encoded(path: &str) -> Option<(&str, &str)> {
    let literal = path.find('/').map(|at| (at, 1));
    let encoded = path.to_ascii_uppercase().find("%2F").map(|at| (at, 3));
    let (at, length) = literal.into_iter().chain(encoded).min()?;
    Some((path.get(..at)?, path.get(at + length..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, bucket: &str, key: &str) {
        let source = CopySource::parse(text).unwrap();
        assert_eq!(source.bucket.as_str(), bucket);
        assert_eq!(source.object_key.as_str(), key);
        assert_eq!(source.version_id, None);
    }

    #[test]
    fn the_value_is_decoded_exactly_once() {
        check("bucket/key", "bucket", "key");
        check("/bucket/key", "bucket", "key");
        check("bucket/a%20b+c", "bucket", "a b+c");
        check("bucket/100%2525", "bucket", "100%25");
        check("bucket/%C3%A9", "bucket", "é");
        check("bucket%2Fa%2Fb", "bucket", "a/b");
        check("bucket//a", "bucket", "/a");
        check("bucket/../x", "bucket", "../x");
    }

    #[test]
    fn only_a_literal_question_mark_starts_the_version() {
        check("bucket/a%3FversionId=null", "bucket", "a?versionId=null");
        check("bucket/a?b", "bucket", "a?b");
        let source = CopySource::parse("bucket/a?versionId=null").unwrap();
        assert_eq!(source.version_id, Some(VersionId::Null));
        let source = CopySource::parse("bucket/a?versionId=null?versionId=null").unwrap();
        assert_eq!(source.object_key.as_str(), "a?versionId=null");
    }

    #[test]
    fn other_forms_are_refused() {
        for (text, error) in [
            ("", CopySourceError::BadForm),
            ("bucket", CopySourceError::BadForm),
            ("bucket/%zz", CopySourceError::BadForm),
            ("bucket/%f", CopySourceError::BadForm),
            ("bucket/", CopySourceError::Key(ObjectKeyError::Empty)),
            ("bucket/%FF", CopySourceError::Key(ObjectKeyError::NotUtf8)),
            ("bucket/a?versionId=", CopySourceError::VersionId),
            ("bucket/a?versionId=x", CopySourceError::VersionId),
            (
                "arn:aws:s3:us-east-1:123456789012:accesspoint/x/object/k",
                CopySourceError::AccessPoint,
            ),
            ("arn%3Aaws%3As3:us-east-1:1:accesspoint/x", CopySourceError::AccessPoint),
        ] {
            assert_eq!(CopySource::parse(text), Err(error), "{text}");
        }
        assert!(matches!(CopySource::parse("B/k"), Err(CopySourceError::Bucket(_))));
        assert!(matches!(CopySource::parse("//bucket/k"), Err(CopySourceError::Bucket(_))));
    }
}
