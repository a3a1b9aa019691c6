//! What we do with each member of each input.
//!
//! Every member of an operation that is built is enforced, refused or fixed. Whatever a request
//! has beyond that is refused here, or means nothing to S3 either.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use strongroom_model::s3;
use strongroom_wire::Disposition::{Enforced, Fixed, Refused};
use strongroom_wire::{
    Disposition, ErrorResponse, InputKind, Location, OperationSpec, OperationStatus, RequestHead,
    ServiceTables, UnknownMember,
};

use super::{errors, member_rows, setting_rows};

/// `(operation, member path, disposition)`.
pub(super) type MemberRow = (&'static str, &'static str, Disposition);

/// The tables from which `docs/services/s3.md` is made.
#[must_use]
pub fn tables() -> ServiceTables<'static> {
    ServiceTables {
        title: "Amazon S3",
        operations: s3::OPERATIONS,
        status: &STATUS,
        members: &MEMBERS,
        rules: &RULES,
    }
}

/// The answer to a member that is present and refused.
pub(super) fn refused_member(operation: &str, member: &str) -> Option<ErrorResponse> {
    let refused = REFUSED.get(operation)?;
    let place = refused.iter().find(|(path, _)| *path == member)?.1;
    match member {
        "GrantFullControl" | "GrantRead" | "GrantReadACP" | "GrantWrite" | "GrantWriteACP" => {
            Some(match operation {
                "CreateBucket" => errors::bucket_acl(),
                _ => errors::acl_not_supported(),
            })
        }
        "CopySourceSSECustomerAlgorithm"
        | "CopySourceSSECustomerKey"
        | "CopySourceSSECustomerKeyMD5" => Some(errors::not_customer_encrypted()),
        "SSECustomerAlgorithm" | "SSECustomerKey" | "SSECustomerKeyMD5"
            if READS.contains(&operation) =>
        {
            // SPEC: data-protection, 2.6: no object here was encrypted with a customer's key.
            Some(errors::not_customer_encrypted())
        }
        // Judged by the adapter, together with the other encryption headers.
        "SSECustomerAlgorithm" | "SSECustomerKey" | "SSECustomerKeyMD5"
            if WRITES.contains(&operation) =>
        {
            None
        }
        "SSECustomerAlgorithm" | "SSECustomerKey" | "SSECustomerKeyMD5"
            if PARTS.contains(&operation) =>
        {
            Some(errors::customer_key_blocked())
        }
        _ => Some(errors::not_implemented(place)),
    }
}

/// The answer to something that is no member of the operation.
pub(super) fn unknown_member(
    operation: &str,
    member: &UnknownMember,
    head: &RequestHead,
) -> Option<ErrorResponse> {
    match member {
        UnknownMember::Element(_) | UnknownMember::Attribute(_) => Some(errors::malformed_xml()),
        // SECURITY: some signers move headers into the query of a presigned link. Here they have no
        // effect there, so that they are refused: who signs `x-amz-acl` means it.
        UnknownMember::Query(name) if name.to_ascii_lowercase().starts_with("x-amz-") => {
            Some(errors::not_implemented(name))
        }
        // SECURITY: who names a version believes that no other one is meant.
        UnknownMember::Query(name) if name == "versionId" => {
            let message = "This operation does not accept a version-id.";
            let value = head.query.get(name).unwrap_or_default();
            Some(errors::invalid_argument("versionId", value, message))
        }
        // S3 takes no notice of other parameters that it does not know.
        UnknownMember::Query(_) => None,
        UnknownMember::Header(name) => {
            // SPEC: data-protection, 2.2 and SSE-011, SSE-012.
            if name.starts_with(ENCRYPTION) {
                if operation == "CompleteMultipartUpload" {
                    // SPEC: data-protection, 2.2: ignored, because creation has decided it.
                    return None;
                }
                let message = "this header is not supported for this operation";
                let response = ErrorResponse::new("InvalidArgument", 400, message)
                    .element("ArgumentName", name.as_str());
                // SECURITY: the others may hold a key or a context, which no answer repeats.
                let value = head.headers.get(name).filter(|_| name == ENCRYPTION);
                return Some(match value.and_then(|value| value.to_str().ok()) {
                    Some(value) => response.element("ArgumentValue", value),
                    None => response,
                });
            }
            if name == "x-amz-copy-source" {
                let message = "you can only specify a copy source header for copy requests";
                let value = head.headers.get(name).and_then(|value| value.to_str().ok());
                let value = value.unwrap_or_default();
                return Some(errors::invalid_argument("x-amz-copy-source", value, message));
            }
            if name.starts_with("x-amz-checksum-") {
                // SPEC: data-protection, 1.4: an unknown algorithm.
                let message = "the algorithm of the checksum header is not known";
                return Some(ErrorResponse::new("InvalidRequest", 400, message));
            }
            // SECURITY: who sends one of these believes that something is protected by it, or kept.
            let is_one_of = |prefixes: &[&str]| prefixes.iter().any(|p| name.starts_with(p));
            let promises = is_one_of(&PROTECTIVE_PREFIXES)
                || (is_one_of(&LASTING_PREFIXES) && !is_read(operation));
            promises.then(|| errors::not_implemented(name))
        }
    }
}

/// The answer to a head or body that an operation does not go with.
///
/// SPEC: data-protection, 1.10: a completion that says it is a form is none.
pub(super) fn refused_request(
    spec: &OperationSpec,
    head: &RequestHead,
    body: Option<&[u8]>,
) -> Option<ErrorResponse> {
    // Who sends a body to a copy believes that it is stored. In a read or deletion HTTP gives it no
    // meaning.
    let writes = matches!(spec.method, "PUT" | "POST") && spec.input == InputKind::None;
    if writes && body.is_some_and(|body| !body.is_empty()) {
        let message = "the request included a body; requests of this type must not have one";
        return Some(errors::invalid_request(message));
    }
    if spec.name != "CompleteMultipartUpload" {
        return None;
    }
    let mut types = head.headers.get_all(http::header::CONTENT_TYPE).iter();
    let is_form = |value: &http::HeaderValue| {
        let kind = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
        kind.trim_ascii().eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
    };
    let message = "the content type `application/x-www-form-urlencoded` is not supported for this \
                   operation";
    types.any(is_form).then(|| errors::invalid_request(message))
}

/// Rows of all groups of operations.
static MEMBERS: LazyLock<Vec<MemberRow>> =
    LazyLock::new(|| [CORE, member_rows::ROWS, setting_rows::ROWS].concat());

/// [`unknown_member`] and [`refused_request`] in words.
static RULES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let list = |prefixes: &[&str]| {
        let shown: Vec<_> = prefixes.iter().map(|prefix| format!("`{prefix}*`")).collect();
        shown.join(", ")
    };
    vec![
        "Elements and attributes of a document: refused with `MalformedXML`.".to_owned(),
        "Query parameters `x-amz-*`: refused with `NotImplemented`, as in a link into which a \
         signer moved its headers."
            .to_owned(),
        "The query parameter `versionId`: refused with `InvalidArgument`.".to_owned(),
        format!(
            "Headers `{ENCRYPTION}*`: refused with `InvalidArgument`; CompleteMultipartUpload \
             takes no notice of them, as the creation of the upload has decided."
        ),
        "Headers `x-amz-checksum-*` of an algorithm that is not known: refused with \
         `InvalidRequest`."
            .to_owned(),
        "The header `x-amz-copy-source`: refused with `InvalidArgument`.".to_owned(),
        format!("Headers {}: refused with `NotImplemented`.", list(&PROTECTIVE_PREFIXES)),
        format!(
            "Headers {}, but for GET and HEAD: refused with `NotImplemented`.",
            list(&LASTING_PREFIXES)
        ),
        "A body to a PUT or POST that takes none: refused with `InvalidRequest`.".to_owned(),
        "Everything else, such as other headers and query parameters, means nothing, as at S3."
            .to_owned(),
    ]
});

/// The operations that are built.
static STATUS: LazyLock<Vec<(&'static str, OperationStatus)>> = LazyLock::new(|| {
    let built = [CORE_OPERATIONS, member_rows::OPERATIONS, setting_rows::OPERATIONS].concat();
    built.into_iter().map(|name| (name, OperationStatus::Implemented)).collect()
});

/// The refused members of each operation, with the name under which each stands in a request.
static REFUSED: LazyLock<BTreeMap<&'static str, Vec<(&'static str, &'static str)>>> =
    LazyLock::new(|| {
        let mut refused: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (operation, path, disposition) in MEMBERS.iter() {
            if *disposition == Refused {
                let place = place(operation, path).unwrap_or(path);
                refused.entry(*operation).or_default().push((*path, place));
            }
        }
        refused
    });

fn spec(operation: &str) -> Option<&'static OperationSpec> {
    s3::OPERATIONS.iter().copied().find(|spec| spec.name == operation)
}

fn is_read(operation: &str) -> bool {
    spec(operation).is_some_and(|spec| matches!(spec.method, "GET" | "HEAD"))
}

fn place(operation: &str, path: &str) -> Option<&'static str> {
    let member = spec(operation)?.members.iter().find(|member| member.path == path)?;
    match member.location {
        Location::Query(name)
        | Location::Header(name)
        | Location::HeaderPrefix(name)
        | Location::Root(name)
        | Location::Element(name)
        | Location::Wrapped(name, _)
        | Location::Attribute(name) => Some(name),
        Location::Label | Location::Text | Location::Stream => None,
    }
}

/// Operations that are built in this group.
const CORE_OPERATIONS: &[&str] = &[
    "CopyObject",
    "CreateBucket",
    "DeleteBucket",
    "DeleteObject",
    "DeleteObjects",
    "GetBucketLocation",
    "GetObject",
    "GetObjectAttributes",
    "HeadBucket",
    "HeadObject",
    "ListBuckets",
    "PutObject",
];

const ENCRYPTION: &str = "x-amz-server-side-encryption";
const READS: [&str; 5] =
    ["CompleteMultipartUpload", "GetObject", "GetObjectAttributes", "HeadObject", "ListParts"];
const PARTS: [&str; 2] = ["UploadPart", "UploadPartCopy"];
const WRITES: [&str; 3] = ["CopyObject", "CreateMultipartUpload", "PutObject"];
/// Headers that say what must not happen, to an operation that does not have them.
const PROTECTIVE_PREFIXES: [&str; 10] = [
    "x-amz-acl",
    "x-amz-copy-source",
    "x-amz-expected-bucket-owner",
    "x-amz-grant-",
    "x-amz-if-match-",
    "x-amz-mfa",
    "x-amz-mp-object-size",
    "x-amz-object-lock-",
    "x-amz-source-expected-bucket-owner",
    "x-amz-tagging",
];
/// Headers that a write would have to keep or obey. In a read they ask for nothing.
const LASTING_PREFIXES: [&str; 3] = ["if-", "x-amz-meta-", "x-amz-storage-class"];

pub(super) const NO_REQUESTER_PAYS: Disposition = Fixed("no bucket is requester-pays");
pub(super) const ONE_CLASS: Disposition = Fixed("`STANDARD`");
pub(super) const OWNER_ACL: Disposition = Fixed("`private` or `bucket-owner-full-control`");
const NO_RETENTION: Disposition = Fixed("no object is under retention");

const CORE: &[MemberRow] = &[
    ("CreateBucket", "ACL", Fixed("`private`")),
    ("CreateBucket", "Bucket", Enforced),
    ("CreateBucket", "CreateBucketConfiguration", Enforced),
    ("CreateBucket", "CreateBucketConfiguration.LocationConstraint", Enforced),
    ("CreateBucket", "CreateBucketConfiguration.Location", Refused),
    ("CreateBucket", "CreateBucketConfiguration.Bucket", Refused),
    ("CreateBucket", "CreateBucketConfiguration.Tags", Enforced),
    ("CreateBucket", "CreateBucketConfiguration.Tags.Key", Enforced),
    ("CreateBucket", "CreateBucketConfiguration.Tags.Value", Enforced),
    ("CreateBucket", "GrantFullControl", Refused),
    ("CreateBucket", "GrantRead", Refused),
    ("CreateBucket", "GrantReadACP", Refused),
    ("CreateBucket", "GrantWrite", Refused),
    ("CreateBucket", "GrantWriteACP", Refused),
    ("CreateBucket", "ObjectLockEnabledForBucket", Fixed("`false`")),
    ("CreateBucket", "ObjectOwnership", Fixed("`BucketOwnerEnforced`")),
    ("CreateBucket", "BucketNamespace", Fixed("`global`")),
    ("DeleteBucket", "Bucket", Enforced),
    ("DeleteBucket", "ExpectedBucketOwner", Enforced),
    ("GetBucketLocation", "Bucket", Enforced),
    ("GetBucketLocation", "ExpectedBucketOwner", Enforced),
    ("HeadBucket", "Bucket", Enforced),
    ("HeadBucket", "ExpectedBucketOwner", Enforced),
    ("ListBuckets", "MaxBuckets", Enforced),
    ("ListBuckets", "ContinuationToken", Enforced),
    ("ListBuckets", "Prefix", Enforced),
    ("ListBuckets", "BucketRegion", Enforced),
    ("DeleteObject", "Bucket", Enforced),
    ("DeleteObject", "Key", Enforced),
    ("DeleteObject", "MFA", Refused),
    ("DeleteObject", "VersionId", Enforced),
    ("DeleteObject", "RequestPayer", NO_REQUESTER_PAYS),
    ("DeleteObject", "BypassGovernanceRetention", NO_RETENTION),
    ("DeleteObject", "ExpectedBucketOwner", Enforced),
    ("DeleteObject", "IfMatch", Enforced),
    ("DeleteObject", "IfMatchLastModifiedTime", Enforced),
    ("DeleteObject", "IfMatchSize", Enforced),
    ("DeleteObject", "IfModifiedSince", Refused),
    ("DeleteObject", "IfNoneMatch", Refused),
    ("DeleteObject", "IfUnmodifiedSince", Refused),
    ("DeleteObjects", "Bucket", Enforced),
    ("DeleteObjects", "Delete", Enforced),
    ("DeleteObjects", "Delete.Objects", Enforced),
    ("DeleteObjects", "Delete.Objects.Key", Enforced),
    ("DeleteObjects", "Delete.Objects.VersionId", Enforced),
    ("DeleteObjects", "Delete.Objects.ETag", Enforced),
    ("DeleteObjects", "Delete.Objects.LastModifiedTime", Enforced),
    ("DeleteObjects", "Delete.Objects.Size", Enforced),
    ("DeleteObjects", "Delete.Quiet", Enforced),
    ("DeleteObjects", "MFA", Refused),
    ("DeleteObjects", "RequestPayer", NO_REQUESTER_PAYS),
    ("DeleteObjects", "BypassGovernanceRetention", NO_RETENTION),
    ("DeleteObjects", "ExpectedBucketOwner", Enforced),
    ("DeleteObjects", "ChecksumAlgorithm", Enforced),
    ("GetObject", "Bucket", Enforced),
    ("GetObject", "IfMatch", Enforced),
    ("GetObject", "IfModifiedSince", Enforced),
    ("GetObject", "IfNoneMatch", Enforced),
    ("GetObject", "IfUnmodifiedSince", Enforced),
    ("GetObject", "IfRange", Enforced),
    ("GetObject", "Key", Enforced),
    ("GetObject", "Range", Enforced),
    ("GetObject", "ResponseCacheControl", Enforced),
    ("GetObject", "ResponseContentDisposition", Enforced),
    ("GetObject", "ResponseContentEncoding", Enforced),
    ("GetObject", "ResponseContentLanguage", Enforced),
    ("GetObject", "ResponseContentType", Enforced),
    ("GetObject", "ResponseExpires", Enforced),
    ("GetObject", "VersionId", Enforced),
    ("GetObject", "SSECustomerAlgorithm", Refused),
    ("GetObject", "SSECustomerKey", Refused),
    ("GetObject", "SSECustomerKeyMD5", Refused),
    ("GetObject", "RequestPayer", NO_REQUESTER_PAYS),
    ("GetObject", "PartNumber", Enforced),
    ("GetObject", "ExpectedBucketOwner", Enforced),
    ("GetObject", "ChecksumMode", Enforced),
    ("HeadObject", "Bucket", Enforced),
    ("HeadObject", "IfMatch", Enforced),
    ("HeadObject", "IfModifiedSince", Enforced),
    ("HeadObject", "IfNoneMatch", Enforced),
    ("HeadObject", "IfUnmodifiedSince", Enforced),
    ("HeadObject", "IfRange", Enforced),
    ("HeadObject", "Key", Enforced),
    ("HeadObject", "Range", Enforced),
    ("HeadObject", "ResponseCacheControl", Enforced),
    ("HeadObject", "ResponseContentDisposition", Enforced),
    ("HeadObject", "ResponseContentEncoding", Enforced),
    ("HeadObject", "ResponseContentLanguage", Enforced),
    ("HeadObject", "ResponseContentType", Enforced),
    ("HeadObject", "ResponseExpires", Enforced),
    ("HeadObject", "VersionId", Enforced),
    ("HeadObject", "SSECustomerAlgorithm", Refused),
    ("HeadObject", "SSECustomerKey", Refused),
    ("HeadObject", "SSECustomerKeyMD5", Refused),
    ("HeadObject", "RequestPayer", NO_REQUESTER_PAYS),
    ("HeadObject", "PartNumber", Enforced),
    ("HeadObject", "ExpectedBucketOwner", Enforced),
    ("HeadObject", "ChecksumMode", Enforced),
    ("GetObjectAttributes", "Bucket", Enforced),
    ("GetObjectAttributes", "Key", Enforced),
    ("GetObjectAttributes", "VersionId", Enforced),
    ("GetObjectAttributes", "MaxParts", Enforced),
    ("GetObjectAttributes", "PartNumberMarker", Enforced),
    ("GetObjectAttributes", "SSECustomerAlgorithm", Refused),
    ("GetObjectAttributes", "SSECustomerKey", Refused),
    ("GetObjectAttributes", "SSECustomerKeyMD5", Refused),
    ("GetObjectAttributes", "RequestPayer", NO_REQUESTER_PAYS),
    ("GetObjectAttributes", "ExpectedBucketOwner", Enforced),
    ("GetObjectAttributes", "ObjectAttributes", Enforced),
    ("GetObjectAttributes", "IfMatch", Enforced),
    ("GetObjectAttributes", "IfModifiedSince", Enforced),
    ("GetObjectAttributes", "IfNoneMatch", Enforced),
    ("GetObjectAttributes", "IfUnmodifiedSince", Enforced),
    ("PutObject", "ACL", OWNER_ACL),
    ("PutObject", "Bucket", Enforced),
    ("PutObject", "Body", Enforced),
    ("PutObject", "CacheControl", Enforced),
    ("PutObject", "ContentDisposition", Enforced),
    ("PutObject", "ContentEncoding", Enforced),
    ("PutObject", "ContentLanguage", Enforced),
    ("PutObject", "ContentLength", Enforced),
    ("PutObject", "ContentMD5", Enforced),
    ("PutObject", "ContentType", Enforced),
    ("PutObject", "ChecksumAlgorithm", Enforced),
    ("PutObject", "ChecksumCRC32", Enforced),
    ("PutObject", "ChecksumCRC32C", Enforced),
    ("PutObject", "ChecksumCRC64NVME", Enforced),
    ("PutObject", "ChecksumSHA1", Enforced),
    ("PutObject", "ChecksumSHA256", Enforced),
    ("PutObject", "ChecksumSHA512", Enforced),
    ("PutObject", "ChecksumMD5", Enforced),
    ("PutObject", "ChecksumXXHASH64", Enforced),
    ("PutObject", "ChecksumXXHASH3", Enforced),
    ("PutObject", "ChecksumXXHASH128", Enforced),
    ("PutObject", "Expires", Enforced),
    ("PutObject", "IfMatch", Enforced),
    ("PutObject", "IfNoneMatch", Enforced),
    ("PutObject", "IfModifiedSince", Refused),
    ("PutObject", "IfUnmodifiedSince", Refused),
    ("PutObject", "GrantFullControl", Refused),
    ("PutObject", "GrantRead", Refused),
    ("PutObject", "GrantReadACP", Refused),
    ("PutObject", "GrantWriteACP", Refused),
    ("PutObject", "Key", Enforced),
    ("PutObject", "WriteOffsetBytes", Refused),
    ("PutObject", "Metadata", Enforced),
    ("PutObject", "ServerSideEncryption", Fixed("`AES256`")),
    ("PutObject", "StorageClass", ONE_CLASS),
    ("PutObject", "WebsiteRedirectLocation", Enforced),
    ("PutObject", "SSECustomerAlgorithm", Refused),
    ("PutObject", "SSECustomerKey", Refused),
    ("PutObject", "SSECustomerKeyMD5", Refused),
    ("PutObject", "SSEKMSKeyId", Fixed("absent: `AES256` takes none")),
    ("PutObject", "SSEKMSEncryptionContext", Fixed("absent: `AES256` takes none")),
    ("PutObject", "BucketKeyEnabled", Fixed("`false`")),
    ("PutObject", "RequestPayer", NO_REQUESTER_PAYS),
    ("PutObject", "Tagging", Enforced),
    ("PutObject", "ObjectLockMode", Refused),
    ("PutObject", "ObjectLockRetainUntilDate", Refused),
    ("PutObject", "ObjectLockLegalHoldStatus", Refused),
    ("PutObject", "ObjectLockEventHold", Refused),
    ("PutObject", "ObjectLockEventHoldDurationDays", Refused),
    ("PutObject", "ObjectLockEventHoldDurationYears", Refused),
    ("PutObject", "ExpectedBucketOwner", Enforced),
    ("CopyObject", "ACL", OWNER_ACL),
    ("CopyObject", "Bucket", Enforced),
    ("CopyObject", "CacheControl", Enforced),
    ("CopyObject", "ChecksumAlgorithm", Enforced),
    ("CopyObject", "ContentDisposition", Enforced),
    ("CopyObject", "ContentEncoding", Enforced),
    ("CopyObject", "ContentLanguage", Enforced),
    ("CopyObject", "ContentType", Enforced),
    ("CopyObject", "CopySource", Enforced),
    ("CopyObject", "CopySourceIfMatch", Enforced),
    ("CopyObject", "CopySourceIfModifiedSince", Enforced),
    ("CopyObject", "CopySourceIfNoneMatch", Enforced),
    ("CopyObject", "CopySourceIfUnmodifiedSince", Enforced),
    ("CopyObject", "Expires", Enforced),
    ("CopyObject", "GrantFullControl", Refused),
    ("CopyObject", "GrantRead", Refused),
    ("CopyObject", "GrantReadACP", Refused),
    ("CopyObject", "GrantWriteACP", Refused),
    ("CopyObject", "IfMatch", Enforced),
    ("CopyObject", "IfNoneMatch", Enforced),
    ("CopyObject", "Key", Enforced),
    ("CopyObject", "Metadata", Enforced),
    ("CopyObject", "MetadataDirective", Enforced),
    ("CopyObject", "TaggingDirective", Enforced),
    ("CopyObject", "AnnotationDirective", Fixed("no object has annotations")),
    ("CopyObject", "ServerSideEncryption", Fixed("`AES256`")),
    ("CopyObject", "StorageClass", ONE_CLASS),
    ("CopyObject", "WebsiteRedirectLocation", Enforced),
    ("CopyObject", "SSECustomerAlgorithm", Refused),
    ("CopyObject", "SSECustomerKey", Refused),
    ("CopyObject", "SSECustomerKeyMD5", Refused),
    ("CopyObject", "SSEKMSKeyId", Fixed("absent: `AES256` takes none")),
    ("CopyObject", "SSEKMSEncryptionContext", Fixed("absent: `AES256` takes none")),
    ("CopyObject", "BucketKeyEnabled", Fixed("`false`")),
    ("CopyObject", "CopySourceSSECustomerAlgorithm", Refused),
    ("CopyObject", "CopySourceSSECustomerKey", Refused),
    ("CopyObject", "CopySourceSSECustomerKeyMD5", Refused),
    ("CopyObject", "RequestPayer", NO_REQUESTER_PAYS),
    ("CopyObject", "Tagging", Enforced),
    ("CopyObject", "ObjectLockMode", Refused),
    ("CopyObject", "ObjectLockRetainUntilDate", Refused),
    ("CopyObject", "ObjectLockLegalHoldStatus", Refused),
    ("CopyObject", "ObjectLockEventHold", Refused),
    ("CopyObject", "ObjectLockEventHoldDurationDays", Refused),
    ("CopyObject", "ObjectLockEventHoldDurationYears", Refused),
    ("CopyObject", "IfModifiedSince", Refused),
    ("CopyObject", "IfUnmodifiedSince", Refused),
    ("CopyObject", "ExpectedBucketOwner", Enforced),
    ("CopyObject", "ExpectedSourceBucketOwner", Enforced),
];
