//! Payloads: sealing what comes in, opening what goes out.
//!
//! Everything that reaches the store is sealed here, under a data key that is fresh for each
//! object version or upload and wrapped under the bucket's key. Nothing is buffered whole, and no
//! byte leaves before its chunk has been verified. This module knows no records and no requests.

mod hash;
mod open;
mod parts;
mod seal;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use strongroom_crypto::{BlobId, DataKey, EnvelopeError, SealError, WrapContext, WrappedDataKey};
use strongroom_store::{KeyName, Store, StoreError, VaultError};
use strongroom_types::{AccountId, BucketId, Entropy, EntropyError};

use crate::records::{DataKeyRecord, RecordError};
use crate::sweep::PartsPins;
pub(crate) use hash::HasherGone;
pub(crate) use open::{ByteRange, SealedPayload};
pub(crate) use seal::{SealPlan, StoredPayload};

/// Seals and opens payloads.
#[derive(Debug, Clone)]
pub(crate) struct Payloads {
    store: Store,
    entropy: Arc<dyn Entropy>,
    pins: PartsPins,
}

/// Why a payload was not stored or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PayloadFault {
    /// The body broke or is not what the client declared.
    #[error(transparent)]
    Body(#[from] strongroom_wire::PayloadError),
    /// The body is larger than one request may bring.
    #[error("your proposed upload exceeds the maximum allowed size")]
    TooLarge {
        /// Bytes that were declared or arrived.
        proposed_bytes: u64,
        /// Bytes that are allowed.
        object_bytes_max: u64,
    },
    /// The body has not the MD5 that the client declared.
    #[error("the Content-MD5 you specified did not match what we received")]
    Md5Mismatch {
        /// What the client declared.
        expected: [u8; 16],
        /// What was computed.
        computed: [u8; 16],
    },
    /// The body has not the checksum that the client declared.
    #[error("the {0} you specified did not match the calculated checksum")]
    ChecksumMismatch(strongroom_crypto::ChecksumAlgorithm),
    /// The trailer that should hold the checksum holds none.
    #[error(transparent)]
    TrailerChecksum(strongroom_crypto::ChecksumError),
    /// The trailer that was announced did not arrive.
    #[error("the announced checksum trailer did not arrive")]
    TrailerMissing,
    /// The stored payload is not what its record says.
    #[error("a stored payload is damaged: {0}")]
    Damaged(&'static str),
    /// The stored payload, or its description, cannot be decrypted.
    #[error("a stored payload could not be opened or sealed")]
    Envelope(#[from] EnvelopeError),
    /// The data key of a payload cannot be wrapped or unwrapped.
    #[error("a data key could not be wrapped or unwrapped")]
    DataKey(#[from] SealError),
    /// The bucket has no key.
    #[error("the bucket's key was not to be had")]
    Vault(#[from] VaultError),
    /// The part table of a payload is damaged.
    #[error("a part table is damaged")]
    Manifest(#[source] RecordError),
    /// The engine failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The thread that computes digests is gone.
    #[error(transparent)]
    Hasher(#[from] HasherGone),
}

/// A data key together with its wrapped form.
#[derive(Debug)]
pub(crate) struct FreshDataKey {
    /// The key, for sealing.
    pub(crate) data_key: DataKey,
    /// The key as a record holds it.
    pub(crate) wrapped: WrappedDataKey,
    /// The id in the context of the wrap.
    pub(crate) wrap_id: BlobId,
}

impl FreshDataKey {
    /// What a record says of a payload that was sealed under this key.
    pub(crate) fn record(&self, blob_id: BlobId) -> DataKeyRecord {
        DataKeyRecord { wrapped: self.wrapped.as_bytes().to_vec(), wrap_id: self.wrap_id, blob_id }
    }
}

impl Payloads {
    /// Payloads in this store.
    pub(crate) fn new(store: Store, entropy: Arc<dyn Entropy>) -> Self {
        Self { store, entropy, pins: PartsPins::default() }
    }

    /// The objects in parts that are being read.
    pub(crate) fn pins(&self) -> &PartsPins {
        &self.pins
    }

    /// A fresh data key, wrapped under the bucket's key.
    pub(crate) fn fresh_data_key(
        &self,
        owner: AccountId,
        bucket_id: BucketId,
    ) -> Result<FreshDataKey, PayloadFault> {
        let bucket_key = self.store.keys.get(&KeyName::Bucket(bucket_id))?;
        let data_key = DataKey::random(self.entropy.as_ref())?;
        let wrap_id = BlobId::random(self.entropy.as_ref())?;
        let context = WrapContext { account: owner, bucket_id, blob_id: wrap_id };
        let wrapped = bucket_key.wrap(&data_key, &context, self.entropy.as_ref())?;
        Ok(FreshDataKey { data_key, wrapped, wrap_id })
    }

    /// The data key of a record.
    pub(crate) fn unwrap_data_key(
        &self,
        owner: AccountId,
        bucket_id: BucketId,
        record: &DataKeyRecord,
    ) -> Result<DataKey, PayloadFault> {
        let bucket_key = self.store.keys.get(&KeyName::Bucket(bucket_id))?;
        let wrapped = WrappedDataKey::from_bytes(&record.wrapped)?;
        let context = WrapContext { account: owner, bucket_id, blob_id: record.wrap_id };
        Ok(bucket_key.unwrap(&wrapped, &context)?)
    }
}
