//! Fuzz target of blob files.

use strongroom_crypto::crc32c;

use super::layout::{
    BLOCK_BYTES, EXTENT_BYTES, TABLE_BYTES, TABLE_ENTRIES, Table, extent_blocks, extent_bytes,
    extents, file_bytes, file_offset, table_offset,
};

/// Tables, with their CRC made right, and where everything lies in a file of any length.
///
/// The input is a length and an offset in eight bytes each, then a table.
pub(crate) fn table(bytes: &[u8]) {
    let Some((numbers, table)) = bytes.split_first_chunk::<16>() else {
        return;
    };
    let (numbers, _) = numbers.as_chunks::<8>();
    let [stored_bytes, offset] = numbers else {
        return;
    };
    let (stored_bytes, offset) = (u64::from_le_bytes(*stored_bytes), u64::from_le_bytes(*offset));
    let extent = offset / EXTENT_BYTES;
    let _ = (file_offset(offset), table_offset(stored_bytes, extent), file_bytes(stored_bytes));
    if stored_bytes <= 1 << 50 && offset < stored_bytes {
        assert!(extent < extents(stored_bytes));
        assert!(file_offset(offset) < table_offset(stored_bytes, extent));
        let end = table_offset(stored_bytes, extent) + TABLE_BYTES as u64;
        assert!(end <= file_bytes(stored_bytes), "a table lies in the file");
        let blocks = extent_blocks(stored_bytes, extent);
        assert!((1..=TABLE_ENTRIES).contains(&blocks));
        assert!(blocks as u64 * BLOCK_BYTES >= extent_bytes(stored_bytes, extent));
    }
    let mut table = table.to_vec();
    table.resize(TABLE_BYTES, 0);
    if let Some((covered, crc)) = table.split_last_chunk_mut::<4>() {
        *crc = crc32c(covered).to_le_bytes();
    }
    for blocks in [0, 1, TABLE_ENTRIES] {
        if let Some(read) = Table::decode(&table, blocks) {
            assert_eq!(Table::decode(&read.encode(), blocks), Some(read));
        }
    }
    assert_eq!(Table::decode(&table, TABLE_ENTRIES + 1), None);
}
