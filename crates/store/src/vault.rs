//! The few long-lived keys.

use std::fmt;
use std::sync::Arc;

use strongroom_crypto::WrappingKey;
use strongroom_types::{AccountId, BucketId, EntropyError};

use crate::BoxFuture;

/// Keeps long-lived keys, sealed under the root key, in one small file apart from all data.
///
/// Destroying a key makes everything wrapped under it unreadable for ever: crypto-erasure.
pub trait KeyVault: Send + Sync + fmt::Debug {
    /// The key of this name.
    ///
    /// # Errors
    /// [`VaultError::NoSuchKey`] if it was never made or is destroyed.
    fn get(&self, name: &KeyName) -> Result<Arc<WrappingKey>, VaultError>;

    /// Makes the key of this name, or returns the one that exists. Durable when this returns, so
    /// that a batch which uses the key can follow.
    fn create(&self, name: KeyName) -> BoxFuture<'_, Result<Arc<WrappingKey>, VaultError>>;

    /// Destroys a key in every copy. Durable when this returns; unknown names are no error.
    fn destroy(&self, name: KeyName) -> BoxFuture<'_, Result<(), VaultError>>;
}

/// What a long-lived key is for. One key, one purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyName {
    /// Seals session tokens, continuation tokens and other sealed texts that clients hold.
    Token,
    /// Seals the private keys of TLS certificates.
    Tls,
    /// Seals the secrets of an account, such as secret access keys.
    Account(AccountId),
    /// Wraps the data keys of a bucket's objects.
    Bucket(BucketId),
}

/// Why a key was not to be had.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// No key has this name.
    #[error("there is no key {0:?}")]
    NoSuchKey(KeyName),
    /// The key file could not be written; nothing changed.
    #[error("the key file could not be written: {reason}")]
    Unavailable {
        /// Why, for the operator.
        reason: String,
    },
    /// There are as many keys as the key file holds.
    #[error("the key file is full")]
    Full,
    /// No randomness for a new key.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}
