//! Reading objects.

use strongroom_access::{BucketRef, Permit};
use strongroom_crypto::{DataKey, EnvelopeContext, EnvelopeLayout};
use strongroom_model::s3;
use strongroom_store::{PayloadRef, StoreError};
use strongroom_types::{ObjectKey, VersionId};
use strongroom_wire::ByteStream;

use super::{ObjectError, Selection, StoredVersion, proceed};
use crate::S3;
use crate::conditions::ReadConditions;
use crate::fault::Fault;
use crate::payload::{ByteRange, PayloadFault, SealedPayload};
use crate::records::{DataKeyRecord, Manifest, ManifestPart, ObjectRecord};

/// What to read, and when.
#[derive(Debug, Clone)]
pub(crate) struct ReadRequest {
    /// The key.
    pub(crate) object_key: ObjectKey,
    /// The version; the current one if absent.
    pub(crate) version_id: Option<VersionId>,
    /// What must hold.
    pub(crate) conditions: ReadConditions,
    /// Which bytes.
    pub(crate) selection: Selection,
}

/// An object, and which of its bytes are answered.
#[derive(Debug)]
pub(crate) struct FoundObject {
    /// The version as it is in the store.
    pub(crate) version: StoredVersion,
    /// The bytes that are answered, unless it is the whole object.
    pub(crate) range: Option<ByteRange>,
    /// The part that was asked for, of an object that was written in parts.
    pub(crate) part: Option<ManifestPart>,
}

impl FoundObject {
    /// Bytes that are answered.
    pub(crate) fn content_length(&self) -> u64 {
        match (&self.range, &self.part) {
            (Some(range), _) => range.range_bytes(),
            // Only an empty part has no range.
            (None, Some(part)) => part.object_bytes,
            (None, None) => self.version.record.object_bytes,
        }
    }

    /// The value of `Content-Range`.
    pub(crate) fn content_range(&self) -> Option<String> {
        let range = self.range?;
        let ByteRange { start, end_inclusive } = range;
        let object_bytes = self.version.record.object_bytes;
        Some(format!("bytes {start}-{end_inclusive}/{object_bytes}"))
    }

    /// Whether the answer is the whole object, even if as a range.
    pub(crate) fn is_whole(&self) -> bool {
        self.content_length() == self.version.record.object_bytes
    }
}

/// The parts of an object, a page of them, for GetObjectAttributes.
#[derive(Debug, Default)]
pub(crate) struct AttributesPage {
    /// The parts of the page.
    pub(crate) parts: Vec<ManifestPart>,
    /// How many parts the object has.
    pub(crate) parts_count: u32,
    /// Whether there are more.
    pub(crate) is_truncated: bool,
}

impl S3 {
    /// An object's bytes.
    pub(crate) async fn get_object(
        &self,
        permit: &Permit<s3::GetObject>,
        request: &ReadRequest,
    ) -> Result<(FoundObject, ByteStream), ObjectError> {
        let bucket = permit.bucket().ok_or(Fault::NoBucket)?;
        let mut patience = Patience::new();
        loop {
            match self.try_get(bucket, request).await {
                Err(error) if patience.bears(&error) => {}
                settled => return settled,
            }
        }
    }

    /// All that is known of an object.
    pub(crate) async fn head_object(
        &self,
        permit: &Permit<s3::HeadObject>,
        request: &ReadRequest,
    ) -> Result<FoundObject, ObjectError> {
        let bucket = permit.bucket().ok_or(Fault::NoBucket)?;
        self.select_settled(bucket, request, false).await.map(|(found, _)| found)
    }

    /// An object and a page of its parts; no page if it was not written in parts.
    pub(crate) async fn object_attributes(
        &self,
        permit: &Permit<s3::GetObjectAttributes>,
        request: &ReadRequest,
        after_part: u32,
        parts_max: usize,
    ) -> Result<(ObjectRecord, Option<AttributesPage>), ObjectError> {
        let bucket = permit.bucket().ok_or(Fault::NoBucket)?;
        let (found, manifest) = self.select_settled(bucket, request, true).await?;
        let Some(manifest) = manifest else { return Ok((found.version.record, None)) };
        let parts_count = u32::try_from(manifest.parts.len()).unwrap_or(u32::MAX);
        let mut rest =
            manifest.parts.into_iter().filter(|part| u32::from(part.number) > after_part);
        let parts = rest.by_ref().take(parts_max).collect();
        let is_truncated = rest.next().is_some();
        Ok((found.version.record, Some(AttributesPage { parts, parts_count, is_truncated })))
    }

    async fn try_get(
        &self,
        bucket: &BucketRef,
        request: &ReadRequest,
    ) -> Result<(FoundObject, ByteStream), ObjectError> {
        let (found, _) = self.select(bucket, request, false).await?;
        if found.content_length() == 0 && found.version.record.object_bytes > 0 {
            return Ok((found, ByteStream::Empty)); // an empty part of an object that is not
        }
        let body = self.open_body(bucket, &found.version, found.range).await?;
        Ok((found, body))
    }

    async fn select_settled(
        &self,
        bucket: &BucketRef,
        request: &ReadRequest,
        wants_parts: bool,
    ) -> Result<(FoundObject, Option<Manifest>), ObjectError> {
        let mut patience = Patience::new();
        loop {
            match self.select(bucket, request, wants_parts).await {
                Err(error) if patience.bears(&error) => {}
                settled => return settled,
            }
        }
    }

    /// Finds a version, judges the conditions, and cuts out what was asked for. The part table is
    /// read where the selection or the caller needs it.
    async fn select(
        &self,
        bucket: &BucketRef,
        request: &ReadRequest,
        wants_parts: bool,
    ) -> Result<(FoundObject, Option<Manifest>), ObjectError> {
        let version = self.object(bucket, &request.object_key, request.version_id).await?;
        proceed(request.conditions.judge(&version.record), bucket, &version.record)?;
        let object_bytes = version.record.object_bytes;
        let wants_parts = wants_parts || matches!(request.selection, Selection::Part(_));
        let manifest = match version.record.parts {
            Some(_) if wants_parts => Some(self.manifest(bucket, &version).await?),
            _ => None,
        };
        let mut found = FoundObject { version, range: None, part: None };
        match (&request.selection, &manifest) {
            (Selection::Whole, _) => {}
            (Selection::Range { if_range: Some(meant), .. }, _)
                if !meant.means(&found.version.record) => {}
            (Selection::Range { range, text, .. }, _) => {
                let range = range.within(object_bytes).ok_or_else(|| {
                    ObjectError::RangeNotSatisfiable { requested: text.clone(), object_bytes }
                })?;
                found.range = Some(range);
            }
            (Selection::Part(1), None) => found.range = whole(object_bytes),
            (Selection::Part(number), None) => {
                return Err(ObjectError::NoSuchPart { part_number: *number, parts_count: 1 });
            }
            (Selection::Part(number), Some(manifest)) => {
                let (range, part) = find_part(manifest, *number)?;
                found.range = range;
                found.part = Some(part);
            }
        }
        Ok((found, manifest))
    }

    /// The bytes of a version, or a range of them. The first chunk is verified.
    pub(crate) async fn open_body(
        &self,
        bucket: &BucketRef,
        version: &StoredVersion,
        range: Option<ByteRange>,
    ) -> Result<ByteStream, PayloadFault> {
        let record = &version.record;
        let (payload, described) = sealed(version)?;
        let data_key = self.payloads.unwrap_data_key(bucket.owner, bucket.id, described)?;
        let Some(origin) = record.parts else {
            let sealed = SealedPayload {
                payload,
                context: EnvelopeContext { blob_id: described.blob_id, part: 0 },
                object_bytes: record.object_bytes,
            };
            return self.payloads.open(&data_key, sealed, range).await;
        };
        let manifest = self.open_manifest(&data_key, version).await?;
        if manifest.object_bytes() != Some(record.object_bytes) {
            return Err(PayloadFault::Damaged("its part table has another length"));
        }
        let Some(range) = range.or_else(|| whole(record.object_bytes)) else {
            return Ok(ByteStream::Empty);
        };
        self.payloads.open_parts(data_key, origin.upload, &manifest, range).await
    }

    /// The part table of a version that was written in parts.
    pub(crate) async fn manifest(
        &self,
        bucket: &BucketRef,
        version: &StoredVersion,
    ) -> Result<Manifest, PayloadFault> {
        let (_, described) = sealed(version)?;
        let data_key = self.payloads.unwrap_data_key(bucket.owner, bucket.id, described)?;
        self.open_manifest(&data_key, version).await
    }

    async fn open_manifest(
        &self,
        data_key: &DataKey,
        version: &StoredVersion,
    ) -> Result<Manifest, PayloadFault> {
        let (payload, described) = sealed(version)?;
        let stored_bytes = match payload {
            PayloadRef::Inline { stored_bytes, .. } => u64::from(*stored_bytes),
            PayloadRef::Blob { stored_bytes, .. } => *stored_bytes,
        };
        if stored_bytes > MANIFEST_STORED_BYTES_MAX {
            return Err(PayloadFault::Damaged("its part table is too large"));
        }
        let sealed = SealedPayload {
            payload,
            context: EnvelopeContext { blob_id: described.blob_id, part: 0 },
            object_bytes: EnvelopeLayout::from_stored_bytes(stored_bytes)?.object_bytes(),
        };
        let bytes = self.payloads.open_bytes(data_key, sealed).await?;
        Manifest::decode(&bytes).map_err(PayloadFault::Manifest)
    }
}

/// How often a read begins anew because a version was replaced or relocated between its record
/// and its payload.
#[derive(Debug)]
pub(super) struct Patience {
    left: usize,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self { left: MOVES_MAX }
    }

    /// Whether the read may begin anew. What moves very often is not moving but missing.
    pub(super) fn bears(&mut self, error: &ObjectError) -> bool {
        let moved = matches!(
            error,
            ObjectError::Fault(Fault::Payload(PayloadFault::Store(StoreError::Moved)))
        );
        self.left = self.left.saturating_sub(1);
        moved && self.left > 0
    }
}

/// Payload and data key of a version that is an object.
fn sealed(version: &StoredVersion) -> Result<(&PayloadRef, &DataKeyRecord), PayloadFault> {
    let payload = version.payload.as_ref().ok_or(PayloadFault::Damaged("its payload is gone"))?;
    let data_key = version.record.data_key.as_ref();
    Ok((payload, data_key.ok_or(PayloadFault::Damaged("its data key is gone"))?))
}

fn whole(object_bytes: u64) -> Option<ByteRange> {
    let end_inclusive = object_bytes.checked_sub(1)?;
    Some(ByteRange { start: 0, end_inclusive })
}

/// A part and its range in the object; no range for an empty one.
fn find_part(
    manifest: &Manifest,
    number: u32,
) -> Result<(Option<ByteRange>, ManifestPart), ObjectError> {
    let mut start = 0_u64;
    for part in &manifest.parts {
        if u32::from(part.number) == number {
            let end = start.saturating_add(part.object_bytes);
            let range = whole(part.object_bytes)
                .map(|_| ByteRange { start, end_inclusive: end.saturating_sub(1) });
            return Ok((range, *part));
        }
        start = start.saturating_add(part.object_bytes);
    }
    let parts_count = u32::try_from(manifest.parts.len()).unwrap_or(u32::MAX);
    Err(ObjectError::NoSuchPart { part_number: number, parts_count })
}

const MOVES_MAX: usize = 100; // relocations and replacements that one read survives
const MANIFEST_STORED_BYTES_MAX: u64 = 2 * 1024 * 1024; // 10,000 parts of 107 bytes, sealed
