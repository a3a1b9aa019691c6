//! Whether a store holds what its model says, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use bytes::Bytes;
use strongroom_store::conformance::block_on;
use strongroom_store::{KeyRange, Revision, StoreError};

use super::{MARKER, Outcome, Trouble, World};
use crate::machine::Machine;
use crate::sim::model::ModelRecord;

impl World {
    pub(super) fn check_everything(&mut self) -> Outcome {
        match self.check_all().and_then(|()| self.check_events()) {
            Ok(()) => Ok(()),
            Err(trouble) => self.excuse_trouble(trouble),
        }
    }

    pub(super) fn check_all(&mut self) -> Result<(), Trouble> {
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

    pub(super) fn check_events(&mut self) -> Result<(), Trouble> {
        let events = self.read_events()?;
        if events != self.model.events {
            let (found, wanted) = (events.len(), self.model.events.len());
            let what = format!("there are {found} events, not the {wanted} that there were");
            return Err(Trouble::Wrong(what));
        }
        Ok(())
    }

    pub(super) fn read_events(&self) -> Result<Vec<Bytes>, Trouble> {
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

    pub(super) fn read_all(
        &self,
    ) -> Result<Vec<(Bytes, strongroom_store::Entry, Option<Bytes>)>, Trouble> {
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
    pub(super) fn check_bounds(&mut self) -> Result<(), String> {
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
    pub(super) fn check_secrecy(&self) -> Result<(), String> {
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
pub(super) fn look(
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

const SCAN_PAGE: usize = 5;
const EVENTS_PAGE: usize = 50;
const PEACE_ROUNDS: u64 = 30;
const SEGMENTS_MAX: usize = 12; // what is live, the reserve, and what waits for a checkpoint
