//! Conditions on reads, writes and deletions.
//!
//! SPEC: data-protection, 1.11. Pure: a condition is judged against what is known of the current
//! version, and against nothing else.

use strongroom_types::Timestamp;

use crate::records::{Etag, ObjectRecord};

/// Conditions of a read, or on the source of a copy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ReadConditions {
    /// The ETag must be one of these.
    pub(crate) if_match: Option<String>,
    /// The ETag must be none of these.
    pub(crate) if_none_match: Option<String>,
    /// The object must have been written later.
    pub(crate) if_modified_since: Option<Timestamp>,
    /// The object must not have been written later.
    pub(crate) if_unmodified_since: Option<Timestamp>,
}

/// What the conditions of a read say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadVerdict {
    /// Answer the object.
    Proceed,
    /// The client has it already: 304.
    NotModified(Condition),
    /// The object is not the one that the client means: 412.
    Failed(Condition),
}

/// The name of a condition that did not hold, as S3 prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    Match,
    NoneMatch,
    ModifiedSince,
    UnmodifiedSince,
    MatchSize,
    MatchLastModifiedTime,
}

impl Condition {
    /// The header's name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Match => "If-Match",
            Self::NoneMatch => "If-None-Match",
            Self::ModifiedSince => "If-Modified-Since",
            Self::UnmodifiedSince => "If-Unmodified-Since",
            Self::MatchSize => "x-amz-if-match-size",
            Self::MatchLastModifiedTime => "x-amz-if-match-last-modified-time",
        }
    }
}

impl ReadConditions {
    /// Judges an object.
    pub(crate) fn judge(&self, object: &ObjectRecord) -> ReadVerdict {
        let last_modified = object.last_modified.floor_to_second();
        match (&self.if_match, self.if_unmodified_since) {
            (Some(etags), _) if !names(etags, &object.etag) => {
                return ReadVerdict::Failed(Condition::Match);
            }
            (None, Some(date)) if last_modified > date => {
                return ReadVerdict::Failed(Condition::UnmodifiedSince);
            }
            _ => {}
        }
        match (&self.if_none_match, self.if_modified_since) {
            (Some(etags), _) if names(etags, &object.etag) => {
                ReadVerdict::NotModified(Condition::NoneMatch)
            }
            (None, Some(date)) if last_modified <= date => {
                ReadVerdict::NotModified(Condition::ModifiedSince)
            }
            _ => ReadVerdict::Proceed,
        }
    }
}

/// Conditions of a write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum WriteCondition {
    /// None: the last writer wins.
    #[default]
    Always,
    /// There must be no current object.
    Absent,
    /// The current object must have this ETag, given as the client wrote it.
    Match(String),
}

/// Why a condition on a write was not understood. Answered with `NotImplemented`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WriteConditionError {
    /// Both headers are there.
    #[error("`If-Match` and `If-None-Match` together are not implemented")]
    Both,
    /// `If-None-Match` names an ETag.
    #[error("`If-None-Match` with another value than `*` is not implemented")]
    NoneMatchEtag,
}

/// Why a write or deletion is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteRefusal {
    /// The current object is not the one that the client means: 412.
    Failed(Condition),
    /// A condition asks for an object, and there is none: 404.
    NoObject,
}

impl WriteCondition {
    /// The condition that these headers state.
    pub(crate) fn new(
        if_match: Option<String>,
        if_none_match: Option<String>,
    ) -> Result<Self, WriteConditionError> {
        match (if_match, if_none_match.as_deref().map(str::trim)) {
            (Some(_), Some(_)) => Err(WriteConditionError::Both),
            (Some(etag), None) => Ok(Self::Match(etag)),
            (None, Some("*")) => Ok(Self::Absent),
            (None, Some(_)) => Err(WriteConditionError::NoneMatchEtag),
            (None, None) => Ok(Self::Always),
        }
    }

    /// Judges the current version of the key; a delete marker counts as no object.
    pub(crate) fn judge(&self, current: Option<&ObjectRecord>) -> Result<(), WriteRefusal> {
        let current = current.filter(|record| !record.is_delete_marker());
        match (self, current) {
            (Self::Always, _) | (Self::Absent, None) => Ok(()),
            (Self::Absent, Some(_)) => Err(WriteRefusal::Failed(Condition::NoneMatch)),
            (Self::Match(_), None) => Err(WriteRefusal::NoObject),
            (Self::Match(etags), Some(object)) if names(etags.as_str(), &object.etag) => Ok(()),
            (Self::Match(_), Some(_)) => Err(WriteRefusal::Failed(Condition::Match)),
        }
    }
}

/// Conditions of a deletion. They ask nothing of a key that has no version; a delete marker is a
/// version without an ETag and without bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DeleteConditions {
    /// The ETag must be one of these.
    pub(crate) if_match: Option<String>,
    /// The object must have this many bytes.
    pub(crate) if_match_size: Option<u64>,
    /// The object must have been written in this second.
    pub(crate) if_match_last_modified: Option<Timestamp>,
}

impl DeleteConditions {
    /// Whether anything is asked at all.
    pub(crate) fn is_any(&self) -> bool {
        *self != Self::default()
    }

    /// Judges the version that is to be deleted.
    pub(crate) fn judge(&self, object: &ObjectRecord) -> Result<(), Condition> {
        let named = |etags: &str| match object.is_delete_marker() {
            true => etags.split(',').any(|text| text.trim() == "*"),
            false => names(etags, &object.etag),
        };
        if self.if_match.as_deref().is_some_and(|etags| !named(etags)) {
            return Err(Condition::Match);
        }
        if self.if_match_size.is_some_and(|bytes| bytes != object.object_bytes) {
            return Err(Condition::MatchSize);
        }
        let written = object.last_modified.floor_to_second();
        if self.if_match_last_modified.is_some_and(|date| date.floor_to_second() != written) {
            return Err(Condition::MatchLastModifiedTime);
        }
        Ok(())
    }
}

/// Whether a list of ETags, quoted or bare, or `*`, names this one.
fn names(etags: &str, etag: &Etag) -> bool {
    etags.split(',').map(str::trim).any(|text| {
        let strong = text.strip_prefix("W/").unwrap_or(text);
        strong == "*" || strong.parse() == Ok(*etag)
    })
}

#[cfg(test)]
mod tests;
