//! The default encryption of a bucket: SSE-S3, always on.
//!
//! SPEC: data-protection, 2.7. Knows nothing of HTTP or XML.

use strongroom_access::Permit;
use strongroom_model::s3;

use crate::S3;
use crate::fault::Fault;
use crate::records::BucketEncryption;

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
        self.change_bucket(permit, status, |record| record.encryption = encryption).await
    }
}
