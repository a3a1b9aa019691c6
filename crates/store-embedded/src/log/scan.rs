//! Reads groups of frames back, checks everything about them, and says where they end.

use std::io;

use bytes::Bytes;
use strongroom_crypto::AeadKey;

use super::frame::{FRAME_COVERED_BYTES, FRAME_HEADER_BYTES, FrameHeader, frame_crc};
use super::{
    BODY_BYTES_MAX, FRAMES_START, GROUP_ALIGN_BYTES, GROUP_BYTES_LIMIT, GroupTag, Position,
    SegmentFile, group_end,
};
use crate::codec::usize_of;

/// A frame that is whole and authentic.
#[derive(Debug, Clone)]
pub(crate) struct SealedFrame {
    pub(crate) header: FrameHeader,
    /// Where its header starts in the segment.
    pub(crate) offset: u64,
    /// Its opened body.
    pub(crate) plaintext: Bytes,
}

/// Frames that were made durable together.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) frames: Vec<SealedFrame>,
    /// The place before it.
    pub(crate) start: Position,
}

/// Why there is no further group.
#[derive(Debug)]
pub(crate) enum GroupStop {
    /// What is there is no whole group that follows the one before: the end, a group that was cut
    /// short, or damage.
    Bad(&'static str),
    /// The drive did not say what is there.
    Io(io::Error),
}

impl From<io::Error> for GroupStop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads the groups of one segment in order.
#[derive(Debug)]
pub(crate) struct GroupReader<'a> {
    segment: &'a SegmentFile,
    at: Position,
    file_bytes: u64,
    window: Vec<u8>,
    window_start: u64,
}

impl<'a> GroupReader<'a> {
    /// A reader of the whole segment.
    pub(crate) fn from_start(segment: &'a SegmentFile) -> io::Result<Self> {
        Self::from_position(segment, start_of(segment))
    }

    /// A reader of what lies behind a position.
    pub(crate) fn from_position(segment: &'a SegmentFile, at: Position) -> io::Result<Self> {
        let file_bytes = segment.file.len()?.min(segment.header.segment_bytes);
        Ok(Self { segment, at, file_bytes, window: Vec::new(), window_start: 0 })
    }

    /// Behind the last group that was read.
    pub(crate) fn position(&self) -> Position {
        self.at
    }

    /// Reads the next group.
    pub(crate) fn next_group(&mut self) -> Result<Group, GroupStop> {
        let start = self.at;
        let mut offset = start.offset;
        let mut frames = Vec::new();
        loop {
            let frame = self.frame(offset, frames.len())?;
            offset += FRAME_HEADER_BYTES as u64 + u64::from(frame.0.body_bytes);
            let header = frame.0;
            frames.push(frame.1);
            if offset - start.offset > GROUP_BYTES_LIMIT {
                return Err(GroupStop::Bad("a group is longer than any that is written"));
            }
            if header.last {
                let end = Position {
                    generation: start.generation,
                    offset: group_end(start.offset, offset - start.offset),
                    group: header.group,
                    tag: frame.2,
                };
                self.at = end;
                return Ok(Group { frames, start });
            }
        }
    }

    fn frame(
        &mut self,
        offset: u64,
        index: usize,
    ) -> Result<(FrameHeader, SealedFrame, GroupTag), GroupStop> {
        let (group, tag, generation) = (self.at.group, self.at.tag, self.segment.generation());
        let header_bytes = self.read(offset, FRAME_HEADER_BYTES)?;
        let array: [u8; FRAME_HEADER_BYTES] =
            header_bytes.try_into().map_err(|_| GroupStop::Bad("a frame header is cut off"))?;
        let (header, crc) =
            FrameHeader::decode(&array).ok_or(GroupStop::Bad("there is no frame header"))?;
        if header.generation != generation {
            return Err(GroupStop::Bad("a frame is of another generation"));
        }
        if Some(header.group) != group.checked_add(1) || header.previous_tag != tag {
            return Err(GroupStop::Bad("a frame does not follow the group before"));
        }
        if usize::from(header.index) != index {
            return Err(GroupStop::Bad("a frame is out of order in its group"));
        }
        let body_bytes = usize_of(header.body_bytes.into());
        if !(AeadKey::TAG_BYTES..=BODY_BYTES_MAX + AeadKey::TAG_BYTES).contains(&body_bytes) {
            return Err(GroupStop::Bad("a frame has an impossible length"));
        }
        let body_at = offset + FRAME_HEADER_BYTES as u64;
        let mut body = self.read(body_at, body_bytes)?.to_vec();
        let covered = header.encode();
        if frame_crc(&covered, &body) != crc {
            return Err(GroupStop::Bad("a frame does not match its checksum"));
        }
        let tag = body.last_chunk::<{ AeadKey::TAG_BYTES }>().copied().unwrap_or_default();
        let length = self
            .segment
            .open(offset, &covered, &mut body)
            .map_err(|_| GroupStop::Bad("a frame is not authentic"))?
            .len();
        body.truncate(length);
        Ok((header, SealedFrame { header, offset, plaintext: body.into() }, tag))
    }

    /// Bytes of the segment, through a window that is read ahead.
    fn read(&mut self, offset: u64, length: usize) -> Result<&[u8], GroupStop> {
        let end = offset.saturating_add(length as u64);
        if end > self.file_bytes {
            return Err(GroupStop::Bad("the segment ends"));
        }
        let window_end = self.window_start + self.window.len() as u64;
        if offset < self.window_start || end > window_end {
            let ahead = (self.file_bytes - offset).min((length as u64).max(READ_AHEAD_BYTES));
            self.window.resize(usize_of(ahead), 0);
            self.window_start = offset;
            self.segment.file.read_at(offset, &mut self.window)?;
        }
        let at = usize_of(offset - self.window_start);
        self.window.get(at..at + length).ok_or(GroupStop::Bad("the segment ends"))
    }
}

/// Reads one frame whose place is known from a record, and checks it. `expected_bytes` is a guess
/// at its length: the whole frame is read with one call if it is right.
pub(crate) fn read_frame(
    segment: &SegmentFile,
    offset: u64,
    expected_bytes: usize,
) -> Result<SealedFrame, GroupStop> {
    let file = &segment.file;
    let file_bytes = segment.header.segment_bytes;
    let room = usize_of(file_bytes.saturating_sub(offset));
    let guess = expected_bytes.max(FRAME_HEADER_BYTES).min(room);
    let mut bytes = vec![0; guess];
    file.read_at(offset, &mut bytes)?;
    let first = bytes.first_chunk::<FRAME_HEADER_BYTES>();
    let (header, crc) =
        first.and_then(FrameHeader::decode).ok_or(GroupStop::Bad("there is no frame header"))?;
    if header.generation != segment.generation() {
        return Err(GroupStop::Bad("a frame is of another generation"));
    }
    let body_bytes = usize_of(header.body_bytes.into());
    let total = FRAME_HEADER_BYTES + body_bytes;
    if body_bytes > BODY_BYTES_MAX + AeadKey::TAG_BYTES || total > room {
        return Err(GroupStop::Bad("a frame has an impossible length"));
    }
    bytes.resize(total, 0);
    if let Some(missing) = bytes.get_mut(guess..).filter(|missing| !missing.is_empty()) {
        file.read_at(offset + guess as u64, missing)?;
    }
    let covered = header.encode();
    let (_, body) = bytes.split_at_mut_checked(FRAME_HEADER_BYTES).unwrap_or_default();
    if frame_crc(&covered, body) != crc {
        return Err(GroupStop::Bad("a frame does not match its checksum"));
    }
    let length = segment
        .open(offset, &covered, body)
        .map_err(|_| GroupStop::Bad("a frame is not authentic"))?
        .len();
    let plaintext = Bytes::from(bytes).slice(FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + length);
    Ok(SealedFrame { header, offset, plaintext })
}

/// The place before the first group of a segment.
pub(crate) fn start_of(segment: &SegmentFile) -> Position {
    Position {
        generation: segment.generation(),
        offset: FRAMES_START,
        group: segment.header.continues_group,
        tag: segment.header.continues_tag,
    }
}

/// Whether behind a place where no whole group starts there is a whole frame of a group after the
/// one that is missing there. Such a group was only written once the missing one was durable: what
/// is missing was acknowledged, and is damaged.
pub(crate) fn later_group_exists(segment: &SegmentFile, at: Position) -> io::Result<bool> {
    let missing = at.group.saturating_add(1);
    let generation = segment.generation();
    find_group_start(segment, at.offset, &|header| {
        header.generation == generation && header.group > missing
    })
}

/// Whether a segment without a readable header holds groups behind its first one of a generation
/// that is greater than all known ones.
pub(crate) fn unknown_group_exists(segment: &SegmentFile, known: u64) -> io::Result<bool> {
    find_group_start(segment, FRAMES_START, &|header| header.generation > known)
}

fn find_group_start(
    segment: &SegmentFile,
    from: u64,
    wanted: &dyn Fn(&FrameHeader) -> bool,
) -> io::Result<bool> {
    let file_bytes = segment.file.len()?;
    let end = file_bytes.min(from.saturating_add(GROUP_BYTES_LIMIT + GROUP_ALIGN_BYTES));
    let mut piece = vec![0; SCAN_PIECE_BYTES];
    let mut at = from.saturating_add(GROUP_ALIGN_BYTES);
    while at < end {
        let length = usize_of(end - at).min(piece.len());
        let Some(bytes) = piece.get_mut(..length) else { break };
        segment.file.read_at(at, bytes)?;
        for (number, block) in bytes.chunks(usize_of(GROUP_ALIGN_BYTES)).enumerate() {
            let Some(first) = block.first_chunk::<FRAME_HEADER_BYTES>() else { continue };
            let Some((header, crc)) = FrameHeader::decode(first) else { continue };
            let offset = at + number as u64 * GROUP_ALIGN_BYTES;
            if header.index == 0 && wanted(&header) && crc_holds(segment, offset, &header, crc)? {
                return Ok(true);
            }
        }
        at += length as u64;
    }
    Ok(false)
}

fn crc_holds(
    segment: &SegmentFile,
    offset: u64,
    header: &FrameHeader,
    crc: u32,
) -> io::Result<bool> {
    let body_bytes = usize_of(header.body_bytes.into());
    if body_bytes > BODY_BYTES_MAX + AeadKey::TAG_BYTES {
        return Ok(false);
    }
    let body_at = offset + FRAME_HEADER_BYTES as u64;
    if body_at.saturating_add(body_bytes as u64) > segment.file.len()? {
        return Ok(false);
    }
    let mut body = vec![0; body_bytes];
    segment.file.read_at(body_at, &mut body)?;
    Ok(frame_crc(&header.encode(), &body) == crc)
}

const READ_AHEAD_BYTES: u64 = 1024 * 1024; // few reads, and no more memory than one body
const SCAN_PIECE_BYTES: usize = 1024 * 1024; // a multiple of the alignment of groups
const _: () = assert!(FRAME_COVERED_BYTES + 4 == FRAME_HEADER_BYTES);
