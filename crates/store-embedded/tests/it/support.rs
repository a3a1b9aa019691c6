//! A store on some drive, and what it is opened with.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use strongroom_crypto::{Secret, StaticRootKey, SystemEntropy};
use strongroom_store::conformance::Fixture;
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
