//! Conditional requests.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::world::World;

const ETAG: &str = "\"5eb63bbbe01eeed093cb22bb8f5acdc3\"";
const OTHER: &str = "\"00000000000000000000000000000000\"";
const BEFORE: &str = "Fri, 15 Jan 2027 07:59:59 GMT";
const WRITTEN: &str = "Fri, 15 Jan 2027 08:00:00 GMT";
const AFTER: &str = "Fri, 15 Jan 2027 09:00:00 GMT";

async fn world() -> World {
    let world = World::with_bucket().await;
    world.put("/bkt/k").body("hello world").send().await.ok();
    world
}

#[tokio::test]
async fn reads_are_judged_by_etag_and_date() {
    let world = world().await;
    let bare = ETAG.trim_matches('"');
    let cases: &[(&[(&str, &str)], u16)] = &[
        (&[("if-match", ETAG)], 200),
        (&[("if-match", bare)], 200),
        (&[("if-match", "*")], 200),
        (&[("if-match", OTHER)], 412),
        (&[("if-none-match", ETAG)], 304),
        (&[("if-none-match", bare)], 304),
        (&[("if-none-match", OTHER)], 200),
        (&[("if-modified-since", BEFORE)], 200),
        (&[("if-modified-since", WRITTEN)], 304),
        (&[("if-modified-since", AFTER)], 304),
        (&[("if-modified-since", "nonsense")], 200),
        (&[("if-unmodified-since", BEFORE)], 412),
        (&[("if-unmodified-since", WRITTEN)], 200),
        (&[("if-unmodified-since", "nonsense")], 200),
        (&[("if-match", ETAG), ("if-unmodified-since", BEFORE)], 200),
        (&[("if-none-match", ETAG), ("if-modified-since", BEFORE)], 304),
        (&[("if-none-match", OTHER), ("if-modified-since", AFTER)], 200),
    ];
    for (headers, status) in cases {
        for call in [world.get("/bkt/k"), world.head("/bkt/k")] {
            let call = headers.iter().fold(call, |call, (name, value)| call.header(name, value));
            let got = call.send().await;
            assert_eq!(got.status, *status, "{headers:?}");
            if *status == 304 {
                assert!(got.body.is_empty());
                assert_eq!(got.header("etag"), Some(ETAG));
                assert_eq!(got.header("last-modified"), Some(WRITTEN));
            }
        }
    }
    let failed = world.get("/bkt/k").header("if-match", OTHER).send().await;
    let failed = failed.expect(412, "PreconditionFailed");
    assert_eq!(failed.element("Condition"), Some("If-Match"));
    let absent = world.get("/bkt/none").header("if-match", ETAG).send().await;
    absent.expect(404, "NoSuchKey");
}

#[tokio::test]
async fn writes_may_ask_for_an_absent_or_a_known_object() {
    let world = World::with_bucket().await;
    let put = |name: &'static str, value: &'static str, body: &'static str| {
        world.put("/bkt/k").header(name, value).body(body).send()
    };
    put("if-match", ETAG, "x").await.expect(404, "NoSuchKey");
    put("if-none-match", "*", "hello world").await.ok();
    let failed = put("if-none-match", "*", "y").await.expect(412, "PreconditionFailed");
    assert_eq!(failed.element("Condition"), Some("If-None-Match"));
    let refused = put("if-none-match", ETAG, "y").await.expect(501, "NotImplemented");
    assert_eq!(refused.element("Header"), Some("If-None-Match"));
    put("if-match", OTHER, "y").await.expect(412, "PreconditionFailed");
    let both = world.put("/bkt/k").header("if-match", ETAG).header("if-none-match", "*");
    both.send().await.expect(501, "NotImplemented");
    assert_eq!(world.get("/bkt/k").send().await.text(), "hello world");
    put("if-match", ETAG.trim_matches('"'), "second").await.ok();
    put("if-match", ETAG, "third").await.expect(412, "PreconditionFailed");
    assert_eq!(world.get("/bkt/k").send().await.text(), "second");
    put("if-match", "*", "fourth").await.ok();
    world.delete("/bkt/k").send().await.ok();
    put("if-none-match", "*", "fifth").await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_racing_creations_one_succeeds() {
    let world = Arc::new(World::with_bucket().await);
    let mut racers = JoinSet::new();
    for racer in 0..50 {
        let world = Arc::clone(&world);
        racers.spawn(async move {
            let body = format!("racer {racer}");
            world.put("/bkt/k").header("if-none-match", "*").body(body).send().await.status
        });
    }
    let mut statuses = racers.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses[..1], [200]);
    assert!(statuses[1..].iter().all(|status| *status == 412));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_conditional_increments_lose_no_update() {
    let world = Arc::new(World::with_bucket().await);
    world.put("/bkt/counter").body("0").send().await.ok();
    let mut racers = JoinSet::new();
    for _ in 0..8 {
        let world = Arc::clone(&world);
        racers.spawn(async move {
            let mut done = 0;
            while done < 10 {
                let got = world.get("/bkt/counter").send().await.ok();
                let next = got.text().parse::<u32>().unwrap() + 1;
                let etag = got.header("etag").unwrap();
                let put = world.put("/bkt/counter").header("if-match", etag);
                match put.body(next.to_string()).send().await.status {
                    200 => done += 1,
                    412 => {}
                    other => panic!("{other}"),
                }
            }
        });
    }
    racers.join_all().await;
    assert_eq!(world.get("/bkt/counter").send().await.text(), "80");
}

#[tokio::test]
async fn deletions_may_ask_for_a_known_object() {
    let world = world().await;
    world.clock.advance(Duration::from_secs(60));
    let delete =
        |name: &'static str, value: &'static str| world.delete("/bkt/k").header(name, value).send();
    delete("if-match", OTHER).await.expect(412, "PreconditionFailed");
    delete("x-amz-if-match-size", "12").await.expect(412, "PreconditionFailed");
    delete("x-amz-if-match-size", "-1").await.expect(400, "InvalidArgument");
    delete("x-amz-if-match-last-modified-time", AFTER).await.expect(412, "PreconditionFailed");
    world.get("/bkt/k").send().await.ok();
    let all = world.delete("/bkt/k").header("if-match", ETAG).header("x-amz-if-match-size", "11");
    let all = all.header("x-amz-if-match-last-modified-time", WRITTEN).send().await;
    assert_eq!(all.status, 204);
    for value in ["*", ETAG] {
        let absent = world.delete("/bkt/k").header("if-match", value).send().await;
        assert_eq!(absent.status, 204);
    }
}

/// RFC 9110, 13.1.5: a range of another object than the one that is meant is the whole of it.
#[tokio::test]
async fn a_range_is_of_the_object_that_is_meant() {
    let world = World::with_bucket().await;
    let put = world.put("/bkt/k").body("0123456789").send().await.ok();
    let etag = put.header("etag").unwrap().to_owned();
    let date = "Fri, 15 Jan 2027 08:00:00 GMT";
    let ranged = |value: &str| {
        world.get("/bkt/k").header("range", "bytes=2-4").header("if-range", value).send()
    };
    for value in [etag.as_str(), etag.trim_matches('"'), date] {
        let part = ranged(value).await.ok();
        assert_eq!((part.status, part.text()), (206, "234"), "{value}");
    }
    let weak = format!("W/{etag}");
    for value in [
        "\"5eb63bbbe01eeed093cb22bb8f5acdc3\"",
        weak.as_str(),
        "Fri, 15 Jan 2027 07:59:59 GMT",
        "Fri, 15 Jan 2027 08:00:01 GMT",
        "*",
        "nonsense",
        "",
    ] {
        let whole = ranged(value).await.ok();
        assert_eq!((whole.status, whole.text()), (200, "0123456789"), "{value}");
        assert_eq!(whole.header("content-range"), None);
    }
    // A range outside the object is none of the other object's business.
    let beyond = world.get("/bkt/k").header("range", "bytes=99-").header("if-range", "\"x\"");
    assert_eq!(beyond.send().await.ok().status, 200);
    let beyond = world.get("/bkt/k").header("range", "bytes=99-").header("if-range", &etag);
    beyond.send().await.expect(416, "InvalidRange");
    // Without a range it says nothing, and HEAD follows GET.
    assert_eq!(world.get("/bkt/k").header("if-range", "\"x\"").send().await.ok().status, 200);
    let head = world.head("/bkt/k").header("range", "bytes=2-4").header("if-range", "\"x\"");
    assert_eq!(head.send().await.ok().header("content-length"), Some("10"));
}

#[tokio::test]
async fn attributes_have_the_conditions_of_reads() {
    let world = World::with_bucket().await;
    let put = world.put("/bkt/k").body("x").send().await.ok();
    let etag = put.header("etag").unwrap().to_owned();
    let ask = |name: &str, value: &str| {
        let call = world.get("/bkt/k?attributes").header("x-amz-object-attributes", "ETag");
        call.header(name, value).send()
    };
    let (before, later) = ("Fri, 15 Jan 2027 07:00:00 GMT", "Fri, 15 Jan 2027 09:00:00 GMT");
    ask("if-match", &etag).await.ok();
    ask("if-match", "\"x\"").await.expect(412, "PreconditionFailed");
    assert_eq!(ask("if-none-match", &etag).await.status, 304);
    ask("if-none-match", "\"x\"").await.ok();
    assert_eq!(ask("if-modified-since", later).await.status, 304);
    ask("if-modified-since", before).await.ok();
    ask("if-unmodified-since", before).await.expect(412, "PreconditionFailed");
    ask("if-unmodified-since", later).await.ok();
    ask("if-unmodified-since", "no date").await.ok();
}

/// Conditions that S3 does not know are refused: who sends one relies on it.
#[tokio::test]
async fn conditions_that_would_be_ignored_are_refused() {
    let world = World::with_bucket().await;
    world.put("/bkt/k").body("old").send().await.ok();
    let date = "Fri, 15 Jan 2027 07:00:00 GMT";
    for (name, value) in [("if-unmodified-since", date), ("if-modified-since", "nonsense")] {
        for call in [
            world.put("/bkt/k").body("new"),
            world.put("/bkt/k").header("x-amz-copy-source", "bkt/k"),
            world.delete("/bkt/k"),
        ] {
            let refused = call.header(name, value).send().await.expect(501, "NotImplemented");
            assert_eq!(refused.element("Header"), Some(name));
        }
    }
    let none = world.delete("/bkt/k").header("if-none-match", "*").send().await;
    none.expect(501, "NotImplemented");
    assert_eq!(world.get("/bkt/k").send().await.ok().text(), "old");
}

/// What an operation does not have, and would have to be kept or obeyed, is refused.
#[tokio::test]
async fn what_belongs_to_another_operation_is_refused_and_changes_nothing() {
    let world = World::with_bucket().await;
    world.put("/bkt/k").header("x-amz-tagging", "a=b").body("old").send().await.ok();
    let started = world.post("/bkt/m?uploads").send().await.ok();
    let upload = started.element("UploadId").unwrap().to_owned();
    let part = format!("/bkt/m?uploadId={upload}&partNumber=1");
    for (call, name, value) in [
        (world.delete("/bkt"), "if-match", "\"zz\""),
        (world.delete("/bkt"), "x-amz-mfa", "1 2"),
        (world.delete("/bkt/k?tagging"), "if-match", "\"zz\""),
        (world.delete(&format!("/bkt/m?uploadId={upload}")), "if-match", "\"zz\""),
        (world.put("/other"), "if-none-match", "*"),
        (world.put("/other"), "x-amz-expected-bucket-owner", "999999999999"),
        (world.post("/bkt/k?uploads"), "if-none-match", "*"),
        (world.put(&part).body("x"), "if-match", "\"zz\""),
        (world.put(&part).body("x"), "x-amz-meta-a", "b"),
        (world.put(&part).body("x"), "x-amz-storage-class", "GLACIER"),
        (world.put("/bkt/k").body("new"), "x-amz-copy-source-if-match", "\"zz\""),
        (world.put("/bkt/k").body("new"), "x-amz-source-expected-bucket-owner", "999999999999"),
        (world.put("/bkt/k").body("new"), "x-amz-if-match-size", "99"),
        (world.put("/bkt/k").body("new"), "x-amz-mp-object-size", "99"),
        (
            world.put("/bkt/k").header("x-amz-copy-source", "bkt/k"),
            "x-amz-copy-source-range",
            "bytes=0-1",
        ),
    ] {
        let refused = call.header(name, value).send().await.expect(501, "NotImplemented");
        assert_eq!(refused.element("Header"), Some(name));
    }
    for call in [
        world.put("/bkt/k?versionId=null").body("new"),
        world.put("/bkt/k?versionId=").body("new"),
        world.put("/bkt/k?versionId=null").header("x-amz-copy-source", "bkt/k"),
        world.post("/bkt/k?uploads&versionId=null"),
    ] {
        let refused = call.send().await.expect(400, "InvalidArgument");
        assert_eq!(refused.element("ArgumentName"), Some("versionId"));
    }
    assert_eq!(world.get("/bkt/k").send().await.ok().text(), "old");
    assert!(world.get("/bkt/k?tagging").send().await.ok().text().contains("<Key>a</Key>"));
    world.head("/other").send().await.expect(404, "");
    assert_eq!(
        world.get(&format!("/bkt/m?uploadId={upload}")).send().await.ok().elements("Part").len(),
        0
    );
    // In a read they ask for nothing that could be lost.
    world.get("/bkt?list-type=2").header("if-none-match", "\"zz\"").send().await.ok();
}
