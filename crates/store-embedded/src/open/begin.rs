//! Begins a new segment, with the last group of the old one in it, and puts the machine together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use strongroom_crypto::Secret;
use strongroom_store::{Revision, StoredEvent};
use strongroom_types::{Clock, Entropy};

use super::replay::{LastFrame, Recovery};
use super::{OpenError, StartRoom, failed};
use crate::blobs::BlobFiles;
use crate::commit::{LogState, placed_record};
use crate::disk::{Disk, Stopped};
use crate::ledger::Ledger;
use crate::log::recovery::{Inventory, Replayed};
use crate::log::{GroupBuilder, Item, SealedGroup, SegmentEnd, SegmentStart, Writer, WriterError};
use crate::machine::Machine;
use crate::record::Home;
use crate::reserve::Reserve;
use crate::segments::Segments;

/// What a segment is begun with, beside what a replay has built.
pub(super) struct Begin {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) log_key: Secret<32>,
    pub(super) inventory: Inventory,
    pub(super) replayed: Replayed,
    pub(super) last_group: Vec<LastFrame>,
    pub(super) stopped: Stopped,
    pub(super) room: StartRoom,
}

impl Recovery {
    /// Begins a new segment. Its first group holds the last group of the old one once more, so it
    /// is durable, table and all, before anything is answered.
    pub(super) fn begin_segment(mut self, begin: Begin) -> Result<Machine, OpenError> {
        let Begin { disk, clock, entropy, log_key, inventory, replayed, last_group, .. } = begin;
        let Begin { stopped, room, .. } = begin;
        let lsn_known = self.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.lsn_next);
        // A gap: an LSN of a group that was cut, and could not be read, is never used again.
        let lsn_next = replayed.lsn_max.max(lsn_known).saturating_add(LSN_GAP);
        let generation = replayed.generation_max + 1;
        let log_bytes = self.replayed_bytes(&replayed);
        let reserve = Reserve::new(Arc::clone(&disk), self.limits.reserve_bytes);
        let reserve = Arc::new(reserve);
        let segments = Segments::new(
            Arc::clone(&disk),
            Arc::clone(&reserve),
            self.limits.segments_prewritten,
            inventory
                .used
                .iter()
                .filter(|(generation, _)| self.ledger.get(**generation).is_some())
                .map(|(generation, segment)| (*generation, Arc::clone(segment)))
                .collect(),
            inventory.file_number_next,
        );
        take_free_files(&segments, &inventory, self.limits.segment_bytes_first)?;

        let free = match room {
            StartRoom::Free => {
                segments.take_or_allocate(segments.wanted_bytes(&self.ledger, &self.limits))
            }
            StartRoom::Reserve => segments.take_or_make(self.limits.segment_bytes_first),
        };
        let free = free.map_err(|error| failed("making a segment", error))?;
        let start = SegmentStart {
            generation,
            lsn_first: lsn_next,
            continues: replayed.continues,
            segment_bytes: free.segment_bytes,
        };
        let mut builder = GroupBuilder::begin_segment(
            start,
            free.file_number,
            free.file,
            (&log_key, &*entropy),
            &self.ledger.ends(),
        )?;
        let mut places = Vec::new();
        for frame in &last_group {
            let mut payloads = Vec::new();
            let at = builder.push(frame.kind, frame.lsn, &frame.body, |at| payloads.push(at));
            places.push((u32::try_from(at).unwrap_or(u32::MAX), payloads));
        }
        let sealed = builder.finish()?;
        sealed.write().inspect_err(|error| drop_unbegun(&segments, free.file_number, error))?;
        self.ledger.begin(generation, start.segment_bytes, lsn_next);
        segments.add(sealed.segment());
        for (frame, (at, payloads)) in last_group.into_iter().zip(places) {
            self.take_in_again(generation, frame, (at, payloads))?;
        }
        if let Some(account) = self.ledger.get_mut(generation) {
            account.end = sealed.end().offset;
            account.last_group = sealed.end().group;
        }
        free_leftovers(&segments, &inventory, &replayed, &self.ledger)?;
        self.finish(Finish {
            disk,
            clock,
            entropy,
            log_key,
            segments,
            lsn_next,
            generation,
            log_bytes,
            sealed,
            stopped,
            reserve,
        })
    }

    /// Bytes of log behind the checkpoint: the next start reads them again, until there is another.
    fn replayed_bytes(&self, replayed: &Replayed) -> u64 {
        let from = self.checkpoint.as_ref().map(|checkpoint| checkpoint.position);
        let bytes = |end: &SegmentEnd| match from {
            Some(from) if end.generation < from.generation => 0,
            Some(from) if end.generation == from.generation => end.end.saturating_sub(from.offset),
            _ => end.end,
        };
        replayed.ends.iter().map(bytes).sum()
    }

    fn take_in_again(
        &mut self,
        generation: u64,
        frame: LastFrame,
        (at, payloads): (u32, Vec<u32>),
    ) -> Result<(), OpenError> {
        let mut payloads = payloads.into_iter();
        self.ledger.note_lsn(generation, frame.lsn);
        for item in &frame.body.items {
            let home = Home { generation, frame: at, bytes: item.accounted_bytes() };
            let new = placed_record(item, frame.lsn, home, &mut payloads);
            if matches!(item, Item::Delete { .. }) {
                self.ledger.note_removal(generation, home.bytes);
            }
            self.change(item.key(), frame.lsn, frame.kind, new)?;
        }
        if let Some(event) = frame.body.event
            && frame.lsn > self.journal_lsn
        {
            self.events.push(StoredEvent { revision: Revision(frame.lsn), event });
        }
        Ok(())
    }

    fn finish(mut self, finish: Finish) -> Result<Machine, OpenError> {
        let Finish { disk, clock, entropy, log_key, segments, .. } = finish;
        let Finish { lsn_next, generation, log_bytes, sealed, stopped, reserve, .. } = finish;
        let rebuilt = self.is_rebuild();
        if rebuilt {
            let pending = std::mem::take(&mut self.pending);
            let mut changes = pending.into_iter().map(|(key, change)| (key, Some(change.encode())));
            self.index.apply(&mut changes, Bytes::new())?;
            self.sweep_removals()?;
        }
        self.overlay.publish(std::mem::take(&mut self.pending), std::mem::take(&mut self.events));
        if rebuilt {
            self.adopt_all()?;
        }
        let blobs = match rebuilt {
            true => BlobFiles::open_after_rebuild(
                Arc::clone(&disk),
                self.limits.blob_pool_files,
                self.blobs,
            ),
            false => BlobFiles::open(Arc::clone(&disk), self.limits.blob_pool_files, self.blobs),
        };
        let blobs = blobs.map_err(|error| failed("listing the blob files", error))?;
        let log = LogState {
            writer: Writer::new(&sealed),
            ledger: self.ledger,
            lsn_next: lsn_next + 1,
            generation_next: generation + 1,
            bytes_since_checkpoint: log_bytes,
            on_reserve: false,
            buffer: sealed.into_buffer(),
        };
        let passed = self.checkpoint.map_or(0, |checkpoint| checkpoint.position.generation);
        Ok(Machine {
            limits: self.limits,
            reserve,
            disk,
            clock,
            entropy,
            log_key,
            index: self.index,
            overlay: self.overlay,
            segments,
            log: Mutex::new(log),
            blobs: Arc::new(blobs),
            journal: self.journal,
            checkpoint: Mutex::default(),
            checkpoint_running: Mutex::default(),
            checkpoint_done: Condvar::new(),
            checkpoint_generation: AtomicU64::new(passed),
            retiring: Mutex::default(),
            stopped,
            short_of_room: AtomicBool::new(false),
            room_looked_seconds: AtomicU64::new(0),
            checkpoint_stuck: AtomicBool::new(false),
            checkpoint_seconds: AtomicU64::new(0),
        })
    }
}

struct Finish {
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    log_key: Secret<32>,
    segments: Segments,
    lsn_next: u64,
    generation: u64,
    log_bytes: u64,
    sealed: SealedGroup,
    stopped: Stopped,
    reserve: Arc<Reserve>,
}

/// Blank files can be used if they are whole; others are removed.
fn take_free_files(
    segments: &Segments,
    inventory: &Inventory,
    segment_bytes_first: u64,
) -> Result<(), OpenError> {
    for (file_number, file) in &inventory.blank {
        let bytes = file.len().map_err(|error| failed("reading a segment", error))?;
        if bytes >= segment_bytes_first && bytes.is_power_of_two() {
            segments.take_up(*file_number, Arc::clone(file))
        } else {
            segments.discard(*file_number)
        }
        .map_err(|error| failed("removing a segment", error))?;
    }
    Ok(())
}

/// A segment whose first group was not written does not exist: its file only takes room that the
/// next try may need.
fn drop_unbegun(segments: &Segments, file_number: u64, error: &WriterError) {
    if matches!(error, WriterError::Write(_))
        && let Err(error) = segments.discard(file_number)
    {
        tracing::warn!(%error, "a segment that was not begun stays");
    }
}

/// Segments that do not count are wiped, now that the table of the new segment is durable, which
/// does not name them.
fn free_leftovers(
    segments: &Segments,
    inventory: &Inventory,
    replayed: &Replayed,
    ledger: &Ledger,
) -> Result<(), OpenError> {
    let wiping = |error| failed("wiping a segment", error);
    for generation in &replayed.leftovers {
        if ledger.get(*generation).is_some() {
            continue;
        }
        if let Some(segment) = inventory.used.get(generation) {
            segments.free_file(segment.file_number, Arc::clone(&segment.file)).map_err(wiping)?;
        }
    }
    for (file_number, file) in &inventory.damaged {
        segments.free_file(*file_number, Arc::clone(file)).map_err(wiping)?;
    }
    Ok(())
}

const LSN_GAP: u64 = 1 << 20; // more than a group has frames
