//! Block Public Access of a bucket: PutPublicAccessBlock, GetPublicAccessBlock,
//! DeletePublicAccessBlock.
//!
//! SPEC: access-control, 4.3. What the settings mean for a decision is decided in `strongroom_policy`;
//! what they mean for a write is judged where the write is.

use strongroom_access::Permit;
use strongroom_model::s3;
use strongroom_policy::PublicAccessBlock;

use crate::S3;
use crate::fault::Fault;
use crate::records::BucketRecord;

impl S3 {
    /// The settings of a bucket; `None` if they were removed.
    pub(crate) async fn get_public_access_block(
        &self,
        permit: &Permit<s3::GetPublicAccessBlock>,
    ) -> Result<Option<PublicAccessBlock>, Fault> {
        Ok(self.bucket_record(permit).await?.access.public_access_block)
    }

    /// Sets all four.
    pub(crate) async fn put_public_access_block(
        &self,
        permit: &mut Permit<s3::PutPublicAccessBlock>,
        block: PublicAccessBlock,
    ) -> Result<(), Fault> {
        let change = |record: &mut BucketRecord| {
            record.access.public_access_block = Some(block);
        };
        self.change_bucket(permit, 200, change).await
    }

    /// Removes them, which blocks nothing.
    pub(crate) async fn delete_public_access_block(
        &self,
        permit: &mut Permit<s3::DeletePublicAccessBlock>,
    ) -> Result<(), Fault> {
        self.change_bucket(permit, 204, |record| record.access.public_access_block = None).await
    }
}
