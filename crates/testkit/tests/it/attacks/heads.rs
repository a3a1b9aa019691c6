//! Request lines and headers.

use strongroom_testkit::Call;

use super::{SENTINEL, assert_alive, assert_refused, spoilt};
use crate::world::{BUCKET, CONTENT, KEY, World};

fn get(world: &World) -> Call {
    let call = world.server.call("GET", &format!("/{BUCKET}/{KEY}"));
    call.sign(&world.server.signer(world.server.main())).unwrap()
}

/// The signed request with another request line.
fn with_line(world: &World, line: &str) -> Vec<u8> {
    let bytes = spoilt(get(world), &[b"connection: close"], b"");
    let end = bytes.windows(2).position(|window| window == b"\r\n").unwrap();
    [line.as_bytes(), &bytes[end..]].concat()
}

#[test]
fn only_http_1_1_is_spoken() {
    let world = World::new();
    let target = format!("/{BUCKET}/{KEY}");
    for version in
        ["HTTP/1.0", "HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "http/1.1", "HTTP/1.1x", "HTTP/1.10", ""]
    {
        assert_refused(&world, version, &with_line(&world, &format!("GET {target} {version}")));
    }
    assert_refused(&world, "HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    assert_refused(&world, "TLS", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03");
}

#[test]
fn a_request_line_has_three_parts() {
    let world = World::new();
    let target = format!("/{BUCKET}/{KEY}");
    for line in [
        format!("GET {target}  HTTP/1.1"),
        format!("GET {target} x HTTP/1.1"),
        format!("GET {target} HTTP/1.1 HTTP/1.1"),
        format!(" GET {target} HTTP/1.1"),
        format!("GET\t{target}\tHTTP/1.1"),
        format!("GET {target}\0 HTTP/1.1"),
        format!("GET {target}\u{e9} HTTP/1.1"),
        format!("GET\0 {target} HTTP/1.1"),
        format!("G\u{cb}T {target} HTTP/1.1"),
        "GET HTTP/1.1".to_owned(),
        "GET  HTTP/1.1".to_owned(),
        "HTTP/1.1".to_owned(),
        format!("GET {target} HTTP/1.1\rGET / HTTP/1.1"),
    ] {
        assert_refused(&world, &line, &with_line(&world, &line));
    }
}

/// The host of an absolute target would count more than the signed header.
#[test]
fn a_target_of_another_form_is_refused() {
    let world = World::new();
    let (host, path) = (world.server.address(), format!("/{BUCKET}/{KEY}"));
    for line in [
        format!("GET http://{host}{path} HTTP/1.1"),
        format!("GET http://evil.example{path} HTTP/1.1"),
        format!("GET https://{host}{path} HTTP/1.1"),
        format!("GET ftp://{host}{path} HTTP/1.1"),
        format!("GET http://{BUCKET}.s3.localhost/{KEY} HTTP/1.1"),
        format!("CONNECT {host} HTTP/1.1"),
        format!("GET {host} HTTP/1.1"),
        "OPTIONS * HTTP/1.1".to_owned(),
        "GET * HTTP/1.1".to_owned(),
        format!("GET {BUCKET}/{KEY} HTTP/1.1"),
        format!("GET //{host}{path} HTTP/1.1"),
    ] {
        assert_refused(&world, &line, &with_line(&world, &line));
    }
}

#[test]
fn methods_are_case_sensitive_and_known() {
    let world = World::new();
    let path = format!("/{BUCKET}/{KEY}");
    for method in ["get", "Get", "PATCH", "TRACE", "PROPFIND", "COPY", "X", "PUTX", "GET,PUT"] {
        assert_refused(&world, method, &with_line(&world, &format!("{method} {path} HTTP/1.1")));
        let call = world.server.call(method, &path);
        let call = call.sign(&world.server.signer(world.server.main())).unwrap();
        let reply = assert_refused(&world, method, &spoilt(call, &[b"connection: close"], b""));
        assert!(reply.is_some_and(|reply| matches!(reply.status, 400 | 403 | 405)), "{method}");
    }
}

/// A client cannot turn a signed GET into something else by headers that frameworks listen to.
#[test]
fn headers_that_override_are_without_effect() {
    let world = World::new();
    let before = world.server.contents().unwrap();
    for line in [
        b"x-http-method-override: DELETE".as_slice(),
        b"x-method-override: DELETE",
        b"x-original-url: /none-bucket",
        b"x-rewrite-url: /none-bucket",
        b"x-forwarded-host: none-bucket.s3.localhost",
        b"forwarded: host=none-bucket.s3.localhost;proto=https;for=127.0.0.1",
        b"upgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA",
        b"upgrade: websocket",
    ] {
        let bytes = spoilt(get(&world), &[line, b"connection: close"], b"");
        let replies = world.server.converse(&bytes).unwrap();
        assert_eq!(
            (replies.len(), replies[0].status),
            (1, 200),
            "{}",
            String::from_utf8_lossy(line)
        );
        assert_eq!(replies[0].body, CONTENT);
    }
    assert!(world.server.contents().unwrap() == before);
}

#[test]
fn there_is_one_host() {
    let world = World::new();
    let host = format!("host: {}", world.server.address());
    let lines: &[(&str, &[&[u8]])] = &[
        ("twice the same", &[host.as_bytes()]),
        ("another one", &[b"host: none-bucket.s3.localhost"]),
        ("an empty one", &[b"host: "]),
    ];
    for (name, lines) in lines {
        let lines = [*lines, &[b"connection: close".as_slice()]].concat();
        assert_refused(&world, name, &spoilt(get(&world), &lines, b""));
    }
    for value in [
        "", " ", "a b", "a/b", "a@b", "a:b:c", "a:99999x", "[::1", "a,b", "a\tb", "*", "%61", "é",
        "a?b", "a#b", "\"a\"",
    ] {
        let call = Call::new(value, "GET", &format!("/{BUCKET}/{KEY}"));
        let call = call.sign(&world.server.signer(world.server.main())).unwrap();
        assert_refused(&world, value, &spoilt(call, &[b"connection: close"], b""));
    }
    let without = format!("GET /{BUCKET}/{KEY} HTTP/1.1\r\nconnection: close\r\n\r\n");
    assert_refused(&world, "none", without.as_bytes());
}

#[test]
fn broken_header_lines_are_refused() {
    let world = World::new();
    let lines: &[&[u8]] = &[
        b"x-a: b\r\n folded",
        b"x-a: b\r\n\tfolded",
        b" x-a: b",
        b"x-a : b",
        b"x a: b",
        b": b",
        b"x-a",
        b"x-a: b\rx-evil: 1",
        b"x-a: \0",
        b"x-a\0: b",
        b"x-\xe9: b",
        b"x-a: \x01",
        b"x-a: \x7f",
        b"(x): b",
        b"x-a\r: b",
    ];
    for line in lines {
        let name = String::from_utf8_lossy(line);
        let bytes = spoilt(get(&world), &[line, b"connection: close"], SENTINEL);
        assert_refused(&world, &name, &bytes);
    }
}

/// What AWS says, where it says something, and each time on a connection that ends.
#[test]
fn every_refusal_of_a_head_has_its_code() {
    let world = World::new();
    let line = "GET / HTTP/1.1";
    let headers = "x: 1\r\n".repeat(1_025);
    let long = format!("x: {}", "a".repeat(50_000));
    for (line, lines, outcome) in [
        ("GET / HTTP/1.0", "host: a", "400 InvalidRequest"),
        ("PRI * HTTP/2.0", "", "400 InvalidRequest"),
        ("GET /", "host: a", "400 BadRequest"),
        ("GET  / HTTP/1.1", "host: a", "400 BadRequest"),
        ("GET http://b/ HTTP/1.1", "host: a", "400 InvalidRequest"),
        ("CONNECT a:443 HTTP/1.1", "host: a", "400 InvalidRequest"),
        ("GET /<x> HTTP/1.1", "host: a", "400 InvalidURI"),
        (line, "", "400 InvalidRequest"),
        (line, "host: a\r\nhost: a", "400 InvalidRequest"),
        (line, "host: a\r\nx", "400 BadRequest"),
        (line, "host: a\r\nx: a\r\n b", "400 BadRequest"),
        (line, "host: a\r\nx: \0", "400 BadRequest"),
        (line, "host: a\r\nx: a\ny: b", "400 BadRequest"),
        (line, "host: a\r\nx: a\ry: b", "400 BadRequest"),
        (line, "host: a\r\ncontent-length: x", "400 BadRequest"),
        (line, "host: a\r\ncontent-length: 1\r\ncontent-length: 1", "400 InvalidRequest"),
        (line, "host: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked", "400 InvalidRequest"),
        (line, "host: a\r\ntransfer-encoding: gzip", "501 NotImplemented"),
        (line, &headers, "400 RequestHeaderSectionTooLarge"),
        (line, &long, "400 RequestHeaderSectionTooLarge"),
    ] {
        let bytes = format!("{line}\r\n{lines}\r\n\r\n");
        let reply = assert_refused(&world, &bytes, bytes.as_bytes()).unwrap();
        assert_eq!(reply.outcome(), outcome, "{line} {lines:.80}");
        assert_eq!(reply.header("connection"), Some("close"), "{line} {lines:.80}");
    }
    let refusals = world.server.take_refusals();
    assert_eq!(refusals.values().sum::<u64>(), 20, "{refusals:?}");
}

/// RFC 9112, 2.2 lets a server take a bare line feed for the end of a line, and others do not.
#[test]
fn a_bare_line_feed_ends_no_line() {
    let world = World::new();
    for line in [
        b"x-a: b\nx-b: c".as_slice(),
        b"x-a: b\nx-amz-meta-evil: 1",
        b"x-a: b\nx-amz-security-token: x",
        b"x-a: b\nauthorization: AWS a:b",
        b"x-a: b\nhost: none-bucket.s3.localhost",
    ] {
        let name = String::from_utf8_lossy(line);
        let bytes = spoilt(get(&world), &[line, b"connection: close"], b"");
        assert_eq!(assert_refused(&world, &name, &bytes).unwrap().outcome(), "400 BadRequest");
    }
}

/// RFC 3986, 3.5: a fragment never leaves the client. One that does is refused.
#[test]
fn a_fragment_is_no_part_of_the_target() {
    let world = World::new();
    let with = |target: &str| with_line(&world, &format!("GET {target} HTTP/1.1"));
    assert_refused(&world, "a fragment", &with(&format!("/{BUCKET}/{KEY}#?versionId=x")));
    assert_refused(&world, "a changed path", &with(&format!("/{BUCKET}/none#/{KEY}")));
}

/// SPEC: data-protection, 6.3. Bounded whatever is sent, and others are served meanwhile.
#[test]
fn heads_have_limits() {
    let world = World::new();
    let signed = |target: &str| {
        let call = world.server.call("GET", target);
        call.sign(&world.server.signer(world.server.main())).unwrap()
    };
    let path = format!("/{BUCKET}/{KEY}");
    let long = |bytes: usize| [b"x-long: ".as_slice(), &vec![b'a'; bytes]].concat();
    for bytes in [17 * 1024, 255 * 1024, 1024 * 1024] {
        let line = long(bytes);
        let bytes = spoilt(signed(&path), &[&line, b"connection: close"], b"");
        assert_refused(&world, "a long header", &bytes);
    }
    for count in [1_025, 3_000, 20_000] {
        let lines: Vec<Vec<u8>> = (0..count).map(|n| format!("x-{n}: 1").into_bytes()).collect();
        let mut lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        lines.push(b"connection: close");
        assert_refused(&world, "many headers", &spoilt(signed(&path), &lines, b""));
    }
    let target = format!("{path}?prefix={}", "a".repeat(17 * 1024));
    assert_refused(&world, "a long query", &spoilt(signed(&target), &[b"connection: close"], b""));
    let target = format!("{path}?{}", "a&".repeat(129));
    assert_refused(
        &world,
        "many parameters",
        &spoilt(signed(&target), &[b"connection: close"], b""),
    );
    let line = format!("GET /{} HTTP/1.1", "a".repeat(1024 * 1024));
    assert_refused(&world, "a long line", &with_line(&world, &line));
    // What a real client sends fits.
    let line = long(4 * 1024);
    let bytes = spoilt(signed(&path), &[&line, b"connection: close"], b"");
    assert_eq!(world.server.converse(&bytes).unwrap()[0].status, 200);
}

/// Requests one behind the other on one connection are answered in order, each as itself.
#[test]
fn pipelined_requests_keep_their_own_identity() {
    let world = World::new();
    let path = format!("/{BUCKET}/{KEY}");
    let good = spoilt(get(&world), &[], b"");
    let anonymous = world.server.call("GET", &path).header("connection", "keep-alive").to_bytes();
    let replies =
        world.server.converse(&[&good, &anonymous, &good, &anonymous, SENTINEL].concat()).unwrap();
    let statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!(statuses, [200, 403, 200, 403, 200]);
}

#[test]
fn an_expectation_that_nobody_knows_is_refused_or_without_effect() {
    let world = World::new();
    let before = world.server.contents().unwrap();
    for expectation in ["100-continue", "100-CONTINUE", "200-ok", "x", ""] {
        let line = format!("expect: {expectation}");
        let lines: &[&[u8]] = &[line.as_bytes(), b"content-length: 0", b"connection: close"];
        let replies = world.server.converse(&spoilt(get(&world), lines, b"")).unwrap();
        let last = replies.last().unwrap();
        assert!(matches!(last.status, 200 | 400 | 417), "{expectation}: {replies:?}");
    }
    assert!(world.server.contents().unwrap() == before);
    assert_alive(&world);
}
