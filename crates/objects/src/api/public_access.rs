//! Block Public Access and object ownership.

use std::sync::Arc;

use strongroom_access::{Endpoint, Permit};
use strongroom_model::s3;
use strongroom_policy::PublicAccessBlock;
use strongroom_wire::{ErrorResponse, Payload};

use super::errors::Unset;
use super::{bind, errors};
use crate::S3;
use crate::records::ObjectOwnership;

pub(super) fn endpoints(service: &Arc<S3>) -> Vec<Arc<dyn Endpoint>> {
    vec![
        bind(service, delete_public_access_block),
        bind(service, get_bucket_ownership_controls),
        bind(service, get_public_access_block),
        bind(service, put_bucket_ownership_controls),
        bind(service, put_public_access_block),
    ]
}

async fn get_public_access_block(
    service: Arc<S3>,
    permit: Permit<s3::GetPublicAccessBlock>,
    _: s3::GetPublicAccessBlockInput,
    _: Payload,
) -> Result<s3::GetPublicAccessBlockOutput, ErrorResponse> {
    let block = service.get_public_access_block(&permit).await?;
    let block = block.ok_or(Unset::PublicAccessBlock)?;
    let configuration = s3::PublicAccessBlockConfiguration {
        block_public_acls: Some(block.block_public_acls),
        ignore_public_acls: Some(block.ignore_public_acls),
        block_public_policy: Some(block.block_public_policy),
        restrict_public_buckets: Some(block.restrict_public_buckets),
    };
    Ok(s3::GetPublicAccessBlockOutput { public_access_block_configuration: Some(configuration) })
}

async fn put_public_access_block(
    service: Arc<S3>,
    mut permit: Permit<s3::PutPublicAccessBlock>,
    input: s3::PutPublicAccessBlockInput,
    _: Payload,
) -> Result<s3::PutPublicAccessBlockOutput, ErrorResponse> {
    // SPEC: access-control, 4.3: absent members mean false.
    let configuration = input.public_access_block_configuration;
    let block = PublicAccessBlock {
        block_public_acls: configuration.block_public_acls.unwrap_or(false),
        ignore_public_acls: configuration.ignore_public_acls.unwrap_or(false),
        block_public_policy: configuration.block_public_policy.unwrap_or(false),
        restrict_public_buckets: configuration.restrict_public_buckets.unwrap_or(false),
    };
    service.put_public_access_block(&mut permit, block).await?;
    Ok(s3::PutPublicAccessBlockOutput {})
}

async fn delete_public_access_block(
    service: Arc<S3>,
    mut permit: Permit<s3::DeletePublicAccessBlock>,
    _: s3::DeletePublicAccessBlockInput,
    _: Payload,
) -> Result<s3::DeletePublicAccessBlockOutput, ErrorResponse> {
    service.delete_public_access_block(&mut permit).await?;
    Ok(s3::DeletePublicAccessBlockOutput {})
}

async fn get_bucket_ownership_controls(
    service: Arc<S3>,
    permit: Permit<s3::GetBucketOwnershipControls>,
    _: s3::GetBucketOwnershipControlsInput,
    _: Payload,
) -> Result<s3::GetBucketOwnershipControlsOutput, ErrorResponse> {
    let ownership = service.get_bucket_ownership_controls(&permit).await?;
    let ownership = match ownership.ok_or(Unset::OwnershipControls)? {
        ObjectOwnership::BucketOwnerEnforced => s3::ObjectOwnership::BucketOwnerEnforced,
        ObjectOwnership::BucketOwnerPreferred => s3::ObjectOwnership::BucketOwnerPreferred,
        ObjectOwnership::ObjectWriter => s3::ObjectOwnership::ObjectWriter,
    };
    let rules = vec![s3::OwnershipControlsRule::new(ownership)];
    let ownership_controls = Some(s3::OwnershipControls { rules });
    Ok(s3::GetBucketOwnershipControlsOutput { ownership_controls })
}

async fn put_bucket_ownership_controls(
    service: Arc<S3>,
    mut permit: Permit<s3::PutBucketOwnershipControls>,
    input: s3::PutBucketOwnershipControlsInput,
    _: Payload,
) -> Result<s3::PutBucketOwnershipControlsOutput, ErrorResponse> {
    let [rule] = input.ownership_controls.rules.as_slice() else {
        return Err(errors::malformed_xml());
    };
    let ownership = ownership_in(rule.object_ownership)
        .ok_or_else(|| errors::not_implemented(rule.object_ownership.as_str()))?;
    service.put_bucket_ownership_controls(&mut permit, ownership).await?;
    Ok(s3::PutBucketOwnershipControlsOutput {})
}

/// The ownership that a client names; `None` for those that need ACLs to be honoured.
pub(super) fn ownership_in(ownership: s3::ObjectOwnership) -> Option<ObjectOwnership> {
    match ownership {
        s3::ObjectOwnership::BucketOwnerEnforced => Some(ObjectOwnership::BucketOwnerEnforced),
        s3::ObjectOwnership::BucketOwnerPreferred | s3::ObjectOwnership::ObjectWriter => None,
    }
}
