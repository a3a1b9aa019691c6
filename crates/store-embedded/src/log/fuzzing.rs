//! Fuzz targets of the log.

use bytes::Bytes;
use strongroom_crypto::{AeadKey, Secret, crc32c};

use super::body::decode_freed;
use super::frame::{FRAME_COVERED_BYTES, FRAME_HEADER_BYTES, FrameHeader, FrameKind, frame_crc};
use super::scan::{later_group_exists, start_of, unknown_group_exists};
use super::{
    Body, FRAMES_START, GroupReader, GroupTag, SegmentEnd, SegmentFile, SegmentHeader,
    SegmentState, encode_freed, group_end, read_frame, read_segment,
};
use crate::codec::usize_of;
use crate::fuzzing::{Memory, edits};

/// Groups of frames under changes: what is read is what was written, in its order, and the log
/// ends where the first change is.
///
/// The input is flags, the lengths of three bodies, then changes.
pub(crate) fn frames(bytes: &[u8]) {
    let Some(([flags, lengths @ ..], changes)) = bytes.split_first_chunk::<4>() else {
        return;
    };
    let bodies = lengths.map(|length| vec![length; usize::from(length)]);
    let Some(written) = write(&bodies) else {
        return;
    };
    let mut changed = edits::edited(&written, changes);
    if flags & 1 == 1 {
        repair(&mut changed, &written);
    }
    let Some(segment) = segment(&changed) else {
        return;
    };
    let Ok(mut reader) = GroupReader::from_start(&segment) else {
        return;
    };
    let mut read = 0;
    while let Ok(group) = reader.next_group() {
        for frame in group.frames {
            assert_eq!(bodies.get(read).map(Vec::as_slice), Some(&*frame.plaintext));
            let again = read_frame(&segment, frame.offset, 100);
            assert!(again.is_ok_and(|again| again.plaintext == frame.plaintext));
            read += 1;
        }
    }
    assert!(read == bodies.len() || changed != written, "what was written is read");
    for at in [start_of(&segment), reader.position()] {
        let _ = later_group_exists(&segment, at);
    }
    let _ = unknown_group_exists(&segment, u64::from(*flags));
    for offset in [0, FRAMES_START, FRAMES_START + u64::from(*flags), u64::MAX] {
        let _ = read_frame(&segment, offset, usize::from(*flags));
    }
}

/// Opened bodies, segment tables and lists of freed segments: what is read is written as the same
/// bytes, with its payloads in the same places.
pub(crate) fn body(bytes: &[u8]) {
    let plaintext = Bytes::copy_from_slice(bytes);
    let mut places = Vec::new();
    if let Ok(body) = Body::decode(&plaintext, |at| places.push(at)) {
        let (mut written, mut written_places) = (Vec::new(), Vec::new());
        body.encode(&mut written, |at| written_places.push(at));
        assert_eq!(written, bytes);
        assert_eq!(places, written_places);
        assert!(body.items.iter().all(|item| !item.key().is_empty()));
    }
    if let Ok(ends) = SegmentEnd::decode_table(bytes) {
        assert_eq!(SegmentEnd::encode_table(&ends), bytes);
    }
    if let Ok(generations) = decode_freed(bytes) {
        assert_eq!(encode_freed(&generations), bytes);
    }
    if let Some(header) = bytes.first_chunk::<FRAME_HEADER_BYTES>()
        && let Some((header, _)) = FrameHeader::decode(header)
    {
        assert!(bytes.starts_with(header.encode().get(..52).unwrap_or_default()));
    }
}

/// Headers of segments, as they are and with the CRC of the first copy made right.
pub(crate) fn segment_header(bytes: &[u8]) {
    let mut region = bytes.to_vec();
    region.resize(usize_of(FRAMES_START) + 1, 0);
    let _ = read_segment(&*Memory::file(bytes.to_vec()));
    let _ = read_segment(&*Memory::file(region.clone()));
    if let Some((covered, crc)) =
        region.get_mut(..128).and_then(|header| header.split_last_chunk_mut::<4>())
    {
        *crc = crc32c(covered).to_le_bytes();
    }
    let found = read_segment(&*Memory::file(region.clone()));
    if let Ok(SegmentState::Used(header)) = found {
        let again = read_segment(&*Memory::file([header.encode_region(), vec![0]].concat()));
        assert!(again.is_ok_and(|again| again == SegmentState::Used(header)));
    } else if let Ok(state) = found {
        let blank = region.iter().take(8192).all(|byte| *byte == 0);
        assert_eq!(state == SegmentState::Blank, blank, "only zeros are blank");
    }
}

/// A segment with these bodies: the first two in one group, the third in the next.
fn write(bodies: &[Vec<u8>; 3]) -> Option<Vec<u8>> {
    let mut out = vec![0; usize_of(FRAMES_START)];
    let segment = segment(&out)?;
    let mut tag: GroupTag = segment.header.continues_tag;
    let mut start = FRAMES_START;
    for (number, place) in [(0, (5, 0, false)), (1, (5, 1, true)), (2, (6, 0, true))] {
        let (group, index, last) = place;
        let plaintext = bodies.get(number)?;
        let header = FrameHeader {
            kind: FrameKind::Batch,
            last,
            index,
            generation: 3,
            group,
            lsn: number as u64,
            body_bytes: u32::try_from(plaintext.len() + AeadKey::TAG_BYTES).ok()?,
            previous_tag: tag,
        };
        let covered = header.encode();
        let mut sealed = plaintext.clone();
        let own = segment.seal(out.len() as u64, &covered, &mut sealed).ok()?;
        sealed.extend_from_slice(&own);
        out.extend_from_slice(&covered);
        out.extend_from_slice(&frame_crc(&covered, &sealed).to_le_bytes());
        out.extend_from_slice(&sealed);
        if last {
            let end = group_end(start, out.len() as u64 - start);
            out.resize(usize_of(end), 0);
            start = end;
            tag = own;
        }
    }
    Some(out)
}

/// Makes the CRCs of frames right that stand where one stood, so that only the key can tell.
fn repair(changed: &mut [u8], written: &[u8]) {
    let mut at = usize_of(FRAMES_START);
    while let Some(header) = written.get(at..).and_then(|rest| rest.first_chunk()) {
        let Some((header, _)) = FrameHeader::decode(header) else {
            at += 4096 - at % 4096;
            continue;
        };
        let end = at + FRAME_HEADER_BYTES + usize_of(header.body_bytes.into());
        if let Some(frame) = changed.get_mut(at..end)
            && let Some((covered, rest)) = frame.split_first_chunk_mut::<FRAME_COVERED_BYTES>()
            && let Some((crc, sealed)) = rest.split_first_chunk_mut::<4>()
        {
            *crc = frame_crc(covered, sealed).to_le_bytes();
        }
        at = end;
    }
}

fn segment(bytes: &[u8]) -> Option<SegmentFile> {
    let header = SegmentHeader {
        generation: 3,
        salt: [7; 32],
        lsn_first: 0,
        continues_group: 4,
        continues_tag: [9; 16],
        segment_bytes: 1 << 20,
    };
    SegmentFile::new(header, 1, Memory::file(bytes.to_vec()), &Secret::from_bytes([1; 32])).ok()
}
