//! CORS preflights and methods that a resource has not, over the wire.

use crate::world::{BUCKET, KEY, World};

#[test]
fn preflights_are_answered_before_credentials_and_tell_nothing() {
    let world = World::new();
    let before = world.server.contents().unwrap();
    let mut answers = Vec::new();
    for path in [
        format!("/{BUCKET}"),
        format!("/{BUCKET}/{KEY}"),
        format!("/{BUCKET}/none"),
        format!("/{BUCKET}/{KEY}?uploads"),
        format!("/{BUCKET}/{KEY}?X-Amz-Algorithm=AWS4-HMAC-SHA256"),
        "/none-bucket/key".to_owned(),
    ] {
        let call = world.server.call("OPTIONS", &path).header("origin", "https://example.com");
        let allowed = call.header("access-control-request-method", "PUT");
        let reply = world.server.send(&allowed).unwrap();
        if path.contains("X-Amz") {
            // A link that is none is refused as such.
            assert_eq!(reply.status, 400, "{path}");
            continue;
        }
        assert_eq!(reply.outcome(), "403 AccessForbidden", "{path}");
        let message = "CORSResponse: CORS is not enabled for this bucket.";
        assert_eq!(reply.element("Message"), Some(message));
        assert_eq!(reply.element("Method"), Some("PUT"));
        assert!(reply.headers.iter().all(|(name, _)| !name.starts_with("access-control-")));
        if !path.ends_with(BUCKET) {
            assert_eq!(reply.element("ResourceType"), Some("OBJECT"));
            let (status, _, body) = reply.without_ids();
            let shown = body.split("<Resource>").next().unwrap().to_owned();
            answers.push((status, shown));
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "the same for what is there and what is not: {answers:?}");
    // The preflight of a presigned link.
    let signer = world.server.signer(world.server.main());
    let link = world.server.call("PUT", &format!("/{BUCKET}/{KEY}")).presign(&signer, 60).unwrap();
    let link = strongroom_testkit::Call { method: "OPTIONS".to_owned(), ..link };
    let link = link.header("origin", "null").header("access-control-request-method", "PUT");
    assert_eq!(world.server.send(&link).unwrap().outcome(), "403 AccessForbidden");
    let call = |headers: &[(&str, &str)]| {
        let call = world.server.call("OPTIONS", &format!("/{BUCKET}/{KEY}"));
        let call = headers.iter().fold(call, |call, (name, value)| call.header(name, value));
        world.server.send(&call).unwrap()
    };
    let method = ("access-control-request-method", "GET");
    for headers in [&[][..], &[method]] {
        let reply = call(headers);
        assert_eq!(reply.outcome(), "400 BadRequest");
        let message = "Insufficient information. Origin request header needed.";
        assert_eq!(reply.element("Message"), Some(message));
    }
    let reply = call(&[("origin", "x"), ("access-control-request-method", "TRACE")]);
    assert_eq!(reply.outcome(), "400 BadRequest");
    let message = "Invalid Access-Control-Request-Method: TRACE";
    assert_eq!(reply.element("Message"), Some(message));
    assert!(world.server.contents().unwrap() == before);
}

#[test]
fn a_refused_method_hears_which_ones_there_are() {
    let world = World::new();
    for (method, path, resource_type, allow) in [
        ("POST", format!("/{BUCKET}/{KEY}"), "OBJECT", "DELETE, GET, HEAD, PUT"),
        ("POST", format!("/{BUCKET}?versioning"), "VERSIONING", "GET, PUT"),
        ("DELETE", "/".to_owned(), "SERVICE", "GET"),
    ] {
        let reply = world.server.send_signed(world.server.call(method, &path)).unwrap();
        assert_eq!(reply.outcome(), "405 MethodNotAllowed", "{path}");
        assert_eq!(reply.element("Method"), Some(method));
        assert_eq!(reply.element("ResourceType"), Some(resource_type));
        assert_eq!(reply.header("allow"), Some(allow));
    }
}
