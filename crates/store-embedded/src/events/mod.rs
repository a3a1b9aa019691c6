//! The journal: audit events after their time in the log.
//!
//! Append-only files of sealed blocks, described in `docs/formats/event-journal.md`. A file is
//! written by one run of the engine and never again, so no place in it is sealed twice under one
//! key. Events are appended at checkpoints, in the order of their LSNs.

mod block;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use strongroom_crypto::Secret;
use strongroom_store::{Revision, StoreError, StoredEvent};
use strongroom_types::{Entropy, Timestamp};

use crate::disk::{Disk, DiskFile, DiskPath};
use block::{BLOCK_START, BlockHeader, JournalKey};

/// All journal files of one engine.
#[derive(Debug)]
pub(crate) struct Journal {
    disk: Arc<dyn Disk>,
    entropy: Arc<dyn Entropy>,
    log_key: Secret<32>,
    file_bytes: u64,
    bytes_max: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<u64, Arc<JournalFile>>,
    file_next: u64,
    /// The file of this run, if one was begun and takes more.
    current: Option<u64>,
    lsn_last: u64,
    /// Behind events up to this LSN something is missing that was durable.
    gap: Option<u64>,
}

/// One file, with the places of its blocks.
#[derive(Debug)]
struct JournalFile {
    file: Arc<dyn DiskFile>,
    key: JournalKey,
    blocks: Mutex<Blocks>,
}

#[derive(Debug, Default)]
struct Blocks {
    /// Place and header of each block, in order.
    all: Vec<(u64, BlockHeader)>,
    end: u64,
}

impl Journal {
    /// Opens the journal. Events up to `durable_lsn` were durable at the last checkpoint. What is
    /// behind them may be in the page cache only, after a sync that failed; it is forgotten,
    /// because the log still has it. Where no checkpoint says what was durable, that can be true of
    /// the last file with blocks only, which is written once more.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        entropy: Arc<dyn Entropy>,
        log_key: Secret<32>,
        (file_bytes, bytes_max): (u64, u64),
        durable_lsn: Option<u64>,
    ) -> Result<Self, StoreError> {
        let dir = DiskPath::data(JOURNAL_DIR);
        disk.make_dir(&dir).and_then(|()| disk.sync_dir(&DiskPath::data(""))).map_err(io_error)?;
        let mut state = State { file_next: 1, ..State::default() };
        for name in disk.list(&dir).map_err(io_error)? {
            let stem = name.strip_suffix(".journal").and_then(|stem| stem.parse::<u64>().ok());
            let Some(number) = stem else { continue };
            state.file_next = state.file_next.max(number + 1);
            let file = disk.open(&file_path(number)).map_err(io_error)?;
            let bytes = file.len().map_err(io_error)?;
            let known = durable_lsn.unwrap_or(0);
            match JournalFile::open(file, number, &log_key, known)? {
                Some(opened) => state.take_in(number, opened),
                // Nothing is written behind a header that is not durable.
                None if bytes <= BLOCK_START => {
                    disk.remove(&file_path(number)).map_err(io_error)?
                }
                None => {
                    tracing::error!(
                        number,
                        "a file of the event journal is unreadable and is kept"
                    );
                    state.gap.get_or_insert(state.lsn_last);
                }
            }
        }
        if let Some(lsn) = state.first_gap() {
            state.gap = Some(state.gap.map_or(lsn, |gap| gap.min(lsn)));
        }
        if let Some(durable_lsn) = durable_lsn {
            state.drop_after(durable_lsn);
            if state.lsn_last < durable_lsn {
                state.gap.get_or_insert(state.lsn_last);
                state.lsn_last = durable_lsn;
            }
        }
        if let Some(lsn) = state.gap {
            tracing::error!(lsn, "the event journal is damaged behind this event");
        }
        let state = Mutex::new(state);
        Ok(Self { disk, entropy, log_key, file_bytes, bytes_max, state })
    }

    /// Whether there is a file of a journal.
    pub(crate) fn is_begun(disk: &dyn Disk) -> io::Result<bool> {
        match disk.list(&DiskPath::data(JOURNAL_DIR)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            names => Ok(names?.iter().any(|name| name.ends_with(".journal"))),
        }
    }

    /// Writes the events of the last file that has any once more, to a new one.
    pub(crate) fn renew_last(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        // Later files without blocks are of runs that ended before they had written one.
        let mut files = state.files.iter().rev();
        let last = files.find(|(_, file)| !file.blocks.lock().all.is_empty());
        let Some((number, file)) = last else { return Ok(()) };
        let (number, file) = (*number, Arc::clone(file));
        let blocks = file.blocks.lock().all.clone();
        let mut events = Vec::new();
        for (offset, header) in &blocks {
            events.extend(file.read_block(*offset, *header)?);
        }
        if let Some((_, first)) = blocks.first() {
            state.drop_after(first.previous_lsn);
        }
        drop(state);
        self.append(&events, now)?;
        self.state.lock().files.remove(&number);
        self.disk.remove(&file_path(number)).map_err(io_error)?;
        self.disk.sync_dir(&DiskPath::data(JOURNAL_DIR)).map_err(io_error)
    }

    /// No event with a greater LSN is in the journal.
    pub(crate) fn lsn_last(&self) -> u64 {
        self.state.lock().lsn_last
    }

    /// Appends events, durably. Events that are in the journal already are left out, so that a
    /// checkpoint can be tried again.
    pub(crate) fn append(&self, events: &[StoredEvent], now: Timestamp) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        let from = events.partition_point(|event| event.revision.0 <= state.lsn_last);
        let events = events.get(from..).unwrap_or_default();
        if events.is_empty() {
            return Ok(());
        }
        let appended = self.append_to_current(&mut state, events, now);
        if appended.is_err() {
            self.abandon_current(&mut state);
            return appended;
        }
        state.lsn_last = events.last().map_or(state.lsn_last, |event| event.revision.0);
        self.enforce_cap(&mut state)
    }

    /// After a failure nobody knows what the drive has of the file: it is never written again, and
    /// goes if nothing in it counts.
    fn abandon_current(&self, state: &mut State) {
        let Some(number) = state.current.take() else { return };
        if state.files.get(&number).is_some_and(|file| file.blocks.lock().all.is_empty()) {
            state.files.remove(&number);
            if let Err(error) = self.disk.remove(&file_path(number)) {
                tracing::warn!(%error, number, "an empty file of the event journal stays");
            }
        }
    }

    fn append_to_current(
        &self,
        state: &mut State,
        events: &[StoredEvent],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let file = self.current_file(state)?;
        let mut end = file.blocks.lock().end;
        let start = end;
        let mut previous = state.lsn_last;
        let mut buffer = Vec::new();
        let mut added = Vec::new();
        for piece in block::split(events) {
            let header = BlockHeader::of(previous, piece, now);
            file.key.seal_block(end, header, piece, &mut buffer).map_err(crypto_error)?;
            previous = header.lsn_last;
            added.push((end, header));
            end = start + buffer.len() as u64;
        }
        file.file.write_at(start, &buffer).map_err(io_error)?;
        file.file.sync().map_err(io_error)?;
        let mut blocks = file.blocks.lock();
        blocks.all.extend(added);
        blocks.end = end;
        if end >= self.file_bytes {
            state.current = None;
        }
        Ok(())
    }

    fn current_file(&self, state: &mut State) -> Result<Arc<JournalFile>, StoreError> {
        if let Some(file) = state.current.and_then(|number| state.files.get(&number)) {
            return Ok(Arc::clone(file));
        }
        let number = state.file_next;
        state.file_next += 1;
        let mut salt = [0; 32];
        self.entropy.fill(&mut salt).map_err(|error| io_error(io::Error::other(error)))?;
        let (key, header) = JournalKey::begin(&self.log_key, number, salt).map_err(crypto_error)?;
        let file = self.disk.create(&file_path(number)).map_err(io_error)?;
        let blocks = Mutex::new(Blocks { all: Vec::new(), end: BLOCK_START });
        let begun = Arc::new(JournalFile { file, key, blocks });
        state.files.insert(number, Arc::clone(&begun));
        state.current = Some(number);
        begun.file.write_at(0, &header).map_err(io_error)?;
        begun.file.sync().map_err(io_error)?;
        self.disk.sync_dir(&DiskPath::data(JOURNAL_DIR)).map_err(io_error)?;
        Ok(begun)
    }

    /// Removes the oldest files while all together are over the cap.
    fn enforce_cap(&self, state: &mut State) -> Result<(), StoreError> {
        loop {
            let total: u64 = state.files.values().map(|file| file.blocks.lock().end).sum();
            let oldest = state.files.keys().next().copied();
            let Some(oldest) =
                oldest.filter(|oldest| total > self.bytes_max && state.current != Some(*oldest))
            else {
                return Ok(());
            };
            tracing::warn!(file = oldest, "the oldest events are removed: the journal is full");
            state.files.remove(&oldest);
            self.disk.remove(&file_path(oldest)).map_err(io_error)?;
            self.disk.sync_dir(&DiskPath::data(JOURNAL_DIR)).map_err(io_error)?;
        }
    }

    /// Up to `limit` events after a revision, in order.
    pub(crate) fn read(
        &self,
        after: Revision,
        limit: usize,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let files: Vec<_> = {
            let state = self.state.lock();
            if state.gap.is_some_and(|gap| gap >= after.0) {
                return Err(StoreError::Corrupt { what: "the event journal has a gap".into() });
            }
            state.files.values().cloned().collect()
        };
        let mut found = Vec::new();
        for file in files {
            let blocks: Vec<_> = {
                let blocks = file.blocks.lock();
                let from = blocks.all.partition_point(|(_, header)| header.lsn_last <= after.0);
                blocks.all.get(from..).unwrap_or_default().to_vec()
            };
            for (offset, header) in blocks {
                if found.len() >= limit {
                    return Ok(found);
                }
                let events = file.read_block(offset, header)?;
                let room = limit - found.len();
                let last = found.last().map_or(after, |event: &StoredEvent| event.revision);
                found.extend(events.into_iter().filter(|event| event.revision > last).take(room));
            }
        }
        Ok(found)
    }

    /// Reads everything back and checks it; answers the number of bytes.
    pub(crate) fn verify(&self) -> Result<u64, StoreError> {
        let files: Vec<_> = {
            let state = self.state.lock();
            if state.gap.is_some() {
                return Err(StoreError::Corrupt { what: "the event journal has a gap".into() });
            }
            state.files.values().cloned().collect()
        };
        let mut bytes = 0;
        for file in files {
            let blocks = file.blocks.lock().all.clone();
            for (offset, header) in blocks {
                file.read_block(offset, header)?;
                bytes += header.total_bytes();
            }
        }
        Ok(bytes)
    }
}

impl JournalFile {
    /// Opens a file and finds its blocks; `None` if its header is not whole.
    fn open(
        file: Arc<dyn DiskFile>,
        number: u64,
        log_key: &Secret<32>,
        durable_lsn: u64,
    ) -> Result<Option<Self>, StoreError> {
        let bytes = file.len().map_err(io_error)?;
        if bytes < BLOCK_START {
            return Ok(None);
        }
        let mut header = vec![0; usize::try_from(BLOCK_START).unwrap_or(0)];
        file.read_at(0, &mut header).map_err(io_error)?;
        let Some(key) = JournalKey::open(log_key, number, &header).map_err(crypto_error)? else {
            return Ok(None);
        };
        let opened = Self { file, key, blocks: Mutex::default() };
        let mut at = BLOCK_START;
        let mut all = Vec::new();
        // A block that is not whole was being written when the power failed: its events are still
        // in the log, and nothing was written behind it. Older blocks are checked when read.
        while let Some(header) = opened.block_header(at, bytes)? {
            if header.lsn_last > durable_lsn && opened.read_whole(at, header)?.is_none() {
                break;
            }
            all.push((at, header));
            at += header.total_bytes();
        }
        *opened.blocks.lock() = Blocks { all, end: at };
        Ok(Some(opened))
    }

    fn read_whole(
        &self,
        at: u64,
        header: BlockHeader,
    ) -> Result<Option<Vec<StoredEvent>>, StoreError> {
        match self.read_block(at, header) {
            Ok(events) => Ok(Some(events)),
            Err(StoreError::Corrupt { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn block_header(&self, at: u64, bytes: u64) -> Result<Option<BlockHeader>, StoreError> {
        let mut header = [0; block::HEADER_BYTES];
        if at.saturating_add(header.len() as u64) > bytes {
            return Ok(None);
        }
        self.file.read_at(at, &mut header).map_err(io_error)?;
        let header = BlockHeader::decode(&header);
        Ok(header.filter(|header| at.saturating_add(header.total_bytes()) <= bytes))
    }

    fn read_block(&self, at: u64, header: BlockHeader) -> Result<Vec<StoredEvent>, StoreError> {
        let mut bytes = vec![0; usize::try_from(header.total_bytes()).unwrap_or(0)];
        self.file.read_at(at, &mut bytes).map_err(io_error)?;
        self.key
            .open_block(at, header, &mut bytes)
            .ok_or_else(|| StoreError::Corrupt { what: "a block of the event journal".into() })
    }
}

impl State {
    /// Takes in a file that was found, the next in their order.
    fn take_in(&mut self, number: u64, file: JournalFile) {
        let first = file.blocks.lock().all.first().map(|(_, header)| header.previous_lsn);
        if let Some(previous_lsn) = first {
            self.drop_after(previous_lsn);
        }
        for (_, header) in &file.blocks.lock().all {
            self.lsn_last = self.lsn_last.max(header.lsn_last);
        }
        self.files.insert(number, Arc::new(file));
    }

    /// The event behind which a block is missing. Each block says which event came before it; the
    /// oldest files may be gone by the cap.
    ///
    /// Asked when all files are known: a block that was not whole when an older start saw it looks
    /// like any other once a checkpoint has passed it, and only the later file that has its events
    /// shows that it does not count.
    fn first_gap(&self) -> Option<u64> {
        let mut last = None;
        for file in self.files.values() {
            for (_, header) in &file.blocks.lock().all {
                if let Some(last) = last.filter(|last| header.previous_lsn > *last) {
                    return Some(last);
                }
                last = last.max(Some(header.lsn_last));
            }
        }
        None
    }

    /// Forgets blocks behind an event: writing them failed, and a later file has them again.
    fn drop_after(&mut self, lsn: u64) {
        if lsn >= self.lsn_last {
            return;
        }
        for file in self.files.values() {
            file.blocks.lock().all.retain(|(_, header)| header.lsn_last <= lsn);
        }
        self.lsn_last = lsn;
    }
}

fn file_path(number: u64) -> DiskPath {
    DiskPath::data(format!("{JOURNAL_DIR}/{number:08}.journal"))
}

fn io_error(error: io::Error) -> StoreError {
    if error.kind() == io::ErrorKind::StorageFull {
        return StoreError::Full;
    }
    StoreError::Io(error)
}

fn crypto_error(error: strongroom_crypto::AeadError) -> StoreError {
    StoreError::Io(io::Error::other(error))
}

/// The directory of the journal files.
pub(crate) const JOURNAL_DIR: &str = "events";

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use strongroom_store::conformance::Fixture;

    use super::*;
    use crate::disk::{Fault, SimDisk};

    fn open(disk: &SimDisk, durable_lsn: Option<u64>) -> Journal {
        let log_key = Secret::from_bytes([1; 32]);
        let entropy = Fixture::new(7).entropy;
        Journal::open(Arc::new(disk.clone()), entropy, log_key, (1 << 20, u64::MAX), durable_lsn)
            .unwrap()
    }

    fn append(journal: &Journal, lsn: u64) -> Result<(), StoreError> {
        let event = StoredEvent { revision: Revision(lsn), event: Bytes::from_static(&[7; 9000]) };
        journal.append(&[event], Timestamp::from_micros(1).unwrap())
    }

    /// Events 1 and 2 in two files, and behind them a file whose only block, of event 3, is torn.
    fn with_a_torn_block(seed: u64) -> SimDisk {
        let disk = SimDisk::new(1);
        append(&open(&disk, Some(0)), 1).unwrap();
        append(&open(&disk, Some(1)), 2).unwrap();
        let journal = open(&disk, Some(2));
        disk.inject(Fault::PowerCutAt(disk.changes() + 5)); // the sync of the block
        assert!(append(&journal, 3).is_err());
        disk.crash(seed)
    }

    #[test]
    fn a_torn_block_is_no_gap_once_a_checkpoint_has_passed_it() {
        for seed in 0..64 {
            let disk = with_a_torn_block(seed);
            let journal = open(&disk, None); // the index is lost: what is last is written once more
            journal.renew_last(Timestamp::from_micros(1).unwrap()).unwrap();
            for lsn in 3..=4 {
                append(&journal, lsn).unwrap();
            }
            let found = open(&disk, Some(4)).read(Revision(0), 10).unwrap();
            let found: Vec<_> = found.iter().map(|event| event.revision.0).collect();
            assert_eq!(found, [1, 2, 3, 4], "{seed}");
        }
    }

    #[test]
    fn a_missing_file_is_a_gap() {
        let disk = SimDisk::new(1);
        for lsn in 1..=4 {
            append(&open(&disk, Some(lsn - 1)), lsn).unwrap();
        }
        disk.remove(&file_path(3)).unwrap();
        let journal = open(&disk, Some(4));
        assert!(matches!(journal.read(Revision(1), 10), Err(StoreError::Corrupt { .. })));
        assert_eq!(journal.read(Revision(3), 10).unwrap().len(), 1, "behind the gap");
        disk.remove(&file_path(1)).unwrap();
        disk.remove(&file_path(2)).unwrap();
        assert!(open(&disk, Some(4)).read(Revision(0), 10).is_ok(), "the oldest may be gone");
    }

    #[test]
    fn what_only_the_page_cache_has_is_renewed_whatever_file_it_is_in() {
        for cut in 4..8 {
            let disk = SimDisk::new(1);
            append(&open(&disk, Some(0)), 1).unwrap();
            let journal = open(&disk, Some(1));
            disk.inject(Fault::PowerCutAt(disk.changes() + 5)); // the sync of the block
            assert!(append(&journal, 2).is_err());
            let disk = disk.kill();
            let journal = open(&disk, Some(1)); // the block is seen, and does not count
            disk.inject(Fault::PowerCutAt(disk.changes() + cut)); // a file without blocks, at first
            assert!(append(&journal, 2).is_err() || cut > 5);
            let disk = disk.kill();
            let journal = open(&disk, None);
            journal.renew_last(Timestamp::from_micros(1).unwrap()).unwrap();
            let last = journal.lsn_last();
            assert_eq!(last, 2, "what is seen counts");
            for seed in 0..16 {
                let journal = open(&disk.duplicate().crash(seed), Some(last));
                assert_eq!(journal.read(Revision(0), 10).unwrap().len(), 2, "{cut} {seed}");
            }
        }
    }
}
