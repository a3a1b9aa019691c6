//! What a world does between two faults: commits, events, checkpoints, chores, reads.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use strongroom_store::{CommitError, Committed, StoreError};
use strongroom_types::Clock;
use tokio::sync::oneshot;

use super::checks::look;
use super::{Outcome, Trouble, World};
use crate::commit::Request;
use crate::gc::Compacted;
use crate::open::IndexKind;
use crate::sim::model::{ModelBatch, ModelOutcome};

/// An offered batch, in both languages, and its answer.
struct Offer {
    model: ModelBatch,
    answered: oneshot::Receiver<Result<Committed, CommitError>>,
}

impl World {
    pub(super) fn take_step(&mut self) -> Outcome {
        match self.below(104) {
            0..=54 => self.commit_some(),
            55..=62 => self.append_event(),
            63..=69 => self.checkpoint_step(),
            70..=79 => self.chores_step(),
            80..=83 => self.abandon_blob(),
            84..=93 => self.read_some(),
            94..=96 => self.move_clock(),
            97..=99 => self.check_everything(),
            _ => self.change_room(),
        }
    }

    /// Offers a few batches at once: they become one group, or several. Sometimes a checkpoint ends
    /// meanwhile, or somebody reads.
    fn commit_some(&mut self) -> Outcome {
        let (queue, offers) = self.draw_requests()?;
        if offers.is_empty() {
            return Ok(());
        }
        let told = Arc::new(Mutex::new(None));
        let at = self.disk.changes() + self.below(3);
        match self.below(6) {
            0 => {
                let machine = self.shared_machine()?;
                let told = Arc::clone(&told);
                machine.begin_checkpoint(true);
                self.disk.meanwhile(at, move || {
                    *told.lock() = Some(machine.run_checkpoint());
                });
            }
            1 => {
                let (machine, told) = (self.shared_machine()?, Arc::clone(&told));
                let records = self.model.records.clone();
                self.disk.meanwhile(at, move || *told.lock() = look(&machine, &records));
            }
            _ => {}
        }
        let mut queue: VecDeque<_> = queue;
        while !queue.is_empty() {
            if !self.machine()?.commit_group(&mut queue) {
                return Err("no progress, although there are only batches".into());
            }
            self.disk.nothing_meanwhile(); // what a second group meets has seen the first one
        }
        let told = told.lock().take();
        if let Some(outcome) = told {
            self.stats.meanwhile += 1;
            self.checkpoint_ended(outcome)?;
        }
        self.judge(offers)
    }

    /// Draws batches and what they must come to; none if the drive failed meanwhile.
    fn draw_requests(&mut self) -> Result<(VecDeque<Request>, Vec<Offer>), String> {
        let mut queue = VecDeque::new();
        let mut offers = Vec::new();
        let mut blobs = Vec::new();
        for _ in 0..=self.below(4) {
            let Some((batch, model)) = self.draw_batch(&mut blobs)? else {
                return Ok((VecDeque::new(), Vec::new()));
            };
            let kept = match self.machine()?.read_kept(&batch) {
                Ok(kept) => kept,
                Err(error) => {
                    self.excuse_error("reading a kept payload", &error)?;
                    return Ok((VecDeque::new(), Vec::new()));
                }
            };
            let (answer, answered) = oneshot::channel();
            queue.push_back(Request::Batch { batch, kept, answer, permit: None });
            offers.push(Offer { model, answered });
        }
        Ok((queue, offers))
    }

    /// Compares the answers to batches, in their order, with what they must be.
    fn judge(&mut self, offers: Vec<Offer>) -> Outcome {
        let now_seconds = self.fixture.clock.now().seconds();
        let mut applied = self.model.clone();
        let mut unknown = false;
        for Offer { model, mut answered } in offers {
            let answer = answered.try_recv().map_err(|_| "a batch was not answered".to_owned())?;
            match &answer {
                // Refused, or of a group that was not begun: not applied.
                Err(CommitError::Store(error @ StoreError::Stopped { .. }))
                    if self.machine()?.stopped().is_none() =>
                {
                    return Err(format!("a batch was answered {error:?} while it runs"));
                }
                Err(CommitError::Store(StoreError::Stopped { .. })) => continue,
                // Something could not be read or made: not judged, nothing applied.
                Err(CommitError::Store(error @ (StoreError::Io(_) | StoreError::Full))) => {
                    self.excuse_error("a batch", error)?;
                    continue;
                }
                _ => {}
            }
            let expected = applied.apply(&model, now_seconds);
            match (answer, expected) {
                (Ok(committed), ModelOutcome::Applied) if !unknown => {
                    self.stats.acknowledged += 1;
                    applied.note_revision(&model, committed.revision.0);
                    self.model = applied.clone();
                }
                (Err(CommitError::Precondition { index }), ModelOutcome::Precondition(wanted))
                    if index == wanted =>
                {
                    self.stats.refused += 1;
                }
                (Err(CommitError::Protected), ModelOutcome::Protected) => self.stats.refused += 1,
                (Err(CommitError::Unknown), ModelOutcome::Applied) => unknown = true,
                (answer, expected) => {
                    return Err(format!("a batch was answered {answer:?}, not {expected:?}"));
                }
            }
        }
        if unknown {
            self.open = Some(applied);
            return self.check_stopped("a batch of unknown outcome");
        }
        Ok(())
    }

    /// After something of unknown outcome nothing more may be taken.
    fn check_stopped(&mut self, what: &str) -> Outcome {
        if self.machine()?.stopped().is_none() {
            return Err(format!("the engine goes on after {what}"));
        }
        self.excuse(what)
    }

    fn append_event(&mut self) -> Outcome {
        let was_stopped = self.machine()?.stopped().is_some();
        let event = self.unique("event");
        let mut queue = VecDeque::from([Request::Event { event: event.clone(), permit: None }]);
        self.machine()?.commit_group(&mut queue);
        if !queue.is_empty() {
            // It waits; here it is dropped.
            return if self.tight { Ok(()) } else { self.excuse("an event") };
        }
        if was_stopped {
            return Ok(());
        }
        let mut applied = self.model.clone();
        applied.events.push(event);
        if self.machine()?.stopped().is_some() {
            self.open = Some(applied);
            return self.excuse("an event");
        }
        self.model = applied;
        Ok(())
    }

    fn checkpoint_step(&mut self) -> Outcome {
        let force = self.one_in(2);
        let run = self.one_in(3);
        self.machine()?.begin_checkpoint(force);
        if run {
            return Ok(()); // it runs later, after other steps
        }
        // While the journal is written, batches come: only where the index is in memory, because
        // its own writing lets nobody in on this thread.
        if self.kind.index == IndexKind::Memory && self.one_in(3) {
            return self.checkpoint_with_commits();
        }
        self.run_checkpoint()
    }

    fn checkpoint_with_commits(&mut self) -> Outcome {
        let (mut queue, offers) = self.draw_requests()?;
        let machine = self.shared_machine()?;
        let at = self.disk.changes() + self.below(3);
        let left = Arc::new(Mutex::new(VecDeque::new()));
        std::mem::swap(&mut *left.lock(), &mut queue);
        let queue = Arc::clone(&left);
        self.disk.meanwhile(at, move || {
            let mut queue = queue.lock();
            while !queue.is_empty() && machine.commit_group(&mut queue) {}
        });
        let ended = self.run_checkpoint();
        self.stats.meanwhile += u64::from(!self.disk.nothing_meanwhile());
        let mut queue = std::mem::take(&mut *left.lock());
        while !queue.is_empty() {
            self.machine()?.commit_group(&mut queue);
        }
        self.judge(offers)?;
        ended
    }

    pub(super) fn run_checkpoint(&mut self) -> Outcome {
        let outcome = self.machine()?.run_checkpoint_or_make_room();
        self.checkpoint_ended(outcome)
    }

    /// What the thread that runs checkpoints does with their outcome.
    fn checkpoint_ended(&mut self, outcome: Result<(), StoreError>) -> Outcome {
        match outcome {
            Ok(()) => {
                self.stats.checkpoints += 1;
                Ok(())
            }
            Err(error @ (StoreError::Full | StoreError::Stopped { .. })) => {
                self.excuse_error("a checkpoint", &error)
            }
            Err(error) => {
                self.excuse_error("a checkpoint", &error)?;
                self.machine()?.stop(&format!("a checkpoint failed: {error}"));
                Ok(())
            }
        }
    }

    fn chores_step(&mut self) -> Outcome {
        match self.below(4) {
            0 => self.chores_with_commits(),
            1 => self.chores_with_checkpoint(),
            _ => self.chores(),
        }
    }

    pub(super) fn chores(&mut self) -> Outcome {
        let machine = self.shared_machine()?;
        let submit = |request: Request| {
            let mut queue = VecDeque::from([request]);
            machine.commit_group(&mut queue);
        };
        let outcome = machine.do_chores(&submit);
        self.chores_ended(outcome)
    }

    /// Batches come before and behind the copies that a compaction makes, in the same groups.
    fn chores_with_commits(&mut self) -> Outcome {
        let (queue, offers) = self.draw_requests()?;
        let machine = self.shared_machine()?;
        let queue = Mutex::new(queue);
        let order = self.random.draw();
        let submitted = Mutex::new(0_u32);
        let submit = |request: Request| {
            let number = {
                let mut submitted = submitted.lock();
                *submitted += 1;
                *submitted
            };
            let other = queue.lock().pop_front();
            let mut group = VecDeque::from([request]);
            match (other, order.rotate_right(number) & 1) {
                (Some(other), 0) => group.push_front(other),
                (Some(other), _) => group.push_back(other),
                (None, _) => {}
            }
            while !group.is_empty() && machine.commit_group(&mut group) {}
        };
        let outcome = machine.do_chores(&submit);
        self.stats.meanwhile += u64::from(*submitted.lock() > 0);
        let mut queue = queue.into_inner();
        while !queue.is_empty() {
            self.machine()?.commit_group(&mut queue);
        }
        self.judge(offers)?;
        self.chores_ended(outcome)
    }

    /// A checkpoint ends while chores are done.
    fn chores_with_checkpoint(&mut self) -> Outcome {
        let told = Arc::new(Mutex::new(None));
        let at = self.disk.changes() + self.below(12);
        let (machine, teller) = (self.shared_machine()?, Arc::clone(&told));
        machine.begin_checkpoint(true);
        self.disk.meanwhile(at, move || *teller.lock() = Some(machine.run_checkpoint()));
        let outcome = self.chores();
        self.disk.nothing_meanwhile();
        let told = told.lock().take();
        if let Some(ended) = told {
            self.stats.meanwhile += 1;
            self.checkpoint_ended(ended)?;
        }
        outcome
    }

    fn chores_ended(&mut self, outcome: Result<Compacted, StoreError>) -> Outcome {
        match outcome {
            Ok(Compacted::Emptied) => {
                self.stats.compactions += 1;
                Ok(())
            }
            Ok(Compacted::Nothing) => Ok(()),
            Err(error) => self.excuse_error("chores", &error),
        }
    }

    fn abandon_blob(&mut self) -> Outcome {
        let bytes = self.draw_payload();
        let finish = self.one_in(2);
        self.write_blob(&bytes, finish).map(|_| ()) // dropped: the file is removed by a later chore
    }

    fn move_clock(&mut self) -> Outcome {
        let seconds = self.below(30);
        self.fixture.clock.advance(Duration::from_secs(seconds));
        Ok(())
    }

    fn read_some(&mut self) -> Outcome {
        let key = self.draw_key();
        let entry = match self.machine()?.get(&key) {
            Ok(entry) => entry,
            Err(error) => return self.excuse_trouble(Trouble::of("a get", &error)),
        };
        let record = self.model.records.get(&key);
        let same = match (&entry, record) {
            (None, None) => true,
            (Some(entry), Some(record)) => {
                entry.value == record.value && Some(entry.revision.0) == record.revision
            }
            _ => false,
        };
        if !same {
            let found = entry.map(|entry| (entry.value, entry.revision));
            let wanted = record.map(|record| (&record.value, record.revision));
            return Err(format!("{key:?} is {found:?}, not {wanted:?}"));
        }
        Ok(())
    }
}
