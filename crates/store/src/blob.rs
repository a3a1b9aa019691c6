//! Immutable payloads.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use strongroom_crypto::BlobId;

use crate::{BoxFuture, PayloadRef, StoreError};

/// Keeps payloads: bytes that are sealed already, written once, read in ranges, never changed.
pub trait BlobStore: Send + Sync + fmt::Debug {
    /// Starts a blob of unknown length. Nothing of it is visible until a batch names it; a writer
    /// that is dropped leaves nothing behind.
    fn create(&self, blob_id: BlobId) -> BoxFuture<'_, Result<Box<dyn BlobWriter>, StoreError>>;

    /// Opens the payload of a record. As long as the reader lives its bytes stay readable,
    /// whatever happens to the record.
    ///
    /// # Errors
    /// [`StoreError::Moved`] if the record was changed, or its payload relocated, since it was
    /// read: read the record again and open what it says now.
    fn open<'a>(
        &'a self,
        payload: &'a PayloadRef,
    ) -> BoxFuture<'a, Result<Box<dyn BlobReader>, StoreError>>;
}

/// A blob that is being written.
pub trait BlobWriter: Send + fmt::Debug {
    /// Appends bytes. Waits while the drive is behind, so that memory stays bounded.
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Makes what was written durable.
    fn finish(self: Box<Self>) -> BoxFuture<'static, Result<SealedBlob, StoreError>>;
}

/// A durable blob that no record names yet. A committed batch makes it the property of one record;
/// when the last clone of an unadopted one is dropped, the blob is removed.
///
/// `Clone`, so that a writer whose batch lost a race can offer the same blob again. A batch that
/// names a blob which has an owner already is refused.
#[derive(Clone)]
pub struct SealedBlob {
    /// The id given to [`BlobStore::create`].
    pub blob_id: BlobId,
    /// Length in bytes as stored.
    pub stored_bytes: u64,
    /// What the engine needs to adopt the blob; its destructor removes an unadopted one.
    pub adoption: Arc<dyn Any + Send + Sync>,
}

impl fmt::Debug for SealedBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedBlob")
            .field("blob_id", &self.blob_id)
            .field("stored_bytes", &self.stored_bytes)
            .finish_non_exhaustive()
    }
}

/// An open payload.
pub trait BlobReader: Send + Sync + fmt::Debug {
    /// Length in bytes as stored.
    fn stored_bytes(&self) -> u64;

    /// Reads exactly `length` bytes from `offset`.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if the range is not inside the payload or the bytes on disk are
    /// not those that were written.
    fn read_at(&self, offset: u64, length: usize) -> BoxFuture<'_, Result<Bytes, StoreError>>;
}
