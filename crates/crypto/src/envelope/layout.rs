//! Where the chunks of an envelope lie. Pure arithmetic.

use super::{
    CHUNK_BYTES, CHUNK_OVERHEAD_BYTES, CHUNK_STORED_BYTES, CHUNKS_MAX, EnvelopeError, HEADER_BYTES,
};

/// The layout of the envelope of a payload of known length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnvelopeLayout {
    object_bytes: u64,
}

/// Consecutive chunks that hold a range of the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkSpan {
    /// The first chunk.
    pub first_chunk: u64,
    /// The last chunk of the span, not necessarily of the envelope.
    pub last_chunk: u64,
    /// Where the first chunk starts, from the start of the header.
    pub stored_offset: u64,
    /// Stored bytes of the span.
    pub stored_bytes: u64,
    /// Bytes of payload to drop from the first chunk.
    pub skip_bytes: u64,
    /// Bytes of payload in the range, counted after the skipped ones.
    pub range_bytes: u64,
    /// Whether the span ends with the last chunk of the envelope.
    pub includes_last: bool,
}

impl EnvelopeLayout {
    /// Largest payload in bytes.
    pub const OBJECT_BYTES_MAX: u64 = CHUNKS_MAX * CHUNK;

    /// The layout for this many bytes of payload.
    ///
    /// # Errors
    /// [`EnvelopeError::TooLarge`] over [`Self::OBJECT_BYTES_MAX`].
    pub fn new(object_bytes: u64) -> Result<Self, EnvelopeError> {
        if object_bytes > Self::OBJECT_BYTES_MAX {
            return Err(EnvelopeError::TooLarge);
        }
        Ok(Self { object_bytes })
    }

    /// The one layout that takes this many stored bytes.
    ///
    /// # Errors
    /// [`EnvelopeError::StoredLength`] if there is none.
    pub fn from_stored_bytes(stored_bytes: u64) -> Result<Self, EnvelopeError> {
        let error = EnvelopeError::StoredLength { stored_bytes };
        let body = stored_bytes.checked_sub(HEADER).ok_or(error)?;
        let overhead = body.div_ceil(CHUNK_STORED).saturating_mul(CHUNK_OVERHEAD);
        let layout = Self::new(body.checked_sub(overhead).ok_or(error)?).map_err(|_| error)?;
        if layout.stored_bytes() == stored_bytes { Ok(layout) } else { Err(error) }
    }

    /// Bytes of payload.
    #[must_use]
    pub fn object_bytes(&self) -> u64 {
        self.object_bytes
    }

    /// Number of chunks: at least one, because the last flag must be somewhere.
    #[must_use]
    pub fn chunks(&self) -> u64 {
        self.object_bytes.div_ceil(CHUNK).max(1)
    }

    /// Stored bytes of the whole envelope, header included.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        HEADER + self.object_bytes + self.chunks() * CHUNK_OVERHEAD
    }

    /// Stored bytes of one chunk; 0 for a chunk that there is not.
    #[must_use]
    pub fn chunk_stored_bytes(&self, index: u64) -> u64 {
        if index >= self.chunks() {
            return 0;
        }
        let left = self.object_bytes - index * CHUNK;
        left.min(CHUNK) + CHUNK_OVERHEAD
    }

    /// Whether this chunk carries the last flag.
    #[must_use]
    pub fn is_last(&self, index: u64) -> bool {
        index == self.chunks() - 1
    }

    /// The chunks that hold the payload from `start` to `end_inclusive`; nothing if the range is
    /// turned round or goes beyond the payload.
    #[must_use]
    pub fn for_range(&self, start: u64, end_inclusive: u64) -> Option<ChunkSpan> {
        if start > end_inclusive || end_inclusive >= self.object_bytes {
            return None;
        }
        let (first_chunk, last_chunk) = (start / CHUNK, end_inclusive / CHUNK);
        Some(self.span(first_chunk, last_chunk, start % CHUNK, end_inclusive - start + 1))
    }

    /// All chunks, for an empty payload as well.
    #[must_use]
    pub fn whole(&self) -> ChunkSpan {
        self.span(0, self.chunks() - 1, 0, self.object_bytes)
    }

    fn span(&self, first_chunk: u64, last_chunk: u64, skip: u64, range_bytes: u64) -> ChunkSpan {
        let full_chunks = last_chunk - first_chunk;
        ChunkSpan {
            first_chunk,
            last_chunk,
            stored_offset: HEADER + first_chunk * CHUNK_STORED,
            stored_bytes: full_chunks * CHUNK_STORED + self.chunk_stored_bytes(last_chunk),
            skip_bytes: skip,
            range_bytes,
            includes_last: self.is_last(last_chunk),
        }
    }
}

const CHUNK: u64 = CHUNK_BYTES as u64;
const CHUNK_STORED: u64 = CHUNK_STORED_BYTES as u64;
const CHUNK_OVERHEAD: u64 = CHUNK_OVERHEAD_BYTES as u64;
const HEADER: u64 = HEADER_BYTES as u64;
