//! The log: the one place where a change becomes durable.
//!
//! Segments are files written from front to back, once in each generation. A *frame* is one batch,
//! sealed; a *group* is what is written with one call and made durable with one sync. The bytes are
//! described in `docs/formats/log.md`. Nothing here knows what an index or a reader is.

mod body;
mod frame;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod scan;
mod segment;
mod writer;

pub(crate) mod recovery;

pub(crate) use body::{Body, Item, ItemPayload, SegmentEnd, encode_freed};
pub(crate) use frame::{FRAME_HEADER_BYTES, FrameKind};
pub(crate) use scan::{GroupReader, GroupStop, SealedFrame, read_frame};
pub(crate) use segment::{
    FRAMES_START, LOG_DIR, SegmentFile, SegmentHeader, SegmentState, read_segment, segment_path,
    wipe_header,
};
pub(crate) use writer::{GroupBuilder, SealedGroup, SegmentStart, Writer, WriterError};

use crate::codec::align_up;

/// The tag that closes a group: the authentication tag of its last frame.
pub(crate) type GroupTag = [u8; 16];

/// A place in the log behind a whole group: where the next one starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// The generation of the segment.
    pub(crate) generation: u64,
    /// Bytes from the start of the segment.
    pub(crate) offset: u64,
    /// The number of the last group before this place.
    pub(crate) group: u64,
    /// The tag of that group.
    pub(crate) tag: GroupTag,
}

/// Where a group ends that starts at `start` and has `bytes` bytes: on the next block, so that no
/// block that holds acknowledged bytes is ever written again.
pub(crate) fn group_end(start: u64, bytes: u64) -> u64 {
    align_up(start.saturating_add(bytes), GROUP_ALIGN_BYTES)
}

/// Groups start on blocks of this many bytes: the largest unit that drives and page caches write.
pub(crate) const GROUP_ALIGN_BYTES: u64 = 4096;
/// Most frames of a group; bounds what one sync acknowledges, and how far LSNs run ahead.
pub(crate) const GROUP_FRAMES_MAX: usize = 4096;
/// A group takes no further frame once it has this many bytes; bounds memory and latency.
pub(crate) const GROUP_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Longest plaintext of a frame: the largest batch, kept payloads and the lengths around them.
pub(crate) const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Longest group there can be: one more frame than fits, and a segment table before it.
pub(crate) const GROUP_BYTES_LIMIT: u64 = 16 * 1024 * 1024;
