//! Deleting objects.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use strongroom_access::{BucketRef, Denial, Permit};
use strongroom_audit::{AuditSlot, Outcome};
use strongroom_model::s3;
use strongroom_store::{Batch, CommitError, Precondition, Write};
use strongroom_types::{ObjectKey, VersionId};
use tokio::task::JoinSet;

use super::ObjectError;
use super::write::{release, unchanged};
use crate::conditions::DeleteConditions;
use crate::fault::Fault;
use crate::keys::{self, VersionOrder};
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
    /// The version that was asked for by name, whether or not it was there.
    pub(crate) version_id: Option<VersionId>,
    /// Whether a delete marker was removed.
    pub(crate) delete_marker: bool,
}

/// How one try went.
enum Attempt {
    Done(DeletedVersion),
    /// The bucket's record is not the one that was decided upon.
    DecisionStale,
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
            let outcome = Outcome { status: 204, ..Outcome::default() };
            let event = permit.audit().sealed_with(outcome);
            match self.delete_version(&bucket, request, event).await? {
                (Attempt::Done(deleted), recorded) => {
                    if recorded {
                        permit.audit().mark_recorded();
                    }
                    return Ok(deleted);
                }
                (Attempt::DecisionStale, _) => permit.renew().await.map_err(Fault::from)?,
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
            waiting = stale;
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
                let version_id = request.version_id.map(|id| id.to_string()).unwrap_or_default();
                let outcome = Outcome { status: 204, ..Outcome::default() };
                let object_key = request.object_key.as_str();
                let event = audit.sealed_for(object_key, &version_id, outcome);
                running.spawn(async move {
                    let attempt = service.delete_version(&bucket, &request, event).await;
                    (index, request, attempt)
                });
            }
            let Some(finished) = running.join_next().await else { return Ok(stale) };
            // A task that panicked or was cancelled has said nothing about its key.
            let (index, request, attempt) = finished.map_err(|_| Fault::Contended)?;
            let result = match attempt {
                Ok((Attempt::DecisionStale, _)) => {
                    stale.push_back((index, request));
                    continue;
                }
                Ok((Attempt::Done(deleted), _)) => Ok(deleted),
                Err(error) => Err(error),
            };
            if let Some(slot) = results.get_mut(index) {
                *slot = Some(result);
            }
        }
    }

    /// Deletes a version under the decision about `bucket`; says also whether `event` was
    /// committed, which it is only if something changed.
    async fn delete_version(
        &self,
        bucket: &BucketRef,
        request: &DeleteRequest,
        event: Bytes,
    ) -> Result<(Attempt, bool), ObjectError> {
        for _ in 0..RACES_LOST_MAX {
            let current = self.version(bucket.id, &request.object_key, request.version_id).await?;
            let Some(current) = current else {
                let deleted =
                    DeletedVersion { version_id: request.version_id, delete_marker: false };
                return Ok((Attempt::Done(deleted), false));
            };
            let judged = request.conditions.judge(&current.record);
            judged.map_err(ObjectError::ConditionFailed)?;
            let order = VersionOrder::of(current.record.version_id);
            let key = keys::object_version(bucket.id, &request.object_key, order);
            let mut writes = vec![Write::Delete { key: key.clone() }];
            writes.extend(release(&current.record));
            let batch = Batch {
                preconditions: vec![
                    Precondition::Revision {
                        key: keys::bucket(&bucket.name),
                        revision: bucket.revision,
                    },
                    unchanged(key, Some(&current)),
                ],
                writes,
                event: Some(event.clone()),
                ..Batch::default()
            };
            match self.store.metadata.commit(batch).await {
                Ok(_) => {
                    let delete_marker =
                        request.version_id.is_some() && current.record.is_delete_marker();
                    let deleted = DeletedVersion { version_id: request.version_id, delete_marker };
                    return Ok((Attempt::Done(deleted), true));
                }
                Err(CommitError::Precondition { index: 0 }) => {
                    return Ok((Attempt::DecisionStale, false));
                }
                Err(CommitError::Precondition { .. }) => {}
                Err(error) => return Err(Fault::Commit(error).into()),
            }
        }
        Err(Fault::Contended.into())
    }
}

const DELETIONS_RUNNING_MAX: usize = 32; // enough to fill a group commit; a batch is under 10 KB
