//! Moves the overlay to the index, with the place in the log up to which the index then goes.

use std::sync::Arc;

use bytes::Bytes;
use strongroom_store::StoreError;

use super::{Frozen, index_error};
use crate::blobs::BlobSnapshot;
use crate::codec::{Fields, FieldsError};
use crate::ledger::{Ledger, SegmentUse};
use crate::log::Position;
use crate::machine::Machine;
use crate::ordered::OrderedIndexError;
use crate::record::Change;

/// What the index notes with the changes of a checkpoint: everything that recovery needs beside
/// the log behind `position`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// The index holds all before this place and nothing behind it.
    pub(crate) position: Position,
    pub(crate) lsn_next: u64,
    pub(crate) ledger: Ledger,
    pub(crate) blobs: BlobSnapshot,
    /// The journal holds all events up to this LSN.
    pub(crate) journal_lsn: u64,
}

/// A checkpoint that has begun: what is frozen, and what is noted with it.
#[derive(Debug)]
pub(crate) struct OpenCheckpoint {
    frozen: Arc<Frozen>,
    checkpoint: Checkpoint,
    /// Segments that are out of use once it is durable.
    emptied: Vec<u64>,
}

impl Machine {
    /// Freezes the overlay if there is enough in it, or if `force`d. Answers whether there is a
    /// checkpoint to run.
    pub(crate) fn begin_checkpoint(&self, force: bool) -> bool {
        let mut log = self.log.lock();
        let mut open = self.checkpoint.lock();
        if self.stopped().is_some() {
            return false;
        }
        if open.is_some() {
            return true;
        }
        let size = self.overlay.size();
        let due = size.entries >= self.limits.checkpoint_entries
            || size.bytes >= self.limits.checkpoint_bytes
            || log.bytes_since_checkpoint >= self.limits.checkpoint_log_bytes;
        if !due && !force {
            return false;
        }
        let Some(frozen) = self.overlay.freeze() else { return true };
        log.bytes_since_checkpoint = 0;
        let emptied = log.ledger.iter().filter(|(_, a)| a.state == SegmentUse::Emptied);
        let emptied = emptied.map(|(generation, _)| generation).collect();
        let journal_lsn = match frozen.events.last() {
            Some(event) => event.revision.0,
            None => self.journal.lsn_last(),
        };
        let checkpoint = Checkpoint {
            position: log.writer.position(),
            lsn_next: log.lsn_next,
            ledger: log.ledger.clone(),
            blobs: self.blobs.snapshot(),
            journal_lsn,
        };
        *open = Some(Arc::new(OpenCheckpoint { frozen, checkpoint, emptied }));
        true
    }

    /// Runs the checkpoint that has begun, if there is one.
    ///
    /// The events go to the journal first: the log that holds them is not read again once the
    /// index has the changes.
    pub(crate) fn run_checkpoint(&self) -> Result<(), StoreError> {
        let _running = self.checkpoint_running.lock();
        self.check_running()?;
        let Some(open) = self.checkpoint.lock().clone() else { return Ok(()) };
        self.journal.append(&open.frozen.events, self.clock.now())?;
        let noted = open.checkpoint.encode();
        let changes = open.frozen.changes.iter();
        let mut changes = changes.map(|(key, change)| (key.clone(), encode_change(change)));
        self.index.apply(&mut changes, noted).map_err(|error| match error {
            OrderedIndexError::Full => StoreError::Full,
            error => index_error(error),
        })?;
        self.overlay.thaw();
        *self.checkpoint.lock() = None;
        self.retire_later(open.checkpoint.position.generation, &open.emptied);
        Ok(())
    }
}

fn encode_change(change: &Change) -> Option<Vec<u8>> {
    change.record.as_ref().map(|_| change.encode())
}

impl Checkpoint {
    /// The bytes that the index keeps.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = vec![CHECKPOINT_VERSION];
        for number in [
            self.position.generation,
            self.position.offset,
            self.position.group,
            self.lsn_next,
            self.journal_lsn,
        ] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.position.tag);
        self.ledger.encode(&mut out);
        self.blobs.encode(&mut out);
        out.into()
    }

    /// Reads them back.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, FieldsError> {
        let mut fields = Fields::new(bytes);
        if fields.u8()? != CHECKPOINT_VERSION {
            return Err(FieldsError);
        }
        let (generation, offset, group) = (fields.u64()?, fields.u64()?, fields.u64()?);
        let (lsn_next, journal_lsn) = (fields.u64()?, fields.u64()?);
        let position = Position { generation, offset, group, tag: fields.array()? };
        let ledger = Ledger::decode(&mut fields)?;
        let blobs = BlobSnapshot::decode(&mut fields)?;
        if !fields.is_empty() {
            return Err(FieldsError);
        }
        Ok(Self { position, lsn_next, ledger, blobs, journal_lsn })
    }
}

const CHECKPOINT_VERSION: u8 = 1;
