//! Condition keys: each filled from a fact of the request, or absent.

use std::sync::atomic::Ordering;

use strongroom_access::Caller;
use strongroom_model::s3;

use crate::scene::{A, Scene, allow, federated, of_bucket, root, session, statement, user};

/// A user whose policy allows everything under one condition.
fn under(caller: Caller, method: &str, target: &str, condition: &str) -> Scene {
    Scene::new(caller, method, target).with(&statement("Allow", r#""*""#, r#""*""#, condition))
}

fn equals(key: &str, value: &str) -> String {
    format!(r#""StringEquals":{{"{key}":"{value}"}}"#)
}

fn absent(key: &str) -> String {
    format!(r#""Null":{{"{key}":"true"}}"#)
}

fn alice() -> Caller {
    user(A, "alice")
}

#[test]
fn keys_of_principals_are_those_of_the_table() {
    let get = |caller, condition: String| under(caller, "GET", "/bkt/k", &condition);
    for (key, value) in [
        ("aws:PrincipalArn", "arn:aws:iam::111111111111:user/dev/alice"),
        ("aws:PrincipalAccount", "111111111111"),
        ("aws:PrincipalType", "User"),
        ("aws:userid", "AIDAalice"),
        ("aws:username", "alice"),
        ("AWS:PRINCIPALTAG/TEAM", "red"),
    ] {
        get(alice(), equals(key, value)).tagged("Team", "red").allowed::<s3::GetObject>();
        get(alice(), equals(key, "x")).tagged("Team", "red").denied::<s3::GetObject>();
    }
    for (key, value) in [
        ("aws:PrincipalArn", "arn:aws:iam::111111111111:role/ops/r"),
        ("aws:PrincipalType", "AssumedRole"),
        ("aws:userid", "AROAR:s"),
        ("aws:SourceIdentity", "carol"),
        ("aws:PrincipalTag/Team", "session"),
    ] {
        let scene = get(session(A, None), equals(key, value)).tagged("team", "role");
        scene.allowed::<s3::GetObject>();
    }
    get(session(A, None), absent("aws:username")).allowed::<s3::GetObject>();
    let everything = allow(r#""*""#);
    let fed = |condition| get(federated(A, Some(&everything)), condition);
    fed(equals("aws:userid", "111111111111:fed")).allowed::<s3::GetObject>();
    fed(equals("aws:PrincipalType", "FederatedUser")).allowed::<s3::GetObject>();
    fed(absent("aws:username")).allowed::<s3::GetObject>();
}

#[test]
fn roots_and_strangers_have_keys_too() {
    let deny_unless = |caller: Caller, condition: &str| {
        let policy = of_bucket("Allow", r#""*""#, r#""s3:GetObject""#, condition);
        Scene::new(caller, "GET", "/bkt/k").guarded(&policy)
    };
    let anonymous = Caller::anonymous;
    let is = equals("aws:PrincipalAccount", "anonymous");
    deny_unless(anonymous(), &is).allowed::<s3::GetObject>();
    for key in ["aws:PrincipalArn", "aws:userid", "s3:authType", "s3:signatureversion"] {
        deny_unless(anonymous(), &absent(key)).allowed::<s3::GetObject>();
    }
    deny_unless(anonymous(), &absent("aws:PrincipalIsAWSService")).allowed::<s3::GetObject>();
    let deny = |condition: &str| {
        let policy = of_bucket("Deny", r#""*""#, r#""s3:GetObject""#, condition);
        Scene::new(root(A), "GET", "/bkt/k").guarded(&policy)
    };
    deny(&equals("aws:PrincipalType", "Account")).denied::<s3::GetObject>();
    deny(&equals("aws:userid", "111111111111")).denied::<s3::GetObject>();
    deny(&equals("aws:PrincipalArn", "arn:aws:iam::111111111111:root")).denied::<s3::GetObject>();
}

#[test]
fn keys_of_temporary_credentials_are_absent_for_long_term_keys() {
    for key in ["aws:TokenIssueTime", "aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge"] {
        under(alice(), "GET", "/bkt/k", &absent(key)).allowed::<s3::GetObject>();
    }
    let no_mfa = r#""Bool":{"aws:MultiFactorAuthPresent":"false"}"#;
    under(session(A, None), "GET", "/bkt/k", no_mfa).allowed::<s3::GetObject>();
    under(alice(), "GET", "/bkt/k", no_mfa).denied::<s3::GetObject>();
    let issued = r#""DateLessThan":{"aws:TokenIssueTime":"2100-01-01T00:00:00Z"}"#;
    under(session(A, None), "GET", "/bkt/k", issued).allowed::<s3::GetObject>();
}

#[test]
fn keys_of_the_connection_are_facts() {
    let get = |condition: &str| under(alice(), "GET", "/bkt/k", condition);
    let from = |range: &str| format!(r#""IpAddress":{{"aws:SourceIp":"{range}"}}"#);
    get(&from("10.0.0.0/8")).allowed::<s3::GetObject>();
    // SECURITY: what the client says of its address is nothing.
    let forwarded = get(&from("192.168.0.0/16")).header("x-forwarded-for", "192.168.1.1");
    forwarded.denied::<s3::GetObject>();
    let secure = r#""Bool":{"aws:SecureTransport":"true"}"#;
    get(secure).allowed::<s3::GetObject>();
    let mut plain = get(secure).header("x-forwarded-proto", "https");
    plain.tls_version = 0;
    plain.denied::<s3::GetObject>();
    let mut plain = get(&absent("s3:TlsVersion"));
    plain.tls_version = 0;
    plain.allowed::<s3::GetObject>();
    get(r#""NumericGreaterThanEquals":{"s3:TlsVersion":"1.3"}"#).allowed::<s3::GetObject>();
    get(r#""NumericLessThan":{"s3:TlsVersion":"1.3"}"#).denied::<s3::GetObject>();
    get(&equals("aws:RequestedRegion", "us-east-1")).allowed::<s3::GetObject>();
    get(r#""DateGreaterThan":{"aws:CurrentTime":"2027-01-01T00:00:00Z"}"#)
        .allowed::<s3::GetObject>();
    get(r#""NumericEquals":{"aws:EpochTime":"1800000000"}"#).allowed::<s3::GetObject>();
    get(&equals("s3:authType", "REST-HEADER")).allowed::<s3::GetObject>();
    get(&equals("s3:signatureversion", "AWS4-HMAC-SHA256")).allowed::<s3::GetObject>();
    get(r#""NumericLessThan":{"s3:signatureAge":"1000"}"#).allowed::<s3::GetObject>();
    get(&equals("aws:ResourceAccount", "111111111111")).allowed::<s3::GetObject>();
    get(&equals("s3:ResourceAccount", "111111111111")).allowed::<s3::GetObject>();
    let agent = get(&equals("aws:UserAgent", "curl")).header("user-agent", "curl");
    agent.allowed::<s3::GetObject>();
    let referer = get(&equals("aws:Referer", "http://a/")).header("referer", "http://a/");
    referer.allowed::<s3::GetObject>();
    // Keys of networks that are not there, and of services that nobody is.
    for key in ["aws:SourceVpce", "aws:SourceVpc", "aws:SourceArn", "aws:PrincipalOrgID"] {
        get(&absent(key)).allowed::<s3::GetObject>();
    }
}

#[test]
fn keys_of_listings_come_from_the_listing_only() {
    let list = |target: &str, condition: &str| under(alice(), "GET", target, condition);
    let prefix = equals("s3:prefix", "a/");
    list("/bkt?prefix=a%2F", &prefix).allowed::<s3::ListObjects>();
    list("/bkt", &prefix).denied::<s3::ListObjects>();
    list("/bkt?prefix=A%2F", &prefix).denied::<s3::ListObjects>();
    // On other operations the parameter means nothing, so it is no way around the condition.
    under(alice(), "HEAD", "/bkt?prefix=a%2F", &prefix).denied::<s3::HeadBucket>();
    let few = r#""NumericLessThanEquals":{"s3:max-keys":"10"}"#;
    list("/bkt?max-keys=10", few).allowed::<s3::ListObjects>();
    list("/bkt?max-keys=11", few).denied::<s3::ListObjects>();
    list("/bkt", few).denied::<s3::ListObjects>();
    list("/bkt?delimiter=%2F", &equals("s3:delimiter", "/")).allowed::<s3::ListObjects>();
    let version = equals("s3:VersionId", "null");
    list("/bkt/k?versionId=null", &version).allowed::<s3::GetObject>();
    list("/bkt/k", &version).denied::<s3::GetObject>();
}

#[test]
fn headers_count_on_operations_that_have_them() {
    let put = |condition: &str| under(alice(), "PUT", "/bkt/k", condition);
    let encrypted = equals("s3:x-amz-server-side-encryption", "AES256");
    put(&encrypted).header("x-amz-server-side-encryption", "AES256").allowed::<s3::PutObject>();
    put(&encrypted).denied::<s3::PutObject>();
    // A header that DeleteObject does not have is no way around a condition.
    let delete = under(alice(), "DELETE", "/bkt/k", &encrypted);
    delete.header("x-amz-server-side-encryption", "AES256").denied::<s3::DeleteObject>();
    put(&equals("s3:x-amz-acl", "private"))
        .header("x-amz-acl", "private")
        .allowed::<s3::PutObject>();
    put(&equals("s3:x-amz-storage-class", "STANDARD")).allowed::<s3::PutObject>();
    let signed = equals("s3:x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    put(&signed).header("x-amz-content-sha256", "UNSIGNED-PAYLOAD").allowed::<s3::PutObject>();
    put(r#""Bool":{"s3:ObjectCreationOperation":"true"}"#).allowed::<s3::PutObject>();
    let part = r#""Bool":{"s3:ObjectCreationOperation":"false"}"#;
    under(alice(), "PUT", "/bkt/k?partNumber=1&uploadId=u", part).allowed::<s3::UploadPart>();
    let new = r#""Null":{"s3:if-none-match":"false"}"#;
    put(new).header("if-none-match", "*").allowed::<s3::PutObject>();
    put(new).denied::<s3::PutObject>();
}

#[test]
fn a_copy_source_has_one_spelling() {
    let copy = |source: &str| {
        let from = r#""StringLike":{"s3:x-amz-copy-source":"bkt/public/*"}"#;
        under(alice(), "PUT", "/bkt/k", from).header("x-amz-copy-source", source)
    };
    // SECURITY: a slash in front or an encoded key is no way around a condition.
    copy("bkt/public/a").allowed::<s3::CopyObject>();
    copy("/bkt/public/a").allowed::<s3::CopyObject>();
    copy("bkt/%70ublic/a").allowed::<s3::CopyObject>();
    copy("bkt/private/a").denied::<s3::CopyObject>();
}

#[test]
fn tags_of_requests_are_read_as_the_service_reads_them() {
    let put = |condition: &str| under(alice(), "PUT", "/bkt/k", condition);
    let red = equals("s3:RequestObjectTag/team", "red blue");
    put(&red).header("x-amz-tagging", "team=red+blue&x").allowed::<s3::PutObject>();
    put(&red).header("x-amz-tagging", "team=red").denied::<s3::PutObject>();
    put(&red).denied::<s3::PutObject>();
    let only = r#""ForAllValues:StringEquals":{"s3:RequestObjectTagKeys":["a","b"]}"#;
    put(only).header("x-amz-tagging", "a=1&b=2").allowed::<s3::PutObject>();
    put(only).header("x-amz-tagging", "a=1&c=2").denied::<s3::PutObject>();
    let document = "<Tagging><TagSet><Tag><Key>team</Key><Value>red blue</Value></Tag></TagSet>\
                    </Tagging>";
    let tagging =
        |target: &str, condition: &str| under(alice(), "PUT", target, condition).body(document);
    tagging("/bkt/k?tagging", &red).allowed::<s3::PutObjectTagging>();
    let of_bucket = equals("aws:RequestTag/team", "red blue");
    tagging("/bkt?tagging", &of_bucket).allowed::<s3::PutBucketTagging>();
    tagging("/bkt?tagging", &red).denied::<s3::PutBucketTagging>();
}

#[test]
fn tags_of_stored_objects_are_read_only_when_a_policy_names_them() {
    let reads = |scene: &Scene| scene.world.objects_read.load(Ordering::SeqCst);
    let red = equals("s3:ExistingObjectTag/team", "red");
    let tagged = |scene: Scene| scene.object_tag("team", "red");
    let get = tagged(under(alice(), "GET", "/bkt/k", &red));
    let permit = get.ask::<s3::GetObject>().unwrap();
    assert_eq!(reads(&get), 1);
    assert_eq!(permit.seen().len(), 1, "a change can depend on what was read");
    under(alice(), "GET", "/bkt/k", &red).denied::<s3::GetObject>();
    // Writes do not know the key.
    tagged(under(alice(), "PUT", "/bkt/k", &red)).denied::<s3::PutObject>();
    let plain = tagged(Scene::new(alice(), "GET", "/bkt/k").with(&allow(r#""s3:GetObject""#)));
    assert!(plain.ask::<s3::GetObject>().unwrap().seen().is_empty());
    assert_eq!(reads(&plain), 0);
}

#[test]
fn a_bucket_is_made_where_policies_let_it() {
    let create = |condition: &str| under(alice(), "PUT", "/new-bucket", condition);
    let place = equals("s3:LocationConstraint", "eu-central-1");
    let document = "<CreateBucketConfiguration><LocationConstraint>eu-central-1\
                    </LocationConstraint></CreateBucketConfiguration>";
    create(&place).body(document).allowed::<s3::CreateBucket>();
    create(&place).denied::<s3::CreateBucket>();
    let ownership = equals("s3:x-amz-object-ownership", "ObjectWriter");
    let owned = create(&ownership).header("x-amz-object-ownership", "ObjectWriter");
    owned.allowed::<s3::CreateBucket>();
}
