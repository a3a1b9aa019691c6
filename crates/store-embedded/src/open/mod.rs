//! Opening: keys, index, log, and the first group of a new segment.

mod begin;
mod error;
mod replay;

use std::sync::Arc;

use strongroom_crypto::Secret;
use strongroom_types::{Clock, Entropy};

use self::begin::Begin;
pub use self::error::OpenError;
pub(crate) use self::error::failed;
use self::error::is_full;
use self::replay::Recovery;
use crate::blobs::BlobFiles;
use crate::commit::Checkpoint;
use crate::disk::{Disk, DiskPath, GuardedDisk, Stopped};
use crate::engine::EngineOptions;
use crate::events::Journal;
use crate::keyfile::{KeyFile, KeyFileError, VaultName};
use crate::limits::EngineLimits;
use crate::log::LOG_DIR;
use crate::log::recovery::{Inventory, replay};
use crate::machine::Machine;
use crate::ordered::{DriveIndex, MapIndex, OrderedIndex, OrderedIndexError};
use crate::reserve;

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
