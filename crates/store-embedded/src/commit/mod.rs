//! From requests to durable, visible changes: the queue, the judgement, the group commit.

mod checkpoint;
mod group;
mod judge;
mod overlay;
mod queue;
mod request;

pub(crate) use checkpoint::{Checkpoint, OpenCheckpoint};
pub(crate) use group::{LogState, placed_record};
pub(crate) use overlay::{Changes, Frozen, Overlay, find, index_error, scan};
pub(crate) use queue::{Queue, closed};
pub(crate) use request::{Kept, Relocation, RelocationItem, Request, validate_kept};
