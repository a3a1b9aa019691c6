//! How refusals are worded. SPEC: access-control, 5.3 and 5.4.

use strongroom_sigv4::sign::hashed;
use strongroom_sigv4::{
    AuthError, ErrorParts, HeaderDefect, PayloadMode, QueryDefect, ScopeDefect, SigV2Place,
    SignatureForm,
};

use crate::support::{Request, later, moment};

fn check(error: &AuthError, status: u16, code: &str, message: &str) -> ErrorParts {
    let parts = error.s3();
    assert_eq!((parts.status, parts.code, &*parts.message), (status, code, message));
    parts
}

fn refused(edit: impl FnOnce(&mut Request)) -> AuthError {
    let mut request = Request::new("GET", "/").signed(hashed(b"")).0;
    edit(&mut request);
    request.refusal()
}

#[test]
fn s3_words_header_failures_as_aws_does() {
    let scheme = refused(|request| request.set("authorization", "Foo bar"));
    let parts = check(&scheme, 400, "InvalidArgument", "Unsupported Authorization Type");
    let elements =
        [("ArgumentName", "Authorization".to_owned()), ("ArgumentValue", "Foo bar".to_owned())];
    assert_eq!(parts.elements, elements);
    check(
        &refused(|request| request.set("authorization", "AWS a:b")),
        400,
        "InvalidRequest",
        "The authorization mechanism you have provided is not supported. Please use \
         AWS4-HMAC-SHA256.",
    );
    check(
        &refused(|request| request.set("authorization", "AWS4-HMAC-SHA256")),
        400,
        "InvalidArgument",
        "Authorization header is invalid -- one and only one ' ' (space) required.",
    );
    for (defect, detail) in [
        (
            HeaderDefect::Components,
            "the authorization header requires three components: Credential, SignedHeaders, and \
             Signature.",
        ),
        (HeaderDefect::MissingCredential, "missing Credential."),
        (HeaderDefect::MissingSignedHeaders, "missing SignedHeaders."),
        (HeaderDefect::MissingSignature, "missing Signature."),
    ] {
        let message = format!("The authorization header is malformed; {detail}");
        check(&AuthError::Header(defect), 400, "AuthorizationHeaderMalformed", &message);
    }
    check(
        &AuthError::NoDate,
        403,
        "AccessDenied",
        "AWS authentication requires a valid Date or x-amz-date header",
    );
    check(
        &AuthError::InvalidToken,
        400,
        "InvalidToken",
        "The provided token is malformed or otherwise invalid.",
    );
    check(&AuthError::ExpiredToken, 400, "ExpiredToken", "The provided token has expired.");
    check(&AuthError::AuthorizationEmpty, 403, "AccessDenied", "Access Denied");
    assert_eq!(AuthError::SigV4aUnsupported.s3().status, 501);
}

#[test]
fn s3_words_scope_failures_by_form() {
    let region = |form| {
        let edit = |text: &str| text.replace("us-east-1", "eu-west-1");
        let mut request = Request::new("GET", "/");
        if form == SignatureForm::Header {
            request = request.signed(hashed(b"")).0;
            let value = edit(request.header("authorization"));
            request.set("authorization", &value);
        } else {
            request = request.presigned(PayloadMode::Unsigned, 60);
            request.query = edit(&request.query);
        }
        request.refusal()
    };
    let parts = check(
        &region(SignatureForm::Header),
        400,
        "AuthorizationHeaderMalformed",
        "The authorization header is malformed; the region 'eu-west-1' is wrong; expecting \
         'us-east-1'",
    );
    assert_eq!(parts.elements, [("Region", "us-east-1".to_owned())]);
    let parts = check(
        &region(SignatureForm::Presigned),
        400,
        "AuthorizationQueryParametersError",
        "Error parsing the X-Amz-Credential parameter; the region 'eu-west-1' is wrong; expecting \
         'us-east-1'",
    );
    assert_eq!(parts.elements, [("Region", "us-east-1".to_owned())]);
    let differs = |form| AuthError::Scope {
        form,
        defect: ScopeDefect::DateDiffers {
            given: "20130525".to_owned(),
            request_date: "20130524T000000Z".to_owned(),
        },
    };
    check(
        &differs(SignatureForm::Header),
        400,
        "AuthorizationHeaderMalformed",
        "The authorization header is malformed; Invalid credential date. Date is not the same as \
         X-Amz-Date.",
    );
    check(
        &differs(SignatureForm::Presigned),
        400,
        "AuthorizationQueryParametersError",
        "Invalid credential date \"20130525\". This date is not the same as X-Amz-Date: \
         \"20130524T000000Z\".",
    );
}

#[test]
fn what_is_echoed_is_capped() {
    let mut request = Request::new("GET", "/");
    request.path = format!("/{}", "ü".repeat(20_000));
    let mut request = request.signed(hashed(b"")).0;
    request.method = "PUT".to_owned();
    let total: usize = request.refusal().s3().elements.iter().map(|e| e.1.len()).sum();
    assert!((20_000..50_000).contains(&total), "{total}");
    let scheme = refused(|request| request.set("authorization", &"x".repeat(10_000)));
    assert!(scheme.s3().elements.iter().all(|element| element.1.len() <= 256));
    let key = "A".repeat(400);
    let unknown = refused(|request| {
        let value = request.header("authorization").replace("AKIAIOSFODNN7EXAMPLE", &key);
        request.set("authorization", &value);
    });
    assert!(unknown.s3().elements[0].1.len() <= 400);
}

#[test]
fn a_wrong_signature_tells_what_was_signed() {
    let error = refused(|request| request.method = "PUT".to_owned());
    let names: Vec<_> = error.s3().elements.into_iter().map(|element| element.0).collect();
    let expected = [
        "AWSAccessKeyId",
        "StringToSign",
        "SignatureProvided",
        "StringToSignBytes",
        "CanonicalRequest",
        "CanonicalRequestBytes",
    ];
    assert_eq!(names, expected);
    // Other services say that it does not match, and no more.
    assert!(error.query_style().elements.is_empty() && error.json_style().elements.is_empty());
}

#[test]
fn query_and_json_services_have_their_own_codes() {
    let skewed = |seconds| {
        let server_time = later(seconds);
        AuthError::RequestTimeTooSkewed { request_time: moment(), server_time }
    };
    for (error, query, json) in [
        (
            AuthError::Anonymous,
            (403, "MissingAuthenticationToken"),
            "MissingAuthenticationTokenException",
        ),
        (
            AuthError::Header(HeaderDefect::Components),
            (400, "IncompleteSignature"),
            "IncompleteSignatureException",
        ),
        (
            AuthError::SigV2 { place: SigV2Place::Query },
            (400, "IncompleteSignature"),
            "IncompleteSignatureException",
        ),
        (
            AuthError::UnknownAccessKeyId { access_key_id: String::new() },
            (403, "InvalidClientTokenId"),
            "UnrecognizedClientException",
        ),
        (AuthError::InvalidToken, (403, "InvalidClientTokenId"), "UnrecognizedClientException"),
        (
            refused(|request| request.method = "PUT".to_owned()),
            (403, "SignatureDoesNotMatch"),
            "InvalidSignatureException",
        ),
        (skewed(1000), (403, "SignatureDoesNotMatch"), "InvalidSignatureException"),
        (AuthError::ExpiredToken, (403, "ExpiredToken"), "ExpiredTokenException"),
    ] {
        let parts = error.query_style();
        assert_eq!((parts.status, parts.code), query, "{error:?}");
        let parts = error.json_style();
        assert_eq!((parts.status, parts.code), (400, json), "{error:?}");
    }
    assert_eq!(AuthError::BodyDigestNeeded.query_style().status, 500);
    assert!(skewed(1000).query_style().message.starts_with("Signature expired: 20130524T000000Z"));
    assert!(skewed(-1000).query_style().message.starts_with("Signature not yet current"));
}

#[test]
fn messages_name_no_values_of_secrets() {
    for error in [
        AuthError::Query(QueryDefect::ParameterMissing),
        AuthError::MissingContentSha256,
        AuthError::AnonymousSignedChunks,
        AuthError::StreamingNotAllowed,
        AuthError::TooManyHeaders,
    ] {
        let text = error.to_string();
        assert!(text.starts_with(|first: char| first.is_lowercase()) && !text.ends_with('.'));
        assert_eq!(error.s3().status, 400);
    }
}
