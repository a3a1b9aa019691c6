//! A full drive, failing reads, writes and syncs, lost names: clean errors, and nothing that was
//! acknowledged is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use strongroom_crypto::BlobId;
use strongroom_store::conformance::block_on;
use strongroom_store::{CommitError, NewPayload, Revision, StoreError};
use strongroom_store_embedded::OpenError;
use strongroom_store_embedded::disk::{Disk, DiskPath, Fault, SimDisk};

use crate::support::{PanickingDisk, exists, inline, open, put, small_limits};

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

#[test]
fn a_thread_that_panics_stops_the_engine_and_nobody_waits_for_ever() {
    // The committer writes the log, the thread of the checkpoints the event journal.
    for folder in ["log/", "events/"] {
        let disk = PanickingDisk::new(SimDisk::new(1), folder);
        let engine = open(Arc::new(disk.clone())).unwrap();
        put(&engine.store(), "before", inline(100)).unwrap();
        disk.arm();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let store = engine.store();
                scope.spawn(move || {
                    for number in 0.. {
                        block_on(store.metadata.append_event(Bytes::from_static(b"event"))).ok();
                        if put(&store, &format!("{thread}-{number}"), inline(100)).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        let refused = put(&engine.store(), "never", inline(100));
        assert!(matches!(refused, Err(CommitError::Store(StoreError::Stopped { .. }))));
        assert!(engine.stopped().is_some_and(|reason| reason.contains("panicked")));
        assert!(exists(&engine.store(), "before"), "reads go on");
        assert!(engine.close().is_err());
    }
}

#[test]
fn a_read_during_overwrites_never_fails() {
    let engine = open(Arc::new(SimDisk::new(1))).unwrap();
    let store = engine.store();
    put(&store, "key", inline(1000)).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut moved = 0;
                while !done.load(Ordering::Relaxed) {
                    let entry = block_on(store.metadata.get(b"key")).unwrap().unwrap();
                    let read = block_on(async {
                        let reader = store.blobs.open(&entry.payload.unwrap()).await?;
                        reader.read_at(0, usize::try_from(reader.stored_bytes()).unwrap()).await
                    });
                    match read {
                        Ok(bytes) => {
                            assert!(bytes.iter().all(|byte| *byte == bytes[0]), "mixed");
                            moved = 0;
                        }
                        Err(StoreError::Moved) if moved < 100 => moved += 1,
                        Err(error) => panic!("{error:?} after {moved} moves"),
                    }
                }
            });
        }
        for number in 0..600_u32 {
            let byte = u8::try_from(number % 251).unwrap();
            let payload = if number % 3 == 0 {
                NewPayload::Inline(Bytes::from(vec![byte; 60_000]))
            } else {
                NewPayload::Blob(block_on(async {
                    let id = u128::from(number).to_le_bytes();
                    let mut writer = store.blobs.create(BlobId::from_bytes(id)).await.unwrap();
                    writer.write(Bytes::from(vec![byte; 100_000])).await.unwrap();
                    writer.finish().await.unwrap()
                }))
            };
            put(&store, "key", payload).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    engine.close().unwrap();
}

#[test]
fn kills_do_not_grow_the_log() {
    let mut disk = SimDisk::new(1);
    let log_bytes = |disk: &SimDisk| -> usize {
        let files = disk.files().into_iter().filter(|path| path.relative().starts_with("log/"));
        files.map(|path| disk.contents(&path).unwrap().len()).sum()
    };
    let mut sizes = Vec::new();
    for kill in 0..24 {
        let engine = open(Arc::new(disk.clone())).unwrap();
        for number in 0..5 {
            put(&engine.store(), &format!("key-{kill}-{number}"), inline(1000)).unwrap();
        }
        disk = disk.kill();
        drop(engine);
        sizes.push(log_bytes(&disk));
    }
    let most = 11 * usize::try_from(small_limits().segment_bytes_first).unwrap();
    assert!(sizes.iter().all(|bytes| *bytes <= most), "{sizes:?}");
}
