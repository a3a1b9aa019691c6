//! The record of a bucket.

use strongroom_policy::{Acl, AclGrant, AclGroup, AclPermission, Grantee, PublicAccessBlock};
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
    /// Who may reach it, as far as that is no policy's text.
    pub(crate) access: BucketAccess,
}

/// What decides who may reach a bucket. It stands in the bucket's own record, so that a write which
/// was decided by it is not made when it has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BucketAccess {
    /// Who owns new objects; `None` once the setting was removed, which means what
    /// [`ObjectOwnership::ObjectWriter`] does.
    pub(crate) ownership: Option<ObjectOwnership>,
    /// What of the public is blocked; `None` once the setting was removed, which blocks nothing.
    pub(crate) public_access_block: Option<PublicAccessBlock>,
    /// Whether requesters of other accounts pay.
    pub(crate) requester_pays: bool,
    /// Which bucket policy is in force; its text has a record of its own.
    pub(crate) bucket_policy: Option<PolicyStamp>,
    /// The bucket's ACL; `None` for the one that grants its owner everything and nobody else anything.
    pub(crate) acl: Option<Acl>,
}

/// Who owns new objects of a bucket, and whether ACLs count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ObjectOwnership {
    /// The bucket's owner; ACLs do not count.
    BucketOwnerEnforced,
    /// The writer, unless it gives the object to the bucket's owner.
    BucketOwnerPreferred,
    /// The writer.
    ObjectWriter,
}

/// What tells one text of a bucket's policy from every other: random, made when it is saved.
pub(crate) type PolicyStamp = [u8; 16];

impl Default for BucketAccess {
    /// SPEC: access-control, 4.2 and 4.3: of a new bucket.
    fn default() -> Self {
        Self {
            ownership: Some(ObjectOwnership::BucketOwnerEnforced),
            public_access_block: Some(PublicAccessBlock::ALL),
            requester_pays: false,
            bucket_policy: None,
            acl: None,
        }
    }
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
        out.u8(match self.access.ownership {
            None => 0,
            Some(ObjectOwnership::BucketOwnerEnforced) => 1,
            Some(ObjectOwnership::BucketOwnerPreferred) => 2,
            Some(ObjectOwnership::ObjectWriter) => 3,
        });
        out.u8(ALGORITHM_AES256);
        out.flag(self.encryption.bucket_key_enabled);
        out.flag(self.encryption.sse_c_blocked);
        out.u8(self.access.public_access_block.map_or(0, block_bits));
        out.flag(self.access.requester_pays);
        out.flag(self.access.bucket_policy.is_some());
        if let Some(stamp) = &self.access.bucket_policy {
            out.fixed(stamp);
        }
        out.flag(self.access.acl.is_some());
        if let Some(acl) = &self.access.acl {
            encode_acl(&mut out, acl);
        }
        out.finish()
    }

    /// Reads a record back.
    ///
    /// # Errors
    /// If the bytes are not those of a record.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        // What a bucket of format version 1 was, it is by the defaults of later versions.
        let (mut input, has_access) = match Decoder::new(bytes, FORMAT_VERSION) {
            Err(RecordError::UnknownFormatVersion(FIRST_FORMAT_VERSION)) => {
                (Decoder::new(bytes, FIRST_FORMAT_VERSION)?, false)
            }
            input => (input?, true),
        };
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
        let ownership = match input.u8()? {
            0 if has_access => None,
            1 => Some(ObjectOwnership::BucketOwnerEnforced),
            2 if has_access => Some(ObjectOwnership::BucketOwnerPreferred),
            3 if has_access => Some(ObjectOwnership::ObjectWriter),
            _ => return Err(RecordError::Invalid("object ownership")),
        };
        if input.u8()? != ALGORITHM_AES256 {
            return Err(RecordError::Invalid("default encryption"));
        }
        let encryption = BucketEncryption {
            bucket_key_enabled: input.flag("bucket key")?,
            sse_c_blocked: input.flag("blocked encryption types")?,
        };
        let access = match has_access {
            true => decode_access(&mut input, ownership)?,
            false => BucketAccess::default(),
        };
        input.finish()?;
        Ok(Self { id, owner, owner_id, created, region, versioning, encryption, access })
    }
}

fn decode_access(
    input: &mut Decoder<'_>,
    ownership: Option<ObjectOwnership>,
) -> Result<BucketAccess, RecordError> {
    let public_access_block = block_of(input.u8()?)?;
    let requester_pays = input.flag("payer")?;
    let bucket_policy = match input.flag("bucket policy")? {
        true => Some(input.array()?),
        false => None,
    };
    let acl = match input.flag("ACL")? {
        true => Some(decode_acl(input)?),
        false => None,
    };
    Ok(BucketAccess { ownership, public_access_block, requester_pays, bucket_policy, acl })
}

/// The settings as bits; what is set differs from what is not by one more.
fn block_bits(block: PublicAccessBlock) -> u8 {
    BLOCK_SET
        | u8::from(block.block_public_acls)
        | (u8::from(block.ignore_public_acls) << 1)
        | (u8::from(block.block_public_policy) << 2)
        | (u8::from(block.restrict_public_buckets) << 3)
}

fn block_of(bits: u8) -> Result<Option<PublicAccessBlock>, RecordError> {
    if bits == 0 {
        return Ok(None);
    }
    let has = |bit: u8| bits & bit != 0;
    let block = PublicAccessBlock {
        block_public_acls: has(1),
        ignore_public_acls: has(2),
        block_public_policy: has(4),
        restrict_public_buckets: has(8),
    };
    match block_bits(block) == bits {
        true => Ok(Some(block)),
        false => Err(RecordError::Invalid("public access block")),
    }
}

/// Writes an ACL into a record.
pub(crate) fn encode_acl(out: &mut Encoder, acl: &Acl) {
    out.count16("grants", acl.grants.len());
    for AclGrant { grantee, permission } in &acl.grants {
        out.u8(match permission {
            AclPermission::Read => 1,
            AclPermission::Write => 2,
            AclPermission::ReadAcp => 3,
            AclPermission::WriteAcp => 4,
            AclPermission::FullControl => 5,
        });
        match grantee {
            Grantee::CanonicalUser(id) => {
                out.u8(0);
                out.text("grantee", id);
            }
            Grantee::Group(AclGroup::AllUsers) => out.u8(1),
            Grantee::Group(AclGroup::AuthenticatedUsers) => out.u8(2),
            Grantee::Group(AclGroup::LogDelivery) => out.u8(3),
        }
    }
}

/// Reads an ACL from a record.
pub(crate) fn decode_acl(input: &mut Decoder<'_>) -> Result<Acl, RecordError> {
    let count = input.u16()?;
    let mut grants = Vec::new();
    for _ in 0..count {
        let permission = match input.u8()? {
            1 => AclPermission::Read,
            2 => AclPermission::Write,
            3 => AclPermission::ReadAcp,
            4 => AclPermission::WriteAcp,
            5 => AclPermission::FullControl,
            _ => return Err(RecordError::Invalid("permission")),
        };
        let grantee = match input.u8()? {
            0 => Grantee::CanonicalUser(input.text("grantee")?.into()),
            1 => Grantee::Group(AclGroup::AllUsers),
            2 => Grantee::Group(AclGroup::AuthenticatedUsers),
            3 => Grantee::Group(AclGroup::LogDelivery),
            _ => return Err(RecordError::Invalid("grantee")),
        };
        grants.push(AclGrant { grantee, permission });
    }
    Ok(Acl { grants })
}

const FORMAT_VERSION: u8 = 2;
const FIRST_FORMAT_VERSION: u8 = 1; // without what decides about access
const BLOCK_SET: u8 = 0x10;
const ALGORITHM_AES256: u8 = 1;
