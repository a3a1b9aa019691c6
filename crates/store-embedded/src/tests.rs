//! Steps of the machine, one after the other on one thread, with a drive that fails at one of them.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use strongroom_crypto::{BlobId, Secret, StaticRootKey};
use strongroom_store::conformance::Fixture;
use strongroom_store::{
    Batch, CommitError, Committed, KeyName, NewPayload, Protection, SealedBlob, StoreError, Write,
};
use tokio::sync::oneshot;

use crate::OpenError;
use crate::blobs::FileWriter;
use crate::commit::Request;
use crate::disk::{DiskPath, Fault, SimDisk};
use crate::engine::EngineOptions;
use crate::keyfile::{KeyFile, VaultName};
use crate::limits::EngineLimits;
use crate::machine::Machine;
use crate::open::{IndexKind, open_all};

pub(crate) fn open(disk: &SimDisk, fixture: &Fixture) -> Result<Machine, OpenError> {
    open_with_keys(disk, fixture, small_limits()).map(|(machine, _)| machine)
}

fn open_with_keys(
    disk: &SimDisk,
    fixture: &Fixture,
    limits: EngineLimits,
) -> Result<(Machine, KeyFile), OpenError> {
    let entropy = Arc::clone(&fixture.entropy);
    let root_key = StaticRootKey::new(Secret::from_bytes([9; 32]), Arc::clone(&entropy) as _);
    let options = EngineOptions {
        disk: Arc::new(disk.clone()),
        key_path: DiskPath::keys("keys"),
        root_key: Arc::new(root_key),
        entropy: entropy as _,
        clock: Arc::clone(&fixture.clock) as _,
        limits,
    };
    open_all(options, IndexKind::Drive)
}

fn small_limits() -> EngineLimits {
    EngineLimits {
        segment_bytes_first: 128 * 1024,
        segment_bytes_max: 1024 * 1024,
        blob_pool_files: 1,
        free_bytes_min: 0,
        reserve_bytes: 0,
        segments_prewritten: false,
        ..EngineLimits::default()
    }
}

/// Commits a request, whatever comes of it.
pub(crate) fn submit(machine: &Machine, request: Request) {
    let mut queue = VecDeque::from([request]);
    while !queue.is_empty() {
        machine.commit_group(&mut queue);
    }
}

pub(crate) fn put(
    machine: &Machine,
    key: &'static str,
    bytes: usize,
) -> Result<Committed, CommitError> {
    put_payload(machine, key, NewPayload::Inline(Bytes::from(vec![7; bytes])))
}

fn put_payload(
    machine: &Machine,
    key: &'static str,
    payload: NewPayload,
) -> Result<Committed, CommitError> {
    let write = Write::Put {
        key: Bytes::from_static(key.as_bytes()),
        value: Bytes::from_static(b"value"),
        payload,
        protection: Protection::default(),
    };
    let event = Some(Bytes::from_static(b"event"));
    let (answer, mut answered) = oneshot::channel();
    let batch = Batch { writes: vec![write], event, ..Batch::default() };
    submit(machine, Request::Batch { batch, kept: Vec::new(), answer, permit: None });
    answered.try_recv().unwrap()
}

fn put_blob(machine: &Machine, key: &'static str) -> Result<Committed, CommitError> {
    let blob_id = BlobId::from_bytes([1; 16]);
    let written = FileWriter::new(Arc::clone(&machine.blobs), blob_id).and_then(|mut writer| {
        writer.write(&Bytes::from(vec![9; 100_000]))?;
        writer.sync()?;
        writer.finish()
    });
    let lease = written.map_err(StoreError::Io)?;
    let stored_bytes = lease.stored_bytes();
    let blob = SealedBlob { blob_id, stored_bytes, adoption: Arc::new(lease) };
    put_payload(machine, key, NewPayload::Blob(blob))
}

pub(crate) fn checkpoint(machine: &Machine) -> Result<(), StoreError> {
    machine.begin_checkpoint(true);
    machine.run_checkpoint()
}

/// The generation of the segment that is written.
pub(crate) fn newest(machine: &Machine) -> u64 {
    machine.log.lock().writer.position().generation
}

/// A little of everything that syncs something; answers what was acknowledged.
fn do_everything(machine: &Machine, keys: &KeyFile) -> Vec<&'static str> {
    let mut acknowledged = Vec::new();
    let mut note = |key, outcome: Result<Committed, CommitError>| {
        if outcome.is_ok() {
            acknowledged.push(key);
        }
    };
    note("inline", put(machine, "inline", 100));
    note("blob", put_blob(machine, "blob"));
    drop(keys.create_secret(VaultName::Store(KeyName::Token)));
    for _ in 0..4 {
        note("dead", put(machine, "dead", 60_000));
    }
    drop(checkpoint(machine));
    drop(machine.do_chores(&|request| submit(machine, request)));
    note("late", put(machine, "late", 100));
    note("dead", put_blob(machine, "dead"));
    note("dead", put(machine, "dead", 10));
    drop(checkpoint(machine));
    drop(machine.do_chores(&|request| submit(machine, request)));
    note("last", put(machine, "last", 100));
    acknowledged
}

#[test]
fn any_failed_sync_stops_the_engine_and_loses_nothing() {
    let fixture = Fixture::new(5);
    let mut stops = 0;
    for change in 0.. {
        let disk = SimDisk::new(1);
        let (machine, keys) = open_with_keys(&disk, &fixture, small_limits()).unwrap();
        let first = disk.changes();
        disk.inject(Fault::SyncFailsAt(first + change));
        let acknowledged = do_everything(&machine, &keys);
        if disk.changes() < first + change {
            break; // all of it went well
        }
        if disk.has_failed() {
            stops += 1;
            let reason = machine.stopped().expect("a sync failed, and the engine goes on");
            assert!(reason.contains("failed"), "{reason}");
            let refused = put(&machine, "never", 10);
            assert!(
                matches!(refused, Err(CommitError::Store(StoreError::Stopped { .. }))),
                "change {change}: {refused:?}"
            );
            assert!(!machine.begin_checkpoint(true), "nothing is moved after a stop");
        }
        drop((machine, keys));
        let disk = disk.crash(change);
        let machine = open(&disk, &fixture).unwrap();
        assert!(machine.get(b"never").unwrap().is_none());
        for key in acknowledged {
            assert!(machine.get(key.as_bytes()).unwrap().is_some(), "change {change}: {key}");
        }
    }
    assert!(stops > 20, "only {stops} syncs were met");
}

#[test]
fn checkpoints_on_a_full_drive_leave_no_files() {
    let fixture = Fixture::new(5);
    let disk = SimDisk::new(1);
    let limits = EngineLimits { reserve_bytes: 8192, ..small_limits() };
    let (machine, _) = open_with_keys(&disk, &fixture, limits).unwrap();
    put(&machine, "key", 100).unwrap();
    checkpoint(&machine).unwrap();
    put(&machine, "key", 100).unwrap();
    assert!(machine.begin_checkpoint(true));
    disk.limit_bytes(Some(disk.used_bytes()));
    let before = disk.files();
    for _ in 0..5 {
        assert!(!machine.waits_for_room());
        assert!(matches!(machine.run_checkpoint_or_make_room(), Err(StoreError::Full)));
        assert!(machine.waits_for_room(), "it is not tried again at once");
        fixture.clock.advance(std::time::Duration::from_secs(1));
    }
    assert_eq!(disk.files(), before);
    disk.limit_bytes(None);
    machine.run_checkpoint_or_make_room().unwrap();
    assert_eq!(machine.events(strongroom_store::Revision(0), 10).unwrap().len(), 2);
}
