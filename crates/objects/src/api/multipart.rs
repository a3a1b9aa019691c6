//! Operations on multipart uploads.

use std::sync::Arc;

use strongroom_access::{Endpoint, Permit};
use strongroom_crypto::ChecksumAlgorithm;
use strongroom_model::s3;
use strongroom_wire::{ErrorResponse, Payload};

use super::headers::{
    byte_count, check_acl, check_storage_class, checksum_algorithm, checksum_type,
    encryption_headers, metadata_headers, source_version_out, tags_in, version_out,
};
use super::listing::{algorithm_out, key_out, owner_out};
use super::{bind, errors};
use crate::S3;
use crate::checksums::{ChecksumClaims, parse_content_md5};
use crate::conditions::{ReadConditions, WriteCondition};
use crate::multipart::{
    CompleteRequest, CompletedPart, CompletionClaims, NewUpload, PARTS_PAGE_MAX, PartClaims,
    PartCopyRequest, PartPlace, PartRecord, bucket_of, upload_checksum, upload_id,
};
use crate::objects::SourceRequest;
use crate::records::Etag;

pub(super) fn endpoints(service: &Arc<S3>) -> Vec<Arc<dyn Endpoint>> {
    vec![
        bind(service, abort_multipart_upload),
        bind(service, complete_multipart_upload),
        bind(service, create_multipart_upload),
        bind(service, list_parts),
        bind(service, upload_part),
        bind(service, upload_part_copy),
    ]
}

async fn create_multipart_upload(
    service: Arc<S3>,
    mut permit: Permit<s3::CreateMultipartUpload>,
    mut input: s3::CreateMultipartUploadInput,
    _body: Payload,
) -> Result<s3::CreateMultipartUploadOutput, ErrorResponse> {
    check_acl(input.acl)?;
    check_storage_class(input.storage_class)?;
    encryption_headers!(input).check()?;
    let algorithm = input.checksum_algorithm.map(checksum_algorithm).transpose()?;
    let checksum = upload_checksum(algorithm, input.checksum_type.map(type_in))?;
    let new = NewUpload {
        checksum,
        metadata: metadata_headers!(input).checked()?,
        tags: tags_in(input.tagging.as_deref())?,
    };
    let unique = service.create_multipart_upload(&mut permit, &input.key, new).await?;
    Ok(s3::CreateMultipartUploadOutput {
        bucket: Some(input.bucket.to_string()),
        key: key_out(input.key.as_str()),
        upload_id: Some(upload_id(unique)),
        server_side_encryption: Some(s3::ServerSideEncryption::Aes256),
        checksum_algorithm: checksum.map(|checksum| algorithm_out(checksum.algorithm)),
        checksum_type: checksum.map(|checksum| checksum_type(checksum.checksum_type)),
        ..s3::CreateMultipartUploadOutput::default()
    })
}

async fn upload_part(
    service: Arc<S3>,
    mut permit: Permit<s3::UploadPart>,
    input: s3::UploadPartInput,
    body: Payload,
) -> Result<s3::UploadPartOutput, ErrorResponse> {
    let claims = ChecksumClaims {
        values: checksum_values!(input),
        sdk_algorithm: input.checksum_algorithm.map(s3::ChecksumAlgorithm::as_str),
        trailers: body.announced_trailers(),
    };
    let claims = PartClaims {
        content_md5: input.content_md5.as_deref().map(parse_content_md5).transpose()?,
        checksum: claims.declared()?,
    };
    let place = PartPlace {
        object_key: input.key,
        upload_id: input.upload_id,
        number: i64::from(input.part_number),
    };
    let part = service.upload_part(&mut permit, &place, &claims, body).await?;
    let mut output = s3::UploadPartOutput {
        server_side_encryption: Some(s3::ServerSideEncryption::Aes256),
        etag: Some(part.etag.quoted()),
        ..s3::UploadPartOutput::default()
    };
    set_checksum!(output, part.checksum.algorithm(), part.checksum.to_base64());
    Ok(output)
}

async fn upload_part_copy(
    service: Arc<S3>,
    mut permit: Permit<s3::UploadPartCopy>,
    input: s3::UploadPartCopyInput,
    _body: Payload,
) -> Result<s3::UploadPartCopyOutput, ErrorResponse> {
    let request = PartCopyRequest {
        place: PartPlace {
            object_key: input.key,
            upload_id: input.upload_id,
            number: i64::from(input.part_number),
        },
        source: SourceRequest {
            object_key: input.copy_source.object_key,
            version_id: input.copy_source.version_id,
            conditions: ReadConditions {
                if_match: input.copy_source_if_match,
                if_none_match: input.copy_source_if_none_match,
                if_modified_since: input.copy_source_if_modified_since,
                if_unmodified_since: input.copy_source_if_unmodified_since,
            },
        },
        range: input.copy_source_range,
    };
    let copied = service.upload_part_copy(&mut permit, &request).await?;
    let mut result = s3::CopyPartResult {
        etag: Some(copied.part.etag.quoted()),
        last_modified: Some(copied.part.last_modified),
        ..s3::CopyPartResult::default()
    };
    let checksum = copied.part.checksum;
    set_checksum!(result, checksum.algorithm(), checksum.to_base64());
    Ok(s3::UploadPartCopyOutput {
        copy_source_version_id: source_version_out(&permit, copied.source_version_id),
        copy_part_result: Some(result),
        server_side_encryption: Some(s3::ServerSideEncryption::Aes256),
        ..s3::UploadPartCopyOutput::default()
    })
}

async fn complete_multipart_upload(
    service: Arc<S3>,
    mut permit: Permit<s3::CompleteMultipartUpload>,
    input: s3::CompleteMultipartUploadInput,
    _body: Payload,
) -> Result<s3::CompleteMultipartUploadOutput, ErrorResponse> {
    let checksums = owned(checksum_values!(input));
    let parts = input.multipart_upload.map(|list| list.parts).unwrap_or_default();
    let request = CompleteRequest {
        upload_id: input.upload_id,
        claims: CompletionClaims {
            parts: parts.into_iter().map(completed_part).collect::<Result<_, _>>()?,
            checksums,
            checksum_type: input.checksum_type.map(type_in),
            object_bytes: input.mpu_object_size,
        },
        condition: WriteCondition::new(input.if_match, input.if_none_match)?,
        object_key: input.key,
    };
    let completed = service.complete_multipart_upload(&mut permit, &request).await;
    let record = completed.map_err(|error| errors::upload(error, &request.object_key))?;
    let path = super::listing::url_encoded(request.object_key.as_str());
    let location = format!("{}/{}/{path}", permit.facts().endpoint, input.bucket);
    let mut output = s3::CompleteMultipartUploadOutput {
        location: Some(location),
        bucket: Some(input.bucket.to_string()),
        key: key_out(request.object_key.as_str()),
        etag: Some(record.etag.quoted()),
        server_side_encryption: Some(s3::ServerSideEncryption::Aes256),
        version_id: version_out(&permit, &record),
        ..s3::CompleteMultipartUploadOutput::default()
    };
    if let Some(checksum) = &record.checksum {
        set_checksum!(output, checksum.checksum.algorithm(), checksum.to_string());
        output.checksum_type = Some(checksum_type(checksum.checksum_type));
    }
    Ok(output)
}

async fn abort_multipart_upload(
    service: Arc<S3>,
    mut permit: Permit<s3::AbortMultipartUpload>,
    input: s3::AbortMultipartUploadInput,
    _body: Payload,
) -> Result<s3::AbortMultipartUploadOutput, ErrorResponse> {
    service.abort_multipart_upload(&mut permit, &input.key, &input.upload_id).await?;
    Ok(s3::AbortMultipartUploadOutput::default())
}

async fn list_parts(
    service: Arc<S3>,
    permit: Permit<s3::ListParts>,
    input: s3::ListPartsInput,
    _body: Payload,
) -> Result<s3::ListPartsOutput, ErrorResponse> {
    let limit = i32::try_from(PARTS_PAGE_MAX).unwrap_or(i32::MAX);
    let max_parts = not_negative("max-parts", input.max_parts.unwrap_or(limit))?.min(limit);
    let marker = not_negative("part-number-marker", input.part_number_marker.unwrap_or(0))?;
    let bounds = (u32::try_from(marker).unwrap_or(0), usize::try_from(max_parts).unwrap_or(0));
    let page = service.list_parts(&permit, &input.key, &input.upload_id, bounds).await?;
    let owner = service.bucket_record(&permit).await?.owner_id;
    let initiator = page.upload.initiator.canonical_user_id.to_string();
    let last = page.parts.last().map_or(0, |(number, _)| i32::from(*number));
    Ok(s3::ListPartsOutput {
        bucket: Some(bucket_of(&permit)?.name.to_string()),
        key: key_out(input.key.as_str()),
        upload_id: Some(input.upload_id),
        part_number_marker: Some(marker),
        next_part_number_marker: Some(last),
        max_parts: Some(max_parts),
        is_truncated: Some(page.is_truncated),
        parts: page.parts.iter().map(|(number, part)| part_out(*number, part)).collect(),
        initiator: Some(s3::Initiator { id: Some(initiator), display_name: None }),
        owner: Some(owner_out(owner)),
        storage_class: Some(s3::StorageClass::Standard),
        checksum_algorithm: Some(algorithm_out(page.upload.algorithm())),
        checksum_type: Some(checksum_type(page.upload.checksum_type())),
        ..s3::ListPartsOutput::default()
    })
}

fn part_out(number: u16, part: &PartRecord) -> s3::Part {
    let mut out = s3::Part {
        part_number: Some(i32::from(number)),
        last_modified: Some(part.last_modified),
        etag: Some(Etag::of_md5(part.md5).quoted()),
        size: Some(byte_count(part.object_bytes)),
        ..s3::Part::default()
    };
    for checksum in std::iter::once(&part.checksum).chain(&part.declared) {
        set_checksum!(out, checksum.algorithm(), checksum.to_base64());
    }
    out
}

/// SPEC: data-protection, 1.10: a part in the list has a number and an ETag.
fn completed_part(part: s3::CompletedPart) -> Result<CompletedPart, ErrorResponse> {
    let checksums = owned(checksum_values!(part));
    let number = part.part_number.map(i64::from).ok_or_else(errors::malformed_xml)?;
    let etag = part.etag.ok_or_else(errors::malformed_xml)?;
    Ok(CompletedPart { number, etag, checksums })
}

fn owned(values: Vec<(ChecksumAlgorithm, &str)>) -> Vec<(ChecksumAlgorithm, String)> {
    values.into_iter().map(|(algorithm, text)| (algorithm, text.to_owned())).collect()
}

/// A checksum type that a client names.
fn type_in(checksum_type: s3::ChecksumType) -> strongroom_crypto::ChecksumType {
    match checksum_type {
        s3::ChecksumType::Composite => strongroom_crypto::ChecksumType::Composite,
        s3::ChecksumType::FullObject => strongroom_crypto::ChecksumType::FullObject,
    }
}

fn not_negative(name: &'static str, value: i32) -> Result<i32, ErrorResponse> {
    if value >= 0 {
        return Ok(value);
    }
    let message = "the argument must be an integer between 0 and 2147483647";
    Err(errors::invalid_argument(name, value.to_string(), message))
}
