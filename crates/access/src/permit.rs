//! The proof that an operation was allowed.

use std::fmt;
use std::marker::PhantomData;

use strongroom_audit::AuditSlot;

use crate::{BucketRef, Caller, Denial, Enforcement, Question, RequestFacts};

/// Proof that `access` allowed `Op` for one caller on its resources.
///
/// Not `Clone`, no public constructor: a service function cannot run without a decision. It
/// carries what the decision was about, as ids and revisions and not as names, so that a commit
/// can make them its preconditions and nothing changes between decision and write.
pub struct Permit<Op> {
    caller: Caller,
    question: Question,
    bucket: Option<BucketRef>,
    source: Option<BucketRef>,
    keys: Vec<Result<(), Denial>>,
    audit: AuditSlot,
    enforcement: Enforcement,
    operation: PhantomData<fn() -> Op>,
}

/// The parts of a decision, assembled by the enforcement point only.
pub(crate) struct Decision {
    pub(crate) caller: Caller,
    pub(crate) question: Question,
    pub(crate) bucket: Option<BucketRef>,
    pub(crate) source: Option<BucketRef>,
    pub(crate) keys: Vec<Result<(), Denial>>,
    pub(crate) audit: AuditSlot,
    pub(crate) enforcement: Enforcement,
}

impl<Op> Permit<Op> {
    pub(crate) fn issue(decision: Decision) -> Self {
        let Decision { caller, question, bucket, source, keys, audit, enforcement } = decision;
        Self { caller, question, bucket, source, keys, audit, enforcement, operation: PhantomData }
    }

    /// Judges again, after a commit found that the bucket's record has changed since the
    /// decision. On success the permit speaks of the bucket as it is now.
    ///
    /// # Errors
    /// If the operation is no longer allowed, or the bucket is gone; a bucket that was deleted
    /// and made again is another bucket.
    pub async fn renew(&mut self) -> Result<(), Denial> {
        if let Some(bucket) = &self.bucket {
            self.bucket = Some(self.enforcement.judge_again(&self.caller, bucket).await?);
        }
        if let Some(source) = &self.source {
            self.source = Some(self.enforcement.judge_again(&self.caller, source).await?);
        }
        Ok(())
    }

    /// Who was allowed.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What is known of the request.
    #[must_use]
    pub fn facts(&self) -> &RequestFacts {
        &self.question.facts
    }

    /// The bucket that the decision was about; `None` only for operations that name no existing
    /// bucket (ListBuckets, CreateBucket).
    #[must_use]
    pub fn bucket(&self) -> Option<&BucketRef> {
        self.bucket.as_ref()
    }

    /// The bucket of the copy source, for operations that have one.
    #[must_use]
    pub fn source(&self) -> Option<&BucketRef> {
        self.source.as_ref()
    }

    /// For DeleteObjects: the decision on each key, in the order of the request.
    pub fn keys(&self) -> &[Result<(), Denial>] {
        &self.keys
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
            .field("decision", &self.question.facts.request_id)
            .field("bucket", &self.bucket)
            .finish_non_exhaustive()
    }
}
