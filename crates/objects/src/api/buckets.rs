//! Operations on buckets.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use strongroom_access::{Endpoint, Permit};
use strongroom_model::s3;
use strongroom_types::Arn;
use strongroom_wire::{ErrorResponse, Payload};

use super::tagging::pairs;
use super::{bind, errors};
use crate::S3;
use crate::buckets::{BucketError, BucketQuery, REGION_WITHOUT_CONSTRAINT};
use crate::tags::TagSet;

pub(super) fn endpoints(service: &Arc<S3>) -> Vec<Arc<dyn Endpoint>> {
    vec![
        bind(service, create_bucket),
        bind(service, delete_bucket),
        bind(service, get_bucket_location),
        bind(service, head_bucket),
        bind(service, list_buckets),
    ]
}

async fn create_bucket(
    service: Arc<S3>,
    mut permit: Permit<s3::CreateBucket>,
    input: s3::CreateBucketInput,
    _body: Payload,
) -> Result<s3::CreateBucketOutput, ErrorResponse> {
    if input.acl.is_some_and(|acl| acl != s3::BucketCannedACL::Private) {
        return Err(errors::bucket_acl());
    }
    if input.object_lock_enabled_for_bucket == Some(true) {
        return Err(errors::not_implemented("x-amz-bucket-object-lock-enabled"));
    }
    if input.object_ownership.is_some_and(|o| o != s3::ObjectOwnership::BucketOwnerEnforced) {
        return Err(errors::not_implemented("x-amz-object-ownership"));
    }
    if input.bucket_namespace.is_some_and(|n| n != s3::BucketNamespace::Global) {
        return Err(errors::not_implemented("x-amz-bucket-namespace"));
    }
    let (location, tags) = match input.create_bucket_configuration {
        Some(configuration) => (configuration.location_constraint, configuration.tags),
        None => (None, None),
    };
    let tags = TagSet::of_bucket(pairs(tags.unwrap_or_default()))?;
    service.create_bucket(&mut permit, &input.bucket, location.as_deref(), &tags).await?;
    Ok(s3::CreateBucketOutput {
        location: Some(format!("/{}", input.bucket)),
        bucket_arn: Some(Arn::bucket(&input.bucket).as_str().to_owned()),
    })
}

async fn delete_bucket(
    service: Arc<S3>,
    mut permit: Permit<s3::DeleteBucket>,
    _input: s3::DeleteBucketInput,
    _body: Payload,
) -> Result<s3::DeleteBucketOutput, ErrorResponse> {
    service.delete_bucket(&mut permit).await?;
    Ok(s3::DeleteBucketOutput {})
}

async fn get_bucket_location(
    service: Arc<S3>,
    permit: Permit<s3::GetBucketLocation>,
    _input: s3::GetBucketLocationInput,
    _body: Payload,
) -> Result<s3::GetBucketLocationOutput, ErrorResponse> {
    let record = service.bucket_record(&permit).await?;
    let region = Some(record.region.to_string());
    let location_constraint = region.filter(|region| region != REGION_WITHOUT_CONSTRAINT);
    Ok(s3::GetBucketLocationOutput { location_constraint })
}

async fn head_bucket(
    service: Arc<S3>,
    permit: Permit<s3::HeadBucket>,
    input: s3::HeadBucketInput,
    _body: Payload,
) -> Result<s3::HeadBucketOutput, ErrorResponse> {
    let record = service.bucket_record(&permit).await?;
    Ok(s3::HeadBucketOutput {
        bucket_arn: Some(Arn::bucket(&input.bucket).as_str().to_owned()),
        bucket_region: Some(record.region.to_string()),
        ..s3::HeadBucketOutput::default()
    })
}

async fn list_buckets(
    service: Arc<S3>,
    permit: Permit<s3::ListBuckets>,
    input: s3::ListBucketsInput,
    _body: Payload,
) -> Result<s3::ListBucketsOutput, ErrorResponse> {
    let asked = input.max_buckets.unwrap_or(BUCKETS_MAX);
    let buckets_max = usize::try_from(asked).ok().filter(|_| (1..=BUCKETS_MAX).contains(&asked));
    let buckets_max = buckets_max.ok_or_else(|| {
        let message = "argument max-buckets must be an integer between 1 and 10000";
        errors::invalid_argument("max-buckets", asked.to_string(), message)
    })?;
    let query = BucketQuery {
        prefix: input.prefix.clone().unwrap_or_default(),
        after: input.continuation_token.map(read_token).transpose()?,
        buckets_max,
        region: input.bucket_region,
    };
    let page = service.list_buckets(&permit, &query).await?;
    let buckets = page.buckets.into_iter().map(|bucket| s3::Bucket {
        bucket_arn: Some(Arn::bucket(&bucket.name).as_str().to_owned()),
        name: Some(bucket.name.to_string()),
        creation_date: Some(bucket.created),
        bucket_region: Some(bucket.region.to_string()),
    });
    let owner = permit.caller().principal.owner();
    let owner = owner.map(|(_, id)| s3::Owner { display_name: None, id: Some(id.to_string()) });
    Ok(s3::ListBucketsOutput {
        buckets: Some(buckets.collect()),
        owner,
        continuation_token: page.next_after.map(|name| BASE64URL_NOPAD.encode(name.as_bytes())),
        prefix: input.prefix,
    })
}

/// The last name of the page before. A token of any other origin is no name and is refused.
fn read_token(token: String) -> Result<String, ErrorResponse> {
    let name = BASE64URL_NOPAD.decode(token.as_bytes()).ok();
    let name = name.and_then(|name| String::from_utf8(name).ok());
    name.ok_or_else(|| BucketError::ContinuationToken(token).into())
}

const BUCKETS_MAX: i32 = 10_000; // SPEC: ListBuckets, max-buckets
