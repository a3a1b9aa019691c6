//! Takes in the log: brings overlay, ledger and blob files to its end.

use std::io;

use bytes::Bytes;
use strongroom_store::{KeyRange, Revision, StoreError, StoredEvent};

use super::OpenError;
use crate::blobs::{BlobRecovery, BlobSnapshot};
use crate::commit::{Changes, Checkpoint, Overlay, find, placed_record, scan};
use crate::events::Journal;
use crate::ledger::Ledger;
use crate::limits::EngineLimits;
use crate::log::recovery::{Inventory, LogError, ReplayStart, Replayed};
use crate::log::{Body, FrameKind, SealedFrame, SegmentFile};
use crate::ordered::{OrderedIndex, OrderedIndexError};
use crate::record::{Change, Home, Record};

/// What a replay builds.
pub(super) struct Recovery {
    pub(super) limits: EngineLimits,
    pub(super) index: Box<dyn OrderedIndex>,
    pub(super) checkpoint: Option<Checkpoint>,
    pub(super) overlay: Overlay,
    pub(super) pending: Changes,
    pub(super) pending_bytes: usize,
    pub(super) events: Vec<StoredEvent>,
    pub(super) ledger: Ledger,
    pub(super) blobs: BlobRecovery,
    pub(super) journal: Journal,
    /// The journal holds all events up to this one.
    pub(super) journal_lsn: u64,
}

/// A frame of the last group, which is written again.
pub(super) struct LastFrame {
    pub(super) kind: FrameKind,
    pub(super) lsn: u64,
    pub(super) body: Body,
}

impl Recovery {
    pub(super) fn new(
        inventory: &Inventory,
        index: Box<dyn OrderedIndex>,
        checkpoint: Option<Checkpoint>,
        (limits, journal): (EngineLimits, Journal),
    ) -> Self {
        let mut ledger = checkpoint.as_ref().map_or_else(Ledger::default, |c| c.ledger.clone());
        for segment in inventory.used.values() {
            let header = &segment.header;
            let known = checkpoint
                .as_ref()
                .is_some_and(|checkpoint| segment.generation() <= checkpoint.position.generation);
            if !known {
                ledger.begin(segment.generation(), header.segment_bytes, header.lsn_first);
            }
        }
        let snapshot = checkpoint.as_ref().map_or_else(BlobSnapshot::default, |c| c.blobs.clone());
        Self {
            limits,
            index,
            checkpoint,
            overlay: Overlay::default(),
            pending: Changes::new(),
            pending_bytes: 0,
            events: Vec::new(),
            ledger,
            blobs: BlobRecovery::new(snapshot),
            journal_lsn: journal.lsn_last(),
            journal,
        }
    }

    pub(super) fn start(&self) -> Option<ReplayStart> {
        let checkpoint = self.checkpoint.as_ref()?;
        let before = checkpoint.position.generation;
        let closed = self.ledger.ends().into_iter().filter(|end| end.generation < before);
        Some(ReplayStart { position: checkpoint.position, closed: closed.collect() })
    }

    pub(super) fn is_rebuild(&self) -> bool {
        self.checkpoint.is_none()
    }

    /// Takes in one frame.
    pub(super) fn frame(
        &mut self,
        segment: &SegmentFile,
        frame: &SealedFrame,
    ) -> Result<(), LogError> {
        let mut places = Vec::new();
        let body = Body::decode(&frame.plaintext, |at| places.push(at))
            .map_err(|error| LogError::Corrupt { what: error.to_string() })?;
        let (generation, lsn) = (segment.generation(), frame.header.lsn);
        let at = u32::try_from(frame.offset).unwrap_or(u32::MAX);
        let mut places = places.into_iter();
        self.ledger.note_lsn(generation, lsn);
        for item in &body.items {
            let home = Home { generation, frame: at, bytes: item.accounted_bytes() };
            let new = placed_record(item, lsn, home, &mut places);
            if new.is_none() {
                self.ledger.note_removal(generation, home.bytes);
            }
            self.change(item.key(), lsn, frame.header.kind, new)
                .map_err(|error| LogError::Io(io::Error::other(error)))?;
        }
        if let Some(event) = body.event
            && lsn > self.journal_lsn
        {
            self.events.push(StoredEvent { revision: Revision(lsn), event });
        }
        self.spill().map_err(|error| LogError::Io(io::Error::other(error)))
    }

    pub(super) fn change(
        &mut self,
        key: &Bytes,
        lsn: u64,
        kind: FrameKind,
        new: Option<Record>,
    ) -> Result<(), StoreError> {
        let current = match self.pending.get(key) {
            Some(change) => Some(change.clone()),
            None => find(&self.overlay, &*self.index, key)?,
        };
        let current_lsn = current.as_ref().map(|change| change.lsn);
        let applies = match kind {
            // In a rebuild the copy may be all there is, and removals keep their LSN until its
            // end. Otherwise a copy only says where its record is now.
            FrameKind::Relocated if !self.is_rebuild() => {
                new.is_some()
                    && current.as_ref().and_then(|change| change.record.as_ref()).is_some()
                    && current_lsn == Some(lsn)
            }
            _ => current_lsn.is_none_or(|current| current <= lsn),
        };
        if !applies {
            return Ok(());
        }
        let old = current.and_then(|change| change.record);
        self.ledger.account(old.as_ref(), new.as_ref());
        let (old_file, new_file) =
            (old.as_ref().and_then(Record::blob_file), new.as_ref().and_then(Record::blob_file));
        if old_file != new_file {
            new_file.into_iter().for_each(|file| self.blobs.adopt(file));
            old_file.into_iter().for_each(|file| self.blobs.release(file));
        }
        let change = Change { lsn, record: new };
        self.pending_bytes += change.memory_bytes(key);
        self.pending.insert(key.clone(), change);
        Ok(())
    }

    /// A rebuild moves what it has to the index from time to time, so that memory stays bounded;
    /// with its removals, because the log is not in the order of LSNs.
    fn spill(&mut self) -> Result<(), OrderedIndexError> {
        let enough = self.pending.len() >= self.limits.checkpoint_entries
            || self.pending_bytes >= self.limits.checkpoint_bytes;
        if !self.is_rebuild() || !enough {
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        self.pending_bytes = 0;
        let mut changes = pending.into_iter().map(|(key, change)| (key, Some(change.encode())));
        self.index.apply(&mut changes, Bytes::new())
    }

    /// Ends a rebuild: removals go out of the index, and the files that have an owner are known.
    pub(super) fn sweep_removals(&mut self) -> Result<(), StoreError> {
        let mut range = KeyRange::prefix(b"");
        loop {
            let page =
                self.index.scan(&range, SWEEP_ENTRIES).map_err(crate::commit::index_error)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            let mut next = last.to_vec();
            next.push(0);
            range.start = next.into();
            let removed: Vec<Bytes> = page
                .iter()
                .filter(|(_, value)| Change::decode(value).is_ok_and(|c| c.record.is_none()))
                .map(|(key, _)| key.clone())
                .collect();
            let mut changes = removed.into_iter().map(|key| (key, None));
            self.index.apply(&mut changes, Bytes::new()).map_err(crate::commit::index_error)?;
        }
    }

    /// After a rebuild nothing else says which files have an owner.
    pub(super) fn adopt_all(&mut self) -> Result<(), StoreError> {
        let mut range = KeyRange::prefix(b"");
        loop {
            let page = scan(None, &self.overlay, &*self.index, &range, SWEEP_ENTRIES)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            let mut next = last.to_vec();
            next.push(0);
            range.start = next.into();
            for (_, change) in &page {
                if let Some(file) = change.record.as_ref().and_then(Record::blob_file) {
                    self.blobs.adopt(file);
                }
            }
        }
    }

    /// Notes where each segment ends; those that do not count have no account.
    pub(super) fn settle_segments(&mut self, inventory: &Inventory, replayed: &Replayed) {
        for end in &replayed.ends {
            if let Some(account) = self.ledger.get_mut(end.generation) {
                account.end = end.end;
                account.last_group = end.last_group;
            }
        }
        let counts = |generation: u64| {
            replayed.ends.iter().any(|end| end.generation == generation)
                && inventory.used.contains_key(&generation)
        };
        let others: Vec<u64> =
            self.ledger.iter().map(|(generation, _)| generation).filter(|g| !counts(*g)).collect();
        for generation in others {
            self.ledger.remove(generation);
        }
    }

    pub(super) fn last_group(&self, replayed: &Replayed) -> Result<Vec<LastFrame>, OpenError> {
        let mut frames = Vec::new();
        for frame in &replayed.last_group {
            let kind = frame.header.kind;
            if !matches!(kind, FrameKind::Batch | FrameKind::Relocated) {
                continue;
            }
            let body = Body::decode(&frame.plaintext, |_| {})
                .map_err(|error| OpenError::Corrupt { what: error.to_string() })?;
            frames.push(LastFrame { kind, lsn: frame.header.lsn, body });
        }
        Ok(frames)
    }
}

const SWEEP_ENTRIES: usize = 1000;
