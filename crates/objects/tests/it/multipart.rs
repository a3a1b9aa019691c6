//! Multipart uploads: the checklist MPU and what lies between its lines.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use strongroom_store::{Batch, KeyRange, NewPayload, Protection, Revision, Write};
use strongroom_wire::{BoxFuture, Payload, PayloadError, PayloadSource};
use tokio::task::JoinSet;

use crate::world::{Call, Reply, World};

const MIB: usize = 1024 * 1024;
const OBJECT_ETAG: &str = "\"1c3dafcf2149c7b623d2361636f6528c-3\"";

/// The parts of the vectors of SPEC: data-protection, 1.4.
fn vector() -> [Bytes; 3] {
    [vec![b'A'; 5 * MIB], vec![b'B'; 5 * MIB], vec![b'C'; 1024]].map(Bytes::from)
}

async fn create(world: &World, target: &str, headers: &[(&str, &str)]) -> String {
    let call = world.post(&format!("{target}?uploads"));
    let call = headers.iter().fold(call, |call, (name, value)| call.header(name, value));
    let reply = call.send().await.ok();
    assert!(reply.recorded);
    reply.element("UploadId").unwrap().to_owned()
}

fn part<'a>(world: &'a World, target: &str, id: &str, number: u32) -> Call<'a> {
    world.put(&format!("{target}?partNumber={number}&uploadId={id}"))
}

async fn upload(world: &World, target: &str, id: &str, number: u32, body: &Bytes) -> String {
    let reply = part(world, target, id, number).body(body.clone()).send().await.ok();
    reply.header("etag").unwrap().to_owned()
}

/// An element of the list; `checksum` is an element too.
fn listed(number: u32, etag: &str, checksum: &str) -> String {
    let etag = etag.replace('"', "&quot;");
    format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag>{checksum}</Part>")
}

fn complete<'a>(world: &'a World, target: &str, id: &str, parts: &[String]) -> Call<'a> {
    let namespace = "http://s3.amazonaws.com/doc/2006-03-01/";
    let list = parts.concat();
    let body =
        format!("<CompleteMultipartUpload xmlns=\"{namespace}\">{list}</CompleteMultipartUpload>");
    world.post(&format!("{target}?uploadId={id}")).body(body)
}

async fn abort(world: &World, target: &str, id: &str) -> Reply {
    world.delete(&format!("{target}?uploadId={id}")).send().await
}

/// Uploads the vector's parts in an order of numbers and gives their list.
async fn upload_vector(world: &World, target: &str, id: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for (number, body) in (1..).zip(&vector()) {
        let etag = upload(world, target, id, number, body).await;
        parts.push(listed(number, &etag, ""));
    }
    parts
}

/// Records of a kind that the store holds.
async fn records(world: &World, tag: u8) -> usize {
    world.store.metadata.scan(KeyRange::prefix(&[tag]), 1_000).await.unwrap().len()
}

#[tokio::test]
async fn parts_in_any_order_make_the_object_of_the_vector() {
    let world = World::with_bucket().await;
    let id = create(&world, "/bkt/a%20b", &[]).await;
    let bodies = vector();
    let mut list = Vec::new();
    for number in [3_u32, 1, 2] {
        let body = &bodies[usize::try_from(number - 1).unwrap()];
        let etag = upload(&world, "/bkt/a%20b", &id, number, body).await;
        list.push((number, listed(number, &etag, "")));
    }
    list.sort();
    let list: Vec<String> = list.into_iter().map(|(_, part)| part).collect();
    // MPU-035: nothing shows before the completion.
    world.get("/bkt/a%20b").send().await.expect(404, "NoSuchKey");
    assert_eq!(world.get("/bkt").send().await.ok().elements("Key"), [""; 0]);
    let done = complete(&world, "/bkt/a%20b", &id, &list).send().await.ok();
    assert!(done.recorded);
    assert_eq!(done.element("ETag"), Some(OBJECT_ETAG.replace('"', "&quot;").as_str()));
    assert_eq!(done.element("Location"), Some("http://127.0.0.1:9000/bkt/a%20b"));
    assert_eq!((done.element("Bucket"), done.element("Key")), (Some("bkt"), Some("a b")));
    assert_eq!(done.element("ChecksumCRC64NVME"), Some("xxRR3/Pm+SU="));
    assert_eq!(done.element("ChecksumType"), Some("FULL_OBJECT"));
    let got = world.get("/bkt/a%20b").header("x-amz-checksum-mode", "ENABLED").send().await.ok();
    assert!(got.body == bodies.concat() && !got.broken);
    assert_eq!(got.header("etag"), Some(OBJECT_ETAG));
    assert_eq!(got.header("x-amz-checksum-crc64nvme"), Some("xxRR3/Pm+SU="));
    assert_eq!(got.header("content-type"), Some("binary/octet-stream"));
    assert_eq!((records(&world, b'u').await, records(&world, b'p').await), (0, 3));
}

#[tokio::test]
async fn declared_checksums_are_joined_as_the_vectors_say() {
    let world = World::with_bucket().await;
    let crc32 = ["JRTCyQ==", "QoZTGg==", "nVjtfA=="];
    let sha256 = [
        "275VF5loJr1YYawit0XSHREhkFXYkkPKGuoK0x9VKxI=",
        "mrHwOfjTL5Zwfj74F05HOQGLdUb7E5szdCbxgUSq6NM=",
        "QYvMHQp1qtqTNJ8p1SPjiu2X7+eU30wZccMRsrT3Ut0=",
    ];
    let crc64 = ["L/E4WYn8v98=", "xW1l19VobYM=", "1ebmOe1wZ/c="];
    for (algorithm, kind, values, whole) in [
        ("CRC32", None, crc32, "MpSvpA==-3"),
        ("CRC32", Some("FULL_OBJECT"), crc32, "8AHtrQ=="),
        ("SHA256", None, sha256, "dSvoessRmpyUUVWWQXCyAEEEsrnt8aNOuM0Nwz+VVhU=-3"),
        ("CRC64NVME", None, crc64, "xxRR3/Pm+SU="),
    ] {
        let mut headers = vec![("x-amz-checksum-algorithm", algorithm)];
        headers.extend(kind.map(|kind| ("x-amz-checksum-type", kind)));
        let id = create(&world, "/bkt/k", &headers).await;
        let header = format!("x-amz-checksum-{}", algorithm.to_ascii_lowercase());
        let mut list = Vec::new();
        for ((number, body), value) in (1..).zip(&vector()).zip(values) {
            let call = part(&world, "/bkt/k", &id, number).header(&header, value);
            let reply = call.body(body.clone()).send().await.ok();
            assert_eq!(reply.header(&header), Some(value));
            let element = format!("<Checksum{algorithm}>{value}</Checksum{algorithm}>");
            list.push(listed(number, reply.header("etag").unwrap(), &element));
        }
        let done = complete(&world, "/bkt/k", &id, &list).header(&header, whole);
        let done = done.header("x-amz-mp-object-size", "10486784").send().await.ok();
        assert_eq!(done.element(&format!("Checksum{algorithm}")), Some(whole));
        let composite = whole.ends_with("-3");
        let expected = if composite { "COMPOSITE" } else { "FULL_OBJECT" };
        assert_eq!(done.element("ChecksumType"), Some(expected));
        let head = world.head("/bkt/k").header("x-amz-checksum-mode", "ENABLED").send().await.ok();
        assert_eq!(head.header(&header), Some(whole));
        assert_eq!(head.header("x-amz-checksum-type"), Some(expected));
    }
}

#[tokio::test]
async fn what_create_asks_for_must_make_sense() {
    let world = World::with_bucket().await;
    let with = |headers: &'static [(&'static str, &'static str)]| {
        let call = world.post("/bkt/k?uploads");
        headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send()
    };
    const ALGORITHM: &str = "x-amz-checksum-algorithm";
    const TYPE: &str = "x-amz-checksum-type";
    with(&[(ALGORITHM, "CRC64NVME"), (TYPE, "COMPOSITE")]).await.expect(400, "InvalidRequest");
    with(&[(ALGORITHM, "SHA256"), (TYPE, "FULL_OBJECT")]).await.expect(400, "InvalidRequest");
    with(&[(TYPE, "COMPOSITE")]).await.expect(400, "InvalidRequest");
    with(&[(ALGORITHM, "CRC31")]).await.expect(400, "InvalidRequest");
    with(&[(ALGORITHM, "XXHASH64"), (TYPE, "FULL_OBJECT")]).await.expect(400, "InvalidRequest");
    with(&[("x-amz-storage-class", "GLACIER")]).await.expect(400, "InvalidStorageClass");
    with(&[("x-amz-server-side-encryption", "aws:kms")]).await.expect(501, "NotImplemented");
    with(&[("x-amz-server-side-encryption", "aes256")]).await.expect(400, "InvalidArgument");
    with(&[("x-amz-acl", "public-read")]).await.expect(400, "AccessControlListNotSupported");
    assert_eq!(records(&world, b'u').await, 0);
    let plain = with(&[("x-amz-server-side-encryption", "AES256")]).await.ok();
    assert_eq!(plain.header("x-amz-server-side-encryption"), Some("AES256"));
    assert_eq!(plain.header(ALGORITHM), None);
    let declared = with(&[(ALGORITHM, "SHA1")]).await.ok();
    assert_eq!(declared.header(ALGORITHM), Some("SHA1"));
    assert_eq!(declared.header(TYPE), Some("COMPOSITE"));
    world.post("/none/k?uploads").send().await.expect(404, "NoSuchBucket");
    // A key that XML cannot express is left out of the answer, and the upload is made.
    let control = world.post("/bkt/%01?uploads").send().await.ok();
    assert_eq!(control.element("Key"), None);
    assert!(control.element("UploadId").is_some());
}

#[tokio::test]
async fn parts_declare_what_their_upload_expects() {
    let world = World::with_bucket().await;
    let hello = Bytes::from_static(b"hello world");
    let send = |id: &str, headers: &'static [(&'static str, &'static str)]| {
        let call = part(&world, "/bkt/k", id, 1).body(hello.clone());
        headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send()
    };
    let composite = create(&world, "/bkt/k", &[("x-amz-checksum-algorithm", "CRC32")]).await;
    let sha256 = "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=";
    // MPU-008, MPU-009.
    const SHA256: &[(&str, &str)] =
        &[("x-amz-checksum-sha256", "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=")];
    send(&composite, SHA256).await.expect(400, "InvalidRequest");
    send(&composite, &[]).await.expect(400, "InvalidRequest");
    send(&composite, &[("x-amz-checksum-crc32", "AAAAAA==")]).await.expect(400, "BadDigest");
    send(&composite, &[("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")])
        .await
        .expect(400, "InvalidRequest");
    assert_eq!(records(&world, b'p').await, 0);
    send(&composite, &[("x-amz-checksum-crc32", "DUoRhQ==")]).await.ok();
    let full = create(
        &world,
        "/bkt/k",
        &[("x-amz-checksum-algorithm", "CRC32"), ("x-amz-checksum-type", "FULL_OBJECT")],
    )
    .await;
    send(&full, SHA256).await.expect(400, "InvalidRequest");
    let computed = send(&full, &[]).await.ok();
    assert_eq!(computed.header("x-amz-checksum-crc32"), Some("DUoRhQ=="));
    // An upload without an algorithm takes any, verifies it and keeps its own beside.
    let plain = create(&world, "/bkt/k", &[]).await;
    assert_eq!(send(&plain, SHA256).await.ok().header("x-amz-checksum-sha256"), Some(sha256));
    let computed = send(&plain, &[]).await.ok();
    assert_eq!(computed.header("x-amz-checksum-crc64nvme"), Some("jSnVw/bqjr4="));
    send(&plain, &[("x-amz-checksum-sha1", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")])
        .await
        .expect(400, "BadDigest");
    send(&plain, &[("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")]).await.expect(400, "BadDigest");
    send(&plain, &[("content-md5", "xyz")]).await.expect(400, "InvalidDigest");
    send(&plain, &[("x-amz-sdk-checksum-algorithm", "CRC32")]).await.expect(400, "InvalidRequest");
    send(&plain, &[("x-amz-server-side-encryption", "AES256")])
        .await
        .expect(400, "InvalidArgument");
    send(&plain, &[("x-amz-server-side-encryption-customer-algorithm", "AES256")])
        .await
        .expect(403, "AccessDenied");
}

/// Current clients declare a CRC32 with each part also where the upload has no algorithm.
#[tokio::test]
async fn an_upload_without_an_algorithm_gets_a_checksum_of_the_whole() {
    let world = World::with_bucket().await;
    let id = create(&world, "/bkt/k", &[]).await;
    let mut list = Vec::new();
    let crc32 = ["JRTCyQ==", "QoZTGg==", "nVjtfA=="];
    for ((number, body), value) in (1..).zip(&vector()).zip(crc32) {
        let call = part(&world, "/bkt/k", &id, number).header("x-amz-checksum-crc32", value);
        let reply = call.body(body.clone()).send().await.ok();
        assert_eq!(reply.header("x-amz-checksum-crc32"), Some(value));
        let element = format!("<ChecksumCRC32>{value}</ChecksumCRC32>");
        list.push(listed(number, reply.header("etag").unwrap(), &element));
    }
    let wrong = [list[0].replace("JRTCyQ==", "AAAAAA=="), list[1].clone()];
    complete(&world, "/bkt/k", &id, &wrong).send().await.expect(400, "InvalidPart");
    let done = complete(&world, "/bkt/k", &id, &list).send().await.ok();
    assert_eq!(done.element("ChecksumCRC64NVME"), Some("xxRR3/Pm+SU="));
    assert_eq!(done.element("ChecksumCRC32"), None);
}

#[tokio::test]
async fn uploads_that_are_not_there_are_not_found() {
    let world = World::with_bucket().await;
    let id = create(&world, "/bkt/k", &[]).await;
    let hello = Bytes::from_static(b"x");
    let etag = upload(&world, "/bkt/k", &id, 1, &hello).await;
    let list = [listed(1, &etag, "")];
    // MPU-015, MPU-016: an id of another key is no upload either.
    for (target, id) in [
        ("/bkt/k", "0".repeat(32)),
        ("/bkt/k", "nonsense".to_owned()),
        ("/bkt/k", id.to_ascii_uppercase()),
        ("/bkt/other", id.clone()),
    ] {
        for reply in [
            part(&world, target, &id, 1).body("x").send().await,
            complete(&world, target, &id, &list).send().await,
            abort(&world, target, &id).await,
            world.get(&format!("{target}?uploadId={id}")).send().await,
            part(&world, target, &id, 1).header("x-amz-copy-source", "bkt/k").send().await,
        ] {
            let reply = reply.expect(404, "NoSuchUpload");
            assert_eq!(reply.element("UploadId"), Some(id.as_str()));
        }
    }
    complete(&world, "/bkt/k", &id, &list).send().await.ok();
}

#[tokio::test]
async fn part_numbers_are_1_to_10000() {
    let world = World::with_bucket().await;
    let id = create(&world, "/bkt/k", &[]).await;
    let send = |number: &str| {
        let target = format!("/bkt/k?partNumber={number}&uploadId={id}");
        world.put(&target).body("x").send()
    };
    for number in ["0", "10001", "-1", "2147483647", "99999999999", "x", ""] {
        let reply = send(number).await.expect(400, "InvalidArgument");
        assert_eq!(reply.element("ArgumentName"), Some("partNumber"), "{number}");
    }
    for number in ["1", "10000"] {
        send(number).await.ok();
    }
    let listed = world.get(&format!("/bkt/k?uploadId={id}")).send().await.ok();
    assert_eq!(listed.elements("PartNumber"), ["1", "10000"]);
}

#[tokio::test]
async fn lists_that_do_not_fit_are_refused_and_change_nothing() {
    let world = World::with_bucket().await;
    let id = create(&world, "/bkt/k", &[]).await;
    let list = upload_vector(&world, "/bkt/k", &id).await;
    let send = |parts: Vec<String>| complete(&world, "/bkt/k", &id, &parts).send();
    let pick = |at: &[usize]| at.iter().map(|at| list[*at].clone()).collect::<Vec<_>>();
    send(Vec::new()).await.expect(400, "MalformedXML");
    send(vec!["<Part><PartNumber>1</PartNumber></Part>".into()]).await.expect(400, "MalformedXML");
    send(vec!["<Part><ETag>x</ETag></Part>".into()]).await.expect(400, "MalformedXML");
    send(vec!["<Part/>".into()]).await.expect(400, "MalformedXML");
    send(pick(&[1, 0])).await.expect(400, "InvalidPartOrder");
    send(pick(&[0, 0])).await.expect(400, "InvalidPartOrder");
    send(vec![list[0].clone(), listed(9_999, OBJECT_ETAG, "")]).await.expect(400, "InvalidPart");
    let below = send(vec![listed(0, OBJECT_ETAG, "")]).await.expect(400, "InvalidArgument");
    assert_eq!(below.element("ArgumentName"), Some("PartNumber"));
    let wrong = send(vec![listed(1, "\"0123\"", "")]).await.expect(400, "InvalidPart");
    assert_eq!(wrong.element("PartNumber"), Some("1"));
    world.post(&format!("/bkt/k?uploadId={id}")).send().await.expect(400, "MalformedXML");
    let small = upload(&world, "/bkt/k", &id, 4, &Bytes::from_static(b"small")).await;
    let small = send(vec![list[0].clone(), list[2].clone(), listed(4, &small, "")]).await;
    let small = small.expect(400, "EntityTooSmall");
    assert_eq!(small.element("ProposedSize"), Some("1024"));
    assert_eq!(small.element("MinSizeAllowed"), Some("5242880"));
    assert_eq!(small.element("PartNumber"), Some("3"));
    assert_eq!(small.element("ETag"), Some("5d595ff36d2b3089d48bae3098c8ba10"));
    let with = |name: &'static str, value: &'static str| {
        complete(&world, "/bkt/k", &id, &list).header(name, value).send()
    };
    with("x-amz-mp-object-size", "1").await.expect(400, "InvalidRequest");
    with("x-amz-mp-object-size", "-1").await.expect(400, "InvalidRequest");
    with("x-amz-mp-object-size", "x").await.expect(400, "InvalidRequest");
    with("x-amz-checksum-type", "COMPOSITE").await.expect(400, "BadDigest");
    with("x-amz-checksum-crc64nvme", "AAAAAAAAAAA=").await.expect(400, "BadDigest");
    with("x-amz-checksum-sha256", "bad").await.expect(400, "BadDigest");
    with("if-none-match", OBJECT_ETAG).await.expect(501, "NotImplemented");
    with("if-match", OBJECT_ETAG).await.expect(404, "NoSuchKey");
    world.get("/bkt/k").send().await.expect(404, "NoSuchKey");
    assert_eq!((records(&world, b'u').await, records(&world, b'p').await), (1, 4));
    with("if-none-match", "*").await.ok();
    // The part that was not listed is gone.
    assert_eq!((records(&world, b'u').await, records(&world, b'p').await), (0, 3));
}

#[tokio::test]
async fn a_part_that_is_uploaded_again_replaces_the_first() {
    let world = World::with_bucket().await;
    let id = create(&world, "/bkt/k", &[]).await;
    let first = upload(&world, "/bkt/k", &id, 1, &Bytes::from_static(b"first")).await;
    let second = upload(&world, "/bkt/k", &id, 1, &Bytes::from_static(b"second")).await;
    let stale = complete(&world, "/bkt/k", &id, &[listed(1, &first, "")]).send().await;
    stale.expect(400, "InvalidPart");
    complete(&world, "/bkt/k", &id, &[listed(1, &second, "")]).send().await.ok();
    assert_eq!(world.get("/bkt/k").send().await.ok().text(), "second");
}

#[tokio::test]
async fn a_subset_of_the_parts_is_an_object() {
    let world = World::with_bucket().await;
    let id = create(&world, "/bkt/k", &[]).await;
    let list = upload_vector(&world, "/bkt/k", &id).await;
    let subset = [list[0].clone(), list[2].clone()];
    complete(&world, "/bkt/k", &id, &subset).send().await.ok();
    let got = world.get("/bkt/k").send().await.ok();
    assert!(got.body == [vector()[0].clone(), vector()[2].clone()].concat());
    // MPU-020: with a checksum of its own, all numbers must be there.
    let id = create(&world, "/bkt/k", &[("x-amz-checksum-algorithm", "CRC32")]).await;
    let mut list = Vec::new();
    for (number, body) in [(1, "hello world"), (3, "hello world")] {
        let call = part(&world, "/bkt/k", &id, number).header("x-amz-checksum-crc32", "DUoRhQ==");
        let etag = call.body(body).send().await.ok();
        let checksum = "<ChecksumCRC32>DUoRhQ==</ChecksumCRC32>";
        list.push(listed(number, etag.header("etag").unwrap(), checksum));
    }
    complete(&world, "/bkt/k", &id, &list).send().await.expect(400, "InvalidPartOrder");
}

#[tokio::test]
async fn a_completion_may_be_repeated() {
    let world = World::with_bucket().await;
    let id = create(&world, "/bkt/k", &[]).await;
    let list = upload_vector(&world, "/bkt/k", &id).await;
    let first =
        complete(&world, "/bkt/k", &id, &list).header("if-none-match", "*").send().await.ok();
    world.clock.advance(Duration::from_secs(60));
    let again =
        complete(&world, "/bkt/k", &id, &list).header("if-none-match", "*").send().await.ok();
    assert_eq!(first.text(), again.text());
    // Another list is another completion, of an upload that is gone.
    let other = complete(&world, "/bkt/k", &id, &list[..2]).send().await;
    other.expect(404, "NoSuchUpload");
    // So is every other operation on it.
    part(&world, "/bkt/k", &id, 1).body("x").send().await.expect(404, "NoSuchUpload");
    abort(&world, "/bkt/k", &id).await.expect(404, "NoSuchUpload");
    world.get(&format!("/bkt/k?uploadId={id}")).send().await.expect(404, "NoSuchUpload");
    // Once the object is replaced nobody knows of the upload any more.
    world.put("/bkt/k").body("x").send().await.ok();
    complete(&world, "/bkt/k", &id, &list).send().await.expect(404, "NoSuchUpload");
}

#[tokio::test]
async fn aborting_frees_the_parts() {
    let world = World::with_bucket().await;
    let id = create(&world, "/bkt/k", &[]).await;
    upload_vector(&world, "/bkt/k", &id).await;
    let reply = abort(&world, "/bkt/k", &id).await;
    assert_eq!((reply.status, reply.recorded), (204, true));
    let left =
        [records(&world, b'u').await, records(&world, b'p').await, records(&world, b'g').await];
    assert_eq!(left, [0, 0, 0]);
    abort(&world, "/bkt/k", &id).await.expect(404, "NoSuchUpload");
    part(&world, "/bkt/k", &id, 1).body("x").send().await.expect(404, "NoSuchUpload");
    world.get(&format!("/bkt/k?uploadId={id}")).send().await.expect(404, "NoSuchUpload");
    let refused = world.delete(&format!("/bkt/k?uploadId={id}"));
    let refused = refused.header("x-amz-if-match-initiated-time", "Fri, 15 Jan 2027 08:00:00 GMT");
    refused.send().await.expect(501, "NotImplemented");
}

#[tokio::test]
async fn parts_are_listed_in_pages() {
    let world = World::with_bucket().await;
    let id = create(&world, "/bkt/k", &[("x-amz-checksum-algorithm", "CRC32")]).await;
    for number in [1, 2, 3, 7, 10_000] {
        let call = part(&world, "/bkt/k", &id, number).header("x-amz-checksum-crc32", "DUoRhQ==");
        call.body("hello world").send().await.ok();
    }
    let page = |query: &str| world.get(&format!("/bkt/k?uploadId={id}{query}")).send();
    let all = page("").await.ok();
    assert_eq!(all.elements("PartNumber"), ["1", "2", "3", "7", "10000"]);
    assert_eq!(all.elements("ChecksumCRC32"), ["DUoRhQ=="; 5]);
    assert_eq!(all.elements("Size"), ["11"; 5]);
    assert_eq!(all.element("ChecksumAlgorithm"), Some("CRC32"));
    assert_eq!(all.element("ChecksumType"), Some("COMPOSITE"));
    assert_eq!(all.element("IsTruncated"), Some("false"));
    assert_eq!(all.element("StorageClass"), Some("STANDARD"));
    assert_eq!(all.elements("ID").len(), 2);
    let mut found = Vec::new();
    let mut marker = "0".to_owned();
    loop {
        let reply = page(&format!("&max-parts=2&part-number-marker={marker}")).await.ok();
        assert_eq!(reply.element("PartNumberMarker"), Some(marker.as_str()));
        assert_eq!(reply.element("MaxParts"), Some("2"));
        found.extend(reply.elements("PartNumber").into_iter().map(str::to_owned));
        marker = reply.element("NextPartNumberMarker").unwrap().to_owned();
        if reply.element("IsTruncated") == Some("false") {
            break;
        }
    }
    assert_eq!(found, ["1", "2", "3", "7", "10000"]);
    let none = page("&max-parts=0").await.ok();
    assert_eq!(
        (none.elements("PartNumber").len(), none.element("IsTruncated")),
        (0, Some("false"))
    );
    assert_eq!(page("&max-parts=5000").await.ok().element("MaxParts"), Some("1000"));
    page("&max-parts=-1").await.expect(400, "InvalidArgument");
    page("&part-number-marker=-1").await.expect(400, "InvalidArgument");
    page("&max-parts=x").await.expect(400, "InvalidArgument");
    let behind = page("&part-number-marker=10000").await.ok();
    assert_eq!(behind.elements("PartNumber").len(), 0);
}

#[tokio::test]
async fn metadata_comes_from_the_creation() {
    let world = World::with_bucket().await;
    let headers = [
        ("content-type", "text/plain"),
        ("cache-control", "no-store"),
        ("content-encoding", "aws-chunked,gzip"),
        ("x-amz-meta-colour", "blue"),
        ("x-amz-server-side-encryption", "AES256"),
    ];
    let id = create(&world, "/bkt/k", &headers).await;
    let etag = upload(&world, "/bkt/k", &id, 1, &Bytes::from_static(b"x")).await;
    let call = complete(&world, "/bkt/k", &id, &[listed(1, &etag, "")]);
    let call = call.header("content-type", "application/xml");
    // SPEC: data-protection, 2.2: encryption headers of a completion are ignored.
    call.header("x-amz-server-side-encryption", "aws:kms").send().await.ok();
    let head = world.head("/bkt/k").send().await.ok();
    assert_eq!(head.header("content-type"), Some("text/plain"));
    assert_eq!(head.header("cache-control"), Some("no-store"));
    assert_eq!(head.header("content-encoding"), Some("gzip"));
    assert_eq!(head.header("x-amz-meta-colour"), Some("blue"));
    assert_eq!(head.header("x-amz-server-side-encryption"), Some("AES256"));
    let large = "v".repeat(2_048);
    let call = world.post("/bkt/k?uploads").header("x-amz-meta-colour", &large);
    call.send().await.expect(400, "MetadataTooLarge");
}

#[tokio::test]
async fn parts_and_ranges_of_the_object_are_read() {
    let world = World::with_bucket().await;
    let id = create(&world, "/bkt/k", &[]).await;
    let list = upload_vector(&world, "/bkt/k", &id).await;
    complete(&world, "/bkt/k", &id, &list).send().await.ok();
    let whole = vector().concat();
    // MPU-028.
    let second = world.get("/bkt/k?partNumber=2").send().await.ok();
    assert_eq!(second.status, 206);
    assert!(second.body == vector()[1]);
    assert_eq!(second.header("content-range"), Some("bytes 5242880-10485759/10486784"));
    assert_eq!(second.header("x-amz-mp-parts-count"), Some("3"));
    assert_eq!(second.header("etag"), Some(OBJECT_ETAG));
    let head = world.head("/bkt/k?partNumber=3").send().await.ok();
    assert_eq!((head.status, head.header("content-length")), (206, Some("1024")));
    // MPU-029, MPU-030.
    world.get("/bkt/k?partNumber=99").send().await.expect(416, "InvalidPartNumber");
    let both = world.get("/bkt/k?partNumber=1").header("range", "bytes=0-1").send().await;
    both.expect(400, "InvalidRequest");
    // MPU-031: across borders of parts, and each side of one.
    for (start, end) in [
        (0, 0),
        (5 * MIB - 1, 5 * MIB - 1),
        (5 * MIB, 5 * MIB),
        (5 * MIB - 3, 5 * MIB + 3),
        (1, 10 * MIB),
        (5 * MIB - 1, 10 * MIB + 1023),
        (10 * MIB, 10 * MIB + 1023),
    ] {
        let range = format!("bytes={start}-{end}");
        let got = world.get("/bkt/k").header("range", &range).send().await.ok();
        assert!(got.body == whole[start..=end], "{range}");
    }
}

#[tokio::test]
async fn parts_are_copied_from_objects() {
    let world = World::with_bucket().await;
    world.put("/other").send().await.ok();
    let source: Bytes = (0..6 * MIB).map(|at| u8::try_from(at % 251).unwrap()).collect();
    world.put("/other/s%20%C3%A4").body(source.clone()).send().await.ok();
    world.put("/bkt/small").body("0123456789").send().await.ok();
    let id = create(&world, "/bkt/k", &[("x-amz-checksum-algorithm", "SHA256")]).await;
    let copy = |number: u32, from: &str| {
        part(&world, "/bkt/k", &id, number).header("x-amz-copy-source", from)
    };
    let first = copy(1, "/other/s%20%C3%A4").send().await.ok();
    assert!(first.recorded);
    assert!(first.element("ChecksumSHA256").is_some() && first.element("LastModified").is_some());
    assert_eq!(first.header("x-amz-copy-source-version-id"), None);
    let range = ("x-amz-copy-source-range", "bytes=2-5");
    let second = copy(2, "bkt/small?versionId=null").header(range.0, range.1).send().await.ok();
    assert_eq!(second.header("x-amz-copy-source-version-id"), None);
    let element = |reply: &Reply, name: &str| reply.element(name).unwrap().replace("&quot;", "\"");
    let list: Vec<String> = [(1, &first), (2, &second)]
        .map(|(number, reply)| {
            let checksum = element(reply, "ChecksumSHA256");
            let checksum = format!("<ChecksumSHA256>{checksum}</ChecksumSHA256>");
            listed(number, &element(reply, "ETag"), &checksum)
        })
        .to_vec();
    complete(&world, "/bkt/k", &id, &list).send().await.ok();
    let got = world.get("/bkt/k").send().await.ok();
    assert!(got.body == [source.as_ref(), b"2345"].concat());
    // The object, which was written in parts, is a source as well.
    let id = create(&world, "/bkt/k", &[]).await;
    let whole =
        part(&world, "/bkt/k", &id, 1).header("x-amz-copy-source", "bkt/k").send().await.ok();
    let list = [listed(1, &element(&whole, "ETag"), "")];
    complete(&world, "/bkt/k", &id, &list).send().await.ok();
    assert!(world.get("/bkt/k").send().await.ok().body == got.body);
}

#[tokio::test]
async fn sources_of_part_copies_are_checked() {
    let world = World::with_bucket().await;
    let id = create(&world, "/bkt/k", &[]).await;
    let put = world.put("/bkt/small").body("0123456789").send().await.ok();
    let etag = put.header("etag").unwrap();
    let copy = |from: &str| part(&world, "/bkt/k", &id, 1).header("x-amz-copy-source", from);
    // MPU-033, and then a range beyond the source.
    for range in ["bytes=0-", "0-2", "bytes=hello", "bytes=-5", "bytes=5-4", ""] {
        let call = copy("bkt/small").header("x-amz-copy-source-range", range);
        let reply = call.send().await.expect(400, "InvalidArgument");
        assert_eq!(reply.element("ArgumentName"), Some("x-amz-copy-source-range"), "{range}");
    }
    let beyond = copy("bkt/small").header("x-amz-copy-source-range", "bytes=0-10");
    let beyond = beyond.send().await.expect(416, "InvalidRange");
    assert_eq!(beyond.element("ActualObjectSize"), Some("10"));
    copy("bkt/none").send().await.expect(404, "NoSuchKey");
    copy("none/k").send().await.expect(404, "NoSuchBucket");
    copy("bkt/small?versionId=00000000000000000000000000000000")
        .send()
        .await
        .expect(404, "NoSuchVersion");
    copy("nonsense").send().await.expect(400, "InvalidArgument");
    let condition = |name: &str, value: &str| copy("bkt/small").header(name, value).send();
    condition("x-amz-copy-source-if-match", "\"x\"").await.expect(412, "PreconditionFailed");
    condition("x-amz-copy-source-if-none-match", etag).await.expect(412, "PreconditionFailed");
    let later = "Fri, 15 Jan 2027 09:00:00 GMT";
    let since = condition("x-amz-copy-source-if-modified-since", later).await;
    since.expect(412, "PreconditionFailed");
    let owner = condition("x-amz-source-expected-bucket-owner", "222222222222").await;
    owner.expect(403, "AccessDenied");
    assert_eq!(records(&world, b'p').await, 0);
    condition("x-amz-copy-source-if-match", etag).await.ok();
    assert_eq!(records(&world, b'p').await, 1);
}

#[tokio::test]
async fn completions_have_conditions_on_the_current_object() {
    let world = World::with_bucket().await;
    let object = world.put("/bkt/k").body("old").send().await.ok();
    let etag = object.header("etag").unwrap();
    let id = create(&world, "/bkt/k", &[]).await;
    let part = upload(&world, "/bkt/k", &id, 1, &Bytes::from_static(b"new")).await;
    let send = |name: &str, value: &str| {
        complete(&world, "/bkt/k", &id, &[listed(1, &part, "")]).header(name, value).send()
    };
    send("if-none-match", "*").await.expect(412, "PreconditionFailed");
    send("if-match", "\"00000000000000000000000000000000\"")
        .await
        .expect(412, "PreconditionFailed");
    assert_eq!(world.get("/bkt/k").send().await.ok().text(), "old");
    send("if-match", etag).await.ok();
    assert_eq!(world.get("/bkt/k").send().await.ok().text(), "new");
}

#[tokio::test]
async fn an_expected_owner_who_is_not_ends_every_operation() {
    let world = World::with_bucket().await;
    let id = create(&world, "/bkt/k", &[]).await;
    for call in [
        world.post("/bkt/k?uploads"),
        part(&world, "/bkt/k", &id, 1).body("x"),
        complete(&world, "/bkt/k", &id, &[listed(1, "x", "")]),
        world.delete(&format!("/bkt/k?uploadId={id}")),
        world.get(&format!("/bkt/k?uploadId={id}")),
        world.get("/bkt?uploads"),
    ] {
        let call = call.header("x-amz-expected-bucket-owner", "222222222222");
        call.send().await.expect(403, "AccessDenied");
    }
    assert_eq!((records(&world, b'u').await, records(&world, b'p').await), (1, 0));
}

/// A body that breaks off.
struct Broken(Vec<Result<Bytes, PayloadError>>);

impl PayloadSource for Broken {
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, PayloadError>>> {
        let next = (!self.0.is_empty()).then(|| self.0.remove(0));
        Box::pin(std::future::ready(next))
    }

    fn content_length(&self) -> Option<u64> {
        Some(1_000_000)
    }

    fn announced_trailers(&self) -> &[String] {
        &[]
    }

    fn trailers(&self) -> &[(String, String)] {
        &[]
    }

    fn sha256(&self) -> Option<[u8; 32]> {
        None
    }
}

#[tokio::test]
async fn a_broken_body_leaves_the_part_as_it_was() {
    let world = World::with_bucket().await;
    let id = create(&world, "/bkt/k", &[]).await;
    let etag = upload(&world, "/bkt/k", &id, 1, &Bytes::from_static(b"whole")).await;
    let piece = Bytes::from(vec![1; 600_000]);
    for end in [vec![], vec![Err(PayloadError::Truncated)], vec![Err(PayloadError::Io)]] {
        let pieces = std::iter::once(Ok(piece.clone())).chain(end).collect();
        let call = part(&world, "/bkt/k", &id, 1).payload(Payload::new(Broken(pieces)));
        let reply = call.send().await.expect(400, "IncompleteBody");
        assert!(!reply.recorded);
    }
    complete(&world, "/bkt/k", &id, &[listed(1, &etag, "")]).send().await.ok();
    assert_eq!(world.get("/bkt/k").send().await.ok().text(), "whole");
}

#[tokio::test]
async fn every_change_carries_its_audit_event() {
    let world = World::with_bucket().await;
    let before = world.store.metadata.events(Revision(0), 1_000).await.unwrap().len();
    let id = create(&world, "/bkt/k", &[]).await;
    let etag = upload(&world, "/bkt/k", &id, 1, &Bytes::from_static(b"hello")).await;
    complete(&world, "/bkt/k", &id, &[listed(1, &etag, "")]).send().await.ok();
    let id = create(&world, "/bkt/k", &[]).await;
    abort(&world, "/bkt/k", &id).await.ok();
    let events = world.events().await;
    let found: Vec<_> = events[before..]
        .iter()
        .map(|event| (event.operation.as_str(), event.outcome.status, event.outcome.received_bytes))
        .collect();
    let expected = [
        ("CreateMultipartUpload", 200, 0),
        ("UploadPart", 200, 5),
        ("CompleteMultipartUpload", 200, 0),
        ("CreateMultipartUpload", 200, 0),
        ("AbortMultipartUpload", 204, 0),
    ];
    assert_eq!(found, expected);
}

/// Completions, re-uploads of parts and an abortion at the same time: the object is one that
/// somebody listed, whole, and nothing is left over.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_completions_reuploads_and_abortions_leave_one_whole_object_or_none() {
    for round in 0..30 {
        let world = Arc::new(World::with_bucket().await);
        let id = create(&world, "/bkt/k", &[]).await;
        let bodies = ["one", "two"].map(Bytes::from);
        let mut etags = Vec::new();
        for body in &bodies {
            etags.push(upload(&world, "/bkt/k", &id, 1, body).await);
        }
        let mut racers = JoinSet::new();
        for racer in 0..8 {
            let (world, id, etags, bodies) =
                (Arc::clone(&world), id.clone(), etags.clone(), bodies.clone());
            racers.spawn(async move {
                let which = racer % 2;
                match racer {
                    0..4 => {
                        let list = [listed(1, &etags[which], "")];
                        let reply = complete(&world, "/bkt/k", &id, &list).send().await;
                        let code = reply.element("Code").map(str::to_owned);
                        let refused = ["InvalidPart", "NoSuchUpload"];
                        let fine = code.as_deref().is_none_or(|code| refused.contains(&code));
                        assert!(fine, "{code:?}");
                        (reply.status == 200).then(|| bodies[which].clone())
                    }
                    4..7 => {
                        let call = part(&world, "/bkt/k", &id, 1).body(bodies[which].clone());
                        assert!([200, 404].contains(&call.send().await.status));
                        None
                    }
                    _ => {
                        if round % 2 == 0 {
                            assert!(
                                [204, 404].contains(&abort(&world, "/bkt/k", &id).await.status)
                            );
                        }
                        None
                    }
                }
            });
        }
        let completed: Vec<Bytes> = racers.join_all().await.into_iter().flatten().collect();
        let got = world.get("/bkt/k").send().await;
        match completed.first() {
            Some(body) => {
                // Who completed second repeated the first completion: the same object.
                assert!(completed.iter().all(|other| other == body));
                assert_eq!(got.ok().body, *body);
                assert_eq!(records(&world, b'p').await, 1);
            }
            None => {
                got.expect(404, "NoSuchKey");
            }
        }
        world.service.sweep().await.unwrap();
        let in_progress = records(&world, b'u').await;
        assert!(in_progress == 0 || (in_progress == 1 && completed.is_empty()));
        let owners = in_progress + usize::from(!completed.is_empty());
        assert_eq!((records(&world, b'p').await, records(&world, b'g').await), (owners, 0));
    }
}

#[tokio::test]
async fn changing_the_bucket_in_the_middle_disturbs_nobody() {
    let world = World::with_bucket().await;
    let id = create(&world, "/bkt/k", &[]).await;
    world.delete("/bkt?encryption").send().await.ok();
    let etag = upload(&world, "/bkt/k", &id, 1, &Bytes::from_static(b"x")).await;
    world.delete("/bkt?encryption").send().await.ok();
    complete(&world, "/bkt/k", &id, &[listed(1, &etag, "")]).send().await.ok();
    assert_eq!(world.get("/bkt/k").send().await.ok().text(), "x");
}

#[tokio::test]
async fn an_empty_part_is_an_empty_object() {
    let world = World::with_bucket().await;
    let id = create(&world, "/bkt/k", &[]).await;
    let etag = upload(&world, "/bkt/k", &id, 5, &Bytes::new()).await;
    complete(&world, "/bkt/k", &id, &[listed(5, &etag, "")]).send().await.ok();
    let got = world.get("/bkt/k").send().await.ok();
    assert_eq!((got.body.len(), got.header("content-length")), (0, Some("0")));
    let part = world.get("/bkt/k?partNumber=5").send().await.ok();
    assert_eq!(part.body.len(), 0);
}

#[tokio::test]
async fn an_empty_last_part_is_read_as_empty() {
    let world = World::with_bucket().await;
    let id = create(&world, "/bkt/k", &[]).await;
    let first = upload(&world, "/bkt/k", &id, 1, &vector()[0]).await;
    let last = upload(&world, "/bkt/k", &id, 2, &Bytes::new()).await;
    let list = [listed(1, &first, ""), listed(2, &last, "")];
    complete(&world, "/bkt/k", &id, &list).send().await.ok();
    let part = world.get("/bkt/k?partNumber=2").send().await.ok();
    assert_eq!((part.body.len(), part.header("content-length")), (0, Some("0")));
    let head = world.head("/bkt/k?partNumber=2").send().await.ok();
    assert_eq!(head.header("content-length"), Some("0"));
    assert_eq!(world.get("/bkt/k").send().await.ok().body.len(), 5 * MIB);
}

/// The largest upload: the list of parts, its preconditions and its table all fit their limits.
#[tokio::test]
async fn ten_thousand_parts_are_completed_and_swept() {
    let world = World::with_bucket().await;
    let id = create(&world, "/bkt/k", &[]).await;
    let etag = upload(&world, "/bkt/k", &id, 1, &Bytes::from_static(b"x")).await;
    let parts = KeyRange::prefix(b"p");
    let (key, entry) = world.store.metadata.scan(parts, 1).await.unwrap().remove(0);
    // docs/formats/upload-record.md: object bytes stand behind version and time.
    let mut value = entry.value.to_vec();
    value[9..17].copy_from_slice(&(5_u64 << 20).to_be_bytes());
    for numbers in (1_u32..=10_000).collect::<Vec<_>>().chunks(1_000) {
        let put = |number: &u32| Write::Put {
            key: [&key[..17], &number.to_be_bytes()].concat().into(),
            value: value.clone().into(),
            payload: NewPayload::None,
            protection: Protection::default(),
        };
        let batch = Batch { writes: numbers.iter().map(put).collect(), ..Batch::default() };
        world.store.metadata.commit(batch).await.unwrap();
    }
    let list: Vec<String> = (1..=10_000).map(|number| listed(number, &etag, "")).collect();
    let one_more = [&list[..], &[listed(10_001, &etag, "")]].concat();
    complete(&world, "/bkt/k", &id, &one_more).send().await.expect(400, "MalformedXML");
    let done = complete(&world, "/bkt/k", &id, &list).send().await.ok();
    assert!(done.element("ETag").unwrap().ends_with("-10000&quot;"));
    let head = world.head("/bkt/k?partNumber=10000").send().await.ok();
    assert_eq!(head.header("x-amz-mp-parts-count"), Some("10000"));
    assert_eq!(head.header("content-range"), Some("bytes 52423557120-52428799999/52428800000"));
    let again = complete(&world, "/bkt/k", &id, &list).send().await.ok();
    assert_eq!(again.text(), done.text());
    world.delete("/bkt/k").send().await.ok();
    assert_eq!(world.service.sweep().await.unwrap().uploads, 1);
    assert_eq!((records(&world, b'p').await, records(&world, b'g').await), (0, 0));
}
