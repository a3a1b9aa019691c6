//! Small malformed things that ended the process of some other server: sources, numbers, targets.

use strongroom_testkit::TestkitError;

use super::{assert_alive, assert_is_of_aws};
use crate::world::{BUCKET, CONTENT, KEY, World};

/// A copy source that names nothing is refused, and nothing is written. Of a source that names
/// something else than it seems to, nothing is copied.
#[test]
fn odd_copy_sources_are_refused_and_copy_nothing() {
    let world = World::new();
    let before = world.server.contents().unwrap();
    for source in [
        "",
        "/",
        "//",
        "///",
        BUCKET,
        &format!("{BUCKET}/"),
        &format!("/{BUCKET}//"),
        "?versionId=null",
        "/?versionId=",
        &format!("{BUCKET}/{KEY}?versionId="),
        &format!("{BUCKET}/{KEY}?versionId=null?versionId="),
        &format!("{BUCKET}/{KEY}%3FversionId=null"),
        &format!("{BUCKET}/{KEY}?versionid=null"),
        "%",
        "%2",
        "%zz/%zz",
        "arn:aws:s3:::kept/object",
        "..",
        "../..",
    ] {
        for target in [format!("/{BUCKET}/new"), format!("/{BUCKET}/new?partNumber=1&uploadId=0")] {
            let call = world.server.call("PUT", &target).header("x-amz-copy-source", source);
            let reply = world.server.send_signed(call).unwrap();
            let by_name = reply.outcome() == "501 NotImplemented";
            assert!((400..500).contains(&reply.status) || by_name, "{source}: {reply:?}");
            assert_is_of_aws(source, &reply);
        }
    }
    assert!(world.server.contents().unwrap() == before, "something was copied");
    assert_alive(&world);
}

/// No number in a listing asks for more than a page, and none that is no number is taken for one.
#[test]
fn numbers_of_listings_are_bounded() {
    let world = World::new();
    let listings = [
        ("list-type=2", "max-keys"),
        ("", "max-keys"),
        ("versions", "max-keys"),
        ("uploads", "max-uploads"),
    ];
    for (listing, name) in listings {
        for number in ["1000", "1001", "2147483647"] {
            let target = format!("/{BUCKET}?{listing}&{name}={number}");
            let reply = world.server.send_signed(world.server.call("GET", &target)).unwrap();
            assert_eq!(reply.status, 200, "{target}: {reply:?}");
            let shown = if name == "max-keys" { "MaxKeys" } else { "MaxUploads" };
            assert_eq!(reply.element(shown), Some("1000"), "{target}");
        }
        for number in
            ["-1", "2147483648", "99999999999999999999", "0x10", "1e3", "%2B1", "1.0", "a", "%00"]
        {
            let target = format!("/{BUCKET}?{listing}&{name}={number}");
            let reply = world.server.send_signed(world.server.call("GET", &target)).unwrap();
            assert_eq!(reply.outcome(), "400 InvalidArgument", "{target}: {reply:?}");
        }
    }
    assert_alive(&world);
}

/// Whatever a target looks like, there is an answer in AWS's words and no failure of ours.
#[test]
fn odd_targets_end_in_an_answer() {
    let world = World::new();
    let before = world.server.contents().unwrap();
    for target in [
        "//",
        "///",
        "//kept/object",
        "/%2F",
        "/%2F%2F",
        "/.",
        "/..",
        "/%00",
        "/%FF",
        "/?",
        "/?&&&",
        "/?=",
        "/?%",
        "/?%FF",
        "/kept?%00",
        "/kept/?versionId",
        "/kept?versions&uploads",
        "/kept?location&acl&policy",
        "/kept?delete",
        "/kept/object?uploadId",
        "/kept/object?uploadId=&partNumber=",
        "/kept/object?versionId=%00",
        "/kept/object?partNumber=0",
        "/kept/object?partNumber=-1",
        "/WriteGetObjectResponse",
        "/WriteGetObjectResponse/",
        "/v20180820/x",
    ] {
        for method in ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"] {
            if method == "DELETE" || method == "PUT" {
                // Signed, some of these are good requests; here nothing may change.
                let reply = world.server.send(&world.server.call(method, target)).unwrap();
                assert!((400..500).contains(&reply.status), "{method} {target}: {reply:?}");
                continue;
            }
            for signed in [false, true] {
                let call = world.server.call(method, target);
                // What cannot be decoded cannot be signed either.
                let sent = match signed {
                    true => world.server.send_signed(call),
                    false => world.server.send(&call),
                };
                let reply = match sent {
                    Err(TestkitError::Signing(_)) => continue,
                    sent => sent.unwrap(),
                };
                let good = reply.status < 500 || reply.status == 501;
                assert!(good, "{method} {target} {signed}: {reply:?}");
            }
        }
    }
    let get = world.server.call("GET", &format!("/{BUCKET}/{KEY}"));
    assert_eq!(world.server.send_signed(get).unwrap().body, CONTENT);
    assert!(world.server.contents().unwrap() == before, "something was changed");
    assert_alive(&world);
}
