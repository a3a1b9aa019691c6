//! Bucket default encryption.

use crate::world::World;

fn configuration(rules: &str) -> String {
    let namespace = "http://s3.amazonaws.com/doc/2006-03-01/";
    format!(
        "<ServerSideEncryptionConfiguration xmlns=\"{namespace}\">{rules}\
         </ServerSideEncryptionConfiguration>"
    )
}

fn rule(default: &str, more: &str) -> String {
    format!(
        "<Rule><ApplyServerSideEncryptionByDefault>{default}\
         </ApplyServerSideEncryptionByDefault>{more}</Rule>"
    )
}

const AES256: &str = "<SSEAlgorithm>AES256</SSEAlgorithm>";

#[tokio::test]
async fn a_bucket_always_has_sse_s3_and_refuses_customer_keys() {
    let world = World::with_bucket().await;
    let check = async |bucket_key: &str| {
        let got = world.get("/bkt?encryption").send().await.ok();
        assert_eq!(got.element("SSEAlgorithm"), Some("AES256"));
        assert_eq!(got.element("EncryptionType"), Some("SSE-C"));
        assert_eq!(got.element("BucketKeyEnabled"), Some(bucket_key));
        assert_eq!(got.elements("Rule").len(), 1);
    };
    check("false").await;
    let rule = rule(AES256, "<BucketKeyEnabled>true</BucketKeyEnabled>");
    let put = world.put("/bkt?encryption").body(configuration(&rule)).send().await.ok();
    assert!(put.recorded);
    check("true").await;
    let deleted = world.delete("/bkt?encryption").send().await;
    assert_eq!((deleted.status, deleted.recorded), (204, true));
    check("false").await;
    let head = world.put("/bkt/k").body("x").send().await.ok();
    assert_eq!(head.header("x-amz-server-side-encryption"), Some("AES256"));
    world.get("/none?encryption").send().await.expect(404, "NoSuchBucket");
}

#[tokio::test]
async fn other_configurations_are_refused_and_change_nothing() {
    let world = World::with_bucket().await;
    let put = |rules: String| world.put("/bkt?encryption").body(configuration(&rules)).send();
    let key = "<KMSMasterKeyID>arn:aws:kms:us-east-1:1:key/x</KMSMasterKeyID>";
    let kms = "<SSEAlgorithm>aws:kms</SSEAlgorithm>";
    let unblocked =
        "<BlockedEncryptionTypes><EncryptionType>NONE</EncryptionType></BlockedEncryptionTypes>";
    // SSE-013, SSE-014.
    put([rule(AES256, ""), rule(AES256, "")].concat()).await.expect(400, "MalformedXML");
    put(String::new()).await.expect(400, "MalformedXML");
    put(rule("<SSEAlgorithm>aes256</SSEAlgorithm>", "")).await.expect(400, "MalformedXML");
    put(rule("", "")).await.expect(400, "MalformedXML");
    put(rule(&[AES256, key].concat(), "")).await.expect(400, "InvalidArgument");
    put(rule(kms, "")).await.expect(501, "NotImplemented");
    put(rule(&[kms, key].concat(), "")).await.expect(501, "NotImplemented");
    put(rule(AES256, unblocked)).await.expect(501, "NotImplemented");
    put(rule(AES256, "<Unknown/>")).await.expect(400, "MalformedXML");
    world.put("/bkt?encryption").send().await.expect(400, "MalformedXML");
    let got = world.get("/bkt?encryption").send().await.ok();
    assert_eq!(got.element("SSEAlgorithm"), Some("AES256"));
    assert_eq!(got.element("EncryptionType"), Some("SSE-C"));
    let blocked = unblocked.replace("NONE", "SSE-C");
    put(rule(AES256, &blocked)).await.ok();
}
