//! A store on some drive, and what it is opened with.

use std::any::Any;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use strongroom_crypto::{Secret, StaticRootKey, SystemEntropy};
use strongroom_store::conformance::{Fixture, block_on};
use strongroom_store::{Batch, CommitError, NewPayload, Protection, Store, Write};
use strongroom_store_embedded::disk::{Disk, DiskFile, DiskPath, SimDisk};
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

/// A drive on which writes to the files of one folder panic, once it is armed.
#[derive(Debug, Clone)]
pub(crate) struct PanickingDisk {
    disk: SimDisk,
    folder: &'static str,
    armed: Arc<AtomicBool>,
}

impl PanickingDisk {
    pub(crate) fn new(disk: SimDisk, folder: &'static str) -> Self {
        Self { disk, folder, armed: Arc::default() }
    }

    pub(crate) fn arm(&self) {
        self.armed.store(true, Ordering::Relaxed);
    }

    fn wrap(&self, path: &DiskPath, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        let armed = path.relative().starts_with(self.folder).then(|| Arc::clone(&self.armed));
        Arc::new(PanickingFile { file, armed })
    }
}

impl Disk for PanickingDisk {
    fn open(&self, path: &DiskPath) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.wrap(path, self.disk.open(path)?))
    }

    fn create(&self, path: &DiskPath) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.wrap(path, self.disk.create(path)?))
    }

    fn list(&self, dir: &DiskPath) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }

    fn remove(&self, path: &DiskPath) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn make_dir(&self, dir: &DiskPath) -> io::Result<()> {
        self.disk.make_dir(dir)
    }

    fn sync_dir(&self, dir: &DiskPath) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.disk.free_bytes()
    }

    fn lock(&self) -> io::Result<Box<dyn Any + Send + Sync>> {
        self.disk.lock()
    }
}

#[derive(Debug)]
struct PanickingFile {
    file: Arc<dyn DiskFile>,
    armed: Option<Arc<AtomicBool>>,
}

impl DiskFile for PanickingFile {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, out)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let armed = self.armed.as_ref().is_some_and(|armed| armed.load(Ordering::Relaxed));
        assert!(!armed, "a write was to panic");
        self.file.write_at(offset, bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn allocated_bytes(&self) -> io::Result<u64> {
        self.file.allocated_bytes()
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.file.allocate(bytes)
    }
}
