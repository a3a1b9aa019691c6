//! Objects: put, get, head, delete, copy.

mod copy;
mod delete;
mod read;
mod selection;
mod versions;
mod write;

use strongroom_access::BucketRef;
use strongroom_store::{Entry, PayloadRef, Revision};
use strongroom_types::{ObjectKey, Timestamp, VersionId, VersioningState};

use crate::S3;
use crate::conditions::{Condition, ReadVerdict};
use crate::fault::Fault;
use crate::keys::VersionOrder;
use crate::metadata::MetadataTooLarge;
use crate::payload::PayloadFault;
use crate::records::{Etag, ObjectRecord};
pub(crate) use copy::{CopyRequest, MetadataDirective, SourceRequest, source_broke};
pub(crate) use delete::DeleteRequest;
pub(crate) use read::{AttributesPage, ReadRequest};
pub(crate) use selection::{IfRange, RangeSpec, Selection};
pub(crate) use versions::place_of_null;
pub(crate) use write::{CommitFailure, NewVersion, PutRequest, decided};

/// Why an object was not read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ObjectError {
    /// There is no object under the key.
    #[error("the specified key does not exist")]
    NoSuchKey {
        /// The key.
        object_key: ObjectKey,
        /// The delete marker that stands there instead, if one does.
        marker: Option<VersionId>,
    },
    /// The key has no such version.
    #[error("the specified version does not exist")]
    NoSuchVersion {
        /// The key.
        object_key: ObjectKey,
        /// The version.
        version_id: VersionId,
    },
    /// The version that was asked for is a delete marker.
    #[error("the specified method is not allowed against this resource")]
    DeleteMarker {
        /// The marker.
        version_id: VersionId,
        /// When it was written.
        last_modified: Timestamp,
    },
    /// The client has the object already.
    #[error("not modified")]
    NotModified {
        /// The object's ETag.
        etag: Etag,
        /// When it was written.
        last_modified: Timestamp,
        /// Its version, in a bucket that has versions.
        version_id: Option<VersionId>,
    },
    /// A condition does not hold.
    #[error("at least one of the pre-conditions you specified did not hold")]
    ConditionFailed(Condition),
    /// A condition holds, but of another object than the one that it was judged by at first.
    #[error(
        "the conditional request cannot succeed due to a conflicting operation against this \
         resource"
    )]
    Conflict(ObjectKey),
    /// The range is outside the object.
    #[error("the requested range is not satisfiable")]
    RangeNotSatisfiable {
        /// The header as it came.
        requested: String,
        /// Bytes of the object.
        object_bytes: u64,
    },
    /// The object has no such part.
    #[error("the requested part number is not satisfiable")]
    NoSuchPart {
        /// The part.
        part_number: u32,
        /// How many there are.
        parts_count: u32,
    },
    /// Metadata that is too large.
    #[error(transparent)]
    Metadata(#[from] MetadataTooLarge),
    /// A copy onto itself that changes nothing.
    #[error(
        "this copy request is illegal because it is trying to copy an object to itself without \
         changing the object's metadata, storage class, website redirect location or encryption \
         attributes"
    )]
    CopyOntoItself,
    /// The source is too large to be copied in one piece.
    #[error(
        "the specified copy source is larger than the maximum allowable size for a copy source: {0}"
    )]
    SourceTooLarge(u64),
    /// The version to copy from is a delete marker.
    #[error(
        "the source of a copy request may not specifically refer to a delete marker by version id"
    )]
    SourceIsMarker,
    /// The part of the source that is to be copied is outside it.
    #[error("range specified is not valid for source object of size: {object_bytes}")]
    SourceRange {
        /// Bytes of the source.
        object_bytes: u64,
    },
    /// A key in a list that is none.
    #[error(transparent)]
    Key(#[from] strongroom_types::ObjectKeyError),
    /// A version in a list that is none.
    #[error(transparent)]
    VersionText(#[from] strongroom_types::VersionIdError),
    /// A precondition of the caller's own did not hold; see [`NewVersion::require`].
    #[error("the upload is gone")]
    Superseded,
    /// Everything else.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<PayloadFault> for ObjectError {
    fn from(fault: PayloadFault) -> Self {
        Self::Fault(fault.into())
    }
}

/// One version of an object as it is in the store.
#[derive(Debug, Clone)]
pub(crate) struct StoredVersion {
    /// Where it stands among the versions of its key.
    pub(crate) order: VersionOrder,
    /// What is known of it.
    pub(crate) record: ObjectRecord,
    /// Which batch wrote it.
    pub(crate) revision: Revision,
    /// The payload that the record owns.
    pub(crate) payload: Option<PayloadRef>,
}

impl StoredVersion {
    /// Reads a record that was found in the store.
    pub(crate) fn of(order: VersionOrder, entry: Entry) -> Result<Self, Fault> {
        let record = ObjectRecord::decode(&entry.value)?;
        Ok(Self { order, record, revision: entry.revision, payload: entry.payload })
    }
}

impl S3 {
    /// A version that is an object, or the error that says what is there instead.
    pub(crate) async fn object(
        &self,
        bucket: &BucketRef,
        object_key: &ObjectKey,
        version_id: Option<VersionId>,
    ) -> Result<StoredVersion, ObjectError> {
        let object_key = || object_key.clone();
        match (self.version(bucket, &object_key(), version_id).await?, version_id) {
            (Some(found), Some(_)) if found.record.is_delete_marker() => {
                let ObjectRecord { version_id, last_modified, .. } = found.record;
                Err(ObjectError::DeleteMarker { version_id, last_modified })
            }
            (Some(found), None) if found.record.is_delete_marker() => Err(ObjectError::NoSuchKey {
                object_key: object_key(),
                marker: Some(found.record.version_id),
            }),
            (Some(found), _) => Ok(found),
            (None, Some(version_id)) => {
                Err(ObjectError::NoSuchVersion { object_key: object_key(), version_id })
            }
            (None, None) => Err(ObjectError::NoSuchKey { object_key: object_key(), marker: None }),
        }
    }
}

/// The version id as answers show it: not at all in a bucket that was never versioned.
pub(crate) fn shown_version(bucket: &BucketRef, record: &ObjectRecord) -> Option<VersionId> {
    match bucket.versioning {
        VersioningState::Unversioned => None,
        VersioningState::Enabled | VersioningState::Suspended => Some(record.version_id),
    }
}

/// What a read's conditions say, as an error unless they say yes.
fn proceed(
    verdict: ReadVerdict,
    bucket: &BucketRef,
    record: &ObjectRecord,
) -> Result<(), ObjectError> {
    match verdict {
        ReadVerdict::Proceed => Ok(()),
        ReadVerdict::NotModified(_) => Err(ObjectError::NotModified {
            etag: record.etag,
            last_modified: record.last_modified,
            version_id: shown_version(bucket, record),
        }),
        ReadVerdict::Failed(condition) => Err(ObjectError::ConditionFailed(condition)),
    }
}
