//! Writing objects.

use strongroom_access::{BucketRef, Permit, Seen};
use strongroom_audit::{AuditSlot, Outcome};
use strongroom_model::s3;
use strongroom_store::{
    Batch, CommitError, NewPayload, Precondition, Protection, VaultError, Write,
};
use strongroom_types::{ObjectKey, VersionId};
use strongroom_wire::Payload;

use super::versions::Placement;
use super::{ObjectError, StoredVersion, shown_version};
use crate::buckets::put;
use crate::checksums::ChecksumPlan;
use crate::conditions::{WriteCondition, WriteRefusal};
use crate::fault::Fault;
use crate::keys;
use crate::payload::{FreshDataKey, PayloadFault, SealPlan, StoredPayload};
use crate::records::{Etag, LockState, ObjectChecksum, ObjectKind, ObjectMetadata, ObjectRecord};
use crate::tags::TagSet;
use crate::{RACES_LOST_MAX, S3};

/// An object to be written in one piece.
#[derive(Debug, Clone)]
pub(crate) struct PutRequest {
    /// The key.
    pub(crate) object_key: ObjectKey,
    /// What the client says about the object.
    pub(crate) metadata: ObjectMetadata,
    /// The object's tags.
    pub(crate) tags: TagSet,
    /// The MD5 that the client declared.
    pub(crate) content_md5: Option<[u8; 16]>,
    /// The checksum to compute.
    pub(crate) checksum: ChecksumPlan,
    /// What must hold.
    pub(crate) condition: WriteCondition,
}

/// A version that is ready to be committed.
#[derive(Debug)]
pub(crate) struct NewVersion<'a> {
    /// The key.
    pub(crate) object_key: &'a ObjectKey,
    /// The record. Version and time are filled in at each try.
    pub(crate) record: ObjectRecord,
    /// The payload that the record will own.
    pub(crate) payload: NewPayload,
    /// What must hold of the current version.
    pub(crate) condition: &'a WriteCondition,
    /// Bytes of the request's body, for the audit event.
    pub(crate) received_bytes: u64,
    /// What else must hold; if it does not, the commit fails with [`CommitFailure::Required`].
    pub(crate) require: Vec<Precondition>,
    /// Records that vanish in the same batch.
    pub(crate) delete: Vec<bytes::Bytes>,
}

/// Why a version was not committed.
#[derive(Debug)]
pub(crate) enum CommitFailure {
    /// The condition on the current version does not hold.
    Refused(WriteRefusal),
    /// One of the caller's own preconditions does not hold.
    Required,
    /// The condition holds, but of another object than the one that it was judged by at first.
    Conflict,
    /// Everything else.
    Fault(Fault),
}

impl CommitFailure {
    /// The failure in the words of object operations.
    pub(crate) fn for_object(self, object_key: &ObjectKey) -> ObjectError {
        match self {
            Self::Refused(refusal) => refused(refusal, object_key),
            Self::Required => ObjectError::Superseded,
            Self::Conflict => ObjectError::Conflict(object_key.clone()),
            Self::Fault(fault) => fault.into(),
        }
    }
}

impl From<Fault> for CommitFailure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl S3 {
    /// Stores an object.
    pub(crate) async fn put_object(
        &self,
        permit: &mut Permit<s3::PutObject>,
        request: &PutRequest,
        body: Payload,
    ) -> Result<ObjectRecord, ObjectError> {
        let bucket = permit.bucket().ok_or(Fault::NoBucket)?.clone();
        if request.condition != WriteCondition::Always {
            // Judged again at the commit; here it spares the client a useless upload.
            let current = self.version(&bucket, &request.object_key, None).await?;
            let current = current.as_ref().map(|version| &version.record);
            let judged = request.condition.judge(current);
            judged.map_err(|refusal| refused(refusal, &request.object_key))?;
        }
        let key = self.fresh_data_key(permit, &bucket).await?;
        let plan = SealPlan {
            object_bytes_max: PUT_BYTES_MAX,
            content_md5: request.content_md5,
            checksum: request.checksum.clone(),
        };
        let stored = self.payloads.seal(&key.data_key, 0, body, &plan).await?;
        let version = NewVersion {
            object_key: &request.object_key,
            record: ObjectRecord {
                tags: request.tags.clone().into_pairs(),
                ..single_piece(&key, &stored, request.metadata.clone())
            },
            received_bytes: stored.object_bytes,
            payload: stored.payload,
            condition: &request.condition,
            require: Vec::new(),
            delete: Vec::new(),
        };
        let committed = self.commit_version(permit, version).await;
        committed.map_err(|failure| failure.for_object(&request.object_key))
    }

    /// A data key for something that is about to be written to the bucket.
    pub(crate) async fn fresh_data_key<Op>(
        &self,
        permit: &mut Permit<Op>,
        bucket: &BucketRef,
    ) -> Result<FreshDataKey, Fault> {
        let key = self.payloads.fresh_data_key(bucket.owner, bucket.id);
        if matches!(key, Err(PayloadFault::Vault(VaultError::NoSuchKey(_)))) {
            // Most likely the bucket was deleted after the decision, and its key with it.
            permit.renew().await?;
        }
        Ok(key?)
    }

    /// Makes a version the current one of its key.
    ///
    /// Concurrent writers of one key all succeed, one after the other: who loses a race reads the
    /// key again and tries again, with the payload that is stored already. Conditions are judged
    /// at each try, so no update is ever lost. SPEC: data-protection, 1.11: where a condition holds
    /// again after it was judged by another object, the client is told of the conflict.
    pub(crate) async fn commit_version<Op>(
        &self,
        permit: &mut Permit<Op>,
        mut version: NewVersion<'_>,
    ) -> Result<ObjectRecord, CommitFailure> {
        let mut lost_to: Option<Option<StoredVersion>> = None;
        for _ in 0..RACES_LOST_MAX {
            let bucket = permit.bucket().ok_or(Fault::NoBucket)?.clone();
            let placement = self.place(&bucket, version.object_key).await?;
            let current = placement.current.as_ref();
            let judged = version.condition.judge(current.map(|found| &found.record));
            judged.map_err(CommitFailure::Refused)?;
            let conditional = *version.condition != WriteCondition::Always;
            let overtaken = lost_to.take().is_some_and(|before| !is_same(before.as_ref(), current));
            if conditional && overtaken {
                return Err(CommitFailure::Conflict);
            }
            version.record.version_id = placement.version_id;
            version.record.last_modified = self.clock.now();
            let Placement { current, key, preconditions: placed, writes: displaced, .. } =
                placement;
            let mut preconditions = decided(permit)?;
            let decided_count = preconditions.len();
            preconditions.extend(placed);
            let placed_count = preconditions.len();
            preconditions.extend(version.require.iter().cloned());
            let mut writes = vec![Write::Put {
                key,
                value: version.record.encode().map_err(Fault::from)?.into(),
                payload: version.payload.clone(),
                protection: Protection::default(),
            }];
            writes.extend(displaced);
            writes.extend(version.delete.iter().cloned().map(|key| Write::Delete { key }));
            let outcome = Outcome {
                status: 200,
                received_bytes: version.received_bytes,
                ..Outcome::default()
            };
            let made = shown_version(&bucket, &version.record);
            let event = Some(sealed_event(permit.audit(), version.object_key, made, outcome));
            let batch = Batch { preconditions, writes, event, ..Batch::default() };
            match self.store.metadata.commit(batch).await {
                Ok(_) => {
                    permit.audit().mark_recorded();
                    return Ok(version.record);
                }
                Err(CommitError::Precondition { index }) if index < decided_count => {
                    permit.renew().await.map_err(Fault::from)?;
                }
                Err(CommitError::Precondition { index }) if index < placed_count => {
                    lost_to = Some(current);
                }
                Err(CommitError::Precondition { .. }) => return Err(CommitFailure::Required),
                Err(error) => return Err(Fault::Commit(error).into()),
            }
        }
        Err(Fault::Contended.into())
    }
}

/// The record of an object that was sealed in one piece; version and time are filled in later.
pub(crate) fn single_piece(
    key: &FreshDataKey,
    stored: &StoredPayload,
    metadata: ObjectMetadata,
) -> ObjectRecord {
    ObjectRecord {
        kind: ObjectKind::Object,
        version_id: VersionId::Null,
        last_modified: strongroom_types::Timestamp::EPOCH,
        object_bytes: stored.object_bytes,
        etag: Etag::of_md5(stored.md5),
        checksum: Some(ObjectChecksum::full_object(stored.checksum)),
        data_key: Some(key.record(stored.blob_id)),
        metadata,
        tags: Vec::new(),
        parts: None,
        lock: LockState::default(),
    }
}

/// The preconditions that hold as long as the decision does: bucket, and source of a copy, are
/// those that were decided upon, and so are policies and tags that it relied on.
pub(crate) fn decided<Op>(permit: &Permit<Op>) -> Result<Vec<Precondition>, Fault> {
    let bucket = permit.bucket().ok_or(Fault::NoBucket)?;
    let source = permit.source().filter(|source| source.id != bucket.id);
    let revision = |bucket: &BucketRef| Precondition::Revision {
        key: keys::bucket(&bucket.name),
        revision: bucket.revision,
    };
    let relied_on = permit.seen().iter().map(Seen::unchanged);
    Ok(std::iter::once(bucket).chain(source).map(revision).chain(relied_on).collect())
}

/// Whether the current version is the one that it was before, whatever else its record says now.
/// That there is none again means that there was one in between.
fn is_same(before: Option<&StoredVersion>, now: Option<&StoredVersion>) -> bool {
    let identity = |version: &StoredVersion| {
        let blob_id = version.record.data_key.as_ref().map(|data_key| data_key.blob_id);
        (version.order, version.record.last_modified, blob_id)
    };
    matches!((before, now), (Some(before), Some(now)) if identity(before) == identity(now))
}

/// The event of a change of one key. It names the version that was made or removed, if the bucket
/// has versions.
pub(super) fn sealed_event(
    audit: &AuditSlot,
    object_key: &ObjectKey,
    version_id: Option<VersionId>,
    outcome: Outcome,
) -> bytes::Bytes {
    match version_id {
        Some(version_id) => audit.sealed_for(object_key.as_str(), &version_id.to_string(), outcome),
        None => audit.sealed_with(outcome),
    }
}

/// That a record is still the one that was read, or still absent.
pub(super) fn unchanged(key: bytes::Bytes, found: Option<&StoredVersion>) -> Precondition {
    match found {
        Some(found) => Precondition::Revision { key, revision: found.revision },
        None => Precondition::Absent { key },
    }
}

/// What must be written when a version goes: the parts of an upload belong to nobody then.
pub(super) fn release(record: &ObjectRecord) -> Option<Write> {
    record.parts.map(|parts| put(keys::dead_upload(parts.upload), Vec::new()))
}

/// A refusal in the words of object operations.
fn refused(refusal: WriteRefusal, object_key: &ObjectKey) -> ObjectError {
    match refusal {
        WriteRefusal::Failed(condition) => ObjectError::ConditionFailed(condition),
        WriteRefusal::NoObject => {
            ObjectError::NoSuchKey { object_key: object_key.clone(), marker: None }
        }
    }
}

/// Most bytes of one PUT. SPEC: data-protection, 1.10.
pub(crate) const PUT_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;
