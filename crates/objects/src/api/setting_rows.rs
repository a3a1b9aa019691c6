//! Rows of the member table for tagging and for the settings of buckets.

use strongroom_wire::Disposition::Enforced;

use super::members::{MemberRow, NO_REQUESTER_PAYS};

/// The operations of these groups.
pub(super) const OPERATIONS: &[&str] = &[
    "DeleteBucketTagging",
    "DeleteObjectTagging",
    "GetBucketTagging",
    "GetObjectTagging",
    "PutBucketTagging",
    "PutObjectTagging",
];

/// `(operation, member path, disposition)`.
pub(super) const ROWS: &[MemberRow] = &[
    ("DeleteBucketTagging", "Bucket", Enforced),
    ("DeleteBucketTagging", "ExpectedBucketOwner", Enforced),
    ("DeleteObjectTagging", "Bucket", Enforced),
    ("DeleteObjectTagging", "Key", Enforced),
    ("DeleteObjectTagging", "VersionId", Enforced),
    ("DeleteObjectTagging", "ExpectedBucketOwner", Enforced),
    ("GetBucketTagging", "Bucket", Enforced),
    ("GetBucketTagging", "ExpectedBucketOwner", Enforced),
    ("GetObjectTagging", "Bucket", Enforced),
    ("GetObjectTagging", "Key", Enforced),
    ("GetObjectTagging", "VersionId", Enforced),
    ("GetObjectTagging", "ExpectedBucketOwner", Enforced),
    ("GetObjectTagging", "RequestPayer", NO_REQUESTER_PAYS),
    ("PutBucketTagging", "Bucket", Enforced),
    ("PutBucketTagging", "ContentMD5", Enforced),
    ("PutBucketTagging", "ChecksumAlgorithm", Enforced),
    ("PutBucketTagging", "Tagging", Enforced),
    ("PutBucketTagging", "Tagging.TagSet", Enforced),
    ("PutBucketTagging", "Tagging.TagSet.Key", Enforced),
    ("PutBucketTagging", "Tagging.TagSet.Value", Enforced),
    ("PutBucketTagging", "ExpectedBucketOwner", Enforced),
    ("PutObjectTagging", "Bucket", Enforced),
    ("PutObjectTagging", "Key", Enforced),
    ("PutObjectTagging", "VersionId", Enforced),
    ("PutObjectTagging", "ContentMD5", Enforced),
    ("PutObjectTagging", "ChecksumAlgorithm", Enforced),
    ("PutObjectTagging", "Tagging", Enforced),
    ("PutObjectTagging", "Tagging.TagSet", Enforced),
    ("PutObjectTagging", "Tagging.TagSet.Key", Enforced),
    ("PutObjectTagging", "Tagging.TagSet.Value", Enforced),
    ("PutObjectTagging", "ExpectedBucketOwner", Enforced),
    ("PutObjectTagging", "RequestPayer", NO_REQUESTER_PAYS),
];
