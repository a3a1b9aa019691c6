//! Decoding of inputs.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use strongroom_model::s3;
use strongroom_types::{Timestamp, VersionId};
use strongroom_wire::{
    CopySourceError, DecodeError, DecodeErrorKind, DecodeLocation, DecodeRequest, HostRules,
    Operation, OperationSpec, PresentMembers, RequestHead, UnknownMember, parse_target,
};

use crate::vectors;

fn decode<O: Operation>(
    query: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<(O::Input, PresentMembers), DecodeError> {
    let mut map = HeaderMap::new();
    map.insert("host", HeaderValue::from_static("localhost"));
    for (name, value) in headers {
        let name = HeaderName::try_from(*name).unwrap();
        map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let head = RequestHead::new(Method::GET, "/bucket/key", query, map).unwrap();
    let target = parse_target(&head, &HostRules::default()).unwrap();
    let request = DecodeRequest::new(O::SPEC, &head, &target, Some(body.as_bytes()))?;
    let input = O::decode(&request)?;
    Ok((input, request.into_present()))
}

#[track_caller]
fn refused<O: Operation>(query: &str, headers: &[(&str, &str)], body: &str) -> DecodeError {
    match decode::<O>(query, headers, body) {
        Ok(_) => panic!("{query} {headers:?} {body} is accepted"),
        Err(error) => error,
    }
}

/// Decodes every request of botocore: nothing sent is missed, nothing is unknown.
#[test]
fn every_member_that_botocore_sends_is_seen() {
    fn check<O: Operation>(vector: &vectors::Vector) {
        let (_, present) = match vector.decode::<O>() {
            Ok(decoded) => decoded,
            Err(error) => panic!("{}: {error:?}", vector.operation),
        };
        assert_eq!(present.unknown(), [], "{}", vector.operation);
        let seen: Vec<_> = present.iter().map(|index| O::SPEC.members[index].path).collect();
        for path in &vector.sent {
            assert!(seen.contains(&path.as_str()), "{}: {path} is not seen", vector.operation);
        }
    }
    for vector in vectors::all() {
        macro_rules! check {
            ($($name:ident,)*) => {
                match vector.operation.as_str() {
                    $(stringify!($name) => check::<s3::$name>(&vector),)*
                    other => panic!("{other}"),
                }
            };
        }
        strongroom_model::s3_operations!(check);
    }
}

/// What is seen of a request with required members only is what was sent, and what the SDK adds.
#[test]
fn members_that_are_absent_are_not_seen() {
    for vector in vectors::all().iter().filter(|v| v.operation == "PutObjectTagging") {
        let (_, present) = vector.decode::<s3::PutObjectTagging>().unwrap();
        let members = s3::PutObjectTagging::SPEC.members;
        let seen: Vec<_> = present.iter().map(|index| members[index].path).collect();
        let more = seen.iter().filter(|path| !vector.sent.iter().any(|sent| sent == *path));
        let more: Vec<_> = more.collect();
        assert!(more.is_empty() || more == [&"ChecksumAlgorithm"], "{more:?}");
    }
}

#[test]
fn values_arrive_as_they_were_sent() {
    let (input, _) = vectors::full("CopyObject").decode::<s3::CopyObject>().unwrap();
    assert_eq!(input.bucket.as_str(), "bucket-1");
    assert_eq!(input.key.as_str(), "dir/a b+c%é");
    assert_eq!(input.copy_source.bucket.as_str(), "source-bucket");
    assert_eq!(input.copy_source.object_key.as_str(), "a b+c%é?x");
    assert_eq!(input.copy_source.version_id, Some(VersionId::Null));
    assert_eq!(input.metadata["name"], "value");
    assert_eq!(input.acl, Some(s3::ObjectCannedACL::Private));
    assert_eq!(input.bucket_key_enabled, Some(true));
    let moment = Timestamp::from_seconds(1_767_323_045).unwrap();
    assert_eq!(input.copy_source_if_modified_since, Some(moment));
    assert_eq!(input.object_lock_retain_until_date, Some(moment));
    assert!(!format!("{input:?}").contains("kkkk"), "the customer key is printed");
    let key = input.sse_customer_key.unwrap();
    assert_eq!(key.danger_expose(), "k".repeat(32));

    let (input, _) = vectors::full("DeleteObjects").decode::<s3::DeleteObjects>().unwrap();
    let object = &input.delete.objects[0];
    assert_eq!(object.key, "dir/a b+c%é");
    assert_eq!(object.version_id.as_deref(), Some("0123456789abcdef0123456789abcdef"));
    assert_eq!(object.last_modified_time, Some(moment));
    assert_eq!(input.delete.quiet, Some(true));

    let (input, _) = vectors::full("PutBucketPolicy").decode::<s3::PutBucketPolicy>().unwrap();
    assert_eq!(input.policy, "{\"Version\": \"2012-10-17\"}");

    let vector = vectors::full("GetObjectAttributes");
    let (input, _) = vector.decode::<s3::GetObjectAttributes>().unwrap();
    assert_eq!(input.object_attributes, [s3::ObjectAttributes::ETag]);
}

#[test]
fn a_member_that_must_be_there_is_missed() {
    let error = refused::<s3::CopyObject>("", &[], "");
    assert_eq!(error.member, Some("CopySource"));
    assert_eq!(error.location, DecodeLocation::Header("x-amz-copy-source"));
    assert_eq!(
        (error.kind.clone(), error.s3().code.as_ref()),
        (DecodeErrorKind::Missing, "InvalidRequest")
    );
    let error = refused::<s3::UploadPart>("uploadId=u", &[], "");
    assert_eq!(error.location, DecodeLocation::Query("partNumber"));
    assert_eq!(error.s3().code, "InvalidArgument");
    for body in ["", "<Tagging/>", "<Tagging><TagSet><Tag><Key>k</Key></Tag></TagSet></Tagging>"] {
        let error = refused::<s3::PutObjectTagging>("tagging", &[], body);
        assert_eq!(
            (error.kind.clone(), error.s3().code.as_ref()),
            (DecodeErrorKind::Missing, "MalformedXML")
        );
    }
    let error = refused::<s3::DeleteObjects>("delete", &[], "<Delete></Delete>");
    assert_eq!(error.location, DecodeLocation::Element("Delete.Object".to_owned()));
    let error = refused::<s3::GetObjectAttributes>("", &[("x-amz-object-attributes", " , ")], "");
    assert_eq!(error.kind, DecodeErrorKind::Missing);
}

#[test]
fn values_of_another_form_are_refused_with_name_and_value() {
    let error = refused::<s3::ListObjectsV2>("list-type=2&max-keys=x", &[], "");
    let response = error.s3();
    assert_eq!((response.code.as_ref(), response.status), ("InvalidArgument", 400));
    let elements = [("ArgumentName", "max-keys".to_owned()), ("ArgumentValue", "x".to_owned())];
    assert_eq!(response.elements, elements);
    for (query, kind) in [
        ("max-keys=", DecodeErrorKind::NotANumber),
        ("max-keys=9999999999", DecodeErrorKind::NotANumber),
        ("max-keys=1&max-keys=2", DecodeErrorKind::Duplicate),
        ("encoding-type=xml", DecodeErrorKind::UnknownEnumValue),
        ("fetch-owner=yes", DecodeErrorKind::NotABoolean),
    ] {
        assert_eq!(refused::<s3::ListObjectsV2>(query, &[], "").kind, kind, "{query}");
    }
    for version in ["", "x", "NULL"] {
        let error = refused::<s3::GetObject>(&format!("versionId={version}"), &[], "");
        assert_eq!(error.kind, DecodeErrorKind::BadVersionId);
    }
    for (name, value, kind) in [
        ("x-amz-acl", "public", DecodeErrorKind::UnknownEnumValue),
        ("x-amz-acl", "", DecodeErrorKind::UnknownEnumValue),
        ("x-amz-object-lock-retain-until-date", "tomorrow", DecodeErrorKind::BadTimestamp),
        ("x-amz-write-offset-bytes", "1.5", DecodeErrorKind::NotANumber),
        ("x-amz-server-side-encryption-bucket-key-enabled", "1", DecodeErrorKind::NotABoolean),
    ] {
        assert_eq!(refused::<s3::PutObject>("", &[(name, value)], "").kind, kind, "{name}");
    }
    let twice = [("x-amz-acl", "private"), ("x-amz-acl", "public-read")];
    assert_eq!(refused::<s3::PutObject>("", &twice, "").kind, DecodeErrorKind::UnknownEnumValue);
}

#[test]
fn a_secret_is_not_repeated_in_an_error() {
    let headers = [("x-amz-server-side-encryption-customer-key", "sec\u{e9}ret")];
    assert!(decode::<s3::PutObject>("", &headers, "").is_ok());
    let mut map = HeaderMap::new();
    map.insert("host", HeaderValue::from_static("localhost"));
    let name = HeaderName::from_static("x-amz-server-side-encryption-customer-key");
    map.insert(name, HeaderValue::from_bytes(b"secret\xff").unwrap());
    let head = RequestHead::new(Method::PUT, "/bucket/key", "", map).unwrap();
    let target = parse_target(&head, &HostRules::default()).unwrap();
    let request = DecodeRequest::new(s3::PutObject::SPEC, &head, &target, None).unwrap();
    let error = s3::PutObject::decode(&request).unwrap_err();
    assert_eq!((error.kind.clone(), error.value.clone()), (DecodeErrorKind::NotUtf8, None));
    assert!(!format!("{error:?} {:?} {request:?} {head:?}", error.s3()).contains("secret"));
}

#[test]
fn dates_of_conditions_that_are_no_dates_are_ignored() {
    let headers = [("if-modified-since", "yesterday"), ("if-unmodified-since", "")];
    let (input, present) = decode::<s3::GetObject>("", &headers, "").unwrap();
    assert_eq!((input.if_modified_since, input.if_unmodified_since), (None, None));
    let members = s3::GetObject::SPEC.members;
    let seen: Vec<_> = present.iter().map(|index| members[index].path).collect();
    assert!(seen.contains(&"IfModifiedSince"), "{seen:?}");
}

#[test]
fn copy_sources_are_refused_with_their_own_codes() {
    for (source, code) in [
        ("bucket", "InvalidArgument"),
        ("bucket/%zz", "InvalidArgument"),
        ("B/k", "InvalidBucketName"),
        ("arn:aws:s3:us-east-1:123456789012:accesspoint/a/object/k", "NotImplemented"),
    ] {
        let error = refused::<s3::CopyObject>("", &[("x-amz-copy-source", source)], "");
        assert_eq!(error.s3().code, code, "{source}");
        assert!(matches!(error.kind, DecodeErrorKind::BadCopySource(_)));
    }
    let long = format!("bucket/{}", "k".repeat(1025));
    let error = refused::<s3::CopyObject>("", &[("x-amz-copy-source", &long)], "");
    assert_eq!(error.s3().code, "KeyTooLongError");
    assert!(matches!(error.kind, DecodeErrorKind::BadCopySource(CopySourceError::Key(_))));
    assert!(error.value.unwrap().len() <= 256);
}

#[test]
fn names_that_no_member_has_are_reported() {
    let body = "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value><Colour>red</Colour></Tag>\
                <X/></TagSet><Y a='1'/></Tagging>";
    let headers = [("x-amz-new-thing", "1"), ("x-amz-date", "d"), ("x-other", "1")];
    let query = "tagging&colour=red&x-id=a&X-Amz-Date=d";
    let (_, present) = decode::<s3::PutObjectTagging>(query, &headers, body).unwrap();
    assert_eq!(
        present.unknown(),
        [
            UnknownMember::Query("colour".to_owned()),
            UnknownMember::Header("x-amz-new-thing".to_owned()),
            UnknownMember::Element("Tagging.TagSet.Tag.Colour".to_owned()),
            UnknownMember::Element("Tagging.TagSet.X".to_owned()),
            UnknownMember::Element("Tagging.Y".to_owned()),
        ]
    );
    let many: String = (0..10_000).map(|i| format!("<X{i}/>")).collect();
    let body = format!("<Tagging><TagSet/>{many}</Tagging>");
    let (_, present) = decode::<s3::PutObjectTagging>("tagging", &[], &body).unwrap();
    assert_eq!(present.unknown().len(), 16);
}

/// Junk in one place must not hide what stands in another.
#[test]
fn no_unknown_name_hides_another() {
    let query: String = (0..100).map(|i| format!("&junk{i}")).collect();
    let names: Vec<_> = (0..50).map(|i| format!("x-amz-junk-{i}")).collect();
    let mut headers: Vec<_> = names.iter().map(|name| (name.as_str(), "1")).collect();
    headers.push(("x-amz-zzz", "1"));
    let body = "<Tagging><TagSet/><Zzz/></Tagging>";
    let (_, present) =
        decode::<s3::PutObjectTagging>(&format!("tagging{query}"), &headers, body).unwrap();
    assert!(present.unknown().contains(&UnknownMember::Header("x-amz-zzz".to_owned())));
    assert!(present.unknown().contains(&UnknownMember::Element("Tagging.Zzz".to_owned())));
}

#[test]
fn hostile_bodies_are_malformed() {
    let bomb = "<!DOCTYPE a [<!ENTITY b \"ha\">]><Tagging>&b;</Tagging>";
    let deep = "<Tagging>".repeat(100_000);
    let twice = "<Tagging><TagSet/><TagSet/></Tagging>";
    let nul = "<Tagging><TagSet><Tag><Key>\0</Key><Value/></Tag></TagSet></Tagging>";
    let root = "<Other><TagSet/></Other>";
    let wrong = "<Tagging><TagSet><Tag><Key><b/></Key><Value/></Tag></TagSet></Tagging>";
    let space = "<Tagging xmlns='urn:other'><TagSet/></Tagging>";
    for body in [bomb, &deep, twice, nul, root, wrong, space, "{}", "\u{feff}"] {
        let error = refused::<s3::PutObjectTagging>("tagging", &[], body);
        let response = error.s3();
        assert_eq!((response.code.as_ref(), response.status), ("MalformedXML", 400), "{error:?}");
    }
}

#[test]
fn a_body_over_the_limit_is_refused() {
    let body = format!("<Tagging>{}</Tagging>", " ".repeat(8 * 1024 * 1024));
    let error = refused::<s3::PutObjectTagging>("tagging", &[], &body);
    assert_eq!(error.s3().code, "MaxMessageLengthExceeded");
}

#[test]
fn metadata_is_lower_case_joined_and_otherwise_as_it_came() {
    let headers = [
        ("X-Amz-Meta-FooBar", "a  b"),
        ("x-amz-meta-twice", "1"),
        ("x-amz-meta-twice", "2"),
        ("x-amz-meta-word", "=?UTF-8?B?w6k=?="),
        ("x-amz-meta-raw", "é"),
        ("x-amz-meta-line", "=?UTF-8?B?DQo=?="),
    ];
    let (input, _) = decode::<s3::PutObject>("", &headers, "").unwrap();
    let found: Vec<_> = input.metadata.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let expected = [
        ("foobar", "a  b"),
        ("line", "=?UTF-8?B?DQo=?="),
        ("raw", "é"),
        ("twice", "1,2"),
        ("word", "=?UTF-8?B?w6k=?="),
    ];
    assert_eq!(found, expected);
}

#[test]
fn ten_thousand_parts_are_read() {
    let part = |number: usize| {
        format!(
            "<Part><PartNumber>{number}</PartNumber><ETag>&quot;{number:032x}&quot;</ETag>\
             <ChecksumSHA512>{}</ChecksumSHA512></Part>",
            "A".repeat(88)
        )
    };
    let parts: String = (1..=10_000).map(part).collect();
    let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    let (input, _) = decode::<s3::CompleteMultipartUpload>("uploadId=u", &[], &body).unwrap();
    let parts = input.multipart_upload.unwrap().parts;
    assert_eq!(parts.len(), 10_000);
    assert_eq!(parts[9_999].part_number, Some(10_000));
    assert_eq!(parts[0].etag.as_deref(), Some("\"00000000000000000000000000000001\""));
}

#[test]
fn members_of_the_specifications_are_consistent() {
    let known = |spec: &OperationSpec| {
        let mut paths: Vec<_> = spec.members.iter().map(|member| member.path).collect();
        for member in spec.members {
            assert_eq!(member.path.matches('.').count(), usize::from(member.depth));
        }
        let count = paths.len();
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), count, "{}", spec.name);
    };
    s3::OPERATIONS.iter().for_each(|spec| known(spec));
}
