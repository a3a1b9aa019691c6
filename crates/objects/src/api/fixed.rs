//! What is true of every bucket, because no request can make it otherwise.
//!
//! S3 tells the same of a bucket that was never configured. Each of these ends when the operation
//! that sets it is built.

use std::sync::Arc;

use strongroom_access::{Endpoint, Operands};
use strongroom_model::s3;
use strongroom_wire::ErrorResponse;

use super::bind;
use super::errors::{self, Unset};
use crate::S3;
use crate::records::BucketRecord;

pub(super) fn endpoints(service: &Arc<S3>) -> Vec<Arc<dyn Endpoint>> {
    let mut endpoints = vec![
        answer::<s3::GetBucketAbac>(service, |_, _| {
            let status = Some(s3::BucketAbacStatus::Disabled);
            Ok(s3::GetBucketAbacOutput { abac_status: Some(s3::AbacStatus { status }) })
        }),
        answer::<s3::GetBucketAccelerateConfiguration>(service, |_, _| {
            Ok(s3::GetBucketAccelerateConfigurationOutput::default())
        }),
        answer::<s3::GetBucketLogging>(service, |_, _| Ok(s3::GetBucketLoggingOutput::default())),
        answer::<s3::GetBucketNotificationConfiguration>(service, |_, _| {
            Ok(s3::GetBucketNotificationConfigurationOutput::default())
        }),
        answer::<s3::GetBucketRequestPayment>(service, |_, _| {
            Ok(s3::GetBucketRequestPaymentOutput { payer: Some(s3::Payer::BucketOwner) })
        }),
        answer::<s3::PutBucketRequestPayment>(service, |input, _| {
            match input.request_payment_configuration.payer {
                s3::Payer::BucketOwner => Ok(s3::PutBucketRequestPaymentOutput {}),
                s3::Payer::Requester => Err(errors::not_implemented("Payer")),
            }
        }),
    ];
    endpoints.extend(unset(service));
    endpoints.extend(removed(service));
    endpoints.extend(lists(service));
    endpoints
}

/// Configurations that no bucket has.
fn unset(service: &Arc<S3>) -> Vec<Arc<dyn Endpoint>> {
    vec![
        answer::<s3::GetBucketAnalyticsConfiguration>(service, |_, _| Err(Unset::Report.into())),
        answer::<s3::GetBucketIntelligentTieringConfiguration>(service, |_, _| {
            Err(Unset::Report.into())
        }),
        answer::<s3::GetBucketInventoryConfiguration>(service, |_, _| Err(Unset::Report.into())),
        answer::<s3::GetBucketLifecycleConfiguration>(service, |_, _| Err(Unset::Lifecycle.into())),
        answer::<s3::GetBucketMetricsConfiguration>(service, |_, _| Err(Unset::Report.into())),
        answer::<s3::GetBucketReplication>(service, |_, _| Err(Unset::Replication.into())),
        answer::<s3::GetBucketWebsite>(service, |_, _| Err(Unset::Website.into())),
        answer::<s3::GetObjectLockConfiguration>(service, |_, _| Err(Unset::ObjectLock.into())),
    ]
}

/// The removal of what no bucket has. S3 wants nothing to be there, but for those that have ids.
fn removed(service: &Arc<S3>) -> Vec<Arc<dyn Endpoint>> {
    macro_rules! no_such {
        ($($operation:ident),* $(,)?) => {
            vec![$(answer::<s3::$operation>(service, |_, _| Err(Unset::Report.into()))),*]
        };
    }
    let mut endpoints = no_such![
        DeleteBucketAnalyticsConfiguration,
        DeleteBucketIntelligentTieringConfiguration,
        DeleteBucketInventoryConfiguration,
        DeleteBucketMetricsConfiguration,
    ];
    endpoints.extend([
        answer::<s3::DeleteBucketLifecycle>(service, |_, _| Ok(s3::DeleteBucketLifecycleOutput {})),
        answer::<s3::DeleteBucketReplication>(service, |_, _| {
            Ok(s3::DeleteBucketReplicationOutput {})
        }),
        answer::<s3::DeleteBucketWebsite>(service, |_, _| Ok(s3::DeleteBucketWebsiteOutput {})),
    ]);
    endpoints
}

/// Lists of configurations that no bucket has.
fn lists(service: &Arc<S3>) -> Vec<Arc<dyn Endpoint>> {
    macro_rules! empty_list {
        ($operation:ident, $output:ident) => {
            answer::<s3::$operation>(service, |input, _| {
                first_page(input.continuation_token.as_deref())?;
                Ok(s3::$output { is_truncated: Some(false), ..s3::$output::default() })
            })
        };
    }
    vec![
        empty_list!(ListBucketAnalyticsConfigurations, ListBucketAnalyticsConfigurationsOutput),
        empty_list!(
            ListBucketIntelligentTieringConfigurations,
            ListBucketIntelligentTieringConfigurationsOutput
        ),
        empty_list!(ListBucketInventoryConfigurations, ListBucketInventoryConfigurationsOutput),
        empty_list!(ListBucketMetricsConfigurations, ListBucketMetricsConfigurationsOutput),
    ]
}

/// An operation whose answer follows from its input and the bucket's record alone.
fn answer<Op: Operands>(
    service: &Arc<S3>,
    answer: fn(&Op::Input, &BucketRecord) -> Result<Op::Output, ErrorResponse>,
) -> Arc<dyn Endpoint> {
    bind::<Op, _, _>(service, move |service, permit, input, _| async move {
        let bucket = service.bucket_record(&permit).await?;
        answer(&input, &bucket)
    })
}

/// A list of nothing has no second page.
fn first_page(token: Option<&str>) -> Result<(), ErrorResponse> {
    match token.filter(|token| !token.is_empty()) {
        None => Ok(()),
        Some(token) => {
            let message = "the continuation token provided is incorrect";
            Err(errors::invalid_argument("continuation-token", token, message))
        }
    }
}
