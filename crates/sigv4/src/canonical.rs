//! The canonical request: the one text that a signature is about.
//!
//! SPEC: access-control, 5.1.

use std::borrow::Cow;

use strongroom_crypto::sha256;

use crate::encode::{Part, PathEncoding, hex, raw_parameters, recode};
use crate::error::AuthError;
use crate::request::RequestView;

/// The names of the signed headers: lower-case, distinct, sorted, joined by `;`.
pub(crate) struct SignedHeaders<'a>(Cow<'a, str>);

impl<'a> SignedHeaders<'a> {
    /// Reads a list of names; `None` if one is no lower-case header name, or comes twice.
    pub(crate) fn parse(text: Cow<'a, str>) -> Option<Self> {
        let mut names: Vec<&str> = Vec::new();
        for name in text.split(';') {
            if names.len() >= SIGNED_HEADERS_MAX || name.is_empty() || !is_lower_token(name) {
                return None;
            }
            names.push(name);
        }
        if names.is_sorted_by(|first, second| first < second) {
            return Some(Self(text));
        }
        names.sort_unstable();
        if !names.is_sorted_by(|first, second| first < second) {
            return None;
        }
        Some(Self(Cow::Owned(names.join(";"))))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split(';')
    }

    /// Judges the list against the headers that are there: `host` and every `x-amz-*` header must
    /// be in it, and nothing that is absent.
    ///
    /// SECURITY: an unsigned `x-amz-*` header could be added by anyone on the way or by whoever
    /// holds a presigned URL, and changes what the request does.
    pub(crate) fn check(&self, request: &RequestView<'_>) -> Result<(), AuthError> {
        if request.headers.len() > HEADERS_MAX {
            return Err(AuthError::TooManyHeaders);
        }
        let mut unsigned: Vec<String> = Vec::new();
        if !self.contains("host") {
            unsigned.push("host".to_owned());
        }
        for (name, _) in request.headers {
            if must_be_signed(name) && !self.contains(name) && unsigned.len() < UNSIGNED_NAMED_MAX {
                unsigned.push(name.to_ascii_lowercase());
            }
        }
        if !unsigned.is_empty() {
            unsigned.sort_unstable();
            unsigned.dedup();
            return Err(AuthError::HeadersNotSigned { names: unsigned.join(", ") });
        }
        // SECURITY: the host takes part in routing, so there is one.
        request.single("host")?;
        match self.names().find(|name| request.values(name).next().is_none()) {
            Some(name) => Err(AuthError::SignedHeaderAbsent { name: name.to_owned() }),
            None => Ok(()),
        }
    }

    fn contains(&self, name: &str) -> bool {
        self.names().any(|signed| signed.eq_ignore_ascii_case(name))
    }
}

/// Builds the canonical request.
pub(crate) fn canonical_request(
    request: &RequestView<'_>,
    path_encoding: PathEncoding,
    signed_headers: &SignedHeaders<'_>,
    payload: &str,
) -> Result<Vec<u8>, AuthError> {
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(request.method.as_bytes());
    out.push(b'\n');
    out.extend_from_slice(path_encoding.canonical_path(request.path)?.as_bytes());
    out.push(b'\n');
    push_query(&mut out, request.query)?;
    out.push(b'\n');
    for name in signed_headers.names() {
        out.extend_from_slice(name.as_bytes());
        let mut separator = b':';
        for value in request.values(name) {
            out.push(separator);
            push_trimmed(&mut out, value);
            separator = b',';
        }
        out.push(b'\n');
    }
    out.push(b'\n');
    out.extend_from_slice(signed_headers.0.as_bytes());
    out.push(b'\n');
    out.extend_from_slice(payload.as_bytes());
    Ok(out)
}

/// Builds the string to sign from a canonical request.
pub(crate) fn string_to_sign(amz_date: &str, scope: &str, canonical_request: &[u8]) -> String {
    let digest = hex(&sha256(canonical_request));
    [ALGORITHM, amz_date, scope, digest.as_str()].join("\n")
}

/// Name and value encoded, sorted by name, then value, without the signature itself.
fn push_query(out: &mut Vec<u8>, query: &str) -> Result<(), AuthError> {
    let mut parameters = Vec::new();
    for (name, value) in raw_parameters(query) {
        let (name, value) = (recode(name, Part::Query)?, recode(value, Part::Query)?);
        if name != "X-Amz-Signature" {
            parameters.push((name, value));
        }
    }
    parameters.sort_unstable();
    for (index, (name, value)) in parameters.iter().enumerate() {
        if index > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        out.extend_from_slice(value.as_bytes());
    }
    Ok(())
}

/// The value without blanks around it, runs of blanks inside it as one space.
fn push_trimmed(out: &mut Vec<u8>, value: &[u8]) {
    let start = out.len();
    for word in value.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty()) {
        if out.len() > start {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}

fn must_be_signed(name: &str) -> bool {
    name.get(..6).is_some_and(|prefix| prefix.eq_ignore_ascii_case("x-amz-"))
}

fn is_lower_token(name: &str) -> bool {
    let token = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte)
    };
    name.bytes().all(token)
}

/// The algorithm that this crate verifies.
pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The asymmetric sister of it, known by name only.
pub(crate) const ALGORITHM_V4A: &str = "AWS4-ECDSA-P256-SHA256";

/// More headers than the front door lets in; bounds the search for each signed name.
const HEADERS_MAX: usize = 256;

/// As many as there can be headers.
const SIGNED_HEADERS_MAX: usize = 256;

/// How many unsigned headers an error names.
const UNSIGNED_NAMED_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn trimmed(value: &str) -> String {
        let mut out = b"x:".to_vec();
        push_trimmed(&mut out, value.as_bytes());
        String::from_utf8(out).unwrap()
    }

    fn canonical_query(query: &str) -> String {
        let mut out = Vec::new();
        push_query(&mut out, query).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn header_values_are_trimmed_and_collapsed() {
        assert_eq!(trimmed("  a   b\t\tc "), "x:a b c");
        assert_eq!(trimmed(" \t "), "x:");
        assert_eq!(trimmed("\"a   b\""), "x:\"a b\"");
    }

    #[test]
    fn queries_are_sorted_by_encoded_name_then_value() {
        assert_eq!(canonical_query("b=2&a=2&a=1&B"), "B=&a=1&a=2&b=2");
        assert_eq!(canonical_query("a-=1&a=2"), "a=2&a-=1");
        assert_eq!(canonical_query("acl"), "acl=");
        assert_eq!(canonical_query("k=a=b"), "k=a%3Db");
        assert_eq!(canonical_query("&&a=1&"), "a=1");
        assert_eq!(canonical_query("=v"), "=v");
        assert_eq!(canonical_query("p=a%2fb%20c+d"), "p=a%2Fb%20c%20d");
        assert_eq!(canonical_query("X-Amz-Signature=1&a=1"), "a=1");
        assert_eq!(canonical_query("x-amz-signature=1"), "x-amz-signature=1");
    }

    #[test]
    fn signed_headers_are_distinct_lower_case_names() {
        let parse = |text: &'static str| {
            SignedHeaders::parse(Cow::Borrowed(text)).map(|list| list.0.into_owned())
        };
        assert_eq!(parse("host;x-amz-date").as_deref(), Some("host;x-amz-date"));
        assert_eq!(parse("x-amz-date;host").as_deref(), Some("host;x-amz-date"));
        for bad in ["", ";", "host;", "host;;range", "Host", "host;host", "a b", "a\nb", "b;a;b"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }
}
