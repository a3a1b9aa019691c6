//! GetBucketCors, PutBucketCors, DeleteBucketCors.

use std::sync::Arc;

use strongroom_access::{Endpoint, Permit};
use strongroom_model::s3;
use strongroom_wire::{CorsMethod, CorsRule, CorsRuleError, CorsRules, ErrorResponse, Payload};

use super::errors::Unset;
use super::{bind, errors};
use crate::S3;

pub(super) fn endpoints(service: &Arc<S3>) -> Vec<Arc<dyn Endpoint>> {
    vec![
        bind(service, delete_bucket_cors),
        bind(service, get_bucket_cors),
        bind(service, put_bucket_cors),
    ]
}

async fn get_bucket_cors(
    service: Arc<S3>,
    permit: Permit<s3::GetBucketCors>,
    _: s3::GetBucketCorsInput,
    _: Payload,
) -> Result<s3::GetBucketCorsOutput, ErrorResponse> {
    let rules = service.get_bucket_cors(&permit).await?.ok_or(Unset::Cors)?;
    let rules = rules.rules().iter().map(rule_out).collect();
    Ok(s3::GetBucketCorsOutput { cors_rules: rules })
}

async fn put_bucket_cors(
    service: Arc<S3>,
    mut permit: Permit<s3::PutBucketCors>,
    input: s3::PutBucketCorsInput,
    _: Payload,
) -> Result<s3::PutBucketCorsOutput, ErrorResponse> {
    let rules = input.cors_configuration.cors_rules.into_iter().map(rule_in);
    let rules = rules.collect::<Result<_, _>>().and_then(CorsRules::new);
    let rules = rules.map_err(|error| errors::cors_rules(&error))?;
    service.put_bucket_cors(&mut permit, rules).await?;
    Ok(s3::PutBucketCorsOutput {})
}

async fn delete_bucket_cors(
    service: Arc<S3>,
    mut permit: Permit<s3::DeleteBucketCors>,
    _: s3::DeleteBucketCorsInput,
    _: Payload,
) -> Result<s3::DeleteBucketCorsOutput, ErrorResponse> {
    service.delete_bucket_cors(&mut permit).await?;
    Ok(s3::DeleteBucketCorsOutput {})
}

fn rule_in(rule: s3::CORSRule) -> Result<CorsRule, CorsRuleError> {
    let method =
        |name: String| CorsMethod::from_bytes(name.as_bytes()).ok_or(CorsRuleError::Method(name));
    let max_age_seconds = rule.max_age_seconds.map(u32::try_from).transpose();
    Ok(CorsRule {
        id: rule.id,
        allowed_headers: rule.allowed_headers,
        allowed_methods: rule.allowed_methods.into_iter().map(method).collect::<Result<_, _>>()?,
        allowed_origins: rule.allowed_origins,
        expose_headers: rule.expose_headers,
        max_age_seconds: max_age_seconds.map_err(|_| CorsRuleError::MaxAge)?,
    })
}

fn rule_out(rule: &CorsRule) -> s3::CORSRule {
    let methods = rule.allowed_methods.iter();
    s3::CORSRule {
        id: rule.id.clone(),
        allowed_headers: rule.allowed_headers.clone(),
        allowed_methods: methods.map(|method| method.as_str().to_owned()).collect(),
        allowed_origins: rule.allowed_origins.clone(),
        expose_headers: rule.expose_headers.clone(),
        max_age_seconds: rule.max_age_seconds.and_then(|seconds| i32::try_from(seconds).ok()),
    }
}
