//! Form uploads: who signed the policy. SPEC: access-control, 5.5.

use strongroom_sigv4::sign::{Credentials, Signer};
use strongroom_sigv4::{
    AuthError, Expected, QueryDefect, ScopeDefect, SigningKey, Verified, parse_form_claim,
};
use strongroom_types::Timestamp;

use crate::support::{ACCESS_KEY_ID, REGION, later, moment, secret, signer};

const POLICY: &str = "eyJleHBpcmF0aW9uIjoiMjA5OS0wMS0wMVQwMDowMDowMFoiLCJjb25kaXRpb25zIjpbXX0=";

type Fields = Vec<(&'static str, String)>;

fn form() -> Fields {
    vec![
        ("key", "object".to_owned()),
        ("policy", POLICY.to_owned()),
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256".to_owned()),
        ("x-amz-credential", signer().credential()),
        ("x-amz-date", "20130524T000000Z".to_owned()),
        ("x-amz-signature", signer().sign_policy(POLICY)),
    ]
}

fn verify_at(fields: &Fields, now: Timestamp) -> Result<Verified, AuthError> {
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let claim = parse_form_claim(&fields)?.ok_or(AuthError::Anonymous)?;
    let checked = claim.check(&Expected { service: "s3", region: REGION, now })?;
    checked.verify(&SigningKey::derive(&secret(), "20130524", REGION, "s3"))
}

fn refusal(fields: &Fields) -> AuthError {
    verify_at(fields, moment()).unwrap_err()
}

fn set(name: &str, value: &str) -> Fields {
    let mut fields = form();
    fields.iter_mut().find(|field| field.0 == name).unwrap().1 = value.to_owned();
    fields
}

#[test]
fn a_signed_form_is_proven() {
    let verified = verify_at(&form(), later(60)).unwrap();
    assert_eq!(verified.access_key_id().as_str(), ACCESS_KEY_ID);
    assert_eq!(verified.signature_form().auth_type(), "POST");
    assert_eq!((verified.payload_mode(), verified.signature_age_milliseconds()), (None, 60_000));
}

#[test]
fn a_form_without_a_claim_is_anonymous() {
    let fields = [("key", "object"), ("acl", "private")];
    assert!(parse_form_claim(&fields).unwrap().is_none());
}

#[test]
fn a_claim_of_a_form_is_whole() {
    for name in ["policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"] {
        let mut fields = form();
        fields.retain(|field| !field.0.eq_ignore_ascii_case(name));
        let refused = refusal(&fields);
        assert_eq!(refused, AuthError::FormFieldMissing { name });
        assert!(refused.s3().message.starts_with("Bucket POST must contain a field named"));
    }
}

#[test]
fn fields_that_decide_come_once() {
    for name in
        ["policy", "POLICY", "X-Amz-Signature", "x-amz-credential", "x-amz-date", "X-AMZ-ALGORITHM"]
    {
        let mut fields = form();
        fields.push((name, "x".to_owned()));
        let refused = refusal(&fields);
        assert!(matches!(refused, AuthError::FormFieldDuplicate { .. }), "{name}");
    }
    let mut fields = form();
    fields.push(("x-amz-security-token", "a".to_owned()));
    fields.push(("x-amz-security-token", "b".to_owned()));
    assert!(matches!(refusal(&fields), AuthError::FormFieldDuplicate { .. }));
}

#[test]
fn another_policy_or_signature_is_refused() {
    let mismatch = |fields: &Fields| matches!(refusal(fields), AuthError::SignatureMismatch(_));
    assert!(mismatch(&set("policy", &POLICY.replace("eyJ", "eyK"))));
    assert!(mismatch(&set("policy", "")));
    assert!(mismatch(&set("x-amz-signature", "")));
    assert!(mismatch(&set("x-amz-signature", &"0".repeat(64))));
    let upper = signer().sign_policy(POLICY).to_uppercase();
    assert!(mismatch(&set("x-amz-signature", &upper)));
}

#[test]
fn the_scope_and_the_date_are_judged_as_for_requests() {
    let credential = signer().credential();
    let defect = |fields: &Fields| match refusal(fields) {
        AuthError::Scope { defect, .. } => defect,
        other => panic!("{other:?}"),
    };
    let edited = |old, new| set("x-amz-credential", &credential.replace(old, new));
    assert!(matches!(defect(&edited("us-east-1", "x")), ScopeDefect::Region { .. }));
    assert!(matches!(defect(&edited("/s3/", "/iam/")), ScopeDefect::Service { .. }));
    assert!(matches!(defect(&edited("20130524", "20130525")), ScopeDefect::DateDiffers { .. }));
    assert_eq!(defect(&edited("/s3", "")), ScopeDefect::Shape);
    let date = set("x-amz-date", "2013-05-24");
    assert_eq!(refusal(&date), AuthError::Query(QueryDefect::Date));
    let algorithm = set("X-Amz-Algorithm", "AWS4-HMAC-SHA1");
    assert_eq!(refusal(&algorithm), AuthError::Query(QueryDefect::Algorithm));
    let asymmetric = set("X-Amz-Algorithm", "AWS4-ECDSA-P256-SHA256");
    assert_eq!(refusal(&asymmetric), AuthError::SigV4aUnsupported);
}

#[test]
fn a_signature_of_a_form_serves_for_a_week() {
    let week = 7 * 24 * 60 * 60;
    verify_at(&form(), later(week - 1)).unwrap();
    let refused = verify_at(&form(), later(week)).unwrap_err();
    assert!(matches!(refused, AuthError::Expired { .. }));
    verify_at(&form(), later(-900)).unwrap();
    let refused = verify_at(&form(), later(-901)).unwrap_err();
    assert!(matches!(refused, AuthError::NotYetValid { .. }));
}

#[test]
fn temporary_credentials_need_their_token_in_a_form_too() {
    let secret = secret();
    let id = "ASIAIOSFODNN7EXAMPLE";
    let credentials =
        Credentials { access_key_id: id, secret_access_key: &secret, session_token: None };
    let signer = Signer::new(&credentials, REGION, "s3", moment());
    let mut fields = set("x-amz-credential", &signer.credential());
    let unknown = AuthError::UnknownAccessKeyId { access_key_id: id.to_owned() };
    assert_eq!(refusal(&fields), unknown);
    fields.push(("x-amz-security-token", String::new()));
    assert_eq!(refusal(&fields), unknown);
    fields.last_mut().unwrap().1 = "token".to_owned();
    verify_at(&fields, moment()).unwrap();
}

#[test]
fn a_form_of_both_versions_is_refused() {
    for name in ["AWSAccessKeyId", "signature", "Signature"] {
        let mut fields = form();
        fields.push((name, "x".to_owned()));
        assert_eq!(refusal(&fields), AuthError::SeveralMechanisms, "{name}");
    }
}

#[test]
fn an_unknown_key_of_a_form_is_answered_after_the_same_work() {
    let fields = form();
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let claim = parse_form_claim(&fields).unwrap().unwrap();
    let expected = Expected { service: "s3", region: REGION, now: moment() };
    let refused = claim.check(&expected).unwrap().verify_unknown();
    assert_eq!(refused.s3().code, "InvalidAccessKeyId");
}
