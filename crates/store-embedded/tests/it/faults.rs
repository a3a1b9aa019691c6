//! A full drive, failing reads, writes and syncs, lost names: clean errors, and nothing that was
//! acknowledged is lost.

use std::sync::Arc;

use bytes::Bytes;
use strongroom_crypto::BlobId;
use strongroom_store::conformance::block_on;
use strongroom_store::{CommitError, NewPayload, Revision, StoreError};
use strongroom_store_embedded::OpenError;
use strongroom_store_embedded::disk::{Disk, DiskPath, Fault, SimDisk};

use crate::support::{exists, inline, open, put};

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
