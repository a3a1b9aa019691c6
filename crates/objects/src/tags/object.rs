//! PutObjectTagging, GetObjectTagging, DeleteObjectTagging.

use strongroom_access::{BucketRef, Permit};
use strongroom_model::s3;
use strongroom_store::{Batch, NewPayload, Precondition, Write};
use strongroom_types::{ObjectKey, Timestamp, VersionId};

use super::TagSet;
use crate::fault::Fault;
use crate::keys;
use crate::multipart::{Offer, bucket_of, outcome};
use crate::objects::{ObjectError, StoredVersion};
use crate::records::ObjectRecord;
use crate::{RACES_LOST_MAX, S3};

/// Why tags of a version were not read or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TaggingError {
    /// The version is a delete marker, which has no tags.
    #[error("the specified method is not allowed against this resource")]
    DeleteMarker {
        /// What was tried.
        method: &'static str,
        /// The marker.
        version_id: VersionId,
        /// When it was written.
        last_modified: Timestamp,
    },
    /// Everything else.
    #[error(transparent)]
    Object(#[from] ObjectError),
}

impl From<Fault> for TaggingError {
    fn from(fault: Fault) -> Self {
        Self::Object(fault.into())
    }
}

impl S3 {
    /// A version with its tags.
    pub(crate) async fn get_object_tagging(
        &self,
        permit: &Permit<s3::GetObjectTagging>,
        object_key: &ObjectKey,
        version_id: Option<VersionId>,
    ) -> Result<ObjectRecord, TaggingError> {
        let bucket = bucket_of(permit)?;
        Ok(self.taggable(&bucket, ("GET", object_key), version_id).await?.record)
    }

    /// Gives a version other tags.
    pub(crate) async fn put_object_tagging(
        &self,
        permit: &mut Permit<s3::PutObjectTagging>,
        object_key: &ObjectKey,
        version_id: Option<VersionId>,
        tags: TagSet,
    ) -> Result<ObjectRecord, TaggingError> {
        self.tag_version(permit, ("PUT", object_key), version_id, (tags, 200)).await
    }

    /// Takes the tags of a version away.
    pub(crate) async fn delete_object_tagging(
        &self,
        permit: &mut Permit<s3::DeleteObjectTagging>,
        object_key: &ObjectKey,
        version_id: Option<VersionId>,
    ) -> Result<ObjectRecord, TaggingError> {
        let tags = (TagSet::default(), 204);
        self.tag_version(permit, ("DELETE", object_key), version_id, tags).await
    }

    /// Writes the record of a version anew. The payload stays where it is: it is not even read.
    async fn tag_version<Op>(
        &self,
        permit: &mut Permit<Op>,
        (method, object_key): (&'static str, &ObjectKey),
        version_id: Option<VersionId>,
        (tags, status): (TagSet, u16),
    ) -> Result<ObjectRecord, TaggingError> {
        let tags = tags.into_pairs();
        for _ in 0..RACES_LOST_MAX {
            let bucket = bucket_of(permit)?;
            let found = self.taggable(&bucket, (method, object_key), version_id).await?;
            let key = keys::object_version(bucket.id, object_key, found.order);
            let record = ObjectRecord { tags: tags.clone(), ..found.record };
            let batch = Batch {
                preconditions: vec![Precondition::Revision {
                    key: key.clone(),
                    revision: found.revision,
                }],
                writes: vec![Write::Put {
                    key,
                    value: record.encode().map_err(Fault::from)?.into(),
                    payload: NewPayload::Keep,
                    protection: record.lock.protection(),
                }],
                event: Some(permit.audit().sealed_with(outcome(status))),
                ..Batch::default()
            };
            if self.offer(permit, batch).await? == Offer::Committed {
                return Ok(record);
            }
        }
        Err(Fault::Contended.into())
    }

    /// The version whose tags are meant.
    ///
    /// SPEC: data-protection, 6.2: a delete marker is refused, also where it is the current
    /// version and nobody named it.
    pub(crate) async fn taggable(
        &self,
        bucket: &BucketRef,
        (method, object_key): (&'static str, &ObjectKey),
        version_id: Option<VersionId>,
    ) -> Result<StoredVersion, TaggingError> {
        let Some(found) = self.version(bucket, object_key, version_id).await? else {
            let object_key = object_key.clone();
            let missing = match version_id {
                Some(version_id) => ObjectError::NoSuchVersion { object_key, version_id },
                None => ObjectError::NoSuchKey { object_key, marker: None },
            };
            return Err(missing.into());
        };
        if found.record.is_delete_marker() {
            let ObjectRecord { version_id, last_modified, .. } = found.record;
            return Err(TaggingError::DeleteMarker { method, version_id, last_modified });
        }
        Ok(found)
    }
}
