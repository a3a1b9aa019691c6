//! The segment files: which are in use, which are free, and the making of new ones.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex, RwLock};

use crate::disk::{Disk, DiskFile, DiskPath};
use crate::ledger::Ledger;
use crate::limits::EngineLimits;
use crate::log::{FRAMES_START, LOG_DIR, SegmentFile, segment_path, wipe_header};
use crate::machine::Room;
use crate::reserve::Reserve;

/// All segment files of one engine.
#[derive(Debug)]
pub(crate) struct Segments {
    disk: Arc<dyn Disk>,
    reserve: Arc<Reserve>,
    prewrite: bool,
    used: RwLock<BTreeMap<u64, Arc<SegmentFile>>>,
    free: Mutex<Free>,
    /// Held while a file is made, so that two threads do not make one each.
    making: Mutex<()>,
    pace: Pace,
}

/// Keeps the making of files from taking the drive away from commits: while these flow, one piece
/// is written for each of their groups.
#[derive(Debug, Default)]
struct Pace {
    state: Mutex<PaceState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct PaceState {
    groups: u64,
    group_bytes: u64,
    flowing: bool,
}

/// A segment file without header, ready for use.
#[derive(Debug, Clone)]
pub(crate) struct FreeSegment {
    pub(crate) file_number: u64,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) segment_bytes: u64,
    /// Whether it is one of the reserve.
    pub(crate) of_reserve: bool,
}

#[derive(Debug, Default)]
struct Free {
    segments: Vec<FreeSegment>,
    file_number_next: u64,
}

impl FreeSegment {
    /// Bytes for a first group, beside the table of segments.
    pub(crate) fn room(&self, ledger: &Ledger) -> u64 {
        let table = (ledger.iter().count() as u64 + 1) * 24 + 256;
        self.segment_bytes.saturating_sub(FRAMES_START + table)
    }
}

impl Segments {
    /// Takes up the files that were found.
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        reserve: Arc<Reserve>,
        prewrite: bool,
        used: BTreeMap<u64, Arc<SegmentFile>>,
        file_number_next: u64,
    ) -> Self {
        let free = Free { segments: Vec::new(), file_number_next };
        Self {
            disk,
            reserve,
            prewrite,
            used: RwLock::new(used),
            free: Mutex::new(free),
            making: Mutex::default(),
            pace: Pace::default(),
        }
    }

    /// The segment of a generation, unless it is out of use.
    pub(crate) fn get(&self, generation: u64) -> Option<Arc<SegmentFile>> {
        self.used.read().get(&generation).cloned()
    }

    /// A segment came into use.
    pub(crate) fn add(&self, segment: &Arc<SegmentFile>) {
        self.used.write().insert(segment.generation(), Arc::clone(segment));
    }

    /// All segments in use.
    pub(crate) fn all(&self) -> Vec<Arc<SegmentFile>> {
        self.used.read().values().cloned().collect()
    }

    /// Takes a segment out of use and frees its file. From here on readers find that its payloads
    /// have moved; one that is reading at this moment finds out by the tag of what it read.
    pub(crate) fn retire(&self, generation: u64) -> io::Result<()> {
        let segment = self.used.write().remove(&generation);
        let Some(segment) = segment else { return Ok(()) };
        let freed = self.free_file(segment.file_number, Arc::clone(&segment.file));
        if freed.is_err() {
            self.add(&segment); // it is tried again
        }
        freed
    }

    /// Wipes the header of a file and frees it. One with holes would meet a full drive just when it
    /// is needed as reserve: it is removed.
    pub(crate) fn free_file(&self, file_number: u64, file: Arc<dyn DiskFile>) -> io::Result<()> {
        wipe_header(&*file)?;
        if self.is_hollow(&*file)? {
            return self.discard(file_number);
        }
        let segment_bytes = file.len()?;
        self.give_back(FreeSegment { file_number, file, segment_bytes, of_reserve: false });
        Ok(())
    }

    /// Frees a file that a start found blank: its header is wiped once more, because nobody knows
    /// whether the wiping is durable. If it was not, a power cut while the file is used again could
    /// bring the old header back with new frames behind it.
    pub(crate) fn take_up(&self, file_number: u64, file: Arc<dyn DiskFile>) -> io::Result<()> {
        if self.is_hollow(&*file)? {
            return self.discard(file_number);
        }
        self.free_file(file_number, file)
    }

    fn is_hollow(&self, file: &dyn DiskFile) -> io::Result<bool> {
        Ok(self.prewrite && file.allocated_bytes()? < file.len()?)
    }

    /// Gives back what was taken and not used.
    pub(crate) fn give_back(&self, segment: FreeSegment) {
        self.free.lock().segments.push(segment);
    }

    /// Removes a file that is of no use.
    pub(crate) fn discard(&self, file_number: u64) -> io::Result<()> {
        match self.disk.remove(&segment_path(file_number)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => self.disk.sync_dir(&DiskPath::data(LOG_DIR)),
        }
    }

    /// A free segment of about this length for a purpose, made if need be.
    pub(crate) fn take(&self, wanted: u64, room: Room) -> io::Result<FreeSegment> {
        self.pace.set_flowing(false); // the caller waits for a file
        let mut failure = None;
        while self.free_count() <= RESERVE {
            if let Err(error) = self.make(wanted) {
                failure = Some(error);
                break;
            }
        }
        let mut free = self.free.lock();
        let left = free.segments.len();
        let enough = match room {
            Room::Any => left > RESERVE,
            Room::Removal => left >= RESERVE,
            Room::Relocation => left >= 1,
        };
        let full = || failure.unwrap_or_else(|| io::ErrorKind::StorageFull.into());
        if !enough {
            return Err(full());
        }
        // The longest one that is not too long is best; the order of the rest does not matter.
        free.segments
            .sort_by_key(|segment| (segment.segment_bytes <= wanted, segment.segment_bytes));
        let segment = free.segments.pop().ok_or_else(full)?;
        Ok(FreeSegment { of_reserve: left <= RESERVE, ..segment })
    }

    /// A free file if there is one, otherwise a new one that has its room but is not filled ahead: a
    /// start takes no longer than it must.
    pub(crate) fn take_or_allocate(&self, wanted: u64) -> io::Result<FreeSegment> {
        self.take_or(|| self.take_unwritten(wanted, |file| file.allocate(wanted)))
    }

    /// A free file if there is one, otherwise a new one with all its room; if there is not so much,
    /// one with holes, which may meet the full drive later.
    pub(crate) fn take_or_make(&self, segment_bytes: u64) -> io::Result<FreeSegment> {
        if self.free_count() == 0
            && let Err(error) = self.make(segment_bytes)
        {
            tracing::warn!(%error, "a segment could not be filled ahead");
        }
        self.take_or(|| self.take_unwritten(segment_bytes, |file| file.set_len(segment_bytes)))
    }

    fn take_or(&self, new: impl FnOnce() -> io::Result<FreeSegment>) -> io::Result<FreeSegment> {
        let found = self.free.lock().segments.pop();
        found.map_or_else(new, Ok)
    }

    /// A new file that is not filled ahead: slower to write, but there at once.
    fn take_unwritten(
        &self,
        segment_bytes: u64,
        extend: impl FnOnce(&dyn DiskFile) -> io::Result<()>,
    ) -> io::Result<FreeSegment> {
        let file_number = {
            let mut free = self.free.lock();
            let number = free.file_number_next;
            free.file_number_next += 1;
            number
        };
        let file = self.disk.create(&segment_path(file_number))?;
        if let Err(error) = extend(&*file) {
            self.drop_unfinished(file_number);
            return Err(error);
        }
        self.disk.sync_dir(&DiskPath::data(LOG_DIR))?;
        Ok(FreeSegment { file_number, file, segment_bytes, of_reserve: false })
    }

    /// Half a file is of no use, and takes room that something else may need.
    fn drop_unfinished(&self, file_number: u64) {
        if let Err(error) = self.discard(file_number) {
            tracing::warn!(%error, "an unfinished segment file stays");
        }
    }

    /// How long the next segment should be: as long as what is written of all others together,
    /// within the limits, but no large part of the room that is left, so that on a small drive the
    /// free segments are not what fills it. Half the longest segment it takes in any case: what is
    /// copied out of one that is emptied then finds room in one of the reserve.
    pub(crate) fn wanted_bytes(&self, ledger: &Ledger, limits: &EngineLimits) -> u64 {
        let written = ledger.used_bytes().checked_next_power_of_two().unwrap_or(u64::MAX);
        let longest = ledger.iter().map(|(_, account)| account.segment_bytes).max().unwrap_or(0);
        let room = self.disk.free_bytes().unwrap_or(u64::MAX) / SHARE_OF_ROOM;
        let room = room.checked_ilog2().map_or(0, |log| 1 << log);
        written
            .min(room.max(longest / 2))
            .clamp(limits.segment_bytes_first, limits.segment_bytes_max)
    }

    /// A group was committed: the making of files goes on by a piece.
    pub(crate) fn note_group(&self, bytes: u64) {
        self.pace.note_group(bytes);
    }

    /// No commit is waiting: the making of files goes on as fast as it can.
    pub(crate) fn note_idle(&self) {
        self.pace.set_flowing(false);
    }

    /// How many files are free.
    pub(crate) fn free_count(&self) -> usize {
        self.free.lock().segments.len()
    }

    /// Whether fewer files are free than there should be ahead of use.
    pub(crate) fn wants_more(&self) -> bool {
        self.free_count() <= RESERVE
    }

    /// Whether fewer files are free than are kept for removals and relocations.
    pub(crate) fn lacks_reserve(&self) -> bool {
        self.free_count() < RESERVE
    }

    /// Cuts free files to this length: the drive is short of room.
    pub(crate) fn shorten_free(&self, segment_bytes: u64) -> io::Result<()> {
        // Nobody misses one meanwhile.
        let mut free = self.free.lock();
        for segment in &mut free.segments {
            if segment.segment_bytes > segment_bytes {
                let cut = segment.file.set_len(segment_bytes);
                segment.segment_bytes = segment.file.len()?;
                cut?;
                segment.file.sync()?;
            }
        }
        Ok(())
    }

    /// Removes free files beyond those that are kept ready, the shortest first; where the drive is
    /// short of room all that are not needed.
    pub(crate) fn trim(&self, is_short_of_room: bool) -> io::Result<()> {
        let most = if is_short_of_room { RESERVE + 1 } else { FREE_MAX };
        loop {
            let surplus = {
                let mut free = self.free.lock();
                if free.segments.len() <= most {
                    return Ok(());
                }
                free.segments.sort_by_key(|segment| std::cmp::Reverse(segment.segment_bytes));
                free.segments.pop()
            };
            let Some(surplus) = surplus else { return Ok(()) };
            self.discard(surplus.file_number)?;
        }
    }

    /// Makes a file of this length, ready for use.
    pub(crate) fn make(&self, segment_bytes: u64) -> io::Result<()> {
        let _making = self.making.lock();
        if !self.reserve.allows(segment_bytes)? {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let file_number = {
            let mut free = self.free.lock();
            if free.segments.len() > RESERVE {
                return Ok(());
            }
            let number = free.file_number_next;
            free.file_number_next += 1;
            number
        };
        let made = self.make_file(file_number, segment_bytes);
        match made {
            Ok(file) => {
                self.give_back(FreeSegment { file_number, file, segment_bytes, of_reserve: false });
                Ok(())
            }
            Err(error) => {
                self.drop_unfinished(file_number);
                Err(error)
            }
        }
    }

    /// Zeros are written, not only promised, so that a sync of the log writes data and nothing of
    /// the file system's own.
    fn make_file(&self, file_number: u64, segment_bytes: u64) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.disk.create(&segment_path(file_number))?;
        file.set_len(segment_bytes)?;
        if self.prewrite {
            let zeros = vec![0; PIECE_BYTES];
            let mut at = 0;
            let mut unsynced = 0;
            while at < segment_bytes {
                let piece = (segment_bytes - at).min(self.pace.next_piece_bytes());
                let piece = usize::try_from(piece).unwrap_or(zeros.len());
                file.write_at(at, zeros.get(..piece).unwrap_or(&zeros))?;
                at += piece as u64;
                unsynced += piece as u64;
                if unsynced >= SYNC_BYTES {
                    file.sync()?;
                    unsynced = 0;
                }
            }
        }
        file.sync()?;
        self.disk.sync_dir(&DiskPath::data(LOG_DIR))?;
        Ok(file)
    }
}

impl Pace {
    fn note_group(&self, bytes: u64) {
        let mut state = self.state.lock();
        state.groups += 1;
        state.group_bytes = bytes;
        state.flowing = true;
        self.changed.notify_all();
    }

    fn set_flowing(&self, flowing: bool) {
        self.state.lock().flowing = flowing;
        self.changed.notify_all();
    }

    /// Waits for the next group, if commits flow, and says how much to write: always more than the
    /// group took, so that the next file is ready before this one is full.
    fn next_piece_bytes(&self) -> u64 {
        let mut state = self.state.lock();
        let seen = state.groups;
        while state.flowing && state.groups == seen {
            self.changed.wait(&mut state);
        }
        let most = PIECE_BYTES as u64;
        if state.flowing {
            return state.group_bytes.saturating_mul(2).clamp(PACED_PIECE_BYTES, most);
        }
        most
    }
}

/// Free segments that only removals and relocations may take: one of them for each.
const RESERVE: usize = 2;
const FREE_MAX: usize = RESERVE + 2; // more are given back to the drive
const SHARE_OF_ROOM: u64 = 8; // of what is left, for one segment: with the reserve there are three
const PIECE_BYTES: usize = 1024 * 1024;
const PACED_PIECE_BYTES: u64 = 256 * 1024; // between two groups
const SYNC_BYTES: u64 = 16 * 1024 * 1024; // commits wait for the drive at the same time
