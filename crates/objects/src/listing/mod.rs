//! Listing objects, versions and uploads in the order of their keys.
//!
//! Results are ordered by the bytes of their text, whether they are keys or common prefixes, and a
//! marker excludes everything that is not greater than it. Knows nothing of HTTP or XML.

mod objects;
#[cfg(test)]
mod tests;
mod token;
mod uploads;
mod versions;
mod walk;

pub(crate) use objects::{ListedObject, ObjectsMarker, ObjectsQuery, objects};
pub(crate) use token::{ContinuationTokenError, decode as decode_token, encode as encode_token};
pub(crate) use uploads::{ListedUpload, UploadsQuery, uploads};
pub(crate) use versions::{ListedVersion, VersionsMarker, VersionsQuery, versions};

use crate::fault::Fault;
use crate::records::RecordError;

use walk::WalkError;

/// Most results of one page. SPEC: data-protection, 1.10 and 4.1.
pub(crate) const RESULTS_MAX: usize = 1_000;

impl From<WalkError<RecordError>> for Fault {
    fn from(error: WalkError<RecordError>) -> Self {
        match error {
            WalkError::Store(error) => Self::Store(error),
            WalkError::Key(error) => Self::StoreKey(error),
            WalkError::Record(error) => Self::Record(error),
        }
    }
}

/// The common part of all listing requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// Only keys that begin so; empty for all.
    pub(crate) prefix: String,
    /// Keys with this text behind the prefix are rolled up; empty for none.
    pub(crate) delimiter: String,
    /// Most results; more than [`RESULTS_MAX`] counts as that.
    pub(crate) results_max: usize,
}

impl Filter {
    fn delimiter(&self) -> Option<&str> {
        Some(self.delimiter.as_str()).filter(|delimiter| !delimiter.is_empty())
    }

    fn results_max(&self) -> usize {
        self.results_max.min(RESULTS_MAX)
    }
}
