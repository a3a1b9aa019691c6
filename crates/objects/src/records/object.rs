//! The record of one version of an object.

use std::fmt;

use strongroom_crypto::{BlobId, Checksum, ChecksumAlgorithm, ChecksumType};
use strongroom_store::Protection;
use strongroom_types::{Timestamp, VersionId};

use crate::keys::UploadUnique;

use super::codec::{Decoder, Encoder, RecordError};
use super::etag::Etag;

/// One version of an object: all that is known of it but its bytes.
///
/// The key under which the record is kept says bucket, object key and order; the payload that the
/// record owns is the sealed bytes, or for an upload in parts the sealed [`super::Manifest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObjectRecord {
    /// Object or delete marker.
    pub(crate) kind: ObjectKind,
    /// Which version it is.
    pub(crate) version_id: VersionId,
    /// When it was written.
    pub(crate) last_modified: Timestamp,
    /// Plaintext bytes.
    pub(crate) object_bytes: u64,
    /// The ETag.
    pub(crate) etag: Etag,
    /// The checksum of the object; `None` only for delete markers.
    pub(crate) checksum: Option<ObjectChecksum>,
    /// The data key of the payload; `None` only for delete markers.
    pub(crate) data_key: Option<DataKeyRecord>,
    /// What the client said about the object.
    pub(crate) metadata: ObjectMetadata,
    /// Object tags, sorted by their keys.
    pub(crate) tags: Vec<(String, String)>,
    /// The upload that made the object, if it was written in parts.
    pub(crate) parts: Option<PartsOrigin>,
    /// Retention and legal hold. Reserved; set from the object-lock milestone on.
    pub(crate) lock: LockState,
}

/// What a listing shows of a version: the first fields of its record.
///
/// What is behind them is judged when the version is read: a page of a thousand names need not take
/// a thousand wrapped keys apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ObjectSummary {
    /// Object or delete marker.
    pub(crate) kind: ObjectKind,
    /// Which version it is.
    pub(crate) version_id: VersionId,
    /// When it was written.
    pub(crate) last_modified: Timestamp,
    /// Plaintext bytes.
    pub(crate) object_bytes: u64,
    /// The ETag.
    pub(crate) etag: Etag,
    /// The checksum of the object; `None` only for delete markers.
    pub(crate) checksum: Option<ObjectChecksum>,
}

impl ObjectSummary {
    /// Reads the first fields of a record.
    ///
    /// # Errors
    /// If the bytes do not begin as those of a record.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        Self::decode_from(&mut Decoder::new(bytes, FORMAT_VERSION)?)
    }

    /// Whether the version is a delete marker.
    #[must_use]
    pub(crate) fn is_delete_marker(&self) -> bool {
        self.kind == ObjectKind::DeleteMarker
    }

    fn decode_from(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        let kind = match input.u8()? {
            1 => ObjectKind::Object,
            2 => ObjectKind::DeleteMarker,
            _ => return Err(RecordError::Invalid("kind")),
        };
        let version_id = match input.u8()? {
            0 => VersionId::Null,
            1 => VersionId::Named(input.array()?),
            _ => return Err(RecordError::Invalid("version id")),
        };
        let last_modified = input.timestamp("last modified")?;
        let object_bytes = input.u64()?;
        let etag = Etag { digest: input.array()?, parts_count: input.u32()? };
        let checksum = decode_checksum(input)?;
        if (kind == ObjectKind::Object) != checksum.is_some() {
            return Err(RecordError::Invalid("payload description"));
        }
        Ok(Self { kind, version_id, last_modified, object_bytes, etag, checksum })
    }
}

/// What a version is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ObjectKind {
    /// Bytes.
    Object,
    /// The sign that the object was deleted while older versions stay.
    DeleteMarker,
}

/// The checksum of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ObjectChecksum {
    /// Algorithm and raw digest.
    pub(crate) checksum: Checksum,
    /// What the digest covers.
    pub(crate) checksum_type: ChecksumType,
    /// The number of parts behind a composite digest; 0 for a full-object one.
    pub(crate) parts_count: u32,
}

impl ObjectChecksum {
    /// A checksum over the bytes of the object.
    #[must_use]
    pub(crate) fn full_object(checksum: Checksum) -> Self {
        Self { checksum, checksum_type: ChecksumType::FullObject, parts_count: 0 }
    }

    /// A checksum over the checksums of `parts_count` parts.
    #[must_use]
    pub(crate) fn composite(checksum: Checksum, parts_count: u32) -> Self {
        Self { checksum, checksum_type: ChecksumType::Composite, parts_count }
    }
}

impl fmt::Display for ObjectChecksum {
    /// The form of headers and XML: base64, and the number of parts behind a composite one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.checksum.to_base64())?;
        match self.checksum_type {
            ChecksumType::Composite => write!(f, "-{}", self.parts_count),
            ChecksumType::FullObject => Ok(()),
        }
    }
}

/// How the payload of an object is encrypted: SSE-S3, a data key wrapped under the bucket's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataKeyRecord {
    /// The data key, wrapped under the bucket's key.
    pub(crate) wrapped: Vec<u8>,
    /// The id in the context of the wrap. It is that of the payload, or for an upload in parts
    /// one that all its payloads share.
    pub(crate) wrap_id: BlobId,
    /// The id in the context of the payload's envelope; fresh each time something is sealed.
    pub(crate) blob_id: BlobId,
}

/// What the client said about an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ObjectMetadata {
    /// The headers that S3 keeps.
    pub(crate) system: SystemMetadata,
    /// `x-amz-meta-*` without the prefix, names in lower case, in the order of their names.
    pub(crate) user: Vec<(String, String)>,
}

/// The headers that S3 keeps as they were sent. SPEC: data-protection, 6.3.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SystemMetadata {
    /// `Content-Type`.
    pub(crate) content_type: Option<String>,
    /// `Cache-Control`.
    pub(crate) cache_control: Option<String>,
    /// `Content-Disposition`.
    pub(crate) content_disposition: Option<String>,
    /// `Content-Encoding`, without `aws-chunked`.
    pub(crate) content_encoding: Option<String>,
    /// `Content-Language`.
    pub(crate) content_language: Option<String>,
    /// `Expires`, as text: it is returned as it came.
    pub(crate) expires: Option<String>,
    /// `x-amz-website-redirect-location`.
    pub(crate) website_redirect: Option<String>,
}

/// Where an object that was written in parts comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartsOrigin {
    /// The upload, whose part records own the bytes.
    pub(crate) upload: UploadUnique,
    /// How many parts the manifest lists.
    pub(crate) parts_count: u32,
}

/// Retention and legal hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LockState {
    /// The retention, if any, and until when in seconds since 1970.
    pub(crate) retention: Option<(RetentionMode, u64)>,
    /// Whether a legal hold is on the version.
    pub(crate) legal_hold: bool,
}

impl LockState {
    /// What the engine itself is told to protect.
    pub(crate) fn protection(self) -> Protection {
        let retain_until_seconds = self.retention.map_or(0, |(_, until)| until);
        Protection { retain_until_seconds, legal_hold: self.legal_hold }
    }
}

/// How strict a retention is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetentionMode {
    /// May be shortened or bypassed with a permission of its own.
    Governance,
    /// May be extended only.
    Compliance,
}

impl ObjectRecord {
    /// The record as bytes.
    ///
    /// # Errors
    /// If a text is longer than its field holds; the limits of requests lie far below.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, RecordError> {
        let mut out = Encoder::new(FORMAT_VERSION);
        out.u8(match self.kind {
            ObjectKind::Object => 1,
            ObjectKind::DeleteMarker => 2,
        });
        match &self.version_id {
            VersionId::Null => out.u8(0),
            VersionId::Named(bytes) => {
                out.u8(1);
                out.fixed(bytes);
            }
        }
        out.timestamp(self.last_modified);
        out.u64(self.object_bytes);
        out.fixed(&self.etag.digest);
        out.u32(self.etag.parts_count);
        encode_checksum(&mut out, self.checksum.as_ref());
        out.u8(STORAGE_CLASS_STANDARD);
        encode_data_key(&mut out, self.data_key.as_ref());
        match &self.parts {
            None => out.u8(0),
            Some(parts) => {
                out.u8(1);
                out.fixed(parts.upload.as_bytes());
                out.u32(parts.parts_count);
            }
        }
        encode_lock(&mut out, self.lock);
        encode_metadata(&mut out, &self.metadata);
        encode_pairs(&mut out, "tags", &self.tags);
        out.finish()
    }

    /// Reads a record back.
    ///
    /// # Errors
    /// If the bytes are not those of a record.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut input = Decoder::new(bytes, FORMAT_VERSION)?;
        let summary = ObjectSummary::decode_from(&mut input)?;
        let ObjectSummary { kind, version_id, last_modified, object_bytes, etag, checksum } =
            summary;
        if input.u8()? != STORAGE_CLASS_STANDARD {
            return Err(RecordError::Invalid("storage class"));
        }
        let data_key = decode_data_key(&mut input)?;
        let parts = if input.flag("parts")? {
            Some(PartsOrigin {
                upload: UploadUnique::from_bytes(input.array()?),
                parts_count: input.u32()?,
            })
        } else {
            None
        };
        let lock = decode_lock(&mut input)?;
        let metadata = decode_metadata(&mut input)?;
        let tags = decode_pairs(&mut input, "tags")?;
        input.finish()?;
        let is_object = kind == ObjectKind::Object;
        if is_object != data_key.is_some() || is_object != checksum.is_some() {
            return Err(RecordError::Invalid("payload description"));
        }
        Ok(Self {
            kind,
            version_id,
            last_modified,
            object_bytes,
            etag,
            checksum,
            data_key,
            metadata,
            tags,
            parts,
            lock,
        })
    }

    /// The record of a delete marker.
    #[must_use]
    pub(crate) fn delete_marker(version_id: VersionId, last_modified: Timestamp) -> Self {
        Self {
            kind: ObjectKind::DeleteMarker,
            version_id,
            last_modified,
            object_bytes: 0,
            etag: Etag::of_md5([0; 16]),
            checksum: None,
            data_key: None,
            metadata: ObjectMetadata::default(),
            tags: Vec::new(),
            parts: None,
            lock: LockState::default(),
        }
    }

    /// Whether the version is a delete marker.
    #[must_use]
    pub(crate) fn is_delete_marker(&self) -> bool {
        self.kind == ObjectKind::DeleteMarker
    }
}

impl ObjectMetadata {
    /// Writes the fields, for this record and that of an upload.
    pub(crate) fn encode_into(&self, out: &mut Encoder) {
        encode_metadata(out, self);
    }

    /// Reads what [`Self::encode_into`] wrote.
    pub(crate) fn decode_from(input: &mut Decoder<'_>) -> Result<Self, RecordError> {
        decode_metadata(input)
    }
}

pub(crate) fn algorithm_number(algorithm: ChecksumAlgorithm) -> u8 {
    match algorithm {
        ChecksumAlgorithm::Crc32 => 1,
        ChecksumAlgorithm::Crc32c => 2,
        ChecksumAlgorithm::Crc64Nvme => 3,
        ChecksumAlgorithm::Sha1 => 4,
        ChecksumAlgorithm::Sha256 => 5,
        ChecksumAlgorithm::Sha512 => 6,
        ChecksumAlgorithm::Md5 => 7,
        ChecksumAlgorithm::XxHash64 => 8,
        ChecksumAlgorithm::XxHash3 => 9,
        ChecksumAlgorithm::XxHash128 => 10,
    }
}

pub(crate) fn algorithm_from_number(number: u8) -> Result<ChecksumAlgorithm, RecordError> {
    ChecksumAlgorithm::ALL
        .into_iter()
        .find(|algorithm| algorithm_number(*algorithm) == number)
        .ok_or(RecordError::Invalid("checksum algorithm"))
}

/// Writes a raw digest behind the number of its algorithm.
pub(crate) fn encode_digest(out: &mut Encoder, checksum: &Checksum) {
    out.u8(algorithm_number(checksum.algorithm()));
    out.fixed(checksum.as_bytes());
}

/// Reads what [`encode_digest`] wrote.
pub(crate) fn decode_digest(input: &mut Decoder<'_>) -> Result<Checksum, RecordError> {
    let algorithm = algorithm_from_number(input.u8()?)?;
    let digest = input.fixed(algorithm.digest_bytes())?;
    Checksum::from_bytes(algorithm, digest).map_err(|_| RecordError::Invalid("checksum"))
}

fn encode_checksum(out: &mut Encoder, checksum: Option<&ObjectChecksum>) {
    let Some(checksum) = checksum else {
        return out.u8(0);
    };
    out.u8(match checksum.checksum_type {
        ChecksumType::FullObject => 1,
        ChecksumType::Composite => 2,
    });
    encode_digest(out, &checksum.checksum);
    out.u32(checksum.parts_count);
}

fn decode_checksum(input: &mut Decoder<'_>) -> Result<Option<ObjectChecksum>, RecordError> {
    let checksum_type = match input.u8()? {
        0 => return Ok(None),
        1 => ChecksumType::FullObject,
        2 => ChecksumType::Composite,
        _ => return Err(RecordError::Invalid("checksum type")),
    };
    let checksum = decode_digest(input)?;
    Ok(Some(ObjectChecksum { checksum, checksum_type, parts_count: input.u32()? }))
}

pub(crate) fn encode_data_key(out: &mut Encoder, data_key: Option<&DataKeyRecord>) {
    let Some(data_key) = data_key else {
        return out.u8(ENCRYPTION_NONE);
    };
    out.u8(ENCRYPTION_SSE_S3);
    out.fixed(data_key.blob_id.as_bytes());
    out.fixed(data_key.wrap_id.as_bytes());
    out.bytes16("wrapped data key", &data_key.wrapped);
}

pub(crate) fn decode_data_key(
    input: &mut Decoder<'_>,
) -> Result<Option<DataKeyRecord>, RecordError> {
    match input.u8()? {
        ENCRYPTION_NONE => Ok(None),
        ENCRYPTION_SSE_S3 => Ok(Some(DataKeyRecord {
            blob_id: BlobId::from_bytes(input.array()?),
            wrap_id: BlobId::from_bytes(input.array()?),
            wrapped: input.bytes16()?.to_vec(),
        })),
        _ => Err(RecordError::Invalid("encryption")),
    }
}

pub(crate) fn encode_lock(out: &mut Encoder, lock: LockState) {
    let (mode, until) = match lock.retention {
        None => (0, 0),
        Some((RetentionMode::Governance, until)) => (1, until),
        Some((RetentionMode::Compliance, until)) => (2, until),
    };
    out.u8(mode);
    out.u64(until);
    out.flag(lock.legal_hold);
}

pub(crate) fn decode_lock(input: &mut Decoder<'_>) -> Result<LockState, RecordError> {
    let mode = input.u8()?;
    let until = input.u64()?;
    let retention = match mode {
        0 if until == 0 => None,
        1 => Some((RetentionMode::Governance, until)),
        2 => Some((RetentionMode::Compliance, until)),
        _ => return Err(RecordError::Invalid("retention")),
    };
    Ok(LockState { retention, legal_hold: input.flag("legal hold")? })
}

fn encode_metadata(out: &mut Encoder, metadata: &ObjectMetadata) {
    let system = &metadata.system;
    let fields = [
        &system.content_type,
        &system.cache_control,
        &system.content_disposition,
        &system.content_encoding,
        &system.content_language,
        &system.expires,
        &system.website_redirect,
    ];
    for field in fields {
        match field {
            None => out.u8(0),
            Some(text) => {
                out.u8(1);
                out.text("system metadata", text);
            }
        }
    }
    encode_pairs(out, "user metadata", &metadata.user);
}

fn decode_metadata(input: &mut Decoder<'_>) -> Result<ObjectMetadata, RecordError> {
    let mut field = || -> Result<Option<String>, RecordError> {
        if !input.flag("system metadata")? {
            return Ok(None);
        }
        Ok(Some(input.text("system metadata")?.to_owned()))
    };
    let system = SystemMetadata {
        content_type: field()?,
        cache_control: field()?,
        content_disposition: field()?,
        content_encoding: field()?,
        content_language: field()?,
        expires: field()?,
        website_redirect: field()?,
    };
    Ok(ObjectMetadata { system, user: decode_pairs(input, "user metadata")? })
}

pub(crate) fn encode_pairs(out: &mut Encoder, field: &'static str, pairs: &[(String, String)]) {
    out.count16(field, pairs.len());
    for (name, value) in pairs {
        out.text(field, name);
        out.text(field, value);
    }
}

pub(crate) fn decode_pairs(
    input: &mut Decoder<'_>,
    field: &'static str,
) -> Result<Vec<(String, String)>, RecordError> {
    let count = usize::from(input.u16()?);
    let mut pairs = Vec::new();
    for _ in 0..count {
        pairs.push((input.text(field)?.to_owned(), input.text(field)?.to_owned()));
    }
    Ok(pairs)
}

const FORMAT_VERSION: u8 = 1;
const STORAGE_CLASS_STANDARD: u8 = 1;
const ENCRYPTION_NONE: u8 = 0; // delete markers only
const ENCRYPTION_SSE_S3: u8 = 1;
