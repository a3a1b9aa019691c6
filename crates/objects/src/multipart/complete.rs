//! Completing an upload.

use bytes::Bytes;
use strongroom_access::{BucketRef, Permit};
use strongroom_model::s3;
use strongroom_store::{Precondition, SCAN_ENTRIES_MAX, StoreError};
use strongroom_types::{ObjectKey, Timestamp, VersionId};

use super::assemble::{
    Assembled, CompletionClaims, StoredPart, StoredParts, assemble, is_same_list,
};
use super::error::UploadError;
use super::offer::bucket_of;
use super::record::PartRecord;
use super::upload::{FoundUpload, parse_upload_id, part_number};
use crate::conditions::WriteCondition;
use crate::fault::Fault;
use crate::keys::{self, UploadUnique};
use crate::objects::{CommitFailure, NewVersion, StoredVersion};
use crate::payload::PayloadFault;
use crate::records::{DataKeyRecord, ObjectKind, ObjectRecord, PartsOrigin};
use crate::{RACES_LOST_MAX, S3};

/// What to complete, and when.
#[derive(Debug, Clone)]
pub(crate) struct CompleteRequest {
    /// The key of the object.
    pub(crate) object_key: ObjectKey,
    /// The upload, as the client names it.
    pub(crate) upload_id: String,
    /// The parts, and what the client says about the object.
    pub(crate) claims: CompletionClaims,
    /// What must hold of the current version.
    pub(crate) condition: WriteCondition,
}

impl S3 {
    /// Makes an object of the listed parts of an upload, and frees the others.
    ///
    /// A completion that is repeated with the same list answers the same, as long as its object is
    /// there: a client that lost the answer cannot know whether it was heard.
    pub(crate) async fn complete_multipart_upload(
        &self,
        permit: &mut Permit<s3::CompleteMultipartUpload>,
        request: &CompleteRequest,
    ) -> Result<ObjectRecord, UploadError> {
        for _ in 0..RACES_LOST_MAX {
            let bucket = bucket_of(permit)?;
            let found = self.find_upload(bucket.id, &request.object_key, &request.upload_id).await;
            let found = match found {
                Err(UploadError::NoSuchUpload { .. }) => {
                    return self.completed_before(&bucket, request).await;
                }
                other => other?,
            };
            let parts = self.stored_parts(found.unique).await?;
            let assembled = assemble(&found.record, &parts, &request.claims)?;
            let committed = self.commit_object(permit, request, (&found, &parts), &assembled).await;
            match committed {
                Ok(record) => return Ok(record),
                // The upload was completed or aborted, or a part was replaced, in the meantime.
                Err(CommitFailure::Required) => {}
                Err(CommitFailure::Refused(refusal)) => {
                    // The object that stands in the way may be the one that was asked for, made
                    // by the same completion in the meantime.
                    return match self.completed_before(&bucket, request).await {
                        Err(UploadError::NoSuchUpload { .. }) => Err(UploadError::Refused(refusal)),
                        other => other,
                    };
                }
                Err(CommitFailure::Conflict) => return Err(UploadError::Conflict),
                Err(CommitFailure::Fault(fault)) => return Err(fault.into()),
            }
        }
        Err(Fault::Contended.into())
    }

    /// One batch: the object, its table of parts, the end of the upload, and that of the parts
    /// that are not listed. It holds only if upload and listed parts are as they were read.
    async fn commit_object(
        &self,
        permit: &mut Permit<s3::CompleteMultipartUpload>,
        request: &CompleteRequest,
        (found, parts): (&FoundUpload, &StoredParts),
        assembled: &Assembled,
    ) -> Result<ObjectRecord, CommitFailure> {
        let bucket = bucket_of(permit)?;
        let described = &found.record.data_key;
        let data_key = self
            .payloads
            .unwrap_data_key(bucket.owner, bucket.id, described)
            .map_err(Fault::from)?;
        let table = assembled.manifest.encode().map_err(Fault::from)?;
        let sealed = self.payloads.seal_bytes(&data_key, &table).await;
        let (payload, blob_id) = sealed.map_err(Fault::from)?;
        let parts_count = assembled.etag.parts_count;
        let record = ObjectRecord {
            kind: ObjectKind::Object,
            version_id: VersionId::Null,
            last_modified: Timestamp::EPOCH,
            object_bytes: assembled.object_bytes,
            etag: assembled.etag,
            checksum: Some(assembled.checksum),
            data_key: Some(DataKeyRecord { blob_id, ..described.clone() }),
            metadata: found.record.metadata.clone(),
            tags: found.record.tags.clone(),
            parts: Some(PartsOrigin { upload: found.unique, parts_count }),
            lock: found.record.lock,
        };
        let upload_key = keys::upload(bucket.id, &request.object_key, found.unique);
        let (mut require, mut delete) = fate_of_parts(found.unique, parts, assembled);
        require.push(Precondition::Revision { key: upload_key.clone(), revision: found.revision });
        delete.push(upload_key);
        let version = NewVersion {
            object_key: &request.object_key,
            record,
            payload,
            condition: &request.condition,
            received_bytes: 0,
            require,
            delete,
        };
        self.commit_version(permit, version).await
    }

    /// All parts of an upload.
    async fn stored_parts(&self, unique: UploadUnique) -> Result<StoredParts, Fault> {
        let mut parts = StoredParts::new();
        let mut from = 0;
        loop {
            let rows =
                self.store.metadata.scan(keys::parts(unique, from), SCAN_ENTRIES_MAX).await?;
            let is_last = rows.len() < SCAN_ENTRIES_MAX;
            for (key, entry) in rows {
                let number = part_number(&key)?;
                from = u32::from(number).saturating_add(1);
                let record = PartRecord::decode(&entry.value)?;
                parts.insert(number, StoredPart { record, revision: entry.revision });
            }
            if is_last {
                return Ok(parts);
            }
        }
    }

    /// The object that the same completion made before, if it did.
    async fn completed_before(
        &self,
        bucket: &BucketRef,
        request: &CompleteRequest,
    ) -> Result<ObjectRecord, UploadError> {
        let missing = || UploadError::NoSuchUpload { upload_id: request.upload_id.clone() };
        let unique = parse_upload_id(&request.upload_id).ok_or_else(missing)?;
        for _ in 0..RACES_LOST_MAX {
            let found = self.made_by(bucket, &request.object_key, unique).await?;
            let found = found.ok_or_else(missing)?;
            match self.manifest(bucket, &found).await {
                Ok(manifest) if is_same_list(&manifest, &request.claims.parts) => {
                    return Ok(found.record);
                }
                Ok(_) => return Err(missing()),
                Err(PayloadFault::Store(StoreError::Moved)) => {}
                Err(fault) => return Err(Fault::from(fault).into()),
            }
        }
        Err(Fault::Contended.into())
    }

    /// The version of a key that an upload made. Only the newest ones are looked at: a completion
    /// is repeated within minutes.
    async fn made_by(
        &self,
        bucket: &BucketRef,
        object_key: &ObjectKey,
        unique: UploadUnique,
    ) -> Result<Option<StoredVersion>, Fault> {
        let range = keys::object_versions(bucket.id, object_key);
        let rows = self.store.metadata.scan(range, SCAN_ENTRIES_MAX).await?;
        for (key, entry) in rows {
            let (_, order) = keys::parse_object_version(&key)?;
            let version = StoredVersion::of(order, entry)?;
            if version.record.parts.is_some_and(|parts| parts.upload == unique) {
                return Ok(Some(version));
            }
        }
        Ok(None)
    }
}

/// The listed parts must be as they were read; the others vanish.
fn fate_of_parts(
    unique: UploadUnique,
    parts: &StoredParts,
    assembled: &Assembled,
) -> (Vec<Precondition>, Vec<Bytes>) {
    let mut listed = assembled.manifest.parts.iter().map(|part| part.number).peekable();
    let (mut require, mut delete) = (Vec::new(), Vec::new());
    for (number, part) in parts {
        let key = keys::part(unique, u32::from(*number));
        // INVARIANT: both ascend, and every listed number is stored.
        if listed.next_if_eq(number).is_some() {
            require.push(Precondition::Revision { key, revision: part.revision });
        } else {
            delete.push(key);
        }
    }
    (require, delete)
}
