//! A full drive: writes are refused, nothing is lost, deletions go on, also over restarts.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use strongroom_crypto::BlobId;
use strongroom_store::conformance::{Fixture, block_on};
use strongroom_store::{CommitError, Store, StoreError};
use strongroom_store_embedded::disk::{Disk, DiskPath, SimDisk};
use strongroom_store_embedded::{EmbeddedEngine, EngineLimits, OpenError};

use crate::support::{delete, exists, inline, open, options, put, small_limits};

/// A store with prewritten segments, on a drive that is not full yet.
struct Filling {
    disk: SimDisk,
    fixture: Fixture,
    limits: EngineLimits,
}

impl Filling {
    fn new() -> Self {
        // The reserve has room for a segment and for the index, as in a server.
        let reserve_bytes = 8 * MIB;
        let limits = EngineLimits { segments_prewritten: true, reserve_bytes, ..small_limits() };
        Self { disk: SimDisk::new(1), fixture: Fixture::default(), limits }
    }

    fn open(&self) -> Result<EmbeddedEngine, OpenError> {
        EmbeddedEngine::open(options(Arc::new(self.disk.clone()), &self.fixture, self.limits))
    }

    /// Gives the chores time to make the reserve.
    fn await_reserve(&self, store: &Store) {
        while !self.has_reserve() {
            put(store, "reserve", inline(10)).unwrap();
        }
    }

    fn has_reserve(&self) -> bool {
        let reserve = self.disk.contents(&DiskPath::data("reserve"));
        reserve.is_some_and(|bytes| bytes.len() as u64 >= self.limits.reserve_bytes)
    }

    /// Puts objects until there is no room for one, and answers their keys.
    fn fill(&self, store: &Store) -> Vec<String> {
        self.await_reserve(store);
        self.disk.limit_bytes(Some(self.disk.used_bytes() + 24 * MIB));
        let mut keys = Vec::new();
        let refused = loop {
            let key = format!("key-{}", keys.len());
            match put(store, &key, inline(60_000)) {
                Ok(()) => keys.push(key),
                Err(error) => break error,
            }
            assert!(keys.len() < 2000, "the drive never became full");
        };
        assert!(matches!(refused, CommitError::Store(StoreError::Full)), "{refused:?}");
        assert!(keys.len() > 50, "{} keys, used {}", keys.len(), self.disk.used_bytes());
        keys
    }

    /// Something else takes all the room that is left.
    fn take_the_rest(&self) {
        let path = DiskPath::data("foreign");
        let file = self.disk.create(&path).or_else(|_| self.disk.open(&path)).unwrap();
        let at = file.len().unwrap();
        let free = self.disk.free_bytes().unwrap();
        file.write_at(at, &vec![1; usize::try_from(free).unwrap()]).unwrap();
        assert_eq!(self.disk.free_bytes().unwrap(), 0);
    }

    /// A checkpoint that found no room is tried again after a second; until then a deletion may
    /// have to wait.
    fn delete_soon(&self, store: &Store, key: &str) {
        let mut tries = 0;
        while let Err(error) = delete(store, key) {
            assert!(matches!(error, CommitError::Store(StoreError::Full)), "{error:?}");
            self.fixture.clock.advance(Duration::from_secs(1));
            tries += 1;
            assert!(tries < 10_000, "nothing can be deleted");
        }
    }

    /// What was deleted makes room for new payloads, once the log has been compacted.
    fn put_when_there_is_room(&self, store: &Store) {
        let mut tries = 0;
        while put(store, "after", inline(60_000)).is_err() {
            self.delete_soon(store, "reserve");
            self.fixture.clock.advance(Duration::from_millis(100));
            tries += 1;
            assert!(tries < 100_000, "no room was made");
        }
        assert!(exists(store, "after"));
    }
}

#[test]
fn a_full_drive_refuses_payloads_and_still_deletes() {
    let filling = Filling::new();
    let engine = filling.open().unwrap();
    let store = engine.store();
    let keys = filling.fill(&store);
    for key in &keys {
        assert!(exists(&store, key));
    }
    for key in &keys {
        filling.delete_soon(&store, key);
    }
    filling.put_when_there_is_room(&store);
    engine.close().unwrap();
}

#[test]
fn a_store_on_a_full_drive_opens_after_every_kill_and_still_deletes() {
    let mut filling = Filling::new();
    let engine = filling.open().unwrap();
    let keys = filling.fill(&engine.store());
    filling.disk = filling.disk.kill();
    drop(engine);
    if filling.has_reserve() {
        filling.take_the_rest(); // otherwise a checkpoint needed the reserve, and needs it still
    }
    for _ in 0..40 {
        let engine = filling.open().unwrap();
        assert!(exists(&engine.store(), &keys[0]));
        filling.disk = filling.disk.kill();
        drop(engine);
    }
    let engine = filling.open().unwrap();
    let store = engine.store();
    for key in &keys {
        assert!(exists(&store, key));
        filling.delete_soon(&store, key);
    }
    filling.put_when_there_is_room(&store);
    engine.close().unwrap();
}

#[test]
fn a_store_on_a_full_drive_opens_with_its_reserve_alone() {
    // With more room than a segment takes, and with less.
    for reserve_bytes in [8 * MIB, MIB] {
        open_with_the_reserve_alone(reserve_bytes);
    }
}

fn open_with_the_reserve_alone(reserve_bytes: u64) {
    let mut filling = Filling::new();
    filling.limits.reserve_bytes = reserve_bytes;
    let engine = filling.open().unwrap();
    filling.await_reserve(&engine.store());
    put(&engine.store(), "key", inline(60_000)).unwrap();
    filling.disk = filling.disk.kill();
    drop(engine);
    let log = DiskPath::data("log");
    for name in filling.disk.list(&log).unwrap() {
        let path = log.child(&name);
        if filling.disk.contents(&path).unwrap().iter().take(8192).all(|byte| *byte == 0) {
            filling.disk.remove(&path).unwrap();
        }
    }
    filling.disk.limit_bytes(Some(filling.disk.used_bytes()));
    let engine = filling.open().unwrap();
    let store = engine.store();
    assert!(!filling.has_reserve());
    assert!(exists(&store, "key"));
    filling.delete_soon(&store, "key");
    filling.disk.limit_bytes(None);
    while !filling.has_reserve() {
        filling.delete_soon(&store, "key"); // the chores have their time
        filling.fixture.clock.advance(Duration::from_secs(1));
    }
    engine.close().unwrap();
}

#[test]
fn a_blob_on_a_full_drive_is_refused_and_leaves_nothing() {
    let disk = SimDisk::new(1);
    let engine = open(Arc::new(disk.clone())).unwrap();
    let store = engine.store();
    put(&store, "first", inline(10)).unwrap();
    let error = block_on(async {
        let mut writer = store.blobs.create(BlobId::from_bytes([1; 16])).await.unwrap();
        disk.limit_bytes(Some(disk.used_bytes() + 100_000));
        loop {
            if let Err(error) = writer.write(Bytes::from(vec![1; 50_000])).await {
                return error;
            }
        }
    });
    assert!(matches!(error, StoreError::Full), "{error:?}");
    disk.limit_bytes(None);
    engine.close().unwrap();
    let blobs = disk.files().into_iter().filter(|path| path.relative().starts_with("blobs/"));
    let bytes: usize = blobs.map(|path| disk.contents(&path).unwrap().len()).sum();
    assert_eq!(bytes, 0, "only empty files of the pool may stay");
}

#[test]
fn a_full_drive_is_full_no_more_when_there_is_room_again() {
    let mut filling = Filling::new();
    filling.limits.free_bytes_min = 16 * MIB;
    let engine = filling.open().unwrap();
    let store = engine.store();
    filling.await_reserve(&store);
    let create = || block_on(store.blobs.create(BlobId::from_bytes([1; 16]))).map(|_| ());
    create().unwrap();
    filling.disk.limit_bytes(Some(filling.disk.used_bytes() + 8 * MIB));
    while create().is_ok() {
        drop(put(&store, "key", inline(10))); // the chores have their time to look
    }
    assert!(matches!(create(), Err(StoreError::Full)));
    filling.disk.limit_bytes(None);
    while create().is_err() {
        filling.fixture.clock.advance(Duration::from_secs(1));
    }
    put(&store, "key", inline(60_000)).unwrap();
    engine.close().unwrap();
}

const MIB: u64 = 1024 * 1024;
