use http::{HeaderMap, HeaderName, HeaderValue, Method};
use strongroom_model::s3::OPERATIONS;
use strongroom_wire::RequestHead;

use super::{Circumstances, Need, Resource, S3_NEEDS, When};

fn needs(operation: &str) -> &'static [Need] {
    S3_NEEDS.iter().find(|(name, _)| *name == operation).unwrap().1
}

fn head(headers: &[(&str, &str)]) -> RequestHead {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        map.append(name, HeaderValue::from_str(value).unwrap());
    }
    RequestHead::new(Method::PUT, "/bucket/key", "", map).unwrap()
}

fn asked(operation: &str, headers: &[(&str, &str)], about: Circumstances<'_>) -> Vec<&'static str> {
    let head = head(headers);
    let holding = needs(operation).iter().filter(|need| need.when.holds(&head, about));
    holding.map(|need| need.action).collect()
}

const NOTHING: Circumstances<'_> = Circumstances {
    version_id: None,
    etag: None,
    source_versioned: false,
    source_tagged: false,
    body_tags: false,
};

#[test]
fn every_operation_asks_something_and_always_something() {
    assert_eq!(S3_NEEDS.len(), 111);
    for spec in OPERATIONS {
        let needs = needs(spec.name);
        assert!(!needs.is_empty(), "{}", spec.name);
        for about in [NOTHING, Circumstances { version_id: Some("null"), ..NOTHING }] {
            for source_versioned in [false, true] {
                let about = Circumstances { source_versioned, ..about };
                let asked = asked(spec.name, &[], about);
                assert!(!asked.is_empty(), "{} with {about:?}", spec.name);
            }
        }
    }
}

#[test]
fn resources_fit_the_paths_of_operations() {
    use strongroom_wire::PathShape;
    for spec in OPERATIONS {
        for need in needs(spec.name) {
            let fits = match need.resource {
                Resource::Service => {
                    matches!(spec.path, PathShape::Service | PathShape::Fixed(_))
                }
                Resource::Bucket => {
                    matches!(spec.path, PathShape::Bucket) || need.action.starts_with("s3express:")
                }
                Resource::Object => matches!(spec.path, PathShape::Object),
                Resource::Source => ["CopyObject", "UploadPartCopy"].contains(&spec.name),
                Resource::EachKey => spec.name == "DeleteObjects",
            };
            assert!(fits, "{}: {need:?}", spec.name);
        }
    }
}

#[test]
fn headers_ask_for_more() {
    let put = |headers: &[(&str, &str)]| asked("PutObject", headers, NOTHING);
    assert_eq!(put(&[]), ["s3:PutObject"]);
    assert_eq!(put(&[("x-amz-acl", "private")]), ["s3:PutObject", "s3:PutObjectAcl"]);
    assert_eq!(put(&[("x-amz-grant-read", "id=1")]), ["s3:PutObject", "s3:PutObjectAcl"]);
    assert_eq!(put(&[("x-amz-tagging", "")]), ["s3:PutObject", "s3:PutObjectTagging"]);
    assert_eq!(put(&[("x-amz-object-lock-mode", "X")]), ["s3:PutObject", "s3:PutObjectRetention"]);
    assert_eq!(
        put(&[("x-amz-object-lock-retain-until-date", "X")]),
        ["s3:PutObject", "s3:PutObjectRetention"]
    );
    assert_eq!(
        put(&[("x-amz-object-lock-legal-hold", "OFF")]),
        ["s3:PutObject", "s3:PutObjectLegalHold"]
    );
    assert_eq!(put(&[("if-match", "*")]), ["s3:PutObject", "s3:GetObject"]);
}

#[test]
fn versions_and_conditions_of_deletes_ask_for_other_rights() {
    let about = Circumstances { version_id: Some("null"), ..NOTHING };
    assert_eq!(asked("DeleteObject", &[], NOTHING), ["s3:DeleteObject"]);
    assert_eq!(asked("DeleteObject", &[], about), ["s3:DeleteObjectVersion"]);
    assert_eq!(asked("DeleteObject", &[("if-match", "*")], NOTHING), ["s3:DeleteObject"]);
    let with_etag = ["s3:DeleteObject", "s3:GetObject"];
    assert_eq!(asked("DeleteObject", &[("if-match", "\"1\"")], NOTHING), with_etag);
    let twice = [("if-match", "*"), ("if-match", "*")];
    assert_eq!(asked("DeleteObject", &twice, NOTHING), with_etag);
    let etag = Circumstances { etag: Some("\"1\""), ..NOTHING };
    assert_eq!(asked("DeleteObjects", &[], etag), with_etag);
    for value in ["true", "True", "yes", ""] {
        let bypass = [("x-amz-bypass-governance-retention", value)];
        let expected = ["s3:DeleteObject", "s3:BypassGovernanceRetention"];
        assert_eq!(asked("DeleteObject", &bypass, NOTHING), expected, "{value}");
    }
    let kept = [("x-amz-bypass-governance-retention", "false")];
    assert_eq!(asked("DeleteObject", &kept, NOTHING), ["s3:DeleteObject"]);
}

#[test]
fn a_copy_asks_for_its_source_and_for_the_tags_that_it_copies() {
    let copy = |about| asked("CopyObject", &[], about);
    assert_eq!(copy(NOTHING), ["s3:PutObject", "s3:GetObject"]);
    let versioned = Circumstances { source_versioned: true, ..NOTHING };
    assert_eq!(copy(versioned), ["s3:PutObject", "s3:GetObjectVersion"]);
    assert_eq!(
        copy(Circumstances { source_tagged: true, ..NOTHING }),
        ["s3:PutObject", "s3:GetObject", "s3:GetObjectTagging", "s3:PutObjectTagging"]
    );
    assert_eq!(
        copy(Circumstances { source_tagged: true, ..versioned }),
        [
            "s3:PutObject",
            "s3:GetObjectVersion",
            "s3:GetObjectVersionTagging",
            "s3:PutObjectTagging"
        ]
    );
}

#[test]
fn a_bucket_with_more_than_a_name_asks_for_more() {
    let create = |headers: &[(&str, &str)]| asked("CreateBucket", headers, NOTHING).len();
    assert_eq!(create(&[]), 1);
    assert_eq!(create(&[("x-amz-acl", "private")]), 1);
    assert_eq!(create(&[("x-amz-acl", "public-read")]), 2);
    assert_eq!(create(&[("x-amz-grant-write", "id=1")]), 2);
    assert_eq!(create(&[("x-amz-bucket-object-lock-enabled", "true")]), 3);
    assert_eq!(create(&[("x-amz-object-ownership", "ObjectWriter")]), 2);
    let tagged = Circumstances { body_tags: true, ..NOTHING };
    assert_eq!(asked("CreateBucket", &[], tagged), ["s3:CreateBucket", "s3:TagResource"]);
}

/// A golden table: who reads it sees what each operation asks.
#[test]
fn a_question_names_a_service_and_an_action() {
    for (operation, needs) in S3_NEEDS {
        for need in *needs {
            let (service, action) = need.action.split_once(':').unwrap();
            assert!(["s3", "s3express", "s3-object-lambda"].contains(&service), "{operation}");
            assert!(action.chars().all(|c| c.is_ascii_alphanumeric()), "{operation}");
            if need.when == When::Always {
                assert_ne!(need.resource, Resource::EachKey, "{operation}");
            }
        }
    }
}
