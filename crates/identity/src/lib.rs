//! Accounts, credentials and sessions.
//!
//! Long-term secrets are sealed in the store and never leave this crate after they were made; the
//! pipeline gets signing keys that are good for one day, region and service. Temporary credentials
//! are sealed tokens that clients hold. Formats: `docs/formats/account-record.md` and
//! `docs/formats/session-token.md`. This crate knows nothing of objects, disks, or of
//! HTTP and XML outside `api/`.

mod account;
mod api;
mod cache;
mod codec;
mod directory;
mod error;
mod generate;
mod iam;
mod identity;
mod issue;
mod keys;
mod names;
mod records;
mod session;
mod standing;

#[cfg(test)]
mod tests;

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;

pub use account::{
    Account, AccountName, AccountNameError, Bootstrap, GivenRootKey, GivenRootKeyError,
    NewAccessKey, NewAccount,
};
pub use api::{iam_endpoints, iam_tables, sts_endpoints, sts_tables};
pub use error::IdentityError;
pub use identity::Identity;
pub use session::{SESSION_LIFETIME_MAX, SESSION_LIFETIME_MIN, SessionCredentials};
