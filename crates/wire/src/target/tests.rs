//! Tests of target parsing.

use http::{HeaderMap, Method};
use proptest::prelude::*;

use super::*;

fn head(host: &str, path: &str) -> RequestHead {
    let mut headers = HeaderMap::new();
    headers.insert("host", host.parse().unwrap());
    RequestHead::new(Method::GET, path, "", headers).unwrap()
}

fn target(host: &str, path: &str) -> Result<Target, TargetError> {
    let rules = HostRules::new(["s3.localhost", "eu.s3.localhost", "store.example"]);
    parse_target(&head(host, path), &rules)
}

#[track_caller]
fn check(host: &str, path: &str, bucket: Option<&str>, key: Option<&str>) {
    let found = target(host, path).unwrap();
    assert_eq!(found.bucket.as_ref().map(BucketName::as_str), bucket, "{path}");
    assert_eq!(found.object_key.as_ref().map(ObjectKey::as_str), key, "{path}");
}

#[test]
fn a_path_names_bucket_and_key() {
    for host in ["localhost:9000", "127.0.0.1", "[::1]:9000", "s3.localhost", "other.example:80"] {
        check(host, "/", None, None);
        check(host, "/bucket", Some("bucket"), None);
        check(host, "/bucket/", Some("bucket"), None);
        check(host, "/bucket/a/b", Some("bucket"), Some("a/b"));
        check(host, "/bucket//a", Some("bucket"), Some("/a"));
        check(host, "/bucket/a/", Some("bucket"), Some("a/"));
    }
}

#[test]
fn a_host_names_the_bucket() {
    check("bucket.s3.localhost:9000", "/", Some("bucket"), None);
    check("bucket.s3.localhost", "/a/b", Some("bucket"), Some("a/b"));
    check("BUCKET.S3.LOCALHOST", "/a", Some("bucket"), Some("a"));
    check("bucket.s3.localhost.", "/a", Some("bucket"), Some("a"));
    check("my.bucket.store.example", "/a", Some("my.bucket"), Some("a"));
    // A base domain is no bucket of another one.
    check("eu.s3.localhost", "/bucket/a", Some("bucket"), Some("a"));
    check("s3.localhost:9000", "/bucket/a", Some("bucket"), Some("a"));
    // The longest base domain wins.
    check("bucket.eu.s3.localhost", "/a", Some("bucket"), Some("a"));
    check("notstore.example", "/bucket/a", Some("bucket"), Some("a"));
    let found = target("bucket.s3.localhost", "/a").unwrap();
    assert_eq!((found.addressing, found.shape), (Addressing::VirtualHost, PathShape::Object));
}

#[test]
fn a_key_is_decoded_exactly_once() {
    for (path, key) in [
        ("/b-b/a%20b", "a b"),
        ("/b-b/a+b", "a+b"),
        ("/b-b/a%2Bb", "a+b"),
        ("/b-b/a%2Fb", "a/b"),
        ("/b-b/%2e%2E/x", "../x"),
        ("/b-b/../x", "../x"),
        ("/b-b/%2525", "%25"),
        ("/b-b/%C3%A9", "é"),
        ("/b-b/%00", "\0"),
        ("/b-b/a%3Fb", "a?b"),
        ("/b-b/%2F", "/"),
    ] {
        check("localhost", path, Some("b-b"), Some(key));
    }
    check("localhost", "/%62ucket/a", Some("bucket"), Some("a"));
}

#[test]
fn an_encoded_slash_does_not_move_the_border_of_the_bucket() {
    let refused = target("localhost", "/bucket%2Fa/b");
    assert!(matches!(refused, Err(TargetError::InvalidBucketName { .. })), "{refused:?}");
}

#[test]
fn paths_that_cannot_be_decoded_are_refused() {
    for path in ["/bucket/%", "/bucket/%2", "/bucket/%zz", "/bucket/a%FF", "/bucket/%C3", "/%ff/a"]
    {
        assert_eq!(target("localhost", path), Err(TargetError::InvalidUri), "{path}");
    }
    // Overlong forms of `/` and `.`.
    for path in ["/bucket/%C0%AF", "/bucket/%C0%AE", "/bucket/%E0%80%AF", "/bucket/%ED%A0%80"] {
        assert_eq!(target("localhost", path), Err(TargetError::InvalidUri), "{path}");
    }
    assert_eq!(target("localhost", "*"), Err(TargetError::InvalidUri));
    assert_eq!(target("localhost", ""), Err(TargetError::InvalidUri));
}

#[test]
fn names_that_no_bucket_has_are_refused() {
    for path in ["/Bucket", "//key", "/b_b/x", "/../x", "/-/live", "/v2.%2e/x", "/192.168.0.1/x"] {
        let refused = target("localhost", path);
        assert!(matches!(refused, Err(TargetError::InvalidBucketName { .. })), "{path}");
    }
    let refused = target("a_b.s3.localhost", "/");
    assert!(matches!(refused, Err(TargetError::InvalidBucketName { .. })));
}

#[test]
fn the_longest_key_is_measured_after_decoding() {
    let longest = format!("/bucket/{}", "%41".repeat(1024));
    assert!(target("localhost", &longest).is_ok());
    let refused = target("localhost", &format!("{longest}%41"));
    assert_eq!(refused, Err(TargetError::KeyTooLong { key_bytes: 1025 }));
}

#[test]
fn exactly_one_host_is_needed() {
    let rules = HostRules::default();
    let mut request = head("localhost", "/");
    request.headers.append("host", "other".parse().unwrap());
    assert_eq!(parse_target(&request, &rules), Err(TargetError::BadHost));
    request.headers.clear();
    assert_eq!(parse_target(&request, &rules), Err(TargetError::BadHost));
    for host in ["", "a b", "a/b", "user@host", "host:80x", "[::1", "[::1]x", "a,b", "h:1:2"] {
        assert_eq!(target(host, "/"), Err(TargetError::BadHost), "{host}");
    }
    assert_eq!(target(&"a".repeat(256), "/"), Err(TargetError::BadHost));
}

#[test]
fn a_path_of_its_own_is_no_bucket() {
    let found = target("localhost", "/WriteGetObjectResponse").unwrap();
    assert_eq!(found.shape, PathShape::Fixed("/WriteGetObjectResponse"));
}

/// An independent copy of what a signature covers for S3: each byte of the path decoded once, and
/// all but unreserved ones and slashes encoded again.
fn canonical_path(raw: &str) -> String {
    let bytes = raw.as_bytes();
    let mut canonical = String::new();
    let mut at = 0;
    while at < bytes.len() {
        let byte = match bytes[at] {
            b'%' => {
                let digits = std::str::from_utf8(&bytes[at + 1..at + 3]).unwrap();
                at += 2;
                u8::from_str_radix(digits, 16).unwrap()
            }
            other => other,
        };
        at += 1;
        canonical.push_str(&encode(byte));
    }
    canonical
}

fn encode(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// What the signature covers is the object that is served, and no other.
    #[test]
    fn the_key_is_the_one_that_was_signed(raw in "([a-z%+./~?é ]|%[0-9a-fA-F]{2}|%2[fF]|%00){0,40}") {
        let path = format!("/bucket/{raw}");
        match target("localhost", &path) {
            Ok(Target { object_key: Some(key), .. }) => {
                let encoded: String = key.as_str().bytes().map(encode).collect();
                prop_assert_eq!(format!("/bucket/{encoded}"), canonical_path(&path));
            }
            Ok(_) => prop_assert!(raw.is_empty()),
            Err(error) => {
                let decoded = percent_decode(&raw);
                let valid = decoded.is_some_and(|bytes| String::from_utf8(bytes).is_ok());
                prop_assert_eq!(error, TargetError::InvalidUri);
                prop_assert!(!valid);
            }
        }
    }

    #[test]
    fn every_key_survives_encoding(key in "\\PC{1,80}") {
        let encoded: String = key.bytes().map(encode).collect();
        let found = target("bucket.store.example", &format!("/{encoded}")).unwrap();
        prop_assert_eq!(found.object_key.map(|found| found.to_string()), Some(key));
    }

    #[test]
    fn nothing_panics(host in ".{0,30}", path in ".{0,60}") {
        let mut headers = HeaderMap::new();
        if let Ok(value) = http::HeaderValue::from_str(&host) {
            headers.insert("host", value);
        }
        if let Ok(head) = RequestHead::new(Method::GET, &path, &host, headers) {
            let _ = parse_target(&head, &HostRules::new(["a.b"]));
        }
    }
}
