//! Refusals: every operation, every caller, every member that is not built.

use http::Method;
use strongroom_access::{Caller, Principal};
use strongroom_model::s3;
use strongroom_objects::tables;
use strongroom_wire::{Disposition, Location, OperationSpec, OperationStatus, PathShape};

use crate::world::{Call, World, root_of};

/// A request that reaches an operation, with everything that it must have.
fn request_of<'a>(world: &'a World, spec: &OperationSpec) -> Call<'a> {
    let path = match spec.path {
        PathShape::Service => "/",
        PathShape::Bucket => "/bkt",
        PathShape::Object => "/bkt/k",
        PathShape::Fixed(path) => path,
    };
    let mut query: Vec<String> = Vec::new();
    for (name, value) in spec.query {
        query.push(value.map_or((*name).to_owned(), |value| format!("{name}={value}")));
    }
    for member in spec.members.iter().filter(|member| member.required && member.depth == 0) {
        if let Location::Query(name) = member.location
            && !spec.query.iter().any(|(fixed, _)| *fixed == name)
        {
            query.push(format!("{name}=1"));
        }
    }
    let method = Method::from_bytes(spec.method.as_bytes()).unwrap();
    let mut call = world.call(method, &format!("{path}?{}", query.join("&")));
    for member in spec.members.iter().filter(|member| member.required && member.depth == 0) {
        if let Location::Header(name) = member.location {
            let value = match name {
                "x-amz-copy-source" => "bkt/k",
                "x-amz-object-attributes" => "ETag",
                _ => "1",
            };
            call = call.header(name, value);
        }
    }
    call
}

fn is_built(operation: &str) -> bool {
    tables().status.contains(&(operation, OperationStatus::Implemented))
}

#[test]
fn every_member_of_every_built_operation_has_a_disposition() {
    tables().check().unwrap();
}

#[test]
fn every_operation_is_bound_once_and_as_the_table_says() {
    let world = World::new();
    assert_eq!(world.endpoints().len(), 111);
    for spec in s3::OPERATIONS {
        let mut bound = world.endpoints().iter().filter(|endpoint| endpoint.name() == spec.name);
        let endpoint = bound.next().unwrap();
        assert!(bound.next().is_none(), "{}", spec.name);
        let built = format!("{endpoint:?}").starts_with("BoundOperation");
        assert_eq!(built, is_built(spec.name), "{}", spec.name);
    }
}

#[tokio::test]
async fn operations_that_are_not_built_are_refused_by_name() {
    let world = World::with_bucket().await;
    world.put("/bkt/k").body("x").send().await.ok();
    for spec in s3::OPERATIONS.iter().filter(|spec| !is_built(spec.name)) {
        let reply = request_of(&world, spec).send().await;
        assert_eq!(reply.status, 501, "{}", spec.name);
        assert_eq!(reply.element("Code"), Some("NotImplemented"));
        assert!(reply.element("Message").unwrap().contains(spec.name), "{}", spec.name);
    }
}

#[tokio::test]
async fn strangers_are_refused_by_every_operation() {
    let world = World::with_bucket().await;
    world.put("/bkt/k").body("x").send().await.ok();
    let before = world.events().await.len();
    for spec in s3::OPERATIONS {
        for caller in [Caller::anonymous(), root_of(222_222_222_222)] {
            let anonymous = caller.principal == Principal::Anonymous;
            // A list of one's own buckets and a bucket of one's own are for everyone who has a key.
            let for_all_accounts = matches!(spec.path, PathShape::Service | PathShape::Fixed(_))
                || spec.name == "CreateBucket";
            let reply = request_of(&world, spec).by(caller).send().await;
            if anonymous || !for_all_accounts {
                // A body that is missing is a fault of the request, whoever sends it.
                let malformed = reply.status == 400 && spec.name != "GetObject";
                assert!(reply.status == 403 || malformed, "{} {}", spec.name, reply.status);
            } else {
                assert!([200, 409, 501].contains(&reply.status), "{}", spec.name);
            }
        }
    }
    assert_eq!(world.events().await.len(), before);
    assert_eq!(world.get("/bkt/k").send().await.text(), "x");
}

#[tokio::test]
async fn refused_members_are_named_and_change_nothing() {
    let world = World::with_bucket().await;
    let mut tried = 0;
    for (operation, path, disposition) in tables().members {
        let spec = s3::OPERATIONS.iter().find(|spec| spec.name == *operation).unwrap();
        let member = spec.members.iter().find(|member| member.path == *path).unwrap();
        let Location::Header(name) = member.location else { continue };
        if *disposition != Disposition::Refused || member.depth > 0 {
            continue;
        }
        let value = match path.rsplit('.').next().unwrap() {
            "ObjectLockMode" => "GOVERNANCE",
            "ObjectLockRetainUntilDate" => "2030-01-01T00:00:00Z",
            "ObjectLockLegalHoldStatus" => "ON",
            "ObjectLockEventHold" => "ON",
            "BypassGovernanceRetention" => "true",
            _ => "1",
        };
        let reply = request_of(&world, spec).header(name, value).send().await;
        assert!([400, 403, 501].contains(&reply.status), "{operation} {path} {}", reply.status);
        if reply.status == 501 {
            assert_eq!(reply.element("Header"), Some(name), "{operation} {path}");
        }
        assert!(!reply.recorded);
        tried += 1;
    }
    assert!(tried > 30, "{tried}");
    assert_eq!(world.head("/bkt/k").send().await.status, 404);
}

#[tokio::test]
async fn encryption_other_than_sse_s3_is_refused() {
    let world = World::with_bucket().await;
    let put = |headers: &[(&'static str, &'static str)]| {
        let call = world.put("/bkt/k").body("x");
        headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send()
    };
    let sse = "x-amz-server-side-encryption";
    let key = "x-amz-server-side-encryption-aws-kms-key-id";
    let context = "x-amz-server-side-encryption-context";
    let bucket_key = "x-amz-server-side-encryption-bucket-key-enabled";
    let customer = "x-amz-server-side-encryption-customer-algorithm";
    for (headers, status, code) in [
        (vec![(sse, "aes256")], 400, "InvalidArgument"),
        (vec![(sse, "aws:kms")], 501, "NotImplemented"),
        (vec![(sse, "aws:kms:dsse")], 501, "NotImplemented"),
        (vec![(sse, "aws:fsx")], 400, "InvalidArgument"),
        (vec![(sse, "AES256"), (key, "1")], 400, "InvalidArgument"),
        (vec![(sse, "AES256"), (context, "e30=")], 400, "InvalidArgument"),
        (vec![(sse, "AES256"), (bucket_key, "true")], 400, "InvalidArgument"),
        (vec![(key, "1")], 400, "InvalidArgument"),
        (vec![(context, "e30=")], 400, "InvalidArgument"),
        (vec![(bucket_key, "true")], 501, "NotImplemented"),
        (vec![(bucket_key, "maybe")], 400, "InvalidArgument"),
        (vec![(customer, "AES256")], 403, "AccessDenied"),
        (vec![(sse, "AES256"), (customer, "AES256")], 400, "InvalidArgument"),
    ] {
        put(&headers).await.expect(status, code);
    }
    assert_eq!(world.head("/bkt/k").send().await.status, 404);
    put(&[(sse, "AES256")]).await.ok();
    put(&[(bucket_key, "false")]).await.ok();
    for call in [world.get("/bkt/k"), world.head("/bkt/k")] {
        assert_eq!(call.header(sse, "AES256").send().await.status, 400);
    }
    for call in [world.get("/bkt/k"), world.put("/bkt/p?partNumber=1&uploadId=1").body("x")] {
        let refused = call.header(sse, "AES256").send().await.expect(400, "InvalidArgument");
        assert_eq!(refused.element("ArgumentName"), Some(sse));
        assert_eq!(refused.element("ArgumentValue"), Some("AES256"));
    }
    // Not what may be secret.
    let refused = world.get("/bkt/k?tagging").header(context, "e30=").send().await;
    let refused = refused.expect(400, "InvalidArgument");
    assert_eq!(refused.element("ArgumentName"), Some(context));
    assert!(!refused.text().contains("e30="), "{}", refused.text());
    let secret = "x-amz-server-side-encryption-customer-key";
    let refused = world.get("/bkt/k?tagging").header(secret, "c2VjcmV0").send().await;
    let refused = refused.expect(400, "InvalidArgument");
    assert!(!refused.text().contains("c2VjcmV0"), "{}", refused.text());
    let get = world.get("/bkt/k").header(customer, "AES256").send().await;
    get.expect(400, "InvalidRequest");
    // SPEC: data-protection, 2.7: the bucket blocks customer keys, on parts and copies too.
    let created = world.post("/bkt/p?uploads").header(customer, "AES256").send().await;
    created.expect(403, "AccessDenied");
    let copy = || world.put("/bkt/c").header("x-amz-copy-source", "/bkt/k");
    copy().header(customer, "AES256").send().await.expect(403, "AccessDenied");
    let of_source = "x-amz-copy-source-server-side-encryption-customer-algorithm";
    copy().header(of_source, "AES256").send().await.expect(400, "InvalidRequest");
    let part = world.put("/bkt/p?partNumber=1&uploadId=1").header(customer, "AES256").body("x");
    part.send().await.expect(403, "AccessDenied");
}

#[tokio::test]
async fn acls_and_classes_other_than_our_own_are_refused() {
    let world = World::with_bucket().await;
    let put = |name: &'static str, value: &'static str| {
        world.put("/bkt/k").header(name, value).body("x").send()
    };
    put("x-amz-acl", "public-read").await.expect(400, "AccessControlListNotSupported");
    put("x-amz-acl", "nonsense").await.expect(400, "InvalidArgument");
    put("x-amz-grant-read", "id=1").await.expect(400, "AccessControlListNotSupported");
    put("x-amz-storage-class", "STANDARD_IA").await.expect(400, "InvalidStorageClass");
    put("x-amz-storage-class", "SNOW").await.expect(400, "InvalidStorageClass");
    put("x-amz-storage-class", "nonsense").await.expect(400, "InvalidStorageClass");
    put("x-amz-write-offset-bytes", "0").await.expect(501, "NotImplemented");
    assert_eq!(world.head("/bkt/k").send().await.status, 404);
    put("x-amz-acl", "private").await.ok();
    put("x-amz-acl", "bucket-owner-full-control").await.ok();
    put("x-amz-storage-class", "STANDARD").await.ok();
}

#[tokio::test]
async fn errors_say_what_and_about_what() {
    let world = World::with_bucket().await;
    let missing = world.get("/bkt/none").send().await.expect(404, "NoSuchKey");
    assert_eq!(missing.element("Key"), Some("none"));
    assert_eq!(missing.element("Resource"), Some("/bkt/none"));
    assert!(missing.element("RequestId").is_some() && missing.element("HostId").is_some());
    let head = world.head("/bkt/none").send().await;
    assert_eq!((head.status, head.body.len()), (404, 0));
    let bucket = world.get("/none/k").send().await.expect(404, "NoSuchBucket");
    assert_eq!(bucket.element("BucketName"), Some("none"));
    let anonymous = world.get("/bkt/none").by(Caller::anonymous()).send().await;
    let present = world.put("/bkt/k").body("x").send().await;
    present.ok();
    let other = world.get("/bkt/k").by(Caller::anonymous()).send().await;
    // Who may not list learns nothing about what there is.
    assert_eq!((anonymous.status, other.status), (403, 403));
    assert_eq!(anonymous.element("Code"), other.element("Code"));
    world.get("/none/k").by(Caller::anonymous()).send().await.expect(404, "NoSuchBucket");
    world.put("/Bad_Name").send().await.expect(400, "InvalidBucketName");
}
