//! Encoding of outputs, against golden text that botocore reads as it should
//! (`tests/check_golden.py`). `UPDATE_GOLDEN=1` writes the text anew.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use http::Response;
use strongroom_model::s3::{
    Bucket, Checksum, ChecksumAlgorithm, ChecksumType, CommonPrefix, CompleteMultipartUpload,
    CompleteMultipartUploadOutput, CopyObject, CopyObjectOutput, CopyObjectResult, CopyPartResult,
    CreateBucket, CreateBucketOutput, CreateMultipartUpload, CreateMultipartUploadOutput,
    DeleteBucket, DeleteBucketOutput, DeleteMarkerEntry, DeleteObject, DeleteObjectOutput,
    DeleteObjects, DeleteObjectsOutput, DeletedObject, DeletedObjectError, EncodingType,
    GetBucketAbac, GetBucketAbacOutput, GetBucketAccelerateConfiguration,
    GetBucketAccelerateConfigurationOutput, GetBucketAcl, GetBucketAclOutput,
    GetBucketAnalyticsConfiguration, GetBucketAnalyticsConfigurationOutput, GetBucketCors,
    GetBucketCorsOutput, GetBucketEncryption, GetBucketEncryptionOutput,
    GetBucketIntelligentTieringConfiguration, GetBucketIntelligentTieringConfigurationOutput,
    GetBucketInventoryConfiguration, GetBucketInventoryConfigurationOutput,
    GetBucketLifecycleConfiguration, GetBucketLifecycleConfigurationOutput, GetBucketLocation,
    GetBucketLocationOutput, GetBucketLogging, GetBucketLoggingOutput,
    GetBucketMetricsConfiguration, GetBucketMetricsConfigurationOutput,
    GetBucketNotificationConfiguration, GetBucketNotificationConfigurationOutput,
    GetBucketOwnershipControls, GetBucketOwnershipControlsOutput, GetBucketPolicy,
    GetBucketPolicyOutput, GetBucketPolicyStatus, GetBucketPolicyStatusOutput,
    GetBucketReplication, GetBucketReplicationOutput, GetBucketRequestPayment,
    GetBucketRequestPaymentOutput, GetBucketTagging, GetBucketTaggingOutput, GetBucketVersioning,
    GetBucketVersioningOutput, GetBucketWebsite, GetBucketWebsiteOutput, GetObject, GetObjectAcl,
    GetObjectAclOutput, GetObjectAttributes, GetObjectAttributesOutput, GetObjectAttributesParts,
    GetObjectLegalHold, GetObjectLegalHoldOutput, GetObjectLockConfiguration,
    GetObjectLockConfigurationOutput, GetObjectOutput, GetObjectRetention,
    GetObjectRetentionOutput, GetObjectTagging, GetObjectTaggingOutput, GetPublicAccessBlock,
    GetPublicAccessBlockOutput, HeadBucket, HeadBucketOutput, HeadObject, HeadObjectOutput,
    Initiator, ListBuckets, ListBucketsOutput, ListMultipartUploads, ListMultipartUploadsOutput,
    ListObjectVersions, ListObjectVersionsOutput, ListObjects, ListObjectsOutput, ListObjectsV2,
    ListObjectsV2Output, ListParts, ListPartsOutput, MFADeleteStatus, MultipartUpload, Object,
    ObjectLockMode, ObjectPart, ObjectStorageClass, ObjectVersion, ObjectVersionStorageClass,
    Owner, Part, PolicyStatus, PutBucketAbac, PutBucketAccelerateConfiguration, PutBucketAcl,
    PutBucketAnalyticsConfiguration, PutBucketCors, PutBucketEncryption,
    PutBucketIntelligentTieringConfiguration, PutBucketInventoryConfiguration,
    PutBucketLifecycleConfiguration, PutBucketLogging, PutBucketMetricsConfiguration,
    PutBucketNotificationConfiguration, PutBucketOwnershipControls, PutBucketPolicy,
    PutBucketPolicyOutput, PutBucketReplication, PutBucketRequestPayment, PutBucketTagging,
    PutBucketVersioning, PutBucketWebsite, PutObject, PutObjectAcl, PutObjectLegalHold,
    PutObjectLockConfiguration, PutObjectOutput, PutObjectRetention, PutObjectTagging,
    PutPublicAccessBlock, ServerSideEncryption, StorageClass, UploadPartCopy, UploadPartCopyOutput,
    VersionOrMarker,
};
use strongroom_types::{RequestId, Timestamp, VersionId};
use strongroom_wire::{ByteStream, EncodeError, Operation, Redacted};

use crate::vectors::full;

fn moment() -> Timestamp {
    Timestamp::from_seconds(1_767_323_045).unwrap()
}

fn version() -> VersionId {
    VersionId::Named([0xab; 16])
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

const ID: RequestId = RequestId::from_bytes([7; 8]);

fn text(response: Response<ByteStream>) -> String {
    let mut text = format!("{}\n", response.status().as_u16());
    for (name, value) in response.headers() {
        text += &format!("{name}: {}\n", value.to_str().unwrap());
    }
    text.push('\n');
    match response.into_body() {
        ByteStream::Empty => {}
        ByteStream::Full(bytes) => text += std::str::from_utf8(&bytes).unwrap(),
        ByteStream::Stream { .. } => panic!("nothing is streamed here"),
    }
    text
}

#[expect(clippy::disallowed_methods, reason = "golden text is kept in files beside the test")]
fn golden<O: Operation>(output: O::Output) {
    let actual = text(O::encode(output, ID).unwrap());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden");
    let path = folder.join(format!("{}.http", O::NAME));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, expected, "{}", O::NAME);
}

fn put<O: Operation>() -> O::Input {
    full(O::NAME).decode::<O>().unwrap().0
}

/// What a client put is what a client gets: read from botocore's request, written as the answer.
#[test]
fn configurations_come_back_as_they_were_put() {
    let input = put::<PutBucketAbac>();
    golden::<GetBucketAbac>(GetBucketAbacOutput { abac_status: Some(input.abac_status) });
    let input = put::<PutBucketAccelerateConfiguration>().accelerate_configuration;
    let output =
        GetBucketAccelerateConfigurationOutput { status: input.status, ..Default::default() };
    golden::<GetBucketAccelerateConfiguration>(output);
    let input = put::<PutBucketAcl>().access_control_policy.unwrap();
    golden::<GetBucketAcl>(GetBucketAclOutput { owner: input.owner, grants: input.grants });
    let input = put::<PutBucketAnalyticsConfiguration>();
    golden::<GetBucketAnalyticsConfiguration>(GetBucketAnalyticsConfigurationOutput {
        analytics_configuration: Some(input.analytics_configuration),
    });
    let input = put::<PutBucketCors>().cors_configuration;
    golden::<GetBucketCors>(GetBucketCorsOutput { cors_rules: input.cors_rules });
    let input = put::<PutBucketEncryption>();
    golden::<GetBucketEncryption>(GetBucketEncryptionOutput {
        server_side_encryption_configuration: Some(input.server_side_encryption_configuration),
    });
    let input = put::<PutBucketIntelligentTieringConfiguration>();
    golden::<GetBucketIntelligentTieringConfiguration>(
        GetBucketIntelligentTieringConfigurationOutput {
            intelligent_tiering_configuration: Some(input.intelligent_tiering_configuration),
        },
    );
    let input = put::<PutBucketInventoryConfiguration>();
    golden::<GetBucketInventoryConfiguration>(GetBucketInventoryConfigurationOutput {
        inventory_configuration: Some(input.inventory_configuration),
    });
    let input = put::<PutBucketLifecycleConfiguration>();
    golden::<GetBucketLifecycleConfiguration>(GetBucketLifecycleConfigurationOutput {
        rules: input.lifecycle_configuration.unwrap().rules,
        ..Default::default()
    });
    let input = put::<PutBucketLogging>().bucket_logging_status;
    golden::<GetBucketLogging>(GetBucketLoggingOutput { logging_enabled: input.logging_enabled });
    let input = put::<PutBucketMetricsConfiguration>();
    golden::<GetBucketMetricsConfiguration>(GetBucketMetricsConfigurationOutput {
        metrics_configuration: Some(input.metrics_configuration),
    });
    let input = put::<PutBucketNotificationConfiguration>().notification_configuration;
    golden::<GetBucketNotificationConfiguration>(GetBucketNotificationConfigurationOutput {
        topic_configurations: input.topic_configurations,
        queue_configurations: input.queue_configurations,
        lambda_function_configurations: input.lambda_function_configurations,
        event_bridge_configuration: input.event_bridge_configuration,
    });
    let input = put::<PutBucketOwnershipControls>();
    golden::<GetBucketOwnershipControls>(GetBucketOwnershipControlsOutput {
        ownership_controls: Some(input.ownership_controls),
    });
    let input = put::<PutBucketReplication>();
    golden::<GetBucketReplication>(GetBucketReplicationOutput {
        replication_configuration: Some(input.replication_configuration),
    });
    let input = put::<PutBucketRequestPayment>().request_payment_configuration;
    golden::<GetBucketRequestPayment>(GetBucketRequestPaymentOutput { payer: Some(input.payer) });
    let input = put::<PutBucketVersioning>().versioning_configuration;
    golden::<GetBucketVersioning>(GetBucketVersioningOutput {
        status: input.status,
        mfa_delete: Some(MFADeleteStatus::Enabled),
    });
    let input = put::<PutBucketWebsite>().website_configuration;
    golden::<GetBucketWebsite>(GetBucketWebsiteOutput {
        redirect_all_requests_to: input.redirect_all_requests_to,
        index_document: input.index_document,
        error_document: input.error_document,
        routing_rules: input.routing_rules,
    });
}

#[test]
fn settings_of_objects_come_back_as_they_were_put() {
    let input = put::<PutBucketTagging>();
    golden::<GetBucketTagging>(GetBucketTaggingOutput { tag_set: input.tagging.tag_set });
    let input = put::<PutObjectTagging>();
    golden::<GetObjectTagging>(GetObjectTaggingOutput {
        version_id: Some(VersionId::Null),
        tag_set: input.tagging.tag_set,
    });
    let input = put::<PutObjectAcl>().access_control_policy.unwrap();
    let (owner, grants) = (input.owner, input.grants);
    golden::<GetObjectAcl>(GetObjectAclOutput { owner, grants, ..Default::default() });
    let legal_hold = put::<PutObjectLegalHold>().legal_hold;
    golden::<GetObjectLegalHold>(GetObjectLegalHoldOutput { legal_hold });
    let object_lock_configuration = put::<PutObjectLockConfiguration>().object_lock_configuration;
    golden::<GetObjectLockConfiguration>(GetObjectLockConfigurationOutput {
        object_lock_configuration,
    });
    let retention = put::<PutObjectRetention>().retention;
    golden::<GetObjectRetention>(GetObjectRetentionOutput { retention });
    let input = put::<PutPublicAccessBlock>();
    golden::<GetPublicAccessBlock>(GetPublicAccessBlockOutput {
        public_access_block_configuration: Some(input.public_access_block_configuration),
    });
    let input = put::<PutBucketPolicy>();
    golden::<GetBucketPolicy>(GetBucketPolicyOutput { policy: Some(input.policy) });
}

fn object(key: &str) -> Object {
    Object {
        key: some(key),
        last_modified: Some(moment()),
        etag: some("\"d41d8cd98f00b204e9800998ecf8427e\""),
        checksum_algorithm: vec![ChecksumAlgorithm::Crc64nvme],
        checksum_type: Some(ChecksumType::FullObject),
        size: Some(5_000_000_000),
        storage_class: Some(ObjectStorageClass::Standard),
        owner: Some(Owner { display_name: None, id: some("abc") }),
        restore_status: None,
    }
}

fn prefix() -> CommonPrefix {
    CommonPrefix { prefix: some("a&b/") }
}

#[test]
fn listings() {
    golden::<ListObjectsV2>(ListObjectsV2Output {
        is_truncated: Some(true),
        contents: vec![object("a/<1>\r\n\"2\""), object(" é ")],
        name: some("bucket"),
        prefix: some(""),
        delimiter: some("/"),
        max_keys: Some(2),
        common_prefixes: vec![prefix(), prefix()],
        key_count: Some(4),
        next_continuation_token: some("token=="),
        ..Default::default()
    });
    golden::<ListObjects>(ListObjectsOutput {
        is_truncated: Some(false),
        marker: some(""),
        contents: vec![object("a")],
        name: some("bucket"),
        max_keys: Some(1000),
        encoding_type: Some(EncodingType::Url),
        ..Default::default()
    });
    golden::<ListObjectVersions>(ListObjectVersionsOutput {
        is_truncated: Some(false),
        key_marker: some(""),
        // As they are in the bucket, and not all of one kind before all of the other.
        entries: vec![
            VersionOrMarker::Version(ObjectVersion {
                etag: some("\"e\""),
                key: some("k"),
                version_id: Some(version()),
                is_latest: Some(true),
                last_modified: Some(moment()),
                size: Some(0),
                storage_class: Some(ObjectVersionStorageClass::Standard),
                ..Default::default()
            }),
            VersionOrMarker::DeleteMarker(DeleteMarkerEntry {
                key: some("k"),
                version_id: Some(VersionId::Null),
                is_latest: Some(false),
                last_modified: Some(moment()),
                ..Default::default()
            }),
            VersionOrMarker::Version(ObjectVersion { key: some("l"), ..Default::default() }),
        ],
        name: some("bucket"),
        ..Default::default()
    });
    let bucket = Bucket {
        name: some("bucket"),
        creation_date: Some(moment()),
        bucket_region: some("us-east-1"),
        bucket_arn: some("arn:aws:s3:::bucket"),
    };
    golden::<ListBuckets>(ListBucketsOutput {
        buckets: Some(vec![bucket]),
        owner: Some(Owner { display_name: some("n"), id: some("abc") }),
        ..Default::default()
    });
    golden::<ListParts>(ListPartsOutput {
        abort_date: Some(moment()),
        bucket: some("bucket"),
        upload_id: some("u"),
        part_number_marker: Some(0),
        is_truncated: Some(false),
        parts: vec![Part { part_number: Some(1), size: Some(7), ..Default::default() }],
        initiator: Some(Initiator { id: some("i"), display_name: None }),
        storage_class: Some(StorageClass::StandardIa),
        ..Default::default()
    });
    golden::<ListMultipartUploads>(ListMultipartUploadsOutput {
        bucket: some("bucket"),
        uploads: vec![MultipartUpload {
            upload_id: some("u"),
            key: some("k"),
            initiated: Some(moment()),
            ..Default::default()
        }],
        common_prefixes: vec![prefix()],
        is_truncated: Some(false),
        ..Default::default()
    });
}

#[test]
fn an_empty_wrapped_list_is_an_empty_element() {
    let output = ListBucketsOutput { buckets: Some(Vec::new()), ..Default::default() };
    let encoded = text(ListBuckets::encode(output, ID).unwrap());
    assert!(encoded.contains("<Buckets></Buckets>"), "{encoded}");
    let encoded = text(GetObjectTagging::encode(GetObjectTaggingOutput::default(), ID).unwrap());
    assert!(encoded.contains("<TagSet></TagSet>"), "{encoded}");
}

#[test]
fn results_of_writes() {
    golden::<CopyObject>(CopyObjectOutput {
        copy_object_result: Some(CopyObjectResult {
            etag: some("\"e\""),
            last_modified: Some(moment()),
            checksum_crc32: some("AAAAAA=="),
            checksum_type: Some(ChecksumType::FullObject),
            ..Default::default()
        }),
        copy_source_version_id: Some(version()),
        version_id: Some(VersionId::Null),
        server_side_encryption: Some(ServerSideEncryption::AwsKms),
        sse_kms_key_id: Some(Redacted::from("arn:aws:kms:us-east-1:123456789012:key/k")),
        ..Default::default()
    });
    golden::<UploadPartCopy>(UploadPartCopyOutput {
        copy_part_result: Some(CopyPartResult {
            etag: some("\"e\""),
            last_modified: Some(moment()),
            ..Default::default()
        }),
        ..Default::default()
    });
    golden::<CreateMultipartUpload>(CreateMultipartUploadOutput {
        abort_date: Some(moment()),
        abort_rule_id: some("rule"),
        bucket: some("bucket"),
        key: some("k&k"),
        upload_id: some("u"),
        checksum_algorithm: Some(ChecksumAlgorithm::Crc32c),
        ..Default::default()
    });
    golden::<CompleteMultipartUpload>(CompleteMultipartUploadOutput {
        location: some("http://localhost:9000/bucket/k%20k"),
        bucket: some("bucket"),
        key: some("k k"),
        etag: some("\"e-2\""),
        checksum_crc64nvme: some("AAAAAAAAAAA="),
        version_id: Some(version()),
        ..Default::default()
    });
    golden::<DeleteObjects>(DeleteObjectsOutput {
        deleted: vec![DeletedObject {
            key: some("a"),
            delete_marker: Some(true),
            delete_marker_version_id: Some(version()),
            ..Default::default()
        }],
        errors: vec![DeletedObjectError {
            key: some("b"),
            version_id: some("no version"),
            code: some("AccessDenied"),
            message: some("denied"),
        }],
        ..Default::default()
    });
    golden::<PutObject>(PutObjectOutput {
        etag: some("\"e\""),
        checksum_crc64nvme: some("AAAAAAAAAAA="),
        version_id: Some(version()),
        bucket_key_enabled: Some(false),
        size: Some(7),
        ..Default::default()
    });
    golden::<DeleteObject>(DeleteObjectOutput {
        delete_marker: Some(true),
        version_id: Some(version()),
        ..Default::default()
    });
    golden::<CreateBucket>(CreateBucketOutput {
        location: some("/bucket"),
        bucket_arn: some("arn:aws:s3:::bucket"),
    });
    golden::<PutBucketPolicy>(PutBucketPolicyOutput {});
    golden::<DeleteBucket>(DeleteBucketOutput {});
}

#[test]
fn reads() {
    golden::<GetObject>(GetObjectOutput {
        body: ByteStream::from(Bytes::from_static(b"payload")),
        last_modified: Some(moment()),
        content_length: Some(7),
        content_range: some("bytes 0-6/10"),
        etag: some("\"e\""),
        metadata: BTreeMap::from([("a".to_owned(), "b c".to_owned())]),
        object_lock_retain_until_date: Some(moment()),
        object_lock_mode: Some(ObjectLockMode::Compliance),
        version_id: Some(VersionId::Null),
        ..Default::default()
    });
    golden::<HeadObject>(HeadObjectOutput {
        content_length: Some(7),
        content_type: some("text/plain"),
        etag: some("\"e\""),
        delete_marker: Some(false),
        tag_count: Some(2),
        ..Default::default()
    });
    golden::<GetObjectAttributes>(GetObjectAttributesOutput {
        last_modified: Some(moment()),
        etag: some("e"),
        checksum: Some(Checksum { checksum_sha1: some("x"), ..Default::default() }),
        object_parts: Some(GetObjectAttributesParts {
            total_parts_count: Some(2),
            is_truncated: Some(false),
            parts: vec![ObjectPart { part_number: Some(1), size: Some(7), ..Default::default() }],
            ..Default::default()
        }),
        object_size: Some(7),
        ..Default::default()
    });
    golden::<GetBucketLocation>(GetBucketLocationOutput { location_constraint: some("eu-west-1") });
    golden::<GetBucketPolicyStatus>(GetBucketPolicyStatusOutput {
        policy_status: Some(PolicyStatus { is_public: Some(true) }),
    });
    golden::<HeadBucket>(HeadBucketOutput {
        bucket_region: some("us-east-1"),
        access_point_alias: Some(false),
        ..Default::default()
    });
}

#[test]
fn the_default_region_is_an_empty_location() {
    let encoded = text(GetBucketLocation::encode(GetBucketLocationOutput::default(), ID).unwrap());
    let root = "<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
    assert!(encoded.ends_with(&format!("{root}</LocationConstraint>")), "{encoded}");
}

#[test]
fn a_range_answers_206() {
    let output = |content_range| GetObjectOutput { content_range, ..Default::default() };
    assert_eq!(GetObject::encode(output(None), ID).unwrap().status(), 200);
    assert_eq!(GetObject::encode(output(some("bytes 0-0/1")), ID).unwrap().status(), 206);
}

#[test]
fn keys_and_metadata_that_cannot_be_written_are_errors() {
    let output = ListObjectsV2Output { contents: vec![object("a\u{1}")], ..Default::default() };
    let refused = ListObjectsV2::encode(output, ID).unwrap_err();
    assert_eq!(refused, EncodeError::XmlCharacter { element: "Key" });
    let metadata = BTreeMap::from([("a".to_owned(), "b\r\nset-cookie: c".to_owned())]);
    let refused = HeadObject::encode(HeadObjectOutput { metadata, ..Default::default() }, ID);
    let name = "x-amz-meta-a".to_owned();
    assert_eq!(refused.unwrap_err(), EncodeError::HeaderValue { name });
    let cache_control = some("no-cache\r\n\r\n<html>");
    let refused = HeadObject::encode(HeadObjectOutput { cache_control, ..Default::default() }, ID);
    assert!(refused.is_err());
}
