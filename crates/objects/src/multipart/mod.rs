//! Multipart uploads: creating, filling, listing, aborting and completing them.
//!
//! Parts are records of their own that own their bytes. A completed upload leaves its parts where
//! they are; the object's payload is a table of them. Knows nothing of HTTP or XML.

mod assemble;
mod error;
mod record;

pub(crate) use assemble::{
    Assembled, CompletedPart, CompletionClaims, OBJECT_BYTES_MAX, PART_BYTES_MIN, StoredPart,
    StoredParts, assemble, is_same_list,
};
pub(crate) use error::{CompleteError, PartSourceError, UploadError};
pub(crate) use record::{Initiator, PartRecord, UploadChecksum, UploadRecord};
