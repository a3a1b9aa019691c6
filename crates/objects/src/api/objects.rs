//! Operations on objects.

use std::sync::Arc;

use strongroom_access::{Endpoint, Permit};
use strongroom_model::s3;
use strongroom_types::ObjectKey;
use strongroom_wire::{ErrorResponse, Payload};

use super::headers::{
    byte_count, check_acl, check_storage_class, checksum_algorithm, checksum_plan, checksum_type,
    count, encryption_headers, metadata_headers, source_version_out, tags_in, version_out,
};
use super::reads::{found_output, overrides, read_request};
use super::{bind, errors};
use crate::S3;
use crate::checksums::parse_content_md5;
use crate::conditions::{DeleteConditions, ReadConditions, WriteCondition};
use crate::objects::{
    AttributesPage, CopyRequest, DeleteRequest, MetadataDirective, ObjectError, PutRequest,
    ReadRequest, Selection, SourceRequest,
};
use crate::records::{ManifestPart, ObjectRecord};
use crate::tags::TagSet;

pub(super) fn endpoints(service: &Arc<S3>) -> Vec<Arc<dyn Endpoint>> {
    vec![
        bind(service, copy_object),
        bind(service, delete_object),
        bind(service, delete_objects),
        bind(service, get_object),
        bind(service, get_object_attributes),
        bind(service, head_object),
        bind(service, put_object),
    ]
}

async fn put_object(
    service: Arc<S3>,
    mut permit: Permit<s3::PutObject>,
    mut input: s3::PutObjectInput,
    body: Payload,
) -> Result<s3::PutObjectOutput, ErrorResponse> {
    check_acl(input.acl)?;
    check_storage_class(input.storage_class)?;
    encryption_headers!(input).check()?;
    let request = PutRequest {
        content_md5: input.content_md5.as_deref().map(parse_content_md5).transpose()?,
        checksum: checksum_plan(
            checksum_values!(input),
            input.checksum_algorithm,
            body.announced_trailers(),
        )?,
        condition: WriteCondition::new(input.if_match.take(), input.if_none_match.take())?,
        metadata: metadata_headers!(input).checked()?,
        tags: tags_in(input.tagging.as_deref())?,
        object_key: input.key,
    };
    let record = service.put_object(&mut permit, &request, body).await?;
    let mut output = s3::PutObjectOutput {
        etag: Some(record.etag.quoted()),
        server_side_encryption: Some(s3::ServerSideEncryption::Aes256),
        version_id: version_out(&permit, &record),
        ..s3::PutObjectOutput::default()
    };
    if let Some(checksum) = &record.checksum {
        set_checksum!(output, checksum.checksum.algorithm(), checksum.to_string());
        output.checksum_type = Some(checksum_type(checksum.checksum_type));
    }
    Ok(output)
}

async fn get_object(
    service: Arc<S3>,
    permit: Permit<s3::GetObject>,
    mut input: s3::GetObjectInput,
    _body: Payload,
) -> Result<s3::GetObjectOutput, ErrorResponse> {
    let overrides = overrides!(input);
    overrides.check(permit.caller().auth)?;
    let request = read_request!(input);
    let (found, body) = service.get_object(&permit, &request).await?;
    let mut output = s3::GetObjectOutput { body, ..s3::GetObjectOutput::default() };
    found_output!(output, found, overrides, input.checksum_mode, permit);
    Ok(output)
}

async fn head_object(
    service: Arc<S3>,
    permit: Permit<s3::HeadObject>,
    mut input: s3::HeadObjectInput,
    _body: Payload,
) -> Result<s3::HeadObjectOutput, ErrorResponse> {
    let overrides = overrides!(input);
    overrides.check(permit.caller().auth)?;
    let request = read_request!(input);
    let found = service.head_object(&permit, &request).await?;
    let mut output = s3::HeadObjectOutput::default();
    found_output!(output, found, overrides, input.checksum_mode, permit);
    Ok(output)
}

async fn delete_object(
    service: Arc<S3>,
    mut permit: Permit<s3::DeleteObject>,
    input: s3::DeleteObjectInput,
    _body: Payload,
) -> Result<s3::DeleteObjectOutput, ErrorResponse> {
    let request = DeleteRequest {
        object_key: input.key,
        version_id: input.version_id,
        conditions: DeleteConditions {
            if_match: input.if_match,
            if_match_size: input.if_match_size.map(match_size).transpose()?,
            if_match_last_modified: input.if_match_last_modified_time,
        },
    };
    let deleted = service.delete_object(&mut permit, &request).await?;
    Ok(s3::DeleteObjectOutput {
        delete_marker: deleted.delete_marker.then_some(true),
        version_id: deleted.version_id,
        request_charged: None,
    })
}

async fn delete_objects(
    service: Arc<S3>,
    mut permit: Permit<s3::DeleteObjects>,
    input: s3::DeleteObjectsInput,
    _body: Payload,
) -> Result<s3::DeleteObjectsOutput, ErrorResponse> {
    let objects = input.delete.objects;
    if objects.is_empty() || objects.len() > DELETE_KEYS_MAX {
        return Err(errors::malformed_xml());
    }
    let quiet = input.delete.quiet.unwrap_or_default();
    // Each key is in memory once at any time: as text, then as the key of the request, then as text.
    let mut requests = Vec::with_capacity(objects.len());
    let mut entries = Vec::with_capacity(objects.len());
    for object in objects {
        let request = deletion(&object);
        let key = request.as_ref().map(|request| request.object_key.clone());
        entries.push((key.map_err(|_| object.key), object.version_id));
        requests.push(request);
    }
    let results = service.delete_objects(&mut permit, requests).await?;
    let mut output = s3::DeleteObjectsOutput::default();
    for ((key, version_id), result) in entries.into_iter().zip(results) {
        let key = || key.map_or_else(|text| text, |key| key.to_string());
        match result {
            Ok(_) if quiet => {}
            Ok(deleted) => output.deleted.push(s3::DeletedObject {
                key: Some(key()),
                version_id: version_id.as_deref().and_then(|text| text.parse().ok()),
                delete_marker: deleted.delete_marker.then_some(true),
                delete_marker_version_id: deleted.version_id.filter(|_| deleted.delete_marker),
            }),
            Err(error) => {
                let error = ErrorResponse::from(error);
                output.errors.push(s3::DeletedObjectError {
                    key: Some(key()),
                    version_id,
                    code: Some(error.code.into_owned()),
                    message: Some(error.message.into_owned()),
                });
            }
        }
    }
    Ok(output)
}

async fn copy_object(
    service: Arc<S3>,
    mut permit: Permit<s3::CopyObject>,
    mut input: s3::CopyObjectInput,
    _body: Payload,
) -> Result<s3::CopyObjectOutput, ErrorResponse> {
    check_acl(input.acl)?;
    check_storage_class(input.storage_class)?;
    encryption_headers!(input).check()?;
    let request = copy_request(&mut input)?;
    let copied = service.copy_object(&mut permit, &request).await?;
    let record = copied.record;
    let mut result = s3::CopyObjectResult {
        etag: Some(record.etag.quoted()),
        last_modified: Some(record.last_modified),
        ..s3::CopyObjectResult::default()
    };
    if let Some(checksum) = &record.checksum {
        set_checksum!(result, checksum.checksum.algorithm(), checksum.to_string());
        result.checksum_type = Some(checksum_type(checksum.checksum_type));
    }
    Ok(s3::CopyObjectOutput {
        copy_object_result: Some(result),
        copy_source_version_id: source_version_out(&permit, copied.source_version_id),
        version_id: version_out(&permit, &record),
        server_side_encryption: Some(s3::ServerSideEncryption::Aes256),
        ..s3::CopyObjectOutput::default()
    })
}

async fn get_object_attributes(
    service: Arc<S3>,
    permit: Permit<s3::GetObjectAttributes>,
    input: s3::GetObjectAttributesInput,
    _body: Payload,
) -> Result<s3::GetObjectAttributesOutput, ErrorResponse> {
    let after_part = parts_number("x-amz-part-number-marker", input.part_number_marker, 0)?;
    let parts_max = parts_number("x-amz-max-parts", input.max_parts, ATTRIBUTES_PARTS_MAX)?
        .min(ATTRIBUTES_PARTS_MAX);
    let request = ReadRequest {
        object_key: input.key,
        version_id: input.version_id,
        conditions: ReadConditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        },
        selection: Selection::Whole,
    };
    let page_parts = usize::try_from(parts_max).unwrap_or(0);
    let found = service.object_attributes(&permit, &request, after_part, page_parts).await?;
    let (record, page) = found;
    let wants = |attribute| input.object_attributes.contains(&attribute);
    let parts = page.filter(|_| wants(s3::ObjectAttributes::ObjectParts));
    Ok(s3::GetObjectAttributesOutput {
        last_modified: Some(record.last_modified),
        version_id: version_out(&permit, &record),
        etag: wants(s3::ObjectAttributes::ETag).then(|| record.etag.to_string()),
        checksum: attributes_checksum(&record).filter(|_| wants(s3::ObjectAttributes::Checksum)),
        object_parts: parts.map(|page| attributes_parts(&page, after_part, parts_max)),
        storage_class: wants(s3::ObjectAttributes::StorageClass)
            .then_some(s3::StorageClass::Standard),
        object_size: wants(s3::ObjectAttributes::ObjectSize)
            .then(|| byte_count(record.object_bytes)),
        ..s3::GetObjectAttributesOutput::default()
    })
}

fn copy_request(input: &mut s3::CopyObjectInput) -> Result<CopyRequest, ErrorResponse> {
    let names_encryption = input.server_side_encryption.is_some();
    let headers = metadata_headers!(input);
    let website_redirect = headers.website_redirect.clone();
    // What the request says of metadata is checked in any case, and used only on demand.
    let metadata = headers.checked()?;
    Ok(CopyRequest {
        source: SourceRequest {
            object_key: input.copy_source.object_key.clone(),
            version_id: input.copy_source.version_id,
            conditions: ReadConditions {
                if_match: input.copy_source_if_match.take(),
                if_none_match: input.copy_source_if_none_match.take(),
                if_modified_since: input.copy_source_if_modified_since,
                if_unmodified_since: input.copy_source_if_unmodified_since,
            },
        },
        object_key: input.key.clone(),
        metadata: match input.metadata_directive {
            None | Some(s3::MetadataDirective::Copy) => MetadataDirective::Copy,
            Some(s3::MetadataDirective::Replace) => MetadataDirective::Replace(metadata),
        },
        tags: tagging_directive(input)?,
        checksum: input.checksum_algorithm.map(checksum_algorithm).transpose()?,
        names_encryption,
        website_redirect,
        condition: WriteCondition::new(input.if_match.take(), input.if_none_match.take())?,
    })
}

/// Whose tags a copy has.
fn tagging_directive(input: &s3::CopyObjectInput) -> Result<Option<TagSet>, ErrorResponse> {
    match (input.tagging_directive, input.tagging.as_deref()) {
        (Some(s3::TaggingDirective::Replace), tagging) => Ok(Some(tags_in(tagging)?)),
        // Tags that the copy would not have must not seem to be taken.
        (None | Some(s3::TaggingDirective::Copy), Some(_)) => Err(errors::invalid_request(
            "`x-amz-tagging` needs the directive `REPLACE` in `x-amz-tagging-directive`",
        )),
        (None | Some(s3::TaggingDirective::Copy), None) => Ok(None),
    }
}

/// An entry of a list of deletions.
fn deletion(object: &s3::ObjectIdentifier) -> Result<DeleteRequest, ObjectError> {
    Ok(DeleteRequest {
        object_key: object.key.parse::<ObjectKey>()?,
        version_id: object.version_id.as_deref().map(str::parse).transpose()?,
        conditions: DeleteConditions {
            if_match: object.etag.clone(),
            // No object has a negative size, so the condition fails as it should.
            if_match_size: object.size.map(|bytes| u64::try_from(bytes).unwrap_or(u64::MAX)),
            if_match_last_modified: object.last_modified_time,
        },
    })
}

fn match_size(bytes: i64) -> Result<u64, ErrorResponse> {
    u64::try_from(bytes).map_err(|_| {
        let message = "the size must not be negative";
        errors::invalid_argument("x-amz-if-match-size", bytes.to_string(), message)
    })
}

fn parts_number(
    header: &'static str,
    number: Option<i32>,
    default: u32,
) -> Result<u32, ErrorResponse> {
    let Some(number) = number else { return Ok(default) };
    u32::try_from(number).map_err(|_| {
        let message = "the number must not be negative";
        errors::invalid_argument(header, number.to_string(), message)
    })
}

fn attributes_checksum(record: &ObjectRecord) -> Option<s3::Checksum> {
    let checksum = record.checksum.as_ref()?;
    let mut output = s3::Checksum::default();
    set_checksum!(output, checksum.checksum.algorithm(), checksum.to_string());
    output.checksum_type = Some(checksum_type(checksum.checksum_type));
    Some(output)
}

fn attributes_parts(
    page: &AttributesPage,
    after_part: u32,
    parts_max: u32,
) -> s3::GetObjectAttributesParts {
    let last = page.parts.last().map(|part| i32::from(part.number));
    s3::GetObjectAttributesParts {
        total_parts_count: Some(count(page.parts_count)),
        part_number_marker: Some(count(after_part)),
        next_part_number_marker: last.or(Some(count(after_part))),
        max_parts: Some(count(parts_max)),
        is_truncated: Some(page.is_truncated),
        parts: page.parts.iter().map(attributes_part).collect(),
    }
}

fn attributes_part(part: &ManifestPart) -> s3::ObjectPart {
    let mut output = s3::ObjectPart {
        part_number: Some(i32::from(part.number)),
        size: Some(byte_count(part.object_bytes)),
        ..s3::ObjectPart::default()
    };
    set_checksum!(output, part.checksum.algorithm(), part.checksum.to_base64());
    output
}

const DELETE_KEYS_MAX: usize = 1_000; // SPEC: data-protection, 6.6
const ATTRIBUTES_PARTS_MAX: u32 = 1_000; // SPEC: data-protection, 1.9
