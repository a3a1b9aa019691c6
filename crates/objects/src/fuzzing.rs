//! Fuzz targets of this crate: plain functions over bytes that assert what must always hold.
//!
//! Not part of the API; built for tests and for the fuzzer only.

use strongroom_crypto::{Checksum, ChecksumAlgorithm};
use strongroom_types::{AccountId, BucketId, ObjectKey, Timestamp, VersionId};

use crate::checksums::{ChecksumClaims, parse_content_md5};
use crate::conditions::{DeleteConditions, ReadConditions, ReadVerdict, WriteCondition};
use crate::keys::{self, Listed, UploadUnique, VersionOrder};
use crate::listing::{ObjectsMarker, decode_token, encode_token};
use crate::metadata::{strip_aws_chunked, user_metadata};
use crate::multipart::{PartRecord, UploadRecord, parse_range, parse_upload_id, upload_id};
use crate::objects::RangeSpec;
use crate::records::{
    BucketRecord, Etag, LockState, Manifest, ObjectKind, ObjectMetadata, ObjectRecord,
};

/// A target: its name, which is that of its corpus, and the function.
pub type FuzzTarget = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[FuzzTarget] = &[
    ("object_record", object_record),
    ("bucket_record", bucket_record),
    ("upload_record", upload_record),
    ("part_record", part_record),
    ("manifest", manifest),
    ("store_keys", store_keys),
    ("object_keys", object_keys),
    ("markers", markers),
    ("ranges", ranges),
    ("conditions", conditions),
    ("metadata", metadata),
    ("checksums", checksums),
];

/// Records of versions: what is read is written as the same bytes.
pub fn object_record(bytes: &[u8]) {
    if let Ok(record) = ObjectRecord::decode(bytes) {
        assert_eq!(record.encode().as_deref(), Ok(bytes));
        assert_eq!(record.is_delete_marker(), record.data_key.is_none());
        outgoing(&record.metadata);
    }
}

/// Records of buckets: what is read is written as the same bytes, or as the format of today that says
/// the same.
pub fn bucket_record(bytes: &[u8]) {
    if let Ok(record) = BucketRecord::decode(bytes) {
        let written = record.encode();
        match bytes.first() {
            Some(1) => {
                assert_eq!(written.map(|bytes| BucketRecord::decode(&bytes)), Ok(Ok(record)))
            }
            _ => assert_eq!(written.as_deref(), Ok(bytes)),
        }
    }
}

/// Records of uploads: what is read is written as the same bytes.
pub fn upload_record(bytes: &[u8]) {
    if let Ok(record) = UploadRecord::decode(bytes) {
        assert_eq!(record.encode().as_deref(), Ok(bytes));
        assert!(record.algorithm().allows(record.checksum_type()));
        outgoing(&record.metadata);
    }
}

/// Records of parts: what is read is written as the same bytes.
pub fn part_record(bytes: &[u8]) {
    if let Ok(record) = PartRecord::decode(bytes) {
        assert_eq!(record.encode().as_deref(), Ok(bytes));
    }
}

/// Part tables: what is read is written as the same bytes, and its numbers ascend.
pub fn manifest(bytes: &[u8]) {
    if let Ok(table) = Manifest::decode(bytes) {
        assert_eq!(table.encode().as_deref(), Ok(bytes));
        assert!(table.parts.is_sorted_by(|one, next| one.number < next.number));
        assert!(table.parts.iter().all(|part| (1..=10_000).contains(&part.number)));
    }
}

/// Keys in the store: a key is of one kind at most, and what it says makes the same key again.
pub fn store_keys(bytes: &[u8]) {
    let bucket = bytes.get(1..17).and_then(|id| id.try_into().ok()).map(BucketId::from_bytes);
    let mut kinds = 0;
    if let (Ok((key, order)), Some(bucket)) = (keys::parse_object_version(bytes), bucket) {
        assert_eq!(keys::object_version(bucket, &key, order), bytes);
        kinds += 1;
    }
    if let (Ok((key, unique)), Some(bucket)) = (keys::parse_upload(bytes), bucket) {
        assert_eq!(keys::upload(bucket, &key, unique), bytes);
        kinds += 1;
    }
    if let Ok((unique, number)) = keys::parse_part(bytes) {
        assert_eq!(keys::part(unique, number), bytes);
        kinds += 1;
    }
    if let Ok(unique) = keys::parse_dead_upload(bytes) {
        assert_eq!(keys::dead_upload(unique), bytes);
        kinds += 1;
    }
    if let Ok(name) = keys::parse_owned_bucket(bytes) {
        let owner = bytes.get(1..9).and_then(|number| number.try_into().ok());
        let owner = owner.map(u64::from_be_bytes).map(AccountId::from_number);
        if let Some(Ok(owner)) = owner {
            assert_eq!(keys::owned_bucket(owner, &name), bytes);
        }
        kinds += 1;
    }
    assert!(kinds <= 1, "a key has one meaning");
}

/// Object keys on their way into the store and back: order is kept, and no record of one key lies
/// among those of another.
///
/// The input is two keys, the second behind the length of the first in two bytes.
pub fn object_keys(bytes: &[u8]) {
    let Some(([high, low], rest)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    let middle = usize::from(u16::from_be_bytes([*high, *low])) % (rest.len() + 1);
    let (one, other) = rest.split_at(middle);
    let (Ok(one), Ok(other)) = (ObjectKey::from_bytes(one), ObjectKey::from_bytes(other)) else {
        return;
    };
    let bucket = BucketId::from_bytes([0xff; 16]);
    let orders = [[0; 16], [0xff; 16]].map(VersionOrder::from_bytes);
    for order in orders {
        let (first, second) = (
            keys::object_version(bucket, &one, order),
            keys::object_version(bucket, &other, order),
        );
        assert_eq!(first.cmp(&second), one.cmp(&other), "the store keeps the order of keys");
        assert_eq!(keys::parse_object_version(&first), Ok((one.clone(), order)));
        let versions = keys::object_versions(bucket, &other);
        assert_eq!(holds(&versions, &first), one == other, "versions of a key are its own");
        assert!(holds(&keys::objects_of_bucket(bucket), &first));
        assert!(!holds(&keys::uploads_of_bucket(bucket), &first));
        let begins = one.as_str().starts_with(other.as_str());
        let range = Listed::Objects.with_prefix(bucket, other.as_str());
        assert_eq!(range.is_some_and(|range| holds(&range, &first)), begins, "prefixes are exact");
        let after = Listed::Objects.after_key(bucket, other.as_str());
        assert_eq!(first >= after, one > other, "a marker excludes what is not greater");
        if let Some(after) = Listed::Objects.after_prefix(bucket, other.as_str()) {
            assert_eq!(first >= after, !begins && one > other, "a rolled-up prefix is skipped");
        }
    }
}

/// Continuation tokens, upload ids and version markers.
pub fn markers(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(last) = decode_token(text) {
        assert_eq!(encode_token(&last), text, "a place has one token");
    }
    if text.len() <= ObjectKey::BYTES_MAX {
        for inside in [false, true] {
            let marker = ObjectsMarker { text: text.to_owned(), inside };
            assert_eq!(decode_token(&encode_token(&marker)), Ok(marker));
        }
    }
    if let Some(unique) = parse_upload_id(text) {
        assert_eq!(upload_id(unique), text, "an upload has one id");
    }
    if let Some(unique) = bytes.get(..16).and_then(|unique| unique.try_into().ok()) {
        let unique = UploadUnique::from_bytes(unique);
        assert_eq!(parse_upload_id(&upload_id(unique)), Some(unique));
    }
}

/// Ranges of reads and of part copies: never outside the object, never empty.
///
/// The input is the length of an object in eight bytes, then the text.
pub fn ranges(bytes: &[u8]) {
    let Some((object_bytes, text)) = bytes.split_first_chunk::<8>() else {
        return;
    };
    let object_bytes = u64::from_be_bytes(*object_bytes);
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    if let Some(range) = RangeSpec::parse(text).and_then(|range| range.within(object_bytes)) {
        assert!(range.start <= range.end_inclusive && range.end_inclusive < object_bytes);
    }
    if let Ok(range) = parse_range(text) {
        assert!(range.start <= range.end_inclusive);
    }
}

/// Conditions against an object: the two sides of a header never both hold, and what a header
/// means does not depend on the spelling of the ETag.
pub fn conditions(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let etag = Etag { digest: [0xab; 16], parts_count: 3 };
    if let Ok(given) = text.parse::<Etag>() {
        assert_eq!(given.to_string().parse(), Ok(given));
        assert_eq!(given.quoted().parse(), Ok(given));
    }
    let object = object(etag);
    let header = || Some(text.to_owned());
    let read = |conditions: &ReadConditions| conditions.judge(&object);
    let positive = ReadConditions { if_match: header(), ..ReadConditions::default() };
    let negative = ReadConditions { if_none_match: header(), ..ReadConditions::default() };
    let matches = read(&positive) == ReadVerdict::Proceed;
    assert_ne!(matches, read(&negative) == ReadVerdict::Proceed, "a header holds or does not");
    let write = WriteCondition::Match(text.to_owned());
    assert_eq!(write.judge(Some(&object)).is_ok(), matches, "reads and writes agree");
    assert!(write.judge(None).is_err());
    let delete = DeleteConditions { if_match: header(), ..DeleteConditions::default() };
    assert_eq!(delete.judge(&object).is_ok(), matches, "reads and deletions agree");
    if let Ok(WriteCondition::Absent) = WriteCondition::new(None, header()) {
        assert!(matches, "only a star asks for absence");
    }
    assert!(WriteCondition::new(header(), header()).is_err());
}

/// User metadata and its encoded words: bounded, stable, and nothing that is answered can end a
/// header.
pub fn metadata(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Some(kept) = strip_aws_chunked(text.to_owned()) {
        assert!(kept.len() <= text.len());
        assert_eq!(strip_aws_chunked(kept.clone()), Some(kept), "taken off once and for all");
    }
    let Ok(user) = user_metadata([("Name".to_owned(), text.to_owned())]) else {
        return;
    };
    for (name, value) in &user {
        assert_eq!(name, "name");
        assert!(value.len() <= text.len().saturating_mul(2), "words do not grow");
    }
    let stored = ObjectMetadata { user, ..ObjectMetadata::default() };
    outgoing(&stored);
    // What a client reads and sends again is the same metadata.
    let again = user_metadata(stored.outgoing().pairs);
    let plain = |pairs: &[(String, String)]| pairs.iter().all(|(_, value)| !value.contains("=?"));
    if let Ok(again) = again
        && plain(&stored.user)
        && stored.outgoing().missing == 0
    {
        assert_eq!(again, stored.user);
    }
}

/// Checksums and `Content-MD5`: what is read is printed the same.
pub fn checksums(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for algorithm in ChecksumAlgorithm::ALL {
        if let Ok(checksum) = Checksum::from_base64(algorithm, text) {
            assert_eq!(checksum.to_base64(), text, "a digest has one spelling");
            assert_eq!(checksum.as_bytes().len(), algorithm.digest_bytes());
        }
        let trailers = [text.to_ascii_lowercase()];
        let claims = ChecksumClaims {
            values: vec![(algorithm, text)],
            sdk_algorithm: Some(text),
            trailers: &trailers,
        };
        assert!(claims.plan().is_err(), "no text is a digest, a name and a trailer");
    }
    if let Ok(named) = text.parse::<ChecksumAlgorithm>() {
        let claims = ChecksumClaims { sdk_algorithm: Some(text), ..ChecksumClaims::default() };
        assert!(claims.plan().is_err(), "{named:?} without a value");
    }
    let _ = ChecksumAlgorithm::from_header_name(text);
    if let Ok(digest) = parse_content_md5(text) {
        assert_eq!(data_encoding::BASE64.encode(&digest), text);
    }
}

/// Nothing that is answered can end a header.
fn outgoing(metadata: &ObjectMetadata) {
    let outgoing = metadata.outgoing();
    assert_eq!(outgoing.pairs.len() + outgoing.missing, metadata.user.len());
    for (_, value) in outgoing.pairs {
        assert!(value.is_ascii() && !value.bytes().any(|b| b.is_ascii_control() && b != b'\t'));
    }
}

fn holds(range: &strongroom_store::KeyRange, key: &[u8]) -> bool {
    range.start <= key && range.end.as_ref().is_none_or(|end| key < end)
}

fn object(etag: Etag) -> ObjectRecord {
    ObjectRecord {
        kind: ObjectKind::Object,
        version_id: VersionId::Null,
        last_modified: Timestamp::EPOCH,
        object_bytes: 7,
        etag,
        checksum: None,
        data_key: None,
        metadata: ObjectMetadata::default(),
        tags: Vec::new(),
        parts: None,
        lock: LockState::default(),
    }
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;
