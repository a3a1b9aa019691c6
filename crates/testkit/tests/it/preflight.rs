//! CORS preflights and methods that a resource has not, over the wire.

use strongroom_testkit::Call;

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
    let link = Call { method: "OPTIONS".to_owned(), ..link };
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

const RULES: &str = "<CORSConfiguration>\
    <CORSRule><AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod>\
    <AllowedMethod>POST</AllowedMethod><AllowedOrigin>https://a.example</AllowedOrigin>\
    <AllowedHeader>x-amz-*</AllowedHeader><ExposeHeader>ETag</ExposeHeader>\
    <MaxAgeSeconds>5</MaxAgeSeconds></CORSRule>\
    <CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule>\
    </CORSConfiguration>";
const RULES_MD5: &str = "coAWxac9uiKwpRxwc4SwgA==";
const ALLOW_ORIGIN: &str = "access-control-allow-origin";

fn with_rules() -> World {
    let world = World::new();
    let put = world.server.call("PUT", &format!("/{BUCKET}?cors=")).body(RULES);
    let put = put.header("content-md5", RULES_MD5);
    assert_eq!(world.server.send_signed(put).unwrap().status, 200);
    world
}

#[test]
fn preflights_are_answered_by_the_rules_and_leave_no_trace() {
    let world = with_rules();
    let before = world.server.contents().unwrap();
    let ask = |path: &str, origin: &str, method: &str, headers: &str| {
        let call = world.server.call("OPTIONS", path).header("origin", origin);
        let call = call.header("access-control-request-method", method);
        let call = call.header("access-control-request-headers", headers);
        world.server.send(&call).unwrap()
    };
    let kept = format!("/{BUCKET}/{KEY}");
    for path in [&kept, &format!("/{BUCKET}/none"), &format!("/{BUCKET}")] {
        let reply = ask(path, "https://a.example", "PUT", "X-Amz-Date");
        assert_eq!((reply.status, reply.body.len()), (200, 0), "{path}");
        for (name, value) in [
            (ALLOW_ORIGIN, "https://a.example"),
            ("access-control-allow-methods", "GET, PUT, POST"),
            ("access-control-allow-headers", "x-amz-date"),
            ("access-control-expose-headers", "ETag"),
            ("access-control-max-age", "5"),
            ("access-control-allow-credentials", "true"),
            ("vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"),
        ] {
            assert_eq!(reply.header(name), Some(value), "{path}");
        }
    }
    let reply = ask(&kept, "https://b.example", "GET", "");
    assert_eq!((reply.status, reply.header(ALLOW_ORIGIN)), (200, Some("*")));
    assert_eq!(reply.header("access-control-allow-credentials"), None);
    for (path, origin, method, headers) in [
        (kept.as_str(), "https://b.example", "PUT", ""),
        (kept.as_str(), "https://a.example", "DELETE", ""),
        (kept.as_str(), "https://a.example", "PUT", "authorization"),
        ("/none-bucket/k", "https://a.example", "GET", ""),
        ("/", "https://a.example", "GET", ""),
    ] {
        let reply = ask(path, origin, method, headers);
        assert_eq!(reply.outcome(), "403 AccessForbidden", "{path} {origin} {method}");
        assert_eq!(reply.header(ALLOW_ORIGIN), None);
    }
    assert!(world.server.contents().unwrap() == before, "strangers write nothing");
}

#[test]
fn every_answer_to_a_page_has_the_headers_of_its_rule() {
    let world = with_rules();
    let from = |method: &str, target: &str, origin: &str| {
        world.server.call(method, target).header("origin", origin)
    };
    let kept = format!("/{BUCKET}/{KEY}");
    let none = format!("/{BUCKET}/none");
    let a = "https://a.example";
    let signed = |call: Call| call.sign(&world.server.signer(world.server.main())).unwrap();
    let expired = world.server.signer(&world.expired);
    let post = from("POST", &format!("/{BUCKET}"), a)
        .header("content-type", "multipart/form-data; boundary=x")
        .body("no form");
    for (what, call, outcome) in [
        ("read", signed(from("GET", &kept, a)), "200"),
        ("missing", signed(from("GET", &none, a)), "404 NoSuchKey"),
        ("unsigned", from("GET", &kept, a), "403 AccessDenied"),
        ("expired", from("GET", &kept, a).sign(&expired).unwrap(), "400 ExpiredToken"),
        ("no method", signed(from("POST", &kept, a)), "405 MethodNotAllowed"),
        (
            "unsigned claim",
            from("GET", &kept, a).header("authorization", "x"),
            "400 InvalidArgument",
        ),
        ("form", post, "400 MalformedPOSTRequest"),
    ] {
        let reply = world.server.send(&call).unwrap();
        assert_eq!(reply.outcome(), outcome, "{what}");
        assert_eq!(reply.header(ALLOW_ORIGIN), Some(a), "{what}");
        assert_eq!(reply.header("access-control-expose-headers"), Some("ETag"), "{what}");
        assert_eq!(reply.header("access-control-max-age"), Some("5"), "{what}");
    }
    let any = world.server.send_signed(from("GET", &kept, "https://b.example")).unwrap();
    assert_eq!((any.status, any.header(ALLOW_ORIGIN)), (200, Some("*")));
    for (what, call) in [
        ("another method", from("DELETE", &none, a)),
        ("no origin", world.server.call("GET", &kept)),
        ("two origins", from("GET", &kept, a).header("origin", a)),
        ("another bucket", from("GET", "/none-bucket/k", a)),
        ("no bucket", from("GET", "/", a)),
    ] {
        let reply = world.server.send_signed(call).unwrap();
        assert_eq!(reply.header(ALLOW_ORIGIN), None, "{what}");
        assert_eq!(reply.header("vary"), None, "{what}");
    }
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
