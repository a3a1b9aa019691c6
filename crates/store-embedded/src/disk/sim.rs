//! A simulated drive: everything that a real one may do to unsynced data, from one seed.
//!
//! The model: a file has durable bytes and writes that were not synced yet. A power cut keeps for
//! each sector of 512 bytes the content of some moment since the last sync, each sector for
//! itself: torn and reordered writes follow. A directory has durable names and changes that were
//! not synced; a power cut keeps for each name the state of some moment since the last sync of its
//! directory. A sync that fails leaves what it should have synced readable, but it is never durable
//! afterwards, as Linux does it.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::{Disk, DiskFile, DiskPath};

/// A drive in memory, made to fail. Clones are handles to the same drive.
#[derive(Clone)]
pub struct SimDisk {
    shared: Arc<Mutex<Shared>>,
    locked: Arc<AtomicBool>,
    meanwhile: Arc<Mutex<Option<(u64, Meanwhile)>>>,
}

/// Something that goes wrong once, or from some moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The power is cut at this change (writes, syncs, lengths and names are counted from 0).
    PowerCutAt(u64),
    /// This change fails if it is a write; some of it may have reached the drive.
    WriteFailsAt(u64),
    /// This change fails if it is a sync of a file; what was unsynced is lost in the next crash.
    SyncFailsAt(u64),
    /// The first sync at or after this change fails.
    NextSyncFailsFrom(u64),
    /// The first write at or after this change fails.
    NextWriteFailsFrom(u64),
    /// The first sync of a directory at or after this change fails; the names that it should have
    /// made durable may never be so afterwards.
    NextDirSyncFailsFrom(u64),
    /// The first making or removal of a name at or after this change fails, done or not.
    NextNameFailsFrom(u64),
    /// The first change of a length at or after this change fails, done or not.
    NextLengthFailsFrom(u64),
    /// This read fails (reads are counted from 0, apart from changes).
    ReadFailsAt(u64),
    /// The first read at or after this one fails.
    NextReadFailsFrom(u64),
    /// The first opening of a file, listing of a directory or look at a length after so many reads
    /// fails.
    NextLookFailsFrom(u64),
}

/// What is done at one change of the drive, before it, as if by another thread.
type Meanwhile = Box<dyn FnOnce() + Send>;

impl SimDisk {
    /// An empty drive. The seed decides nothing until something fails.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut names = BTreeMap::new();
        for root in [DiskPath::data(""), DiskPath::keys("")] {
            names.insert(root, Node::Dir);
        }
        Self::from_names(names, BTreeMap::new(), seed)
    }

    /// Cuts the power and starts again: the drive as it is found afterwards. Handles of the old
    /// one fail from now on.
    #[must_use]
    pub fn crash(&self, seed: u64) -> Self {
        let mut shared = self.shared.lock();
        shared.powered = false;
        let mut random = Random(seed ^ 0x5bd1_e995_9d1b_54a5);
        let mood = Mood::draw(&mut random);
        let names = shared.names_after_crash(mood, &mut random);
        let mut inodes = BTreeMap::new();
        for node in names.values() {
            if let Node::File(number) = node
                && let Some(inode) = shared.inodes.get(number)
            {
                inodes.insert(*number, inode.after_crash(mood, &mut random));
            }
        }
        let disk = Self::from_names(names, inodes, seed);
        disk.shared.lock().budget_bytes = shared.budget_bytes;
        disk
    }

    /// The drive after the process was killed while the power stayed on: nothing is lost, but
    /// what was not synced still is not. Handles of the old one fail from now on.
    #[must_use]
    pub fn kill(&self) -> Self {
        let mut shared = self.shared.lock();
        shared.powered = false;
        let mut next = shared.clone();
        next.powered = true;
        next.changes = 0;
        next.reads = 0;
        next.failures = 0;
        next.lost_names = false;
        next.faults.clear();
        Self::from_shared(next)
    }

    /// An independent copy of the drive, durable and unsynced state included.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        let mut next = self.shared.lock().clone();
        next.powered = true;
        Self::from_shared(next)
    }

    /// Adds something that goes wrong.
    pub fn inject(&self, fault: Fault) {
        self.shared.lock().faults.push(fault);
    }

    /// Takes back everything injected that has not yet happened, the size limit included.
    pub fn heal(&self) {
        let mut shared = self.shared.lock();
        shared.faults.clear();
        shared.failed = false;
        shared.budget_bytes = None;
    }

    /// Runs something once, before the first change at or after this one: what another thread does
    /// while the caller of that change is in the middle of its work. It must not need a lock that
    /// the caller may hold.
    pub(crate) fn meanwhile(&self, change: u64, run: impl FnOnce() + Send + 'static) {
        *self.meanwhile.lock() = Some((change, Box::new(run)));
    }

    /// Takes back what was to be run meanwhile. Answers whether it has not been run.
    pub(crate) fn nothing_meanwhile(&self) -> bool {
        self.meanwhile.lock().take().is_some()
    }

    /// How many bytes all files together may have from now on; `None` = no limit.
    pub fn limit_bytes(&self, bytes: Option<u64>) {
        self.shared.lock().budget_bytes = bytes;
    }

    /// Changes so far: writes, syncs, lengths, names.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.shared.lock().changes
    }

    /// Reads so far.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.shared.lock().reads
    }

    /// Bytes of all files together.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.shared.lock().used_bytes()
    }

    /// How many injected failures have happened, power cuts included.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.shared.lock().failures
    }

    /// Whether names were made or removed that can be seen, but that no sync makes durable any
    /// more.
    #[must_use]
    pub fn has_lost_names(&self) -> bool {
        self.shared.lock().lost_names
    }

    /// Whether an injected failure has happened since the drive was last healed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.shared.lock().failed
    }

    /// Whether an injected power cut has happened.
    #[must_use]
    pub fn is_off(&self) -> bool {
        !self.shared.lock().powered
    }

    /// All files there are, in order.
    #[must_use]
    pub fn files(&self) -> Vec<DiskPath> {
        let shared = self.shared.lock();
        let files = shared.names.iter().filter(|(_, node)| matches!(node, Node::File(_)));
        files.map(|(path, _)| path.clone()).collect()
    }

    /// Changes one bit of a file, durably. Returns whether there is such a bit.
    pub fn flip_bit(&self, path: &DiskPath, bit: u64) -> bool {
        let mut shared = self.shared.lock();
        let Some(Node::File(number)) = shared.names.get(path).copied() else { return false };
        let Some(inode) = shared.inodes.get_mut(&number) else { return false };
        let Ok(at) = usize::try_from(bit / 8) else { return false };
        let mask = 1 << (bit % 8);
        let mut found = false;
        for bytes in [&mut inode.live, &mut inode.durable] {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= mask;
                found = true;
            }
        }
        found
    }

    /// The bytes of a file as a reader sees them now.
    #[must_use]
    pub fn contents(&self, path: &DiskPath) -> Option<Vec<u8>> {
        let shared = self.shared.lock();
        match shared.names.get(path) {
            Some(Node::File(number)) => Some(shared.inodes.get(number)?.live.clone()),
            _ => None,
        }
    }

    fn from_names(
        names: BTreeMap<DiskPath, Node>,
        inodes: BTreeMap<u64, Inode>,
        seed: u64,
    ) -> Self {
        let inode_next = inodes.keys().next_back().map_or(1, |last| last + 1);
        let shared = Shared {
            durable_names: names.clone(),
            names,
            name_changes: Vec::new(),
            inodes,
            inode_next,
            powered: true,
            changes: 0,
            reads: 0,
            faults: Vec::new(),
            failed: false,
            failures: 0,
            loses_names: false,
            lost_names: false,
            budget_bytes: None,
            random: Random(seed),
        };
        Self::from_shared(shared)
    }

    fn from_shared(shared: Shared) -> Self {
        let shared = Arc::new(Mutex::new(shared));
        Self { shared, locked: Arc::default(), meanwhile: Arc::default() }
    }

    fn handle(&self, inode: u64) -> Arc<dyn DiskFile> {
        Arc::new(SimFile { disk: self.clone(), inode })
    }

    /// Lets another thread, so to speak, come in between, if it is its time.
    fn let_others_in(&self) {
        let mut meanwhile = self.meanwhile.lock();
        let due = meanwhile.as_ref().is_some_and(|(at, _)| *at <= self.changes());
        let run = if due { meanwhile.take() } else { None };
        drop(meanwhile);
        if let Some((_, run)) = run {
            run();
        }
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = self.shared.lock();
        f.debug_struct("SimDisk")
            .field("changes", &shared.changes)
            .field("powered", &shared.powered)
            .finish_non_exhaustive()
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &DiskPath) -> io::Result<Arc<dyn DiskFile>> {
        let mut shared = self.shared.lock();
        shared.begin_look()?;
        match shared.names.get(path) {
            Some(Node::File(number)) => Ok(self.handle(*number)),
            Some(Node::Dir) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn create(&self, path: &DiskPath) -> io::Result<Arc<dyn DiskFile>> {
        self.let_others_in();
        let mut shared = self.shared.lock();
        let late = shared.begin_loose_change(ChangeKind::Name)?;
        if shared.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if !matches!(shared.names.get(&path.parent()), Some(Node::Dir)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let number = shared.inode_next;
        shared.inode_next += 1;
        shared.inodes.insert(number, Inode::default());
        shared.change_name(path, Some(Node::File(number)));
        late.map_or_else(|| Ok(self.handle(number)), Err)
    }

    fn list(&self, dir: &DiskPath) -> io::Result<Vec<String>> {
        let mut shared = self.shared.lock();
        shared.begin_look()?;
        if !matches!(shared.names.get(dir), Some(Node::Dir)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = shared
            .names
            .iter()
            .filter(|(path, node)| matches!(node, Node::File(_)) && path.parent() == *dir);
        let mut names: Vec<String> = inside
            .filter_map(|(path, _)| path.relative().rsplit('/').next().map(str::to_owned))
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    fn remove(&self, path: &DiskPath) -> io::Result<()> {
        self.let_others_in();
        let mut shared = self.shared.lock();
        let late = shared.begin_loose_change(ChangeKind::Name)?;
        match shared.names.get(path) {
            Some(Node::File(_)) => {
                shared.change_name(path, None);
                late.map_or(Ok(()), Err)
            }
            Some(Node::Dir) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn make_dir(&self, dir: &DiskPath) -> io::Result<()> {
        self.let_others_in();
        let mut shared = self.shared.lock();
        let late = shared.begin_loose_change(ChangeKind::Name)?;
        let mut missing = Vec::new();
        let mut at = dir.clone();
        while !shared.names.contains_key(&at) {
            missing.push(at.clone());
            at = at.parent();
        }
        for path in missing.iter().rev() {
            shared.change_name(path, Some(Node::Dir));
        }
        late.map_or(Ok(()), Err)
    }

    fn sync_dir(&self, dir: &DiskPath) -> io::Result<()> {
        self.let_others_in();
        let mut shared = self.shared.lock();
        let outcome = shared.begin_change(ChangeKind::DirSync);
        if outcome.is_err() && !(shared.powered && shared.loses_names) {
            return outcome;
        }
        let (synced, others): (Vec<_>, Vec<_>) = std::mem::take(&mut shared.name_changes)
            .into_iter()
            .partition(|change| change.path.parent() == *dir);
        shared.name_changes = others;
        if outcome.is_err() {
            shared.loses_names = false;
            shared.lost_names |= !synced.is_empty();
            return outcome;
        }
        for change in synced {
            set_name(&mut shared.durable_names, &change.path, change.to);
        }
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let shared = self.shared.lock();
        shared.check_power()?;
        Ok(shared.budget_bytes.map_or(FREE_BYTES, |most| most.saturating_sub(shared.used_bytes())))
    }

    fn lock(&self) -> io::Result<Box<dyn Any + Send + Sync>> {
        self.shared.lock().check_power()?;
        if self.locked.swap(true, Ordering::AcqRel) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(SimLock(Arc::clone(&self.locked))))
    }
}

#[derive(Debug)]
struct SimLock(Arc<AtomicBool>);

impl Drop for SimLock {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

struct SimFile {
    disk: SimDisk,
    inode: u64,
}

impl fmt::Debug for SimFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimFile({})", self.inode)
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut shared = self.disk.shared.lock();
        shared.begin_read()?;
        let inode = shared.inode(self.inode)?;
        let from = usize::try_from(offset).map_err(io::Error::other)?;
        let bytes = inode.live.get(from..).and_then(|rest| rest.get(..out.len()));
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.let_others_in();
        let mut shared = self.disk.shared.lock();
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let end = offset.checked_add(bytes.len()).ok_or(io::ErrorKind::InvalidInput)?;
        match shared.begin_change(ChangeKind::Write) {
            Ok(()) => {}
            Err(error) => {
                // The write that fails, or that the power cut meets, may have got somewhere.
                let got = shared.random.below(bytes.len() + 1);
                if let Some(part) = bytes.get(..got)
                    && shared.fits(self.inode, offset, offset + got)
                    && let Ok(inode) = shared.inode_mut(self.inode)
                {
                    inode.write(offset, part);
                }
                return Err(error);
            }
        }
        if !shared.fits(self.inode, offset, end) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        shared.inode_mut(self.inode)?.write(offset, bytes);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.let_others_in();
        let mut shared = self.disk.shared.lock();
        let outcome = shared.begin_change(ChangeKind::Sync);
        let powered = shared.powered;
        let inode = shared.inode_mut(self.inode)?;
        match outcome {
            Ok(()) => inode.sync(),
            Err(_) if powered => inode.lose_unsynced(),
            Err(_) => {}
        }
        outcome
    }

    fn len(&self) -> io::Result<u64> {
        let mut shared = self.disk.shared.lock();
        shared.begin_look()?;
        Ok(shared.inode(self.inode)?.live.len() as u64)
    }

    fn allocated_bytes(&self) -> io::Result<u64> {
        let shared = self.disk.shared.lock();
        shared.check_power()?;
        Ok(shared.inode(self.inode)?.allocated_bytes())
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.disk.let_others_in();
        let mut shared = self.disk.shared.lock();
        let late = shared.begin_loose_change(ChangeKind::Length)?;
        let bytes = usize::try_from(bytes).map_err(io::Error::other)?;
        shared.inode_mut(self.inode)?.set_len(bytes);
        late.map_or(Ok(()), Err)
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.disk.let_others_in();
        let mut shared = self.disk.shared.lock();
        let late = shared.begin_loose_change(ChangeKind::Length)?;
        let bytes = usize::try_from(bytes).map_err(io::Error::other)?;
        if !shared.fits(self.inode, 0, bytes) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let inode = shared.inode_mut(self.inode)?;
        if inode.live.len() < bytes {
            inode.set_len(bytes);
        }
        inode.allocate(0, bytes);
        late.map_or(Ok(()), Err)
    }
}

#[derive(Debug, Clone)]
struct Shared {
    names: BTreeMap<DiskPath, Node>,
    durable_names: BTreeMap<DiskPath, Node>,
    name_changes: Vec<NameChange>,
    inodes: BTreeMap<u64, Inode>,
    inode_next: u64,
    powered: bool,
    changes: u64,
    reads: u64,
    faults: Vec<Fault>,
    failed: bool,
    failures: u64,
    /// Whether the failure of a sync of a directory that is happening loses its names.
    loses_names: bool,
    lost_names: bool,
    budget_bytes: Option<u64>,
    random: Random,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Dir,
    File(u64),
}

#[derive(Debug, Clone)]
struct NameChange {
    path: DiskPath,
    to: Option<Node>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChangeKind {
    Write,
    Sync,
    Length,
    Name,
    DirSync,
}

impl Shared {
    fn check_power(&self) -> io::Result<()> {
        if self.powered { Ok(()) } else { Err(io::Error::other("the power is off")) }
    }

    /// Counts a change and lets it fail if it is meant to.
    fn begin_change(&mut self, kind: ChangeKind) -> io::Result<()> {
        self.check_power()?;
        let number = self.changes;
        self.changes += 1;
        let hit = self.faults.iter().position(|fault| match *fault {
            Fault::PowerCutAt(at) => at == number,
            Fault::WriteFailsAt(at) => at == number && kind == ChangeKind::Write,
            Fault::SyncFailsAt(at) => {
                at == number && matches!(kind, ChangeKind::Sync | ChangeKind::DirSync)
            }
            Fault::NextSyncFailsFrom(at) => at <= number && kind == ChangeKind::Sync,
            Fault::NextWriteFailsFrom(at) => at <= number && kind == ChangeKind::Write,
            Fault::NextDirSyncFailsFrom(at) => at <= number && kind == ChangeKind::DirSync,
            Fault::NextNameFailsFrom(at) => at <= number && kind == ChangeKind::Name,
            Fault::NextLengthFailsFrom(at) => at <= number && kind == ChangeKind::Length,
            Fault::ReadFailsAt(_) | Fault::NextReadFailsFrom(_) | Fault::NextLookFailsFrom(_) => {
                false
            }
        });
        let Some(hit) = hit else { return Ok(()) };
        match self.faults.swap_remove(hit) {
            Fault::PowerCutAt(_) => {
                self.failed = true;
                self.failures += 1;
                self.powered = false;
                return Err(io::Error::other("the power was cut"));
            }
            Fault::NextDirSyncFailsFrom(_) => self.loses_names = self.random.below(2) == 0,
            _ => {}
        }
        Err(self.fail(&format!("{kind:?}")))
    }

    /// As [`Shared::begin_change`], where a change that fails may have been made all the same: a
    /// failure that is answered as a value is to be returned after the change.
    fn begin_loose_change(&mut self, kind: ChangeKind) -> io::Result<Option<io::Error>> {
        self.check_power()?;
        match self.begin_change(kind) {
            Ok(()) => Ok(None),
            Err(error) if self.random.below(2) == 0 => Ok(Some(error)),
            Err(error) => Err(error),
        }
    }

    fn fail(&mut self, what: &str) -> io::Error {
        self.failed = true;
        self.failures += 1;
        io::Error::other(format!("simulated failure of the drive: {what}"))
    }

    /// Looks at a name or a length, which fails if it is meant to.
    fn begin_look(&mut self) -> io::Result<()> {
        self.check_power()?;
        let number = self.reads;
        let due = |fault: &Fault| matches!(fault, Fault::NextLookFailsFrom(at) if *at <= number);
        let Some(hit) = self.faults.iter().position(due) else { return Ok(()) };
        self.faults.swap_remove(hit);
        Err(self.fail("Look"))
    }

    fn begin_read(&mut self) -> io::Result<()> {
        self.check_power()?;
        let number = self.reads;
        self.reads += 1;
        let hit = self.faults.iter().position(|fault| match fault {
            Fault::ReadFailsAt(at) => *at == number,
            Fault::NextReadFailsFrom(at) => *at <= number,
            _ => false,
        });
        let Some(hit) = hit else { return Ok(()) };
        self.faults.swap_remove(hit);
        Err(self.fail("Read"))
    }

    fn inode(&self, number: u64) -> io::Result<&Inode> {
        self.inodes.get(&number).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn inode_mut(&mut self, number: u64) -> io::Result<&mut Inode> {
        self.inodes.get_mut(&number).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn used_bytes(&self) -> u64 {
        let files = self.names.values().filter_map(|node| match node {
            Node::File(number) => self.inodes.get(number),
            Node::Dir => None,
        });
        files.map(Inode::allocated_bytes).sum()
    }

    /// Whether there is room for bytes at a place: a hole takes none until it is written.
    fn fits(&self, inode: u64, from: usize, end: usize) -> bool {
        let Some(budget) = self.budget_bytes else { return true };
        let growth = self.inodes.get(&inode).map_or(0, |inode| inode.growth_bytes(from, end));
        growth == 0 || self.used_bytes().saturating_add(growth) <= budget
    }

    fn change_name(&mut self, path: &DiskPath, to: Option<Node>) {
        set_name(&mut self.names, path, to);
        self.name_changes.push(NameChange { path: path.clone(), to });
    }

    /// For each name with unsynced changes the state of some moment, each name for itself.
    fn names_after_crash(&self, mood: Mood, random: &mut Random) -> BTreeMap<DiskPath, Node> {
        let mut by_name: BTreeMap<&DiskPath, Vec<Option<Node>>> = BTreeMap::new();
        for change in &self.name_changes {
            by_name.entry(&change.path).or_default().push(change.to);
        }
        let mut names = self.durable_names.clone();
        for (path, states) in by_name {
            if let Some(kept) = mood.moment(states.len(), random)
                && let Some(state) = states.get(kept)
            {
                set_name(&mut names, path, *state);
            }
        }
        // What is in a directory that was lost is lost with it.
        let all = names.clone();
        names.retain(|path, _| {
            let mut at = path.clone();
            while !at.relative().is_empty() {
                at = at.parent();
                if !matches!(all.get(&at), Some(Node::Dir)) {
                    return false;
                }
            }
            true
        });
        names
    }
}

#[derive(Debug, Clone, Default)]
struct Inode {
    live: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Unsynced>,
    /// Which blocks were ever written since the file had this length.
    allocated: Vec<bool>,
}

#[derive(Debug, Clone)]
enum Unsynced {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

impl Inode {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        write_into(&mut self.live, offset, bytes);
        self.allocate(offset, offset + bytes.len());
        self.unsynced.push(Unsynced::Write { offset, bytes: bytes.to_vec() });
    }

    fn set_len(&mut self, bytes: usize) {
        self.live.resize(bytes, 0);
        self.allocated.truncate(bytes.div_ceil(BLOCK_BYTES));
        self.unsynced.push(Unsynced::Length(bytes));
    }

    fn allocate(&mut self, from: usize, end: usize) {
        let blocks = end.div_ceil(BLOCK_BYTES);
        if self.allocated.len() < blocks {
            self.allocated.resize(blocks, false);
        }
        if let Some(written) = self.allocated.get_mut(from / BLOCK_BYTES..blocks) {
            written.fill(true);
        }
    }

    fn allocated_bytes(&self) -> u64 {
        let blocks = self.allocated.iter().filter(|allocated| **allocated).count();
        (blocks * BLOCK_BYTES) as u64
    }

    fn growth_bytes(&self, from: usize, end: usize) -> u64 {
        let blocks = from / BLOCK_BYTES..end.div_ceil(BLOCK_BYTES);
        let holes = blocks.filter(|block| self.allocated.get(*block) != Some(&true)).count();
        (holes * BLOCK_BYTES) as u64
    }

    fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            match change {
                Unsynced::Write { offset, bytes } => {
                    write_into(&mut self.durable, offset, &bytes);
                }
                Unsynced::Length(bytes) => self.durable.resize(bytes, 0),
            }
        }
    }

    fn lose_unsynced(&mut self) {
        self.unsynced.clear();
    }

    /// Each sector as of some moment since the last sync, each for itself; the length as of some
    /// moment.
    fn after_crash(&self, mood: Mood, random: &mut Random) -> Self {
        let mut bytes = self.durable.clone();
        let mut lengths = vec![bytes.len()];
        let mut sectors: BTreeMap<usize, Vec<(usize, &[u8])>> = BTreeMap::new();
        for change in &self.unsynced {
            let last = lengths.last().copied().unwrap_or(0);
            match change {
                Unsynced::Length(length) => lengths.push(*length),
                Unsynced::Write { offset, bytes } => {
                    lengths.push(last.max(offset + bytes.len()));
                    for (at, piece) in split_in_sectors(*offset, bytes) {
                        sectors.entry(at / SECTOR_BYTES).or_default().push((at, piece));
                    }
                }
            }
        }
        for pieces in sectors.values() {
            let Some(kept) = mood.moment(pieces.len(), random) else { continue };
            for (at, piece) in pieces.iter().take(kept + 1) {
                write_into(&mut bytes, *at, piece);
            }
        }
        let moment = mood.moment(lengths.len() - 1, random).map_or(0, |moment| moment + 1);
        let length = lengths.get(moment).copied().unwrap_or(0);
        bytes.resize(length, 0);
        let allocated = vec![true; bytes.len().div_ceil(BLOCK_BYTES)];
        Self { live: bytes.clone(), durable: bytes, unsynced: Vec::new(), allocated }
    }
}

/// How a power cut treats what was not synced.
#[derive(Debug, Clone, Copy)]
enum Mood {
    LosesAll,
    KeepsAll,
    KeepsAny,
    KeepsMost,
}

impl Mood {
    fn draw(random: &mut Random) -> Self {
        match random.below(6) {
            0 => Self::LosesAll,
            1 => Self::KeepsAll,
            2 => Self::KeepsMost,
            _ => Self::KeepsAny,
        }
    }

    /// Which of so many later states a thing has after the power cut; `None` = the durable one.
    fn moment(self, states: usize, random: &mut Random) -> Option<usize> {
        let last = states.checked_sub(1)?;
        match self {
            Self::LosesAll => None,
            Self::KeepsAll => Some(last),
            Self::KeepsMost if random.below(16) > 0 => Some(last),
            Self::KeepsMost | Self::KeepsAny => random.below(states + 1).checked_sub(1),
        }
    }
}

/// SplitMix64: small, and the same on every machine. For simulation only.
#[derive(Debug, Clone)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = bound.max(1) as u64;
        usize::try_from(self.next() % bound).unwrap_or(0)
    }
}

fn set_name(names: &mut BTreeMap<DiskPath, Node>, path: &DiskPath, to: Option<Node>) {
    match to {
        Some(node) => names.insert(path.clone(), node),
        None => names.remove(path),
    };
}

fn write_into(target: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if target.len() < end {
        target.resize(end, 0);
    }
    if let Some(place) = target.get_mut(offset..end) {
        place.copy_from_slice(bytes);
    }
}

fn split_in_sectors(offset: usize, bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = offset;
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let room = SECTOR_BYTES - at % SECTOR_BYTES;
        let (piece, behind) = rest.split_at(room.min(rest.len()));
        let place = at;
        at += piece.len();
        rest = behind;
        Some((place, piece))
    })
}

const SECTOR_BYTES: usize = 512; // what a drive writes whole or not at all, at the least
const BLOCK_BYTES: usize = 4096; // what a file takes room in
const FREE_BYTES: u64 = 1 << 40; // a drive without limit says that it has a tebibyte

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> DiskPath {
        DiskPath::data(name)
    }

    #[test]
    fn synced_bytes_and_names_survive_every_crash() {
        let disk = SimDisk::new(1);
        let file = disk.create(&path("a")).unwrap();
        file.write_at(0, &[7; 2000]).unwrap();
        file.sync().unwrap();
        disk.sync_dir(&path("")).unwrap();
        for seed in 0..200 {
            let after = disk.crash(seed);
            assert_eq!(after.contents(&path("a")).unwrap(), vec![7; 2000]);
        }
        assert!(file.read_at(0, &mut [0]).is_err(), "an old handle must fail");
    }

    #[test]
    fn unsynced_writes_are_lost_torn_and_kept() {
        let mut seen = [false; 3];
        for seed in 0..200 {
            let disk = SimDisk::new(seed);
            let file = disk.create(&path("a")).unwrap();
            file.write_at(0, &[1; 4096]).unwrap();
            file.sync().unwrap();
            disk.sync_dir(&path("")).unwrap();
            file.write_at(0, &[2; 4096]).unwrap();
            let bytes = disk.crash(seed).contents(&path("a")).unwrap();
            for sector in bytes.chunks(SECTOR_BYTES) {
                assert!(sector.iter().all(|b| *b == sector[0]), "a sector was torn");
            }
            let kept = bytes.iter().filter(|b| **b == 2).count();
            match kept {
                0 => seen[0] = true,
                4096 => seen[2] = true,
                _ => seen[1] = true,
            }
        }
        assert_eq!(seen, [true; 3]);
    }

    #[test]
    fn unsynced_names_can_be_lost_and_removed_ones_can_return() {
        let mut created = [false; 2];
        let mut removed = [false; 2];
        for seed in 0..100 {
            let disk = SimDisk::new(seed);
            disk.create(&path("old")).unwrap();
            disk.sync_dir(&path("")).unwrap();
            disk.create(&path("new")).unwrap().sync().unwrap();
            disk.remove(&path("old")).unwrap();
            let names = disk.crash(seed).list(&path("")).unwrap();
            created[usize::from(names.contains(&"new".to_owned()))] = true;
            removed[usize::from(names.contains(&"old".to_owned()))] = true;
        }
        assert_eq!((created, removed), ([true; 2], [true; 2]));
    }

    #[test]
    fn a_failed_sync_loses_what_it_should_have_kept() {
        let disk = SimDisk::new(1);
        let file = disk.create(&path("a")).unwrap();
        disk.sync_dir(&path("")).unwrap();
        file.write_at(0, b"x").unwrap();
        disk.inject(Fault::SyncFailsAt(disk.changes()));
        assert!(file.sync().is_err());
        file.sync().unwrap();
        let mut byte = [0];
        file.read_at(0, &mut byte).unwrap();
        assert_eq!(&byte, b"x");
        assert_eq!(disk.crash(3).contents(&path("a")).unwrap(), b"");
    }

    #[test]
    fn a_power_cut_at_a_change_ends_everything() {
        let disk = SimDisk::new(1);
        let file = disk.create(&path("a")).unwrap();
        disk.inject(Fault::PowerCutAt(2));
        file.write_at(0, b"x").unwrap();
        assert!(file.sync().is_err());
        assert!(file.sync().is_err());
        assert!(disk.open(&path("a")).is_err());
        assert!(disk.is_off());
    }

    #[test]
    fn room_that_was_taken_is_there_on_a_full_drive() {
        let disk = SimDisk::new(1);
        let file = disk.create(&path("a")).unwrap();
        disk.limit_bytes(Some(8192));
        let refused = file.allocate(8193).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
        file.allocate(8192).unwrap();
        assert_eq!((disk.free_bytes().unwrap(), file.len().unwrap()), (0, 8192));
        file.write_at(4096, &[1; 4096]).unwrap();
    }

    #[test]
    fn a_full_drive_refuses_growth_only() {
        let disk = SimDisk::new(1);
        let file = disk.create(&path("a")).unwrap();
        disk.limit_bytes(Some(8192));
        file.set_len(100_000).unwrap();
        file.write_at(0, &[1; 8192]).unwrap();
        let error = file.write_at(8192, &[1]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        file.write_at(0, &[2; 8192]).unwrap();
        assert_eq!(disk.free_bytes().unwrap(), 0);
    }

    #[test]
    fn the_data_root_is_locked_once() {
        let disk = SimDisk::new(1);
        let guard = disk.lock().unwrap();
        assert!(disk.lock().is_err());
        drop(guard);
        assert!(disk.lock().is_ok());
    }
}
