//! Copying objects.
//!
//! SPEC: data-protection, 6.1. A copy is decrypted and sealed again under a data key of its own:
//! nothing of the source's encryption is inherited.

use bytes::Bytes;
use strongroom_access::{BucketRef, Permit};
use strongroom_crypto::ChecksumAlgorithm;
use strongroom_model::s3;
use strongroom_store::BoxFuture;
use strongroom_types::{ObjectKey, VersionId};
use strongroom_wire::{ByteSource, ByteStream, Payload, PayloadError, PayloadSource};

use super::read::Patience;
use super::write::{PUT_BYTES_MAX, single_piece};
use super::{NewVersion, ObjectError, StoredVersion};
use crate::S3;
use crate::checksums::{ALGORITHM_DEFAULT, ChecksumPlan};
use crate::conditions::{ReadConditions, ReadVerdict, WriteCondition};
use crate::fault::Fault;
use crate::payload::{ByteRange, PayloadFault, SealPlan};
use crate::records::{ObjectMetadata, ObjectRecord};
use crate::tags::TagSet;

/// What to copy from, and when.
#[derive(Debug, Clone)]
pub(crate) struct SourceRequest {
    /// The key.
    pub(crate) object_key: ObjectKey,
    /// The version; the current one if absent.
    pub(crate) version_id: Option<VersionId>,
    /// What must hold of the source.
    pub(crate) conditions: ReadConditions,
}

/// An object to be copied.
#[derive(Debug, Clone)]
pub(crate) struct CopyRequest {
    /// What to copy.
    pub(crate) source: SourceRequest,
    /// The key of the copy.
    pub(crate) object_key: ObjectKey,
    /// Whose metadata the copy has.
    pub(crate) metadata: MetadataDirective,
    /// The tags of the copy; the source's if absent.
    pub(crate) tags: Option<TagSet>,
    /// The checksum of the copy; the source's algorithm if absent.
    pub(crate) checksum: Option<ChecksumAlgorithm>,
    /// Whether the request states how to encrypt, which makes a copy onto itself legal.
    pub(crate) names_encryption: bool,
    /// The website redirect of the copy; it is never copied.
    pub(crate) website_redirect: Option<String>,
    /// What must hold of the destination.
    pub(crate) condition: WriteCondition,
}

/// Whose metadata a copy has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MetadataDirective {
    /// The source's.
    Copy,
    /// This.
    Replace(ObjectMetadata),
}

/// A finished copy.
#[derive(Debug)]
pub(crate) struct CopiedObject {
    /// The copy.
    pub(crate) record: ObjectRecord,
    /// The version that was copied.
    pub(crate) source_version_id: VersionId,
}

impl S3 {
    /// Copies an object.
    pub(crate) async fn copy_object(
        &self,
        permit: &mut Permit<s3::CopyObject>,
        request: &CopyRequest,
    ) -> Result<CopiedObject, ObjectError> {
        let bucket = permit.bucket().ok_or(Fault::NoBucket)?.clone();
        let source_bucket = permit.source().ok_or(Fault::NoBucket)?.clone();
        let onto_itself =
            source_bucket.id == bucket.id && request.source.object_key == request.object_key;
        if onto_itself && !changes_something(request) {
            return Err(ObjectError::CopyOntoItself);
        }
        let (source, body) = self.open_source(&source_bucket, &request.source, None).await?;
        let algorithm = request.checksum.or_else(|| source_algorithm(&source.record));
        let key = self.fresh_data_key(permit, &bucket).await?;
        let plan = SealPlan {
            object_bytes_max: PUT_BYTES_MAX,
            content_md5: None,
            checksum: ChecksumPlan::compute(algorithm.unwrap_or(ALGORITHM_DEFAULT)),
        };
        let sealed = self.payloads.seal(&key.data_key, 0, body, &plan).await;
        let stored = sealed.map_err(source_broke)?;
        let mut metadata = match &request.metadata {
            MetadataDirective::Copy => source.record.metadata.clone(),
            MetadataDirective::Replace(metadata) => metadata.clone(),
        };
        metadata.system.website_redirect.clone_from(&request.website_redirect);
        let record = ObjectRecord {
            tags: match &request.tags {
                None => source.record.tags.clone(),
                Some(tags) => tags.clone().into_pairs(),
            },
            ..single_piece(&key, &stored, metadata)
        };
        let version = NewVersion {
            object_key: &request.object_key,
            record,
            payload: stored.payload,
            condition: &request.condition,
            received_bytes: 0,
            require: Vec::new(),
            delete: Vec::new(),
        };
        let committed = self.commit_version(permit, version).await;
        let record = committed.map_err(|failure| failure.for_object(&request.object_key))?;
        Ok(CopiedObject { record, source_version_id: source.record.version_id })
    }

    /// Opens the source of a copy, or a range of it. Every condition that fails is 412.
    pub(crate) async fn open_source(
        &self,
        bucket: &BucketRef,
        request: &SourceRequest,
        range: Option<ByteRange>,
    ) -> Result<(StoredVersion, Payload), ObjectError> {
        let mut patience = Patience::new();
        loop {
            match self.try_source(bucket, request, range).await {
                Err(error) if patience.bears(&error) => {}
                settled => return settled,
            }
        }
    }

    async fn try_source(
        &self,
        bucket: &BucketRef,
        request: &SourceRequest,
        range: Option<ByteRange>,
    ) -> Result<(StoredVersion, Payload), ObjectError> {
        let source = self.find_source(bucket, request).await?;
        let object_bytes = source.record.object_bytes;
        let content_length = match range {
            Some(range) if range.end_inclusive >= object_bytes => {
                return Err(ObjectError::SourceRange { object_bytes });
            }
            Some(range) => range.range_bytes(),
            None => object_bytes,
        };
        if content_length > PUT_BYTES_MAX {
            return Err(ObjectError::SourceTooLarge(PUT_BYTES_MAX));
        }
        let body = self.open_body(bucket, &source, range).await?;
        Ok((source, StreamPayload::payload(body)))
    }

    async fn find_source(
        &self,
        bucket: &BucketRef,
        request: &SourceRequest,
    ) -> Result<StoredVersion, ObjectError> {
        let found = self.object(bucket, &request.object_key, request.version_id).await;
        let found = found.map_err(|error| match error {
            ObjectError::DeleteMarker { .. } => ObjectError::SourceIsMarker,
            other => other,
        })?;
        match request.conditions.judge(&found.record) {
            ReadVerdict::Proceed => Ok(found),
            ReadVerdict::NotModified(condition) | ReadVerdict::Failed(condition) => {
                Err(ObjectError::ConditionFailed(condition))
            }
        }
    }
}

/// Whether a copy onto itself would change the object.
fn changes_something(request: &CopyRequest) -> bool {
    request.source.version_id.is_some()
        || matches!(request.metadata, MetadataDirective::Replace(_))
        || request.names_encryption
        || request.website_redirect.is_some()
}

fn source_algorithm(source: &ObjectRecord) -> Option<ChecksumAlgorithm> {
    source.checksum.map(|checksum| checksum.checksum.algorithm())
}

/// A body that comes from the store and breaks is our fault, not the client's.
pub(crate) fn source_broke(fault: PayloadFault) -> PayloadFault {
    match fault {
        PayloadFault::Body(_) => PayloadFault::Damaged("it broke while it was copied"),
        other => other,
    }
}

/// A stored body on its way into another object.
pub(crate) struct StreamPayload {
    content_length: u64,
    source: Box<dyn ByteSource>,
}

impl StreamPayload {
    /// The body as the payload of a write.
    pub(crate) fn payload(body: ByteStream) -> Payload {
        match body {
            ByteStream::Empty => Payload::empty(),
            ByteStream::Full(bytes) => Payload::full(bytes),
            ByteStream::Stream { content_length, source } => {
                Payload::new(Self { content_length, source })
            }
        }
    }
}

impl std::fmt::Debug for StreamPayload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamPayload").field("content_length", &self.content_length).finish()
    }
}

impl PayloadSource for StreamPayload {
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, PayloadError>>> {
        Box::pin(async move {
            let piece = self.source.next().await?;
            Some(piece.map_err(|_| PayloadError::Io))
        })
    }

    fn content_length(&self) -> Option<u64> {
        Some(self.content_length)
    }

    fn announced_trailers(&self) -> &[String] {
        &[]
    }

    fn trailers(&self) -> &[(String, String)] {
        &[]
    }

    fn sha256(&self) -> Option<[u8; 32]> {
        None
    }
}
