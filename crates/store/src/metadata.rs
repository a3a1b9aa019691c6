//! Records in key order.

use std::fmt;
use std::ops::Bound;

use bytes::Bytes;
use strongroom_crypto::BlobId;

use crate::{Batch, BoxFuture, CommitError, Committed, StoreError};

/// An ordered map from byte strings to records, changed by conditional batches.
///
/// Every read sees all that was acknowledged before it began (linearizable for one key; a scan is
/// not a snapshot across the calls that page through it).
pub trait MetadataStore: Send + Sync + fmt::Debug {
    /// The record under a key.
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Entry>, StoreError>>;

    /// Up to `limit` records of a range in ascending order of their keys. Fewer than `limit` means
    /// that the range has no more.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] if `limit` is over [`crate::SCAN_ENTRIES_MAX`].
    fn scan<'a>(
        &'a self,
        range: KeyRange,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Bytes, Entry)>, StoreError>>;

    /// Applies a batch: durable when this returns `Ok`.
    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Committed, CommitError>>;

    /// Takes an audit event that belongs to no batch. Returns when the event is queued, which
    /// waits while the queue is full and never drops; the event is durable within 200 ms.
    fn append_event(&self, event: Bytes) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Up to `limit` durable events with a revision above `after`, in order.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] if `limit` is over [`crate::SCAN_ENTRIES_MAX`].
    fn events(
        &self,
        after: Revision,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>>;
}

/// The place of a batch in the total order of all batches (the log sequence number).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// A record as it was committed.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The bytes that were put.
    pub value: Bytes,
    /// Which batch put them.
    pub revision: Revision,
    /// The payload that the record owns.
    pub payload: Option<PayloadRef>,
}

/// Where the payload of a record is. Made by an engine, opened by [`crate::BlobStore::open`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PayloadRef {
    /// Inside the engine's log.
    Inline {
        /// Which file of the engine.
        segment: u64,
        /// Where in it.
        offset: u64,
        /// Length in bytes as stored.
        stored_bytes: u32,
    },
    /// A file of its own.
    Blob {
        /// The id given to [`crate::BlobStore::create`].
        blob_id: BlobId,
        /// Which file of the engine.
        file: u64,
        /// Length in bytes as stored.
        stored_bytes: u64,
    },
}

impl PayloadRef {
    /// Length of the payload in bytes as stored.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        match self {
            Self::Inline { stored_bytes, .. } => u64::from(*stored_bytes),
            Self::Blob { stored_bytes, .. } => *stored_bytes,
        }
    }
}

/// An event read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// The order of the event among all batches and events.
    pub revision: Revision,
    /// The bytes that were given.
    pub event: Bytes,
}

/// A range of keys, from `start` inclusive to `end` exclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    /// First key of the range.
    pub start: Bytes,
    /// First key behind the range; `None` = no end.
    pub end: Option<Bytes>,
}

impl KeyRange {
    /// All keys that begin with `prefix`.
    #[must_use]
    pub fn prefix(prefix: &[u8]) -> Self {
        Self { start: Bytes::copy_from_slice(prefix), end: prefix_end(prefix) }
    }

    /// The keys of `prefix` that come after `after`, which itself is left out.
    #[must_use]
    pub fn prefix_after(prefix: &[u8], after: &[u8]) -> Self {
        let mut start = Vec::with_capacity(after.len() + 1);
        start.extend_from_slice(after);
        start.push(0);
        let start = start.max(prefix.to_vec());
        Self { start: start.into(), end: prefix_end(prefix) }
    }

    /// Whether the range holds the key.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        key >= self.start.as_ref() && self.end.as_ref().is_none_or(|end| key < end.as_ref())
    }

    /// The range as a pair of bounds for ordered maps.
    #[must_use]
    pub fn bounds(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        let end = self.end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        (Bound::Included(self.start.as_ref()), end)
    }

    /// Whether no key at all can be in the range.
    #[must_use]
    pub fn is_void(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }
}

/// The least key above all keys with this prefix; `None` if there is none.
fn prefix_end(prefix: &[u8]) -> Option<Bytes> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return Some(end.into());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_range_holds_exactly_its_prefix() {
        let range = KeyRange::prefix(b"a\xff");
        assert!(range.contains(b"a\xff"));
        assert!(range.contains(b"a\xff\xff\xff"));
        assert!(!range.contains(b"b"));
        assert!(!range.contains(b"a\xfe\xff"));
        assert_eq!(KeyRange::prefix(b"\xff\xff").end, None);
        assert!(KeyRange::prefix(b"").contains(b"\xff\xff"));
    }

    #[test]
    fn a_resumed_range_starts_behind_its_marker() {
        let range = KeyRange::prefix_after(b"p/", b"p/k");
        assert!(!range.contains(b"p/k"));
        assert!(range.contains(b"p/k\0"));
        assert!(!range.contains(b"q"));
        assert!(KeyRange::prefix_after(b"p/", b"a").contains(b"p/"));
        assert!(KeyRange::prefix_after(b"p/", b"z").is_void());
    }
}
