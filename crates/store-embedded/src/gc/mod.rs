//! Copies what is live out of segments that are mostly dead, so that their files can be used again.
//!
//! Copies keep the LSN of what they copy. The committer writes them, so it decides in its own
//! order whether something is still live. A segment goes out of use in steps: all of it copied; a
//! checkpoint durable that holds the copies; its generation logged as freed; its header wiped.

use std::sync::atomic::Ordering;

use strongroom_store::{CommitError, StoreError};
use tokio::sync::oneshot;

use crate::commit::{Relocation, RelocationItem, Request, find};
use crate::ledger::{Ledger, SegmentAccount, SegmentUse};
use crate::log::{Body, FrameKind, GroupReader, GroupStop, Item, SealedFrame, SegmentFile};
use crate::machine::Machine;

/// Hands requests to the committer. When it returns they are queued, or done.
pub(crate) type Submit<'a> = &'a dyn Fn(Request);

/// What became of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compacted {
    /// Nothing is worth copying.
    Nothing,
    /// A segment has nothing live any more.
    Emptied,
}

impl Machine {
    /// Empties the segment that is worth it most, if one is.
    pub(crate) fn compact(&self, submit: Submit<'_>) -> Result<Compacted, StoreError> {
        self.compact_up_to(u64::MAX, submit)
    }

    /// As [`Machine::compact`], of the segments with no more than so many bytes to read.
    pub(crate) fn compact_up_to(
        &self,
        used_bytes_max: u64,
        submit: Submit<'_>,
    ) -> Result<Compacted, StoreError> {
        let Some(generation) = self.compaction_candidate(used_bytes_max) else {
            return Ok(Compacted::Nothing);
        };
        match self.empty_segment(generation, submit) {
            Ok(()) => Ok(Compacted::Emptied),
            Err(StoreError::Corrupt { what }) => {
                // What cannot be read is not thrown away: the segment stays as it is.
                tracing::error!(generation, what, "a segment is damaged and is kept");
                self.mark(generation, SegmentUse::Quarantined);
                Ok(Compacted::Nothing)
            }
            Err(error) => Err(error),
        }
    }

    /// The segment with the smallest live share, if that is under half. Only segments that the
    /// index has passed: their events are in the journal, and no start replays them.
    fn compaction_candidate(&self, used_bytes_max: u64) -> Option<u64> {
        let passed = self.checkpoint_generation.load(Ordering::Acquire);
        let log = self.log.lock();
        let needed = needed_bytes(&log.ledger);
        let candidates = log
            .ledger
            .iter()
            .filter(|(generation, account)| *generation < passed && is_short(account, &needed))
            .filter(|(_, account)| account.end <= used_bytes_max);
        let share = |account: &SegmentAccount| {
            needed(account).saturating_mul(1000) / account.segment_bytes.max(1)
        };
        let best = candidates.min_by_key(|(generation, account)| (share(account), *generation));
        best.map(|(generation, _)| generation)
    }

    fn empty_segment(&self, generation: u64, submit: Submit<'_>) -> Result<(), StoreError> {
        let Some(segment) = self.segments.get(generation) else { return Ok(()) };
        let end = self.log.lock().ledger.get(generation).map_or(0, |account| account.end);
        let mut reader = GroupReader::from_start(&segment).map_err(StoreError::Io)?;
        while reader.position().offset < end {
            let group = match reader.next_group() {
                Ok(group) => group,
                Err(GroupStop::Io(error)) => return Err(StoreError::Io(error)),
                Err(GroupStop::Bad(what)) => {
                    return Err(StoreError::Corrupt { what: what.to_owned() });
                }
            };
            self.relocate(&segment, &group.frames, submit)?;
        }
        let mut log = self.log.lock();
        let Some(account) = log.ledger.get_mut(generation) else { return Ok(()) };
        if account.live_bytes > 0 {
            let what = format!("{} live bytes were not found", account.live_bytes);
            return Err(StoreError::Corrupt { what });
        }
        account.state = SegmentUse::Emptied;
        Ok(())
    }

    /// Copies what is live in the frames of one group, and waits until the copies are durable.
    fn relocate(
        &self,
        segment: &SegmentFile,
        frames: &[SealedFrame],
        submit: Submit<'_>,
    ) -> Result<(), StoreError> {
        let mut answers = Vec::new();
        for frame in frames {
            let Some(relocation) = self.relocation(segment, frame)? else { continue };
            let (answer, answered) = oneshot::channel();
            submit(Request::Relocate { relocation, answer });
            answers.push(answered);
        }
        answers.into_iter().try_for_each(wait)
    }

    fn relocation(
        &self,
        segment: &SegmentFile,
        frame: &SealedFrame,
    ) -> Result<Option<Relocation>, StoreError> {
        if !matches!(frame.header.kind, FrameKind::Batch | FrameKind::Relocated) {
            return Ok(None);
        }
        let body = Body::decode(&frame.plaintext, |_| {})
            .map_err(|error| StoreError::Corrupt { what: error.to_string() })?;
        let (generation, lsn) = (segment.generation(), frame.header.lsn);
        let at = u32::try_from(frame.offset).unwrap_or(u32::MAX);
        let mut items = Vec::new();
        for item in body.items {
            if self.may_be_live(&item, generation, at, lsn)? {
                items.push(RelocationItem(item));
            }
        }
        if items.is_empty() {
            return Ok(None);
        }
        Ok(Some(Relocation { generation, frame: at, lsn, items }))
    }

    /// A first look; the committer looks again in its own order.
    fn may_be_live(
        &self,
        item: &Item,
        generation: u64,
        frame: u32,
        lsn: u64,
    ) -> Result<bool, StoreError> {
        let current = find(&self.overlay, &*self.index, item.key())?;
        let record = current.and_then(|change| change.record);
        Ok(match (item, record) {
            (Item::Put { .. }, Some(record)) => {
                record.revision == lsn
                    && record.home.generation == generation
                    && record.home.frame == frame
            }
            (Item::Put { .. }, None) | (Item::Delete { .. }, Some(_)) => false,
            (Item::Delete { .. }, None) => self.log.lock().ledger.needs_removal(lsn, generation),
        })
    }

    fn mark(&self, generation: u64, state: SegmentUse) {
        if let Some(account) = self.log.lock().ledger.get_mut(generation) {
            account.state = state;
        }
    }

    /// How many closed segments are not worth their room; of those behind the last checkpoint,
    /// which cannot be emptied yet, or of all.
    pub(crate) fn short_segments(&self, only_behind_checkpoint: bool) -> usize {
        let passed = self.checkpoint_generation.load(Ordering::Acquire);
        let log = self.log.lock();
        let current = log.writer.position().generation;
        let needed = needed_bytes(&log.ledger);
        let closed = log.ledger.iter().filter(|(generation, _)| {
            *generation < current && (!only_behind_checkpoint || *generation >= passed)
        });
        closed.filter(|(_, account)| is_short(account, &needed)).count()
    }

    /// How many segments wait for a checkpoint to go out of use.
    pub(crate) fn emptied_segments(&self) -> usize {
        let log = self.log.lock();
        let emptied = log.ledger.iter().filter(|(_, a)| a.state == SegmentUse::Emptied).count();
        emptied.saturating_sub(self.retiring.lock().len())
    }

    /// Frees the segments that a durable checkpoint has taken out of use.
    pub(crate) fn retire(&self, submit: Submit<'_>) -> Result<(), StoreError> {
        let mut generations = std::mem::take(&mut *self.retiring.lock());
        generations.sort_unstable();
        generations.dedup();
        if generations.is_empty() {
            return Ok(());
        }
        let (answer, answered) = oneshot::channel();
        submit(Request::Freed { generations: generations.clone(), answer });
        if let Err(error) = wait(answered) {
            self.retiring.lock().extend(generations);
            return Err(error);
        }
        for (done, generation) in generations.iter().copied().enumerate() {
            if let Err(error) = self.segments.retire(generation) {
                self.retiring.lock().extend(generations.iter().skip(done));
                return Err(StoreError::Io(error));
            }
            // Only now no start finds anything in it: removals that hid its records can go.
            self.log.lock().ledger.remove(generation);
        }
        Ok(())
    }
}

/// What is needed of a segment: its live records, and its removals unless it is the oldest.
fn needed_bytes(ledger: &Ledger) -> impl Fn(&SegmentAccount) -> u64 + use<> {
    let lsn_least = ledger.iter().map(|(_, account)| account.lsn_min).min().unwrap_or(0);
    move |account| {
        let removals = if account.lsn_min > lsn_least { account.removal_bytes } else { 0 };
        account.live_bytes.saturating_add(removals)
    }
}

fn is_short(account: &SegmentAccount, needed: &impl Fn(&SegmentAccount) -> u64) -> bool {
    account.state == SegmentUse::Live && needed(account).saturating_mul(2) < account.segment_bytes
}

fn wait(answered: oneshot::Receiver<Result<(), CommitError>>) -> Result<(), StoreError> {
    match answered.blocking_recv() {
        Ok(Ok(())) => Ok(()),
        Ok(Err(CommitError::Store(error))) => Err(error),
        Ok(Err(error)) => Err(StoreError::Stopped { reason: error.to_string() }),
        Err(_) => Err(StoreError::Stopped { reason: "the engine is closed".into() }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use bytes::Bytes;
    use strongroom_store::conformance::Fixture;
    use strongroom_store::{Batch, NewPayload, Protection, Write};
    use tokio::sync::oneshot;

    use super::Compacted;
    use crate::codec::usize_of;
    use crate::commit::Request;
    use crate::disk::{Disk, DiskPath, Fault, SimDisk};
    use crate::log::{FRAMES_START, LOG_DIR, segment_path};
    use crate::machine::Machine;
    use crate::tests::{checkpoint, newest, open, put, submit};

    #[test]
    fn a_rebuild_does_not_miss_what_was_freed_while_a_segment_was_begun() {
        let fixture = Fixture::new(5);
        let disk = SimDisk::new(1);
        let machine = open(&disk, &fixture).unwrap();
        put(&machine, "kept", 100).unwrap();
        let first = newest(&machine);
        while newest(&machine) == first {
            put(&machine, "dead", 60_000).unwrap();
        }
        checkpoint(&machine).unwrap();
        let plain = |request| submit(&machine, request);
        assert_eq!(machine.compact(&plain).unwrap(), Compacted::Emptied);
        checkpoint(&machine).unwrap();

        // The log says that the first one is free; another one is begun before it is wiped.
        let freed_in = newest(&machine);
        machine
            .retire(&|request| {
                submit(&machine, request);
                while newest(&machine) == freed_in {
                    put(&machine, "dead", 60_000).unwrap();
                }
            })
            .unwrap();

        // Now the segment that says so goes, too.
        checkpoint(&machine).unwrap();
        while machine.compact(&plain).unwrap() == Compacted::Emptied {}
        checkpoint(&machine).unwrap();
        machine.retire(&plain).unwrap();
        drop(machine);
        let disk = disk.kill();
        disk.remove(&crate::ordered::index_path()).unwrap();
        let machine = open(&disk, &fixture).unwrap();
        assert!(machine.get(b"kept").unwrap().is_some());
    }

    #[test]
    fn a_copy_that_a_failed_group_made_unneeded_is_not_said_to_be_done() {
        let fixture = Fixture::new(5);
        let disk = SimDisk::new(1);
        let machine = open(&disk, &fixture).unwrap();
        put(&machine, "key", 100).unwrap();
        let first = newest(&machine);
        while newest(&machine) == first {
            put(&machine, "dead", 60_000).unwrap();
        }
        checkpoint(&machine).unwrap();
        let compacted = machine.compact(&|relocate| {
            // The same group replaces the record; its sync fails.
            let write = Write::Put {
                key: Bytes::from_static(b"key"),
                value: Bytes::from_static(b"new"),
                payload: NewPayload::None,
                protection: Protection::default(),
            };
            let (answer, _answered) = oneshot::channel();
            let batch = Batch { writes: vec![write], ..Batch::default() };
            let replace = Request::Batch { batch, kept: Vec::new(), answer, permit: None };
            disk.inject(Fault::NextSyncFailsFrom(disk.changes()));
            machine.commit_group(&mut VecDeque::from([replace, relocate]));
        });
        assert!(compacted.is_err());
        assert!(machine.stopped().is_some());
        assert!(!machine.begin_checkpoint(true), "nothing is moved after a stop");
        assert!(machine.run_checkpoint().is_err());
    }

    #[test]
    fn a_file_whose_wiping_may_not_be_durable_is_not_used_again_as_it_is() {
        let (machine, disk, fixture) = emptied();
        let wiped = segment_path(machine.segments.get(1).unwrap().file_number);
        // The process ends when the header is wiped for everybody to see, but not durably.
        disk.inject(Fault::NextSyncFailsFrom(disk.changes() + 2));
        assert!(machine.retire(&|request| submit(&machine, request)).is_err());
        drop(machine);
        let disk = disk.kill();
        assert!(is_blank(&disk, &wiped));
        // The next start takes the file, because no other one is free.
        let free = disk.files().into_iter().filter(|path| *path != wiped && is_blank(&disk, path));
        free.for_each(|path| disk.remove(&path).unwrap());
        disk.sync_dir(&DiskPath::data(LOG_DIR)).unwrap();
        let mut cuts = 0;
        for change in 0.. {
            let disk = disk.duplicate();
            disk.inject(Fault::PowerCutAt(disk.changes() + change));
            drop(open(&disk, &fixture));
            if !disk.is_off() {
                break;
            }
            if is_blank(&disk, &wiped) {
                continue;
            }
            cuts += 1;
            for seed in 0..32 {
                let disk = disk.duplicate().crash(seed);
                drop(disk.remove(&crate::ordered::index_path())); // all of the log is read
                let machine = open(&disk, &fixture).unwrap();
                assert!(machine.get(b"kept").unwrap().is_some());
            }
        }
        assert!(cuts > 1, "the file is used again");
    }

    fn is_blank(disk: &SimDisk, path: &DiskPath) -> bool {
        let head = disk.contents(path).unwrap_or_default();
        let is_segment = path.relative().starts_with(LOG_DIR);
        is_segment && head.iter().take(usize_of(FRAMES_START)).all(|byte| *byte == 0)
    }

    /// A store with a segment that can go out of use.
    fn emptied() -> (Machine, SimDisk, Fixture) {
        let fixture = Fixture::new(5);
        let disk = SimDisk::new(1);
        let machine = open(&disk, &fixture).unwrap();
        put(&machine, "kept", 100).unwrap();
        let first = newest(&machine);
        while newest(&machine) == first {
            put(&machine, "dead", 20_000).unwrap();
        }
        checkpoint(&machine).unwrap();
        let compacted = machine.compact(&|request| submit(&machine, request)).unwrap();
        assert_eq!(compacted, Compacted::Emptied);
        checkpoint(&machine).unwrap();
        (machine, disk, fixture)
    }
}
