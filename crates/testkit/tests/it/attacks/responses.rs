//! What comes out again: nothing that a client stored or sent becomes a header, an element or a
//! second answer.

use data_encoding::BASE64;
use strongroom_testkit::{Call, Reply};

use super::assert_refused;
use crate::world::{BUCKET, KEY, World};

fn send(world: &World, method: &str, target: &str) -> Reply {
    world.server.send_signed(world.server.call(method, target)).unwrap()
}

#[test]
fn stored_metadata_never_becomes_a_header_of_its_own() {
    let world = World::new();
    let injected = BASE64.encode(b"a\r\nx-evil: 1\r\n\r\nHTTP/1.1 200 OK");
    let values = [
        format!("=?UTF-8?B?{injected}?="),
        "=?UTF-8?Q?a=0D=0Ax-evil:_1?=".to_owned(),
        "=?UTF-8?Q?a=00b?=".to_owned(),
        "a%0d%0ax-evil:%201".to_owned(),
        "a\u{85}x-evil: 1".to_owned(),
        "a\u{2028}x-evil: 1".to_owned(),
        "\u{10a}\u{10d}x-evil: 1".to_owned(),
    ];
    for (number, value) in values.iter().enumerate() {
        for header in [
            "x-amz-meta-a",
            "content-disposition",
            "content-type",
            "cache-control",
            "x-amz-website-redirect-location",
        ] {
            let target = format!("/{BUCKET}/m{number}");
            let put = world.server.call("PUT", &target).header(header, value).body("x");
            let put = world.server.send_signed(put).unwrap();
            assert!(matches!(put.status, 200 | 400 | 501), "{header} `{value}`: {put:?}");
            if put.status != 200 {
                continue;
            }
            for method in ["GET", "HEAD"] {
                let reply = send(&world, method, &target);
                assert_eq!(reply.status, 200, "{header} `{value}`: {reply:?}");
                assert!(reply.headers.iter().all(|(name, _)| name != "x-evil"), "{reply:?}");
            }
        }
    }
}

/// A metadata name is a header name: it must not become one that means something.
#[test]
fn a_metadata_name_stays_behind_its_prefix() {
    let world = World::new();
    let target = format!("/{BUCKET}/named");
    let put = world.server.call("PUT", &target).body("x");
    let put = put.header("x-amz-meta-content-length", "99").header("x-amz-meta-", "empty");
    let put = world.server.send_signed(put).unwrap();
    assert!(matches!(put.status, 200 | 400), "{put:?}");
    if put.status == 200 {
        let reply = send(&world, "GET", &target);
        assert_eq!(
            (reply.header("content-length"), reply.body.as_slice()),
            (Some("1"), b"x".as_slice())
        );
    }
}

#[test]
fn response_overrides_are_header_values_or_refused() {
    let world = World::new();
    let names = [
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-type",
        "expires",
    ];
    for name in names {
        for value in [
            "a%0d%0ax-evil:%201",
            "a%0ax-evil:%201",
            "a%0dx",
            "a%00",
            "%01",
            "%7f",
            "a%0d%0a%0d%0aHTTP/1.1",
        ] {
            let target = format!("/{BUCKET}/{KEY}?response-{name}={value}");
            let call = world.server.call("GET", &target);
            let call = call.sign(&world.server.signer(world.server.main())).unwrap();
            let reply = assert_refused(&world, &target, &call.to_bytes()).unwrap();
            assert_eq!(reply.status, 400, "{target}");
        }
        let target = format!(
            "/{BUCKET}/{KEY}?response-{name}=Thu%2C%2001%20Jan%202026%2000%3A00%3A00%20GMT"
        );
        let reply = send(&world, "GET", &target);
        assert_eq!(reply.header(name), Some("Thu, 01 Jan 2026 00:00:00 GMT"), "{name}");
        // What has no header to override is no parameter.
        let reply = send(&world, "GET", &format!("/{BUCKET}/{KEY}?response-{name}-x=a"));
        assert!(reply.headers.iter().all(|(other, _)| !other.ends_with("-x")), "{reply:?}");
    }
    for name in ["content-length", "etag", "x-amz-request-id", "set-cookie", "location", "server"] {
        let reply = send(&world, "GET", &format!("/{BUCKET}/{KEY}?response-{name}=evil"));
        assert!(reply.headers.iter().all(|(_, value)| value != "evil"), "{reply:?}");
    }
}

#[test]
fn markup_in_names_stays_text() {
    let world = World::new();
    let evil = "%3C/Key%3E%3CKey%3Eforged%3C/Key%3E%3CKey%3E%26%22%27";
    let put = world.server.call("PUT", &format!("/{BUCKET}/{evil}")).body("x");
    assert_eq!(world.server.send_signed(put).unwrap().status, 200);
    for target in [
        format!("/{BUCKET}?list-type=2"),
        format!("/{BUCKET}"),
        format!("/{BUCKET}?versions"),
        format!("/{BUCKET}?list-type=2&prefix={evil}&delimiter={evil}&start-after=%3Cx%3E"),
        format!("/{BUCKET}?uploads&prefix=%3Cforged%3E"),
        format!("/{BUCKET}/{evil}/none"),
        format!("/{BUCKET}/{KEY}?versionId=%3Cforged%3E"),
        format!("/{BUCKET}/{KEY}?uploadId=%3Cforged%3E"),
    ] {
        let reply = send(&world, "GET", &target);
        let body = String::from_utf8(reply.body).unwrap();
        assert!(!body.contains("<Key>forged") && !body.contains("<forged>"), "{target}: {body}");
    }
    let upload = send(&world, "POST", &format!("/{BUCKET}/{evil}?uploads="));
    assert_eq!(upload.status, 200);
    assert!(!String::from_utf8(upload.body).unwrap().contains("<Key>forged"));
}

/// SPEC: data-protection, NAM-003. A key that XML cannot express is shown encoded, or the listing
/// says that it cannot be shown; it never breaks the document.
#[test]
fn control_characters_in_keys_never_break_a_listing() {
    let world = World::new();
    for key in ["a%0D%0Ab", "a%01b", "a%00b", "a%1Fb", "a%7Fb", "a%EF%BF%BEb", "a%C2%85b"] {
        let put = world.server.call("PUT", &format!("/{BUCKET}/{key}")).body("x");
        let put = world.server.send_signed(put).unwrap();
        assert!(matches!(put.status, 200 | 400), "{key}: {put:?}");
    }
    for query in ["list-type=2", "list-type=2&encoding-type=url", "versions", "encoding-type=url"] {
        let reply = send(&world, "GET", &format!("/{BUCKET}?{query}"));
        assert!(matches!(reply.status, 200 | 400), "{query}: {reply:?}");
        let raw = reply.body.iter().filter(|byte| **byte < b' ' && **byte != b'\n');
        assert_eq!(raw.count(), 0, "{query}: {:?}", String::from_utf8_lossy(&reply.body));
    }
}

/// What the client says of the host must not come back where it would count.
#[test]
fn the_host_is_not_believed_in_locations() {
    let world = World::new();
    for host in ["evil.example", "evil.example:80"] {
        let call = Call::new(host, "PUT", "/made-bucket");
        let reply = world.server.send_signed(call).unwrap();
        let location = reply.header("location").unwrap_or("/");
        assert!(location.starts_with('/') || location.contains(host), "{reply:?}");
        assert!(!location.contains(['\r', '\n', '<', '"']));
        send(&world, "DELETE", "/made-bucket");
    }
}

/// An answer says nothing of what runs here but a name.
#[test]
fn answers_tell_no_versions_and_no_paths() {
    let world = World::new();
    for (method, target) in [
        ("GET", "/".to_owned()),
        ("GET", format!("/{BUCKET}/none")),
        ("PUT", format!("/{BUCKET}?website")),
        ("GET", "/%".to_owned()),
    ] {
        let mut call = world.server.call(method, "/x");
        call = call.sign(&world.server.signer(world.server.main())).unwrap();
        (call.path, call.query) = match target.split_once('?') {
            Some((path, query)) => (path.to_owned(), query.to_owned()),
            None => (target.clone(), String::new()),
        };
        let reply = world.server.send(&call).unwrap();
        let text = format!("{reply:?}{}", String::from_utf8_lossy(&reply.body));
        for word in [
            env!("CARGO_MANIFEST_DIR"),
            "src/",
            ".rs",
            "hyper",
            "rust",
            "panicked",
            env!("CARGO_PKG_VERSION"),
        ] {
            assert!(!text.contains(word), "`{word}` in {text}");
        }
    }
}
