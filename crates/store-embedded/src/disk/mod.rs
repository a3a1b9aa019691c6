//! The only door to the drive.
//!
//! Everything that the engine reads or writes goes through [`Disk`] and [`DiskFile`], so that a
//! simulated drive ([`SimDisk`]) can lose, tear, reorder and damage what a real one ([`RealDisk`])
//! may lose, tear, reorder and damage. Calls block. Nothing here knows what is in a file.

mod guard;
mod real;
mod sim;

pub(crate) use guard::{GuardedDisk, Stopped};
pub use real::RealDisk;
pub use sim::{Fault, SimDisk};

use std::any::Any;
use std::fmt;
use std::io;
use std::sync::Arc;

/// A drive: directories and files.
///
/// The name of a file is durable after [`Disk::sync_dir`] of its directory, its bytes after
/// [`DiskFile::sync`]; neither makes the other durable.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// `NotFound` if there is none; otherwise as the drive says.
    fn open(&self, path: &DiskPath) -> io::Result<Arc<dyn DiskFile>>;

    /// Makes an empty file, readable and writable by its owner only, and opens it.
    ///
    /// # Errors
    /// `AlreadyExists` if there is one; otherwise as the drive says.
    fn create(&self, path: &DiskPath) -> io::Result<Arc<dyn DiskFile>>;

    /// The names of the files in a directory, in ascending order. Directories are left out.
    ///
    /// # Errors
    /// `NotFound` if there is no such directory; otherwise as the drive says.
    fn list(&self, dir: &DiskPath) -> io::Result<Vec<String>>;

    /// Removes the name of a file. Open handles go on to work.
    ///
    /// # Errors
    /// `NotFound` if there is none; otherwise as the drive says.
    fn remove(&self, path: &DiskPath) -> io::Result<()>;

    /// Makes a directory, with those above it. One that exists is no error.
    ///
    /// # Errors
    /// As the drive says.
    fn make_dir(&self, dir: &DiskPath) -> io::Result<()>;

    /// Makes the names in a directory durable, and the removal of names.
    ///
    /// # Errors
    /// As the drive says.
    fn sync_dir(&self, dir: &DiskPath) -> io::Result<()>;

    /// Bytes that can still be written to the data root.
    ///
    /// # Errors
    /// As the drive says.
    fn free_bytes(&self) -> io::Result<u64>;

    /// Locks the data root against other engines for as long as the returned guard lives.
    ///
    /// # Errors
    /// `WouldBlock` if another engine holds the lock.
    fn lock(&self) -> io::Result<Box<dyn Any + Send + Sync>>;
}

/// An open file. All methods may be called from several threads.
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// Fills `out` with the bytes from `offset` on.
    ///
    /// # Errors
    /// `UnexpectedEof` if the file is shorter; otherwise as the drive says.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`; the file grows as needed.
    ///
    /// # Errors
    /// `StorageFull` if there is no room; otherwise as the drive says. Some of the bytes may have
    /// been written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything written so far durable, and the length (`fdatasync`).
    ///
    /// # Errors
    /// As the drive says; what was written may then be lost although it can still be read.
    fn sync(&self) -> io::Result<()>;

    /// Length in bytes.
    ///
    /// # Errors
    /// As the drive says.
    fn len(&self) -> io::Result<u64>;

    /// Whether there is no byte in the file.
    ///
    /// # Errors
    /// As the drive says.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Bytes of the drive that the file has. Fewer than its length if it has holes: a write to one
    /// can meet a full drive.
    ///
    /// # Errors
    /// As the drive says.
    fn allocated_bytes(&self) -> io::Result<u64>;

    /// Cuts or extends the file; new bytes are zero.
    ///
    /// # Errors
    /// As the drive says.
    fn set_len(&self, bytes: u64) -> io::Result<()>;

    /// Extends the file to this length and takes the room for it, so that no write within it meets
    /// a full drive. A drive that cannot take room without writing only extends the file.
    ///
    /// # Errors
    /// `StorageFull` if there is no room; otherwise as the drive says.
    fn allocate(&self, bytes: u64) -> io::Result<()>;
}

/// Where a file is: under one of two roots, by a path with `/` between the names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DiskPath {
    root: DiskRoot,
    relative: String,
}

/// The two places in which an engine keeps files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiskRoot {
    /// The data directory.
    Data,
    /// The directory of the key file: the data directory itself, where the server is not told
    /// otherwise.
    Keys,
}

impl DiskPath {
    /// A path under the data directory; empty = the directory itself.
    #[must_use]
    pub fn data(relative: impl Into<String>) -> Self {
        Self { root: DiskRoot::Data, relative: relative.into() }
    }

    /// A path under the directory of the key file; empty = the directory itself.
    #[must_use]
    pub fn keys(relative: impl Into<String>) -> Self {
        Self { root: DiskRoot::Keys, relative: relative.into() }
    }

    /// The file or directory of this name in this directory.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        if self.relative.is_empty() {
            return Self { root: self.root, relative: name.to_owned() };
        }
        Self { root: self.root, relative: format!("{}/{name}", self.relative) }
    }

    /// The same path with more letters at the end of its name.
    #[must_use]
    pub fn with_suffix(&self, suffix: &str) -> Self {
        Self { root: self.root, relative: format!("{}{suffix}", self.relative) }
    }

    /// The directory that holds this file; a root holds itself.
    #[must_use]
    pub fn parent(&self) -> Self {
        let relative = self.relative.rsplit_once('/').map_or("", |(parent, _)| parent);
        Self { root: self.root, relative: relative.to_owned() }
    }

    /// Under which root.
    #[must_use]
    pub fn root(&self) -> DiskRoot {
        self.root
    }

    /// The path below its root.
    #[must_use]
    pub fn relative(&self) -> &str {
        &self.relative
    }
}

impl fmt::Debug for DiskPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.root {
            DiskRoot::Data => write!(f, "data:{}", self.relative),
            DiskRoot::Keys => write!(f, "keys:{}", self.relative),
        }
    }
}
