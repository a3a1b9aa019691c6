//! What the committer is asked to do.

use bytes::Bytes;
use strongroom_store::{Batch, CommitError, Committed, StoreError};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::log::{BODY_BYTES_MAX, Item};

/// One request to the committer. A permit stands for the memory that it takes in the queue.
#[derive(Debug)]
pub(crate) enum Request {
    /// A batch of a caller.
    Batch {
        batch: Batch,
        kept: Vec<Kept>,
        answer: oneshot::Sender<Result<Committed, CommitError>>,
        permit: Option<OwnedSemaphorePermit>,
    },
    /// An event that belongs to no batch.
    Event { event: Bytes, permit: Option<OwnedSemaphorePermit> },
    /// Live changes that are copied out of an old segment.
    Relocate { relocation: Relocation, answer: oneshot::Sender<Result<(), CommitError>> },
    /// Segments that go out of use.
    Freed { generations: Vec<u64>, answer: oneshot::Sender<Result<(), CommitError>> },
}

/// The bytes of an inline payload that a put keeps, read ahead by the caller's thread.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Which write of the batch.
    pub(crate) write: usize,
    /// The revision whose payload it is.
    pub(crate) revision: u64,
    pub(crate) payload: Bytes,
}

/// Changes of one frame that may still be needed.
#[derive(Debug)]
pub(crate) struct Relocation {
    /// The generation of the old segment.
    pub(crate) generation: u64,
    /// Where the frame starts in it.
    pub(crate) frame: u32,
    /// The LSN that the copies keep.
    pub(crate) lsn: u64,
    pub(crate) items: Vec<RelocationItem>,
}

/// One change to copy.
#[derive(Debug)]
pub(crate) struct RelocationItem(pub(crate) Item);

impl Request {
    /// What the request takes of a group, at most.
    pub(crate) fn frame_bytes(&self) -> u64 {
        let body = match self {
            Self::Batch { batch, kept, .. } => {
                let kept: usize = kept.iter().map(|kept| kept.payload.len()).sum();
                batch.bytes() + kept + batch.writes.len() * ITEM_OVERHEAD_BYTES
            }
            Self::Event { event, .. } => event.len(),
            Self::Relocate { relocation, .. } => relocation.bytes(),
            Self::Freed { generations, .. } => generations.len() * 8,
        };
        (body + FRAME_OVERHEAD_BYTES) as u64
    }

    /// Answers a request that is not carried out.
    pub(crate) fn refuse(self, error: impl FnOnce() -> CommitError) {
        // A caller that has gone away does not want its answer.
        match self {
            Self::Batch { answer, .. } => drop(answer.send(Err(error()))),
            Self::Event { .. } => {}
            Self::Relocate { answer, .. } | Self::Freed { answer, .. } => {
                drop(answer.send(Err(error())));
            }
        }
    }
}

impl Relocation {
    fn bytes(&self) -> usize {
        self.items.iter().map(|item| usize::try_from(item.0.accounted_bytes()).unwrap_or(0)).sum()
    }
}

/// Checks what a batch has become with the payloads that it keeps.
pub(crate) fn validate_kept(batch: &Batch, kept: &[Kept]) -> Result<(), StoreError> {
    let kept: usize = kept.iter().map(|kept| kept.payload.len()).sum();
    let overhead = batch.writes.len() * ITEM_OVERHEAD_BYTES + FRAME_OVERHEAD_BYTES;
    if batch.bytes() + kept + overhead > BODY_BYTES_MAX {
        return Err(StoreError::Invalid {
            what: "the batch takes too much of the log with the payloads that it keeps",
        });
    }
    Ok(())
}

const ITEM_OVERHEAD_BYTES: usize = 64; // lengths, protection and payload reference of a write
const FRAME_OVERHEAD_BYTES: usize = 128; // frame header, tag, counts
