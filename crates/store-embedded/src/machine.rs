//! The engine without its threads: everything that they share, and every step that they take.
//!
//! A test drives the same steps from one thread, in an order that one seed decides.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use strongroom_crypto::{AeadKey, Secret};
use strongroom_store::{
    Batch, BlobReader, Entry, KeyRange, NewPayload, PayloadRef, Revision, StoreError, StoredEvent,
    Write,
};
use strongroom_types::{Clock, Entropy};

use crate::blobs::{BlobFiles, FileReader, MemoryReader};
use crate::codec::usize_of;
use crate::commit::{Kept, LogState, OpenCheckpoint, Overlay, find, scan};
use crate::disk::{Disk, Stopped};
use crate::events::Journal;
use crate::ledger::Ledger;
use crate::limits::EngineLimits;
use crate::log::{FRAME_HEADER_BYTES, GroupStop, read_frame};
use crate::ordered::OrderedIndex;
use crate::record::{Payload, Record};
use crate::reserve::Reserve;
use crate::segments::Segments;

/// The engine without its threads.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) limits: EngineLimits,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) log_key: Secret<32>,
    pub(crate) index: Box<dyn OrderedIndex>,
    pub(crate) overlay: Overlay,
    pub(crate) segments: Segments,
    pub(crate) log: Mutex<LogState>,
    pub(crate) blobs: Arc<BlobFiles>,
    pub(crate) journal: Journal,
    /// The checkpoint that has begun and is not yet durable.
    pub(crate) checkpoint: Mutex<Option<Arc<OpenCheckpoint>>>,
    pub(crate) checkpoint_running: Mutex<()>,
    pub(crate) checkpoint_done: Condvar,
    /// The generation up to which the index goes: older segments are not replayed any more.
    pub(crate) checkpoint_generation: AtomicU64,
    /// Segments that a durable checkpoint has taken out of use.
    pub(crate) retiring: Mutex<Vec<u64>>,
    pub(crate) stopped: Stopped,
    pub(crate) short_of_room: AtomicBool,
    /// When that was last looked at, by the clock.
    pub(crate) room_looked_seconds: AtomicU64,
    /// Whether the last checkpoint found no room; it is tried again.
    pub(crate) checkpoint_stuck: AtomicBool,
    /// When the last checkpoint was tried, by the clock.
    pub(crate) checkpoint_seconds: AtomicU64,
    /// Room that is kept for a full drive.
    pub(crate) reserve: Arc<Reserve>,
}

/// What a segment of the log is wanted for: when room is short, not everything gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// Anything.
    Any,
    /// Batches that free room, and events.
    Removal,
    /// Copies of live records, whose old places are freed afterwards.
    Relocation,
}

impl Machine {
    /// Why the engine has stopped, if it has.
    pub(crate) fn stopped(&self) -> Option<String> {
        self.stopped.reason().map(str::to_owned)
    }

    /// Stops for good: after a failed sync nobody knows what the drive holds, so nothing more is
    /// acknowledged, and nothing is tried a second time.
    pub(crate) fn stop(&self, reason: &str) {
        self.stopped.set(reason);
        self.wake_waiters();
    }

    /// Lets those who wait for a checkpoint look again whether they still have to.
    pub(crate) fn wake_waiters(&self) {
        drop(self.checkpoint.lock()); // no waiter is between its check and its wait
        self.checkpoint_done.notify_all();
    }

    /// Fails if the engine has stopped.
    pub(crate) fn check_running(&self) -> Result<(), StoreError> {
        match self.stopped() {
            None => Ok(()),
            Some(reason) => Err(StoreError::Stopped { reason }),
        }
    }

    /// Whether payloads are refused because the drive is nearly full.
    pub(crate) fn is_short_of_room(&self) -> bool {
        self.short_of_room.load(Ordering::Relaxed)
    }

    /// Whether payloads are refused, and nobody has looked for a second whether there is room now.
    pub(crate) fn wants_look_at_room(&self) -> bool {
        self.is_short_of_room()
            && self.room_looked_seconds.load(Ordering::Relaxed) != self.clock.now().seconds()
    }

    /// Looks at the room on the drive.
    pub(crate) fn look_at_room(&self) {
        self.room_looked_seconds.store(self.clock.now().seconds(), Ordering::Relaxed);
        match self.disk.free_bytes() {
            Ok(free) => {
                let short = free < self.limits.free_bytes_min;
                self.short_of_room.store(short, Ordering::Relaxed);
            }
            Err(error) => tracing::warn!(%error, "the room on the drive is unknown"),
        }
    }

    /// The record under a key.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Entry>, StoreError> {
        Ok(self.record(key)?.map(|record| record.entry()))
    }

    fn record(&self, key: &[u8]) -> Result<Option<Record>, StoreError> {
        let change = find(&self.overlay, &*self.index, key)?;
        Ok(change.and_then(|change| change.record))
    }

    /// Records of a range.
    pub(crate) fn scan(
        &self,
        range: &KeyRange,
        limit: usize,
    ) -> Result<Vec<(Bytes, Entry)>, StoreError> {
        let found = scan(None, &self.overlay, &*self.index, range, limit)?;
        let entry = |(key, change): (Bytes, crate::record::Change)| {
            change.record.map(|record| (key, record.into_entry()))
        };
        Ok(found.into_iter().filter_map(entry).collect())
    }

    /// Events after a revision: from the journal, then those that are not in it yet.
    pub(crate) fn events(
        &self,
        after: Revision,
        limit: usize,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        // The overlay first: what moves to the journal meanwhile is then seen twice, not never.
        let overlaid = self.overlay.events(after, limit);
        let mut found = self.journal.read(after, limit)?;
        let last = found.last().map_or(after, |event| event.revision);
        let room = limit.saturating_sub(found.len());
        found.extend(overlaid.into_iter().filter(|event| event.revision > last).take(room));
        Ok(found)
    }

    /// Opens a payload.
    pub(crate) fn open_payload(
        &self,
        payload: &PayloadRef,
    ) -> Result<Box<dyn BlobReader>, StoreError> {
        match *payload {
            PayloadRef::Inline { segment, offset, stored_bytes } => {
                let bytes = self.read_inline(segment, offset, stored_bytes)?;
                Ok(Box::new(MemoryReader(bytes)))
            }
            PayloadRef::Blob { blob_id, file, stored_bytes } => {
                let opened = self.blobs.open_file(file)?;
                Ok(Box::new(FileReader::new(opened, file, blob_id, stored_bytes)))
            }
        }
    }

    /// Reads a payload out of the log. A segment that was taken into use again meanwhile does not
    /// authenticate under the old generation's key: then the payload has moved.
    fn read_inline(
        &self,
        generation: u64,
        place: u64,
        stored_bytes: u32,
    ) -> Result<Bytes, StoreError> {
        let segment = self.segments.get(generation).ok_or(StoreError::Moved)?;
        let (frame, body_offset) = (place >> 32, usize_of(place & u64::from(u32::MAX)));
        let length = usize_of(stored_bytes.into());
        let payload_end = body_offset.saturating_add(length);
        let expected = payload_end + FRAME_HEADER_BYTES + AeadKey::TAG_BYTES;
        match read_frame(&segment, frame, expected) {
            Ok(frame) if frame.plaintext.len() >= payload_end => {
                Ok(frame.plaintext.slice(body_offset..payload_end))
            }
            _ if self.segments.get(generation).is_none() => Err(StoreError::Moved),
            Ok(_) => Err(damaged(generation, frame, "a payload goes past its frame")),
            Err(GroupStop::Bad(what)) => Err(damaged(generation, frame, what)),
            Err(GroupStop::Io(error)) => Err(StoreError::Io(error)),
        }
    }

    /// Reads the inline payloads that the puts of a batch keep, so that the committer does not
    /// have to. Where the record is another one by now the precondition will refuse the batch.
    pub(crate) fn read_kept(&self, batch: &Batch) -> Result<Vec<Kept>, StoreError> {
        let mut kept = Vec::new();
        for (number, write) in batch.writes.iter().enumerate() {
            let Write::Put { key, payload: NewPayload::Keep, .. } = write else { continue };
            if let Some((revision, payload)) = self.read_newest_inline(key)? {
                kept.push(Kept { write: number, revision, payload });
            }
        }
        Ok(kept)
    }

    fn read_newest_inline(&self, key: &[u8]) -> Result<Option<(u64, Bytes)>, StoreError> {
        for _ in 0..MOVES_MAX {
            let Some(record) = self.record(key)? else { return Ok(None) };
            let Payload::Inline { body_offset, stored_bytes } = record.payload else {
                return Ok(None);
            };
            let place = (u64::from(record.home.frame) << 32) | u64::from(body_offset);
            match self.read_inline(record.home.generation, place, stored_bytes) {
                Ok(payload) => return Ok(Some((record.revision, payload))),
                Err(StoreError::Moved) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Moved)
    }

    /// Bytes of log since the last checkpoint began.
    pub(crate) fn log_bytes(&self) -> u64 {
        self.log.lock().bytes_since_checkpoint
    }

    /// How long the next segment should be.
    pub(crate) fn segment_bytes_wanted(&self, ledger: &Ledger) -> u64 {
        self.segments.wanted_bytes(ledger, &self.limits)
    }

    /// A checkpoint is durable: segments can go that it has taken out of use.
    pub(crate) fn retire_later(&self, generation: u64, emptied: &[u64]) {
        self.checkpoint_generation.store(generation, Ordering::Release);
        self.retiring.lock().extend_from_slice(emptied);
    }
}

fn damaged(generation: u64, frame: u64, what: &str) -> StoreError {
    StoreError::Corrupt { what: format!("segment {generation}, offset {frame}: {what}") }
}

const MOVES_MAX: usize = 8; // a record is not relocated so often while one call runs
