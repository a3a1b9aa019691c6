//! Deleting objects, one and many.

use strongroom_access::Caller;

use crate::world::World;

fn list(entries: &str, quiet: bool) -> String {
    format!(
        "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>{quiet}</Quiet>{entries}</Delete>"
    )
}

fn entry(key: &str, more: &str) -> String {
    format!("<Object><Key>{key}</Key>{more}</Object>")
}

#[tokio::test]
async fn a_deleted_object_is_gone_with_its_bytes() {
    let world = World::with_bucket().await;
    world.put("/bkt/k").body("hello").send().await.ok();
    let deleted = world.delete("/bkt/k").send().await;
    assert_eq!((deleted.status, deleted.recorded), (204, true));
    assert_eq!(deleted.header("x-amz-delete-marker"), None);
    world.get("/bkt/k").send().await.expect(404, "NoSuchKey");
    assert_eq!(world.engine.payload_bytes(), 0);
    assert_eq!(world.delete("/bkt/k").send().await.status, 204);
}

#[tokio::test]
async fn the_null_version_is_deleted_by_name() {
    let world = World::with_bucket().await;
    world.put("/bkt/k").body("hello").send().await.ok();
    let unknown = "/bkt/k?versionId=00000000000000000000000000000001";
    assert_eq!(world.delete(unknown).send().await.status, 204);
    world.get(unknown).send().await.expect(404, "NoSuchVersion");
    assert_eq!(world.get("/bkt/k?versionId=null").send().await.text(), "hello");
    for bad in ["", "x", "Null"] {
        let target = format!("/bkt/k?versionId={bad}");
        world.delete(&target).send().await.expect(400, "InvalidArgument");
        world.get(&target).send().await.expect(400, "InvalidArgument");
    }
    let deleted = world.delete("/bkt/k?versionId=null").send().await;
    assert_eq!((deleted.status, deleted.header("x-amz-version-id")), (204, None));
    world.get("/bkt/k").send().await.expect(404, "NoSuchKey");
    world.get("/bkt/k?versionId=null").send().await.expect(404, "NoSuchVersion");
}

#[tokio::test]
async fn many_keys_are_deleted_in_one_request() {
    let world = World::with_bucket().await;
    let mut entries = String::new();
    for number in 0..1000 {
        world.put(&format!("/bkt/k{number}")).body("x").send().await.ok();
        entries.push_str(&entry(&format!("k{number}"), ""));
    }
    let events = world.events().await.len();
    let deleted = world.post("/bkt?delete").body(list(&entries, false)).send().await.ok();
    let keys = deleted.elements("Key");
    assert_eq!(keys.len(), 1000);
    assert_eq!((keys[0], keys[999]), ("k0", "k999"));
    assert!(deleted.elements("Error").is_empty());
    assert_eq!(world.engine.payload_bytes(), 0);
    // Each key has an event of its own, beside that of the request.
    let events = &world.events().await[events..];
    assert_eq!(events.len(), 1000);
    assert!(events.iter().all(|event| event.operation == "DeleteObjects"));
    assert!(events.iter().any(|event| event.object_key == "k999"));
    assert!(!deleted.recorded);
    world.delete("/bkt").send().await.ok();
}

#[tokio::test]
async fn each_entry_has_its_own_result() {
    let world = World::with_bucket().await;
    for key in ["a", "b", "c"] {
        world.put(&format!("/bkt/{key}")).body("hello").send().await.ok();
    }
    let etag = "<ETag>\"00000000000000000000000000000000\"</ETag>";
    let entries = [
        entry("a", ""),
        entry("b", etag),
        entry("c", "<VersionId>null</VersionId><Size>5</Size>"),
        entry("none", ""),
        entry(&"k".repeat(1025), ""),
        entry("a", "<VersionId>x</VersionId>"),
    ];
    let result = world.post("/bkt?delete").body(list(&entries.concat(), false)).send().await.ok();
    let deleted = result.elements("Deleted");
    assert_eq!(deleted.len(), 3);
    assert_eq!(deleted[0], "<Key>a</Key>");
    assert_eq!(deleted[1], "<Key>c</Key><VersionId>null</VersionId>");
    assert_eq!(deleted[2], "<Key>none</Key>");
    let errors = result.elements("Error");
    assert_eq!(errors.len(), 3);
    assert!(errors[0].contains("<Key>b</Key><Code>PreconditionFailed</Code>"), "{}", errors[0]);
    assert!(errors[1].contains("<Code>KeyTooLongError</Code>"), "{}", errors[1]);
    assert!(errors[2].contains("<Code>NoSuchVersion</Code>"), "{}", errors[2]);
    assert_eq!(world.get("/bkt/b").send().await.text(), "hello");
    world.get("/bkt/a").send().await.expect(404, "NoSuchKey");
}

#[tokio::test]
async fn quiet_tells_errors_only() {
    let world = World::with_bucket().await;
    world.put("/bkt/a").body("x").send().await.ok();
    world.put("/bkt/b").body("x").send().await.ok();
    let entries = entry("a", "") + &entry("b", "<Size>7</Size>");
    let result = world.post("/bkt?delete").body(list(&entries, true)).send().await.ok();
    assert!(result.elements("Deleted").is_empty());
    assert_eq!(result.elements("Error").len(), 1);
}

#[tokio::test]
async fn malformed_lists_delete_nothing() {
    let world = World::with_bucket().await;
    world.put("/bkt/k0").body("x").send().await.ok();
    let many: String = (0..1001).map(|number| entry(&format!("k{number}"), "")).collect();
    let unknown = list(&entry("k0", "<Force>true</Force>"), false);
    for body in [list(&many, false), list("", false), "<Delete>".to_owned(), unknown, "x".into()] {
        let answer = world.post("/bkt?delete").body(body).send().await;
        answer.expect(400, "MalformedXML");
    }
    let bomb =
        "<!DOCTYPE Delete [<!ENTITY a \"aaaa\">]><Delete><Object><Key>&a;</Key></Object></Delete>";
    world.post("/bkt?delete").body(bomb).send().await.expect(400, "MalformedXML");
    world.get("/bkt/k0").send().await.ok();
    let mfa = world.post("/bkt?delete").header("x-amz-mfa", "serial 123456");
    let mfa = mfa.body(list(&entry("k0", ""), false)).send().await.expect(501, "NotImplemented");
    assert_eq!(mfa.element("Header"), Some("x-amz-mfa"));
    let anonymous = world.post("/bkt?delete").by(Caller::anonymous());
    let anonymous = anonymous.body(list(&entry("k0", ""), false)).send().await;
    anonymous.expect(403, "AccessDenied");
    world.get("/bkt/k0").send().await.ok();
}
