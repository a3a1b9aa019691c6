//! The proof that an operation was allowed.

use std::fmt;
use std::marker::PhantomData;

use strongroom_audit::AuditSlot;

use crate::asking::Asking;
use crate::enforcement::Found;
use crate::{BucketRef, Caller, Denial, Enforcement, HeldPolicy, RequestFacts, Seen, Veil};

/// Proof that `access` allowed `Op` for one caller on its resources.
///
/// Not `Clone`, no public constructor: a service function cannot run without a decision. It
/// carries what the decision was about, as ids and revisions and not as names, so that a commit
/// can make them its preconditions and nothing changes between decision and write.
pub struct Permit<Op> {
    asking: Asking,
    found: Found,
    audit: AuditSlot,
    enforcement: Enforcement,
    operation: PhantomData<fn() -> Op>,
}

/// The parts of a decision, assembled by the enforcement point only.
pub(crate) struct Decision {
    pub(crate) asking: Asking,
    pub(crate) found: Found,
    pub(crate) audit: AuditSlot,
    pub(crate) enforcement: Enforcement,
}

impl<Op> Permit<Op> {
    pub(crate) fn issue(decision: Decision) -> Self {
        let Decision { asking, found, audit, enforcement } = decision;
        Self { asking, found, audit, enforcement, operation: PhantomData }
    }

    /// Judges again, after a commit found that the bucket's record has changed since the
    /// decision. On success the permit speaks of the bucket as it is now.
    ///
    /// # Errors
    /// If the operation is no longer allowed, or the bucket is gone; a bucket that was deleted
    /// and made again is another bucket.
    pub async fn renew(&mut self) -> Result<(), Denial> {
        let now = self.enforcement.judge_again(&self.asking, &self.found, &self.audit).await?;
        self.found = now;
        Ok(())
    }

    /// Whether the same would be allowed if this were the policy of the bucket.
    ///
    /// # Errors
    /// If it cannot be decided.
    pub async fn holds_under(&self, bucket_policy: HeldPolicy) -> Result<bool, Denial> {
        let Some(bucket) = self.bucket() else { return Ok(true) };
        self.enforcement.would_allow(&self.asking, bucket, bucket_policy).await
    }

    /// What must be asked before the caller hears that something does not exist; `None` if nothing is
    /// hidden from it. A copy tells of its source and of its target alike.
    #[must_use]
    pub fn veil(&self) -> Option<Veil> {
        Veil::before(&self.asking, &[self.bucket(), self.source()], &self.enforcement)
    }

    /// Who was allowed.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.asking.caller
    }

    /// What is known of the request.
    #[must_use]
    pub fn facts(&self) -> &RequestFacts {
        &self.asking.question.facts
    }

    /// The bucket that the decision was about; `None` only for operations that name no existing
    /// bucket (ListBuckets, CreateBucket).
    #[must_use]
    pub fn bucket(&self) -> Option<&BucketRef> {
        self.found.bucket.as_ref()
    }

    /// The bucket of the copy source, for operations that have one.
    #[must_use]
    pub fn source(&self) -> Option<&BucketRef> {
        self.found.source.as_ref()
    }

    /// The records that the decision relied on beside the buckets: a change is committed on
    /// condition that they are what they were.
    #[must_use]
    pub fn seen(&self) -> &[Seen] {
        &self.found.seen
    }

    /// For DeleteObjects: the decision on each key, in the order of the request.
    pub fn keys(&self) -> &[Result<(), Denial>] {
        &self.found.keys
    }

    /// The open audit event of the request, to be sealed into the commit batch.
    #[must_use]
    pub fn audit(&self) -> &AuditSlot {
        &self.audit
    }
}

impl<Op> fmt::Debug for Permit<Op> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("decision", &self.asking.question.facts.request_id)
            .field("bucket", &self.found.bucket)
            .finish_non_exhaustive()
    }
}
