//! Uploading a part.

use strongroom_access::Permit;
use strongroom_audit::Outcome;
use strongroom_crypto::{Checksum, ChecksumAlgorithm, ChecksumType};
use strongroom_model::s3;
use strongroom_store::{Batch, NewPayload, Precondition, Protection, Write};
use strongroom_types::{ObjectKey, Timestamp};
use strongroom_wire::Payload;

use super::error::UploadError;
use super::offer::{Offer, bucket_of};
use super::record::{PartRecord, UploadRecord};
use super::second_checksum::SecondChecksum;
use super::upload::FoundUpload;
use crate::checksums::{ChecksumPlan, DeclaredChecksum};
use crate::fault::Fault;
use crate::keys;
use crate::payload::{SealPlan, StoredPayload};
use crate::records::{Etag, PARTS_MAX};
use crate::{RACES_LOST_MAX, S3};

/// Which part of which upload.
#[derive(Debug, Clone)]
pub(crate) struct PartPlace {
    /// The key of the object.
    pub(crate) object_key: ObjectKey,
    /// The upload, as the client names it.
    pub(crate) upload_id: String,
    /// The number, as the client gave it.
    pub(crate) number: i64,
}

/// What a client says about the bytes of a part.
#[derive(Debug, Clone, Default)]
pub(crate) struct PartClaims {
    /// Their MD5.
    pub(crate) content_md5: Option<[u8; 16]>,
    /// Their checksum.
    pub(crate) checksum: Option<ChecksumPlan>,
}

/// A part that was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoredPartAnswer {
    /// Its ETag.
    pub(crate) etag: Etag,
    /// The checksum to answer with.
    pub(crate) checksum: Checksum,
    /// When it was written.
    pub(crate) last_modified: Timestamp,
}

impl PartPlace {
    /// The number, if it is one that a part may have.
    pub(super) fn number(&self) -> Result<u16, UploadError> {
        let number =
            u16::try_from(self.number).ok().filter(|n| (1..=PARTS_MAX).contains(&usize::from(*n)));
        number.ok_or(UploadError::PartNumber { number: self.number })
    }
}

impl S3 {
    /// Stores a part. A part of the same number is replaced.
    pub(crate) async fn upload_part(
        &self,
        permit: &mut Permit<s3::UploadPart>,
        place: &PartPlace,
        claims: &PartClaims,
        body: Payload,
    ) -> Result<StoredPartAnswer, UploadError> {
        let number = place.number()?;
        let bucket = bucket_of(permit)?;
        let found = self.find_upload(bucket.id, &place.object_key, &place.upload_id).await?;
        let checksum = part_plan(&found.record, claims.checksum.as_ref())?;
        self.write_part(permit, place, (number, found), (claims.content_md5, checksum), body).await
    }

    /// Seals the bytes of a part and makes them the part of this number.
    pub(super) async fn write_part<Op>(
        &self,
        permit: &mut Permit<Op>,
        place: &PartPlace,
        (number, found): (u16, FoundUpload),
        (content_md5, checksum): (Option<[u8; 16]>, ChecksumPlan),
        body: Payload,
    ) -> Result<StoredPartAnswer, UploadError> {
        let bucket = bucket_of(permit)?;
        let algorithm = found.record.algorithm();
        let data_key = self
            .payloads
            .unwrap_data_key(bucket.owner, bucket.id, &found.record.data_key)
            .map_err(Fault::from)?;
        let is_declared = checksum.declared != DeclaredChecksum::Nothing;
        // The client declared another algorithm than the one of the upload: both are computed.
        let second = (checksum.algorithm != algorithm).then(|| SecondChecksum::new(algorithm));
        let body = match &second {
            Some(second) => second.watch(body),
            None => body,
        };
        let plan = SealPlan { object_bytes_max: PART_BYTES_MAX, content_md5, checksum };
        let stored = self
            .payloads
            .seal(&data_key, u32::from(number), body, &plan)
            .await
            .map_err(Fault::from)?;
        let kept = match &second {
            Some(second) => second.finish(),
            None => stored.checksum,
        };
        let record = PartRecord {
            last_modified: self.clock.now(),
            object_bytes: stored.object_bytes,
            md5: stored.md5,
            checksum: kept,
            declared: (is_declared && second.is_some()).then_some(stored.checksum),
            blob_id: stored.blob_id,
        };
        self.commit_part(permit, place, (number, found), (&record, &stored)).await?;
        Ok(StoredPartAnswer {
            etag: Etag::of_md5(stored.md5),
            checksum: stored.checksum,
            last_modified: record.last_modified,
        })
    }

    /// Makes a stored payload the part of this number, if the upload is still in progress.
    async fn commit_part<Op>(
        &self,
        permit: &mut Permit<Op>,
        place: &PartPlace,
        (number, mut found): (u16, FoundUpload),
        (record, stored): (&PartRecord, &StoredPayload),
    ) -> Result<(), UploadError> {
        let value = record.encode().map_err(Fault::from)?;
        for _ in 0..RACES_LOST_MAX {
            let bucket = bucket_of(permit)?;
            let outcome =
                Outcome { status: 200, received_bytes: stored.object_bytes, ..Outcome::default() };
            let batch = Batch {
                preconditions: vec![Precondition::Revision {
                    key: keys::upload(bucket.id, &place.object_key, found.unique),
                    revision: found.revision,
                }],
                writes: vec![Write::Put {
                    key: keys::part(found.unique, u32::from(number)),
                    value: value.clone().into(),
                    payload: NewPayload::clone(&stored.payload),
                    protection: Protection::default(),
                }],
                event: Some(permit.audit().sealed_with(outcome)),
                ..Batch::default()
            };
            if self.offer(permit, batch).await? == Offer::Committed {
                return Ok(());
            }
            // An upload record never changes: if it is not the one that was found it is gone.
            let bucket = bucket_of(permit)?;
            found = self.find_upload(bucket.id, &place.object_key, &place.upload_id).await?;
        }
        Err(Fault::Contended.into())
    }
}

/// Which checksum to compute of a part.
///
/// SPEC: data-protection, 1.10: a declared algorithm is that of the upload, and a composite upload
/// needs one declared; an upload that has none takes any.
fn part_plan(
    upload: &UploadRecord,
    declared: Option<&ChecksumPlan>,
) -> Result<ChecksumPlan, UploadError> {
    let expected = upload.algorithm();
    let wrong = |found: Option<ChecksumAlgorithm>| UploadError::PartAlgorithm { expected, found };
    match (upload.checksum, declared) {
        (Some(_), Some(plan)) if plan.algorithm != expected => Err(wrong(Some(plan.algorithm))),
        (Some(checksum), None) if checksum.checksum_type == ChecksumType::Composite => {
            Err(wrong(None))
        }
        (_, Some(plan)) => Ok(plan.clone()),
        (_, None) => Ok(ChecksumPlan::compute(expected)),
    }
}

/// Largest part. SPEC: data-protection, 1.10.
pub(crate) const PART_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;
