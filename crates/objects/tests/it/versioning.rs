//! Versions, delete markers and the null version.

use std::time::Duration;

use strongroom_store::KeyRange;

use crate::world::{Reply, World};

/// A world with a bucket `bkt` in which versioning is on.
pub(crate) async fn versioned() -> World {
    let world = World::with_bucket().await;
    set(&world, "Enabled").await;
    world
}

/// Sets the versioning state of `bkt`.
pub(crate) async fn set(world: &World, status: &str) {
    configure(world, &format!("<Status>{status}</Status>")).await.ok();
}

async fn configure(world: &World, inner: &str) -> Reply {
    let body = format!("<VersioningConfiguration>{inner}</VersioningConfiguration>");
    world.put("/bkt?versioning").body(body).send().await
}

/// Writes `/bkt/k` and returns the version id.
async fn put(world: &World, body: &'static str) -> String {
    let put = world.put("/bkt/k").body(body).send().await.ok();
    put.header("x-amz-version-id").unwrap().to_owned()
}

/// Deletes `/bkt/k` simply and returns the version id of the marker.
async fn mark(world: &World) -> String {
    let deleted = world.delete("/bkt/k").send().await.ok();
    assert_eq!((deleted.status, deleted.recorded), (204, true));
    assert_eq!(deleted.header("x-amz-delete-marker"), Some("true"));
    deleted.header("x-amz-version-id").unwrap().to_owned()
}

fn of(version_id: &str) -> String {
    format!("/bkt/k?versionId={version_id}")
}

async fn text(world: &World, target: &str) -> String {
    world.get(target).send().await.ok().text().to_owned()
}

/// All versions as `id` or `id:marker`, in order, the current one with a star.
async fn versions(world: &World) -> Vec<String> {
    let list = world.get("/bkt?versions").send().await.ok();
    let line = |entry: &str, what: &str| {
        let field = |name: &str| {
            let (open, close) = (format!("<{name}>"), format!("</{name}>"));
            entry.split(&open).nth(1).unwrap().split(&close).next().unwrap().to_owned()
        };
        let star = if field("IsLatest") == "true" { "*" } else { "" };
        format!("{star}{}{what}", field("VersionId"))
    };
    let entries = list.text().split("<Version>").flat_map(|piece| piece.split("<DeleteMarker>"));
    let entries = entries.filter(|piece| piece.contains("<IsLatest>"));
    entries
        .map(|entry| line(entry, if entry.contains("<Size>") { "" } else { ":marker" }))
        .collect()
}

/// Records with this tag.
async fn records(world: &World, tag: u8) -> usize {
    world.store.metadata.scan(KeyRange::prefix(&[tag]), 1_000).await.unwrap().len()
}

#[tokio::test]
async fn ver_001_a_bucket_that_was_never_versioned_says_nothing() {
    let world = World::with_bucket().await;
    let state = world.get("/bkt?versioning").send().await.ok();
    assert_eq!((state.element("Status"), state.element("MfaDelete")), (None, None));
    assert!(state.text().contains("<VersioningConfiguration"));
    let put = world.put("/bkt/k").body("one").send().await.ok();
    let got = world.get("/bkt/k?versionId=null").send().await.ok();
    let head = world.head("/bkt/k").send().await.ok();
    let mut shown = [put, got, head].map(|reply| reply.header("x-amz-version-id").is_some());
    let deleted = world.delete("/bkt/k").send().await.ok();
    shown[0] |= deleted.header("x-amz-version-id").is_some();
    assert_eq!((shown, deleted.header("x-amz-delete-marker")), ([false; 3], None));
}

#[tokio::test]
async fn the_state_is_set_and_never_unset() {
    let world = World::with_bucket().await;
    for status in ["Suspended", "Enabled", "Suspended"] {
        let set = configure(&world, &format!("<Status>{status}</Status>")).await.ok();
        assert!(set.recorded);
        let state = world.get("/bkt?versioning").send().await.ok();
        assert_eq!(state.element("Status"), Some(status));
    }
    let refused = "IllegalVersioningConfigurationException";
    configure(&world, "").await.expect(400, refused);
    configure(&world, "<MfaDelete>Disabled</MfaDelete>").await.expect(400, refused);
    configure(&world, "<Status>enabled</Status>").await.expect(400, refused);
    configure(&world, "<Status>Unversioned</Status>").await.expect(400, refused);
    configure(&world, "<Status>Enabled</Status><More/>").await.expect(400, "MalformedXML");
    world.put("/bkt?versioning").body("x").send().await.expect(400, "MalformedXML");
    let disabled = "<Status>Suspended</Status><MfaDelete>Disabled</MfaDelete>";
    configure(&world, disabled).await.ok();
    let mfa = "<Status>Enabled</Status><MfaDelete>Enabled</MfaDelete>";
    let mfa = configure(&world, mfa).await.expect(501, "NotImplemented");
    assert_eq!(mfa.element("Header"), Some("MfaDelete"));
    let body = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    let call = world.put("/bkt?versioning").header("x-amz-mfa", "serial 123456").body(body);
    call.send().await.expect(501, "NotImplemented");
    let call = world.put("/bkt?versioning").header("x-amz-expected-bucket-owner", "222222222222");
    call.body(body).send().await.expect(403, "AccessDenied");
    let state = world.get("/bkt?versioning").send().await.ok();
    assert_eq!(state.element("Status"), Some("Suspended"));
}

#[tokio::test]
async fn ver_002_003_each_write_makes_a_version() {
    let world = versioned().await;
    let first = put(&world, "one").await;
    let second = put(&world, "two").await;
    assert_ne!(first, second);
    assert_eq!(versions(&world).await, [format!("*{second}"), first.clone()]);
    assert_eq!(text(&world, "/bkt/k").await, "two");
    assert_eq!(text(&world, &of(&first)).await, "one");
    let got = world.get(&of(&first)).send().await.ok();
    assert_eq!(got.header("x-amz-version-id"), Some(first.as_str()));
    let head = world.head("/bkt/k").send().await.ok();
    assert_eq!(head.header("x-amz-version-id"), Some(second.as_str()));
    let attributes = world.get(&format!("{}&attributes", of(&first)));
    let attributes = attributes.header("x-amz-object-attributes", "ObjectSize").send().await.ok();
    assert_eq!(attributes.header("x-amz-version-id"), Some(first.as_str()));
    let unchanged = world.get(&of(&first)).header("if-none-match", "*").send().await;
    assert_eq!(unchanged.status, 304);
    assert_eq!(unchanged.header("x-amz-version-id"), Some(first.as_str()));
}

#[tokio::test]
async fn ver_004_to_006_a_marker_hides_the_object_until_it_is_removed() {
    let world = versioned().await;
    let version = put(&world, "one").await;
    world.clock.advance(Duration::from_secs(5));
    let marker = mark(&world).await;
    for missing in [world.get("/bkt/k").send().await, world.head("/bkt/k").send().await] {
        assert_eq!(missing.status, 404);
        assert_eq!(missing.header("x-amz-delete-marker"), Some("true"));
        assert_eq!(missing.header("x-amz-version-id"), Some(marker.as_str()));
    }
    world.get("/bkt/k").send().await.expect(404, "NoSuchKey");
    let attributes = |target: String| world.get(&target).header("x-amz-object-attributes", "ETag");
    let hidden = attributes("/bkt/k?attributes".to_owned()).send().await.expect(404, "NoSuchKey");
    assert_eq!(hidden.header("x-amz-delete-marker"), Some("true"));
    let named = attributes(format!("{}&attributes", of(&marker))).send().await;
    named.expect(405, "MethodNotAllowed");
    let got = world.get(&of(&marker)).send().await.expect(405, "MethodNotAllowed");
    for named in [got, world.head(&of(&marker)).send().await] {
        assert_eq!(named.status, 405);
        assert_eq!(named.header("allow"), Some("DELETE"));
        assert_eq!(named.header("x-amz-delete-marker"), Some("true"));
        assert_eq!(named.header("last-modified"), Some("Fri, 15 Jan 2027 08:00:05 GMT"));
    }
    assert_eq!(world.get("/bkt").send().await.ok().elements("Key").len(), 0);
    assert_eq!(versions(&world).await, [format!("*{marker}:marker"), version.clone()]);
    let removed = world.delete(&of(&marker)).send().await;
    assert_eq!((removed.status, removed.recorded), (204, true));
    assert_eq!(removed.header("x-amz-delete-marker"), Some("true"));
    assert_eq!(removed.header("x-amz-version-id"), Some(marker.as_str()));
    assert_eq!(text(&world, "/bkt/k").await, "one");
    assert_eq!(versions(&world).await, [format!("*{version}")]);
}

#[tokio::test]
async fn ver_007_008_a_version_is_deleted_for_good_and_alone() {
    let world = versioned().await;
    let first = put(&world, "one").await;
    let second = put(&world, "twos").await;
    let bytes = world.engine.payload_bytes();
    let deleted = world.delete(&of(&first)).send().await;
    assert_eq!((deleted.status, deleted.header("x-amz-delete-marker")), (204, None));
    assert_eq!(deleted.header("x-amz-version-id"), Some(first.as_str()));
    assert!(world.engine.payload_bytes() < bytes);
    world.get(&of(&first)).send().await.expect(404, "NoSuchVersion");
    world.head(&of(&first)).send().await.expect(404, "");
    assert_eq!(text(&world, "/bkt/k").await, "twos");
    let again = world.delete(&of(&first)).send().await;
    assert_eq!((again.status, again.recorded), (204, false));
    // Also of a key that never was; no marker comes of it.
    let absent = world.delete(&format!("/bkt/none?versionId={first}")).send().await;
    assert_eq!((absent.status, absent.header("x-amz-delete-marker")), (204, None));
    assert_eq!(versions(&world).await, [format!("*{second}")]);
    // What is older becomes current when the current version goes.
    let third = put(&world, "three").await;
    world.delete(&of(&third)).send().await.ok();
    assert_eq!(text(&world, "/bkt/k").await, "twos");
    world.delete(&of(&second)).send().await.ok();
    let gone = world.get("/bkt/k").send().await.expect(404, "NoSuchKey");
    assert_eq!(gone.header("x-amz-delete-marker"), None);
    assert_eq!((world.engine.payload_bytes(), records(&world, b'v').await), (0, 0));
}

#[tokio::test]
async fn ver_009_version_ids_are_understood_or_refused() {
    let world = versioned().await;
    let version = put(&world, "one").await;
    let upper = version.to_uppercase();
    let short = version.strip_suffix(|_: char| true).unwrap();
    for bad in ["", "x", "x%20y", "Null", short, &format!("{version}0"), &upper] {
        world.get(&of(bad)).send().await.expect(400, "InvalidArgument");
        world.head(&of(bad)).send().await.expect(400, "");
        world.delete(&of(bad)).send().await.expect(400, "InvalidArgument");
    }
    for unknown in ["null", "00000000000000000000000000000001", &"f".repeat(32)] {
        world.get(&of(unknown)).send().await.expect(404, "NoSuchVersion");
    }
    // Another key's version is none of this one's.
    let other = world.put("/bkt/other").body("two").send().await.ok();
    let other = other.header("x-amz-version-id").unwrap();
    world.get(&of(other)).send().await.expect(404, "NoSuchVersion");
}

#[tokio::test]
async fn ver_010_what_was_there_before_is_the_null_version() {
    let world = World::with_bucket().await;
    world.put("/bkt/k").body("old").send().await.ok();
    set(&world, "Enabled").await;
    assert_eq!(versions(&world).await, ["*null"]);
    let got = world.get("/bkt/k").send().await.ok();
    assert_eq!((got.text(), got.header("x-amz-version-id")), ("old", Some("null")));
    let version = put(&world, "new").await;
    assert_eq!(versions(&world).await, [format!("*{version}"), "null".to_owned()]);
    assert_eq!(text(&world, &of("null")).await, "old");
    world.get(&of(&"f".repeat(32))).send().await.expect(404, "NoSuchVersion");
    let deleted = world.delete(&of("null")).send().await.ok();
    assert_eq!(deleted.header("x-amz-version-id"), Some("null"));
    assert_eq!(versions(&world).await, [format!("*{version}")]);
}

#[tokio::test]
async fn ver_011_suspended_writes_replace_the_null_version_only() {
    let world = versioned().await;
    let first = put(&world, "one").await;
    set(&world, "Suspended").await;
    assert_eq!(put(&world, "null 1").await, "null");
    let bytes = world.engine.payload_bytes();
    assert_eq!(put(&world, "null 2").await, "null");
    assert_eq!(world.engine.payload_bytes(), bytes);
    assert_eq!(versions(&world).await, ["*null", &first]);
    let head = world.head("/bkt/k").send().await.ok();
    assert_eq!(head.header("x-amz-version-id"), Some("null"));
    assert_eq!(text(&world, "/bkt/k").await, "null 2");
    // On again: the null version is a version among others, and is replaced from there.
    set(&world, "Enabled").await;
    let second = put(&world, "two").await;
    assert_eq!(versions(&world).await, [format!("*{second}"), "null".to_owned(), first.clone()]);
    assert_eq!(text(&world, &of("null")).await, "null 2");
    set(&world, "Suspended").await;
    put(&world, "null 3").await;
    assert_eq!(versions(&world).await, ["*null", &second, &first]);
    assert_eq!(
        (text(&world, &of("null")).await, records(&world, b'w').await),
        ("null 3".into(), 1)
    );
    // Deleted by name it is gone, with what says where it was.
    world.delete(&of("null")).send().await.ok();
    assert_eq!(versions(&world).await, [format!("*{second}"), first.clone()]);
    assert_eq!(records(&world, b'w').await, 0);
    world.get(&of("null")).send().await.expect(404, "NoSuchVersion");
    assert_eq!(text(&world, "/bkt/k").await, "two");
    for version in [first, second] {
        world.delete(&of(&version)).send().await.ok();
    }
    assert_eq!((world.engine.payload_bytes(), records(&world, b'v').await), (0, 0));
}

#[tokio::test]
async fn ver_012_suspended_deletions_make_one_null_marker() {
    let world = versioned().await;
    let first = put(&world, "one").await;
    set(&world, "Suspended").await;
    for _ in 0..5 {
        assert_eq!(mark(&world).await, "null");
    }
    assert_eq!(versions(&world).await, ["*null:marker", &first]);
    let missing = world.get("/bkt/k").send().await.expect(404, "NoSuchKey");
    assert_eq!(missing.header("x-amz-version-id"), Some("null"));
    world.get(&of("null")).send().await.expect(405, "MethodNotAllowed");
    // The marker takes the place of a null version that has bytes, and gives it back to one.
    put(&world, "null").await;
    assert_eq!(versions(&world).await, ["*null", &first]);
    let bytes = world.engine.payload_bytes();
    mark(&world).await;
    assert!(world.engine.payload_bytes() < bytes);
    let removed = world.delete(&of("null")).send().await.ok();
    assert_eq!(removed.header("x-amz-delete-marker"), Some("true"));
    assert_eq!(versions(&world).await, [format!("*{first}")]);
    assert_eq!(records(&world, b'w').await, 0);
    // A key that never was has a marker, too.
    let none = world.delete("/bkt/none").send().await.ok();
    assert_eq!(none.header("x-amz-version-id"), Some("null"));
    assert_eq!(versions(&world).await.len(), 2);
}

#[tokio::test]
async fn deleting_what_is_deleted_makes_another_marker() {
    let world = versioned().await;
    let markers = [mark(&world).await, mark(&world).await];
    assert_ne!(markers[0], markers[1]);
    let expected = [format!("*{}:marker", markers[1]), format!("{}:marker", markers[0])];
    assert_eq!(versions(&world).await, expected);
    world.delete(&of(&markers[1])).send().await.ok();
    let still = world.get("/bkt/k").send().await.expect(404, "NoSuchKey");
    assert_eq!(still.header("x-amz-version-id"), Some(markers[0].as_str()));
}

#[tokio::test]
async fn ver_013_lists_of_deletions_say_what_became_of_each() {
    let world = versioned().await;
    let first = put(&world, "one").await;
    let marker = mark(&world).await;
    world.put("/bkt/a").body("a").send().await.ok();
    let object = |key: &str, version: &str| match version {
        "" => format!("<Object><Key>{key}</Key></Object>"),
        _ => format!("<Object><Key>{key}</Key><VersionId>{version}</VersionId></Object>"),
    };
    let entries = [
        object("a", ""),
        object("k", &marker),
        object("k", &first),
        object("none", &first),
        object("none", "null"),
        object("k", "x"),
    ];
    let body = format!("<Delete>{}</Delete>", entries.concat());
    let result = world.post("/bkt?delete").body(body).send().await.ok();
    let deleted = result.elements("Deleted");
    let new = result.element("DeleteMarkerVersionId").unwrap();
    assert_eq!(
        deleted,
        [
            format!(
                "<Key>a</Key><DeleteMarker>true</DeleteMarker>\
                 <DeleteMarkerVersionId>{new}</DeleteMarkerVersionId>"
            ),
            format!(
                "<Key>k</Key><VersionId>{marker}</VersionId><DeleteMarker>true</DeleteMarker>\
                 <DeleteMarkerVersionId>{marker}</DeleteMarkerVersionId>"
            ),
            format!("<Key>k</Key><VersionId>{first}</VersionId>"),
            format!("<Key>none</Key><VersionId>{first}</VersionId>"),
            "<Key>none</Key><VersionId>null</VersionId>".to_owned(),
        ]
    );
    let error = &result.elements("Error")[0];
    assert!(error.contains("<VersionId>x</VersionId><Code>NoSuchVersion</Code>"), "{error}");
    assert_eq!(versions(&world).await.len(), 2);
    world.get("/bkt/k").send().await.expect(404, "NoSuchKey");
}

#[tokio::test]
async fn ver_016_copies_are_made_of_versions() {
    let world = versioned().await;
    let first = put(&world, "one").await;
    let second = put(&world, "two").await;
    let marker = mark(&world).await;
    let copy = |from: String, to: &str| world.put(to).header("x-amz-copy-source", &from);
    let named = |version: &str| format!("bkt/k?versionId={version}");
    // Onto itself: an old version is the newest again.
    let restored = copy(named(&first), "/bkt/k").send().await.ok();
    assert_eq!(restored.header("x-amz-copy-source-version-id"), Some(first.as_str()));
    let new = restored.header("x-amz-version-id").unwrap().to_owned();
    assert!(new != first && new != second);
    assert_eq!(text(&world, "/bkt/k").await, "one");
    assert_eq!(versions(&world).await.len(), 4);
    let current = copy("bkt/k".to_owned(), "/bkt/copy").send().await.ok();
    assert_eq!(current.header("x-amz-copy-source-version-id"), Some(new.as_str()));
    copy(named(&marker), "/bkt/copy").send().await.expect(400, "InvalidRequest");
    copy(named("null"), "/bkt/copy").send().await.expect(404, "NoSuchVersion");
    mark(&world).await;
    copy("bkt/k".to_owned(), "/bkt/copy").send().await.expect(404, "NoSuchKey");
    // A part is copied of a version as well.
    let created = world.post("/bkt/mpu?uploads").send().await.ok();
    let id = created.element("UploadId").unwrap();
    let target = format!("/bkt/mpu?partNumber=1&uploadId={id}");
    let part = copy(named(&second), &target).send().await.ok();
    assert_eq!(part.header("x-amz-copy-source-version-id"), Some(second.as_str()));
    copy(named(&marker), &target).send().await.expect(400, "InvalidRequest");
    // Into a bucket without versions.
    world.put("/plain").send().await.ok();
    let plain = copy(named(&second), "/plain/k").send().await.ok();
    assert_eq!(plain.header("x-amz-version-id"), None);
    assert_eq!(plain.header("x-amz-copy-source-version-id"), Some(second.as_str()));
}

#[tokio::test]
async fn a_completed_upload_is_a_version_whose_parts_live_as_long_as_it_does() {
    let world = versioned().await;
    let mut made = Vec::new();
    for body in ["one", "two"] {
        let created = world.post("/bkt/k?uploads").send().await.ok();
        assert_eq!(created.header("x-amz-version-id"), None);
        let id = created.element("UploadId").unwrap();
        let target = format!("/bkt/k?partNumber=1&uploadId={id}");
        let part = world.put(&target).body(body).send().await.ok();
        assert_eq!(part.header("x-amz-version-id"), None);
        let etag = part.header("etag").unwrap().trim_matches('"');
        let part = format!("<Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>");
        let list = format!("<CompleteMultipartUpload>{part}</CompleteMultipartUpload>");
        let target = format!("/bkt/k?uploadId={id}");
        let done = world.post(&target).body(list.clone()).send().await.ok();
        let version = done.header("x-amz-version-id").unwrap().to_owned();
        // Repeated, it answers the same and makes no other version.
        let again = world.post(&target).body(list).send().await.ok();
        assert_eq!(again.header("x-amz-version-id"), Some(version.as_str()));
        made.push(version);
    }
    mark(&world).await;
    world.service.sweep().await.unwrap();
    assert_eq!(records(&world, b'p').await, 2);
    assert_eq!(text(&world, &of(&made[0])).await, "one");
    world.delete(&of(&made[0])).send().await.ok();
    world.service.sweep().await.unwrap();
    assert_eq!(records(&world, b'p').await, 1);
    assert_eq!(text(&world, &of(&made[1])).await, "two");
    // The null version of an upload in parts is replaced with its parts.
    set(&world, "Suspended").await;
    world.delete(&of(&made[1])).send().await.ok();
    world.service.sweep().await.unwrap();
    assert_eq!(records(&world, b'p').await, 0);
}

#[tokio::test]
async fn ver_019_a_bucket_with_versions_or_markers_is_not_deleted() {
    let world = versioned().await;
    let version = put(&world, "one").await;
    let marker = mark(&world).await;
    world.delete("/bkt").send().await.expect(409, "BucketNotEmpty");
    world.delete(&of(&version)).send().await.ok();
    world.delete("/bkt").send().await.expect(409, "BucketNotEmpty");
    world.delete(&of(&marker)).send().await.ok();
    world.delete("/bkt").send().await.ok();
    // A bucket of the same name is another bucket, without versions.
    world.put("/bkt").send().await.ok();
    let state = world.get("/bkt?versioning").send().await.ok();
    assert_eq!(state.element("Status"), None);
}

#[tokio::test]
async fn conditions_speak_of_the_current_version() {
    let world = versioned().await;
    let etag = |reply: &Reply| reply.header("etag").unwrap().to_owned();
    let one = etag(&world.put("/bkt/k").body("one").send().await.ok());
    let two = etag(&world.put("/bkt/k").body("two").send().await.ok());
    let write = |name: &str, value: &str| world.put("/bkt/k").header(name, value).body("new");
    write("if-match", &one).send().await.expect(412, "PreconditionFailed");
    write("if-none-match", "*").send().await.expect(412, "PreconditionFailed");
    write("if-match", &two).send().await.ok();
    let version = put(&world, "two").await;
    mark(&world).await;
    // CND-012: a marker is no object.
    write("if-match", &two).send().await.expect(404, "NoSuchKey");
    write("if-none-match", "*").send().await.ok();
    world.put("/bkt/source").body("source").send().await.ok();
    let copy = |name: &str, value: &str| {
        let copy = world.put("/bkt/k").header("x-amz-copy-source", "bkt/source");
        copy.header(name, value)
    };
    copy("if-none-match", "*").send().await.expect(412, "PreconditionFailed");
    copy("if-match", &two).send().await.expect(412, "PreconditionFailed");
    mark(&world).await;
    copy("if-none-match", "*").send().await.ok();
    // Reads compare the version that they name.
    world.get(&of(&version)).header("if-match", &two).send().await.ok();
    let other = world.get(&of(&version)).header("if-match", &one).send().await;
    other.expect(412, "PreconditionFailed");
}

#[tokio::test]
async fn conditional_deletions_compare_the_version_that_goes_or_is_hidden() {
    let world = versioned().await;
    let delete = |target: &str, name: &str, value: &str| world.delete(target).header(name, value);
    // Nothing is there: nothing is done, and no marker is made.
    for (name, value) in [("if-match", "*"), ("if-match", "\"0\""), ("x-amz-if-match-size", "1")] {
        let absent = delete("/bkt/k", name, value).send().await;
        assert_eq!((absent.status, absent.header("x-amz-delete-marker")), (204, None));
    }
    assert_eq!(versions(&world).await.len(), 0);
    let reply = world.put("/bkt/k").body("one").send().await.ok();
    let first = reply.header("x-amz-version-id").unwrap().to_owned();
    let one = reply.header("etag").unwrap().to_owned();
    world.clock.advance(Duration::from_secs(10));
    put(&world, "four").await;
    delete("/bkt/k", "if-match", &one).send().await.expect(412, "PreconditionFailed");
    delete("/bkt/k", "x-amz-if-match-size", "3").send().await.expect(412, "PreconditionFailed");
    let date = "Fri, 15 Jan 2027 08:00:00 GMT";
    let older = delete("/bkt/k", "x-amz-if-match-last-modified-time", date).send().await;
    older.expect(412, "PreconditionFailed");
    assert_eq!(versions(&world).await.len(), 2);
    delete(&of(&first), "x-amz-if-match-size", "4").send().await.expect(412, "PreconditionFailed");
    let named = delete(&of(&first), "if-match", &one).header("x-amz-if-match-size", "3");
    named.header("x-amz-if-match-last-modified-time", date).send().await.ok();
    let hidden = delete("/bkt/k", "x-amz-if-match-size", "4").send().await.ok();
    assert_eq!(hidden.header("x-amz-delete-marker"), Some("true"));
    // A marker has no ETag, but is there.
    delete("/bkt/k", "if-match", &one).send().await.expect(412, "PreconditionFailed");
    let zero = "\"00000000000000000000000000000000\"";
    delete("/bkt/k", "if-match", zero).send().await.expect(412, "PreconditionFailed");
    delete("/bkt/k", "if-match", "*").send().await.ok();
}

#[tokio::test]
async fn events_name_the_version_that_was_made_or_removed() {
    let world = versioned().await;
    let version = put(&world, "one").await;
    let marker = mark(&world).await;
    world.delete(&of(&version)).send().await.ok();
    let body = "<Delete><Object><Key>k</Key></Object></Delete>";
    let listed = world.post("/bkt?delete").body(body).send().await.ok();
    let listed = listed.element("DeleteMarkerVersionId").unwrap().to_owned();
    let events = world.events().await;
    let named: Vec<_> = events.iter().skip(2).map(|event| event.version_id.clone()).collect();
    assert_eq!(named, [version.clone(), marker, version, listed]);
    assert!(events.iter().skip(2).all(|event| event.object_key == "k"));
}
