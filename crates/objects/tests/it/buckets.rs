//! Buckets.

use crate::world::{World, root_of};

#[tokio::test]
async fn a_bucket_is_made_found_and_deleted() {
    let world = World::new();
    let made = world.put("/bkt").send().await.ok();
    assert_eq!(made.header("location"), Some("/bkt"));
    assert_eq!(made.header("x-amz-bucket-arn"), Some("arn:aws:s3:::bkt"));
    assert!(made.recorded);
    let found = world.head("/bkt").send().await.ok();
    assert_eq!(found.header("x-amz-bucket-region"), Some("us-east-1"));
    let deleted = world.delete("/bkt").send().await;
    assert_eq!((deleted.status, deleted.recorded), (204, true));
    world.delete("/bkt").send().await.expect(404, "NoSuchBucket");
    assert_eq!(world.head("/bkt").send().await.status, 404);
}

#[tokio::test]
async fn names_are_unique_over_all_accounts() {
    let world = World::new();
    world.put("/bkt").send().await.ok();
    let mine = world.put("/bkt").send().await.expect(409, "BucketAlreadyOwnedByYou");
    assert_eq!(mine.element("BucketName"), Some("bkt"));
    let other = root_of(222_222_222_222);
    world.put("/bkt").by(other.clone()).send().await.expect(409, "BucketAlreadyExists");
    world.head("/bkt").by(other.clone()).send().await;
    world.delete("/bkt").by(other.clone()).send().await.expect(403, "AccessDenied");
    world.delete("/bkt").send().await.ok();
    world.put("/bkt").by(other).send().await.ok();
    world.get("/bkt?location").send().await.expect(403, "AccessDenied");
}

#[tokio::test]
async fn a_bucket_made_again_is_another_bucket() {
    let world = World::with_bucket().await;
    world.put("/bkt/key").body("v").send().await.ok();
    world.delete("/bkt").send().await.expect(409, "BucketNotEmpty");
    world.delete("/bkt/key").send().await.ok();
    world.delete("/bkt").send().await.ok();
    world.put("/bkt").send().await.ok();
    world.get("/bkt/key").send().await.expect(404, "NoSuchKey");
}

fn location(region: &str) -> String {
    format!(
        "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
         <LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
    )
}

#[tokio::test]
async fn the_location_is_that_of_the_server() {
    let world = World::new();
    let put = |region: &str| world.put("/bkt").body(location(region)).send();
    put("eu-central-1").await.expect(400, "IllegalLocationConstraintException");
    put("us-east-1").await.expect(400, "InvalidLocationConstraint");
    world.put("/bkt").send().await.ok();
    let answer = world.get("/bkt?location").send().await.ok();
    assert!(answer.text().contains("LocationConstraint"), "{}", answer.text());
    assert_eq!(answer.elements("LocationConstraint").concat(), "");

    let world = World::in_region("eu-central-1");
    let put = |region: &str| world.put("/bkt").body(location(region)).send();
    world.put("/bkt").send().await.expect(400, "IllegalLocationConstraintException");
    put("us-east-1").await.expect(400, "IllegalLocationConstraintException");
    put("eu-central-1").await.ok();
    let answer = world.get("/bkt?location").send().await.ok();
    assert!(answer.text().contains(">eu-central-1</LocationConstraint>"), "{}", answer.text());
    let found = world.head("/bkt").send().await.ok();
    assert_eq!(found.header("x-amz-bucket-region"), Some("eu-central-1"));
}

#[tokio::test]
async fn settings_that_are_not_built_are_refused_and_make_no_bucket() {
    let world = World::new();
    for (header, value, status, code) in [
        ("x-amz-acl", "public-read", 400, "InvalidBucketAclWithObjectOwnership"),
        ("x-amz-acl", "nonsense", 400, "InvalidArgument"),
        ("x-amz-grant-read", "id=1", 400, "InvalidBucketAclWithObjectOwnership"),
        ("x-amz-bucket-object-lock-enabled", "true", 501, "NotImplemented"),
        ("x-amz-object-ownership", "ObjectWriter", 501, "NotImplemented"),
        ("x-amz-bucket-namespace", "account-regional", 501, "NotImplemented"),
    ] {
        let refused = world.put("/bkt").header(header, value).send().await.expect(status, code);
        assert!(!refused.recorded);
        if code == "NotImplemented" {
            assert_eq!(refused.element("Header"), Some(header));
        }
    }
    assert_eq!(world.head("/bkt").send().await.status, 404);
    world
        .put("/bkt")
        .header("x-amz-acl", "private")
        .header("x-amz-bucket-object-lock-enabled", "false")
        .header("x-amz-object-ownership", "BucketOwnerEnforced")
        .send()
        .await
        .ok();
}

#[tokio::test]
async fn lists_hold_the_callers_buckets_page_by_page() {
    let world = World::new();
    for name in ["aa1", "aa2", "bb1", "bb2", "bb3"] {
        world.put(&format!("/{name}")).send().await.ok();
    }
    world.put("/bb0").by(root_of(222_222_222_222)).send().await.ok();
    let all = world.get("/").send().await.ok();
    assert_eq!(all.elements("Name"), ["aa1", "aa2", "bb1", "bb2", "bb3"]);
    assert_eq!(all.element("CreationDate"), Some("2027-01-15T08:00:00.000Z"));
    assert_eq!(all.element("ID").unwrap().len(), 64);
    assert_eq!(all.element("ContinuationToken"), None);
    let prefixed = world.get("/?prefix=bb").send().await.ok();
    assert_eq!(prefixed.elements("Name"), ["bb1", "bb2", "bb3"]);
    assert_eq!(prefixed.element("Prefix"), Some("bb"));
    for size in 1..=6 {
        let mut names = Vec::new();
        let mut token = String::new();
        loop {
            let page = world.get(&format!("/?max-buckets={size}{token}")).send().await.ok();
            let found = page.elements("Name");
            assert!(found.len() <= size);
            names.extend(found.into_iter().map(str::to_owned));
            match page.element("ContinuationToken") {
                Some(next) => token = format!("&continuation-token={next}"),
                None => break,
            }
        }
        assert_eq!(names, ["aa1", "aa2", "bb1", "bb2", "bb3"], "{size}");
    }
    for bad in ["0", "10001", "-1", "x"] {
        let answer = world.get(&format!("/?max-buckets={bad}")).send().await;
        answer.expect(400, "InvalidArgument");
    }
    let bad_token = world.get("/?continuation-token=%21").send().await;
    bad_token.expect(400, "InvalidArgument");
    let elsewhere = world.get("/?bucket-region=eu-central-1").send().await.ok();
    assert!(elsewhere.elements("Name").is_empty());
    let here = world.get("/?bucket-region=us-east-1").send().await.ok();
    assert_eq!(here.elements("Name").len(), 5);
}

#[tokio::test]
async fn the_expected_owner_is_compared() {
    let world = World::with_bucket().await;
    let head = |owner: &'static str| {
        world.get("/bkt?location").header("x-amz-expected-bucket-owner", owner).send()
    };
    head("111111111111").await.ok();
    head("222222222222").await.expect(403, "AccessDenied");
    head("nonsense").await.expect(400, "InvalidBucketOwnerAWSAccountID");
    head("11111111111").await.expect(400, "InvalidBucketOwnerAWSAccountID");
    let twice = world.get("/bkt?location").header("x-amz-expected-bucket-owner", "111111111111");
    let twice = twice.header("x-amz-expected-bucket-owner", "222222222222").send().await;
    twice.expect(400, "InvalidBucketOwnerAWSAccountID");
}
