//! The questions of every S3 operation.

use strongroom_model::s3;
use strongroom_wire::CopySource;

use super::Resource::{Bucket, EachKey, Object, Service, Source};
use super::When::{
    AclHeader, Always, BodyTags, BypassHeader, Current, IfMatch, IfMatchEtag, LegalHoldHeader,
    ObjectLockHeader, OpenAclHeader, OwnershipHeader, RetentionHeader, SourceCurrent, SourceTagged,
    SourceTaggedCurrent, SourceTaggedVersioned, SourceVersioned, TaggingHeader, Versioned,
};
use super::{NamedKey, Need, Operands, Stated};

/// Rows of actions, and what an operation has beside its target.
macro_rules! operations {
    ($($operation:ident: [$(($action:literal, $resource:ident, $when:ident)),* $(,)?]
        $({ $($item:item)* })? $(;)?)*) => {
        $(impl Operands for s3::$operation {
            const NEEDS: &'static [Need] =
                &[$(Need { action: $action, resource: $resource, when: $when }),*];
            $($($item)*)?
        })*

        /// The same rows by the name of the operation.
        pub const S3_NEEDS: &[(&str, &[Need])] =
            &[$((stringify!($operation), <s3::$operation as Operands>::NEEDS)),*];
    };
}

operations! {
    AbortMultipartUpload: [("s3:AbortMultipartUpload", Object, Always)];
    CompleteMultipartUpload: [("s3:PutObject", Object, Always), ("s3:GetObject", Object, IfMatch)];
    CopyObject: [
        ("s3:PutObject", Object, Always),
        ("s3:PutObjectAcl", Object, AclHeader),
        ("s3:PutObjectTagging", Object, TaggingHeader),
        ("s3:PutObjectRetention", Object, RetentionHeader),
        ("s3:PutObjectLegalHold", Object, LegalHoldHeader),
        ("s3:GetObject", Source, SourceCurrent),
        ("s3:GetObjectVersion", Source, SourceVersioned),
        ("s3:GetObjectTagging", Source, SourceTaggedCurrent),
        ("s3:GetObjectVersionTagging", Source, SourceTaggedVersioned),
        ("s3:PutObjectTagging", Object, SourceTagged),
    ] {
        fn copy_source(input: &Self::Input) -> Option<&CopySource> {
            Some(&input.copy_source)
        }

        fn copies_tags(input: &Self::Input) -> bool {
            input.tagging_directive != Some(s3::TaggingDirective::Replace)
        }

        fn stated(input: &Self::Input) -> Stated {
            Stated { tagging: input.tagging.clone(), ..Stated::default() }
        }
    }
    CreateBucket: [
        ("s3:CreateBucket", Bucket, Always),
        ("s3:PutBucketAcl", Bucket, OpenAclHeader),
        ("s3:PutBucketVersioning", Bucket, ObjectLockHeader),
        ("s3:PutBucketObjectLockConfiguration", Bucket, ObjectLockHeader),
        ("s3:PutBucketOwnershipControls", Bucket, OwnershipHeader),
        ("s3:TagResource", Bucket, BodyTags),
    ] {
        const MAKES_BUCKET: bool = true;

        fn stated(input: &Self::Input) -> Stated {
            let Some(configuration) = &input.create_bucket_configuration else {
                return Stated::default();
            };
            Stated {
                location_constraint: configuration.location_constraint.clone(),
                tags: configuration.tags.as_deref().map(pairs),
                ..Stated::default()
            }
        }
    }
    CreateBucketMetadataConfiguration: [
        ("s3:CreateBucketMetadataTableConfiguration", Bucket, Always),
    ];
    CreateBucketMetadataTableConfiguration: [
        ("s3:CreateBucketMetadataTableConfiguration", Bucket, Always),
    ];
    CreateMultipartUpload: [
        ("s3:PutObject", Object, Always),
        ("s3:PutObjectAcl", Object, AclHeader),
        ("s3:PutObjectTagging", Object, TaggingHeader),
        ("s3:PutObjectRetention", Object, RetentionHeader),
        ("s3:PutObjectLegalHold", Object, LegalHoldHeader),
    ] {
        fn stated(input: &Self::Input) -> Stated {
            Stated { tagging: input.tagging.clone(), ..Stated::default() }
        }
    }
    CreateSession: [("s3express:CreateSession", Bucket, Always)];
    DeleteBucket: [("s3:DeleteBucket", Bucket, Always)];
    DeleteBucketAnalyticsConfiguration: [("s3:PutAnalyticsConfiguration", Bucket, Always)];
    DeleteBucketCors: [("s3:PutBucketCORS", Bucket, Always)];
    DeleteBucketEncryption: [("s3:PutEncryptionConfiguration", Bucket, Always)];
    DeleteBucketIntelligentTieringConfiguration: [
        ("s3:PutIntelligentTieringConfiguration", Bucket, Always),
    ];
    DeleteBucketInventoryConfiguration: [("s3:PutInventoryConfiguration", Bucket, Always)];
    DeleteBucketLifecycle: [("s3:PutLifecycleConfiguration", Bucket, Always)];
    DeleteBucketMetadataConfiguration: [
        ("s3:DeleteBucketMetadataTableConfiguration", Bucket, Always),
    ];
    DeleteBucketMetadataTableConfiguration: [
        ("s3:DeleteBucketMetadataTableConfiguration", Bucket, Always),
    ];
    DeleteBucketMetricsConfiguration: [("s3:PutMetricsConfiguration", Bucket, Always)];
    DeleteBucketOwnershipControls: [("s3:PutBucketOwnershipControls", Bucket, Always)];
    DeleteBucketPolicy: [("s3:DeleteBucketPolicy", Bucket, Always)];
    DeleteBucketReplication: [("s3:PutReplicationConfiguration", Bucket, Always)];
    DeleteBucketTagging: [("s3:PutBucketTagging", Bucket, Always)];
    DeleteBucketWebsite: [("s3:DeleteBucketWebsite", Bucket, Always)];
    DeleteObject: [
        ("s3:DeleteObject", Object, Current),
        ("s3:DeleteObjectVersion", Object, Versioned),
        ("s3:BypassGovernanceRetention", Object, BypassHeader),
        ("s3:GetObject", Object, IfMatchEtag),
    ];
    DeleteObjectAnnotation: [("s3:DeleteObjectAnnotation", Object, Always)];
    DeleteObjectTagging: [
        ("s3:DeleteObjectTagging", Object, Current),
        ("s3:DeleteObjectVersionTagging", Object, Versioned),
    ];
    DeleteObjects: [
        ("s3:DeleteObject", EachKey, Current),
        ("s3:DeleteObjectVersion", EachKey, Versioned),
        ("s3:BypassGovernanceRetention", EachKey, BypassHeader),
        ("s3:GetObject", EachKey, IfMatchEtag),
    ] {
        fn key_count(input: &Self::Input) -> usize {
            input.delete.objects.len()
        }

        fn keys(input: &Self::Input) -> Vec<NamedKey> {
            let named = input.delete.objects.iter().map(|object| NamedKey {
                object_key: object.key.clone(),
                version_id: object.version_id.clone(),
                etag: object.etag.clone(),
            });
            named.collect()
        }
    }
    DeletePublicAccessBlock: [("s3:PutBucketPublicAccessBlock", Bucket, Always)];
    GetBucketAbac: [("s3:GetBucketAbac", Bucket, Always)];
    GetBucketAccelerateConfiguration: [("s3:GetAccelerateConfiguration", Bucket, Always)];
    GetBucketAcl: [("s3:GetBucketAcl", Bucket, Always)];
    GetBucketAnalyticsConfiguration: [("s3:GetAnalyticsConfiguration", Bucket, Always)];
    GetBucketCors: [("s3:GetBucketCORS", Bucket, Always)];
    GetBucketEncryption: [("s3:GetEncryptionConfiguration", Bucket, Always)];
    GetBucketIntelligentTieringConfiguration: [
        ("s3:GetIntelligentTieringConfiguration", Bucket, Always),
    ];
    GetBucketInventoryConfiguration: [("s3:GetInventoryConfiguration", Bucket, Always)];
    GetBucketLifecycleConfiguration: [("s3:GetLifecycleConfiguration", Bucket, Always)];
    GetBucketLocation: [("s3:GetBucketLocation", Bucket, Always)];
    GetBucketLogging: [("s3:GetBucketLogging", Bucket, Always)];
    GetBucketMetadataConfiguration: [("s3:GetBucketMetadataTableConfiguration", Bucket, Always)];
    GetBucketMetadataTableConfiguration: [
        ("s3:GetBucketMetadataTableConfiguration", Bucket, Always),
    ];
    GetBucketMetricsConfiguration: [("s3:GetMetricsConfiguration", Bucket, Always)];
    GetBucketNotificationConfiguration: [("s3:GetBucketNotification", Bucket, Always)];
    GetBucketOwnershipControls: [("s3:GetBucketOwnershipControls", Bucket, Always)];
    GetBucketPolicy: [("s3:GetBucketPolicy", Bucket, Always)];
    GetBucketPolicyStatus: [("s3:GetBucketPolicyStatus", Bucket, Always)];
    GetBucketReplication: [("s3:GetReplicationConfiguration", Bucket, Always)];
    GetBucketRequestPayment: [("s3:GetBucketRequestPayment", Bucket, Always)];
    GetBucketTagging: [("s3:GetBucketTagging", Bucket, Always)];
    GetBucketVersioning: [("s3:GetBucketVersioning", Bucket, Always)];
    GetBucketWebsite: [("s3:GetBucketWebsite", Bucket, Always)];
    GetObject: [("s3:GetObject", Object, Current), ("s3:GetObjectVersion", Object, Versioned)];
    GetObjectAcl: [
        ("s3:GetObjectAcl", Object, Current),
        ("s3:GetObjectVersionAcl", Object, Versioned),
    ];
    GetObjectAnnotation: [("s3:GetObjectAnnotation", Object, Always)];
    GetObjectAttributes: [
        ("s3:GetObject", Object, Current),
        ("s3:GetObjectAttributes", Object, Current),
        ("s3:GetObjectVersion", Object, Versioned),
        ("s3:GetObjectVersionAttributes", Object, Versioned),
    ];
    GetObjectLegalHold: [("s3:GetObjectLegalHold", Object, Always)];
    GetObjectLockConfiguration: [("s3:GetBucketObjectLockConfiguration", Bucket, Always)];
    GetObjectRetention: [("s3:GetObjectRetention", Object, Always)];
    GetObjectTagging: [
        ("s3:GetObjectTagging", Object, Current),
        ("s3:GetObjectVersionTagging", Object, Versioned),
    ];
    GetObjectTorrent: [
        ("s3:GetObjectTorrent", Object, Current),
        ("s3:GetObjectVersionTorrent", Object, Versioned),
    ];
    GetPublicAccessBlock: [("s3:GetBucketPublicAccessBlock", Bucket, Always)];
    HeadBucket: [("s3:ListBucket", Bucket, Always)];
    HeadObject: [("s3:GetObject", Object, Current), ("s3:GetObjectVersion", Object, Versioned)];
    ListBucketAnalyticsConfigurations: [("s3:GetAnalyticsConfiguration", Bucket, Always)];
    ListBucketIntelligentTieringConfigurations: [
        ("s3:GetIntelligentTieringConfiguration", Bucket, Always),
    ];
    ListBucketInventoryConfigurations: [("s3:GetInventoryConfiguration", Bucket, Always)];
    ListBucketMetricsConfigurations: [("s3:GetMetricsConfiguration", Bucket, Always)];
    ListBuckets: [("s3:ListAllMyBuckets", Service, Always)];
    ListMultipartUploads: [("s3:ListBucketMultipartUploads", Bucket, Always)];
    ListObjectAnnotations: [("s3:ListObjectAnnotations", Object, Always)];
    ListObjectVersions: [("s3:ListBucketVersions", Bucket, Always)];
    ListObjects: [("s3:ListBucket", Bucket, Always)];
    ListObjectsV2: [("s3:ListBucket", Bucket, Always)];
    ListParts: [("s3:ListMultipartUploadParts", Object, Always)];
    PutBucketAbac: [("s3:PutBucketAbac", Bucket, Always)];
    PutBucketAccelerateConfiguration: [("s3:PutAccelerateConfiguration", Bucket, Always)];
    PutBucketAcl: [("s3:PutBucketAcl", Bucket, Always)];
    PutBucketAnalyticsConfiguration: [("s3:PutAnalyticsConfiguration", Bucket, Always)];
    PutBucketCors: [("s3:PutBucketCORS", Bucket, Always)];
    PutBucketEncryption: [("s3:PutEncryptionConfiguration", Bucket, Always)];
    PutBucketIntelligentTieringConfiguration: [
        ("s3:PutIntelligentTieringConfiguration", Bucket, Always),
    ];
    PutBucketInventoryConfiguration: [("s3:PutInventoryConfiguration", Bucket, Always)];
    PutBucketLifecycleConfiguration: [("s3:PutLifecycleConfiguration", Bucket, Always)];
    PutBucketLogging: [("s3:PutBucketLogging", Bucket, Always)];
    PutBucketMetricsConfiguration: [("s3:PutMetricsConfiguration", Bucket, Always)];
    PutBucketNotificationConfiguration: [("s3:PutBucketNotification", Bucket, Always)];
    PutBucketOwnershipControls: [("s3:PutBucketOwnershipControls", Bucket, Always)];
    PutBucketPolicy: [("s3:PutBucketPolicy", Bucket, Always)];
    PutBucketReplication: [("s3:PutReplicationConfiguration", Bucket, Always)];
    PutBucketRequestPayment: [("s3:PutBucketRequestPayment", Bucket, Always)];
    PutBucketTagging: [("s3:PutBucketTagging", Bucket, Always)] {
        fn stated(input: &Self::Input) -> Stated {
            Stated { tags: Some(pairs(&input.tagging.tag_set)), ..Stated::default() }
        }
    }
    PutBucketVersioning: [("s3:PutBucketVersioning", Bucket, Always)];
    PutBucketWebsite: [("s3:PutBucketWebsite", Bucket, Always)];
    PutObject: [
        ("s3:PutObject", Object, Always),
        ("s3:PutObjectAcl", Object, AclHeader),
        ("s3:PutObjectTagging", Object, TaggingHeader),
        ("s3:PutObjectRetention", Object, RetentionHeader),
        ("s3:PutObjectLegalHold", Object, LegalHoldHeader),
        ("s3:GetObject", Object, IfMatch),
    ] {
        fn stated(input: &Self::Input) -> Stated {
            Stated { tagging: input.tagging.clone(), ..Stated::default() }
        }
    }
    PutObjectAcl: [
        ("s3:PutObjectAcl", Object, Current),
        ("s3:PutObjectVersionAcl", Object, Versioned),
    ];
    PutObjectAnnotation: [("s3:PutObjectAnnotation", Object, Always)];
    PutObjectLegalHold: [("s3:PutObjectLegalHold", Object, Always)];
    PutObjectLockConfiguration: [("s3:PutBucketObjectLockConfiguration", Bucket, Always)];
    PutObjectRetention: [
        ("s3:PutObjectRetention", Object, Always),
        ("s3:BypassGovernanceRetention", Object, BypassHeader),
    ];
    PutObjectTagging: [
        ("s3:PutObjectTagging", Object, Current),
        ("s3:PutObjectVersionTagging", Object, Versioned),
    ] {
        fn stated(input: &Self::Input) -> Stated {
            Stated { tags: Some(pairs(&input.tagging.tag_set)), ..Stated::default() }
        }
    }
    PutPublicAccessBlock: [("s3:PutBucketPublicAccessBlock", Bucket, Always)];
    RenameObject: [("s3express:CreateSession", Bucket, Always)];
    RestoreObject: [("s3:RestoreObject", Object, Always)];
    SelectObjectContent: [("s3:GetObject", Object, Always)];
    UpdateBucketMetadataAnnotationTableConfiguration: [
        ("s3:UpdateBucketMetadataAnnotationTableConfiguration", Bucket, Always),
    ];
    UpdateBucketMetadataInventoryTableConfiguration: [
        ("s3:UpdateBucketMetadataInventoryTableConfiguration", Bucket, Always),
    ];
    UpdateBucketMetadataJournalTableConfiguration: [
        ("s3:UpdateBucketMetadataJournalTableConfiguration", Bucket, Always),
    ];
    UpdateObjectEncryption: [
        ("s3:PutObject", Object, Always),
        ("s3:UpdateObjectEncryption", Object, Always),
    ];
    UploadPart: [("s3:PutObject", Object, Always)];
    UploadPartCopy: [
        ("s3:PutObject", Object, Always),
        ("s3:GetObject", Source, SourceCurrent),
        ("s3:GetObjectVersion", Source, SourceVersioned),
    ] {
        fn copy_source(input: &Self::Input) -> Option<&CopySource> {
            Some(&input.copy_source)
        }
    }
    WriteGetObjectResponse: [("s3-object-lambda:WriteGetObjectResponse", Service, Always)];
}

fn pairs(tags: &[s3::Tag]) -> Vec<(String, String)> {
    tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect()
}
