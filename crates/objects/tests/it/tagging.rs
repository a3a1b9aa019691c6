//! Tags of objects and buckets.

use bytes::Bytes;
use strongroom_store::{Entry, KeyRange};

use crate::objects::body;
use crate::world::{Reply, World};

fn tagging(tags: &[(&str, &str)]) -> String {
    let tag =
        |(key, value): &(&str, &str)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>");
    let tags: String = tags.iter().map(tag).collect();
    let namespace = "http://s3.amazonaws.com/doc/2006-03-01/";
    format!("<Tagging xmlns=\"{namespace}\"><TagSet>{tags}</TagSet></Tagging>")
}

async fn tag(world: &World, target: &str, tags: &[(&str, &str)]) -> Reply {
    world.put(&format!("{target}?tagging")).body(tagging(tags)).send().await
}

/// The tags of an object or bucket as `key=value`.
async fn tags(world: &World, target: &str) -> Vec<String> {
    let reply = world.get(&format!("{target}?tagging")).send().await.ok();
    let pairs = reply.elements("Key").into_iter().zip(reply.elements("Value"));
    pairs.map(|(key, value)| format!("{key}={value}")).collect()
}

async fn version(world: &World) -> Entry {
    let mut rows = world.store.metadata.scan(KeyRange::prefix(b"v"), 10).await.unwrap();
    assert_eq!(rows.len(), 1);
    rows.remove(0).1
}

fn numbered(count: usize) -> Vec<(String, String)> {
    (0..count).map(|number| (format!("k{number:02}"), "v".to_owned())).collect()
}

#[tokio::test]
async fn tags_are_put_read_replaced_and_deleted() {
    let world = World::with_bucket().await;
    world.put("/bkt/k").body("x").send().await.ok();
    assert_eq!(tags(&world, "/bkt/k").await, Vec::<String>::new());
    assert_eq!(world.head("/bkt/k").send().await.header("x-amz-tagging-count"), None);
    let put = tag(&world, "/bkt/k", &[("b", "2"), ("a", "1")]).await;
    assert_eq!((put.status, put.recorded, put.body.len()), (200, true, 0));
    assert_eq!(tags(&world, "/bkt/k").await, ["a=1", "b=2"]);
    for call in [world.get("/bkt/k"), world.head("/bkt/k")] {
        assert_eq!(call.send().await.ok().header("x-amz-tagging-count"), Some("2"));
    }
    tag(&world, "/bkt/k", &[("c", "")]).await.ok();
    assert_eq!(tags(&world, "/bkt/k").await, ["c="]);
    let deleted = world.delete("/bkt/k?tagging").send().await;
    assert_eq!((deleted.status, deleted.recorded), (204, true));
    assert_eq!(tags(&world, "/bkt/k").await, Vec::<String>::new());
    assert_eq!(world.delete("/bkt/k?tagging").send().await.status, 204);
    // An empty set is no set.
    tag(&world, "/bkt/k", &[("c", "")]).await.ok();
    tag(&world, "/bkt/k", &[]).await.ok();
    assert_eq!(world.head("/bkt/k").send().await.header("x-amz-tagging-count"), None);
}

#[tokio::test]
async fn a_change_of_tags_leaves_the_object_as_it_was() {
    for whole in [body(100), body(300_000)] {
        let world = World::with_bucket().await;
        let put = world.put("/bkt/k").header("x-amz-meta-a", "b").body(whole.clone());
        put.send().await.ok();
        let before = (version(&world).await, world.head("/bkt/k").send().await.ok().headers);
        world.clock.advance(std::time::Duration::from_secs(100));
        tag(&world, "/bkt/k", &[("a", "1")]).await.ok();
        let tagged = version(&world).await;
        assert_ne!(tagged.revision, before.0.revision);
        if whole.len() > 65_536 {
            assert_eq!(tagged.payload, before.0.payload, "the payload is where it was");
        }
        let got = world.get("/bkt/k").send().await.ok();
        assert_eq!(got.body, whole);
        world.delete("/bkt/k?tagging").send().await;
        assert_eq!(world.head("/bkt/k").send().await.ok().headers, before.1);
        // A write of the object ends them.
        tag(&world, "/bkt/k", &[("a", "1")]).await.ok();
        world.put("/bkt/k").body("new").send().await.ok();
        assert_eq!(tags(&world, "/bkt/k").await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn tags_that_no_object_may_have_are_refused_and_change_nothing() {
    let world = World::with_bucket().await;
    world.put("/bkt/k").body("x").send().await.ok();
    tag(&world, "/bkt/k", &[("kept", "1")]).await.ok();
    let owned = |count| {
        let tags = numbered(count);
        tagging(&tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>())
    };
    let put = |body: String| world.put("/bkt/k?tagging").body(body).send();
    let long_key = put(tagging(&[(&"k".repeat(129), "")])).await.expect(400, "InvalidTag");
    assert_eq!(long_key.element("TagKey"), Some("k".repeat(129).as_str()));
    put(tagging(&[("k", &"v".repeat(257))])).await.expect(400, "InvalidTag");
    put(tagging(&[("a", "1"), ("a", "2")])).await.expect(400, "InvalidTag");
    put(tagging(&[("aws:a", "1")])).await.expect(400, "InvalidTag");
    put(tagging(&[("", "1")])).await.expect(400, "InvalidTag");
    put(tagging(&[("a?", "1")])).await.expect(400, "InvalidTag");
    put(owned(11)).await.expect(400, "InvalidTag");
    for malformed in [
        "",
        "<Tagging/>",
        "<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>",
        "<Tagging><TagSet><Tag><Value>a</Value></Tag></TagSet></Tagging>",
        "<Tagging><TagSet><Tag><Key>a</Key><Key>b</Key><Value>1</Value></Tag></TagSet></Tagging>",
        "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value><X/></Tag></TagSet></Tagging>",
        "<Other><TagSet/></Other>",
    ] {
        put(malformed.to_owned()).await.expect(400, "MalformedXML");
    }
    assert_eq!(tags(&world, "/bkt/k").await, ["kept=1"]);
    put(owned(10)).await.ok();
    put(tagging(&[(&"k".repeat(128), &"v".repeat(256))])).await.ok();
    let missing = tag(&world, "/bkt/none", &[("a", "1")]).await.expect(404, "NoSuchKey");
    assert_eq!(missing.element("Key"), Some("none"));
    world.get("/bkt/none?tagging").send().await.expect(404, "NoSuchKey");
    world.delete("/bkt/none?tagging").send().await.expect(404, "NoSuchKey");
    let unknown = "/bkt/k?tagging&versionId=00000000000000000000000000000000";
    world.get(unknown).send().await.expect(404, "NoSuchVersion");
}

#[tokio::test]
async fn ver_017_each_version_has_its_own_tags() {
    let world = World::with_bucket().await;
    crate::versioning::set(&world, "Enabled").await;
    let put = || world.put("/bkt/k").body("x").send();
    let (first, second) = (put().await.ok(), put().await.ok());
    let [first, second] =
        [&first, &second].map(|reply| reply.header("x-amz-version-id").unwrap().to_owned());
    let at = |version: &str| format!("/bkt/k?tagging&versionId={version}");
    let tagged = world.put(&at(&first)).body(tagging(&[("a", "1")])).send().await.ok();
    assert_eq!(tagged.header("x-amz-version-id"), Some(first.as_str()));
    // Without an id the current version is meant.
    tag(&world, "/bkt/k", &[("b", "2")]).await.ok();
    for (version, keys) in [(&first, ["a"]), (&second, ["b"])] {
        let read = world.get(&at(version)).send().await.ok();
        assert_eq!(read.elements("Key"), keys);
        assert_eq!(read.header("x-amz-version-id"), Some(version.as_str()));
    }
    let removed = world.delete(&at(&first)).send().await;
    assert_eq!((removed.status, removed.header("x-amz-version-id")), (204, Some(&*first)));
    assert_eq!(tags(&world, "/bkt/k").await, ["b=2"]);
    assert_eq!(world.get(&at(&first)).send().await.ok().elements("Key"), [""; 0]);
}

#[tokio::test]
async fn ver_018_a_delete_marker_has_no_tags() {
    let world = World::with_bucket().await;
    crate::versioning::set(&world, "Enabled").await;
    world.put("/bkt/k").body("x").send().await.ok();
    let deleted = world.delete("/bkt/k").send().await;
    let marker = deleted.header("x-amz-version-id").unwrap();
    for target in ["/bkt/k?tagging".to_owned(), format!("/bkt/k?tagging&versionId={marker}")] {
        let put = world.put(&target).body(tagging(&[("a", "1")])).send().await;
        for reply in [put, world.get(&target).send().await, world.delete(&target).send().await] {
            let refused = reply.expect(405, "MethodNotAllowed");
            assert_eq!(refused.element("ResourceType"), Some("DeleteMarker"));
            assert_eq!(refused.header("x-amz-delete-marker"), Some("true"));
            assert_eq!(refused.header("x-amz-version-id"), Some(marker));
            assert_eq!(refused.header("allow"), Some("DELETE"));
            assert!(!refused.recorded);
        }
    }
}

#[tokio::test]
async fn writes_bring_their_tags() {
    let world = World::with_bucket().await;
    let put = |value: &str| world.put("/bkt/k").header("x-amz-tagging", value).body("x").send();
    put("foo=bar&bar").await.ok();
    assert_eq!(tags(&world, "/bkt/k").await, ["bar=", "foo=bar"]);
    for (header, code) in [
        ("a=1&a=2", "InvalidArgument"),
        ("a=%zz", "InvalidArgument"),
        ("=1", "InvalidArgument"),
        ("aws:a=1", "InvalidTag"),
        ("a=1&b=2&c=3&d=4&e=5&f=6&g=7&h=8&i=9&j=10&k=11", "InvalidTag"),
    ] {
        let refused = put(header).await.expect(400, code);
        if code == "InvalidArgument" {
            assert_eq!(refused.element("ArgumentName"), Some("x-amz-tagging"));
        }
    }
    assert_eq!(tags(&world, "/bkt/k").await, ["bar=", "foo=bar"]);
    put("").await.ok();
    assert_eq!(tags(&world, "/bkt/k").await, Vec::<String>::new());
    // An upload in parts has them from its creation.
    let created = world.post("/bkt/p?uploads").header("x-amz-tagging", "a=1").send().await.ok();
    let id = created.element("UploadId").unwrap();
    let part = world.put(&format!("/bkt/p?partNumber=1&uploadId={id}"));
    let part = part.body(Bytes::from_static(b"part")).send().await.ok();
    let etag = part.header("etag").unwrap().trim_matches('"').to_owned();
    let list = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
    );
    world.post(&format!("/bkt/p?uploadId={id}")).body(list).send().await.ok();
    assert_eq!(tags(&world, "/bkt/p").await, ["a=1"]);
    // Tags of an object in parts can be changed like all others, and its parts stay.
    tag(&world, "/bkt/p", &[("b", "2")]).await.ok();
    world.service.sweep().await.unwrap();
    assert_eq!(world.get("/bkt/p").send().await.ok().text(), "part");
    let bad = world.post("/bkt/p?uploads").header("x-amz-tagging", "a=1&a=1").send().await;
    bad.expect(400, "InvalidArgument");
}

/// CPY-006.
#[tokio::test]
async fn copies_have_the_tags_of_their_source_or_other_ones() {
    let world = World::with_bucket().await;
    world.put("/bkt/k").header("x-amz-tagging", "a=1").body("x").send().await.ok();
    let copy = |headers: &'static [(&'static str, &'static str)]| {
        let call = world.put("/bkt/copy").header("x-amz-copy-source", "bkt/k");
        headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send()
    };
    const DIRECTIVE: &str = "x-amz-tagging-directive";
    const TAGGING: &str = "x-amz-tagging";
    copy(&[]).await.ok();
    assert_eq!(tags(&world, "/bkt/copy").await, ["a=1"]);
    copy(&[(DIRECTIVE, "REPLACE"), (TAGGING, "b=2")]).await.ok();
    assert_eq!(tags(&world, "/bkt/copy").await, ["b=2"]);
    copy(&[(DIRECTIVE, "COPY")]).await.ok();
    assert_eq!(tags(&world, "/bkt/copy").await, ["a=1"]);
    copy(&[(DIRECTIVE, "REPLACE")]).await.ok();
    assert_eq!(tags(&world, "/bkt/copy").await, Vec::<String>::new());
    // The metadata has a directive of its own.
    copy(&[("x-amz-metadata-directive", "REPLACE")]).await.ok();
    assert_eq!(tags(&world, "/bkt/copy").await, ["a=1"]);
    copy(&[(DIRECTIVE, "FOO")]).await.expect(400, "InvalidArgument");
    copy(&[(TAGGING, "b=2")]).await.expect(400, "InvalidRequest");
    copy(&[(TAGGING, "b=2"), (DIRECTIVE, "COPY")]).await.expect(400, "InvalidRequest");
    copy(&[(TAGGING, "b=2&b=3"), (DIRECTIVE, "REPLACE")]).await.expect(400, "InvalidArgument");
    assert_eq!(tags(&world, "/bkt/copy").await, ["a=1"]);
    assert_eq!(tags(&world, "/bkt/k").await, ["a=1"]);
}

/// Two writers of the tags of one object: one of them is last, and none of them is refused.
#[tokio::test]
async fn racing_changes_of_tags_and_bytes_leave_a_whole_object() {
    let world = World::with_bucket().await;
    world.put("/bkt/k").body("old").send().await.ok();
    let calls = (0..20).map(|number| {
        let world = &world;
        async move {
            if number % 2 == 0 {
                tag(world, "/bkt/k", &[("number", &number.to_string())]).await.ok();
            } else {
                let put = world.put("/bkt/k").header("x-amz-tagging", "by=put");
                put.body(format!("new {number}")).send().await.ok();
            }
        }
    });
    futures_join(calls.collect()).await;
    let found = tags(&world, "/bkt/k").await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(world.get("/bkt/k").send().await.ok().text().starts_with("new "));
}

/// Polls all of them in turn until all are done.
async fn futures_join<F: Future<Output = ()>>(futures: Vec<F>) {
    let mut running: Vec<_> = futures.into_iter().map(Box::pin).collect();
    std::future::poll_fn(|context| {
        running.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if running.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

#[tokio::test]
async fn buckets_have_tags_of_their_own() {
    let world = World::with_bucket().await;
    world.get("/bkt?tagging").send().await.expect(404, "NoSuchTagSet");
    let put = tag(&world, "/bkt", &[("b", "2"), ("a", "1")]).await.ok();
    assert!(put.recorded);
    assert_eq!(tags(&world, "/bkt").await, ["a=1", "b=2"]);
    tag(&world, "/bkt", &[("c", "3")]).await.ok();
    assert_eq!(tags(&world, "/bkt").await, ["c=3"]);
    tag(&world, "/bkt", &[("c", "3"), ("c", "4")]).await.expect(400, "InvalidTag");
    tag(&world, "/bkt", &[("aws:c", "3")]).await.expect(400, "InvalidTag");
    let owned = |count| {
        let tags = numbered(count);
        tagging(&tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>())
    };
    world.put("/bkt?tagging").body(owned(51)).send().await.expect(400, "InvalidTag");
    assert_eq!(tags(&world, "/bkt").await, ["c=3"]);
    world.put("/bkt?tagging").body(owned(50)).send().await.ok();
    assert_eq!(tags(&world, "/bkt").await.len(), 50);
    // The largest set that there can be fits its record.
    let largest: Vec<_> =
        (0..50).map(|n| (format!("{n:02}{}", "字".repeat(126)), "字".repeat(256))).collect();
    let largest: Vec<_> = largest.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    tag(&world, "/bkt", &largest).await.ok();
    assert_eq!(tags(&world, "/bkt").await.len(), 50);
    let deleted = world.delete("/bkt?tagging").send().await;
    assert_eq!((deleted.status, deleted.recorded), (204, true));
    world.get("/bkt?tagging").send().await.expect(404, "NoSuchTagSet");
    // Tags are no objects, and they end with their bucket.
    tag(&world, "/bkt", &[("c", "3")]).await.ok();
    assert_eq!(world.delete("/bkt").send().await.status, 204);
    assert!(world.store.metadata.scan(KeyRange::prefix(b"t"), 10).await.unwrap().is_empty());
    world.put("/bkt").send().await.ok();
    world.get("/bkt?tagging").send().await.expect(404, "NoSuchTagSet");
}

#[tokio::test]
async fn a_bucket_may_be_made_with_tags() {
    let world = World::new();
    let create = |tags: &str| {
        let body =
            format!("<CreateBucketConfiguration><Tags>{tags}</Tags></CreateBucketConfiguration>");
        world.put("/tagged").body(body).send()
    };
    let tag = |key: &str| format!("<Tag><Key>{key}</Key><Value>1</Value></Tag>");
    create(&[tag("a"), tag("a")].concat()).await.expect(400, "InvalidTag");
    create(&tag("aws:a")).await.expect(400, "InvalidTag");
    create(&(0..51).map(|n| tag(&format!("k{n}"))).collect::<String>())
        .await
        .expect(400, "InvalidTag");
    create("<Tag><Key>a</Key></Tag>").await.expect(400, "MalformedXML");
    world.get("/tagged").send().await.expect(404, "NoSuchBucket");
    create(&[tag("b"), tag("a")].concat()).await.ok();
    assert_eq!(tags(&world, "/tagged").await, ["a=1", "b=1"]);
}
