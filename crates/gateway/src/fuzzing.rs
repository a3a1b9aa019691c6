//! Fuzz targets of this crate: plain functions over bytes that assert what must always hold.
//!
//! Not part of the API; built for tests and for the fuzzer only.

use http::{Request, Version};
use strongroom_crypto::SecretText;
use strongroom_sigv4::PayloadMode;
use strongroom_sigv4::sign::{Credentials, Signer};
use strongroom_types::Timestamp;
use strongroom_wire::{HostRules, RequestHead, parse_target};

use crate::intake;

/// A target: its name, which is that of its corpus, and the function.
pub type FuzzTarget = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[FuzzTarget] =
    &[("intake", intake_head), ("one_meaning", one_meaning), ("http_heads", http_heads)];

/// Heads as they come from hyper: within limits and framed in one way, or refused.
///
/// The input is a head as text.
pub fn intake_head(bytes: &[u8]) {
    let Some(request) = heads::head(bytes) else {
        return;
    };
    let target = format!("{}?{}", request.raw_path, request.raw_query);
    let mut builder =
        Request::builder().version(Version::HTTP_11).method(request.method).uri(target);
    if let Some(headers) = builder.headers_mut() {
        *headers = request.headers;
    }
    let Ok(whole) = builder.body(()) else {
        return;
    };
    let lengths = whole.headers().get_all("content-length").iter().count();
    let codings = whole.headers().get_all("transfer-encoding").iter().count();
    let absolute = whole.uri().authority().is_some();
    match intake::head(whole.into_parts().0) {
        Ok(head) => {
            assert!(lengths + codings <= 1 && !absolute, "a request is framed in one way");
            assert!(head.raw_path.len() + head.raw_query.len() <= 16 * 1024);
        }
        Err(error) => assert!(error.status == 400 || error.status == 431, "{}", error.status),
    }
}

/// Heads as they come off the wire: the verdict on a whole head does not depend on how much of it
/// or of what follows is there, and each request is framed in one way.
pub fn http_heads(bytes: &[u8]) {
    let whole = crate::heads::judge(bytes);
    if let Ok(Some(head)) = whole {
        let text = bytes.get(..head.head_bytes).unwrap_or_default();
        assert!(text.ends_with(b"\r\n\r\n"), "a head ends in an empty line");
        assert_eq!(crate::heads::judge(text), whole, "what follows decides nothing");
        let short = text.len() <= 2048;
        for end in (0..text.len()).filter(|_| short) {
            let part = crate::heads::judge(text.get(..end).unwrap_or_default());
            assert_eq!(part, Ok(None), "a good head is not refused early");
        }
        let lower = String::from_utf8_lossy(text).to_ascii_lowercase();
        let named = |name: &str| lower.matches(&format!("\n{name}:")).count();
        assert_eq!(named("host"), 1);
        assert!(named("content-length") + named("transfer-encoding") <= 1);
    }
    if let Err(error) = whole {
        let longer = [bytes, b"\r\n\r\n"].concat();
        let still = crate::heads::judge(&longer);
        assert!(still.is_err(), "{error} and then not");
    }
}

/// What is signed is what is read: a path or query that is spelled anew from what the router reads
/// has the same signature, so no spelling leads elsewhere than the signer meant.
///
/// The input is a head as text.
pub fn one_meaning(bytes: &[u8]) {
    let Some(head) = heads::head(bytes) else {
        return;
    };
    let Ok(target) = parse_target(&head, &HostRules::default()) else {
        return;
    };
    let key = target.object_key.as_ref().map(|key| encoded(key.as_str()));
    let path = match (&target.bucket, key) {
        (None, _) => return,
        (Some(bucket), Some(key)) => format!("/{bucket}/{key}"),
        // `/bucket` and `/bucket/` are one target, and two paths to sign.
        (Some(bucket), None) => {
            let slash = if head.raw_path.ends_with('/') { "/" } else { "" };
            format!("/{bucket}{slash}")
        }
    };
    let mut query = String::new();
    for (name, value) in head.query.iter() {
        let value = value.unwrap_or_default();
        query.push_str(&format!("&{}={}", encoded(name), encoded(value)));
    }
    let signature = |path: &str, query: &str| {
        let request = strongroom_sigv4::RequestView {
            method: head.method.as_str(),
            path,
            query,
            headers: &[("host", b"localhost")],
        };
        signer().sign_headers(&request, PayloadMode::Unsigned).ok().map(|signed| signed.headers)
    };
    let sent = signature(&head.raw_path, &head.raw_query);
    assert!(sent.is_some(), "what can be read can be signed");
    assert_eq!(sent, signature(&path, &query), "two meanings under one signature");
}

fn signer() -> Signer {
    let credentials = Credentials {
        access_key_id: "AKIAIOSFODNN7EXAMPLE",
        secret_access_key: &SecretText::new("secret".to_owned()),
        session_token: None,
    };
    Signer::new(&credentials, "us-east-1", "s3", Timestamp::EPOCH)
}

/// Percent-encoding of every byte.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[path = "../../../fuzz/heads.rs"]
mod heads;

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;
