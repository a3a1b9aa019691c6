use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use strongroom_crypto::{
    BlobId, Checksum, ChecksumAlgorithm, ChecksumHasher, DataKey, EnvelopeContext, Md5,
    SystemEntropy,
};
use strongroom_store::memory::MemoryEngine;
use strongroom_store::{
    Batch, BoxFuture, Entry, KeyName, NewPayload, Protection, Store, StoreError, Write,
};
use strongroom_types::{AccountId, BucketId, Clock, Timestamp};
use strongroom_wire::{ByteStream, Payload, PayloadError, PayloadSource};

use super::{ByteRange, PayloadFault, Payloads, SealPlan, SealedPayload, StoredPayload};
use crate::checksums::{ChecksumPlan, DeclaredChecksum};
use crate::keys::{self, UploadUnique};
use crate::records::{Manifest, ManifestPart};

const CHUNK: usize = 64 * 1024;

#[derive(Debug)]
struct StillClock;

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000).unwrap()
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

fn owner() -> AccountId {
    "123456789012".parse().unwrap()
}

fn bucket() -> BucketId {
    BucketId::from_bytes([1; 16])
}

async fn payloads() -> (Payloads, Store) {
    let entropy = Arc::new(SystemEntropy);
    let store = MemoryEngine::new(entropy.clone(), Arc::new(StillClock)).store();
    store.keys.create(KeyName::Bucket(bucket())).await.unwrap();
    (Payloads::new(store.clone(), entropy), store)
}

fn plan() -> SealPlan {
    SealPlan {
        object_bytes_max: 10_000_000,
        content_md5: None,
        checksum: ChecksumPlan::compute(ChecksumAlgorithm::Crc64Nvme),
    }
}

/// Bytes in which no two chunks are alike.
fn body(length: usize) -> Bytes {
    (0..length).map(|at| u8::try_from((at / 7 + at / CHUNK) % 251).unwrap()).collect()
}

fn md5(bytes: &[u8]) -> [u8; 16] {
    let mut md5 = Md5::new();
    md5.update(bytes);
    md5.finish()
}

/// A body in pieces, with whatever the client says about it.
struct Pieces {
    pieces: VecDeque<Result<Bytes, PayloadError>>,
    content_length: Option<u64>,
    trailers: Vec<(String, String)>,
    known_sha256: Option<[u8; 32]>,
}

impl Pieces {
    fn of(whole: &Bytes, piece_bytes: usize) -> Self {
        let pieces = whole.chunks(piece_bytes.max(1)).map(|piece| Ok(whole.slice_ref(piece)));
        Self {
            pieces: pieces.collect(),
            content_length: Some(u64::try_from(whole.len()).unwrap()),
            trailers: Vec::new(),
            known_sha256: None,
        }
    }
}

impl PayloadSource for Pieces {
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, PayloadError>>> {
        Box::pin(std::future::ready(self.pieces.pop_front()))
    }

    fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    fn announced_trailers(&self) -> &[String] {
        &[]
    }

    fn trailers(&self) -> &[(String, String)] {
        &self.trailers
    }

    fn sha256(&self) -> Option<[u8; 32]> {
        self.known_sha256.filter(|_| self.pieces.is_empty())
    }

    fn computes_sha256(&self) -> bool {
        self.known_sha256.is_some()
    }
}

async fn commit(store: &Store, key: &[u8], payload: NewPayload) -> Entry {
    let key = Bytes::copy_from_slice(key);
    let write = Write::Put {
        key: key.clone(),
        value: Bytes::new(),
        payload,
        protection: Protection::default(),
    };
    store.metadata.commit(Batch { writes: vec![write], ..Batch::default() }).await.unwrap();
    store.metadata.get(&key).await.unwrap().unwrap()
}

async fn collect(stream: ByteStream) -> Result<Vec<u8>, String> {
    match stream {
        ByteStream::Empty => Ok(Vec::new()),
        ByteStream::Full(bytes) => Ok(bytes.to_vec()),
        ByteStream::Stream { content_length, mut source } => {
            let mut all = Vec::new();
            while let Some(piece) = source.next().await {
                all.extend_from_slice(&piece.map_err(|error| error.to_string())?);
            }
            assert_eq!(u64::try_from(all.len()).unwrap(), content_length);
            Ok(all)
        }
    }
}

fn sealed<'a>(entry: &'a Entry, stored: &StoredPayload, part: u32) -> SealedPayload<'a> {
    SealedPayload {
        payload: entry.payload.as_ref().unwrap(),
        context: EnvelopeContext { blob_id: stored.blob_id, part },
        object_bytes: stored.object_bytes,
    }
}

#[tokio::test]
async fn any_length_in_any_pieces_comes_back() {
    let (payloads, store) = payloads().await;
    let key = payloads.fresh_data_key(owner(), bucket()).unwrap();
    for length in [0, 1, 100, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 9 * CHUNK + 5, 700_000] {
        let whole = body(length);
        for piece_bytes in [1000, CHUNK, 300_000] {
            let source = Pieces::of(&whole, piece_bytes);
            let stored =
                payloads.seal(&key.data_key, 0, Payload::new(source), &plan()).await.unwrap();
            assert_eq!(stored.object_bytes, u64::try_from(length).unwrap());
            assert_eq!(stored.md5, md5(&whole), "{length}");
            let inline = matches!(stored.payload, NewPayload::Inline(_));
            assert_eq!(inline, length <= CHUNK, "{length}");
            let entry = commit(&store, b"k", stored.payload.clone()).await;
            let data_key =
                payloads.unwrap_data_key(owner(), bucket(), &key.record(stored.blob_id)).unwrap();
            let stream = payloads.open(&data_key, sealed(&entry, &stored, 0), None).await.unwrap();
            assert!(length > CHUNK || !matches!(stream, ByteStream::Stream { .. }));
            assert_eq!(collect(stream).await.unwrap(), whole, "{length}");
        }
    }
}

#[tokio::test]
async fn a_body_of_unknown_length_is_stored_by_what_arrives() {
    let (payloads, _) = payloads().await;
    let key = payloads.fresh_data_key(owner(), bucket()).unwrap();
    for length in [0, 10, CHUNK, CHUNK + 1] {
        let source = Pieces { content_length: None, ..Pieces::of(&body(length), 999) };
        let stored = payloads.seal(&key.data_key, 0, Payload::new(source), &plan()).await.unwrap();
        assert_eq!(matches!(stored.payload, NewPayload::Inline(_)), length <= CHUNK);
    }
}

#[tokio::test]
async fn every_range_is_cut_out_exactly() {
    let (payloads, store) = payloads().await;
    let key = payloads.fresh_data_key(owner(), bucket()).unwrap();
    let whole = body(10 * CHUNK + 17);
    let stored =
        payloads.seal(&key.data_key, 0, Payload::full(whole.clone()), &plan()).await.unwrap();
    let entry = commit(&store, b"k", stored.payload.clone()).await;
    let edges = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 8 * CHUNK, 9 * CHUNK + 3, whole.len() - 1];
    for start in edges {
        for end in edges.into_iter().filter(|end| *end >= start) {
            let range = ByteRange {
                start: u64::try_from(start).unwrap(),
                end_inclusive: u64::try_from(end).unwrap(),
            };
            let sealed = sealed(&entry, &stored, 0);
            let stream = payloads.open(&key.data_key, sealed, Some(range)).await.unwrap();
            assert_eq!(collect(stream).await.unwrap(), whole[start..=end], "{start}-{end}");
        }
    }
}

#[tokio::test]
async fn two_seals_of_one_body_share_nothing() {
    let (payloads, _) = payloads().await;
    let key = payloads.fresh_data_key(owner(), bucket()).unwrap();
    let mut sealed = Vec::new();
    for _ in 0..2 {
        let payload = Payload::full(body(1000));
        let stored = payloads.seal(&key.data_key, 3, payload, &plan()).await.unwrap();
        let NewPayload::Inline(bytes) = stored.payload else { panic!("not inline") };
        sealed.push((stored.blob_id, bytes.slice(64..)));
    }
    assert_ne!(sealed[0].0, sealed[1].0);
    assert_ne!(sealed[0].1[..64], sealed[1].1[..64]);
}

#[track_caller]
fn refused(result: Result<StoredPayload, PayloadFault>) -> PayloadFault {
    result.expect_err("the body must be refused")
}

#[tokio::test]
async fn lying_bodies_are_refused_and_leave_nothing() {
    let entropy = Arc::new(SystemEntropy);
    let engine = MemoryEngine::new(entropy.clone(), Arc::new(StillClock));
    let store = engine.store();
    store.keys.create(KeyName::Bucket(bucket())).await.unwrap();
    let payloads = Payloads::new(store, entropy);
    let key = payloads.fresh_data_key(owner(), bucket()).unwrap();
    let crc = ChecksumAlgorithm::Crc32;
    let wrong = Checksum::from_bytes(crc, &[1, 2, 3, 4]).unwrap();
    for length in [10, 5 * CHUNK] {
        let whole = body(length);
        let pieces = || Pieces::of(&whole, 1000);
        let seal = async |source: Pieces, plan: SealPlan| {
            refused(payloads.seal(&key.data_key, 0, Payload::new(source), &plan).await)
        };
        let length = u64::try_from(length).unwrap();
        let fault = seal(Pieces { content_length: Some(length + 1), ..pieces() }, plan()).await;
        assert!(matches!(fault, PayloadFault::Body(PayloadError::Truncated)), "{fault:?}");
        let mut cut = pieces();
        cut.pieces.push_back(Err(PayloadError::Io));
        let fault = seal(cut, plan()).await;
        assert!(matches!(fault, PayloadFault::Body(PayloadError::Io)), "{fault:?}");
        let fault = seal(pieces(), SealPlan { object_bytes_max: length - 1, ..plan() }).await;
        assert!(matches!(fault, PayloadFault::TooLarge { .. }), "{fault:?}");
        let unknown = Pieces { content_length: None, ..pieces() };
        let fault = seal(unknown, SealPlan { object_bytes_max: length - 1, ..plan() }).await;
        assert!(matches!(fault, PayloadFault::TooLarge { .. }), "{fault:?}");
        let fault = seal(pieces(), SealPlan { content_md5: Some([0; 16]), ..plan() }).await;
        assert!(matches!(fault, PayloadFault::Md5Mismatch { .. }), "{fault:?}");
        let declared =
            |declared| SealPlan { checksum: ChecksumPlan { algorithm: crc, declared }, ..plan() };
        let fault = seal(pieces(), declared(DeclaredChecksum::Value(wrong))).await;
        assert!(matches!(fault, PayloadFault::ChecksumMismatch(_)), "{fault:?}");
        let fault = seal(pieces(), declared(DeclaredChecksum::Trailer)).await;
        assert!(matches!(fault, PayloadFault::TrailerMissing), "{fault:?}");
        let trailer = |value: &str| Pieces {
            trailers: vec![("x-amz-checksum-crc32".into(), value.into())],
            ..pieces()
        };
        let fault = seal(trailer("AQIDBA=="), declared(DeclaredChecksum::Trailer)).await;
        assert!(matches!(fault, PayloadFault::ChecksumMismatch(_)), "{fault:?}");
        let fault = seal(trailer("bad"), declared(DeclaredChecksum::Trailer)).await;
        assert!(matches!(fault, PayloadFault::TrailerChecksum(_)), "{fault:?}");
    }
    assert_eq!(engine.payload_bytes(), 0);
}

#[tokio::test]
async fn the_largest_allowed_body_is_accepted() {
    let (payloads, _) = payloads().await;
    let key = payloads.fresh_data_key(owner(), bucket()).unwrap();
    for length in [10, 2 * CHUNK] {
        let plan = SealPlan { object_bytes_max: u64::try_from(length).unwrap(), ..plan() };
        assert!(payloads.seal(&key.data_key, 0, Payload::full(body(length)), &plan).await.is_ok());
    }
}

#[tokio::test]
async fn a_declared_checksum_that_holds_is_accepted() {
    let (payloads, _) = payloads().await;
    let key = payloads.fresh_data_key(owner(), bucket()).unwrap();
    let algorithm = ChecksumAlgorithm::Crc32;
    let value = Checksum::from_base64(algorithm, "DUoRhQ==").unwrap();
    let whole = Bytes::from_static(b"hello world");
    let checksum = ChecksumPlan { algorithm, declared: DeclaredChecksum::Trailer };
    let source = Pieces {
        trailers: vec![("x-amz-checksum-crc32".into(), "DUoRhQ==".into())],
        ..Pieces::of(&whole, 4)
    };
    let plan = SealPlan { checksum, content_md5: Some(md5(&whole)), ..plan() };
    let stored = payloads.seal(&key.data_key, 0, Payload::new(source), &plan).await.unwrap();
    assert_eq!(stored.checksum, value);
}

#[tokio::test]
async fn a_digest_that_the_signature_needed_is_used_again() {
    let (payloads, _) = payloads().await;
    let key = payloads.fresh_data_key(owner(), bucket()).unwrap();
    for whole in [body(11), body(200_000)] {
        for algorithm in ChecksumAlgorithm::ALL {
            let source = Pieces { known_sha256: Some([7; 32]), ..Pieces::of(&whole, 50_000) };
            let plan = SealPlan { checksum: ChecksumPlan::compute(algorithm), ..plan() };
            let stored = payloads.seal(&key.data_key, 0, Payload::new(source), &plan).await;
            let stored = stored.unwrap();
            assert_eq!(stored.checksum.algorithm(), algorithm);
            if algorithm == ChecksumAlgorithm::Sha256 {
                assert_eq!(stored.checksum.as_bytes(), [7; 32]);
            } else {
                let mut hasher = ChecksumHasher::new(algorithm);
                hasher.update(&whole);
                assert_eq!(stored.checksum, hasher.finish());
            }
        }
    }
}

/// The bytes in the store with one bit turned over, as a damaged drive would give them.
fn flip(stored: &NewPayload, at: usize) -> NewPayload {
    let NewPayload::Inline(bytes) = stored else { panic!("not inline") };
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    NewPayload::Inline(bytes.into())
}

#[tokio::test]
async fn damage_and_exchange_are_found_before_the_answer_begins() {
    let (payloads, store) = payloads().await;
    let key = payloads.fresh_data_key(owner(), bucket()).unwrap();
    let payload = Payload::full(body(200));
    let stored = payloads.seal(&key.data_key, 0, payload, &plan()).await.unwrap();
    for at in 0..64 + 200 + 20 {
        let entry = commit(&store, b"k", flip(&stored.payload, at)).await;
        let opened = payloads.open(&key.data_key, sealed(&entry, &stored, 0), None).await;
        assert!(opened.is_err(), "{at}");
    }
    let entry = commit(&store, b"k", stored.payload.clone()).await;
    assert!(payloads.open(&key.data_key, sealed(&entry, &stored, 0), None).await.is_ok());
    // Another key, another part, another object, another length.
    let wrong_key = DataKey::random(&SystemEntropy).unwrap();
    assert!(payloads.open(&wrong_key, sealed(&entry, &stored, 0), None).await.is_err());
    assert!(payloads.open(&key.data_key, sealed(&entry, &stored, 1), None).await.is_err());
    let blob_id = stored.blob_id;
    let other = StoredPayload { blob_id: BlobId::from_bytes([0; 16]), ..stored };
    assert!(payloads.open(&key.data_key, sealed(&entry, &other, 0), None).await.is_err());
    let stored = StoredPayload { object_bytes: 199, blob_id, ..other };
    assert!(payloads.open(&key.data_key, sealed(&entry, &stored, 0), None).await.is_err());
    let record = key.record(stored.blob_id);
    let elsewhere = BucketId::from_bytes([2; 16]);
    store.keys.create(KeyName::Bucket(elsewhere)).await.unwrap();
    assert!(payloads.unwrap_data_key(owner(), elsewhere, &record).is_err());
}

#[tokio::test]
async fn later_damage_breaks_the_stream_off() {
    let (payloads, store) = payloads().await;
    let key = payloads.fresh_data_key(owner(), bucket()).unwrap();
    let whole = body(20 * CHUNK);
    let payload = Payload::full(whole.clone());
    let stored = payloads.seal(&key.data_key, 0, payload, &plan()).await.unwrap();
    let entry = commit(&store, b"good", stored.payload.clone()).await;
    let reader = store.blobs.open(entry.payload.as_ref().unwrap()).await.unwrap();
    let length = usize::try_from(reader.stored_bytes()).unwrap();
    let mut bytes = reader.read_at(0, length).await.unwrap().to_vec();
    bytes[length - 100] ^= 1;
    let mut writer = store.blobs.create(BlobId::from_bytes([9; 16])).await.unwrap();
    writer.write(bytes.into()).await.unwrap();
    let damaged = NewPayload::Blob(writer.finish().await.unwrap());
    let entry = commit(&store, b"bad", damaged).await;
    let stream = payloads.open(&key.data_key, sealed(&entry, &stored, 0), None).await.unwrap();
    let ByteStream::Stream { mut source, .. } = stream else { panic!("not a stream") };
    let mut seen = Vec::new();
    let error = loop {
        match source.next().await {
            Some(Ok(piece)) => seen.extend_from_slice(&piece),
            Some(Err(error)) => break error,
            None => panic!("the damage was not found"),
        }
    };
    assert!(!error.to_string().is_empty());
    assert_eq!(seen, whole[..seen.len()]);
    assert!(seen.len() < whole.len());
}

#[tokio::test]
async fn a_large_manifest_is_held_in_memory_whole() {
    let (payloads, store) = payloads().await;
    let key = payloads.fresh_data_key(owner(), bucket()).unwrap();
    for length in [100, 740_000] {
        let whole = body(length);
        let (payload, blob_id) = payloads.seal_bytes(&key.data_key, &whole).await.unwrap();
        let entry = commit(&store, b"m", payload).await;
        let sealed = SealedPayload {
            payload: entry.payload.as_ref().unwrap(),
            context: EnvelopeContext { blob_id, part: 0 },
            object_bytes: u64::try_from(length).unwrap(),
        };
        assert_eq!(payloads.open_bytes(&key.data_key, sealed).await.unwrap(), whole);
    }
}

#[tokio::test]
async fn parts_are_read_as_one_object() {
    let (payloads, store) = payloads().await;
    let key = payloads.fresh_data_key(owner(), bucket()).unwrap();
    let upload = UploadUnique::from_bytes([6; 16]);
    let mut manifest = Manifest::default();
    let mut whole = Vec::new();
    for (number, length) in [(1_u16, 3 * CHUNK + 1), (2, 0), (5, 100), (7, CHUNK)] {
        let bytes = body(length + usize::from(number)).slice(usize::from(number)..);
        whole.extend_from_slice(&bytes);
        let number = u32::from(number);
        let payload = Payload::full(bytes);
        let stored = payloads.seal(&key.data_key, number, payload, &plan()).await.unwrap();
        commit(&store, &keys::part(upload, number), stored.payload).await;
        manifest.parts.push(ManifestPart {
            number: u16::try_from(number).unwrap(),
            object_bytes: stored.object_bytes,
            blob_id: stored.blob_id,
            md5: stored.md5,
            checksum: stored.checksum,
        });
    }
    let data_key =
        || payloads.unwrap_data_key(owner(), bucket(), &key.record(key.wrap_id)).unwrap();
    let first = 3 * CHUNK + 1;
    let edges = [0, 1, first - 1, first, first + 99, first + 100, whole.len() - 1];
    for start in edges {
        for end in edges.into_iter().filter(|end| *end >= start) {
            let range = ByteRange {
                start: u64::try_from(start).unwrap(),
                end_inclusive: u64::try_from(end).unwrap(),
            };
            let stream = payloads.open_parts(data_key(), upload, &manifest, range).await.unwrap();
            assert_eq!(collect(stream).await.unwrap(), whole[start..=end], "{start}-{end}");
        }
    }
    // A part that was swept, and one that was exchanged for another.
    let end_inclusive = u64::try_from(whole.len() - 1).unwrap();
    let all = ByteRange { start: 0, end_inclusive };
    let delete = Write::Delete { key: keys::part(upload, 7) };
    store.metadata.commit(Batch { writes: vec![delete], ..Batch::default() }).await.unwrap();
    let stream = payloads.open_parts(data_key(), upload, &manifest, all).await.unwrap();
    assert!(collect(stream).await.is_err());
    let payload = Payload::full(body(3 * CHUNK + 1));
    let other = payloads.seal(&key.data_key, 1, payload, &plan()).await.unwrap();
    commit(&store, &keys::part(upload, 1), other.payload).await;
    let opened = payloads.open_parts(data_key(), upload, &manifest, all).await;
    assert!(matches!(opened, Err(PayloadFault::Envelope(_))), "{opened:?}");
    let range = ByteRange { start: 0, end_inclusive: end_inclusive + 1 };
    assert!(payloads.open_parts(data_key(), upload, &manifest, range).await.is_err());
    let gone = ByteRange { start: end_inclusive, end_inclusive };
    let opened = payloads.open_parts(data_key(), upload, &manifest, gone).await;
    assert!(matches!(opened, Err(PayloadFault::Store(StoreError::Moved))), "{opened:?}");
}
