//! The decision.

use std::fmt;
use std::sync::Arc;

use strongroom_audit::AuditSlot;
use strongroom_store::{BoxFuture, Revision};
use strongroom_types::{AccountId, BucketId, BucketName, VersioningState};
use strongroom_wire::{RequestHead, Target};

use crate::permit::Decision;
use crate::{Caller, Denial, Operands, Permit, Principal, RequestFacts};

/// Finds buckets for the enforcement point. Implemented by the service that keeps them.
pub trait BucketDirectory: Send + Sync + fmt::Debug {
    /// The live bucket of this name.
    fn bucket<'a>(
        &'a self,
        name: &'a BucketName,
    ) -> BoxFuture<'a, Result<Option<BucketRef>, DirectoryError>>;
}

/// The directory could not answer; the decision fails closed.
#[derive(Debug, thiserror::Error)]
#[error("the bucket directory could not be read")]
pub struct DirectoryError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// A bucket as a decision saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketRef {
    /// The bucket itself, whatever its name is used for later.
    pub id: BucketId,
    /// The name under which it was found.
    pub name: BucketName,
    /// The account that owns it.
    pub owner: AccountId,
    /// The revision of the bucket's record that the decision used.
    pub revision: Revision,
    /// Whether the bucket keeps versions, as that record says: a write that is conditional on the
    /// revision is made by the rules of the state that it was decided in.
    pub versioning: VersioningState,
}

/// The one policy enforcement point.
///
/// Until policies arrive the rule is short: the root of the account that owns a resource may do
/// everything with it; every other caller is refused.
#[derive(Debug, Clone)]
pub struct Enforcement {
    buckets: Arc<dyn BucketDirectory>,
}

impl Enforcement {
    /// An enforcement point over these buckets.
    #[must_use]
    pub fn new(buckets: Arc<dyn BucketDirectory>) -> Self {
        Self { buckets }
    }

    /// Decides one operation.
    ///
    /// The order of checks is SPEC: access-control, 2.9: bucket lookup, expected bucket owner,
    /// then authorization; nothing about objects is learnt before.
    ///
    /// # Errors
    /// The reason for refusing, fit for the client's eyes.
    pub async fn permit<Op: Operands>(
        &self,
        caller: &Caller,
        request: &Question,
        input: &Op::Input,
        audit: &AuditSlot,
    ) -> Result<Permit<Op>, Denial> {
        let (account, bucket) = if Op::OF_EVERYBODY_SIGNED {
            (caller.principal.account().ok_or_else(Denial::plain)?, None)
        } else if Op::MAKES_BUCKET {
            (signed_in(caller)?, None)
        } else {
            self.addressed(caller, request).await?
        };
        let source = match Op::copy_source(input) {
            Some(source) => {
                let source = self.find(&source.bucket).await?;
                expect_owner(&request.head, "x-amz-source-expected-bucket-owner", &source)?;
                allow_owner(account, &source)?;
                Some(source)
            }
            None => None,
        };
        Ok(Permit::issue(Decision {
            caller: caller.clone(),
            question: request.clone(),
            bucket,
            source,
            keys: vec![Ok(()); Op::keys(input).len()],
            audit: audit.clone(),
            enforcement: self.clone(),
        }))
    }

    /// Judges by the head alone, before a document is read: who is refused whatever it says makes
    /// the server hold none of it.
    ///
    /// # Errors
    /// The reason for refusing, fit for the client's eyes.
    pub async fn admit(
        &self,
        caller: &Caller,
        request: &Question,
        makes_bucket: bool,
    ) -> Result<(), Denial> {
        if makes_bucket {
            return signed_in(caller).map(|_| ());
        }
        self.addressed(caller, request).await.map(|_| ())
    }

    /// Decides what does not depend on the typed input; all there is to decide about an operation
    /// that is refused by name. Returns the caller's account and the bucket.
    pub(crate) async fn addressed(
        &self,
        caller: &Caller,
        request: &Question,
    ) -> Result<(AccountId, Option<BucketRef>), Denial> {
        let Some(name) = &request.target.bucket else {
            return Ok((signed_in(caller)?, None));
        };
        let bucket = self.find(name).await?;
        expect_owner(&request.head, "x-amz-expected-bucket-owner", &bucket)?;
        let account = signed_in(caller)?;
        allow_owner(account, &bucket)?;
        Ok((account, Some(bucket)))
    }

    /// Decides again about a bucket that has changed since it was decided upon.
    pub(crate) async fn judge_again(
        &self,
        caller: &Caller,
        bucket: &BucketRef,
    ) -> Result<BucketRef, Denial> {
        let now = self.find(&bucket.name).await?;
        if now.id != bucket.id {
            return Err(Denial::NoSuchBucket(bucket.name.clone()));
        }
        allow_owner(signed_in(caller)?, &now)?;
        Ok(now)
    }

    async fn find(&self, name: &BucketName) -> Result<BucketRef, Denial> {
        let found = self.buckets.bucket(name).await.map_err(|_| Denial::Unavailable)?;
        found.ok_or_else(|| Denial::NoSuchBucket(name.clone()))
    }
}

/// What a decision knows of the request beside the typed input. Shared with the permit, which may
/// have to ask again.
#[derive(Clone)]
pub struct Question {
    /// The request's head.
    pub head: Arc<RequestHead>,
    /// The bucket and object key that it addresses.
    pub target: Arc<Target>,
    /// Facts that no client can forge.
    pub facts: Arc<RequestFacts>,
}

/// SECURITY: a head holds signatures and tokens.
impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question")
            .field("request_id", &self.facts.request_id)
            .finish_non_exhaustive()
    }
}

fn signed_in(caller: &Caller) -> Result<AccountId, Denial> {
    let Principal::Root { account, .. } = caller.principal else {
        return Err(Denial::plain());
    };
    Ok(account)
}

fn allow_owner(account: AccountId, bucket: &BucketRef) -> Result<(), Denial> {
    if bucket.owner == account { Ok(()) } else { Err(Denial::plain()) }
}

/// SPEC: access-control, 4.4. The header counts once: a second one could contradict the first.
fn expect_owner(head: &RequestHead, header: &str, bucket: &BucketRef) -> Result<(), Denial> {
    let mut values = head.headers.get_all(header).iter();
    let Some(expected) = values.next() else { return Ok(()) };
    let expected = expected.to_str().ok().and_then(|text| text.parse().ok());
    match (expected, values.next()) {
        (Some(owner), None) if bucket.owner == owner => Ok(()),
        (Some(_), None) => Err(Denial::plain()),
        (None, _) | (_, Some(_)) => Err(Denial::InvalidExpectedOwner),
    }
}
