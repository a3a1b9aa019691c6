//! Reads everything back from the drive and compares what belongs together.
//!
//! Every frame of the log, every block of the index, every payload in a file and the event journal
//! are read and checked. The index is compared with the log: each entry with the frame that it
//! names, and all entries of a segment together with the live bytes that the checkpoint counted,
//! so that an entry which is missing, or an old block in the place of a newer one, is found. No key
//! of a payload is needed. Runs beside reads and writes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use bytes::Bytes;
use strongroom_store::{KeyRange, StoreError};

use crate::blobs::{BlobFiles, FileReader};
use crate::commit::{Checkpoint, find, scan};
use crate::ledger::SegmentUse;
use crate::log::{Body, FRAME_HEADER_BYTES, GroupReader, GroupStop, Item, SegmentFile, read_frame};
use crate::machine::Machine;
use crate::ordered::OrderedIndexError;
use crate::record::{Change, Payload, Record};

/// What a scrub has done so far.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct ScrubProgress {
    /// Bytes that were read and checked.
    pub bytes_done: u64,
    /// Bytes that there were to check when it began; grows if the store does.
    pub bytes_total: u64,
}

/// What a scrub saw.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ScrubReport {
    /// Bytes of log frames that were checked.
    pub log_bytes: u64,
    /// Bytes of the index that were checked.
    pub index_bytes: u64,
    /// Bytes of payload files that were checked.
    pub blob_bytes: u64,
    /// Bytes of the event journal that were checked.
    pub journal_bytes: u64,
    /// Entries of the index that were compared with the log.
    pub records: u64,
    /// Payload files that were checked.
    pub blobs: u64,
    /// Payload files that no record owns and that are not kept ready either; a record that is
    /// deleted while this is counted can make one too many.
    pub orphans: u64,
    /// What was wrong, in words for the operator; the first ones of many.
    pub findings: Vec<String>,
    /// Whether it was ended before everything was read.
    pub ended_early: bool,
}

/// Told about progress from time to time; decides whether to go on.
pub type ScrubObserver<'a> = &'a mut dyn FnMut(ScrubProgress) -> ControlFlow<()>;

impl Machine {
    /// Reads everything back.
    pub(crate) fn scrub(&self, observer: ScrubObserver<'_>) -> Result<ScrubReport, StoreError> {
        let mut scrub = Scrub {
            machine: self,
            observer,
            progress: ScrubProgress { bytes_done: 0, bytes_total: self.scrub_bytes()? },
            report: ScrubReport::default(),
        };
        let flow = scrub.run()?;
        scrub.report.ended_early = flow.is_break();
        Ok(scrub.report)
    }

    /// Bytes to read, about.
    fn scrub_bytes(&self) -> Result<u64, StoreError> {
        let log: u64 = self.log.lock().ledger.iter().map(|(_, account)| account.end).sum();
        let mut total = log;
        let _whole = self.each_record(&mut |_, record| {
            if let Payload::Blob { stored_bytes, .. } = record.payload {
                total = total.saturating_add(stored_bytes);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(total)
    }

    fn each_record(&self, visit: Visit<'_>) -> Result<ControlFlow<()>, StoreError> {
        let mut range = KeyRange::prefix(b"");
        loop {
            let page = scan(None, &self.overlay, &*self.index, &range, PAGE_ENTRIES)?;
            let Some((last, _)) = page.last() else { return Ok(ControlFlow::Continue(())) };
            range = KeyRange::prefix_after(b"", last);
            for (key, change) in &page {
                if let Some(record) = &change.record
                    && visit(key, record)?.is_break()
                {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
    }
}

type Visit<'a> = &'a mut dyn FnMut(&Bytes, &Record) -> Visited;
type Visited = Result<ControlFlow<()>, StoreError>;

struct Scrub<'a, 'b> {
    machine: &'a Machine,
    observer: ScrubObserver<'b>,
    progress: ScrubProgress,
    report: ScrubReport,
}

impl Scrub<'_, '_> {
    fn run(&mut self) -> Result<ControlFlow<()>, StoreError> {
        for segment in self.machine.segments.all() {
            if self.segment(&segment)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        self.index()?;
        if self.blobs()?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        self.orphans()?;
        match self.machine.journal.verify() {
            Ok(bytes) => self.report.journal_bytes = bytes,
            Err(StoreError::Corrupt { what }) => self.finding(what),
            Err(error) => return Err(error),
        }
        Ok(self.advance(0))
    }

    /// Reads all groups of a segment.
    fn segment(&mut self, segment: &SegmentFile) -> Result<ControlFlow<()>, StoreError> {
        let generation = segment.generation();
        let account = self.machine.log.lock().ledger.get(generation).cloned();
        let Some(account) = account else { return Ok(ControlFlow::Continue(())) };
        if account.state == SegmentUse::Quarantined {
            self.finding(format!("segment {generation} is quarantined"));
        }
        let mut reader = GroupReader::from_start(segment).map_err(StoreError::Io)?;
        while reader.position().offset < account.end {
            let before = reader.position().offset;
            match reader.next_group() {
                Ok(_) => {}
                Err(GroupStop::Io(error)) => return Err(StoreError::Io(error)),
                Err(GroupStop::Bad(what)) => {
                    // Unless the file was taken into use again meanwhile.
                    if self.machine.segments.get(generation).is_some() {
                        self.finding(format!("segment {generation}, offset {before}: {what}"));
                    }
                    break;
                }
            }
            let bytes = reader.position().offset - before;
            self.report.log_bytes += bytes;
            if self.advance(bytes).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Reads the index and compares it with the log and with what the checkpoint counted. That
    /// takes an index that stands still: a checkpoint meanwhile starts it anew, and in the end no
    /// checkpoint is let in.
    fn index(&mut self) -> Result<(), StoreError> {
        for attempt in 1..=INDEX_ATTEMPTS {
            let running =
                (attempt == INDEX_ATTEMPTS).then(|| self.machine.checkpoint_running.lock());
            let before = self.machine.index.checkpoint();
            let mut live: BTreeMap<u64, u64> = BTreeMap::new();
            let mut suspects = Vec::new();
            let mut records = 0;
            let machine = self.machine;
            let verified = machine.index.verify(&mut |key, value| {
                records += 1;
                let value = Bytes::copy_from_slice(value);
                match Change::decode(&value) {
                    Ok(Change { record: Some(record), .. }) => {
                        *live.entry(record.home.generation).or_default() +=
                            u64::from(record.home.bytes);
                        if !matches(machine, key, &record) && suspects.len() < SUSPECTS_MAX {
                            suspects.push((Bytes::copy_from_slice(key), record));
                        }
                    }
                    _ if suspects.len() < SUSPECTS_MAX => {
                        suspects.push((Bytes::copy_from_slice(key), unreadable()));
                    }
                    _ => {}
                }
            });
            match verified {
                Ok(bytes) => self.report.index_bytes = bytes,
                Err(OrderedIndexError::Damaged(what)) => {
                    self.finding(format!("the index is damaged: {what}"));
                    return Ok(());
                }
                Err(error) => return Err(crate::commit::index_error(error)),
            }
            if self.machine.index.checkpoint() != before {
                continue;
            }
            drop(running);
            self.report.records = records;
            self.compare_entries(suspects)?;
            self.compare_counts(before, &live);
            return Ok(());
        }
        Ok(())
    }

    /// An entry that is not what its frame says is right to be so only if it is not the newest any
    /// more.
    fn compare_entries(&mut self, suspects: Vec<(Bytes, Record)>) -> Result<(), StoreError> {
        for (key, record) in suspects {
            let now = find(&self.machine.overlay, &*self.machine.index, &key)?;
            let unchanged = now.and_then(|change| change.record).is_some_and(|now| now == record);
            if unchanged && !matches(self.machine, &key, &record) {
                let home = record.home;
                self.finding(format!(
                    "an entry of the index is not what the log says: segment {}, offset {}",
                    home.generation, home.frame
                ));
            }
        }
        Ok(())
    }

    fn compare_counts(&mut self, checkpoint: Option<Bytes>, live: &BTreeMap<u64, u64>) {
        let decoded = checkpoint.map(|bytes| Checkpoint::decode(&bytes));
        let Some(Ok(checkpoint)) = decoded else { return };
        for (generation, account) in checkpoint.ledger.iter() {
            let found = live.get(&generation).copied().unwrap_or(0);
            if found != account.live_bytes {
                let counted = account.live_bytes;
                self.finding(format!(
                    "the index names {found} bytes of segment {generation}, not {counted}: \
                     entries are missing or old"
                ));
            }
        }
    }

    /// Reads all payloads in files.
    fn blobs(&mut self) -> Result<ControlFlow<()>, StoreError> {
        let machine = self.machine;
        machine.each_record(&mut |key, record| {
            let Payload::Blob { blob_id, file, stored_bytes } = record.payload else {
                return Ok(ControlFlow::Continue(()));
            };
            let opened = machine.blobs.open_file(file);
            let checked = opened
                .and_then(|opened| FileReader::new(opened, file, blob_id, stored_bytes).verify());
            match checked {
                Err(StoreError::Moved) => {} // its record is another one by now
                Ok(bytes) => {
                    self.report.blob_bytes += bytes;
                    self.report.blobs += 1;
                }
                Err(StoreError::Corrupt { what }) => {
                    let now = find(&machine.overlay, &*machine.index, key)?;
                    let now = now.and_then(|change| change.record);
                    if now.is_some_and(|now| now.payload == record.payload) {
                        self.finding(what);
                    }
                }
                Err(error) => return Err(error),
            }
            Ok(self.advance(stored_bytes))
        })
    }

    /// Files that are there, without owner and without being in use.
    fn orphans(&mut self) -> Result<(), StoreError> {
        let known = self.machine.blobs.snapshot();
        let there =
            BlobFiles::list(&*self.machine.disk, known.file_next).map_err(StoreError::Io)?;
        let mut orphans: BTreeSet<u64> =
            there.into_iter().filter(|number| !known.unowned.contains(number)).collect();
        // The owners once more: some files found theirs since the payloads were read.
        let _whole = self.machine.each_record(&mut |_, record| {
            if let Some(file) = record.blob_file() {
                orphans.remove(&file);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        self.report.orphans = orphans.len() as u64;
        Ok(())
    }

    fn advance(&mut self, bytes: u64) -> ControlFlow<()> {
        self.progress.bytes_done += bytes;
        self.progress.bytes_total = self.progress.bytes_total.max(self.progress.bytes_done);
        (self.observer)(self.progress)
    }

    fn finding(&mut self, what: String) {
        tracing::error!(what, "scrub");
        if self.report.findings.len() < FINDINGS_MAX {
            self.report.findings.push(what);
        }
    }
}

/// Whether a record is what the frame says in which it has its home.
fn matches(machine: &Machine, key: &[u8], record: &Record) -> bool {
    let Some(segment) = machine.segments.get(record.home.generation) else { return false };
    let expected = FRAME_HEADER_BYTES + usize::try_from(record.home.bytes).unwrap_or(0);
    let Ok(frame) = read_frame(&segment, record.home.frame.into(), expected) else { return false };
    let mut places = Vec::new();
    let Ok(body) = Body::decode(&frame.plaintext, |at| places.push(at)) else { return false };
    let mut places = places.into_iter();
    for item in &body.items {
        let found = crate::commit::placed_record(item, frame.header.lsn, record.home, &mut places);
        let this: bool = matches!(item, Item::Put { .. }) && item.key().as_ref() == key;
        if this {
            return found.as_ref() == Some(record);
        }
    }
    false
}

fn unreadable() -> Record {
    Record {
        revision: 0,
        home: crate::record::Home::default(),
        protection: strongroom_store::Protection::default(),
        payload: Payload::None,
        value: Bytes::new(),
    }
}

const PAGE_ENTRIES: usize = 1000;
const INDEX_ATTEMPTS: usize = 3; // the last one holds checkpoints back
const SUSPECTS_MAX: usize = 10_000; // entries to look at again; more are as bad
const FINDINGS_MAX: usize = 1000;
