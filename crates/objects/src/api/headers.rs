//! What several operations have in common in the form of their inputs.

use strongroom_access::Permit;
use strongroom_model::s3;
use strongroom_types::{VersionId, VersioningState};
use strongroom_wire::{ErrorResponse, Redacted};

use super::errors;
use crate::checksums::{ChecksumClaimError, ChecksumClaims, ChecksumPlan};
use crate::metadata::{check_system, strip_aws_chunked, user_metadata};
use crate::objects::shown_version;
use crate::records::{ObjectMetadata, ObjectRecord, SystemMetadata};
use crate::tags::TagSet;

/// The metadata headers of a request that writes an object.
#[derive(Debug, Default)]
pub(super) struct MetadataHeaders {
    pub(super) content_type: Option<String>,
    pub(super) cache_control: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) expires: Option<String>,
    pub(super) website_redirect: Option<String>,
    pub(super) user: std::collections::BTreeMap<String, String>,
}

/// Takes the metadata headers out of an input. All inputs that have them name them alike.
macro_rules! metadata_headers {
    ($input:expr) => {
        crate::api::headers::MetadataHeaders {
            content_type: $input.content_type.take(),
            cache_control: $input.cache_control.take(),
            content_disposition: $input.content_disposition.take(),
            content_encoding: $input.content_encoding.take(),
            content_language: $input.content_language.take(),
            expires: $input.expires.take(),
            website_redirect: $input.website_redirect_location.take(),
            user: std::mem::take(&mut $input.metadata),
        }
    };
}
pub(super) use metadata_headers;

impl MetadataHeaders {
    /// The metadata of the object.
    pub(super) fn checked(self) -> Result<ObjectMetadata, ErrorResponse> {
        if self.website_redirect.as_deref().is_some_and(|location| !leads_somewhere(location)) {
            return Err(errors::redirect_location());
        }
        let system = SystemMetadata {
            content_type: self.content_type,
            cache_control: self.cache_control,
            content_disposition: self.content_disposition,
            content_encoding: self.content_encoding.and_then(strip_aws_chunked),
            content_language: self.content_language,
            expires: self.expires,
            website_redirect: self.website_redirect,
        };
        check_system(&system)?;
        Ok(ObjectMetadata { system, user: user_metadata(self.user)? })
    }
}

fn leads_somewhere(location: &str) -> bool {
    ["/", "http://", "https://"].iter().any(|prefix| location.starts_with(prefix))
}

/// The checksum that a request with a body declares, or the default one.
pub(super) fn checksum_plan(
    values: Vec<(strongroom_crypto::ChecksumAlgorithm, &str)>,
    sdk_algorithm: Option<s3::ChecksumAlgorithm>,
    trailers: &[String],
) -> Result<ChecksumPlan, ErrorResponse> {
    let sdk_algorithm = sdk_algorithm.map(s3::ChecksumAlgorithm::as_str);
    Ok(ChecksumClaims { values, sdk_algorithm, trailers }.plan()?)
}

/// The encryption headers of a request that writes an object.
#[derive(Debug, Default)]
pub(super) struct EncryptionHeaders<'a> {
    pub(super) algorithm: Option<s3::ServerSideEncryption>,
    pub(super) kms_key_id: Option<&'a Redacted>,
    pub(super) context: Option<&'a Redacted>,
    pub(super) bucket_key_enabled: Option<bool>,
    pub(super) customer_algorithm: Option<&'a String>,
    pub(super) customer_key: Option<&'a Redacted>,
    pub(super) customer_key_md5: Option<&'a String>,
}

/// Takes the encryption headers out of an input. All inputs that have them name them alike.
macro_rules! encryption_headers {
    ($input:expr) => {
        crate::api::headers::EncryptionHeaders {
            algorithm: $input.server_side_encryption,
            kms_key_id: $input.sse_kms_key_id.as_ref(),
            context: $input.sse_kms_encryption_context.as_ref(),
            bucket_key_enabled: $input.bucket_key_enabled,
            customer_algorithm: $input.sse_customer_algorithm.as_ref(),
            customer_key: $input.sse_customer_key.as_ref(),
            customer_key_md5: $input.sse_customer_key_md5.as_ref(),
        }
    };
}
pub(super) use encryption_headers;

impl EncryptionHeaders<'_> {
    /// Accepts SSE-S3, named or not, and refuses everything else by name.
    ///
    /// SPEC: data-protection, 2.4, 2.5 and 2.7: every bucket blocks SSE-C.
    pub(super) fn check(&self) -> Result<(), ErrorResponse> {
        let kms = self.kms_key_id.is_some() || self.context.is_some();
        match (self.algorithm, self.customer_header()) {
            (Some(algorithm), Some(_)) => {
                return Err(errors::invalid_argument(
                    "x-amz-server-side-encryption",
                    algorithm.as_str(),
                    "encryption with a customer key and with another one exclude each other",
                ));
            }
            (None, Some(_)) => return Err(errors::customer_key_blocked()),
            (_, None) => {}
        }
        match self.algorithm {
            Some(s3::ServerSideEncryption::Aes256) if kms || self.bucket_key_enabled.is_some() => {
                Err(errors::invalid_argument(
                    "x-amz-server-side-encryption",
                    "AES256",
                    "the encryption method specified takes no KMS key, context or bucket key",
                ))
            }
            None if kms => Err(errors::invalid_argument(
                "x-amz-server-side-encryption",
                "",
                "a KMS key or context needs the encryption method `aws:kms`",
            )),
            None if self.bucket_key_enabled == Some(true) => {
                Err(errors::not_implemented("x-amz-server-side-encryption-bucket-key-enabled"))
            }
            None | Some(s3::ServerSideEncryption::Aes256) => Ok(()),
            Some(s3::ServerSideEncryption::AwsKms | s3::ServerSideEncryption::AwsKmsDsse) => {
                Err(errors::not_implemented("x-amz-server-side-encryption"))
            }
            Some(
                algorithm
                @ (s3::ServerSideEncryption::AwsFsx | s3::ServerSideEncryption::AwsBackup),
            ) => Err(errors::invalid_argument(
                "x-amz-server-side-encryption",
                algorithm.as_str(),
                "the encryption method specified is not supported",
            )),
        }
    }

    /// The first header that speaks of a customer's key.
    fn customer_header(&self) -> Option<&'static str> {
        let present = [
            (self.customer_algorithm.is_some(), "x-amz-server-side-encryption-customer-algorithm"),
            (self.customer_key.is_some(), "x-amz-server-side-encryption-customer-key"),
            (self.customer_key_md5.is_some(), "x-amz-server-side-encryption-customer-key-md5"),
        ];
        present.into_iter().find_map(|(present, header)| present.then_some(header))
    }
}

/// Only the one class that there is.
pub(super) fn check_storage_class(class: Option<s3::StorageClass>) -> Result<(), ErrorResponse> {
    match class {
        None | Some(s3::StorageClass::Standard) => Ok(()),
        Some(_) => Err(errors::storage_class()),
    }
}

/// Only the ACLs that say what is true where the bucket's owner owns all objects.
pub(super) fn check_acl(acl: Option<s3::ObjectCannedACL>) -> Result<(), ErrorResponse> {
    match acl {
        None | Some(s3::ObjectCannedACL::Private | s3::ObjectCannedACL::BucketOwnerFullControl) => {
            Ok(())
        }
        Some(_) => Err(errors::acl_not_supported()),
    }
}

/// The type of a stored checksum in the model's terms.
pub(super) fn checksum_type(kind: strongroom_crypto::ChecksumType) -> s3::ChecksumType {
    match kind {
        strongroom_crypto::ChecksumType::Composite => s3::ChecksumType::Composite,
        strongroom_crypto::ChecksumType::FullObject => s3::ChecksumType::FullObject,
    }
}

/// The algorithm that a client names.
pub(super) fn checksum_algorithm(
    named: s3::ChecksumAlgorithm,
) -> Result<strongroom_crypto::ChecksumAlgorithm, ErrorResponse> {
    Ok(named.as_str().parse().map_err(|_| ChecksumClaimError::UnknownAlgorithm)?)
}

/// The tags that a request gives to a new object.
pub(super) fn tags_in(tagging: Option<&str>) -> Result<TagSet, ErrorResponse> {
    Ok(tagging.map(TagSet::from_header).transpose()?.unwrap_or_default())
}

/// The version id of an answer about a version; none if the bucket was never versioned.
pub(super) fn version_out<Op>(permit: &Permit<Op>, record: &ObjectRecord) -> Option<VersionId> {
    permit.bucket().and_then(|bucket| shown_version(bucket, record))
}

/// The version id of the source of a copy; none if its bucket was never versioned.
pub(super) fn source_version_out<Op>(
    permit: &Permit<Op>,
    version_id: VersionId,
) -> Option<VersionId> {
    let versioning = permit.source()?.versioning;
    (versioning != VersioningState::Unversioned).then_some(version_id)
}

/// A byte count in the model's terms.
pub(super) fn byte_count(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// A number of things in the model's terms.
pub(super) fn count(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
