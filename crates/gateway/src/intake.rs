//! From what hyper received to the parts that the pipeline judges: limits, head, body, digest.

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};
use strongroom_access::{Decoded, Endpoint};
use strongroom_crypto::{Checksum, ChecksumAlgorithm, ChecksumHasher, Md5};
use strongroom_sigv4::{BodyDecoder, ClaimV2, RequestView};
use strongroom_wire::{
    ErrorResponse, FORM_BYTES_MAX, InputKind, OperationSpec, Payload, RequestHead, Target,
};

use crate::body::{BodyLength, IncomingPayload, Leftover, collect};
use crate::budget::{self, Lender, Loan, Purpose};
use crate::failures;
use crate::pace::Pace;

/// Checks the limits of a head and parses it.
pub(crate) fn head(parts: Parts) -> Result<RequestHead, ErrorResponse> {
    if parts.version != Version::HTTP_11 {
        return Err(failures::invalid("only HTTP/1.1 is spoken here"));
    }
    let target_bytes = parts.uri.path().len() + parts.uri.query().map_or(0, str::len);
    let line =
        |(name, value): (&http::HeaderName, &http::HeaderValue)| name.as_str().len() + value.len();
    let header_bytes: usize = parts.headers.iter().map(line).sum();
    if target_bytes > TARGET_BYTES_MAX || header_bytes > HEADER_BYTES_MAX {
        return Err(failures::headers_too_large());
    }
    check_framing(&parts.headers)?;
    // SECURITY: the authority of an absolute target would compete with the signed `Host`.
    if parts.uri.authority().is_some() {
        return Err(failures::invalid("the request target must be a path"));
    }
    let query = parts.uri.query().unwrap_or_default();
    RequestHead::new(parts.method, parts.uri.path(), query, parts.headers)
        .map_err(|error| error.s3())
}

/// Refuses what two readers could cut into different requests, and the connection with it.
///
/// SECURITY: two lengths, or a transfer coding that another reader does not know, are how a proxy
/// and a server come to see two requests. [`crate::heads`] has refused such heads already; this is
/// what hyper made of one that passed.
fn check_framing(headers: &HeaderMap) -> Result<(), ErrorResponse> {
    let lengths = headers.get_all(header::CONTENT_LENGTH).iter().count();
    let codings: Vec<_> = headers.get_all(header::TRANSFER_ENCODING).iter().collect();
    let known = match codings.as_slice() {
        [] => lengths <= 1,
        [coding] => lengths == 0 && coding.as_bytes().eq_ignore_ascii_case(b"chunked"),
        _ => false,
    };
    if known {
        return Ok(());
    }
    let refusal = failures::invalid("the length of the request is ambiguous");
    Err(refusal.header(header::CONNECTION, "close"))
}

/// The head as the signature verifier sees it.
pub(crate) fn signed_parts(headers: &HeaderMap) -> Vec<(&str, &[u8])> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

/// A view of the request for the signature verifier.
pub(crate) fn view<'a>(
    head: &'a RequestHead,
    headers: &'a [(&'a str, &'a [u8])],
) -> RequestView<'a> {
    RequestView {
        method: head.method.as_str(),
        path: &head.raw_path,
        query: &head.raw_query,
        headers,
    }
}

/// The head with the headers in it that a signer of version 2 moved into the query: they are signed
/// as headers, so they are read as headers by everything from here on.
pub(crate) fn unmoved(
    head: &RequestHead,
    claim: &ClaimV2<'_>,
) -> Result<RequestHead, ErrorResponse> {
    let mut headers = head.headers.clone();
    for (name, value) in claim.moved_headers() {
        let bad = || failures::invalid("a header in the query has a value that no header can have");
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| bad())?;
        headers.insert(name, value);
    }
    RequestHead::new(head.method.clone(), &head.raw_path, &claim.remaining_query(), headers)
        .map_err(|error| error.s3())
}

/// The body of a form upload as it came, and the memory that the form may take.
pub(crate) async fn form_body(
    endpoint: &dyn Endpoint,
    head: &RequestHead,
    body: RawBody<'_>,
) -> Result<(Payload, Option<Loan>), ErrorResponse> {
    let RawBody { leftover, decoder, lender, pace } = body;
    let declared = content_length(head, true)?;
    let bytes_max = UPLOAD_BYTES_MAX + FORM_OVERHEAD_BYTES_MAX;
    if let Some(proposed) = declared.filter(|proposed| *proposed > bytes_max) {
        return Err(failures::entity_too_large(proposed, UPLOAD_BYTES_MAX));
    }
    let mode = decoder.payload_mode();
    let held = budget::of_request(endpoint.spec().input, mode, declared.unwrap_or(bytes_max));
    let loan = lender.lend(Purpose::Stream, held.saturating_add(endpoint.held_bytes())).await?;
    let length = BodyLength { declared, bytes_max, pace };
    Ok((Payload::new(IncomingPayload::new(leftover, decoder, length, Vec::new())), loan))
}

/// A call with its typed input, and the body that goes with it.
pub(crate) struct Intake {
    pub(crate) call: Box<dyn Decoded>,
    pub(crate) payload: Payload,
    /// The memory that the call may take, to be held until it is answered.
    pub(crate) loan: Option<Loan>,
}

/// A body as it came, the memory for it, and how slow it may be.
pub(crate) struct RawBody<'a> {
    pub(crate) leftover: &'a Leftover,
    pub(crate) decoder: BodyDecoder,
    pub(crate) lender: Lender<'a>,
    pub(crate) pace: Pace,
}

/// Reads the typed input. A body that is a document is read whole, within a limit, and checked;
/// a stream is left to the service; what it does not read goes back to where it came from.
pub(crate) async fn typed_input(
    endpoint: &dyn Endpoint,
    head: &RequestHead,
    target: &Target,
    body: RawBody<'_>,
) -> Result<Intake, ErrorResponse> {
    let spec = endpoint.spec();
    let RawBody { leftover, decoder, lender, pace } = body;
    let streams = spec.input == InputKind::Stream;
    if decoder.payload_mode().is_streaming() && !streams {
        return Err(failures::invalid("this operation takes no streaming payload"));
    }
    let content_length = match decoder.decoded_bytes() {
        Some(bytes) => Some(bytes),
        None => content_length(head, streams)?,
    };
    let bytes_max = if streams { UPLOAD_BYTES_MAX } else { DOCUMENT_BYTES_MAX };
    match content_length {
        Some(proposed) if proposed > bytes_max && streams => {
            return Err(failures::entity_too_large(proposed, bytes_max));
        }
        Some(proposed) if proposed > bytes_max => return Err(failures::message_too_long()),
        Some(_) | None => {}
    }
    let mode = decoder.payload_mode();
    let of_body = budget::of_request(spec.input, mode, content_length.unwrap_or(bytes_max));
    let length = BodyLength { declared: content_length, bytes_max, pace };
    // Pages that are listed are no documents that were sent.
    let purpose = if of_body == 0 { Purpose::Stream } else { Purpose::of(spec.input) };
    let loan = lender.lend(purpose, of_body.saturating_add(endpoint.held_bytes())).await?;
    let source = IncomingPayload::new(leftover, decoder, length, announced(head));
    let mut payload = Payload::new(source);
    if streams {
        let call = endpoint.decode(head, target, None)?;
        return Ok(Intake { call, payload, loan });
    }
    let body = collect(&mut payload, content_length).await?;
    if endpoint.reads_body() {
        check_digest(head, &body, spec)?;
    }
    let call = endpoint.decode(head, target, Some(&body))?;
    Ok(Intake { call, payload: Payload::empty(), loan })
}

/// The declared length; `None` for a body in HTTP chunks, which declares none.
///
/// SPEC: data-protection, 1.3: a length that is needed and absent is 411.
pub(crate) fn content_length(
    head: &RequestHead,
    streams: bool,
) -> Result<Option<u64>, ErrorResponse> {
    if let Some(length) = head.headers.get(header::CONTENT_LENGTH) {
        let length = length.to_str().ok().and_then(|text| text.parse().ok());
        return length.map(Some).ok_or_else(failures::length_required);
    }
    if head.headers.contains_key(header::TRANSFER_ENCODING) {
        return Ok(None);
    }
    let bodiless = matches!(head.method, Method::GET | Method::HEAD | Method::DELETE);
    if streams && !bodiless {
        return Err(failures::length_required());
    }
    Ok(Some(0))
}

/// Names in `x-amz-trailer`, which the decoder has checked.
fn announced(head: &RequestHead) -> Vec<String> {
    let value = head.headers.get("x-amz-trailer").and_then(|value| value.to_str().ok());
    let names = value.unwrap_or_default().split(',').map(|name| name.trim().to_ascii_lowercase());
    names.filter(|name| !name.is_empty()).collect()
}

/// Checks the digests that a request declares of a document, and that there is one where the
/// operation demands it. SPEC: data-protection, 1.3 and 1.4.
///
/// Where a checksum header is a member of the operation it speaks of something else: that of
/// CompleteMultipartUpload is the checksum of the object, not of the list of parts.
fn check_digest(
    head: &RequestHead,
    body: &[u8],
    spec: &OperationSpec,
) -> Result<(), ErrorResponse> {
    let mut declared = false;
    if let Some(text) = header_text(head, "content-md5") {
        declared = true;
        let expected = data_encoding::BASE64.decode(text.as_bytes()).ok();
        let expected = expected.filter(|bytes| data_encoding::BASE64.encode(bytes) == text);
        let expected: [u8; 16] =
            expected.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
                ErrorResponse::new("InvalidDigest", 400, "`Content-MD5` is not valid")
            })?;
        let mut md5 = Md5::new();
        md5.update(body);
        let computed = md5.finish();
        if computed != expected {
            let base64 = |digest: &[u8]| data_encoding::BASE64.encode(digest);
            return Err(bad_digest("Content-MD5")
                .element("ExpectedDigest", base64(&expected))
                .element("CalculatedDigest", base64(&computed)));
        }
    }
    let named = header_text(head, "x-amz-sdk-checksum-algorithm").map(str::parse);
    let named: Option<ChecksumAlgorithm> = named
        .transpose()
        .map_err(|_| failures::invalid("checksum algorithm provided is unsupported"))?;
    // Most requests have no checksum header, and need not be asked for each of them.
    let any = head.headers.keys().any(|name| name.as_str().starts_with("x-amz-checksum-"));
    let algorithms = ChecksumAlgorithm::ALL.into_iter().filter(|_| any);
    let of_the_body = algorithms.filter(|algorithm| !spec.takes_header(algorithm.header_name()));
    let mut given = of_the_body.filter(|a| head.headers.contains_key(a.header_name()));
    if let Some(algorithm) = given.next() {
        if given.next().is_some() {
            return Err(failures::invalid("more than one checksum header"));
        }
        if named.is_some_and(|named| named != algorithm) {
            let message = "value for `x-amz-sdk-checksum-algorithm` header is invalid";
            return Err(failures::invalid(message));
        }
        declared = true;
        let text = header_text(head, algorithm.header_name()).unwrap_or_default();
        let expected = Checksum::from_base64(algorithm, text)
            .map_err(|_| failures::invalid("the value of the checksum header is not valid"))?;
        let mut hasher = ChecksumHasher::new(algorithm);
        hasher.update(body);
        if hasher.finish() != expected {
            return Err(bad_digest(algorithm.as_str()));
        }
    }
    if spec.checksum_required && named.is_some() && given_none(head) {
        let message = "`x-amz-sdk-checksum-algorithm` specified, but no corresponding \
                       `x-amz-checksum-*` header was found";
        return Err(failures::invalid(message));
    }
    if spec.checksum_required && !declared {
        let message = "missing required header for this request: Content-MD5 or x-amz-checksum-*";
        return Err(failures::invalid(message));
    }
    Ok(())
}

/// Whether no checksum header is there at all.
fn given_none(head: &RequestHead) -> bool {
    ChecksumAlgorithm::ALL.iter().all(|a| !head.headers.contains_key(a.header_name()))
}

fn bad_digest(what: &str) -> ErrorResponse {
    let message = format!("the {what} you specified did not match what we received");
    ErrorResponse::new("BadDigest", 400, message)
}

fn header_text<'a>(head: &'a RequestHead, name: &str) -> Option<&'a str> {
    head.headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

/// Path and query of one request. Keys have 1,024 bytes, each sent as three; presigned queries
/// carry a session token of up to 4 KiB.
const TARGET_BYTES_MAX: usize = 16 * 1024;
/// S3 allows 8 KiB of headers; a session token and a signature come on top.
const HEADER_BYTES_MAX: usize = 16 * 1024;
/// One upload: 5 GiB. SPEC: data-protection, 1.10.
const UPLOAD_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;
/// All of a form beside its file, and its last delimiter.
pub(crate) const FORM_OVERHEAD_BYTES_MAX: u64 = FORM_BYTES_MAX as u64 + 1024;
/// A document: 10,000 parts of a completed upload, or 1,000 keys of 1,024 bytes, fit in it.
const DOCUMENT_BYTES_MAX: u64 = 5 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use strongroom_wire::{MemberSpec, PathShape, members};

    use super::*;

    const BODY: &[u8] = b"<Delete/>";
    const OF_OBJECT: &str = "DUoRhQ==";

    fn spec(members: &'static [MemberSpec]) -> OperationSpec {
        OperationSpec {
            name: "Operation",
            method: "POST",
            path: PathShape::Bucket,
            query: &[],
            status: 200,
            input: InputKind::Xml { root: "Delete", required: true },
            checksum_required: true,
            members,
        }
    }

    fn check(members: &'static [MemberSpec], crc32: Option<&str>) -> Result<(), String> {
        check_named(members, crc32, None)
    }

    fn check_named(
        members: &'static [MemberSpec],
        crc32: Option<&str>,
        named: Option<&'static str>,
    ) -> Result<(), String> {
        let mut headers = HeaderMap::new();
        if let Some(named) = named {
            headers.insert("x-amz-sdk-checksum-algorithm", named.parse().unwrap());
            headers.insert("content-md5", "ePbrFwvNFIRnzBrIv+T8Ag==".parse().unwrap());
        }
        if let Some(crc32) = crc32 {
            headers.insert("x-amz-checksum-crc32", crc32.parse().unwrap());
        }
        let head = RequestHead::new(Method::POST, "/b", "", headers).unwrap();
        check_digest(&head, BODY, &spec(members)).map_err(|error| error.code.into_owned())
    }

    #[test]
    fn a_checksum_header_speaks_of_the_body() {
        let mut hasher = ChecksumHasher::new(ChecksumAlgorithm::Crc32);
        hasher.update(BODY);
        let of_body = hasher.finish().to_base64();
        assert_eq!(check(&[], Some(&of_body)), Ok(()));
        assert_eq!(check(&[], Some(OF_OBJECT)), Err("BadDigest".to_owned()));
        assert_eq!(check(&[], None), Err("InvalidRequest".to_owned()));
    }

    #[test]
    fn the_named_algorithm_is_the_one_of_the_value() {
        let mut hasher = ChecksumHasher::new(ChecksumAlgorithm::Crc32);
        hasher.update(BODY);
        let of_body = hasher.finish().to_base64();
        let refused = Err("InvalidRequest".to_owned());
        assert_eq!(check_named(&[], Some(&of_body), Some("CRC32")), Ok(()));
        assert_eq!(check_named(&[], Some(&of_body), Some("XXHASH3")), refused);
        assert_eq!(check_named(&[], Some(&of_body), Some("CRC31")), refused);
        // SPEC: data-protection, INT-020: `Content-MD5` is no value of it.
        assert_eq!(check_named(&[], None, Some("CRC32")), refused);
    }

    #[test]
    fn a_checksum_that_is_a_member_speaks_of_the_object() {
        const OBJECT: &[MemberSpec] = members! {
            0 "ChecksumCRC32" Header("x-amz-checksum-crc32") Text optional,
        };
        // It is judged by the service, and it is no digest of the document.
        assert_eq!(check(OBJECT, Some(OF_OBJECT)), Err("InvalidRequest".to_owned()));
    }
}
