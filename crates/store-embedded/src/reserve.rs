//! Room that is kept for a full drive: a file that is given up when an open or a checkpoint finds
//! none.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::codec::usize_of;
use crate::disk::{Disk, DiskPath};

/// The file, if it is there.
#[derive(Debug)]
pub(crate) struct Reserve {
    disk: Arc<dyn Disk>,
    bytes: u64,
    made: AtomicBool,
}

impl Reserve {
    /// A reserve of so many bytes, which is not made yet.
    pub(crate) fn new(disk: Arc<dyn Disk>, bytes: u64) -> Self {
        Self { disk, bytes, made: AtomicBool::new(bytes == 0) }
    }

    /// Takes the room, if there is as much again: it is written, so that the drive has really given
    /// it.
    pub(crate) fn make(&self) -> io::Result<()> {
        if self.made.load(Ordering::Acquire) || self.disk.free_bytes()? < self.bytes * 2 {
            return Ok(());
        }
        let path = reserve_path();
        let file = match self.disk.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.disk.create(&path)?,
            opened => opened?,
        };
        let zeros = vec![0; PIECE_BYTES];
        let mut at = if file.allocated_bytes()? < self.bytes { 0 } else { self.bytes };
        while at < self.bytes {
            let piece = usize_of(self.bytes - at).min(zeros.len());
            if let Err(error) = file.write_at(at, zeros.get(..piece).unwrap_or(&zeros)) {
                self.release()?;
                return Err(error);
            }
            at += piece as u64;
        }
        self.made.store(true, Ordering::Release);
        Ok(())
    }

    /// Whether a file of so many bytes may be made: as long as the reserve is not there, half of
    /// it is left to the index, without which nothing can be removed in the end.
    pub(crate) fn allows(&self, bytes: u64) -> io::Result<bool> {
        Ok(self.made.load(Ordering::Acquire)
            || self.disk.free_bytes()? >= bytes.saturating_add(self.bytes / 2))
    }

    /// Gives the room back.
    pub(crate) fn release(&self) -> io::Result<()> {
        self.made.store(self.bytes == 0, Ordering::Release);
        release(&*self.disk)
    }
}

/// Gives the room back, if there is any.
pub(crate) fn release(disk: &dyn Disk) -> io::Result<()> {
    match disk.remove(&reserve_path()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => disk.sync_dir(&DiskPath::data("")),
    }
}

fn reserve_path() -> DiskPath {
    DiskPath::data("reserve")
}

const PIECE_BYTES: usize = 1024 * 1024;
