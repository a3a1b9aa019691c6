//! Presigned URLs and forms of signature version 2. SPEC: access-control, 5.7.
//!
//! `tests/vectors/botocore-v2.jsonl` was made by `tests/make_botocore_v2_vectors.py`.

use serde::Deserialize;
use strongroom_crypto::{SecretText, hmac_sha1};
use strongroom_sigv4::{
    AuthError, BodyDecoder, Expected, ExpectedV2, PayloadMode, RequestClaim, SigV2Place,
    SignatureV2, SignatureVersion, Verified, parse_claim, parse_form_claim,
};
use strongroom_types::Timestamp;

use crate::support::{ACCESS_KEY_ID, Request, SECRET, drain, signer};

const NOW: u64 = 1_175_139_000;

fn secret_of(access_key_id: &str) -> SecretText {
    let secret = match access_key_id {
        ACCESS_KEY_ID => SECRET,
        "AKIDTHEOTHERUSER0001" => "short+secret",
        "ASIASESSIONKEY000001" => "SessionSecret/With+Odd=Characters0000000",
        _ => "nobody",
    };
    SecretText::new(secret.to_owned())
}

struct Asked<'a> {
    operation: &'a str,
    bucket_in_host: Option<&'a str>,
    now: u64,
}

fn ask(request: &Request, asked: &Asked<'_>) -> Result<(Verified, BodyDecoder), AuthError> {
    request.view(|view| {
        let Some(RequestClaim::V2(claim)) = parse_claim(view)? else {
            return Err(AuthError::Anonymous);
        };
        let checked = claim.check(&ExpectedV2 {
            operation: asked.operation,
            bucket_in_host: asked.bucket_in_host,
            now: Timestamp::from_seconds(asked.now).unwrap(),
        })?;
        let secret = secret_of(checked.claim().access_key().as_str());
        checked.verify(&SignatureV2::sign(&secret, checked.string_to_sign()))
    })
}

fn verify(request: &Request) -> Result<Verified, AuthError> {
    let asked = Asked { operation: "GetObject", bucket_in_host: None, now: NOW };
    ask(request, &asked).map(|(verified, _)| verified)
}

fn refusal(request: &Request) -> AuthError {
    verify(request).unwrap_err()
}

/// An independent signer: the text is written down, not built.
fn signed(method: &str, target: &str, text: &str) -> Request {
    let signature = data_encoding::BASE64.encode(&hmac_sha1(SECRET.as_bytes(), text.as_bytes()));
    let signature = signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let separator = if target.contains('?') { '&' } else { '?' };
    let claim = format!("AWSAccessKeyId={ACCESS_KEY_ID}&Signature={signature}");
    Request::new(method, &format!("{target}{separator}{claim}"))
}

fn get() -> Request {
    signed("GET", "/b/k?Expires=1175139620", "GET\n\n\n1175139620\n/b/k")
}

#[test]
fn the_published_example_is_accepted() {
    let request = Request::new(
        "GET",
        "/photos/puppy.jpg?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE\
         &Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620",
    );
    let mut asked =
        Asked { operation: "GetObject", bucket_in_host: Some("johnsmith"), now: 1_175_139_619 };
    let (verified, body) = ask(&request, &asked).unwrap();
    assert_eq!(verified.access_key_id().as_str(), ACCESS_KEY_ID);
    assert_eq!(verified.signature_form().auth_type(), "REST-QUERY-STRING");
    assert_eq!(verified.signature_version(), SignatureVersion::V2);
    assert_eq!(verified.signature_version().as_str(), "AWS");
    assert_eq!(verified.signature_age_milliseconds(), 0);
    assert_eq!(verified.expires_at().unwrap().seconds(), 1_175_139_620);
    assert_eq!(body.payload_mode(), PayloadMode::Unsigned);
    for bucket_in_host in [None, Some("johnsmit"), Some("johnsmith/photos")] {
        asked.bucket_in_host = bucket_in_host;
        assert!(matches!(ask(&request, &asked), Err(AuthError::SignatureMismatch(_))));
    }
}

#[test]
fn three_operations_are_served_and_no_other() {
    for operation in ["GetObject", "HeadObject", "PutObject"] {
        let asked = Asked { operation, bucket_in_host: None, now: NOW };
        ask(&get(), &asked).unwrap();
    }
    for operation in
        ["DeleteObject", "ListObjects", "GetBucketAcl", "CopyObject", "UploadPart", "", "getobject"]
    {
        let asked = Asked { operation, bucket_in_host: None, now: NOW };
        let refused = ask(&get(), &asked).unwrap_err();
        assert_eq!(refused, AuthError::SigV2 { place: SigV2Place::Query }, "{operation}");
        assert_eq!((refused.s3().status, refused.s3().code), (400, "InvalidRequest"));
    }
}

#[test]
fn a_url_lives_until_it_ends_and_at_most_a_week() {
    let at = |now| {
        let asked = Asked { operation: "GetObject", bucket_in_host: None, now };
        ask(&get(), &asked).map(|_| ())
    };
    let end = 1_175_139_620;
    at(end - 1).unwrap();
    let expired = at(end).unwrap_err();
    assert!(matches!(expired, AuthError::ExpiredV2 { .. }));
    assert_eq!((expired.s3().status, expired.s3().message.as_str()), (403, "Request has expired"));
    assert!(expired.s3().elements.iter().any(|(name, _)| *name == "ServerTime"));
    at(end - 604_800).unwrap();
    let refused = at(end - 604_801).unwrap_err();
    assert!(matches!(refused, AuthError::LifetimeV2 { .. }));
    assert_eq!((refused.s3().status, refused.s3().code), (403, "AccessDenied"));
}

#[test]
fn the_end_is_a_number_of_seconds() {
    for text in [
        "",
        "x",
        "-1",
        "+1175139620",
        "1175139620.0",
        "0x1",
        " 1175139620",
        "1e9",
        "99999999999999999999",
        "18446744073709551615",
    ] {
        let request =
            signed("GET", &format!("/b/k?Expires={text}"), &format!("GET\n\n\n{text}\n/b/k"));
        let refused = refusal(&request);
        assert!(matches!(refused, AuthError::ExpiresV2 { .. }), "{text}: {refused:?}");
        assert_eq!((refused.s3().status, refused.s3().code), (403, "AccessDenied"));
    }
}

#[test]
fn a_claim_has_all_three_parameters() {
    let good = get();
    for name in ["AWSAccessKeyId", "Signature", "Expires"] {
        let mut request = good.clone();
        let kept = good.query.split('&').filter(|part| !part.starts_with(name));
        request.query = kept.collect::<Vec<_>>().join("&");
        let refused = refusal(&request);
        assert_eq!(refused, AuthError::ParameterMissingV2, "{name}");
        assert_eq!((refused.s3().status, refused.s3().code), (403, "AccessDenied"));
    }
}

#[test]
fn what_the_signature_does_not_cover_is_not_allowed() {
    for added in [
        "x=1",
        "acl",
        "uploads",
        "partNumber=1",
        "uploadId=x",
        "tagging",
        "versionid=null",
        "Response-Content-Type=a",
        "response-unknown=a",
        "response-content-type",
        "prefix=",
        "x-id=GetObject",
        "X-Amz-Meta-A=b",
        "x-amz-date=20070329T000000Z",
        "x-amz-content-sha256=UNSIGNED-PAYLOAD",
        "x-amz-trailer=x",
        "awsaccesskeyid=x",
        "signature=x",
        "expires=1",
        "Content-Type=a",
        "content-language=de",
        "x-amz-meta-a%0Ab=c",
        "x-amz-acl=a%0Ax-amz-b:c",
    ] {
        let mut request = get();
        request.query.push('&');
        request.query.push_str(added);
        let refused = refusal(&request);
        let parameter = matches!(refused, AuthError::ParameterV2 { .. });
        // The valueless one is under the signature, as another text.
        let valueless =
            added == "response-content-type" && matches!(refused, AuthError::SignatureMismatch(_));
        assert!(parameter || valueless, "{added}: {refused:?}");
        assert!(matches!(refused.s3().status, 400 | 403));
    }
}

#[test]
fn no_parameter_comes_twice() {
    let good = get();
    for part in good.query.split('&') {
        let mut request = good.clone();
        request.query = format!("{}&{part}", good.query);
        assert!(matches!(refusal(&request), AuthError::ParameterV2 { .. }), "{part}");
    }
    let mut request = good.clone();
    request.query.push_str("&%53ignature=x");
    assert!(matches!(refusal(&request), AuthError::ParameterV2 { .. }));
}

#[test]
fn two_versions_in_one_request_are_refused() {
    for parameter in [
        "X-Amz-Signature=x",
        "X-Amz-Credential=x",
        "x-amz-algorithm=x",
        "X-Amz-Expires=60",
        "X-Amz-SignedHeaders=host",
    ] {
        let mut request = get();
        request.query.push('&');
        request.query.push_str(parameter);
        assert_eq!(refusal(&request), AuthError::SeveralMechanisms, "{parameter}");
    }
    let request = get().with("authorization", "AWS4-HMAC-SHA256 Credential=x");
    let refused = refusal(&request);
    assert_eq!(refused, AuthError::SeveralMechanisms);
    assert_eq!(refused.s3().elements, [("ArgumentName", "Authorization".to_owned())]);
}

#[test]
fn headers_in_the_query_are_signed_as_headers_and_agree_with_those_of_the_head() {
    let text = "PUT\n\ntext/plain\n1175139620\nx-amz-acl:private\nx-amz-meta-a:b c\n/b/k";
    let target = "/b/k?Expires=1175139620&x-amz-meta-a=b%20c&content-type=text%2Fplain";
    let request = signed("PUT", &format!("{target}&x-amz-acl=private"), text);
    verify(&request).unwrap();
    verify(&request.clone().with("x-amz-acl", "private").with("content-type", " text/plain "))
        .unwrap();
    request.view(|view| {
        let Some(RequestClaim::V2(claim)) = parse_claim(view).unwrap() else { panic!() };
        let moved: Vec<_> = claim.moved_headers().collect();
        let expected =
            [("x-amz-meta-a", "b c"), ("content-type", "text/plain"), ("x-amz-acl", "private")];
        assert_eq!(moved, expected);
        assert_eq!(claim.remaining_query(), "");
    });
    // One of them in the head, as a client may send it.
    let in_head = signed("PUT", target, text).with("x-amz-acl", "private");
    verify(&in_head).unwrap();
    for (name, value) in [("x-amz-acl", "public-read"), ("x-amz-meta-a", "b"), ("content-type", "")]
    {
        let refused = refusal(&request.clone().with(name, value));
        assert!(matches!(refused, AuthError::HeaderDiffersV2 { .. }), "{name}");
        assert_eq!(refused.s3().status, 400);
    }
    let twice = request.clone().with("x-amz-acl", "private").with("x-amz-acl", "private");
    assert!(matches!(refusal(&twice), AuthError::HeaderDiffersV2 { .. }));
}

#[test]
fn a_header_that_was_not_signed_spoils_the_signature() {
    for (name, value) in [
        ("x-amz-acl", "public-read"),
        ("X-Amz-Tagging", "a=b"),
        ("x-amz-copy-source", "b/other"),
        ("x-amz-security-token", "token"),
        ("content-type", "text/html"),
        ("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="),
    ] {
        let refused = refusal(&get().with(name, value));
        assert!(matches!(refused, AuthError::SignatureMismatch(_)), "{name}: {refused:?}");
    }
    verify(&get().with("range", "bytes=0-1").with("if-match", "x")).unwrap();
}

#[test]
fn versions_and_overrides_are_part_of_the_resource() {
    let text = "GET\n\n\n1175139620\n/b/k?response-content-disposition=a; f=\"x+y\"&versionId=null";
    let target = "/b/k?versionId=null&Expires=1175139620\
                  &response-content-disposition=a%3B%20f%3D%22x%2By%22";
    let request = signed("GET", target, text);
    verify(&request).unwrap();
    request.view(|view| {
        let Some(RequestClaim::V2(claim)) = parse_claim(view).unwrap() else { panic!() };
        let kept = "versionId=null&response-content-disposition=a%3B%20f%3D%22x%2By%22";
        assert_eq!(claim.remaining_query(), kept);
    });
    for (old, new) in [
        ("versionId=null&", ""),
        ("null", "x"),
        ("x%2By", "x+y"),
        ("&response-content-disposition=a%3B%20f%3D%22x%2By%22", ""),
    ] {
        let mut request = request.clone();
        assert!(request.query.contains(old));
        request.query = request.query.replace(old, new);
        assert!(matches!(refusal(&request), AuthError::SignatureMismatch(_)), "{old} {new}");
    }
}

#[test]
fn a_signature_that_is_right_in_part_is_refused() {
    let good = get();
    let (before, signature) = good.query.split_once("Signature=").unwrap();
    let mut forgeries: Vec<String> =
        (0..signature.len()).map(|cut| signature[..cut].to_owned()).collect();
    forgeries.push(format!("{signature}%3D"));
    forgeries.push(format!("{signature}%0A"));
    forgeries.push(signature.to_lowercase());
    forgeries.push(format!("%20{signature}"));
    for forged in forgeries {
        let request = Request { query: format!("{before}Signature={forged}"), ..good.clone() };
        let refused = refusal(&request);
        // An escape that was cut in the middle is no query at all.
        let known = matches!(refused, AuthError::SignatureMismatch(_) | AuthError::InvalidUri);
        assert!(known, "{forged}: {refused:?}");
    }
    let Err(AuthError::SignatureMismatch(echo)) =
        verify(&Request { query: format!("{before}Signature=x"), ..good })
    else {
        panic!()
    };
    assert_eq!(echo.string_to_sign.as_str(), "GET\n\n\n1175139620\n/b/k");
    assert_eq!(echo.canonical_request, None);
}

#[test]
fn a_declared_digest_is_verified_and_no_framing_is_taken() {
    let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let with = |value: &str| {
        let text = format!("PUT\n\n\n1175139620\nx-amz-content-sha256:{value}\n/b/k");
        signed("PUT", "/b/k?Expires=1175139620", &text).with("x-amz-content-sha256", value)
    };
    let asked = Asked { operation: "PutObject", bucket_in_host: None, now: NOW };
    let body = |value: &str| ask(&with(value), &asked).unwrap().1;
    assert!(drain(body(digest), [b"".as_slice()]).1.is_ok());
    assert!(drain(body(digest), [b"x".as_slice()]).1.is_err());
    assert!(drain(body("UNSIGNED-PAYLOAD"), [b"x".as_slice()]).1.is_ok());
    for mode in [
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    ] {
        assert_eq!(ask(&with(mode), &asked).unwrap_err(), AuthError::StreamingNotAllowed, "{mode}");
    }
}

#[test]
fn temporary_credentials_need_their_token() {
    let mut request = get();
    request.query = request.query.replace(ACCESS_KEY_ID, "ASIASESSIONKEY000001");
    assert_eq!(refusal(&request).s3().code, "InvalidAccessKeyId");
    request.query.push_str("&x-amz-security-token=");
    assert_eq!(refusal(&request).s3().code, "InvalidAccessKeyId");
    request.query.push_str("abc");
    assert!(matches!(refusal(&request), AuthError::SignatureMismatch(_)));
}

#[test]
fn an_impossible_key_is_answered_as_an_unknown_one() {
    get().view(|view| {
        let Some(RequestClaim::V2(claim)) = parse_claim(view).unwrap() else { panic!() };
        let now = Timestamp::from_seconds(NOW).unwrap();
        let expected = ExpectedV2 { operation: "GetObject", bucket_in_host: None, now };
        let refused = claim.check(&expected).unwrap().verify_unknown();
        assert_eq!(refused.s3().code, "InvalidAccessKeyId");
    });
    let text = format!("{:?}", get().view(|view| format!("{:?}", parse_claim(view))));
    assert!(!text.contains("Signature="), "{text}");
}

#[derive(Deserialize)]
struct Vector {
    #[serde(rename = "k")]
    kind: String,
    #[serde(rename = "t")]
    seconds: u64,
    #[serde(flatten)]
    request: Option<Request>,
    #[serde(rename = "v", default)]
    bucket_in_host: Option<String>,
    #[serde(rename = "f", default)]
    fields: Vec<(String, String)>,
}

impl Vector {
    fn outcome(&self, request: &Request) -> Result<(), AuthError> {
        let operation = match &*request.method {
            "GET" => "GetObject",
            "HEAD" => "HeadObject",
            _ => "PutObject",
        };
        let bucket_in_host = self.bucket_in_host.as_deref();
        ask(request, &Asked { operation, bucket_in_host, now: self.seconds }).map(|_| ())
    }

    fn form_outcome(&self, fields: &[(String, String)]) -> Result<Verified, AuthError> {
        let fields: Vec<_> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let now = Timestamp::from_seconds(self.seconds).unwrap();
        let expected = Expected { service: "s3", region: "us-east-1", now };
        let checked = parse_form_claim(&fields)?.ok_or(AuthError::Anonymous)?.check(&expected)?;
        let secret = secret_of(checked.claim().access_key().as_str());
        checked.verify_v2(&SignatureV2::sign(&secret, checked.string_to_sign()))
    }
}

fn vectors(kind: &'static str) -> impl Iterator<Item = Vector> {
    let lines = include_str!("../vectors/botocore-v2.jsonl").lines();
    let vectors = lines.map(|line| serde_json::from_str::<Vector>(line).unwrap());
    vectors.filter(move |vector| vector.kind == kind)
}

#[test]
fn every_url_that_botocore_presigns_is_accepted_and_refused_after_a_change() {
    let mut accepted = 0;
    for vector in vectors("query") {
        let good = vector.request.clone().unwrap();
        assert_eq!(vector.outcome(&good), Ok(()), "{good:?}");
        accepted += 1;
        let parts: Vec<&str> = good.query.split('&').collect();
        for index in 0..parts.len() {
            // Less.
            let mut less = parts.clone();
            less.remove(index);
            let changed = Request { query: less.join("&"), ..good.clone() };
            assert!(vector.outcome(&changed).is_err(), "without {}: {good:?}", parts[index]);
            // Another value.
            let other = format!("{}1", parts[index]);
            let mut changed = parts.clone();
            changed[index] = &other;
            let changed = Request { query: changed.join("&"), ..good.clone() };
            assert!(vector.outcome(&changed).is_err(), "with {other}: {good:?}");
            // Twice.
            let changed =
                Request { query: format!("{}&{}", good.query, parts[index]), ..good.clone() };
            assert!(vector.outcome(&changed).is_err(), "{} twice: {good:?}", parts[index]);
        }
        for added in [
            "versionId=x",
            "response-content-type=text%2Fhtml",
            "x-amz-acl=public-read",
            "x-amz-meta-zz=1",
            "content-type=a",
            "zz=1",
            "x-amz-security-token=x",
        ] {
            let changed = Request { query: format!("{}&{added}", good.query), ..good.clone() };
            assert!(vector.outcome(&changed).is_err(), "with {added}: {good:?}");
        }
        for (name, value) in
            [("x-amz-acl", "public-read"), ("content-type", "a/b"), ("x-amz-meta-zz", "1")]
        {
            assert!(vector.outcome(&good.clone().with(name, value)).is_err(), "{name}: {good:?}");
        }
        for method in
            ["GET", "PUT", "HEAD", "DELETE"].iter().filter(|method| **method != good.method)
        {
            let changed = Request { method: (*method).to_owned(), ..good.clone() };
            assert!(vector.outcome(&changed).is_err(), "{method}: {good:?}");
        }
        let changed = Request { path: format!("{}x", good.path), ..good.clone() };
        assert!(vector.outcome(&changed).is_err(), "{good:?}");
    }
    assert!(accepted > 500, "{accepted}");
}

#[test]
fn every_form_that_botocore_signs_with_version_2_is_accepted_and_refused_after_a_change() {
    let mut accepted = 0;
    for vector in vectors("form") {
        let verified = vector.form_outcome(&vector.fields).unwrap();
        assert_eq!(verified.signature_form().auth_type(), "POST");
        assert_eq!(verified.signature_version(), SignatureVersion::V2);
        accepted += 1;
        for (index, (name, _)) in vector.fields.iter().enumerate() {
            let mut fields = vector.fields.clone();
            fields[index].1.insert(0, 'A');
            let covered = !matches!(name.as_str(), "key" | "x-amz-security-token");
            assert_eq!(vector.form_outcome(&fields).is_err(), covered, "{name}");
            let mut fields = vector.fields.clone();
            fields.remove(index);
            assert_eq!(vector.form_outcome(&fields).is_err(), name != "key", "{name}");
        }
    }
    assert!(accepted > 80, "{accepted}");
}

#[test]
fn a_form_bears_one_signature() {
    let policy = "eyJ9";
    let signature = data_encoding::BASE64.encode(&hmac_sha1(SECRET.as_bytes(), policy.as_bytes()));
    let good = vec![
        ("key", "k"),
        ("AWSAccessKeyId", ACCESS_KEY_ID),
        ("policy", policy),
        ("signature", signature.as_str()),
    ];
    let parse = |fields: &[(&'static str, &'static str)]| {
        let mut all = good.clone();
        all.extend_from_slice(fields);
        parse_form_claim(&all).map(|claim| claim.unwrap().signature_version())
    };
    assert_eq!(parse(&[]), Ok(SignatureVersion::V2));
    for name in ["x-amz-signature", "X-Amz-Credential", "x-amz-algorithm", "x-amz-date"] {
        assert_eq!(parse(&[(name, "x")]), Err(AuthError::SeveralMechanisms), "{name}");
    }
    for name in ["Signature", "awsaccesskeyid", "POLICY"] {
        assert!(
            matches!(parse(&[(name, "x")]), Err(AuthError::FormFieldDuplicate { .. })),
            "{name}"
        );
    }
    let token = [("x-amz-security-token", "a"), ("X-Amz-Security-Token", "b")];
    assert!(matches!(parse(&token), Err(AuthError::FormFieldDuplicate { .. })));
    for name in ["AWSAccessKeyId", "policy", "signature"] {
        let fields: Vec<_> = good.iter().copied().filter(|field| field.0 != name).collect();
        assert_eq!(parse_form_claim(&fields).unwrap_err(), AuthError::FormFieldMissing { name });
    }
}

/// A signature of one version proves nothing in the other.
#[test]
fn versions_of_forms_do_not_mix() {
    let policy = "eyJ9";
    let now = crate::support::moment();
    let expected = Expected { service: "s3", region: "us-east-1", now };
    let credential = signer().credential();
    let signature = signer().sign_policy(policy);
    let fields = [
        ("policy", policy),
        ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
        ("x-amz-credential", &credential),
        ("x-amz-date", "20130524T000000Z"),
        ("x-amz-signature", &signature),
    ];
    let checked = parse_form_claim(&fields).unwrap().unwrap().check(&expected).unwrap();
    let version_2 = SignatureV2::sign(&secret_of(ACCESS_KEY_ID), checked.string_to_sign());
    assert!(matches!(checked.verify_v2(&version_2), Err(AuthError::SignatureMismatch(_))));
    let fields = [("policy", policy), ("AWSAccessKeyId", ACCESS_KEY_ID), ("signature", &signature)];
    let checked = parse_form_claim(&fields).unwrap().unwrap().check(&expected).unwrap();
    let key = strongroom_sigv4::SigningKey::derive(
        &secret_of(ACCESS_KEY_ID),
        "20130524",
        "us-east-1",
        "s3",
    );
    assert!(matches!(checked.verify(&key), Err(AuthError::SignatureMismatch(_))));
}
