//! What is true of every bucket.

use crate::world::World;

#[tokio::test]
async fn settings_that_no_bucket_can_have_otherwise_are_told() {
    let world = World::with_bucket().await;
    for (query, root, expected) in [
        ("abac", "AbacStatus", "<Status>Disabled</Status>"),
        ("accelerate", "AccelerateConfiguration", ""),
        ("logging", "BucketLoggingStatus", ""),
        ("notification", "NotificationConfiguration", ""),
        ("requestPayment", "RequestPaymentConfiguration", "<Payer>BucketOwner</Payer>"),
        (
            "ownershipControls",
            "OwnershipControls",
            "<Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule>",
        ),
        (
            "publicAccessBlock",
            "PublicAccessBlockConfiguration",
            "<BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>\
             <BlockPublicPolicy>true</BlockPublicPolicy>\
             <RestrictPublicBuckets>true</RestrictPublicBuckets>",
        ),
    ] {
        let reply = world.get(&format!("/bkt?{query}")).send().await.ok();
        assert!(reply.text().contains(&format!("<{root} ")), "{}", reply.text());
        assert!(reply.text().contains(expected), "{}", reply.text());
        if expected.is_empty() {
            let empty =
                reply.text().ends_with("/>") || reply.text().ends_with(&format!("></{root}>"));
            assert!(empty, "{}", reply.text());
        }
        world.get(&format!("/none?{query}")).send().await.expect(404, "NoSuchBucket");
    }
    let acl = world.get("/bkt?acl").send().await.ok();
    assert_eq!(acl.elements("Permission"), ["FULL_CONTROL"]);
    let ids = acl.elements("ID");
    assert!(ids.len() == 2 && ids[0] == ids[1] && ids[0].len() == 64, "{}", acl.text());
}

#[tokio::test]
async fn configurations_that_no_bucket_has_are_not_found() {
    let world = World::with_bucket().await;
    for (query, code) in [
        ("cors", "NoSuchCORSConfiguration"),
        ("lifecycle", "NoSuchLifecycleConfiguration"),
        ("object-lock", "ObjectLockConfigurationNotFoundError"),
        ("policy", "NoSuchBucketPolicy"),
        ("policyStatus", "NoSuchBucketPolicy"),
        ("replication", "ReplicationConfigurationNotFoundError"),
        ("website", "NoSuchWebsiteConfiguration"),
        ("analytics&id=a", "NoSuchConfiguration"),
        ("intelligent-tiering&id=a", "NoSuchConfiguration"),
        ("inventory&id=a", "NoSuchConfiguration"),
        ("metrics&id=a", "NoSuchConfiguration"),
    ] {
        world.get(&format!("/bkt?{query}")).send().await.expect(404, code);
        world.get(&format!("/none?{query}")).send().await.expect(404, "NoSuchBucket");
    }
    for query in ["analytics", "intelligent-tiering", "inventory", "metrics"] {
        let list = world.get(&format!("/bkt?{query}")).send().await.ok();
        assert_eq!(list.element("IsTruncated"), Some("false"), "{}", list.text());
        assert_eq!(list.element("Id"), None);
        let second = world.get(&format!("/bkt?{query}&continuation-token=x")).send().await;
        second.expect(400, "InvalidArgument");
    }
}

/// That there is nothing is what a removal wants, except of one that is named.
#[tokio::test]
async fn what_no_bucket_has_can_be_removed() {
    let world = World::with_bucket().await;
    for query in ["lifecycle", "replication", "website"] {
        let reply = world.delete(&format!("/bkt?{query}")).send().await;
        assert_eq!((reply.status, reply.body.len()), (204, 0), "{query}");
    }
    for query in ["analytics", "intelligent-tiering", "inventory", "metrics"] {
        let removed = world.delete(&format!("/bkt?{query}&id=a")).send().await;
        removed.expect(404, "NoSuchConfiguration");
        let unnamed = world.delete(&format!("/bkt?{query}")).send().await;
        unnamed.expect(400, "InvalidArgument");
    }
    for query in ["lifecycle", "website", "metrics&id=a"] {
        world.delete(&format!("/none?{query}")).send().await.expect(404, "NoSuchBucket");
        let other = world.delete(&format!("/bkt?{query}"));
        let other = other.header("x-amz-expected-bucket-owner", "222222222222").send().await;
        other.expect(403, "AccessDenied");
    }
    world.get("/bkt").send().await.ok();
}

#[tokio::test]
async fn only_the_owner_pays_for_requests() {
    let world = World::with_bucket().await;
    let put = |payer: &str| {
        let body = format!(
            "<RequestPaymentConfiguration><Payer>{payer}</Payer></RequestPaymentConfiguration>"
        );
        world.put("/bkt?requestPayment").body(body).send()
    };
    put("BucketOwner").await.ok();
    put("Requester").await.expect(501, "NotImplemented");
    put("Nobody").await.expect(400, "MalformedXML");
    let shown = world.get("/bkt?requestPayment").send().await.ok();
    assert_eq!(shown.element("Payer"), Some("BucketOwner"));
    let accelerate = "<AccelerateConfiguration><Status>Enabled</Status></AccelerateConfiguration>";
    let accelerate = world.put("/bkt?accelerate").body(accelerate).send().await;
    accelerate.expect(501, "NotImplemented");
}
