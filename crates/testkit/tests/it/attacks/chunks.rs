//! `aws-chunked` bodies that are not what they say.

use data_encoding::BASE64;
use strongroom_crypto::{ChecksumAlgorithm, ChecksumHasher};
use strongroom_sigv4::{ChunkSigner, PayloadMode};
use strongroom_testkit::{Call, Keys, Reply};

use super::assert_refused;
use crate::world::{BUCKET, KEY, World};

/// Signs an upload of this mode and leaves it to `write` to make the body.
fn upload(
    world: &World,
    mode: PayloadMode,
    headers: &[(&str, &str)],
    write: impl FnOnce(&mut ChunkSigner, &mut Vec<u8>),
) -> Call {
    let mut call = world.server.call("PUT", &format!("/{BUCKET}/{KEY}"));
    for (name, value) in headers {
        call = call.header(name, value);
    }
    let signer = world.server.signer(world.server.main());
    let (call, mut chunks) = call.sign_for(&signer, mode).unwrap();
    let mut body = Vec::new();
    write(&mut chunks, &mut body);
    call.body(body)
}

fn refused(world: &World, name: &str, call: &Call) -> String {
    assert_refused(world, name, &call.to_bytes()).unwrap().outcome()
}

fn crc32(bytes: &[u8]) -> String {
    let mut hasher = ChecksumHasher::new(ChecksumAlgorithm::Crc32);
    hasher.update(bytes);
    hasher.finish().to_base64()
}

fn stored(world: &World) -> Reply {
    world.server.send_signed(world.server.call("GET", &format!("/{BUCKET}/{KEY}"))).unwrap()
}

const LENGTH: &str = "x-amz-decoded-content-length";
const FIRST: [u8; 8_192] = [b'a'; 8_192];

#[test]
fn bodies_as_meant_are_stored() {
    let world = World::new();
    let whole = [FIRST.as_slice(), b"end"].concat();
    let length = whole.len().to_string();
    let call = upload(&world, PayloadMode::SignedChunks, &[(LENGTH, &length)], |chunks, body| {
        chunks.sign_chunk(&FIRST, body);
        chunks.sign_chunk(b"end", body);
        chunks.sign_chunk(b"", body);
        body.extend_from_slice(b"\r\n");
    });
    assert_eq!(world.server.send(&call).unwrap().outcome(), "200");
    assert_eq!(stored(&world).body, whole);

    let sum = crc32(b"hello");
    let headers = [(LENGTH, "5"), ("x-amz-trailer", "x-amz-checksum-crc32")];
    let call = upload(&world, PayloadMode::SignedChunksTrailer, &headers, |chunks, body| {
        chunks.sign_chunk(b"hello", body);
        chunks.sign_chunk(b"", body);
        chunks.sign_trailers(&[("x-amz-checksum-crc32", &sum)], body);
        body.extend_from_slice(b"\r\n");
    });
    assert_eq!(world.server.send(&call).unwrap().outcome(), "200");
    assert_eq!(stored(&world).body, b"hello");

    let call = upload(&world, PayloadMode::UnsignedTrailer, &headers, |_, body| {
        body.extend_from_slice(
            format!("5\r\nworld\r\n0\r\nx-amz-checksum-crc32:{}\r\n\r\n", crc32(b"world"))
                .as_bytes(),
        );
    });
    assert_eq!(world.server.send(&call).unwrap().outcome(), "200");
    assert_eq!(stored(&world).body, b"world");
}

#[test]
fn a_wrong_signature_anywhere_in_the_chain_stores_nothing() {
    let world = World::new();
    let length = (FIRST.len() + 3).to_string();
    type Write = fn(&mut ChunkSigner, &mut Vec<u8>);
    let bodies: [(&str, Write); 7] = [
        ("a flipped byte in the last data", |chunks, body| {
            chunks.sign_chunk(&FIRST, body);
            chunks.sign_chunk(b"end", body);
            let at = body.len() - 4;
            body[at] ^= 1;
            chunks.sign_chunk(b"", body);
            body.extend_from_slice(b"\r\n");
        }),
        ("a flipped digit in the first signature", |chunks, body| {
            chunks.sign_chunk(&FIRST, body);
            let at = body.iter().position(|byte| *byte == b'=').unwrap() + 1;
            body[at] = if body[at] == b'0' { b'1' } else { b'0' };
            chunks.sign_chunk(b"end", body);
            chunks.sign_chunk(b"", body);
            body.extend_from_slice(b"\r\n");
        }),
        ("chunks in another order", |chunks, body| {
            let (mut first, mut second) = (Vec::new(), Vec::new());
            chunks.sign_chunk(&FIRST, &mut first);
            chunks.sign_chunk(b"end", &mut second);
            body.extend([second, first].concat());
            chunks.sign_chunk(b"", body);
            body.extend_from_slice(b"\r\n");
        }),
        ("a chunk twice", |chunks, body| {
            chunks.sign_chunk(&FIRST, body);
            let again = body.clone();
            body.extend(again);
            chunks.sign_chunk(b"end", body);
            chunks.sign_chunk(b"", body);
            body.extend_from_slice(b"\r\n");
        }),
        ("a chunk left out", |chunks, body| {
            chunks.sign_chunk(&FIRST, &mut Vec::new());
            chunks.sign_chunk(b"end", body);
            chunks.sign_chunk(b"", body);
            body.extend_from_slice(b"\r\n");
        }),
        ("an unsigned last chunk", |chunks, body| {
            chunks.sign_chunk(&FIRST, body);
            chunks.sign_chunk(b"end", body);
            body.extend_from_slice(b"0\r\n\r\n");
        }),
        ("no signatures at all", |_, body| {
            body.extend_from_slice(
                &[b"2000\r\n", FIRST.as_slice(), b"\r\n3\r\nend\r\n0\r\n\r\n"].concat(),
            );
        }),
    ];
    for (name, write) in bodies {
        let call = upload(&world, PayloadMode::SignedChunks, &[(LENGTH, &length)], write);
        let outcome = refused(&world, name, &call);
        assert!(
            matches!(
                outcome.as_str(),
                "403 SignatureDoesNotMatch" | "400 IncompleteBody" | "400 InvalidChunkSizeError"
            ),
            "{name}: {outcome}"
        );
    }
}

#[test]
fn the_declared_length_is_the_length() {
    let world = World::new();
    for (declared, expected) in [
        ("4", "400 IncompleteBody"),
        ("6", "400 IncompleteBody"),
        ("0", "400 IncompleteBody"),
        ("-5", "411 MissingContentLength"),
        ("+5", "411 MissingContentLength"),
        ("5 5", "411 MissingContentLength"),
        ("", "411 MissingContentLength"),
        ("18446744073709551616", "411 MissingContentLength"),
        ("5368709121", "400 EntityTooLarge"),
    ] {
        let call =
            upload(&world, PayloadMode::SignedChunks, &[(LENGTH, declared)], |chunks, body| {
                chunks.sign_chunk(b"hello", body);
                chunks.sign_chunk(b"", body);
                body.extend_from_slice(b"\r\n");
            });
        assert_eq!(refused(&world, declared, &call), expected, "{declared}");
        let call =
            upload(&world, PayloadMode::UnsignedTrailer, &[(LENGTH, declared)], |_, body| {
                body.extend_from_slice(b"5\r\nhello\r\n0\r\n\r\n");
            });
        assert_eq!(refused(&world, declared, &call), expected, "{declared}, unsigned");
    }
    let call = upload(&world, PayloadMode::UnsignedTrailer, &[], |_, body| {
        body.extend_from_slice(b"5\r\nhello\r\n0\r\n\r\n");
    });
    assert_eq!(refused(&world, "none", &call), "411 MissingContentLength");
}

#[test]
fn frames_that_lie_are_refused() {
    let world = World::new();
    let small = [b"64\r\n".as_slice(), &[b'a'; 100], b"\r\n5\r\nhello\r\n0\r\n\r\n"].concat();
    let endless = [b"5;x=".as_slice(), &vec![b'x'; 100_000]].concat();
    let bodies: &[(&str, &str, &[u8], &str)] = &[
        ("no end", "5", b"5\r\nhello\r\n", "400 IncompleteBody"),
        ("cut in the data", "5", b"5\r\nhel", "400 IncompleteBody"),
        ("cut in the size", "5", b"5", "400 IncompleteBody"),
        ("nothing", "5", b"", "400 IncompleteBody"),
        ("no empty line", "5", b"5\r\nhello\r\n0\r\n", "400 IncompleteBody"),
        ("garbage behind", "5", b"5\r\nhello\r\n0\r\n\r\nmore", "400 IncompleteBody"),
        (
            "a second body",
            "5",
            b"5\r\nhello\r\n0\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            "400 IncompleteBody",
        ),
        ("not hexadecimal", "5", b"x\r\nhello\r\n0\r\n\r\n", "400 IncompleteBody"),
        ("negative", "5", b"-5\r\nhello\r\n0\r\n\r\n", "400 IncompleteBody"),
        ("overflow", "5", b"10000000000000005\r\nhello\r\n0\r\n\r\n", "400 IncompleteBody"),
        ("bare line feed", "5", b"5\nhello\n0\n\n", "400 IncompleteBody"),
        ("no line end behind the data", "5", b"5\r\nhello0\r\n\r\n", "400 IncompleteBody"),
        ("a small chunk before the last", "105", &small, "400 InvalidChunkSizeError"),
        ("an endless header", "5", &endless, "400 IncompleteBody"),
        ("not chunked at all", "5", b"hello", "400 IncompleteBody"),
    ];
    for (name, declared, body, expected) in bodies {
        let call = upload(&world, PayloadMode::UnsignedTrailer, &[(LENGTH, declared)], |_, out| {
            out.extend_from_slice(body);
        });
        assert_eq!(refused(&world, name, &call), *expected, "{name}");
    }
}

#[test]
fn trailers_are_those_that_were_announced() {
    let world = World::new();
    let sum = crc32(b"hello");
    let trailer = |text: &str| format!("5\r\nhello\r\n0\r\n{text}\r\n");
    let line = format!("x-amz-checksum-crc32:{sum}\r\n");
    let wrong = format!("x-amz-checksum-crc32:{}\r\n", BASE64.encode(&[0; 4]));
    let cases: &[(&str, Option<&str>, String, &str)] = &[
        (
            "announced and absent",
            Some("x-amz-checksum-crc32"),
            trailer(""),
            "400 MalformedTrailerError",
        ),
        ("not announced", None, trailer(&line), "400 MalformedTrailerError"),
        ("another one", Some("x-amz-checksum-sha256"), trailer(&line), "400 MalformedTrailerError"),
        (
            "twice",
            Some("x-amz-checksum-crc32"),
            trailer(&format!("{line}{line}")),
            "400 MalformedTrailerError",
        ),
        (
            "no value",
            Some("x-amz-checksum-crc32"),
            trailer("x-amz-checksum-crc32\r\n"),
            "400 MalformedTrailerError",
        ),
        ("wrong", Some("x-amz-checksum-crc32"), trailer(&wrong), "400 BadDigest"),
        (
            "no base64",
            Some("x-amz-checksum-crc32"),
            trailer("x-amz-checksum-crc32:!\r\n"),
            "400 InvalidRequest",
        ),
        (
            "announces what is no checksum",
            Some("x-amz-meta-a"),
            trailer("x-amz-meta-a:1\r\n"),
            "400 InvalidRequest",
        ),
        (
            "endless",
            Some("x-amz-checksum-crc32"),
            trailer(&format!("x-amz-checksum-crc32:{}\r\n", "A".repeat(100_000))),
            "400 MalformedTrailerError",
        ),
    ];
    for (name, announced, body, expected) in cases {
        let mut headers = vec![(LENGTH, "5")];
        headers.extend(announced.map(|announced| ("x-amz-trailer", announced)));
        let call = upload(&world, PayloadMode::UnsignedTrailer, &headers, |_, out| {
            out.extend_from_slice(body.as_bytes());
        });
        assert_eq!(refused(&world, name, &call), *expected, "{name}");
    }
    let headers = [(LENGTH, "5"), ("x-amz-trailer", "x-amz-checksum-crc32")];
    let call = upload(&world, PayloadMode::SignedChunksTrailer, &headers, |chunks, body| {
        chunks.sign_chunk(b"hello", body);
        chunks.sign_chunk(b"", body);
        chunks.sign_trailers(&[("x-amz-checksum-crc32", &sum)], body);
        let at = body.len() - 3;
        body[at] = if body[at] == b'0' { b'1' } else { b'0' };
        body.extend_from_slice(b"\r\n");
    });
    assert_eq!(refused(&world, "trailer signature", &call), "403 SignatureDoesNotMatch");
    let call = upload(&world, PayloadMode::SignedChunksTrailer, &headers, |chunks, body| {
        chunks.sign_chunk(b"hello", body);
        chunks.sign_chunk(b"", body);
        body.extend_from_slice(format!("x-amz-checksum-crc32:{sum}\r\n\r\n").as_bytes());
    });
    let outcome = refused(&world, "no trailer signature", &call);
    assert!(
        outcome == "403 SignatureDoesNotMatch" || outcome == "400 MalformedTrailerError",
        "{outcome}"
    );
}

/// The modes in which peers forgot to look at the signature at all.
#[test]
fn no_payload_mode_comes_past_the_signature() {
    let world = World::new();
    let body = b"5\r\nhello\r\n0\r\n\r\n";
    for mode in [
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
        "UNSIGNED-PAYLOAD",
        "STREAMING",
        "",
    ] {
        for target in [
            format!("/{BUCKET}/{KEY}"),
            format!("/{BUCKET}/{KEY}?partNumber=1&uploadId={}", world.upload_id),
        ] {
            let plain = || {
                world
                    .server
                    .call("PUT", &target)
                    .header("x-amz-content-sha256", mode)
                    .header(LENGTH, "5")
                    .body(body)
            };
            assert_refused(&world, mode, &plain().to_bytes());
            let forged = Keys {
                account: world.server.main().account,
                access_key_id: world.server.main().access_key_id.clone(),
                secret_access_key: strongroom_crypto::SecretText::new("wrong".to_owned()),
                session_token: None,
            };
            let url = plain().presign(&world.server.signer(&forged), 60).unwrap();
            let reply = assert_refused(&world, mode, &url.to_bytes()).unwrap();
            assert!(matches!(reply.status, 400 | 403 | 501), "{mode}: {reply:?}");
            // The mode that was signed is not the mode that comes.
            let mut signed = world.server.call("PUT", &target).header(LENGTH, "5").body(body);
            signed = signed.sign(&world.server.signer(world.server.main())).unwrap();
            if mode == "UNSIGNED-PAYLOAD" {
                continue;
            }
            for (name, value) in &mut signed.headers {
                if name == "x-amz-content-sha256" {
                    *value = mode.as_bytes().to_vec();
                }
            }
            assert_refused(&world, mode, &signed.to_bytes());
        }
    }
}

/// SPEC: data-protection, INT-009, INT-039.
#[test]
fn a_signed_digest_is_that_of_the_body_and_documents_do_not_stream() {
    let world = World::new();
    let signer = world.server.signer(world.server.main());
    let call = world.server.call("PUT", &format!("/{BUCKET}/{KEY}")).body("hello");
    let mode = strongroom_sigv4::sign::hashed(b"other");
    let (call, _) = call.sign_for(&signer, mode).unwrap();
    assert_eq!(refused(&world, "digest", &call), "400 XAmzContentSHA256Mismatch");

    let call = world.server.call("PUT", &format!("/{BUCKET}?tagging")).header(LENGTH, "5");
    let (call, _) = call.sign_for(&signer, PayloadMode::UnsignedTrailer).unwrap();
    let call = call.body("5\r\nhello\r\n0\r\n\r\n");
    assert_eq!(refused(&world, "document", &call), "400 InvalidRequest");
}

/// SPEC: data-protection, 1.6: what takes no such body at all does not ask how long it is.
#[test]
fn only_uploads_stream() {
    let world = World::new();
    let signer = world.server.signer(world.server.main());
    for mode in
        [PayloadMode::SignedChunks, PayloadMode::SignedChunksTrailer, PayloadMode::UnsignedTrailer]
    {
        for (method, target) in [
            ("GET", format!("/{BUCKET}/{KEY}")),
            ("GET", "/".to_owned()),
            ("DELETE", format!("/{BUCKET}/{KEY}")),
            ("POST", format!("/{BUCKET}?delete=")),
            ("PUT", format!("/{BUCKET}?versioning=")),
        ] {
            let call = world.server.call(method, &target);
            let (call, _) = call.sign_for(&signer, mode).unwrap();
            let name = format!("{mode:?} {method} {target}");
            assert_eq!(refused(&world, &name, &call), "400 InvalidRequest", "{name}");
        }
    }
    let stranger = world.server.call("GET", &format!("/{BUCKET}/{KEY}"));
    let stranger = stranger.header("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER");
    assert_eq!(refused(&world, "stranger", &stranger), "400 InvalidRequest");
}
