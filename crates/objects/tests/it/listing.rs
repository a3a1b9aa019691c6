//! Listings as clients see them.

use std::time::Duration;

use crate::world::{Reply, World};

async fn world_with(keys: &[&str]) -> World {
    let world = World::with_bucket().await;
    for key in keys {
        world.put(&format!("/bkt/{key}")).body("hello world").send().await.ok();
    }
    world
}

/// The prefixes of a page, without the one that was asked for.
fn common_prefixes(reply: &Reply) -> Vec<&str> {
    let groups = reply.elements("CommonPrefixes");
    groups
        .iter()
        .map(|group| group.trim_start_matches("<Prefix>"))
        .map(|group| group.trim_end_matches("</Prefix>"))
        .collect()
}

#[tokio::test]
async fn both_versions_list_the_same_in_pages() {
    let world = world_with(&["a/1", "a/2", "b", "c/1", "d"]).await;
    for size in 1..=5 {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        let mut marker = String::new();
        loop {
            let target = format!("/bkt?delimiter=/&max-keys={size}&marker={marker}");
            let reply = world.get(&target).send().await.ok();
            first.extend(reply.elements("Key").into_iter().map(str::to_owned));
            first.extend(common_prefixes(&reply).into_iter().map(str::to_owned));
            match reply.element("NextMarker") {
                Some(next) => marker = next.to_owned(),
                None => break,
            }
        }
        let mut token = String::new();
        loop {
            let target =
                format!("/bkt?list-type=2&delimiter=/&max-keys={size}&continuation-token={token}");
            let reply = world.get(&target).send().await.ok();
            let keys = reply.elements("Key").len() + common_prefixes(&reply).len();
            assert_eq!(reply.element("KeyCount"), Some(keys.to_string().as_str()));
            assert_eq!(reply.element("ContinuationToken"), Some(token.as_str()));
            second.extend(reply.elements("Key").into_iter().map(str::to_owned));
            second.extend(common_prefixes(&reply).into_iter().map(str::to_owned));
            match reply.element("NextContinuationToken") {
                Some(next) => token = next.to_owned(),
                None => break,
            }
        }
        first.sort();
        second.sort();
        assert_eq!(first, ["a/", "b", "c/", "d"]);
        assert_eq!(second, first);
    }
}

#[tokio::test]
async fn entries_say_what_is_known_of_the_object() {
    let world = world_with(&["k"]).await;
    let entry = world.get("/bkt?list-type=2").send().await.ok();
    assert_eq!(entry.element("Name"), Some("bkt"));
    assert_eq!(entry.element("ETag"), Some("&quot;5eb63bbbe01eeed093cb22bb8f5acdc3&quot;"));
    assert_eq!(entry.element("Size"), Some("11"));
    assert_eq!(entry.element("LastModified"), Some("2027-01-15T08:00:00.000Z"));
    assert_eq!(entry.element("StorageClass"), Some("STANDARD"));
    // INT-025.
    assert_eq!(entry.element("ChecksumAlgorithm"), Some("CRC64NVME"));
    assert_eq!(entry.element("ChecksumType"), Some("FULL_OBJECT"));
    assert_eq!((entry.element("Owner"), entry.element("Delimiter")), (None, None));
    let owned = world.get("/bkt?list-type=2&fetch-owner=true").send().await.ok();
    assert_eq!(owned.element("ID").map(str::len), Some(64));
    let first = world.get("/bkt").send().await.ok();
    assert_eq!(first.element("ID"), owned.element("ID"));
    assert_eq!((first.element("Marker"), first.element("NextMarker")), (Some(""), None));
}

#[tokio::test]
async fn limits_and_markers_are_echoed_or_refused() {
    let world = world_with(&["bar", "baz", "foo", "quxx"]).await;
    let page = |query: &str| world.get(&format!("/bkt?{query}")).send();
    for (list, extra) in [("", ""), ("list-type=2&", "")] {
        let page = |query: &str| page(&format!("{list}{query}{extra}"));
        assert_eq!(page("").await.ok().element("MaxKeys"), Some("1000"));
        assert_eq!(page("max-keys=2000").await.ok().element("MaxKeys"), Some("1000"));
        let none = page("max-keys=0").await.ok();
        assert_eq!(none.element("IsTruncated"), Some("false"));
        assert_eq!(none.elements("Key").len(), 0);
        page("max-keys=-1").await.expect(400, "InvalidArgument");
        page("max-keys=blah").await.expect(400, "InvalidArgument");
        page("max-keys=").await.expect(400, "InvalidArgument");
        page("encoding-type=base64").await.expect(400, "InvalidArgument");
        assert_eq!(page("delimiter=").await.ok().element("Delimiter"), None);
        let truncated = page("max-keys=4").await.ok();
        assert_eq!(truncated.element("IsTruncated"), Some("false"));
        let truncated = page("max-keys=3").await.ok();
        assert_eq!(truncated.element("IsTruncated"), Some("true"));
    }
    // Without a delimiter the last key is the marker, and no other one is given.
    assert_eq!(page("max-keys=2").await.ok().element("NextMarker"), None);
    assert_eq!(page("marker=blah").await.ok().elements("Key"), ["foo", "quxx"]);
    assert_eq!(page("list-type=2&start-after=bar").await.ok().elements("Key").len(), 3);
    let both = page("list-type=2&start-after=bar&max-keys=1").await.ok();
    let token = both.element("NextContinuationToken").unwrap();
    let next = page(&format!("list-type=2&start-after=bar&continuation-token={token}")).await.ok();
    assert_eq!(next.elements("Key"), ["foo", "quxx"]);
    assert_eq!(next.element("StartAfter"), Some("bar"));
    page("list-type=2&continuation-token=bar").await.expect(400, "InvalidArgument");
    let empty = page("list-type=2&continuation-token=").await.ok();
    assert_eq!((empty.elements("Key").len(), empty.element("ContinuationToken")), (4, Some("")));
    page("list-type=3").await;
    world.get("/none").send().await.expect(404, "NoSuchBucket");
    let owner = world.get("/bkt").header("x-amz-expected-bucket-owner", "222222222222");
    owner.send().await.expect(403, "AccessDenied");
}

#[tokio::test]
async fn names_are_encoded_on_demand() {
    let keys = ["foo%2B1/bar", "foo/bar/xyzzy", "quux%20ab/thud", "asdf%2Bb", "%C3%A4%0A%0D%09"];
    let world = world_with(&keys).await;
    let plain = world.get("/bkt?delimiter=/").send().await.ok();
    assert_eq!(plain.elements("Key"), ["asdf+b", "ä&#10;&#13;&#9;"]);
    assert_eq!(common_prefixes(&plain), ["foo+1/", "foo/", "quux ab/"]);
    let target = "/bkt?delimiter=/&encoding-type=url&prefix=&marker=%20";
    let url = world.get(target).send().await.ok();
    assert_eq!(url.elements("Key"), ["asdf%2Bb", "%C3%A4%0A%0D%09"]);
    assert_eq!(common_prefixes(&url), ["foo%2B1/", "foo/", "quux%20ab/"]);
    assert_eq!((url.element("EncodingType"), url.element("Marker")), (Some("url"), Some("%20")));
}

/// NAM-003.
#[tokio::test]
async fn what_xml_cannot_express_needs_the_encoding() {
    let world = world_with(&["a", "%01", "%00", "%EF%BF%BF"]).await;
    world.post("/bkt/%02?uploads").send().await.ok();
    for target in ["/bkt?x", "/bkt?list-type=2", "/bkt?versions", "/bkt?uploads"] {
        let refused = world.get(target).send().await.expect(400, "InvalidArgument");
        assert_eq!(refused.element("ArgumentName"), Some("encoding-type"));
        let encoded = world.get(&format!("{target}&encoding-type=url")).send().await.ok();
        let expected: &[&str] = match target {
            "/bkt?uploads" => &["%02"],
            _ => &["%00", "%01", "a", "%EF%BF%BF"],
        };
        assert_eq!(encoded.elements("Key"), expected, "{target}");
        // What does not show needs no encoding.
        let part = world.get(&format!("{target}&prefix=a")).send().await.ok();
        assert!(part.elements("Key").len() <= 1);
        // The client's own words come back in the answer.
        let own = world.get(&format!("{target}&prefix=%0B")).send().await;
        own.expect(400, "InvalidArgument");
        let own = world.get(&format!("{target}&prefix=%0B&encoding-type=url")).send().await.ok();
        assert_eq!(own.element("Prefix"), Some("%0B"));
    }
    assert_eq!(world.get("/bkt/%00").send().await.ok().text(), "hello world");
}

#[tokio::test]
async fn versions_of_an_unversioned_bucket_are_null_and_latest() {
    let world = world_with(&["a", "b/1", "b/2", "c"]).await;
    world.put("/bkt/a").body("again").send().await.ok();
    let all = world.get("/bkt?versions").send().await.ok();
    assert_eq!(all.elements("Key"), ["a", "b/1", "b/2", "c"]);
    assert_eq!(all.elements("VersionId"), ["null"; 4]);
    assert_eq!(all.elements("IsLatest"), ["true"; 4]);
    assert_eq!(all.elements("ID").len(), 4);
    assert_eq!((all.element("KeyMarker"), all.element("VersionIdMarker")), (Some(""), Some("")));
    let mut found = Vec::new();
    let mut marker = String::new();
    loop {
        let target = format!("/bkt?versions&delimiter=/&max-keys=1{marker}");
        let reply = world.get(&target).send().await.ok();
        found.extend(reply.elements("Key").into_iter().map(str::to_owned));
        found.extend(common_prefixes(&reply).into_iter().map(str::to_owned));
        let Some(key) = reply.element("NextKeyMarker") else { break };
        marker = format!("&key-marker={key}");
        if let Some(version_id) = reply.element("NextVersionIdMarker") {
            marker.push_str(&format!("&version-id-marker={version_id}"));
        }
    }
    assert_eq!(found, ["a", "b/", "c"]);
    // VER-015.
    let alone = world.get("/bkt?versions&version-id-marker=null").send().await;
    alone.expect(400, "InvalidArgument");
    let bad = world.get("/bkt?versions&key-marker=a&version-id-marker=x%20y").send().await;
    bad.expect(400, "InvalidArgument");
}

/// MPU-026.
#[tokio::test]
async fn uploads_are_listed_by_key_and_age() {
    let world = World::with_bucket().await;
    let mut ids = Vec::new();
    for key in ["b", "a/1", "b", "a/2", "c"] {
        world.clock.advance(Duration::from_secs(1));
        let reply = world.post(&format!("/bkt/{key}?uploads")).send().await.ok();
        ids.push((key, reply.element("UploadId").unwrap().to_owned()));
    }
    let all = world.get("/bkt?uploads").send().await.ok();
    assert_eq!(all.elements("Key"), ["a/1", "a/2", "b", "b", "c"]);
    let expected = [1, 3, 0, 2, 4].map(|at: usize| ids[at].1.as_str());
    assert_eq!(all.elements("UploadId"), expected);
    assert_eq!(all.elements("Initiated")[0], "2027-01-15T08:00:02.000Z");
    assert_eq!(all.elements("StorageClass"), ["STANDARD"; 5]);
    assert_eq!(all.element("MaxUploads"), Some("1000"));
    let rolled_up = world.get("/bkt?uploads&delimiter=/").send().await.ok();
    assert_eq!(rolled_up.elements("Key"), ["b", "b", "c"]);
    assert_eq!(common_prefixes(&rolled_up), ["a/"]);
    assert_eq!(world.get("/bkt?uploads&prefix=a/").send().await.ok().elements("Key").len(), 2);
    let mut found = Vec::new();
    let mut marker = String::new();
    loop {
        let reply = world.get(&format!("/bkt?uploads&max-uploads=1{marker}")).send().await.ok();
        found.extend(reply.elements("UploadId").into_iter().map(str::to_owned));
        let Some(key) = reply.element("NextKeyMarker") else { break };
        let upload = reply.element("NextUploadIdMarker").unwrap();
        marker = format!("&key-marker={key}&upload-id-marker={upload}");
    }
    assert_eq!(found, expected);
    let behind = world.get("/bkt?uploads&key-marker=b").send().await.ok();
    assert_eq!(behind.elements("Key"), ["c"]);
    let bad = world.get("/bkt?uploads&key-marker=b&upload-id-marker=x").send().await;
    bad.expect(400, "InvalidArgument");
    let ignored = world.get("/bkt?uploads&upload-id-marker=x").send().await.ok();
    assert_eq!(ignored.elements("Key").len(), 5);
    let none = world.get("/bkt?uploads&max-uploads=0").send().await.ok();
    assert_eq!((none.elements("Key").len(), none.element("IsTruncated")), (0, Some("false")));
}

/// INT-003.
#[tokio::test]
async fn a_listing_follows_every_write_at_once() {
    let world = World::with_bucket().await;
    for round in 0..100 {
        let target = format!("/bkt/k{round}");
        world.put(&target).body("x").send().await.ok();
        let listed = world.get(&format!("/bkt?list-type=2&prefix=k{round}")).send().await.ok();
        assert_eq!(listed.elements("Key").len(), 1);
        world.delete(&target).send().await.ok();
        let listed = world.get(&format!("/bkt?list-type=2&prefix=k{round}")).send().await.ok();
        assert_eq!(listed.elements("Key").len(), 0);
    }
}
