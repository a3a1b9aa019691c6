//! URLs presigned with signature version 2. SPEC: access-control, 5.7.

use strongroom_crypto::hmac_sha1;
use strongroom_testkit::{Call, Keys, TestServer};
use strongroom_types::Clock;

use super::assert_refused;
use crate::world::{BUCKET, CONTENT, KEY, World};

/// A URL as botocore makes it: what is signed is written down by the test.
fn url(world: &World, keys: &Keys, method: &str, target: &str, signed: &str, seconds: u64) -> Call {
    let expires = world.server.clock().now().seconds() + seconds;
    let text = signed.replace("EXPIRES", &expires.to_string());
    let secret = keys.secret_access_key.danger_expose().as_bytes();
    let signature = data_encoding::BASE64.encode(&hmac_sha1(secret, text.as_bytes()));
    let signature = signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let separator = if target.contains('?') { '&' } else { '?' };
    let id = &keys.access_key_id;
    let claim = format!("AWSAccessKeyId={id}&Signature={signature}&Expires={expires}");
    world.server.call(method, &format!("{target}{separator}{claim}"))
}

fn good(world: &World, method: &str) -> Call {
    let path = format!("/{BUCKET}/{KEY}");
    let signed = format!("{method}\n\n\nEXPIRES\n{path}");
    url(world, world.server.main(), method, &path, &signed, 60)
}

#[test]
fn a_url_of_version_2_reads_and_writes_one_object() {
    let world = World::new();
    let reply = world.server.send(&good(&world, "GET")).unwrap();
    assert_eq!((reply.status, reply.body.as_slice()), (200, CONTENT));
    assert_eq!(world.server.send(&good(&world, "HEAD")).unwrap().status, 200);
    let put = good(&world, "PUT").body(b"new");
    assert_eq!(world.server.send(&put).unwrap().status, 200);
    assert_eq!(world.server.send(&good(&world, "GET")).unwrap().body, b"new");
    let ranged = good(&world, "GET").header("range", "bytes=1-1");
    assert_eq!(world.server.send(&ranged).unwrap().body, b"e");
}

#[test]
fn headers_in_the_query_have_their_effect() {
    let world = World::new();
    let target = format!("/{BUCKET}/v2?content-type=text%2Fx&x-amz-meta-a=b%20c&x-amz-acl=private");
    let signed =
        format!("PUT\n\ntext/x\nEXPIRES\nx-amz-acl:private\nx-amz-meta-a:b c\n/{BUCKET}/v2");
    let call = url(&world, world.server.main(), "PUT", &target, &signed, 60).body(b"x");
    assert_eq!(world.server.send(&call).unwrap().status, 200);
    let get = world.server.call("GET", &format!("/{BUCKET}/v2"));
    let stored = world.server.send_signed(get).unwrap();
    assert_eq!(stored.header("content-type"), Some("text/x"));
    assert_eq!(stored.header("x-amz-meta-a"), Some("b c"));
    // And are enforced or refused, like the headers that they are.
    for (query, line, heard) in [
        ("x-amz-acl=public-read", "x-amz-acl:public-read", "400 AccessControlListNotSupported"),
        (
            "x-amz-object-lock-mode=COMPLIANCE",
            "x-amz-object-lock-mode:COMPLIANCE",
            "501 NotImplemented",
        ),
        ("x-amz-checksum-crc32=AAAAAA%3D%3D", "x-amz-checksum-crc32:AAAAAA==", "400 BadDigest"),
        (
            "x-amz-expected-bucket-owner=999999999999",
            "x-amz-expected-bucket-owner:999999999999",
            "403 AccessDenied",
        ),
        (
            "x-amz-copy-source=kept-bucket%2Fkept%2Fobject",
            "x-amz-copy-source:kept-bucket/kept/object",
            "400 InvalidRequest",
        ),
    ] {
        let target = format!("/{BUCKET}/v2?{query}");
        let signed = format!("PUT\n\n\nEXPIRES\n{line}\n/{BUCKET}/v2");
        let call = url(&world, world.server.main(), "PUT", &target, &signed, 60).body(b"y");
        let reply = assert_refused(&world, query, &call.to_bytes()).unwrap();
        assert_eq!(reply.outcome(), heard, "{query}");
    }
}

#[test]
fn overrides_are_signed_and_have_their_effect() {
    let world = World::new();
    let path = format!("/{BUCKET}/{KEY}");
    let target = format!("{path}?response-content-type=text%2Fhtml");
    let signed = format!("GET\n\n\nEXPIRES\n{path}?response-content-type=text/html");
    let call = url(&world, world.server.main(), "GET", &target, &signed, 60);
    assert_eq!(world.server.send(&call).unwrap().header("content-type"), Some("text/html"));
    let changed = Call { query: call.query.replace("html", "xml"), ..call };
    let reply = assert_refused(&world, "another type", &changed.to_bytes()).unwrap();
    assert_eq!(reply.outcome(), "403 SignatureDoesNotMatch");
}

#[test]
fn the_host_may_name_the_bucket() {
    let world = World::new();
    let signed = format!("GET\n\n\nEXPIRES\n/{BUCKET}/{KEY}");
    let path = format!("/{KEY}");
    let mut call = url(&world, world.server.main(), "GET", &path, &signed, 60);
    call.headers[0].1 = format!("{BUCKET}.s3.localhost").into_bytes();
    assert_eq!(world.server.send(&call).unwrap().body, CONTENT);
    // The same signature for the same path, in another bucket.
    call.headers[0].1 = b"other-bucket.s3.localhost".to_vec();
    let reply = assert_refused(&world, "another host", &call.to_bytes()).unwrap();
    assert_eq!(reply.outcome(), "403 SignatureDoesNotMatch");
}

#[test]
fn every_other_operation_is_refused() {
    let world = World::new();
    for (method, path) in [
        ("DELETE", format!("/{BUCKET}/{KEY}")),
        ("GET", format!("/{BUCKET}")),
        ("PUT", "/new-bucket".to_owned()),
        ("DELETE", format!("/{BUCKET}")),
        ("HEAD", format!("/{BUCKET}")),
        ("GET", "/".to_owned()),
    ] {
        let signed = format!("{method}\n\n\nEXPIRES\n{path}");
        let call = url(&world, world.server.main(), method, &path, &signed, 60);
        let before = world.server.contents().unwrap();
        let reply = world.server.send(&call).unwrap();
        assert_eq!(reply.status, 400, "{method} {path}: {reply:?}");
        assert!(world.server.contents().unwrap() == before);
    }
    for sub in ["acl", "tagging", "uploads", "partNumber=1&uploadId=x", "attributes", "x=1"] {
        for method in ["GET", "PUT", "POST", "DELETE"] {
            let path = format!("/{BUCKET}/{KEY}");
            let signed = format!("{method}\n\n\nEXPIRES\n{path}?{sub}");
            let target = format!("{path}?{sub}");
            let call = url(&world, world.server.main(), method, &target, &signed, 60);
            let reply = assert_refused(&world, sub, &call.to_bytes()).unwrap();
            assert_eq!(reply.status, 400, "{method} {sub}: {reply:?}");
        }
    }
}

#[test]
fn a_url_of_version_2_that_was_changed_is_refused() {
    let world = World::new();
    let good = good(&world, "GET");
    for added in [
        "&versionId=null",
        "&response-content-type=text%2Fhtml",
        "&x-amz-acl=private",
        "&content-type=x",
        "&acl",
        "&x-id=GetObject",
        "&Signature=x",
        "&Expires=1",
        "&X-Amz-Signature=x",
        "&X-Amz-Expires=60",
        "&x-amz-security-token=x",
        "&partNumber=1",
    ] {
        let call = Call { query: format!("{}{added}", good.query), ..good.clone() };
        let reply = assert_refused(&world, added, &call.to_bytes()).unwrap();
        assert!(matches!(reply.status, 400 | 403), "{added}: {reply:?}");
    }
    for (name, value) in [
        ("x-amz-meta-a", "b"),
        ("content-type", "x"),
        ("content-md5", "x"),
        ("authorization", "AWS4-HMAC-SHA256 x"),
        ("authorization", "AWS a:b"),
    ] {
        assert_refused(&world, name, &good.clone().header(name, value).to_bytes()).unwrap();
    }
    for path in
        ["/kept-bucket/kept/objec", "/kept-bucket/kept%2Fobject", "/kept-bucket//kept/object"]
    {
        let call = Call { path: path.to_owned(), ..good.clone() };
        let reply = assert_refused(&world, path, &call.to_bytes()).unwrap();
        assert_eq!(reply.outcome(), "403 SignatureDoesNotMatch", "{path}");
    }
    for method in ["PUT", "HEAD"] {
        let call = Call { method: method.to_owned(), ..good.clone() };
        let before = world.server.contents().unwrap();
        assert_eq!(world.server.send(&call).unwrap().status, 403, "{method}");
        assert!(world.server.contents().unwrap() == before);
    }
}

#[test]
fn who_may_not_read_may_not_by_url_either_and_a_url_ends() {
    let world = World::new();
    let path = format!("/{BUCKET}/{KEY}");
    let signed = format!("GET\n\n\nEXPIRES\n{path}");
    let other = url(&world, world.server.other(), "GET", &path, &signed, 60);
    let reply = assert_refused(&world, "another account", &other.to_bytes()).unwrap();
    assert_eq!(reply.outcome(), "403 AccessDenied");
    let main = world.server.main();
    let unknown = Call {
        query: good(&world, "GET").query.replace(&main.access_key_id, "AKIAIOSFODNN7EXAMPLE"),
        ..good(&world, "GET")
    };
    let reply = assert_refused(&world, "unknown key", &unknown.to_bytes()).unwrap();
    assert_eq!(reply.outcome(), "403 InvalidAccessKeyId");
    let week = 7 * 24 * 60 * 60;
    let longest = url(&world, main, "GET", &path, &signed, week);
    assert_eq!(world.server.send(&longest).unwrap().status, 200);
    for seconds in [0, week + 1] {
        let call = url(&world, main, "GET", &path, &signed, seconds);
        let reply = assert_refused(&world, "lifetime", &call.to_bytes()).unwrap();
        assert_eq!(reply.outcome(), "403 AccessDenied", "{seconds}");
    }
    // Temporary credentials: the token is a header in the query.
    let session = world.server.session(std::time::Duration::from_secs(900)).unwrap();
    let token = session.session_token.as_ref().unwrap().danger_expose();
    let target =
        format!("{path}?x-amz-security-token={}", token.replace('+', "%2B").replace('=', "%3D"));
    let signed = format!("GET\n\n\nEXPIRES\nx-amz-security-token:{token}\n{path}");
    let call = url(&world, &session, "GET", &target, &signed, 3600);
    assert_eq!(world.server.send(&call).unwrap().status, 200);
    world.server.clock().advance(std::time::Duration::from_secs(901));
    assert_eq!(world.server.send(&call).unwrap().outcome(), "400 ExpiredToken");
}

#[test]
fn a_server_that_is_told_so_refuses_version_2() {
    let world = World::in_server(TestServer::start_without_v2().unwrap());
    let reply = assert_refused(&world, "a URL", &good(&world, "GET").to_bytes()).unwrap();
    assert_eq!(reply.outcome(), "400 InvalidRequest");
    let form = super::forms::version_2(&world);
    let reply = assert_refused(&world, "a form", &form.to_bytes()).unwrap();
    assert_eq!(reply.outcome(), "400 InvalidRequest");
    let accepting = World::new();
    let form = super::forms::version_2(&accepting);
    assert_eq!(accepting.server.send(&form).unwrap().status, 204);
}

/// What was signed as one thing is not accepted as the other.
#[test]
fn a_signed_url_is_no_signed_policy_and_a_signed_policy_no_url() {
    let world = World::new();
    let good = good(&world, "GET");
    let expires = world.server.clock().now().seconds() + 60;
    let text = format!("GET\n\n\n{expires}\n/{BUCKET}/{KEY}");
    let signature = good.query.split("Signature=").nth(1).unwrap().split('&').next().unwrap();
    let signature = signature.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=");
    let id = &world.server.main().access_key_id;
    let mut body = String::new();
    for (name, value) in [
        ("key", "k"),
        ("AWSAccessKeyId", id),
        ("policy", &text),
        ("signature", &signature),
        ("file", "x"),
    ] {
        body +=
            &format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    let call = world.server.call("POST", &format!("/{BUCKET}"));
    let call =
        call.header("content-type", "multipart/form-data; boundary=XX").body(body + "--XX--");
    let reply = assert_refused(&world, "a URL as a policy", &call.to_bytes()).unwrap();
    assert_eq!(reply.outcome(), "400 InvalidPolicyDocument");
}
