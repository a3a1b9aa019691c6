//! The 64 bytes before the first chunk.

use super::{CHUNK_BYTES_LOG2, EnvelopeContext, EnvelopeError, FORMAT_VERSION, HEADER_BYTES};
use crate::blob::BlobId;
use crate::checksum::crc32c;

/// The header of an envelope: whose payload it is, and the commitment to its key. Not secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnvelopeHeader {
    pub(super) context: EnvelopeContext,
    pub(super) commitment: [u8; 32],
}

impl EnvelopeHeader {
    /// Reads a header. Needs no key, and so proves only that the medium has kept it.
    ///
    /// # Errors
    /// If it is damaged, no header, or of a version that is not known.
    pub fn parse(bytes: &[u8; HEADER_BYTES]) -> Result<Self, EnvelopeError> {
        let mut rest = bytes.as_slice();
        let magic = take(&mut rest)?;
        let [found] = take(&mut rest)?;
        let [chunk_bytes_log2] = take(&mut rest)?;
        let reserved = take(&mut rest)?;
        let blob_id = BlobId::from_bytes(take(&mut rest)?);
        let part = u32::from_be_bytes(take(&mut rest)?);
        let commitment = take(&mut rest)?;
        let crc = u32::from_be_bytes(take(&mut rest)?);

        if magic != MAGIC {
            return Err(EnvelopeError::NotAnEnvelope);
        }
        if crc != header_crc(bytes) {
            return Err(EnvelopeError::HeaderDamaged);
        }
        if found != FORMAT_VERSION || chunk_bytes_log2 != CHUNK_BYTES_LOG2 || reserved != RESERVED {
            return Err(EnvelopeError::FormatVersion { found });
        }
        Ok(Self { context: EnvelopeContext { blob_id, part }, commitment })
    }

    /// The bytes of the header.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let fields = MAGIC
            .into_iter()
            .chain([FORMAT_VERSION, CHUNK_BYTES_LOG2])
            .chain(RESERVED)
            .chain(*self.context.blob_id.as_bytes())
            .chain(self.context.part.to_be_bytes())
            .chain(self.commitment);
        for (to, from) in bytes.iter_mut().zip(fields) {
            *to = from;
        }
        let crc = header_crc(&bytes).to_be_bytes();
        if let Some(place) = bytes.last_chunk_mut() {
            *place = crc;
        }
        bytes
    }

    /// Whose payload the envelope says it is. Authentic only after a chunk has been opened for it.
    #[must_use]
    pub fn context(&self) -> EnvelopeContext {
        self.context
    }
}

/// The CRC of all bytes but the last four, which hold it.
fn header_crc(bytes: &[u8; HEADER_BYTES]) -> u32 {
    let (covered, _) = bytes.split_last_chunk::<4>().unwrap_or((bytes, &[0; 4]));
    crc32c(covered)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], EnvelopeError> {
    let (field, tail) = rest.split_first_chunk().ok_or(EnvelopeError::Truncated)?;
    *rest = tail;
    Ok(*field)
}

const MAGIC: [u8; 4] = *b"SREV";
const RESERVED: [u8; 2] = [0; 2];
