//! What the enforcement point asks others: which buckets there are and what guards them, and what
//! the policies of a principal say.
//!
//! Every answer says what it was read from ([`Seen`]), so that a change can be committed on
//! condition that nothing of it has changed.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use strongroom_policy::{Acl, ObjectOwner, Policy};
use strongroom_store::{BoxFuture, Precondition, Revision};
use strongroom_types::{AccountId, BucketId, BucketName, VersioningState};

use crate::{BucketControls, Principal};

/// Finds buckets for the enforcement point. Implemented by the service that keeps them.
pub trait BucketDirectory: Send + Sync + fmt::Debug {
    /// The live bucket of this name.
    fn bucket<'a>(
        &'a self,
        name: &'a BucketName,
    ) -> BoxFuture<'a, Result<Option<BucketRef>, DirectoryError>>;

    /// What a decision may need to know of a stored object; `None` if there is none such. Asked
    /// only where a policy names a tag of it, or its owner may be another account.
    fn object<'a>(
        &'a self,
        bucket: &'a BucketRef,
        object_key: &'a str,
        version_id: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Option<ObjectFacts>, DirectoryError>>;
}

/// Knows what principals may do. Implemented by `identity`.
pub trait PrincipalDirectory: Send + Sync + fmt::Debug {
    /// Everything that says what a user, a role or a federated user may do, as of now. Never asked
    /// about the root of an account, nor about anonymous callers.
    fn standing<'a>(
        &'a self,
        principal: &'a Principal,
    ) -> BoxFuture<'a, Result<Arc<Standing>, DirectoryError>>;
}

/// A directory could not answer; the decision fails closed.
#[derive(Debug, thiserror::Error)]
#[error("what the decision needs could not be read")]
pub struct DirectoryError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// A bucket as a decision saw it.
#[derive(Debug, Clone)]
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
    /// What guards it: its policy, its ACL, who owns what is written, what is blocked.
    pub controls: Arc<BucketControls>,
}

/// A stored object, as far as decisions need it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectFacts {
    /// Who owns it, if that is not the bucket's owner.
    pub owner: Option<ObjectOwner>,
    /// Its ACL.
    pub acl: Acl,
    /// Its tags.
    pub tags: Vec<(String, String)>,
    /// The record that this was read from.
    pub seen: Vec<Seen>,
}

/// What a principal may do, by the policies of its account.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// The policies of the user and its groups, or of the role: inline and attached.
    pub identity_policies: Vec<HeldPolicy>,
    /// Its permissions boundary.
    pub boundary: Option<HeldPolicy>,
    /// The tags of the user or role.
    pub tags: Vec<(String, String)>,
    /// The records that this was read from.
    pub seen: Vec<Seen>,
}

/// A policy and where it stands.
#[derive(Debug, Clone)]
pub struct HeldPolicy {
    /// Its ARN, or where an inline policy lies.
    pub policy_id: Arc<str>,
    /// Which version of it, as its keeper names versions.
    pub policy_version: Arc<str>,
    /// The policy, compiled.
    pub policy: Arc<Policy>,
    /// The condition keys that it can ask for, in lower case.
    pub(crate) condition_keys: Arc<[String]>,
}

impl HeldPolicy {
    /// A policy under its name. Make it once and keep it: it looks through the policy for the keys
    /// that a request has to fill.
    #[must_use]
    pub fn new(policy_id: &str, policy_version: &str, policy: Arc<Policy>) -> Self {
        let condition_keys = policy.condition_keys().into_iter().collect();
        let (policy_id, policy_version) = (policy_id.into(), policy_version.into());
        Self { policy_id, policy_version, policy, condition_keys }
    }
}

/// A record that a decision relied on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The key of the record.
    pub key: Bytes,
    /// The revision that it had; `None` if it was absent.
    pub revision: Option<Revision>,
}

impl Seen {
    /// That the record is still what the decision relied on.
    #[must_use]
    pub fn unchanged(&self) -> Precondition {
        let key = self.key.clone();
        match self.revision {
            Some(revision) => Precondition::Revision { key, revision },
            None => Precondition::Absent { key },
        }
    }
}
