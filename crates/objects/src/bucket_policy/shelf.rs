//! Policies of buckets, compiled once.

use std::collections::BTreeMap;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use parking_lot::Mutex;
use strongroom_access::HeldPolicy;
use strongroom_policy::{Policy, PolicyKind};
use strongroom_types::{Arn, BucketId, BucketName};

use crate::fault::Fault;
use crate::records::{BucketPolicyRecord, PolicyStamp};
use crate::{S3, keys};

/// The compiled policies of the buckets that were asked for last. A policy is found by its stamp, so
/// none is ever used that is not in force.
#[derive(Debug, Default)]
pub(crate) struct PolicyShelf(Mutex<BTreeMap<BucketId, (PolicyStamp, HeldPolicy)>>);

impl PolicyShelf {
    fn get(&self, bucket: BucketId, stamp: PolicyStamp) -> Option<HeldPolicy> {
        let shelf = self.0.lock();
        shelf.get(&bucket).filter(|(held, _)| *held == stamp).map(|(_, policy)| policy.clone())
    }

    fn put(&self, bucket: BucketId, stamp: PolicyStamp, policy: HeldPolicy) {
        let mut shelf = self.0.lock();
        if shelf.len() >= POLICIES_MAX && !shelf.contains_key(&bucket) {
            // Ids are random, so that any one is as good as another.
            shelf.pop_first();
        }
        shelf.insert(bucket, (stamp, policy));
    }
}

impl S3 {
    /// The policy of a bucket with this stamp; `None` if there is none, because the bucket has changed
    /// since its record was read.
    pub(crate) async fn held_policy(
        &self,
        bucket: BucketId,
        name: &BucketName,
        stamp: PolicyStamp,
    ) -> Result<Option<HeldPolicy>, Fault> {
        if let Some(held) = self.policies.get(bucket, stamp) {
            return Ok(Some(held));
        }
        let entry = self.store.metadata.get(&keys::bucket_policy(bucket)).await?;
        let Some(entry) = entry else { return Ok(None) };
        let record = BucketPolicyRecord::decode(&entry.value)?;
        if record.stamp != stamp {
            return Ok(None);
        }
        // SECURITY: what cannot be read could deny: the request fails.
        let policy = Policy::parse(PolicyKind::Bucket, record.text.as_bytes());
        let held = held(name, stamp, policy.map_err(Fault::StoredPolicy)?);
        self.policies.put(bucket, stamp, held.clone());
        Ok(Some(held))
    }
}

/// A policy with its names: that of its bucket, and its stamp as the version.
pub(crate) fn held(bucket: &BucketName, stamp: PolicyStamp, policy: Policy) -> HeldPolicy {
    let version = HEXLOWER.encode(&stamp);
    HeldPolicy::new(Arn::bucket(bucket).as_str(), &version, Arc::new(policy))
}

/// Compiled policies that are kept: of 20 KiB of text at most each, and usually of one.
const POLICIES_MAX: usize = 1_000;
