//! The ordered index: what the log says, by key, rebuildable from the log at any time.
//!
//! A database (redb) over a layer that encrypts and authenticates every block, so that names are
//! not readable at rest and a flipped bit is found when it is read. The index never guesses: where
//! something is not what was written, it says [`IndexError::Damaged`], and whoever owns it builds
//! a new one from the log. It knows nothing of what keys and values mean.

mod backend;
mod blocks;
mod seal;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use redb::{
    Builder, Database, DatabaseError, ReadOnlyTable, ReadableDatabase, ReadableTable,
    ReadableTableMetadata, StorageError, TableDefinition,
};
use strongroom_crypto::Secret;
use strongroom_store::KeyRange;
use strongroom_types::Entropy;

use crate::disk::{Disk, DiskPath};

use backend::{FileBackend, ViewBackend};
use blocks::Blocks;

/// An open index. Reads see the last [`Index::apply`] that returned.
#[derive(Debug)]
pub struct Index {
    blocks: Arc<Blocks>,
    /// Locked for each change, so that there is one at a time; `None` once it is closed.
    database: Mutex<Option<Database>>,
    view: RwLock<View>,
    /// What was found to be damaged first: nothing is answered after it.
    damage: OnceLock<String>,
}

/// How an index is opened.
#[derive(Debug, Clone, Copy)]
pub struct IndexOptions {
    /// Memory for pages of the database, in bytes.
    pub cache_bytes: usize,
}

impl Default for IndexOptions {
    fn default() -> Self {
        Self { cache_bytes: CACHE_BYTES }
    }
}

/// Why an index did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// There is no index file.
    #[error("there is no index")]
    Missing,
    /// What is on the drive is not what was written: build the index again.
    #[error("the index is damaged: {what}")]
    Damaged {
        /// What was found, for the operator.
        what: String,
    },
    /// The drive failed, or is full. The index has to be opened again.
    #[error("the index could not be read or written")]
    Io(#[from] io::Error),
    /// An earlier failure of the drive stopped the index; it has to be opened again.
    #[error("the index has stopped after a failure of the drive")]
    Stopped,
}

impl IndexError {
    fn damaged(what: &str) -> Self {
        Self::Damaged { what: what.to_owned() }
    }
}

/// The state that readers see: a snapshot, kept open so that a read needs no transaction of its
/// own, and the checkpoint that came with it.
struct View {
    /// `None` once the index is closed.
    entries: Option<Arc<ReadOnlyTable<&'static [u8], &'static [u8]>>>,
    checkpoint: Option<Bytes>,
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").field("checkpoint", &self.checkpoint).finish_non_exhaustive()
    }
}

/// What [`Index::verify`] looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Entries that were visited.
    pub entries: u64,
    /// Length of the index in bytes of plaintext.
    pub bytes: u64,
}

impl Index {
    /// Makes an empty index, in the place of whatever is there.
    ///
    /// # Errors
    /// [`IndexError::Io`] if the drive fails.
    pub fn create(
        disk: &dyn Disk,
        path: &DiskPath,
        index_key: &Secret<32>,
        entropy: &dyn Entropy,
        options: IndexOptions,
    ) -> Result<Self, IndexError> {
        match disk.remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => disk.sync_dir(&path.parent())?,
        }
        let file = disk.create(path)?;
        let blocks = Blocks::create(file, index_key, entropy)?;
        let index = Self::assemble(blocks, options, make_tables)?;
        disk.sync_dir(&path.parent())?;
        Ok(index)
    }

    /// Opens an index that exists.
    ///
    /// # Errors
    /// [`IndexError::Missing`] or [`IndexError::Damaged`] if it has to be made again,
    /// [`IndexError::Io`] if the drive fails.
    pub fn open(
        disk: &dyn Disk,
        path: &DiskPath,
        index_key: &Secret<32>,
        entropy: &dyn Entropy,
        options: IndexOptions,
    ) -> Result<Self, IndexError> {
        let file = match disk.open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(IndexError::Missing);
            }
            Err(error) => return Err(error.into()),
        };
        Self::assemble(Blocks::open(file, index_key, entropy)?, options, |_| Ok(()))
    }

    fn assemble(
        blocks: Blocks,
        options: IndexOptions,
        prepare: impl FnOnce(&Database) -> Result<(), IndexError>,
    ) -> Result<Self, IndexError> {
        let blocks = Arc::new(blocks);
        let backend = FileBackend(Arc::clone(&blocks));
        guarded(move || {
            let database = Builder::new()
                .set_cache_size(options.cache_bytes)
                .create_with_backend(backend)
                .map_err(from_database)?;
            prepare(&database)?;
            let view = RwLock::new(View::of(&database)?);
            Ok(Self { blocks, database: Mutex::new(Some(database)), view, damage: OnceLock::new() })
        })
    }

    /// The value under a key.
    ///
    /// # Errors
    /// As the kind says. Once there was damage, all calls fail.
    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>, IndexError> {
        self.read(|entries| Ok(entries.get(key)?.map(|found| copy(found.value()))))
    }

    /// Up to `limit` entries of a range, in ascending order of their keys.
    ///
    /// # Errors
    /// As the kind says. Once there was damage, all calls fail.
    pub fn scan(&self, range: &KeyRange, limit: usize) -> Result<Vec<(Bytes, Bytes)>, IndexError> {
        if range.is_void() {
            return Ok(Vec::new());
        }
        self.read(|entries| {
            // All entries of a page in one piece of memory: they come and go together.
            let mut all = Vec::new();
            let mut ends = Vec::new();
            for entry in entries.range::<&[u8]>(range.bounds())?.take(limit) {
                let (key, value) = entry?;
                let (key, value) = (key.value(), value.value());
                if ends.is_empty() {
                    // The others are about as long: what was copied is not moved as it grows.
                    let entry_bytes = key.len().saturating_add(value.len());
                    all.reserve(entry_bytes.saturating_mul(limit).min(SCAN_RESERVE_BYTES_MAX));
                }
                all.extend_from_slice(key);
                let key_end = all.len();
                all.extend_from_slice(value);
                ends.push((key_end, all.len()));
            }
            let all = Bytes::from(all);
            let mut start = 0;
            let cut = |(key_end, end)| {
                let entry = (all.slice(start..key_end), all.slice(key_end..end));
                start = end;
                entry
            };
            Ok(ends.into_iter().map(cut).collect())
        })
    }

    /// The entry with the least key.
    ///
    /// # Errors
    /// As the kind says. Once there was damage, all calls fail.
    pub fn first(&self) -> Result<Option<(Bytes, Bytes)>, IndexError> {
        self.read(|entries| {
            Ok(entries.first()?.map(|(key, value)| (copy(key.value()), copy(value.value()))))
        })
    }

    /// The entry with the greatest key.
    ///
    /// # Errors
    /// As the kind says. Once there was damage, all calls fail.
    pub fn last(&self) -> Result<Option<(Bytes, Bytes)>, IndexError> {
        self.read(|entries| {
            Ok(entries.last()?.map(|(key, value)| (copy(key.value()), copy(value.value()))))
        })
    }

    /// How many entries there are.
    ///
    /// # Errors
    /// As the kind says. Once there was damage, all calls fail.
    pub fn entries(&self) -> Result<u64, IndexError> {
        self.read(|entries| Ok(entries.len()?))
    }

    /// The checkpoint of the last [`Index::apply`]; `None` if there was none.
    #[must_use]
    pub fn checkpoint(&self) -> Option<Bytes> {
        self.view.read().checkpoint.clone()
    }

    /// Puts and (where there is no value) removes entries and keeps `checkpoint`, all or nothing;
    /// durable when this returns. Fast if the keys ascend. Readers go on meanwhile with what was
    /// before.
    ///
    /// # Errors
    /// As the kind says; after the first one no change is taken. Nothing was applied, or, if the drive
    /// failed at the very end, everything may be found applied when the index is opened again.
    pub fn apply<K, V>(
        &self,
        changes: impl IntoIterator<Item = (K, Option<V>)>,
        checkpoint: &[u8],
    ) -> Result<(), IndexError>
    where
        K: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        let database = self.database.lock();
        let outcome = self.check_sound().and_then(|()| {
            guarded(|| {
                let database = database.as_ref().ok_or(IndexError::Stopped)?;
                commit(database, changes, checkpoint)?;
                View::of(database)
            })
        });
        *self.view.write() = self.noted(outcome)?;
        Ok(())
    }

    /// Reads every page that counts back from the drive, checks it and the checksums that the
    /// pages keep of each other, and hands every entry to `visit`, in order. A block that
    /// was replaced by an older one in the same place does not pass. Reads go on meanwhile,
    /// and changes once all checksums were compared; what is visited is the state of the moment
    /// of the call.
    ///
    /// # Errors
    /// [`IndexError::Damaged`] if something is not what was written.
    pub fn verify(&self, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<Verified, IndexError> {
        self.check_sound()?;
        let no_change = self.database.lock();
        let pinned = self.view.read().entries.clone().ok_or(IndexError::Stopped)?;
        let copy = self.open_copy();
        let bytes = self.blocks.len();
        drop(no_change);
        let copy = self.noted(copy)?;
        let outcome = guarded(move || {
            let mut verified = Verified { entries: 0, bytes };
            let entries = View::of(&copy)?.entries.ok_or(IndexError::Stopped)?;
            for entry in entries.iter().map_err(from_storage)? {
                let (key, value) = entry.map_err(from_storage)?;
                visit(key.value(), value.value());
                verified.entries += 1;
            }
            Ok(verified)
        });
        // As long as the snapshot lives, none of its pages is written again.
        drop(pinned);
        self.noted(outcome)
    }

    /// Opens the database a second time, which reads all pages and compares their checksums. No
    /// change may go on meanwhile: a snapshot keeps the pages of entries from being written, not
    /// those in which the database keeps its own accounts.
    fn open_copy(&self) -> Result<Database, IndexError> {
        let first = self.blocks.read_stored_first()?;
        let backend = ViewBackend::new(Arc::clone(&self.blocks), first, self.blocks.len());
        guarded(move || {
            Builder::new()
                .set_cache_size(VERIFY_CACHE_BYTES)
                .set_check_integrity_on_open(true)
                .create_with_backend(backend)
                .map_err(from_database)
        })
    }

    /// Closes the index, so that the next open finds it in order.
    ///
    /// # Errors
    /// As the kind says. The index is sound all the same; the next open then takes longer.
    pub fn close(&self) -> Result<(), IndexError> {
        let mut database = self.database.lock();
        self.view.write().entries = None;
        match database.take() {
            Some(database) => guarded(|| database.close().map_err(from_database)),
            None => Ok(()),
        }
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&ReadOnlyTable<&'static [u8], &'static [u8]>) -> Result<T, ReadError>,
    ) -> Result<T, IndexError> {
        self.check_sound()?;
        let entries = self.view.read().entries.clone().ok_or(IndexError::Stopped)?;
        self.noted(guarded(|| read(&entries).map_err(|error| from_storage(error.0))))
    }

    fn check_sound(&self) -> Result<(), IndexError> {
        match self.damage.get() {
            Some(what) => Err(IndexError::Damaged { what: what.clone() }),
            None => Ok(()),
        }
    }

    /// Remembers the first damage.
    fn noted<T>(&self, outcome: Result<T, IndexError>) -> Result<T, IndexError> {
        if let Err(IndexError::Damaged { what }) = &outcome {
            self.damage.get_or_init(|| what.clone());
        }
        outcome
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        // Dropping the database does what closing it does, but outside of what guards it.
        if self.close().is_err() {
            tracing::warn!("the index was not closed in order");
        }
    }
}

impl View {
    fn of(database: &Database) -> Result<Self, IndexError> {
        let transaction = database.begin_read().map_err(|error| from_redb(error.into()))?;
        let entries = transaction.open_table(ENTRIES).map_err(|error| from_redb(error.into()))?;
        let kept = transaction.open_table(CHECKPOINT).map_err(|error| from_redb(error.into()))?;
        let checkpoint = kept.get(()).map_err(from_storage)?.map(|found| copy(found.value()));
        Ok(Self { entries: Some(Arc::new(entries)), checkpoint })
    }
}

/// The tables of a new index. One without them was never completed.
fn make_tables(database: &Database) -> Result<(), IndexError> {
    let mut transaction = database.begin_write().map_err(|error| from_redb(error.into()))?;
    transaction.set_quick_repair(true);
    transaction.open_table(ENTRIES).map_err(|error| from_redb(error.into()))?;
    transaction.open_table(CHECKPOINT).map_err(|error| from_redb(error.into()))?;
    transaction.commit().map_err(|error| from_redb(error.into()))
}

fn commit<K, V>(
    database: &Database,
    changes: impl IntoIterator<Item = (K, Option<V>)>,
    checkpoint: &[u8],
) -> Result<(), IndexError>
where
    K: AsRef<[u8]>,
    V: AsRef<[u8]>,
{
    let mut transaction = database.begin_write().map_err(|error| from_redb(error.into()))?;
    // The allocator's state is stored with every commit, in two phases: after a crash the index
    // is open at once, and its first block alone decides which commit counts.
    transaction.set_quick_repair(true);
    {
        let mut entries =
            transaction.open_table(ENTRIES).map_err(|error| from_redb(error.into()))?;
        for (key, value) in changes {
            match value {
                Some(value) => entries.insert(key.as_ref(), value.as_ref()),
                None => entries.remove(key.as_ref()),
            }
            .map_err(from_storage)?;
        }
        let mut kept =
            transaction.open_table(CHECKPOINT).map_err(|error| from_redb(error.into()))?;
        kept.insert((), checkpoint).map_err(from_storage)?;
    }
    transaction.commit().map_err(|error| from_redb(error.into()))
}

/// Runs something of the database.
///
/// SECURITY: blocks are authentic but an attacker with the drive can put an older block back in
/// its place; the database then may meet a page that makes no sense to it, and panics. That is
/// damage like any other, and takes nothing else down.
fn guarded<T>(run: impl FnOnce() -> Result<T, IndexError>) -> Result<T, IndexError> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(outcome) => outcome,
        Err(_) => Err(IndexError::damaged("the database met a page that makes no sense")),
    }
}

/// What reads of the database fail with.
struct ReadError(StorageError);

impl From<StorageError> for ReadError {
    fn from(error: StorageError) -> Self {
        Self(error)
    }
}

fn from_database(error: DatabaseError) -> IndexError {
    match error {
        DatabaseError::Storage(error) => from_storage(error),
        // None of these can be of the drive's making: the file is not in a state that was written.
        other => IndexError::Damaged { what: other.to_string() },
    }
}

fn from_redb(error: redb::Error) -> IndexError {
    match error {
        redb::Error::Corrupted(what) => IndexError::Damaged { what },
        redb::Error::Io(error) => from_io(error),
        redb::Error::PreviousIo | redb::Error::DatabaseClosed => IndexError::Stopped,
        other => IndexError::Damaged { what: other.to_string() },
    }
}

fn from_storage(error: StorageError) -> IndexError {
    from_redb(error.into())
}

fn from_io(error: io::Error) -> IndexError {
    match error.kind() {
        // A block that does not authenticate, or a file that is shorter than it says.
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            IndexError::Damaged { what: error.to_string() }
        }
        _ => IndexError::Io(error),
    }
}

fn copy(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

const ENTRIES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("entries");
const CHECKPOINT: TableDefinition<'_, (), &[u8]> = TableDefinition::new("checkpoint");
const CACHE_BYTES: usize = 64 * 1024 * 1024;
const SCAN_RESERVE_BYTES_MAX: usize = 128 * 1024; // a listing reads some 50 KiB at a time
const VERIFY_CACHE_BYTES: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests;
