use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
use strongroom_wire::ByteStream;
use tokio::io::AsyncWriteExt;

use super::*;
use crate::body::ResponseBody;

const LINE: &str = "GET /b/k?x=1 HTTP/1.1";

/// The verdict on this request line and these lines.
fn verdict(line: &str, lines: &[&str]) -> Result<Option<Framing>, HeadError> {
    let mut head = format!("{line}\r\n");
    lines.iter().for_each(|line| head.push_str(&format!("{line}\r\n")));
    head.push_str("\r\n");
    let judged = judge(head.as_bytes())?;
    assert!(judged.is_none_or(|judged| judged.head_bytes == head.len()));
    Ok(judged.map(|judged| judged.framing))
}

#[test]
fn heads_as_clients_send_them_pass() {
    let lines = ["Host: a:9000", "Authorization: AWS4-HMAC-SHA256 Credential=a/b, c=d", "x-a:"];
    assert_eq!(verdict(LINE, &lines), Ok(Some(Framing::Length(0))));
    let put = "PUT /b/%C3%BC%20\u{fc}~!$&'()*+,;=:@{}|^\\\"?a=`^|{} HTTP/1.1";
    assert_eq!(verdict(put, &["host: a", "content-length:  12 "]), Ok(Some(Framing::Length(12))));
    let chunks = verdict(LINE, &["transfer-encoding: Chunked\t", "HOST: a"]);
    assert_eq!(chunks, Ok(Some(Framing::Chunks)));
    let judged = judge(b"\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\nGET ").unwrap().unwrap();
    assert_eq!(judged.head_bytes, 29);
}

#[test]
fn what_two_readers_could_read_in_two_ways_is_refused() {
    let host = "host: a";
    for (lines, error) in [
        (vec![], HeadError::Host),
        (vec![host, host], HeadError::Host),
        (vec![host, "content-length: 5", "content-length: 5"], HeadError::Lengths),
        (vec![host, "content-length: 5", "Content-Length: 6"], HeadError::Lengths),
        (vec![host, "content-length: 5", "transfer-encoding: chunked"], HeadError::Lengths),
        (vec![host, "transfer-encoding: chunked", "content-length: 5"], HeadError::Lengths),
        (vec![host, "content-length: 5, 5"], HeadError::Length),
        (vec![host, "content-length: +5"], HeadError::Length),
        (vec![host, "content-length:"], HeadError::Length),
        (vec![host, "content-length: 9223372036854775808"], HeadError::Length),
        (vec![host, "content-length: 18446744073709551616"], HeadError::Length),
        (vec![host, "transfer-encoding: gzip, chunked"], HeadError::Coding),
        (vec![host, "transfer-encoding: identity"], HeadError::Coding),
        (vec![host, "transfer-encoding: chunked, chunked"], HeadError::Coding),
        (vec![host, "transfer-encoding: chunked", "transfer-encoding: chunked"], HeadError::Coding),
        (vec![host, "x-a: b", " folded"], HeadError::HeaderLine),
        (vec![host, "x-a: b", "\tc: folded"], HeadError::HeaderLine),
        (vec![host, "content-length : 5"], HeadError::HeaderLine),
        (vec![host, "x-a"], HeadError::HeaderLine),
        (vec![host, ": b"], HeadError::HeaderLine),
        (vec![host, "x-\u{e9}: b"], HeadError::HeaderLine),
        (vec![host, "x-a: \0"], HeadError::HeaderLine),
        (vec![host, "x-a: b\rc: d"], HeadError::HeaderLine),
        (vec![host, "x-a: b\nc: d"], HeadError::LineEnd),
        (vec![host, "x-a: b\n"], HeadError::LineEnd),
    ] {
        assert_eq!(verdict(LINE, &lines), Err(error), "{lines:?}");
    }
}

#[test]
fn a_request_line_is_a_method_a_path_and_the_one_version() {
    for (line, error) in [
        ("GET / HTTP/1.0", HeadError::Version),
        ("GET / HTTP/2.0", HeadError::Version),
        ("PRI * HTTP/2.0", HeadError::Version),
        ("GET / http/1.1", HeadError::RequestLine),
        ("GET  / HTTP/1.1", HeadError::RequestLine),
        ("GET /", HeadError::RequestLine),
        ("GET / HTTP/1.1 ", HeadError::RequestLine),
        (" GET / HTTP/1.1", HeadError::RequestLine),
        ("G(T / HTTP/1.1", HeadError::RequestLine),
        ("GET\t/\tHTTP/1.1", HeadError::RequestLine),
        ("", HeadError::RequestLine),
        ("GET http://a/ HTTP/1.1", HeadError::TargetForm),
        ("CONNECT a:80 HTTP/1.1", HeadError::TargetForm),
        ("OPTIONS * HTTP/1.1", HeadError::TargetForm),
        ("GET /#a HTTP/1.1", HeadError::TargetBytes),
        ("GET /<a> HTTP/1.1", HeadError::TargetBytes),
        ("GET /?\" HTTP/1.1", HeadError::TargetBytes),
        ("GET /a\u{7f} HTTP/1.1", HeadError::TargetBytes),
    ] {
        assert_eq!(verdict(line, &["host: a"]), Err(error), "{line}");
    }
    let not_utf8 = b"GET /\xff HTTP/1.1\r\nhost: a\r\n\r\n";
    assert_eq!(judge(not_utf8), Err(HeadError::TargetBytes));
}

#[test]
fn what_cannot_become_a_head_is_refused_before_it_is_whole() {
    for begun in ["", "\r", "\r\n", "G", "GET / HTTP/1.1\r", "GET / HTTP/1.1\r\nhost: a\r\n\r"] {
        assert_eq!(judge(begun.as_bytes()), Ok(None), "{begun:?}");
    }
    for (begun, error) in [
        (b"\x16\x03\x01\x02".as_slice(), HeadError::RequestLine),
        (b"\n", HeadError::LineEnd),
        (b"\r\n\r\n", HeadError::RequestLine),
        (b"GET / HTTP/1.1\nhost", HeadError::LineEnd),
        (b"GET /\0", HeadError::LineEnd),
        (b"GET / HTTP/1.0\r\n", HeadError::Version),
        (b"GET / HTTP/1.1\r\nhost: a\rb", HeadError::LineEnd),
    ] {
        assert_eq!(judge(begun), Err(error), "{begun:?}");
    }
}

#[test]
fn heads_have_a_longest_length_and_a_number_of_lines() {
    let padded = |bytes: usize| {
        let begun = "GET / HTTP/1.1\r\nhost: a\r\nx: ";
        format!("{begun}{}\r\n\r\n", "a".repeat(bytes - begun.len() - 4))
    };
    let longest = judge(padded(HEAD_BYTES_MAX).as_bytes()).unwrap().unwrap();
    assert_eq!(longest.head_bytes, HEAD_BYTES_MAX);
    assert_eq!(judge(padded(HEAD_BYTES_MAX + 1).as_bytes()), Err(HeadError::TooLarge));
    let endless = "a".repeat(HEAD_BYTES_MAX);
    assert_eq!(judge(endless.as_bytes()), Ok(None));
    assert_eq!(judge(format!("{endless}a").as_bytes()), Err(HeadError::TooLarge));
    let mut lines = vec!["host: a"; 1];
    lines.resize(HEADERS_MAX, "x: 1");
    assert_eq!(verdict(LINE, &lines), Ok(Some(Framing::Length(0))));
    lines.push("x: 1");
    assert_eq!(verdict(LINE, &lines), Err(HeadError::TooLarge));
}

/// Pieces of heads, good and bad, in any order.
fn heads() -> impl Strategy<Value = Vec<u8>> {
    let good = prop_oneof![
        Just("GET /b/k HTTP/1.1\r\n"),
        Just("PUT /b?x=y&z HTTP/1.1\r\n"),
        Just("host: a\r\n"),
        Just("content-length: 5\r\n"),
        Just("transfer-encoding: chunked\r\n"),
        Just("x-amz-meta-a: b\r\n"),
        Just("expect: 100-continue\r\n"),
        Just("connection: keep-alive, upgrade\r\n"),
        Just("upgrade: h2c\r\n"),
        Just("\r\n"),
    ];
    let odd = prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        "[ -~]{1,8}".prop_map(String::into_bytes),
        Just(b"\r".to_vec()),
        Just(b"\n".to_vec()),
        Just(b": ".to_vec()),
        Just(b" HTTP/1.1\r\n".to_vec()),
    ];
    let piece = prop_oneof![6 => good.prop_map(|text| text.as_bytes().to_vec()), 1 => odd];
    let rest = prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat());
    // Half of them begin well, so that some are heads.
    let begun = prop_oneof![Just("GET /b/k?a=b HTTP/1.1\r\nhost: a\r\n"), Just("")];
    (begun, "[!-~\u{e9}]{0,3}", rest).prop_map(|(begun, target, rest)| {
        let begun = begun.replacen("/k", &format!("/{target}"), 1);
        [begun.as_bytes(), &rest, b"\r\n"].concat()
    })
}

/// Whether hyper hands these bytes to a service as a request, and how long it takes its body for.
fn hyper_reads(bytes: &[u8]) -> Option<Option<u64>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (calls, length) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let service = service_fn(|request: http::Request<Incoming>| {
        calls.fetch_add(1, Ordering::SeqCst);
        let exact = request.body().size_hint().exact();
        let exact = exact.map_or(usize::MAX, |exact| usize::try_from(exact).unwrap());
        length.store(exact, Ordering::SeqCst);
        async { Ok::<_, Infallible>(http::Response::new(ResponseBody::from(ByteStream::Empty))) }
    });
    runtime.block_on(async {
        let (mut client, server) = tokio::io::duplex(64 * 1024);
        client.write_all(bytes).await.unwrap();
        client.shutdown().await.unwrap();
        let served = http1::Builder::new()
            .header_read_timeout(None)
            .half_close(true)
            .keep_alive(false)
            .max_headers(HEADERS_MAX)
            .serve_connection(TokioIo::new(server), service);
        let _ = served.await;
    });
    let exact = length.load(Ordering::SeqCst);
    let exact = (exact != usize::MAX).then(|| u64::try_from(exact).unwrap());
    (calls.load(Ordering::SeqCst) == 1).then_some(exact)
}

proptest! {
    /// SECURITY: else hyper would answer in words of its own, or see another end of the request.
    #[test]
    fn hyper_reads_every_head_that_passed_and_sees_the_same_end(bytes in heads()) {
        if let Ok(Some(head)) = judge(&bytes) {
            let expected = match head.framing {
                Framing::Length(length) => Some(length),
                Framing::Chunks => None,
            };
            assert_eq!(hyper_reads(&bytes), Some(expected), "{:?}", Bytes::from(bytes));
        }
    }

    /// However the bytes are cut, the verdict is the same, and it never comes too late.
    #[test]
    fn a_head_that_passes_is_never_refused_halfway(bytes in heads()) {
        if let Ok(Some(head)) = judge(&bytes) {
            for end in 0..head.head_bytes {
                assert_eq!(judge(&bytes[..end]), Ok(None));
            }
            assert_eq!(judge(&bytes[..head.head_bytes]), Ok(Some(head)));
        }
    }
}
