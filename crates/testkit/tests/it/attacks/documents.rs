//! XML and other documents that cost more than they weigh, or mean two things.

use data_encoding::BASE64;
use strongroom_crypto::Md5;
use strongroom_testkit::{Call, Reply};

use super::assert_refused;
use crate::world::{BUCKET, KEY, PART_ETAG, World};

fn delete(world: &World, document: &str) -> Call {
    let mut md5 = Md5::new();
    md5.update(document.as_bytes());
    let call = world.server.call("POST", &format!("/{BUCKET}?delete="));
    let call = call.header("content-md5", BASE64.encode(&md5.finish())).body(document);
    call.sign(&world.server.signer(world.server.main())).unwrap()
}

fn refused(world: &World, name: &str, document: &str) -> Reply {
    assert_refused(world, name, &delete(world, document).to_bytes()).unwrap()
}

/// SPEC: data-protection, 1.10.
#[test]
fn a_completion_is_no_form() {
    let world = World::new();
    let target = format!("/{BUCKET}/{KEY}?uploadId={}", world.upload_id);
    let document = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{PART_ETAG}</ETag></Part>\
         </CompleteMultipartUpload>"
    );
    let call = |content_type| {
        let call = world.server.call("POST", &target).body(&document);
        let call = call.header("content-type", content_type);
        call.sign(&world.server.signer(world.server.main())).unwrap()
    };
    for content_type in
        ["application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded; charset=utf-8"]
    {
        let call = call(content_type);
        let reply = assert_refused(&world, content_type, &call.to_bytes()).unwrap();
        assert_eq!(reply.outcome(), "400 InvalidRequest", "{content_type}");
    }
    assert_eq!(world.server.send(&call("application/xml")).unwrap().status, 200);
}

/// SPEC: data-protection, ERR-004.
#[test]
fn entities_and_document_types_are_refused() {
    let world = World::new();
    let key = format!("<Object><Key>{KEY}</Key></Object>");
    for (name, document) in [
        ("bomb", format!("<!DOCTYPE d [<!ENTITY a \"{}\"><!ENTITY b \"&a;&a;&a;&a;\">]><Delete><Object><Key>&b;</Key></Object></Delete>", "x".repeat(100))),
        ("external entity", "<!DOCTYPE d [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><Delete><Object><Key>&a;</Key></Object></Delete>".to_owned()),
        ("external type", format!("<!DOCTYPE d SYSTEM \"http://127.0.0.1:1/\"><Delete>{key}</Delete>")),
        ("parameter entity", format!("<!DOCTYPE d [<!ENTITY % a SYSTEM \"http://127.0.0.1:1/\">%a;]><Delete>{key}</Delete>")),
        ("an empty type", format!("<!DOCTYPE Delete><Delete>{key}</Delete>")),
        ("undefined entity", "<Delete><Object><Key>&undefined;</Key></Object></Delete>".to_owned()),
        ("include", format!("<Delete xmlns:xi=\"http://www.w3.org/2001/XInclude\"><xi:include href=\"file:///etc/passwd\"/>{key}</Delete>")),
    ] {
        let reply = refused(&world, name, &document);
        assert_eq!(reply.outcome(), "400 MalformedXML", "{name}");
        assert!(!String::from_utf8_lossy(&reply.body).contains("root:"));
    }
}

#[test]
fn documents_that_mean_two_things_are_refused() {
    let world = World::new();
    let key = format!("<Object><Key>{KEY}</Key></Object>");
    for document in [
        format!("<Delete>{key}</Delete><Delete/>"),
        format!("<Delete>{key}</Delete>garbage"),
        format!("garbage<Delete>{key}</Delete>"),
        format!("<Delete>{key}"),
        format!("<Delete>{key}</Other>"),
        format!("<Other>{key}</Other>"),
        format!("<Delete><Object><Key>a</Key><Key>{KEY}</Key></Object></Delete>"),
        format!("<Delete>{key}<Quiet>true</Quiet><Quiet>false</Quiet></Delete>"),
        format!("<Delete>{key}<Quiet>maybe</Quiet></Delete>"),
        "<Delete></Delete>".to_owned(),
        "<Delete><Object></Object></Delete>".to_owned(),
        String::new(),
        "{}".to_owned(),
        format!("<Delete><Object><Key>&#0;{KEY}</Key></Object></Delete>"),
        format!("<Delete><Object><Key>&#xD800;{KEY}</Key></Object></Delete>"),
    ] {
        let reply = refused(&world, &document, &document);
        assert_eq!(reply.status, 400, "{document}: {reply:?}");
    }
}

/// A key that cannot be is an error of its own among the answers, and the others are deleted.
#[test]
fn impossible_keys_are_refused_one_by_one() {
    let world = World::new();
    for key in [String::new(), "k".repeat(1_025)] {
        let document = format!(
            "<Delete><Object><Key>{key}</Key></Object><Object><Key>{KEY}</Key></Object></Delete>"
        );
        let reply = world.server.send(&delete(&world, &document)).unwrap();
        let body = String::from_utf8(reply.body).unwrap();
        assert_eq!(reply.status, 200, "{body}");
        assert_eq!(body.matches("<Error>").count(), 1, "{body}");
        assert_eq!(body.matches("<Deleted>").count(), 1, "{body}");
    }
}

/// SPEC: data-protection, ERR-003 and ERR-005.
#[test]
fn documents_have_limits() {
    let world = World::new();
    let keys = |count: usize| {
        let keys: String =
            (0..count).map(|n| format!("<Object><Key>k{n}</Key></Object>")).collect();
        format!("<Delete>{keys}</Delete>")
    };
    assert_eq!(world.server.send(&delete(&world, &keys(1_000))).unwrap().status, 200);
    assert_eq!(refused(&world, "1,001 keys", &keys(1_001)).outcome(), "400 MalformedXML");
    let deep = format!("<Delete>{}{}</Delete>", "<a>".repeat(100_000), "</a>".repeat(100_000));
    assert_eq!(refused(&world, "depth", &deep).outcome(), "400 MalformedXML");
    let attributes: String = (0..20_000).map(|n| format!(" a{n}=\"\"")).collect();
    let wide = format!("<Delete{attributes}><Object><Key>x</Key></Object></Delete>");
    let reply = world.server.send(&delete(&world, &wide)).unwrap();
    assert!(matches!(reply.status, 200 | 400), "{reply:?}");
    let large = format!("<Delete>{}</Delete>", " ".repeat(6 * 1024 * 1024));
    let reply = refused(&world, "size", &large);
    assert!(
        ["400 MaxMessageLengthExceeded", "400 MalformedXML"].contains(&reply.outcome().as_str())
    );
}

/// The digest that was declared is that of the document.
#[test]
fn a_document_is_what_its_digest_says() {
    let world = World::new();
    let document = format!("<Delete><Object><Key>{KEY}</Key></Object></Delete>");
    let mut call = delete(&world, "<Delete><Object><Key>other</Key></Object></Delete>");
    call.body = document.into_bytes();
    let reply = assert_refused(&world, "digest", &call.to_bytes()).unwrap();
    assert_eq!(reply.outcome(), "400 BadDigest");
    let call = world.server.call("POST", &format!("/{BUCKET}?delete="));
    let call = call.body("<Delete><Object><Key>other</Key></Object></Delete>");
    let call = call.sign(&world.server.signer(world.server.main())).unwrap();
    let reply = assert_refused(&world, "no digest", &call.to_bytes()).unwrap();
    assert_eq!(reply.outcome(), "400 InvalidRequest");
}

/// What nobody reads needs no digest: the answer says what is the matter.
#[test]
fn an_operation_that_is_not_built_asks_for_no_digest() {
    let world = World::new();
    let call = world.server.call("PUT", &format!("/{BUCKET}?website=")).body("<x>");
    let call = call.sign(&world.server.signer(world.server.main())).unwrap();
    let reply = assert_refused(&world, "no digest", &call.to_bytes()).unwrap();
    assert_eq!(reply.outcome(), "501 NotImplemented");
}

/// The answer comes though the document never does: it was not waited for.
#[test]
fn a_document_of_a_stranger_is_not_read() {
    let world = World::new();
    for target in [format!("/{BUCKET}?delete"), "/absent-bucket?delete".to_owned()] {
        let head = format!(
            "POST {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             expect: 100-continue\r\ncontent-length: 5242880\r\n\r\n"
        );
        let replies = world.server.converse(head.as_bytes()).unwrap();
        assert_eq!(replies.len(), 1, "{target}");
        assert!(matches!(replies[0].status, 403 | 404), "{target}: {:?}", replies[0]);
    }
}
