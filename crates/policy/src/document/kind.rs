//! Kinds of policies: what each may contain and how large it may be.

use crate::json::TEXT_BYTES_MAX;

/// Where a policy is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyKind {
    /// To a user, group or role, inline or managed.
    Identity,
    /// To a user or role, as the most that its policies can give.
    Boundary,
    /// To a session, as the most that it may do.
    Session,
    /// To a bucket.
    Bucket,
    /// To an access point.
    AccessPoint,
    /// To a role: who may assume it.
    Trust,
    /// To a KMS key.
    Key,
    /// To an endpoint through which requests come.
    VpcEndpoint,
    /// To an organization, a unit of it or an account: the most that its principals may do.
    ServiceControl,
    /// To an organization, a unit of it or an account: the most that can be done to its resources.
    ResourceControl,
}

impl PolicyKind {
    /// Whether statements name principals.
    #[must_use]
    pub fn has_principals(self) -> bool {
        match self {
            Self::Bucket
            | Self::AccessPoint
            | Self::Trust
            | Self::Key
            | Self::VpcEndpoint
            | Self::ResourceControl => true,
            Self::Identity | Self::Boundary | Self::Session | Self::ServiceControl => false,
        }
    }

    /// Whether segments missing at the end of an ARN are `*`.
    ///
    /// SPEC: access-control, 1.3 (short ARNs).
    pub(crate) fn has_short_arns(self) -> bool {
        !matches!(self, Self::Bucket | Self::AccessPoint)
    }

    /// Whether the policy is one of S3's own, whose answers are S3's.
    pub(crate) fn is_s3(self) -> bool {
        matches!(self, Self::Bucket | Self::AccessPoint)
    }

    /// Whether ids of statements are letters and digits only, and none stands twice.
    ///
    /// SPEC: access-control, 1.1 (`Sid`).
    pub(crate) fn has_strict_sids(self) -> bool {
        match self {
            Self::Identity
            | Self::Boundary
            | Self::Session
            | Self::Trust
            | Self::ServiceControl
            | Self::ResourceControl => true,
            Self::Bucket | Self::AccessPoint | Self::Key | Self::VpcEndpoint => false,
        }
    }

    /// The most that the text may have: a number and what is counted.
    ///
    /// Limits that depend on what else is attached (inline policies count together) or that answer
    /// `LimitExceeded` are for the caller, with [`counted_characters`].
    ///
    /// SPEC: access-control, 1.6.
    pub(crate) fn size_max(self) -> (usize, SizeUnit) {
        match self {
            Self::Bucket | Self::AccessPoint => (20_480, SizeUnit::Bytes),
            Self::VpcEndpoint => (20_480, SizeUnit::Characters),
            Self::Key => (32_768, SizeUnit::Bytes),
            Self::Identity
            | Self::Boundary
            | Self::Session
            | Self::Trust
            | Self::ServiceControl
            | Self::ResourceControl => (TEXT_BYTES_MAX, SizeUnit::Bytes),
        }
    }
}

/// What is counted for the size of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SizeUnit {
    Bytes,
    Characters,
}

/// The characters of a policy without white space, as the limits of IAM count them: 6,144 for a
/// managed policy; 2,048 for all inline policies of a user, 5,120 of a group, 10,240 of a role; 2,048
/// for a trust policy.
///
/// SPEC: access-control, 1.6.
#[must_use]
pub fn counted_characters(text: &str) -> usize {
    text.chars().filter(|c| !matches!(c, ' ' | '\t' | '\n' | '\r')).count()
}
