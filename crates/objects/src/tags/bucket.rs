//! PutBucketTagging, GetBucketTagging, DeleteBucketTagging.

use strongroom_access::Permit;
use strongroom_model::s3;
use strongroom_store::Write;
use strongroom_types::BucketId;

use super::TagSet;
use crate::buckets::put;
use crate::fault::Fault;
use crate::multipart::bucket_of;
use crate::records::BucketTagsRecord;
use crate::{S3, keys};

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
        let value = encode(tags)?;
        self.write_setting(permit, status, |bucket| written(bucket, value.clone())).await
    }
}

/// The change that gives a bucket these tags.
pub(crate) fn write(bucket: BucketId, tags: &TagSet) -> Result<Write, Fault> {
    Ok(written(bucket, encode(tags)?))
}

fn written(bucket: BucketId, value: Option<Vec<u8>>) -> Write {
    let key = keys::bucket_tags(bucket);
    match value {
        Some(value) => put(key, value),
        None => Write::Delete { key },
    }
}

/// The record of these tags; none of no tags.
fn encode(tags: &TagSet) -> Result<Option<Vec<u8>>, Fault> {
    if tags.0.is_empty() {
        return Ok(None);
    }
    Ok(Some(BucketTagsRecord { tags: tags.0.clone() }.encode()?))
}
