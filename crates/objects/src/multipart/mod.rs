//! Multipart uploads: creating, filling, listing, aborting and completing them.
//!
//! Parts are records of their own that own their bytes. A completed upload leaves its parts where
//! they are; the object's payload is a table of them. Knows nothing of HTTP or XML.

mod assemble;
mod complete;
mod copy;
mod error;
mod offer;
mod part;
mod record;
mod second_checksum;
mod upload;

pub(crate) use assemble::{CompletedPart, CompletionClaims, OBJECT_BYTES_MAX, PART_BYTES_MIN};
pub(crate) use complete::CompleteRequest;
pub(crate) use copy::PartCopyRequest;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use copy::parse_range;
pub(crate) use error::{CompleteError, PartSourceError, UploadError};
pub(crate) use offer::{Offer, bucket_of};
pub(crate) use part::{PartClaims, PartPlace};
#[cfg(test)]
pub(crate) use record::Initiator;
pub(crate) use record::{PartRecord, UploadRecord};
pub(crate) use upload::{
    NewUpload, PARTS_PAGE_MAX, outcome, parse_upload_id, upload_checksum, upload_id,
};
