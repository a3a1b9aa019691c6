//! A store on some drive, and what it is opened with.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use strongroom_crypto::{Secret, StaticRootKey, SystemEntropy};
use strongroom_store::conformance::{Fixture, block_on};
use strongroom_store::{Batch, CommitError, NewPayload, Protection, Store, Write};
use strongroom_store_embedded::disk::{Disk, DiskPath};
use strongroom_store_embedded::{EmbeddedEngine, EngineLimits, EngineOptions, OpenError};

/// Small sizes, so that segments end and checkpoints happen all the time.
pub(crate) fn small_limits() -> EngineLimits {
    EngineLimits {
        segment_bytes_first: 4 * 1024 * 1024,
        segment_bytes_max: 4 * 1024 * 1024,
        checkpoint_entries: 50,
        blob_pool_files: 4,
        free_bytes_min: 0,
        reserve_bytes: 1024 * 1024,
        journal_file_bytes: 64 * 1024,
        segments_prewritten: false,
        ..EngineLimits::default()
    }
}

pub(crate) fn options(
    disk: Arc<dyn Disk>,
    fixture: &Fixture,
    limits: EngineLimits,
) -> EngineOptions {
    let root_key = StaticRootKey::new(Secret::from_bytes([7; 32]), Arc::new(SystemEntropy));
    EngineOptions {
        disk,
        key_path: DiskPath::keys("store.keys"),
        root_key: Arc::new(root_key),
        entropy: Arc::clone(&fixture.entropy) as _,
        clock: Arc::clone(&fixture.clock) as _,
        limits,
    }
}

pub(crate) fn open(disk: Arc<dyn Disk>) -> Result<EmbeddedEngine, OpenError> {
    EmbeddedEngine::open(options(disk, &Fixture::default(), small_limits()))
}

pub(crate) fn put(store: &Store, key: &str, payload: NewPayload) -> Result<(), CommitError> {
    let write = Write::Put {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: Bytes::from_static(b"value"),
        payload,
        protection: Protection::default(),
    };
    let batch = Batch { writes: vec![write], ..Batch::default() };
    block_on(store.metadata.commit(batch)).map(|_| ())
}

pub(crate) fn delete(store: &Store, key: &str) -> Result<(), CommitError> {
    let write = Write::Delete { key: Bytes::copy_from_slice(key.as_bytes()) };
    let batch = Batch { writes: vec![write], ..Batch::default() };
    block_on(store.metadata.commit(batch)).map(|_| ())
}

pub(crate) fn inline(bytes: usize) -> NewPayload {
    NewPayload::Inline(Bytes::from(vec![7; bytes]))
}

pub(crate) fn exists(store: &Store, key: &str) -> bool {
    block_on(store.metadata.get(key.as_bytes())).unwrap().is_some()
}

/// A directory of its own for one test, removed at its end.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("engine-{}-{number}", std::process::id());
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        Self(path)
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}
