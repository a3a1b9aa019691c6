//! Why IAM or STS refuses.

use strongroom_store::StoreError;

use crate::IdentityError;
use crate::codec::Malformed;

/// A refusal, or a failure below. `api/errors.rs` gives each its code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IamError {
    /// There is no such thing in the account.
    #[error("{0}")]
    NoSuchEntity(String),
    /// There is one of this name already.
    #[error("{0}")]
    EntityAlreadyExists(String),
    /// Something still hangs on it.
    #[error("cannot delete entity, must {0} first")]
    DeleteConflict(&'static str),
    /// There would be too many, or too much.
    #[error("{0}")]
    LimitExceeded(String),
    /// A policy that cannot be saved.
    #[error("{0}")]
    MalformedPolicyDocument(String),
    /// A value that may not be.
    #[error("{0}")]
    InvalidInput(String),
    /// A value that breaks a rule of its type.
    #[error("1 validation error detected: {0}")]
    Validation(String),
    /// Not with these credentials.
    #[error("{0}")]
    AccessDenied(String),
    /// Session policies and tags that do not fit into a token.
    #[error("{0}")]
    PackedPolicyTooLarge(String),
    /// The store, the key vault or randomness failed.
    #[error(transparent)]
    Failed(#[from] IdentityError),
}

impl IamError {
    pub(crate) fn no_such(what: &str, name: &str) -> Self {
        Self::NoSuchEntity(format!("the {what} with name {} cannot be found", shown(name)))
    }
}

impl From<StoreError> for IamError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Malformed> for IamError {
    fn from(_: Malformed) -> Self {
        Self::Failed(IdentityError::Damaged { what: "identity" })
    }
}

/// As much of a value as an answer repeats.
pub(crate) fn shown(value: &str) -> String {
    value.chars().take(128).collect()
}
