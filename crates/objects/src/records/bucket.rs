//! The record of a bucket.

use strongroom_types::{AccountId, BucketId, CanonicalUserId, Region, Timestamp, VersioningState};

use super::codec::{Decoder, Encoder, RecordError};

/// A bucket and its settings. The revision of this record is what a permit's decision depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BucketRecord {
    /// The identity of the bucket, whatever its name is used for later.
    pub(crate) id: BucketId,
    /// The account that owns it.
    pub(crate) owner: AccountId,
    /// The canonical user id of the owner.
    pub(crate) owner_id: CanonicalUserId,
    /// When it was made.
    pub(crate) created: Timestamp,
    /// Where it is.
    pub(crate) region: Region,
    /// Whether overwriting and deleting keep versions.
    pub(crate) versioning: VersioningState,
    /// How new objects are encrypted that say nothing of it.
    pub(crate) encryption: BucketEncryption,
}

/// The default encryption of a bucket: SSE-S3 always, for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BucketEncryption {
    /// `BucketKeyEnabled` as it was set; it means something for KMS keys only.
    pub(crate) bucket_key_enabled: bool,
    /// Whether requests with customer-provided keys are refused.
    pub(crate) sse_c_blocked: bool,
}

impl Default for BucketEncryption {
    /// SPEC: data-protection, 2.7: SSE-C is blocked on new buckets.
    fn default() -> Self {
        Self { bucket_key_enabled: false, sse_c_blocked: true }
    }
}

impl BucketRecord {
    /// The record as bytes.
    ///
    /// # Errors
    /// If a text is longer than its field holds, which no valid region is.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, RecordError> {
        let mut out = Encoder::new(FORMAT_VERSION);
        out.fixed(self.id.as_bytes());
        out.u64(self.owner.number());
        out.fixed(self.owner_id.as_bytes());
        out.timestamp(self.created);
        out.text("region", self.region.as_str());
        out.u8(match self.versioning {
            VersioningState::Unversioned => 0,
            VersioningState::Enabled => 1,
            VersioningState::Suspended => 2,
        });
        out.u8(OWNERSHIP_BUCKET_OWNER_ENFORCED);
        out.u8(ALGORITHM_AES256);
        out.flag(self.encryption.bucket_key_enabled);
        out.flag(self.encryption.sse_c_blocked);
        out.finish()
    }

    /// Reads a record back.
    ///
    /// # Errors
    /// If the bytes are not those of a record.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut input = Decoder::new(bytes, FORMAT_VERSION)?;
        let id = BucketId::from_bytes(input.array()?);
        let owner = AccountId::from_number(input.u64()?)
            .map_err(|_| RecordError::Invalid("owner account"))?;
        let owner_id = CanonicalUserId::from_bytes(input.array()?);
        let created = input.timestamp("creation date")?;
        let region = input.text("region")?.parse().map_err(|_| RecordError::Invalid("region"))?;
        let versioning = match input.u8()? {
            0 => VersioningState::Unversioned,
            1 => VersioningState::Enabled,
            2 => VersioningState::Suspended,
            _ => return Err(RecordError::Invalid("versioning state")),
        };
        if input.u8()? != OWNERSHIP_BUCKET_OWNER_ENFORCED {
            return Err(RecordError::Invalid("object ownership"));
        }
        if input.u8()? != ALGORITHM_AES256 {
            return Err(RecordError::Invalid("default encryption"));
        }
        let encryption = BucketEncryption {
            bucket_key_enabled: input.flag("bucket key")?,
            sse_c_blocked: input.flag("blocked encryption types")?,
        };
        input.finish()?;
        Ok(Self { id, owner, owner_id, created, region, versioning, encryption })
    }
}

const FORMAT_VERSION: u8 = 1;
const OWNERSHIP_BUCKET_OWNER_ENFORCED: u8 = 1;
const ALGORITHM_AES256: u8 = 1;
