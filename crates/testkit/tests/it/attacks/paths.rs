//! Paths that another reader would take for another bucket or object.

use strongroom_testkit::Reply;

use super::assert_refused;
use crate::world::{BUCKET, CONTENT, KEY, World};

/// What the other account gets for a path when it signs it rightly.
fn as_other(world: &World, method: &str, target: &str) -> Reply {
    let call = world.server.call(method, target);
    let call = call.sign(&world.server.signer(world.server.other())).unwrap();
    world.server.send(&call).unwrap()
}

/// SPEC: data-protection, 6.4, NAM-002. Each of these is a key of its own, and reads back as it
/// was named.
#[test]
fn keys_are_opaque_bytes() {
    let world = World::new();
    let paths = [
        "../object",
        "kept/../kept/object",
        "./kept/object",
        "kept/./object",
        "kept//object",
        "/kept/object",
        "//",
        "..",
        ".",
        "...",
        "kept/object/",
        "kept/object/.",
        "kept%2Fobject%2F..",
        "%2e%2e/%2e%2e/etc/passwd",
        "..%2Fetc%2Fpasswd",
        "..%5C..%5Cetc",
        "kept/object;v=1",
        "kept/object%3FversionId=null",
        "kept/object%23f",
        "kept/object%20",
        "%20kept/object",
        "kept/object%0D%0Ax",
        "kept/object%00",
        "%EF%BB%BFkept/object",
        "kept/obj%C3%A9ct",
        "kept/obje%CC%81ct",
        "KEPT/OBJECT",
        "+",
        "kept/object%2B",
        "%252e%252e/x",
        "%E2%80%AEtxt.exe",
        "~root",
        "$HOME",
        "-rf",
        "con",
        "kept/object.%22",
    ];
    let mut stored = 0;
    for (number, path) in paths.iter().enumerate() {
        let target = format!("/{BUCKET}/{path}");
        let content = format!("content {number}");
        let put = world.server.call("PUT", &target).body(&content);
        let reply = world.server.send_signed(put).unwrap();
        assert!(matches!(reply.status, 200 | 400), "{path}: {reply:?}");
        if reply.status == 200 {
            stored += 1;
            let get = world.server.send_signed(world.server.call("GET", &target)).unwrap();
            assert_eq!((get.status, get.body), (200, content.into_bytes()), "{path}");
        }
    }
    assert!(stored >= paths.len() - 2, "only {stored} keys were accepted");
    // Every one is still itself, and none of them was the object that was there before.
    let list = format!("/{BUCKET}?list-type=2&encoding-type=url");
    let list = world.server.send_signed(world.server.call("GET", &list)).unwrap();
    assert_eq!(list.element("KeyCount"), Some((stored + 1).to_string().as_str()));
    let get = world.server.call("GET", &format!("/{BUCKET}/{KEY}"));
    assert_eq!(world.server.send_signed(get).unwrap().body, CONTENT);
}

/// Two spellings of one key are one key, also for the signature.
#[test]
fn the_encoding_of_a_path_is_taken_off_once() {
    let world = World::new();
    for path in ["kept%2Fobject", "%6bept/object", "kept/%6F%62%6a%65%63%74"] {
        let get = world.server.call("GET", &format!("/{BUCKET}/{path}"));
        let reply = world.server.send_signed(get).unwrap();
        assert_eq!((reply.status, reply.body.as_slice()), (200, CONTENT), "{path}");
    }
    let get = world.server.call("GET", &format!("/{BUCKET}/%256bept/object"));
    assert_eq!(world.server.send_signed(get).unwrap().outcome(), "404 NoSuchKey");
}

#[test]
fn what_cannot_be_decoded_is_refused() {
    let world = World::new();
    for path in
        ["%", "%2", "%zz", "a%", "%C0%AE%C0%AE/x", "%ED%A0%80", "%FF", "%F5%80%80%80", "%u002e"]
    {
        for method in ["GET", "PUT", "DELETE"] {
            let call = world.server.call(method, &format!("/{BUCKET}/{path}"));
            // The signer cannot decode it either: the claim is made for a path that it can.
            let mut signed = world.server.call(method, &format!("/{BUCKET}/x"));
            signed = signed.sign(&world.server.signer(world.server.main())).unwrap();
            signed.path = call.path;
            let reply = assert_refused(&world, path, &signed.to_bytes()).unwrap();
            assert_eq!(reply.outcome(), "400 InvalidURI", "{path}");
        }
    }
}

/// Another account owns a bucket and tries to climb out of it.
#[test]
fn no_path_leads_from_one_bucket_into_another() {
    let world = World::new();
    assert_eq!(as_other(&world, "PUT", "/other-bucket").status, 200);
    let before = world.server.contents().unwrap();
    for path in [
        format!("/other-bucket/../{BUCKET}/{KEY}"),
        format!("/other-bucket/%2e%2e/{BUCKET}/{KEY}"),
        format!("/other-bucket%2F..%2F{BUCKET}/{KEY}"),
        format!("/other-bucket/..%2F{BUCKET}%2F{KEY}"),
        format!("/other-bucket/..%5C{BUCKET}/{KEY}"),
        format!("/./{BUCKET}/{KEY}"),
        format!("//{BUCKET}/{KEY}"),
        format!("/%2F{BUCKET}/{KEY}"),
        format!("/../{BUCKET}/{KEY}"),
        format!("/{BUCKET}%00/{KEY}"),
        format!("/{BUCKET}%20/{KEY}"),
        format!("/{BUCKET}./{KEY}"),
        format!("/{BUCKET}%2F{KEY}"),
        format!("/{}/{KEY}", BUCKET.to_uppercase()),
        format!("/{BUCKET};x/{KEY}"),
        format!("/{BUCKET}/{KEY}"),
        format!("/%6bept-bucket/{KEY}"),
        format!("/other-bucket/{BUCKET}/{KEY}"),
    ] {
        for method in ["GET", "HEAD", "DELETE"] {
            let reply = as_other(&world, method, &path);
            let refused = matches!(reply.status, 400 | 403 | 404);
            // Deleting what is not there is a success, in one's own bucket.
            let own =
                method == "DELETE" && path.starts_with("/other-bucket/") && reply.status == 204;
            assert!(refused || own, "{method} {path}: {reply:?}");
            assert_ne!(reply.body, CONTENT);
        }
    }
    assert!(world.server.contents().unwrap() == before);
}

/// A copy names its source in a header: the second parser that peers forgot.
#[test]
fn no_copy_source_leads_into_another_bucket() {
    let world = World::new();
    assert_eq!(as_other(&world, "PUT", "/other-bucket").status, 200);
    let before = world.server.contents().unwrap();
    for source in [
        format!("/{BUCKET}/{KEY}"),
        format!("{BUCKET}/{KEY}"),
        format!("%2F{BUCKET}%2F{KEY}"),
        format!("other-bucket/../{BUCKET}/{KEY}"),
        format!("other-bucket/%2e%2e/{BUCKET}/{KEY}"),
        format!("other-bucket%2F..%2F{BUCKET}%2F{KEY}"),
        format!("//{BUCKET}/{KEY}"),
        format!("/{BUCKET}/{KEY}?versionId=null"),
        format!("/{BUCKET}/{KEY}%3FversionId=null"),
        format!("/{BUCKET}/{KEY}?versionId=null&versionId=x"),
        format!("/{BUCKET}/{KEY}?acl"),
        format!("arn:aws:s3:::{BUCKET}/{KEY}"),
        format!("http://{}/{BUCKET}/{KEY}", world.server.address()),
        format!("{BUCKET}.s3.localhost/{KEY}"),
        format!("/{BUCKET}"),
        format!("/{BUCKET}/"),
        "/".to_owned(),
        "//".to_owned(),
        String::new(),
        "?versionId=".to_owned(),
        "%".to_owned(),
        "é".to_owned(),
        format!("/{BUCKET}/{KEY}, /other-bucket/x"),
        "a".repeat(9_000),
    ] {
        for target in ["/other-bucket/copy", "/other-bucket/copy?partNumber=1&uploadId=x"] {
            let call = world.server.call("PUT", target).header("x-amz-copy-source", &source);
            let call = call.sign(&world.server.signer(world.server.other())).unwrap();
            let reply = world.server.send(&call).unwrap();
            assert!(matches!(reply.status, 400..=499 | 501), "`{source}`: {reply:?}");
            assert!(world.server.contents().unwrap() == before, "`{source}`");
        }
    }
    // Two headers, of which one reader takes the first and another the second.
    let call = world.server.call("PUT", "/other-bucket/copy");
    let call = call
        .header("x-amz-copy-source", "/other-bucket/x")
        .header("x-amz-copy-source", format!("/{BUCKET}/{KEY}"));
    let call = call.sign(&world.server.signer(world.server.other())).unwrap();
    let reply = world.server.send(&call).unwrap();
    assert!((400..500).contains(&reply.status), "{reply:?}");
    assert!(world.server.contents().unwrap() == before);
}

/// The host can name the bucket: then the path is the key, whatever it looks like.
#[test]
fn a_bucket_in_the_host_is_the_only_bucket() {
    let world = World::new();
    assert_eq!(as_other(&world, "PUT", "/other-bucket").status, 200);
    let through = |host: &str, path: &str| {
        let call = strongroom_testkit::Call::new(host, "GET", path);
        let call = call.sign(&world.server.signer(world.server.other())).unwrap();
        world.server.send(&call).unwrap().outcome()
    };
    let path = format!("/{BUCKET}/{KEY}");
    assert_eq!(through("other-bucket.s3.localhost", &path), "404 NoSuchKey");
    assert_eq!(through("kept-bucket.s3.localhost", &format!("/{KEY}")), "403 AccessDenied");
    assert_eq!(through("KEPT-BUCKET.S3.LOCALHOST:80", &format!("/{KEY}")), "403 AccessDenied");
    assert_eq!(through("kept-bucket.s3.localhost.", &format!("/{KEY}")), "403 AccessDenied");
    assert_eq!(through("other-bucket.kept-bucket.s3.localhost", &path), "404 NoSuchBucket");
    assert_eq!(through(".s3.localhost", &path), "403 AccessDenied");
    assert_eq!(
        through("kept-bucket.s3.localhost.evil.example", "/other-bucket/x"),
        "404 NoSuchKey"
    );
}

#[test]
fn the_paths_of_health_are_keys_where_a_bucket_is_in_the_host() {
    let world = World::new();
    let call = strongroom_testkit::Call::new("kept-bucket.s3.localhost", "GET", "/-/live");
    assert_eq!(world.server.send(&call).unwrap().outcome(), "403 AccessDenied");
    let call = call.sign(&world.server.signer(world.server.main())).unwrap();
    assert_eq!(world.server.send(&call).unwrap().outcome(), "404 NoSuchKey");
}

/// SPEC: data-protection, NAM-001.
#[test]
fn a_key_has_a_longest_length() {
    let world = World::new();
    let put = |key: &str| {
        let call = world.server.call("PUT", &format!("/{BUCKET}/{key}"));
        world.server.send_signed(call).unwrap().outcome()
    };
    assert_eq!(put(&"k".repeat(1_024)), "200");
    assert_eq!(put(&"k".repeat(1_025)), "400 KeyTooLongError");
    assert_eq!(put(&"%C3%A9".repeat(512)), "200");
    assert_eq!(put(&"%C3%A9".repeat(513)), "400 KeyTooLongError");
}
