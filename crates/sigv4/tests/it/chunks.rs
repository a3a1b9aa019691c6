//! Bodies framed as `aws-chunked`: every split, every limit, every forgery.

use strongroom_sigv4::{AuthError, CHUNK_BYTES_MAX, ChunkError, PayloadMode, anonymous_body};

use crate::support::{Request, drain};

const MODES: [PayloadMode; 3] =
    [PayloadMode::SignedChunks, PayloadMode::SignedChunksTrailer, PayloadMode::UnsignedTrailer];

/// An upload with its framed body.
struct Upload {
    request: Request,
    body: Vec<u8>,
}

impl Upload {
    /// Chunks of 8,192 bytes and a rest; a trailer where the mode has one.
    fn new(mode: PayloadMode, payload: &[u8]) -> Self {
        Self::declaring(mode, payload, payload.len() as u64)
    }

    fn declaring(mode: PayloadMode, payload: &[u8], decoded_bytes: u64) -> Self {
        let chunks: Vec<&[u8]> = payload.chunks(8192).collect();
        Self::of_chunks(mode, &chunks, decoded_bytes)
    }

    fn of_chunks(mode: PayloadMode, chunks: &[&[u8]], decoded_bytes: u64) -> Self {
        let mut request = Request::new("PUT", "/bucket/object")
            .with("x-amz-decoded-content-length", &decoded_bytes.to_string());
        if mode != PayloadMode::SignedChunks {
            request = request.with("x-amz-trailer", "x-amz-checksum-crc32");
        }
        let (request, mut signer) = request.signed(mode);
        let mut body = Vec::new();
        for chunk in chunks.iter().chain([&&b""[..]]) {
            if mode.has_chunk_signatures() {
                signer.sign_chunk(chunk, &mut body);
            } else {
                body.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
                body.extend_from_slice(chunk);
                if !chunk.is_empty() {
                    body.extend_from_slice(b"\r\n");
                }
            }
        }
        match mode {
            PayloadMode::SignedChunksTrailer => {
                signer.sign_trailers(&[("x-amz-checksum-crc32", "AAAAAA==")], &mut body);
            }
            PayloadMode::UnsignedTrailer => {
                body.extend_from_slice(b"x-amz-checksum-crc32:AAAAAA==\r\n");
            }
            _ => {}
        }
        body.extend_from_slice(b"\r\n");
        Self { request, body }
    }

    /// The payload that was released, and the error if there was one.
    fn read(&self, piece_bytes: usize) -> (Vec<u8>, Result<(), ChunkError>) {
        let (_, decoder) = self.request.verify().unwrap();
        let (payload, end) = drain(decoder, self.body.chunks(piece_bytes));
        (payload, end.map(|_| ()))
    }

    fn refusal(&self) -> ChunkError {
        self.read(self.body.len()).1.unwrap_err()
    }

    fn replace(mut self, old: &str, new: &str) -> Self {
        let at = self.find(old);
        self.body.splice(at..at + old.len(), new.bytes());
        self
    }

    fn find(&self, text: &str) -> usize {
        self.body.windows(text.len()).position(|window| window == text.as_bytes()).unwrap()
    }
}

fn payload(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|index| b'a' + u8::try_from(index % 23).unwrap()).collect()
}

/// An unsigned upload with a body written by hand.
fn raw(decoded_bytes: u64, trailers: &str, body: &str) -> Result<String, ChunkError> {
    let mut request = Request::new("PUT", "/bucket/object")
        .with("x-amz-decoded-content-length", &decoded_bytes.to_string());
    if !trailers.is_empty() {
        request = request.with("x-amz-trailer", trailers);
    }
    let (request, _) = request.signed(PayloadMode::UnsignedTrailer);
    let (whole, outcome) = drain(request.verify().unwrap().1, [body.as_bytes()]);
    // Byte by byte gives the same.
    let (_, decoder) = request.verify().unwrap();
    let (payload, end) = drain(decoder, body.as_bytes().chunks(1));
    assert_eq!((&payload, end.is_ok()), (&whole, outcome.is_ok()));
    outcome.map(|_| String::from_utf8(payload).unwrap())
}

#[test]
fn every_split_gives_the_same_payload() {
    for mode in MODES {
        for bytes in [0, 1, 8191, 8192, 8193, 20_000] {
            let expected = payload(bytes);
            let upload = Upload::new(mode, &expected);
            for piece_bytes in [1, 2, 3, 7, 64, 1000, 4095, 4096, 4097, 8192, usize::MAX] {
                let (payload, end) = upload.read(piece_bytes.min(upload.body.len()));
                assert_eq!(end, Ok(()), "{mode:?} {bytes} {piece_bytes}");
                assert!(payload == expected, "{mode:?} {bytes} {piece_bytes}");
            }
        }
    }
}

#[test]
fn a_body_cut_in_two_anywhere_gives_the_same_payload() {
    for mode in MODES {
        let expected = payload(8200);
        let upload = Upload::new(mode, &expected);
        for cut in 0..=upload.body.len() {
            let (first, second) = upload.body.split_at(cut);
            let (payload, end) = drain(upload.request.verify().unwrap().1, [first, second]);
            assert!(end.is_ok() && payload == expected, "{mode:?} {cut}");
        }
    }
}

#[test]
fn every_truncation_is_refused() {
    for mode in MODES {
        let upload = Upload::new(mode, &payload(8200));
        for bytes in 0..upload.body.len() {
            let (_, decoder) = upload.request.verify().unwrap();
            let (_, end) = drain(decoder, [&upload.body[..bytes]]);
            assert_eq!(end.unwrap_err(), ChunkError::Truncated, "{mode:?} {bytes}");
        }
    }
}

#[test]
fn every_flipped_bit_of_a_signed_body_is_refused_and_releases_nothing_of_its_chunk() {
    for mode in [PayloadMode::SignedChunks, PayloadMode::SignedChunksTrailer] {
        let expected = payload(8200);
        let upload = Upload::new(mode, &expected);
        let second = upload.find("\r\n8;chunk-signature=");
        let names: Vec<_> = ["x-amz-checksum-crc32:", "x-amz-trailer-signature:"]
            .iter()
            .filter(|_| mode == PayloadMode::SignedChunksTrailer)
            .map(|name| upload.find(name)..upload.find(name) + name.len())
            .collect();
        for at in 0..upload.body.len() {
            // All of the frames, some of the payload; a bit that does and one that does not
            // change a letter's case.
            if (200..8100).contains(&at) && at % 97 != 0 {
                continue;
            }
            for bit in [0, 5] {
                let mut body = upload.body.clone();
                body[at] ^= 1 << bit;
                // The name of a trailer is read without regard to case.
                let letter = body[at].is_ascii_uppercase();
                if bit == 5 && letter && names.iter().any(|name| name.contains(&at)) {
                    continue;
                }
                let (payload, end) = drain(upload.request.verify().unwrap().1, [&body[..]]);
                assert!(end.is_err(), "{mode:?} {at} {bit}");
                if at < second {
                    assert!(payload.is_empty(), "{mode:?} {at} {bit}");
                }
                assert!(expected.starts_with(&payload));
            }
        }
    }
}

#[test]
fn a_chunk_with_a_wrong_signature_releases_nothing() {
    let mut upload = Upload::new(PayloadMode::SignedChunks, &payload(20_000));
    let at = upload.body.len() / 2;
    upload.body[at] ^= 1;
    let (payload, end) = upload.read(100);
    assert_eq!(end, Err(ChunkError::SignatureMismatch { index: 2 }));
    assert_eq!(payload.len(), 8192);
}

#[test]
fn chunks_cannot_be_swapped_repeated_or_dropped() {
    let (first, second) = (payload(8192), vec![b'z'; 8192]);
    let upload = Upload::of_chunks(PayloadMode::SignedChunks, &[&first, &second], 16_384);
    let frame_bytes = upload.find("\r\n2000;chunk-signature=") + 2;
    let last = upload.body.len() - frame_bytes * 2;
    let frames: Vec<&[u8]> = upload.body[..frame_bytes * 2].chunks(frame_bytes).collect();
    let end = &upload.body[upload.body.len() - last..];
    for order in [[1, 0], [0, 0], [1, 1]] {
        let body = [frames[order[0]], frames[order[1]], end].concat();
        let (_, decoder) = upload.request.verify().unwrap();
        let refused = drain(decoder, [&body[..]]).1.unwrap_err();
        assert!(matches!(refused, ChunkError::SignatureMismatch { .. }), "{order:?}");
    }
    let body = [frames[0], end].concat();
    let (_, decoder) = upload.request.verify().unwrap();
    assert_eq!(drain(decoder, [&body[..]]).1, Err(ChunkError::ShorterThanDeclared));
}

#[test]
fn chunks_of_another_request_are_refused() {
    let other = Upload::new(PayloadMode::SignedChunks, &payload(100));
    let mut upload = Upload::new(PayloadMode::SignedChunks, &payload(100));
    upload.request = Request::new("PUT", "/bucket/another")
        .with("x-amz-decoded-content-length", "100")
        .signed(PayloadMode::SignedChunks)
        .0;
    assert_eq!(other.read(10).1, Ok(()));
    assert_eq!(upload.refusal(), ChunkError::SignatureMismatch { index: 1 });
}

#[test]
fn the_end_of_a_signed_body_must_be_signed() {
    let upload = Upload::new(PayloadMode::SignedChunks, &payload(100));
    let at = upload.find("\r\n0;chunk-signature=") + 2;
    for end in ["0\r\n\r\n", "0;chunk-signature=\r\n\r\n", "0;\r\n\r\n"] {
        let body = [&upload.body[..at], end.as_bytes()].concat();
        let (_, decoder) = upload.request.verify().unwrap();
        assert_eq!(drain(decoder, [&body[..]]).1, Err(ChunkError::MalformedFrame), "{end}");
    }
    let forged = format!("0;chunk-signature={}\r\n\r\n", "0".repeat(64));
    let body = [&upload.body[..at], forged.as_bytes()].concat();
    let (_, decoder) = upload.request.verify().unwrap();
    let refused = drain(decoder, [&body[..]]).1;
    assert_eq!(refused, Err(ChunkError::SignatureMismatch { index: 2 }));
}

#[test]
fn a_signed_trailer_is_covered_by_its_signature() {
    let upload = || Upload::new(PayloadMode::SignedChunksTrailer, &payload(100));
    let mismatch = ChunkError::TrailerSignatureMismatch;
    assert_eq!(upload().replace("crc32:AAAAAA==", "crc32:AAAAAQ==").refusal(), mismatch);
    let wrong = upload();
    let at = wrong.find("x-amz-trailer-signature:");
    let signature = String::from_utf8(wrong.body[at + 24..at + 88].to_vec()).unwrap();
    assert_eq!(wrong.replace(&signature, &"0".repeat(64)).refusal(), mismatch);
    assert_eq!(upload().replace(&signature, &signature.to_uppercase()).refusal(), mismatch);

    let without = upload().replace(&format!("x-amz-trailer-signature:{signature}\r\n"), "");
    let name = "x-amz-trailer-signature".to_owned();
    assert_eq!(without.refusal(), ChunkError::TrailerMissing { name });

    // A trailer behind the signature is not covered by it.
    let line = "x-amz-checksum-crc32:AAAAAA==\r\n";
    let behind = upload()
        .replace(line, "")
        .replace(&format!("{signature}\r\n"), &format!("{signature}\r\n{line}"));
    assert_eq!(behind.refusal(), ChunkError::TrailerMalformed);
    let twice = upload().replace(
        &format!("{signature}\r\n"),
        &format!("{signature}\r\nx-amz-trailer-signature:{signature}\r\n"),
    );
    assert_eq!(twice.refusal(), ChunkError::TrailerMalformed);
}

#[test]
fn the_last_chunk_alone_may_be_small() {
    for mode in MODES {
        let chunk = |bytes: usize| payload(bytes);
        let (fits, small) = (chunk(8192), chunk(8191));
        let good = Upload::of_chunks(mode, &[&fits, &small], 16_383);
        assert_eq!(good.read(1000).1, Ok(()), "{mode:?}");
        let bad = Upload::of_chunks(mode, &[&fits, &small, &fits], 24_575);
        let refused = bad.refusal();
        assert_eq!(refused, ChunkError::ChunkTooSmall { index: 2, chunk_bytes: 8191 }, "{mode:?}");
        let parts = refused.s3();
        assert_eq!((parts.code, parts.status), ("InvalidChunkSizeError", 400));
        let elements = [("Chunk", "2".to_owned()), ("BadChunkSize", "8191".to_owned())];
        assert_eq!(parts.elements, elements);
    }
}

#[test]
fn a_signed_chunk_is_bounded_because_it_is_held() {
    let line = |bytes: u64| format!("{bytes:x};chunk-signature={}\r\n", "0".repeat(64));
    let (request, _) = Request::new("PUT", "/bucket/object")
        .with("x-amz-decoded-content-length", "5000000000")
        .signed(PayloadMode::SignedChunks);
    let outcome = |bytes| drain(request.verify().unwrap().1, [line(bytes).as_bytes()]).1;
    assert_eq!(outcome(CHUNK_BYTES_MAX), Err(ChunkError::Truncated));
    let chunk_bytes = CHUNK_BYTES_MAX + 1;
    assert_eq!(outcome(chunk_bytes), Err(ChunkError::ChunkTooLarge { index: 1, chunk_bytes }));
}

#[test]
fn an_unsigned_chunk_is_released_as_it_arrives() {
    let (request, _) = Request::new("PUT", "/bucket/object")
        .with("x-amz-decoded-content-length", "5000000000")
        .signed(PayloadMode::UnsignedTrailer);
    let (_, decoder) = request.verify().unwrap();
    let (payload, end) = drain(decoder, [&b"12A05F200\r\nabc"[..], &b"def"[..]]);
    assert_eq!((&payload[..], end), (&b"abcdef"[..], Err(ChunkError::Truncated)));
}

#[test]
fn the_payload_is_as_long_as_declared() {
    for mode in MODES {
        let body = payload(100);
        let longer = Upload::declaring(mode, &body, 99);
        let (released, end) = longer.read(7);
        assert_eq!((released.len(), end), (0, Err(ChunkError::LongerThanDeclared)), "{mode:?}");
        let shorter = Upload::declaring(mode, &body, 101);
        assert_eq!(shorter.refusal(), ChunkError::ShorterThanDeclared, "{mode:?}");
        assert_eq!(shorter.refusal().s3().code, "IncompleteBody");
    }
}

#[test]
fn bytes_after_the_end_are_refused() {
    for mode in MODES {
        let mut upload = Upload::new(mode, &payload(100));
        upload.body.push(b'x');
        assert_eq!(upload.refusal(), ChunkError::BytesAfterEnd);
        assert_eq!(upload.read(1).1, Err(ChunkError::BytesAfterEnd));
    }
}

#[test]
fn unsigned_bodies_are_framed_strictly() {
    assert_eq!(raw(11, "", "B\r\nhello world\r\n0\r\n\r\n").unwrap(), "hello world");
    assert_eq!(raw(11, "", "00b\r\nhello world\r\n0000\r\n\r\n").unwrap(), "hello world");
    assert_eq!(raw(0, "", "0\r\n\r\n").unwrap(), "");
    for bad in [
        "+B\r\nhello world\r\n0\r\n\r\n",
        "-B\r\nhello world\r\n0\r\n\r\n",
        "0xB\r\nhello world\r\n0\r\n\r\n",
        " B\r\nhello world\r\n0\r\n\r\n",
        "B \r\nhello world\r\n0\r\n\r\n",
        "B;x=y\r\nhello world\r\n0\r\n\r\n",
        "B_\r\nhello world\r\n0\r\n\r\n",
        "\r\nhello world\r\n0\r\n\r\n",
        "B\nhello world\n0\n\n",
        "B\r\r\nhello world\r\n0\r\n\r\n",
        "B\r\nhello world0\r\n\r\n",
        "B\r\nhello world\n0\r\n\r\n",
        "B\r\nhello world\r\r\n0\r\n\r\n",
        "G\r\nhello world\r\n0\r\n\r\n",
        "0000000000000000B\r\nhello world\r\n0\r\n\r\n",
    ] {
        assert_eq!(raw(11, "", bad), Err(ChunkError::MalformedFrame), "{bad:?}");
    }
    let overflow = raw(11, "", "FFFFFFFFFFFFFFFF\r\nhello world\r\n0\r\n\r\n");
    assert_eq!(overflow, Err(ChunkError::LongerThanDeclared));
    assert_eq!(raw(11, "", &"0".repeat(1025)), Err(ChunkError::LineTooLong));
    assert_eq!(raw(11, "", &"0".repeat(1024)), Err(ChunkError::Truncated));
}

#[test]
fn trailers_are_those_that_were_declared() {
    let crc = "x-amz-checksum-crc32";
    let end = |lines: &str| format!("1\r\na\r\n0\r\n{lines}\r\n");
    assert!(raw(1, crc, &end("x-amz-checksum-crc32:AAAA\r\n")).is_ok());
    assert!(raw(1, crc, &end("X-Amz-Checksum-CRC32: AAAA \r\n")).is_ok());
    let both = "x-amz-checksum-crc32, x-amz-checksum-sha1";
    let lines = "x-amz-checksum-sha1:A\r\nx-amz-checksum-crc32:B\r\n";
    assert!(raw(1, both, &end(lines)).is_ok());

    let missing = ChunkError::TrailerMissing { name: crc.to_owned() };
    assert_eq!(raw(1, crc, &end("")), Err(missing));
    let name = "x-amz-checksum-sha1".to_owned();
    let undeclared = ChunkError::TrailerUndeclared { name };
    assert_eq!(raw(1, crc, &end("x-amz-checksum-sha1:A\r\n")), Err(undeclared.clone()));
    assert_eq!(raw(1, "", &end("x-amz-checksum-sha1:A\r\n")), Err(undeclared));
    let twice = end("x-amz-checksum-crc32:A\r\nx-amz-checksum-crc32:A\r\n");
    assert_eq!(raw(1, crc, &twice), Err(ChunkError::TrailerDuplicate { name: crc.to_owned() }));
    let signature = end("x-amz-trailer-signature:A\r\n");
    let name = "x-amz-trailer-signature".to_owned();
    assert_eq!(raw(1, crc, &signature), Err(ChunkError::TrailerUndeclared { name }));
    for garbage in
        ["x-amz-checksum-crc32\r\n", ":\r\n", "x y:1\r\n", "x-amz-checksum-crc32:\x01\r\n"]
    {
        assert_eq!(raw(1, crc, &end(garbage)), Err(ChunkError::TrailerMalformed), "{garbage:?}");
    }
    let long = format!("x-amz-checksum-crc32:{}\r\n", "A".repeat(4096 - 23));
    assert_eq!(raw(1, crc, &end(&long)), Err(ChunkError::TrailerTooLong));
    let fits = format!("x-amz-checksum-crc32:{}\r\n", "A".repeat(4096 - 25));
    assert!(raw(1, crc, &end(&fits)).is_ok());
}

#[test]
fn what_is_declared_of_a_chunked_body_is_checked_before_it_is_read() {
    let refused = |mode, headers: &[(&str, &str)]| {
        let mut request = Request::new("PUT", "/bucket/object");
        for (name, value) in headers {
            request = request.with(name, value);
        }
        request.signed(mode).0.verify().map(|_| ())
    };
    let length = "x-amz-decoded-content-length";
    let trailer = "x-amz-trailer";
    let streaming = PayloadMode::UnsignedTrailer;
    for bad in ["", "-1", "+1", "1x", "0x1", "18446744073709551616", " "] {
        let outcome = refused(streaming, &[(length, bad)]);
        assert_eq!(outcome, Err(AuthError::MissingDecodedLength), "{bad:?}");
    }
    assert_eq!(refused(streaming, &[]), Err(AuthError::MissingDecodedLength));
    assert_eq!(AuthError::MissingDecodedLength.s3().status, 411);
    let twice = refused(streaming, &[(length, "1"), (length, "1")]);
    assert_eq!(twice, Err(AuthError::DuplicateHeader { name: length }));
    assert_eq!(refused(streaming, &[(length, "1")]), Ok(()));

    for bad in [
        "",
        "etag",
        "x-amz-checksum-",
        "x-amz-checksum-type",
        "x-amz-checksum-crc32,",
        "x-amz-checksum-crc32,x-amz-checksum-crc32",
        "x-amz-trailer-signature",
    ] {
        let outcome = refused(streaming, &[(length, "1"), (trailer, bad)]);
        assert!(matches!(outcome, Err(AuthError::TrailerInvalid { .. })), "{bad:?}");
    }
    let without = refused(PayloadMode::SignedChunksTrailer, &[(length, "1")]);
    assert_eq!(without, Err(AuthError::TrailerUndeclared));
    // A mode that has no trailer would never see the declared one.
    for mode in [PayloadMode::SignedChunks, PayloadMode::Unsigned, PayloadMode::Sha256([0; 32])] {
        let outcome = refused(mode, &[(length, "1"), (trailer, "x-amz-checksum-crc32")]);
        assert!(matches!(outcome, Err(AuthError::TrailerInvalid { .. })), "{mode:?}");
    }
}

#[test]
fn anonymous_bodies_are_framed_like_signed_ones() {
    let body = |headers: &[(&str, &str)]| {
        let mut request = Request::new("PUT", "/bucket/object");
        for (name, value) in headers {
            request = request.with(name, value);
        }
        request.view(anonymous_body)
    };
    let sha = "x-amz-content-sha256";
    for signed in [PayloadMode::SignedChunks, PayloadMode::SignedChunksTrailer] {
        let refused = body(&[(sha, &signed.header_value()), ("x-amz-decoded-content-length", "1")]);
        assert_eq!(refused.unwrap_err(), AuthError::AnonymousSignedChunks);
    }
    assert_eq!(body(&[]).unwrap().payload_mode(), PayloadMode::Unsigned);
    let streaming = PayloadMode::UnsignedTrailer.header_value();
    let decoder = body(&[
        (sha, &streaming),
        ("x-amz-decoded-content-length", "1"),
        ("x-amz-trailer", "x-amz-checksum-crc32"),
    ]);
    let (_, end) = drain(decoder.unwrap(), [&b"1\r\na\r\n0\r\n\r\n"[..]]);
    assert!(matches!(end, Err(ChunkError::TrailerMissing { .. })));
    let decoder = body(&[(sha, &"0".repeat(64))]).unwrap();
    assert!(matches!(drain(decoder, [&b"x"[..]]).1, Err(ChunkError::DigestMismatch { .. })));
    assert!(body(&[(sha, "nonsense")]).is_err());
}
