//! Why an operation on a multipart upload failed.

use strongroom_crypto::{ChecksumAlgorithm, ChecksumType, CombineError};

use crate::conditions::WriteRefusal;
use crate::fault::Fault;
use crate::objects::ObjectError;

/// Why an operation on a multipart upload failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    /// There is no such upload of this key: it never was, was aborted, or was completed.
    #[error("the specified upload does not exist")]
    NoSuchUpload {
        /// The id as the client gave it.
        upload_id: String,
    },
    /// A part number is not in 1..=10,000.
    #[error("part number must be an integer between 1 and 10000, inclusive")]
    PartNumber {
        /// The number as the client gave it.
        number: i64,
    },
    /// A checksum type without an algorithm.
    #[error("the `x-amz-checksum-type` header can only be used with `x-amz-checksum-algorithm`")]
    ChecksumTypeAlone,
    /// A checksum type that the algorithm has not.
    #[error("the {checksum_type} checksum type cannot be used with the {algorithm} algorithm")]
    ChecksumTypeNotAllowed {
        /// The algorithm.
        algorithm: ChecksumAlgorithm,
        /// The type.
        checksum_type: ChecksumType,
    },
    /// The part declares a checksum of another algorithm than the upload, or none where one is
    /// needed.
    #[error("checksum type mismatch: the upload expects {expected} and the part declares {}",
        .found.map_or("none", ChecksumAlgorithm::as_str))]
    PartAlgorithm {
        /// The algorithm of the upload.
        expected: ChecksumAlgorithm,
        /// The algorithm of the part.
        found: Option<ChecksumAlgorithm>,
    },
    /// The source of a part copy cannot be used.
    #[error(transparent)]
    Source(#[from] PartSourceError),
    /// The object that a part is copied from cannot be read.
    #[error(transparent)]
    SourceObject(ObjectError),
    /// The upload cannot be completed as asked.
    #[error(transparent)]
    Complete(#[from] CompleteError),
    /// A condition on the write does not hold.
    #[error("a precondition does not hold")]
    Refused(WriteRefusal),
    /// A condition holds, but of another object than the one that it was judged by at first.
    #[error(
        "the conditional request cannot succeed due to a conflicting operation against this \
         resource"
    )]
    Conflict,
    /// Everything else.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// Checksums of stored parts are not those of their upload.
    #[error("stored checksums cannot be joined")]
    Combine(#[from] CombineError),
}

/// Why an upload cannot be completed as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CompleteError {
    /// The list of parts is empty or longer than any upload.
    #[error("the list of parts is empty or too long")]
    MalformedList,
    /// A part of the list has a number below 1.
    #[error("the part number must be at least 1")]
    PartNumber {
        /// The number.
        number: i64,
    },
    /// The numbers do not ascend, or leave one out where the checksum needs all.
    #[error("the list of parts was not in ascending order; parts must be ordered by part number")]
    PartOrder,
    /// There is no such part, or it has another ETag or checksum.
    #[error("one or more of the specified parts could not be found")]
    Part {
        /// Its number.
        number: i64,
        /// The ETag as the client gave it.
        etag: String,
    },
    /// A part that is not the last is too small.
    #[error("your proposed upload is smaller than the minimum allowed size")]
    PartTooSmall {
        /// Its number.
        number: u16,
        /// Its ETag.
        etag: String,
        /// Its bytes.
        object_bytes: u64,
    },
    /// The list gives no checksum for a part, but the upload is composite.
    #[error(
        "the upload was created with a {algorithm} checksum; part {number} of the list has none"
    )]
    PartChecksumMissing {
        /// The number of the part.
        number: u16,
        /// The algorithm of the upload.
        algorithm: ChecksumAlgorithm,
    },
    /// The list gives several checksums for a part, or one that is no digest.
    #[error("the checksum of part {number} is invalid")]
    PartChecksumInvalid {
        /// The number of the part.
        number: u16,
    },
    /// The list gives a checksum of another algorithm.
    #[error("the {found} of part {number} did not match what we received")]
    PartChecksumAlgorithm {
        /// The number of the part.
        number: u16,
        /// The algorithm in the list.
        found: ChecksumAlgorithm,
    },
    /// The checksum of the object is no digest of its algorithm.
    #[error("value for {} header is invalid", .0.header_name())]
    ChecksumInvalid(ChecksumAlgorithm),
    /// More than one checksum of the object is given.
    #[error("expecting a single `x-amz-checksum-` header")]
    ChecksumsSeveral,
    /// The object has another checksum.
    #[error("the {0} you specified did not match the calculated checksum")]
    ChecksumDiffers(ChecksumAlgorithm),
    /// The upload was created with another checksum type.
    #[error("the checksum type you specified did not match that of the upload")]
    ChecksumTypeDiffers,
    /// The parts have not the size that the client declares.
    #[error("the provided `x-amz-mp-object-size` header does not match what was computed")]
    SizeDiffers,
    /// The object would be larger than objects may be.
    #[error("your proposed upload exceeds the maximum allowed size")]
    TooLarge {
        /// Bytes of all parts.
        object_bytes: u64,
    },
}

/// Why the source of a part copy cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PartSourceError {
    /// The range has not the form `bytes=first-last`.
    #[error(
        "the `x-amz-copy-source-range` value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy"
    )]
    RangeForm {
        /// The range as the client gave it.
        range: String,
    },
    /// The range is not inside the source.
    #[error("range specified is not valid for source object of size: {object_bytes}")]
    RangeOutside {
        /// The range as the client gave it.
        range: String,
        /// Bytes of the source.
        object_bytes: u64,
    },
    /// More bytes than a part may have, which are these.
    #[error(
        "the specified copy source is larger than the maximum allowable size for a copy source: {0}"
    )]
    TooLarge(u64),
}
