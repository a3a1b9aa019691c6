//! Why a store is not opened.

use std::io;

use strongroom_store::{StoreError, VaultError};

use crate::keyfile::KeyFileError;
use crate::log::WriterError;
use crate::log::recovery::LogError;
use crate::ordered::OrderedIndexError;

/// Why an engine was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another engine has the data directory open.
    #[error("the data directory is in use by another process")]
    Locked,
    /// There is data, but no key file that opens it.
    #[error("there is data, but its key file is missing")]
    KeyFileMissing,
    /// The key file could not be opened or made.
    #[error("the key file could not be opened")]
    KeyFile(#[source] KeyFileError),
    /// The engine's own keys could not be made.
    #[error("the keys of the engine could not be made")]
    Vault(#[from] VaultError),
    /// Acknowledged bytes are damaged or missing.
    #[error("{what}")]
    Corrupt {
        /// What, and where.
        what: String,
    },
    /// There is no room to begin.
    #[error("the drive is full")]
    Full,
    /// The drive or a library failed.
    #[error("the store could not be opened: {what}")]
    Failed {
        /// What was being done.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Whether an error, or what caused it, is that there is no room.
pub(super) fn is_full(error: &OpenError) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        let full = matches!(error.downcast_ref(), Some(OpenError::Full))
            || matches!(error.downcast_ref(), Some(StoreError::Full))
            || matches!(error.downcast_ref(), Some(OrderedIndexError::Full));
        if full {
            return true;
        }
        next = match error.downcast_ref::<io::Error>() {
            Some(error) if error.kind() == io::ErrorKind::StorageFull => return true,
            Some(error) => error.get_ref().map(|error| error as &(dyn std::error::Error + 'static)),
            None => error.source(),
        };
    }
    false
}

pub(crate) fn failed(
    what: &'static str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> OpenError {
    OpenError::Failed { what, source: source.into() }
}

impl From<LogError> for OpenError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Corrupt { what } => {
                Self::Corrupt { what: format!("the log is damaged: {what}") }
            }
            error => failed("reading the log", error),
        }
    }
}

impl From<WriterError> for OpenError {
    fn from(error: WriterError) -> Self {
        match error {
            WriterError::Write(error) if error.kind() == io::ErrorKind::StorageFull => Self::Full,
            error => failed("beginning a segment", error),
        }
    }
}

impl From<OrderedIndexError> for OpenError {
    fn from(error: OrderedIndexError) -> Self {
        match error {
            OrderedIndexError::Full => Self::Full,
            error => failed("opening the index", error),
        }
    }
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Corrupt { what } => Self::Corrupt { what },
            StoreError::Full => Self::Full,
            error => failed("reading the store", error),
        }
    }
}
