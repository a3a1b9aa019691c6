//! Copying a part from an object.

use strongroom_access::Permit;
use strongroom_model::s3;
use strongroom_types::VersionId;

use super::error::{PartSourceError, UploadError};
use super::offer::bucket_of;
use super::part::{PART_BYTES_MAX, PartPlace, StoredPartAnswer};
use crate::S3;
use crate::checksums::ChecksumPlan;
use crate::fault::Fault;
use crate::objects::{ObjectError, SourceRequest, source_broke};
use crate::payload::ByteRange;

/// What to copy into which part.
#[derive(Debug, Clone)]
pub(crate) struct PartCopyRequest {
    /// The part.
    pub(crate) place: PartPlace,
    /// The object to copy from.
    pub(crate) source: SourceRequest,
    /// Which of its bytes, as the client gave it; all if absent.
    pub(crate) range: Option<String>,
}

/// A part that was copied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CopiedPart {
    /// The part.
    pub(crate) part: StoredPartAnswer,
    /// The version that was copied.
    pub(crate) source_version_id: VersionId,
}

impl S3 {
    /// Makes the bytes of an object, or a range of them, a part of an upload.
    pub(crate) async fn upload_part_copy(
        &self,
        permit: &mut Permit<s3::UploadPartCopy>,
        request: &PartCopyRequest,
    ) -> Result<CopiedPart, UploadError> {
        let number = request.place.number()?;
        let range = request.range.as_deref().map(parse_range).transpose()?;
        let (bucket, source_bucket) = (bucket_of(permit)?, permit.source().cloned());
        let source_bucket = source_bucket.ok_or(Fault::NoBucket)?;
        let place = &request.place;
        let found = self.find_upload(bucket.id, &place.object_key, &place.upload_id).await?;
        let opened = self.open_source(&source_bucket, &request.source, range).await;
        let (source, body) = opened.map_err(|error| named(error, request))?;
        let plan = ChecksumPlan::compute(found.record.algorithm());
        let written = self.write_part(permit, place, (number, found), (None, plan), body).await;
        let part = written.map_err(|error| match error {
            UploadError::Fault(Fault::Payload(fault)) => {
                UploadError::Fault(source_broke(fault).into())
            }
            other => other,
        })?;
        Ok(CopiedPart { part, source_version_id: source.record.version_id })
    }
}

/// An error about the range names it as the client wrote it.
fn named(error: ObjectError, request: &PartCopyRequest) -> UploadError {
    match error {
        ObjectError::SourceRange { object_bytes } => {
            let range = request.range.clone().unwrap_or_default();
            PartSourceError::RangeOutside { range, object_bytes }.into()
        }
        ObjectError::SourceTooLarge(_) => PartSourceError::TooLarge(PART_BYTES_MAX).into(),
        other => UploadError::SourceObject(other),
    }
}

/// Reads `bytes=first-last`. SPEC: data-protection, 6.1: no other form is accepted.
pub(crate) fn parse_range(text: &str) -> Result<ByteRange, PartSourceError> {
    let form = || PartSourceError::RangeForm { range: text.to_owned() };
    let (first, last) =
        text.strip_prefix("bytes=").and_then(|range| range.split_once('-')).ok_or_else(form)?;
    let number = |digits: &str| -> Option<u64> {
        let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        all_digits.then(|| digits.parse().unwrap_or(u64::MAX))
    };
    let start = number(first).ok_or_else(form)?;
    let end_inclusive = number(last).ok_or_else(form)?;
    if start > end_inclusive {
        return Err(form());
    }
    Ok(ByteRange { start, end_inclusive })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_exactly_one_form() {
        let range = |start, end_inclusive| Ok(ByteRange { start, end_inclusive });
        assert_eq!(parse_range("bytes=0-0"), range(0, 0));
        assert_eq!(parse_range("bytes=5-17"), range(5, 17));
        assert_eq!(parse_range("bytes=0-99999999999999999999"), range(0, u64::MAX));
        for bad in [
            "",
            "bytes=",
            "bytes=0-",
            "bytes=-5",
            "0-2",
            "bytes=hello",
            "bytes=5-4",
            "bytes=0-1,3-4",
            "Bytes=0-1",
            "bytes= 0-1",
            "bytes=+0-1",
            "bytes=0-1 ",
            "bytes=a-b",
        ] {
            assert!(parse_range(bad).is_err(), "{bad}");
        }
    }
}
