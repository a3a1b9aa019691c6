//! What can go wrong with accounts and sessions.

use strongroom_crypto::SealError;
use strongroom_store::{CommitError, StoreError, VaultError};
use strongroom_types::EntropyError;

use crate::AccountName;

/// Why accounts or sessions could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Names are unique ignoring case.
    #[error("there is an account `{0}` already")]
    NameTaken(AccountName),
    /// No account has this name.
    #[error("there is no account `{0}`")]
    NoSuchAccount(AccountName),
    /// The chosen root key belongs to another account already.
    #[error("the given root access key id is in use")]
    AccessKeyTaken,
    /// A start with another root key than the one that the first start was given or made.
    /// SPEC: DESIGN, 7. Does not say which half differs.
    #[error(
        "the given root access key is not the one of this data directory; the key can be chosen at \
         the first start only"
    )]
    RootKeyDiffers,
    /// A session would live too short or too long.
    #[error("a session lives at least 15 minutes and at most 36 hours")]
    Lifetime,
    /// A record does not read back as it was written.
    #[error("the stored {what} is damaged")]
    Damaged {
        /// Which kind of record.
        what: &'static str,
    },
    /// Other writers kept changing the same record.
    #[error("the change kept meeting other changes; try again")]
    Contended,
    /// The store could not be read.
    #[error("the store could not be read")]
    Store(#[from] StoreError),
    /// The change was not made, or nobody knows.
    #[error("the change could not be stored")]
    Commit(#[source] CommitError),
    /// The key that seals secrets is not to be had.
    #[error("the key vault could not be used")]
    Vault(#[from] VaultError),
    /// A secret could not be sealed, or does not open.
    #[error("a secret could not be sealed or opened")]
    Seal(#[from] SealError),
    /// No randomness for an id or a secret.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}
