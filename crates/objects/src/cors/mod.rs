//! PutBucketCors, GetBucketCors, DeleteBucketCors, and the rules as the pipeline asks for them.
//!
//! What a rule means is decided in `strongroom_wire`; here it is kept.

use strongroom_access::{CrossOrigin, DirectoryError, Permit};
use strongroom_model::s3;
use strongroom_store::{BoxFuture, Write};
use strongroom_types::{BucketId, BucketName};
use strongroom_wire::CorsRules;

use crate::buckets::put;
use crate::fault::Fault;
use crate::multipart::bucket_of;
use crate::records::BucketCorsRecord;
use crate::{S3, keys};

impl S3 {
    /// The rules of a bucket; `None` if it has none.
    pub(crate) async fn get_bucket_cors(
        &self,
        permit: &Permit<s3::GetBucketCors>,
    ) -> Result<Option<CorsRules>, Fault> {
        self.cors_rules_of(bucket_of(permit)?.id).await
    }

    /// Gives a bucket other rules.
    pub(crate) async fn put_bucket_cors(
        &self,
        permit: &mut Permit<s3::PutBucketCors>,
        rules: CorsRules,
    ) -> Result<(), Fault> {
        let value = BucketCorsRecord { rules }.encode()?;
        self.write_setting(permit, 200, |id| put(keys::bucket_cors(id), value.clone())).await
    }

    /// Takes the rules of a bucket away.
    pub(crate) async fn delete_bucket_cors(
        &self,
        permit: &mut Permit<s3::DeleteBucketCors>,
    ) -> Result<(), Fault> {
        self.write_setting(permit, 204, |id| Write::Delete { key: keys::bucket_cors(id) }).await
    }

    async fn cors_rules_of(&self, bucket: BucketId) -> Result<Option<CorsRules>, Fault> {
        let Some(entry) = self.store.metadata.get(&keys::bucket_cors(bucket)).await? else {
            return Ok(None);
        };
        Ok(Some(BucketCorsRecord::decode(&entry.value)?.rules))
    }
}

impl CrossOrigin for S3 {
    fn cors_rules<'a>(
        &'a self,
        bucket: &'a BucketName,
    ) -> BoxFuture<'a, Result<Option<CorsRules>, DirectoryError>> {
        Box::pin(async move {
            let found = self.find_bucket(bucket).await;
            let found = found.map_err(|fault| DirectoryError(Box::new(fault)))?;
            let Some((record, _)) = found else { return Ok(None) };
            let rules = self.cors_rules_of(record.id).await;
            rules.map_err(|fault| DirectoryError(Box::new(fault)))
        })
    }
}
