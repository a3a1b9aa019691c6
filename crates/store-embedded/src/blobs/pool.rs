//! Which blob files there are, which are free, and which are to be removed.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use strongroom_store::StoreError;

use crate::codec::{Fields, FieldsError, u32_of};
use crate::disk::{Disk, DiskFile, DiskPath};

/// All blob files of one engine.
#[derive(Debug)]
pub(crate) struct BlobFiles {
    disk: Arc<dyn Disk>,
    pool_files: usize,
    state: Mutex<State>,
    /// Held while names change, so that a name is not removed while its directory is synced for it.
    names: Mutex<Names>,
}

#[derive(Debug, Default)]
struct State {
    file_next: u64,
    /// Made, named durably, and not yet used.
    ready: VecDeque<(u64, Arc<dyn DiskFile>)>,
    /// Without owner: in the pool, being written, or waiting for their batch.
    unowned: BTreeSet<u64>,
    /// Without owner for ever: their names are to be removed.
    garbage: BTreeSet<u64>,
    /// Those whose names were removed last: somebody may still ask for them.
    removed: VecDeque<u64>,
}

#[derive(Debug, Default)]
struct Names {
    /// Directories that are there, durably.
    shards: BTreeSet<u64>,
}

/// What a checkpoint keeps of the files, to find those without owner after a crash.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct BlobSnapshot {
    /// No file had this number or a greater one.
    pub(crate) file_next: u64,
    /// Files that no record owned, whatever for.
    pub(crate) unowned: BTreeSet<u64>,
}

/// Finds the files without owner while the log is replayed.
#[derive(Debug)]
pub(crate) struct BlobRecovery {
    snapshot: BlobSnapshot,
    garbage: BTreeSet<u64>,
    owned: BTreeSet<u64>,
    /// No number that the log mentions is used again: the file may be gone, but what is to be
    /// removed must not be a new file.
    mentioned_last: u64,
}

impl BlobFiles {
    /// Makes the directory and takes up what recovery found.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        pool_files: usize,
        recovery: BlobRecovery,
    ) -> io::Result<Self> {
        let (file_next, garbage) = recovery.finish(&*disk)?;
        let state = State { file_next, garbage, ..State::default() };
        let state = Mutex::new(state);
        Ok(Self { disk, pool_files, state, names: Mutex::default() })
    }

    /// As [`BlobFiles::open`] after a rebuild of the index: no snapshot tells which files had no
    /// owner, so every file that has none goes.
    pub(crate) fn open_after_rebuild(
        disk: Arc<dyn Disk>,
        pool_files: usize,
        mut recovery: BlobRecovery,
    ) -> io::Result<Self> {
        recovery.garbage.clear();
        Self::open(disk, pool_files, recovery)
    }

    /// A new, empty file whose name is durable.
    pub(crate) fn take(&self) -> io::Result<(u64, Arc<dyn DiskFile>)> {
        loop {
            if let Some(ready) = self.state.lock().ready.pop_front() {
                return Ok(ready);
            }
            self.refill()?;
        }
    }

    /// Opens the file of a payload.
    ///
    /// # Errors
    /// [`StoreError::Moved`] if the record that owned it is gone, whether or not its name still is
    /// there; [`StoreError::Corrupt`] if it is missing.
    pub(crate) fn open_file(&self, file_number: u64) -> Result<Arc<dyn DiskFile>, StoreError> {
        if self.state.lock().garbage.contains(&file_number) {
            return Err(StoreError::Moved);
        }
        match self.disk.open(&file_path(file_number)) {
            Ok(file) => Ok(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let state = self.state.lock();
                if state.garbage.contains(&file_number) || state.removed.contains(&file_number) {
                    return Err(StoreError::Moved);
                }
                tracing::error!(file_number, "the file of a payload is missing");
                Err(StoreError::Corrupt {
                    what: format!("blob file {file_number:016x} is missing"),
                })
            }
            Err(error) => Err(StoreError::Io(error)),
        }
    }

    /// Whether the pool is more than half empty.
    pub(crate) fn wants_refill(&self) -> bool {
        self.state.lock().ready.len() * 2 < self.pool_files
    }

    /// Makes files ahead.
    ///
    /// # Errors
    /// As the drive says.
    pub(crate) fn refill(&self) -> io::Result<()> {
        let mut names = self.names.lock();
        let (first, missing) = {
            let mut state = self.state.lock();
            let missing = self.pool_files.max(1).saturating_sub(state.ready.len()) as u64;
            let first = state.file_next;
            state.file_next += missing;
            state.unowned.extend(first..first + missing);
            (first, missing)
        };
        let numbers = first..first + missing;
        let made = self.make(&mut names, numbers.clone());
        let mut state = self.state.lock();
        match made {
            Ok(files) => {
                state.ready.extend(numbers.zip(files));
                Ok(())
            }
            Err(error) => {
                state.unowned.retain(|number| !numbers.contains(number));
                state.garbage.extend(numbers);
                Err(error)
            }
        }
    }

    fn make(
        &self,
        names: &mut Names,
        numbers: std::ops::Range<u64>,
    ) -> io::Result<Vec<Arc<dyn DiskFile>>> {
        let mut files = Vec::new();
        let mut shards = BTreeSet::new();
        for number in numbers {
            let shard = number >> SHARD_BITS;
            if !names.shards.contains(&shard) {
                self.disk.make_dir(&shard_path(shard))?;
                self.disk.sync_dir(&DiskPath::data(BLOB_DIR))?;
                names.shards.insert(shard);
            }
            shards.insert(shard);
            files.push(self.disk.create(&file_path(number))?);
        }
        for shard in shards {
            self.disk.sync_dir(&shard_path(shard))?;
        }
        Ok(files)
    }

    /// Goes on with numbers shortly before the end of a folder, as if many files had come and gone.
    /// For simulations.
    pub(crate) fn skip_to_end_of_folder(&self, left: u64) {
        let mut state = self.state.lock();
        let end = ((state.file_next >> SHARD_BITS) + 1) << SHARD_BITS;
        state.file_next = state.file_next.max(end.saturating_sub(left + 1));
    }

    /// A batch made a file the property of a record, durably.
    pub(crate) fn adopt(&self, file_number: u64) {
        self.state.lock().unowned.remove(&file_number);
    }

    /// The record that owned a file is gone, durably.
    pub(crate) fn release(&self, file_number: u64) {
        self.state.lock().garbage.insert(file_number);
    }

    /// A file will never have an owner.
    pub(crate) fn doom(&self, file_number: u64) {
        let mut state = self.state.lock();
        state.unowned.remove(&file_number);
        state.garbage.insert(file_number);
    }

    /// Whether there are names to remove.
    pub(crate) fn wants_tidying(&self) -> bool {
        !self.state.lock().garbage.is_empty()
    }

    /// Removes the names of files without owner, durably. Readers keep their open files.
    pub(crate) fn tidy(&self) -> io::Result<()> {
        let _names = self.names.lock();
        let garbage: Vec<u64> =
            self.state.lock().garbage.iter().copied().take(TIDY_FILES_MAX).collect();
        let mut shards = BTreeSet::new();
        for number in &garbage {
            match self.disk.remove(&file_path(*number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                // A name that is gone may have been removed by a round that failed before its sync.
                Ok(()) | Err(_) => shards.insert(number >> SHARD_BITS),
            };
        }
        for shard in shards {
            // A removal that is not durable now may never be: the file could come back, unknown.
            self.disk.sync_dir(&shard_path(shard))?;
        }
        let mut state = self.state.lock();
        for number in garbage {
            state.garbage.remove(&number);
            state.removed.push_back(number);
        }
        while state.removed.len() > REMOVED_MAX {
            state.removed.pop_front();
        }
        Ok(())
    }

    /// What a checkpoint keeps. Called between groups, so that ownership stands still.
    pub(crate) fn snapshot(&self) -> BlobSnapshot {
        let state = self.state.lock();
        let unowned = state.unowned.union(&state.garbage).copied().collect();
        BlobSnapshot { file_next: state.file_next, unowned }
    }

    /// Whether any file has bytes. Looks at all of them, if none has.
    pub(crate) fn are_written(disk: &dyn Disk) -> io::Result<bool> {
        let mut shard = 0;
        let mut missing = 0;
        while missing <= SHARD_GAP_MAX {
            match list_shard(disk, shard)? {
                None => missing += 1,
                Some(numbers) => {
                    missing = 0;
                    for number in numbers {
                        if !disk.open(&file_path(number))?.is_empty()? {
                            return Ok(true);
                        }
                    }
                }
            }
            shard += 1;
        }
        Ok(false)
    }

    /// Every file that there is, by number.
    pub(crate) fn list(disk: &dyn Disk, file_next: u64) -> io::Result<BTreeSet<u64>> {
        let mut found = BTreeSet::new();
        let shard_last = file_next >> SHARD_BITS;
        for shard in 0..=shard_last {
            found.extend(list_shard(disk, shard)?.unwrap_or_default());
        }
        Ok(found)
    }
}

impl BlobSnapshot {
    /// The snapshot as a checkpoint keeps it.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.file_next.to_le_bytes());
        out.extend_from_slice(&u32_of(self.unowned.len()).to_le_bytes());
        for number in &self.unowned {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }

    /// Reads a snapshot back.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Result<Self, FieldsError> {
        let file_next = fields.u64()?;
        let mut unowned = BTreeSet::new();
        for _ in 0..fields.u32()? {
            unowned.insert(fields.u64()?);
        }
        Ok(Self { file_next, unowned })
    }
}

impl BlobRecovery {
    /// Starts from what the last checkpoint knew.
    pub(crate) fn new(snapshot: BlobSnapshot) -> Self {
        let garbage = snapshot.unowned.clone();
        Self { snapshot, garbage, owned: BTreeSet::new(), mentioned_last: 0 }
    }

    /// A record came to own a file.
    pub(crate) fn adopt(&mut self, file_number: u64) {
        self.mentioned_last = self.mentioned_last.max(file_number);
        self.garbage.remove(&file_number);
        self.owned.insert(file_number);
    }

    /// A record that owned a file is gone.
    pub(crate) fn release(&mut self, file_number: u64) {
        self.mentioned_last = self.mentioned_last.max(file_number);
        self.owned.remove(&file_number);
        self.garbage.insert(file_number);
    }

    /// The first number that is free, and the files to remove: those that had no owner when the
    /// checkpoint was made and those that were made since, without those that found an owner.
    fn finish(mut self, disk: &dyn Disk) -> io::Result<(u64, BTreeSet<u64>)> {
        disk.make_dir(&DiskPath::data(BLOB_DIR))?;
        disk.sync_dir(&DiskPath::data(""))?;
        let mut file_next = self.snapshot.file_next.max(self.mentioned_last + 1);
        let mut shard = self.snapshot.file_next >> SHARD_BITS;
        let mut missing = 0;
        // A directory whose name was lost leaves a gap, but never files that count behind it.
        while missing < SHARD_GAP_MAX || shard <= file_next >> SHARD_BITS {
            match list_shard(disk, shard)? {
                None => missing += 1,
                Some(numbers) => {
                    missing = 0;
                    // What is not seen here is forgotten: a process that ended before its removals
                    // were durable must not have files come back.
                    disk.sync_dir(&shard_path(shard))?;
                    for number in numbers {
                        file_next = file_next.max(number + 1);
                        if number >= self.snapshot.file_next && !self.owned.contains(&number) {
                            self.garbage.insert(number);
                        }
                    }
                }
            }
            shard += 1;
        }
        Ok((file_next, self.garbage))
    }
}

fn list_shard(disk: &dyn Disk, shard: u64) -> io::Result<Option<Vec<u64>>> {
    match disk.list(&shard_path(shard)) {
        Ok(names) => {
            Ok(Some(names.iter().filter_map(|name| u64::from_str_radix(name, 16).ok()).collect()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn shard_path(shard: u64) -> DiskPath {
    DiskPath::data(format!("{BLOB_DIR}/{shard:06x}"))
}

/// Where the blob file of this number is.
pub(crate) fn file_path(file_number: u64) -> DiskPath {
    shard_path(file_number >> SHARD_BITS).child(&format!("{file_number:016x}"))
}

/// The directory of the blob files.
pub(crate) const BLOB_DIR: &str = "blobs";

const SHARD_BITS: u32 = 12; // 4,096 files a directory: few syncs, and listing one is cheap
const SHARD_GAP_MAX: u64 = 2; // directories that a crash may have lost before one that it kept
const REMOVED_MAX: usize = 64 * 1024; // no reader takes as long as so many removals
const TIDY_FILES_MAX: usize = 1024; // removed in one step, so that a step stays short

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Fault, SimDisk};

    fn open(disk: &SimDisk) -> BlobFiles {
        let recovery = BlobRecovery::new(BlobSnapshot::default());
        BlobFiles::open(Arc::new(disk.clone()), 1, recovery).unwrap()
    }

    #[test]
    fn a_removal_that_was_not_synced_is_synced_by_the_next_round() {
        let disk = SimDisk::new(1);
        let files = open(&disk);
        let (number, _) = files.take().unwrap();
        files.doom(number);
        disk.inject(Fault::SyncFailsAt(disk.changes() + 1));
        assert!(files.tidy().is_err());
        files.tidy().unwrap();
        assert!(!files.wants_tidying());
        for seed in 0..20 {
            assert!(disk.crash(seed).open(&file_path(number)).is_err(), "crash {seed}");
        }
    }
}
