//! Fuzz targets of this crate: plain functions over bytes that assert what must always hold.
//!
//! Not part of the API; built for tests and for the fuzzer only.

use bytes::Bytes;
use strongroom_crypto::SecretText;
use strongroom_types::Timestamp;

use crate::chunk_signer::ChunkSigner;
use crate::encode::{Part, decode_query, hex, push_encoded, raw_parameters, recode};
use crate::sign::{Credentials, Signer, hashed};
use crate::{
    ChunkDecoder, ChunkError, ChunkFraming, ChunkSignatures, ClaimV2, Event, Expected, ExpectedV2,
    PayloadMode, RequestClaim, RequestView, SignatureV2, SigningKey, Trailers, anonymous_body,
    normalized_path, parse_claim, parse_form_claim,
};

/// A target: its name, which is that of its corpus, and the function.
pub type FuzzTarget = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[FuzzTarget] = &[
    ("claims", claims),
    ("form_claims", form_claims),
    ("signed_requests", signed_requests),
    ("recode", recoding),
    ("chunks", chunks),
    ("signed_chunks", signed_chunks),
];

/// Header and query claims: no text proves anything, and what is read keeps its promises.
///
/// The input is `METHOD path?query`, then `name:value` in each line.
pub fn claims(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let Some(Ok(first)) = lines.next().map(std::str::from_utf8) else {
        return;
    };
    let (method, target) = first.split_once(' ').unwrap_or(("GET", first));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: Vec<(&str, &[u8])> = lines.filter_map(header).collect();
    let request = RequestView { method, path, query, headers: &headers };
    let _ = anonymous_body(&request);
    let claim = match parse_claim(&request) {
        Ok(Some(RequestClaim::V4(claim))) => claim,
        Ok(Some(RequestClaim::V2(claim))) => return claim_v2(claim),
        Ok(None) | Err(_) => return,
    };
    let names: Vec<_> = claim.signed_headers().map(str::to_owned).collect();
    assert!(names.is_sorted_by(|one, next| one < next), "signed headers are a set");
    assert_eq!(claim.is_presigned(), claim.expires_seconds().is_some());
    assert!(claim.expires_seconds().is_none_or(|seconds| seconds <= 7 * 24 * 60 * 60));
    assert!(format!("{claim:?}").len() < 4096, "debug output is short");
    let Ok(checked) = claim.check(&expected()) else {
        return;
    };
    for name in ["host", "authorization", "x-amz-date", "x-amz-meta-a"] {
        let sent = headers.iter().any(|header| header.0.eq_ignore_ascii_case(name));
        let needed = name == "host" || (sent && name.starts_with("x-amz-"));
        assert!(!needed || names.iter().any(|signed| signed == name), "`{name}` is not signed");
    }
    for digest in [None, Some(&[7; 32])] {
        assert!(checked.verify(&signing_key(), digest).is_err(), "a signature was guessed");
        let _ = checked.verify_unknown(digest);
    }
}

/// A claim of version 2 proves nothing, and leaves nothing of itself in the query.
fn claim_v2(claim: ClaimV2<'_>) {
    let _ = claim.session_token();
    assert!(claim.moved_headers().all(|(_, value)| !value.contains(['\r', '\n'])));
    let rest = claim.remaining_query();
    assert!(!raw_parameters(&rest).any(|(name, _)| name == "Signature" || name == "Expires"));
    let expected = ExpectedV2 { operation: "GetObject", bucket_in_host: None, now: moment() };
    if let Ok(checked) = claim.check(&expected) {
        let signature = SignatureV2::sign(&secret(), checked.string_to_sign());
        assert!(checked.verify(&signature).is_err(), "a signature was guessed");
        let _ = checked.verify_unknown();
    }
}

/// Claims in the fields of a form: no text proves anything.
///
/// The input is `name=value` in each line.
pub fn form_claims(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let fields: Vec<_> = text.split('\n').filter_map(|line| line.split_once('=')).collect();
    let Ok(Some(claim)) = parse_form_claim(&fields) else {
        return;
    };
    if let Ok(checked) = claim.check(&expected()) {
        assert!(checked.verify(&signing_key()).is_err(), "a signature was guessed");
        let signature = SignatureV2::sign(&secret(), checked.string_to_sign());
        assert!(checked.verify_v2(&signature).is_err(), "a signature was guessed");
    }
}

/// Whatever request our signer signs, our verifier accepts, in both forms; and not with another
/// method, host or body.
///
/// The input is a path, a query and the value of a header, in one line each.
pub fn signed_requests(bytes: &[u8]) {
    let mut lines = bytes.splitn(3, |byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let (path, query, value) = (line(), line(), line());
    let (Ok(path), Ok(query)) = (std::str::from_utf8(path), std::str::from_utf8(query)) else {
        return;
    };
    // No name of ours begins like this.
    let names = query.split('&').filter(|part| !part.is_empty());
    let query = names.map(|part| format!("q{part}")).collect::<Vec<_>>().join("&");
    let headers: &[(&str, &[u8])] = &[("host", b"localhost"), ("x-amz-meta-a", value)];
    let request = RequestView { method: "PUT", path, query: &query, headers };
    let mode = hashed(value);
    // A query whose names cannot be read is signed, but no claim is looked for in it.
    if raw_parameters(&query).any(|(name, _)| decode_query(name).is_err()) {
        return;
    }
    let Ok(signed) = signer().sign_headers(&request, mode) else {
        return;
    };
    let mut all = headers.to_vec();
    all.extend(signed.headers.iter().map(|(name, value)| (*name, value.as_bytes())));
    assert_accepted(&RequestView { headers: &all, ..request });
    assert_refused(&RequestView { headers: &all, method: "GET", ..request });
    let Ok(query) = signer().presign(&request, PayloadMode::Unsigned, 60) else {
        return;
    };
    assert_accepted(&RequestView { query: &query, ..request });
    let elsewhere: &[(&str, &[u8])] = &[("host", b"otherhost"), ("x-amz-meta-a", value)];
    assert_refused(&RequestView { query: &query, headers: elsewhere, ..request });
}

/// The canonical form of paths and queries: the fast way gives what the slow one gives, a form
/// has one form, and it decodes to the same bytes.
pub fn recoding(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for part in [Part::Path, Part::Query] {
        let Ok(canonical) = recode(text, part) else {
            continue;
        };
        assert_eq!(recode(&canonical, part).as_deref(), Ok(&*canonical));
        if part == Part::Query
            && let Ok(decoded) = decode_query(text)
        {
            let mut slow = String::new();
            decoded.bytes().for_each(|byte| push_encoded(&mut slow, byte, part));
            assert_eq!(slow, canonical);
            assert_eq!(decode_query(&canonical).as_deref(), Ok(&*decoded));
        }
    }
    let normal = normalized_path(text);
    assert_eq!(normalized_path(&normal), normal);
    assert!(normal.split('/').all(|segment| segment != ".." && segment != "."));
    assert!(normal.starts_with('/'));
}

/// Unsigned chunks: however the body is cut, the answer is that of a plain reader of the whole.
///
/// The input is two bytes for the cuts, the declared length in two bytes, then the body.
pub fn chunks(bytes: &[u8]) {
    let Some(([seed, trailer, high, low], body)) = bytes.split_first_chunk::<4>() else {
        return;
    };
    let decoded_bytes = u64::from(u16::from_be_bytes([*high, *low]));
    let trailers: &[&str] = match trailer & 3 {
        0 => &[],
        1 => &["x-amz-checksum-crc32"],
        _ => &["x-amz-checksum-crc32", "x-amz-checksum-sha256"],
    };
    let decode = |seed| {
        let framing = ChunkFraming {
            decoded_bytes,
            trailers: trailers.iter().map(|name| (*name).to_owned()).collect(),
            signatures: ChunkSignatures::None,
        };
        drain(ChunkDecoder::new(framing), body, seed)
    };
    let (payload, end) = decode(0);
    let (cut_payload, cut_end) = decode(*seed);
    assert_eq!(payload, cut_payload, "cuts change the payload");
    assert_eq!(end, cut_end, "cuts change the verdict");
    assert!(payload.len() as u64 <= decoded_bytes && payload.len() <= body.len());
    let plain = read_plainly(body, trailers.len());
    assert_eq!(end.is_ok(), plain.as_ref().is_some_and(|p| p.len() as u64 == decoded_bytes));
    if let (Ok(found), Some(plain)) = (end, plain) {
        assert_eq!(payload, plain);
        assert!(found.iter().map(|(name, _)| name).all(|name| trailers.contains(&name)));
        assert_eq!(found.iter().count(), trailers.len());
    }
}

/// Signed chunks under edits: nothing is released that was not signed, in its order, and nothing
/// is accepted but the whole.
///
/// The input is a mode, a seed for the cuts, the lengths of up to four chunks, then edits: place
/// in two bytes, and a byte for what to do there.
pub fn signed_chunks(bytes: &[u8]) {
    let Some(([mode, seed, lengths @ ..], changes)) = bytes.split_first_chunk::<6>() else {
        return;
    };
    let with_trailer = mode & 1 == 1;
    let names: &[(&str, &str)] =
        if with_trailer { &[("x-amz-checksum-crc32", "AAAAAA==")] } else { &[] };
    let mut payload = Vec::new();
    let mut body = Vec::new();
    let mut signer = chunk_signer();
    let mut sizes: Vec<usize> = lengths.iter().map(|byte| usize::from(*byte)).collect();
    sizes.retain(|bytes| *bytes > 0);
    let last = sizes.len().saturating_sub(1);
    for (index, size) in sizes.iter().enumerate() {
        let bytes = if index == last { *size } else { 8192 + *size };
        let fill = u8::try_from(index).unwrap_or_default();
        let chunk: Vec<u8> = (0..bytes).map(|at| fill ^ at.to_le_bytes()[0]).collect();
        signer.sign_chunk(&chunk, &mut body);
        payload.extend_from_slice(&chunk);
    }
    signer.sign_chunk(b"", &mut body);
    if with_trailer {
        signer.sign_trailers(names, &mut body);
    }
    body.extend_from_slice(b"\r\n");
    let original = body;
    let body = edits::edited(&original, changes);
    let framing = ChunkFraming {
        decoded_bytes: payload.len() as u64,
        trailers: names.iter().map(|(name, _)| (*name).to_owned()).collect(),
        signatures: match with_trailer {
            true => ChunkSignatures::ChunksAndTrailer(chunk_signer()),
            false => ChunkSignatures::Chunks(chunk_signer()),
        },
    };
    let (released, end) = drain(ChunkDecoder::new(framing), &body, *seed);
    assert!(payload.starts_with(&released), "something was released that was not signed");
    if let Ok(trailers) = &end {
        assert_eq!(released, payload, "a part was accepted as the whole");
        assert!(trailers.iter().eq(names.iter().copied()), "a trailer was changed");
    }
    assert!(end.is_ok() || body != original, "what was signed is accepted");
}

/// Feeds a body in pieces whose lengths follow from the seed; 0 feeds it whole.
fn drain(
    mut decoder: ChunkDecoder,
    mut body: &[u8],
    seed: u8,
) -> (Vec<u8>, Result<Trailers, ChunkError>) {
    let mut payload = Vec::new();
    let mut turn = u64::from(seed);
    while !body.is_empty() {
        turn = turn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let wanted = match seed {
            0 => body.len(),
            1 => 1,
            // Mostly short pieces, to cut lines; some long ones, to come to an end.
            _ => usize::from(turn.to_be_bytes()[0] & 31) * (1 + usize::from(turn.to_be_bytes()[1])),
        };
        let (piece, rest) = body.split_at(wanted.clamp(1, body.len()));
        body = rest;
        let mut piece = Bytes::copy_from_slice(piece);
        loop {
            match decoder.feed(&mut piece) {
                Ok(Event::Payload(bytes)) => {
                    assert!(!bytes.is_empty(), "an event carries something");
                    payload.extend_from_slice(&bytes);
                }
                Ok(Event::NeedMore | Event::End) => break,
                Err(error) => {
                    assert_eq!(decoder.feed(&mut piece), Err(error.clone()), "failed for good");
                    assert_eq!(decoder.finish(), Err(error.clone()));
                    return (payload, Err(error));
                }
            }
        }
        assert!(piece.is_empty(), "all input is consumed");
    }
    (payload, decoder.finish())
}

/// The payload of a body in unsigned chunks, read in the plainest way; `None` if it is none.
/// Knows no limits, so it accepts only bodies that keep them.
fn read_plainly(body: &[u8], trailers: usize) -> Option<Vec<u8>> {
    let mut rest = body;
    let mut payload = Vec::new();
    let mut last_bytes = None;
    loop {
        let (line, after) = line_of(rest, 1024)?;
        let text = std::str::from_utf8(line).ok()?;
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let size = usize::from_str_radix(text, 16).ok().filter(|_| plain && text.len() <= 16)?;
        if size == 0 {
            rest = after;
            break;
        }
        if last_bytes.is_some_and(|bytes| bytes < 8192) {
            return None;
        }
        last_bytes = Some(size);
        let (chunk, after) = after.split_at_checked(size)?;
        payload.extend_from_slice(chunk);
        rest = after.strip_prefix(b"\r\n")?;
    }
    let start = rest.len();
    let mut names = Vec::new();
    loop {
        let (line, after) = line_of(rest, 4096)?;
        rest = after;
        if start - rest.len() > 4096 {
            return None;
        }
        if line.is_empty() {
            break;
        }
        let text = std::str::from_utf8(line).ok()?;
        let (name, value) = text.split_once(':')?;
        let name = name.to_ascii_lowercase();
        let known = ["x-amz-checksum-crc32", "x-amz-checksum-sha256"];
        let value = value.trim_matches([' ', '\t']);
        let printable = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if !known.iter().take(trailers).any(|known| *known == name)
            || names.contains(&name)
            || !printable
        {
            return None;
        }
        names.push(name);
    }
    (rest.is_empty() && names.len() == trailers).then_some(payload)
}

fn line_of(bytes: &[u8], bytes_max: usize) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = bytes.split_at_checked(end + 1)?;
    (line.len() <= bytes_max).then_some(())?;
    Some((line.strip_suffix(b"\r\n")?, rest))
}

fn header(line: &[u8]) -> Option<(&str, &[u8])> {
    let middle = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at_checked(middle)?;
    Some((std::str::from_utf8(name).ok()?, value.strip_prefix(b":")?))
}

fn assert_accepted(request: &RequestView<'_>) {
    let claim = parse_claim(request);
    let Ok(Some(RequestClaim::V4(claim))) = claim else {
        assert!(claim.is_ok(), "the claim of our signer is read: {claim:?}");
        return;
    };
    let checked = claim.check(&expected());
    assert!(checked.is_ok(), "the claim of our signer is good: {checked:?}");
    if let Ok(checked) = checked {
        let proof = checked.verify(&signing_key(), None);
        assert!(proof.is_ok(), "the signature of our signer is right: {proof:?}");
    }
}

fn assert_refused(request: &RequestView<'_>) {
    let claim = parse_claim(request);
    let checked = claim
        .ok()
        .flatten()
        .and_then(RequestClaim::v4)
        .and_then(|claim| claim.check(&expected()).ok());
    let proof = checked.map(|checked| checked.verify(&signing_key(), None).is_ok());
    assert_ne!(proof, Some(true), "another request passes");
}

fn expected() -> Expected<'static> {
    Expected { service: "s3", region: "us-east-1", now: moment() }
}

fn moment() -> Timestamp {
    Timestamp::parse_amz_date("20130524T000000Z").unwrap_or(Timestamp::EPOCH)
}

fn secret() -> SecretText {
    SecretText::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned())
}

fn signing_key() -> SigningKey {
    SigningKey::derive(&secret(), "20130524", "us-east-1", "s3")
}

fn signer() -> Signer {
    let credentials = Credentials {
        access_key_id: "AKIAIOSFODNN7EXAMPLE",
        secret_access_key: &secret(),
        session_token: None,
    };
    Signer::new(&credentials, "us-east-1", "s3", moment())
}

fn chunk_signer() -> ChunkSigner {
    let scope = "20130524/us-east-1/s3/aws4_request";
    ChunkSigner::new(signing_key(), "20130524T000000Z", scope, hex(&[1; 32]))
}

#[path = "../../../fuzz/edits.rs"]
mod edits;

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;
