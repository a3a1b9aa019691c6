//! The bytes of journal files: a header with a salt, then sealed blocks of events.

use bytes::Bytes;
use strongroom_crypto::{AeadError, AeadKey, Secret, crc32c, hkdf_sha256};
use strongroom_store::{Revision, StoredEvent};
use strongroom_types::Timestamp;

use crate::codec::{Fields, put_long_bytes, u32_of};

/// The key of one journal file.
#[derive(Debug)]
pub(crate) struct JournalKey(AeadKey);

/// What stands in clear before a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockHeader {
    /// The LSN of the last event before this block, in the journal as a whole.
    pub(crate) previous_lsn: u64,
    /// The LSN of the last event of this block.
    pub(crate) lsn_last: u64,
    /// When the block was written, in microseconds since 1970.
    pub(crate) written_micros: u64,
    /// Length of the sealed body, tag included.
    pub(crate) body_bytes: u32,
}

impl JournalKey {
    /// The key of a new file, and the bytes of its header.
    pub(crate) fn begin(
        log_key: &Secret<32>,
        number: u64,
        salt: [u8; 32],
    ) -> Result<(Self, Vec<u8>), AeadError> {
        let mut header = Vec::new();
        header.extend_from_slice(&FILE_MAGIC);
        header.extend_from_slice(&number.to_le_bytes());
        header.extend_from_slice(&salt);
        header.resize(COPY_BYTES - 4, 0);
        let crc = crc32c(&header);
        header.extend_from_slice(&crc.to_le_bytes());
        let twice = [header.as_slice(), header.as_slice()].concat();
        Ok((Self(AeadKey::new(&derive(log_key, number, &salt))?), twice))
    }

    /// The key of a file with this header; `None` if neither copy of the header is whole.
    pub(crate) fn open(
        log_key: &Secret<32>,
        number: u64,
        header: &[u8],
    ) -> Result<Option<Self>, AeadError> {
        for copy in header.chunks(COPY_BYTES) {
            if let Some(salt) = read_header(copy, number) {
                return Ok(Some(Self(AeadKey::new(&derive(log_key, number, &salt))?)));
            }
        }
        Ok(None)
    }

    /// Appends a block that will lie at `offset`.
    pub(crate) fn seal_block(
        &self,
        offset: u64,
        header: BlockHeader,
        events: &[StoredEvent],
        out: &mut Vec<u8>,
    ) -> Result<(), AeadError> {
        let mut body = Vec::new();
        for event in events {
            body.extend_from_slice(&event.revision.0.to_le_bytes());
            put_long_bytes(&mut body, &event.event);
        }
        let covered = header.encode();
        let tag = self.0.seal_in_place(nonce(offset), &covered, &mut body)?;
        out.extend_from_slice(&covered);
        out.extend_from_slice(&body);
        out.extend_from_slice(&tag);
        Ok(())
    }

    /// Opens a block that lies at `offset`; `None` if it is not what was sealed there.
    pub(crate) fn open_block(
        &self,
        offset: u64,
        header: BlockHeader,
        bytes: &mut [u8],
    ) -> Option<Vec<StoredEvent>> {
        let (covered, sealed) = bytes.split_at_mut_checked(HEADER_BYTES)?;
        if *covered != header.encode() {
            return None;
        }
        let plaintext = self.0.open_in_place(nonce(offset), covered, sealed).ok()?;
        let plaintext = Bytes::copy_from_slice(plaintext);
        let mut fields = Fields::new(&plaintext);
        let mut events = Vec::new();
        while !fields.is_empty() {
            let revision = Revision(fields.u64().ok()?);
            let event = plaintext.slice_ref(fields.long_bytes().ok()?);
            events.push(StoredEvent { revision, event });
        }
        Some(events)
    }
}

impl BlockHeader {
    /// The header of a block of these events.
    pub(crate) fn of(previous_lsn: u64, events: &[StoredEvent], now: Timestamp) -> Self {
        let body: usize = events.iter().map(|event| event.event.len() + EVENT_OVERHEAD_BYTES).sum();
        Self {
            previous_lsn,
            lsn_last: events.last().map_or(previous_lsn, |event| event.revision.0),
            written_micros: now.micros(),
            body_bytes: u32_of(body + AeadKey::TAG_BYTES),
        }
    }

    /// Length of header and sealed body.
    pub(crate) fn total_bytes(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.body_bytes)
    }

    fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        let pieces: [&[u8]; 5] = [
            &BLOCK_MAGIC,
            &self.body_bytes.to_le_bytes(),
            &self.previous_lsn.to_le_bytes(),
            &self.lsn_last.to_le_bytes(),
            &self.written_micros.to_le_bytes(),
        ];
        for (place, byte) in out.iter_mut().zip(pieces.into_iter().flatten()) {
            *place = *byte;
        }
        out
    }

    /// Reads a header; `None` if the bytes are none.
    pub(crate) fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let mut fields = Fields::new(bytes);
        if fields.array::<4>().ok()? != BLOCK_MAGIC {
            return None;
        }
        let body_bytes = fields.u32().ok()?;
        let (previous_lsn, lsn_last) = (fields.u64().ok()?, fields.u64().ok()?);
        let written_micros = fields.u64().ok()?;
        let most = BODY_BYTES_MAX + AeadKey::TAG_BYTES;
        let possible = usize::try_from(body_bytes).is_ok_and(|bytes| bytes <= most);
        let ascending = previous_lsn < lsn_last;
        (possible && ascending).then_some(Self {
            previous_lsn,
            lsn_last,
            written_micros,
            body_bytes,
        })
    }
}

/// Events in blocks of a length that a reader can hold.
pub(crate) fn split(events: &[StoredEvent]) -> impl Iterator<Item = &[StoredEvent]> {
    let mut rest = events;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let mut count = 0;
        for event in rest {
            bytes += event.event.len() + EVENT_OVERHEAD_BYTES;
            if count > 0 && bytes > BLOCK_BYTES {
                break;
            }
            count += 1;
        }
        let (piece, behind) = rest.split_at_checked(count)?;
        rest = behind;
        (!piece.is_empty()).then_some(piece)
    })
}

fn read_header(copy: &[u8], number: u64) -> Option<[u8; 32]> {
    let (covered, crc) = copy.split_last_chunk::<4>()?;
    if crc32c(covered) != u32::from_le_bytes(*crc) {
        return None;
    }
    let mut fields = Fields::new(covered);
    if fields.array::<8>().ok()? != FILE_MAGIC || fields.u64().ok()? != number {
        return None;
    }
    fields.array().ok()
}

fn derive(log_key: &Secret<32>, number: u64, salt: &[u8; 32]) -> Secret<32> {
    hkdf_sha256(log_key, salt, &[KEY_LABEL, &number.to_le_bytes()])
}

fn nonce(offset: u64) -> [u8; AeadKey::NONCE_BYTES] {
    let mut nonce = [0; AeadKey::NONCE_BYTES];
    for (place, byte) in nonce.iter_mut().zip(offset.to_le_bytes()) {
        *place = byte;
    }
    nonce
}

/// Bytes of a block header.
pub(crate) const HEADER_BYTES: usize = 32;
/// Where the first block of a file lies.
pub(crate) const BLOCK_START: u64 = 1024;

const COPY_BYTES: usize = 512; // one sector each
const FILE_MAGIC: [u8; 8] = *b"SREVJRN1";
const BLOCK_MAGIC: [u8; 4] = *b"SREB";
const KEY_LABEL: &[u8] = b"strongroom event journal v1";
const BLOCK_BYTES: usize = 256 * 1024; // what a reader decrypts to find one event
const BODY_BYTES_MAX: usize = 2 * BLOCK_BYTES; // a block and its last event
const EVENT_OVERHEAD_BYTES: usize = 12; // revision and length
