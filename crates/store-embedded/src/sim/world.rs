//! One world: a drive, an engine on it, the model, and what happens to them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use strongroom_crypto::{BlobId, Secret, StaticRootKey};
use strongroom_store::conformance::{Fixture, SplitMix, block_on};
use strongroom_store::{
    Batch, CommitError, Committed, KeyRange, NewPayload, Precondition, Protection, Revision,
    SealedBlob, StoreError, Token, Write,
};
use strongroom_types::Clock;
use tokio::sync::oneshot;

use super::Stats;
use super::model::{Model, ModelBatch, ModelOutcome, ModelPayload, ModelRecord, ModelWrite};
use crate::blobs::{EXTENT_BYTES, FileWriter};
use crate::chores::room_error;
use crate::commit::Request;
use crate::disk::{Disk, DiskPath, Fault, SimDisk};
use crate::engine::EngineOptions;
use crate::gc::Compacted;
use crate::limits::EngineLimits;
use crate::machine::Machine;
use crate::open::{IndexKind, OpenError, open_all};

/// A world between two steps.
#[derive(Debug)]
pub(super) struct World {
    random: SplitMix,
    fixture: Fixture,
    disk: SimDisk,
    machine: Option<Arc<Machine>>,
    kind: Kind,
    /// Everything acknowledged.
    model: Model,
    /// What the store holds instead if the group that was open has been applied.
    open: Option<Model>,
    stats: Stats,
    round: u64,
    step: u64,
    counter: u64,
    /// Failures of the drive before this step.
    failures_before: u64,
    /// Bytes that the drive has room for, if it is to become full.
    budget: Option<u64>,
    /// The drive is full, or was, and the engine has not yet had the time to notice that it is not.
    tight: bool,
    /// The same at any time since the store was opened.
    was_tight: bool,
    /// Payloads of more than one extent that are still to be written.
    large_left: u64,
}

/// What is special in a world.
#[derive(Debug, Clone, Copy)]
struct Kind {
    index: IndexKind,
    /// The drive becomes full, and there is room again later.
    fills: bool,
    /// Blob files come to lie in several folders.
    folders: bool,
    /// There are payloads of more than one extent.
    large: bool,
}

/// A step goes well, or meets a fault of the drive that was injected.
type Outcome = Result<(), String>;

/// Why something that was read is not what was expected.
enum Trouble {
    /// It could not be read.
    Failed(String),
    /// It is wrong.
    Wrong(String),
}

impl From<String> for Trouble {
    fn from(what: String) -> Self {
        Self::Wrong(what)
    }
}

impl Trouble {
    /// A failure of the drive is one thing; what is damaged is another.
    fn of(doing: &str, error: &StoreError) -> Self {
        let what = format!("{doing} failed: {error:?}");
        match error {
            StoreError::Io(_) | StoreError::Stopped { .. } => Self::Failed(what),
            _ => Self::Wrong(what),
        }
    }

    fn into_text(self) -> String {
        match self {
            Self::Failed(what) | Self::Wrong(what) => what,
        }
    }
}

/// An offered batch, in both languages, and its answer.
struct Offer {
    model: ModelBatch,
    answered: oneshot::Receiver<Result<Committed, CommitError>>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = SplitMix::new(seed);
        let index = match random.draw() % 2 {
            0 => IndexKind::Drive,
            _ => IndexKind::Memory,
        };
        let kind = Kind {
            index,
            fills: random.draw().is_multiple_of(4),
            folders: random.draw().is_multiple_of(4),
            large: random.draw().is_multiple_of(LARGE_WORLDS),
        };
        Self {
            disk: SimDisk::new(random.draw()),
            fixture: Fixture::new(random.draw()),
            random,
            machine: None,
            kind,
            model: Model::default(),
            open: None,
            stats: Stats { worlds: 1, ..Stats::default() },
            round: 0,
            step: 0,
            counter: 0,
            failures_before: 0,
            budget: None,
            tight: false,
            was_tight: false,
            large_left: if kind.large { LARGE_PAYLOADS } else { 0 },
        }
    }

    pub(super) fn into_stats(self) -> Stats {
        self.stats
    }

    pub(super) fn place(&self) -> (u64, u64) {
        (self.round, self.step)
    }

    /// Lives through a number of rounds: some steps, with faults, and a recovery.
    pub(super) fn run(&mut self) -> Result<(), String> {
        self.recover()?;
        let rounds = if self.kind.large { ROUNDS_LARGE } else { ROUNDS };
        for round in 0..rounds {
            self.round = round;
            self.live()?;
            self.die();
            self.recover()?;
        }
        self.set_budget(None);
        self.relieve()?;
        self.check_bounds()?;
        self.check_secrecy()
    }

    /// Takes steps until the power is cut or there were enough. A fault that is no power cut does
    /// not end it: what comes after it is where it shows.
    fn live(&mut self) -> Result<(), String> {
        if self.kind.folders && self.one_in(3) {
            let left = self.below(6);
            self.machine()?.blobs.skip_to_end_of_folder(left);
        }
        self.inject_fault();
        let mut after_stop = 0;
        for step in 0..STEPS {
            self.step = step;
            self.failures_before = self.disk.failures();
            let outcome = self.take_step();
            self.disk.nothing_meanwhile();
            outcome?;
            if self.disk.is_off() {
                return Ok(());
            }
            if self.disk.failures() > self.failures_before {
                self.stats.faults += 1;
                if self.one_in(2) {
                    self.inject_fault();
                }
            }
            if let Some(reason) = self.machine()?.stopped() {
                if self.disk.failures() == 0 && !self.was_tight {
                    return Err(format!("stopped without a fault of the drive: {reason}"));
                }
                self.stats.stops += u64::from(after_stop == 0);
                after_stop += 1;
                if after_stop > STEPS_AFTER_STOP {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn inject_fault(&mut self) {
        let at = self.disk.changes() + self.below(MOST_CHANGES);
        let fault = match self.below(20) {
            0 => return,
            1 => Fault::NextSyncFailsFrom(at),
            2 | 3 => Fault::NextWriteFailsFrom(at),
            4..=6 => self.draw_rare_fault(at),
            _ => Fault::PowerCutAt(at),
        };
        self.disk.inject(fault);
    }

    fn draw_rare_fault(&mut self, at: u64) -> Fault {
        let read = self.disk.reads() + self.below(MOST_CHANGES);
        match self.below(6) {
            0 | 1 => Fault::NextDirSyncFailsFrom(at),
            2 => Fault::NextNameFailsFrom(at),
            3 => Fault::NextLengthFailsFrom(at),
            4 => Fault::NextReadFailsFrom(read),
            _ => Fault::NextLookFailsFrom(read),
        }
    }

    /// Ends the process, with the power or without it.
    fn die(&mut self) {
        let was_off = self.disk.is_off();
        let clean = !was_off && self.one_in(4);
        if let Some(machine) = self.machine.take() {
            if clean && machine.end().is_ok() && machine.index.close().is_ok() {
                self.open = None;
            }
            drop(machine);
        }
        self.restart(was_off);
        if self.one_in(2) {
            self.set_budget(None);
        }
        if self.kind.index == IndexKind::Drive && self.one_in(6) {
            // The index can be built again at any time.
            drop(self.disk.remove(&crate::ordered::index_path()));
        }
    }

    /// Cuts the power, or only ends the process. Where a directory lost names that can be seen the
    /// power is cut: file systems do not let anybody go on after that.
    fn restart(&mut self, is_off: bool) {
        // What stops in the middle of its work may also be the process only.
        let cut = if is_off { !self.one_in(6) } else { self.one_in(2) };
        if cut || self.disk.has_lost_names() {
            self.stats.power_cuts += 1;
            self.stats.crash_points += u64::from(is_off);
            let seed = self.random.draw();
            self.disk = self.disk.crash(seed);
        } else {
            self.stats.kills += 1;
            self.disk = self.disk.kill();
        }
        self.disk.heal();
        self.disk.limit_bytes(self.budget);
    }

    /// Opens the store, through faults while it opens, and compares all that it holds.
    fn recover(&mut self) -> Result<(), String> {
        for attempt in 0.. {
            if attempt < INTERRUPTIONS_MAX && self.one_in(4) {
                let at = self.disk.changes() + self.below(MOST_CHANGES_OF_AN_OPEN);
                let fault = match self.below(8) {
                    0 => Fault::NextSyncFailsFrom(at),
                    1 => Fault::NextWriteFailsFrom(at),
                    2 | 3 => self.draw_rare_fault(at),
                    _ => Fault::PowerCutAt(at),
                };
                self.disk.inject(fault);
            }
            self.failures_before = self.disk.failures();
            match open_all(self.options(), self.kind.index) {
                Ok((machine, _)) => {
                    self.machine = Some(Arc::new(machine));
                    if self.disk.is_off() {
                        return Err("the open went well without power".into());
                    }
                    self.disk.heal();
                    self.disk.limit_bytes(self.budget);
                    self.tight = self.budget.is_some();
                    self.was_tight = self.tight;
                    break;
                }
                Err(error @ (OpenError::Corrupt { .. } | OpenError::KeyFileMissing)) => {
                    return Err(format!("{:?} the open failed: {error:?}", self.kind.index));
                }
                Err(_) if self.disk.failures() > self.failures_before => {
                    let off = self.disk.is_off();
                    self.stats.interrupted_recoveries += u64::from(off);
                    self.stats.failed_recoveries += u64::from(!off);
                    self.restart(off);
                }
                Err(_) if self.budget.is_some() => {
                    self.stats.full_recoveries += 1;
                    self.set_budget(None);
                    self.restart(false);
                }
                Err(error) => {
                    return Err(format!("{:?} the open failed: {error:?}", self.kind.index));
                }
            }
        }
        self.settle_open().map_err(Trouble::into_text)?;
        self.check_all().map_err(Trouble::into_text)?;
        self.check_events().map_err(Trouble::into_text)
    }

    fn set_budget(&mut self, budget: Option<u64>) {
        self.budget = budget;
        self.disk.limit_bytes(budget);
    }

    /// There is room again: the engine gets the time to notice. From then on nothing may be refused
    /// for want of room.
    fn relieve(&mut self) -> Outcome {
        self.machine()?.begin_checkpoint(true);
        self.run_checkpoint()?;
        self.chores()?;
        self.chores()?;
        self.tight &= self.disk.failures() > self.failures_before;
        Ok(())
    }

    /// The drive becomes full, or there is room again.
    fn change_room(&mut self) -> Outcome {
        if !self.kind.fills {
            return Ok(());
        }
        if self.budget.is_some() {
            self.set_budget(None);
            return self.relieve();
        }
        let budget = self.disk.used_bytes() + self.below(MOST_ROOM);
        self.set_budget(Some(budget));
        self.tight = true;
        self.was_tight = true;
        self.stats.fillings += 1;
        Ok(())
    }

    fn options(&self) -> EngineOptions {
        let root_key = Secret::from_bytes([9; 32]);
        let entropy = Arc::clone(&self.fixture.entropy);
        EngineOptions {
            disk: Arc::new(self.disk.clone()),
            key_path: DiskPath::keys("keys"),
            root_key: Arc::new(StaticRootKey::new(root_key, Arc::clone(&entropy) as _)),
            entropy: entropy as _,
            clock: Arc::clone(&self.fixture.clock) as _,
            limits: limits(self.kind.fills),
        }
    }

    /// The group whose answer never came was applied as a whole, or not at all.
    fn settle_open(&mut self) -> Result<(), Trouble> {
        let Some(applied) = self.open.take() else { return Ok(()) };
        if applied == self.model {
            return Ok(());
        }
        let events = self.read_events()?;
        let found = self.read_all()?;
        let matches = |model: &Model| {
            let records = model.records.iter().map(|(key, record)| (key, &record.value));
            events.len() == model.events.len()
                && found.iter().map(|(key, entry, _)| (key, &entry.value)).eq(records)
                && found
                    .iter()
                    .zip(model.records.values())
                    .all(|((_, _, payload), record)| *payload == record.payload)
        };
        if matches(&applied) {
            self.stats.open_applied += 1;
            self.model = applied;
        } else {
            self.stats.open_dropped += 1;
        }
        for (key, entry, _) in found {
            if let Some(record) = self.model.records.get_mut(&key)
                && record.revision.is_none()
            {
                record.revision = Some(entry.revision.0);
            }
        }
        Ok(())
    }

    fn take_step(&mut self) -> Outcome {
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

    fn run_checkpoint(&mut self) -> Outcome {
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

    fn chores(&mut self) -> Outcome {
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

    fn check_everything(&mut self) -> Outcome {
        match self.check_all().and_then(|()| self.check_events()) {
            Ok(()) => Ok(()),
            Err(trouble) => self.excuse_trouble(trouble),
        }
    }

    fn check_all(&mut self) -> Result<(), Trouble> {
        let found = self.read_all()?;
        let keys: Vec<_> = found.iter().map(|(key, _, _)| key).collect();
        let wanted: Vec<_> = self.model.records.keys().collect();
        if keys != wanted {
            return Err(Trouble::Wrong(format!("the keys are {keys:?}, not {wanted:?}")));
        }
        for ((key, entry, payload), record) in found.iter().zip(self.model.records.values()) {
            let same = entry.value == record.value
                && Some(entry.revision.0) == record.revision
                && *payload == record.payload;
            if !same {
                let payload = payload.as_ref().map(Bytes::len);
                let wanted = record.payload.as_ref().map(Bytes::len);
                let (value, revision) = (&record.value, record.revision);
                return Err(Trouble::Wrong(format!(
                    "{key:?} is {entry:?} with {payload:?} bytes, not {value:?} of {revision:?} \
                     with {wanted:?} bytes"
                )));
            }
        }
        Ok(())
    }

    fn check_events(&mut self) -> Result<(), Trouble> {
        let events = self.read_events()?;
        if events != self.model.events {
            let (found, wanted) = (events.len(), self.model.events.len());
            let what = format!("there are {found} events, not the {wanted} that there were");
            return Err(Trouble::Wrong(what));
        }
        Ok(())
    }

    fn read_events(&self) -> Result<Vec<Bytes>, Trouble> {
        let mut events = Vec::new();
        let mut after = Revision(0);
        loop {
            let page = self
                .machine()?
                .events(after, EVENTS_PAGE)
                .map_err(|error| Trouble::of("reading events", &error))?;
            let Some(last) = page.last() else { return Ok(events) };
            if page.iter().any(|event| event.revision <= after) {
                return Err(Trouble::Wrong("events are out of order".into()));
            }
            after = last.revision;
            events.extend(page.into_iter().map(|event| event.event));
        }
    }

    fn read_all(&self) -> Result<Vec<(Bytes, strongroom_store::Entry, Option<Bytes>)>, Trouble> {
        let machine = self.machine()?;
        let mut range = KeyRange::prefix(b"");
        let mut found = Vec::new();
        loop {
            let page =
                machine.scan(&range, SCAN_PAGE).map_err(|error| Trouble::of("a scan", &error))?;
            let full = page.len() == SCAN_PAGE;
            if let Some((last, _)) = page.last() {
                range = KeyRange::prefix_after(b"", last);
            }
            for (key, entry) in page {
                let payload = match &entry.payload {
                    None => None,
                    Some(payload) => Some(read_payload(machine, payload)?),
                };
                found.push((key, entry, payload));
            }
            if !full {
                return Ok(found);
            }
        }
    }

    /// After a while in peace the store takes no more room than what is in it asks for.
    fn check_bounds(&mut self) -> Result<(), String> {
        for _ in 0..PEACE_ROUNDS {
            self.chores()?;
            let machine = self.machine()?;
            machine.begin_checkpoint(true);
            let checkpoint = machine.run_checkpoint();
            if checkpoint.is_err() {
                return Err(format!("peace ended: {checkpoint:?}"));
            }
        }
        let files = self.disk.files();
        let count = |dir: &str| files.iter().filter(|f| f.relative().starts_with(dir)).count();
        let segments = count("log/");
        if segments > SEGMENTS_MAX {
            let machine = self.machine()?;
            let ledger = &machine.log.lock().ledger;
            let free = machine.segments.free_count();
            return Err(format!("there are {segments} segments, {free} free; {ledger:?}"));
        }
        let machine = self.machine()?;
        let unowned = machine.blobs.snapshot();
        let mut owned = BTreeSet::new();
        for (_, entry, _) in self.read_all().map_err(Trouble::into_text)? {
            if let Some(strongroom_store::PayloadRef::Blob { file, .. }) = entry.payload {
                owned.insert(file);
            }
        }
        let (there, known) = (count("blobs/"), unowned.unowned.len() + owned.len());
        if there != known {
            return Err(format!("there are {there} blob files for {known} that are known"));
        }
        self.check_all().map_err(Trouble::into_text)?;
        self.check_events().map_err(Trouble::into_text)?;
        self.check_scrub()
    }

    /// A scrub finds nothing: all that is counted is counted right.
    fn check_scrub(&self) -> Result<(), String> {
        let report = self
            .machine()?
            .scrub(&mut |_| ControlFlow::Continue(()))
            .map_err(|error| format!("a scrub failed: {error:?}"))?;
        if !report.findings.is_empty() || report.orphans > 0 {
            return Err(format!("a scrub found {report:?}"));
        }
        Ok(())
    }

    /// No plaintext is on the drive.
    fn check_secrecy(&self) -> Result<(), String> {
        for path in self.disk.files() {
            // Payloads arrive sealed, so only what the engine itself seals is looked at.
            let bytes = self.disk.contents(&path).unwrap_or_default();
            let blob = path.relative().starts_with("blobs/");
            if !blob && bytes.windows(MARKER.len()).any(|window| window == MARKER.as_bytes()) {
                return Err(format!("there is plaintext in {path:?}"));
            }
        }
        Ok(())
    }

    fn draw_batch(
        &mut self,
        blobs: &mut Vec<SealedBlob>,
    ) -> Result<Option<(Batch, ModelBatch)>, String> {
        let mut batch = Batch { token: Token::default(), ..Batch::default() };
        let mut model = ModelBatch::default();
        let mut keys = BTreeSet::new();
        for _ in 0..self.below(4) {
            let key = self.draw_key();
            if !keys.insert(key.clone()) {
                continue;
            }
            if self.one_in(4) {
                batch.writes.push(Write::Delete { key: key.clone() });
                model.writes.push(ModelWrite::Delete { key });
                continue;
            }
            let Some((payload, model_payload)) = self.draw_new_payload(&key, &mut model, blobs)?
            else {
                return Ok(None);
            };
            let value = self.unique(MARKER);
            let protection = self.draw_protection();
            batch.writes.push(Write::Put {
                key: key.clone(),
                value: value.clone(),
                payload,
                protection,
            });
            model.writes.push(ModelWrite::Put { key, value, payload: model_payload, protection });
        }
        if self.one_in(3) {
            let precondition = self.draw_precondition();
            model.preconditions.push(precondition);
        }
        if self.one_in(2) {
            model.event = Some(self.unique(MARKER));
        }
        batch.preconditions.clone_from(&model.preconditions);
        batch.event.clone_from(&model.event);
        Ok(Some((batch, model)))
    }

    fn draw_new_payload(
        &mut self,
        key: &Bytes,
        model: &mut ModelBatch,
        blobs: &mut Vec<SealedBlob>,
    ) -> Result<Option<(NewPayload, ModelPayload)>, String> {
        let revision = self.model.records.get(key).and_then(|record| record.revision);
        Ok(match (self.below(8), revision) {
            (0..=1, Some(revision)) => {
                let key = key.clone();
                let revision = Revision(revision);
                model.preconditions.push(Precondition::Revision { key, revision });
                Some((NewPayload::Keep, ModelPayload::Keep))
            }
            (0..=2, _) => Some((NewPayload::None, ModelPayload::None)),
            (3..=4, _) => {
                let bytes = self.draw_blob();
                self.write_blob(&bytes, true)?.flatten().map(|blob| {
                    blobs.push(blob.clone());
                    (NewPayload::Blob(blob), ModelPayload::Bytes(bytes))
                })
            }
            _ => {
                let bytes = self.draw_payload();
                Some((NewPayload::Inline(bytes.clone()), ModelPayload::Bytes(bytes)))
            }
        })
    }

    /// Writes a blob; the inner option is `None` if it is not to be finished, the outer one if the
    /// drive failed.
    fn write_blob(
        &mut self,
        bytes: &Bytes,
        finish: bool,
    ) -> Result<Option<Option<SealedBlob>>, String> {
        let blob_id = BlobId::from_bytes(self.counter_bytes());
        let files = Arc::clone(&self.machine()?.blobs);
        let mut written = FileWriter::new(files, blob_id).and_then(|mut writer| {
            let middle = bytes.len() / 2;
            writer.write(&bytes.slice(..middle))?;
            if middle as u64 > EXTENT_BYTES / 4 {
                writer.sync()?; // as large ones are, now and then
            }
            writer.write(&bytes.slice(middle..))?;
            Ok(Some(writer))
        });
        if !finish {
            written = written.map(|_| None);
        }
        let lease = match written {
            Ok(None) => return Ok(Some(None)),
            Ok(Some(writer)) => writer.finish(),
            Err(error) => Err(error),
        };
        match lease {
            Ok(lease) => {
                let stored_bytes = lease.stored_bytes();
                let adoption = Arc::new(lease);
                Ok(Some(Some(SealedBlob { blob_id, stored_bytes, adoption })))
            }
            Err(error) => {
                self.excuse_error("writing a blob", &room_error(error))?;
                Ok(None)
            }
        }
    }

    fn draw_precondition(&mut self) -> Precondition {
        let key = self.draw_key();
        match self.below(5) {
            0 => Precondition::Absent { key },
            1 => Precondition::Present { key },
            2 => {
                let prefix = key.slice(..2);
                Precondition::RangeEmpty { range: KeyRange::prefix(&prefix) }
            }
            _ => {
                let record = self.model.records.get(&key);
                let revision = record.and_then(|record| record.revision).unwrap_or(1);
                Precondition::Revision { key, revision: Revision(revision) }
            }
        }
    }

    fn draw_protection(&mut self) -> Protection {
        if !self.one_in(12) {
            return Protection::default();
        }
        let now = self.fixture.clock.now().seconds();
        Protection { retain_until_seconds: now + self.below(40), legal_hold: false }
    }

    fn draw_key(&mut self) -> Bytes {
        let number = self.below(KEYS);
        Bytes::from(format!("k{}/{MARKER}-{number}", number % 5))
    }

    fn draw_payload(&mut self) -> Bytes {
        let length = match self.below(8) {
            0 => 0,
            1 => 16_384,
            2 => 20_000,
            _ => self.below(3000),
        };
        let seed = self.random.draw();
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        SplitMix::new(seed).fill(&mut bytes);
        bytes.into()
    }

    /// A payload for a file: seldom one of more than one extent.
    fn draw_blob(&mut self) -> Bytes {
        if self.large_left == 0 || !self.one_in(8) {
            return self.draw_payload();
        }
        self.large_left -= 1;
        let length = EXTENT_BYTES * self.below(2) + EXTENT_BYTES - 2 + self.below(40_000);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        let mut pattern = [0; 8209];
        SplitMix::new(length).fill(&mut pattern);
        bytes.chunks_mut(pattern.len()).for_each(|piece| {
            piece.copy_from_slice(pattern.get(..piece.len()).unwrap_or(&pattern));
        });
        bytes.into()
    }

    /// A text that occurs once in this world.
    fn unique(&mut self, what: &str) -> Bytes {
        self.counter += 1;
        let padding = self.below(200);
        let padding = usize::try_from(padding).unwrap_or(0);
        Bytes::from(format!("{MARKER} {what} {} {:padding$}", self.counter, ""))
    }

    fn counter_bytes(&mut self) -> [u8; 16] {
        self.counter += 1;
        u128::from(self.counter).to_le_bytes()
    }

    fn machine(&self) -> Result<&Machine, String> {
        self.machine.as_deref().ok_or_else(|| "there is no engine".to_owned())
    }

    fn shared_machine(&self) -> Result<Arc<Machine>, String> {
        self.machine.clone().ok_or_else(|| "there is no engine".to_owned())
    }

    /// A failure is right if the drive is full, or if a fault was injected and has happened.
    fn excuse_error(&mut self, doing: &str, error: &StoreError) -> Outcome {
        let what = format!("{doing} failed: {error:?}");
        match error {
            StoreError::Full if self.tight || self.lacks_segments()? => Ok(()),
            StoreError::Io(_) | StoreError::Full | StoreError::Stopped { .. } => self.excuse(&what),
            _ => Err(what),
        }
    }

    /// Whether a failure has kept the engine from making segments ahead: until it has made them,
    /// only removals are taken.
    fn lacks_segments(&self) -> Result<bool, String> {
        let machine = self.machine()?;
        let on_reserve = machine.log.lock().on_reserve;
        Ok(on_reserve || machine.segments.wants_more())
    }

    fn excuse_trouble(&mut self, trouble: Trouble) -> Outcome {
        match trouble {
            Trouble::Failed(what) => self.excuse(&what),
            Trouble::Wrong(what) => Err(what),
        }
    }

    /// A failure is right if a fault was injected and happened in this step, or if the engine has
    /// stopped.
    fn excuse(&mut self, what: &str) -> Outcome {
        let machine = self.machine()?;
        let excused = self.disk.is_off()
            || self.disk.failures() > self.failures_before
            || machine.stopped().is_some();
        if excused { Ok(()) } else { Err(format!("without a fault of the drive: {what}")) }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random.draw() % bound.max(1)
    }

    fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }
}

fn read_payload(
    machine: &Machine,
    payload: &strongroom_store::PayloadRef,
) -> Result<Bytes, Trouble> {
    let reader =
        machine.open_payload(payload).map_err(|error| Trouble::of("opening a payload", &error))?;
    let length = usize::try_from(reader.stored_bytes()).unwrap_or(usize::MAX);
    block_on(reader.read_at(0, length)).map_err(|error| Trouble::of("reading a payload", &error))
}

/// While a group is written nothing of it is seen. Answers like a checkpoint.
fn look(
    machine: &Machine,
    records: &BTreeMap<Bytes, ModelRecord>,
) -> Option<Result<(), StoreError>> {
    let found = match machine.scan(&KeyRange::prefix(b""), 1000) {
        Ok(found) => found,
        Err(error) => return Some(Err(error)),
    };
    let wanted = records.iter().map(|(key, record)| (key, &record.value));
    if found.iter().map(|(key, entry)| (key, &entry.value)).eq(wanted) {
        return None;
    }
    Some(Err(StoreError::Corrupt { what: "something was seen before it was durable".into() }))
}

fn limits(fills: bool) -> EngineLimits {
    EngineLimits {
        segment_bytes_first: 128 * 1024,
        segment_bytes_max: 256 * 1024,
        checkpoint_entries: 40,
        checkpoint_bytes: 64 * 1024,
        checkpoint_log_bytes: 256 * 1024,
        queue_bytes: 1024 * 1024,
        blob_pool_files: 3,
        free_bytes_min: if fills { 48 * 1024 } else { 0 },
        reserve_bytes: if fills { RESERVE_BYTES } else { 4096 },
        journal_file_bytes: 8 * 1024,
        journal_bytes_max: u64::MAX,
        segments_prewritten: fills,
    }
}

const ROUNDS: u64 = 12; // recoveries of one world
const ROUNDS_LARGE: u64 = 4;
const STEPS: u64 = 40; // between two recoveries, if the power stays on
const STEPS_AFTER_STOP: u64 = 6;
const LARGE_WORLDS: u64 = 64; // one of so many has payloads of more than one extent
const LARGE_PAYLOADS: u64 = 2;
const MOST_ROOM: u64 = 400 * 1024; // on a drive that is to become full
const RESERVE_BYTES: u64 = 256 * 1024;
const MOST_CHANGES: u64 = 120; // a fault comes within so many changes of the drive
const MOST_CHANGES_OF_AN_OPEN: u64 = 30;
const INTERRUPTIONS_MAX: u64 = 3;
const KEYS: u64 = 24; // few, so that everything is written again and again
const SCAN_PAGE: usize = 5;
const EVENTS_PAGE: usize = 50;
const PEACE_ROUNDS: u64 = 30;
const SEGMENTS_MAX: usize = 12; // what is live, the reserve, and what waits for a checkpoint
const MARKER: &str = "PLAINTEXT";
