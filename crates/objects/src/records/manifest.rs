//! The table of the parts of an object that was written in parts.

use strongroom_crypto::{BlobId, Checksum};

use super::codec::{Decoder, Encoder, RecordError};
use super::object::{decode_digest, encode_digest};

/// The parts of an object in ascending order. Sealed, it is the payload of the object's record;
/// the parts' bytes are payloads of the part records of the upload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// The parts, numbers strictly ascending.
    pub(crate) parts: Vec<ManifestPart>,
}

/// One part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ManifestPart {
    /// 1 to 10,000.
    pub(crate) number: u16,
    /// Plaintext bytes of the part.
    pub(crate) object_bytes: u64,
    /// The id in the context of the part's envelope.
    pub(crate) blob_id: BlobId,
    /// The part's MD5, which is its ETag.
    pub md5: [u8; 16],
    /// The part's checksum.
    pub(crate) checksum: Checksum,
}

impl Manifest {
    /// The table as bytes: at most 1.1 MB for 10,000 parts.
    ///
    /// # Errors
    /// If there are more parts than an upload may have.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, RecordError> {
        if self.parts.len() > PARTS_MAX {
            return Err(RecordError::TooLong("part table"));
        }
        let mut out = Encoder::new(FORMAT_VERSION);
        out.count16("part table", self.parts.len());
        for part in &self.parts {
            out.u16(part.number);
            out.u64(part.object_bytes);
            out.fixed(part.blob_id.as_bytes());
            out.fixed(&part.md5);
            encode_digest(&mut out, &part.checksum);
        }
        out.finish()
    }

    /// Reads a table back.
    ///
    /// # Errors
    /// If the bytes are not those of a table, or its numbers do not ascend.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut input = Decoder::new(bytes, FORMAT_VERSION)?;
        let count = usize::from(input.u16()?);
        if count > PARTS_MAX {
            return Err(RecordError::Invalid("number of parts"));
        }
        let mut parts = Vec::with_capacity(count);
        let mut previous = 0;
        for _ in 0..count {
            let part = ManifestPart {
                number: input.u16()?,
                object_bytes: input.u64()?,
                blob_id: BlobId::from_bytes(input.array()?),
                md5: input.array()?,
                checksum: decode_digest(&mut input)?,
            };
            if part.number <= previous || usize::from(part.number) > PARTS_MAX {
                return Err(RecordError::Invalid("part number"));
            }
            previous = part.number;
            parts.push(part);
        }
        input.finish()?;
        Ok(Self { parts })
    }

    /// Plaintext bytes of all parts; `None` beyond what 64 bits hold.
    #[must_use]
    pub(crate) fn object_bytes(&self) -> Option<u64> {
        self.parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(part.object_bytes))
    }
}

/// Most parts of one upload. SPEC: data-protection, 1.10.
pub(crate) const PARTS_MAX: usize = 10_000;

const FORMAT_VERSION: u8 = 1;
