//! Who is to remove a blob file that no record owns.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::BlobFiles;

/// The claim of a writer on its file. Unless a batch makes the file the property of a record, the
/// file is removed when the last clone of the claim is dropped.
pub(crate) struct Lease {
    files: Arc<BlobFiles>,
    file_number: u64,
    stored_bytes: u64,
    owned: AtomicBool,
}

impl Lease {
    /// A claim on a file of the pool.
    pub(crate) fn new(files: Arc<BlobFiles>, file_number: u64, stored_bytes: u64) -> Self {
        Self { files, file_number, stored_bytes, owned: AtomicBool::new(false) }
    }

    /// The number in the name of the file.
    pub(crate) fn file_number(&self) -> u64 {
        self.file_number
    }

    /// Length of the payload.
    pub(crate) fn stored_bytes(&self) -> u64 {
        self.stored_bytes
    }

    /// Whether a batch has taken the file.
    pub(crate) fn is_owned(&self) -> bool {
        self.owned.load(Ordering::Acquire)
    }

    /// A batch takes the file. From before the batch is written: if the write fails, its outcome
    /// is unknown, and the next start finds out who owns the file.
    pub(crate) fn own(&self) {
        self.owned.store(true, Ordering::Release);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.is_owned() {
            self.files.doom(self.file_number);
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("file_number", &self.file_number)
            .field("owned", &self.is_owned())
            .finish_non_exhaustive()
    }
}
