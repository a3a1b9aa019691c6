//! Opening: keys, index, log, and the first group of a new segment.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use strongroom_crypto::Secret;
use strongroom_store::{KeyRange, Revision, StoreError, StoredEvent, VaultError};
use strongroom_types::{Clock, Entropy};

use crate::blobs::{BlobFiles, BlobRecovery, BlobSnapshot};
use crate::commit::{Changes, Checkpoint, LogState, Overlay, find, placed_record, scan};
use crate::disk::{Disk, DiskPath, GuardedDisk, Stopped};
use crate::engine::EngineOptions;
use crate::events::Journal;
use crate::keyfile::{KeyFile, KeyFileError, VaultName};
use crate::ledger::Ledger;
use crate::limits::EngineLimits;
use crate::log::recovery::{Inventory, LogError, ReplayStart, Replayed, replay};
use crate::log::{
    Body, FrameKind, GroupBuilder, Item, LOG_DIR, SealedFrame, SegmentEnd, SegmentFile,
    SegmentStart, Writer, WriterError,
};
use crate::machine::Machine;
use crate::ordered::{DriveIndex, MapIndex, OrderedIndex, OrderedIndexError};
use crate::record::{Change, Home, Record};
use crate::reserve::{self, Reserve};
use crate::segments::Segments;

/// Why an engine was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another engine has the data directory open.
    #[error("the data directory is in use by another process")]
    Locked,
    /// There is data, but no key file that opens it.
    #[error("there is data, but its key file is missing")]
    KeyFileMissing,
    /// The key file could not be opened or made.
    #[error("the key file could not be opened")]
    KeyFile(#[source] KeyFileError),
    /// The engine's own keys could not be made.
    #[error("the keys of the engine could not be made")]
    Vault(#[from] VaultError),
    /// Acknowledged bytes are damaged or missing.
    #[error("{what}")]
    Corrupt {
        /// What, and where.
        what: String,
    },
    /// There is no room to begin.
    #[error("the drive is full")]
    Full,
    /// The drive or a library failed.
    #[error("the store could not be opened: {what}")]
    Failed {
        /// What was being done.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What the machine is made of.
#[derive(Debug)]
struct Parts {
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    limits: EngineLimits,
    log_key: Secret<32>,
    /// The index as it was found.
    index: Option<Box<dyn OrderedIndex>>,
    stopped: Stopped,
    room: StartRoom,
}

/// What the first segment is begun with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StartRoom {
    /// What is free.
    Free,
    /// What the reserve gave back, if it was there: not more than must be, and that at once.
    Reserve,
}

/// Makes an empty index.
type MakeIndex<'a> = &'a dyn Fn() -> Result<Box<dyn OrderedIndex>, OrderedIndexError>;

/// Opens everything: the key file, the index, the log. On a full drive, with the reserve.
pub(crate) fn open_all(
    options: EngineOptions,
    index_kind: IndexKind,
) -> Result<(Machine, KeyFile), OpenError> {
    let mut opened = open_once(options.clone(), index_kind, StartRoom::Free);
    if opened.as_ref().is_err_and(is_full) {
        tracing::warn!("the drive is full: the room that is kept for this is given back");
        let released = reserve::release(&*options.disk);
        released.map_err(|error| failed("giving the reserve back", error))?;
        opened = open_once(options, index_kind, StartRoom::Reserve);
    }
    opened.map_err(|error| if is_full(&error) { OpenError::Full } else { error })
}

fn open_once(
    options: EngineOptions,
    index_kind: IndexKind,
    room: StartRoom,
) -> Result<(Machine, KeyFile), OpenError> {
    let EngineOptions { disk, key_path, root_key, entropy, clock, limits } = options;
    let stopped = Stopped::default();
    let disk: Arc<dyn Disk> = Arc::new(GuardedDisk::new(disk, stopped.clone()));
    let keys = open_key_file(&*disk, &key_path, root_key, Arc::clone(&entropy))?;
    let log_key = keys.create_secret(VaultName::Log)?;
    let index_key = keys.create_secret(VaultName::Index)?;
    let index: Option<Box<dyn OrderedIndex>> = match index_kind {
        IndexKind::Memory => None,
        IndexKind::Drive => {
            let (disk, entropy) = (Arc::clone(&disk), Arc::clone(&entropy));
            let opened = DriveIndex::open(disk, entropy, index_key.duplicate(), stopped.clone())?;
            opened.map(|index| Box::new(index) as Box<dyn OrderedIndex>)
        }
    };
    let (index_disk, index_entropy) = (Arc::clone(&disk), Arc::clone(&entropy));
    let index_stopped = stopped.clone();
    let parts = Parts { disk, clock, entropy, limits, log_key, index, stopped, room };
    let machine = open_machine(parts, &|| match index_kind {
        IndexKind::Memory => Ok(Box::new(MapIndex::default())),
        IndexKind::Drive => {
            let (disk, entropy) = (Arc::clone(&index_disk), Arc::clone(&index_entropy));
            let index_key = index_key.duplicate();
            Ok(Box::new(DriveIndex::create(disk, entropy, index_key, index_stopped.clone())?))
        }
    })?;
    machine.check_running()?;
    machine.look_at_room();
    Ok((machine, keys))
}

/// Whether an error, or what caused it, is that there is no room.
fn is_full(error: &OpenError) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        let full = matches!(error.downcast_ref(), Some(OpenError::Full))
            || matches!(error.downcast_ref(), Some(StoreError::Full))
            || matches!(error.downcast_ref(), Some(OrderedIndexError::Full));
        if full {
            return true;
        }
        next = match error.downcast_ref::<io::Error>() {
            Some(error) if error.kind() == io::ErrorKind::StorageFull => return true,
            Some(error) => error.get_ref().map(|error| error as &(dyn std::error::Error + 'static)),
            None => error.source(),
        };
    }
    false
}

/// Where the index is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IndexKind {
    /// On the drive.
    Drive,
    /// In memory, built from the log by every open. For simulations.
    Memory,
}

/// Opens the key file; a new one is made only where there is no data.
fn open_key_file(
    disk: &dyn Disk,
    path: &DiskPath,
    provider: Arc<dyn strongroom_crypto::RootKeyProvider>,
    entropy: Arc<dyn Entropy>,
) -> Result<KeyFile, OpenError> {
    let log_dir = DiskPath::data(LOG_DIR);
    disk.make_dir(&log_dir).map_err(|error| failed("making the log directory", error))?;
    disk.sync_dir(&DiskPath::data(""))
        .map_err(|error| failed("making the log directory", error))?;
    let is_new = disk.list(&log_dir).map_err(|error| failed("listing the log", error))?.is_empty()
        && !has_data_beside_log(disk)?;
    let opened = if is_new {
        KeyFile::open_or_create(disk, path, provider, entropy)
    } else {
        KeyFile::open(disk, path, provider, entropy)
    };
    opened.map_err(|error| match error {
        KeyFileError::Missing => OpenError::KeyFileMissing,
        error => OpenError::KeyFile(error),
    })
}

/// Whether there is data that only a store with a log can have: a start that was cut before the
/// log began leaves neither.
fn has_data_beside_log(disk: &dyn Disk) -> Result<bool, OpenError> {
    let failed = |error| failed("looking for data", error);
    Ok(Journal::is_begun(disk).map_err(failed)? || BlobFiles::are_written(disk).map_err(failed)?)
}

/// Refuses to begin anew beside data, as where the log is on a volume that is not mounted: nothing
/// would own the files, and all would be removed.
fn check_log_is_there(
    disk: &dyn Disk,
    inventory: &Inventory,
    checkpoint: Option<&Checkpoint>,
) -> Result<(), OpenError> {
    if inventory.used.is_empty() && (checkpoint.is_some() || has_data_beside_log(disk)?) {
        return Err(OpenError::Corrupt { what: "there is data, but the log is missing".into() });
    }
    Ok(())
}

/// Reads the log, brings the overlay to its end, and begins a new segment.
fn open_machine(parts: Parts, make_index: MakeIndex<'_>) -> Result<Machine, OpenError> {
    let Parts { disk, clock, entropy, limits, log_key, index, stopped, room } = parts;
    let inventory = Inventory::take(&*disk, &log_key)?;
    // Files that are found may be of a process that ended before their names were durable.
    disk.sync_dir(&DiskPath::data(LOG_DIR)).map_err(|error| failed("syncing the log", error))?;
    let checkpoint = index.as_ref().and_then(|index| index.checkpoint());
    let checkpoint = checkpoint.map(|bytes| Checkpoint::decode(&bytes)).transpose();
    // An index without a readable checkpoint is not one that was completed: all of it is rebuilt.
    let checkpoint = checkpoint.unwrap_or(None);
    check_log_is_there(&*disk, &inventory, checkpoint.as_ref())?;
    let index = match (index, &checkpoint) {
        (Some(index), Some(_)) => index,
        _ => make_index()?,
    };
    let journal = Journal::open(
        Arc::clone(&disk),
        Arc::clone(&entropy),
        log_key.duplicate(),
        (limits.journal_file_bytes, limits.journal_bytes_max),
        checkpoint.as_ref().map(|checkpoint| checkpoint.journal_lsn),
    )?;
    if checkpoint.is_none() {
        journal.renew_last(clock.now())?;
    }
    let mut recovery = Recovery::new(&inventory, index, checkpoint, (limits, journal));
    let start = recovery.start();
    let replayed = replay(&inventory, start.as_ref(), &log_key, &mut |segment, frame| {
        recovery.frame(segment, frame)
    })?;
    recovery.settle_segments(&inventory, &replayed);
    let last_group = recovery.last_group(&replayed)?;
    recovery.begin_segment(Begin {
        disk,
        clock,
        entropy,
        log_key,
        inventory,
        replayed,
        last_group,
        stopped,
        room,
    })
}

/// What a replay builds.
struct Recovery {
    limits: EngineLimits,
    index: Box<dyn OrderedIndex>,
    checkpoint: Option<Checkpoint>,
    overlay: Overlay,
    pending: Changes,
    pending_bytes: usize,
    events: Vec<StoredEvent>,
    ledger: Ledger,
    blobs: BlobRecovery,
    journal: Journal,
    /// The journal holds all events up to this one.
    journal_lsn: u64,
}

struct Begin {
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    log_key: Secret<32>,
    inventory: Inventory,
    replayed: Replayed,
    last_group: Vec<LastFrame>,
    stopped: Stopped,
    room: StartRoom,
}

/// A frame of the last group, which is written again.
struct LastFrame {
    kind: FrameKind,
    lsn: u64,
    body: Body,
}

impl Recovery {
    fn new(
        inventory: &Inventory,
        index: Box<dyn OrderedIndex>,
        checkpoint: Option<Checkpoint>,
        (limits, journal): (EngineLimits, Journal),
    ) -> Self {
        let mut ledger = checkpoint.as_ref().map_or_else(Ledger::default, |c| c.ledger.clone());
        for segment in inventory.used.values() {
            let header = &segment.header;
            let known = checkpoint
                .as_ref()
                .is_some_and(|checkpoint| segment.generation() <= checkpoint.position.generation);
            if !known {
                ledger.begin(segment.generation(), header.segment_bytes, header.lsn_first);
            }
        }
        let snapshot = checkpoint.as_ref().map_or_else(BlobSnapshot::default, |c| c.blobs.clone());
        Self {
            limits,
            index,
            checkpoint,
            overlay: Overlay::default(),
            pending: Changes::new(),
            pending_bytes: 0,
            events: Vec::new(),
            ledger,
            blobs: BlobRecovery::new(snapshot),
            journal_lsn: journal.lsn_last(),
            journal,
        }
    }

    fn start(&self) -> Option<ReplayStart> {
        let checkpoint = self.checkpoint.as_ref()?;
        let before = checkpoint.position.generation;
        let closed = self.ledger.ends().into_iter().filter(|end| end.generation < before);
        Some(ReplayStart { position: checkpoint.position, closed: closed.collect() })
    }

    fn is_rebuild(&self) -> bool {
        self.checkpoint.is_none()
    }

    /// Takes in one frame.
    fn frame(&mut self, segment: &SegmentFile, frame: &SealedFrame) -> Result<(), LogError> {
        let mut places = Vec::new();
        let body = Body::decode(&frame.plaintext, |at| places.push(at))
            .map_err(|error| LogError::Corrupt { what: error.to_string() })?;
        let (generation, lsn) = (segment.generation(), frame.header.lsn);
        let at = u32::try_from(frame.offset).unwrap_or(u32::MAX);
        let mut places = places.into_iter();
        self.ledger.note_lsn(generation, lsn);
        for item in &body.items {
            let home = Home { generation, frame: at, bytes: item.accounted_bytes() };
            let new = placed_record(item, lsn, home, &mut places);
            if new.is_none() {
                self.ledger.note_removal(generation, home.bytes);
            }
            self.change(item.key(), lsn, frame.header.kind, new)
                .map_err(|error| LogError::Io(io::Error::other(error)))?;
        }
        if let Some(event) = body.event
            && lsn > self.journal_lsn
        {
            self.events.push(StoredEvent { revision: Revision(lsn), event });
        }
        self.spill().map_err(|error| LogError::Io(io::Error::other(error)))
    }

    fn change(
        &mut self,
        key: &Bytes,
        lsn: u64,
        kind: FrameKind,
        new: Option<Record>,
    ) -> Result<(), StoreError> {
        let current = match self.pending.get(key) {
            Some(change) => Some(change.clone()),
            None => find(&self.overlay, &*self.index, key)?,
        };
        let current_lsn = current.as_ref().map(|change| change.lsn);
        let applies = match kind {
            // In a rebuild the copy may be all there is, and removals keep their LSN until its
            // end. Otherwise a copy only says where its record is now.
            FrameKind::Relocated if !self.is_rebuild() => {
                new.is_some()
                    && current.as_ref().and_then(|change| change.record.as_ref()).is_some()
                    && current_lsn == Some(lsn)
            }
            _ => current_lsn.is_none_or(|current| current <= lsn),
        };
        if !applies {
            return Ok(());
        }
        let old = current.and_then(|change| change.record);
        self.ledger.account(old.as_ref(), new.as_ref());
        let (old_file, new_file) =
            (old.as_ref().and_then(Record::blob_file), new.as_ref().and_then(Record::blob_file));
        if old_file != new_file {
            new_file.into_iter().for_each(|file| self.blobs.adopt(file));
            old_file.into_iter().for_each(|file| self.blobs.release(file));
        }
        let change = Change { lsn, record: new };
        self.pending_bytes += change.memory_bytes(key);
        self.pending.insert(key.clone(), change);
        Ok(())
    }

    /// A rebuild moves what it has to the index from time to time, so that memory stays bounded;
    /// with its removals, because the log is not in the order of LSNs.
    fn spill(&mut self) -> Result<(), OrderedIndexError> {
        let enough = self.pending.len() >= self.limits.checkpoint_entries
            || self.pending_bytes >= self.limits.checkpoint_bytes;
        if !self.is_rebuild() || !enough {
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        self.pending_bytes = 0;
        let mut changes = pending.into_iter().map(|(key, change)| (key, Some(change.encode())));
        self.index.apply(&mut changes, Bytes::new())
    }

    /// Ends a rebuild: removals go out of the index, and the files that have an owner are known.
    fn sweep_removals(&mut self) -> Result<(), StoreError> {
        let mut range = KeyRange::prefix(b"");
        loop {
            let page =
                self.index.scan(&range, SWEEP_ENTRIES).map_err(crate::commit::index_error)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            let mut next = last.to_vec();
            next.push(0);
            range.start = next.into();
            let removed: Vec<Bytes> = page
                .iter()
                .filter(|(_, value)| Change::decode(value).is_ok_and(|c| c.record.is_none()))
                .map(|(key, _)| key.clone())
                .collect();
            let mut changes = removed.into_iter().map(|key| (key, None));
            self.index.apply(&mut changes, Bytes::new()).map_err(crate::commit::index_error)?;
        }
    }

    /// After a rebuild nothing else says which files have an owner.
    fn adopt_all(&mut self) -> Result<(), StoreError> {
        let mut range = KeyRange::prefix(b"");
        loop {
            let page = scan(None, &self.overlay, &*self.index, &range, SWEEP_ENTRIES)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            let mut next = last.to_vec();
            next.push(0);
            range.start = next.into();
            for (_, change) in &page {
                if let Some(file) = change.record.as_ref().and_then(Record::blob_file) {
                    self.blobs.adopt(file);
                }
            }
        }
    }

    /// Notes where each segment ends; those that do not count have no account.
    fn settle_segments(&mut self, inventory: &Inventory, replayed: &Replayed) {
        for end in &replayed.ends {
            if let Some(account) = self.ledger.get_mut(end.generation) {
                account.end = end.end;
                account.last_group = end.last_group;
            }
        }
        let counts = |generation: u64| {
            replayed.ends.iter().any(|end| end.generation == generation)
                && inventory.used.contains_key(&generation)
        };
        let others: Vec<u64> =
            self.ledger.iter().map(|(generation, _)| generation).filter(|g| !counts(*g)).collect();
        for generation in others {
            self.ledger.remove(generation);
        }
    }

    fn last_group(&self, replayed: &Replayed) -> Result<Vec<LastFrame>, OpenError> {
        let mut frames = Vec::new();
        for frame in &replayed.last_group {
            let kind = frame.header.kind;
            if !matches!(kind, FrameKind::Batch | FrameKind::Relocated) {
                continue;
            }
            let body = Body::decode(&frame.plaintext, |_| {})
                .map_err(|error| OpenError::Corrupt { what: error.to_string() })?;
            frames.push(LastFrame { kind, lsn: frame.header.lsn, body });
        }
        Ok(frames)
    }

    /// Begins a new segment. Its first group holds the last group of the old one once more, so it
    /// is durable, table and all, before anything is answered.
    fn begin_segment(mut self, begin: Begin) -> Result<Machine, OpenError> {
        let Begin { disk, clock, entropy, log_key, inventory, replayed, last_group, .. } = begin;
        let Begin { stopped, room, .. } = begin;
        let lsn_known = self.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.lsn_next);
        // A gap: an LSN of a group that was cut, and could not be read, is never used again.
        let lsn_next = replayed.lsn_max.max(lsn_known).saturating_add(LSN_GAP);
        let generation = replayed.generation_max + 1;
        let log_bytes = self.replayed_bytes(&replayed);
        let reserve = Reserve::new(Arc::clone(&disk), self.limits.reserve_bytes);
        let reserve = Arc::new(reserve);
        let segments = Segments::new(
            Arc::clone(&disk),
            Arc::clone(&reserve),
            self.limits.segments_prewritten,
            inventory
                .used
                .iter()
                .filter(|(generation, _)| self.ledger.get(**generation).is_some())
                .map(|(generation, segment)| (*generation, Arc::clone(segment)))
                .collect(),
            inventory.file_number_next,
        );
        take_free_files(&segments, &inventory, self.limits.segment_bytes_first)?;

        let free = match room {
            StartRoom::Free => {
                segments.take_or_allocate(segments.wanted_bytes(&self.ledger, &self.limits))
            }
            StartRoom::Reserve => segments.take_or_make(self.limits.segment_bytes_first),
        };
        let free = free.map_err(|error| failed("making a segment", error))?;
        let start = SegmentStart {
            generation,
            lsn_first: lsn_next,
            continues: replayed.continues,
            segment_bytes: free.segment_bytes,
        };
        let mut builder = GroupBuilder::begin_segment(
            start,
            free.file_number,
            free.file,
            (&log_key, &*entropy),
            &self.ledger.ends(),
        )?;
        let mut places = Vec::new();
        for frame in &last_group {
            let mut payloads = Vec::new();
            let at = builder.push(frame.kind, frame.lsn, &frame.body, |at| payloads.push(at));
            places.push((u32::try_from(at).unwrap_or(u32::MAX), payloads));
        }
        let sealed = builder.finish()?;
        sealed.write().inspect_err(|error| drop_unbegun(&segments, free.file_number, error))?;
        self.ledger.begin(generation, start.segment_bytes, lsn_next);
        segments.add(sealed.segment());
        for (frame, (at, payloads)) in last_group.into_iter().zip(places) {
            self.take_in_again(generation, frame, (at, payloads))?;
        }
        if let Some(account) = self.ledger.get_mut(generation) {
            account.end = sealed.end().offset;
            account.last_group = sealed.end().group;
        }
        free_leftovers(&segments, &inventory, &replayed, &self.ledger)?;
        self.finish(Finish {
            disk,
            clock,
            entropy,
            log_key,
            segments,
            lsn_next,
            generation,
            log_bytes,
            sealed,
            stopped,
            reserve,
        })
    }

    /// Bytes of log behind the checkpoint: the next start reads them again, until there is another.
    fn replayed_bytes(&self, replayed: &Replayed) -> u64 {
        let from = self.checkpoint.as_ref().map(|checkpoint| checkpoint.position);
        let bytes = |end: &SegmentEnd| match from {
            Some(from) if end.generation < from.generation => 0,
            Some(from) if end.generation == from.generation => end.end.saturating_sub(from.offset),
            _ => end.end,
        };
        replayed.ends.iter().map(bytes).sum()
    }

    fn take_in_again(
        &mut self,
        generation: u64,
        frame: LastFrame,
        (at, payloads): (u32, Vec<u32>),
    ) -> Result<(), OpenError> {
        let mut payloads = payloads.into_iter();
        self.ledger.note_lsn(generation, frame.lsn);
        for item in &frame.body.items {
            let home = Home { generation, frame: at, bytes: item.accounted_bytes() };
            let new = placed_record(item, frame.lsn, home, &mut payloads);
            if matches!(item, Item::Delete { .. }) {
                self.ledger.note_removal(generation, home.bytes);
            }
            self.change(item.key(), frame.lsn, frame.kind, new)?;
        }
        if let Some(event) = frame.body.event
            && frame.lsn > self.journal_lsn
        {
            self.events.push(StoredEvent { revision: Revision(frame.lsn), event });
        }
        Ok(())
    }

    fn finish(mut self, finish: Finish) -> Result<Machine, OpenError> {
        let Finish { disk, clock, entropy, log_key, segments, .. } = finish;
        let Finish { lsn_next, generation, log_bytes, sealed, stopped, reserve, .. } = finish;
        let rebuilt = self.is_rebuild();
        if rebuilt {
            let pending = std::mem::take(&mut self.pending);
            let mut changes = pending.into_iter().map(|(key, change)| (key, Some(change.encode())));
            self.index.apply(&mut changes, Bytes::new())?;
            self.sweep_removals()?;
        }
        self.overlay.publish(std::mem::take(&mut self.pending), std::mem::take(&mut self.events));
        if rebuilt {
            self.adopt_all()?;
        }
        let blobs = match rebuilt {
            true => BlobFiles::open_after_rebuild(
                Arc::clone(&disk),
                self.limits.blob_pool_files,
                self.blobs,
            ),
            false => BlobFiles::open(Arc::clone(&disk), self.limits.blob_pool_files, self.blobs),
        };
        let blobs = blobs.map_err(|error| failed("listing the blob files", error))?;
        let log = LogState {
            writer: Writer::new(&sealed),
            ledger: self.ledger,
            lsn_next: lsn_next + 1,
            generation_next: generation + 1,
            bytes_since_checkpoint: log_bytes,
            on_reserve: false,
            buffer: sealed.into_buffer(),
        };
        let passed = self.checkpoint.map_or(0, |checkpoint| checkpoint.position.generation);
        Ok(Machine {
            limits: self.limits,
            reserve,
            disk,
            clock,
            entropy,
            log_key,
            index: self.index,
            overlay: self.overlay,
            segments,
            log: Mutex::new(log),
            blobs: Arc::new(blobs),
            journal: self.journal,
            checkpoint: Mutex::default(),
            checkpoint_running: Mutex::default(),
            checkpoint_done: Condvar::new(),
            checkpoint_generation: AtomicU64::new(passed),
            retiring: Mutex::default(),
            stopped,
            short_of_room: AtomicBool::new(false),
            room_looked_seconds: AtomicU64::new(0),
            checkpoint_stuck: AtomicBool::new(false),
            checkpoint_seconds: AtomicU64::new(0),
        })
    }
}

struct Finish {
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    log_key: Secret<32>,
    segments: Segments,
    lsn_next: u64,
    generation: u64,
    log_bytes: u64,
    sealed: crate::log::SealedGroup,
    stopped: Stopped,
    reserve: Arc<Reserve>,
}

/// Blank files can be used if they are whole; others are removed.
fn take_free_files(
    segments: &Segments,
    inventory: &Inventory,
    segment_bytes_first: u64,
) -> Result<(), OpenError> {
    for (file_number, file) in &inventory.blank {
        let bytes = file.len().map_err(|error| failed("reading a segment", error))?;
        if bytes >= segment_bytes_first && bytes.is_power_of_two() {
            segments.take_up(*file_number, Arc::clone(file))
        } else {
            segments.discard(*file_number)
        }
        .map_err(|error| failed("removing a segment", error))?;
    }
    Ok(())
}

/// A segment whose first group was not written does not exist: its file only takes room that the
/// next try may need.
fn drop_unbegun(segments: &Segments, file_number: u64, error: &WriterError) {
    if matches!(error, WriterError::Write(_))
        && let Err(error) = segments.discard(file_number)
    {
        tracing::warn!(%error, "a segment that was not begun stays");
    }
}

/// Segments that do not count are wiped, now that the table of the new segment is durable, which
/// does not name them.
fn free_leftovers(
    segments: &Segments,
    inventory: &Inventory,
    replayed: &Replayed,
    ledger: &Ledger,
) -> Result<(), OpenError> {
    let wiping = |error| failed("wiping a segment", error);
    for generation in &replayed.leftovers {
        if ledger.get(*generation).is_some() {
            continue;
        }
        if let Some(segment) = inventory.used.get(generation) {
            segments.free_file(segment.file_number, Arc::clone(&segment.file)).map_err(wiping)?;
        }
    }
    for (file_number, file) in &inventory.damaged {
        segments.free_file(*file_number, Arc::clone(file)).map_err(wiping)?;
    }
    Ok(())
}

pub(crate) fn failed(
    what: &'static str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> OpenError {
    OpenError::Failed { what, source: source.into() }
}

impl From<LogError> for OpenError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Corrupt { what } => {
                Self::Corrupt { what: format!("the log is damaged: {what}") }
            }
            error => failed("reading the log", error),
        }
    }
}

impl From<WriterError> for OpenError {
    fn from(error: WriterError) -> Self {
        match error {
            WriterError::Write(error) if error.kind() == io::ErrorKind::StorageFull => Self::Full,
            error => failed("beginning a segment", error),
        }
    }
}

impl From<OrderedIndexError> for OpenError {
    fn from(error: OrderedIndexError) -> Self {
        match error {
            OrderedIndexError::Full => Self::Full,
            error => failed("opening the index", error),
        }
    }
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Corrupt { what } => Self::Corrupt { what },
            StoreError::Full => Self::Full,
            error => failed("reading the store", error),
        }
    }
}

const LSN_GAP: u64 = 1 << 20; // more than a group has frames
const SWEEP_ENTRIES: usize = 1000;
