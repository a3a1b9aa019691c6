//! Creating, finding, listing the parts of, and aborting an upload.

use data_encoding::HEXLOWER;
use strongroom_access::Permit;
use strongroom_audit::Outcome;
use strongroom_crypto::{BlobId, ChecksumAlgorithm, ChecksumType};
use strongroom_model::s3;
use strongroom_store::{Batch, Precondition, Revision, Write};
use strongroom_types::{BucketId, ObjectKey};

use super::error::UploadError;
use super::offer::{Offer, bucket_of};
use super::record::{Initiator, PartRecord, UploadChecksum, UploadRecord};
use crate::buckets::put;
use crate::fault::Fault;
use crate::keys::{self, UploadUnique};
use crate::records::{LockState, ObjectMetadata};
use crate::tags::TagSet;
use crate::{RACES_LOST_MAX, S3};

/// What a client says about the object of a new upload.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewUpload {
    /// The checksum it asks for.
    pub(crate) checksum: Option<UploadChecksum>,
    /// Headers that are kept with the object.
    pub(crate) metadata: ObjectMetadata,
    /// The tags of the object.
    pub(crate) tags: TagSet,
}

/// An upload in progress, as it was found.
#[derive(Debug, Clone)]
pub(crate) struct FoundUpload {
    /// Which one.
    pub(crate) unique: UploadUnique,
    /// Its record.
    pub(crate) record: UploadRecord,
    /// The revision of the record.
    pub(crate) revision: Revision,
}

/// A page of the parts of an upload.
#[derive(Debug, Clone)]
pub(crate) struct PartsPage {
    /// The upload.
    pub(crate) upload: UploadRecord,
    /// Numbers and records, ascending.
    pub(crate) parts: Vec<(u16, PartRecord)>,
    /// Whether there are more behind.
    pub(crate) is_truncated: bool,
}

/// The checksum of a new upload, from the names of algorithm and type.
pub(crate) fn upload_checksum(
    algorithm: Option<ChecksumAlgorithm>,
    checksum_type: Option<ChecksumType>,
) -> Result<Option<UploadChecksum>, UploadError> {
    let Some(algorithm) = algorithm else {
        return match checksum_type {
            None => Ok(None),
            Some(_) => Err(UploadError::ChecksumTypeAlone),
        };
    };
    let checksum_type = checksum_type.unwrap_or_else(|| algorithm.default_type());
    if !algorithm.allows(checksum_type) {
        return Err(UploadError::ChecksumTypeNotAllowed { algorithm, checksum_type });
    }
    Ok(Some(UploadChecksum { algorithm, checksum_type }))
}

/// The id of an upload as clients see it: 32 hexadecimal digits whose order is that of creation.
pub(crate) fn upload_id(unique: UploadUnique) -> String {
    HEXLOWER.encode(unique.as_bytes())
}

/// The upload of an id; `None` if the text is no id of ours.
pub(crate) fn parse_upload_id(text: &str) -> Option<UploadUnique> {
    let bytes = HEXLOWER.decode(text.as_bytes()).ok()?;
    Some(UploadUnique::from_bytes(bytes.try_into().ok()?))
}

impl S3 {
    /// Creates an upload.
    pub(crate) async fn create_multipart_upload(
        &self,
        permit: &mut Permit<s3::CreateMultipartUpload>,
        object_key: &ObjectKey,
        new: NewUpload,
    ) -> Result<UploadUnique, UploadError> {
        let Some((account, canonical_user_id)) = permit.caller().principal.owner() else {
            return Err(Fault::NoBucket.into());
        };
        let initiated = self.clock.now();
        let mut random = [0; 8];
        self.entropy.fill(&mut random).map_err(Fault::from)?;
        let unique = UploadUnique::new(initiated, random);
        for _ in 0..RACES_LOST_MAX {
            let bucket = bucket_of(permit)?;
            let data_key =
                self.payloads.fresh_data_key(bucket.owner, bucket.id).map_err(Fault::from)?;
            let record = UploadRecord {
                initiated,
                initiator: Initiator { account, canonical_user_id },
                // Nothing is sealed under this id: each part and the table have their own.
                data_key: data_key.record(BlobId::from_bytes([0; 16])),
                checksum: new.checksum,
                metadata: new.metadata.clone(),
                tags: new.tags.clone().into_pairs(),
                lock: LockState::default(),
            };
            let value = record.encode().map_err(Fault::from)?;
            let batch = Batch {
                writes: vec![put(keys::upload(bucket.id, object_key, unique), value)],
                event: Some(permit.audit().sealed_with(outcome(200))),
                ..Batch::default()
            };
            if self.offer(permit, batch).await? == Offer::Committed {
                return Ok(unique);
            }
        }
        Err(Fault::Contended.into())
    }

    /// Ends an upload and frees its parts.
    pub(crate) async fn abort_multipart_upload(
        &self,
        permit: &mut Permit<s3::AbortMultipartUpload>,
        object_key: &ObjectKey,
        id: &str,
    ) -> Result<(), UploadError> {
        for _ in 0..RACES_LOST_MAX {
            let bucket = bucket_of(permit)?;
            let found = self.find_upload(bucket.id, object_key, id).await?;
            let upload_key = keys::upload(bucket.id, object_key, found.unique);
            let batch = Batch {
                preconditions: vec![Precondition::Revision {
                    key: upload_key.clone(),
                    revision: found.revision,
                }],
                writes: vec![
                    Write::Delete { key: upload_key },
                    put(keys::dead_upload(found.unique), Vec::new()),
                ],
                event: Some(permit.audit().sealed_with(outcome(204))),
                ..Batch::default()
            };
            if self.offer(permit, batch).await? == Offer::Committed {
                // The upload is gone already; what is not freed now is freed by the next sweep.
                let _ = self.sweep_upload(found.unique).await;
                return Ok(());
            }
        }
        Err(Fault::Contended.into())
    }

    /// The parts of an upload behind the number `after`.
    pub(crate) async fn list_parts(
        &self,
        permit: &Permit<s3::ListParts>,
        object_key: &ObjectKey,
        id: &str,
        (after, parts_max): (u32, usize),
    ) -> Result<PartsPage, UploadError> {
        let bucket = bucket_of(permit)?;
        let found = self.find_upload(bucket.id, object_key, id).await?;
        let limit = parts_max.min(PARTS_PAGE_MAX);
        let mut page = PartsPage { upload: found.record, parts: Vec::new(), is_truncated: false };
        if limit == 0 {
            return Ok(page);
        }
        let mut from = after.saturating_add(1);
        while page.parts.len() <= limit {
            // One scan gives no more than a page; the part behind it may need another.
            let wanted = limit.saturating_add(1).saturating_sub(page.parts.len());
            let wanted = wanted.min(PARTS_PAGE_MAX);
            let range = keys::parts(found.unique, from);
            let rows = self.store.metadata.scan(range, wanted).await.map_err(Fault::from)?;
            let is_last = rows.len() < wanted;
            for (key, entry) in rows {
                let number = part_number(&key)?;
                from = u32::from(number).saturating_add(1);
                let part = PartRecord::decode(&entry.value).map_err(Fault::from)?;
                page.parts.push((number, part));
            }
            if is_last {
                break;
            }
        }
        page.is_truncated = page.parts.len() > limit;
        page.parts.truncate(limit);
        Ok(page)
    }

    /// The upload in progress of this key and id.
    ///
    /// SPEC: data-protection, 1.10: an id of another key is no upload either.
    pub(super) async fn find_upload(
        &self,
        bucket: BucketId,
        object_key: &ObjectKey,
        id: &str,
    ) -> Result<FoundUpload, UploadError> {
        let missing = || UploadError::NoSuchUpload { upload_id: id.to_owned() };
        let unique = parse_upload_id(id).ok_or_else(missing)?;
        let key = keys::upload(bucket, object_key, unique);
        let entry = self.store.metadata.get(&key).await.map_err(Fault::from)?;
        let entry = entry.ok_or_else(missing)?;
        let record = UploadRecord::decode(&entry.value).map_err(Fault::from)?;
        Ok(FoundUpload { unique, record, revision: entry.revision })
    }
}

/// The part number in the key of a part's record.
pub(super) fn part_number(key: &[u8]) -> Result<u16, Fault> {
    let (_, number) = keys::parse_part(key)?;
    u16::try_from(number).map_err(|_| Fault::StoreKey(keys::StoreKeyError::Malformed))
}

/// The outcome of a request that brought no payload.
pub(crate) fn outcome(status: u16) -> Outcome {
    Outcome { status, ..Outcome::default() }
}

/// Most parts of one page. SPEC: data-protection, 1.10.
pub(crate) const PARTS_PAGE_MAX: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upload_ids_read_back_and_sort_by_creation() {
        let unique = UploadUnique::from_bytes([0xab; 16]);
        assert_eq!(upload_id(unique), "ab".repeat(16));
        assert_eq!(parse_upload_id(&upload_id(unique)), Some(unique));
        assert!(upload_id(UploadUnique::from_bytes([1; 16])) < upload_id(unique));
        let other =
            ["", "x", &"AB".repeat(16), &"ab".repeat(15), &"ab".repeat(17), &"äb".repeat(8)];
        for text in other {
            assert_eq!(parse_upload_id(text), None, "{text}");
        }
    }

    #[test]
    fn types_must_fit_the_algorithm() {
        use ChecksumAlgorithm::{Crc32, Crc64Nvme, Sha256};
        use ChecksumType::{Composite, FullObject};
        let checksum = |algorithm, checksum_type| {
            upload_checksum(algorithm, checksum_type).map(|checksum| {
                checksum.map(|checksum| (checksum.algorithm, checksum.checksum_type))
            })
        };
        assert_eq!(checksum(None, None).unwrap(), None);
        assert_eq!(checksum(Some(Crc32), None).unwrap(), Some((Crc32, Composite)));
        assert_eq!(checksum(Some(Crc64Nvme), None).unwrap(), Some((Crc64Nvme, FullObject)));
        let full = checksum(Some(Crc32), Some(FullObject)).unwrap();
        assert_eq!(full, Some((Crc32, FullObject)));
        for (algorithm, checksum_type) in [(Crc64Nvme, Composite), (Sha256, FullObject)] {
            let refused = checksum(Some(algorithm), Some(checksum_type));
            assert!(matches!(refused, Err(UploadError::ChecksumTypeNotAllowed { .. })));
        }
        assert!(matches!(checksum(None, Some(Composite)), Err(UploadError::ChecksumTypeAlone)));
    }
}
