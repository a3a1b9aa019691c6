use proptest::collection::vec;
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use strongroom_crypto::{BlobId, Checksum, ChecksumAlgorithm};
use strongroom_policy::{Acl, AclGrant, AclGroup, AclPermission, Grantee, PublicAccessBlock};
use strongroom_types::{
    AccountId, BucketId, CanonicalUserId, Timestamp, VersionId, VersioningState,
};

use super::object::RetentionMode;
use super::{
    BucketAccess, BucketEncryption, BucketRecord, DataKeyRecord, Etag, LockState, Manifest,
    ManifestPart, ObjectChecksum, ObjectKind, ObjectMetadata, ObjectOwnership, ObjectRecord,
    ObjectSummary, PARTS_MAX, PartsOrigin, RecordError, SystemMetadata,
};
use crate::keys::UploadUnique;

fn crc(value: u8) -> Checksum {
    Checksum::from_bytes(ChecksumAlgorithm::Crc64Nvme, &[value; 8]).unwrap()
}

fn object() -> ObjectRecord {
    ObjectRecord {
        kind: ObjectKind::Object,
        version_id: VersionId::Named([7; 16]),
        last_modified: Timestamp::from_micros(1_767_323_045_678_901).unwrap(),
        object_bytes: 3,
        etag: Etag { digest: [1; 16], parts_count: 2 },
        checksum: Some(ObjectChecksum::composite(
            Checksum::from_bytes(ChecksumAlgorithm::Sha256, &[9; 32]).unwrap(),
            2,
        )),
        data_key: Some(DataKeyRecord {
            wrapped: vec![5; 81],
            wrap_id: BlobId::from_bytes([2; 16]),
            blob_id: BlobId::from_bytes([3; 16]),
        }),
        metadata: ObjectMetadata {
            system: SystemMetadata {
                content_type: Some("text/plain".into()),
                expires: Some(String::new()),
                website_redirect: Some("/x".into()),
                ..SystemMetadata::default()
            },
            user: vec![("a".into(), "ü".into()), ("b".into(), String::new())],
        },
        tags: vec![("tag".into(), "value".into())],
        parts: Some(PartsOrigin { upload: UploadUnique::from_bytes([4; 16]), parts_count: 2 }),
        lock: LockState {
            retention: Some((RetentionMode::Compliance, u64::MAX)),
            legal_hold: true,
        },
    }
}

fn access() -> BucketAccess {
    let grant = |grantee, permission| AclGrant { grantee, permission };
    let grants = vec![
        grant(Grantee::CanonicalUser("02".repeat(32).into()), AclPermission::FullControl),
        grant(Grantee::Group(AclGroup::AllUsers), AclPermission::Read),
        grant(Grantee::Group(AclGroup::AuthenticatedUsers), AclPermission::ReadAcp),
        grant(Grantee::Group(AclGroup::LogDelivery), AclPermission::Write),
        grant(Grantee::Group(AclGroup::LogDelivery), AclPermission::WriteAcp),
    ];
    BucketAccess {
        ownership: Some(ObjectOwnership::ObjectWriter),
        public_access_block: Some(PublicAccessBlock {
            ignore_public_acls: true,
            ..PublicAccessBlock::default()
        }),
        requester_pays: true,
        bucket_policy: Some([9; 16]),
        acl: Some(Acl { grants }),
    }
}

fn bucket() -> BucketRecord {
    BucketRecord {
        id: BucketId::from_bytes([1; 16]),
        owner: AccountId::from_number(123_456_789_012).unwrap(),
        owner_id: CanonicalUserId::from_bytes([2; 32]),
        created: Timestamp::EPOCH,
        region: "us-east-1".parse().unwrap(),
        versioning: VersioningState::Suspended,
        encryption: BucketEncryption { bucket_key_enabled: true, sse_c_blocked: false },
        access: access(),
    }
}

#[test]
fn object_records_round_trip() {
    let full = object();
    assert_eq!(ObjectRecord::decode(&full.encode().unwrap()).as_ref(), Ok(&full));
    let marker = ObjectRecord {
        kind: ObjectKind::DeleteMarker,
        version_id: VersionId::Null,
        checksum: None,
        data_key: None,
        parts: None,
        lock: LockState::default(),
        metadata: ObjectMetadata::default(),
        ..full
    };
    assert_eq!(ObjectRecord::decode(&marker.encode().unwrap()).as_ref(), Ok(&marker));
}

#[test]
fn a_summary_says_what_the_record_says_and_needs_its_beginning_whole() {
    let full = object();
    let bytes = full.encode().unwrap();
    let summary = ObjectSummary::decode(&bytes).unwrap();
    assert_eq!((summary.kind, summary.version_id), (full.kind, full.version_id));
    assert_eq!((summary.last_modified, summary.object_bytes), (full.last_modified, 3));
    assert_eq!((summary.etag, summary.checksum), (full.etag, full.checksum));
    assert!(!summary.is_delete_marker());
    let needed = 1 + 1 + 17 + 8 + 8 + 20 + 1 + 1 + 32 + 4;
    assert_eq!(ObjectSummary::decode(&bytes[..needed]), Ok(summary));
    for end in 0..needed {
        assert!(ObjectSummary::decode(&bytes[..end]).is_err(), "{end}");
    }
    let bare = ObjectRecord { checksum: None, ..full }.encode().unwrap();
    let refused = Err(RecordError::Invalid("payload description"));
    assert_eq!(ObjectSummary::decode(&bare), refused);
}

#[test]
fn an_object_has_a_data_key_and_a_marker_has_none() {
    let keyless = ObjectRecord { data_key: None, ..object() };
    let refused = Err(RecordError::Invalid("payload description"));
    assert_eq!(ObjectRecord::decode(&keyless.encode().unwrap()), refused);
    let marker = ObjectRecord { kind: ObjectKind::DeleteMarker, ..object() };
    assert_eq!(ObjectRecord::decode(&marker.encode().unwrap()), refused);
    for half in [
        ObjectRecord { checksum: None, ..marker.clone() },
        ObjectRecord { data_key: None, ..marker },
    ] {
        assert_eq!(ObjectRecord::decode(&half.encode().unwrap()), refused);
    }
}

#[test]
fn bucket_records_round_trip() {
    for versioning in
        [VersioningState::Unversioned, VersioningState::Enabled, VersioningState::Suspended]
    {
        let record = BucketRecord { versioning, ..bucket() };
        assert_eq!(BucketRecord::decode(&record.encode().unwrap()), Ok(record));
    }
    for ownership in [
        None,
        Some(ObjectOwnership::BucketOwnerEnforced),
        Some(ObjectOwnership::BucketOwnerPreferred),
    ] {
        let access = BucketAccess {
            ownership,
            public_access_block: None,
            requester_pays: false,
            bucket_policy: None,
            acl: None,
        };
        let record = BucketRecord { access, ..bucket() };
        assert_eq!(BucketRecord::decode(&record.encode().unwrap()), Ok(record));
    }
}

#[test]
fn a_bucket_of_the_first_format_is_closed_to_the_public() {
    let new = BucketRecord { access: BucketAccess::default(), ..bucket() };
    let mut bytes = new.encode().unwrap();
    // The fields that came with format version 2: four bytes of a new bucket.
    bytes.truncate(bytes.len() - 4);
    bytes[0] = 1;
    assert_eq!(BucketRecord::decode(&bytes), Ok(new));
    assert!(BucketRecord::decode(&[bytes.as_slice(), &[0x1f, 0, 0, 0]].concat()).is_err());
    let ownership = bytes.len() - 4;
    for other in [0, 2, 3, 4] {
        let mut bytes = bytes.clone();
        bytes[ownership] = other;
        let refused = Err(RecordError::Invalid("object ownership"));
        assert_eq!(BucketRecord::decode(&bytes), refused);
    }
}

#[test]
fn damage_of_what_decides_about_access_is_found() {
    let bytes = bucket().encode().unwrap();
    for length in 0..bytes.len() {
        assert!(BucketRecord::decode(&bytes[..length]).is_err());
    }
    let last = bytes.len() - 1;
    for (place, value) in [(last, 4), (last - 1, 6), (last - 1, 0)] {
        let mut bytes = bytes.clone();
        bytes[place] = value;
        assert!(BucketRecord::decode(&bytes).is_err(), "{place}");
    }
    let mut bytes = BucketRecord { access: BucketAccess::default(), ..bucket() }.encode().unwrap();
    let block = bytes.len() - 4;
    assert_eq!(bytes[block], 0x1f);
    for bits in [0x0f, 0x01, 0x20, 0x3f] {
        bytes[block] = bits;
        let refused = Err(RecordError::Invalid("public access block"));
        assert_eq!(BucketRecord::decode(&bytes), refused);
    }
}

#[test]
fn truncated_and_extended_records_are_damaged() {
    let (object, bucket) = (object().encode().unwrap(), bucket().encode().unwrap());
    for length in 0..object.len() {
        assert!(ObjectRecord::decode(&object[..length]).is_err(), "{length}");
    }
    for length in 0..bucket.len() {
        assert!(BucketRecord::decode(&bucket[..length]).is_err(), "{length}");
    }
    let longer = [object.as_slice(), &[0]].concat();
    assert_eq!(ObjectRecord::decode(&longer), Err(RecordError::Trailing(1)));
    let later = [&[3], &bucket[1..]].concat();
    assert_eq!(BucketRecord::decode(&later), Err(RecordError::UnknownFormatVersion(3)));
}

#[test]
fn a_text_that_does_not_fit_is_refused_whole() {
    let mut record = object();
    record.metadata.user = vec![("x".repeat(65_536), String::new())];
    assert_eq!(record.encode(), Err(RecordError::TooLong("user metadata")));
}

fn part(number: u16) -> ManifestPart {
    ManifestPart {
        number,
        object_bytes: u64::from(number),
        blob_id: BlobId::from_bytes([8; 16]),
        md5: [1; 16],
        checksum: crc(2),
    }
}

#[test]
fn a_manifest_has_up_to_10_000_ascending_parts() {
    let full = Manifest { parts: (1..=10_000).map(part).collect() };
    assert_eq!(Manifest::decode(&full.encode().unwrap()).as_ref(), Ok(&full));
    assert_eq!(full.object_bytes(), Some(50_005_000));
    let more = Manifest { parts: vec![part(1); PARTS_MAX + 1] };
    assert_eq!(more.encode(), Err(RecordError::TooLong("part table")));
    for parts in [vec![part(0)], vec![part(2), part(1)], vec![part(1), part(1)], vec![part(10_001)]]
    {
        let bytes = Manifest { parts }.encode().unwrap();
        assert_eq!(Manifest::decode(&bytes), Err(RecordError::Invalid("part number")));
    }
    let huge = ManifestPart { object_bytes: u64::MAX, ..part(1) };
    assert_eq!(Manifest { parts: vec![huge, part(2)] }.object_bytes(), None);
}

#[test]
fn etags_are_read_bare_and_quoted() {
    let plain = Etag::of_md5([0xab; 16]);
    let parts = Etag { parts_count: 12, ..plain };
    for etag in [plain, parts] {
        assert_eq!(etag.to_string().parse(), Ok(etag));
        assert_eq!(etag.quoted().parse(), Ok(etag));
        assert_eq!(etag.to_string().to_uppercase().parse(), Ok(etag));
    }
    let digits = "ab".repeat(16);
    let short = "ab".repeat(15);
    let bad = ["", "\"", "*", "-1", &short];
    let forms = ["{}-", "{}-0", "{}-x", "W/\"{}\"", "+{}", "{}-4294967296"];
    let bad = bad.into_iter().map(str::to_owned);
    for bad in bad.chain(forms.map(|form| form.replace("{}", &digits))) {
        assert!(bad.parse::<Etag>().is_err(), "{bad}");
    }
}

proptest! {
    /// Whatever the bytes are: an error or a record that is written in the same way again.
    #[test]
    fn damaged_records_never_panic(at in 0_usize..400, value in any::<u8>()) {
        let mut bytes = object().encode().unwrap();
        let at = at % bytes.len();
        bytes[at] = value;
        if let Ok(record) = ObjectRecord::decode(&bytes) {
            prop_assert_eq!(record.encode().unwrap(), bytes);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        for version in [&[][..], &[1][..]] {
            let bytes = [version, &bytes].concat();
            if let Ok(record) = ObjectRecord::decode(&bytes) {
                prop_assert!(record.encode().is_ok());
            }
            let _ = BucketRecord::decode(&bytes);
            let _ = Manifest::decode(&bytes);
        }
    }
}
