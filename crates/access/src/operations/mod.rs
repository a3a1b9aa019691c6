//! What each operation asks: which action must be allowed on which resource, and when.
//!
//! `s3` and `identity` hold the tables. An operation that has no row in one of them cannot be bound to a service.

mod identity;
mod s3;
#[cfg(test)]
mod tests;

use http::HeaderMap;
use strongroom_wire::{CopySource, Operation, RequestHead};

pub use self::s3::S3_NEEDS;

/// An operation that the enforcement point can decide. Implemented for every operation in scope,
/// and only here.
pub trait Operands: Operation {
    /// What must be allowed: every row whose condition holds. Without rows everybody who signs may
    /// call it, and no policy can deny it.
    const NEEDS: &'static [Need];

    /// Whether the bucket of the target is the one to be made, and need not exist.
    const MAKES_BUCKET: bool = false;

    /// The object that the operation copies from.
    fn copy_source(_input: &Self::Input) -> Option<&CopySource> {
        None
    }

    /// Whether the tags of the copy's source are to be copied as well.
    fn copies_tags(_input: &Self::Input) -> bool {
        false
    }

    /// How many keys the operation names in its body.
    fn key_count(_input: &Self::Input) -> usize {
        0
    }

    /// The keys that the operation names in its body, each of which is decided by itself.
    fn keys(_input: &Self::Input) -> Vec<NamedKey> {
        Vec::new()
    }

    /// What the typed input says that conditions ask for.
    fn stated(_input: &Self::Input) -> Stated {
        Stated::default()
    }
}

/// One question of an operation.
///
/// SPEC: `spec/s3-actions.json`, as a table of our own. The rows for keys of KMS come with them,
/// the one for the role of a replication with that: today both are refused before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// The action, in the spelling of AWS.
    pub action: &'static str,
    /// On what.
    pub resource: Resource,
    /// When it is asked.
    pub when: When,
}

/// On what an action must be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Nothing in particular: `*`.
    Service,
    /// The bucket of the target.
    Bucket,
    /// The object of the target.
    Object,
    /// The object that is copied from.
    Source,
    /// Each key that the body names, by itself.
    EachKey,
}

/// When a question is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Always.
    Always,
    /// A version is named: in the query, or beside the key in the body.
    Versioned,
    /// None is.
    Current,
    /// The copy source names a version.
    SourceVersioned,
    /// It names none.
    SourceCurrent,
    /// The source has tags that are to be copied.
    SourceTagged,
    /// The same, and the source names a version.
    SourceTaggedVersioned,
    /// The same, and it names none.
    SourceTaggedCurrent,
    /// A header gives an ACL.
    AclHeader,
    /// A header gives an ACL other than `private`.
    OpenAclHeader,
    /// A header gives tags.
    TaggingHeader,
    /// The document gives tags.
    BodyTags,
    /// A header sets a retention.
    RetentionHeader,
    /// A header sets a legal hold.
    LegalHoldHeader,
    /// A header asks to bypass a governance retention.
    BypassHeader,
    /// A header makes a bucket with Object Lock.
    ObjectLockHeader,
    /// A header sets the ownership of objects.
    OwnershipHeader,
    /// `If-Match` is there.
    IfMatch,
    /// `If-Match`, or what the body has in its place, names an ETag rather than `*`.
    IfMatchEtag,
}

/// A key that the body of a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedKey {
    /// The key, as the service will use it.
    pub object_key: String,
    /// The version, if one is named.
    pub version_id: Option<String>,
    /// The ETag that the object must have, if one is named.
    pub etag: Option<String>,
}

/// What a typed input says that conditions ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stated {
    /// Tags in a header: URL query parameters.
    pub tagging: Option<String>,
    /// Tags in the document.
    pub tags: Option<Vec<(String, String)>>,
    /// Where the bucket is to be made.
    pub location_constraint: Option<String>,
}

/// What decides whether a question is asked, beside the headers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Circumstances<'a> {
    /// The version of the object or key.
    pub version_id: Option<&'a str>,
    /// The ETag that the body names for the key.
    pub etag: Option<&'a str>,
    /// Whether the copy source names a version.
    pub source_versioned: bool,
    /// Whether the source has tags that are to be copied.
    pub source_tagged: bool,
    /// Whether the document gives tags.
    pub body_tags: bool,
}

impl When {
    /// Whether the question is asked of this request.
    #[must_use]
    pub fn holds(self, head: &RequestHead, about: Circumstances<'_>) -> bool {
        let headers = &head.headers;
        let has = |name: &str| headers.contains_key(name);
        let is_set = |name| has(name) && !says(headers, name, "false");
        match self {
            Self::Always => true,
            Self::Versioned => about.version_id.is_some(),
            Self::Current => about.version_id.is_none(),
            Self::SourceVersioned => about.source_versioned,
            Self::SourceCurrent => !about.source_versioned,
            Self::SourceTagged => about.source_tagged,
            Self::SourceTaggedVersioned => about.source_tagged && about.source_versioned,
            Self::SourceTaggedCurrent => about.source_tagged && !about.source_versioned,
            Self::AclHeader => has(ACL) || has_grants(headers),
            Self::OpenAclHeader => {
                (has(ACL) && !says(headers, ACL, "private")) || has_grants(headers)
            }
            Self::TaggingHeader => has("x-amz-tagging"),
            Self::BodyTags => about.body_tags,
            Self::RetentionHeader => {
                has("x-amz-object-lock-mode") || has("x-amz-object-lock-retain-until-date")
            }
            Self::LegalHoldHeader => has("x-amz-object-lock-legal-hold"),
            Self::BypassHeader => is_set("x-amz-bypass-governance-retention"),
            Self::ObjectLockHeader => is_set("x-amz-bucket-object-lock-enabled"),
            Self::OwnershipHeader => has("x-amz-object-ownership"),
            Self::IfMatch => has("if-match"),
            Self::IfMatchEtag => {
                about.etag.is_some() || (has("if-match") && !says(headers, "if-match", "*"))
            }
        }
    }
}

/// Whether a header says exactly this, once, in whatever case.
///
/// SECURITY: what is said twice is not said; every row that depends on a value asks more then.
fn says(headers: &HeaderMap, name: &str, value: &str) -> bool {
    let mut values = headers.get_all(name).iter();
    let first = values.next().and_then(|first| first.to_str().ok());
    first.is_some_and(|first| first.trim().eq_ignore_ascii_case(value)) && values.next().is_none()
}

fn has_grants(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| name.as_str().starts_with("x-amz-grant-"))
}

const ACL: &str = "x-amz-acl";
