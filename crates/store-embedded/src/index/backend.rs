//! The two ways in which the database reaches its blocks: for good, and for a look.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use redb::StorageBackend;

use super::blocks::Blocks;
use super::seal::{BLOCK_BYTES, Block};

/// Reads and writes the file.
#[derive(Debug)]
pub(super) struct FileBackend(pub(super) Arc<Blocks>);

impl StorageBackend for FileBackend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}

/// Reads what is on the drive and keeps what is written to itself: the database can be opened and
/// verified a second time while the first goes on.
#[derive(Debug)]
pub(super) struct ViewBackend {
    blocks: Arc<Blocks>,
    own: Mutex<Own>,
}

#[derive(Debug)]
struct Own {
    written: BTreeMap<u64, Box<Block>>,
    bytes: u64,
}

impl ViewBackend {
    /// A view of the file with this first block and this length.
    pub(super) fn new(blocks: Arc<Blocks>, first: Box<Block>, bytes: u64) -> Self {
        let own = Own { written: BTreeMap::from([(0, first)]), bytes };
        Self { blocks, own: Mutex::new(own) }
    }

    fn block(&self, own: &Own, number: u64) -> io::Result<Box<Block>> {
        match own.written.get(&number) {
            Some(block) => Ok(block.clone()),
            None => self.blocks.read_stored(number),
        }
    }
}

impl StorageBackend for ViewBackend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.own.lock().bytes)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let own = self.own.lock();
        check(&own, offset, out.len())?;
        let (mut number, mut within) = split(offset);
        let mut rest = out;
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at_mut((BLOCK_BYTES - within).min(rest.len()));
            let block = self.block(&own, number)?;
            piece.copy_from_slice(block.get(within..within + piece.len()).unwrap_or_default());
            (number, within, rest) = (number + 1, 0, behind);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut own = self.own.lock();
        own.written.split_off(&len.div_ceil(BLOCK_BYTES as u64));
        own.bytes = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut own = self.own.lock();
        check(&own, offset, data.len())?;
        let (mut number, mut within) = split(offset);
        let mut rest = data;
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at((BLOCK_BYTES - within).min(rest.len()));
            let mut block = if piece.len() == BLOCK_BYTES {
                Box::new([0; BLOCK_BYTES])
            } else {
                self.block(&own, number)?
            };
            let to = block.get_mut(within..within + piece.len());
            to.unwrap_or_default().copy_from_slice(piece);
            own.written.insert(number, block);
            (number, within, rest) = (number + 1, 0, behind);
        }
        Ok(())
    }
}

fn check(own: &Own, offset: u64, bytes: usize) -> io::Result<()> {
    match offset.checked_add(bytes as u64) {
        Some(end) if end <= own.bytes => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// The block in which an offset is, and where in it.
fn split(offset: u64) -> (u64, usize) {
    let block_bytes = BLOCK_BYTES as u64;
    // INVARIANT: a remainder of the block size fits every integer.
    (offset / block_bytes, usize::try_from(offset % block_bytes).unwrap_or_default())
}
