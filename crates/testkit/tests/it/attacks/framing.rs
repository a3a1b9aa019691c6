//! Where a request ends: every way to make two readers disagree about it.

use std::io::{Read, Write};

use strongroom_sigv4::PayloadMode;
use strongroom_testkit::{Call, Reply};

use super::{SENTINEL, assert_alive, assert_is_of_aws, assert_refused, spoilt};
use crate::world::{BUCKET, CONTENT, KEY, World};

fn put(world: &World) -> Call {
    let call = world.server.call("PUT", &format!("/{BUCKET}/smuggled"));
    call.sign(&world.server.signer(world.server.main())).unwrap()
}

/// An upload that may come with HTTP's own chunks: its real length is signed.
fn put_streaming(world: &World, decoded_bytes: usize) -> Call {
    let call = world.server.call("PUT", &format!("/{BUCKET}/smuggled"));
    let call = call.header("x-amz-decoded-content-length", decoded_bytes.to_string());
    let signer = world.server.signer(world.server.main());
    call.sign_for(&signer, PayloadMode::UnsignedTrailer).unwrap().0
}

/// Bytes in HTTP's own chunks.
fn chunked(pieces: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for piece in pieces {
        bytes.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        bytes.extend_from_slice(&[piece, b"\r\n".as_slice()].concat());
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

#[test]
fn a_request_as_meant_is_followed_by_the_next() {
    let world = World::new();
    let bytes = spoilt(put(&world), &[b"content-length: 5"], b"hello");
    let replies = world.server.converse(&[&bytes, SENTINEL].concat()).unwrap();
    let statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!(statuses, [200, 200]);

    let body = chunked(&[b"5\r\nhel", b"lo\r\n0\r\n\r\n"]);
    let bytes = spoilt(put_streaming(&world, 5), &[b"transfer-encoding: chunked"], &body);
    let replies = world.server.converse(&[&bytes, SENTINEL].concat()).unwrap();
    assert_eq!(replies[0].status, 200, "{replies:?}");
}

/// Chunks and a length: no byte of either body is read, and none of what follows (RFC 9112, 6.3).
#[test]
fn chunks_and_a_length_smuggle_nothing() {
    let world = World::new();
    let both: &[(&str, &[&[u8]])] = &[
        ("CL.TE", &[b"content-length: 4", b"transfer-encoding: chunked"]),
        ("TE.CL", &[b"transfer-encoding: chunked", b"content-length: 4"]),
        ("TE.CL, long", &[b"transfer-encoding: chunked", b"content-length: 4096"]),
        ("CL.TE, zero", &[b"content-length: 0", b"transfer-encoding: chunked"]),
        (
            "TE.CL, behind a bare line feed",
            &[b"x-a: b\ntransfer-encoding: chunked", b"content-length: 4"],
        ),
    ];
    for (name, lines) in both {
        for (call, body) in [
            (put(&world), b"0\r\n\r\n".to_vec()),
            (put(&world), chunked(&[b"GET / ", b"HTTP/1.1\r\n"])),
            (put_streaming(&world, 5), chunked(&[b"5\r\nhello\r\n0\r\n\r\n"])),
        ] {
            let bytes = spoilt(call, lines, &[&body, SENTINEL].concat());
            let reply = assert_refused(&world, name, &bytes).unwrap();
            assert_eq!(reply.header("connection"), Some("close"), "{name}");
        }
    }
}

/// What is refused behind requests that were good is refused all the same, and ends the connection
/// behind their answers.
#[test]
fn a_head_behind_another_request_is_judged_like_the_first() {
    let world = World::new();
    let good = spoilt(put(&world), &[b"content-length: 5"], b"hello");
    let ambiguous =
        b"GET /-/live HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\ncontent-length: 0\r\n\r\n";
    for cut in [0, 1, 20, ambiguous.len() - 1] {
        let mut socket = world.server.connect().unwrap();
        let (now, later) = ambiguous.split_at(cut);
        socket.write_all(&[&good, now].concat()).unwrap();
        let mut first = vec![0; 12];
        socket.read_exact(&mut first).unwrap();
        socket.write_all(&[later, SENTINEL].concat()).unwrap();
        socket.read_to_end(&mut first).unwrap();
        let replies = Reply::parse_all(&first, false).unwrap();
        let outcomes: Vec<_> = replies.iter().map(Reply::outcome).collect();
        assert_eq!(outcomes, ["200", "400 InvalidRequest"], "{cut}");
        assert_is_of_aws("the second head", &replies[1]);
    }
}

/// A body that an operation does not read is still a body (0.CL and its kin), and so is one that
/// nobody asked for.
#[test]
fn a_body_that_nobody_reads_is_no_request() {
    let world = World::new();
    let length = format!("content-length: {}", SENTINEL.len());
    for (method, target) in [
        ("GET", format!("/{BUCKET}/{KEY}")),
        ("DELETE", format!("/{BUCKET}/none")),
        ("OPTIONS", format!("/{BUCKET}/{KEY}")),
        ("GET", "/-/live".to_owned()),
        ("PUT", format!("/{BUCKET}?policy=")),
    ] {
        for expect in [None, Some(b"expect: 100-continue".as_slice()), Some(b"expect: x")] {
            let call = world.server.call(method, &target);
            let call = call.sign(&world.server.signer(world.server.main())).unwrap();
            let lines: Vec<&[u8]> = [length.as_bytes()].into_iter().chain(expect).collect();
            let bytes =
                spoilt(call, &[lines.as_slice(), &[b"connection: close"]].concat(), SENTINEL);
            let mut replies = world.server.converse(&bytes).unwrap();
            replies.retain(|reply| reply.status != 100);
            assert_eq!(replies.len(), 1, "{method} {target} {expect:?}: {replies:?}");
        }
    }
}

/// A body in chunks is the last of its connection: a reader that knows no chunks would have seen
/// its bytes as requests.
#[test]
fn the_connection_ends_behind_a_body_in_chunks() {
    let world = World::new();
    let lines: &[&[u8]] = &[b"transfer-encoding: chunked"];
    let bytes = spoilt(put(&world), lines, &[&chunked(&[b"hello"]), SENTINEL].concat());
    let replies = world.server.converse(&bytes).unwrap();
    assert_eq!((replies.len(), replies[0].status), (1, 200), "{replies:?}");
    // So it is where nobody signs, and where nobody reads it.
    let live = b"GET /-/live HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    for body in [chunked(&[b"hello"]), chunked(&[])] {
        let replies = world.server.converse(&[live.as_slice(), &body, SENTINEL].concat()).unwrap();
        assert_eq!((replies.len(), replies[0].header("connection")), (1, Some("close")));
    }
    let get = world.server.call("GET", &format!("/{BUCKET}/smuggled"));
    assert_eq!(world.server.send_signed(get).unwrap().body, b"hello");
}

#[test]
fn two_lengths_are_refused() {
    let world = World::new();
    let both: &[(&str, &[&[u8]])] = &[
        ("CL.CL", &[b"content-length: 5", b"content-length: 4"]),
        ("CL.CL, zero first", &[b"content-length: 0", b"content-length: 5"]),
        ("CL list", &[b"content-length: 5, 5"]),
        ("CL list of two", &[b"content-length: 5, 4"]),
        ("CL behind a bare line feed", &[b"x-a: b\ncontent-length: 5", b"content-length: 4"]),
        (
            "TE twice and CL",
            &[b"transfer-encoding: chunked", b"transfer-encoding: chunked", b"content-length: 4"],
        ),
    ];
    for (name, lines) in both {
        let body = [b"hello", SENTINEL].concat();
        assert_refused(&world, name, &spoilt(put(&world), lines, &body));
        let body = [chunked(&[b"5\r\nhello\r\n0\r\n\r\n"]), SENTINEL.to_vec()].concat();
        let name = format!("{name}, streaming");
        assert_refused(&world, &name, &spoilt(put_streaming(&world, 5), lines, &body));
    }
}

/// The same length twice means one thing only here; another reader may join the two.
#[test]
fn the_same_length_twice_is_refused() {
    let world = World::new();
    let lines: &[&[u8]] = &[b"content-length: 5", b"content-length: 5"];
    let bytes = spoilt(put(&world), lines, &[b"hello", SENTINEL].concat());
    let reply = assert_refused(&world, "the same length twice", &bytes).unwrap();
    assert_eq!(reply.outcome(), "400 InvalidRequest");
}

#[test]
fn a_length_is_digits() {
    let world = World::new();
    let values: &[&[u8]] = &[
        b"+5",
        b"-1",
        b"0x5",
        b"5a",
        b"5 5",
        b"",
        b"5.0",
        b"5e0",
        b"\"5\"",
        b"18446744073709551616",
        b"99999999999999999999999999",
        b"\xd9\xa5",
        b"5;",
        b"5\x0b",
        b"0005x",
    ];
    for value in values {
        let line = [b"content-length: ", *value].concat();
        let name = format!("length {:?}", String::from_utf8_lossy(value));
        let bytes = spoilt(put(&world), &[&line], &[b"hello", SENTINEL].concat());
        assert_refused(&world, &name, &bytes);
    }
}

#[test]
fn transfer_encoding_is_chunked_or_refused() {
    let world = World::new();
    let lines: &[&[u8]] = &[
        b"transfer-encoding: identity",
        b"transfer-encoding: gzip",
        b"transfer-encoding: gzip, chunked",
        b"transfer-encoding: chunked, identity",
        b"transfer-encoding: chunked, chunked",
        b"transfer-encoding: xchunked",
        b"transfer-encoding: chunked;q=1",
        b"transfer-encoding: chunked-x",
        b"transfer-encoding: \"chunked\"",
        b"transfer-encoding: chun ked",
        b"transfer-encoding: ",
        b"transfer-encoding: chunked\x0b",
        b"transfer-encoding : chunked",
        b"transfer-encoding\t: chunked",
        b" transfer-encoding: chunked",
        b"transfer-encoding: identity\r\ntransfer-encoding: chunked",
        b"transfer-encoding: chunked\r\ntransfer-encoding: identity",
        b"transfer-encoding:\r\n chunked",
    ];
    for line in lines {
        let name = String::from_utf8_lossy(line);
        let body = [chunked(&[b"5\r\nhello\r\n0\r\n\r\n"]), SENTINEL.to_vec()].concat();
        assert_refused(&world, &name, &spoilt(put_streaming(&world, 5), &[line], &body));
    }
}

/// A name that some proxies read as the other header: here it is a header of no meaning, and
/// without a length nothing is stored.
#[test]
fn a_look_alike_of_transfer_encoding_frames_nothing() {
    let world = World::new();
    for line in [b"transfer_encoding: chunked".as_slice(), b"x-transfer-encoding: chunked"] {
        let before = world.server.contents().unwrap();
        let bytes = spoilt(put(&world), &[line], &[]);
        let replies = world.server.converse(&[&bytes, SENTINEL].concat()).unwrap();
        assert_eq!(replies[0].outcome(), "411 MissingContentLength");
        assert!(world.server.contents().unwrap() == before);
    }
}

#[test]
fn broken_chunks_of_http_are_refused() {
    let world = World::new();
    let good = "5\r\nhello\r\n0\r\n\r\n".len();
    assert_eq!(good, 15);
    let bodies: &[(&str, &[u8])] = &[
        ("no digits", b"\r\n5\r\nhello\r\n0\r\n\r\n\r\n0\r\n\r\n"),
        ("not hexadecimal", b"g\r\n5\r\nhello\r\n0\r\n\r\n\r\n0\r\n\r\n"),
        ("negative", b"-f\r\n5\r\nhello\r\n0\r\n\r\n\r\n0\r\n\r\n"),
        ("signed", b"+f\r\n5\r\nhello\r\n0\r\n\r\n\r\n0\r\n\r\n"),
        ("prefixed", b"0xf\r\n5\r\nhello\r\n0\r\n\r\n\r\n0\r\n\r\n"),
        ("overflow", b"1000000000000000f\r\n5\r\nhello\r\n0\r\n\r\n\r\n0\r\n\r\n"),
        ("bare line feed after the size", b"f\n5\r\nhello\r\n0\r\n\r\n\r\n0\r\n\r\n"),
        ("bare carriage return after the size", b"f\r5\r\nhello\r\n0\r\n\r\n\r\n0\r\n\r\n"),
        ("no line end after the data", b"f\r\n5\r\nhello\r\n0\r\n\r\n0\r\n\r\n"),
        ("longer than its size", b"e\r\n5\r\nhello\r\n0\r\n\r\n\r\n0\r\n\r\n"),
        ("inner space", b"f f\r\n5\r\nhello\r\n0\r\n\r\n\r\n0\r\n\r\n"),
        ("line feed in an extension", b"f;a\nb\r\n5\r\nhello\r\n0\r\n\r\n\r\n0\r\n\r\n"),
        ("bare line feed at the end", b"f\r\n5\r\nhello\r\n0\r\n\r\n\r\n0\n\n"),
    ];
    for (name, body) in bodies {
        let lines: &[&[u8]] = &[b"transfer-encoding: chunked"];
        let bytes = spoilt(put_streaming(&world, 5), lines, &[body, SENTINEL].concat());
        assert_refused(&world, name, &bytes);
    }
}

/// Chunks that are all extension cost the sender as much as the server, up to a limit.
#[test]
fn endless_chunk_extensions_are_cut() {
    let world = World::new();
    let mut body = b"f;".to_vec();
    body.resize(1024 * 1024, b'a');
    let lines: &[&[u8]] = &[b"transfer-encoding: chunked"];
    assert_refused(&world, "extensions", &spoilt(put_streaming(&world, 5), lines, &body));
}

/// Trailers of HTTP itself are not covered by any signature and must mean nothing.
#[test]
fn trailers_of_http_change_nothing() {
    let world = World::new();
    let body = b"f\r\n5\r\nhello\r\n0\r\n\r\n\r\n0\r\nx-amz-meta-evil: 1\r\nx-amz-acl: public-read\r\n\r\n";
    let lines: &[&[u8]] = &[b"transfer-encoding: chunked", b"connection: close"];
    let bytes = spoilt(put_streaming(&world, 5), lines, body);
    let replies = world.server.converse(&bytes).unwrap();
    if replies[0].status == 200 {
        let head = world.server.call("HEAD", &format!("/{BUCKET}/smuggled"));
        let head = world.server.send_signed(head).unwrap();
        assert_eq!(head.header("x-amz-meta-evil"), None);
        assert_eq!(head.header("content-length"), Some("5"));
    }
}

/// SPEC: data-protection, INT-005.
#[test]
fn an_upload_that_stops_halfway_leaves_the_old_object() {
    let world = World::new();
    let before = world.server.contents().unwrap();
    for sent_bytes in [0, 1, 4_999] {
        let call = world.server.call("PUT", &format!("/{BUCKET}/{KEY}"));
        let call = call.sign(&world.server.signer(world.server.main())).unwrap();
        let bytes = spoilt(call, &[b"content-length: 5000"], &vec![b'x'; sent_bytes]);
        let replies = Reply::parse_all(&half_closed(&world, &bytes), false).unwrap();
        assert_eq!((replies.len(), replies[0].outcome().as_str()), (1, "400 IncompleteBody"));
        assert!(world.server.contents().unwrap() == before);
    }
    let get = world.server.call("GET", &format!("/{BUCKET}/{KEY}"));
    assert_eq!(world.server.send_signed(get).unwrap().body, CONTENT);
}

#[test]
fn a_head_that_stops_halfway_is_no_request() {
    let world = World::new();
    let before = world.server.contents().unwrap();
    let call = world.server.call("DELETE", &format!("/{BUCKET}/{KEY}"));
    let whole = call.sign(&world.server.signer(world.server.main())).unwrap().to_bytes();
    for end in [1, 10, whole.len() / 2, whole.len() - 2, whole.len() - 1] {
        let replies = Reply::parse_all(&half_closed(&world, &whole[..end]), false).unwrap();
        assert_eq!((replies.len(), replies[0].outcome().as_str()), (1, "400 BadRequest"));
        assert_is_of_aws("half a head", &replies[0]);
        assert!(world.server.contents().unwrap() == before, "{end}");
    }
    assert_alive(&world);
}

/// A client that has sent all and listens on is a client like any other.
#[test]
fn a_half_closed_client_hears_the_answer_to_its_whole_request() {
    let world = World::new();
    let signer = world.server.signer(world.server.main());
    let body = vec![b'x'; 3_000_000];
    let put = world.server.call("PUT", &format!("/{BUCKET}/large")).body(&body);
    let get = world.server.call("GET", &format!("/{BUCKET}/large"));
    let delete = world.server.call("DELETE", &format!("/{BUCKET}/{KEY}"));
    for (call, status, content) in
        [(put, 200, b"".as_slice()), (get, 200, &body), (delete, 204, b"")]
    {
        let answer = half_closed(&world, &call.sign(&signer).unwrap().to_bytes());
        let replies = Reply::parse_all(&answer, false).unwrap();
        assert_eq!((replies.len(), replies[0].status), (1, status));
        assert!(replies[0].body == content);
    }
    assert_alive(&world);
    let get = world.server.call("GET", &format!("/{BUCKET}/{KEY}"));
    assert_eq!(world.server.send_signed(get).unwrap().status, 404);
}

/// Sends bytes, closes the sending half, and reads what comes.
fn half_closed(world: &World, bytes: &[u8]) -> Vec<u8> {
    let mut socket = world.server.connect().unwrap();
    socket.write_all(bytes).unwrap();
    socket.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    match socket.read_to_end(&mut answer) {
        Err(error) if error.kind() != std::io::ErrorKind::ConnectionReset => panic!("{error}"),
        _ => answer,
    }
}
