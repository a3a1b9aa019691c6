//! Buckets as the enforcement point sees them.

use strongroom_access::{BucketDirectory, BucketRef, DirectoryError};
use strongroom_store::BoxFuture;
use strongroom_types::BucketName;

use crate::S3;

impl BucketDirectory for S3 {
    fn bucket<'a>(
        &'a self,
        name: &'a BucketName,
    ) -> BoxFuture<'a, Result<Option<BucketRef>, DirectoryError>> {
        Box::pin(async move {
            let found = self.find_bucket(name).await;
            let found = found.map_err(|fault| DirectoryError(Box::new(fault)))?;
            Ok(found.map(|(record, entry)| BucketRef {
                id: record.id,
                name: name.clone(),
                owner: record.owner,
                revision: entry.revision,
                versioning: record.versioning,
            }))
        })
    }
}
