//! GetBucketEncryption, PutBucketEncryption, DeleteBucketEncryption.

use std::sync::Arc;

use strongroom_access::{Endpoint, Permit};
use strongroom_model::s3;
use strongroom_wire::{ErrorResponse, Payload};

use super::{bind, errors};
use crate::S3;
use crate::records::BucketEncryption;

pub(super) fn endpoints(service: &Arc<S3>) -> Vec<Arc<dyn Endpoint>> {
    vec![
        bind(service, delete_bucket_encryption),
        bind(service, get_bucket_encryption),
        bind(service, put_bucket_encryption),
    ]
}

async fn get_bucket_encryption(
    service: Arc<S3>,
    permit: Permit<s3::GetBucketEncryption>,
    _: s3::GetBucketEncryptionInput,
    _: Payload,
) -> Result<s3::GetBucketEncryptionOutput, ErrorResponse> {
    let encryption = service.get_bucket_encryption(&permit).await?;
    let blocked = match encryption.sse_c_blocked {
        true => s3::EncryptionType::SseC,
        false => s3::EncryptionType::None,
    };
    let rule = s3::ServerSideEncryptionRule {
        apply_server_side_encryption_by_default: Some(s3::ServerSideEncryptionByDefault::new(
            s3::ServerSideEncryption::Aes256,
        )),
        bucket_key_enabled: Some(encryption.bucket_key_enabled),
        blocked_encryption_types: Some(s3::BlockedEncryptionTypes {
            encryption_type: vec![blocked],
        }),
    };
    Ok(s3::GetBucketEncryptionOutput {
        server_side_encryption_configuration: Some(s3::ServerSideEncryptionConfiguration {
            rules: vec![rule],
        }),
    })
}

async fn put_bucket_encryption(
    service: Arc<S3>,
    mut permit: Permit<s3::PutBucketEncryption>,
    input: s3::PutBucketEncryptionInput,
    _: Payload,
) -> Result<s3::PutBucketEncryptionOutput, ErrorResponse> {
    let encryption = encryption_in(&input.server_side_encryption_configuration)?;
    service.put_bucket_encryption(&mut permit, encryption).await?;
    Ok(s3::PutBucketEncryptionOutput {})
}

async fn delete_bucket_encryption(
    service: Arc<S3>,
    mut permit: Permit<s3::DeleteBucketEncryption>,
    _: s3::DeleteBucketEncryptionInput,
    _: Payload,
) -> Result<s3::DeleteBucketEncryptionOutput, ErrorResponse> {
    service.delete_bucket_encryption(&mut permit).await?;
    Ok(s3::DeleteBucketEncryptionOutput {})
}

/// SPEC: data-protection, 2.7. Algorithms other than SSE-S3, and customer keys, are refused by
/// name until they are built.
fn encryption_in(
    configuration: &s3::ServerSideEncryptionConfiguration,
) -> Result<BucketEncryption, ErrorResponse> {
    let [rule] = configuration.rules.as_slice() else {
        return Err(errors::malformed_xml());
    };
    if let Some(default) = &rule.apply_server_side_encryption_by_default {
        match (default.sse_algorithm, &default.kms_master_key_id) {
            (s3::ServerSideEncryption::Aes256, None) => {}
            (s3::ServerSideEncryption::Aes256, Some(_)) => {
                let message = "a KMSMasterKeyID is not applicable if the default sse algorithm \
                               is not aws:kms or aws:kms:dsse";
                return Err(errors::invalid_argument("KMSMasterKeyID", "", message));
            }
            (s3::ServerSideEncryption::AwsKms | s3::ServerSideEncryption::AwsKmsDsse, _) => {
                return Err(errors::not_implemented(default.sse_algorithm.as_str()));
            }
            _ => return Err(errors::malformed_xml()),
        }
    }
    let blocked = rule.blocked_encryption_types.as_ref();
    let blocked = blocked.map_or(&[][..], |blocked| &blocked.encryption_type);
    match blocked {
        [] | [s3::EncryptionType::SseC] => {}
        [s3::EncryptionType::None] => return Err(errors::not_implemented("EncryptionType")),
        _ => return Err(errors::malformed_xml()),
    }
    let bucket_key_enabled = rule.bucket_key_enabled.unwrap_or(false);
    Ok(BucketEncryption { bucket_key_enabled, sse_c_blocked: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use s3::EncryptionType::{None as Unblocked, SseC};
    use s3::ServerSideEncryption::{Aes256, AwsFsx, AwsKms, AwsKmsDsse};

    fn rule(
        algorithm: Option<s3::ServerSideEncryption>,
        key: Option<&str>,
        blocked: &[s3::EncryptionType],
    ) -> s3::ServerSideEncryptionRule {
        let default = algorithm.map(|algorithm| s3::ServerSideEncryptionByDefault {
            kms_master_key_id: key.map(Into::into),
            ..s3::ServerSideEncryptionByDefault::new(algorithm)
        });
        s3::ServerSideEncryptionRule {
            apply_server_side_encryption_by_default: default,
            bucket_key_enabled: Some(true),
            blocked_encryption_types: Some(s3::BlockedEncryptionTypes {
                encryption_type: blocked.to_vec(),
            }),
        }
    }

    fn judged(rules: Vec<s3::ServerSideEncryptionRule>) -> Result<bool, String> {
        let configuration = s3::ServerSideEncryptionConfiguration { rules };
        let judged = encryption_in(&configuration);
        judged.map(|found| found.bucket_key_enabled).map_err(|error| error.code.into_owned())
    }

    #[test]
    fn only_sse_s3_is_a_default() {
        assert_eq!(judged(vec![rule(Some(Aes256), None, &[])]), Ok(true));
        assert_eq!(judged(vec![rule(None, None, &[SseC])]), Ok(true));
        let refused = |code: &str| Err(code.to_owned());
        let key = Some("arn:aws:kms:us-east-1:1:key/x");
        assert_eq!(judged(vec![rule(Some(Aes256), key, &[])]), refused("InvalidArgument"));
        for algorithm in [AwsKms, AwsKmsDsse] {
            assert_eq!(judged(vec![rule(Some(algorithm), None, &[])]), refused("NotImplemented"));
        }
        assert_eq!(judged(vec![rule(Some(AwsFsx), None, &[])]), refused("MalformedXML"));
        assert_eq!(judged(vec![rule(Some(Aes256), None, &[Unblocked])]), refused("NotImplemented"));
        let both = vec![rule(Some(Aes256), None, &[SseC, Unblocked])];
        assert_eq!(judged(both), refused("MalformedXML"));
    }

    #[test]
    fn a_configuration_has_exactly_one_rule() {
        let malformed = Err("MalformedXML".to_owned());
        assert_eq!(judged(Vec::new()), malformed);
        let two = vec![rule(Some(Aes256), None, &[]), rule(Some(Aes256), None, &[])];
        assert_eq!(judged(two), malformed);
    }
}
