//! The operations of S3: adapters between the generated types and the domain.
//!
//! One function for each operation. Nothing is decided here but what the form of a request says;
//! errors get their codes in [`errors`] and nowhere else.

/// Writes a checksum into the `checksum_*` field of its algorithm.
macro_rules! set_checksum {
    ($output:expr, $algorithm:expr, $text:expr) => {{
        use strongroom_crypto::ChecksumAlgorithm;
        let text = Some($text);
        match $algorithm {
            ChecksumAlgorithm::Crc32 => $output.checksum_crc32 = text,
            ChecksumAlgorithm::Crc32c => $output.checksum_crc32c = text,
            ChecksumAlgorithm::Crc64Nvme => $output.checksum_crc64nvme = text,
            ChecksumAlgorithm::Sha1 => $output.checksum_sha1 = text,
            ChecksumAlgorithm::Sha256 => $output.checksum_sha256 = text,
            ChecksumAlgorithm::Sha512 => $output.checksum_sha512 = text,
            ChecksumAlgorithm::Md5 => $output.checksum_md5 = text,
            ChecksumAlgorithm::XxHash64 => $output.checksum_xxhash64 = text,
            ChecksumAlgorithm::XxHash3 => $output.checksum_xxhash3 = text,
            ChecksumAlgorithm::XxHash128 => $output.checksum_xxhash128 = text,
        }
    }};
}

/// The values of the `checksum_*` fields of an input that are there.
macro_rules! checksum_values {
    ($input:expr) => {{
        use strongroom_crypto::ChecksumAlgorithm;
        let fields = [
            (ChecksumAlgorithm::Crc32, $input.checksum_crc32.as_deref()),
            (ChecksumAlgorithm::Crc32c, $input.checksum_crc32c.as_deref()),
            (ChecksumAlgorithm::Crc64Nvme, $input.checksum_crc64nvme.as_deref()),
            (ChecksumAlgorithm::Sha1, $input.checksum_sha1.as_deref()),
            (ChecksumAlgorithm::Sha256, $input.checksum_sha256.as_deref()),
            (ChecksumAlgorithm::Sha512, $input.checksum_sha512.as_deref()),
            (ChecksumAlgorithm::Md5, $input.checksum_md5.as_deref()),
            (ChecksumAlgorithm::XxHash64, $input.checksum_xxhash64.as_deref()),
            (ChecksumAlgorithm::XxHash3, $input.checksum_xxhash3.as_deref()),
            (ChecksumAlgorithm::XxHash128, $input.checksum_xxhash128.as_deref()),
        ];
        let values = fields.into_iter();
        let values = values.filter_map(|(algorithm, value)| value.map(|value| (algorithm, value)));
        values.collect::<Vec<_>>()
    }};
}

mod acl;
mod bucket_policy;
mod buckets;
mod cors;
mod encryption;
pub(crate) mod errors;
mod fixed;
mod headers;
mod listing;
mod member_rows;
mod members;
mod multipart;
mod objects;
mod public_access;
mod reads;
mod setting_rows;
mod tagging;
mod versioning;

use std::collections::BTreeSet;
use std::sync::Arc;

use strongroom_access::{
    BoundOperation, Denial, Endpoint, Manners, Operands, Permit, RefusedOperation,
};
use strongroom_model::{s3, s3_operations};
use strongroom_wire::{ErrorResponse, Operation, Payload};

use crate::S3;
pub use members::tables;

/// Every operation of S3: bound to the service, or refused by name.
#[must_use]
pub fn endpoints(service: &Arc<S3>) -> Vec<Arc<dyn Endpoint>> {
    let mut endpoints = buckets::endpoints(service);
    endpoints.extend(acl::endpoints(service));
    endpoints.extend(bucket_policy::endpoints(service));
    endpoints.extend(cors::endpoints(service));
    endpoints.extend(encryption::endpoints(service));
    endpoints.extend(fixed::endpoints(service));
    endpoints.extend(listing::endpoints(service));
    endpoints.extend(multipart::endpoints(service));
    endpoints.extend(objects::endpoints(service));
    endpoints.extend(public_access::endpoints(service));
    endpoints.extend(tagging::endpoints(service));
    endpoints.extend(versioning::endpoints(service));
    let bound: BTreeSet<&str> = endpoints.iter().map(|endpoint| endpoint.name()).collect();
    let mut refused: Vec<Arc<dyn Endpoint>> = Vec::new();
    macro_rules! refuse_the_rest {
        ($($operation:ident),* $(,)?) => {
            $(if !bound.contains(s3::$operation::NAME) {
                refused.push(Arc::new(RefusedOperation::<s3::$operation>::new()));
            })*
        };
    }
    s3_operations!(refuse_the_rest);
    endpoints.extend(refused);
    endpoints
}

/// Binds an adapter to its operation.
fn bind<Op, F, Fut>(service: &Arc<S3>, adapter: F) -> Arc<dyn Endpoint>
where
    Op: Operands,
    F: Fn(Arc<S3>, Permit<Op>, Op::Input, Payload) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Op::Output, ErrorResponse>> + Send + 'static,
{
    let service = Arc::clone(service);
    let bound = BoundOperation::<Op, _>::new(MANNERS, move |permit, input, payload| {
        let veil = permit.veil();
        let answer = adapter(Arc::clone(&service), permit, input, payload);
        async move {
            let error = match answer.await {
                Ok(output) => return Ok(output),
                Err(error) => error,
            };
            // SPEC: access-control, 2.9: who may not list does not learn what is there.
            match (veil, errors::missing(&error)) {
                (Some(veil), Some(missing)) if veil.hides(missing).await => {
                    Err(Denial::plain().into())
                }
                _ => Err(error),
            }
        }
    });
    Arc::new(bound.holding(held_bytes(Op::NAME)))
}

/// What an operation makes the server hold beside the bodies that clients send and get.
fn held_bytes(operation: &str) -> u64 {
    match operation {
        "CopyObject" | "UploadPartCopy" => COPY_HELD_BYTES,
        "ListMultipartUploads"
        | "ListObjectVersions"
        | "ListObjects"
        | "ListObjectsV2"
        | "ListParts" => PAGE_HELD_BYTES,
        _ => 0,
    }
}

/// A copy: one read being decrypted and one being hashed, one block being filled and one being
/// written.
const COPY_HELD_BYTES: u64 = 3 * 1024 * 1024;
/// A page: 1,000 keys of 1,024 bytes, as records and as the document that shows them.
const PAGE_HELD_BYTES: u64 = 4 * 1024 * 1024;

const MANNERS: Manners = Manners {
    decode_error: errors::decode_error,
    refused_member: members::refused_member,
    unknown_member: members::unknown_member,
    refused_request: members::refused_request,
};
