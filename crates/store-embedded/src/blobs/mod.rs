//! Payloads in files of their own.
//!
//! Files are made ahead, in a pool, so that no name has to become durable while a caller waits; a
//! file belongs to one payload for its life and is never used again. Which files have an owner is
//! what the log says. The bytes are described in `docs/formats/blob-file.md`.

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod layout;
mod lease;
mod pool;
mod reader;
mod writer;

pub(crate) use layout::EXTENT_BYTES;
pub(crate) use lease::Lease;
pub(crate) use pool::{BlobFiles, BlobRecovery, BlobSnapshot};
pub(crate) use reader::{FileReader, MemoryReader};
pub(crate) use writer::FileWriter;
