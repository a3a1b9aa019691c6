//! PutBucketPolicy, GetBucketPolicy, DeleteBucketPolicy, GetBucketPolicyStatus.

use std::sync::Arc;

use strongroom_access::{Endpoint, Permit};
use strongroom_model::s3;
use strongroom_types::Arn;
use strongroom_wire::{ErrorResponse, Payload};

use super::bind;
use super::errors::{self, Unset};
use crate::S3;
use crate::bucket_policy::BucketPolicyError;

pub(super) fn endpoints(service: &Arc<S3>) -> Vec<Arc<dyn Endpoint>> {
    vec![
        bind(service, delete_bucket_policy),
        bind(service, get_bucket_policy),
        bind(service, get_bucket_policy_status),
        bind(service, put_bucket_policy),
    ]
}

async fn get_bucket_policy(
    service: Arc<S3>,
    permit: Permit<s3::GetBucketPolicy>,
    _: s3::GetBucketPolicyInput,
    _: Payload,
) -> Result<s3::GetBucketPolicyOutput, ErrorResponse> {
    let policy = service.get_bucket_policy(&permit).await?.ok_or(Unset::Policy)?;
    Ok(s3::GetBucketPolicyOutput { policy: Some(policy) })
}

async fn put_bucket_policy(
    service: Arc<S3>,
    mut permit: Permit<s3::PutBucketPolicy>,
    input: s3::PutBucketPolicyInput,
    _: Payload,
) -> Result<s3::PutBucketPolicyOutput, ErrorResponse> {
    let caller = permit.caller().principal.arn_text();
    let confirmed = input.confirm_remove_self_bucket_access == Some(true);
    let put = service.put_bucket_policy(&mut permit, &input.policy, confirmed).await;
    put.map_err(|error| match error {
        BucketPolicyError::Malformed(error) => errors::malformed_policy(&error),
        BucketPolicyError::LocksOut => errors::locks_out_caller(),
        BucketPolicyError::Public => errors::public_policy(&caller, &Arn::bucket(&input.bucket)),
        BucketPolicyError::Fault(fault) => fault.into(),
    })?;
    Ok(s3::PutBucketPolicyOutput {})
}

async fn delete_bucket_policy(
    service: Arc<S3>,
    mut permit: Permit<s3::DeleteBucketPolicy>,
    _: s3::DeleteBucketPolicyInput,
    _: Payload,
) -> Result<s3::DeleteBucketPolicyOutput, ErrorResponse> {
    service.delete_bucket_policy(&mut permit).await?;
    Ok(s3::DeleteBucketPolicyOutput {})
}

async fn get_bucket_policy_status(
    service: Arc<S3>,
    permit: Permit<s3::GetBucketPolicyStatus>,
    _: s3::GetBucketPolicyStatusInput,
    _: Payload,
) -> Result<s3::GetBucketPolicyStatusOutput, ErrorResponse> {
    let is_public = service.get_bucket_policy_status(&permit).await?.ok_or(Unset::Policy)?;
    let policy_status = Some(s3::PolicyStatus { is_public: Some(is_public) });
    Ok(s3::GetBucketPolicyStatusOutput { policy_status })
}
