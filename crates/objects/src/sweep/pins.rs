//! Which objects in parts are being read.
//!
//! A reader opens the parts of an object one after the other, while a deletion or overwrite frees
//! them all. SPEC: data-protection, 1.2: a reader sees all of the old object or all of the new
//! one; so what is being read is not swept until the reader is done.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::keys::UploadUnique;

/// The uploads whose parts are being read.
#[derive(Debug, Clone, Default)]
pub(crate) struct PartsPins {
    readers: Arc<Mutex<BTreeMap<UploadUnique, usize>>>,
}

/// Keeps the parts of an upload where they are until it is dropped.
#[derive(Debug)]
pub(crate) struct PartsPin {
    pins: PartsPins,
    upload: UploadUnique,
}

impl PartsPins {
    /// Pins an upload. Its object must be read, or read again, after this: a sweep that began
    /// before goes on.
    pub(crate) fn pin(&self, upload: UploadUnique) -> PartsPin {
        let mut readers = self.readers.lock();
        let count = readers.entry(upload).or_default();
        *count = count.saturating_add(1);
        PartsPin { pins: self.clone(), upload }
    }

    /// Whether somebody reads the upload.
    pub(crate) fn is_pinned(&self, upload: UploadUnique) -> bool {
        self.readers.lock().contains_key(&upload)
    }
}

impl Drop for PartsPin {
    fn drop(&mut self) {
        let mut readers = self.pins.readers.lock();
        let left = readers.get(&self.upload).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            readers.remove(&self.upload);
        } else {
            readers.insert(self.upload, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_is_pinned_until_its_last_reader_is_done() {
        let pins = PartsPins::default();
        let (upload, other) =
            (UploadUnique::from_bytes([1; 16]), UploadUnique::from_bytes([2; 16]));
        let first = pins.pin(upload);
        let second = pins.pin(upload);
        drop(first);
        assert!(pins.is_pinned(upload) && !pins.is_pinned(other));
        drop(second);
        assert!(!pins.is_pinned(upload));
        assert!(pins.readers.lock().is_empty());
    }
}
