use super::*;

const NOW: &str = "2026-01-02T03:04:05Z";
const LATER: &str = "2026-01-02T04:04:05.000Z";

fn now() -> Timestamp {
    Timestamp::parse_iso8601(NOW).unwrap()
}

fn parse(document: &str) -> Result<FormPolicy, FormPolicyError> {
    FormPolicy::parse(&BASE64.encode(document.as_bytes()))
}

fn fields(pairs: &[(&str, &str)]) -> FormFields {
    let mut fields = FormFields::default();
    for (name, value) in pairs {
        fields.push((*name).to_owned(), (*value).to_owned()).unwrap();
    }
    fields
}

fn judge_as(
    conditions: &str,
    pairs: &[(&str, &str)],
    version: SignatureVersion,
) -> Result<LengthRange, FormPolicyError> {
    let policy = parse(&format!(r#"{{"expiration":"{LATER}","conditions":[{conditions}]}}"#))?;
    let bucket = "bucket-1".parse().unwrap();
    let fields = fields(pairs);
    policy.judge(&FormQuestion { fields: &fields, bucket: &bucket, version, now: now() })
}

fn judge(conditions: &str, pairs: &[(&str, &str)]) -> Result<LengthRange, FormPolicyError> {
    judge_as(conditions, pairs, SignatureVersion::V4)
}

/// With the two conditions that every form needs.
fn with(conditions: &str, pairs: &[(&str, &str)]) -> Result<LengthRange, String> {
    let comma = if conditions.is_empty() { "" } else { "," };
    let all = format!(r#"{{"bucket":"bucket-1"}},["starts-with","$key","u/"]{comma}{conditions}"#);
    let mut fields = vec![("key", "u/1")];
    fields.extend_from_slice(pairs);
    judge(&all, &fields).map_err(|error| ErrorResponse::from(error).message.into_owned())
}

fn failed(condition: &str) -> Result<LengthRange, String> {
    Err(format!("Invalid according to Policy: Policy Condition failed: {condition}"))
}

const ANY: LengthRange = LengthRange { bytes_min: 0, bytes_max: u64::MAX };

#[test]
fn a_form_that_fulfils_its_policy_is_allowed() {
    assert_eq!(with("", &[]), Ok(ANY));
    let conditions = r#"{"acl":"private"},["eq","$x-amz-meta-a","b"],
        ["starts-with","$Content-Type","image/"],["content-length-range",1,10]"#;
    let pairs = [("acl", "private"), ("x-amz-meta-a", "b"), ("Content-Type", "image/png")];
    let range = LengthRange { bytes_min: 1, bytes_max: 10 };
    assert_eq!(with(conditions, &pairs), Ok(range));
}

#[test]
fn each_condition_can_fail() {
    for (condition, pair, show) in [
        (r#"{"acl":"private"}"#, ("acl", "public-read"), r#"["eq", "$acl", "private"]"#),
        (r#"["eq","$acl","private"]"#, ("acl", "Private"), r#"["eq", "$acl", "private"]"#),
        (r#"["eq","$acl","private"]"#, ("acl", "private "), r#"["eq", "$acl", "private"]"#),
        (r#"["eq","$x-amz-meta-a",""]"#, ("x-amz-meta-a", "b"), r#"["eq", "$x-amz-meta-a", ""]"#),
        (
            r#"["starts-with","$x-amz-meta-a","b"]"#,
            ("x-amz-meta-a", "ab"),
            r#"["starts-with", "$x-amz-meta-a", "b"]"#,
        ),
        (
            r#"["eq","$x-amz-meta-a","a\"<"]"#,
            ("x-amz-meta-a", "a"),
            r#"["eq", "$x-amz-meta-a", "a\"<"]"#,
        ),
    ] {
        assert_eq!(with(condition, &[pair]), failed(show), "{condition}");
    }
}

#[test]
fn a_field_that_is_absent_fulfils_nothing() {
    let condition = r#"["starts-with","$Content-Type",""]"#;
    assert_eq!(with(condition, &[]), failed(r#"["starts-with", "$content-type", ""]"#));
    assert_eq!(with(condition, &[("content-type", "")]), Ok(ANY));
    assert_eq!(with(r#"{"acl":""}"#, &[]), failed(r#"["eq", "$acl", ""]"#));
}

#[test]
fn names_and_operators_have_any_case_and_values_their_own() {
    let conditions = r#"{"bUcKeT":"bucket-1"},["StArTs-WiTh","$KeY","u/"],{"AcL":"private"}"#;
    assert!(judge(conditions, &[("kEy", "u/1"), ("aCl", "private")]).is_ok());
    assert!(judge(conditions, &[("kEy", "U/1"), ("aCl", "private")]).is_err());
}

#[test]
fn each_type_of_a_list_must_fulfil_the_condition() {
    let condition = r#"["starts-with","$Content-Type","image/"]"#;
    for (content_type, holds) in [
        ("image/jpeg", true),
        ("image/jpeg,image/png", true),
        ("image/jpeg, image/png", true),
        ("image/jpeg,image/png, application/pdf", false),
        ("text/html,image/png", false),
        ("image/png,", false),
    ] {
        let judged = with(condition, &[("Content-Type", content_type)]);
        assert_eq!(judged.is_ok(), holds, "{content_type}");
    }
    // A comma means something in that field only.
    assert!(with(r#"["starts-with","$x-amz-meta-a","a"]"#, &[("x-amz-meta-a", "a,b")]).is_ok());
    assert!(with(r#"{"Content-Type":"a,b"}"#, &[("Content-Type", "a,b")]).is_ok());
}

#[test]
fn every_field_needs_a_condition() {
    let extra = |names: &str| {
        Err::<LengthRange, _>(format!("Invalid according to Policy: Extra input fields: {names}"))
    };
    assert_eq!(with("", &[("acl", "private")]), extra("acl"));
    assert_eq!(with("", &[("Foo", "1"), ("x-amz-meta-A", "1")]), extra("Foo, x-amz-meta-A"));
    for name in [
        "x-amz-credential",
        "x-amz-date",
        "x-amz-security-token",
        "success_action_status",
        "content-length-range",
        "redirect",
        "x-ignore",
        "xx-ignore-a",
        "submit",
    ] {
        assert_eq!(with("", &[(name, "1")]), extra(name), "{name}");
    }
    for name in
        ["policy", "X-Amz-Signature", "signature", "awsaccesskeyid", "x-ignore-a", "X-Ignore-"]
    {
        assert_eq!(with("", &[(name, "1")]), Ok(ANY), "{name}");
    }
    // The bucket counts as a field, though the URL names it.
    let judged = judge(r#"["starts-with","$key",""]"#, &[("key", "k")]);
    assert_eq!(judged, Err(FormPolicyError::Uncovered("bucket".to_owned())));
    let judged = judge(r#"{"bucket":"bucket-1"}"#, &[("key", "k")]);
    assert_eq!(judged, Err(FormPolicyError::Uncovered("key".to_owned())));
}

#[test]
fn the_bucket_is_that_of_the_request() {
    let key = r#"["starts-with","$key",""]"#;
    let other = format!(r#"{key},{{"bucket":"bucket-2"}}"#);
    let failure = FormPolicyError::Failed(r#"["eq", "$bucket", "bucket-2"]"#.to_owned());
    assert_eq!(judge(&other, &[("key", "k")]), Err(failure.clone()));
    // A field that says so does not help.
    let failure_of_field = FormPolicyError::Failed(r#"["eq", "$bucket", "bucket-1"]"#.to_owned());
    let judged = judge(&other, &[("key", "k"), ("Bucket", "bucket-2")]);
    assert_eq!(judged, Err(failure_of_field.clone()));
    let any = format!(r#"{key},["starts-with","$bucket",""]"#);
    assert_eq!(judge(&any, &[("key", "k"), ("bucket", "bucket-2")]), Err(failure_of_field));
    assert_eq!(judge(&any, &[("key", "k"), ("bucket", "bucket-1")]), Ok(ANY));
}

#[test]
fn all_ranges_hold_together() {
    let range = |bytes_min, bytes_max| Ok(LengthRange { bytes_min, bytes_max });
    let two = r#"["content-length-range",1,100],["content-length-range","5","200"]"#;
    assert_eq!(with(two, &[]), range(5, 100));
    assert_eq!(with(r#"["Content-Length-Range",7,7]"#, &[]), range(7, 7));
    // Nothing fits in it, and nothing gets through.
    assert_eq!(with(r#"["content-length-range",9,3]"#, &[]), range(9, 3));
}

#[test]
fn a_policy_ends_when_it_says() {
    let policy = |expiration: &str| {
        parse(&format!(
            r#"{{"expiration":"{expiration}","conditions":[{{"bucket":"bucket-1"}},{{"key":"k"}}]}}"#
        ))
        .unwrap()
    };
    let bucket = "bucket-1".parse().unwrap();
    let fields = fields(&[("key", "k")]);
    let at = |policy: &FormPolicy, version| {
        policy.judge(&FormQuestion { fields: &fields, bucket: &bucket, version, now: now() })
    };
    let (v4, v2) = (SignatureVersion::V4, SignatureVersion::V2);
    for over in [NOW, "2026-01-02T03:04:04.999Z", "1999-01-01T00:00:00Z"] {
        assert_eq!(at(&policy(over), v4), Err(FormPolicyError::Expired), "{over}");
    }
    assert_eq!(at(&policy("2026-01-02T03:04:05.001Z"), v4), Ok(ANY));
    assert_eq!(at(&policy("2099-01-01T00:00:00Z"), v4), Ok(ANY));
    assert_eq!(at(&policy("2026-01-09T03:04:05Z"), v2), Ok(ANY));
    assert_eq!(at(&policy("2026-01-09T03:04:06Z"), v2), Err(FormPolicyError::Lifetime));
}

#[test]
fn what_is_no_policy_is_refused() {
    let good = r#"{"expiration":"2026-01-02T04:04:05Z","conditions":[]}"#;
    parse(good).unwrap();
    for (document, reason) in [
        ("", "Invalid JSON."),
        ("{", "Invalid JSON."),
        (r#"{"expiration":"2026-01-02T04:04:05Z","conditions":[]} x"#, "Invalid JSON."),
        (r#"{"expiration":"2026-01-02T04:04:05Z","conditions":[{"a":"b"},],}"#, "Invalid JSON."),
        ("[]", "Policy must be a JSON object."),
        ("\"x\"", "Policy must be a JSON object."),
        (r#"{"conditions":[]}"#, "Policy missing expiration."),
        (r#"{"expiration":"2026-01-02T04:04:05Z"}"#, "Policy missing conditions."),
        (r#"{"EXPIRATION":"2026-01-02T04:04:05Z","conditions":[]}"#, "Unexpected: 'EXPIRATION'."),
        (
            r#"{"expiration":"2026-01-02T04:04:05Z","conditions":[],"conditions":[]}"#,
            "Duplicate: 'conditions'.",
        ),
        (r#"{"expiration":"x","conditions":[]}"#, "Invalid 'expiration' value: 'x'."),
        (
            r#"{"expiration":"2026-01-02 04:04:05","conditions":[]}"#,
            "Invalid 'expiration' value: '2026-01-02 04:04:05'.",
        ),
        (
            r#"{"expiration":"2026-01-02T04:04:05+01:00","conditions":[]}"#,
            "Invalid 'expiration' value: '2026-01-02T04:04:05+01:00'.",
        ),
        (r#"{"expiration":1,"conditions":[]}"#, "Invalid 'expiration' value."),
        (
            r#"{"expiration":"2026-01-02T04:04:05Z","conditions":{}}"#,
            "Invalid 'conditions' value: must be a list.",
        ),
    ] {
        let refused = parse(document).unwrap_err();
        assert_eq!(refused, invalid(reason), "{document}");
        let answer = ErrorResponse::from(refused);
        assert_eq!((answer.status, &*answer.code), (400, "InvalidPolicyDocument"));
    }
    for text in ["", "!", "e30", "e30=\n", " e30=", "eyJ9"] {
        assert!(matches!(FormPolicy::parse(text), Err(FormPolicyError::Invalid(_))), "{text:?}");
    }
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    assert_eq!(parse(&deep), Err(invalid("Invalid JSON.")));
}

#[test]
fn what_is_no_condition_is_refused() {
    for condition in [
        "{}",
        r#"{"a":"b","c":"d"}"#,
        r#"{"a":1}"#,
        r#"{"a":["b"]}"#,
        "[]",
        "1",
        "null",
        "\"eq\"",
        r#"["eq","$a"]"#,
        r#"["eq","$a","b","c"]"#,
        r#"["eq","a","b"]"#,
        r#"["eq","$a",1]"#,
        r#"["eq",1,"b"]"#,
        r#"[1,"$a","b"]"#,
        r#"["ends-with","$a","b"]"#,
        r#"["not-eq","$a","b"]"#,
        r#"["content-length-range",0]"#,
        r#"["content-length-range",-1,0]"#,
        r#"["content-length-range",0,1.5]"#,
        r#"["content-length-range",0,1e3]"#,
        r#"["content-length-range","","1"]"#,
        r#"["content-length-range","0x1","1"]"#,
        r#"["content-length-range",0,18446744073709551616]"#,
        r#"["content-length-range",null,1]"#,
    ] {
        let refused = judge(condition, &[]).unwrap_err();
        assert!(matches!(refused, FormPolicyError::Invalid(_)), "{condition}: {refused:?}");
    }
}

#[test]
fn a_refusal_shows_no_token() {
    let condition = r#"{"x-amz-security-token":"secret-token"}"#;
    let refused = with(condition, &[("x-amz-security-token", "other")]).unwrap_err();
    assert!(!refused.contains("secret-token"), "{refused}");
}
