//! CORS rules of buckets.

use strongroom_access::CrossOrigin;
use strongroom_store::KeyRange;

use crate::world::{Reply, World, root_of};

const RULES: &str = "<CORSConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
    <CORSRule><ID>first</ID><AllowedHeader>x-amz-*</AllowedHeader>\
    <AllowedMethod>PUT</AllowedMethod><AllowedMethod>GET</AllowedMethod>\
    <AllowedOrigin>https://*.example.com</AllowedOrigin><ExposeHeader>ETag</ExposeHeader>\
    <MaxAgeSeconds>60</MaxAgeSeconds></CORSRule>\
    <CORSRule><AllowedMethod>HEAD</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule>\
    </CORSConfiguration>";

async fn put(world: &World, rules: impl Into<String>) -> Reply {
    world.put("/bkt?cors").body(rules.into()).send().await
}

fn rule(inner: &str) -> String {
    format!("<CORSRule>{inner}</CORSRule>")
}

fn document(rules: &str) -> String {
    format!("<CORSConfiguration>{rules}</CORSConfiguration>")
}

const ORIGIN: &str = "<AllowedOrigin>a</AllowedOrigin>";
const METHOD: &str = "<AllowedMethod>GET</AllowedMethod>";

#[tokio::test]
async fn rules_are_put_read_replaced_and_deleted() {
    let world = World::with_bucket().await;
    let put_reply = put(&world, RULES).await;
    assert_eq!((put_reply.status, put_reply.recorded, put_reply.body.len()), (200, true, 0));
    let shown = world.get("/bkt?cors").send().await.ok();
    assert!(shown.text().ends_with(RULES), "{}", shown.text());
    put(&world, document(&rule(&format!("{ORIGIN}{METHOD}")))).await.ok();
    let shown = world.get("/bkt?cors").send().await.ok();
    assert_eq!(shown.elements("AllowedOrigin"), ["a"]);
    assert_eq!((shown.element("ID"), shown.element("MaxAgeSeconds")), (None, None));
    for _ in 0..2 {
        let deleted = world.delete("/bkt?cors").send().await;
        assert_eq!((deleted.status, deleted.recorded), (204, true));
        world.get("/bkt?cors").send().await.expect(404, "NoSuchCORSConfiguration");
    }
}

#[tokio::test]
async fn rules_belong_to_the_bucket_and_go_with_it() {
    let world = World::with_bucket().await;
    let name = "bkt".parse().unwrap();
    assert_eq!(world.service.cors_rules(&name).await.unwrap(), None);
    put(&world, RULES).await.ok();
    assert_eq!(world.service.cors_rules(&name).await.unwrap().unwrap().rules().len(), 2);
    let stranger = root_of(222_222_222_222);
    for call in
        [world.get("/bkt?cors"), world.delete("/bkt?cors"), world.put("/bkt?cors").body(RULES)]
    {
        call.by(stranger.clone()).send().await.expect(403, "AccessDenied");
    }
    let other = world.put("/bkt?cors").body(document(&rule(&format!("{ORIGIN}{METHOD}"))));
    let other = other.header("x-amz-expected-bucket-owner", "222222222222").send().await;
    other.expect(403, "AccessDenied");
    assert_eq!(world.service.cors_rules(&name).await.unwrap().unwrap().rules().len(), 2);
    world.delete("/bkt").send().await.ok();
    assert_eq!(world.service.cors_rules(&name).await.unwrap(), None);
    assert!(world.store.metadata.scan(KeyRange::prefix(b"c"), 10).await.unwrap().is_empty());
    world.put("/bkt").send().await.ok();
    assert_eq!(world.service.cors_rules(&name).await.unwrap(), None);
    world.get("/bkt?cors").send().await.expect(404, "NoSuchCORSConfiguration");
}

#[tokio::test]
async fn rules_that_s3_does_not_take_are_refused_and_change_nothing() {
    let world = World::with_bucket().await;
    put(&world, RULES).await.ok();
    let good = format!("{ORIGIN}{METHOD}");
    let with = |more: &str| document(&rule(&format!("{good}{more}")));
    let header = |value: &str| with(&format!("<AllowedHeader>{value}</AllowedHeader>"));
    let expose = |value: &str| with(&format!("<ExposeHeader>{value}</ExposeHeader>"));
    for (code, document) in [
        ("MalformedXML", document("")),
        ("MalformedXML", document(&rule(ORIGIN))),
        ("MalformedXML", document(&rule(METHOD))),
        ("MalformedXML", with("<Unknown>1</Unknown>")),
        ("MalformedXML", with("<MaxAgeSeconds>soon</MaxAgeSeconds>")),
        ("MalformedXML", with("<ID>1</ID><ID>2</ID>")),
        ("MalformedXML", String::new()),
        ("MalformedXML", "<CORSConfiguration>".to_owned()),
        ("MalformedXML", "<WebsiteConfiguration/>".to_owned()),
        ("MalformedXML", format!("<!DOCTYPE x [<!ENTITY e \"a\">]>{}", header("&e;"))),
        ("InvalidRequest", document(&rule(&good).repeat(101))),
        ("InvalidRequest", with("<AllowedMethod>PATCH</AllowedMethod>")),
        ("InvalidRequest", with("<AllowedMethod>get</AllowedMethod>")),
        ("InvalidRequest", with("<AllowedOrigin>http://*.*</AllowedOrigin>")),
        ("InvalidRequest", header("*a*")),
        ("InvalidRequest", header("")),
        ("InvalidRequest", expose("x-*")),
        ("InvalidRequest", expose("a&#13;&#10;set-cookie: b")),
        ("InvalidRequest", with("<MaxAgeSeconds>-1</MaxAgeSeconds>")),
        ("InvalidRequest", with(&format!("<ID>{}</ID>", "i".repeat(256)))),
        ("InvalidRequest", with(&format!("<AllowedOrigin>{}</AllowedOrigin>", "o".repeat(65_536)))),
    ] {
        let cut: String = document.chars().take(200).collect();
        let refused = put(&world, document.clone()).await;
        assert_eq!((refused.status, refused.element("Code")), (400, Some(code)), "{cut}");
    }
    put(&world, document(&rule(&good).repeat(100))).await.ok();
    put(&world, RULES).await.ok();
    let shown = world.get("/bkt?cors").send().await.ok();
    assert!(shown.text().ends_with(RULES), "{}", shown.text());
}
