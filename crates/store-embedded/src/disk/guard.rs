//! Ends all syncing at the first sync that fails.
//!
//! After a failed sync nobody knows what the drive holds: Linux reports it once, forgets what it
//! could not write, and lets the next sync go well. So none is tried after it, of no file and no
//! directory, and nothing can be acknowledged any more.

use std::any::Any;
use std::io;
use std::sync::{Arc, OnceLock};

use super::{Disk, DiskFile, DiskPath};

/// Why the engine has stopped, if it has. Clones are handles to the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stopped(Arc<OnceLock<String>>);

impl Stopped {
    /// The first reason.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }

    /// Stops for good; an earlier reason stays.
    pub(crate) fn set(&self, reason: &str) {
        if self.0.set(reason.to_owned()).is_ok() {
            tracing::error!(reason, "the engine stops");
        }
    }

    fn sync(&self, what: &DiskPath, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        if let Some(reason) = self.reason() {
            return Err(io::Error::other(format!("not synced: {reason}")));
        }
        sync().inspect_err(|error| self.set(&format!("syncing {what:?} failed: {error}")))
    }
}

/// A drive that stops the engine when it cannot sync.
#[derive(Debug)]
pub(crate) struct GuardedDisk {
    disk: Arc<dyn Disk>,
    stopped: Stopped,
}

impl GuardedDisk {
    /// Guards a drive.
    pub(crate) fn new(disk: Arc<dyn Disk>, stopped: Stopped) -> Self {
        Self { disk, stopped }
    }

    fn guard(&self, path: &DiskPath, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(GuardedFile { file, path: path.clone(), stopped: self.stopped.clone() })
    }
}

impl Disk for GuardedDisk {
    fn open(&self, path: &DiskPath) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.guard(path, self.disk.open(path)?))
    }

    fn create(&self, path: &DiskPath) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.guard(path, self.disk.create(path)?))
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
        self.stopped.sync(dir, || self.disk.sync_dir(dir))
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.disk.free_bytes()
    }

    fn lock(&self) -> io::Result<Box<dyn Any + Send + Sync>> {
        self.disk.lock()
    }
}

#[derive(Debug)]
struct GuardedFile {
    file: Arc<dyn DiskFile>,
    path: DiskPath,
    stopped: Stopped,
}

impl DiskFile for GuardedFile {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, out)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.stopped.sync(&self.path, || self.file.sync())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Fault, SimDisk};

    #[test]
    fn after_a_failed_sync_of_anything_nothing_is_synced() {
        for dir_fails in [false, true] {
            let disk = SimDisk::new(1);
            let stopped = Stopped::default();
            let guarded = GuardedDisk::new(Arc::new(disk.clone()), stopped.clone());
            let root = DiskPath::data("");
            let [one, two] = ["a", "b"].map(|name| guarded.create(&root.child(name)).unwrap());
            one.sync().unwrap();
            guarded.sync_dir(&root).unwrap();
            assert_eq!(stopped.reason(), None);

            disk.inject(Fault::SyncFailsAt(disk.changes()));
            let failed = if dir_fails { guarded.sync_dir(&root) } else { one.sync() };
            assert!(failed.is_err());
            let reason = stopped.reason().unwrap().to_owned();
            let before = disk.changes();
            assert!(one.sync().is_err() && two.sync().is_err() && guarded.sync_dir(&root).is_err());
            assert_eq!(disk.changes(), before, "the drive was asked once more");
            assert_eq!(stopped.reason(), Some(reason.as_str()), "the first reason stays");
        }
    }
}
