//! ListObjects, ListObjectsV2, ListObjectVersions, ListMultipartUploads.

use std::sync::Arc;

use strongroom_access::{Endpoint, Permit};
use strongroom_crypto::ChecksumAlgorithm;
use strongroom_model::s3;
use strongroom_types::{CanonicalUserId, VersionId};
use strongroom_wire::{ErrorResponse, Payload};

use super::headers::{byte_count, checksum_type};
use super::{bind, errors};
use crate::S3;
use crate::keys::UploadUnique;
use crate::listing::{
    Filter, ListedObject, ListedUpload, ListedVersion, ObjectsMarker, ObjectsQuery, RESULTS_MAX,
    UploadsQuery, VersionsMarker, VersionsQuery, decode_token, encode_token, objects, uploads,
    versions,
};
use crate::multipart::{bucket_of, parse_upload_id, upload_id};
use crate::records::ObjectChecksum;

pub(super) fn endpoints(service: &Arc<S3>) -> Vec<Arc<dyn Endpoint>> {
    vec![
        bind(service, list_multipart_uploads),
        bind(service, list_object_versions),
        bind(service, list_objects),
        bind(service, list_objects_v2),
    ]
}

async fn list_objects(
    service: Arc<S3>,
    permit: Permit<s3::ListObjects>,
    input: s3::ListObjectsInput,
    _: Payload,
) -> Result<s3::ListObjectsOutput, ErrorResponse> {
    let names = Names::new(input.encoding_type);
    let (filter, max_keys) = filter(&input.prefix, &input.delimiter, ("max-keys", input.max_keys))?;
    // A marker may be that of a page that ended early, so that it says nothing of the common prefix
    // that it belongs to.
    let after = ObjectsMarker { text: input.marker.unwrap_or_default(), inside: true };
    let query = ObjectsQuery { filter, after };
    let bucket = bucket_of(&permit)?;
    let owner = service.bucket_record(&permit).await?.owner_id;
    let page = objects(service.store.metadata.as_ref(), bucket.id, &query).await?;
    let next = page.next.as_ref();
    let next = next.filter(|next| next.inside || !query.filter.delimiter.is_empty());
    Ok(s3::ListObjectsOutput {
        is_truncated: Some(page.next.is_some()),
        marker: Some(names.text(&query.after.text)?),
        next_marker: next.map(|next| names.text(&next.text)).transpose()?,
        contents: names.all(&page.objects, |names, object| names.object(object, Some(owner)))?,
        name: Some(bucket.name.to_string()),
        prefix: Some(names.text(&query.filter.prefix)?),
        delimiter: names.delimiter(&query.filter)?,
        max_keys: Some(max_keys),
        common_prefixes: names.common_prefixes(&page.common_prefixes)?,
        encoding_type: input.encoding_type,
        request_charged: None,
    })
}

async fn list_objects_v2(
    service: Arc<S3>,
    permit: Permit<s3::ListObjectsV2>,
    input: s3::ListObjectsV2Input,
    _: Payload,
) -> Result<s3::ListObjectsV2Output, ErrorResponse> {
    let names = Names::new(input.encoding_type);
    let (filter, max_keys) = filter(&input.prefix, &input.delimiter, ("max-keys", input.max_keys))?;
    let token = input.continuation_token.as_deref();
    let after = match token.filter(|token| !token.is_empty()) {
        // COMPAT: an empty token begins the listing, as at S3.
        None => {
            ObjectsMarker { text: input.start_after.clone().unwrap_or_default(), inside: false }
        }
        Some(token) => {
            decode_token(token).map_err(|error| errors::continuation_token(token, &error))?
        }
    };
    let query = ObjectsQuery { filter, after };
    let bucket = bucket_of(&permit)?;
    let owner = match input.fetch_owner {
        Some(true) => Some(service.bucket_record(&permit).await?.owner_id),
        _ => None,
    };
    let page = objects(service.store.metadata.as_ref(), bucket.id, &query).await?;
    let results = page.objects.len().saturating_add(page.common_prefixes.len());
    Ok(s3::ListObjectsV2Output {
        is_truncated: Some(page.next.is_some()),
        contents: names.all(&page.objects, |names, object| names.object(object, owner))?,
        name: Some(bucket.name.to_string()),
        prefix: Some(names.text(&query.filter.prefix)?),
        delimiter: names.delimiter(&query.filter)?,
        max_keys: Some(max_keys),
        common_prefixes: names.common_prefixes(&page.common_prefixes)?,
        encoding_type: input.encoding_type,
        key_count: Some(i32::try_from(results).unwrap_or(i32::MAX)),
        continuation_token: input.continuation_token,
        next_continuation_token: page.next.as_ref().map(encode_token),
        start_after: input.start_after.map(|after| names.text(&after)).transpose()?,
        request_charged: None,
    })
}

async fn list_object_versions(
    service: Arc<S3>,
    permit: Permit<s3::ListObjectVersions>,
    input: s3::ListObjectVersionsInput,
    _: Payload,
) -> Result<s3::ListObjectVersionsOutput, ErrorResponse> {
    let names = Names::new(input.encoding_type);
    let (filter, max_keys) = filter(&input.prefix, &input.delimiter, ("max-keys", input.max_keys))?;
    let after = versions_marker(input.key_marker.as_deref(), input.version_id_marker.as_deref())?;
    let query = VersionsQuery { filter, after };
    let bucket = bucket_of(&permit)?;
    let owner = service.bucket_record(&permit).await?.owner_id;
    let page = versions(service.store.metadata.as_ref(), bucket.id, &query).await?;
    let next = page.next.as_ref();
    let next_version_id = next.and_then(|next| next.version_id).map(|id| id.to_string());
    Ok(s3::ListObjectVersionsOutput {
        is_truncated: Some(next.is_some()),
        key_marker: Some(names.text(&input.key_marker.unwrap_or_default())?),
        version_id_marker: Some(input.version_id_marker.unwrap_or_default()),
        next_key_marker: next.map(|next| names.text(&next.key)).transpose()?,
        next_version_id_marker: next_version_id,
        entries: names.all(&page.versions, |names, version| names.version(version, owner))?,
        name: Some(bucket.name.to_string()),
        prefix: Some(names.text(&query.filter.prefix)?),
        delimiter: names.delimiter(&query.filter)?,
        max_keys: Some(max_keys),
        common_prefixes: names.common_prefixes(&page.common_prefixes)?,
        encoding_type: input.encoding_type,
        request_charged: None,
    })
}

async fn list_multipart_uploads(
    service: Arc<S3>,
    permit: Permit<s3::ListMultipartUploads>,
    input: s3::ListMultipartUploadsInput,
    _: Payload,
) -> Result<s3::ListMultipartUploadsOutput, ErrorResponse> {
    let names = Names::new(input.encoding_type);
    let maximum = ("max-uploads", input.max_uploads);
    let (filter, max_uploads) = filter(&input.prefix, &input.delimiter, maximum)?;
    let key_after = input.key_marker.unwrap_or_default();
    let upload_after = upload_marker(&key_after, input.upload_id_marker.as_deref())?;
    let query = UploadsQuery { filter, key_after, upload_after };
    let bucket = bucket_of(&permit)?;
    let owner = service.bucket_record(&permit).await?.owner_id;
    let page = uploads(service.store.metadata.as_ref(), bucket.id, &query).await?;
    let next = page.next.as_ref();
    let next_upload = next.map(|(_, unique)| unique.map(upload_id).unwrap_or_default());
    Ok(s3::ListMultipartUploadsOutput {
        bucket: Some(bucket.name.to_string()),
        key_marker: Some(names.text(&query.key_after)?),
        upload_id_marker: Some(input.upload_id_marker.unwrap_or_default()),
        next_key_marker: next.map(|(key, _)| names.text(key)).transpose()?,
        prefix: Some(names.text(&query.filter.prefix)?),
        delimiter: names.delimiter(&query.filter)?,
        next_upload_id_marker: next_upload,
        max_uploads: Some(max_uploads),
        is_truncated: Some(next.is_some()),
        uploads: names.all(&page.uploads, |names, upload| names.upload(upload, owner))?,
        common_prefixes: names.common_prefixes(&page.common_prefixes)?,
        encoding_type: input.encoding_type,
        request_charged: None,
    })
}

/// The common part of the requests, and the limit as the answer repeats it.
fn filter(
    prefix: &Option<String>,
    delimiter: &Option<String>,
    (name, maximum): (&'static str, Option<i32>),
) -> Result<(Filter, i32), ErrorResponse> {
    let limit = i32::try_from(RESULTS_MAX).unwrap_or(i32::MAX);
    let maximum = maximum.unwrap_or(limit);
    let results_max = usize::try_from(maximum).map_err(|_| {
        let message = "the maximum must be an integer between 0 and 2147483647";
        errors::invalid_argument(name, maximum.to_string(), message)
    })?;
    let filter = Filter {
        prefix: prefix.clone().unwrap_or_default(),
        delimiter: delimiter.clone().unwrap_or_default(),
        results_max,
    };
    Ok((filter, maximum.min(limit)))
}

/// SPEC: data-protection, 4.1: a version marker needs a key marker.
fn versions_marker(
    key: Option<&str>,
    version_id: Option<&str>,
) -> Result<Option<VersionsMarker>, ErrorResponse> {
    let version_id = version_id.filter(|text| !text.is_empty());
    let (key, text) = match (key.filter(|key| !key.is_empty()), version_id) {
        (None, None) => return Ok(None),
        (None, Some(text)) => {
            let message = "a version-id marker cannot be specified without a key marker";
            return Err(errors::invalid_argument("version-id-marker", text, message));
        }
        (Some(key), text) => (key.to_owned(), text),
    };
    let parse = |text: &str| -> Result<VersionId, ErrorResponse> {
        let message = "invalid version id specified";
        text.parse().map_err(|_| errors::invalid_argument("version-id-marker", text, message))
    };
    Ok(Some(VersionsMarker { key, version_id: text.map(parse).transpose()? }))
}

/// An upload marker without a key marker is ignored, as at S3.
fn upload_marker(key: &str, marker: Option<&str>) -> Result<Option<UploadUnique>, ErrorResponse> {
    let Some(marker) = marker.filter(|marker| !marker.is_empty() && !key.is_empty()) else {
        return Ok(None);
    };
    let unique = parse_upload_id(marker);
    unique.map(Some).ok_or_else(|| {
        errors::invalid_argument("upload-id-marker", marker, "invalid uploadId marker")
    })
}

/// How names are written.
#[derive(Debug, Clone, Copy)]
struct Names {
    /// `encoding-type=url` was asked for.
    url: bool,
}

impl Names {
    fn new(encoding: Option<s3::EncodingType>) -> Self {
        Self { url: encoding == Some(s3::EncodingType::Url) }
    }

    /// A name as text of an element.
    ///
    /// SPEC: data-protection, 6.4: what XML 1.0 cannot express is listed URL-encoded or not at
    /// all; leaving such a name out would hide it, and another spelling would be another name.
    fn text(self, name: &str) -> Result<String, ErrorResponse> {
        if self.url {
            return Ok(url_encoded(name));
        }
        // All bytes are looked at: that goes by the block, which a way out at each of them forbids.
        let plain = name.bytes().fold(true, |plain, byte| plain & (b' '..=b'~').contains(&byte));
        if plain || name.chars().all(is_xml_character) {
            return Ok(name.to_owned());
        }
        let message = "a name in this listing has characters that XML cannot express; use \
                       encoding-type=url";
        Err(errors::invalid_argument("encoding-type", "", message))
    }

    fn all<T, U>(
        self,
        items: impl IntoIterator<Item = T>,
        write: impl Fn(Self, T) -> Result<U, ErrorResponse>,
    ) -> Result<Vec<U>, ErrorResponse> {
        items.into_iter().map(|item| write(self, item)).collect()
    }

    fn delimiter(self, filter: &Filter) -> Result<Option<String>, ErrorResponse> {
        let delimiter = Some(&filter.delimiter).filter(|delimiter| !delimiter.is_empty());
        delimiter.map(|delimiter| self.text(delimiter)).transpose()
    }

    fn common_prefixes(self, prefixes: &[String]) -> Result<Vec<s3::CommonPrefix>, ErrorResponse> {
        self.all(prefixes, |names, prefix| {
            Ok(s3::CommonPrefix { prefix: Some(names.text(prefix)?) })
        })
    }

    fn object(
        self,
        object: &ListedObject,
        owner: Option<CanonicalUserId>,
    ) -> Result<s3::Object, ErrorResponse> {
        let record = &object.record;
        Ok(s3::Object {
            key: Some(self.text(object.object_key.as_str())?),
            last_modified: Some(record.last_modified),
            etag: Some(record.etag.quoted()),
            checksum_algorithm: algorithms(record.checksum.as_ref()),
            checksum_type: shown_type(record.checksum.as_ref()),
            size: Some(byte_count(record.object_bytes)),
            storage_class: Some(s3::ObjectStorageClass::Standard),
            owner: owner.map(owner_out),
            restore_status: None,
        })
    }

    /// A version or a delete marker.
    fn version(
        self,
        version: &ListedVersion,
        owner: CanonicalUserId,
    ) -> Result<s3::VersionOrMarker, ErrorResponse> {
        let record = &version.record;
        if record.is_delete_marker() {
            return self.delete_marker(version, owner).map(s3::VersionOrMarker::DeleteMarker);
        }
        Ok(s3::VersionOrMarker::Version(s3::ObjectVersion {
            etag: Some(record.etag.quoted()),
            checksum_algorithm: algorithms(record.checksum.as_ref()),
            checksum_type: shown_type(record.checksum.as_ref()),
            size: Some(byte_count(record.object_bytes)),
            storage_class: "STANDARD".parse().ok(),
            key: Some(self.text(version.object_key.as_str())?),
            version_id: Some(record.version_id),
            is_latest: Some(version.is_latest),
            last_modified: Some(record.last_modified),
            owner: Some(owner_out(owner)),
            restore_status: None,
        }))
    }

    fn delete_marker(
        self,
        marker: &ListedVersion,
        owner: CanonicalUserId,
    ) -> Result<s3::DeleteMarkerEntry, ErrorResponse> {
        Ok(s3::DeleteMarkerEntry {
            owner: Some(owner_out(owner)),
            key: Some(self.text(marker.object_key.as_str())?),
            version_id: Some(marker.record.version_id),
            is_latest: Some(marker.is_latest),
            last_modified: Some(marker.record.last_modified),
        })
    }

    fn upload(
        self,
        upload: &ListedUpload,
        owner: CanonicalUserId,
    ) -> Result<s3::MultipartUpload, ErrorResponse> {
        let record = &upload.record;
        let initiator = record.initiator.canonical_user_id.to_string();
        Ok(s3::MultipartUpload {
            upload_id: Some(upload_id(upload.unique)),
            key: Some(self.text(upload.object_key.as_str())?),
            initiated: Some(record.initiated),
            storage_class: Some(s3::StorageClass::Standard),
            owner: Some(owner_out(owner)),
            initiator: Some(s3::Initiator { id: Some(initiator), display_name: None }),
            checksum_algorithm: Some(algorithm_out(record.algorithm())),
            checksum_type: Some(checksum_type(record.checksum_type())),
            version_id: None,
        })
    }
}

/// The owner as XML shows it.
pub(super) fn owner_out(owner: CanonicalUserId) -> s3::Owner {
    s3::Owner { display_name: None, id: Some(owner.to_string()) }
}

fn algorithms(checksum: Option<&ObjectChecksum>) -> Vec<s3::ChecksumAlgorithm> {
    checksum.map(|checksum| algorithm_out(checksum.checksum.algorithm())).into_iter().collect()
}

fn shown_type(checksum: Option<&ObjectChecksum>) -> Option<s3::ChecksumType> {
    checksum.map(|checksum| checksum_type(checksum.checksum_type))
}

/// The algorithm of a stored checksum in the model's terms.
pub(super) fn algorithm_out(algorithm: ChecksumAlgorithm) -> s3::ChecksumAlgorithm {
    match algorithm {
        ChecksumAlgorithm::Crc32 => s3::ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Crc32c => s3::ChecksumAlgorithm::Crc32c,
        ChecksumAlgorithm::Crc64Nvme => s3::ChecksumAlgorithm::Crc64nvme,
        ChecksumAlgorithm::Sha1 => s3::ChecksumAlgorithm::Sha1,
        ChecksumAlgorithm::Sha256 => s3::ChecksumAlgorithm::Sha256,
        ChecksumAlgorithm::Sha512 => s3::ChecksumAlgorithm::Sha512,
        ChecksumAlgorithm::Md5 => s3::ChecksumAlgorithm::Md5,
        ChecksumAlgorithm::XxHash64 => s3::ChecksumAlgorithm::Xxhash64,
        ChecksumAlgorithm::XxHash3 => s3::ChecksumAlgorithm::Xxhash3,
        ChecksumAlgorithm::XxHash128 => s3::ChecksumAlgorithm::Xxhash128,
    }
}

/// Everything but letters, digits, `-._~` and the slash as percent-encoded UTF-8.
pub(super) fn url_encoded(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                encoded.push(char::from(byte));
            }
            _ => {
                encoded.push('%');
                for half in [byte >> 4, byte & 15] {
                    let digit = char::from_digit(u32::from(half), 16).unwrap_or('0');
                    encoded.push(digit.to_ascii_uppercase());
                }
            }
        }
    }
    encoded
}

/// A key as text of an element, in answers that know no encoding: left out where XML cannot
/// express it. The client named it in the request.
pub(super) fn key_out(key: &str) -> Option<String> {
    key.chars().all(is_xml_character).then(|| key.to_owned())
}

/// XML 1.0, production 2.
fn is_xml_character(character: char) -> bool {
    matches!(character,
        '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_as_clients_decode_them() {
        let url = Names { url: true };
        assert_eq!(url.text("foo+1/bar baz").unwrap(), "foo%2B1/bar%20baz");
        assert_eq!(url.text("a-._~Z9/").unwrap(), "a-._~Z9/");
        assert_eq!(url.text("ä\0\u{ffff}%").unwrap(), "%C3%A4%00%EF%BF%BF%25");
    }

    #[test]
    fn what_xml_cannot_express_is_refused_without_encoding() {
        let plain = Names { url: false };
        assert_eq!(plain.text("ä\r\n\t<&").unwrap(), "ä\r\n\t<&");
        for name in ["\0", "a\u{1}b", "\u{b}", "\u{1f}", "\u{fffe}", "\u{ffff}"] {
            assert_eq!(plain.text(name).unwrap_err().code, "InvalidArgument", "{name:?}");
            assert_eq!(key_out(name), None);
        }
    }

    #[test]
    fn limits_are_capped_and_negative_ones_refused() {
        let limit = |maximum| {
            let filter = filter(&None, &None, ("max-keys", maximum));
            filter.map(|(filter, echoed)| (filter.results_max, echoed)).map_err(|error| error.code)
        };
        assert_eq!(limit(None), Ok((1000, 1000)));
        assert_eq!(limit(Some(0)), Ok((0, 0)));
        assert_eq!(limit(Some(i32::MAX)).unwrap().1, 1000);
        assert_eq!(limit(Some(-1)), Err("InvalidArgument".into()));
    }

    #[test]
    fn markers_are_understood_or_refused() {
        assert_eq!(versions_marker(None, None).unwrap(), None);
        assert_eq!(versions_marker(Some(""), Some("")).unwrap(), None);
        let version_id = Some(VersionId::Null);
        let expected = Some(VersionsMarker { key: "k".to_owned(), version_id });
        assert_eq!(versions_marker(Some("k"), Some("null")).unwrap(), expected);
        assert!(versions_marker(None, Some("null")).is_err());
        assert!(versions_marker(Some("k"), Some("x")).is_err());
        assert_eq!(upload_marker("", Some("x")).unwrap(), None);
        assert!(upload_marker("k", Some("x")).is_err());
        assert_eq!(upload_marker("k", Some("")).unwrap(), None);
    }
}
