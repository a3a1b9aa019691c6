//! Writing envelopes.

use std::fmt;

use bytes::{Bytes, BytesMut};

use super::header::EnvelopeHeader;
use super::{
    CHUNK_AAD_BYTES, CHUNK_BYTES, CHUNK_OVERHEAD_BYTES, CHUNK_STORED_BYTES, CHUNKS_MAX,
    EnvelopeContext, EnvelopeError, EnvelopeKeys, HEADER_BYTES, chunk_aad, chunk_error,
    chunk_nonce,
};
use crate::aead::AeadKey;
use crate::checksum::Crc32c;
use crate::wrap::DataKey;

/// Seals the chunks of one envelope, in order.
///
/// **Nonce discipline.** The nonce is the number of the chunk and the last flag, so each number is
/// sealed once by this value. The caller guarantees that there is only ever *one* sealer for a data
/// key, blob id and part: a part that is uploaded again, or a write that is tried again, takes a
/// fresh blob id.
pub struct EnvelopeSealer {
    aead: AeadKey,
    aad: [u8; CHUNK_AAD_BYTES],
    header: EnvelopeHeader,
    next_index: u64,
    finished: bool,
}

impl EnvelopeSealer {
    /// The sealer of one payload.
    ///
    /// # Errors
    /// [`EnvelopeError::Unavailable`] if the library fails.
    pub fn new(data_key: &DataKey, context: EnvelopeContext) -> Result<Self, EnvelopeError> {
        let keys = EnvelopeKeys::derive(data_key, context)?;
        let commitment = *keys.commitment.danger_expose();
        Ok(Self {
            aead: keys.aead,
            aad: chunk_aad(context),
            header: EnvelopeHeader { context, commitment },
            next_index: 0,
            finished: false,
        })
    }

    /// The header, which is stored before the first chunk.
    #[must_use]
    pub fn header(&self) -> [u8; HEADER_BYTES] {
        self.header.encode()
    }

    /// Appends the next chunk of the payload to `out`, sealed.
    ///
    /// # Errors
    /// As [`Self::seal_in_place`]; `out` is as it was then.
    pub fn seal(
        &mut self,
        chunk: &[u8],
        last: bool,
        out: &mut BytesMut,
    ) -> Result<(), EnvelopeError> {
        let start = out.len();
        self.check(chunk.len(), last)?;
        out.reserve(chunk.len() + CHUNK_OVERHEAD_BYTES);
        out.extend_from_slice(chunk);
        let outcome = self.seal_in_place(out.get_mut(start..).unwrap_or_default(), last);
        match outcome {
            Ok(trailer) => out.extend_from_slice(&trailer),
            Err(_) => out.truncate(start),
        }
        outcome.map(|_| ())
    }

    /// Encrypts the next chunk of the payload where it lies, and answers the bytes to be stored
    /// behind it.
    ///
    /// # Errors
    /// If the chunk is not full though not last, is empty though not needed, comes behind the last
    /// one, or is one too many.
    pub fn seal_in_place(
        &mut self,
        chunk: &mut [u8],
        last: bool,
    ) -> Result<[u8; CHUNK_OVERHEAD_BYTES], EnvelopeError> {
        self.check(chunk.len(), last)?;
        let index = self.next_index;
        // A failure ends the envelope: the nonce is not used again, and what was written so far
        // never gets a last chunk.
        self.finished = true;
        self.next_index += 1;
        let tag = self
            .aead
            .seal_in_place(chunk_nonce(index, last), &self.aad, chunk)
            .map_err(|error| chunk_error(error, index))?;
        self.finished = last;
        let mut crc = Crc32c::new();
        crc.update(chunk);
        crc.update(&tag);
        let mut trailer = [0; CHUNK_OVERHEAD_BYTES];
        for (to, from) in trailer.iter_mut().zip(tag.into_iter().chain(crc.finish().to_be_bytes()))
        {
            *to = from;
        }
        Ok(trailer)
    }

    #[cfg(test)]
    pub(super) fn set_next_index(&mut self, index: u64) {
        self.next_index = index;
    }

    /// Refuses what would not be the one canonical envelope of a payload.
    fn check(&self, chunk_bytes: usize, last: bool) -> Result<(), EnvelopeError> {
        let index = self.next_index;
        if self.finished {
            return Err(EnvelopeError::Finished);
        }
        if index >= CHUNKS_MAX {
            return Err(EnvelopeError::TooLarge);
        }
        let fits = if last {
            chunk_bytes <= CHUNK_BYTES && (chunk_bytes > 0 || index == 0)
        } else {
            chunk_bytes == CHUNK_BYTES
        };
        if fits { Ok(()) } else { Err(EnvelopeError::ChunkBytes { index, chunk_bytes }) }
    }
}

impl fmt::Debug for EnvelopeSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvelopeSealer")
            .field("context", &self.header.context)
            .field("next_index", &self.next_index)
            .field("finished", &self.finished)
            .finish_non_exhaustive()
    }
}

/// The whole envelope of a payload that is at hand, in one buffer of exactly its size.
///
/// # Errors
/// If the payload is too large, or the library fails.
pub fn seal_payload(
    data_key: &DataKey,
    context: EnvelopeContext,
    payload: &[u8],
) -> Result<BytesMut, EnvelopeError> {
    let mut sealer = EnvelopeSealer::new(data_key, context)?;
    let chunks = payload.len().div_ceil(CHUNK_BYTES).max(1);
    let stored_bytes = HEADER_BYTES + payload.len() + chunks * CHUNK_OVERHEAD_BYTES;
    let mut out = BytesMut::with_capacity(stored_bytes);
    out.extend_from_slice(&sealer.header());
    let mut rest = payload;
    while let Some((chunk, tail)) = rest.split_at_checked(CHUNK_BYTES)
        && !tail.is_empty()
    {
        sealer.seal(chunk, false, &mut out)?;
        rest = tail;
    }
    sealer.seal(rest, true, &mut out)?;
    Ok(out)
}

/// Seals a payload that comes in pieces of any length.
///
/// Holds back up to one chunk, because only the end tells which chunk is the last. Each byte of
/// payload is copied once, into the buffer that leaves as stored bytes.
pub struct EnvelopeWriter {
    sealer: EnvelopeSealer,
    /// Sealed bytes that have not been handed out, then the plaintext of the current chunk.
    /// SECURITY: it is the writer's own, so that no caller can store what is not yet sealed.
    buffer: BytesMut,
    sealed_bytes: usize,
    object_bytes: u64,
    header_due: bool,
}

impl EnvelopeWriter {
    /// The writer of one payload.
    #[must_use]
    pub fn new(sealer: EnvelopeSealer) -> Self {
        Self { sealer, buffer: BytesMut::new(), sealed_bytes: 0, object_bytes: 0, header_due: true }
    }

    /// Takes in the next bytes of the payload; appends to `out` the stored bytes that are ready.
    ///
    /// # Errors
    /// If the payload is too large, or the library fails. The writer fails from then on.
    pub fn push(&mut self, payload: &[u8], out: &mut Vec<Bytes>) -> Result<(), EnvelopeError> {
        let mut rest = payload;
        while !rest.is_empty() {
            if self.pending_bytes() == CHUNK_BYTES {
                self.seal_pending(false)?;
            }
            if self.pending_bytes() == 0 {
                self.make_room(rest.len(), out);
            }
            let room = CHUNK_BYTES - self.pending_bytes();
            let (piece, tail) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            self.buffer.extend_from_slice(piece);
            rest = tail;
        }
        self.object_bytes += payload.len() as u64;
        self.hand_out(out);
        Ok(())
    }

    /// Ends the payload; appends the rest of the stored bytes to `out` and answers the number of
    /// bytes of payload.
    ///
    /// # Errors
    /// If the payload is too large, or the library fails.
    pub fn finish(mut self, out: &mut Vec<Bytes>) -> Result<u64, EnvelopeError> {
        if self.header_due {
            self.make_room(0, out);
        }
        self.seal_pending(true)?;
        self.hand_out(out);
        Ok(self.object_bytes)
    }

    /// Makes sure that whole chunks fit, so that no chunk is moved while it grows.
    fn make_room(&mut self, payload_bytes: usize, out: &mut Vec<Bytes>) {
        let header_bytes = if self.header_due { HEADER_BYTES } else { 0 };
        if !self.header_due && self.buffer.capacity() - self.buffer.len() >= CHUNK_STORED_BYTES {
            return;
        }
        self.hand_out(out);
        let chunks = payload_bytes.div_ceil(CHUNK_BYTES).min(BLOCK_CHUNKS_MAX);
        let body_bytes = (chunks * CHUNK_STORED_BYTES).max(CHUNK_OVERHEAD_BYTES);
        self.buffer.reserve(header_bytes + body_bytes);
        if self.header_due {
            self.buffer.extend_from_slice(&self.sealer.header());
            self.sealed_bytes = HEADER_BYTES;
            self.header_due = false;
        }
    }

    fn seal_pending(&mut self, last: bool) -> Result<(), EnvelopeError> {
        let pending = self.buffer.get_mut(self.sealed_bytes..).unwrap_or_default();
        let trailer = self.sealer.seal_in_place(pending, last)?;
        self.buffer.extend_from_slice(&trailer);
        self.sealed_bytes = self.buffer.len();
        Ok(())
    }

    fn hand_out(&mut self, out: &mut Vec<Bytes>) {
        if self.sealed_bytes > 0 {
            out.push(self.buffer.split_to(self.sealed_bytes).freeze());
            self.sealed_bytes = 0;
        }
    }

    /// Plaintext in the buffer.
    fn pending_bytes(&self) -> usize {
        self.buffer.len() - self.sealed_bytes
    }
}

impl fmt::Debug for EnvelopeWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvelopeWriter")
            .field("sealer", &self.sealer)
            .field("object_bytes", &self.object_bytes)
            .finish_non_exhaustive()
    }
}

const BLOCK_CHUNKS_MAX: usize = 16; // 1 MiB a buffer: large writes, small memory
