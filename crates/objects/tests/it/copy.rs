//! Copying objects.

use crate::objects::body;
use crate::world::{World, root_of};

async fn world() -> World {
    let world = World::with_bucket().await;
    world.put("/other").send().await.ok();
    let put = world
        .put("/bkt/source")
        .header("x-amz-meta-name", "value")
        .header("content-type", "text/plain")
        .header("x-amz-website-redirect-location", "/elsewhere")
        .header("x-amz-checksum-crc32", "DUoRhQ==");
    put.body("hello world").send().await.ok();
    world
}

#[tokio::test]
async fn a_copy_has_the_bytes_and_metadata_of_its_source() {
    let world = world().await;
    let copy = world.put("/other/copy").header("x-amz-copy-source", "bkt/source").send().await;
    let copy = copy.ok();
    assert!(copy.recorded);
    assert_eq!(copy.header("x-amz-server-side-encryption"), Some("AES256"));
    assert_eq!(copy.element("ETag"), Some("&quot;5eb63bbbe01eeed093cb22bb8f5acdc3&quot;"));
    assert_eq!(copy.element("LastModified"), Some("2027-01-15T08:00:00.000Z"));
    assert_eq!(copy.element("ChecksumCRC32"), Some("DUoRhQ=="));
    let got = world.get("/other/copy").header("x-amz-checksum-mode", "ENABLED").send().await.ok();
    assert_eq!(got.text(), "hello world");
    assert_eq!(got.header("x-amz-meta-name"), Some("value"));
    assert_eq!(got.header("content-type"), Some("text/plain"));
    assert_eq!(got.header("x-amz-checksum-crc32"), Some("DUoRhQ=="));
    assert_eq!(got.header("x-amz-website-redirect-location"), None);
    // The copy stands on its own.
    world.delete("/bkt/source").send().await.ok();
    assert_eq!(world.get("/other/copy").send().await.text(), "hello world");
}

#[tokio::test]
async fn what_takes_no_body_is_refused_with_one() {
    let world = world().await;
    let upload = world.post("/bkt/parts?uploads").send().await.ok();
    let part = format!("/bkt/parts?partNumber=1&uploadId={}", upload.element("UploadId").unwrap());
    let copy = |target: &str| world.put(target).header("x-amz-copy-source", "bkt/source");
    for target in ["/bkt/copy", &part] {
        copy(target).body("x").send().await.expect(400, "InvalidRequest");
    }
    world.post("/bkt/more?uploads").body("x").send().await.expect(400, "InvalidRequest");
    world.head("/bkt/copy").send().await.expect(404, "");
    let uploads = world.get("/bkt?uploads").send().await.ok();
    assert_eq!(uploads.elements("Key"), ["parts"]);
    for target in ["/bkt/copy", &part] {
        copy(target).send().await.ok();
    }
}

#[tokio::test]
async fn large_objects_are_copied_whole() {
    let world = World::with_bucket().await;
    for length in [0, 65_536, 65_537, 1_500_000] {
        let whole = body(length);
        world.put("/bkt/source").body(whole.clone()).send().await.ok();
        let copy = world.put("/bkt/copy").header("x-amz-copy-source", "/bkt/source");
        copy.send().await.ok();
        assert_eq!(world.get("/bkt/copy").send().await.body, whole);
    }
}

#[tokio::test]
async fn directives_say_whose_metadata_counts() {
    let world = world().await;
    let copy = |directive: &'static str| {
        let call = world.put("/bkt/copy").header("x-amz-copy-source", "bkt/source");
        let call = call.header("x-amz-metadata-directive", directive);
        call.header("x-amz-meta-new", "new").header("content-type", "text/html").send()
    };
    copy("COPY").await.ok();
    let got = world.get("/bkt/copy").send().await.ok();
    assert_eq!(got.header("x-amz-meta-name"), Some("value"));
    assert_eq!(got.header("x-amz-meta-new"), None);
    assert_eq!(got.header("content-type"), Some("text/plain"));
    copy("REPLACE").await.ok();
    let got = world.get("/bkt/copy").send().await.ok();
    assert_eq!(got.header("x-amz-meta-name"), None);
    assert_eq!(got.header("x-amz-meta-new"), Some("new"));
    assert_eq!(got.header("content-type"), Some("text/html"));
    copy("FOO").await.expect(400, "InvalidArgument");
    let tagging = world.put("/bkt/copy").header("x-amz-copy-source", "bkt/source");
    let tagging = tagging.header("x-amz-tagging-directive", "FOO").send().await;
    tagging.expect(400, "InvalidArgument");
}

#[tokio::test]
async fn a_copy_onto_itself_must_change_something() {
    let world = world().await;
    let copy = |headers: &[(&'static str, &'static str)]| {
        let call = world.put("/bkt/source").header("x-amz-copy-source", "bkt/source");
        headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send()
    };
    copy(&[]).await.expect(400, "InvalidRequest");
    copy(&[("x-amz-metadata-directive", "COPY")]).await.expect(400, "InvalidRequest");
    copy(&[("x-amz-storage-class", "STANDARD")]).await.expect(400, "InvalidRequest");
    copy(&[("x-amz-storage-class", "GLACIER")]).await.expect(400, "InvalidStorageClass");
    copy(&[("x-amz-server-side-encryption", "AES256")]).await.ok();
    copy(&[("x-amz-website-redirect-location", "/x")]).await.ok();
    assert_eq!(world.get("/bkt/source").send().await.header("x-amz-meta-name"), Some("value"));
    copy(&[("x-amz-metadata-directive", "REPLACE"), ("x-amz-meta-b", "c")]).await.ok();
    let got = world.get("/bkt/source").send().await.ok();
    assert_eq!((got.text(), got.header("x-amz-meta-b")), ("hello world", Some("c")));
    let version = world.put("/bkt/source").header("x-amz-copy-source", "bkt/source?versionId=null");
    let version = version.send().await.ok();
    assert_eq!(version.header("x-amz-copy-source-version-id"), None);
}

#[tokio::test]
async fn every_failed_condition_on_the_source_is_412() {
    let world = world().await;
    let etag = "\"5eb63bbbe01eeed093cb22bb8f5acdc3\"";
    let copy = |name: &'static str, value: &'static str| {
        let call = world.put("/bkt/copy").header("x-amz-copy-source", "bkt/source");
        call.header(name, value).send()
    };
    for (name, value) in [
        ("x-amz-copy-source-if-match", "\"other\""),
        ("x-amz-copy-source-if-none-match", etag),
        ("x-amz-copy-source-if-modified-since", "Fri, 15 Jan 2027 09:00:00 GMT"),
        ("x-amz-copy-source-if-unmodified-since", "Fri, 15 Jan 2027 07:00:00 GMT"),
    ] {
        copy(name, value).await.expect(412, "PreconditionFailed");
    }
    assert_eq!(world.head("/bkt/copy").send().await.status, 404);
    for (name, value) in [
        ("x-amz-copy-source-if-match", etag),
        ("x-amz-copy-source-if-none-match", "\"other\""),
        ("x-amz-copy-source-if-modified-since", "Fri, 15 Jan 2027 07:00:00 GMT"),
        ("x-amz-copy-source-if-unmodified-since", "Fri, 15 Jan 2027 09:00:00 GMT"),
    ] {
        copy(name, value).await.ok();
    }
}

#[tokio::test]
async fn the_destination_may_have_a_condition() {
    let world = world().await;
    let copy = |name: &'static str, value: &'static str| {
        let call = world.put("/bkt/copy").header("x-amz-copy-source", "bkt/source");
        call.header(name, value).send()
    };
    copy("if-match", "*").await.expect(404, "NoSuchKey");
    copy("if-none-match", "*").await.ok();
    copy("if-none-match", "*").await.expect(412, "PreconditionFailed");
    copy("if-match", "*").await.ok();
}

#[tokio::test]
async fn source_keys_are_decoded_once() {
    let world = World::with_bucket().await;
    for (at, key) in
        ["a%20b", "a+b", "100%2525", "%C3%BC", "a%3FversionId=null", "/x"].into_iter().enumerate()
    {
        world.put(&format!("/bkt/{key}")).body(key).send().await.ok();
        let copy = world.put(&format!("/bkt/copy{at}"));
        copy.header("x-amz-copy-source", &format!("bkt/{key}")).send().await.ok();
        assert_eq!(world.get(&format!("/bkt/copy{at}")).send().await.text(), key);
    }
}

#[tokio::test]
async fn missing_and_forbidden_sources_are_told_apart() {
    let world = world().await;
    let other = root_of(222_222_222_222);
    world.put("/theirs").by(other.clone()).send().await.ok();
    world.put("/theirs/k").by(other.clone()).body("secret").send().await.ok();
    let copy =
        |source: &'static str| world.put("/bkt/copy").header("x-amz-copy-source", source).send();
    copy("bkt/none").await.expect(404, "NoSuchKey");
    copy("nobucket/k").await.expect(404, "NoSuchBucket");
    let version = "bkt/source?versionId=00000000000000000000000000000001";
    copy(version).await.expect(404, "NoSuchVersion");
    copy("bkt/source?versionId=x").await.expect(400, "InvalidArgument");
    copy("theirs/k").await.expect(403, "AccessDenied");
    copy("theirs/none").await.expect(403, "AccessDenied");
    copy("bkt").await.expect(400, "InvalidArgument");
    let mine = world.put("/theirs/k").by(other).header("x-amz-copy-source", "bkt/source");
    mine.send().await.expect(403, "AccessDenied");
    let owner = |name: &'static str, owner: &'static str| {
        let call = world.put("/bkt/copy").header("x-amz-copy-source", "bkt/source");
        call.header(name, owner).send()
    };
    for name in ["x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"] {
        owner(name, "222222222222").await.expect(403, "AccessDenied");
        owner(name, "111111111111").await.ok();
    }
}

#[tokio::test]
async fn the_checksum_is_carried_or_computed_anew() {
    let world = world().await;
    let copy = world.put("/bkt/copy").header("x-amz-copy-source", "bkt/source");
    let copy = copy.header("x-amz-checksum-algorithm", "SHA256").send().await.ok();
    let sha256 = "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=";
    assert_eq!(copy.element("ChecksumSHA256"), Some(sha256));
    assert_eq!(copy.element("ChecksumCRC32"), None);
    let copy = world.put("/bkt/copy").header("x-amz-copy-source", "bkt/source");
    let copy = copy.header("x-amz-checksum-algorithm", "NONE").send().await;
    copy.expect(400, "InvalidRequest");
}
