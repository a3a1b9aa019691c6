//! What the store keeps of buckets and objects, and the bytes of it.
//!
//! The formats are described byte by byte in `docs/formats/object-record.md`, `bucket-record.md`,
//! `bucket-cors-record.md`, `bucket-tags-record.md` and `manifest.md`. Nothing here knows keys,
//! requests or how records are committed.

mod bucket;
mod bucket_cors;
mod bucket_policy;
mod bucket_tags;
mod codec;
mod etag;
mod manifest;
mod null_place;
mod object;
#[cfg(test)]
mod tests;

pub(crate) use bucket::{
    BucketAccess, BucketEncryption, BucketRecord, ObjectOwnership, PolicyStamp,
};
pub(crate) use bucket_cors::BucketCorsRecord;
pub(crate) use bucket_policy::BucketPolicyRecord;
pub(crate) use bucket_tags::BucketTagsRecord;
pub(crate) use codec::{Decoder, Encoder, RecordError};
pub(crate) use etag::Etag;
pub(crate) use manifest::{Manifest, ManifestPart, PARTS_MAX};
pub(crate) use null_place::NullPlace;
pub(crate) use object::{
    DataKeyRecord, LockState, ObjectChecksum, ObjectKind, ObjectMetadata, ObjectRecord,
    ObjectSummary, PartsOrigin, SystemMetadata, algorithm_from_number, algorithm_number,
    decode_data_key, decode_digest, decode_lock, decode_pairs, encode_data_key, encode_digest,
    encode_lock, encode_pairs,
};
