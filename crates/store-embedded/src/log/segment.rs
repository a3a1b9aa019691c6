//! Segment files: their header, in two copies, and the key of one generation.

use std::fmt;
use std::io;
use std::sync::Arc;

use strongroom_crypto::{AeadError, AeadKey, Secret, crc32c, hkdf_sha256};

use super::GroupTag;
use crate::codec::Fields;
use crate::disk::{DiskFile, DiskPath};

/// What the header of a segment says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// Which use of which file this is: every use of any file has a number of its own, and later
    /// uses have greater numbers.
    pub(crate) generation: u64,
    /// Random; the segment's key is derived from it, so that no two uses share a key.
    pub(crate) salt: [u8; 32],
    /// No frame of this segment that is no relocation has a smaller LSN.
    pub(crate) lsn_first: u64,
    /// The number of the last group before this segment that counts: what lies behind that group
    /// in its segment is ignored for ever.
    pub(crate) continues_group: u64,
    /// The tag of that group.
    pub(crate) continues_tag: GroupTag,
    /// Length of the file.
    pub(crate) segment_bytes: u64,
}

/// A segment that is in use: its file, and the key of its generation.
pub(crate) struct SegmentFile {
    /// Its header.
    pub(crate) header: SegmentHeader,
    /// The number in the name of the file.
    pub(crate) file_number: u64,
    /// The file.
    pub(crate) file: Arc<dyn DiskFile>,
    key: AeadKey,
}

/// What was found at the head of a segment file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SegmentState {
    /// A header that is whole, in at least one copy.
    Used(SegmentHeader),
    /// Zeros: prepared, or wiped.
    Blank,
    /// Neither.
    Damaged,
}

impl SegmentHeader {
    /// The header region of a segment: both copies.
    pub(crate) fn encode_region(&self) -> Vec<u8> {
        let copy = self.encode();
        let mut region = vec![0; REGION_BYTES];
        for at in [0, HEADER_COPY_BYTES] {
            if let Some(place) = region.get_mut(at..at + copy.len()) {
                place.copy_from_slice(&copy);
            }
        }
        region
    }

    fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = Vec::with_capacity(HEADER_BYTES);
        out.extend_from_slice(&SEGMENT_MAGIC);
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(&self.generation.to_le_bytes());
        out.extend_from_slice(&self.salt);
        out.extend_from_slice(&self.lsn_first.to_le_bytes());
        out.extend_from_slice(&self.continues_group.to_le_bytes());
        out.extend_from_slice(&self.continues_tag);
        out.extend_from_slice(&self.segment_bytes.to_le_bytes());
        out.resize(HEADER_BYTES - 4, 0);
        let crc = crc32c(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        let mut header = [0; HEADER_BYTES];
        header.copy_from_slice(&out);
        header
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (covered, crc) = bytes.split_last_chunk::<4>()?;
        if crc32c(covered) != u32::from_le_bytes(*crc) {
            return None;
        }
        let mut fields = Fields::new(covered);
        if fields.array::<8>().ok()? != SEGMENT_MAGIC || fields.u32().ok()? != FORMAT_VERSION {
            return None;
        }
        Some(Self {
            generation: fields.u64().ok()?,
            salt: fields.array().ok()?,
            lsn_first: fields.u64().ok()?,
            continues_group: fields.u64().ok()?,
            continues_tag: fields.array().ok()?,
            segment_bytes: fields.u64().ok()?,
        })
    }
}

impl SegmentFile {
    /// Derives the key of this generation.
    ///
    /// SECURITY: the whole header goes into the key, so that a header that was changed opens
    /// nothing; the salt is fresh for every use of a file, so that an offset, which is the nonce
    /// of the frame at it, is never used twice under one key.
    pub(crate) fn new(
        header: SegmentHeader,
        file_number: u64,
        file: Arc<dyn DiskFile>,
        log_key: &Secret<32>,
    ) -> Result<Self, AeadError> {
        let key = hkdf_sha256(log_key, &header.salt, &[KEY_LABEL, &header.encode()]);
        Ok(Self { header, file_number, file, key: AeadKey::new(&key)? })
    }

    /// Number of this use.
    pub(crate) fn generation(&self) -> u64 {
        self.header.generation
    }

    /// Seals a frame body that will lie at `offset`.
    pub(crate) fn seal(
        &self,
        offset: u64,
        aad: &[u8],
        body: &mut [u8],
    ) -> Result<GroupTag, AeadError> {
        self.key.seal_in_place(nonce(offset), aad, body)
    }

    /// Opens a frame body (with its tag) that lies at `offset`.
    pub(crate) fn open<'a>(
        &self,
        offset: u64,
        aad: &[u8],
        body: &'a mut [u8],
    ) -> Result<&'a mut [u8], AeadError> {
        self.key.open_in_place(nonce(offset), aad, body)
    }
}

impl fmt::Debug for SegmentFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SegmentFile")
            .field("generation", &self.header.generation)
            .field("file_number", &self.file_number)
            .finish_non_exhaustive()
    }
}

/// Reads what is at the head of a segment file.
pub(crate) fn read_segment(file: &dyn DiskFile) -> io::Result<SegmentState> {
    if file.len()? < FRAMES_START {
        // A file that was being made when the power failed.
        return Ok(SegmentState::Blank);
    }
    let mut region = vec![0; REGION_BYTES];
    file.read_at(0, &mut region)?;
    for at in [0, HEADER_COPY_BYTES] {
        let copy = region.get(at..at + HEADER_BYTES).and_then(SegmentHeader::decode);
        if let Some(header) = copy {
            return Ok(SegmentState::Used(header));
        }
    }
    if region.iter().all(|byte| *byte == 0) {
        return Ok(SegmentState::Blank);
    }
    Ok(SegmentState::Damaged)
}

/// Makes the header of a segment unreadable, durably: the segment is out of use, and with the salt
/// the key to everything in it is gone.
pub(crate) fn wipe_header(file: &dyn DiskFile) -> io::Result<()> {
    file.write_at(0, &[0; REGION_BYTES])?;
    file.sync()
}

/// Where the file of this number is.
pub(crate) fn segment_path(file_number: u64) -> DiskPath {
    DiskPath::data(format!("{LOG_DIR}/{file_number:08}.seg"))
}

fn nonce(offset: u64) -> [u8; AeadKey::NONCE_BYTES] {
    let mut nonce = [0; AeadKey::NONCE_BYTES];
    for (place, byte) in nonce.iter_mut().zip(offset.to_le_bytes()) {
        *place = byte;
    }
    nonce
}

/// The directory of the segments.
pub(crate) const LOG_DIR: &str = "log";
/// The first byte behind the two copies of the header.
pub(crate) const FRAMES_START: u64 = 8192;

const REGION_BYTES: usize = 8192; // two copies, each in a block of its own
const HEADER_COPY_BYTES: usize = 4096;
const HEADER_BYTES: usize = 128;
const SEGMENT_MAGIC: [u8; 8] = *b"SRLOGSEG";
const FORMAT_VERSION: u32 = 1;
const KEY_LABEL: &[u8] = b"strongroom log segment v1";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Disk, SimDisk};

    fn header() -> SegmentHeader {
        SegmentHeader {
            generation: 7,
            salt: [3; 32],
            lsn_first: 11,
            continues_group: 5,
            continues_tag: [9; 16],
            segment_bytes: 65_536,
        }
    }

    #[test]
    fn one_damaged_copy_is_repaired_by_the_other() {
        let disk = SimDisk::new(1);
        let path = DiskPath::data("a");
        let file = disk.create(&path).unwrap();
        file.write_at(0, &header().encode_region()).unwrap();
        for bit in 0..HEADER_BYTES as u64 * 8 {
            disk.flip_bit(&path, bit);
            assert_eq!(read_segment(&*file).unwrap(), SegmentState::Used(header()), "{bit}");
            disk.flip_bit(&path, bit);
        }
        disk.flip_bit(&path, 100);
        disk.flip_bit(&path, 4096 * 8 + 500);
        assert_eq!(read_segment(&*file).unwrap(), SegmentState::Damaged);
        wipe_header(&*file).unwrap();
        assert_eq!(read_segment(&*file).unwrap(), SegmentState::Blank);
    }

    #[test]
    fn every_field_of_the_header_changes_the_key() {
        let disk = SimDisk::new(1);
        let file = disk.create(&DiskPath::data("a")).unwrap();
        let log_key = Secret::from_bytes([1; 32]);
        let sealed = {
            let segment = SegmentFile::new(header(), 1, Arc::clone(&file), &log_key).unwrap();
            let mut body = *b"body";
            let tag = segment.seal(8192, b"aad", &mut body).unwrap();
            [&body[..], &tag[..]].concat()
        };
        let changes: [fn(&mut SegmentHeader); 6] = [
            |h| h.generation += 1,
            |h| h.salt[31] ^= 1,
            |h| h.lsn_first += 1,
            |h| h.continues_group += 1,
            |h| h.continues_tag[0] ^= 1,
            |h| h.segment_bytes += 1,
        ];
        for change in changes {
            let mut other = header();
            change(&mut other);
            let segment = SegmentFile::new(other, 1, Arc::clone(&file), &log_key).unwrap();
            assert!(segment.open(8192, b"aad", &mut sealed.clone()).is_err());
        }
        let segment = SegmentFile::new(header(), 1, file, &log_key).unwrap();
        assert!(segment.open(8193, b"aad", &mut sealed.clone()).is_err(), "another offset");
        assert!(segment.open(8192, b"aae", &mut sealed.clone()).is_err(), "another header");
        assert_eq!(segment.open(8192, b"aad", &mut sealed.clone()).unwrap(), b"body");
    }
}
