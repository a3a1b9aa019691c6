//! The file under the database: a row of sealed blocks, and one block that is kept twice.
//!
//! The database rewrites its first block in place at every commit; all others it writes where
//! nothing that counts is. So the first block has two copies, written and synced in turn, and
//! the others one. `docs/formats/index.md` describes the bytes.

use std::collections::BTreeMap;
use std::io;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use strongroom_crypto::{Secret, crc32c};
use strongroom_types::Entropy;

use crate::disk::DiskFile;

use super::IndexError;
use super::seal::{BLOCK_BYTES, Block, BlockError, Place, SEALED_BYTES, Sealer, SealerError};

/// An open file of sealed blocks. Offsets and lengths are those of the plaintext.
#[derive(Debug)]
pub(super) struct Blocks {
    file: Arc<dyn DiskFile>,
    sealer: Sealer,
    count: AtomicU64,
    first: Mutex<FirstBlock>,
    buffer: Mutex<Buffer>,
    /// Held while blocks go from the buffer to the drive, so that writes of a block keep order.
    flushing: Mutex<()>,
}

/// The block that is kept twice.
#[derive(Debug)]
struct FirstBlock {
    bytes: Box<Block>,
    sequence: u64,
    changed: bool,
}

/// Blocks that were written and are not on the drive yet: neighbours go there together.
#[derive(Debug, Default)]
struct Buffer {
    waiting: BTreeMap<u64, Box<Block>>,
    /// On their way; readers find them here until they have arrived.
    leaving: Arc<BTreeMap<u64, Box<Block>>>,
}

impl Blocks {
    /// Makes an empty file of this one.
    pub(super) fn create(
        file: Arc<dyn DiskFile>,
        index_key: &Secret<32>,
        entropy: &dyn Entropy,
    ) -> Result<Self, IndexError> {
        let mut file_id = [0; 16];
        entropy.fill(&mut file_id).map_err(io::Error::other)?;
        file.set_len(0)?;
        file.set_len(BLOCKS_START)?;
        file.write_at(0, &superblock(&file_id))?;
        file.sync()?;
        let first = FirstBlock { bytes: Box::new([0; BLOCK_BYTES]), sequence: 0, changed: false };
        Self::assemble(file, index_key, file_id, entropy, 0, first)
    }

    /// Opens a file and makes the copies of its first block equal.
    pub(super) fn open(
        file: Arc<dyn DiskFile>,
        index_key: &Secret<32>,
        entropy: &dyn Entropy,
    ) -> Result<Self, IndexError> {
        let file_bytes = file.len()?;
        let Some(blocks_bytes) = file_bytes.checked_sub(BLOCKS_START) else {
            return Err(IndexError::damaged("the index is too short"));
        };
        let mut head = [0; SUPERBLOCK_BYTES];
        file.read_at(0, &mut head)?;
        let file_id = file_id_of(&head)?;
        let count = 1 + blocks_bytes / SEALED_BYTES as u64;
        let nothing = FirstBlock { bytes: Box::new([0; BLOCK_BYTES]), sequence: 0, changed: false };
        let mut this = Self::assemble(file, index_key, file_id, entropy, count, nothing)?;
        let [start_one, start_two] = FIRST_STARTS;
        let [one, two] = this.read_first()?;
        let (newest, order) = match (one, two) {
            (Some(one), Some(two)) if two.sequence > one.sequence => (two, [start_one, start_two]),
            (Some(one), _) => (one, [start_two, start_one]),
            (None, Some(two)) => (two, [start_one, start_two]),
            (None, None) => return Err(IndexError::damaged("neither first block authenticates")),
        };
        let bytes = newest.sealed;
        *this.first.get_mut() =
            FirstBlock { bytes: newest.bytes, sequence: newest.sequence, changed: false };
        // What was found may be in a page cache only. Then both copies are written anew, the other
        // one first: if they differ, a crash must not leave the older one as the only one.
        this.file.sync()?;
        for start in order {
            this.file.write_at(start, &bytes)?;
            this.file.sync()?;
        }
        Ok(this)
    }

    fn assemble(
        file: Arc<dyn DiskFile>,
        index_key: &Secret<32>,
        file_id: [u8; 16],
        entropy: &dyn Entropy,
        count: u64,
        first: FirstBlock,
    ) -> Result<Self, IndexError> {
        let sealer = Sealer::new(index_key, file_id, entropy).map_err(|error| match error {
            SealerError::Entropy(error) => IndexError::Io(io::Error::other(error)),
            SealerError::Crypto(error) => IndexError::Io(io::Error::other(error)),
        })?;
        Ok(Self {
            file,
            sealer,
            count: AtomicU64::new(count),
            first: Mutex::new(first),
            buffer: Mutex::default(),
            flushing: Mutex::default(),
        })
    }

    /// Length of the plaintext.
    pub(super) fn len(&self) -> u64 {
        self.count.load(Ordering::Acquire) * BLOCK_BYTES as u64
    }

    /// Fills `out` with what was written last, on the drive or not.
    pub(super) fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.check_range(offset, out.len())?;
        if offset.is_multiple_of(BLOCK_BYTES as u64)
            && out.len().is_multiple_of(BLOCK_BYTES)
            && offset > 0
        {
            return self.read_aligned(offset / BLOCK_BYTES as u64, out);
        }
        for span in spans(offset, out.len()) {
            let block = self.read_block(span.number)?;
            let from = block.get(span.within..span.within + span.bytes).unwrap_or_default();
            let to = out.get_mut(span.at..span.at + span.bytes).unwrap_or_default();
            to.copy_from_slice(from);
        }
        Ok(())
    }

    fn read_aligned(&self, number: u64, out: &mut [u8]) -> io::Result<()> {
        let count = out.len() / BLOCK_BYTES;
        if self.is_buffered(number, count as u64) {
            for (block, out) in (number..).zip(out.chunks_exact_mut(BLOCK_BYTES)) {
                out.copy_from_slice(self.read_block(block)?.as_slice());
            }
            return Ok(());
        }
        let mut sealed = vec![0; count * SEALED_BYTES];
        self.file.read_at(start_of(number), &mut sealed)?;
        let pairs = sealed.chunks_exact_mut(SEALED_BYTES).zip(out.chunks_exact_mut(BLOCK_BYTES));
        for (number, (sealed, out)) in (number..).zip(pairs) {
            let place = Place { number, sequence: 0 };
            out.copy_from_slice(self.sealer.open(place, sealed).map_err(to_io)?);
        }
        Ok(())
    }

    fn is_buffered(&self, number: u64, count: u64) -> bool {
        let buffer = self.buffer.lock();
        [&buffer.waiting, &*buffer.leaving]
            .into_iter()
            .any(|blocks| blocks.range(number..number + count).next().is_some())
    }

    fn read_block(&self, number: u64) -> io::Result<Box<Block>> {
        if number == 0 {
            return Ok(self.first.lock().bytes.clone());
        }
        {
            let buffer = self.buffer.lock();
            let found = buffer.waiting.get(&number).or_else(|| buffer.leaving.get(&number));
            if let Some(block) = found {
                return Ok(block.clone());
            }
        }
        self.read_stored(number)
    }

    /// A block as it is on the drive, whatever waits to be written.
    pub(super) fn read_stored(&self, number: u64) -> io::Result<Box<Block>> {
        let mut sealed = vec![0; SEALED_BYTES];
        self.file.read_at(start_of(number), &mut sealed)?;
        let opened = self.sealer.open(Place { number, sequence: 0 }, &mut sealed).map_err(to_io)?;
        let mut block = Box::new([0; BLOCK_BYTES]);
        block.copy_from_slice(opened);
        Ok(block)
    }

    /// The first block as it is on the drive, where both copies must be what was written last.
    pub(super) fn read_stored_first(&self) -> Result<Box<Block>, IndexError> {
        let first = self.first.lock();
        let [Some(one), Some(two)] = self.read_first()? else {
            return Err(IndexError::damaged("a copy of the first block does not authenticate"));
        };
        if one.sequence != first.sequence || one.sealed != two.sealed {
            return Err(IndexError::damaged("a copy of the first block is an old one"));
        }
        Ok(one.bytes)
    }

    fn read_first(&self) -> io::Result<[Option<StoredFirst>; 2]> {
        let [one, two] = FIRST_STARTS;
        Ok([self.read_first_at(one)?, self.read_first_at(two)?])
    }

    fn read_first_at(&self, start: u64) -> io::Result<Option<StoredFirst>> {
        let mut sealed = vec![0; FIRST_BYTES];
        self.file.read_at(start, &mut sealed)?;
        let kept = sealed.clone();
        let Some((sequence, block)) = sealed.split_first_chunk_mut::<8>() else { return Ok(None) };
        let sequence = u64::from_be_bytes(*sequence);
        match self.sealer.open(Place { number: 0, sequence }, block) {
            Ok(opened) => {
                let mut bytes = Box::new([0; BLOCK_BYTES]);
                bytes.copy_from_slice(opened);
                Ok(Some(StoredFirst { bytes, sequence, sealed: kept }))
            }
            Err(BlockError::Unavailable) => Err(to_io(BlockError::Unavailable)),
            Err(_) => Ok(None),
        }
    }

    /// Takes bytes to be written; they are durable after [`Blocks::sync`].
    pub(super) fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.check_range(offset, bytes.len())?;
        for span in spans(offset, bytes.len()) {
            let from = bytes.get(span.at..span.at + span.bytes).unwrap_or_default();
            if span.number == 0 {
                let mut first = self.first.lock();
                let to = first.bytes.get_mut(span.within..span.within + span.bytes);
                to.unwrap_or_default().copy_from_slice(from);
                first.changed = true;
                continue;
            }
            let mut block = if span.bytes == BLOCK_BYTES {
                Box::new([0; BLOCK_BYTES])
            } else {
                self.read_block(span.number)?
            };
            let to = block.get_mut(span.within..span.within + span.bytes);
            to.unwrap_or_default().copy_from_slice(from);
            self.buffer.lock().waiting.insert(span.number, block);
        }
        if self.buffer.lock().waiting.len() >= BUFFER_BLOCKS_MAX {
            self.flush()?;
        }
        Ok(())
    }

    /// Makes everything written so far durable: first all other blocks and the first copy of the
    /// first block, then its second copy.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.flush()?;
        let mut first = self.first.lock();
        if !first.changed {
            return self.file.sync();
        }
        let sequence = first.sequence + 1;
        let mut sealed = Vec::with_capacity(FIRST_BYTES);
        sealed.extend_from_slice(&sequence.to_be_bytes());
        let place = Place { number: 0, sequence };
        self.sealer.seal(place, &first.bytes, &mut sealed).map_err(to_io)?;
        // INVARIANT: one number is never given to two contents, whatever fails below.
        first.sequence = sequence;
        for start in FIRST_STARTS {
            self.file.write_at(start, &sealed)?;
            self.file.sync()?;
        }
        first.changed = false;
        Ok(())
    }

    /// Sends all waiting blocks to the drive, in order, neighbours together.
    fn flush(&self) -> io::Result<()> {
        let _order = self.flushing.lock();
        let leaving = {
            let mut buffer = self.buffer.lock();
            if buffer.waiting.is_empty() {
                return Ok(());
            }
            buffer.leaving = Arc::new(mem::take(&mut buffer.waiting));
            Arc::clone(&buffer.leaving)
        };
        let outcome = self.write_runs(&leaving);
        let mut buffer = self.buffer.lock();
        let left = mem::take(&mut buffer.leaving);
        if outcome.is_err() {
            // They were accepted, so they stay until a later flush can write them.
            for (number, block) in left.iter() {
                buffer.waiting.entry(*number).or_insert_with(|| block.clone());
            }
        }
        outcome
    }

    fn write_runs(&self, blocks: &BTreeMap<u64, Box<Block>>) -> io::Result<()> {
        let mut run = Vec::new();
        let mut start = 0;
        let mut next = 0;
        for (number, block) in blocks {
            if *number != next || run.len() >= RUN_BYTES_MAX {
                self.write_run(start, &mut run)?;
                start = *number;
            }
            let place = Place { number: *number, sequence: 0 };
            self.sealer.seal(place, block, &mut run).map_err(to_io)?;
            next = number + 1;
        }
        self.write_run(start, &mut run)
    }

    fn write_run(&self, start: u64, run: &mut Vec<u8>) -> io::Result<()> {
        if !run.is_empty() {
            self.file.write_at(start_of(start), run)?;
            run.clear();
        }
        Ok(())
    }

    /// Cuts or extends the file; new blocks cannot be read before they are written.
    pub(super) fn set_len(&self, bytes: u64) -> io::Result<()> {
        if !bytes.is_multiple_of(BLOCK_BYTES as u64) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a number of blocks"));
        }
        let count = bytes / BLOCK_BYTES as u64;
        let _order = self.flushing.lock();
        self.buffer.lock().waiting.split_off(&count);
        self.file.set_len(start_of(count.max(1)))?;
        self.count.store(count, Ordering::Release);
        Ok(())
    }

    fn check_range(&self, offset: u64, bytes: usize) -> io::Result<()> {
        let end = offset.checked_add(bytes as u64);
        if end.is_none_or(|end| end > self.len()) {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "behind the last block"));
        }
        Ok(())
    }
}

/// A copy of the first block as found.
struct StoredFirst {
    bytes: Box<Block>,
    sequence: u64,
    sealed: Vec<u8>,
}

/// The part of a range that lies in one block.
struct Span {
    number: u64,
    /// Where in the block it starts.
    within: usize,
    /// Where in the caller's bytes it starts.
    at: usize,
    bytes: usize,
}

fn spans(offset: u64, bytes: usize) -> impl Iterator<Item = Span> {
    let block_bytes = BLOCK_BYTES as u64;
    let mut number = offset / block_bytes;
    // INVARIANT: a remainder of the block size fits every integer.
    let mut within = usize::try_from(offset % block_bytes).unwrap_or_default();
    let mut at = 0;
    std::iter::from_fn(move || {
        if at == bytes {
            return None;
        }
        let span = Span { number, within, at, bytes: (BLOCK_BYTES - within).min(bytes - at) };
        number += 1;
        within = 0;
        at += span.bytes;
        Some(span)
    })
}

/// Where block `number` is stored; block 0 is stored elsewhere.
fn start_of(number: u64) -> u64 {
    BLOCKS_START + number.saturating_sub(1) * SEALED_BYTES as u64
}

/// Damage keeps its kind on the way through the database, which hands I/O errors on.
pub(super) fn to_io(error: BlockError) -> io::Error {
    let kind = match error {
        BlockError::Blank { .. } | BlockError::Unauthentic { .. } => io::ErrorKind::InvalidData,
        BlockError::Unavailable | BlockError::Exhausted => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

fn superblock(file_id: &[u8; 16]) -> [u8; SUPERBLOCK_BYTES] {
    let mut bytes = [0; SUPERBLOCK_BYTES];
    let fields = MAGIC
        .into_iter()
        .chain(FORMAT_VERSION.to_be_bytes())
        .chain([BLOCK_BYTES_LOG2, 0, 0, 0, 0, 0])
        .chain(*file_id);
    for (to, from) in bytes.iter_mut().zip(fields) {
        *to = from;
    }
    if let Some((body, checksum)) = bytes.split_last_chunk_mut::<4>() {
        *checksum = crc32c(body).to_be_bytes();
    }
    bytes
}

fn file_id_of(bytes: &[u8; SUPERBLOCK_BYTES]) -> Result<[u8; 16], IndexError> {
    let file_id = bytes.get(16..32).and_then(|id| id.first_chunk::<16>().copied());
    match file_id {
        // A superblock has one form only, so the checksum and all else are compared at once.
        Some(file_id) if superblock(&file_id) == *bytes => Ok(file_id),
        _ => Err(IndexError::damaged("the superblock is not that of an index")),
    }
}

const MAGIC: [u8; 8] = *b"SRINDEX\0";
const FORMAT_VERSION: u16 = 1;
const BLOCK_BYTES_LOG2: u8 = 12;
const SUPERBLOCK_BYTES: usize = 64;
const FIRST_BYTES: usize = 8 + SEALED_BYTES; // sequence number, sealed block
const FIRST_STARTS: [u64; 2] = [4 * 1024, 12 * 1024]; // no sector in common
const BLOCKS_START: u64 = 20 * 1024;
const BUFFER_BLOCKS_MAX: usize = 2048; // 8 MiB of plaintext between two flushes
const RUN_BYTES_MAX: usize = 1024 * 1024; // one write
