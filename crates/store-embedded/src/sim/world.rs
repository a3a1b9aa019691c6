//! One world: a drive, an engine on it, the model, and what happens to them.

use std::collections::{BTreeSet, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use strongroom_crypto::{BlobId, Secret, StaticRootKey};
use strongroom_store::conformance::{Fixture, SplitMix, block_on};
use strongroom_store::{
    Batch, CommitError, Committed, KeyRange, NewPayload, Precondition, Protection, Revision,
    SealedBlob, StoreError, Token, Write,
};
use strongroom_types::Clock;
use tokio::sync::oneshot;

use super::Stats;
use super::model::{Model, ModelBatch, ModelOutcome, ModelPayload, ModelWrite};
use crate::blobs::FileWriter;
use crate::commit::Request;
use crate::disk::{Disk, DiskPath, Fault, SimDisk};
use crate::engine::EngineOptions;
use crate::gc::Compacted;
use crate::limits::EngineLimits;
use crate::machine::Machine;
use crate::open::{IndexKind, open_all};

/// A world between two steps.
#[derive(Debug)]
pub(super) struct World {
    random: SplitMix,
    fixture: Fixture,
    disk: SimDisk,
    machine: Option<Machine>,
    index_kind: IndexKind,
    /// Everything acknowledged.
    model: Model,
    /// What the store holds instead if the group that was open has been applied.
    open: Option<Model>,
    stats: Stats,
    round: u64,
    step: u64,
    counter: u64,
}

/// A step either goes well, or meets a fault of the drive that was injected.
type Outcome = Result<Going, String>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Going {
    On,
    /// The engine has stopped, or the power is off.
    Down,
}

/// An offered batch, in both languages, and its answer.
struct Offer {
    model: ModelBatch,
    answered: oneshot::Receiver<Result<Committed, CommitError>>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = SplitMix::new(seed);
        let index_kind = match random.draw() % 3 {
            0 => IndexKind::Drive,
            _ => IndexKind::Memory,
        };
        Self {
            disk: SimDisk::new(random.draw()),
            fixture: Fixture::new(random.draw()),
            random,
            machine: None,
            index_kind,
            model: Model::default(),
            open: None,
            stats: Stats { worlds: 1, ..Stats::default() },
            round: 0,
            step: 0,
            counter: 0,
        }
    }

    pub(super) fn into_stats(self) -> Stats {
        self.stats
    }

    pub(super) fn place(&self) -> (u64, u64) {
        (self.round, self.step)
    }

    /// Lives through a number of rounds: some steps, a fault, a recovery.
    pub(super) fn run(&mut self) -> Result<(), String> {
        self.recover()?;
        for round in 0..ROUNDS {
            self.round = round;
            self.live()?;
            self.die();
            self.recover()?;
        }
        self.check_bounds()?;
        self.check_secrecy()
    }

    /// Takes steps until a fault ends the engine, or until there were enough.
    fn live(&mut self) -> Result<(), String> {
        self.inject_fault();
        for step in 0..STEPS {
            self.step = step;
            if self.take_step()? == Going::Down {
                return Ok(());
            }
            if let Some(reason) = self.machine()?.stopped() {
                return self.expect_fault(&reason);
            }
        }
        Ok(())
    }

    fn inject_fault(&mut self) {
        let at = self.disk.changes() + self.below(MOST_CHANGES);
        match self.below(10) {
            0 => self.disk.inject(Fault::NextSyncFailsFrom(at)),
            1 => self.disk.inject(Fault::NextWriteFailsFrom(at)),
            2 => {}
            _ => self.disk.inject(Fault::PowerCutAt(at)),
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
        if was_off || self.one_in(2) {
            self.stats.power_cuts += 1;
            let seed = self.random.draw();
            self.disk = self.disk.crash(seed);
        } else {
            self.stats.kills += 1;
            self.disk = self.disk.kill();
        }
        self.disk.heal();
        if self.index_kind == IndexKind::Drive && self.one_in(6) {
            // The index can be built again at any time.
            drop(self.disk.remove(&crate::ordered::index_path()));
        }
    }

    /// Opens the store, through power cuts while it opens, and compares all that it holds.
    fn recover(&mut self) -> Result<(), String> {
        for attempt in 0.. {
            if attempt < INTERRUPTIONS_MAX && self.one_in(4) {
                let at = self.disk.changes() + self.below(MOST_CHANGES_OF_AN_OPEN);
                self.disk.inject(Fault::PowerCutAt(at));
            }
            match open_all(self.options(), self.index_kind) {
                Ok((machine, _)) => {
                    self.machine = Some(machine);
                    if self.disk.is_off() {
                        return Err("the open went well without power".into());
                    }
                    self.disk.heal();
                    break;
                }
                Err(_) if self.disk.is_off() => {
                    self.stats.interrupted_recoveries += 1;
                    self.stats.power_cuts += 1;
                    let seed = self.random.draw();
                    self.disk = self.disk.crash(seed);
                    self.disk.heal();
                }
                Err(error) => {
                    return Err(format!("{:?} the open failed: {error:?}", self.index_kind));
                }
            }
        }
        self.settle_open()?;
        self.check_all()?;
        self.check_events()
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
            limits: limits(),
        }
    }

    /// The group whose answer never came was applied as a whole, or not at all.
    fn settle_open(&mut self) -> Result<(), String> {
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
        match self.below(100) {
            0..=54 => self.commit_some(),
            55..=62 => self.append_event(),
            63..=69 => self.checkpoint_step(),
            70..=79 => self.chores(),
            80..=83 => self.abandon_blob(),
            84..=93 => self.read_some(),
            94..=96 => self.move_clock(),
            _ => self.check_everything(),
        }
    }

    /// Offers a few batches at once: they become one group, or several.
    fn commit_some(&mut self) -> Outcome {
        let mut queue = VecDeque::new();
        let mut offers = Vec::new();
        let mut blobs = Vec::new();
        for _ in 0..=self.below(4) {
            let Some((batch, model)) = self.draw_batch(&mut blobs)? else {
                return self.drive_failed("writing a blob");
            };
            let kept = match self.machine()?.read_kept(&batch) {
                Ok(kept) => kept,
                Err(error) => return self.failed_or_down("reading a kept payload", &error),
            };
            let (answer, answered) = oneshot::channel();
            queue.push_back(Request::Batch { batch, kept, answer, permit: None });
            offers.push(Offer { model, answered });
        }
        self.commit(queue, offers)
    }

    fn commit(&mut self, mut queue: VecDeque<Request>, offers: Vec<Offer>) -> Outcome {
        let now_seconds = self.fixture.clock.now().seconds();
        while !queue.is_empty() {
            if !self.machine()?.commit_group(&mut queue) {
                return Err("no progress, although there are only batches".into());
            }
        }
        let mut applied = self.model.clone();
        let mut going = Going::On;
        for Offer { model, mut answered } in offers {
            let answer = answered.try_recv().map_err(|_| "a batch was not answered".to_owned())?;
            if matches!(answer, Err(CommitError::Store(StoreError::Stopped { .. }))) {
                going = Going::Down; // refused, or of a group that was not begun: not applied
                continue;
            }
            let failed =
                matches!(answer, Err(CommitError::Store(StoreError::Io(_) | StoreError::Full)));
            if failed && self.disk.has_failed() {
                continue; // something could not be read or made: not judged, nothing applied
            }
            let expected = applied.apply(&model, now_seconds);
            match (answer, expected) {
                (Ok(committed), ModelOutcome::Applied) if going == Going::On => {
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
                (Err(CommitError::Unknown), ModelOutcome::Applied) => going = Going::Down,
                (answer, expected) => {
                    return Err(format!("a batch was answered {answer:?}, not {expected:?}"));
                }
            }
        }
        if going == Going::Down {
            self.open = Some(applied);
            return self.drive_failed("a commit");
        }
        Ok(Going::On)
    }

    fn append_event(&mut self) -> Outcome {
        let event = self.unique("event");
        let mut queue = VecDeque::from([Request::Event { event: event.clone(), permit: None }]);
        self.machine()?.commit_group(&mut queue);
        if !queue.is_empty() {
            return self.drive_failed("an event"); // it waits, and this world ends
        }
        let mut applied = self.model.clone();
        applied.events.push(event);
        if self.machine()?.stopped().is_some() {
            self.open = Some(applied);
            return self.drive_failed("an event");
        }
        self.model = applied;
        Ok(Going::On)
    }

    fn checkpoint_step(&mut self) -> Outcome {
        let force = self.one_in(2);
        let run = self.one_in(3);
        let machine = self.machine()?;
        machine.begin_checkpoint(force);
        if run {
            return Ok(Going::On); // it runs later, after other steps
        }
        match machine.run_checkpoint() {
            Ok(()) => {
                self.stats.checkpoints += 1;
                Ok(Going::On)
            }
            Err(error) => self.failed_or_down("a checkpoint", &error),
        }
    }

    fn chores(&mut self) -> Outcome {
        let machine = self.machine()?;
        let submit = |request: Request| {
            let mut queue = VecDeque::from([request]);
            machine.commit_group(&mut queue);
        };
        match machine.do_chores(&submit) {
            Ok(Compacted::Emptied) => {
                self.stats.compactions += 1;
                Ok(Going::On)
            }
            Ok(Compacted::Nothing) => Ok(Going::On),
            Err(error) => self.failed_or_down("chores", &error),
        }
    }

    fn abandon_blob(&mut self) -> Outcome {
        let bytes = self.draw_payload();
        let finish = self.one_in(2);
        match self.write_blob(&bytes, finish)? {
            Some(_) => Ok(Going::On), // dropped: the file is removed by a later chore
            None => self.drive_failed("writing a blob"),
        }
    }

    fn move_clock(&mut self) -> Outcome {
        let seconds = self.below(30);
        self.fixture.clock.advance(Duration::from_secs(seconds));
        Ok(Going::On)
    }

    fn read_some(&mut self) -> Outcome {
        let key = self.draw_key();
        let entry = self.machine()?.get(&key).map_err(|error| format!("a get failed: {error:?}"));
        let entry = match entry {
            Ok(entry) => entry,
            Err(what) => return self.failed_or_off(what),
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
        Ok(Going::On)
    }

    fn check_everything(&mut self) -> Outcome {
        match self.check_all().and_then(|()| self.check_events()) {
            Ok(()) => Ok(Going::On),
            Err(what) => self.failed_or_off(what),
        }
    }

    fn check_all(&mut self) -> Result<(), String> {
        let found = self.read_all()?;
        let keys: Vec<_> = found.iter().map(|(key, _, _)| key).collect();
        let wanted: Vec<_> = self.model.records.keys().collect();
        if keys != wanted {
            return Err(format!("the keys are {keys:?}, not {wanted:?}"));
        }
        for ((key, entry, payload), record) in found.iter().zip(self.model.records.values()) {
            let same = entry.value == record.value
                && Some(entry.revision.0) == record.revision
                && *payload == record.payload;
            if !same {
                let payload = payload.as_ref().map(Bytes::len);
                let wanted = record.payload.as_ref().map(Bytes::len);
                let (value, revision) = (&record.value, record.revision);
                return Err(format!(
                    "{key:?} is {entry:?} with {payload:?} bytes, not {value:?} of {revision:?} \
                     with {wanted:?} bytes"
                ));
            }
        }
        Ok(())
    }

    fn check_events(&mut self) -> Result<(), String> {
        let events = self.read_events()?;
        if events != self.model.events {
            let (found, wanted) = (events.len(), self.model.events.len());
            return Err(format!("there are {found} events, not the {wanted} that there were"));
        }
        Ok(())
    }

    fn read_events(&self) -> Result<Vec<Bytes>, String> {
        let mut events = Vec::new();
        let mut after = Revision(0);
        loop {
            let page = self
                .machine()?
                .events(after, EVENTS_PAGE)
                .map_err(|error| format!("reading events failed: {error:?}"))?;
            let Some(last) = page.last() else { return Ok(events) };
            if page.iter().any(|event| event.revision <= after) {
                return Err("events are out of order".into());
            }
            after = last.revision;
            events.extend(page.into_iter().map(|event| event.event));
        }
    }

    fn read_all(&self) -> Result<Vec<(Bytes, strongroom_store::Entry, Option<Bytes>)>, String> {
        let machine = self.machine()?;
        let mut range = KeyRange::prefix(b"");
        let mut found = Vec::new();
        loop {
            let page = machine
                .scan(&range, SCAN_PAGE)
                .map_err(|error| format!("a scan failed: {error:?}"))?;
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
            let going = self.chores()?;
            let machine = self.machine()?;
            machine.begin_checkpoint(true);
            let checkpoint = machine.run_checkpoint();
            if going == Going::Down || checkpoint.is_err() {
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
        for (_, entry, _) in self.read_all()? {
            if let Some(strongroom_store::PayloadRef::Blob { file, .. }) = entry.payload {
                owned.insert(file);
            }
        }
        let (there, known) = (count("blobs/"), unowned.unowned.len() + owned.len());
        if there != known {
            return Err(format!("there are {there} blob files for {known} that are known"));
        }
        self.check_all()?;
        self.check_events()?;
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
                let bytes = self.draw_payload();
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
        Ok(lease.ok().map(|lease| {
            let stored_bytes = lease.stored_bytes();
            Some(SealedBlob { blob_id, stored_bytes, adoption: Arc::new(lease) })
        }))
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
        self.machine.as_ref().ok_or_else(|| "there is no engine".to_owned())
    }

    /// A failure is right if a fault was injected and has happened.
    fn failed_or_down(&mut self, doing: &str, error: &StoreError) -> Outcome {
        self.failed_or_off(format!("{doing} failed: {error:?}"))
    }

    fn failed_or_off(&mut self, what: String) -> Outcome {
        self.expect_fault(&what)?;
        Ok(Going::Down)
    }

    fn drive_failed(&mut self, doing: &str) -> Outcome {
        self.failed_or_off(format!("{doing} failed"))
    }

    fn expect_fault(&mut self, what: &str) -> Result<(), String> {
        if self.disk.is_off() || self.disk.has_failed() {
            self.stats.faults += u64::from(!self.disk.is_off());
            return Ok(());
        }
        Err(format!("without a fault of the drive: {what}"))
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
) -> Result<Bytes, String> {
    let reader = machine
        .open_payload(payload)
        .map_err(|error| format!("opening the payload {payload:?}: {error:?}"))?;
    let length = usize::try_from(reader.stored_bytes()).unwrap_or(usize::MAX);
    block_on(reader.read_at(0, length)).map_err(|error| format!("reading a payload: {error:?}"))
}

fn limits() -> EngineLimits {
    EngineLimits {
        segment_bytes_first: 128 * 1024,
        segment_bytes_max: 256 * 1024,
        checkpoint_entries: 40,
        checkpoint_bytes: 64 * 1024,
        checkpoint_log_bytes: 256 * 1024,
        queue_bytes: 1024 * 1024,
        blob_pool_files: 3,
        free_bytes_min: 0,
        reserve_bytes: 4096,
        journal_file_bytes: 8 * 1024,
        journal_bytes_max: u64::MAX,
        segments_prewritten: false,
    }
}

const ROUNDS: u64 = 12; // recoveries of one world
const STEPS: u64 = 40; // between two recoveries, if nothing fails
const MOST_CHANGES: u64 = 120; // a fault comes within so many changes of the drive
const MOST_CHANGES_OF_AN_OPEN: u64 = 30;
const INTERRUPTIONS_MAX: u64 = 3;
const KEYS: u64 = 24; // few, so that everything is written again and again
const SCAN_PAGE: usize = 5;
const EVENTS_PAGE: usize = 50;
const PEACE_ROUNDS: u64 = 30;
const SEGMENTS_MAX: usize = 12; // what is live, the reserve, and what waits for a checkpoint
const MARKER: &str = "PLAINTEXT";
