//! ACLs, where the owner of the bucket owns everything and ACLs say nothing.

use crate::world::{Reply, World, canonical_id_of, root_of};

const OWNER: u64 = 111_111_111_111;
const XSI: &str = "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"";

fn grant(kind: &str, who: &str, permission: &str) -> String {
    format!(
        "<Grant><Grantee {XSI} xsi:type=\"{kind}\">{who}</Grantee>\
         <Permission>{permission}</Permission></Grant>"
    )
}

fn user(number: u64, permission: &str) -> String {
    grant("CanonicalUser", &format!("<ID>{}</ID>", canonical_id_of(number)), permission)
}

fn document(owner: u64, grants: &str) -> String {
    format!(
        "<AccessControlPolicy><Owner><ID>{}</ID><DisplayName>me</DisplayName></Owner>\
         <AccessControlList>{grants}</AccessControlList></AccessControlPolicy>",
        canonical_id_of(owner)
    )
}

async fn world() -> World {
    let world = World::with_bucket().await;
    world.put("/bkt/k").body("x").send().await.ok();
    world
}

async fn put(world: &World, target: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let call = world.put(&format!("{target}?acl")).body(body.to_owned());
    headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send().await
}

const TARGETS: [&str; 2] = ["/bkt", "/bkt/k"];

#[tokio::test]
async fn the_owner_has_full_control_and_a_request_may_say_so() {
    let world = world().await;
    let owner = canonical_id_of(OWNER).to_string();
    let by_id = format!("id=\"{owner}\"");
    for target in TARGETS {
        let shown = world.get(&format!("{target}?acl")).send().await.ok();
        assert_eq!(shown.elements("ID"), [owner.as_str(), owner.as_str()]);
        assert_eq!(shown.elements("Permission"), ["FULL_CONTROL"]);
        put(&world, target, &[("x-amz-grant-full-control", &by_id)], "").await.ok();
        put(&world, target, &[], &document(OWNER, &user(OWNER, "FULL_CONTROL"))).await.ok();
    }
    // Only objects know this one by name.
    let canned = [("x-amz-acl", "bucket-owner-full-control")];
    put(&world, "/bkt/k", &canned, "").await.ok();
    put(&world, "/bkt", &canned, "").await.expect(400, "InvalidArgument");
    let put = world.put("/bkt/k2").header("x-amz-acl", "bucket-owner-full-control");
    put.send().await.ok();
    for acl in ["public-read", "authenticated-read"] {
        for call in [world.put("/bkt/k3"), world.post("/bkt/k3?uploads=")] {
            let call = call.header("x-amz-acl", acl).send().await;
            call.expect(400, "AccessControlListNotSupported");
        }
    }
    world.get("/bkt/k3").send().await.expect(404, "NoSuchKey");
}

#[tokio::test]
async fn whatever_else_an_acl_says_is_refused() {
    let world = world().await;
    let all = "<URI>http://acs.amazonaws.com/groups/global/AllUsers</URI>";
    let other = format!("id=\"{}\"", canonical_id_of(222_222_222_222));
    let all_header = "uri=\"http://acs.amazonaws.com/groups/global/AllUsers\"";
    let not_supported = "AccessControlListNotSupported";
    let full = user(OWNER, "FULL_CONTROL");
    for target in TARGETS {
        for (headers, body, code) in [
            (vec![("x-amz-acl", "private")], String::new(), not_supported),
            (vec![("x-amz-acl", "public-read")], String::new(), not_supported),
            (vec![("x-amz-grant-read", all_header)], String::new(), not_supported),
            (vec![("x-amz-grant-full-control", other.as_str())], String::new(), not_supported),
            (vec![], document(OWNER, ""), not_supported),
            (vec![], document(OWNER, &user(OWNER, "READ")), not_supported),
            (
                vec![],
                document(OWNER, &(full.clone() + &grant("Group", all, "READ"))),
                not_supported,
            ),
            (vec![], document(OWNER, &user(222_222_222_222, "FULL_CONTROL")), not_supported),
            (vec![("x-amz-acl", "public")], String::new(), "InvalidArgument"),
            (vec![("x-amz-grant-read", "id=\"00\"")], String::new(), "InvalidArgument"),
            (vec![("x-amz-grant-read", "uri=\"http://x\"")], String::new(), "InvalidArgument"),
            (vec![], document(OWNER, &user(99, "READ")), "InvalidArgument"),
            (
                vec![],
                document(OWNER, &grant("Group", "<URI>http://x</URI>", "READ")),
                "InvalidArgument",
            ),
            (
                vec![("x-amz-acl", "private"), ("x-amz-grant-read", all_header)],
                String::new(),
                "InvalidRequest",
            ),
            (vec![("x-amz-acl", "private")], document(OWNER, &full), "UnexpectedContent"),
            (vec![("x-amz-grant-read", all_header)], document(OWNER, &full), "UnexpectedContent"),
            (vec![], String::new(), "MissingSecurityHeader"),
            (vec![("x-amz-grant-read", "somebody")], String::new(), "MalformedACLError"),
            (vec![], "<AccessControlPolicy>".to_owned(), "MalformedACLError"),
            (vec![], document(OWNER, &user(OWNER, "EVERYTHING")), "MalformedACLError"),
            (vec![], document(OWNER, &grant("Nobody", "<ID>1</ID>", "READ")), "MalformedACLError"),
            (vec![], document(OWNER, &grant("Group", "<ID>1</ID>", "READ")), "MalformedACLError"),
            (vec![], document(OWNER, &full.repeat(101)), "MalformedACLError"),
            (
                vec![],
                format!("<!DOCTYPE a [<!ENTITY b \"c\">]>{}", document(OWNER, &full)),
                "MalformedACLError",
            ),
        ] {
            let refused = put(&world, target, &headers, &body).await;
            assert_eq!(refused.element("Code"), Some(code), "{target} {headers:?} {body}");
            assert_eq!(refused.status, 400, "{target} {headers:?} {body}");
        }
        put(&world, target, &[], &document(OWNER, &full.repeat(100))).await.ok();
        let email = "<EmailAddress>a@example.com</EmailAddress>";
        let email = document(OWNER, &grant("AmazonCustomerByEmail", email, "READ"));
        put(&world, target, &[], &email).await.expect(405, "MethodNotAllowed");
        let foreign = document(222_222_222_222, &full);
        put(&world, target, &[], &foreign).await.expect(403, "AccessDenied");
        let shown = world.get(&format!("{target}?acl")).send().await.ok();
        assert_eq!(shown.elements("Permission"), ["FULL_CONTROL"]);
    }
}

#[tokio::test]
async fn an_acl_belongs_to_a_version_that_is_there() {
    let world = world().await;
    let full = [("x-amz-acl", "bucket-owner-full-control")];
    world.get("/bkt/none?acl").send().await.expect(404, "NoSuchKey");
    put(&world, "/bkt/none", &full, "").await.expect(404, "NoSuchKey");
    let version = "versionId=00000000000000000000000000000000";
    world.get(&format!("/bkt/k?acl&{version}")).send().await.expect(404, "NoSuchVersion");
    world.get("/bkt/k?acl&versionId=null").send().await.ok();
    for target in TARGETS {
        let call = world.get(&format!("{target}?acl")).by(root_of(222_222_222_222));
        call.send().await.expect(403, "AccessDenied");
    }
}
