//! Access control lists: who is granted what, and which action that permits.
//!
//! Knows neither XML nor headers.

use std::str::FromStr;

use crate::action::Action;
use crate::evaluate::AclMatch;
use crate::principal::RequestPrincipal;

/// The grants of a bucket or an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Acl {
    /// In the order in which they were given.
    pub grants: Vec<AclGrant>,
}

/// One grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AclGrant {
    /// To whom.
    pub grantee: Grantee,
    /// What.
    pub permission: AclPermission,
}

/// Who is granted something: an account or a group, never a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grantee {
    /// An account by canonical id: 64 hexadecimal digits, or the 32 of the anonymous owner.
    CanonicalUser(Box<str>),
    /// A group.
    Group(AclGroup),
}

/// The groups that exist.
///
/// SPEC: access-control, 4.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AclGroup {
    /// Everyone.
    AllUsers,
    /// Everyone who signs, of any account.
    AuthenticatedUsers,
    /// The service that delivers logs.
    LogDelivery,
}

impl AclGroup {
    /// The URI by which the group is named.
    #[must_use]
    pub fn uri(self) -> &'static str {
        match self {
            Self::AllUsers => "http://acs.amazonaws.com/groups/global/AllUsers",
            Self::AuthenticatedUsers => "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
            Self::LogDelivery => "http://acs.amazonaws.com/groups/s3/LogDelivery",
        }
    }

    /// The group of a URI.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        let groups = [Self::AllUsers, Self::AuthenticatedUsers, Self::LogDelivery];
        groups.into_iter().find(|group| group.uri() == uri)
    }

    /// Whether a grant to it makes an ACL public.
    ///
    /// SPEC: access-control, 4.1.
    #[must_use]
    pub fn is_public(self) -> bool {
        match self {
            Self::AllUsers | Self::AuthenticatedUsers => true,
            Self::LogDelivery => false,
        }
    }
}

/// What can be granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AclPermission {
    /// To list a bucket, to read an object.
    Read,
    /// To make objects in a bucket.
    Write,
    /// To read the ACL.
    ReadAcp,
    /// To write the ACL.
    WriteAcp,
    /// All of it.
    FullControl,
}

/// A permission or canned ACL of another name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no such name")]
pub struct AclNameError;

impl AclPermission {
    /// The name in documents: `READ_ACP`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "READ",
            Self::Write => "WRITE",
            Self::ReadAcp => "READ_ACP",
            Self::WriteAcp => "WRITE_ACP",
            Self::FullControl => "FULL_CONTROL",
        }
    }
}

impl FromStr for AclPermission {
    type Err = AclNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [Self::Read, Self::Write, Self::ReadAcp, Self::WriteAcp, Self::FullControl];
        all.into_iter().find(|permission| permission.as_str() == text).ok_or(AclNameError)
    }
}

/// What an ACL hangs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AclTarget {
    /// A bucket.
    Bucket,
    /// An object.
    Object,
}

/// The object that a write would replace or remove, as the right to write a bucket sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExistingObject {
    /// There is none: the object is new. Also for questions that are not about a write.
    Absent,
    /// It is the caller's account's own.
    OwnedByCaller,
    /// It is somebody else's.
    OwnedByOther,
}

/// A question to an ACL.
#[derive(Debug, Clone, Copy)]
pub struct AclQuestion<'a> {
    /// Who asks.
    pub principal: &'a RequestPrincipal,
    /// What for.
    pub action: &'a Action,
    /// What the ACL hangs on.
    pub target: AclTarget,
    /// Whether the caller's account owns the bucket.
    pub is_bucket_owner: bool,
    /// What a write would replace or remove.
    pub existing: ExistingObject,
}

impl Acl {
    /// The grants that permit the action to the caller, by whom they are for. Drop public grants first
    /// ([`Acl::without_public`]) where IgnorePublicAcls is in effect.
    ///
    /// SPEC: access-control, 2.6, 4.1.
    #[must_use]
    pub fn matching(&self, question: &AclQuestion<'_>) -> AclMatch {
        let mut found = AclMatch::default();
        let account = question.principal.account();
        let canonical = account.map(|account| account.canonical.to_string());
        let is_log_delivery = matches!(
            question.principal,
            RequestPrincipal::Service(name) if **name == *LOG_DELIVERY_SERVICE
        );
        for grant in self.grants.iter().filter(|grant| grant.permission.permits(question)) {
            match &grant.grantee {
                Grantee::CanonicalUser(id) => {
                    found.account |= canonical.as_deref() == Some(&**id);
                }
                Grantee::Group(AclGroup::AllUsers) => found.everyone = true,
                Grantee::Group(AclGroup::AuthenticatedUsers) => {
                    found.authenticated |= account.is_some();
                }
                Grantee::Group(AclGroup::LogDelivery) => found.log_delivery |= is_log_delivery,
            }
        }
        found
    }

    /// Whether some grant is for everyone, or for everyone who signs.
    ///
    /// SPEC: access-control, 4.1 (public ACL).
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.grants.iter().any(AclGrant::is_public)
    }

    /// The grants that are not public: what IgnorePublicAcls leaves.
    ///
    /// SPEC: access-control, 2.6, 4.3.
    #[must_use]
    pub fn without_public(&self) -> Self {
        let kept = self.grants.iter().filter(|grant| !grant.is_public());
        Self { grants: kept.cloned().collect() }
    }
}

impl AclGrant {
    /// Whether the grant is for everyone, or for everyone who signs.
    #[must_use]
    pub fn is_public(&self) -> bool {
        matches!(&self.grantee, Grantee::Group(group) if group.is_public())
    }
}

impl AclPermission {
    /// Whether this permission is enough for the action.
    ///
    /// SPEC: access-control, 4.1.
    fn permits(self, question: &AclQuestion<'_>) -> bool {
        let is_one_of = |actions: &[&str]| actions.iter().any(|name| question.action.is(name));
        match (question.target, self) {
            (AclTarget::Bucket, Self::Read) => is_one_of(BUCKET_READ),
            (AclTarget::Bucket, Self::Write) => question.may_write(),
            (AclTarget::Bucket, Self::ReadAcp) => is_one_of(BUCKET_READ_ACP),
            (AclTarget::Bucket, Self::WriteAcp) => is_one_of(BUCKET_WRITE_ACP),
            (AclTarget::Bucket, Self::FullControl) => {
                is_one_of(BUCKET_READ)
                    || question.may_write()
                    || is_one_of(BUCKET_READ_ACP)
                    || is_one_of(BUCKET_WRITE_ACP)
            }
            (AclTarget::Object, Self::Read) => is_one_of(OBJECT_READ),
            (AclTarget::Object, Self::Write) => false,
            (AclTarget::Object, Self::ReadAcp) => is_one_of(OBJECT_READ_ACP),
            (AclTarget::Object, Self::WriteAcp) => is_one_of(OBJECT_WRITE_ACP),
            (AclTarget::Object, Self::FullControl) => {
                is_one_of(OBJECT_READ) || is_one_of(OBJECT_READ_ACP) || is_one_of(OBJECT_WRITE_ACP)
            }
        }
    }
}

impl AclQuestion<'_> {
    /// Whether the right to write the bucket is enough: for new objects it is; what exists can be
    /// replaced or removed by its owner and by the bucket's.
    fn may_write(&self) -> bool {
        let owns = self.is_bucket_owner || self.existing == ExistingObject::OwnedByCaller;
        if self.action.is("s3:putobject") {
            return owns || self.existing == ExistingObject::Absent;
        }
        if self.action.is("s3:deleteobject") {
            return owns;
        }
        self.action.is("s3:deleteobjectversion") && self.is_bucket_owner
    }
}

/// Who owns the objects of a bucket, and whether ACLs mean anything.
///
/// SPEC: access-control, 4.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ObjectOwnership {
    /// The bucket's owner, and ACLs are off. What new buckets have.
    #[default]
    BucketOwnerEnforced,
    /// The bucket's owner, if the writer says so.
    BucketOwnerPreferred,
    /// The writer. Also of old buckets that have no setting.
    ObjectWriter,
}

impl ObjectOwnership {
    /// The name in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BucketOwnerEnforced => "BucketOwnerEnforced",
            Self::BucketOwnerPreferred => "BucketOwnerPreferred",
            Self::ObjectWriter => "ObjectWriter",
        }
    }

    /// Whether ACLs grant anything and can be written.
    #[must_use]
    pub fn has_acls(self) -> bool {
        self != Self::BucketOwnerEnforced
    }

    /// Whether a write may bring this ACL along: without ACLs only one that gives the bucket's owner
    /// full control and nobody else anything.
    #[must_use]
    pub fn accepts(self, acl: &Acl, bucket_owner: &str) -> bool {
        self.has_acls()
            || acl.grants.iter().all(|grant| {
                grant.permission == AclPermission::FullControl
                    && matches!(&grant.grantee, Grantee::CanonicalUser(id) if **id == *bucket_owner)
            })
    }
}

impl FromStr for ObjectOwnership {
    type Err = AclNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [Self::BucketOwnerEnforced, Self::BucketOwnerPreferred, Self::ObjectWriter];
        all.into_iter().find(|mode| mode.as_str() == text).ok_or(AclNameError)
    }
}

/// A canned ACL.
///
/// SPEC: access-control, 4.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CannedAcl {
    /// Nothing besides the owner.
    Private,
    /// Everyone reads.
    PublicRead,
    /// Everyone reads and writes.
    PublicReadWrite,
    /// Everyone who signs reads.
    AuthenticatedRead,
    /// Treated as private: there are no machine images here.
    AwsExecRead,
    /// The bucket's owner reads.
    BucketOwnerRead,
    /// The bucket's owner has full control.
    BucketOwnerFullControl,
    /// Logs can be delivered.
    LogDeliveryWrite,
}

impl FromStr for CannedAcl {
    type Err = AclNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = CANNED.iter().find(|(name, _)| *name == text);
        known.map(|(_, canned)| *canned).ok_or(AclNameError)
    }
}

impl CannedAcl {
    /// The name in `x-amz-acl`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let known = CANNED.iter().find(|(_, canned)| *canned == self);
        known.map_or("private", |(name, _)| name)
    }

    /// The grants that it stands for, of an owner, by canonical ids.
    #[must_use]
    pub fn grants(self, target: AclTarget, owner: &str, bucket_owner: &str) -> Acl {
        let user = |id: &str, permission| AclGrant {
            grantee: Grantee::CanonicalUser(id.into()),
            permission,
        };
        let group = |group, permission| AclGrant { grantee: Grantee::Group(group), permission };
        let mut grants = vec![user(owner, AclPermission::FullControl)];
        match (self, target) {
            (Self::Private | Self::AwsExecRead, _) => {}
            (Self::PublicRead, _) => grants.push(group(AclGroup::AllUsers, AclPermission::Read)),
            (Self::PublicReadWrite, _) => {
                grants.push(group(AclGroup::AllUsers, AclPermission::Read));
                grants.push(group(AclGroup::AllUsers, AclPermission::Write));
            }
            (Self::AuthenticatedRead, _) => {
                grants.push(group(AclGroup::AuthenticatedUsers, AclPermission::Read));
            }
            // Of the owner itself: it has everything already.
            (Self::BucketOwnerRead | Self::BucketOwnerFullControl, _) if owner == bucket_owner => {}
            (Self::BucketOwnerRead, AclTarget::Object) => {
                grants.push(user(bucket_owner, AclPermission::Read));
            }
            (Self::BucketOwnerFullControl, AclTarget::Object) => {
                grants.push(user(bucket_owner, AclPermission::FullControl));
            }
            (Self::BucketOwnerRead | Self::BucketOwnerFullControl, AclTarget::Bucket) => {}
            (Self::LogDeliveryWrite, AclTarget::Bucket) => {
                grants.push(group(AclGroup::LogDelivery, AclPermission::Write));
                grants.push(group(AclGroup::LogDelivery, AclPermission::ReadAcp));
            }
            (Self::LogDeliveryWrite, AclTarget::Object) => {}
        }
        Acl { grants }
    }
}

const CANNED: &[(&str, CannedAcl)] = &[
    ("private", CannedAcl::Private),
    ("public-read", CannedAcl::PublicRead),
    ("public-read-write", CannedAcl::PublicReadWrite),
    ("authenticated-read", CannedAcl::AuthenticatedRead),
    ("aws-exec-read", CannedAcl::AwsExecRead),
    ("bucket-owner-read", CannedAcl::BucketOwnerRead),
    ("bucket-owner-full-control", CannedAcl::BucketOwnerFullControl),
    ("log-delivery-write", CannedAcl::LogDeliveryWrite),
];

/// The service that the group `LogDelivery` consists of.
const LOG_DELIVERY_SERVICE: &str = "logging.s3.amazonaws.com";

const BUCKET_READ: &[&str] =
    &["s3:listbucket", "s3:listbucketversions", "s3:listbucketmultipartuploads"];
const BUCKET_READ_ACP: &[&str] = &["s3:getbucketacl"];
const BUCKET_WRITE_ACP: &[&str] = &["s3:putbucketacl"];
const OBJECT_READ: &[&str] = &["s3:getobject", "s3:getobjectversion"];
const OBJECT_READ_ACP: &[&str] = &["s3:getobjectacl", "s3:getobjectversionacl"];
const OBJECT_WRITE_ACP: &[&str] = &["s3:putobjectacl", "s3:putobjectversionacl"];

/// Most grants that an ACL can have.
///
/// SPEC: access-control, 1.6.
pub const ACL_GRANTS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use strongroom_types::{Arn, CanonicalUserId};

    use super::*;
    use crate::principal::Account;

    fn caller(byte: u8) -> RequestPrincipal {
        RequestPrincipal::User {
            account: Account {
                id: "222222222222".parse().unwrap(),
                canonical: CanonicalUserId::from_bytes([byte; 32]),
            },
            arn: "arn:aws:iam::222222222222:user/bob".parse::<Arn>().unwrap(),
            unique_id: "".into(),
        }
    }

    fn matching(acl: &Acl, action: &str, target: AclTarget, who: &RequestPrincipal) -> AclMatch {
        let question = AclQuestion {
            principal: who,
            action: &action.parse().unwrap(),
            target,
            is_bucket_owner: false,
            existing: ExistingObject::Absent,
        };
        acl.matching(&question)
    }

    fn permitted(permission: AclPermission, target: AclTarget) -> Vec<&'static str> {
        let bob = caller(1);
        let canonical = "01".repeat(32);
        let grant = AclGrant { grantee: Grantee::CanonicalUser(canonical.into()), permission };
        let acl = Acl { grants: vec![grant] };
        let all = [
            "s3:ListBucket",
            "s3:ListBucketVersions",
            "s3:ListBucketMultipartUploads",
            "s3:PutObject",
            "s3:GetBucketAcl",
            "s3:PutBucketAcl",
            "s3:GetObject",
            "s3:GetObjectVersion",
            "s3:GetObjectAcl",
            "s3:GetObjectVersionAcl",
            "s3:PutObjectAcl",
            "s3:PutObjectVersionAcl",
            "s3:DeleteObject",
            "s3:DeleteObjectVersion",
            "s3:GetBucketPolicy",
            "s3:DeleteBucket",
            "s3:GetObjectTagging",
        ];
        let permitted = |action: &&str| matching(&acl, action, target, &bob).account;
        all.into_iter().filter(permitted).collect()
    }

    #[test]
    fn a_permission_gives_the_actions_of_the_table_and_no_others() {
        use AclPermission::{FullControl, Read, ReadAcp, Write, WriteAcp};
        let list = ["s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"];
        assert_eq!(permitted(Read, AclTarget::Bucket), list);
        assert_eq!(permitted(Write, AclTarget::Bucket), ["s3:PutObject"]);
        assert_eq!(permitted(ReadAcp, AclTarget::Bucket), ["s3:GetBucketAcl"]);
        assert_eq!(permitted(WriteAcp, AclTarget::Bucket), ["s3:PutBucketAcl"]);
        assert_eq!(permitted(FullControl, AclTarget::Bucket).len(), 6);
        assert_eq!(permitted(Read, AclTarget::Object), ["s3:GetObject", "s3:GetObjectVersion"]);
        assert!(permitted(Write, AclTarget::Object).is_empty());
        let acl = ["s3:GetObjectAcl", "s3:GetObjectVersionAcl"];
        assert_eq!(permitted(ReadAcp, AclTarget::Object), acl);
        let acl = ["s3:PutObjectAcl", "s3:PutObjectVersionAcl"];
        assert_eq!(permitted(WriteAcp, AclTarget::Object), acl);
        assert_eq!(permitted(FullControl, AclTarget::Object).len(), 6);
    }

    #[test]
    fn writing_a_bucket_does_not_replace_what_is_somebody_elses() {
        let bob = caller(1);
        let acl = CannedAcl::PublicReadWrite.grants(AclTarget::Bucket, "o", "o");
        let may = |action: &str, is_bucket_owner, existing| {
            let question = AclQuestion {
                principal: &bob,
                action: &action.parse().unwrap(),
                target: AclTarget::Bucket,
                is_bucket_owner,
                existing,
            };
            acl.matching(&question).everyone
        };
        assert!(may("s3:PutObject", false, ExistingObject::Absent));
        assert!(!may("s3:PutObject", false, ExistingObject::OwnedByOther));
        assert!(may("s3:PutObject", false, ExistingObject::OwnedByCaller));
        assert!(may("s3:PutObject", true, ExistingObject::OwnedByOther));
        assert!(!may("s3:DeleteObject", false, ExistingObject::OwnedByOther));
        assert!(may("s3:DeleteObject", true, ExistingObject::OwnedByOther));
        assert!(may("s3:DeleteObjectVersion", true, ExistingObject::OwnedByOther));
        assert!(!may("s3:DeleteObjectVersion", false, ExistingObject::OwnedByCaller));
    }

    #[test]
    fn grants_are_for_accounts_and_groups() {
        let bob = caller(1);
        let anonymous = RequestPrincipal::Anonymous;
        let logs = RequestPrincipal::Service(LOG_DELIVERY_SERVICE.into());
        let other = RequestPrincipal::Service("other.amazonaws.com".into());
        let find = |canned: CannedAcl, action: &str, who: &RequestPrincipal| {
            matching(&canned.grants(AclTarget::Bucket, "o", "o"), action, AclTarget::Bucket, who)
        };
        assert!(find(CannedAcl::PublicRead, "s3:ListBucket", &anonymous).everyone);
        assert!(find(CannedAcl::AuthenticatedRead, "s3:ListBucket", &bob).authenticated);
        assert_eq!(
            find(CannedAcl::AuthenticatedRead, "s3:ListBucket", &anonymous),
            AclMatch::default()
        );
        assert!(find(CannedAcl::LogDeliveryWrite, "s3:PutObject", &logs).log_delivery);
        assert!(!find(CannedAcl::LogDeliveryWrite, "s3:PutObject", &other).log_delivery);
        assert_eq!(find(CannedAcl::Private, "s3:ListBucket", &bob), AclMatch::default());
    }

    #[test]
    fn canned_acls_are_those_of_the_table() {
        for (name, canned) in CANNED {
            assert_eq!(name.parse(), Ok(*canned));
            assert_eq!(canned.as_str(), *name);
        }
        assert!("public".parse::<CannedAcl>().is_err());
        let object = |canned: CannedAcl| canned.grants(AclTarget::Object, "w", "o").grants.len();
        assert_eq!(object(CannedAcl::BucketOwnerRead), 2);
        assert_eq!(object(CannedAcl::BucketOwnerFullControl), 2);
        assert_eq!(object(CannedAcl::AwsExecRead), 1);
        let own = CannedAcl::BucketOwnerFullControl.grants(AclTarget::Object, "o", "o");
        assert_eq!(own, CannedAcl::Private.grants(AclTarget::Object, "o", "o"));
    }

    #[test]
    fn without_acls_only_full_control_of_the_bucket_owner_is_accepted() {
        let enforced: ObjectOwnership = "BucketOwnerEnforced".parse().unwrap();
        let acl = |canned: CannedAcl, owner| canned.grants(AclTarget::Object, owner, "o");
        assert!(enforced.accepts(&acl(CannedAcl::BucketOwnerFullControl, "o"), "o"));
        assert!(enforced.accepts(&acl(CannedAcl::Private, "o"), "o"));
        assert!(!enforced.accepts(&acl(CannedAcl::PublicRead, "o"), "o"));
        assert!(!enforced.accepts(&acl(CannedAcl::Private, "w"), "o"));
        assert!(ObjectOwnership::ObjectWriter.accepts(&acl(CannedAcl::PublicRead, "o"), "o"));
        assert!("Enforced".parse::<ObjectOwnership>().is_err());
    }

    #[test]
    fn public_acls_are_known_and_can_be_ignored() {
        let public = CannedAcl::PublicRead.grants(AclTarget::Bucket, "o", "o");
        assert!(public.is_public() && !public.without_public().is_public());
        assert!(CannedAcl::AuthenticatedRead.grants(AclTarget::Object, "o", "o").is_public());
        assert!(!CannedAcl::LogDeliveryWrite.grants(AclTarget::Bucket, "o", "o").is_public());
        for group in [AclGroup::AllUsers, AclGroup::AuthenticatedUsers, AclGroup::LogDelivery] {
            assert_eq!(AclGroup::from_uri(group.uri()), Some(group));
        }
    }
}
