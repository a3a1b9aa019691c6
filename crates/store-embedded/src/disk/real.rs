//! The drive of the operating system.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the one place through which the engine touches files"
)]

use std::any::Any;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Disk, DiskFile, DiskPath, DiskRoot};

/// A drive of this machine: a data directory, and the directory of the key file.
#[derive(Debug)]
pub struct RealDisk {
    data: PathBuf,
    keys: PathBuf,
}

impl RealDisk {
    /// A drive over these two directories. The data directory is made if it is missing.
    ///
    /// # Errors
    /// If the data directory cannot be made or is no directory.
    pub fn new(data: impl AsRef<Path>, keys: impl AsRef<Path>) -> io::Result<Self> {
        let data = data.as_ref().to_path_buf();
        if !data.is_dir() {
            make_private_dir(&data)?;
            if let Some(parent) = data.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                File::open(parent)?.sync_all()?;
            }
        }
        Ok(Self { data, keys: keys.as_ref().to_path_buf() })
    }

    fn resolve(&self, path: &DiskPath) -> PathBuf {
        let root = match path.root() {
            DiskRoot::Data => &self.data,
            DiskRoot::Keys => &self.keys,
        };
        if path.relative().is_empty() {
            return root.clone();
        }
        root.join(path.relative())
    }
}

impl Disk for RealDisk {
    fn open(&self, path: &DiskPath) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).open(self.resolve(path))?;
        Ok(Arc::new(RealFile { file }))
    }

    fn create(&self, path: &DiskPath) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(self.resolve(path))?;
        Ok(Arc::new(RealFile { file }))
    }

    fn list(&self, dir: &DiskPath) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.resolve(dir))? {
            let entry = entry?;
            if !entry.file_type()?.is_file() {
                continue;
            }
            // A name that is no text was not made by an engine, which makes ASCII names only.
            if let Ok(name) = entry.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn remove(&self, path: &DiskPath) -> io::Result<()> {
        fs::remove_file(self.resolve(path))
    }

    fn make_dir(&self, dir: &DiskPath) -> io::Result<()> {
        make_private_dir(&self.resolve(dir))
    }

    fn sync_dir(&self, dir: &DiskPath) -> io::Result<()> {
        File::open(self.resolve(dir))?.sync_all()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let volume = rustix::fs::statvfs(&self.data)?;
        Ok(volume.f_bavail.saturating_mul(volume.f_frsize))
    }

    fn lock(&self) -> io::Result<Box<dyn Any + Send + Sync>> {
        // The directory itself: a file in it could be removed, and made anew by a second engine.
        let dir = File::open(&self.data)?;
        match dir.try_lock() {
            Ok(()) => Ok(Box::new(dir)),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

#[derive(Debug)]
struct RealFile {
    file: File,
}

impl DiskFile for RealFile {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(out, offset)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn allocated_bytes(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.blocks().saturating_mul(STAT_BLOCK_BYTES))
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        let flags = rustix::fs::FallocateFlags::empty();
        let allocate = || rustix::fs::fallocate(&self.file, flags, 0, bytes);
        match rustix::io::retry_on_intr(allocate) {
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => self.set_len(bytes),
            allocated => Ok(allocated?),
        }
    }
}

/// Makes a directory that only its owner may enter, with those above it.
fn make_private_dir(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(DIR_MODE).create(dir)
}

const FILE_MODE: u32 = 0o600; // sealed or not, no one else has business in these files
const DIR_MODE: u32 = 0o700; // names and sizes of files are nobody else's business either
const STAT_BLOCK_BYTES: u64 = 512; // the unit of `st_blocks`, whatever the file system has

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_stays_locked_whatever_is_removed_from_it() {
        let name = format!("strongroom-lock-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        let disk = RealDisk::new(&dir, &dir).unwrap();
        let guard = disk.lock().unwrap();
        for name in disk.list(&DiskPath::data("")).unwrap() {
            disk.remove(&DiskPath::data(name)).unwrap();
        }
        let second = RealDisk::new(&dir, &dir).unwrap();
        let refused = second.lock().map(|_| ()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        drop(guard);
        drop(second.lock().unwrap());
        fs::remove_dir_all(&dir).unwrap();
    }
}
