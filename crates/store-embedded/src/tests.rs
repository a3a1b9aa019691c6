//! Steps of the machine, one after the other on one thread, with a drive that fails at one of them.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use strongroom_crypto::{BlobId, Secret, StaticRootKey};
use strongroom_store::conformance::Fixture;
use strongroom_store::{
    Batch, CommitError, Committed, KeyName, NewPayload, PayloadRef, Precondition, Protection,
    Revision, SealedBlob, StoreError, Write,
};
use tokio::sync::oneshot;

use crate::OpenError;
use crate::blobs::FileWriter;
use crate::commit::Request;
use crate::disk::{Disk, DiskPath, Fault, SimDisk};
use crate::engine::EngineOptions;
use crate::keyfile::{KeyFile, VaultName};
use crate::limits::EngineLimits;
use crate::machine::{Machine, Room};
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
    assert_eq!(machine.events(Revision(0), 10).unwrap().len(), 2);
}

#[test]
fn a_refused_batch_takes_nothing_of_the_reserve() {
    let fixture = Fixture::new(5);
    let disk = SimDisk::new(1);
    let limits = EngineLimits { segments_prewritten: true, ..small_limits() };
    let (machine, _) = open_with_keys(&disk, &fixture, limits).unwrap();
    machine.do_chores(&|request| submit(&machine, request)).unwrap();
    disk.limit_bytes(Some(disk.used_bytes()));
    while put(&machine, "key", 50_000).is_ok() {}
    let before = newest(&machine);
    // A removal may take a segment of the reserve; this one needs it, and is refused.
    let (answer, mut answered) = oneshot::channel();
    let batch = Batch {
        writes: vec![Write::Delete { key: Bytes::from_static(b"key") }],
        preconditions: vec![Precondition::Absent { key: Bytes::from_static(b"key") }],
        event: Some(Bytes::from(vec![7; 70_000])),
        ..Batch::default()
    };
    submit(&machine, Request::Batch { batch, kept: Vec::new(), answer, permit: None });
    let refused = answered.try_recv().unwrap();
    assert!(matches!(refused, Err(CommitError::Precondition { .. })), "{refused:?}");
    put(&machine, "small", 100).unwrap();
    assert_eq!(newest(&machine), before, "there was room in the segment all the time");
}

/// A drive with 16 MiB, of which payloads leave 4.
fn small_drive() -> (SimDisk, EngineLimits) {
    let disk = SimDisk::new(1);
    disk.limit_bytes(Some(16 * MIB));
    let limits = EngineLimits {
        segment_bytes_max: 64 * MIB,
        segments_prewritten: true,
        free_bytes_min: 4 * MIB,
        reserve_bytes: MIB,
        ..small_limits()
    };
    (disk, limits)
}

/// What the threads do after a group.
fn keep_in_order(machine: &Machine) {
    drop(machine.do_chores(&|request| submit(machine, request)));
    if machine.wants_checkpoint_for_segments() && machine.begin_checkpoint(true) {
        machine.run_checkpoint_or_make_room().unwrap();
        drop(machine.do_chores(&|request| submit(machine, request)));
    }
}

fn delete(machine: &Machine, key: &'static str) -> Result<Committed, CommitError> {
    let (answer, mut answered) = oneshot::channel();
    let writes = vec![Write::Delete { key: Bytes::from_static(key.as_bytes()) }];
    let batch = Batch { writes, ..Batch::default() };
    submit(machine, Request::Batch { batch, kept: Vec::new(), answer, permit: None });
    answered.try_recv().unwrap()
}

#[test]
fn deletions_make_room_on_a_small_drive_although_no_checkpoint_is_due() {
    let fixture = Fixture::new(5);
    let (disk, limits) = small_drive();
    let (machine, _) = open_with_keys(&disk, &fixture, limits).unwrap();
    let keys: Vec<&'static str> = (0..300).map(|n| &*format!("key-{n}").leak()).collect();
    for round in 0..4 {
        let mut stored = 0;
        while put(&machine, keys[stored], 60_000).is_ok() {
            stored += 1;
            keep_in_order(&machine);
        }
        assert!(stored > 60, "round {round}: {stored} of 60 kB in 16 MiB");
        assert!(machine.is_short_of_room());
        for key in &keys[..stored] {
            delete(&machine, key).unwrap();
            keep_in_order(&machine);
        }
        keep_in_order(&machine);
        assert!(!machine.is_short_of_room(), "round {round}: {} used", disk.used_bytes());
        assert!(!machine.segments.lacks_reserve(), "round {round}: the reserve is kept");
    }
    put(&machine, "last", 60_000).unwrap();
    drop(machine);
    let (machine, _) = open_with_keys(&disk.crash(1), &fixture, limits).unwrap();
    assert!(machine.get(b"last").unwrap().is_some());
    assert!(keys.iter().all(|key| machine.get(key.as_bytes()).unwrap().is_none()));
}

#[test]
fn free_segments_are_cut_where_the_drive_is_short_of_room() {
    let fixture = Fixture::new(5);
    let disk = SimDisk::new(1);
    let (_, limits) = small_drive();
    let (machine, _) = open_with_keys(&disk, &fixture, limits).unwrap();
    // As after much has been written, and then deleted.
    let one = machine.segments.take(8 * MIB, Room::Any).unwrap();
    machine.segments.make(8 * MIB).unwrap();
    machine.segments.give_back(one);
    assert_eq!(machine.segments.free_count(), 4);
    disk.limit_bytes(Some(disk.used_bytes() + MIB));
    machine.look_at_room();
    assert!(machine.is_short_of_room());
    machine.do_chores(&|request| submit(&machine, request)).unwrap();
    assert!(!machine.is_short_of_room(), "{} used", disk.used_bytes());
    assert_eq!(machine.segments.free_count(), 3);
    put(&machine, "key", 60_000).unwrap();
    for seed in 0..20 {
        let disk = disk.duplicate().crash(seed);
        let machine = open(&disk, &fixture).unwrap();
        assert!(machine.get(b"key").unwrap().is_some());
    }
}

#[test]
fn a_segment_of_a_small_drive_is_no_large_part_of_it() {
    let fixture = Fixture::new(5);
    let (disk, limits) = small_drive();
    let (machine, _) = open_with_keys(&disk, &fixture, limits).unwrap();
    let mut longest = 0;
    for _ in 0..400 {
        drop(put(&machine, "key", 60_000));
        keep_in_order(&machine);
        let segments = machine.segments.all();
        longest = segments.iter().map(|s| s.header.segment_bytes).fold(longest, u64::max);
    }
    assert_eq!(longest, MIB, "an eighth of what was free at first is less than two MiB");
}

#[test]
fn the_segment_of_a_start_has_its_room_when_the_drive_becomes_full() {
    let fixture = Fixture::new(5);
    let disk = SimDisk::new(1);
    let limits = EngineLimits { segments_prewritten: true, ..small_limits() };
    let (machine, _) = open_with_keys(&disk, &fixture, limits).unwrap();
    disk.limit_bytes(Some(disk.used_bytes()));
    put(&machine, "one", 50_000).unwrap();
    put(&machine, "two", 50_000).unwrap();
    let refused = put(&machine, "three", 50_000);
    assert!(matches!(refused, Err(CommitError::Store(StoreError::Full))), "{refused:?}");
    assert_eq!(machine.stopped(), None);
}

#[test]
fn a_log_without_a_segment_goes_on_in_the_room_of_the_reserve() {
    let fixture = Fixture::new(5);
    let (disk, limits) = small_drive();
    let (machine, _) = open_with_keys(&disk, &fixture, limits).unwrap();
    machine.do_chores(&|request| submit(&machine, request)).unwrap();
    put(&machine, "before", 100).unwrap();
    // Others have the free segments, and all room; and the drive refuses a write.
    while machine.segments.free_count() > 0 {
        machine.segments.take(MIB, Room::Relocation).unwrap();
        disk.limit_bytes(Some(disk.used_bytes()));
    }
    let before = newest(&machine);
    disk.inject(Fault::NextWriteFailsFrom(disk.changes()));
    put(&machine, "key", 100).unwrap();
    assert!(newest(&machine) > before && machine.stopped().is_none());
    assert!(!disk.files().contains(&DiskPath::data("reserve")));
    drop(machine);
    disk.limit_bytes(None);
    for seed in 0..20 {
        let machine = open(&disk.duplicate().crash(seed), &fixture).unwrap();
        assert!(machine.get(b"before").unwrap().is_some());
        assert!(machine.get(b"key").unwrap().is_some());
    }
}

#[test]
fn an_index_that_is_damaged_while_it_is_used_stops_the_engine_and_is_built_again() {
    let fixture = Fixture::new(5);
    let disk = SimDisk::new(1);
    let machine = open(&disk, &fixture).unwrap();
    put(&machine, "key", 100).unwrap();
    checkpoint(&machine).unwrap();
    let index = crate::ordered::index_path();
    let bytes = disk.contents(&index).unwrap().len() as u64;
    for block in (20_480..bytes).step_by(4136) {
        disk.flip_bit(&index, (block + 100) * 8);
    }
    // What is read often is in memory; a scrub reads the drive.
    let report = machine.scrub(&mut |_| std::ops::ControlFlow::Continue(()));
    assert!(matches!(report, Err(StoreError::Corrupt { .. })), "{report:?}");
    let reason = machine.stopped().unwrap();
    assert!(reason.contains("the index is damaged"), "{reason}");
    assert!(matches!(machine.get(b"key"), Err(StoreError::Corrupt { .. })));
    let refused = put(&machine, "never", 10);
    assert!(matches!(refused, Err(CommitError::Store(StoreError::Stopped { .. }))), "{refused:?}");
    drop(machine);
    let machine = open(&disk.kill(), &fixture).unwrap();
    assert!(machine.get(b"key").unwrap().is_some() && machine.get(b"never").unwrap().is_none());
}

#[test]
fn a_payload_file_that_is_missing_is_damage_and_one_that_was_released_has_moved() {
    let fixture = Fixture::new(5);
    let disk = SimDisk::new(1);
    let machine = open(&disk, &fixture).unwrap();
    put_blob(&machine, "missing").unwrap();
    put_blob(&machine, "released").unwrap();
    let payload = |key: &[u8]| machine.get(key).unwrap().unwrap().payload.unwrap();
    let (missing, released) = (payload(b"missing"), payload(b"released"));
    let PayloadRef::Blob { file, .. } = missing else { panic!("{missing:?}") };
    let name = format!("{file:016x}");
    let path = disk.files().into_iter().find(|path| path.relative().ends_with(&name)).unwrap();
    disk.remove(&path).unwrap();
    put(&machine, "released", 10).unwrap();
    for _ in 0..2 {
        let opened = machine.open_payload(&missing).map(|_| ());
        assert!(matches!(opened, Err(StoreError::Corrupt { .. })), "{opened:?}");
        let opened = machine.open_payload(&released).map(|_| ());
        assert!(matches!(opened, Err(StoreError::Moved)), "{opened:?}");
        machine.blobs.tidy().unwrap();
    }
}

#[test]
fn a_journal_file_that_is_unreadable_is_kept_and_told() {
    let fixture = Fixture::new(5);
    let disk = SimDisk::new(1);
    let machine = open(&disk, &fixture).unwrap();
    put(&machine, "key", 100).unwrap();
    checkpoint(&machine).unwrap();
    drop(machine);
    let disk = disk.kill();
    let is_journal = |path: &DiskPath| path.relative().starts_with("events/");
    let file = disk.files().into_iter().find(is_journal).unwrap();
    for copy in [0, 512] {
        disk.flip_bit(&file, (copy + 20) * 8);
    }
    let machine = open(&disk, &fixture).unwrap();
    assert!(disk.files().contains(&file));
    let events = machine.events(Revision(0), 10);
    assert!(matches!(events, Err(StoreError::Corrupt { .. })), "{events:?}");
    let report = machine.scrub(&mut |_| std::ops::ControlFlow::Continue(())).unwrap();
    assert!(!report.findings.is_empty(), "scrub says nothing of it");
}

const MIB: u64 = 1024 * 1024;
