//! Reading envelopes.

use std::fmt;

use bytes::{Bytes, BytesMut};

use super::header::EnvelopeHeader;
use super::{
    CHUNK_AAD_BYTES, CHUNK_OVERHEAD_BYTES, CHUNK_STORED_BYTES, CHUNKS_MAX, CRC_BYTES,
    EnvelopeContext, EnvelopeError, EnvelopeKeys, HEADER_BYTES, chunk_aad, chunk_error,
    chunk_nonce,
};
use crate::aead::AeadKey;
use crate::checksum::crc32c;
use crate::secret::ct_eq;
use crate::wrap::DataKey;

/// Opens the chunks of one envelope, in any order.
///
/// That the payload is whole is the caller's knowledge: it holds the number of bytes, and so (by
/// [`super::EnvelopeLayout`]) which chunk must carry the last flag.
pub struct EnvelopeOpener {
    aead: AeadKey,
    aad: [u8; CHUNK_AAD_BYTES],
    context: EnvelopeContext,
}

impl EnvelopeOpener {
    /// The opener for an envelope with this header, which must be that of `context` and `data_key`.
    ///
    /// # Errors
    /// If the header is damaged or not known, of another payload, or sealed under another key.
    pub fn new(
        data_key: &DataKey,
        context: EnvelopeContext,
        header: &[u8; HEADER_BYTES],
    ) -> Result<Self, EnvelopeError> {
        let header = EnvelopeHeader::parse(header)?;
        if header.context != context {
            return Err(EnvelopeError::Misplaced);
        }
        let keys = EnvelopeKeys::derive(data_key, context)?;
        if !ct_eq(keys.commitment.danger_expose(), &header.commitment) {
            return Err(EnvelopeError::WrongKey);
        }
        Ok(Self { aead: keys.aead, aad: chunk_aad(context), context })
    }

    /// Opens one stored chunk where it lies and answers its plaintext.
    ///
    /// # Errors
    /// If it is not the chunk that was sealed under this number with this flag. Its bytes are
    /// useless then.
    pub fn open<'a>(
        &self,
        index: u64,
        last: bool,
        stored: &'a mut [u8],
    ) -> Result<&'a mut [u8], EnvelopeError> {
        let stored_bytes = stored.len();
        // The same rules as for sealing: there is one envelope for a payload and no other.
        let fits = if last {
            stored_bytes <= CHUNK_STORED_BYTES
                && (stored_bytes > CHUNK_OVERHEAD_BYTES
                    || (stored_bytes == CHUNK_OVERHEAD_BYTES && index == 0))
        } else {
            stored_bytes == CHUNK_STORED_BYTES
        };
        let length = EnvelopeError::StoredBytes { index, stored_bytes };
        if !fits || index >= CHUNKS_MAX {
            return Err(length);
        }
        let (sealed, crc) = stored.split_last_chunk_mut::<CRC_BYTES>().ok_or(length)?;
        if crc32c(sealed) != u32::from_be_bytes(*crc) {
            return Err(EnvelopeError::ChunkDamaged { index });
        }
        self.aead
            .open_in_place(chunk_nonce(index, last), &self.aad, sealed)
            .map_err(|error| chunk_error(error, index))
    }

    /// Opens one stored chunk that owns its buffer, without a copy.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_owned(
        &self,
        index: u64,
        last: bool,
        mut stored: BytesMut,
    ) -> Result<Bytes, EnvelopeError> {
        let chunk_bytes = self.open(index, last, &mut stored)?.len();
        stored.truncate(chunk_bytes);
        Ok(stored.freeze())
    }
}

impl fmt::Debug for EnvelopeOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvelopeOpener").field("context", &self.context).finish_non_exhaustive()
    }
}
