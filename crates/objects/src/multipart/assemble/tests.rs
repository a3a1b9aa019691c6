//! The rules of completion, and the vectors of SPEC: data-protection, 1.4.

use data_encoding::BASE64;
use strongroom_crypto::{BlobId, ChecksumHasher};
use strongroom_types::{AccountId, CanonicalUserId, Timestamp};

use super::*;
use crate::multipart::record::{Initiator, UploadChecksum};
use crate::records::{DataKeyRecord, LockState, ObjectMetadata};
use ChecksumAlgorithm::{Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
use ChecksumType::{Composite, FullObject};

const MIB: usize = 1024 * 1024;

fn upload(checksum: Option<(ChecksumAlgorithm, ChecksumType)>) -> UploadRecord {
    let blob_id = BlobId::from_bytes([1; 16]);
    UploadRecord {
        initiated: Timestamp::EPOCH,
        initiator: Initiator {
            account: AccountId::from_number(1).unwrap(),
            canonical_user_id: CanonicalUserId::from_bytes([1; 32]),
        },
        data_key: DataKeyRecord { wrapped: vec![1; 81], wrap_id: blob_id, blob_id },
        checksum: checksum
            .map(|(algorithm, checksum_type)| UploadChecksum { algorithm, checksum_type }),
        metadata: ObjectMetadata::default(),
        tags: Vec::new(),
        lock: LockState::default(),
    }
}

fn digest(algorithm: ChecksumAlgorithm, body: &[u8]) -> Checksum {
    let mut hasher = ChecksumHasher::new(algorithm);
    hasher.update(body);
    hasher.finish()
}

fn part(upload: &UploadRecord, body: &[u8]) -> StoredPart {
    let mut md5 = Md5::new();
    md5.update(body);
    StoredPart {
        record: PartRecord {
            last_modified: Timestamp::EPOCH,
            object_bytes: u64::try_from(body.len()).unwrap(),
            md5: md5.finish(),
            checksum: digest(upload.algorithm(), body),
            declared: None,
            blob_id: BlobId::from_bytes([2; 16]),
        },
        revision: Revision(1),
    }
}

/// The three parts of the specification, under these numbers.
fn three(upload: &UploadRecord, numbers: [u16; 3]) -> StoredParts {
    let bodies = [vec![b'A'; 5 * MIB], vec![b'B'; 5 * MIB], vec![b'C'; 1024]];
    numbers.into_iter().zip(bodies.map(|body| part(upload, &body))).collect()
}

/// The list that names all stored parts, with their checksums if the upload has an algorithm.
fn list(upload: &UploadRecord, stored: &StoredParts) -> Vec<CompletedPart> {
    let checksums = |part: &StoredPart| match upload.checksum {
        Some(_) => vec![(upload.algorithm(), part.record.checksum.to_base64())],
        None => Vec::new(),
    };
    let completed = |(number, part): (&u16, &StoredPart)| CompletedPart {
        number: i64::from(*number),
        etag: Etag::of_md5(part.record.md5).quoted(),
        checksums: checksums(part),
    };
    stored.iter().map(completed).collect()
}

fn claims(upload: &UploadRecord, stored: &StoredParts) -> CompletionClaims {
    CompletionClaims { parts: list(upload, stored), ..CompletionClaims::default() }
}

#[track_caller]
fn refused(
    upload: &UploadRecord,
    stored: &StoredParts,
    claims: &CompletionClaims,
) -> CompleteError {
    match assemble(upload, stored, claims) {
        Err(UploadError::Complete(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_vectors_of_the_specification_hold() {
    let vectors = [
        (Some((Crc32, Composite)), "MpSvpA==-3"),
        (Some((Crc32, FullObject)), "8AHtrQ=="),
        (Some((Crc32c, Composite)), "Q9D93w==-3"),
        (Some((Crc32c, FullObject)), "Cis2yQ=="),
        (Some((Crc64Nvme, FullObject)), "xxRR3/Pm+SU="),
        (None, "xxRR3/Pm+SU="),
        (Some((Sha256, Composite)), "dSvoessRmpyUUVWWQXCyAEEEsrnt8aNOuM0Nwz+VVhU=-3"),
    ];
    for (checksum, expected) in vectors {
        let upload = upload(checksum);
        let stored = three(&upload, [1, 2, 3]);
        let object = assemble(&upload, &stored, &claims(&upload, &stored)).unwrap();
        assert_eq!(object.etag.to_string(), "1c3dafcf2149c7b623d2361636f6528c-3");
        assert_eq!(object.checksum.to_string(), expected);
        assert_eq!(object.object_bytes, u64::try_from(10 * MIB + 1024).unwrap());
        assert!(is_same_list(&object.manifest, &list(&upload, &stored)));
    }
}

#[test]
fn a_full_object_checksum_of_parts_is_that_of_the_bytes() {
    for algorithm in [Crc32, Crc32c, Crc64Nvme] {
        let upload = upload(Some((algorithm, FullObject)));
        let bodies = [vec![1; 5 * MIB], vec![2; 5 * MIB + 1], vec![], vec![3]];
        // Only the last part may be small, so the empty part cannot stand in the middle.
        for last in 2..4 {
            let used = [&bodies[..2], &bodies[last..=last]].concat();
            let stored: StoredParts =
                (1..).zip(used.iter().map(|body| part(&upload, body))).collect();
            let object = assemble(&upload, &stored, &claims(&upload, &stored)).unwrap();
            assert_eq!(object.checksum.checksum, digest(algorithm, &used.concat()));
        }
    }
}

#[test]
fn lists_that_are_no_lists_are_refused() {
    let upload = upload(None);
    let stored = three(&upload, [1, 2, 3]);
    let with = |parts: Vec<CompletedPart>| CompletionClaims { parts, ..Default::default() };
    let whole = list(&upload, &stored);
    assert_eq!(refused(&upload, &stored, &with(Vec::new())), CompleteError::MalformedList);
    let too_many = vec![whole[0].clone(); 10_001];
    assert_eq!(refused(&upload, &stored, &with(too_many)), CompleteError::MalformedList);
    for order in [[1, 0], [0, 0]] {
        let parts = order.map(|at: usize| whole[at].clone()).to_vec();
        assert_eq!(refused(&upload, &stored, &with(parts)), CompleteError::PartOrder);
    }
    for number in [0, -1, i64::MIN] {
        let parts = vec![CompletedPart { number, ..whole[0].clone() }];
        let refusal = CompleteError::PartNumber { number };
        assert_eq!(refused(&upload, &stored, &with(parts)), refusal);
    }
    for number in [4, 9_999, 10_001, i64::MAX] {
        let parts = vec![CompletedPart { number, ..whole[0].clone() }];
        let missing = CompleteError::Part { number, etag: whole[0].etag.clone() };
        assert_eq!(refused(&upload, &stored, &with(parts)), missing);
    }
    for etag in ["", "x", &whole[1].etag, "\"b8fc857a25e7958868c2f003d5e0952d-1\""] {
        let parts = vec![CompletedPart { etag: etag.to_owned(), ..whole[0].clone() }];
        let missing = CompleteError::Part { number: 1, etag: etag.to_owned() };
        assert_eq!(refused(&upload, &stored, &with(parts)), missing);
    }
    let bare = "b8fc857a25e7958868c2f003d5e0952d".to_owned();
    let parts = vec![CompletedPart { etag: bare, ..whole[0].clone() }];
    assert!(assemble(&upload, &stored, &with(parts)).is_ok());
}

#[test]
fn a_subset_is_allowed_unless_the_checksum_needs_all_numbers() {
    let plain = upload(None);
    let stored = three(&plain, [1, 2, 7]);
    let mut parts = list(&plain, &stored);
    parts.remove(1);
    let claims = CompletionClaims { parts, ..Default::default() };
    let object = assemble(&plain, &stored, &claims).unwrap();
    assert_eq!(object.manifest.parts.iter().map(|part| part.number).collect::<Vec<_>>(), [1, 7]);
    assert_eq!(object.etag.parts_count, 2);
    for checksum in [(Crc32, Composite), (Crc32, FullObject)] {
        let upload = upload(Some(checksum));
        let stored = three(&upload, [1, 2, 3]);
        let mut parts = list(&upload, &stored);
        parts.remove(1);
        let claims = CompletionClaims { parts, ..Default::default() };
        assert_eq!(refused(&upload, &stored, &claims), CompleteError::PartOrder);
    }
}

#[test]
fn only_the_last_part_may_be_small() {
    let upload = upload(None);
    let bodies = [vec![b'A'; 5 * MIB], vec![b'B'; 5 * MIB - 1], vec![b'C'; 1]];
    let stored: StoredParts = (1..).zip(bodies.iter().map(|body| part(&upload, body))).collect();
    let error = refused(&upload, &stored, &claims(&upload, &stored));
    let CompleteError::PartTooSmall { number, object_bytes, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!((number, object_bytes), (2, 5 * 1024 * 1024 - 1));
    let mut parts = list(&upload, &stored);
    parts.pop();
    let claims = CompletionClaims { parts, ..Default::default() };
    assert!(assemble(&upload, &stored, &claims).is_ok());
}

#[test]
fn checksums_in_the_list_are_those_of_the_parts() {
    let declared = upload(Some((Sha1, Composite)));
    let stored = three(&declared, [1, 2, 3]);
    let with = |checksums: &[(ChecksumAlgorithm, &str)]| {
        let mut claims = claims(&declared, &stored);
        claims.parts[1].checksums =
            checksums.iter().map(|(algorithm, text)| (*algorithm, (*text).to_owned())).collect();
        refused(&declared, &stored, &claims)
    };
    let zero = BASE64.encode(&[0; 20]);
    assert!(matches!(with(&[(Sha1, &zero)]), CompleteError::Part { number: 2, .. }));
    let missing = CompleteError::PartChecksumMissing { number: 2, algorithm: Sha1 };
    assert_eq!(with(&[]), missing);
    // What is no checksum of the object at all is told first.
    let mut wrong = claims(&declared, &stored);
    wrong.parts[1].checksums.clear();
    wrong.checksums = vec![(Sha1, "bad".to_owned())];
    assert_eq!(refused(&declared, &stored, &wrong), CompleteError::ChecksumDiffers(Sha1));
    let other = CompleteError::PartChecksumAlgorithm { number: 2, found: Crc32 };
    assert_eq!(with(&[(Crc32, "AAAAAA==")]), other);
    let invalid = CompleteError::PartChecksumInvalid { number: 2 };
    assert_eq!(with(&[(Sha1, "bad")]), invalid);
    assert_eq!(with(&[(Sha1, &zero), (Crc32, "AAAAAA==")]), invalid);
    let full = upload(Some((Crc32, FullObject)));
    let stored = three(&full, [1, 2, 3]);
    let mut claims = claims(&full, &stored);
    claims.parts[0].checksums.clear();
    assert!(assemble(&full, &stored, &claims).is_ok(), "only composite uploads need them");
}

#[test]
fn an_upload_without_an_algorithm_knows_what_its_parts_declared() {
    let upload = upload(None);
    let mut stored = three(&upload, [1, 2, 3]);
    let first = stored.get_mut(&1).unwrap();
    first.record.declared = Some(digest(Crc32, &vec![b'A'; 5 * MIB]));
    let with = |algorithm: ChecksumAlgorithm, text: &str| {
        let mut claims = claims(&upload, &stored);
        claims.parts[0].checksums = vec![(algorithm, text.to_owned())];
        assemble(&upload, &stored, &claims)
    };
    assert!(with(Crc32, "JRTCyQ==").is_ok());
    assert!(with(Crc64Nvme, "L/E4WYn8v98=").is_ok());
    assert!(with(Crc32, "QoZTGg==").is_err());
    assert!(with(Crc32c, "AAAAAA==").is_err());
}

#[test]
fn what_is_claimed_of_the_object_must_hold() {
    let upload = upload(Some((Crc32, Composite)));
    let stored = three(&upload, [1, 2, 3]);
    let with = |checksums: &[(ChecksumAlgorithm, &str)], checksum_type, object_bytes| {
        let checksums =
            checksums.iter().map(|(algorithm, text)| (*algorithm, (*text).to_owned())).collect();
        let parts = list(&upload, &stored);
        let claims = CompletionClaims { parts, checksums, checksum_type, object_bytes };
        assemble(&upload, &stored, &claims).map_err(|error| match error {
            UploadError::Complete(error) => error,
            other => panic!("{other:?}"),
        })
    };
    let bytes = i64::try_from(10 * MIB + 1024).unwrap();
    assert!(with(&[(Crc32, "MpSvpA==-3")], Some(Composite), Some(bytes)).is_ok());
    assert!(with(&[(Crc32, "MpSvpA==")], None, None).is_ok());
    let differs = Err(CompleteError::ChecksumDiffers(Crc32));
    for wrong in ["MpSvpA==-2", "MpSvpA==-", "AAAAAA==-3", "8AHtrQ==", "bad", ""] {
        assert_eq!(with(&[(Crc32, wrong)], None, None), differs, "{wrong}");
    }
    let invalid = Err(CompleteError::ChecksumInvalid(Crc32));
    for wrong in ["!!!!!!!!", "MpSvpA==MpSvpA==", "!!!!!!!!-3"] {
        assert_eq!(with(&[(Crc32, wrong)], None, None), invalid, "{wrong}");
    }
    let other = Err(CompleteError::ChecksumDiffers(Crc32c));
    assert_eq!(with(&[(Crc32c, "Q9D93w==-3")], None, None), other);
    let several = Err(CompleteError::ChecksumsSeveral);
    assert_eq!(with(&[(Crc32, "MpSvpA=="), (Crc32c, "Q9D93w==")], None, None), several);
    let other_type = Err(CompleteError::ChecksumTypeDiffers);
    assert_eq!(with(&[], Some(FullObject), None), other_type);
    for wrong in [0, 1, -1, i64::MIN, bytes - 1, bytes + 1] {
        assert_eq!(with(&[], None, Some(wrong)), Err(CompleteError::SizeDiffers), "{wrong}");
    }
}

#[test]
fn an_object_has_at_most_50_tb() {
    let upload = upload(None);
    let one = part(&upload, b"");
    let sized = |object_bytes| StoredPart {
        record: PartRecord { object_bytes, ..one.record.clone() },
        revision: Revision(1),
    };
    let gib5 = 5 * 1024 * 1024 * 1024;
    let rest = OBJECT_BYTES_MAX - 9_000 * gib5;
    let mut stored: StoredParts = (1..=9_000).map(|number| (number, sized(gib5))).collect();
    stored.insert(9_001, sized(rest));
    assert!(assemble(&upload, &stored, &claims(&upload, &stored)).is_ok());
    stored.insert(9_001, sized(rest + 1));
    let error = refused(&upload, &stored, &claims(&upload, &stored));
    assert_eq!(error, CompleteError::TooLarge { object_bytes: OBJECT_BYTES_MAX + 1 });
}
