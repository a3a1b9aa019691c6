//! Every checksum algorithm of S3, on every way in and out.
//!
//! The digests were computed with hashlib and with the xxhash package of Python, and are those of
//! SPEC: data-protection, 1.4.

use bytes::Bytes;
use strongroom_wire::Payload;

use crate::objects::{Pieces, body};
use crate::world::World;

/// Algorithm, its checksum of `hello world`, and its composite checksum of the three parts.
const ALL: [(&str, &str, Option<&str>); 10] = [
    ("CRC32", "DUoRhQ==", Some("MpSvpA==")),
    ("CRC32C", "yZRlqg==", Some("Q9D93w==")),
    ("CRC64NVME", "jSnVw/bqjr4=", None),
    ("SHA1", "Kq5sNclPz7QV2+lfQIuc6R7oRu0=", Some("eKJX9QxnvHv7YD8ZlI5yVZwh71Y=")),
    (
        "SHA256",
        "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=",
        Some("dSvoessRmpyUUVWWQXCyAEEEsrnt8aNOuM0Nwz+VVhU="),
    ),
    (
        "SHA512",
        "MJ7MSJwS1utMxA9QyQLytNDtd+5RGnx6m808qG1M2G+YndNbxf9JlnDaNCVbRbDP2DDoH2Bdz33FVC6TrpzXbw==",
        Some(
            "xCBVxaxq5X8nm81l0rko1VR3bBnX0VMTQVUg7lp/Rf8L7gZAjlbFPEaWQGQX9mL2XLnjwa9/iO3jcAikT7yuNw==",
        ),
    ),
    ("MD5", "XrY7u+Ae7tCTyyK7j1rNww==", Some("HD2vzyFJx7Yj0jYWNvZSjA==")),
    ("XXHASH64", "RatnNLIeaWg=", Some("mVhipcmceto=")),
    ("XXHASH3", "1Eex6kDmmIs=", Some("hLLesj58IzY=")),
    ("XXHASH128", "340J6T+HSQCpm4d1zBW2xw==", Some("qWhtaW6L/Qd+ebi6WjphMQ==")),
];

fn header_of(algorithm: &str) -> String {
    format!("x-amz-checksum-{}", algorithm.to_ascii_lowercase())
}

/// The first bits of the digest changed: still base64 of the right length.
fn other(digest: &str) -> String {
    let first = if digest.starts_with('A') { 'B' } else { 'A' };
    std::iter::once(first).chain(digest.chars().skip(1)).collect()
}

#[tokio::test]
async fn every_algorithm_is_verified_in_a_header_and_told_everywhere() {
    let world = World::with_bucket().await;
    for (algorithm, digest, _) in ALL {
        let (target, header) = (format!("/bkt/{algorithm}"), header_of(algorithm));
        let put = |digest: &str| world.put(&target).header(&header, digest).body("hello world");
        put(&other(digest)).send().await.expect(400, "BadDigest");
        put("bad").send().await.expect(400, "BadDigest");
        put(&format!("{digest}AAAA")).send().await.expect(400, "InvalidRequest");
        world.get(&target).send().await.expect(404, "NoSuchKey");
        let done = put(digest).header("x-amz-sdk-checksum-algorithm", algorithm).send().await.ok();
        assert_eq!(done.header(&header), Some(digest));
        assert_eq!(done.header("x-amz-checksum-type"), Some("FULL_OBJECT"));
        for call in [world.get(&target), world.head(&target)] {
            let read = call.header("x-amz-checksum-mode", "ENABLED").send().await.ok();
            assert_eq!(read.header(&header), Some(digest));
            assert_eq!(read.header("x-amz-checksum-type"), Some("FULL_OBJECT"));
        }
        assert_eq!(world.get(&target).send().await.ok().header(&header), None);
        let attributes = world.get(&format!("{target}?attributes"));
        let attributes = attributes.header("x-amz-object-attributes", "Checksum").send().await.ok();
        assert_eq!(attributes.element(&format!("Checksum{algorithm}")), Some(digest));
        let list = world.get(&format!("/bkt?list-type=2&prefix={algorithm}")).send().await.ok();
        assert_eq!(list.elements("ChecksumAlgorithm").first(), Some(&algorithm));
        assert_eq!(list.elements("ChecksumType").first(), Some(&"FULL_OBJECT"));
    }
}

#[tokio::test]
async fn every_algorithm_may_follow_the_body() {
    let world = World::with_bucket().await;
    for (algorithm, digest, _) in ALL {
        let header = header_of(algorithm);
        let put = |digest: &str| {
            let source = Pieces {
                announced: vec![header.clone()],
                trailers: vec![(header.clone(), digest.to_owned())],
                ..Pieces::of(&Bytes::from_static(b"hello world"))
            };
            world.put("/bkt/k").payload(Payload::new(source)).send()
        };
        put(&other(digest)).await.expect(400, "BadDigest");
        put("bad").await.expect(400, "InvalidRequest");
        assert_eq!(put(digest).await.ok().header(&header), Some(digest));
    }
}

/// Small bodies are hashed whole, large ones in pieces and beside the MD5.
#[tokio::test]
async fn a_copy_has_the_checksum_that_is_asked_for() {
    let world = World::with_bucket().await;
    world.put("/bkt/small").body("hello world").send().await.ok();
    let large = body(700_000);
    world.put("/bkt/large").body(large.clone()).send().await.ok();
    for (algorithm, digest, _) in ALL {
        let element = format!("Checksum{algorithm}");
        let copy = |from: &'static str| {
            let call = world.put("/bkt/copy").header("x-amz-copy-source", from);
            call.header("x-amz-checksum-algorithm", algorithm).send()
        };
        let small = copy("/bkt/small").await.ok();
        assert_eq!(small.element(&element), Some(digest));
        assert_eq!(small.element("ChecksumType"), Some("FULL_OBJECT"));
        let copied = copy("/bkt/large").await.ok();
        let copied = copied.element(&element).unwrap();
        // The same algorithm over the body of a PUT says the same.
        let put = world.put("/bkt/again").header(&header_of(algorithm), copied);
        put.body(large.clone()).send().await.ok();
        // Without a wish the copy has the algorithm of its source.
        let again = world.put("/bkt/third").header("x-amz-copy-source", "/bkt/again");
        assert_eq!(again.send().await.ok().element(&element), Some(copied));
    }
    let unknown = world.put("/bkt/copy").header("x-amz-copy-source", "/bkt/small");
    let unknown = unknown.header("x-amz-checksum-algorithm", "SHA384");
    unknown.send().await.expect(400, "InvalidRequest");
}

#[tokio::test]
async fn uploads_join_the_checksums_of_their_parts_as_the_matrix_says() {
    let world = World::with_bucket().await;
    let parts = [vec![b'A'; 5 << 20], vec![b'B'; 5 << 20], vec![b'C'; 1024]].map(Bytes::from);
    for (algorithm, _, composite) in ALL {
        let target = format!("/bkt/{algorithm}");
        let create = |checksum_type: Option<&str>| {
            let call = world.post(&format!("{target}?uploads"));
            let call = call.header("x-amz-checksum-algorithm", algorithm);
            let call = checksum_type
                .into_iter()
                .fold(call, |call, kind| call.header("x-amz-checksum-type", kind));
            call.send()
        };
        if !algorithm.starts_with("CRC") {
            create(Some("FULL_OBJECT")).await.expect(400, "InvalidRequest");
        }
        let Some(composite) = composite else {
            create(Some("COMPOSITE")).await.expect(400, "InvalidRequest");
            continue;
        };
        let created = create(None).await.ok();
        assert_eq!(created.header("x-amz-checksum-algorithm"), Some(algorithm));
        assert_eq!(created.header("x-amz-checksum-type"), Some("COMPOSITE"));
        let id = created.element("UploadId").unwrap();
        let (header, element) = (header_of(algorithm), format!("Checksum{algorithm}"));
        let mut list = String::new();
        for (number, part) in (1..).zip(&parts) {
            let put = world.put(&format!("{target}?partNumber={number}&uploadId={id}"));
            // The digest of a part from the server's own copy: the vectors are of the whole.
            world.put("/bkt/part").body(part.clone()).send().await.ok();
            let copy = world.put("/bkt/part2").header("x-amz-copy-source", "/bkt/part");
            let copy = copy.header("x-amz-checksum-algorithm", algorithm).send().await.ok();
            let digest = copy.element(&element).unwrap();
            let put = put.header(&header, digest).body(part.clone()).send().await.ok();
            assert_eq!(put.header(&header), Some(digest));
            list.push_str(&format!(
                "<Part><PartNumber>{number}</PartNumber><ETag>{}</ETag><{element}>{digest}</{element}></Part>",
                put.header("etag").unwrap().trim_matches('"')
            ));
        }
        let expected = format!("{composite}-3");
        let complete = |claim: &str| {
            let body = format!("<CompleteMultipartUpload>{list}</CompleteMultipartUpload>");
            let call = world.post(&format!("{target}?uploadId={id}")).header(&header, claim);
            call.body(body).send()
        };
        complete(&other(composite)).await.expect(400, "BadDigest");
        let done = complete(&expected).await.ok();
        assert_eq!(done.element(&element), Some(expected.as_str()), "{algorithm}");
        assert_eq!(done.element("ChecksumType"), Some("COMPOSITE"));
        let read = world.head(&target).header("x-amz-checksum-mode", "ENABLED").send().await.ok();
        assert_eq!(read.header(&header), Some(expected.as_str()));
        assert_eq!(read.header("x-amz-checksum-type"), Some("COMPOSITE"));
        let list = world.get(&format!("/bkt?list-type=2&prefix={algorithm}")).send().await.ok();
        assert_eq!(list.element("ChecksumType"), Some("COMPOSITE"));
    }
}

#[tokio::test]
async fn two_checksums_contradict_each_other_whatever_their_algorithms() {
    let world = World::with_bucket().await;
    for (algorithm, digest, _) in ALL.into_iter().skip(1) {
        let call =
            world.put("/bkt/k").body("hello world").header("x-amz-checksum-crc32", "DUoRhQ==");
        let call = call.header(&header_of(algorithm), digest);
        call.send().await.expect(400, "InvalidRequest");
        let call = world.put("/bkt/k").body("hello world").header(&header_of(algorithm), digest);
        let call = call.header("x-amz-sdk-checksum-algorithm", "CRC32");
        call.send().await.expect(400, "InvalidRequest");
    }
    let unknown = world.put("/bkt/k").body("hello world").header("x-amz-checksum-sha384", "AAAA");
    unknown.send().await.expect(400, "InvalidRequest");
    world.get("/bkt/k").send().await.expect(404, "NoSuchKey");
}
