//! A full drive, failing reads, writes and syncs, lost names: clean errors, and nothing that was
//! acknowledged is lost.

use std::sync::Arc;

use bytes::Bytes;
use strongroom_crypto::BlobId;
use strongroom_store::conformance::{Fixture, block_on};
use strongroom_store::{
    Batch, CommitError, NewPayload, Protection, Revision, Store, StoreError, Write,
};
use strongroom_store_embedded::disk::{Disk, DiskPath, Fault, SimDisk};
use strongroom_store_embedded::{EmbeddedEngine, EngineLimits, OpenError};

use crate::support::{open, options, small_limits};

fn put(store: &Store, key: &str, payload: NewPayload) -> Result<(), CommitError> {
    let write = Write::Put {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: Bytes::from_static(b"value"),
        payload,
        protection: Protection::default(),
    };
    let batch = Batch { writes: vec![write], ..Batch::default() };
    block_on(store.metadata.commit(batch)).map(|_| ())
}

fn delete(store: &Store, key: &str) -> Result<(), CommitError> {
    let write = Write::Delete { key: Bytes::copy_from_slice(key.as_bytes()) };
    let batch = Batch { writes: vec![write], ..Batch::default() };
    block_on(store.metadata.commit(batch)).map(|_| ())
}

fn inline(bytes: usize) -> NewPayload {
    NewPayload::Inline(Bytes::from(vec![7; bytes]))
}

fn exists(store: &Store, key: &str) -> bool {
    block_on(store.metadata.get(key.as_bytes())).unwrap().is_some()
}

#[test]
fn a_failed_sync_stops_the_engine_and_keeps_what_was_acknowledged() {
    let disk = SimDisk::new(1);
    let engine = open(Arc::new(disk.clone())).unwrap();
    let store = engine.store();
    put(&store, "acknowledged", inline(100)).unwrap();
    // Chores may sync something else first; a few commits later it has met the log.
    disk.inject(Fault::NextSyncFailsFrom(0));
    let mut stopped = false;
    for number in 0..20 {
        let unknown = put(&store, &format!("later-{number}"), inline(100));
        stopped |= matches!(
            unknown,
            Err(CommitError::Unknown | CommitError::Store(StoreError::Stopped { .. }))
        );
        if stopped {
            break;
        }
        disk.inject(Fault::NextSyncFailsFrom(0));
    }
    assert!(stopped && engine.stopped().is_some());
    let again = put(&store, "never", inline(100));
    assert!(matches!(again, Err(CommitError::Store(StoreError::Stopped { .. }))), "{again:?}");
    assert!(exists(&store, "acknowledged"), "reads go on");
    assert!(engine.close().is_err());
    drop((engine, store));

    let disk = disk.crash(3);
    let engine = open(Arc::new(disk)).unwrap();
    assert!(exists(&engine.store(), "acknowledged"));
    assert!(!exists(&engine.store(), "never"));
}

#[test]
fn a_failed_write_closes_the_segment_and_nothing_else() {
    for at in (0..40).step_by(3) {
        let disk = SimDisk::new(1);
        let engine = open(Arc::new(disk.clone())).unwrap();
        let store = engine.store();
        put(&store, "before", inline(100)).unwrap();
        disk.inject(Fault::NextWriteFailsFrom(disk.changes() + at));
        let mut acknowledged = Vec::new();
        for number in 0..30 {
            let key = format!("key-{number}");
            if put(&store, &key, inline(100)).is_ok() {
                acknowledged.push(key);
            }
        }
        drop((engine, store));
        let engine = open(Arc::new(disk.crash(at))).unwrap();
        let store = engine.store();
        assert!(exists(&store, "before"));
        for key in acknowledged {
            assert!(exists(&store, &key), "{key} was acknowledged");
        }
    }
}

#[test]
fn a_full_drive_refuses_payloads_and_still_deletes() {
    let disk = SimDisk::new(1);
    let limits = EngineLimits { segments_prewritten: true, ..small_limits() };
    let engine =
        EmbeddedEngine::open(options(Arc::new(disk.clone()), &Fixture::default(), limits)).unwrap();
    let store = engine.store();
    put(&store, "blob-owner", inline(10)).unwrap();
    while !disk.files().contains(&DiskPath::data("reserve")) {
        put(&store, "blob-owner", inline(10)).unwrap(); // the chores have their time
    }
    let mut keys = Vec::new();
    disk.limit_bytes(Some(disk.used_bytes() + 24 * 1024 * 1024));
    let refused = loop {
        let key = format!("key-{}", keys.len());
        match put(&store, &key, inline(60_000)) {
            Ok(()) => keys.push(key),
            Err(error) => break error,
        }
        assert!(keys.len() < 2000, "the drive never became full");
    };
    assert!(matches!(refused, CommitError::Store(StoreError::Full)), "{refused:?}");
    assert!(keys.len() > 50, "{} {refused:?} used {}", keys.len(), disk.used_bytes());
    for key in &keys {
        assert!(exists(&store, key));
    }
    for key in &keys {
        delete(&store, key).unwrap();
    }
    // What was deleted makes room for new payloads, once the log has been compacted.
    let mut tries = 0;
    while put(&store, "after", inline(60_000)).is_err() {
        delete(&store, "blob-owner").unwrap();
        tries += 1;
        assert!(tries < 100_000, "no room was made");
    }
    assert!(exists(&store, "after"));
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
fn a_failed_read_is_an_error_once_and_no_lasting_damage() {
    let disk = SimDisk::new(1);
    let engine = open(Arc::new(disk.clone())).unwrap();
    let store = engine.store();
    put(&store, "key", inline(5000)).unwrap();
    let payload = block_on(store.metadata.get(b"key")).unwrap().unwrap().payload.unwrap();
    disk.inject(Fault::ReadFailsAt(disk.reads()));
    assert!(matches!(block_on(store.blobs.open(&payload)), Err(StoreError::Io(_))));
    let reader = block_on(store.blobs.open(&payload)).unwrap();
    assert_eq!(block_on(reader.read_at(0, 5000)).unwrap(), vec![7; 5000]);
}

#[test]
fn a_drive_that_forgets_all_names_and_bytes_not_synced_loses_nothing() {
    for seed in 0..24 {
        let disk = SimDisk::new(seed);
        let engine = open(Arc::new(disk.clone())).unwrap();
        let store = engine.store();
        let bytes = Bytes::from(vec![9; 100_000]);
        let blob = block_on(async {
            let mut writer = store.blobs.create(BlobId::from_bytes([1; 16])).await.unwrap();
            writer.write(bytes.clone()).await.unwrap();
            writer.finish().await.unwrap()
        });
        put(&store, "blob", NewPayload::Blob(blob)).unwrap();
        put(&store, "inline", inline(1000)).unwrap();
        block_on(store.metadata.append_event(Bytes::from_static(b"event"))).unwrap();
        put(&store, "behind-the-event", NewPayload::None).unwrap();
        let after = disk.crash(seed);
        drop((engine, store));

        let engine = open(Arc::new(after)).unwrap();
        let store = engine.store();
        for (key, wanted) in [("blob", bytes), ("inline", Bytes::from(vec![7; 1000]))] {
            let entry = block_on(store.metadata.get(key.as_bytes())).unwrap().unwrap();
            let reader = block_on(store.blobs.open(&entry.payload.unwrap())).unwrap();
            assert_eq!(block_on(reader.read_at(0, wanted.len())).unwrap(), wanted);
        }
        let events = block_on(store.metadata.events(Revision(0), 10)).unwrap();
        assert_eq!(events.len(), 1);
    }
}

#[test]
fn a_second_engine_and_a_missing_key_file_are_refused() {
    let disk = SimDisk::new(1);
    let engine = open(Arc::new(disk.clone())).unwrap();
    assert!(matches!(open(Arc::new(disk.clone())), Err(OpenError::Locked)));
    engine.close().unwrap();
    disk.remove(&DiskPath::keys("store.keys")).unwrap();
    let refused = open(Arc::new(disk));
    assert!(matches!(refused, Err(OpenError::KeyFileMissing)), "{refused:?}");
}

#[test]
fn a_store_whose_log_is_missing_is_refused_and_loses_nothing() {
    // What else is there: a payload only, an index with a checkpoint too, and a lost key file.
    for (close, lose_keys) in [(false, false), (true, false), (true, true)] {
        let disk = SimDisk::new(1);
        let engine = open(Arc::new(disk.clone())).unwrap();
        let store = engine.store();
        let blob = block_on(async {
            let mut writer = store.blobs.create(BlobId::from_bytes([1; 16])).await.unwrap();
            writer.write(Bytes::from(vec![9; 100_000])).await.unwrap();
            writer.finish().await.unwrap()
        });
        put(&store, "blob", NewPayload::Blob(blob)).unwrap();
        if close {
            engine.close().unwrap();
        }
        drop((engine, store));
        let disk = disk.kill();
        let log = DiskPath::data("log");
        for name in disk.list(&log).unwrap() {
            disk.remove(&log.child(&name)).unwrap();
        }
        if lose_keys {
            disk.remove(&DiskPath::keys("store.keys")).unwrap();
        }
        let left = disk.files();
        for _ in 0..2 {
            match open(Arc::new(disk.clone())) {
                Err(OpenError::KeyFileMissing) => assert!(lose_keys),
                Err(OpenError::Corrupt { what }) => assert!(what.contains("log is missing")),
                opened => panic!("{opened:?}"),
            }
            assert_eq!(disk.files(), left);
        }
    }
}

#[test]
fn restarts_do_not_grow_the_store() {
    let disk = SimDisk::new(1);
    for number in 0..40 {
        let engine = open(Arc::new(disk.clone())).unwrap();
        put(&engine.store(), &format!("key-{number}"), inline(1000)).unwrap();
        if number % 2 == 0 {
            engine.close().unwrap();
        }
    }
    let segments =
        disk.files().into_iter().filter(|path| path.relative().starts_with("log/")).count();
    assert!(segments <= 10, "{segments} segments");
}
