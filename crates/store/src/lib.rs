//! What Strongroom asks of a storage engine, and nothing of how an engine does it.
//!
//! An engine keeps three things: small *records* in key order, changed by conditional batches that
//! are all or nothing ([`MetadataStore`]); immutable *payloads*, each owned by exactly one record
//! ([`BlobStore`]); and the few long-lived *keys* under which payloads' data keys are wrapped
//! ([`KeyVault`]). Everything that reaches an engine as payload is sealed already.
//!
//! [`memory::MemoryEngine`] is the reference: `--ephemeral` runs on it, and every engine must pass
//! [`conformance`]. This crate knows nothing of S3 or AWS.

mod batch;
mod blob;
mod error;
mod limits;
mod metadata;
mod vault;

pub mod conformance;
pub mod memory;

pub use batch::{Batch, Committed, NewPayload, Precondition, Protection, Token, Write};
pub use blob::{BlobReader, BlobStore, BlobWriter, SealedBlob};
pub use error::{CommitError, StoreError};
pub use limits::{check_event, check_scan_limit};
pub use metadata::{Entry, KeyRange, MetadataStore, PayloadRef, Revision, StoredEvent};
pub use vault::{KeyName, KeyVault, VaultError};

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A future that an engine hands out. Boxed, so that the traits are object safe.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The three faces of one engine, handed to the services together.
#[derive(Clone, Debug)]
pub struct Store {
    /// Records in key order.
    pub metadata: Arc<dyn MetadataStore>,
    /// Payloads.
    pub blobs: Arc<dyn BlobStore>,
    /// Long-lived wrapping keys.
    pub keys: Arc<dyn KeyVault>,
}

/// Longest key of a record in bytes. DESIGN, 6.
pub const KEY_BYTES_MAX: usize = 4 * 1024;
/// Longest value of a record in bytes. DESIGN, 6.
pub const VALUE_BYTES_MAX: usize = 64 * 1024;
/// Largest batch in bytes: keys, values, inline payloads and event together. DESIGN, 6.
pub const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// Largest stored (sealed) payload that may travel inside a batch: 64 KiB of object bytes with the
/// envelope's header, tag and checksum around them. DESIGN, 5.
pub const INLINE_BYTES_MAX: usize = 64 * 1024 + 256;
/// Longest event in bytes; typical ones have 300 or fewer. DESIGN, 3.
pub const EVENT_BYTES_MAX: usize = 8 * 1024;
/// Most entries that one scan returns.
pub const SCAN_ENTRIES_MAX: usize = 1_000;
/// Most long-lived keys in a vault.
pub const VAULT_KEYS_MAX: usize = 20_000;
