//! What a request says of its signer, and each rule that it can break.

use strongroom_sigv4::sign::{Credentials, Signer, hashed};
use strongroom_sigv4::{
    AccessKeyClaim, AuthError, Expected, HeaderDefect, PayloadMode, QueryDefect, ScopeDefect,
    SigV2Place, SignatureForm, SigningKey, parse_claim,
};

use crate::support::{ACCESS_KEY_ID, REGION, Request, SECRET, later, moment, secret};

fn get() -> Request {
    Request::new("GET", "/bucket/object").signed(hashed(b"")).0
}

fn presigned() -> Request {
    Request::new("GET", "/bucket/object").presigned(PayloadMode::Unsigned, 3600)
}

fn authorized(value: &str) -> AuthError {
    let mut request = get();
    request.set("authorization", value);
    request.refusal()
}

fn edited(old: &str, new: &str) -> AuthError {
    let value = get().header("authorization").replacen(old, new, 1);
    assert_ne!(value, get().header("authorization"), "{old}");
    authorized(&value)
}

fn query_edited(old: &str, new: &str) -> AuthError {
    let mut request = presigned();
    request.query = request.query.replacen(old, new, 1);
    assert_ne!(request.query, presigned().query, "{old}");
    request.refusal()
}

#[test]
fn a_request_without_a_claim_is_anonymous() {
    let request = Request::new("GET", "/bucket/object?versionId=1&X-Amz-Date=1&Expires=3");
    assert!(request.view(|view| parse_claim(view).unwrap().is_none()));
}

#[test]
fn a_claim_says_who_signed_what() {
    let request = get();
    request.view(|view| {
        let claim = parse_claim(view).unwrap().unwrap().v4().unwrap();
        assert_eq!(claim.access_key().as_str(), ACCESS_KEY_ID);
        assert_eq!(claim.scope().as_str(), "20130524/us-east-1/s3/aws4_request");
        assert_eq!((claim.scope().date(), claim.scope().region()), ("20130524", "us-east-1"));
        assert_eq!(claim.scope().service(), "s3");
        let names: Vec<_> = claim.signed_headers().collect();
        assert_eq!(names, ["host", "x-amz-content-sha256", "x-amz-date"]);
        assert_eq!((claim.session_token(), claim.expires_seconds()), (None, None));
        assert_eq!((claim.request_time(), claim.is_presigned()), (moment(), false));
    });
    let request = presigned();
    request.view(|view| {
        let claim = parse_claim(view).unwrap().unwrap().v4().unwrap();
        assert_eq!((claim.form(), claim.expires_seconds()), (SignatureForm::Presigned, Some(3600)));
    });
}

#[test]
fn other_schemes_are_refused_by_name() {
    for scheme in ["Bearer abc", "Basic YTpi", "aws4-hmac-sha256 x", "AWS4-HMAC-SHA1 x", "\tx"] {
        assert!(matches!(authorized(scheme), AuthError::UnsupportedScheme { .. }), "{scheme}");
    }
    for version_2 in ["AWS AKID:signature", "AWS HAHAHA", "AWS"] {
        let refused = AuthError::SigV2 { place: SigV2Place::Header };
        assert_eq!(authorized(version_2), refused, "{version_2}");
    }
    assert_eq!(authorized("AWS4-ECDSA-P256-SHA256 x"), AuthError::SigV4aUnsupported);
    assert_eq!(authorized(""), AuthError::AuthorizationEmpty);
    assert_eq!(authorized("  "), AuthError::AuthorizationEmpty);
    for no_space in ["AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256Credential=x", "AWS4-HMAC-SHA256,x"] {
        assert!(matches!(authorized(no_space), AuthError::NoSpaceAfterScheme { .. }), "{no_space}");
    }
}

#[test]
fn the_header_has_three_components_each_once() {
    let part = |defect| AuthError::Header(defect);
    let scheme = "AWS4-HMAC-SHA256";
    let credential = format!("Credential={ACCESS_KEY_ID}/20130524/us-east-1/s3/aws4_request");
    let (headers, signature) = ("SignedHeaders=host", "Signature=00");
    for (components, defect) in [
        (vec![headers, signature], HeaderDefect::MissingCredential),
        (vec![&*credential, signature], HeaderDefect::MissingSignedHeaders),
        (vec![&*credential, headers], HeaderDefect::MissingSignature),
        (vec![&*credential, headers, signature, signature], HeaderDefect::Components),
        (vec![&*credential, headers, signature, "Other=1"], HeaderDefect::Components),
        (vec![&*credential, headers, signature, ""], HeaderDefect::Components),
        (vec!["nonsense"], HeaderDefect::Components),
        (vec![&*credential, "SignedHeaders=", signature], HeaderDefect::SignedHeaders),
        (vec![&*credential, "SignedHeaders=Host", signature], HeaderDefect::SignedHeaders),
        (vec![&*credential, "SignedHeaders=host;host", signature], HeaderDefect::SignedHeaders),
    ] {
        let value = format!("{scheme} {}", components.join(","));
        assert_eq!(authorized(&value), part(defect), "{value}");
    }
}

#[test]
fn components_come_in_any_order_with_or_without_blanks() {
    let request = get();
    let (_, components) = request.header("authorization").split_once(' ').unwrap();
    let components: Vec<_> = components.split(", ").collect();
    for separator in [",", ", ", " ,  "] {
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let list = order.map(|index| components[index]).join(separator);
            let mut request = request.clone();
            request.set("authorization", &format!("AWS4-HMAC-SHA256 {list}"));
            request.verify().unwrap();
        }
    }
}

#[test]
fn the_order_of_signed_headers_does_not_matter() {
    let mut request = get();
    let value = request.header("authorization").to_owned();
    let sorted = "host;x-amz-content-sha256;x-amz-date";
    request.set("authorization", &value.replace(sorted, "x-amz-date;host;x-amz-content-sha256"));
    request.verify().unwrap();
}

#[test]
fn the_scope_is_that_of_this_endpoint() {
    let scope = |error: &AuthError| match error {
        AuthError::Scope { form, defect } => (*form, defect.clone()),
        other => panic!("{other:?}"),
    };
    for (form, edit) in [
        (SignatureForm::Header, edited as fn(&str, &str) -> AuthError),
        (SignatureForm::Presigned, |old, new| {
            query_edited(&old.replace('/', "%2F"), &new.replace('/', "%2F"))
        }),
    ] {
        let of = |old: &str, new: &str| {
            let (found, defect) = scope(&edit(old, new));
            assert_eq!(found, form);
            defect
        };
        let date = "/20130524/us-east-1/";
        for bad in ["2013052", "201305240", "2013-5-4", "", "abcdefgh", "20130524T000000Z"] {
            let defect = of(date, &format!("/{bad}/us-east-1/"));
            assert!(matches!(defect, ScopeDefect::DateFormat { .. }), "{bad}");
        }
        let defect = of(date, "/20130525/us-east-1/");
        assert!(matches!(defect, ScopeDefect::DateDiffers { .. }));
        for bad in ["us-east-2", "", "US-EAST-1", "us-east-1x", "*"] {
            let defect = of("/us-east-1/s3", &format!("/{bad}/s3"));
            assert!(matches!(defect, ScopeDefect::Region { .. }), "{bad}");
        }
        for bad in ["iam", "S3", "", "s3express"] {
            let defect = of("/s3/aws4", &format!("/{bad}/aws4"));
            assert!(matches!(defect, ScopeDefect::Service { .. }), "{bad}");
        }
        let defect = of("aws4_request", "aws5_request");
        assert!(matches!(defect, ScopeDefect::Terminator { .. }));
        for shape in ["/us-east-1/s3/x/aws4_request", "/s3/aws4_request"] {
            assert_eq!(of("/us-east-1/s3/aws4_request", shape), ScopeDefect::Shape, "{shape}");
        }
        assert_eq!(of(&format!("{ACCESS_KEY_ID}/"), "/"), ScopeDefect::Shape);
    }
}

#[test]
fn an_impossible_access_key_id_is_answered_like_an_unknown_one() {
    for bad in ["short", "AKIAIOSFODNN7EXAMP-E", "ü", &"A".repeat(129)] {
        let mut request = get();
        let value = request.header("authorization").replace(ACCESS_KEY_ID, bad);
        request.set("authorization", &value);
        if bad.is_ascii() {
            request.view(|view| {
                let claim = parse_claim(view).unwrap().unwrap().v4().unwrap();
                assert_eq!(*claim.access_key(), AccessKeyClaim::Impossible(bad.into()));
                let expected = Expected { service: "s3", region: REGION, now: moment() };
                let refused = claim.check(&expected).unwrap().verify_unknown(None);
                assert_eq!(refused.s3().code, "InvalidAccessKeyId");
                assert_eq!(refused.s3().elements, [("AWSAccessKeyId", bad.to_owned())]);
            });
        }
        assert!(request.verify().is_err());
    }
}

#[test]
fn an_impossible_access_key_id_is_refused_even_with_the_right_key() {
    let (id, secret) = ("impossible", secret());
    let credentials =
        Credentials { access_key_id: id, secret_access_key: &secret, session_token: None };
    let signer = Signer::new(&credentials, REGION, "s3", moment());
    let mut request = Request::new("GET", "/");
    let signed = request.view(|view| signer.sign_headers(view, hashed(b""))).unwrap();
    for (name, value) in signed.headers {
        request.set(name, &value);
    }
    assert_eq!(request.refusal(), AuthError::UnknownAccessKeyId { access_key_id: id.to_owned() });
}

#[test]
fn temporary_credentials_need_their_token() {
    let secret = secret();
    let token = strongroom_crypto::SecretText::new("the-token".to_owned());
    let (id, region) = ("ASIAIOSFODNN7EXAMPLE", REGION);
    for (session_token, good) in [(Some(&token), true), (None, false)] {
        let credentials =
            Credentials { access_key_id: id, secret_access_key: &secret, session_token };
        let signer = Signer::new(&credentials, region, "s3", moment());
        let mut header = Request::new("GET", "/");
        let signed = header.view(|view| signer.sign_headers(view, hashed(b""))).unwrap();
        for (name, value) in signed.headers {
            header.set(name, &value);
        }
        let mut query = Request::new("GET", "/");
        query.query = query.view(|view| signer.presign(view, PayloadMode::Unsigned, 9)).unwrap();
        for request in [&header, &query] {
            let outcome = request.verify().map(|_| ());
            let refused = AuthError::UnknownAccessKeyId { access_key_id: id.to_owned() };
            assert_eq!(outcome, if good { Ok(()) } else { Err(refused) });
            let token = request.view(|view| {
                parse_claim(view).unwrap().unwrap().v4().unwrap().session_token().map(str::to_owned)
            });
            assert_eq!(token.as_deref(), session_token.map(|_| "the-token"));
        }
    }
}

#[test]
fn the_clocks_may_be_15_minutes_apart() {
    for seconds in [-900, -899, 0, 899, 900] {
        get().verify_at(later(seconds)).unwrap();
    }
    for seconds in [-901, 901, 960, -960, 86_400] {
        let refused = get().verify_at(later(seconds)).map(|_| ()).unwrap_err();
        assert!(matches!(refused, AuthError::RequestTimeTooSkewed { .. }), "{seconds}");
        let parts = refused.s3();
        assert_eq!((parts.code, parts.status), ("RequestTimeTooSkewed", 403));
        assert_eq!(parts.elements[0], ("RequestTime", "20130524T000000Z".to_owned()));
        assert_eq!(parts.elements[2], ("MaxAllowedSkewMilliseconds", "900000".to_owned()));
    }
}

#[test]
fn the_date_is_readable_and_there() {
    let mut request = get();
    request.remove("x-amz-date");
    assert_eq!(request.refusal(), AuthError::NoDate);
    for bad in [
        "",
        "2013-05-24T00:00:00Z",
        "20130524T000000",
        "20130524T240000Z",
        "yesterday",
        "+20130524T000000Z",
        "120130524T000000Z",
    ] {
        let mut request = get();
        request.set("x-amz-date", bad);
        // A good `Date` does not stand in for a bad `x-amz-date`.
        request.set("date", "Fri, 24 May 2013 00:00:00 GMT");
        assert_eq!(request.refusal(), AuthError::NoDate, "{bad}");
    }
}

#[test]
fn the_signature_age_counts_from_signing() {
    let age = |seconds| {
        let (verified, _) = presigned().verify_at(later(seconds)).unwrap();
        verified.signature_age_milliseconds()
    };
    assert_eq!((age(-60), age(0), age(2)), (0, 0, 2000));
}

#[test]
fn a_presigned_request_lives_as_long_as_it_says() {
    let request = presigned();
    request.verify_at(later(3599)).unwrap();
    let refused = request.verify_at(later(3600)).map(|_| ()).unwrap_err();
    assert_eq!(refused.s3().message, "Request has expired");
    let elements: Vec<_> = refused.s3().elements;
    assert_eq!(elements[0], ("X-Amz-Expires", "3600".to_owned()));
    assert_eq!(elements[1], ("Expires", "2013-05-24T01:00:00.000Z".to_owned()));
    request.verify_at(later(-900)).unwrap();
    let refused = request.verify_at(later(-901)).map(|_| ()).unwrap_err();
    assert_eq!(refused.s3().message, "Request is not valid yet");

    let forever = |seconds| Request::new("GET", "/").presigned(PayloadMode::Unsigned, seconds);
    forever(604_800).verify_at(later(604_799)).unwrap();
    assert_eq!(forever(604_801).refusal(), AuthError::Query(QueryDefect::ExpiresTooLong));
    let none = forever(0);
    assert!(matches!(none.refusal(), AuthError::Expired { .. }));
    let early = none.verify_at(later(-10)).map(|_| ()).unwrap_err();
    assert!(matches!(early, AuthError::Expired { .. }));
}

#[test]
fn the_query_form_is_whole_and_well_formed() {
    let defect = |defect| AuthError::Query(defect);
    for name in ["Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"] {
        let gone = query_edited(&format!("X-Amz-{name}="), "other=");
        assert_eq!(gone, defect(QueryDefect::ParameterMissing), "{name}");
        // Another spelling is not the parameter, yet is noticed.
        let lower = query_edited(&format!("X-Amz-{name}="), &format!("x-amz-{name}="));
        assert_eq!(lower, defect(QueryDefect::ParameterMissing), "{name}");
    }
    let expires = |value: &str| query_edited("Expires=3600", &format!("Expires={value}"));
    for bad in ["abc", "", "+5", "1.5", "0x10", "%2D", "-", "1%00"] {
        assert_eq!(expires(bad), defect(QueryDefect::ExpiresNotNumber), "{bad}");
    }
    assert_eq!(expires("-1"), defect(QueryDefect::ExpiresNegative));
    for bad in ["604801", "4294967296", "99999999999999999999999"] {
        assert_eq!(expires(bad), defect(QueryDefect::ExpiresTooLong), "{bad}");
    }
    let algorithm = |value: &str| query_edited("AWS4-HMAC-SHA256", value);
    assert_eq!(algorithm("AWS4-HMAC-SHA1"), defect(QueryDefect::Algorithm));
    assert_eq!(algorithm("AWS4-ECDSA-P256-SHA256"), AuthError::SigV4aUnsupported);
    let date = query_edited("X-Amz-Date=20130524T000000Z", "X-Amz-Date=2013-05-24");
    assert_eq!(date, defect(QueryDefect::Date));
    let names = query_edited("SignedHeaders=host", "SignedHeaders=Host");
    assert_eq!(names, defect(QueryDefect::SignedHeaders));
}

#[test]
fn duplicated_query_parameters_of_authentication_are_refused() {
    for name in [
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-SignedHeaders",
        "X-Amz-Signature",
    ] {
        for spelling in [name.to_owned(), name.to_lowercase(), name.replace('-', "%2d")] {
            let mut request = presigned();
            request.query.push_str(&format!("&{spelling}=1"));
            let refused = request.refusal();
            assert!(
                matches!(refused, AuthError::Query(QueryDefect::ParameterDuplicate { .. })),
                "{spelling} {refused:?}"
            );
        }
    }
}

#[test]
fn one_mechanism_at_a_time() {
    let mut both = presigned();
    both.set("authorization", get().header("authorization"));
    assert_eq!(both.refusal(), AuthError::SeveralMechanisms);
    for parameter in [
        "X-Amz-Algorithm",
        "X-Amz-Signature",
        "x-amz-credential",
        "Signature",
        "AWSAccessKeyId",
        "X-Amz-Expires",
        "X%2dAmz-Signature",
    ] {
        let mut request = get();
        request.query = format!("{parameter}=1");
        assert_eq!(request.refusal(), AuthError::SeveralMechanisms, "{parameter}");
    }
    let mut request = presigned();
    request.query.push_str("&Signature=1");
    assert_eq!(request.refusal(), AuthError::SeveralMechanisms);
}

#[test]
fn headers_that_decide_come_once() {
    for name in ["authorization", "x-amz-date", "x-amz-content-sha256", "host"] {
        let mut request = get();
        let value = request.header(name).to_owned();
        request.headers.push((name.to_owned(), value));
        assert!(matches!(request.refusal(), AuthError::DuplicateHeader { .. }), "{name}");
    }
    let request = get().with("x-amz-security-token", "a").with("x-amz-security-token", "b");
    assert!(matches!(request.refusal(), AuthError::DuplicateHeader { .. }));
}

#[test]
fn the_content_digest_is_declared() {
    let mut request = get();
    request.remove("x-amz-content-sha256");
    let value = request.header("authorization").replace("x-amz-content-sha256;", "");
    request.set("authorization", &value);
    assert_eq!(request.refusal(), AuthError::MissingContentSha256);
    let mut request = get();
    request.set("x-amz-content-sha256", "abc");
    assert!(matches!(request.refusal(), AuthError::InvalidContentSha256 { .. }));
}

#[test]
fn a_body_that_is_known_is_compared_at_once() {
    let (request, _) = Request::new("PUT", "/bucket/object").signed(hashed(b"body"));
    let expected = Expected { service: "s3", region: REGION, now: moment() };
    let outcome = |body: &[u8]| request.verify_with(&expected, |_| secret(), Some(body));
    outcome(b"body").unwrap();
    let refused = outcome(b"bode").map(|_| ()).unwrap_err().s3();
    assert_eq!((refused.code, refused.status), ("XAmzContentSHA256Mismatch", 400));
    let names: Vec<_> = refused.elements.iter().map(|element| element.0).collect();
    assert_eq!(names, ["ClientComputedContentSHA256", "S3ComputedContentSHA256"]);
}

#[test]
fn other_services_sign_the_digest_of_the_body_without_a_header() {
    let secret_text = secret();
    let credentials = Credentials {
        access_key_id: ACCESS_KEY_ID,
        secret_access_key: &secret_text,
        session_token: None,
    };
    let signer = Signer::new(&credentials, REGION, "iam", moment());
    let mut request = Request::new("POST", "/");
    let signed = request.view(|view| signer.sign_headers(view, hashed(b"Action=A"))).unwrap();
    for (name, value) in signed.headers {
        request.set(name, &value);
    }
    let expected = Expected { service: "iam", region: REGION, now: moment() };
    let outcome = |request: &Request, body: Option<&[u8]>| {
        request.verify_with(&expected, |_| secret(), body).map(|_| ())
    };
    outcome(&request, Some(b"Action=A")).unwrap();
    let refused = outcome(&request, Some(b"Action=B")).unwrap_err();
    assert!(matches!(refused, AuthError::SignatureMismatch(_)));
    // Without the body nothing is proven.
    assert_eq!(outcome(&request, None), Err(AuthError::BodyDigestNeeded));
    for unsigned in ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"] {
        let mut request = request.clone();
        request.set("x-amz-content-sha256", unsigned);
        let value = request.header("authorization").replace("host;", "host;x-amz-content-sha256;");
        request.set("authorization", &value);
        let refused = outcome(&request, Some(b"")).unwrap_err();
        assert!(matches!(refused, AuthError::InvalidContentSha256 { .. }), "{unsigned}");
    }
}

#[test]
fn a_signature_serves_one_day_region_and_service() {
    let wrong = [
        SigningKey::derive(&secret(), "20130525", REGION, "s3"),
        SigningKey::derive(&secret(), "20130524", "us-east-2", "s3"),
        SigningKey::derive(&secret(), "20130524", REGION, "iam"),
        SigningKey::derive(
            &strongroom_crypto::SecretText::new(SECRET.to_lowercase()),
            "20130524",
            REGION,
            "s3",
        ),
    ];
    let request = get();
    request.view(|view| {
        let expected = Expected { service: "s3", region: REGION, now: moment() };
        let checked = parse_claim(view).unwrap().unwrap().v4().unwrap().check(&expected).unwrap();
        for key in wrong {
            let refused = checked.verify(&key, None).map(|_| ()).unwrap_err();
            assert!(matches!(refused, AuthError::SignatureMismatch(_)));
        }
        checked.verify(&SigningKey::derive(&secret(), "20130524", REGION, "s3"), None).unwrap();
    });
}
