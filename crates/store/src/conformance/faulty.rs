//! Engines with one fault each: what the suite must notice.

use std::sync::Arc;

use bytes::Bytes;
use strongroom_crypto::{BlobId, WrappingKey};

use crate::memory::MemoryEngine;
use crate::{
    Batch, BlobReader, BlobStore, BlobWriter, BoxFuture, CommitError, Committed, Entry, KeyName,
    KeyRange, KeyVault, MetadataStore, NewPayload, PayloadRef, Protection, Revision, SealedBlob,
    Store, StoreError, StoredEvent, VaultError, Write,
};

/// What is wrong with an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    IgnoresPreconditions,
    LosesEvents,
    DropsLastWrite,
    ForgetsProtection,
    ScansBackwards,
    KeepsNothing,
    TakesAnyScan,
    CommitsTwice,
    ReadsBesides,
    ReadsShort,
    LosesLastPiece,
    ForgetsOpenReaders,
    NeverMoves,
    ReplacesKeys,
    KeepsDestroyedKeys,
    HasOneKey,
}

impl Fault {
    pub(super) const ALL: [Self; 16] = [
        Self::IgnoresPreconditions,
        Self::LosesEvents,
        Self::DropsLastWrite,
        Self::ForgetsProtection,
        Self::ScansBackwards,
        Self::KeepsNothing,
        Self::TakesAnyScan,
        Self::CommitsTwice,
        Self::ReadsBesides,
        Self::ReadsShort,
        Self::LosesLastPiece,
        Self::ForgetsOpenReaders,
        Self::NeverMoves,
        Self::ReplacesKeys,
        Self::KeepsDestroyedKeys,
        Self::HasOneKey,
    ];
}

/// The engine with a fault built in.
pub(super) fn faulty(engine: &MemoryEngine, fault: Fault) -> Store {
    let inner = engine.store();
    let faulty = Arc::new(Faulty { inner, fault });
    Store { metadata: Arc::clone(&faulty) as _, blobs: Arc::clone(&faulty) as _, keys: faulty }
}

#[derive(Debug)]
struct Faulty {
    inner: Store,
    fault: Fault,
}

impl MetadataStore for Faulty {
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Entry>, StoreError>> {
        self.inner.metadata.get(key)
    }

    fn scan<'a>(
        &'a self,
        range: KeyRange,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Bytes, Entry)>, StoreError>> {
        Box::pin(async move {
            let limit = match self.fault {
                Fault::TakesAnyScan => limit.min(crate::SCAN_ENTRIES_MAX),
                _ => limit,
            };
            let mut page = self.inner.metadata.scan(range, limit).await?;
            if self.fault == Fault::ScansBackwards {
                page.reverse();
            }
            Ok(page)
        })
    }

    fn commit(&self, mut batch: Batch) -> BoxFuture<'_, Result<Committed, CommitError>> {
        if batch.check().is_ok() {
            self.spoil(&mut batch);
        }
        Box::pin(async move {
            let committed = self.inner.metadata.commit(batch).await?;
            if self.fault == Fault::CommitsTwice {
                return self.inner.metadata.commit(Batch::default()).await;
            }
            Ok(committed)
        })
    }

    fn append_event(&self, event: Bytes) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.metadata.append_event(event)
    }

    fn events(
        &self,
        after: Revision,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        self.inner.metadata.events(after, limit)
    }
}

impl Faulty {
    fn spoil(&self, batch: &mut Batch) {
        match self.fault {
            Fault::IgnoresPreconditions => batch.preconditions.clear(),
            Fault::LosesEvents => batch.event = None,
            Fault::DropsLastWrite if batch.writes.len() > 1 => {
                batch.writes.pop();
            }
            Fault::ForgetsProtection => {
                for write in &mut batch.writes {
                    if let Write::Put { protection, .. } = write {
                        *protection = Protection::default();
                    }
                }
            }
            Fault::KeepsNothing => {
                for write in &mut batch.writes {
                    if let Write::Put { payload: payload @ NewPayload::Keep, .. } = write {
                        *payload = NewPayload::None;
                    }
                }
            }
            _ => (),
        }
    }
}

impl BlobStore for Faulty {
    fn create(&self, blob_id: BlobId) -> BoxFuture<'_, Result<Box<dyn BlobWriter>, StoreError>> {
        Box::pin(async move {
            let inner = self.inner.blobs.create(blob_id).await?;
            let writer: Box<dyn BlobWriter> =
                Box::new(FaultyWriter { inner, fault: self.fault, pieces: 0 });
            Ok(writer)
        })
    }

    fn open<'a>(
        &'a self,
        payload: &'a PayloadRef,
    ) -> BoxFuture<'a, Result<Box<dyn BlobReader>, StoreError>> {
        Box::pin(async move {
            let inner = match self.inner.blobs.open(payload).await {
                Err(StoreError::Moved) if self.fault == Fault::NeverMoves => None,
                opened => Some(opened?),
            };
            let (store, payload) = (self.inner.clone(), payload.clone());
            let reader: Box<dyn BlobReader> =
                Box::new(FaultyReader { inner, fault: self.fault, store, payload });
            Ok(reader)
        })
    }
}

#[derive(Debug)]
struct FaultyWriter {
    inner: Box<dyn BlobWriter>,
    fault: Fault,
    pieces: usize,
}

impl BlobWriter for FaultyWriter {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), StoreError>> {
        self.pieces += 1;
        // The length stays, so that only the bytes tell.
        let lost = self.fault == Fault::LosesLastPiece && self.pieces == 2;
        let bytes = if lost { Bytes::from(vec![0; bytes.len()]) } else { bytes };
        self.inner.write(bytes)
    }

    fn finish(self: Box<Self>) -> BoxFuture<'static, Result<SealedBlob, StoreError>> {
        self.inner.finish()
    }
}

#[derive(Debug)]
struct FaultyReader {
    inner: Option<Box<dyn BlobReader>>,
    fault: Fault,
    store: Store,
    payload: PayloadRef,
}

impl BlobReader for FaultyReader {
    fn stored_bytes(&self) -> u64 {
        self.payload.stored_bytes()
    }

    fn read_at(&self, offset: u64, length: usize) -> BoxFuture<'_, Result<Bytes, StoreError>> {
        Box::pin(async move {
            let Some(inner) = &self.inner else { return Ok(Bytes::from(vec![0; length])) };
            let left = inner.stored_bytes().saturating_sub(offset);
            match self.fault {
                Fault::ReadsBesides if length as u64 + 1 < left => {
                    inner.read_at(offset + 1, length).await
                }
                Fault::ReadsShort => {
                    let length = length.min(usize::try_from(left).unwrap_or(length));
                    inner.read_at(offset.min(inner.stored_bytes()), length).await
                }
                Fault::ForgetsOpenReaders => {
                    let again = self.store.blobs.open(&self.payload).await?;
                    again.read_at(offset, length).await
                }
                _ => inner.read_at(offset, length).await,
            }
        })
    }
}

impl KeyVault for Faulty {
    fn get(&self, name: &KeyName) -> Result<Arc<WrappingKey>, VaultError> {
        match self.fault {
            Fault::HasOneKey => self.inner.keys.get(&KeyName::Token),
            _ => self.inner.keys.get(name),
        }
    }

    fn create(&self, name: KeyName) -> BoxFuture<'_, Result<Arc<WrappingKey>, VaultError>> {
        Box::pin(async move {
            match self.fault {
                Fault::HasOneKey => return self.inner.keys.create(KeyName::Token).await,
                Fault::ReplacesKeys => self.inner.keys.destroy(name).await?,
                _ => (),
            }
            self.inner.keys.create(name).await
        })
    }

    fn destroy(&self, name: KeyName) -> BoxFuture<'_, Result<(), VaultError>> {
        Box::pin(async move {
            match self.fault {
                Fault::KeepsDestroyedKeys => Ok(()),
                _ => self.inner.keys.destroy(name).await,
            }
        })
    }
}
