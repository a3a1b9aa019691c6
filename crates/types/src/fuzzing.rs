//! Fuzz targets of this crate: plain functions over bytes that assert what must always hold.
//!
//! Not part of the API; built for tests and for the fuzzer only.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use crate::{
    AccessKeyId, AccountId, Arn, BucketName, ObjectKey, Region, RequestId, Timestamp, VersionId,
};

/// A target: its name, which is that of its corpus, and the function.
pub type FuzzTarget = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[FuzzTarget] = &[("names", names), ("dates", dates)];

/// Names and ids: what is accepted is printed as it came, and keeps its promises.
pub fn names(bytes: &[u8]) {
    if let Ok(key) = ObjectKey::from_bytes(bytes) {
        assert_eq!(key.as_str().as_bytes(), bytes);
        assert!((1..=ObjectKey::BYTES_MAX).contains(&bytes.len()));
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Some(bucket) = same::<BucketName>(text) {
        assert!((3..=63).contains(&bucket.as_str().len()));
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
        assert!(bucket.as_str().bytes().all(plain), "a bucket name is one or more DNS labels");
    }
    let account = same::<AccountId>(text);
    if let Some(account) = account {
        assert_eq!(AccountId::from_number(account.number()), Ok(account));
    }
    same::<AccessKeyId>(text);
    same::<Region>(text);
    same::<VersionId>(text);
    same::<Arn>(text);
    if let Ok(id) = text.parse::<RequestId>() {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
}

/// Dates in all forms: what is read is in range, and can be written and read again.
pub fn dates(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let read = [
        Timestamp::parse_amz_date(text),
        Timestamp::parse_iso8601(text),
        Timestamp::parse_http_date(text),
    ];
    for moment in read.into_iter().flatten() {
        assert_eq!(Timestamp::from_micros(moment.micros()), Ok(moment));
        let second = Ok(moment.floor_to_second());
        assert_eq!(Timestamp::parse_amz_date(&moment.to_amz_date()), second);
        assert_eq!(Timestamp::parse_http_date(&moment.to_http_date()), second);
        let milli = Timestamp::from_micros(moment.micros() / 1000 * 1000);
        assert_eq!(Timestamp::parse_iso8601(&moment.to_iso8601()), milli);
        assert!(moment.to_amz_date().starts_with(&moment.to_scope_date()));
    }
}

/// The value of a text that is printed exactly as it was read.
fn same<T: FromStr + Display + PartialEq + Debug>(text: &str) -> Option<T> {
    let value: T = text.parse().ok()?;
    assert_eq!(value.to_string(), text, "a name has one spelling");
    Some(value)
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;
