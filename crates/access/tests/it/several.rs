//! Requests that ask several questions, and decisions that are made again.

use strongroom_access::{Caller, Denial, Operands};
use strongroom_model::s3;

use crate::scene::{A, B, Scene, allow, at_once, of_bucket, root, user};

/// A user who may do exactly these things.
fn may(actions: &str, method: &str, target: &str) -> Scene {
    Scene::new(user(A, "alice"), method, target).with(&allow(actions))
}

/// That an operation needs every one of these actions, and no others.
#[track_caller]
fn needs<Op: Operands>(actions: &[&str], scene: impl Fn(&str) -> Scene) {
    let listed = |without: Option<&&str>| {
        let kept = actions.iter().filter(|action| Some(*action) != without);
        let kept: Vec<_> = kept.map(|action| format!("\"{action}\"")).collect();
        if kept.is_empty() { r#""s3:None""#.to_owned() } else { kept.join(",") }
    };
    scene(&listed(None)).allowed::<Op>();
    for action in actions {
        let message = scene(&listed(Some(action))).denied::<Op>();
        assert!(message.contains(&format!("perform: {action} on")), "{message}");
    }
}

#[test]
fn each_question_must_be_allowed() {
    needs::<s3::GetObject>(&["s3:GetObject"], |a| may(a, "GET", "/bkt/k"));
    needs::<s3::GetObject>(&["s3:GetObjectVersion"], |a| may(a, "GET", "/bkt/k?versionId=null"));
    needs::<s3::GetObjectAttributes>(&["s3:GetObject", "s3:GetObjectAttributes"], |a| {
        may(a, "GET", "/bkt/k?attributes").header("x-amz-object-attributes", "ETag")
    });
    let put = |a: &str| may(a, "PUT", "/bkt/k");
    needs::<s3::PutObject>(&["s3:PutObject"], put);
    needs::<s3::PutObject>(&["s3:PutObject", "s3:PutObjectTagging"], |a| {
        put(a).header("x-amz-tagging", "a=b")
    });
    needs::<s3::PutObject>(&["s3:PutObject", "s3:PutObjectAcl"], |a| {
        put(a).header("x-amz-acl", "private")
    });
    needs::<s3::PutObject>(&["s3:PutObject", "s3:PutObjectRetention"], |a| {
        put(a).header("x-amz-object-lock-mode", "GOVERNANCE")
    });
    needs::<s3::PutObject>(&["s3:PutObject", "s3:PutObjectLegalHold"], |a| {
        put(a).header("x-amz-object-lock-legal-hold", "ON")
    });
    needs::<s3::PutObject>(&["s3:PutObject", "s3:GetObject"], |a| {
        put(a).header("if-match", "\"0\"")
    });
    let delete = |a: &str, target: &str| may(a, "DELETE", target);
    needs::<s3::DeleteObject>(&["s3:DeleteObject"], |a| delete(a, "/bkt/k"));
    needs::<s3::DeleteObject>(&["s3:DeleteObjectVersion"], |a| delete(a, "/bkt/k?versionId=null"));
    let bypass = ["s3:DeleteObject", "s3:BypassGovernanceRetention"];
    needs::<s3::DeleteObject>(&bypass, |a| {
        delete(a, "/bkt/k").header("x-amz-bypass-governance-retention", "true")
    });
    needs::<s3::HeadBucket>(&["s3:ListBucket"], |a| may(a, "HEAD", "/bkt"));
    needs::<s3::ListBuckets>(&["s3:ListAllMyBuckets"], |a| may(a, "GET", "/"));
    needs::<s3::DeleteBucketCors>(&["s3:PutBucketCORS"], |a| may(a, "DELETE", "/bkt?cors"));
    let locked =
        ["s3:CreateBucket", "s3:PutBucketVersioning", "s3:PutBucketObjectLockConfiguration"];
    needs::<s3::CreateBucket>(&locked, |a| {
        may(a, "PUT", "/new-bucket").header("x-amz-bucket-object-lock-enabled", "true")
    });
}

#[test]
fn a_copy_needs_its_source_and_the_tags_that_it_copies() {
    let copy = |a: &str| may(a, "PUT", "/bkt/k").header("x-amz-copy-source", "bkt/s");
    needs::<s3::CopyObject>(&["s3:PutObject", "s3:GetObject"], copy);
    let tagged = ["s3:PutObject", "s3:GetObject", "s3:GetObjectTagging", "s3:PutObjectTagging"];
    needs::<s3::CopyObject>(&tagged, |a| copy(a).object_tag("a", "b"));
    // Tags that are not copied need not be read.
    needs::<s3::CopyObject>(&["s3:PutObject", "s3:GetObject"], |a| {
        copy(a).object_tag("a", "b").header("x-amz-tagging-directive", "REPLACE")
    });
    needs::<s3::CopyObject>(&["s3:PutObject", "s3:GetObjectVersion"], |a| {
        may(a, "PUT", "/bkt/k").header("x-amz-copy-source", "bkt/s?versionId=null")
    });
    needs::<s3::UploadPartCopy>(&["s3:PutObject", "s3:GetObject"], |a| {
        let scene = may(a, "PUT", "/bkt/k?partNumber=1&uploadId=u");
        scene.header("x-amz-copy-source", "bkt/s")
    });
}

#[test]
fn the_source_of_a_copy_is_judged_by_the_rules_of_its_own_bucket() {
    let copy = |caller: Caller| {
        let scene = Scene::new(caller, "PUT", "/bkt/k").header("x-amz-copy-source", "src/s");
        scene.world.make_bucket("src", B);
        scene
    };
    assert_eq!(copy(root(A)).denied::<s3::CopyObject>(), "Access Denied");
    let granted = of_bucket("Allow", r#"{"AWS":"111111111111"}"#, r#""s3:GetObject""#, "");
    let granted = granted.replace("s3:::bkt", "s3:::src");
    let policy =
        strongroom_policy::Policy::parse(strongroom_policy::PolicyKind::Bucket, granted.as_bytes());
    let policy = std::sync::Arc::new(policy.unwrap());
    let policy = strongroom_access::HeldPolicy::new("bucket-policy", "1", policy);
    let scene = copy(root(A));
    scene.world.change("src", |controls| controls.bucket_policy = Some(policy));
    scene.allowed::<s3::CopyObject>();
    let expecting = copy(root(A)).header("x-amz-source-expected-bucket-owner", "111111111111");
    expecting.denied::<s3::CopyObject>();
}

fn delete_list(keys: &[&str]) -> String {
    let entries: String = keys.iter().map(|key| format!("<Object>{key}</Object>")).collect();
    format!("<Delete>{entries}</Delete>")
}

#[test]
fn each_key_of_a_list_is_decided_by_itself() {
    let policy = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"s3:DeleteObject","Resource":"arn:aws:s3:::bkt/a/*"},
        {"Effect":"Allow","Action":"s3:DeleteObjectVersion","Resource":"arn:aws:s3:::bkt/b/*"}]}"#;
    let list = delete_list(&[
        "<Key>a/1</Key>",
        "<Key>b/1</Key>",
        "<Key>b/1</Key><VersionId>null</VersionId>",
        "<Key>a/1</Key><VersionId>null</VersionId>",
        "<Key>a/2</Key><ETag>\"0\"</ETag>",
    ]);
    let scene = Scene::new(user(A, "alice"), "POST", "/bkt?delete").with(policy).body(&list);
    let mut permit = scene.ask::<s3::DeleteObjects>().unwrap();
    let outcomes: Vec<_> = permit.keys().iter().map(Result::is_ok).collect();
    assert_eq!(outcomes, [true, false, true, false, false]);
    at_once(permit.renew()).unwrap();
    let outcomes: Vec<_> = permit.keys().iter().map(Result::is_ok).collect();
    assert_eq!(outcomes, [true, false, true, false, false]);
    // Who could be allowed no key hears it of the whole request.
    let hopeless = Scene::new(user(A, "alice"), "POST", "/bkt?delete").body(&list);
    hopeless.denied::<s3::DeleteObjects>();
    let own = Scene::new(root(A), "POST", "/bkt?delete").body(&list);
    assert!(own.ask::<s3::DeleteObjects>().unwrap().keys().iter().all(Result::is_ok));
}

#[test]
fn a_decision_made_again_sees_what_has_changed() {
    let deny = of_bucket("Deny", r#""*""#, r#""s3:PutObject""#, "");
    let scene = may(r#""s3:PutObject""#, "PUT", "/bkt/k");
    let mut permit = scene.ask::<s3::PutObject>().unwrap();
    at_once(permit.renew()).unwrap();
    scene.world.standing.lock().identity_policies.clear();
    assert!(matches!(at_once(permit.renew()), Err(Denial::AccessDenied { .. })));
    let scene = scene.with(&allow(r#""s3:PutObject""#));
    at_once(permit.renew()).unwrap();
    let scene = scene.guarded(&deny);
    assert!(matches!(at_once(permit.renew()), Err(Denial::AccessDenied { .. })));
    scene.world.change("bkt", |controls| controls.bucket_policy = None);
    at_once(permit.renew()).unwrap();
    scene.world.buckets.lock().remove("bkt");
    assert!(matches!(at_once(permit.renew()), Err(Denial::NoSuchBucket(_))));
    // Another bucket of the same name is another bucket, whatever it allows.
    scene.world.make_bucket("aaa", A);
    scene.world.make_bucket("bkt", A);
    assert!(matches!(at_once(permit.renew()), Err(Denial::NoSuchBucket(_))));
}

#[test]
fn a_list_whose_bucket_gets_a_policy_meanwhile_has_to_be_sent_again() {
    let list = delete_list(&["<Key>a</Key>"]);
    let scene = Scene::new(root(A), "POST", "/bkt?delete").body(&list);
    let mut permit = scene.ask::<s3::DeleteObjects>().unwrap();
    at_once(permit.renew()).unwrap();
    scene.guarded(&of_bucket("Deny", r#""*""#, r#""s3:DeleteObject""#, ""));
    assert_eq!(at_once(permit.renew()), Err(Denial::Unavailable));
}
