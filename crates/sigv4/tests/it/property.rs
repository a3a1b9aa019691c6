//! What our signer signs is accepted; whatever is changed afterwards is refused.

use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use proptest::sample::Index;
use proptest::test_runner::{RngSeed, TestCaseError};
use proptest::{prop_assert, prop_assert_eq};
use strongroom_crypto::sha256;
use strongroom_sigv4::PayloadMode;
use strongroom_sigv4::sign::hashed;

use crate::support::{Request, drain};

/// Text as a client sends it in a path or query: canonical escapes, odd ones, and raw characters.
fn encoded() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-zA-Z0-9._~-]{1,6}",
        "%[0-9A-F][0-9A-F]",
        "%[0-9a-f][0-9a-f]",
        "[!'()*,:@$;]",
        Just("/".to_owned()),
        Just("+".to_owned()),
        Just("ü".to_owned()),
    ];
    vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn request() -> impl Strategy<Value = Request> {
    let value = "[ a-zA-Z0-9=,;\"]{0,12}";
    let headers = vec(("(x-amz-meta-[a-z]{1,3}|content-type|range|a)", value), 0..4);
    // A query that decodes as UTF-8, since its parameters are looked at by name.
    let parameter = ("[a-zA-Z.-]{0,4}", "[a-zA-Z0-9+]{0,4}(%2[0-9A-F])?(%C3%BC)?");
    let query = vec(parameter, 0..4).prop_map(|parameters| {
        parameters
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("&")
    });
    ("(GET|PUT|DELETE|POST)", encoded(), query, headers).prop_map(
        |(method, path, query, headers)| {
            let mut request = Request::new(&method, "/");
            request.path = format!("/{path}");
            request.query = query;
            request.headers.extend(headers);
            request
        },
    )
}

/// Parts of a request that a change can hit.
#[derive(Debug, Clone, Copy)]
enum Target {
    Method,
    Path,
    Query,
    Header,
    Body,
    Signature,
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        Just(Target::Method),
        Just(Target::Path),
        Just(Target::Query),
        Just(Target::Header),
        Just(Target::Body),
        Just(Target::Signature),
    ]
}

/// Puts a letter into the text; a letter is never lost by encoding or trimming.
fn insert(text: &mut String, at: Index) {
    let places: Vec<usize> = (0..=text.len())
        .filter(|at| text.is_char_boundary(*at) && !inside_escape(text, *at))
        .collect();
    text.insert(places[at.index(places.len())], 'k');
}

fn inside_escape(text: &str, at: usize) -> bool {
    text[..at].bytes().rev().take(2).any(|byte| byte == b'%')
}

fn change(request: &mut Request, body: &mut Vec<u8>, target: Target, at: Index) {
    match target {
        Target::Method => insert(&mut request.method, at),
        Target::Path => {
            let mut rest = request.path.split_off(1);
            insert(&mut rest, at);
            request.path.push_str(&rest);
        }
        Target::Query if request.query.is_empty() => request.query = "k".to_owned(),
        Target::Query => insert(&mut request.query, at),
        Target::Header => {
            let index = at.index(request.headers.len());
            request.headers[index].1.push('k');
        }
        Target::Body => body.push(b'k'),
        Target::Signature => {
            let text = match request.headers.iter_mut().find(|header| header.0 == "authorization") {
                Some(header) => &mut header.1,
                None => &mut request.query,
            };
            let place = text.len() - 1 - at.index(64);
            let digit = if &text[place..=place] == "0" { "1" } else { "0" };
            text.replace_range(place..=place, digit);
        }
    }
}

fn outcome(request: &Request, body: &[u8]) -> Result<Vec<u8>, String> {
    let (_, decoder) = request.verify().map_err(|error| error.to_string())?;
    let (payload, end) = drain(decoder, [body]);
    end.map(|_| payload).map_err(|error| error.to_string())
}

fn config(seed: RngSeed) -> ProptestConfig {
    ProptestConfig { cases: 512, failure_persistence: None, rng_seed: seed, ..Default::default() }
}

fn accepted_then_refused(
    request: Request,
    mut body: Vec<u8>,
    target: Target,
    at: Index,
) -> Result<(), TestCaseError> {
    let (mut request, _) = request.signed(hashed(&body));
    prop_assert_eq!(outcome(&request, &body), Ok(body.clone()));
    change(&mut request, &mut body, target, at);
    prop_assert!(outcome(&request, &body).is_err(), "{:?}", request);
    Ok(())
}

proptest! {
    // Another seed in each run; a failure prints the request that it found.
    #![proptest_config(config(RngSeed::Random))]

    #[test]
    fn a_signed_request_is_accepted_and_refused_with_any_seed(
        request in request(),
        body in vec(any::<u8>(), 0..40),
        target in target(),
        at in any::<Index>(),
    ) {
        accepted_then_refused(request, body, target, at)?;
    }
}

proptest! {
    #![proptest_config(config(RngSeed::Fixed(20_260_102)))]

    #[test]
    fn a_signed_request_is_accepted_and_refused_after_any_change(
        request in request(),
        body in vec(any::<u8>(), 0..40),
        target in target(),
        at in any::<Index>(),
    ) {
        accepted_then_refused(request, body, target, at)?;
    }

    #[test]
    fn a_presigned_request_is_accepted_and_refused_after_any_change(
        request in request(),
        body in vec(any::<u8>(), 0..40),
        target in target(),
        at in any::<Index>(),
        declared in any::<bool>(),
    ) {
        let mut request = request;
        let mut mode = PayloadMode::Unsigned;
        if declared {
            mode = PayloadMode::Sha256(sha256(&body));
            request.set("x-amz-content-sha256", &mode.header_value());
        }
        let mut request = request.presigned(mode, 60);
        prop_assert_eq!(outcome(&request, &body), Ok(body.clone()));
        let mut changed = body.clone();
        change(&mut request, &mut changed, target, at);
        let undeclared = matches!(target, Target::Body) && !declared;
        prop_assert_eq!(outcome(&request, &changed).is_ok(), undeclared, "{:?}", request);
    }

    #[test]
    fn encodings_of_one_path_have_one_signature(path in encoded()) {
        let mut request = Request::new("GET", "/");
        request.path = format!("/{path}");
        let (mut request, _) = request.signed(hashed(b""));
        let mut all = String::new();
        let mut bytes = request.path.bytes();
        while let Some(byte) = bytes.next() {
            let byte = match byte {
                b'%' => {
                    let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                    let text = std::str::from_utf8(&digits).unwrap().to_owned();
                    u8::from_str_radix(&text, 16).unwrap()
                }
                byte => byte,
            };
            all.push_str(&format!("%{byte:02x}"));
        }
        request.path = all;
        prop_assert!(request.verify().is_ok());
    }

    #[test]
    fn any_split_of_a_chunked_body_gives_the_same(
        bytes in 0_usize..30_000,
        cuts in vec(any::<Index>(), 0..6),
        flip in proptest::option::of(any::<Index>()),
    ) {
        let payload: Vec<u8> = (0..bytes).map(|index| u8::try_from(index % 251).unwrap()).collect();
        let (request, mut signer) = Request::new("PUT", "/b/k")
            .with("x-amz-decoded-content-length", &bytes.to_string())
            .with("x-amz-trailer", "x-amz-checksum-crc32")
            .signed(PayloadMode::SignedChunksTrailer);
        let mut body = Vec::new();
        for chunk in payload.chunks(9000).chain([&b""[..]]) {
            signer.sign_chunk(chunk, &mut body);
        }
        signer.sign_trailers(&[("x-amz-checksum-crc32", "AAAAAA==")], &mut body);
        body.extend_from_slice(b"\r\n");
        if let Some(at) = flip {
            let at = at.index(body.len());
            body[at] ^= 1;
        }
        let whole = drain(request.verify().unwrap().1, [&body[..]]);
        prop_assert_eq!(whole.1.is_err(), flip.is_some());

        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
        places.sort_unstable();
        let mut pieces = Vec::new();
        let mut start = 0;
        for place in places.into_iter().chain([body.len()]) {
            pieces.push(&body[start..place]);
            start = place;
        }
        let split = drain(request.verify().unwrap().1, pieces);
        prop_assert_eq!(&split.0, &whole.0);
        prop_assert_eq!(split.1, whole.1);
    }

    #[test]
    fn nothing_that_arrives_makes_the_verifier_panic(
        method in "\\PC{0,5}",
        path in "[/%a0.+]{0,12}",
        query in "(X-Amz-[A-Z][a-z]{0,8}|a|%|=|&|[0-9;/]){0,12}",
        headers in vec(("(authorization|x-amz-[a-z0-9-]{1,12}|host|date)", "\\PC{0,30}"), 0..6),
        authorization in "(AWS4-HMAC-SHA256 )?(Credential|SignedHeaders|Signature|[=,;/ a]){0,20}",
        body in vec(any::<u8>(), 0..200),
    ) {
        let mut request = Request { method, path, query, headers };
        let _ = outcome(&request, &body);
        request.headers.push(("authorization".to_owned(), authorization));
        let _ = outcome(&request, &body);
        let _ = request.verify().map_err(|error| (error.s3(), error.query_style()));
    }

    #[test]
    fn no_bytes_make_the_chunk_decoder_panic(
        body in vec(prop_oneof![
            Just(b"1\r\na\r\n".to_vec()),
            Just(b"0\r\n".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"x-amz-checksum-crc32:AA\r\n".to_vec()),
            vec(any::<u8>(), 0..5),
        ], 0..10),
        declared in 0_u64..4,
    ) {
        let body = body.concat();
        let (request, _) = Request::new("PUT", "/b/k")
            .with("x-amz-decoded-content-length", &declared.to_string())
            .with("x-amz-trailer", "x-amz-checksum-crc32")
            .signed(PayloadMode::UnsignedTrailer);
        let whole = drain(request.verify().unwrap().1, [&body[..]]);
        let split = drain(request.verify().unwrap().1, body.chunks(1));
        prop_assert!(whole.0.len() as u64 <= declared);
        prop_assert_eq!(whole.1.is_ok(), split.1.is_ok());
    }
}
