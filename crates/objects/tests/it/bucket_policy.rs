//! Policies of buckets: what is taken, what it means for the next request, and what is left of it.

use std::sync::Arc;

use strongroom_access::{Caller, Entity, EntityKind, Principal};
use strongroom_store::{Batch, KeyRange, NewPayload, Protection, Write};

use crate::world::{Reply, World, canonical_id_of, root_of};

const OTHER: u64 = 222_222_222_222;
const OPEN: &str = "<PublicAccessBlockConfiguration/>";

/// A policy of one statement for `bkt` and all that is in it.
fn statement(effect: &str, principal: &str, actions: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"{effect}","Principal":{principal},"Action":{actions},"Resource":["arn:aws:s3:::bkt","arn:aws:s3:::bkt/*"]}}]}}"#
    )
}

async fn put(world: &World, policy: &str) -> Reply {
    world.put("/bkt?policy").body(policy.to_owned()).send().await
}

async fn open(world: &World) {
    world.put("/bkt?publicAccessBlock").body(OPEN).send().await.ok();
}

/// A bucket with an object.
async fn world() -> World {
    let world = World::with_bucket().await;
    world.put("/bkt/k").body("content").send().await.ok();
    world
}

#[tokio::test]
async fn a_policy_is_put_read_replaced_and_deleted() {
    let world = world().await;
    for query in ["policy", "policyStatus"] {
        world.get(&format!("/bkt?{query}")).send().await.expect(404, "NoSuchBucketPolicy");
    }
    let policy =
        statement("Allow", r#"{"AWS":"arn:aws:iam::222222222222:root"}"#, r#""s3:GetObject""#);
    let reply = put(&world, &policy).await;
    assert_eq!((reply.status, reply.recorded, reply.body.len()), (204, true, 0));
    assert_eq!(world.get("/bkt?policy").send().await.ok().text(), policy);
    let status = world.get("/bkt?policyStatus").send().await.ok();
    assert_eq!(status.element("IsPublic"), Some("false"));
    // An account by its number is shown by its ARN; all else stays as it was written.
    let short = format!(" {}\n", policy.replace("arn:aws:iam::222222222222:root", "222222222222"));
    let short = short.trim_start().to_owned();
    put(&world, &short).await.ok();
    assert_eq!(world.get("/bkt?policy").send().await.ok().text(), format!("{policy}\n"));
    for _ in 0..2 {
        let deleted = world.delete("/bkt?policy").send().await;
        assert_eq!((deleted.status, deleted.recorded), (204, true));
        world.get("/bkt?policy").send().await.expect(404, "NoSuchBucketPolicy");
    }
}

#[tokio::test]
async fn what_is_no_policy_of_the_bucket_is_refused_with_the_words_of_s3() {
    let world = world().await;
    let kept = statement("Allow", r#"{"AWS":"222222222222"}"#, r#""s3:GetObject""#);
    put(&world, &kept).await.ok();
    let everyone = r#"{"AWS":"111111111111"}"#;
    let get = r#""s3:GetObject""#;
    let good = statement("Deny", everyone, get);
    let padded = |bytes: usize| format!("{good}{}", " ".repeat(bytes - good.len()));
    for (policy, message) in [
        ("[]".to_owned(), "Policies must be valid JSON and the first byte must be '{'"),
        (String::from("{\"a\""), "This policy contains invalid Json"),
        (r#"{"Version":"2012-10-17"}"#.to_owned(), "Missing required field Statement"),
        (
            r#"{"Version":"2012-10-17","Statement":[]}"#.to_owned(),
            "Could not parse the policy: Statement is empty!",
        ),
        (
            good.replace("2012-10-17", "2011-01-01"),
            "The policy must contain a valid version string",
        ),
        (good.replace("\"Effect\":\"Deny\",", ""), "Missing required field Effect"),
        (good.replace("111111111111", "333333333333"), "Invalid principal in policy"),
        (good.replace("111111111111", "AIDAEXAMPLEEXAMPLE012"), "Invalid principal in policy"),
        (
            good.replace("111111111111", "arn:aws:iam::111111111111:user/nobody"),
            "Invalid principal in policy",
        ),
        (good.replace("s3:GetObject", "s3:Nothing"), "Policy has invalid action"),
        (good.replace("arn:aws:s3:::bkt/*", "arn:aws:s3:::other/*"), "Policy has invalid resource"),
        (good.replace("arn:aws:s3:::bkt/*", "*"), "Policy has invalid resource"),
        (
            good.replace(r#","arn:aws:s3:::bkt/*""#, ""),
            "Action does not apply to any resource(s) in statement",
        ),
    ] {
        let refused = put(&world, &policy).await;
        assert_eq!(
            (refused.status, refused.element("Code")),
            (400, Some("MalformedPolicy")),
            "{policy}"
        );
        assert_eq!(refused.element("Message").map(unescaped), Some(message.to_owned()), "{policy}");
    }
    put(&world, &padded(20_481)).await.expect(400, "MalformedPolicy");
    let deep = format!(r#"{{"Statement":{}{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    put(&world, &deep).await.expect(400, "MalformedPolicy");
    let shown = world.get("/bkt?policy").send().await.ok();
    assert_eq!(shown.text(), kept.replace("222222222222", "arn:aws:iam::222222222222:root"));
    put(&world, &padded(20_480)).await.ok();
}

fn unescaped(text: &str) -> String {
    text.replace("&apos;", "'").replace("&#39;", "'").replace("&quot;", "\"")
}

#[tokio::test]
async fn public_policies_need_an_open_bucket() {
    let world = world().await;
    let public = statement("Allow", "\"*\"", r#""s3:GetObject""#);
    let refused = put(&world, &public).await;
    let message = unescaped(refused.element("Message").unwrap());
    assert_eq!(
        message,
        "User: arn:aws:iam::111111111111:root is not authorized to perform: s3:PutBucketPolicy on \
         resource: \"arn:aws:s3:::bkt\" because public policies are prevented by the \
         BlockPublicPolicy setting in S3 Block Public Access."
    );
    refused.expect(403, "AccessDenied");
    world.get("/bkt?policy").send().await.expect(404, "NoSuchBucketPolicy");
    let anonymous = || world.get("/bkt/k").by(Caller::anonymous()).send();
    anonymous().await.expect(403, "AccessDenied");
    open(&world).await;
    put(&world, &public).await.ok();
    let status = world.get("/bkt?policyStatus").send().await.ok();
    assert_eq!(status.element("IsPublic"), Some("true"));
    assert_eq!(anonymous().await.ok().text(), "content");
    world.get("/bkt").by(Caller::anonymous()).send().await.expect(403, "AccessDenied");
    world.put("/bkt/k").by(Caller::anonymous()).send().await.expect(403, "AccessDenied");
    world.get("/bkt/none").by(Caller::anonymous()).send().await.expect(403, "AccessDenied");
    // What is public already is cut off, for all but the owner.
    let restrict = OPEN.replace("/>", "><RestrictPublicBuckets>true</RestrictPublicBuckets>")
        + "</PublicAccessBlockConfiguration>";
    world.put("/bkt?publicAccessBlock").body(restrict).send().await.ok();
    anonymous().await.expect(403, "AccessDenied");
    world.get("/bkt/k").by(root_of(OTHER)).send().await.expect(403, "AccessDenied");
    world.get("/bkt/k").send().await.ok();
    world.delete("/bkt?policy").send().await.ok();
    open(&world).await;
    anonymous().await.expect(403, "AccessDenied");
}

#[tokio::test]
async fn another_account_gets_what_it_is_granted_and_no_more() {
    let world = world().await;
    let by_other = |method: &str, target: &str| {
        world.call(method.parse().unwrap(), target).by(root_of(OTHER)).send()
    };
    by_other("GET", "/bkt/k").await.expect(403, "AccessDenied");
    let actions = r#"["s3:GetObject","s3:PutObject","s3:GetBucketPolicy","s3:PutBucketPolicy"]"#;
    for principal in [
        r#"{"AWS":"222222222222"}"#.to_owned(),
        format!(r#"{{"CanonicalUser":"{}"}}"#, canonical_id_of(OTHER)),
    ] {
        put(&world, &statement("Allow", &principal, actions)).await.ok();
        assert_eq!(by_other("GET", "/bkt/k").await.ok().text(), "content");
        by_other("GET", "/bkt/none").await.expect(403, "AccessDenied");
        by_other("DELETE", "/bkt/k").await.expect(403, "AccessDenied");
        by_other("GET", "/bkt?versioning").await.expect(403, "AccessDenied");
        // Policies stay with the owner's account, whatever they say.
        for method in ["GET", "DELETE"] {
            let refused = by_other(method, "/bkt?policy").await;
            assert!([403, 405].contains(&refused.status), "{}", refused.text());
        }
        let own = statement("Allow", &principal, r#""s3:*""#);
        let call = world.put("/bkt?policy").body(own).by(root_of(OTHER)).send().await;
        call.expect(405, "MethodNotAllowed");
        // What it writes belongs to the owner of the bucket.
        world.put("/bkt/theirs").body("x").by(root_of(OTHER)).send().await.ok();
        world.get("/bkt/theirs").send().await.ok();
    }
    world.get("/bkt/k").by(root_of(333_333_333_333)).send().await.expect(403, "AccessDenied");
    // The next request is judged by the next policy.
    put(&world, &statement("Deny", r#"{"AWS":"222222222222"}"#, r#""s3:GetObject""#)).await.ok();
    by_other("GET", "/bkt/k").await.expect(403, "AccessDenied");
}

#[tokio::test]
async fn who_may_not_list_does_not_learn_what_is_there() {
    let world = world().await;
    let by_other = |method: &str, target: &str| {
        world.call(method.parse().unwrap(), target).by(root_of(OTHER)).send()
    };
    let missing = [
        ("GET", "/bkt/none", "NoSuchKey"),
        ("HEAD", "/bkt/none", ""),
        ("GET", "/bkt/none?tagging", "NoSuchKey"),
        ("GET", "/bkt/k?versionId=00000000000000000000000000000000", "NoSuchVersion"),
    ];
    let object = [
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:GetObjectTagging",
        "s3:PutObject",
        "s3:ListBucketMultipartUploads",
    ];
    let grant = |actions: &[&str]| {
        let actions: Vec<_> = actions.iter().map(|action| format!("\"{action}\"")).collect();
        statement("Allow", r#"{"AWS":"222222222222"}"#, &format!("[{}]", actions.join(",")))
    };
    put(&world, &grant(&object)).await.ok();
    by_other("GET", "/bkt/k").await.ok();
    for (method, target, _) in missing {
        let refused = by_other(method, target).await;
        assert_eq!(refused.status, 403, "{method} {target}");
        assert!(refused.headers.get("x-amz-delete-marker").is_none());
    }
    world.put("/other").by(root_of(OTHER)).send().await.ok();
    let copy = || world.put("/other/copy").header("x-amz-copy-source", "/bkt/none");
    copy().by(root_of(OTHER)).send().await.expect(403, "AccessDenied");
    let conditional = world.put("/bkt/none").header("if-match", "\"x\"").by(root_of(OTHER));
    conditional.send().await.expect(403, "AccessDenied");
    put(&world, &grant(&[&object[..], &["s3:ListBucket", "s3:ListBucketVersions"]].concat()))
        .await
        .ok();
    for (method, target, code) in missing {
        let refused = by_other(method, target).await;
        assert_eq!(refused.status, 404, "{method} {target}");
        assert_eq!(refused.element("Code").unwrap_or_default(), code, "{method} {target}");
    }
    copy().by(root_of(OTHER)).send().await.expect(404, "NoSuchKey");
}

#[tokio::test]
async fn nobody_locks_himself_out_by_mistake() {
    let world = world().await;
    open(&world).await;
    let everyone = statement("Allow", "\"*\"", r#""s3:*""#);
    put(&world, &everyone).await.ok();
    let root = root_of(111_111_111_111);
    let Principal::Root { account, canonical_user_id } = root.principal else { panic!("a root") };
    let arn = "arn:aws:iam::111111111111:user/ada".parse().unwrap();
    let user_id = "AIDAEXAMPLEEXAMPLE012".to_owned();
    let kind = EntityKind::User { user_id, name: "ada".to_owned() };
    let entity = Entity { account, canonical_user_id, arn, kind };
    let ada = Caller { principal: Principal::Entity(Arc::new(entity)), ..root };
    let narrow = statement("Allow", r#"{"AWS":"222222222222"}"#, r#""s3:GetObject""#);
    let by_ada = || world.put("/bkt?policy").body(narrow.clone()).by(ada.clone());
    by_ada().send().await.expect(400, "MalformedPolicy");
    let unconfirmed = by_ada().header("x-amz-confirm-remove-self-bucket-access", "false");
    unconfirmed.send().await.expect(400, "MalformedPolicy");
    assert_eq!(world.get("/bkt?policy").send().await.ok().text(), everyone);
    world.put("/bkt?policy").body(everyone.clone()).by(ada.clone()).send().await.ok();
    let confirmed = by_ada().header("x-amz-confirm-remove-self-bucket-access", "true");
    confirmed.send().await.ok();
    by_ada().send().await.expect(403, "AccessDenied");
}

#[tokio::test]
async fn a_denied_root_can_still_mend_its_policy() {
    let world = world().await;
    let locked = statement("Deny", "\"*\"", r#""s3:*""#);
    put(&world, &locked).await.ok();
    for call in [world.get("/bkt/k"), world.get("/bkt"), world.put("/bkt/k"), world.delete("/bkt")]
    {
        call.send().await.expect(403, "AccessDenied");
    }
    world.put("/bkt?cors").body("x").send().await.expect(400, "MalformedXML");
    world.get("/bkt?policyStatus").send().await.expect(403, "AccessDenied");
    assert_eq!(world.get("/bkt?policy").send().await.ok().text(), locked);
    put(&world, &locked).await.ok();
    world.delete("/bkt?policy").send().await.ok();
    world.get("/bkt/k").send().await.ok();
}

#[tokio::test]
async fn a_policy_goes_with_its_bucket() {
    let world = World::with_bucket().await;
    open(&world).await;
    put(&world, &statement("Allow", "\"*\"", r#""s3:*""#)).await.ok();
    world.delete("/bkt").send().await.ok();
    assert!(world.store.metadata.scan(KeyRange::prefix(b"y"), 10).await.unwrap().is_empty());
    world.put("/bkt").send().await.ok();
    world.get("/bkt?policy").send().await.expect(404, "NoSuchBucketPolicy");
    world.get("/bkt").by(Caller::anonymous()).send().await.expect(403, "AccessDenied");
    let shown = world.get("/bkt?publicAccessBlock").send().await.ok();
    assert_eq!(shown.element("BlockPublicPolicy"), Some("true"));
}

#[tokio::test]
async fn a_policy_that_cannot_be_read_refuses_everybody() {
    let world = world().await;
    put(&world, &statement("Allow", r#"{"AWS":"222222222222"}"#, r#""s3:GetObject""#)).await.ok();
    let (key, entry) =
        world.store.metadata.scan(KeyRange::prefix(b"y"), 10).await.unwrap().remove(0);
    let mut value = entry.value.to_vec();
    let last = value.len() - 1;
    value[last] = b'x';
    // A fresh server has compiled nothing yet.
    let world = world.over(|store| store);
    let write = Write::Put {
        key,
        value: value.into(),
        payload: NewPayload::None,
        protection: Protection::default(),
    };
    let batch = Batch { writes: vec![write], ..Batch::default() };
    world.store.metadata.commit(batch).await.unwrap();
    for caller in [root_of(111_111_111_111), root_of(OTHER), Caller::anonymous()] {
        let refused = world.get("/bkt/k").by(caller).send().await;
        refused.expect(503, "ServiceUnavailable");
    }
}
