//! PutBucketTagging, GetBucketTagging, DeleteBucketTagging.

use strongroom_access::Permit;
use strongroom_model::s3;
use strongroom_store::{Batch, Write};
use strongroom_types::BucketId;

use super::TagSet;
use crate::buckets::put;
use crate::fault::Fault;
use crate::multipart::{Offer, bucket_of, outcome};
use crate::records::BucketTagsRecord;
use crate::{RACES_LOST_MAX, S3, keys};

impl S3 {
    /// The tags of a bucket; `None` if it has none.
    pub(crate) async fn get_bucket_tagging(
        &self,
        permit: &Permit<s3::GetBucketTagging>,
    ) -> Result<Option<Vec<(String, String)>>, Fault> {
        let bucket = bucket_of(permit)?;
        let Some(entry) = self.store.metadata.get(&keys::bucket_tags(bucket.id)).await? else {
            return Ok(None);
        };
        Ok(Some(BucketTagsRecord::decode(&entry.value)?.tags))
    }

    /// Gives a bucket other tags. An empty set is none.
    pub(crate) async fn put_bucket_tagging(
        &self,
        permit: &mut Permit<s3::PutBucketTagging>,
        tags: &TagSet,
    ) -> Result<(), Fault> {
        self.tag_bucket(permit, tags, 200).await
    }

    /// Takes the tags of a bucket away.
    pub(crate) async fn delete_bucket_tagging(
        &self,
        permit: &mut Permit<s3::DeleteBucketTagging>,
    ) -> Result<(), Fault> {
        self.tag_bucket(permit, &TagSet::default(), 204).await
    }

    async fn tag_bucket<Op>(
        &self,
        permit: &mut Permit<Op>,
        tags: &TagSet,
        status: u16,
    ) -> Result<(), Fault> {
        for _ in 0..RACES_LOST_MAX {
            let batch = Batch {
                writes: vec![write(bucket_of(permit)?.id, tags)?],
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

/// The change that gives a bucket these tags.
pub(crate) fn write(bucket: BucketId, tags: &TagSet) -> Result<Write, Fault> {
    let key = keys::bucket_tags(bucket);
    if tags.0.is_empty() {
        return Ok(Write::Delete { key });
    }
    Ok(put(key, BucketTagsRecord { tags: tags.0.clone() }.encode()?))
}
