//! The in-memory reference engine: `--ephemeral` runs on it, and every other engine is compared
//! with it.
//!
//! It does what the traits say in the plainest way: ordered maps behind one lock. Nothing survives
//! the process, so "durable" means "applied". Batches are judged and applied in one critical
//! section, which is their total order.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use strongroom_crypto::{BlobId, WrappingKey};
use strongroom_types::{Clock, Entropy};

use crate::limits::{check_event, check_scan_limit};
use crate::{
    Batch, BlobReader, BlobStore, BlobWriter, BoxFuture, CommitError, Committed, Entry, KeyName,
    KeyRange, KeyVault, MetadataStore, NewPayload, PayloadRef, Precondition, Protection, Revision,
    SealedBlob, Store, StoreError, StoredEvent, VAULT_KEYS_MAX, VaultError, Write,
};

/// An engine that keeps everything in memory. Cloning it gives another handle on the same data.
#[derive(Clone)]
pub struct MemoryEngine {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    state: Mutex<State>,
    keys: Mutex<BTreeMap<KeyName, Arc<WrappingKey>>>,
}

/// Everything that batches change.
#[derive(Default)]
struct State {
    records: BTreeMap<Bytes, Record>,
    payloads: BTreeMap<u64, Pieces>,
    payload_last: u64,
    revision: Revision,
    events: VecDeque<StoredEvent>,
    events_bytes: usize,
}

struct Record {
    entry: Entry,
    protection: Protection,
}

impl MemoryEngine {
    /// An empty engine. The clock decides when a [`Protection`] ends.
    #[must_use]
    pub fn new(entropy: Arc<dyn Entropy>, clock: Arc<dyn Clock>) -> Self {
        let state = Mutex::new(State::default());
        let keys = Mutex::new(BTreeMap::new());
        Self { shared: Arc::new(Shared { clock, entropy, state, keys }) }
    }

    /// The engine as the services see it.
    #[must_use]
    pub fn store(&self) -> Store {
        Store {
            metadata: Arc::new(self.clone()),
            blobs: Arc::new(self.clone()),
            keys: Arc::new(self.clone()),
        }
    }

    /// Bytes of all payloads that are owned by a record.
    #[must_use]
    pub fn payload_bytes(&self) -> u64 {
        self.shared.state.lock().payloads.values().map(|pieces| pieces.stored_bytes).sum()
    }
}

impl fmt::Debug for MemoryEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state.lock();
        f.debug_struct("MemoryEngine")
            .field("records", &state.records.len())
            .field("payloads", &state.payloads.len())
            .field("revision", &state.revision)
            .finish_non_exhaustive()
    }
}

impl MetadataStore for MemoryEngine {
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Entry>, StoreError>> {
        Box::pin(async move {
            let state = self.shared.state.lock();
            Ok(state.records.get(key).map(|record| record.entry.clone()))
        })
    }

    fn scan<'a>(
        &'a self,
        range: KeyRange,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Bytes, Entry)>, StoreError>> {
        Box::pin(async move {
            check_scan_limit(limit)?;
            let state = self.shared.state.lock();
            let page = state.range(&range).take(limit);
            Ok(page.map(|(key, record)| (key.clone(), record.entry.clone())).collect())
        })
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Committed, CommitError>> {
        Box::pin(async move {
            let now_seconds = self.shared.clock.now().seconds();
            self.shared.state.lock().commit(batch, now_seconds)
        })
    }

    fn append_event(&self, event: Bytes) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            check_event(&event)?;
            let mut state = self.shared.state.lock();
            let revision = state.next_revision();
            state.push_event(revision, event);
            Ok(())
        })
    }

    fn events(
        &self,
        after: Revision,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        Box::pin(async move {
            check_scan_limit(limit)?;
            let state = self.shared.state.lock();
            let first = state.events.partition_point(|event| event.revision <= after);
            Ok(state.events.range(first..).take(limit).cloned().collect())
        })
    }
}

impl State {
    /// Judges a batch and applies it whole, or changes nothing.
    fn commit(&mut self, batch: Batch, now_seconds: u64) -> Result<Committed, CommitError> {
        batch.check()?;
        for (index, precondition) in batch.preconditions.iter().enumerate() {
            if !self.holds(precondition) {
                return Err(CommitError::Precondition { index });
            }
        }
        for write in &batch.writes {
            self.check_protection(write, now_seconds)?;
        }
        // Adoption is the only step that can still fail, so it comes before the first change.
        let adopted = adopt(&batch.writes)?;
        let revision = self.next_revision();
        for (write, pieces) in batch.writes.into_iter().zip(adopted) {
            self.apply(write, pieces, revision);
        }
        if let Some(event) = batch.event {
            self.push_event(revision, event);
        }
        Ok(Committed { revision })
    }

    fn holds(&self, precondition: &Precondition) -> bool {
        match precondition {
            Precondition::Absent { key } => !self.records.contains_key(key),
            Precondition::Present { key } => self.records.contains_key(key),
            Precondition::Revision { key, revision } => {
                self.records.get(key).is_some_and(|record| record.entry.revision == *revision)
            }
            Precondition::RangeEmpty { range } => self.range(range).next().is_none(),
        }
    }

    fn check_protection(&self, write: &Write, now_seconds: u64) -> Result<(), CommitError> {
        let keeps = matches!(write, Write::Put { payload: NewPayload::Keep, .. });
        match self.records.get(write.key()) {
            Some(record) if !keeps && record.protection.is_in_force(now_seconds) => {
                Err(CommitError::Protected)
            }
            _ => Ok(()),
        }
    }

    /// Applies one write. `adopted` are the bytes of its new payload, if it brings one.
    fn apply(&mut self, write: Write, adopted: Option<Pieces>, revision: Revision) {
        let (key, value, payload, protection) = match write {
            Write::Put { key, value, payload, protection } => (key, value, payload, protection),
            Write::Delete { key } => {
                self.release(&key);
                self.records.remove(&key);
                return;
            }
        };
        let payload = match (payload, adopted) {
            (NewPayload::Keep, _) => self.payload_of(&key).cloned(),
            (NewPayload::Inline(_), Some(pieces)) => {
                self.release(&key);
                // INVARIANT: `Batch::check` bounds an inline payload far below 4 GiB.
                let stored_bytes = u32::try_from(pieces.stored_bytes).unwrap_or(u32::MAX);
                let offset = self.own(pieces);
                Some(PayloadRef::Inline { segment: MEMORY_SEGMENT, offset, stored_bytes })
            }
            (NewPayload::Blob(SealedBlob { blob_id, .. }), Some(pieces)) => {
                self.release(&key);
                let stored_bytes = pieces.stored_bytes;
                Some(PayloadRef::Blob { blob_id, file: self.own(pieces), stored_bytes })
            }
            (NewPayload::None | NewPayload::Inline(_) | NewPayload::Blob(_), _) => {
                self.release(&key);
                None
            }
        };
        self.records.insert(key, Record { entry: Entry { value, revision, payload }, protection });
    }

    /// Keeps the bytes of a payload and says where. Places are never used again, so that a stale
    /// reference never finds another payload.
    fn own(&mut self, pieces: Pieces) -> u64 {
        self.payload_last += 1;
        self.payloads.insert(self.payload_last, pieces);
        self.payload_last
    }

    fn payload_of(&self, key: &[u8]) -> Option<&PayloadRef> {
        self.records.get(key).and_then(|record| record.entry.payload.as_ref())
    }

    fn release(&mut self, key: &[u8]) {
        if let Some(place) = self.payload_of(key).map(place_of) {
            self.payloads.remove(&place);
        }
    }

    fn range(&self, range: &KeyRange) -> impl Iterator<Item = (&Bytes, &Record)> {
        // An ordered map refuses a range that ends before it starts.
        let bounds = if range.is_void() {
            (Bound::Included(range.start.as_ref()), Bound::Excluded(range.start.as_ref()))
        } else {
            range.bounds()
        };
        self.records.range::<[u8], _>(bounds)
    }

    fn next_revision(&mut self) -> Revision {
        self.revision.0 += 1;
        self.revision
    }

    /// Keeps an event, and lets the oldest go once there are too many bytes of them: an ephemeral
    /// engine promises no retention, only that memory stays bounded.
    fn push_event(&mut self, revision: Revision, event: Bytes) {
        self.events_bytes += event.len() + EVENT_OVERHEAD_BYTES;
        self.events.push_back(StoredEvent { revision, event });
        while self.events_bytes > EVENTS_BYTES_MAX {
            let Some(oldest) = self.events.pop_front() else {
                break;
            };
            self.events_bytes -= oldest.event.len() + EVENT_OVERHEAD_BYTES;
        }
    }
}

/// Takes the bytes of every payload that the writes bring, in their order; takes none if one of
/// them is not to be had.
fn adopt(writes: &[Write]) -> Result<Vec<Option<Pieces>>, StoreError> {
    let mut offers: Vec<&Offer> = Vec::new();
    for write in writes {
        let Write::Put { payload: NewPayload::Blob(blob), .. } = write else {
            continue;
        };
        let offer = blob
            .adoption
            .downcast_ref::<Offer>()
            .ok_or(StoreError::Invalid { what: "the blob is of another engine" })?;
        let offered_twice = offers.iter().any(|other| std::ptr::eq(*other, offer));
        if offered_twice || offer.pieces.lock().is_none() {
            return Err(StoreError::Invalid { what: "the blob has an owner already" });
        }
        offers.push(offer);
    }
    let mut offers = offers.into_iter();
    let take = |write: &Write| match write {
        Write::Put { payload: NewPayload::Inline(bytes), .. } => {
            let mut pieces = Pieces::default();
            pieces.push(bytes.clone());
            Some(pieces)
        }
        Write::Put { payload: NewPayload::Blob(_), .. } => offers.next()?.pieces.lock().take(),
        Write::Put { payload: NewPayload::None | NewPayload::Keep, .. } | Write::Delete { .. } => {
            None
        }
    };
    Ok(writes.iter().map(take).collect())
}

/// The bytes of a blob until a record owns them: adopted once, freed with the last clone.
#[derive(Debug)]
struct Offer {
    pieces: Mutex<Option<Pieces>>,
}

impl BlobStore for MemoryEngine {
    fn create(&self, blob_id: BlobId) -> BoxFuture<'_, Result<Box<dyn BlobWriter>, StoreError>> {
        Box::pin(async move {
            let writer: Box<dyn BlobWriter> =
                Box::new(MemoryWriter { blob_id, pieces: Pieces::default() });
            Ok(writer)
        })
    }

    fn open<'a>(
        &'a self,
        payload: &'a PayloadRef,
    ) -> BoxFuture<'a, Result<Box<dyn BlobReader>, StoreError>> {
        Box::pin(async move {
            let state = self.shared.state.lock();
            let pieces = state.payloads.get(&place_of(payload)).ok_or(StoreError::Moved)?;
            if pieces.stored_bytes != payload.stored_bytes() {
                return Err(StoreError::Moved);
            }
            let reader: Box<dyn BlobReader> = Box::new(MemoryReader { pieces: pieces.clone() });
            Ok(reader)
        })
    }
}

/// Bytes in the pieces in which they came, so that a payload is never copied.
#[derive(Debug, Default, Clone)]
struct Pieces {
    /// The pieces, none of them empty, under the offsets at which they start.
    pieces: BTreeMap<u64, Bytes>,
    stored_bytes: u64,
}

impl Pieces {
    fn push(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        let start = self.stored_bytes;
        self.stored_bytes += bytes.len() as u64;
        self.pieces.insert(start, bytes);
    }

    /// `length` bytes from `offset`; `None` unless all of them are there.
    fn read(&self, offset: u64, length: usize) -> Option<Bytes> {
        let end = offset.checked_add(length as u64)?;
        if end > self.stored_bytes {
            return None;
        }
        if length == 0 {
            return Some(Bytes::new());
        }
        let (first_start, first) = self.pieces.range(..=offset).next_back()?;
        let skip = usize::try_from(offset - first_start).ok()?;
        if first.len() - skip >= length {
            return Some(first.slice(skip..skip + length));
        }
        let mut joined = BytesMut::with_capacity(length);
        for (start, piece) in self.pieces.range(first_start..&end) {
            let from = usize::try_from(offset.saturating_sub(*start)).ok()?;
            let upto = usize::try_from(end - start).ok()?.min(piece.len());
            joined.extend_from_slice(piece.get(from..upto)?);
        }
        Some(joined.freeze())
    }
}

#[derive(Debug)]
struct MemoryWriter {
    blob_id: BlobId,
    pieces: Pieces,
}

impl BlobWriter for MemoryWriter {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.pieces.push(bytes);
            Ok(())
        })
    }

    fn finish(self: Box<Self>) -> BoxFuture<'static, Result<SealedBlob, StoreError>> {
        Box::pin(async move {
            Ok(SealedBlob {
                blob_id: self.blob_id,
                stored_bytes: self.pieces.stored_bytes,
                adoption: Arc::new(Offer { pieces: Mutex::new(Some(self.pieces)) }),
            })
        })
    }
}

#[derive(Debug)]
struct MemoryReader {
    pieces: Pieces,
}

impl BlobReader for MemoryReader {
    fn stored_bytes(&self) -> u64 {
        self.pieces.stored_bytes
    }

    fn read_at(&self, offset: u64, length: usize) -> BoxFuture<'_, Result<Bytes, StoreError>> {
        Box::pin(async move {
            self.pieces.read(offset, length).ok_or_else(|| StoreError::Corrupt {
                what: format!("{length} bytes at {offset} are not inside the payload"),
            })
        })
    }
}

impl KeyVault for MemoryEngine {
    fn get(&self, name: &KeyName) -> Result<Arc<WrappingKey>, VaultError> {
        let keys = self.shared.keys.lock();
        keys.get(name).map(Arc::clone).ok_or(VaultError::NoSuchKey(*name))
    }

    fn create(&self, name: KeyName) -> BoxFuture<'_, Result<Arc<WrappingKey>, VaultError>> {
        Box::pin(async move {
            let mut keys = self.shared.keys.lock();
            if let Some(existing) = keys.get(&name) {
                return Ok(Arc::clone(existing));
            }
            if keys.len() >= VAULT_KEYS_MAX {
                return Err(VaultError::Full);
            }
            let made = Arc::new(WrappingKey::random(self.shared.entropy.as_ref())?);
            keys.insert(name, Arc::clone(&made));
            Ok(made)
        })
    }

    fn destroy(&self, name: KeyName) -> BoxFuture<'_, Result<(), VaultError>> {
        Box::pin(async move {
            self.shared.keys.lock().remove(&name);
            Ok(())
        })
    }
}

fn place_of(payload: &PayloadRef) -> u64 {
    match payload {
        PayloadRef::Inline { offset, .. } => *offset,
        PayloadRef::Blob { file, .. } => *file,
    }
}

/// An engine in memory has no files; every inline payload names this one.
const MEMORY_SEGMENT: u64 = 0;
/// Most bytes of events that are kept; the oldest go first.
const EVENTS_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What an event takes in memory beside its bytes, about.
const EVENT_OVERHEAD_BYTES: usize = 64;

#[cfg(test)]
mod tests;
