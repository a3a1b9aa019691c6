//! Every operation of the model, tried by everybody who may not do it, and by the one who may.
//!
//! The requests are made from the operation table, so a new operation is tried the day it appears.
//! `tests/golden/sweep.txt` shows who hears what.

mod callers;
mod requests;

use std::fmt::Write;
use std::path::Path;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use strongroom_access::{Circumstances, S3_NEEDS};
use strongroom_model::s3::OPERATIONS;
use strongroom_testkit::{Call, Keys, Reply, Role};
use strongroom_wire::{PathShape, RequestHead};

use self::callers::Stranger;
use self::requests::request;
use crate::world::{BUCKET, CONTENT, KEY, World, policy};

#[test]
fn no_stranger_gets_past_the_door_of_any_operation() {
    let world = World::new();
    let before = world.server.contents().unwrap();
    let mut wrong = Vec::new();
    for spec in OPERATIONS {
        for stranger in Stranger::ALL {
            let reply = world.server.send(&stranger.dress(&world, request(&world, spec))).unwrap();
            let expected = stranger.expected(spec);
            if reply.outcome() != expected {
                let (who, heard) = (stranger.name(), reply.outcome());
                wrong.push(format!("{} {who}: {heard}, not {expected}", spec.name));
            }
            let after = world.server.contents().unwrap();
            assert!(after == before, "{} by {stranger:?} changed the store", spec.name);
            assert_names_its_request(&reply);
            assert_tells_nothing(&reply);
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_account_hears_an_answer_to_every_operation() {
    for spec in OPERATIONS {
        // A world of its own: many of them destroy it.
        let world = World::new();
        let reply = world.server.send_signed(request(&world, spec)).unwrap();
        let by_name = reply.status == 501
            && reply.element("Code") == Some("NotImplemented")
            && reply.element("Message").is_some_and(|message| message.contains(spec.name));
        assert!(reply.status < 500 || by_name, "{}: {reply:?}", spec.name);
        assert!(reply.status != 403, "{}: {reply:?}", spec.name);
        assert_names_its_request(&reply);
    }
}

/// SPEC: data-protection, INT-040 and INT-041.
#[test]
fn documents_that_change_something_need_a_digest() {
    let world = World::new();
    let before = world.server.contents().unwrap();
    let mut needed = 0;
    for spec in OPERATIONS.iter().filter(|spec| spec.checksum_required) {
        let mut call = request(&world, spec);
        call.headers.retain(|(name, _)| name != "content-md5");
        let heard = world.server.send_signed(call).unwrap().outcome();
        // What is not built says so, whatever comes with it.
        let by_name = heard == "501 NotImplemented";
        assert!(by_name || heard == "400 InvalidRequest", "{}: {heard}", spec.name);
        needed += u32::from(!by_name);
        let mut call = request(&world, spec);
        call.body.push(b' ');
        let heard = world.server.send_signed(call).unwrap().outcome();
        assert!(by_name || heard == "400 BadDigest", "{}: {heard}", spec.name);
        assert!(world.server.contents().unwrap() == before, "{}", spec.name);
    }
    assert!(needed >= 6, "{needed}");
}

/// The rows of each operation are enough, and none of them is needless: who may do exactly these
/// things hears what the root hears, and who lacks one of those that are asked hears a denial.
#[test]
fn who_may_do_exactly_what_an_operation_asks_hears_what_the_root_hears() {
    for (operation, needs) in S3_NEEDS {
        let spec = OPERATIONS.iter().find(|spec| spec.name == *operation).unwrap();
        let world = World::new();
        let call = request(&world, spec);
        let hear = |world: &World, keys: &Keys| {
            let call = request(world, spec).sign(&world.server.signer(keys)).unwrap();
            world.server.send(&call).unwrap().outcome()
        };
        let add = |world: &World, actions: &[&str]| {
            let statements: Vec<_> = actions.iter().map(|action| ("Allow", *action)).collect();
            let account = world.server.main().account;
            world.server.cast().add(account, Role::User, &policy(&statements)).unwrap()
        };
        // Those whose condition holds for the request of the sweep, which names no version.
        let (mut asked, mut kept) = (Vec::new(), Vec::new());
        for need in *needs {
            let about = Circumstances::default();
            match need.when.holds(&head_of(&call), about) {
                true => asked.push(need.action),
                false => kept.push(need.action),
            }
        }
        for lacking in &asked {
            let rest: Vec<_> = asked.iter().copied().filter(|action| action != lacking).collect();
            let rest: Vec<_> = rest.into_iter().chain(kept.iter().copied()).collect();
            let rest: Vec<_> = rest.into_iter().filter(|action| action != lacking).collect();
            let keys = add(&world, if rest.is_empty() { &["s3:None"] } else { &rest });
            let outcome = hear(&world, &keys);
            let (denied, head) = ("403 AccessDenied", &"403 AccessDenied"[..3]);
            let expected = if spec.method == "HEAD" { head } else { denied };
            let by_key = *operation == "DeleteObjects" && outcome == "200 AccessDenied";
            assert!(outcome == expected || by_key, "{operation} without {lacking}: {outcome}");
        }
        let all = add(&world, &asked);
        let outcome = hear(&world, &all);
        let other = World::new();
        assert_eq!(outcome, hear(&other, other.server.main()), "{operation} with {asked:?}");
        let other = World::new();
        assert_eq!(outcome, hear(&other, &other.people.admin), "{operation} by the admin");
    }
}

/// Whoever may do everything but list cannot tell what is not there from what it may not see.
#[test]
fn who_may_not_list_hears_nothing_of_what_is_absent() {
    let world = World::new();
    let mut tried = 0;
    for spec in OPERATIONS.iter().filter(|spec| spec.path == PathShape::Object) {
        let there = request(&world, spec);
        let path = there.path.replace(KEY, "none/object");
        for query in [there.query.clone(), format!("{}&versionId=null", there.query)] {
            if query.contains("versionId") && !spec.takes_query("versionId") {
                continue;
            }
            let absent = Call { path: path.clone(), query, ..there.clone() };
            let hear = |keys: &Keys| {
                let call = absent.clone().sign(&world.server.signer(keys)).unwrap();
                world.server.send(&call).unwrap().outcome()
            };
            let told = hear(world.server.main());
            if !["404 NoSuchKey", "404 NoSuchVersion", "404"].contains(&told.as_str()) {
                continue;
            }
            let hidden = if spec.method == "HEAD" { "403" } else { "403 AccessDenied" };
            assert_eq!(hear(&world.people.blind), hidden, "{}", spec.name);
            assert_eq!(hear(&world.people.admin), told, "{}", spec.name);
            tried += 1;
        }
    }
    assert!(tried >= 8, "only {tried}");
}

/// Also whether an upload, a part or a version exists: all of it lies under the key.
#[test]
fn strangers_cannot_tell_whether_an_object_exists() {
    const ABSENT: &str = "none/object";
    assert_eq!(ABSENT.len(), KEY.len());
    let world = World::new();
    for spec in OPERATIONS.iter().filter(|spec| spec.path == PathShape::Object) {
        for stranger in [Stranger::Anonymous, Stranger::OtherAccount] {
            let there = request(&world, spec);
            let path = there.path.replace(KEY, ABSENT);
            let absent = Call { path, ..there.clone() };
            let hear = |call| world.server.send(&stranger.dress(&world, call)).unwrap();
            let (there, absent) = (hear(there), hear(absent));
            let (status, headers, body) = absent.without_ids();
            let absent = (status, headers, body.replace(ABSENT, KEY));
            assert_eq!(there.without_ids(), absent, "{} {stranger:?}", spec.name);
        }
    }
}

/// Conditions and ranges are judged after the decision: a stranger learns neither times nor tags.
#[test]
fn conditions_tell_strangers_nothing() {
    let world = World::new();
    let get = world.server.call("GET", &format!("/{BUCKET}/{KEY}"));
    let etag = world.server.send_signed(get).unwrap().header("etag").unwrap().to_owned();
    let headers = [
        ("if-match", etag.as_str()),
        ("if-match", "\"none\""),
        ("if-none-match", etag.as_str()),
        ("if-none-match", "*"),
        ("if-modified-since", "Thu, 01 Jan 2032 00:00:00 GMT"),
        ("if-modified-since", "Thu, 01 Jan 1998 00:00:00 GMT"),
        ("if-unmodified-since", "Thu, 01 Jan 1998 00:00:00 GMT"),
        ("range", "bytes=0-0"),
        ("range", "bytes=1000-"),
        ("x-amz-checksum-mode", "ENABLED"),
        ("x-amz-copy-source-if-none-match", etag.as_str()),
        ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
    ];
    let before = world.server.contents().unwrap();
    for spec in OPERATIONS.iter().filter(|spec| spec.path == PathShape::Object) {
        for stranger in [Stranger::Anonymous, Stranger::OtherAccount] {
            for (name, value) in headers {
                let call = request(&world, spec).header(name, value);
                let reply = world.server.send(&stranger.dress(&world, call)).unwrap();
                let expected = stranger.expected(spec);
                assert_eq!(reply.outcome(), expected, "{} {stranger:?} {name}", spec.name);
            }
        }
    }
    assert!(world.server.contents().unwrap() == before);
}

/// SPEC: access-control, 2.9: that a bucket does not exist is told to everybody.
#[test]
fn everybody_hears_the_same_of_a_bucket_that_does_not_exist() {
    let world = World::new();
    let before = world.server.contents().unwrap();
    for spec in OPERATIONS.iter().filter(|spec| spec.name != "CreateBucket") {
        if !matches!(spec.path, PathShape::Bucket | PathShape::Object) {
            continue;
        }
        for stranger in [Stranger::Anonymous, Stranger::OtherAccount] {
            let there = request(&world, spec);
            let path = there.path.replace(BUCKET, "none-bucket");
            let call = stranger.dress(&world, Call { path, ..there });
            let reply = world.server.send(&call).unwrap();
            let expected = if spec.method == "HEAD" { "404" } else { "404 NoSuchBucket" };
            assert_eq!(reply.outcome(), expected, "{} {stranger:?}", spec.name);
        }
    }
    assert!(world.server.contents().unwrap() == before);
}

/// SPEC: access-control, 4.4.
#[test]
fn an_owner_who_expects_another_owner_is_refused() {
    let world = World::new();
    let before = world.server.contents().unwrap();
    let takes = |spec: &&&strongroom_wire::OperationSpec| {
        spec.takes_header("x-amz-expected-bucket-owner") && spec.name != "CreateBucket"
    };
    let mut tried = 0;
    for spec in OPERATIONS.iter().filter(takes) {
        let other = world.server.other().account.to_string();
        for (owner, refusal) in [
            (other, "403 AccessDenied"),
            ("nonsense".to_owned(), "400 InvalidBucketOwnerAWSAccountID"),
            (String::new(), "400 InvalidBucketOwnerAWSAccountID"),
        ] {
            let call = request(&world, spec).header("x-amz-expected-bucket-owner", owner);
            let reply = world.server.send_signed(call).unwrap();
            let status = refusal.split(' ').next().unwrap();
            let expected = if spec.method == "HEAD" { status } else { refusal };
            assert_eq!(reply.outcome(), expected, "{}", spec.name);
            tried += 1;
        }
    }
    assert!(tried > 200, "only {tried} requests");
    assert!(world.server.contents().unwrap() == before);
}

#[test]
fn the_golden_file_shows_who_hears_what() {
    let world = World::new();
    let mut text = String::from(
        "What each caller hears from each operation. `UPDATE_GOLDEN=1` writes this file anew.\n\n\
         The same for every operation, but for those named below (a HEAD shows no code):\n\n",
    );
    let mut exceptions = String::new();
    for stranger in Stranger::ALL {
        let hear =
            |spec| world.server.send(&stranger.dress(&world, request(&world, spec))).unwrap();
        let heard: Vec<_> = OPERATIONS.iter().map(|spec| (spec, hear(spec).outcome())).collect();
        let usual = &heard[0].1;
        let _ = writeln!(text, "  {:<22}{usual}", stranger.name());
        for (spec, outcome) in &heard {
            let shown = if spec.method == "HEAD" { &usual[..3] } else { usual };
            if outcome != shown {
                let _ = writeln!(exceptions, "  {:<22}{:<24}{outcome}", stranger.name(), spec.name);
            }
        }
    }
    let _ = write!(text, "\nExceptions:\n\n{exceptions}\nThe root of the account:\n\n");
    for spec in OPERATIONS {
        let world = World::new();
        let heard = world.server.send_signed(request(&world, spec)).unwrap().outcome();
        let _ = writeln!(text, "  {:<52}{heard}", spec.name);
    }
    check_golden("sweep.txt", &text);
}

#[test]
fn the_world_is_what_the_sweep_believes_it_is() {
    let world = World::new();
    let get = world.server.call("GET", &format!("/{BUCKET}/{KEY}"));
    let reply = world.server.send_signed(get).unwrap();
    assert_eq!((reply.status, reply.body.as_slice()), (200, CONTENT));
    let parts = format!("/{BUCKET}/{KEY}?uploadId={}", world.upload_id);
    let reply = world.server.send_signed(world.server.call("GET", &parts)).unwrap();
    assert_eq!(reply.element("PartNumber"), Some("1"));
    assert_eq!(OPERATIONS.len(), 111);
}

fn head_of(call: &Call) -> RequestHead {
    let mut headers = HeaderMap::new();
    for (name, value) in &call.headers {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_bytes(value).unwrap());
    }
    let method = Method::from_bytes(call.method.as_bytes()).unwrap();
    RequestHead::new(method, &call.path, &call.query, headers).unwrap()
}

/// Every refusal can be found again, and carries what S3's carry.
fn assert_names_its_request(reply: &Reply) {
    let id = reply.header("x-amz-request-id").unwrap();
    assert_eq!(id.len(), 16, "{reply:?}");
    assert!(reply.header("x-amz-id-2").is_some());
    if reply.status >= 400 && !reply.body.is_empty() {
        assert_eq!(reply.element("RequestId"), Some(id));
        assert!(reply.element("Message").is_some_and(|message| !message.is_empty()));
    }
}

/// Nothing of the content, of the owner or of the secret comes out with a refusal.
fn assert_tells_nothing(reply: &Reply) {
    let text = format!("{:?}{}", reply.headers, String::from_utf8_lossy(&reply.body));
    assert!(!text.contains("what must not be lost"), "{text}");
    let of_objects =
        ["etag", "last-modified", "content-range", "x-amz-version-id", "accept-ranges"];
    assert!(reply.headers.iter().all(|(name, _)| !of_objects.contains(&name.as_str())), "{text}");
    // A listing of one's own buckets, the only success that a stranger can have.
    let own = reply.outcome() == "200";
    assert!(!own || !text.contains(BUCKET), "{text}");
}

#[expect(clippy::disallowed_methods, reason = "golden text is kept in files beside the tests")]
fn check_golden(name: &str, text: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let file = folder.join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&file, text).unwrap();
    }
    let golden = std::fs::read_to_string(&file).unwrap_or_default();
    if let Some((line, (old, new))) =
        golden.lines().zip(text.lines()).enumerate().find(|(_, (old, new))| old != new)
    {
        panic!("{name}, line {}:\n  was  {old}\n  is   {new}", line + 1);
    }
    assert_eq!(golden.lines().count(), text.lines().count(), "{name}");
}
