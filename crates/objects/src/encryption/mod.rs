//! The default encryption of a bucket: SSE-S3, always on.
//!
//! SPEC: data-protection, 2.7. Knows nothing of HTTP or XML.

use strongroom_access::Permit;
use strongroom_model::s3;
use strongroom_store::{Batch, Precondition};

use crate::buckets::put;
use crate::fault::Fault;
use crate::keys;
use crate::multipart::{Offer, bucket_of, outcome};
use crate::records::{BucketEncryption, BucketRecord};
use crate::{RACES_LOST_MAX, S3};

impl S3 {
    /// How objects are encrypted that say nothing of it.
    pub(crate) async fn get_bucket_encryption(
        &self,
        permit: &Permit<s3::GetBucketEncryption>,
    ) -> Result<BucketEncryption, Fault> {
        Ok(self.bucket_record(permit).await?.encryption)
    }

    /// Sets how objects are encrypted that say nothing of it.
    pub(crate) async fn put_bucket_encryption(
        &self,
        permit: &mut Permit<s3::PutBucketEncryption>,
        encryption: BucketEncryption,
    ) -> Result<(), Fault> {
        self.set_encryption(permit, encryption, 200).await
    }

    /// Sets it back to what a new bucket has.
    pub(crate) async fn delete_bucket_encryption(
        &self,
        permit: &mut Permit<s3::DeleteBucketEncryption>,
    ) -> Result<(), Fault> {
        self.set_encryption(permit, BucketEncryption::default(), 204).await
    }

    async fn set_encryption<Op>(
        &self,
        permit: &mut Permit<Op>,
        encryption: BucketEncryption,
        status: u16,
    ) -> Result<(), Fault> {
        for _ in 0..RACES_LOST_MAX {
            let bucket = bucket_of(permit)?;
            let key = keys::bucket(&bucket.name);
            let Some(entry) = self.store.metadata.get(&key).await? else {
                permit.renew().await?;
                continue;
            };
            let record = BucketRecord { encryption, ..BucketRecord::decode(&entry.value)? };
            let batch = Batch {
                // What is written is what was read, but for the setting.
                preconditions: vec![Precondition::Revision {
                    key: key.clone(),
                    revision: entry.revision,
                }],
                writes: vec![put(key, record.encode()?)],
                event: Some(permit.audit().sealed_with(outcome(status))),
                ..Batch::default()
            };
            if self.offer(permit, batch).await? == Offer::Committed {
                return Ok(());
            }
        }
        Err(Fault::Contended)
    }
}
