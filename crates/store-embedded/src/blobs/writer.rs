//! Writes one payload to its file.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use strongroom_crypto::{BlobId, Crc32c};

use super::layout::{BLOCK_BYTES, EXTENT_BYTES, Table, file_offset, table_offset};
use super::{BlobFiles, Lease};
use crate::codec::usize_of;
use crate::disk::DiskFile;

/// A payload that is being written. Dropping it removes the file.
#[derive(Debug)]
pub(crate) struct FileWriter {
    files: Arc<BlobFiles>,
    file: Arc<dyn DiskFile>,
    /// Taken when the writer is finished.
    file_number: Option<u64>,
    blob_id: BlobId,
    stored_bytes: u64,
    crcs: Vec<u32>,
    block: Crc32c,
    unsynced_bytes: u64,
}

impl FileWriter {
    /// A writer to a file of the pool.
    pub(crate) fn new(files: Arc<BlobFiles>, blob_id: BlobId) -> io::Result<Self> {
        let (file_number, file) = files.take()?;
        Ok(Self {
            files,
            file,
            file_number: Some(file_number),
            blob_id,
            stored_bytes: 0,
            crcs: Vec::new(),
            block: Crc32c::new(),
            unsynced_bytes: 0,
        })
    }

    /// Appends bytes.
    pub(crate) fn write(&mut self, bytes: &Bytes) -> io::Result<()> {
        let mut rest: &[u8] = bytes;
        while !rest.is_empty() {
            let in_extent = self.stored_bytes % EXTENT_BYTES;
            if in_extent == 0 && self.stored_bytes > 0 {
                self.write_table(false)?;
            }
            let room = usize_of(EXTENT_BYTES - in_extent);
            let (piece, behind) = rest.split_at(room.min(rest.len()));
            self.file.write_at(file_offset(self.stored_bytes), piece)?;
            self.digest(piece);
            rest = behind;
        }
        self.unsynced_bytes += bytes.len() as u64;
        Ok(())
    }

    /// Whether so much is unsynced that the last sync would take long and the page cache fills.
    pub(crate) fn wants_sync(&self) -> bool {
        self.unsynced_bytes >= SYNC_BYTES
    }

    /// Makes what was written so far durable.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.unsynced_bytes = 0;
        self.file.sync()
    }

    /// Makes the payload durable and answers the claim on it.
    pub(crate) fn finish(mut self) -> io::Result<Lease> {
        if !self.stored_bytes.is_multiple_of(BLOCK_BYTES) {
            self.crcs.push(self.block.finish());
        }
        self.write_table(true)?;
        self.file.sync()?;
        let file_number = self.file_number.take().unwrap_or_default();
        Ok(Lease::new(Arc::clone(&self.files), file_number, self.stored_bytes))
    }

    fn digest(&mut self, piece: &[u8]) {
        let mut rest = piece;
        while !rest.is_empty() {
            let room = usize_of(BLOCK_BYTES - self.stored_bytes % BLOCK_BYTES);
            let (part, behind) = rest.split_at(room.min(rest.len()));
            self.block.update(part);
            self.stored_bytes += part.len() as u64;
            if self.stored_bytes.is_multiple_of(BLOCK_BYTES) {
                self.crcs.push(self.block.finish());
                self.block = Crc32c::new();
            }
            rest = behind;
        }
    }

    fn write_table(&mut self, last: bool) -> io::Result<()> {
        let extent = self.stored_bytes.saturating_sub(1) / EXTENT_BYTES;
        let table = Table {
            file: self.file_number.unwrap_or_default(),
            blob_id: self.blob_id,
            extent,
            payload_bytes: self.stored_bytes,
            last,
            crcs: std::mem::take(&mut self.crcs),
        };
        self.file.write_at(table_offset(self.stored_bytes, extent), &table.encode())
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        if let Some(file_number) = self.file_number {
            self.files.doom(file_number);
        }
    }
}

const SYNC_BYTES: u64 = 32 * 1024 * 1024; // dirty bytes of one writer at most
