//! Policies of buckets: PutBucketPolicy, GetBucketPolicy, DeleteBucketPolicy,
//! GetBucketPolicyStatus, and the policy as decisions ask for it.
//!
//! SPEC: access-control, 1.7 and 4.3. What a policy means is decided in `strongroom_policy`; here it is
//! kept, and public ones are refused where they are blocked.

mod shelf;

use strongroom_access::{HeldPolicy, Permit};
use strongroom_model::s3;
use strongroom_policy::{Policy, PolicyError, PolicyKind, PolicyPrincipal};
use strongroom_store::Write;
use strongroom_types::Arn;

use crate::buckets::put;
use crate::fault::Fault;
use crate::multipart::bucket_of;
use crate::records::{BucketPolicyRecord, BucketRecord};
use crate::{RACES_LOST_MAX, S3, keys};

pub(crate) use shelf::PolicyShelf;

/// Why a bucket's policy was not changed or shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BucketPolicyError {
    /// It is no policy of this bucket.
    #[error(transparent)]
    Malformed(#[from] PolicyError),
    /// It is public, and the bucket does not take such.
    #[error("public policies are prevented by the BlockPublicPolicy setting")]
    Public,
    /// Under it the caller could not set another one, and does not say that this is meant.
    #[error("the caller would lose the right to change the policy")]
    LocksOut,
    /// Everything else.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl S3 {
    /// Gives a bucket another policy.
    pub(crate) async fn put_bucket_policy(
        &self,
        permit: &mut Permit<s3::PutBucketPolicy>,
        text: &str,
        confirmed: bool,
    ) -> Result<(), BucketPolicyError> {
        let policy = Policy::parse(PolicyKind::Bucket, text.as_bytes())?;
        let known = self.known(&policy).await?;
        policy.check_for_bucket(&bucket_of(permit)?.name, &|named| known.contains(named))?;
        let mut stamp = [0; 16];
        self.entropy.fill(&mut stamp).map_err(Fault::from)?;
        let held = shelf::held(&bucket_of(permit)?.name, stamp, policy);
        if !confirmed && !permit.holds_under(held.clone()).await.map_err(Fault::from)? {
            return Err(BucketPolicyError::LocksOut);
        }
        let record = BucketPolicyRecord { stamp, text: text.to_owned() };
        let value = record.encode().map_err(Fault::from)?;
        let change = |bucket: &mut BucketRecord| {
            let block = bucket.access.public_access_block.unwrap_or_default();
            if block.block_public_policy && held.policy.is_public() {
                return Err(BucketPolicyError::Public);
            }
            bucket.access.bucket_policy = Some(stamp);
            Ok(vec![put(keys::bucket_policy(bucket.id), value.clone())])
        };
        self.try_change_bucket(permit, 204, change).await
    }

    /// The text of a bucket's policy, accounts by their ARNs; `None` if it has none.
    pub(crate) async fn get_bucket_policy(
        &self,
        permit: &Permit<s3::GetBucketPolicy>,
    ) -> Result<Option<String>, Fault> {
        let policy = self.policy_of(permit).await?;
        Ok(policy.map(|held| {
            held.policy.translated(|principal| match principal {
                PolicyPrincipal::Account(account) => Some(Arn::root(*account).as_str().to_owned()),
                _ => None,
            })
        }))
    }

    /// Whether the policy of a bucket is public; `None` if it has none. SPEC: access-control, 4.3.1.
    /// No grant makes a bucket public as long as ACLs do not count.
    pub(crate) async fn get_bucket_policy_status(
        &self,
        permit: &Permit<s3::GetBucketPolicyStatus>,
    ) -> Result<Option<bool>, Fault> {
        Ok(self.policy_of(permit).await?.map(|held| held.policy.is_public()))
    }

    /// Takes the policy of a bucket away.
    pub(crate) async fn delete_bucket_policy(
        &self,
        permit: &mut Permit<s3::DeleteBucketPolicy>,
    ) -> Result<(), Fault> {
        let change = |bucket: &mut BucketRecord| {
            bucket.access.bucket_policy = None;
            Ok::<_, Fault>(vec![Write::Delete { key: keys::bucket_policy(bucket.id) }])
        };
        self.try_change_bucket(permit, 204, change).await
    }

    async fn policy_of<Op>(&self, permit: &Permit<Op>) -> Result<Option<HeldPolicy>, Fault> {
        for _ in 0..RACES_LOST_MAX {
            let record = self.bucket_record(permit).await?;
            let Some(stamp) = record.access.bucket_policy else { return Ok(None) };
            let name = &bucket_of(permit)?.name;
            if let Some(held) = self.held_policy(record.id, name, stamp).await? {
                return Ok(Some(held));
            }
        }
        Err(Fault::Contended)
    }

    /// Those of the principals that a policy names who exist.
    async fn known(&self, policy: &Policy) -> Result<Vec<PolicyPrincipal>, Fault> {
        let mut known: Vec<PolicyPrincipal> = Vec::new();
        for entry in policy.principals() {
            let named = &entry.principal;
            if !known.contains(named) && self.names.exists(named).await.map_err(Fault::Names)? {
                known.push(named.clone());
            }
        }
        Ok(known)
    }
}
