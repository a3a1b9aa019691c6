//! Writes groups: one buffer, one write, one sync.

use std::io;
use std::sync::Arc;

use strongroom_crypto::{AeadError, AeadKey, Secret};
use strongroom_types::{Entropy, EntropyError};

use super::frame::{FRAME_COVERED_BYTES, FRAME_HEADER_BYTES, FrameHeader, FrameKind, frame_crc};
use super::scan::start_of;
use super::{Body, FRAMES_START, Position, SegmentEnd, SegmentFile, SegmentHeader, group_end};
use crate::codec::{u32_of, usize_of};
use crate::disk::DiskFile;

/// The end of the log, where groups are added.
#[derive(Debug)]
pub(crate) struct Writer {
    segment: Arc<SegmentFile>,
    position: Position,
}

/// A group that is being put together. Frames are sealed when it is finished, because only then it
/// is known which one is the last.
#[derive(Debug)]
pub(crate) struct GroupBuilder {
    segment: Arc<SegmentFile>,
    /// The place before the group.
    start: Position,
    /// Where the first byte of the buffer lies in the segment.
    buffer_offset: u64,
    buffer: Vec<u8>,
    frames: Vec<OpenFrame>,
}

/// A group that is ready to be written.
#[derive(Debug)]
pub(crate) struct SealedGroup {
    segment: Arc<SegmentFile>,
    buffer_offset: u64,
    buffer: Vec<u8>,
    end: Position,
}

/// Why a group was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriterError {
    /// The write failed: nothing of the group is acknowledged, the segment takes no more.
    #[error("writing the log failed")]
    Write(#[source] io::Error),
    /// The sync failed: whether the group is durable is unknown, and so is everything after.
    #[error("syncing the log failed")]
    Sync(#[source] io::Error),
    /// Sealing failed.
    #[error(transparent)]
    Seal(#[from] AeadError),
    /// No randomness for the salt of a segment.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// What a new segment starts from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SegmentStart {
    pub(crate) generation: u64,
    pub(crate) lsn_first: u64,
    /// The last place that counts before it.
    pub(crate) continues: Position,
    pub(crate) segment_bytes: u64,
}

#[derive(Debug, Clone, Copy)]
struct OpenFrame {
    kind: FrameKind,
    lsn: u64,
    /// Place of the header in the buffer.
    at: usize,
    body_bytes: usize,
}

impl Writer {
    /// A writer behind the first group of a new segment, which has been written.
    pub(crate) fn new(written: &SealedGroup) -> Self {
        Self { segment: Arc::clone(&written.segment), position: written.end }
    }

    /// Behind the last durable group.
    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// Bytes that the segment still takes.
    pub(crate) fn room_bytes(&self) -> u64 {
        self.segment.header.segment_bytes.saturating_sub(self.position.offset)
    }

    /// Starts the next group, in this memory.
    pub(crate) fn begin(&self, mut buffer: Vec<u8>) -> GroupBuilder {
        buffer.clear();
        GroupBuilder {
            segment: Arc::clone(&self.segment),
            start: self.position,
            buffer_offset: self.position.offset,
            buffer,
            frames: Vec::new(),
        }
    }

    /// Records that a group was written and synced.
    pub(crate) fn advance(&mut self, written: &SealedGroup) {
        self.segment = Arc::clone(&written.segment);
        self.position = written.end;
    }
}

impl GroupBuilder {
    /// Starts a new segment: its header and the table of the segments before it go before the
    /// frames of the first group, and become durable with them.
    pub(crate) fn begin_segment(
        start: SegmentStart,
        file_number: u64,
        file: Arc<dyn DiskFile>,
        secrets: (&Secret<32>, &dyn Entropy),
        table: &[SegmentEnd],
    ) -> Result<Self, WriterError> {
        let (log_key, entropy) = secrets;
        let mut salt = [0; 32];
        entropy.fill(&mut salt)?;
        let header = SegmentHeader {
            generation: start.generation,
            salt,
            lsn_first: start.lsn_first,
            continues_group: start.continues.group,
            continues_tag: start.continues.tag,
            segment_bytes: start.segment_bytes,
        };
        let segment = Arc::new(SegmentFile::new(header, file_number, file, log_key)?);
        let mut builder = Self {
            start: start_of(&segment),
            buffer_offset: 0,
            buffer: header.encode_region(),
            frames: Vec::new(),
            segment,
        };
        debug_assert!(builder.buffer.len() as u64 == FRAMES_START);
        builder.push_plain(FrameKind::Table, start.lsn_first, &SegmentEnd::encode_table(table));
        Ok(builder)
    }

    /// Adds a frame; answers where it will lie.
    pub(crate) fn push(
        &mut self,
        kind: FrameKind,
        lsn: u64,
        body: &Body,
        placed: impl FnMut(u32),
    ) -> u64 {
        let at = self.open_frame();
        body.encode(&mut self.buffer, placed);
        self.close_frame(kind, lsn, at)
    }

    /// Adds a frame of another kind; answers where it will lie.
    pub(crate) fn push_plain(&mut self, kind: FrameKind, lsn: u64, plaintext: &[u8]) -> u64 {
        let at = self.open_frame();
        self.buffer.extend_from_slice(plaintext);
        self.close_frame(kind, lsn, at)
    }

    fn open_frame(&mut self) -> usize {
        let at = self.buffer.len();
        self.buffer.resize(at + FRAME_HEADER_BYTES, 0);
        at
    }

    fn close_frame(&mut self, kind: FrameKind, lsn: u64, at: usize) -> u64 {
        let body_bytes = self.buffer.len() - at - FRAME_HEADER_BYTES;
        self.buffer.resize(self.buffer.len() + AeadKey::TAG_BYTES, 0);
        self.frames.push(OpenFrame { kind, lsn, at, body_bytes });
        self.buffer_offset + at as u64
    }

    /// Seals all frames where they lie.
    pub(crate) fn finish(mut self) -> Result<SealedGroup, WriterError> {
        let group = self.start.group.saturating_add(1);
        let count = self.frames.len();
        let mut end = Position { group, ..self.start };
        for (index, frame) in self.frames.iter().enumerate() {
            let header = FrameHeader {
                kind: frame.kind,
                last: index + 1 == count,
                index: u16::try_from(index).unwrap_or(u16::MAX),
                generation: self.segment.generation(),
                group,
                lsn: frame.lsn,
                body_bytes: u32_of(frame.body_bytes + AeadKey::TAG_BYTES),
                previous_tag: self.start.tag,
            };
            end.tag =
                seal_frame(&self.segment, self.buffer_offset, &mut self.buffer, *frame, header)?;
        }
        let frames_bytes = self.buffer_offset + self.buffer.len() as u64 - self.start.offset;
        end.offset = group_end(self.start.offset, frames_bytes);
        // Whole blocks are written, so that the page cache never has to read one first.
        self.buffer.resize(usize_of(end.offset - self.buffer_offset), 0);
        Ok(SealedGroup {
            segment: self.segment,
            buffer_offset: self.buffer_offset,
            buffer: self.buffer,
            end,
        })
    }
}

impl SealedGroup {
    /// Writes the group and makes it durable.
    pub(crate) fn write(&self) -> Result<(), WriterError> {
        let room = self.segment.header.segment_bytes;
        if self.end.offset > room {
            return Err(WriterError::Write(io::ErrorKind::StorageFull.into()));
        }
        let file = &self.segment.file;
        file.write_at(self.buffer_offset, &self.buffer).map_err(WriterError::Write)?;
        file.sync().map_err(WriterError::Sync)
    }

    /// The place behind the group.
    pub(crate) fn end(&self) -> Position {
        self.end
    }

    /// The segment that the group is in.
    pub(crate) fn segment(&self) -> &Arc<SegmentFile> {
        &self.segment
    }

    /// The memory, for the next group.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }
}

fn seal_frame(
    segment: &SegmentFile,
    buffer_offset: u64,
    buffer: &mut [u8],
    frame: OpenFrame,
    header: FrameHeader,
) -> Result<[u8; 16], WriterError> {
    let covered = header.encode();
    let offset = buffer_offset + frame.at as u64;
    let place = buffer.get_mut(frame.at..).unwrap_or_default();
    let (head, rest) = place.split_at_mut_checked(FRAME_HEADER_BYTES).unwrap_or_default();
    let sealed_bytes = frame.body_bytes + AeadKey::TAG_BYTES;
    let sealed = rest.get_mut(..sealed_bytes).unwrap_or_default();
    let (body, tag_place) = sealed.split_at_mut_checked(frame.body_bytes).unwrap_or_default();
    let tag = segment.seal(offset, &covered, body)?;
    tag_place.copy_from_slice(&tag);
    let crc = frame_crc(&covered, sealed);
    let (covered_place, crc_place) =
        head.split_at_mut_checked(FRAME_COVERED_BYTES).unwrap_or_default();
    covered_place.copy_from_slice(&covered);
    crc_place.copy_from_slice(&crc.to_le_bytes());
    Ok(tag)
}
