//! Sizes at which the engine does things.

/// Sizes that decide when the engine begins segments and moves changes to the index.
///
/// The defaults suit a server; tests use small ones, so that everything happens often.
#[derive(Debug, Clone, Copy)]
pub struct EngineLimits {
    /// Length of the first segment in bytes.
    pub segment_bytes_first: u64,
    /// Length of the longest segments in bytes, below 4 GiB.
    pub segment_bytes_max: u64,
    /// A checkpoint begins at so many entries in the overlay.
    pub checkpoint_entries: usize,
    /// A checkpoint begins at so many bytes in the overlay.
    pub checkpoint_bytes: usize,
    /// A checkpoint begins when so many bytes of the log are not yet in the index.
    pub checkpoint_log_bytes: u64,
    /// What callers may have queued for the committer in bytes; more waits.
    pub queue_bytes: u32,
    /// Blob files that are made ahead.
    pub blob_pool_files: usize,
    /// Payloads are refused when the drive has less room than this.
    pub free_bytes_min: u64,
    /// Room that is kept for the index, in a file of its own, for a full drive: a checkpoint can
    /// then still be made, and with it deletions.
    pub reserve_bytes: u64,
    /// An event journal file takes no more blocks at this length in bytes.
    pub journal_file_bytes: u64,
    /// All event journal files together; beyond it the oldest is removed.
    pub journal_bytes_max: u64,
    /// Whether new segments are filled with zeros ahead of use, so that a commit never has to
    /// allocate blocks.
    pub segments_prewritten: bool,
}

impl Default for EngineLimits {
    fn default() -> Self {
        Self {
            segment_bytes_first: 16 * MIB,
            segment_bytes_max: 1024 * MIB,
            checkpoint_entries: 150_000,
            checkpoint_bytes: 48 * 1024 * 1024,
            checkpoint_log_bytes: 1024 * MIB,
            queue_bytes: 32 * 1024 * 1024,
            blob_pool_files: 32,
            free_bytes_min: 128 * MIB,
            reserve_bytes: 32 * MIB,
            journal_file_bytes: 64 * MIB,
            journal_bytes_max: 4096 * MIB,
            segments_prewritten: true,
        }
    }
}

const MIB: u64 = 1024 * 1024;
