//! Fuzz targets of this crate: plain functions over bytes that assert what must always hold.
//!
//! Not part of the API; built for tests and for the fuzzer only. What a drive gives back is sealed
//! nearly everywhere; so the targets either change what was sealed, or read what was opened.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::codec::Fields;
use crate::commit::Checkpoint;
use crate::disk::DiskFile;
use crate::record::Change;

/// A target: its name, which is that of its corpus, and the function.
pub type FuzzTarget = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[FuzzTarget] = &[
    ("log_frames", log_frames),
    ("log_body", log_body),
    ("segment_header", segment_header),
    ("index_record", index_record),
    ("checkpoint", checkpoint),
    ("journal_block", journal_block),
    ("blob_table", blob_table),
    ("key_file", key_file),
];

/// Groups of frames under changes, see the module of the log.
pub fn log_frames(bytes: &[u8]) {
    crate::log::fuzzing::frames(bytes);
}

/// Opened bodies of frames.
pub fn log_body(bytes: &[u8]) {
    crate::log::fuzzing::body(bytes);
}

/// Headers of segments, with their CRC made right.
pub fn segment_header(bytes: &[u8]) {
    crate::log::fuzzing::segment_header(bytes);
}

/// What the index keeps of a record: read, it is written as bytes that read the same.
pub fn index_record(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    if let Ok(change) = Change::decode(&bytes) {
        let again = Change::decode(&Bytes::from(change.encode()));
        assert_eq!(again.as_ref(), Ok(&change));
        if let Some(record) = &change.record {
            assert!(record.value.len() <= bytes.len());
            let _ = (record.entry(), record.blob_file(), record.is_protected(0));
        }
    }
}

/// Checkpoints: read, they are written as bytes that are written the same again.
pub fn checkpoint(bytes: &[u8]) {
    if let Ok(checkpoint) = Checkpoint::decode(bytes) {
        let written = checkpoint.encode();
        assert!(written.len() <= bytes.len(), "nothing is made up");
        let again = Checkpoint::decode(&written);
        assert_eq!(again.map(|checkpoint| checkpoint.encode()), Ok(written));
    }
    let mut fields = Fields::new(bytes);
    while let Ok(field) = fields.long_bytes() {
        assert!(field.len() < bytes.len());
    }
}

/// Blocks of the event journal under changes.
pub fn journal_block(bytes: &[u8]) {
    crate::events::fuzzing::block(bytes);
}

/// Tables of checksums in blob files, and the arithmetic of their places.
pub fn blob_table(bytes: &[u8]) {
    crate::blobs::fuzzing::table(bytes);
}

/// Images of the key file under changes, and their opened tables.
pub fn key_file(bytes: &[u8]) {
    crate::keyfile::fuzzing::image(bytes);
}

/// A file in memory that does what it is told.
#[derive(Debug)]
pub(crate) struct Memory(Mutex<Vec<u8>>);

impl Memory {
    pub(crate) fn file(bytes: Vec<u8>) -> Arc<dyn DiskFile> {
        Arc::new(Self(Mutex::new(bytes)))
    }
}

impl DiskFile for Memory {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let bytes = self.0.lock();
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let found = start.checked_add(out.len()).and_then(|end| bytes.get(start..end));
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, _: u64, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().len() as u64)
    }

    fn allocated_bytes(&self) -> io::Result<u64> {
        self.len()
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn allocate(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
}

#[path = "../../../fuzz/edits.rs"]
pub(crate) mod edits;

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;
