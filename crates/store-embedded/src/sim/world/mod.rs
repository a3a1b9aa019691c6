//! One world: a drive, an engine on it, the model, and what happens to them.

mod checks;
mod draw;
mod steps;

use std::sync::Arc;

use strongroom_crypto::{Secret, StaticRootKey};
use strongroom_store::StoreError;
use strongroom_store::conformance::{Fixture, SplitMix};

use super::Stats;
use super::model::Model;
use crate::disk::{Disk, DiskPath, Fault, SimDisk};
use crate::engine::EngineOptions;
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
    /// Before this step segments were missing; a batch may have come before they were made in it.
    lacked_segments: bool,
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
            lacked_segments: false,
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
            self.lacked_segments = self.lacks_segments()?;
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
            StoreError::Full if self.tight || self.lacked_segments || self.lacks_segments()? => {
                Ok(())
            }
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
const MARKER: &str = "PLAINTEXT";
