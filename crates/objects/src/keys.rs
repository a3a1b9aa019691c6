//! The keys under which records live in the store, and how to read them back.
//!
//! The layout is described byte by byte in `docs/formats/store-keys.md`. Nothing else in this
//! crate builds or takes apart a store key. This module knows nothing of what records hold.

use bytes::Bytes;
use strongroom_store::KeyRange;
use strongroom_types::{AccountId, BucketId, BucketName, ObjectKey, ObjectKeyError, Timestamp};

/// Where a version stands among the versions of its key: ascending order is newest first.
///
/// The bytes of a named version's order are its version id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct VersionOrder([u8; 16]);

impl VersionOrder {
    /// The place of a null version that was written while its key had no other version: behind
    /// all others, and always the same, so that overwriting replaces exactly one record.
    pub(crate) const NULL: Self = Self([0xff; 16]);

    /// The place of a version that is written now and comes before `next`: it is newer, whatever
    /// the clock says.
    #[must_use]
    pub(crate) fn before(next: Option<Self>, written: Timestamp, random: [u8; 8]) -> Self {
        let mut inverted = u64::MAX - written.micros();
        if let Some(Self(next)) = next {
            let [a, b, c, d, e, f, g, h, ..] = next;
            let next = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
            inverted = inverted.min(next.saturating_sub(1));
        }
        Self(concat16(inverted.to_be_bytes(), random))
    }

    /// The place of a version as it stands in its key.
    #[must_use]
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes as they stand in the key.
    #[must_use]
    pub(crate) fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// What tells one multipart upload from all others: the moment of its creation and a random
/// number, so that ascending order is the order of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct UploadUnique([u8; 16]);

impl UploadUnique {
    /// For an upload that is created now.
    #[must_use]
    pub(crate) fn new(initiated: Timestamp, random: [u8; 8]) -> Self {
        Self(concat16(initiated.micros().to_be_bytes(), random))
    }

    /// From the bytes as they stand in a key or in an upload id.
    #[must_use]
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes as they stand in a key.
    #[must_use]
    pub(crate) fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// Bytes in the store that are no key of this layout.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StoreKeyError {
    /// The length, the tag or the terminator is wrong.
    #[error("a key in the store has not the form of its kind")]
    Malformed,
    /// The part that should be an object key is none.
    #[error("a key in the store holds no object key")]
    ObjectKey(#[from] ObjectKeyError),
}

/// The record of a bucket.
#[must_use]
pub(crate) fn bucket(name: &BucketName) -> Bytes {
    tagged(TAG_BUCKET, &[name.as_str().as_bytes()])
}

/// The record that lists a bucket under its owner.
#[must_use]
pub(crate) fn owned_bucket(owner: AccountId, name: &BucketName) -> Bytes {
    tagged(TAG_OWNED_BUCKET, &[&owner.number().to_be_bytes(), name.as_str().as_bytes()])
}

/// All buckets of an owner whose names begin with `prefix`, behind the name `after`.
#[must_use]
pub(crate) fn owned_buckets(owner: AccountId, prefix: &str, after: Option<&str>) -> KeyRange {
    let owner = owner.number().to_be_bytes();
    let range_prefix = tagged(TAG_OWNED_BUCKET, &[&owner, clipped(prefix.as_bytes())]);
    match after {
        None => KeyRange::prefix(&range_prefix),
        Some(after) => {
            let after = tagged(TAG_OWNED_BUCKET, &[&owner, clipped(after.as_bytes())]);
            KeyRange::prefix_after(&range_prefix, &after)
        }
    }
}

/// The name in a key made by [`owned_bucket`].
///
/// # Errors
/// If the bytes are no such key.
pub(crate) fn parse_owned_bucket(key: &[u8]) -> Result<BucketName, StoreKeyError> {
    let name = key.strip_prefix(&[TAG_OWNED_BUCKET]).and_then(|rest| rest.split_at_checked(8));
    let (_, name) = name.ok_or(StoreKeyError::Malformed)?;
    let name = std::str::from_utf8(name).map_err(|_| StoreKeyError::Malformed)?;
    name.parse().map_err(|_| StoreKeyError::Malformed)
}

/// The record of a bucket's tags.
#[must_use]
pub(crate) fn bucket_tags(bucket: BucketId) -> Bytes {
    tagged(TAG_BUCKET_TAGS, &[bucket.as_bytes()])
}

/// The record of a bucket's CORS rules.
#[must_use]
pub(crate) fn bucket_cors(bucket: BucketId) -> Bytes {
    tagged(TAG_BUCKET_CORS, &[bucket.as_bytes()])
}

/// The record of a bucket's policy.
#[must_use]
pub(crate) fn bucket_policy(bucket: BucketId) -> Bytes {
    tagged(TAG_BUCKET_POLICY, &[bucket.as_bytes()])
}

/// The record of one version of an object.
#[must_use]
pub(crate) fn object_version(
    bucket: BucketId,
    object_key: &ObjectKey,
    order: VersionOrder,
) -> Bytes {
    let mut key = escaped(TAG_OBJECT, bucket, object_key.as_str().as_bytes());
    key.extend_from_slice(&TERMINATOR);
    key.extend_from_slice(order.as_bytes());
    key.into()
}

/// All versions of one object, newest first.
#[must_use]
pub(crate) fn object_versions(bucket: BucketId, object_key: &ObjectKey) -> KeyRange {
    let mut key = escaped(TAG_OBJECT, bucket, object_key.as_str().as_bytes());
    key.extend_from_slice(&TERMINATOR);
    KeyRange::prefix(&key)
}

/// The versions of an object that are newer than the one at `order`.
#[must_use]
pub(crate) fn versions_before(
    bucket: BucketId,
    object_key: &ObjectKey,
    order: VersionOrder,
) -> KeyRange {
    let KeyRange { start, .. } = object_versions(bucket, object_key);
    KeyRange { start, end: Some(object_version(bucket, object_key, order)) }
}

/// The record that says where the null version of an object is, if it is not at
/// [`VersionOrder::NULL`].
#[must_use]
pub(crate) fn null_place(bucket: BucketId, object_key: &ObjectKey) -> Bytes {
    let mut key = escaped(TAG_NULL_PLACE, bucket, object_key.as_str().as_bytes());
    key.extend_from_slice(&TERMINATOR);
    key.into()
}

/// All versions of all objects of a bucket.
#[must_use]
pub(crate) fn objects_of_bucket(bucket: BucketId) -> KeyRange {
    KeyRange::prefix(&tagged(TAG_OBJECT, &[bucket.as_bytes()]))
}

/// The object key and the order in a key made by [`object_version`].
///
/// # Errors
/// If the bytes are no such key.
pub(crate) fn parse_object_version(key: &[u8]) -> Result<(ObjectKey, VersionOrder), StoreKeyError> {
    let (object_key, order) = parse_escaped(TAG_OBJECT, key)?;
    Ok((object_key, VersionOrder(order)))
}

/// The record of an upload in progress.
#[must_use]
pub(crate) fn upload(bucket: BucketId, object_key: &ObjectKey, unique: UploadUnique) -> Bytes {
    let mut key = escaped(TAG_UPLOAD, bucket, object_key.as_str().as_bytes());
    key.extend_from_slice(&TERMINATOR);
    key.extend_from_slice(unique.as_bytes());
    key.into()
}

/// All uploads in progress of a bucket.
#[must_use]
pub(crate) fn uploads_of_bucket(bucket: BucketId) -> KeyRange {
    KeyRange::prefix(&tagged(TAG_UPLOAD, &[bucket.as_bytes()]))
}

/// The object key and the upload in a key made by [`upload`].
///
/// # Errors
/// If the bytes are no such key.
pub(crate) fn parse_upload(key: &[u8]) -> Result<(ObjectKey, UploadUnique), StoreKeyError> {
    let (object_key, unique) = parse_escaped(TAG_UPLOAD, key)?;
    Ok((object_key, UploadUnique(unique)))
}

/// The record that owns the payload of one part, before and after completion.
#[must_use]
pub(crate) fn part(unique: UploadUnique, part_number: u32) -> Bytes {
    tagged(TAG_PART, &[unique.as_bytes(), &part_number.to_be_bytes()])
}

/// The parts of an upload, from number `from` on, ascending.
#[must_use]
pub(crate) fn parts(unique: UploadUnique, from: u32) -> KeyRange {
    let all = KeyRange::prefix(&tagged(TAG_PART, &[unique.as_bytes()]));
    KeyRange { start: part(unique, from), end: all.end }
}

/// The upload and the part number in a key made by [`part`].
///
/// # Errors
/// If the bytes are no such key.
pub(crate) fn parse_part(key: &[u8]) -> Result<(UploadUnique, u32), StoreKeyError> {
    let rest = key.strip_prefix(&[TAG_PART]).ok_or(StoreKeyError::Malformed)?;
    let (unique, number) = rest.split_first_chunk().ok_or(StoreKeyError::Malformed)?;
    let number = number.try_into().map_err(|_| StoreKeyError::Malformed)?;
    Ok((UploadUnique(*unique), u32::from_be_bytes(number)))
}

/// Says that the parts of an upload belong to nobody any more.
#[must_use]
pub(crate) fn dead_upload(unique: UploadUnique) -> Bytes {
    tagged(TAG_DEAD_UPLOAD, &[unique.as_bytes()])
}

/// All uploads whose parts belong to nobody.
#[must_use]
pub(crate) fn dead_uploads() -> KeyRange {
    KeyRange::prefix(&[TAG_DEAD_UPLOAD])
}

/// The upload in a key made by [`dead_upload`].
///
/// # Errors
/// If the bytes are no such key.
pub(crate) fn parse_dead_upload(key: &[u8]) -> Result<UploadUnique, StoreKeyError> {
    parse_tagged16(TAG_DEAD_UPLOAD, key).map(UploadUnique)
}

/// Says that a bucket was deleted and that its uploads belong to nobody any more.
#[must_use]
pub(crate) fn dead_bucket(bucket: BucketId) -> Bytes {
    tagged(TAG_DEAD_BUCKET, &[bucket.as_bytes()])
}

/// All deleted buckets that may still have uploads.
#[must_use]
pub(crate) fn dead_buckets() -> KeyRange {
    KeyRange::prefix(&[TAG_DEAD_BUCKET])
}

/// The bucket in a key made by [`dead_bucket`].
///
/// # Errors
/// If the bytes are no such key.
pub(crate) fn parse_dead_bucket(key: &[u8]) -> Result<BucketId, StoreKeyError> {
    parse_tagged16(TAG_DEAD_BUCKET, key).map(BucketId::from_bytes)
}

/// The two kinds of records that are listed by object key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listed {
    /// Versions of objects.
    Objects,
    /// Uploads in progress.
    Uploads,
}

impl Listed {
    /// The records of the keys that begin with `prefix`; `None` when no key can.
    pub(crate) fn with_prefix(self, bucket: BucketId, prefix: &str) -> Option<KeyRange> {
        if prefix.len() > ObjectKey::BYTES_MAX {
            return None;
        }
        Some(KeyRange::prefix(&escaped(self.tag(), bucket, prefix.as_bytes())))
    }

    /// The least store key above all records of `object_key` and of all smaller object keys.
    ///
    /// The text need not be an object key: only its first 1,024 bytes decide, because no key is
    /// longer.
    pub(crate) fn after_key(self, bucket: BucketId, object_key: &str) -> Bytes {
        let mut key = escaped(self.tag(), bucket, clipped(object_key.as_bytes()));
        key.extend_from_slice(&BEHIND_TERMINATOR);
        key.into()
    }

    /// The least store key above the record of `object_key` that ends in `order`.
    pub(crate) fn after_record(self, bucket: BucketId, object_key: &str, order: [u8; 16]) -> Bytes {
        let mut key = escaped(self.tag(), bucket, clipped(object_key.as_bytes()));
        key.extend_from_slice(&TERMINATOR);
        key.extend_from_slice(&order);
        key.push(0);
        key.into()
    }

    /// The least store key above all records whose object keys begin with `prefix`.
    pub(crate) fn after_prefix(self, bucket: BucketId, prefix: &str) -> Option<Bytes> {
        KeyRange::prefix(&escaped(self.tag(), bucket, clipped(prefix.as_bytes()))).end
    }

    /// The object key and the last 16 bytes of a record's key.
    pub(crate) fn parse(self, key: &[u8]) -> Result<(ObjectKey, [u8; 16]), StoreKeyError> {
        parse_escaped(self.tag(), key)
    }

    fn tag(self) -> u8 {
        match self {
            Self::Objects => TAG_OBJECT,
            Self::Uploads => TAG_UPLOAD,
        }
    }
}

fn tagged(tag: u8, parts: &[&[u8]]) -> Bytes {
    let mut key = Vec::with_capacity(1 + parts.iter().map(|part| part.len()).sum::<usize>());
    key.push(tag);
    for part in parts {
        key.extend_from_slice(part);
    }
    key.into()
}

fn parse_tagged16(tag: u8, key: &[u8]) -> Result<[u8; 16], StoreKeyError> {
    let rest = key.strip_prefix(&[tag]).ok_or(StoreKeyError::Malformed)?;
    rest.try_into().map_err(|_| StoreKeyError::Malformed)
}

/// Tag, bucket and object key with every NUL followed by `ff`, so that the terminator, which is
/// NUL and `01`, sorts before every continuation of the key: byte order of store keys is byte
/// order of object keys.
fn escaped(tag: u8, bucket: BucketId, object_key: &[u8]) -> Vec<u8> {
    // Exactly a record's key, as a rule: an engine keeps new ones in memory for a while, as they are.
    let mut key = Vec::with_capacity(1 + 16 + object_key.len() + 2 + 16);
    key.push(tag);
    key.extend_from_slice(bucket.as_bytes());
    let mut first = true;
    for run in object_key.split(|byte| *byte == 0) {
        if !first {
            key.extend_from_slice(&ESCAPED_NUL);
        }
        first = false;
        key.extend_from_slice(run);
    }
    key
}

fn parse_escaped(tag: u8, key: &[u8]) -> Result<(ObjectKey, [u8; 16]), StoreKeyError> {
    let rest = key.strip_prefix(&[tag]).and_then(|rest| rest.split_first_chunk::<16>());
    let (_, rest) = rest.ok_or(StoreKeyError::Malformed)?;
    let (rest, order) = rest.split_last_chunk::<16>().ok_or(StoreKeyError::Malformed)?;
    let object_key = rest.strip_suffix(&TERMINATOR).ok_or(StoreKeyError::Malformed)?;
    if !object_key.contains(&0) {
        return Ok((ObjectKey::from_bytes(object_key)?, *order));
    }
    let mut plain = Vec::with_capacity(object_key.len());
    let mut bytes = object_key.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte == 0 && bytes.next() != Some(0xff) {
            return Err(StoreKeyError::Malformed);
        }
        plain.push(byte);
    }
    Ok((ObjectKey::from_bytes(&plain)?, *order))
}

fn clipped(object_key: &[u8]) -> &[u8] {
    object_key.get(..ObjectKey::BYTES_MAX).unwrap_or(object_key)
}

fn concat16(first: [u8; 8], second: [u8; 8]) -> [u8; 16] {
    let mut out = [0; 16];
    for (to, from) in out.iter_mut().zip(first.into_iter().chain(second)) {
        *to = from;
    }
    out
}

const TAG_BUCKET: u8 = b'n';
const TAG_OWNED_BUCKET: u8 = b'o';
const TAG_BUCKET_CORS: u8 = b'c';
const TAG_BUCKET_POLICY: u8 = b'y';
const TAG_BUCKET_TAGS: u8 = b't';
const TAG_OBJECT: u8 = b'v';
const TAG_NULL_PLACE: u8 = b'w';
const TAG_UPLOAD: u8 = b'u';
const TAG_PART: u8 = b'p';
const TAG_DEAD_UPLOAD: u8 = b'g';
const TAG_DEAD_BUCKET: u8 = b'd';

const ESCAPED_NUL: [u8; 2] = [0, 0xff];
const TERMINATOR: [u8; 2] = [0, 1];
/// Above every record of a key, below every record of a longer one.
const BEHIND_TERMINATOR: [u8; 2] = [0, 2];

#[cfg(test)]
mod tests {
    use super::*;

    const BUCKET: [u8; 16] = [7; 16];

    fn bucket_id() -> BucketId {
        BucketId::from_bytes(BUCKET)
    }

    fn key(text: &str) -> ObjectKey {
        text.parse().unwrap()
    }

    #[test]
    fn byte_order_of_store_keys_is_byte_order_of_object_keys() {
        let mut keys = vec![
            "a",
            "a\0",
            "a\0\0",
            "a\0\u{1}",
            "a\0b",
            "a\u{1}",
            "a\u{2}",
            "ab",
            "b",
            "\0",
            "\0\0",
            "\u{1}",
            "ä",
            "\u{10ffff}",
            "\u{ff}",
            "a/",
            "a/b",
            "a0",
            "~",
        ];
        keys.sort_unstable();
        let orders = [VersionOrder([0; 16]), VersionOrder([0x80; 16]), VersionOrder::NULL];
        let stored: Vec<Bytes> = keys
            .iter()
            .flat_map(|k| orders.map(|order| object_version(bucket_id(), &key(k), order)))
            .collect();
        assert!(stored.is_sorted());
        for (text, stored) in keys.iter().flat_map(|k| [k; 3]).zip(&stored) {
            let (parsed, _) = parse_object_version(stored).unwrap();
            assert_eq!(parsed.as_str(), *text);
            assert!(objects_of_bucket(bucket_id()).contains(stored));
            assert!(object_versions(bucket_id(), &key(text)).contains(stored));
        }
    }

    #[test]
    fn a_seek_lands_between_its_neighbours() {
        let texts = ["a", "a\0", "a\0z", "a\u{1}", "aa", "b"];
        for listed in [Listed::Objects, Listed::Uploads] {
            for after in texts {
                let seek = listed.after_key(bucket_id(), after);
                let past = listed.after_prefix(bucket_id(), after).unwrap();
                for text in texts {
                    for order in [[0; 16], [0xff; 16]] {
                        let stored = match listed {
                            Listed::Objects => {
                                object_version(bucket_id(), &key(text), VersionOrder(order))
                            }
                            Listed::Uploads => upload(bucket_id(), &key(text), UploadUnique(order)),
                        };
                        assert_eq!(stored >= seek, text > after, "{text:?} {after:?}");
                        let is_past = text > after && !text.starts_with(after);
                        assert_eq!(stored >= past, is_past, "{text:?} {after:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_marker_longer_than_any_key_is_compared_as_a_whole() {
        let longest = "k".repeat(1024);
        let stored = object_version(bucket_id(), &key(&longest), VersionOrder::NULL);
        assert!(stored < Listed::Objects.after_key(bucket_id(), &"k".repeat(3000)));
        let larger = object_version(bucket_id(), &key("l"), VersionOrder::NULL);
        assert!(larger > Listed::Objects.after_key(bucket_id(), &"k".repeat(3000)));
        assert_eq!(Listed::Objects.with_prefix(bucket_id(), &"k".repeat(1025)), None);
    }

    #[test]
    fn the_longest_keys_fit() {
        let worst = "\0".repeat(1024);
        let stored = object_version(bucket_id(), &key(&worst), VersionOrder::NULL);
        assert!(stored.len() <= strongroom_store::KEY_BYTES_MAX);
        assert_eq!(parse_object_version(&stored).unwrap().0.as_str(), worst);
    }

    #[test]
    fn newer_versions_sort_first() {
        let second = |number| Timestamp::from_seconds(number).unwrap();
        let older = VersionOrder::before(Some(VersionOrder::NULL), second(1), [0xff; 8]);
        let newer = VersionOrder::before(Some(older), second(2), [0; 8]);
        assert!(newer < older && older < VersionOrder::NULL);
        assert_eq!(older, VersionOrder::before(None, second(1), [0xff; 8]));
        // The clock stands still, or goes back: the order is that of writing nevertheless.
        let still = VersionOrder::before(Some(newer), second(2), [0xff; 8]);
        let back = VersionOrder::before(Some(still), second(1), [0xff; 8]);
        assert!(back < still && still < newer);
        let first = UploadUnique::new(Timestamp::from_seconds(1).unwrap(), [0xff; 8]);
        let second = UploadUnique::new(Timestamp::from_seconds(2).unwrap(), [0; 8]);
        assert!(first < second);
    }

    #[test]
    fn every_key_reads_back() {
        let unique = UploadUnique([9; 16]);
        assert_eq!(parse_part(&part(unique, 10_000)), Ok((unique, 10_000)));
        assert!(parts(unique, 2).contains(&part(unique, 2)));
        assert!(!parts(unique, 2).contains(&part(unique, 1)));
        assert!(!parts(unique, 0).contains(&part(UploadUnique([10; 16]), 1)));
        assert_eq!(parse_dead_upload(&dead_upload(unique)), Ok(unique));
        assert_eq!(parse_dead_bucket(&dead_bucket(bucket_id())), Ok(bucket_id()));
        let stored = upload(bucket_id(), &key("a\0b"), unique);
        assert_eq!(parse_upload(&stored), Ok((key("a\0b"), unique)));
        let account = AccountId::from_number(12).unwrap();
        let name: BucketName = "photos".parse().unwrap();
        let owned = owned_bucket(account, &name);
        assert_eq!(parse_owned_bucket(&owned), Ok(name));
        assert!(owned_buckets(account, "ph", None).contains(&owned));
        assert!(owned_buckets(account, "ph", Some("photor")).contains(&owned));
        assert!(!owned_buckets(account, "ph", Some("photos")).contains(&owned));
        assert!(!owned_buckets(account, "q", None).contains(&owned));
    }

    #[test]
    fn damaged_keys_are_refused() {
        let whole = object_version(bucket_id(), &key("a\0b"), VersionOrder::NULL);
        for cut in 0..whole.len() {
            assert!(parse_object_version(&whole[..cut]).is_err());
        }
        assert_eq!(parse_upload(&whole), Err(StoreKeyError::Malformed));
        let mut bare_nul = vec![b'v'];
        bare_nul.extend_from_slice(&BUCKET);
        bare_nul.extend_from_slice(b"a\0b\0\x01");
        bare_nul.extend_from_slice(&[0xff; 16]);
        assert_eq!(parse_object_version(&bare_nul), Err(StoreKeyError::Malformed));
    }
}
