//! The published signatures. SPEC: access-control, 5.9.

use strongroom_sigv4::PayloadMode;

use crate::support::{Request, drain};

const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn authorized(request: Request, signed_headers: &str, signature: &str) -> Request {
    let value = format!(
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
         SignedHeaders={signed_headers},Signature={signature}"
    );
    request.with("authorization", &value)
}

fn dated(request: Request, content_sha256: &str) -> Request {
    request.with("x-amz-content-sha256", content_sha256).with("x-amz-date", "20130524T000000Z")
}

#[test]
fn get_object_range() {
    let request = dated(Request::new("GET", "/test.txt").with("range", "bytes=0-9"), EMPTY);
    let request = authorized(
        request,
        "host;range;x-amz-content-sha256;x-amz-date",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    );
    let (verified, body) = request.verify().unwrap();
    assert_eq!(verified.access_key_id().as_str(), "AKIAIOSFODNN7EXAMPLE");
    assert_eq!(verified.signature_form().auth_type(), "REST-HEADER");
    assert_eq!(verified.signature_version().as_str(), "AWS4-HMAC-SHA256");
    assert_eq!(verified.content_sha256(), Some(EMPTY));
    assert!(drain(body, []).1.is_ok());
}

#[test]
fn the_canonical_request_of_get_object_has_the_published_digest() {
    let request = dated(Request::new("GET", "/test.txt").with("range", "bytes=0-9"), EMPTY);
    let signed_headers = "host;range;x-amz-content-sha256;x-amz-date";
    let refused = authorized(request, signed_headers, &"0".repeat(64)).refusal().s3();
    let element = |name| &refused.elements.iter().find(|element| element.0 == name).unwrap().1;
    let digest = "7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972";
    assert!(element("StringToSign").ends_with(digest));
    let canonical = strongroom_crypto::sha256(element("CanonicalRequest").as_bytes());
    assert_eq!(data_encoding::HEXLOWER.encode(&canonical), digest);
    assert!(element("CanonicalRequestBytes").starts_with("47 45 54 0a 2f 74 65"));
    assert!(element("StringToSignBytes").starts_with("41 57 53 34 2d"));
}

#[test]
fn put_object() {
    let body = b"Welcome to Amazon S3.";
    let digest = data_encoding::HEXLOWER.encode(&strongroom_crypto::sha256(body));
    let request = Request::new("PUT", "/test%24file.text")
        .with("date", "Fri, 24 May 2013 00:00:00 GMT")
        .with("x-amz-storage-class", "REDUCED_REDUNDANCY");
    let request = authorized(
        dated(request, &digest),
        "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    );
    let (_, decoder) = request.verify().unwrap();
    let (payload, end) = drain(decoder, [&body[..]]);
    assert_eq!(payload, body);
    assert_eq!(end.unwrap().sha256, Some(strongroom_crypto::sha256(body)));
}

#[test]
fn get_bucket_lifecycle_and_list_objects() {
    for (target, signature) in [
        ("/?lifecycle", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        (
            "/?max-keys=2&prefix=J",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ] {
        let request = dated(Request::new("GET", target), EMPTY);
        let signed_headers = "host;x-amz-content-sha256;x-amz-date";
        authorized(request, signed_headers, signature).verify().unwrap();
    }
}

#[test]
fn presigned_get() {
    let request = Request::new(
        "GET",
        "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
         &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
         &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
         &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
    );
    let (verified, _) = request.verify().unwrap();
    assert_eq!(verified.signature_form().auth_type(), "REST-QUERY-STRING");
    assert_eq!(verified.payload_mode(), Some(PayloadMode::Unsigned));
    assert_eq!(verified.content_sha256(), None);
    assert_eq!(verified.expires_at().unwrap().to_amz_date(), "20130525T000000Z");
}

fn chunked(mode: &str, signed_headers: &str, seed: &str) -> Request {
    let mut request = Request::new("PUT", "/examplebucket/chunkObject.txt")
        .with("content-encoding", "aws-chunked")
        .with("x-amz-decoded-content-length", "66560")
        .with("x-amz-storage-class", "REDUCED_REDUNDANCY");
    request.set("host", "s3.amazonaws.com");
    authorized(dated(request, mode), signed_headers, seed)
}

fn frames(signatures: [&str; 3], trailer: &str) -> Vec<u8> {
    let [first, second, last] = signatures;
    format!(
        "10000;chunk-signature={first}\r\n{}\r\n400;chunk-signature={second}\r\n{}\r\n\
         0;chunk-signature={last}\r\n{trailer}\r\n",
        "a".repeat(65536),
        "a".repeat(1024)
    )
    .into_bytes()
}

#[test]
fn signed_chunks() {
    let request = chunked(
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;\
         x-amz-decoded-content-length;x-amz-storage-class",
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    );
    let (_, decoder) = request.with("content-length", "66824").verify().unwrap();
    assert_eq!(decoder.decoded_bytes(), Some(66560));
    let body = frames(
        [
            "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
            "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
            "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
        ],
        "",
    );
    assert_eq!(body.len(), 66824);
    let (payload, end) = drain(decoder, [&body[..]]);
    assert_eq!((payload.len(), end.is_ok()), (66560, true));
}

#[test]
fn signed_chunks_with_a_signed_trailer() {
    let request = chunked(
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;\
         x-amz-storage-class;x-amz-trailer",
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
    );
    let request = request.with("x-amz-trailer", "x-amz-checksum-crc32c");
    let (_, decoder) = request.verify().unwrap();
    let body = frames(
        [
            "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
            "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
            "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
        ],
        "x-amz-checksum-crc32c:sOO8/Q==\r\n\
         x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n",
    );
    let (payload, end) = drain(decoder, [&body[..]]);
    assert_eq!(payload.len(), 66560);
    assert_eq!(end.unwrap().trailers.value("x-amz-checksum-crc32c"), Some("sOO8/Q=="));
}
