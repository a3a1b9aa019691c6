//! The records of uploads in progress and of their parts.
//!
//! The bytes are described in `docs/formats/upload-record.md`.

use strongroom_crypto::{BlobId, Checksum, ChecksumAlgorithm, ChecksumType};
use strongroom_types::{AccountId, CanonicalUserId, Timestamp};

use crate::records::{
    DataKeyRecord, Decoder, Encoder, LockState, ObjectMetadata, RecordError, algorithm_from_number,
    algorithm_number, decode_data_key, decode_digest, decode_lock, decode_pairs, encode_data_key,
    encode_digest, encode_lock, encode_pairs,
};

/// An upload in progress: everything that the object will have but its bytes.
///
/// The key under which the record is kept says bucket, object key and upload. It never changes:
/// that a commit finds it with the revision that it read proves the upload alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UploadRecord {
    /// When the upload was created.
    pub(crate) initiated: Timestamp,
    /// Who created it.
    pub(crate) initiator: Initiator,
    /// The data key of all parts and of the part table. Its envelope id is not used.
    pub(crate) data_key: DataKeyRecord,
    /// The checksum that the client asked for; without one each part gets a CRC64NVME.
    pub(crate) checksum: Option<UploadChecksum>,
    /// What the client said about the object.
    pub(crate) metadata: ObjectMetadata,
    /// Object tags, sorted by their keys.
    pub(crate) tags: Vec<(String, String)>,
    /// Retention and legal hold of the object. Reserved.
    pub(crate) lock: LockState,
}

/// Who created an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Initiator {
    /// The account.
    pub(crate) account: AccountId,
    /// Its canonical user id.
    pub(crate) canonical_user_id: CanonicalUserId,
}

/// The checksum that a client asked for when it created an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UploadChecksum {
    /// The algorithm of the parts' checksums and of the object's.
    pub(crate) algorithm: ChecksumAlgorithm,
    /// What the object's checksum covers. The algorithm allows it.
    pub(crate) checksum_type: ChecksumType,
}

/// A part. Its record owns the part's bytes, also after the upload was completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartRecord {
    /// When the part was written.
    pub(crate) last_modified: Timestamp,
    /// Plaintext bytes.
    pub(crate) object_bytes: u64,
    /// The MD5 of the plaintext: the ETag of the part.
    pub(crate) md5: [u8; 16],
    /// The checksum of the plaintext, of the upload's algorithm.
    pub(crate) checksum: Checksum,
    /// The checksum that the client declared, where the upload has no algorithm of its own and
    /// this is another one.
    pub(crate) declared: Option<Checksum>,
    /// The id in the context of the part's envelope.
    pub(crate) blob_id: BlobId,
}

impl UploadRecord {
    /// The algorithm of the parts' checksums.
    pub(crate) fn algorithm(&self) -> ChecksumAlgorithm {
        self.checksum.map_or(ChecksumAlgorithm::Crc64Nvme, |checksum| checksum.algorithm)
    }

    /// What the object's checksum covers.
    pub(crate) fn checksum_type(&self) -> ChecksumType {
        self.checksum.map_or(ChecksumType::FullObject, |checksum| checksum.checksum_type)
    }

    /// The record as bytes.
    ///
    /// # Errors
    /// If a text is longer than its field holds; the limits of requests lie far below.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, RecordError> {
        let mut out = Encoder::new(UPLOAD_FORMAT_VERSION);
        out.timestamp(self.initiated);
        out.u64(self.initiator.account.number());
        out.fixed(self.initiator.canonical_user_id.as_bytes());
        encode_data_key(&mut out, Some(&self.data_key));
        match self.checksum {
            None => out.u8(0),
            Some(checksum) => {
                out.u8(match checksum.checksum_type {
                    ChecksumType::FullObject => 1,
                    ChecksumType::Composite => 2,
                });
                out.u8(algorithm_number(checksum.algorithm));
            }
        }
        out.u8(STORAGE_CLASS_STANDARD);
        encode_lock(&mut out, self.lock);
        self.metadata.encode_into(&mut out);
        encode_pairs(&mut out, "tags", &self.tags);
        out.finish()
    }

    /// Reads a record back.
    ///
    /// # Errors
    /// If the bytes are not those of a record.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut input = Decoder::new(bytes, UPLOAD_FORMAT_VERSION)?;
        let initiated = input.timestamp("initiation")?;
        let account = AccountId::from_number(input.u64()?)
            .map_err(|_| RecordError::Invalid("initiator account"))?;
        let canonical_user_id = CanonicalUserId::from_bytes(input.array()?);
        let data_key =
            decode_data_key(&mut input)?.ok_or(RecordError::Invalid("upload data key"))?;
        let checksum = decode_upload_checksum(&mut input)?;
        if input.u8()? != STORAGE_CLASS_STANDARD {
            return Err(RecordError::Invalid("storage class"));
        }
        let lock = decode_lock(&mut input)?;
        let metadata = ObjectMetadata::decode_from(&mut input)?;
        let tags = decode_pairs(&mut input, "tags")?;
        input.finish()?;
        let initiator = Initiator { account, canonical_user_id };
        Ok(Self { initiated, initiator, data_key, checksum, metadata, tags, lock })
    }
}

impl PartRecord {
    /// The record as bytes.
    ///
    /// # Errors
    /// Never for a part of ours: all fields have a fixed length.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, RecordError> {
        let mut out = Encoder::new(PART_FORMAT_VERSION);
        out.timestamp(self.last_modified);
        out.u64(self.object_bytes);
        out.fixed(&self.md5);
        out.fixed(self.blob_id.as_bytes());
        encode_digest(&mut out, &self.checksum);
        out.flag(self.declared.is_some());
        if let Some(declared) = &self.declared {
            encode_digest(&mut out, declared);
        }
        out.finish()
    }

    /// Reads a record back.
    ///
    /// # Errors
    /// If the bytes are not those of a record.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut input = Decoder::new(bytes, PART_FORMAT_VERSION)?;
        let last_modified = input.timestamp("last modified")?;
        let object_bytes = input.u64()?;
        let md5 = input.array()?;
        let blob_id = BlobId::from_bytes(input.array()?);
        let checksum = decode_digest(&mut input)?;
        let declared = match input.flag("declared checksum")? {
            true => Some(decode_digest(&mut input)?),
            false => None,
        };
        input.finish()?;
        Ok(Self { last_modified, object_bytes, md5, checksum, declared, blob_id })
    }
}

fn decode_upload_checksum(input: &mut Decoder<'_>) -> Result<Option<UploadChecksum>, RecordError> {
    let checksum_type = match input.u8()? {
        0 => return Ok(None),
        1 => ChecksumType::FullObject,
        2 => ChecksumType::Composite,
        _ => return Err(RecordError::Invalid("checksum type")),
    };
    let algorithm = algorithm_from_number(input.u8()?)?;
    if !algorithm.allows(checksum_type) {
        return Err(RecordError::Invalid("checksum type"));
    }
    Ok(Some(UploadChecksum { algorithm, checksum_type }))
}

const UPLOAD_FORMAT_VERSION: u8 = 1;
const PART_FORMAT_VERSION: u8 = 1;
const STORAGE_CLASS_STANDARD: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::SystemMetadata;

    fn upload() -> UploadRecord {
        UploadRecord {
            initiated: Timestamp::from_seconds(1_767_323_045).unwrap(),
            initiator: Initiator {
                account: AccountId::from_number(123_456_789_012).unwrap(),
                canonical_user_id: CanonicalUserId::from_bytes([3; 32]),
            },
            data_key: DataKeyRecord {
                wrapped: vec![7; 81],
                wrap_id: BlobId::from_bytes([1; 16]),
                blob_id: BlobId::from_bytes([0; 16]),
            },
            checksum: Some(UploadChecksum {
                algorithm: ChecksumAlgorithm::Sha256,
                checksum_type: ChecksumType::Composite,
            }),
            metadata: ObjectMetadata {
                system: SystemMetadata {
                    content_type: Some("text/plain".to_owned()),
                    ..SystemMetadata::default()
                },
                user: vec![("a".to_owned(), "ä".to_owned())],
            },
            tags: vec![("k".to_owned(), "v".to_owned())],
            lock: LockState::default(),
        }
    }

    #[test]
    fn uploads_read_back_and_damage_is_refused() {
        for checksum in [None, upload().checksum] {
            let record = UploadRecord { checksum, ..upload() };
            let bytes = record.encode().unwrap();
            assert_eq!(UploadRecord::decode(&bytes), Ok(record));
            for cut in 0..bytes.len() {
                assert!(UploadRecord::decode(&bytes[..cut]).is_err(), "{cut}");
            }
            let longer = [bytes.as_slice(), &[0]].concat();
            assert_eq!(UploadRecord::decode(&longer), Err(RecordError::Trailing(1)));
        }
    }

    #[test]
    fn a_type_that_the_algorithm_has_not_is_refused() {
        let checksum = Some(UploadChecksum {
            algorithm: ChecksumAlgorithm::Sha256,
            checksum_type: ChecksumType::FullObject,
        });
        let bytes = UploadRecord { checksum, ..upload() }.encode().unwrap();
        let refused = UploadRecord::decode(&bytes);
        assert_eq!(refused, Err(RecordError::Invalid("checksum type")));
    }

    #[test]
    fn parts_read_back_and_damage_is_refused() {
        for algorithm in ChecksumAlgorithm::ALL {
            let digest = vec![5; algorithm.digest_bytes()];
            let record = PartRecord {
                last_modified: Timestamp::from_seconds(9).unwrap(),
                object_bytes: 5 << 20,
                md5: [2; 16],
                checksum: Checksum::from_bytes(algorithm, &digest).unwrap(),
                declared: (algorithm == ChecksumAlgorithm::Crc64Nvme)
                    .then(|| Checksum::from_bytes(ChecksumAlgorithm::Crc32, &[1; 4]).unwrap()),
                blob_id: BlobId::from_bytes([4; 16]),
            };
            let bytes = record.encode().unwrap();
            assert_eq!(PartRecord::decode(&bytes), Ok(record));
            for cut in 0..bytes.len() {
                assert!(PartRecord::decode(&bytes[..cut]).is_err(), "{cut}");
            }
            let other_version = [&[2], &bytes[1..]].concat();
            assert_eq!(
                PartRecord::decode(&other_version),
                Err(RecordError::UnknownFormatVersion(2))
            );
        }
    }
}
