//! Deleting objects.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use strongroom_access::{BucketRef, Denial, Permit};
use strongroom_audit::{AuditSlot, Outcome};
use strongroom_model::s3;
use strongroom_store::{Batch, CommitError, NewPayload, Precondition, Protection, Write};
use strongroom_types::{ObjectKey, VersionId, VersioningState};
use tokio::task::JoinSet;

use super::versions::Placement;
use super::write::{sealed_event, unchanged};
use super::{ObjectError, StoredVersion, shown_version};
use crate::conditions::DeleteConditions;
use crate::fault::Fault;
use crate::keys;
use crate::records::ObjectRecord;
use crate::{RACES_LOST_MAX, S3};

/// What to delete, and when.
#[derive(Debug, Clone)]
pub(crate) struct DeleteRequest {
    /// The key.
    pub(crate) object_key: ObjectKey,
    /// The version; without one what deletion means is the bucket's versioning state.
    pub(crate) version_id: Option<VersionId>,
    /// What must hold of the object, if there is one.
    pub(crate) conditions: DeleteConditions,
}

/// What a deletion did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct DeletedVersion {
    /// The version that was asked for by name, whether or not it was there, or the delete marker
    /// that was made; none in a bucket that was never versioned.
    pub(crate) version_id: Option<VersionId>,
    /// Whether a delete marker was made or removed.
    pub(crate) delete_marker: bool,
}

/// How one try went.
enum Attempt {
    /// Something changed, and the event is durable with it.
    Committed(DeletedVersion),
    /// There was nothing to delete.
    Needless(DeletedVersion),
    /// The key is not what it was when it was read.
    Lost,
    /// The bucket's record is not the one that was decided upon.
    DecisionStale,
}

/// A deletion that is ready to be committed.
struct Deletion {
    preconditions: Vec<Precondition>,
    writes: Vec<Write>,
    deleted: DeletedVersion,
}

impl S3 {
    /// Deletes one object or version. That there is none is no error.
    pub(crate) async fn delete_object(
        &self,
        permit: &mut Permit<s3::DeleteObject>,
        request: &DeleteRequest,
    ) -> Result<DeletedVersion, ObjectError> {
        for _ in 0..RACES_LOST_MAX {
            let bucket = permit.bucket().ok_or(Fault::NoBucket)?.clone();
            let audit = permit.audit();
            let seal =
                |version_id, outcome| sealed_event(audit, &request.object_key, version_id, outcome);
            match self.try_delete(&bucket, request, seal).await? {
                Attempt::Committed(deleted) => {
                    permit.audit().mark_recorded();
                    return Ok(deleted);
                }
                Attempt::Needless(deleted) => return Ok(deleted),
                Attempt::Lost => {}
                Attempt::DecisionStale => permit.renew().await.map_err(Fault::from)?,
            }
        }
        Err(Fault::Contended.into())
    }

    /// Deletes many, each by itself: one result for each request, in their order. An entry that
    /// could not be read has its place, and its error for a result.
    pub(crate) async fn delete_objects(
        self: &Arc<Self>,
        permit: &mut Permit<s3::DeleteObjects>,
        requests: Vec<Result<DeleteRequest, ObjectError>>,
    ) -> Result<Vec<Result<DeletedVersion, ObjectError>>, Fault> {
        let mut results: Vec<Option<Result<DeletedVersion, ObjectError>>> = Vec::new();
        let mut waiting: VecDeque<(usize, DeleteRequest)> = VecDeque::new();
        let mut decisions = permit.keys().to_vec().into_iter();
        for (index, request) in requests.into_iter().enumerate() {
            // INVARIANT: a permit decides each key; what it does not decide is refused.
            let decision = decisions.next().unwrap_or_else(|| Err(Denial::plain()));
            match (decision, request) {
                (Ok(()), Ok(request)) => {
                    results.push(None);
                    waiting.push_back((index, request));
                }
                (Ok(()), Err(error)) => results.push(Some(Err(error))),
                (Err(denial), _) => results.push(Some(Err(Fault::Denied(denial).into()))),
            }
        }
        for _ in 0..RACES_LOST_MAX {
            let bucket = permit.bucket().ok_or(Fault::NoBucket)?.clone();
            let audit = permit.audit().clone();
            let stale = self.delete_round(&bucket, &audit, waiting, &mut results).await?;
            if stale.is_empty() {
                let missing = || Err(Fault::Contended.into());
                return Ok(results.into_iter().map(|r| r.unwrap_or_else(missing)).collect());
            }
            permit.renew().await?;
            waiting = VecDeque::new();
            for (index, request) in stale {
                match permit.keys().get(index).cloned().unwrap_or_else(|| Err(Denial::plain())) {
                    Ok(()) => waiting.push_back((index, request)),
                    Err(denial) => {
                        if let Some(result) = results.get_mut(index) {
                            *result = Some(Err(Fault::Denied(denial).into()));
                        }
                    }
                }
            }
        }
        Err(Fault::Contended)
    }

    /// Tries each deletion once, some of them at the same time. Returns those whose decision was
    /// stale.
    async fn delete_round(
        self: &Arc<Self>,
        bucket: &BucketRef,
        audit: &AuditSlot,
        mut waiting: VecDeque<(usize, DeleteRequest)>,
        results: &mut [Option<Result<DeletedVersion, ObjectError>>],
    ) -> Result<VecDeque<(usize, DeleteRequest)>, Fault> {
        let mut running = JoinSet::new();
        let mut stale = VecDeque::new();
        loop {
            while running.len() < DELETIONS_RUNNING_MAX
                && let Some((index, request)) = waiting.pop_front()
            {
                let (service, bucket) = (Arc::clone(self), bucket.clone());
                let audit = audit.clone();
                running.spawn(async move {
                    let attempt = service.delete_settled(&bucket, &request, &audit).await;
                    (index, request, attempt)
                });
            }
            let Some(finished) = running.join_next().await else { return Ok(stale) };
            // A task that panicked or was cancelled has said nothing about its key.
            let (index, request, attempt) = finished.map_err(|_| Fault::Contended)?;
            let result = match attempt {
                Ok(Attempt::DecisionStale) => {
                    stale.push_back((index, request));
                    continue;
                }
                Ok(Attempt::Committed(deleted) | Attempt::Needless(deleted)) => Ok(deleted),
                Ok(Attempt::Lost) => Err(Fault::Contended.into()),
                Err(error) => Err(error),
            };
            if let Some(slot) = results.get_mut(index) {
                *slot = Some(result);
            }
        }
    }

    /// Deletes one of many, as often as it takes.
    async fn delete_settled(
        &self,
        bucket: &BucketRef,
        request: &DeleteRequest,
        audit: &AuditSlot,
    ) -> Result<Attempt, ObjectError> {
        let seal = |version_id: Option<VersionId>, outcome| {
            let version_id = version_id.or(request.version_id);
            let version_id = version_id.map(|id| id.to_string()).unwrap_or_default();
            audit.sealed_for(request.object_key.as_str(), &version_id, outcome)
        };
        for _ in 0..RACES_LOST_MAX {
            match self.try_delete(bucket, request, seal).await? {
                Attempt::Lost => {}
                settled => return Ok(settled),
            }
        }
        Err(Fault::Contended.into())
    }

    /// Tries a deletion once, under the decision about `bucket`. The event, which `seal` makes for
    /// the version that is made or removed, is committed only if something changes.
    async fn try_delete(
        &self,
        bucket: &BucketRef,
        request: &DeleteRequest,
        seal: impl Fn(Option<VersionId>, Outcome) -> Bytes,
    ) -> Result<Attempt, ObjectError> {
        let versioned = bucket.versioning != VersioningState::Unversioned;
        let deletion = match request.version_id {
            None if versioned => self.marking(bucket, request).await?,
            _ => self.removing(bucket, request).await?,
        };
        let Some(Deletion { mut preconditions, writes, deleted }) = deletion else {
            let version_id = request.version_id.filter(|_| versioned);
            return Ok(Attempt::Needless(DeletedVersion { version_id, delete_marker: false }));
        };
        let key = keys::bucket(&bucket.name);
        preconditions.insert(0, Precondition::Revision { key, revision: bucket.revision });
        let outcome = Outcome { status: 204, ..Outcome::default() };
        let event = Some(seal(deleted.version_id, outcome));
        let batch = Batch { preconditions, writes, event, ..Batch::default() };
        match self.store.metadata.commit(batch).await {
            Ok(_) => Ok(Attempt::Committed(deleted)),
            Err(CommitError::Precondition { index: 0 }) => Ok(Attempt::DecisionStale),
            Err(CommitError::Precondition { .. }) => Ok(Attempt::Lost),
            Err(error) => Err(Fault::Commit(error).into()),
        }
    }

    /// The removal of a version, or of the object where there are no versions; `None` if there is
    /// nothing to remove.
    async fn removing(
        &self,
        bucket: &BucketRef,
        request: &DeleteRequest,
    ) -> Result<Option<Deletion>, ObjectError> {
        let found = self.version(bucket, &request.object_key, request.version_id).await?;
        let Some(found) = found else { return Ok(None) };
        let judged = request.conditions.judge(&found.record);
        judged.map_err(ObjectError::ConditionFailed)?;
        let key = keys::object_version(bucket.id, &request.object_key, found.order);
        Ok(Some(Deletion {
            preconditions: vec![unchanged(key, Some(&found))],
            writes: self.removal(bucket, &request.object_key, &found),
            deleted: DeletedVersion {
                version_id: shown_version(bucket, &found.record),
                delete_marker: found.record.is_delete_marker(),
            },
        }))
    }

    /// The delete marker that becomes the current version. `None` if the deletion is conditional
    /// and there is nothing that the condition could speak of.
    async fn marking(
        &self,
        bucket: &BucketRef,
        request: &DeleteRequest,
    ) -> Result<Option<Deletion>, ObjectError> {
        let placement = self.place(bucket, &request.object_key).await?;
        let Placement { current, version_id, key, preconditions, mut writes } = placement;
        match current.as_ref().map(|current: &StoredVersion| &current.record) {
            Some(current) => {
                request.conditions.judge(current).map_err(ObjectError::ConditionFailed)?;
            }
            None if request.conditions.is_any() => return Ok(None),
            None => {}
        }
        let marker = ObjectRecord::delete_marker(version_id, self.clock.now());
        writes.push(Write::Put {
            key,
            value: marker.encode().map_err(Fault::from)?.into(),
            payload: NewPayload::None,
            protection: Protection::default(),
        });
        let deleted = DeletedVersion { version_id: Some(version_id), delete_marker: true };
        Ok(Some(Deletion { preconditions, writes, deleted }))
    }
}

const DELETIONS_RUNNING_MAX: usize = 32; // enough to fill a group commit; a batch is under 10 KB
