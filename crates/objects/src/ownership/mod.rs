//! Who owns the objects of a bucket: PutBucketOwnershipControls, GetBucketOwnershipControls.
//!
//! SPEC: access-control, 4.2.

use strongroom_access::Permit;
use strongroom_model::s3;

use crate::S3;
use crate::fault::Fault;
use crate::records::{BucketRecord, ObjectOwnership};

/// Why the ownership of a bucket was not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OwnershipError {
    /// ACLs cannot be switched off while one grants something to others.
    #[error("Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting")]
    AclGrantsOthers,
    /// Everything else.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl S3 {
    /// The setting of a bucket; `None` if it was removed.
    pub(crate) async fn get_bucket_ownership_controls(
        &self,
        permit: &Permit<s3::GetBucketOwnershipControls>,
    ) -> Result<Option<ObjectOwnership>, Fault> {
        Ok(self.bucket_record(permit).await?.access.ownership)
    }

    /// Changes it.
    pub(crate) async fn put_bucket_ownership_controls(
        &self,
        permit: &mut Permit<s3::PutBucketOwnershipControls>,
        ownership: ObjectOwnership,
    ) -> Result<(), OwnershipError> {
        let change = |record: &mut BucketRecord| {
            let enforced = ownership == ObjectOwnership::BucketOwnerEnforced;
            if enforced && grants_others(record) {
                return Err(OwnershipError::AclGrantsOthers);
            }
            record.access.ownership = Some(ownership);
            Ok(Vec::new())
        };
        self.try_change_bucket(permit, 200, change).await
    }
}

/// Whether the ACL of a bucket grants anything to others than its owner.
fn grants_others(record: &BucketRecord) -> bool {
    let Some(acl) = &record.access.acl else { return false };
    let owner = record.owner_id.to_string();
    acl.grants.iter().any(|grant| match &grant.grantee {
        strongroom_policy::Grantee::CanonicalUser(id) => **id != *owner,
        strongroom_policy::Grantee::Group(_) => true,
    })
}
