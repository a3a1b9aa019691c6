//! Buckets as the enforcement point sees them.

use std::sync::Arc;

use strongroom_access::{
    BucketControls, BucketDirectory, BucketRef, DirectoryError, HeldPolicy, ObjectFacts,
    ObjectOwnership, Seen,
};
use strongroom_store::BoxFuture;
use strongroom_types::{BucketName, ObjectKey, VersionId};

use crate::fault::Fault;
use crate::records::{self, BucketAccess};
use crate::{RACES_LOST_MAX, S3, keys};

impl BucketDirectory for S3 {
    fn bucket<'a>(
        &'a self,
        name: &'a BucketName,
    ) -> BoxFuture<'a, Result<Option<BucketRef>, DirectoryError>> {
        Box::pin(async move {
            let found = self.guarded_bucket(name).await;
            found.map_err(|fault| DirectoryError(Box::new(fault)))
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

impl S3 {
    /// A bucket with what guards it, as of one moment.
    async fn guarded_bucket(&self, name: &BucketName) -> Result<Option<BucketRef>, Fault> {
        for _ in 0..RACES_LOST_MAX {
            let Some((record, entry)) = self.find_bucket(name).await? else { return Ok(None) };
            let bucket_policy = match record.access.bucket_policy {
                None => None,
                Some(stamp) => {
                    let held = self.held_policy(record.id, name, stamp).await?;
                    // Another policy is in force by now.
                    let Some(held) = held else { continue };
                    Some(held)
                }
            };
            return Ok(Some(BucketRef {
                id: record.id,
                name: name.clone(),
                owner: record.owner,
                revision: entry.revision,
                versioning: record.versioning,
                controls: Arc::new(controls(record.access, bucket_policy)),
            }));
        }
        Err(Fault::Contended)
    }
}

/// What guards a bucket, as its record says.
fn controls(access: BucketAccess, bucket_policy: Option<HeldPolicy>) -> BucketControls {
    BucketControls {
        bucket_policy,
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
    }
}
