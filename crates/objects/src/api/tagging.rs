//! Tagging of objects and buckets.

use std::sync::Arc;

use strongroom_access::{Endpoint, Permit};
use strongroom_model::s3;
use strongroom_wire::{ErrorResponse, Payload};

use super::headers::version_out;
use super::{bind, errors};
use crate::S3;
use crate::tags::TagSet;

pub(super) fn endpoints(service: &Arc<S3>) -> Vec<Arc<dyn Endpoint>> {
    vec![
        bind(service, delete_bucket_tagging),
        bind(service, delete_object_tagging),
        bind(service, get_bucket_tagging),
        bind(service, get_object_tagging),
        bind(service, put_bucket_tagging),
        bind(service, put_object_tagging),
    ]
}

async fn put_object_tagging(
    service: Arc<S3>,
    mut permit: Permit<s3::PutObjectTagging>,
    input: s3::PutObjectTaggingInput,
    _body: Payload,
) -> Result<s3::PutObjectTaggingOutput, ErrorResponse> {
    let tags = TagSet::of_object(pairs(input.tagging.tag_set))?;
    let version = input.version_id;
    let record = service.put_object_tagging(&mut permit, &input.key, version, tags).await?;
    Ok(s3::PutObjectTaggingOutput { version_id: version_out(&permit, &record) })
}

async fn get_object_tagging(
    service: Arc<S3>,
    permit: Permit<s3::GetObjectTagging>,
    input: s3::GetObjectTaggingInput,
    _body: Payload,
) -> Result<s3::GetObjectTaggingOutput, ErrorResponse> {
    let record = service.get_object_tagging(&permit, &input.key, input.version_id).await?;
    Ok(s3::GetObjectTaggingOutput {
        version_id: version_out(&permit, &record),
        tag_set: tags_out(record.tags),
    })
}

async fn delete_object_tagging(
    service: Arc<S3>,
    mut permit: Permit<s3::DeleteObjectTagging>,
    input: s3::DeleteObjectTaggingInput,
    _body: Payload,
) -> Result<s3::DeleteObjectTaggingOutput, ErrorResponse> {
    let version = input.version_id;
    let record = service.delete_object_tagging(&mut permit, &input.key, version).await?;
    Ok(s3::DeleteObjectTaggingOutput { version_id: version_out(&permit, &record) })
}

async fn put_bucket_tagging(
    service: Arc<S3>,
    mut permit: Permit<s3::PutBucketTagging>,
    input: s3::PutBucketTaggingInput,
    _body: Payload,
) -> Result<s3::PutBucketTaggingOutput, ErrorResponse> {
    let tags = TagSet::of_bucket(pairs(input.tagging.tag_set))?;
    service.put_bucket_tagging(&mut permit, &tags).await?;
    Ok(s3::PutBucketTaggingOutput {})
}

async fn get_bucket_tagging(
    service: Arc<S3>,
    permit: Permit<s3::GetBucketTagging>,
    _input: s3::GetBucketTaggingInput,
    _body: Payload,
) -> Result<s3::GetBucketTaggingOutput, ErrorResponse> {
    let tags = service.get_bucket_tagging(&permit).await?;
    let tags = tags.ok_or_else(errors::no_such_tag_set)?;
    Ok(s3::GetBucketTaggingOutput { tag_set: tags_out(tags) })
}

async fn delete_bucket_tagging(
    service: Arc<S3>,
    mut permit: Permit<s3::DeleteBucketTagging>,
    _input: s3::DeleteBucketTaggingInput,
    _body: Payload,
) -> Result<s3::DeleteBucketTaggingOutput, ErrorResponse> {
    service.delete_bucket_tagging(&mut permit).await?;
    Ok(s3::DeleteBucketTaggingOutput {})
}

/// Tags as a client lists them.
pub(super) fn pairs(tags: Vec<s3::Tag>) -> impl Iterator<Item = (String, String)> {
    tags.into_iter().map(|tag| (tag.key, tag.value))
}

fn tags_out(tags: Vec<(String, String)>) -> Vec<s3::Tag> {
    tags.into_iter().map(|(key, value)| s3::Tag { key, value }).collect()
}
