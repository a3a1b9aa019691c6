//! Opening what goes out.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use strongroom_crypto::{
    ChunkSpan, DataKey, ENVELOPE_HEADER_BYTES, EnvelopeContext, EnvelopeError, EnvelopeLayout,
    EnvelopeOpener,
};
use strongroom_store::{BlobReader, BoxFuture, PayloadRef};
use strongroom_wire::{ByteSource, ByteStream, StreamError};

use super::{PayloadFault, Payloads};

/// A stored payload and what its record says of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SealedPayload<'a> {
    /// Where it is.
    pub(crate) payload: &'a PayloadRef,
    /// What it is.
    pub(crate) context: EnvelopeContext,
    /// Plaintext bytes.
    pub(crate) object_bytes: u64,
}

/// A range of bytes, inside the payload and not empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ByteRange {
    /// The first byte.
    pub(crate) start: u64,
    /// The last byte.
    pub(crate) end_inclusive: u64,
}

impl ByteRange {
    /// Bytes in the range.
    pub(crate) fn range_bytes(&self) -> u64 {
        self.end_inclusive.saturating_sub(self.start).saturating_add(1)
    }
}

impl Payloads {
    /// Opens a payload, or a range of it. The first chunk is verified when this returns, so that a
    /// damaged one never begins an answer.
    pub(crate) async fn open(
        &self,
        data_key: &DataKey,
        sealed: SealedPayload<'_>,
        range: Option<ByteRange>,
    ) -> Result<ByteStream, PayloadFault> {
        let chunks = self.open_chunks(data_key, sealed, range).await?;
        Ok(chunks.into_stream())
    }

    /// The whole of a payload that is known to be small enough to be held in memory.
    pub(crate) async fn open_bytes(
        &self,
        data_key: &DataKey,
        sealed: SealedPayload<'_>,
    ) -> Result<Bytes, PayloadFault> {
        let mut chunks = self.open_chunks(data_key, sealed, None).await?;
        let mut whole = BytesMut::new();
        while let Some(chunk) = chunks.next_chunk().await? {
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }

    /// Opens a payload and verifies its first chunk.
    pub(super) async fn open_chunks(
        &self,
        data_key: &DataKey,
        sealed: SealedPayload<'_>,
        range: Option<ByteRange>,
    ) -> Result<Chunks, PayloadFault> {
        let layout = EnvelopeLayout::new(sealed.object_bytes)?;
        let span = match range {
            None => layout.whole(),
            Some(range) => layout
                .for_range(range.start, range.end_inclusive)
                .ok_or(PayloadFault::Damaged("a range is outside the payload"))?,
        };
        let reader = self.store.blobs.open(sealed.payload).await?;
        if reader.stored_bytes() != layout.stored_bytes() {
            return Err(PayloadFault::Damaged("its length is not that of its record"));
        }
        // One read serves header and first chunks where they lie side by side.
        let ahead = match span.first_chunk {
            0 => batch_bytes(&layout, &span, 0)?,
            _ => 0,
        };
        let mut head =
            into_mut(reader.read_at(0, ENVELOPE_HEADER_BYTES.saturating_add(ahead)).await?);
        let header = head.split_to(ENVELOPE_HEADER_BYTES.min(head.len()));
        let header = header.as_ref().try_into().map_err(|_| short_read())?;
        let opener = EnvelopeOpener::new(data_key, sealed.context, header)?;
        let mut chunks = Chunks {
            reader,
            opener,
            layout,
            span,
            next_chunk: span.first_chunk,
            skip_bytes: span.skip_bytes,
            left_bytes: span.range_bytes,
            ready: VecDeque::new(),
        };
        if ahead > 0 {
            chunks.decrypt(head)?;
        } else {
            chunks.fill().await?;
        }
        Ok(chunks)
    }
}

/// The verified chunks of one open payload, in order.
#[derive(Debug)]
pub(super) struct Chunks {
    reader: Box<dyn BlobReader>,
    opener: EnvelopeOpener,
    layout: EnvelopeLayout,
    span: ChunkSpan,
    next_chunk: u64,
    skip_bytes: u64,
    left_bytes: u64,
    ready: VecDeque<Bytes>,
}

impl Chunks {
    /// The next bytes; `None` after the last.
    pub(super) async fn next_chunk(&mut self) -> Result<Option<Bytes>, PayloadFault> {
        if self.ready.is_empty() && self.next_chunk <= self.span.last_chunk {
            self.fill().await?;
        }
        Ok(self.ready.pop_front())
    }

    /// The answer's body.
    pub(super) fn into_stream(mut self) -> ByteStream {
        let content_length = self.span.range_bytes;
        let all_ready = self.next_chunk > self.span.last_chunk;
        if all_ready && self.ready.len() <= 1 {
            return self.ready.pop_front().unwrap_or_default().into();
        }
        ByteStream::Stream { content_length, source: Box::new(self) }
    }

    /// Reads and verifies the next few chunks in one go.
    async fn fill(&mut self) -> Result<(), PayloadFault> {
        let skipped_chunks = self.next_chunk.saturating_sub(self.span.first_chunk);
        let stored = self.layout.chunk_stored_bytes(0);
        // INVARIANT: all chunks but the last of the payload have the stored length of the first.
        let offset = self.span.stored_offset.saturating_add(skipped_chunks.saturating_mul(stored));
        let length = batch_bytes(&self.layout, &self.span, self.next_chunk)?;
        let stored = self.reader.read_at(offset, length).await?;
        self.decrypt(into_mut(stored))
    }

    /// Verifies stored chunks, the next ones of the span.
    fn decrypt(&mut self, mut stored: BytesMut) -> Result<(), PayloadFault> {
        while !stored.is_empty() {
            let index = self.next_chunk;
            let chunk_bytes = length(self.layout.chunk_stored_bytes(index))?;
            if chunk_bytes == 0 || chunk_bytes > stored.len() {
                return Err(short_read());
            }
            let chunk = stored.split_to(chunk_bytes);
            let mut chunk = self.opener.open_owned(index, self.layout.is_last(index), chunk)?;
            self.next_chunk = index.saturating_add(1);
            let skip = length(self.skip_bytes)?.min(chunk.len());
            let keep = length(self.left_bytes)?.min(chunk.len().saturating_sub(skip));
            chunk = chunk.slice(skip..skip.saturating_add(keep));
            self.skip_bytes = 0;
            self.left_bytes = self.left_bytes.saturating_sub(u64::try_from(keep).unwrap_or(0));
            if !chunk.is_empty() {
                self.ready.push_back(chunk);
            }
        }
        Ok(())
    }
}

impl ByteSource for Chunks {
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, StreamError>>> {
        Box::pin(async move {
            let chunk = self.next_chunk().await.map_err(|fault| broken(&fault));
            chunk.transpose()
        })
    }
}

/// The reason why an answer broke off, for the log.
pub(super) fn broken(fault: &PayloadFault) -> StreamError {
    let cause = std::error::Error::source(fault).map(ToString::to_string).unwrap_or_default();
    StreamError::new(format!("{fault} {cause}"))
}

/// Stored bytes of the chunks that are read together, from `first` on.
fn batch_bytes(
    layout: &EnvelopeLayout,
    span: &ChunkSpan,
    first: u64,
) -> Result<usize, PayloadFault> {
    let last = span.last_chunk.min(first.saturating_add(READ_CHUNKS - 1));
    let stored = (first..=last).map(|index| layout.chunk_stored_bytes(index)).sum();
    length(stored)
}

/// The bytes to decrypt in place; copied only if the engine keeps them as well.
fn into_mut(stored: Bytes) -> BytesMut {
    stored.try_into_mut().unwrap_or_else(|shared| BytesMut::from(shared.as_ref()))
}

fn length(bytes: u64) -> Result<usize, PayloadFault> {
    usize::try_from(bytes).map_err(|_| PayloadFault::Envelope(EnvelopeError::TooLarge))
}

fn short_read() -> PayloadFault {
    PayloadFault::Damaged("the engine gave fewer bytes than it was asked for")
}

const READ_CHUNKS: u64 = 8; // 512 KiB: large enough for a drive, small enough for many readers
