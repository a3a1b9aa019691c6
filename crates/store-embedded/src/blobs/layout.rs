//! Where the bytes of a payload lie in its file, and the tables of checksums between them.

use strongroom_crypto::{BlobId, crc32c};

use crate::codec::{Fields, usize_of};

/// Bytes under one checksum. Small enough that a read of one envelope chunk checks little beside
/// it, large enough that the tables are small.
pub(crate) const BLOCK_BYTES: u64 = 16 * 1024;
/// Bytes of a table: one block of the file system.
pub(crate) const TABLE_BYTES: usize = 4096;
/// Checksums in a table.
pub(crate) const TABLE_ENTRIES: usize = (TABLE_BYTES - TABLE_HEADER_BYTES - 4) / 4;
/// Payload bytes before each table.
pub(crate) const EXTENT_BYTES: u64 = TABLE_ENTRIES as u64 * BLOCK_BYTES;

/// The checksums of one extent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    /// The number of the file.
    pub(crate) file: u64,
    pub(crate) blob_id: BlobId,
    /// Which extent of the file.
    pub(crate) extent: u64,
    /// Payload bytes up to the end of this extent.
    pub(crate) payload_bytes: u64,
    /// Whether this is the last extent.
    pub(crate) last: bool,
    /// One checksum for each block.
    pub(crate) crcs: Vec<u32>,
}

impl Table {
    /// The bytes of the table.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(TABLE_BYTES);
        out.extend_from_slice(&TABLE_MAGIC);
        out.extend_from_slice(&self.file.to_le_bytes());
        out.extend_from_slice(self.blob_id.as_bytes());
        out.extend_from_slice(&self.extent.to_le_bytes());
        out.extend_from_slice(&self.payload_bytes.to_le_bytes());
        out.push(u8::from(self.last));
        out.resize(TABLE_HEADER_BYTES, 0);
        for crc in &self.crcs {
            out.extend_from_slice(&crc.to_le_bytes());
        }
        out.resize(TABLE_BYTES - 4, 0);
        let crc = crc32c(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads a table with so many checksums; `None` if it is damaged.
    pub(crate) fn decode(bytes: &[u8], blocks: usize) -> Option<Self> {
        let (covered, crc) = bytes.split_last_chunk::<4>()?;
        if bytes.len() != TABLE_BYTES || crc32c(covered) != u32::from_le_bytes(*crc) {
            return None;
        }
        let (header, entries) = covered.split_at_checked(TABLE_HEADER_BYTES)?;
        let mut fields = Fields::new(header);
        if fields.array::<8>().ok()? != TABLE_MAGIC {
            return None;
        }
        let file = fields.u64().ok()?;
        let blob_id = BlobId::from_bytes(fields.array().ok()?);
        let (extent, payload_bytes) = (fields.u64().ok()?, fields.u64().ok()?);
        let last = fields.u8().ok()? == 1;
        let (words, _) = entries.as_chunks::<4>();
        let crcs = words.get(..blocks)?.iter().map(|word| u32::from_le_bytes(*word)).collect();
        Some(Self { file, blob_id, extent, payload_bytes, last, crcs })
    }
}

/// Where a payload byte lies in the file.
pub(crate) fn file_offset(payload_offset: u64) -> u64 {
    let extent = payload_offset / EXTENT_BYTES;
    payload_offset.saturating_add(extent * TABLE_BYTES as u64)
}

/// How many extents a payload has: at least one.
pub(crate) fn extents(stored_bytes: u64) -> u64 {
    stored_bytes.div_ceil(EXTENT_BYTES).max(1)
}

/// Payload bytes of an extent.
pub(crate) fn extent_bytes(stored_bytes: u64, extent: u64) -> u64 {
    stored_bytes.saturating_sub(extent.saturating_mul(EXTENT_BYTES)).min(EXTENT_BYTES)
}

/// Blocks of an extent.
pub(crate) fn extent_blocks(stored_bytes: u64, extent: u64) -> usize {
    usize_of(extent_bytes(stored_bytes, extent).div_ceil(BLOCK_BYTES))
}

/// Where the table of an extent lies: behind its payload bytes.
pub(crate) fn table_offset(stored_bytes: u64, extent: u64) -> u64 {
    file_offset(extent.saturating_mul(EXTENT_BYTES))
        .saturating_add(extent_bytes(stored_bytes, extent))
}

/// Length of the file.
pub(crate) fn file_bytes(stored_bytes: u64) -> u64 {
    stored_bytes.saturating_add(extents(stored_bytes).saturating_mul(TABLE_BYTES as u64))
}

const TABLE_HEADER_BYTES: usize = 64;
const TABLE_MAGIC: [u8; 8] = *b"SRBLOBT1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_as_written_and_every_flipped_bit_is_found() {
        let table = Table {
            file: 7,
            blob_id: BlobId::from_bytes([3; 16]),
            extent: 2,
            payload_bytes: 99,
            last: true,
            crcs: vec![1, 2, 3],
        };
        let bytes = table.encode();
        assert_eq!(Table::decode(&bytes, 3), Some(table));
        for bit in 0..bytes.len() * 8 {
            let mut other = bytes.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Table::decode(&other, 3), None, "{bit}");
        }
        assert_eq!(Table::decode(&bytes[1..], 3), None);
    }

    #[test]
    fn extents_follow_each_other_without_gaps() {
        assert_eq!((extents(0), file_bytes(0), table_offset(0, 0)), (1, 4096, 0));
        assert_eq!(extents(EXTENT_BYTES), 1);
        assert_eq!(extents(EXTENT_BYTES + 1), 2);
        assert_eq!(file_offset(EXTENT_BYTES - 1), EXTENT_BYTES - 1);
        assert_eq!(file_offset(EXTENT_BYTES), EXTENT_BYTES + 4096);
        assert_eq!(table_offset(EXTENT_BYTES + 5, 0), EXTENT_BYTES);
        assert_eq!(table_offset(EXTENT_BYTES + 5, 1), EXTENT_BYTES + 4096 + 5);
        assert_eq!(file_bytes(EXTENT_BYTES + 5), EXTENT_BYTES + 5 + 2 * 4096);
        assert_eq!(extent_blocks(EXTENT_BYTES + 5, 1), 1);
        assert_eq!(extent_blocks(EXTENT_BYTES + 5, 0), TABLE_ENTRIES);
    }
}
