//! Buckets as the enforcement point sees them.

use std::sync::Arc;

use strongroom_access::{
    BucketControls, BucketDirectory, BucketRef, DirectoryError, ObjectFacts, ObjectOwnership, Seen,
};
use strongroom_store::BoxFuture;
use strongroom_types::{BucketName, ObjectKey, VersionId};

use crate::records::{self, BucketAccess};
use crate::{S3, keys};

impl BucketDirectory for S3 {
    fn bucket<'a>(
        &'a self,
        name: &'a BucketName,
    ) -> BoxFuture<'a, Result<Option<BucketRef>, DirectoryError>> {
        Box::pin(async move {
            let found = self.find_bucket(name).await;
            let found = found.map_err(|fault| DirectoryError(Box::new(fault)))?;
            let Some((record, entry)) = found else { return Ok(None) };
            let controls = Arc::new(controls(record.access)?);
            Ok(Some(BucketRef {
                id: record.id,
                name: name.clone(),
                owner: record.owner,
                revision: entry.revision,
                versioning: record.versioning,
                controls,
            }))
        })
    }

    fn object<'a>(
        &'a self,
        bucket: &'a BucketRef,
        object_key: &'a str,
        version_id: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Option<ObjectFacts>, DirectoryError>> {
        Box::pin(async move {
            // What is no key or no version names no object.
            let Ok(object_key) = ObjectKey::from_bytes(object_key.as_bytes()) else {
                return Ok(None);
            };
            let version_id = match version_id.map(str::parse::<VersionId>) {
                None => None,
                Some(Ok(version_id)) => Some(version_id),
                Some(Err(_)) => return Ok(None),
            };
            let found = self.version(bucket, &object_key, version_id).await;
            let found = found.map_err(|fault| DirectoryError(Box::new(fault)))?;
            Ok(found.map(|version| ObjectFacts {
                seen: vec![Seen {
                    key: keys::object_version(bucket.id, &object_key, version.order),
                    revision: Some(version.revision),
                }],
                tags: version.record.tags,
                ..ObjectFacts::default()
            }))
        })
    }
}

/// What guards a bucket, as its record says.
fn controls(access: BucketAccess) -> Result<BucketControls, DirectoryError> {
    if access.bucket_policy.is_some() {
        // SECURITY: a policy that is not read could deny.
        return Err(DirectoryError("the policy of the bucket is not read".into()));
    }
    Ok(BucketControls {
        bucket_policy: None,
        block: access.public_access_block.unwrap_or_default(),
        ownership: match access.ownership {
            Some(records::ObjectOwnership::BucketOwnerEnforced) => {
                ObjectOwnership::BucketOwnerEnforced
            }
            Some(records::ObjectOwnership::BucketOwnerPreferred) => {
                ObjectOwnership::BucketOwnerPreferred
            }
            Some(records::ObjectOwnership::ObjectWriter) | None => ObjectOwnership::ObjectWriter,
        },
        acl: access.acl.unwrap_or_default(),
        requester_pays: access.requester_pays,
    })
}
