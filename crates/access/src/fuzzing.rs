//! Fuzz targets of this crate: plain functions over bytes that assert what must always hold.
//!
//! Not part of the API; built for tests and for the fuzzer only.

use data_encoding::BASE64;
use strongroom_sigv4::SignatureVersion;
use strongroom_types::Timestamp;
use strongroom_wire::FormFields;

use crate::{FormPolicy, FormQuestion};

/// A target: its name, which is that of its corpus, and the function.
pub type FuzzTarget = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[FuzzTarget] = &[("form_policy", form_policy)];

/// Policies of forms: whatever is read, a field that no condition speaks of is refused, and so is
/// everything once the policy has expired.
pub fn form_policy(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = FormPolicy::parse(text);
    }
    let Ok(policy) = FormPolicy::parse(&BASE64.encode(bytes)) else {
        return;
    };
    let (Ok(bucket), Ok(late)) = ("bucket".parse(), Timestamp::from_seconds(253_402_300_799))
    else {
        return;
    };
    let mut fields = FormFields::default();
    for (name, value) in [("key", "user/a.txt"), ("acl", "private"), ("Content-Type", "a/b")] {
        let _ = fields.push(name.to_owned(), value.to_owned());
    }
    let judge = |fields: &FormFields, now| {
        let version = SignatureVersion::V4;
        policy.judge(&FormQuestion { fields, bucket: &bucket, version, now })
    };
    if let Ok(range) = judge(&fields, Timestamp::EPOCH) {
        assert!(range.bytes_min <= range.bytes_max || range.bytes_max == 0);
    }
    assert!(judge(&fields, late).is_err(), "a policy ends");
    let name = "x-amz-meta-never-mentioned-by-any-corpus";
    if !String::from_utf8_lossy(bytes).contains("never-mentioned") {
        let _ = fields.push(name.to_owned(), "x".to_owned());
        assert!(judge(&fields, Timestamp::EPOCH).is_err(), "a field is covered or refused");
    }
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;
