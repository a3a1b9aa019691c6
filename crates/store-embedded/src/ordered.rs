//! The ordered index as the engine needs it: a map that can be thrown away and built again.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;
use strongroom_crypto::Secret;
use strongroom_store::KeyRange;
use strongroom_types::Entropy;

use crate::disk::{Disk, DiskPath, Stopped};
use crate::index::{Index, IndexError, IndexOptions};

/// An ordered map that moves from one checkpoint to the next.
pub(crate) trait OrderedIndex: Send + Sync + fmt::Debug {
    /// The value under a key.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, OrderedIndexError>;

    /// Up to `limit` entries of a range in order; fewer mean that the range has no more.
    fn scan(
        &self,
        range: &KeyRange,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, OrderedIndexError>;

    /// Applies changes, in the order of their keys, and notes the checkpoint, durably and all at
    /// once.
    fn apply(
        &self,
        changes: &mut dyn Iterator<Item = (Bytes, Option<Vec<u8>>)>,
        checkpoint: Bytes,
    ) -> Result<(), OrderedIndexError>;

    /// What the last `apply` noted.
    fn checkpoint(&self) -> Option<Bytes>;

    /// Reads everything back from the drive, checks it, and shows every entry in order; answers
    /// the number of bytes.
    fn verify(&self, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<u64, OrderedIndexError>;

    /// Ends in order, so that the next start is fast.
    fn close(&self) -> Result<(), OrderedIndexError>;
}

/// Why an index did not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OrderedIndexError {
    /// What is on the drive is not what was written.
    #[error("the index is damaged: {0}")]
    Damaged(String),
    /// There is no room for the index to grow.
    #[error("there is no room for the index")]
    Full,
    /// The drive failed, or the library.
    #[error("the index failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// An index in memory, which every start builds again.
#[derive(Debug, Default)]
pub(crate) struct MapIndex {
    state: RwLock<MapState>,
}

#[derive(Debug, Default)]
struct MapState {
    entries: BTreeMap<Bytes, Bytes>,
    checkpoint: Option<Bytes>,
}

impl OrderedIndex for MapIndex {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, OrderedIndexError> {
        Ok(self.state.read().entries.get(key).cloned())
    }

    fn scan(
        &self,
        range: &KeyRange,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, OrderedIndexError> {
        if range.is_void() {
            return Ok(Vec::new());
        }
        let state = self.state.read();
        let found = state.entries.range::<[u8], _>(range.bounds()).take(limit);
        Ok(found.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn apply(
        &self,
        changes: &mut dyn Iterator<Item = (Bytes, Option<Vec<u8>>)>,
        checkpoint: Bytes,
    ) -> Result<(), OrderedIndexError> {
        let mut state = self.state.write();
        for (key, value) in changes {
            match value {
                Some(value) => state.entries.insert(key, value.into()),
                None => state.entries.remove(&key),
            };
        }
        state.checkpoint = Some(checkpoint);
        Ok(())
    }

    fn checkpoint(&self) -> Option<Bytes> {
        self.state.read().checkpoint.clone()
    }

    fn verify(&self, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<u64, OrderedIndexError> {
        let entries = self.state.read().entries.clone();
        let mut bytes = 0;
        for (key, value) in &entries {
            visit(key, value);
            bytes += (key.len() + value.len()) as u64;
        }
        Ok(bytes)
    }

    fn close(&self) -> Result<(), OrderedIndexError> {
        Ok(())
    }
}

/// The index on the drive.
#[derive(Debug)]
pub(crate) struct DriveIndex {
    disk: Arc<dyn Disk>,
    entropy: Arc<dyn Entropy>,
    index_key: Secret<32>,
    index: RwLock<Index>,
    stopped: Stopped,
}

impl DriveIndex {
    /// Opens the index; `None` if it has to be built again.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        entropy: Arc<dyn Entropy>,
        index_key: Secret<32>,
        stopped: Stopped,
    ) -> Result<Option<Self>, OrderedIndexError> {
        let path = index_path();
        let options = IndexOptions::default();
        match Index::open(&*disk, &path, &index_key, &*entropy, options) {
            Ok(index) => {
                Ok(Some(Self { disk, entropy, index_key, index: RwLock::new(index), stopped }))
            }
            Err(IndexError::Missing) => Ok(None),
            Err(IndexError::Damaged { what }) => {
                tracing::warn!(what, "the index is damaged and is built again from the log");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Makes an empty index.
    pub(crate) fn create(
        disk: Arc<dyn Disk>,
        entropy: Arc<dyn Entropy>,
        index_key: Secret<32>,
        stopped: Stopped,
    ) -> Result<Self, OrderedIndexError> {
        let options = IndexOptions::default();
        let index = Index::create(&*disk, &index_path(), &index_key, &*entropy, options)?;
        Ok(Self { disk, entropy, index_key, index: RwLock::new(index), stopped })
    }

    /// After a failure of the drive the database does nothing any more until it is opened again.
    fn reopen(&self) -> Result<(), OrderedIndexError> {
        let mut index = self.index.write();
        drop(index.close());
        let path = index_path();
        let options = IndexOptions::default();
        *index = Index::open(&*self.disk, &path, &self.index_key, &*self.entropy, options)?;
        Ok(())
    }

    /// A damaged index answers nothing any more: the engine stops, and the next start builds it
    /// again, because it is not there.
    fn condemn<T>(&self, outcome: Result<T, IndexError>) -> Result<T, OrderedIndexError> {
        if let Err(IndexError::Damaged { what }) = &outcome {
            self.stopped
                .set(&format!("the index is damaged, and the next start builds it again: {what}"));
            if let Err(error) = self.disk.remove(&index_path())
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::error!(%error, "the damaged index could not be removed");
            }
        }
        Ok(outcome?)
    }
}

impl OrderedIndex for DriveIndex {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, OrderedIndexError> {
        let outcome = self.index.read().get(key);
        self.condemn(outcome)
    }

    fn scan(
        &self,
        range: &KeyRange,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, OrderedIndexError> {
        let outcome = self.index.read().scan(range, limit);
        self.condemn(outcome)
    }

    fn apply(
        &self,
        changes: &mut dyn Iterator<Item = (Bytes, Option<Vec<u8>>)>,
        checkpoint: Bytes,
    ) -> Result<(), OrderedIndexError> {
        let outcome = self.index.read().apply(changes, &checkpoint);
        if matches!(outcome, Err(IndexError::Io(_) | IndexError::Stopped)) {
            self.reopen()?;
        }
        self.condemn(outcome)
    }

    fn checkpoint(&self) -> Option<Bytes> {
        self.index.read().checkpoint()
    }

    fn verify(&self, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<u64, OrderedIndexError> {
        let outcome = self.index.read().verify(visit);
        Ok(self.condemn(outcome)?.bytes)
    }

    fn close(&self) -> Result<(), OrderedIndexError> {
        Ok(self.index.read().close()?)
    }
}

impl From<IndexError> for OrderedIndexError {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::Damaged { what } => Self::Damaged(what),
            IndexError::Io(error) if error.kind() == io::ErrorKind::StorageFull => Self::Full,
            error => Self::Failed(Box::new(error)),
        }
    }
}

/// Where the index is.
pub(crate) fn index_path() -> DiskPath {
    DiskPath::data("index")
}
