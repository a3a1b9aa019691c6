//! Decides whether a batch may be applied, against everything committed before it.

use std::sync::Arc;

use bytes::Bytes;
use strongroom_store::{
    Batch, CommitError, KeyRange, NewPayload, Precondition, SealedBlob, StoreError, Write,
};

use super::{Changes, Kept, Overlay, find, scan};
use crate::blobs::Lease;
use crate::log::{Body, Item, ItemPayload};
use crate::ordered::OrderedIndex;
use crate::record::{Change, Payload, Record};

/// Everything that a judgement looks at.
#[derive(Debug)]
pub(crate) struct Judge<'a> {
    /// What the group holds so far.
    pub(crate) pending: &'a Changes,
    pub(crate) overlay: &'a Overlay,
    pub(crate) index: &'a dyn OrderedIndex,
    pub(crate) now_seconds: u64,
    /// Whether only batches that free room are taken.
    pub(crate) only_removals: bool,
}

/// A batch that may be applied.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) body: Body,
    /// What each item replaces.
    pub(crate) replaced: Vec<Option<Change>>,
    /// Blobs that the batch makes visible.
    pub(crate) leases: Vec<Arc<Lease>>,
}

impl Judge<'_> {
    /// Judges the preconditions in order, then the writes.
    pub(crate) fn batch(&self, batch: Batch, kept: Vec<Kept>) -> Result<Verdict, CommitError> {
        for (index, precondition) in batch.preconditions.iter().enumerate() {
            if !self.holds(precondition)? {
                return Err(CommitError::Precondition { index });
            }
        }
        if self.only_removals && !frees_room(&batch) {
            return Err(StoreError::Full.into());
        }
        let mut verdict =
            Verdict { body: Body::default(), replaced: Vec::new(), leases: Vec::new() };
        let mut kept = kept.into_iter().peekable();
        for (number, write) in batch.writes.into_iter().enumerate() {
            let kept = kept.next_if(|kept| kept.write == number);
            let (item, replaced) = self.write(write, kept, &mut verdict.leases)?;
            verdict.body.items.push(item);
            verdict.replaced.push(replaced);
        }
        verdict.body.event = batch.event;
        Ok(verdict)
    }

    /// The newest state of a key.
    pub(crate) fn current(&self, key: &[u8]) -> Result<Option<Change>, StoreError> {
        if let Some(change) = self.pending.get(key) {
            return Ok(Some(change.clone()));
        }
        find(self.overlay, self.index, key)
    }

    fn record(&self, key: &[u8]) -> Result<Option<Record>, StoreError> {
        Ok(self.current(key)?.and_then(|change| change.record))
    }

    fn holds(&self, precondition: &Precondition) -> Result<bool, StoreError> {
        Ok(match precondition {
            Precondition::Absent { key } => self.record(key)?.is_none(),
            Precondition::Present { key } => self.record(key)?.is_some(),
            Precondition::Revision { key, revision } => {
                self.record(key)?.is_some_and(|record| record.revision == revision.0)
            }
            Precondition::RangeEmpty { range } => self.is_empty(range)?,
        })
    }

    fn is_empty(&self, range: &KeyRange) -> Result<bool, StoreError> {
        Ok(scan(Some(self.pending), self.overlay, self.index, range, 1)?.is_empty())
    }

    fn write(
        &self,
        write: Write,
        kept: Option<Kept>,
        leases: &mut Vec<Arc<Lease>>,
    ) -> Result<(Item, Option<Change>), CommitError> {
        match write {
            Write::Delete { key } => {
                let replaced = self.current(&key)?;
                self.check_protection(replaced.as_ref())?;
                Ok((Item::Delete { key }, replaced))
            }
            Write::Put { key, value, payload, protection } => {
                let replaced = self.current(&key)?;
                let payload = match payload {
                    NewPayload::Keep => keep(replaced.as_ref(), kept)?,
                    NewPayload::None => {
                        self.check_protection(replaced.as_ref())?;
                        ItemPayload::None
                    }
                    NewPayload::Inline(bytes) => {
                        self.check_protection(replaced.as_ref())?;
                        ItemPayload::Inline(bytes)
                    }
                    NewPayload::Blob(blob) => {
                        self.check_protection(replaced.as_ref())?;
                        adopt(blob, leases)?
                    }
                };
                Ok((Item::Put { key, value, protection, payload }, replaced))
            }
        }
    }

    fn check_protection(&self, replaced: Option<&Change>) -> Result<(), CommitError> {
        let record = replaced.and_then(|change| change.record.as_ref());
        if record.is_some_and(|record| record.is_protected(self.now_seconds)) {
            return Err(CommitError::Protected);
        }
        Ok(())
    }
}

/// The payload that a record keeps. The precondition on its revision has held.
fn keep(replaced: Option<&Change>, kept: Option<Kept>) -> Result<ItemPayload, CommitError> {
    let record = replaced.and_then(|change| change.record.as_ref());
    let record = record.ok_or(StoreError::Invalid { what: "there is no payload to keep" })?;
    match record.payload {
        Payload::None => Ok(ItemPayload::None),
        Payload::Blob { blob_id, file, stored_bytes } => {
            Ok(ItemPayload::Blob { blob_id, file, stored_bytes })
        }
        Payload::Inline { .. } => {
            // The bytes were read by the caller's thread. A revision never changes its payload, so
            // they are the right ones if they are of this revision.
            let kept = kept.filter(|kept| kept.revision == record.revision);
            let kept = kept.ok_or(CommitError::Store(StoreError::Moved))?;
            Ok(ItemPayload::Inline(kept.payload))
        }
    }
}

/// Takes a blob into the batch. The lease is marked here, so that no second batch can take it; it
/// is given back if this batch is refused.
fn adopt(blob: SealedBlob, leases: &mut Vec<Arc<Lease>>) -> Result<ItemPayload, StoreError> {
    let lease: Arc<Lease> = blob
        .adoption
        .downcast()
        .map_err(|_| StoreError::Invalid { what: "the blob is of another engine" })?;
    if leases.iter().any(|other| other.file_number() == lease.file_number()) || lease.is_owned() {
        return Err(StoreError::Invalid { what: "the blob has an owner already" });
    }
    let payload = ItemPayload::Blob {
        blob_id: blob.blob_id,
        file: lease.file_number(),
        stored_bytes: lease.stored_bytes(),
    };
    leases.push(lease);
    Ok(payload)
}

/// Whether a batch is taken on a full drive: it removes something and brings no new payload.
fn frees_room(batch: &Batch) -> bool {
    let mut removes = false;
    for write in &batch.writes {
        match write {
            Write::Delete { .. } => removes = true,
            Write::Put { payload: NewPayload::None | NewPayload::Keep, .. } => {}
            Write::Put { payload: NewPayload::Inline(_) | NewPayload::Blob(_), .. } => {
                return false;
            }
        }
    }
    removes || batch.writes.is_empty()
}

impl Verdict {
    /// The changes of the batch as they stand before it is known where they lie.
    pub(crate) fn changes(&self, lsn: u64) -> impl Iterator<Item = (Bytes, Change)> {
        self.body.items.iter().map(move |item| {
            (item.key().clone(), Change { lsn, record: record_of(item, lsn, None) })
        })
    }
}

/// The record that an item makes, `None` for a removal. The place of an inline payload is
/// `body_offset`, if it is known already.
pub(crate) fn record_of(item: &Item, lsn: u64, body_offset: Option<u32>) -> Option<Record> {
    let Item::Put { value, protection, payload, .. } = item else { return None };
    let payload = match payload {
        ItemPayload::None => Payload::None,
        ItemPayload::Inline(bytes) => Payload::Inline {
            body_offset: body_offset.unwrap_or(0),
            stored_bytes: crate::codec::u32_of(bytes.len()),
        },
        ItemPayload::Blob { blob_id, file, stored_bytes } => {
            Payload::Blob { blob_id: *blob_id, file: *file, stored_bytes: *stored_bytes }
        }
    };
    Some(Record {
        revision: lsn,
        home: crate::record::Home::default(),
        protection: *protection,
        payload,
        value: value.clone(),
    })
}
