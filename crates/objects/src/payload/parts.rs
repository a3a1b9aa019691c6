//! Reading objects that were written in parts.

use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;
use strongroom_crypto::{DataKey, EnvelopeContext};
use strongroom_store::{BoxFuture, StoreError};
use strongroom_wire::{ByteSource, ByteStream, StreamError};

use super::open::{Chunks, broken};
use super::{ByteRange, PayloadFault, Payloads, SealedPayload};
use crate::keys::{self, UploadUnique};
use crate::records::{Manifest, ManifestPart};
use crate::sweep::PartsPin;

/// The parts of an object that hold a range of it, opened one after the other.
pub(crate) struct PartsSource {
    payloads: Payloads,
    data_key: DataKey,
    upload: UploadUnique,
    /// The parts to come, with the range of each.
    parts: VecDeque<(ManifestPart, ByteRange)>,
    current: Option<Chunks>,
    /// Keeps the parts from being swept while they are read.
    _pin: PartsPin,
}

impl Payloads {
    /// Opens the parts that hold `range`. The first chunk is verified when this returns.
    pub(crate) async fn open_parts(
        &self,
        data_key: DataKey,
        upload: UploadUnique,
        manifest: &Manifest,
        range: ByteRange,
    ) -> Result<ByteStream, PayloadFault> {
        let content_length = range.range_bytes();
        let parts = select(manifest, range);
        let covered: u64 = parts.iter().map(|(_, range)| range.range_bytes()).sum();
        if covered != content_length {
            return Err(PayloadFault::Damaged("a part table does not cover its object"));
        }
        let pin = self.pins().pin(upload);
        // From here on no sweep begins; one that has begun already was marked before.
        if self.store.metadata.get(&keys::dead_upload(upload)).await?.is_some() {
            return Err(StoreError::Moved.into());
        }
        let mut source = PartsSource {
            payloads: self.clone(),
            data_key,
            upload,
            parts,
            current: None,
            _pin: pin,
        };
        source.open_next().await?;
        Ok(ByteStream::Stream { content_length, source: Box::new(source) })
    }

    /// Opens the payload of a part that a manifest lists.
    async fn open_part(
        &self,
        data_key: &DataKey,
        upload: UploadUnique,
        part: &ManifestPart,
        range: ByteRange,
    ) -> Result<Chunks, PayloadFault> {
        let number = u32::from(part.number);
        let key = keys::part(upload, number);
        for _ in 0..MOVES_MAX {
            let entry = self.store.metadata.get(&key).await?;
            // The upload's parts are swept after its object was deleted or replaced.
            let payload = entry.and_then(|entry| entry.payload).ok_or(StoreError::Moved)?;
            let context = EnvelopeContext { blob_id: part.blob_id, part: number };
            let sealed =
                SealedPayload { payload: &payload, context, object_bytes: part.object_bytes };
            match self.open_chunks(data_key, sealed, Some(range)).await {
                Err(PayloadFault::Store(StoreError::Moved)) => {}
                other => return other,
            }
        }
        Err(StoreError::Moved.into())
    }
}

impl PartsSource {
    /// Opens the next part, if there is one.
    async fn open_next(&mut self) -> Result<(), PayloadFault> {
        self.current = match self.parts.pop_front() {
            None => None,
            Some((part, range)) => {
                Some(self.payloads.open_part(&self.data_key, self.upload, &part, range).await?)
            }
        };
        Ok(())
    }

    async fn next_chunk(&mut self) -> Result<Option<Bytes>, PayloadFault> {
        while let Some(chunks) = &mut self.current {
            if let Some(chunk) = chunks.next_chunk().await? {
                return Ok(Some(chunk));
            }
            self.open_next().await?;
        }
        Ok(None)
    }
}

impl ByteSource for PartsSource {
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, StreamError>>> {
        Box::pin(async move {
            let chunk = self.next_chunk().await.map_err(|fault| broken(&fault));
            chunk.transpose()
        })
    }
}

impl fmt::Debug for PartsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartsSource")
            .field("upload", &self.upload)
            .field("parts", &self.parts.len())
            .finish_non_exhaustive()
    }
}

/// The parts that overlap a range of the object, with the range inside each. Empty parts hold
/// nothing.
fn select(manifest: &Manifest, range: ByteRange) -> VecDeque<(ManifestPart, ByteRange)> {
    let mut selected = VecDeque::new();
    let mut part_start = 0_u64;
    for part in &manifest.parts {
        let part_end = part_start.saturating_add(part.object_bytes);
        let start = range.start.max(part_start);
        let end = range.end_inclusive.saturating_add(1).min(part_end);
        if start < end {
            let inside = ByteRange {
                start: start.saturating_sub(part_start),
                end_inclusive: end.saturating_sub(part_start).saturating_sub(1),
            };
            selected.push_back((*part, inside));
        }
        part_start = part_end;
    }
    selected
}

const MOVES_MAX: usize = 100; // relocations that one open survives; more means something is wrong
