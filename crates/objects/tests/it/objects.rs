//! Putting and getting objects.

use std::collections::VecDeque;

use bytes::Bytes;
use strongroom_store::BoxFuture;
use strongroom_wire::{Payload, PayloadError, PayloadSource};

use crate::world::World;

/// A body in pieces that ends as told.
pub(crate) struct Pieces {
    pub(crate) pieces: VecDeque<Result<Bytes, PayloadError>>,
    pub(crate) content_length: u64,
    pub(crate) announced: Vec<String>,
    pub(crate) trailers: Vec<(String, String)>,
}

impl Pieces {
    pub(crate) fn of(whole: &Bytes) -> Self {
        Self {
            pieces: whole.chunks(50_000).map(|piece| Ok(whole.slice_ref(piece))).collect(),
            content_length: u64::try_from(whole.len()).unwrap(),
            announced: Vec::new(),
            trailers: Vec::new(),
        }
    }
}

impl PayloadSource for Pieces {
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, PayloadError>>> {
        Box::pin(std::future::ready(self.pieces.pop_front()))
    }

    fn content_length(&self) -> Option<u64> {
        Some(self.content_length)
    }

    fn announced_trailers(&self) -> &[String] {
        &self.announced
    }

    fn trailers(&self) -> &[(String, String)] {
        if self.pieces.is_empty() { &self.trailers } else { &[] }
    }

    fn sha256(&self) -> Option<[u8; 32]> {
        None
    }
}

pub(crate) fn body(length: usize) -> Bytes {
    (0..length).map(|at| u8::try_from((at / 3 + at / 65_536) % 251).unwrap()).collect()
}

#[tokio::test]
async fn what_is_put_comes_back_with_its_md5_as_etag() {
    let world = World::with_bucket().await;
    let put = world.put("/bkt/hello").body("hello world").send().await.ok();
    assert_eq!(put.header("etag"), Some("\"5eb63bbbe01eeed093cb22bb8f5acdc3\""));
    assert_eq!(put.header("x-amz-server-side-encryption"), Some("AES256"));
    assert_eq!(put.header("x-amz-checksum-crc64nvme"), Some("jSnVw/bqjr4="));
    assert_eq!(put.header("x-amz-checksum-type"), Some("FULL_OBJECT"));
    assert_eq!(put.header("x-amz-version-id"), None);
    assert!(put.recorded);
    let got = world.get("/bkt/hello").send().await.ok();
    assert_eq!(got.text(), "hello world");
    assert_eq!(got.status, 200);
    for (name, value) in [
        ("etag", "\"5eb63bbbe01eeed093cb22bb8f5acdc3\""),
        ("content-length", "11"),
        ("content-type", "binary/octet-stream"),
        ("accept-ranges", "bytes"),
        ("last-modified", "Fri, 15 Jan 2027 08:00:00 GMT"),
        ("x-amz-server-side-encryption", "AES256"),
    ] {
        assert_eq!(got.header(name), Some(value));
    }
    let head = world.head("/bkt/hello").send().await.ok();
    assert_eq!(head.headers, got.headers);
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn every_size_comes_back() {
    let world = World::with_bucket().await;
    for length in [0, 1, 65_535, 65_536, 65_537, 300_000, 2_000_000] {
        let whole = body(length);
        let payload = Payload::new(Pieces::of(&whole));
        world.put("/bkt/k").payload(payload).send().await.ok();
        let got = world.get("/bkt/k").send().await.ok();
        assert_eq!(got.body, whole, "{length}");
        assert_eq!(got.header("content-length"), Some(length.to_string().as_str()));
    }
}

#[tokio::test]
async fn a_read_sees_the_last_write() {
    let world = World::with_bucket().await;
    for round in 0..1000 {
        world.put("/bkt/k").body(format!("v{round}")).send().await.ok();
        assert_eq!(world.get("/bkt/k").send().await.text(), format!("v{round}"));
    }
    // The bytes of replaced objects are gone.
    assert!(world.engine.payload_bytes() < 1000);
}

#[tokio::test]
async fn ranges_are_answered_as_partial_content() {
    let world = World::with_bucket().await;
    let whole = body(200_000);
    world.put("/bkt/k").body(whole.clone()).send().await.ok();
    for (range, start, end) in [
        ("bytes=0-9", 0, 9),
        ("bytes=65530-65545", 65_530, 65_545),
        ("bytes=199999-", 199_999, 199_999),
        ("bytes=100000-999999", 100_000, 199_999),
        ("bytes=-5", 199_995, 199_999),
        ("bytes=-300000", 0, 199_999),
    ] {
        let got = world.get("/bkt/k").header("range", range).send().await;
        assert_eq!(got.status, 206, "{range}");
        assert_eq!(got.body, whole[start..=end], "{range}");
        let content_range = format!("bytes {start}-{end}/200000");
        assert_eq!(got.header("content-range"), Some(content_range.as_str()));
        let head = world.head("/bkt/k").header("range", range).send().await;
        assert_eq!(head.headers, got.headers);
        assert_eq!(head.status, 206);
    }
    for range in ["bytes=5-2", "bytes=a-b", "items=0-1", "bytes=0-1,3-4"] {
        let got = world.get("/bkt/k").header("range", range).send().await;
        assert_eq!((got.status, got.body.len()), (200, 200_000), "{range}");
    }
    for range in ["bytes=200000-", "bytes=200000-200001", "bytes=-0"] {
        let got = world.get("/bkt/k").header("range", range).send().await;
        let got = got.expect(416, "InvalidRange");
        assert_eq!(got.element("RangeRequested"), Some(range));
        assert_eq!(got.element("ActualObjectSize"), Some("200000"));
        assert_eq!(world.head("/bkt/k").header("range", range).send().await.status, 416);
    }
    world.put("/bkt/empty").send().await.ok();
    let got = world.get("/bkt/empty").header("range", "bytes=0-").send().await;
    got.expect(416, "InvalidRange");
}

#[tokio::test]
async fn part_one_of_a_plain_object_is_the_object() {
    let world = World::with_bucket().await;
    world.put("/bkt/k").body("hello world").send().await.ok();
    let got = world.get("/bkt/k?partNumber=1").send().await;
    assert_eq!((got.status, got.text()), (206, "hello world"));
    assert_eq!(got.header("content-range"), Some("bytes 0-10/11"));
    assert_eq!(got.header("x-amz-mp-parts-count"), None);
    let beyond = world.get("/bkt/k?partNumber=2").send().await.expect(416, "InvalidPartNumber");
    assert_eq!(beyond.element("PartNumberRequested"), Some("2"));
    assert_eq!(beyond.element("ActualPartCount"), Some("1"));
    for bad in ["0", "10001", "-1", "x"] {
        let got = world.get(&format!("/bkt/k?partNumber={bad}")).send().await;
        got.expect(400, "InvalidArgument");
    }
    let both = world.get("/bkt/k?partNumber=1").header("range", "bytes=0-1").send().await;
    both.expect(400, "InvalidRequest");
}

#[tokio::test]
async fn checksums_are_verified_stored_and_answered_on_demand() {
    let world = World::with_bucket().await;
    for (name, value) in [
        ("x-amz-checksum-crc32", "DUoRhQ=="),
        ("x-amz-checksum-crc32c", "yZRlqg=="),
        ("x-amz-checksum-crc64nvme", "jSnVw/bqjr4="),
        ("x-amz-checksum-sha1", "Kq5sNclPz7QV2+lfQIuc6R7oRu0="),
        ("x-amz-checksum-sha256", "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek="),
    ] {
        let put = world.put("/bkt/k").header(name, value).body("hello world").send().await.ok();
        assert_eq!(put.header(name), Some(value));
        assert_eq!(put.header("x-amz-checksum-type"), Some("FULL_OBJECT"));
        let plain = world.get("/bkt/k").send().await.ok();
        assert_eq!(plain.header(name), None);
        assert_eq!(plain.header("x-amz-checksum-type"), None);
        for reply in [
            world.get("/bkt/k").header("x-amz-checksum-mode", "ENABLED").send().await.ok(),
            world.head("/bkt/k").header("x-amz-checksum-mode", "ENABLED").send().await.ok(),
        ] {
            assert_eq!(reply.header(name), Some(value));
            assert_eq!(reply.header("x-amz-checksum-type"), Some("FULL_OBJECT"));
        }
        let ranged = world.get("/bkt/k").header("x-amz-checksum-mode", "ENABLED");
        let ranged = ranged.header("range", "bytes=0-4").send().await.ok();
        assert_eq!(ranged.header(name), None);
        let wrong = world.put("/bkt/other").header(name, value).body("hello worle").send().await;
        wrong.expect(400, "BadDigest");
        assert_eq!(world.head("/bkt/other").send().await.status, 404);
    }
}

#[tokio::test]
async fn a_checksum_may_follow_the_body() {
    let world = World::with_bucket().await;
    let whole = Bytes::from_static(b"hello world");
    let send = async |trailer: Option<&str>| {
        let trailers = trailer.map(|value| ("x-amz-checksum-crc32".to_owned(), value.to_owned()));
        let pieces = Pieces {
            announced: vec!["x-amz-checksum-crc32".to_owned()],
            trailers: trailers.into_iter().collect(),
            ..Pieces::of(&whole)
        };
        let call = world.put("/bkt/k").header("x-amz-sdk-checksum-algorithm", "CRC32");
        call.payload(Payload::new(pieces)).send().await
    };
    send(Some("DUoRhQ==")).await.ok();
    send(Some("AAAAAA==")).await.expect(400, "BadDigest");
    send(Some("bad")).await.expect(400, "InvalidRequest");
    send(None).await.expect(400, "MalformedTrailerError");
    assert_eq!(world.get("/bkt/k").send().await.text(), "hello world");
}

#[tokio::test]
async fn contradicting_checksum_headers_are_refused() {
    let world = World::with_bucket().await;
    let put = |headers: &[(&str, &str)]| {
        let call = headers.iter().fold(world.put("/bkt/k"), |call, (n, v)| call.header(n, v));
        call.body("hello world").send()
    };
    let crc32 = ("x-amz-checksum-crc32", "DUoRhQ==");
    for (headers, code) in [
        (vec![crc32, ("x-amz-checksum-crc32c", "yZRlqg==")], "InvalidRequest"),
        (vec![("x-amz-sdk-checksum-algorithm", "CRC32")], "InvalidRequest"),
        (vec![("x-amz-sdk-checksum-algorithm", "CRC31")], "InvalidRequest"),
        (vec![crc32, ("x-amz-sdk-checksum-algorithm", "SHA1")], "InvalidRequest"),
        (vec![("x-amz-checksum-crc32", "bad")], "BadDigest"),
        (vec![("x-amz-checksum-sha256", "bad")], "BadDigest"),
        (vec![("x-amz-checksum-crc32", "!!!!!!!!")], "InvalidRequest"),
        (vec![("content-md5", "xyz")], "InvalidDigest"),
        (vec![("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")], "BadDigest"),
    ] {
        put(&headers).await.expect(400, code);
    }
    assert_eq!(world.head("/bkt/k").send().await.status, 404);
    put(&[("content-md5", "XrY7u+Ae7tCTyyK7j1rNww==")]).await.ok();
}

#[tokio::test]
async fn a_wrong_md5_is_told_with_both_digests() {
    let world = World::with_bucket().await;
    let put = world.put("/bkt/k").header("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==");
    let put = put.body("hello world").send().await.expect(400, "BadDigest");
    assert_eq!(put.element("ExpectedDigest"), Some("AAAAAAAAAAAAAAAAAAAAAA=="));
    assert_eq!(put.element("CalculatedDigest"), Some("XrY7u+Ae7tCTyyK7j1rNww=="));
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_the_old_object() {
    let world = World::with_bucket().await;
    for length in [1000, 500_000] {
        let whole = body(length);
        world.put("/bkt/k").body("old").send().await.ok();
        let before = world.engine.payload_bytes();
        let mut cut = Pieces::of(&whole);
        cut.pieces.pop_back();
        cut.pieces.push_back(Err(PayloadError::Truncated));
        let put = world.put("/bkt/k").payload(Payload::new(cut)).send().await;
        let put = put.expect(400, "IncompleteBody");
        assert!(!put.recorded);
        let short = Pieces { content_length: 1_000_000, ..Pieces::of(&whole) };
        let put = world.put("/bkt/k").payload(Payload::new(short)).send().await;
        put.expect(400, "IncompleteBody");
        assert_eq!(world.get("/bkt/k").send().await.text(), "old");
        assert_eq!(world.engine.payload_bytes(), before);
    }
}

#[tokio::test]
async fn a_body_above_five_gib_is_refused_at_once() {
    let world = World::with_bucket().await;
    let limit = 5 * 1024 * 1024 * 1024;
    let declared = |content_length| {
        let mut pieces = Pieces::of(&Bytes::from_static(b"x"));
        pieces.content_length = content_length;
        pieces
    };
    let put = world.put("/bkt/k").payload(Payload::new(declared(limit + 1))).send().await;
    let put = put.expect(400, "EntityTooLarge");
    assert_eq!(put.element("ProposedSize"), Some("5368709121"));
    assert_eq!(put.element("MaxSizeAllowed"), Some("5368709120"));
    // The largest one is read, and found to be short.
    let put = world.put("/bkt/k").payload(Payload::new(declared(limit))).send().await;
    put.expect(400, "IncompleteBody");
}

#[tokio::test]
async fn metadata_is_kept_as_it_came() {
    let world = World::with_bucket().await;
    let put = [
        ("X-Amz-Meta-FooBar", "a  b"),
        ("x-amz-meta-umlaut", "ü"),
        ("x-amz-meta-encoded", "=?UTF-8?B?w7w=?="),
        ("x-amz-meta-hidden", "=?UTF-8?B?AQ==?="),
        // The text of an encoded word, itself encoded: decoded once, and no further.
        ("x-amz-meta-once", "=?UTF-8?B?PT9VVEYtOD9CP3c3dz0/PQ==?="),
        ("content-type", "text/plain"),
        ("cache-control", "no-cache"),
        ("content-disposition", "attachment"),
        ("content-encoding", "aws-chunked,gzip"),
        ("content-language", "de"),
        ("expires", "Fri, 15 Jan 2027 08:00:00 GMT"),
        ("x-amz-website-redirect-location", "/other"),
    ];
    let call = put.iter().fold(world.put("/bkt/k"), |call, (n, v)| call.header(n, v));
    call.body("x").send().await.ok();
    let got = world.get("/bkt/k").send().await.ok();
    for (name, value) in [
        ("x-amz-meta-foobar", "a  b"),
        ("x-amz-meta-umlaut", "=?UTF-8?B?w7w=?="),
        ("x-amz-meta-encoded", "=?UTF-8?B?w7w=?="),
        ("x-amz-missing-meta", "1"),
        ("x-amz-meta-once", "=?UTF-8?B?w7w=?="),
        ("content-type", "text/plain"),
        ("cache-control", "no-cache"),
        ("content-disposition", "attachment"),
        ("content-encoding", "gzip"),
        ("content-language", "de"),
        ("expires", "Fri, 15 Jan 2027 08:00:00 GMT"),
        ("x-amz-website-redirect-location", "/other"),
    ] {
        assert_eq!(got.header(name), Some(value), "{name}");
    }
    assert_eq!(got.header("x-amz-meta-hidden"), None);
    // Nothing of a replaced object's metadata stays.
    world.put("/bkt/k").body("y").send().await.ok();
    let got = world.get("/bkt/k").send().await.ok();
    for name in ["x-amz-meta-foobar", "cache-control", "content-encoding", "x-amz-missing-meta"] {
        assert_eq!(got.header(name), None);
    }
    let redirect = world.put("/bkt/k").header("x-amz-website-redirect-location", "ftp://x");
    redirect.send().await.expect(400, "InvalidRedirectLocation");
}

#[tokio::test]
async fn user_metadata_has_at_most_2048_bytes() {
    let world = World::with_bucket().await;
    for (bytes, fits) in [(2047, true), (2048, true), (2049, false)] {
        let value = "v".repeat(bytes - 4);
        let put = world.put("/bkt/k").header("x-amz-meta-name", &value).send().await;
        if fits {
            put.ok();
        } else {
            let put = put.expect(400, "MetadataTooLarge");
            assert_eq!(put.element("Size"), Some("2049"));
            assert_eq!(put.element("MaxSizeAllowed"), Some("2048"));
        }
    }
}

#[tokio::test]
async fn a_link_may_choose_headers_of_the_answer() {
    let world = World::with_bucket().await;
    let put = world.put("/bkt/k").header("content-type", "text/html");
    put.header("cache-control", "no-store").body("x").send().await.ok();
    let target = "/bkt/k?response-content-type=text%2Fplain&response-cache-control=max-age%3D1\
                  &response-content-disposition=attachment&response-content-encoding=x\
                  &response-content-language=fr\
                  &response-expires=Fri%2C%2015%20Jan%202027%2008%3A00%3A00%20GMT";
    for got in [world.get(target).send().await.ok(), world.head(target).send().await.ok()] {
        for (name, value) in [
            ("content-type", "text/plain"),
            ("cache-control", "max-age=1"),
            ("content-disposition", "attachment"),
            ("content-encoding", "x"),
            ("content-language", "fr"),
            ("expires", "Fri, 15 Jan 2027 08:00:00 GMT"),
        ] {
            assert_eq!(got.header(name), Some(value), "{name}");
        }
    }
    let smuggled = world.get("/bkt/k?response-content-type=a%0D%0Aset-cookie:x").send().await;
    assert!(smuggled.status >= 400);
    assert_eq!(smuggled.header("set-cookie"), None);
}

#[tokio::test]
async fn keys_are_opaque_and_apart() {
    let world = World::with_bucket().await;
    let keys = [
        "a",
        "a/",
        "a//b",
        "a/../b",
        "..",
        "../x",
        ".",
        "/a",
        "//",
        "%25",
        "+",
        "a%20b",
        "%C3%BC",
        "%0D%0A",
        "%01",
        "%00",
        "a%00",
        "%EF%BF%BF",
        "a%3Fb%26c",
        "%F0%9F%98%80",
        "~",
    ];
    for key in keys {
        world.put(&format!("/bkt/{key}")).body(key).send().await.ok();
    }
    for key in keys {
        let got = world.get(&format!("/bkt/{key}")).send().await.ok();
        assert_eq!(got.text(), key);
    }
    for key in keys {
        world.delete(&format!("/bkt/{key}")).send().await.ok();
        world.get(&format!("/bkt/{key}")).send().await.expect(404, "NoSuchKey");
    }
    world.delete("/bkt").send().await.ok();
}

#[tokio::test]
async fn a_key_has_at_most_1024_bytes() {
    let world = World::with_bucket().await;
    let longest = format!("/bkt/{}", "k".repeat(1024));
    world.put(&longest).body("x").send().await.ok();
    assert_eq!(world.get(&longest).send().await.text(), "x");
    let longer = world.put(&format!("{longest}k")).send().await.expect(400, "KeyTooLongError");
    assert_eq!(longer.element("Size"), Some("1025"));
    assert_eq!(longer.element("MaxSizeAllowed"), Some("1024"));
    // 512 two-byte characters fit, 513 do not.
    world.put(&format!("/bkt/{}", "%C3%BC".repeat(512))).send().await.ok();
    let longer = world.put(&format!("/bkt/{}", "%C3%BC".repeat(513))).send().await;
    longer.expect(400, "KeyTooLongError");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_writers_of_one_key_all_succeed_and_never_mix() {
    let world = std::sync::Arc::new(World::with_bucket().await);
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..8_u8 {
        let world = std::sync::Arc::clone(&world);
        tasks.spawn(async move {
            for round in 0..10_usize {
                let length = 10_000 + 30_000 * ((round + usize::from(writer)) % 4);
                let body = vec![b'a' + writer; length];
                world.put("/bkt/k").body(body).send().await.ok();
                let got = world.get("/bkt/k").send().await.ok();
                let first = got.body[0];
                assert!(!got.broken && got.body.iter().all(|byte| *byte == first));
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let puts = world.events().await.into_iter().filter(|event| event.operation == "PutObject");
    assert_eq!(puts.count(), 80);
}

#[tokio::test]
async fn a_write_is_recorded_with_what_it_did() {
    let world = World::with_bucket().await;
    world.put("/bkt/k").body("hello").send().await.ok();
    let events = world.events().await;
    let event = events.last().unwrap();
    assert_eq!(event.operation, "PutObject");
    assert_eq!((event.bucket.as_str(), event.object_key.as_str()), ("bkt", "k"));
    assert_eq!((event.outcome.status, event.outcome.received_bytes), (200, 5));
    assert_eq!(events.len(), 2);
    // What changes nothing is left to the pipeline.
    assert!(!world.get("/bkt/k").send().await.recorded);
    assert!(!world.delete("/bkt/none").send().await.recorded);
    assert_eq!(world.events().await.len(), 2);
}

#[tokio::test]
async fn attributes_are_answered_as_asked() {
    let world = World::with_bucket().await;
    world.put("/bkt/k").body("hello world").send().await.ok();
    let all = "ETag,Checksum,ObjectParts,StorageClass,ObjectSize";
    let get = |wanted: &'static str| {
        world.get("/bkt/k?attributes").header("x-amz-object-attributes", wanted).send()
    };
    let got = get(all).await.ok();
    assert_eq!(got.element("ETag"), Some("5eb63bbbe01eeed093cb22bb8f5acdc3"));
    assert_eq!(got.element("ChecksumCRC64NVME"), Some("jSnVw/bqjr4="));
    assert_eq!(got.element("ChecksumType"), Some("FULL_OBJECT"));
    assert_eq!(got.element("StorageClass"), Some("STANDARD"));
    assert_eq!(got.element("ObjectSize"), Some("11"));
    assert_eq!(got.element("ObjectParts"), None);
    assert_eq!(got.header("last-modified"), Some("Fri, 15 Jan 2027 08:00:00 GMT"));
    let some = get("ObjectSize").await.ok();
    assert_eq!(some.element("ObjectSize"), Some("11"));
    assert_eq!(some.element("ETag"), None);
    get("Nonsense").await.expect(400, "InvalidArgument");
    get("").await.expect(400, "InvalidRequest");
    world.get("/bkt/k?attributes").send().await.expect(400, "InvalidRequest");
    let none = world.get("/bkt/none?attributes").header("x-amz-object-attributes", all);
    none.send().await.expect(404, "NoSuchKey");
}
