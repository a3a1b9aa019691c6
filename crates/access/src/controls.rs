//! What guards a bucket beside the policies of callers.
//!
//! SPEC: access-control, 4.

use strongroom_policy::{Acl, PublicAccessBlock};

use crate::HeldPolicy;

/// What guards a bucket. The default is that of a new bucket: nothing granted, everything blocked.
#[derive(Debug, Clone)]
pub struct BucketControls {
    /// The bucket's policy.
    pub bucket_policy: Option<HeldPolicy>,
    /// What of the public is blocked, by the bucket or its account.
    pub block: PublicAccessBlock,
    /// Who owns what is written, and whether ACLs count.
    pub ownership: ObjectOwnership,
    /// The bucket's ACL.
    pub acl: Acl,
    /// Whether requesters of other accounts pay.
    pub requester_pays: bool,
}

impl Default for BucketControls {
    fn default() -> Self {
        Self {
            bucket_policy: None,
            block: PublicAccessBlock::ALL,
            ownership: ObjectOwnership::BucketOwnerEnforced,
            acl: Acl::default(),
            requester_pays: false,
        }
    }
}

/// Who owns the objects of a bucket, and whether ACLs count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectOwnership {
    /// The bucket's owner owns everything; ACLs do not count.
    BucketOwnerEnforced,
    /// The writer owns what it writes, unless it gives it to the bucket's owner.
    BucketOwnerPreferred,
    /// The writer owns what it writes.
    ObjectWriter,
}
