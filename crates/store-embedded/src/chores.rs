//! What keeps the store in order: files made ahead, files removed, old segments emptied.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::Ordering;

use strongroom_store::StoreError;

use crate::commit::Request;
use crate::gc::{Compacted, Submit};
use crate::machine::Machine;

impl Machine {
    /// Whether there is something to do that does not wait.
    pub(crate) fn has_chores(&self) -> bool {
        self.segments.wants_more()
            || self.blobs.wants_refill()
            || self.blobs.wants_tidying()
            || !self.retiring.lock().is_empty()
            || self.wants_look_at_room()
    }

    /// Whether changes come faster than checkpoints move them.
    pub(crate) fn overlay_is_full(&self) -> bool {
        let size = self.overlay.size();
        size.entries >= self.limits.checkpoint_entries || size.bytes >= self.limits.checkpoint_bytes
    }

    /// Does one round of everything. A chore that fails does not keep the others from being done;
    /// the first failure is answered.
    pub(crate) fn do_chores(&self, submit: Submit<'_>) -> Result<Compacted, StoreError> {
        self.check_running()?;
        let removed = self.blobs.tidy().map_err(StoreError::Io);
        let retired = self.retire(submit);
        let wanted = self.segment_bytes_wanted(&self.log.lock().ledger);
        let made = self.make_ahead(wanted);
        self.check_running()?;
        self.look_at_room();
        let compacted = self.compact(submit);
        let trimmed = self.trim();
        removed.and(retired).and(made).and(trimmed)?;
        compacted
    }

    /// Moves everything to the index, at the end, and empties the short segments that starts
    /// leave, so that starts do not grow the store.
    pub(crate) fn end(&self) -> Result<(), StoreError> {
        self.check_running()?;
        self.checkpoint_now()?;
        if self.shorten(SHORT_AT_END)? {
            self.checkpoint_now()?;
        }
        self.blobs.tidy().map_err(StoreError::Io)
    }

    /// Empties short segments that earlier starts have left: many of them, or on a full drive, where
    /// every start would take a segment of the reserve, nearly all.
    pub(crate) fn shorten_at_start(&self) {
        let most = if self.segments.lacks_reserve() { SHORT_AT_END } else { SHORT_AT_START };
        if self.short_segments(false) > most
            && let Err(error) = self.shorten(most)
        {
            tracing::warn!(%error, "old segments could not be emptied for now");
        }
    }

    /// Empties short segments until there are no more than so many. Only where no other thread
    /// commits: at the start and at the end. Answers whether something was changed.
    pub(crate) fn shorten(&self, most: usize) -> Result<bool, StoreError> {
        let submit = |request: Request| {
            let mut queue = VecDeque::from([request]);
            while !queue.is_empty() && self.commit_group(&mut queue) {}
        };
        let mut changed = false;
        for _ in 0..SHORTEN_ROUNDS {
            if self.short_segments(false) <= most {
                break;
            }
            if self.compact_up_to(SHORTEN_BYTES, &submit)? == Compacted::Nothing {
                // Those that are left were not passed by a checkpoint yet.
                self.checkpoint_now()?;
                if self.compact_up_to(SHORTEN_BYTES, &submit)? == Compacted::Nothing {
                    break;
                }
            }
            self.checkpoint_now()?;
            self.retire(&submit)?;
            changed = true;
        }
        self.trim()?;
        Ok(changed)
    }

    /// Gives free segments back that are not needed; where the drive is short of room also what they
    /// are longer than they have to be.
    fn trim(&self) -> Result<(), StoreError> {
        if !self.is_short_of_room() {
            return self.segments.trim(false).map_err(StoreError::Io);
        }
        let wanted = self.segment_bytes_wanted(&self.log.lock().ledger);
        self.segments.shorten_free(wanted).map_err(StoreError::Io)?;
        self.segments.trim(true).map_err(StoreError::Io)?;
        self.look_at_room();
        Ok(())
    }

    /// Whether segments can only be emptied, or go, after a checkpoint. Where the drive is short of
    /// room one segment is reason enough.
    pub(crate) fn wants_checkpoint_for_segments(&self) -> bool {
        if self.is_short_of_room() {
            return self.emptied_segments() > 0 || self.short_segments(true) > 0;
        }
        self.emptied_segments() >= EMPTIED_MAX || self.short_segments(false) > SHORT_AT_START
    }

    fn checkpoint_now(&self) -> Result<(), StoreError> {
        self.run_checkpoint_or_make_room()?;
        if self.begin_checkpoint(true) {
            self.run_checkpoint_or_make_room()?;
        }
        Ok(())
    }

    fn make_ahead(&self, segment_bytes: u64) -> Result<(), StoreError> {
        self.reserve.make().map_err(room_error)?;
        while self.segments.wants_more() {
            self.segments.make(segment_bytes).map_err(room_error)?;
        }
        if self.blobs.wants_refill() {
            self.blobs.refill().map_err(room_error)?;
        }
        Ok(())
    }

    /// Runs the checkpoint; where the drive is full, once more with the room that was kept for it.
    pub(crate) fn run_checkpoint_or_make_room(&self) -> Result<(), StoreError> {
        let mut outcome = self.run_checkpoint();
        if matches!(outcome, Err(StoreError::Full)) {
            tracing::warn!("there is no room for a checkpoint: room is made");
            self.blobs.tidy().map_err(StoreError::Io)?;
            self.reserve.release().map_err(StoreError::Io)?;
            outcome = self.run_checkpoint();
        }
        let stuck = matches!(outcome, Err(StoreError::Full));
        self.checkpoint_stuck.store(stuck, Ordering::Release);
        self.checkpoint_seconds.store(self.clock.now().seconds(), Ordering::Release);
        self.wake_waiters();
        outcome
    }

    /// Whether the last checkpoint found no room within this second: it is not tried again yet.
    pub(crate) fn waits_for_room(&self) -> bool {
        self.checkpoint_stuck.load(Ordering::Acquire)
            && self.checkpoint_seconds.load(Ordering::Acquire) == self.clock.now().seconds()
    }

    /// Whether nothing more is taken: the overlay is full, and the drive, too.
    pub(crate) fn is_stuck(&self) -> bool {
        self.checkpoint_stuck.load(Ordering::Acquire) && self.overlay_is_full()
    }
}

/// How callers see that a file could not be made.
pub(crate) fn room_error(error: io::Error) -> StoreError {
    if error.kind() == io::ErrorKind::StorageFull {
        return StoreError::Full;
    }
    StoreError::Io(error)
}

const EMPTIED_MAX: usize = 2; // segments that may wait for the next checkpoint to be used again
const SHORT_AT_END: usize = 1;
/// Short segments that a start puts up with: more are only there after many starts without an end.
const SHORT_AT_START: usize = 6;
const SHORTEN_BYTES: u64 = 8 * 1024 * 1024; // of one segment: neither start nor end takes long
const SHORTEN_ROUNDS: usize = 16; // segments that one start or end empties at most
