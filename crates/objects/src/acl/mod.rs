//! ACLs: PutBucketAcl, PutObjectAcl, GetObjectAcl.
//!
//! SPEC: access-control, 4.1 and 4.2. Every bucket is `BucketOwnerEnforced`: there is one ACL, that of
//! the owner who may do everything, and a request that says anything else is refused.

use strongroom_access::Permit;
use strongroom_model::s3;
use strongroom_policy::{ACL_GRANTS_MAX, Acl, AclPermission, CannedAcl, Grantee, PolicyPrincipal};
use strongroom_types::{CanonicalUserId, ObjectKey, VersionId};

use crate::S3;
use crate::fault::Fault;
use crate::multipart::bucket_of;
use crate::tags::TaggingError;

/// Why an ACL was not taken or shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AclError {
    /// It has more grants than an ACL may have.
    #[error("an ACL has at most {ACL_GRANTS_MAX} grants")]
    TooManyGrants,
    /// A grantee is no account that exists.
    #[error("Invalid id")]
    UnknownId(String),
    /// It names another owner than there is.
    #[error("the owner cannot be changed")]
    OtherOwner,
    /// It says something else than that the owner may do everything.
    #[error("the bucket does not allow ACLs")]
    NotSupported,
    /// The version is not there, or has no ACL.
    #[error(transparent)]
    Version(#[from] TaggingError),
    /// Everything else.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What a request wants an ACL to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WantedAcl {
    /// By its name.
    Canned(CannedAcl),
    /// Grants, and the owner if the document names one.
    Grants {
        /// The canonical id of the owner.
        owner: Option<String>,
        /// What is granted to whom.
        acl: Acl,
    },
}

impl S3 {
    /// Takes an ACL of a bucket that says what is true in any case.
    pub(crate) async fn put_bucket_acl(
        &self,
        permit: &Permit<s3::PutBucketAcl>,
        wanted: &WantedAcl,
    ) -> Result<(), AclError> {
        let owner = self.bucket_record(permit).await?.owner_id;
        self.check_wanted(wanted, owner).await
    }

    /// Takes an ACL of a version that says what is true in any case.
    pub(crate) async fn put_object_acl(
        &self,
        permit: &Permit<s3::PutObjectAcl>,
        object_key: &ObjectKey,
        version_id: Option<VersionId>,
        wanted: &WantedAcl,
    ) -> Result<(), AclError> {
        let owner = self.bucket_record(permit).await?.owner_id;
        self.taggable(&bucket_of(permit)?, ("PUT", object_key), version_id).await?;
        self.check_wanted(wanted, owner).await
    }

    /// The owner of a version, who may do everything with it.
    pub(crate) async fn get_object_acl(
        &self,
        permit: &Permit<s3::GetObjectAcl>,
        object_key: &ObjectKey,
        version_id: Option<VersionId>,
    ) -> Result<CanonicalUserId, AclError> {
        let owner = self.bucket_record(permit).await?.owner_id;
        self.taggable(&bucket_of(permit)?, ("GET", object_key), version_id).await?;
        Ok(owner)
    }

    async fn check_wanted(
        &self,
        wanted: &WantedAcl,
        bucket_owner: CanonicalUserId,
    ) -> Result<(), AclError> {
        let bucket_owner = bucket_owner.to_string();
        let says_nothing_else = match wanted {
            WantedAcl::Canned(canned) => *canned == CannedAcl::BucketOwnerFullControl,
            WantedAcl::Grants { owner, acl } => {
                if owner.as_ref().is_some_and(|owner| *owner != bucket_owner) {
                    return Err(AclError::OtherOwner);
                }
                self.check_grantees(acl).await?;
                !acl.grants.is_empty()
                    && acl.grants.iter().all(|grant| {
                        let to_owner = matches!(
                            &grant.grantee,
                            Grantee::CanonicalUser(id) if **id == *bucket_owner
                        );
                        to_owner && grant.permission == AclPermission::FullControl
                    })
            }
        };
        match says_nothing_else {
            true => Ok(()),
            false => Err(AclError::NotSupported),
        }
    }

    /// Every account that is granted something exists.
    async fn check_grantees(&self, acl: &Acl) -> Result<(), AclError> {
        if acl.grants.len() > ACL_GRANTS_MAX {
            return Err(AclError::TooManyGrants);
        }
        for grant in &acl.grants {
            let Grantee::CanonicalUser(id) = &grant.grantee else { continue };
            let named = PolicyPrincipal::CanonicalUser(id.clone());
            if !self.names.exists(&named).await.map_err(Fault::Names)? {
                return Err(AclError::UnknownId(id.to_string()));
            }
        }
        Ok(())
    }
}
