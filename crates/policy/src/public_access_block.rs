//! Block Public Access: four settings at several levels, of which the strictest count.

use crate::acl::Acl;
use crate::document::Policy;

/// The four settings of one level. What a level does not set is false.
///
/// SPEC: access-control, 4.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PublicAccessBlock {
    /// Writes that would make an ACL public are refused.
    pub block_public_acls: bool,
    /// Public grants count as absent.
    pub ignore_public_acls: bool,
    /// Writes of public policies are refused.
    pub block_public_policy: bool,
    /// A public policy serves the owner's account and services only.
    pub restrict_public_buckets: bool,
}

impl PublicAccessBlock {
    /// Everything blocked: what new buckets and accounts begin with.
    pub const ALL: Self = Self {
        block_public_acls: true,
        ignore_public_acls: true,
        block_public_policy: true,
        restrict_public_buckets: true,
    };

    /// Both levels together: a setting is in effect if any level has it.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            block_public_acls: self.block_public_acls || other.block_public_acls,
            ignore_public_acls: self.ignore_public_acls || other.ignore_public_acls,
            block_public_policy: self.block_public_policy || other.block_public_policy,
            restrict_public_buckets: self.restrict_public_buckets || other.restrict_public_buckets,
        }
    }

    /// What is in effect over all levels: organization, account, bucket, access point.
    #[must_use]
    pub fn effective(levels: impl IntoIterator<Item = Self>) -> Self {
        levels.into_iter().fold(Self::default(), Self::or)
    }

    /// Whether this policy cannot be written.
    #[must_use]
    pub fn refuses_policy(self, policy: &Policy) -> bool {
        self.block_public_policy && policy.is_public()
    }

    /// Whether this ACL cannot be written.
    #[must_use]
    pub fn refuses_acl(self, acl: &Acl) -> bool {
        self.block_public_acls && acl.is_public()
    }

    /// The grants of an ACL that count.
    #[must_use]
    pub fn effective_acl(self, acl: &Acl) -> Acl {
        if self.ignore_public_acls { acl.without_public() } else { acl.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_does_what_its_name_says() {
        let public = crate::CannedAcl::PublicRead.grants(crate::AclTarget::Bucket, "o", "o");
        let none = PublicAccessBlock::default();
        assert!(PublicAccessBlock::ALL.refuses_acl(&public) && !none.refuses_acl(&public));
        assert!(!PublicAccessBlock::ALL.effective_acl(&public).is_public());
        assert_eq!(none.effective_acl(&public), public);
        let text = br#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}}"#;
        let policy = Policy::parse(crate::PolicyKind::Bucket, text).unwrap();
        assert!(PublicAccessBlock::ALL.refuses_policy(&policy) && !none.refuses_policy(&policy));
    }

    #[test]
    fn a_setting_of_any_level_is_in_effect() {
        let account = PublicAccessBlock { block_public_acls: true, ..PublicAccessBlock::default() };
        let bucket =
            PublicAccessBlock { restrict_public_buckets: true, ..PublicAccessBlock::default() };
        let both = PublicAccessBlock::effective([account, bucket]);
        assert!(both.block_public_acls && both.restrict_public_buckets);
        assert!(!both.ignore_public_acls && !both.block_public_policy);
        assert_eq!(PublicAccessBlock::effective([]), PublicAccessBlock::default());
        let all = PublicAccessBlock::effective([account, PublicAccessBlock::ALL]);
        assert_eq!(all, PublicAccessBlock::ALL);
    }
}
