//! Queries in which one reader finds another operation, version or signature than the next.

use super::assert_refused;
use crate::world::{BUCKET, KEY, World};

#[test]
fn a_parameter_that_decides_the_operation_is_there_once() {
    let world = World::new();
    for (method, target) in [
        ("PUT", format!("/{BUCKET}?acl&policy")),
        ("GET", format!("/{BUCKET}?acl&policy")),
        ("GET", format!("/{BUCKET}?acl&acl")),
        ("GET", format!("/{BUCKET}?acl=&acl=x")),
        ("DELETE", format!("/{BUCKET}?policy&cors")),
        ("DELETE", format!("/{BUCKET}/{KEY}?tagging&uploadId=x")),
        ("POST", format!("/{BUCKET}/{KEY}?uploads&uploadId=x")),
        ("POST", format!("/{BUCKET}/{KEY}?uploads&uploads")),
        ("POST", format!("/{BUCKET}?delete&delete")),
        ("PUT", format!("/{BUCKET}/{KEY}?acl&tagging")),
        ("PUT", format!("/{BUCKET}/{KEY}?partNumber=1&uploadId=x&acl")),
        ("PUT", format!("/{BUCKET}/{KEY}?partNumber=1&partNumber=2&uploadId=x")),
        ("PUT", format!("/{BUCKET}/{KEY}?partNumber=1&uploadId=x&uploadId=y")),
        ("GET", format!("/{BUCKET}?list-type=2&list-type=1")),
        ("GET", format!("/{BUCKET}?list-type=2&versions")),
        ("GET", format!("/{BUCKET}?versions&uploads")),
        ("POST", format!("/{BUCKET}/{KEY}?select&select-type=2&restore")),
    ] {
        let call = world.server.call(method, &target);
        let call = call.sign(&world.server.signer(world.server.main())).unwrap();
        let reply = assert_refused(&world, &target, &call.to_bytes()).unwrap();
        assert!(matches!(reply.status, 400 | 405), "{method} {target}: {reply:?}");
    }
}

#[test]
fn a_parameter_with_a_meaning_is_there_once() {
    let world = World::new();
    for (method, target) in [
        ("GET", format!("/{BUCKET}/{KEY}?versionId=null&versionId=x")),
        ("DELETE", format!("/{BUCKET}/{KEY}?versionId=x&versionId=null")),
        ("HEAD", format!("/{BUCKET}/{KEY}?versionId=null&versionId=null")),
        ("GET", format!("/{BUCKET}/{KEY}?response-content-type=a&response-content-type=b")),
        ("GET", format!("/{BUCKET}?list-type=2&prefix=a&prefix=b")),
        ("GET", format!("/{BUCKET}?list-type=2&max-keys=1&max-keys=2")),
        ("GET", format!("/{BUCKET}?prefix=a&%70refix=b")),
    ] {
        let call = world.server.call(method, &target);
        let call = call.sign(&world.server.signer(world.server.main())).unwrap();
        let before = world.server.contents().unwrap();
        let reply = world.server.send(&call).unwrap();
        assert_eq!(reply.status, 400, "{method} {target}: {reply:?}");
        assert!(world.server.contents().unwrap() == before);
    }
}

#[test]
fn a_presigned_url_carries_one_signature_and_nothing_beside_it() {
    let world = World::new();
    let signer = world.server.signer(world.server.main());
    let good = world.server.call("GET", &format!("/{BUCKET}/{KEY}")).presign(&signer, 60).unwrap();
    assert_eq!(world.server.send(&good).unwrap().status, 200);
    let forged = "0".repeat(64);
    for added in [
        format!("&X-Amz-Signature={forged}"),
        "&X-Amz-Expires=604800".to_owned(),
        "&X-Amz-Date=20260102T030405Z".to_owned(),
        "&X-Amz-Algorithm=AWS4-HMAC-SHA256".to_owned(),
        "&X-Amz-SignedHeaders=host".to_owned(),
        "&X-Amz-Credential=x".to_owned(),
        "&X-Amz-Security-Token=x".to_owned(),
        "&x-amz-security-token=x".to_owned(),
        "&versionId=null".to_owned(),
        "&response-content-type=text%2Fhtml".to_owned(),
        "&acl".to_owned(),
        "&partNumber=1".to_owned(),
        "&Signature=x".to_owned(),
        "&AWSAccessKeyId=x".to_owned(),
        "&Expires=9999999999".to_owned(),
        "&x-id=GetObject".to_owned(),
    ] {
        for query in [format!("{}{added}", good.query), format!("{}&{}", &added[1..], good.query)] {
            let mut call = good.clone();
            call.query = query;
            let reply = assert_refused(&world, &added, &call.to_bytes()).unwrap();
            assert!(matches!(reply.status, 400 | 403), "{added}: {reply:?}");
        }
    }
    for (name, header) in [
        ("authorization", "AWS4-HMAC-SHA256 Credential=a/20260102/us-east-1/s3/aws4_request"),
        ("authorization", "Bearer x"),
        ("authorization", ""),
        ("x-amz-security-token", "x"),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ("x-amz-date", "20260102T030405Z"),
    ] {
        let call = good.clone().header(name, header);
        assert_refused(&world, name, &call.to_bytes()).unwrap();
    }
}

/// A URL for one method, object or bucket opens no other one.
#[test]
fn a_presigned_url_is_for_one_request() {
    let world = World::new();
    let signer = world.server.signer(world.server.main());
    let good = world.server.call("GET", &format!("/{BUCKET}/{KEY}")).presign(&signer, 60).unwrap();
    for method in ["PUT", "DELETE", "HEAD", "POST"] {
        let mut call = good.clone();
        call.method = method.to_owned();
        let before = world.server.contents().unwrap();
        // No operation of S3 is a POST without a query: that is known before who asks.
        let expected = if method == "POST" { 405 } else { 403 };
        assert_eq!(world.server.send(&call).unwrap().status, expected, "{method}");
        assert!(world.server.contents().unwrap() == before);
    }
    for path in ["/kept-bucket/kept/objec", "/kept-bucket/kept//object", "/kept-bucket", "/"] {
        let mut call = good.clone();
        call.path = path.to_owned();
        let reply = assert_refused(&world, path, &call.to_bytes()).unwrap();
        assert_eq!(reply.outcome(), "403 SignatureDoesNotMatch", "{path}");
    }
}

/// The time in which a URL is good ends on the second.
#[test]
fn a_presigned_url_ends_when_it_says() {
    let world = World::new();
    let signer = world.server.signer(world.server.main());
    let call = world.server.call("GET", &format!("/{BUCKET}/{KEY}")).presign(&signer, 60).unwrap();
    world.server.clock().advance(std::time::Duration::from_secs(59));
    assert_eq!(world.server.send(&call).unwrap().status, 200);
    world.server.clock().advance(std::time::Duration::from_secs(2));
    assert_eq!(world.server.send(&call).unwrap().outcome(), "403 AccessDenied");
    for seconds in [0, 604_801] {
        let call = world.server.call("GET", &format!("/{BUCKET}/{KEY}"));
        let call = call.presign(&world.server.signer(world.server.main()), seconds).unwrap();
        let reply = assert_refused(&world, "lifetime", &call.to_bytes()).unwrap();
        assert!(matches!(reply.status, 400 | 403), "{reply:?}");
    }
}

/// Some signers move headers into the query of a link: what has no effect there is refused.
#[test]
fn a_header_in_the_query_of_a_link_is_never_ignored() {
    let world = World::new();
    let signer = world.server.signer(world.server.main());
    for added in [
        "x-amz-acl=public-read",
        "x-amz-tagging=a%3Db",
        "X-Amz-Object-Lock-Mode=COMPLIANCE",
        "x-amz-server-side-encryption=aws%3Akms",
        "x-amz-meta-a=b",
        "x-amz-checksum-crc32=AAAAAA%3D%3D",
        "x-amz-copy-source=kept-bucket%2Fx",
        "x-amz-expected-bucket-owner=222222222222",
    ] {
        let call = world.server.call("PUT", &format!("/{BUCKET}/{KEY}?{added}"));
        let call = call.body(b"new").presign(&signer, 60).unwrap();
        assert_refused(&world, added, &call.to_bytes()).unwrap();
    }
}
