//! GetBucketVersioning, PutBucketVersioning.

use std::sync::Arc;

use strongroom_access::{Endpoint, Permit};
use strongroom_model::s3;
use strongroom_types::VersioningState;
use strongroom_wire::{ErrorResponse, Payload};

use super::{bind, errors};
use crate::S3;

pub(super) fn endpoints(service: &Arc<S3>) -> Vec<Arc<dyn Endpoint>> {
    vec![bind(service, get_bucket_versioning), bind(service, put_bucket_versioning)]
}

/// SPEC: data-protection, 4.1: an empty answer for a bucket that was never versioned.
async fn get_bucket_versioning(
    service: Arc<S3>,
    permit: Permit<s3::GetBucketVersioning>,
    _: s3::GetBucketVersioningInput,
    _: Payload,
) -> Result<s3::GetBucketVersioningOutput, ErrorResponse> {
    let status = match service.bucket_record(&permit).await?.versioning {
        VersioningState::Unversioned => None,
        VersioningState::Enabled => Some(s3::BucketVersioningStatus::Enabled),
        VersioningState::Suspended => Some(s3::BucketVersioningStatus::Suspended),
    };
    Ok(s3::GetBucketVersioningOutput { status, mfa_delete: None })
}

async fn put_bucket_versioning(
    service: Arc<S3>,
    mut permit: Permit<s3::PutBucketVersioning>,
    input: s3::PutBucketVersioningInput,
    _: Payload,
) -> Result<s3::PutBucketVersioningOutput, ErrorResponse> {
    let configuration = input.versioning_configuration;
    if configuration.mfa_delete == Some(s3::MFADelete::Enabled) {
        return Err(errors::not_implemented("MfaDelete"));
    }
    let versioning = match configuration.status.ok_or_else(errors::versioning_status)? {
        s3::BucketVersioningStatus::Enabled => VersioningState::Enabled,
        s3::BucketVersioningStatus::Suspended => VersioningState::Suspended,
    };
    service.change_bucket(&mut permit, 200, |record| record.versioning = versioning).await?;
    Ok(s3::PutBucketVersioningOutput {})
}
