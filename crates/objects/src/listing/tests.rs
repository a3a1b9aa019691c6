//! Listings compared with a naive oracle that sorts everything and cuts pages off.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use strongroom_crypto::{BlobId, Checksum, ChecksumAlgorithm, SystemEntropy};
use strongroom_store::memory::MemoryEngine;
use strongroom_store::{
    Batch, BoxFuture, CommitError, Committed, Entry, KeyRange, MetadataStore, NewPayload,
    Protection, Revision, StoreError, StoredEvent, Write,
};
use strongroom_types::{
    AccountId, BucketId, CanonicalUserId, Clock, Entropy, ObjectKey, Timestamp, VersionId,
};

use super::objects::ObjectsPage;
use super::uploads::UploadsPage;
use super::versions::VersionsPage;
use super::*;
use crate::keys::{self, UploadUnique, VersionOrder};
use crate::multipart::{Initiator, UploadRecord};
use crate::records::{
    DataKeyRecord, Etag, LockState, ObjectChecksum, ObjectKind, ObjectMetadata, ObjectRecord,
};

#[derive(Debug)]
struct StillClock;

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000).unwrap()
    }

    fn elapsed(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }
}

/// Counts what is asked of the store.
#[derive(Debug)]
struct Counting {
    inner: Arc<dyn MetadataStore>,
    scans: AtomicUsize,
    entries: AtomicUsize,
}

impl MetadataStore for Counting {
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Entry>, StoreError>> {
        self.inner.get(key)
    }

    fn scan<'a>(
        &'a self,
        range: KeyRange,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Bytes, Entry)>, StoreError>> {
        Box::pin(async move {
            let found = self.inner.scan(range, limit).await?;
            self.scans.fetch_add(1, Ordering::Relaxed);
            self.entries.fetch_add(found.len(), Ordering::Relaxed);
            Ok(found)
        })
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Committed, CommitError>> {
        self.inner.commit(batch)
    }

    fn append_event(&self, event: Bytes) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.append_event(event)
    }

    fn events(
        &self,
        after: Revision,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        self.inner.events(after, limit)
    }
}

/// A bucket in memory, between two others that must not show.
struct World {
    store: Counting,
    runtime: tokio::runtime::Runtime,
}

fn bucket() -> BucketId {
    BucketId::from_bytes([8; 16])
}

fn neighbours() -> [BucketId; 2] {
    [BucketId::from_bytes([7; 16]), BucketId::from_bytes([9; 16])]
}

impl World {
    fn new() -> Self {
        let engine = MemoryEngine::new(Arc::new(SystemEntropy), Arc::new(StillClock));
        let inner = engine.store().metadata;
        let store = Counting { inner, scans: AtomicUsize::new(0), entries: AtomicUsize::new(0) };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let world = Self { store, runtime };
        for other in neighbours() {
            let order = VersionOrder::NULL;
            world.put(keys::object_version(other, &key("a/b"), order), object(VersionId::Null));
        }
        world
    }

    fn put(&self, key: Bytes, value: Vec<u8>) {
        let write = Write::Put {
            key,
            value: value.into(),
            payload: NewPayload::None,
            protection: Protection::default(),
        };
        let batch = Batch { writes: vec![write], ..Batch::default() };
        self.runtime.block_on(self.store.commit(batch)).unwrap();
    }

    fn put_object(&self, object_key: &str) {
        let store_key = keys::object_version(bucket(), &key(object_key), VersionOrder::NULL);
        self.put(store_key, object(VersionId::Null));
    }

    fn put_upload(&self, object_key: &str, unique: UploadUnique) {
        self.put(keys::upload(bucket(), &key(object_key), unique), upload());
    }

    fn objects(&self, query: &ObjectsQuery) -> ObjectsPage {
        self.runtime.block_on(objects::objects(&self.store, bucket(), query)).unwrap()
    }

    fn versions(&self, query: &VersionsQuery) -> VersionsPage {
        self.runtime.block_on(versions::versions(&self.store, bucket(), query)).unwrap()
    }

    fn uploads(&self, query: &UploadsQuery) -> UploadsPage {
        self.runtime.block_on(uploads::uploads(&self.store, bucket(), query)).unwrap()
    }

    fn reset(&self) {
        self.store.scans.store(0, Ordering::Relaxed);
        self.store.entries.store(0, Ordering::Relaxed);
    }
}

fn key(text: &str) -> ObjectKey {
    text.parse().unwrap()
}

fn object(version_id: VersionId) -> Vec<u8> {
    let checksum = Checksum::from_bytes(ChecksumAlgorithm::Crc32, &[0; 4]).unwrap();
    let blob_id = BlobId::from_bytes([1; 16]);
    let record = ObjectRecord {
        kind: ObjectKind::Object,
        version_id,
        last_modified: Timestamp::EPOCH,
        object_bytes: 1,
        etag: Etag::of_md5([2; 16]),
        checksum: Some(ObjectChecksum::full_object(checksum)),
        data_key: Some(DataKeyRecord { wrapped: vec![1; 81], wrap_id: blob_id, blob_id }),
        metadata: ObjectMetadata::default(),
        tags: Vec::new(),
        parts: None,
        lock: LockState::default(),
    };
    record.encode().unwrap()
}

fn delete_marker(version_id: VersionId) -> Vec<u8> {
    let record = ObjectRecord {
        kind: ObjectKind::DeleteMarker,
        version_id,
        object_bytes: 0,
        checksum: None,
        data_key: None,
        ..ObjectRecord::decode(&object(version_id)).unwrap()
    };
    record.encode().unwrap()
}

fn upload() -> Vec<u8> {
    let blob_id = BlobId::from_bytes([1; 16]);
    let record = UploadRecord {
        initiated: Timestamp::EPOCH,
        initiator: Initiator {
            account: AccountId::from_number(1).unwrap(),
            canonical_user_id: CanonicalUserId::from_bytes([1; 32]),
        },
        data_key: DataKeyRecord { wrapped: vec![1; 81], wrap_id: blob_id, blob_id },
        checksum: None,
        metadata: ObjectMetadata::default(),
        tags: Vec::new(),
        lock: LockState::default(),
    };
    record.encode().unwrap()
}

/// A result in the words of the oracle.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Line {
    Key(String, [u8; 16]),
    Prefix(String),
}

impl Line {
    fn text(&self) -> &str {
        match self {
            Line::Key(text, _) | Line::Prefix(text) => text,
        }
    }
}

/// All results for records in order, without pages.
fn oracle(records: &[(String, [u8; 16])], prefix: &str, delimiter: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for (key, order) in records {
        let Some(behind) = key.strip_prefix(prefix) else { continue };
        let rolled_up = (!delimiter.is_empty()).then(|| behind.find(delimiter)).flatten();
        let line = match rolled_up {
            Some(at) => {
                let length = prefix.len() + at + delimiter.len();
                Line::Prefix(key.get(..length).unwrap().to_owned())
            }
            None => Line::Key(key.clone(), *order),
        };
        if !matches!(line, Line::Prefix(_)) || lines.last() != Some(&line) {
            lines.push(line);
        }
    }
    lines
}

/// Fixed seeds, and one that nobody has tried; a failure prints which one it was.
fn seeds(fixed: u64) -> impl Iterator<Item = u64> {
    let mut random = [0; 8];
    SystemEntropy.fill(&mut random).unwrap();
    (1..=fixed).chain(std::iter::once(u64::from_le_bytes(random) | 1))
}

/// Reproducible random numbers: xorshift.
struct Dice(u64);

impl Dice {
    fn seeded(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % sides
    }

    fn text(&mut self, pieces_max: usize) -> String {
        const PIECES: [&str; 16] = [
            "a",
            "b",
            "/",
            "//",
            "\0",
            "\u{1}",
            "\n",
            "ä",
            "\u{ffff}",
            "\u{10ffff}",
            "-",
            " ",
            "%2F",
            "..",
            "\u{7f}",
            "ab/",
        ];
        let pieces = self.roll(pieces_max + 1);
        (0..pieces).map(|_| PIECES[self.roll(PIECES.len())]).collect()
    }

    fn one_of(&mut self, texts: &[String]) -> String {
        texts[self.roll(texts.len())].clone()
    }
}

/// More than any listing here has results.
const PAGES_MAX: usize = 200;

const DELIMITERS: [&str; 7] = ["", "/", "//", "\0", "ä", "a", "b/"];

fn page_sizes(results: usize) -> Vec<usize> {
    (1..=results + 2).collect()
}

#[test]
fn every_page_size_of_objects_gives_the_same_list() {
    for seed in seeds(12) {
        let mut dice = Dice::seeded(seed);
        let world = World::new();
        let names: BTreeSet<String> =
            (0..30).map(|_| dice.text(5)).filter(|name| !name.is_empty()).collect();
        names.iter().for_each(|name| world.put_object(name));
        let records: Vec<_> = names.iter().map(|name| (name.clone(), [0xff; 16])).collect();
        let texts: Vec<String> = names.into_iter().collect();
        for delimiter in DELIMITERS {
            let prefixes = [String::new(), dice.text(1), dice.text(2), dice.one_of(&texts)];
            for prefix in prefixes {
                let expected = oracle(&records, &prefix, delimiter);
                for results_max in page_sizes(expected.len()) {
                    let pages = object_pages(&world, &prefix, delimiter, results_max);
                    assert_eq!(pages.concat(), expected, "{seed} {prefix:?} {delimiter:?}");
                    let full = pages.iter().rev().skip(1).all(|page| page.len() == results_max);
                    assert!(full, "{seed}: only the last page may be short");
                }
                for after in [dice.text(2), dice.text(4), dice.one_of(&texts)] {
                    let query = objects_query(&prefix, delimiter, 1_000, &after);
                    let expected: Vec<Line> = expected
                        .iter()
                        .filter(|line| line.text() > after.as_str())
                        .cloned()
                        .collect();
                    let found = lines_of(world.objects(&query));
                    assert_eq!(found, expected, "{seed} {prefix:?} {delimiter:?} {after:?}");
                }
            }
        }
    }
}

fn objects_query(prefix: &str, delimiter: &str, results_max: usize, after: &str) -> ObjectsQuery {
    let filter = Filter { prefix: prefix.to_owned(), delimiter: delimiter.to_owned(), results_max };
    let after = ObjectsMarker { text: after.to_owned(), inside: false };
    ObjectsQuery { filter, after }
}

/// All pages; ListObjects passes the last result on as it is, ListObjectsV2 inside a token.
fn object_pages(
    world: &World,
    prefix: &str,
    delimiter: &str,
    results_max: usize,
) -> Vec<Vec<Line>> {
    let mut query = objects_query(prefix, delimiter, results_max, "");
    let mut pages = Vec::new();
    loop {
        let page = world.objects(&query);
        let next = page.next.clone();
        pages.push(lines_of(page));
        assert!(pages.len() < PAGES_MAX, "the listing does not end");
        match next {
            Some(next) => query.after = decode_token(&encode_token(&next)).unwrap(),
            None => return pages,
        }
    }
}

/// Objects and prefixes of a page in the order of their text.
fn lines_of(page: ObjectsPage) -> Vec<Line> {
    let keys = page
        .objects
        .iter()
        .map(|object| Line::Key(object.object_key.as_str().to_owned(), [0xff; 16]));
    let mut lines: Vec<Line> =
        keys.chain(page.common_prefixes.into_iter().map(Line::Prefix)).collect();
    lines.sort_by(|a, b| a.text().cmp(b.text()));
    lines
}

#[test]
fn every_page_size_of_versions_gives_the_same_list() {
    for seed in seeds(8) {
        let mut dice = Dice::seeded(seed);
        let world = World::new();
        let names: BTreeSet<String> =
            (0..12).map(|_| dice.text(4)).filter(|name| !name.is_empty()).collect();
        let mut records = Vec::new();
        for name in &names {
            let mut orders: BTreeSet<[u8; 16]> =
                (0..=dice.roll(4)).map(|_| [u8::try_from(dice.roll(200)).unwrap(); 16]).collect();
            orders.extend((dice.roll(2) == 0).then_some([0xff; 16]));
            // The null version is the one at the last place, or any other.
            let null_in_between = dice.roll(3) == 0 && !orders.contains(&[0xff; 16]);
            let null_at = dice.roll(orders.len());
            for (index, order) in orders.iter().enumerate() {
                let is_null = *order == [0xff; 16] || (null_in_between && index == null_at);
                let version_id = if is_null { VersionId::Null } else { VersionId::Named(*order) };
                let order_key = VersionOrder::from_bytes(*order);
                let store_key = keys::object_version(bucket(), &key(name), order_key);
                let is_marker = dice.roll(3) == 0;
                let value = if is_marker { delete_marker(version_id) } else { object(version_id) };
                world.put(store_key, value);
                records.push((name.clone(), *order, is_marker));
            }
        }
        let all: Vec<_> = records.iter().map(|(name, order, _)| (name.clone(), *order)).collect();
        let live: Vec<_> = names
            .iter()
            .filter_map(|name| records.iter().find(|(found, ..)| found == name))
            .filter(|(.., is_marker)| !is_marker)
            .map(|(name, ..)| (name.clone(), [0xff; 16]))
            .collect();
        for delimiter in DELIMITERS {
            for prefix in [String::new(), dice.text(1), dice.text(2)] {
                let expected = oracle(&all, &prefix, delimiter);
                for results_max in page_sizes(expected.len()) {
                    let found = all_versions(&world, &prefix, delimiter, results_max);
                    assert_eq!(found, expected, "{seed} {prefix:?} {delimiter:?} {results_max}");
                }
                let expected = oracle(&live, &prefix, delimiter);
                for results_max in page_sizes(expected.len()) {
                    let pages = object_pages(&world, &prefix, delimiter, results_max);
                    assert_eq!(pages.concat(), expected, "{seed} {prefix:?} {delimiter:?}");
                }
            }
        }
    }
}

fn all_versions(world: &World, prefix: &str, delimiter: &str, results_max: usize) -> Vec<Line> {
    let filter = Filter { prefix: prefix.to_owned(), delimiter: delimiter.to_owned(), results_max };
    let mut query = VersionsQuery { filter, after: None };
    let mut pages = 0;
    let mut lines: Vec<Line> = Vec::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    loop {
        let page = world.versions(&query);
        let mut found: Vec<Line> = Vec::new();
        for version in page.versions {
            let name = version.object_key.as_str().to_owned();
            assert_eq!(version.is_latest, seen.insert(name.clone()), "{name:?}");
            // The order is not part of the result: look it up by what the record says.
            found
                .push(Line::Key(name, order_in_store(world, &version.object_key, &version.record)));
        }
        let versions = found.len();
        found.extend(page.common_prefixes.into_iter().map(Line::Prefix));
        assert!(found.len() <= results_max && versions <= results_max);
        pages += 1;
        assert!(pages < PAGES_MAX, "the listing does not end");
        found.sort_by(|a, b| a.text().cmp(b.text()));
        lines.extend(found);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return lines,
        }
    }
}

fn order_in_store(world: &World, object_key: &ObjectKey, record: &ObjectRecord) -> [u8; 16] {
    let range = keys::object_versions(bucket(), object_key);
    let found = world.runtime.block_on(world.store.inner.scan(range, 1_000)).unwrap();
    let place = found.iter().find(|(_, entry)| {
        ObjectRecord::decode(&entry.value).unwrap().version_id == record.version_id
    });
    *keys::parse_object_version(&place.unwrap().0).unwrap().1.as_bytes()
}

#[test]
fn every_page_size_of_uploads_gives_the_same_list() {
    for seed in seeds(8) {
        let mut dice = Dice::seeded(seed);
        let world = World::new();
        let names: BTreeSet<String> =
            (0..12).map(|_| dice.text(4)).filter(|name| !name.is_empty()).collect();
        let mut records = Vec::new();
        for name in &names {
            let uniques: BTreeSet<[u8; 16]> =
                (0..=dice.roll(4)).map(|_| [u8::try_from(dice.roll(256)).unwrap(); 16]).collect();
            for unique in uniques {
                world.put_upload(name, UploadUnique::from_bytes(unique));
                records.push((name.clone(), unique));
            }
        }
        for delimiter in DELIMITERS {
            for prefix in [String::new(), dice.text(1), dice.text(2)] {
                let expected = oracle(&records, &prefix, delimiter);
                for results_max in page_sizes(expected.len()) {
                    let found = all_uploads(&world, &prefix, delimiter, results_max);
                    assert_eq!(found, expected, "{seed} {prefix:?} {delimiter:?} {results_max}");
                }
            }
        }
    }
}

fn all_uploads(world: &World, prefix: &str, delimiter: &str, results_max: usize) -> Vec<Line> {
    let filter = Filter { prefix: prefix.to_owned(), delimiter: delimiter.to_owned(), results_max };
    let mut query = UploadsQuery { filter, ..UploadsQuery::default() };
    let mut lines = Vec::new();
    loop {
        let page = world.uploads(&query);
        let uploads = page.uploads.iter();
        let keys = uploads.map(|upload| {
            Line::Key(upload.object_key.as_str().to_owned(), *upload.unique.as_bytes())
        });
        let mut found: Vec<Line> =
            keys.chain(page.common_prefixes.into_iter().map(Line::Prefix)).collect();
        found.sort_by(|a, b| a.text().cmp(b.text()));
        lines.extend(found);
        assert!(lines.len() < PAGES_MAX, "the listing does not end");
        match page.next {
            Some((key, unique)) => {
                query.key_after = key;
                query.upload_after = unique;
            }
            None => return lines,
        }
    }
}

#[test]
fn a_common_prefix_costs_a_seek_and_not_a_scan_of_what_is_below() {
    let world = World::new();
    for folder in ["a", "b", "c", "d", "e"] {
        (0..2_000).for_each(|n| world.put_object(&format!("{folder}/{n:05}")));
    }
    world.put_object("file");
    world.reset();
    let page = world.objects(&objects_query("", "/", 1_000, ""));
    assert_eq!(page.common_prefixes, ["a/", "b/", "c/", "d/", "e/"]);
    assert_eq!(page.objects.len(), 1);
    let scans = world.store.scans.load(Ordering::Relaxed);
    let entries = world.store.entries.load(Ordering::Relaxed);
    assert!(scans <= 7 && entries <= 7 * 16, "{scans} scans, {entries} entries");
}

#[test]
fn many_small_folders_are_read_in_large_pages() {
    let world = World::new();
    (0..1_500).for_each(|n| world.put_object(&format!("{:04}/{}", n / 2, n % 2)));
    world.reset();
    let page = world.objects(&objects_query("", "/", 1_000, ""));
    assert_eq!(page.common_prefixes.len(), 750);
    let scans = world.store.scans.load(Ordering::Relaxed);
    assert!(scans <= 15, "{scans} scans");
}

#[test]
fn a_flat_page_is_read_in_few_scans_and_hardly_beyond_its_end() {
    let world = World::new();
    (0..1_200).for_each(|n| world.put_object(&format!("{n:05}")));
    world.reset();
    let page = world.objects(&objects_query("0", "", 500, ""));
    assert_eq!(
        (page.objects.len(), page.next.as_ref().map(|next| next.text.as_str())),
        (500, Some("00499"))
    );
    let scans = world.store.scans.load(Ordering::Relaxed);
    let entries = world.store.entries.load(Ordering::Relaxed);
    assert_eq!((scans, entries), (4, 512));
}

#[test]
fn many_versions_of_one_key_are_passed_by_a_seek() {
    let world = World::new();
    for n in 0_u64..5_000 {
        let order = VersionOrder::before(None, Timestamp::from_micros(n).unwrap(), [0; 8]);
        let version_id = VersionId::Named(*order.as_bytes());
        world.put(keys::object_version(bucket(), &key("busy"), order), object(version_id));
    }
    world.put_object("calm");
    world.reset();
    let page = world.objects(&objects_query("", "", 10, ""));
    let found: Vec<&str> = page.objects.iter().map(|object| object.object_key.as_str()).collect();
    assert_eq!(found, ["busy", "calm"]);
    assert!(world.store.entries.load(Ordering::Relaxed) <= 40);
}

#[test]
fn no_results_wanted_and_impossible_prefixes_give_nothing() {
    let world = World::new();
    world.put_object("a");
    let none = world.objects(&objects_query("", "", 0, ""));
    assert_eq!((none.objects.len(), none.next), (0, None));
    let long = "a".repeat(1_025);
    assert_eq!(world.objects(&objects_query(&long, "/", 10, "")).objects, []);
    assert_eq!(world.objects(&objects_query("", "/", 10, &long)).objects, []);
    assert_eq!(world.objects(&objects_query("a", "", 10, "\u{10ffff}")).objects, []);
    assert_eq!(world.objects(&objects_query("a", "", 10, "\0")).objects.len(), 1);
}

#[test]
fn a_page_holds_at_most_a_thousand_results() {
    let world = World::new();
    (0..1_001).for_each(|n| world.put_object(&format!("{n:05}")));
    let page = world.objects(&objects_query("", "", 5_000, ""));
    assert_eq!(
        (page.objects.len(), page.next.as_ref().map(|next| next.text.as_str())),
        (1_000, Some("00999"))
    );
}

#[test]
fn the_current_version_is_marked_also_when_a_page_begins_inside_a_key() {
    let world = World::new();
    let order = |n: u8| VersionOrder::from_bytes([n; 16]);
    let place = |n: u8| keys::object_version(bucket(), &key("k"), order(n));
    for n in [2, 3] {
        world.put(place(n), object(VersionId::Named([n; 16])));
    }
    let after = |n: u8| {
        let version_id = Some(VersionId::Named([n; 16]));
        let after = Some(VersionsMarker { key: "k".to_owned(), version_id });
        let filter = Filter { results_max: 10, ..Filter::default() };
        let page = world.versions(&VersionsQuery { filter, after });
        page.versions.iter().map(|version| version.is_latest).collect::<Vec<_>>()
    };
    assert_eq!(after(2), [false]);
    // The version that the marker names was deleted meanwhile: what follows is the current one.
    assert_eq!(after(1), [true, false]);
    assert_eq!(after(3), [false; 0]);
}

/// All results of all pages, as ListObjectsV2 and ListObjects ask for them, and the pages.
fn objects_to_the_end(world: &World, delimiter: &str, v1: bool) -> (Vec<Line>, usize) {
    let mut query = objects_query("", delimiter, 1_000, "");
    let (mut lines, mut pages) = (Vec::new(), 0);
    loop {
        world.reset();
        let page = world.objects(&query);
        let read = world.store.entries.load(Ordering::Relaxed);
        assert!(read <= walk::HIDDEN_KEYS_MAX * 2 + 3_000, "one page read {read} entries");
        let next = page.next.clone();
        lines.extend(lines_of(page));
        pages += 1;
        assert!(pages < PAGES_MAX, "the listing does not end");
        match next {
            Some(next) if v1 => query.after = ObjectsMarker { inside: true, ..next },
            Some(next) => query.after = decode_token(&encode_token(&next)).unwrap(),
            None => return (lines, pages),
        }
    }
}

#[test]
fn what_is_deleted_makes_no_page_unbounded_and_hides_nothing() {
    let world = World::new();
    let mark = |name: &str| {
        let version_id = VersionId::Named([1; 16]);
        let place = keys::object_version(bucket(), &key(name), VersionOrder::from_bytes([1; 16]));
        world.put(place, delete_marker(version_id));
        let older = keys::object_version(bucket(), &key(name), VersionOrder::NULL);
        world.put(older, object(VersionId::Null));
    };
    // A common prefix whose only object stands behind very many that are deleted, and one of which
    // nothing is left.
    world.put_object("a");
    for number in 0..walk::HIDDEN_KEYS_MAX * 2 + 100 {
        mark(&format!("p/{number:06}"));
    }
    world.put_object("p/z");
    for number in 0..walk::HIDDEN_KEYS_MAX + 100 {
        mark(&format!("q/{number:06}"));
    }
    world.put_object("r");
    let place = |text: &str| Line::Key(text.to_owned(), [0xff; 16]);
    for v1 in [false, true] {
        let (lines, pages) = objects_to_the_end(&world, "", v1);
        assert_eq!(lines, ["a", "p/z", "r"].map(place));
        assert!(pages > 3);
        let (lines, _) = objects_to_the_end(&world, "/", v1);
        assert_eq!(lines, [place("a"), Line::Prefix("p/".to_owned()), place("r")]);
    }
}
