//! Block Public Access and object ownership of buckets.

use crate::world::{Reply, World, root_of};

const SETTINGS: [&str; 4] =
    ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"];

fn block(settings: &[(&str, &str)]) -> String {
    let settings = settings.iter().map(|(name, value)| format!("<{name}>{value}</{name}>"));
    let settings: String = settings.collect();
    format!("<PublicAccessBlockConfiguration>{settings}</PublicAccessBlockConfiguration>")
}

async fn put_block(world: &World, body: String) -> Reply {
    world.put("/bkt?publicAccessBlock").body(body).send().await
}

async fn blocked(world: &World) -> Vec<bool> {
    let shown = world.get("/bkt?publicAccessBlock").send().await.ok();
    SETTINGS.map(|name| shown.element(name).unwrap() == "true").to_vec()
}

fn ownership(mode: &str) -> String {
    format!(
        "<OwnershipControls><Rule><ObjectOwnership>{mode}</ObjectOwnership></Rule>\
         </OwnershipControls>"
    )
}

#[tokio::test]
async fn a_new_bucket_is_closed_until_it_is_opened_on_purpose() {
    let world = World::with_bucket().await;
    assert_eq!(blocked(&world).await, [true; 4]);
    let put =
        put_block(&world, block(&[("IgnorePublicAcls", "TRUE"), ("BlockPublicAcls", "false")]));
    let put = put.await;
    assert_eq!((put.status, put.recorded, put.body.len()), (200, true, 0));
    // What is not named is false.
    assert_eq!(blocked(&world).await, [false, true, false, false]);
    for _ in 0..2 {
        let deleted = world.delete("/bkt?publicAccessBlock").send().await;
        assert_eq!((deleted.status, deleted.recorded), (204, true));
        let shown = world.get("/bkt?publicAccessBlock").send().await;
        shown.expect(404, "NoSuchPublicAccessBlockConfiguration");
    }
    put_block(&world, block(&SETTINGS.map(|name| (name, "true")))).await.ok();
    assert_eq!(blocked(&world).await, [true; 4]);
}

#[tokio::test]
async fn only_the_owner_opens_a_bucket() {
    let world = World::with_bucket().await;
    let open = || block(&SETTINGS.map(|name| (name, "false")));
    let stranger = root_of(222_222_222_222);
    for call in [
        world.get("/bkt?publicAccessBlock"),
        world.delete("/bkt?publicAccessBlock"),
        world.put("/bkt?publicAccessBlock").body(open()),
        world.get("/bkt?ownershipControls"),
        world.delete("/bkt?ownershipControls"),
        world.put("/bkt?ownershipControls").body(ownership("BucketOwnerEnforced")),
    ] {
        call.by(stranger.clone()).send().await.expect(403, "AccessDenied");
    }
    for query in ["publicAccessBlock", "ownershipControls"] {
        let call = world.delete(&format!("/bkt?{query}"));
        let call = call.header("x-amz-expected-bucket-owner", "222222222222");
        call.send().await.expect(403, "AccessDenied");
    }
    assert_eq!(blocked(&world).await, [true; 4]);
}

#[tokio::test]
async fn settings_that_are_none_change_nothing() {
    let world = World::with_bucket().await;
    for body in [
        String::new(),
        block(&[("BlockPublicAcls", "no")]),
        block(&[("BlockPublicAcls", "")]),
        block(&[("BlockPublicAcls", "false"), ("BlockPublicAcls", "true")]),
        block(&[("BlockEverything", "true")]),
        "<PublicAccessBlock><BlockPublicAcls>false</BlockPublicAcls></PublicAccessBlock>"
            .to_owned(),
    ] {
        put_block(&world, body).await.expect(400, "MalformedXML");
    }
    assert_eq!(blocked(&world).await, [true; 4]);
}

#[tokio::test]
async fn the_owner_of_the_bucket_owns_its_objects() {
    let world = World::with_bucket().await;
    let shown = || world.get("/bkt?ownershipControls").send();
    assert_eq!(shown().await.ok().element("ObjectOwnership"), Some("BucketOwnerEnforced"));
    let put = |body: String| world.put("/bkt?ownershipControls").body(body).send();
    let set = put(ownership("BucketOwnerEnforced")).await;
    assert_eq!((set.status, set.recorded), (200, true));
    // Until ACLs are honoured nobody may believe that they are.
    for mode in ["BucketOwnerPreferred", "ObjectWriter"] {
        put(ownership(mode)).await.expect(501, "NotImplemented");
        let create = world.put("/other").header("x-amz-object-ownership", mode).send().await;
        create.expect(501, "NotImplemented");
    }
    world.delete("/bkt?ownershipControls").send().await.expect(501, "NotImplemented");
    for body in [
        ownership("Nobody"),
        ownership(""),
        "<OwnershipControls></OwnershipControls>".to_owned(),
        "<OwnershipControls><Rule></Rule></OwnershipControls>".to_owned(),
        ownership(
            "BucketOwnerEnforced</ObjectOwnership></Rule><Rule><ObjectOwnership>ObjectWriter",
        ),
    ] {
        put(body).await.expect(400, "MalformedXML");
    }
    let create = world.put("/other").header("x-amz-object-ownership", "Nobody").send().await;
    create.expect(400, "InvalidArgument");
    assert_eq!(shown().await.ok().element("ObjectOwnership"), Some("BucketOwnerEnforced"));
}
