//! What can go wrong in an engine.

/// Why a read, or the writing of a blob, failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The payload is not where the record said; read the record again.
    #[error("the payload was moved or released")]
    Moved,
    /// Bytes on disk are not those that were written. Never served.
    #[error("stored bytes are damaged: {what}")]
    Corrupt {
        /// What was damaged, for the operator.
        what: String,
    },
    /// There is no room; deletions still work.
    #[error("the drive is full")]
    Full,
    /// The engine has stopped: a write or sync failed, and nothing more is acknowledged.
    #[error("the engine has stopped: {reason}")]
    Stopped {
        /// Why, for the operator.
        reason: String,
    },
    /// The drive failed to read.
    #[error("reading failed")]
    Io(#[source] std::io::Error),
    /// The request exceeds a limit of this crate or contradicts itself.
    #[error("refused by the engine: {what}")]
    Invalid {
        /// What was wrong.
        what: &'static str,
    },
}

/// Why a batch was not applied.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A precondition did not hold. Everything that decided this is durable.
    #[error("precondition {index} does not hold")]
    Precondition {
        /// Index into [`crate::Batch::preconditions`].
        index: usize,
    },
    /// A record that is protected would have been deleted or its payload replaced.
    #[error("the record is protected")]
    Protected,
    /// It is not known whether the batch was applied: offer it again with the same token.
    #[error("the outcome is unknown")]
    Unknown,
    /// Nothing was applied.
    #[error(transparent)]
    Store(#[from] StoreError),
}
