//! What keeps the store in order: files made ahead, files removed, old segments emptied.

use strongroom_store::StoreError;

use crate::core::Core;
use crate::gc::{Compacted, Submit};

impl Core {
    /// Whether there is something to do that does not wait.
    pub(crate) fn has_chores(&self) -> bool {
        self.segments.wants_more()
            || self.blobs.wants_refill()
            || self.blobs.wants_tidying()
            || !self.retiring.lock().is_empty()
    }

    /// Whether changes come faster than checkpoints move them.
    pub(crate) fn overlay_is_full(&self) -> bool {
        let size = self.overlay.size();
        size.entries >= self.limits.checkpoint_entries
            || size.bytes >= self.limits.checkpoint_bytes
    }

    /// Does one round of everything. A chore that fails does not keep the others from being done;
    /// the first failure is answered.
    pub(crate) fn do_chores(&self, submit: Submit<'_>) -> Result<Compacted, StoreError> {
        self.check_running()?;
        let removed = self.blobs.tidy().map_err(StoreError::Io);
        let retired = self.retire(submit);
        let wanted = self.segment_bytes_wanted(&self.log.lock().ledger);
        let made = self.make_ahead(wanted);
        self.look_at_room();
        let compacted = self.compact(submit);
        let trimmed = self.segments.trim().map_err(StoreError::Io);
        removed.and(retired).and(made).and(trimmed)?;
        compacted
    }

    /// Moves everything to the index, at the end.
    pub(crate) fn end(&self) -> Result<(), StoreError> {
        self.check_running()?;
        self.run_checkpoint_or_make_room()?;
        if self.begin_checkpoint(true) {
            self.run_checkpoint_or_make_room()?;
        }
        self.blobs.tidy().map_err(StoreError::Io)
    }

    fn make_ahead(&self, segment_bytes: u64) -> Result<(), StoreError> {
        while self.segments.wants_more() {
            self.segments.make(segment_bytes).map_err(room_error)?;
        }
        if self.blobs.wants_refill() {
            self.blobs.refill().map_err(room_error)?;
        }
        Ok(())
    }

    /// Runs the checkpoint; where the drive is full, once more after blobs were removed.
    pub(crate) fn run_checkpoint_or_make_room(&self) -> Result<(), StoreError> {
        match self.run_checkpoint() {
            Err(StoreError::Full) => {
                tracing::warn!("there is no room for a checkpoint: room is made");
                self.blobs.tidy().map_err(StoreError::Io)?;
                self.run_checkpoint()
            }
            outcome => outcome,
        }
    }
}

/// How callers see that a file could not be made.
pub(crate) fn room_error(error: std::io::Error) -> StoreError {
    if error.kind() == std::io::ErrorKind::StorageFull {
        return StoreError::Full;
    }
    StoreError::Io(error)
}
