//! The plaintext header before every sealed frame body.

use strongroom_crypto::Crc32c;

use super::GroupTag;
use crate::codec::Fields;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// A batch or an event, under its own LSN.
    Batch,
    /// Live writes of an older frame, copied under that frame's LSN.
    Relocated,
    /// The segments in use before this one, and where each ends: the first frame of a segment.
    Table,
    /// Segments that go out of use.
    Freed,
}

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) kind: FrameKind,
    /// Whether this is the last frame of its group.
    pub(crate) last: bool,
    /// The place of the frame in its group, from 0.
    pub(crate) index: u16,
    /// The generation of the segment.
    pub(crate) generation: u64,
    /// The number of the group.
    pub(crate) group: u64,
    /// The place of the batch in the order of all batches.
    pub(crate) lsn: u64,
    /// Length of the sealed body, tag included.
    pub(crate) body_bytes: u32,
    /// The tag of the group before.
    pub(crate) previous_tag: GroupTag,
}

impl FrameHeader {
    /// The header without its CRC: this is also the associated data of the body.
    pub(crate) fn encode(&self) -> [u8; FRAME_COVERED_BYTES] {
        let mut out = [0; FRAME_COVERED_BYTES];
        let kind = match self.kind {
            FrameKind::Batch => 1,
            FrameKind::Relocated => 2,
            FrameKind::Table => 3,
            FrameKind::Freed => 4,
        };
        let flags = if self.last { FLAG_LAST } else { 0 };
        let pieces: [&[u8]; 8] = [
            &FRAME_MAGIC,
            &[kind, flags],
            &self.index.to_le_bytes(),
            &self.generation.to_le_bytes(),
            &self.group.to_le_bytes(),
            &self.lsn.to_le_bytes(),
            &self.body_bytes.to_le_bytes(),
            &self.previous_tag,
        ];
        for (place, byte) in out.iter_mut().zip(pieces.into_iter().flatten()) {
            *place = *byte;
        }
        out
    }

    /// Reads a header; `None` if the bytes are none. The CRC is checked apart: it covers the body.
    pub(crate) fn decode(bytes: &[u8; FRAME_HEADER_BYTES]) -> Option<(Self, u32)> {
        let mut fields = Fields::new(bytes);
        if fields.array::<4>().ok()? != FRAME_MAGIC {
            return None;
        }
        let kind = match fields.u8().ok()? {
            1 => FrameKind::Batch,
            2 => FrameKind::Relocated,
            3 => FrameKind::Table,
            4 => FrameKind::Freed,
            _ => return None,
        };
        let flags = fields.u8().ok()?;
        if flags & !FLAG_LAST != 0 {
            return None;
        }
        let header = Self {
            kind,
            last: flags == FLAG_LAST,
            index: fields.u16().ok()?,
            generation: fields.u64().ok()?,
            group: fields.u64().ok()?,
            lsn: fields.u64().ok()?,
            body_bytes: fields.u32().ok()?,
            previous_tag: fields.array().ok()?,
        };
        if fields.array::<8>().ok()? != [0; 8] {
            return None;
        }
        Some((header, fields.u32().ok()?))
    }
}

/// The CRC of a frame: over the header before it and the sealed body behind it.
pub(crate) fn frame_crc(covered: &[u8], sealed_body: &[u8]) -> u32 {
    let mut crc = Crc32c::new();
    crc.update(covered);
    crc.update(sealed_body);
    crc.finish()
}

/// Bytes of a frame header.
pub(crate) const FRAME_HEADER_BYTES: usize = 64;
/// Bytes of a frame header before its CRC.
pub(crate) const FRAME_COVERED_BYTES: usize = 60;

const FRAME_MAGIC: [u8; 4] = *b"SRFR";
const FLAG_LAST: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_written() {
        for (kind, last) in [
            (FrameKind::Batch, true),
            (FrameKind::Relocated, false),
            (FrameKind::Table, true),
            (FrameKind::Freed, false),
        ] {
            let header = FrameHeader {
                kind,
                last,
                index: 3,
                generation: 1 << 40,
                group: 5,
                lsn: 1 << 50,
                body_bytes: 77,
                previous_tag: [8; 16],
            };
            let mut bytes = [0; FRAME_HEADER_BYTES];
            bytes[..FRAME_COVERED_BYTES].copy_from_slice(&header.encode());
            bytes[FRAME_COVERED_BYTES..].copy_from_slice(&9u32.to_le_bytes());
            assert_eq!(FrameHeader::decode(&bytes), Some((header, 9)));
            for at in [0, 4, 5, 52, 59] {
                let mut other = bytes;
                other[at] ^= 0x80;
                assert_eq!(FrameHeader::decode(&other), None, "{at}");
            }
        }
    }
}
