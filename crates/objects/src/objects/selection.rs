//! Which bytes of an object a read asks for.
//!
//! SPEC: data-protection, 1.10 ("GET/HEAD by part"); RFC 9110, 14.

use strongroom_types::Timestamp;

use crate::payload::ByteRange;
use crate::records::{Etag, ObjectRecord};

/// Which bytes of an object a read asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Selection {
    /// All.
    #[default]
    Whole,
    /// A range.
    Range {
        /// The range.
        range: RangeSpec,
        /// The header as it came, for the error.
        text: String,
        /// Which object the range is meant of; of another one the whole is answered.
        if_range: Option<IfRange>,
    },
    /// One part of an object that was written in parts.
    Part(u32),
}

/// The value of `If-Range`: which object a range is meant of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfRange {
    /// The one with this ETag.
    Etag(Etag),
    /// The one that was written in exactly this second.
    Date(Timestamp),
    /// None that there can be: a weak ETag, or what is neither ETag nor date.
    Nothing,
}

impl IfRange {
    /// Reads the header. RFC 9110, 13.1.5: the comparison is a strong one.
    pub(crate) fn parse(text: &str) -> Self {
        let text = text.trim();
        match (text.parse(), Timestamp::parse_http_date(text)) {
            (Ok(etag), _) => Self::Etag(etag),
            (Err(_), Ok(date)) => Self::Date(date),
            (Err(_), Err(_)) => Self::Nothing,
        }
    }

    /// Whether the range is meant of this object.
    pub(crate) fn means(self, object: &ObjectRecord) -> bool {
        match self {
            Self::Etag(etag) => etag == object.etag,
            Self::Date(date) => date == object.last_modified.floor_to_second(),
            Self::Nothing => false,
        }
    }
}

/// A range of bytes that is not yet cut to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RangeSpec {
    /// From the first byte to the last.
    FromTo(u64, u64),
    /// From a byte to the end.
    From(u64),
    /// So many bytes at the end.
    Last(u64),
}

impl RangeSpec {
    /// Reads the value of a `Range` header. What is malformed, or more than one range, is no
    /// range: the whole object is answered then, as by S3.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (unit, range) = text.split_once('=')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (first, last) = range.trim().split_once('-')?;
        match (first.trim(), last.trim()) {
            ("", last) => number(last).map(Self::Last),
            (first, "") => number(first).map(Self::From),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::FromTo(first, last))
            }
        }
    }

    /// The range inside an object of this length; `None` if it holds no byte of it.
    pub(crate) fn within(self, object_bytes: u64) -> Option<ByteRange> {
        let last_byte = object_bytes.checked_sub(1)?;
        let (start, end_inclusive) = match self {
            Self::FromTo(first, last) => (first, last.min(last_byte)),
            Self::From(first) => (first, last_byte),
            Self::Last(0) => return None,
            Self::Last(bytes) => (object_bytes.saturating_sub(bytes), last_byte),
        };
        (start <= last_byte).then_some(ByteRange { start, end_inclusive })
    }
}

/// Digits only; a number beyond 64 bits is beyond every object.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, object_bytes: u64, expected: Option<(u64, u64)>) {
        let range = RangeSpec::parse(text).unwrap().within(object_bytes);
        assert_eq!(range.map(|range| (range.start, range.end_inclusive)), expected, "{text}");
    }

    #[test]
    fn ranges_are_cut_to_the_object() {
        check("bytes=0-0", 10, Some((0, 0)));
        check("bytes=2-5", 10, Some((2, 5)));
        check("bytes=2-50", 10, Some((2, 9)));
        check("bytes=9-", 10, Some((9, 9)));
        check("bytes=10-", 10, None);
        check("bytes=10-20", 10, None);
        check("bytes=-1", 10, Some((9, 9)));
        check("bytes=-10", 10, Some((0, 9)));
        check("bytes=-99", 10, Some((0, 9)));
        check("bytes=-0", 10, None);
        check("bytes=0-", 0, None);
        check("bytes=-5", 0, None);
        check("Bytes = 1 - 2", 10, Some((1, 2)));
        check("bytes=0-99999999999999999999999", 10, Some((0, 9)));
        check("bytes=99999999999999999999999-", 10, None);
        check("bytes=-99999999999999999999999", 10, Some((0, 9)));
    }

    #[test]
    fn what_is_no_single_range_is_none() {
        for text in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-2",
            "bytes=1-2,4-5",
            "items=0-1",
            "bytes=+1-2",
            "bytes=1",
            "bytes=--1",
            "bytes=1-2-3",
            "0-1",
        ] {
            assert_eq!(RangeSpec::parse(text), None, "{text}");
        }
    }
}
