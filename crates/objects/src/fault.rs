//! What goes wrong inside, whoever asked for it.

use strongroom_access::{Denial, DirectoryError};
use strongroom_policy::PolicyError;
use strongroom_store::{CommitError, StoreError, VaultError};
use strongroom_types::EntropyError;

use crate::keys::StoreKeyError;
use crate::payload::PayloadFault;
use crate::records::RecordError;

/// A failure that is not the client's doing, or a decision that changed while the request ran.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The engine failed to read, or to store a payload.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A batch was not applied.
    #[error("a batch was not applied")]
    Commit(#[source] CommitError),
    /// A record is damaged.
    #[error("a record is damaged")]
    Record(#[from] RecordError),
    /// A key in the store is damaged.
    #[error("a key in the store is damaged")]
    StoreKey(#[from] StoreKeyError),
    /// A long-lived key was not to be had.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// A payload could not be sealed or opened, or its body was refused.
    #[error(transparent)]
    Payload(#[from] PayloadFault),
    /// Whether somebody exists could not be found out.
    #[error(transparent)]
    Names(DirectoryError),
    /// The policy of a bucket cannot be read.
    #[error("the stored policy of a bucket is malformed")]
    StoredPolicy(#[source] PolicyError),
    /// The decision does not hold any more.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// So many others wrote to the same record that this writer gave up.
    #[error("too many concurrent writes to one record")]
    Contended,
    /// A permit names no bucket although its operation needs one.
    #[error("a permit without a bucket")]
    NoBucket,
}
