//! Reads payloads back, and never gives out a byte that was not checked.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use strongroom_crypto::{BlobId, crc32c};
use strongroom_store::{BlobReader, BoxFuture, StoreError};

use super::layout::{
    BLOCK_BYTES, EXTENT_BYTES, TABLE_BYTES, Table, extent_blocks, extent_bytes, extents,
    file_bytes, file_offset, table_offset,
};
use crate::codec::usize_of;
use crate::disk::DiskFile;

/// A payload in a file. The open file keeps its bytes, also when its name is removed.
#[derive(Debug)]
pub(crate) struct FileReader {
    file: Arc<dyn DiskFile>,
    file_number: u64,
    blob_id: BlobId,
    stored_bytes: u64,
    /// The table that was used last: reads mostly go forward.
    table: Mutex<Option<Arc<Table>>>,
}

impl FileReader {
    /// A reader of a payload whose length the record says.
    pub(crate) fn new(
        file: Arc<dyn DiskFile>,
        file_number: u64,
        blob_id: BlobId,
        stored_bytes: u64,
    ) -> Self {
        Self { file, file_number, blob_id, stored_bytes, table: Mutex::new(None) }
    }

    /// Reads and checks a range of the payload.
    pub(crate) fn read(&self, offset: u64, length: usize) -> Result<Bytes, StoreError> {
        let end = offset.checked_add(length as u64).filter(|end| *end <= self.stored_bytes);
        let end = end.ok_or_else(|| outside("a blob"))?;
        if length == 0 {
            return Ok(Bytes::new());
        }
        // Whole blocks are read, in place: the answer is a part of the buffer.
        let from = offset - offset % BLOCK_BYTES;
        let to = end.next_multiple_of(BLOCK_BYTES).min(self.stored_bytes);
        let mut buffer = vec![0; usize_of(to - from)];
        let mut at = from;
        let mut rest = buffer.as_mut_slice();
        while !rest.is_empty() {
            let room = usize_of(EXTENT_BYTES - at % EXTENT_BYTES);
            let (piece, behind) = rest.split_at_mut(room.min(rest.len()));
            self.read_checked(at, piece)?;
            at += piece.len() as u64;
            rest = behind;
        }
        let start = usize_of(offset - from);
        Ok(Bytes::from(buffer).slice(start..start + length))
    }

    /// Reads everything and checks it; answers the number of bytes.
    pub(crate) fn verify(&self) -> Result<u64, StoreError> {
        for extent in 0..extents(self.stored_bytes) {
            self.table(extent)?;
            let mut at = extent * EXTENT_BYTES;
            let end = at + extent_bytes(self.stored_bytes, extent);
            while at < end {
                let length = (end - at).min(VERIFY_BYTES);
                self.read(at, usize_of(length))?;
                at += length;
            }
        }
        Ok(file_bytes(self.stored_bytes))
    }

    /// Fills `piece` with the blocks from `at` on, which are of one extent.
    fn read_checked(&self, at: u64, piece: &mut [u8]) -> Result<(), StoreError> {
        self.file.read_at(file_offset(at), piece).map_err(|error| self.failed(error))?;
        let table = self.table(at / EXTENT_BYTES)?;
        let first = usize_of(at % EXTENT_BYTES / BLOCK_BYTES);
        for (number, block) in piece.chunks(usize_of(BLOCK_BYTES)).enumerate() {
            if table.crcs.get(first + number) != Some(&crc32c(block)) {
                return Err(self.damaged("a block does not match its checksum"));
            }
        }
        Ok(())
    }

    fn table(&self, extent: u64) -> Result<Arc<Table>, StoreError> {
        if let Some(table) = self.table.lock().as_ref().filter(|table| table.extent == extent) {
            return Ok(Arc::clone(table));
        }
        let mut bytes = vec![0; TABLE_BYTES];
        self.file
            .read_at(table_offset(self.stored_bytes, extent), &mut bytes)
            .map_err(|error| self.failed(error))?;
        let blocks = extent_blocks(self.stored_bytes, extent);
        let table = Table::decode(&bytes, blocks)
            .ok_or_else(|| self.damaged("a table of checksums is damaged"))?;
        let end = extent * EXTENT_BYTES + extent_bytes(self.stored_bytes, extent);
        let right = table.file == self.file_number
            && table.blob_id == self.blob_id
            && table.extent == extent
            && table.payload_bytes == end
            && table.last == (end == self.stored_bytes);
        if !right {
            return Err(self.damaged("a table of checksums is of another blob"));
        }
        let table = Arc::new(table);
        *self.table.lock() = Some(Arc::clone(&table));
        Ok(table)
    }

    fn failed(&self, error: io::Error) -> StoreError {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return self.damaged("the file is too short");
        }
        StoreError::Io(error)
    }

    fn damaged(&self, what: &str) -> StoreError {
        StoreError::Corrupt { what: format!("blob file {:016x}: {what}", self.file_number) }
    }
}

impl BlobReader for FileReader {
    fn stored_bytes(&self) -> u64 {
        self.stored_bytes
    }

    fn read_at(&self, offset: u64, length: usize) -> BoxFuture<'_, Result<Bytes, StoreError>> {
        Box::pin(async move { self.read(offset, length) })
    }
}

/// A payload of the log: read and checked whole when it was opened.
#[derive(Debug)]
pub(crate) struct MemoryReader(pub(crate) Bytes);

impl BlobReader for MemoryReader {
    fn stored_bytes(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, length: usize) -> BoxFuture<'_, Result<Bytes, StoreError>> {
        let start = usize_of(offset);
        let end = start.checked_add(length).filter(|end| *end <= self.0.len());
        let piece = end.map(|end| self.0.slice(start..end));
        Box::pin(async move { piece.ok_or_else(|| outside("a payload")) })
    }
}

fn outside(of: &str) -> StoreError {
    StoreError::Corrupt { what: format!("the range is not inside {of}") }
}

const VERIFY_BYTES: u64 = 64 * BLOCK_BYTES; // a mebibyte at a time
