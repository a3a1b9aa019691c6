//! The form-upload form of a claim: a signed policy document among the fields of a form.
//!
//! SPEC: access-control, 5.5. Proves who signed the policy text; whether the form fulfils the
//! policy, and whether the policy has expired, is for the caller to judge.

use std::fmt;

use strongroom_crypto::ct_eq;
use strongroom_types::{AccessKeyId, Timestamp};

use crate::canonical::{ALGORITHM, ALGORITHM_V4A};
use crate::claim::parse_date;
use crate::credential::{AccessKeyClaim, Expected, Scope, parse_credential};
use crate::error::{AuthError, Echo, QueryDefect, SignatureEcho};
use crate::key::SigningKey;
use crate::v2::{SignatureV2, StringToSignV2};
use crate::verify::{EXPIRES_SECONDS_MAX, SignatureForm, SignatureVersion, Verified, check_moment};

/// What a form says about the signer of its policy.
pub struct FormClaim<'a> {
    policy: &'a str,
    access_key: AccessKeyClaim,
    signature: &'a str,
    session_token: Option<&'a str>,
    version: Version,
}

/// What the versions of signatures differ in.
enum Version {
    V2,
    V4 { scope: Scope, request_time: Timestamp },
}

/// Reads the claim of a form from the fields before its file; `None` if it makes none.
///
/// Names compare without regard to case, as everywhere in forms.
///
/// # Errors
/// If a field is missing, comes twice or cannot be read, or the form makes two claims.
pub fn parse_form_claim<'a>(
    fields: &[(&'a str, &'a str)],
) -> Result<Option<FormClaim<'a>>, AuthError> {
    let version_2 = fields_of(fields, FIELDS_V2)?;
    let version_4 = fields_of(fields, FIELDS_V4)?;
    let policy = field(fields, POLICY)?;
    let claimed = |values: &[Option<&str>]| values.iter().any(Option::is_some);
    match (claimed(&version_2), claimed(&version_4)) {
        // SECURITY: whoever checks the one signature must not act on what the other one covers.
        (true, true) => Err(AuthError::SeveralMechanisms),
        (false, false) if policy.is_none() => Ok(None),
        (true, false) => parse_v2(fields, version_2, policy).map(Some),
        (false, _) => parse_v4(fields, version_4, policy).map(Some),
    }
}

fn parse_v2<'a>(
    fields: &[(&'a str, &'a str)],
    values: [Option<&'a str>; 2],
    policy: Option<&'a str>,
) -> Result<FormClaim<'a>, AuthError> {
    let [access_key_id, signature] = all(values, FIELDS_V2)?;
    let access_key = match access_key_id.parse() {
        Ok(id) => AccessKeyClaim::Possible(id),
        Err(_) => AccessKeyClaim::Impossible(access_key_id.into()),
    };
    Ok(FormClaim {
        policy: policy.ok_or(AuthError::FormFieldMissing { name: POLICY })?,
        access_key,
        signature,
        session_token: session_token(fields)?,
        version: Version::V2,
    })
}

fn parse_v4<'a>(
    fields: &[(&'a str, &'a str)],
    values: [Option<&'a str>; 4],
    policy: Option<&'a str>,
) -> Result<FormClaim<'a>, AuthError> {
    let [signature, credential, algorithm, date] = all(values, FIELDS_V4)?;
    let policy = policy.ok_or(AuthError::FormFieldMissing { name: POLICY })?;
    match algorithm {
        ALGORITHM => {}
        ALGORITHM_V4A => return Err(AuthError::SigV4aUnsupported),
        _ => return Err(AuthError::Query(QueryDefect::Algorithm)),
    }
    let (access_key, scope) = parse_credential(credential, SignatureForm::Form)?;
    let request_time = parse_date(date).ok_or(AuthError::Query(QueryDefect::Date))?;
    let session_token = session_token(fields)?;
    let version = Version::V4 { scope, request_time };
    Ok(FormClaim { policy, access_key, signature, session_token, version })
}

impl<'a> FormClaim<'a> {
    /// The access key that is said to have signed.
    #[must_use]
    pub fn access_key(&self) -> &AccessKeyClaim {
        &self.access_key
    }

    /// The version of the signature.
    #[must_use]
    pub fn signature_version(&self) -> SignatureVersion {
        match self.version {
            Version::V2 => SignatureVersion::V2,
            Version::V4 { .. } => SignatureVersion::V4,
        }
    }

    /// The day, region and service that the signature is said to be for; version 2 says none.
    #[must_use]
    pub fn scope(&self) -> Option<&Scope> {
        match &self.version {
            Version::V2 => None,
            Version::V4 { scope, .. } => Some(scope),
        }
    }

    /// The session token that came with the claim.
    #[must_use]
    pub fn session_token(&self) -> Option<&str> {
        self.session_token
    }

    /// The policy text that is said to be signed: base64 as sent.
    #[must_use]
    pub fn policy(&self) -> &'a str {
        self.policy
    }

    /// Judges all that needs no secret.
    ///
    /// The policy bears its own end; besides, a signing key of version 4 serves for a week.
    ///
    /// # Errors
    /// The first rule that the claim breaks.
    pub fn check(self, expected: &Expected<'_>) -> Result<CheckedForm<'a>, AuthError> {
        if let Version::V4 { scope, request_time } = &self.version {
            let amz_date = request_time.to_amz_date();
            scope.check(SignatureForm::Form, &amz_date, expected)?;
            check_moment(*request_time, Some(EXPIRES_SECONDS_MAX), expected.now)?;
        }
        if let AccessKeyClaim::Possible(id) = &self.access_key
            && id.is_temporary()
            && self.session_token.is_none()
        {
            return Err(self.access_key.unknown());
        }
        let to_sign = StringToSignV2::new(self.policy.as_bytes().to_vec());
        Ok(CheckedForm { claim: self, to_sign, now: expected.now })
    }
}

/// SECURITY: no signature, no session token, no policy.
impl fmt::Debug for FormClaim<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FormClaim")
            .field("access_key", &self.access_key)
            .field("scope", &self.scope())
            .finish_non_exhaustive()
    }
}

/// A form's claim that breaks no rule which can be judged without a secret. Not proven yet.
#[derive(Debug)]
pub struct CheckedForm<'a> {
    claim: FormClaim<'a>,
    to_sign: StringToSignV2,
    now: Timestamp,
}

impl<'a> CheckedForm<'a> {
    /// The claim.
    #[must_use]
    pub fn claim(&self) -> &FormClaim<'a> {
        &self.claim
    }

    /// What the signer has signed, if the claim is true; for version 2.
    #[must_use]
    pub fn string_to_sign(&self) -> &StringToSignV2 {
        &self.to_sign
    }

    /// Proves that the signer's key signed the policy text.
    ///
    /// # Errors
    /// If the signature does not match, or is one of version 2.
    pub fn verify(&self, signing_key: &SigningKey) -> Result<Verified, AuthError> {
        let claim = &self.claim;
        let expected = signing_key.sign(claim.policy.as_bytes());
        // SECURITY: constant time, as for requests.
        let matches = ct_eq(expected.as_bytes(), claim.signature.as_bytes());
        match &claim.version {
            Version::V4 { request_time, .. } if matches => {
                self.proven(|id| Verified::form(id, *request_time, self.now))
            }
            Version::V4 { .. } | Version::V2 => Err(self.mismatch()),
        }
    }

    /// Proves that the signer's secret signed the policy text.
    ///
    /// # Errors
    /// If the signature does not match, or is one of version 4.
    pub fn verify_v2(&self, signature: &SignatureV2) -> Result<Verified, AuthError> {
        match &self.claim.version {
            Version::V2 if signature.is(self.claim.signature) => {
                self.proven(|id| Verified::v2(id, SignatureForm::Form, self.now))
            }
            Version::V2 | Version::V4 { .. } => Err(self.mismatch()),
        }
    }

    /// Does the work of [`Self::verify`] for an access key that does not exist.
    #[must_use]
    pub fn verify_unknown(&self) -> AuthError {
        drop(std::hint::black_box(match self.claim.version {
            Version::V2 => self.verify_v2(&SignatureV2::nobody(&self.to_sign)),
            Version::V4 { .. } => self.verify(&SigningKey::nobody()),
        }));
        self.claim.access_key.unknown()
    }

    fn proven(
        &self,
        verified: impl FnOnce(AccessKeyId) -> Verified,
    ) -> Result<Verified, AuthError> {
        match &self.claim.access_key {
            AccessKeyClaim::Possible(id) => Ok(verified(id.clone())),
            AccessKeyClaim::Impossible(_) => Err(self.claim.access_key.unknown()),
        }
    }

    fn mismatch(&self) -> AuthError {
        let claim = &self.claim;
        AuthError::SignatureMismatch(Box::new(SignatureEcho {
            access_key_id: claim.access_key.as_str().to_owned(),
            string_to_sign: Echo::document(claim.policy.as_bytes()),
            signature_provided: Echo::argument(claim.signature),
            canonical_request: None,
        }))
    }
}

fn session_token<'a>(fields: &[(&'a str, &'a str)]) -> Result<Option<&'a str>, AuthError> {
    Ok(field(fields, "x-amz-security-token")?.filter(|text| !text.is_empty()))
}

fn fields_of<'a, const N: usize>(
    fields: &[(&'a str, &'a str)],
    names: [&'static str; N],
) -> Result<[Option<&'a str>; N], AuthError> {
    let mut values = [None; N];
    for (value, name) in values.iter_mut().zip(names) {
        *value = field(fields, name)?;
    }
    Ok(values)
}

fn all<'a, const N: usize>(
    values: [Option<&'a str>; N],
    names: [&'static str; N],
) -> Result<[&'a str; N], AuthError> {
    for (value, name) in values.iter().zip(names) {
        if value.is_none() {
            return Err(AuthError::FormFieldMissing { name });
        }
    }
    Ok(values.map(Option::unwrap_or_default))
}

/// SECURITY: a field that decides authentication comes once, so no reader can see another one.
fn field<'a>(
    fields: &[(&'a str, &'a str)],
    name: &'static str,
) -> Result<Option<&'a str>, AuthError> {
    let mut values = fields.iter().filter(|field| field.0.eq_ignore_ascii_case(name));
    let first = values.next();
    if values.next().is_some() {
        return Err(AuthError::FormFieldDuplicate { name });
    }
    Ok(first.map(|field| field.1))
}

const POLICY: &str = "policy";
const FIELDS_V2: [&str; 2] = ["AWSAccessKeyId", "signature"];
const FIELDS_V4: [&str; 4] =
    ["x-amz-signature", "x-amz-credential", "x-amz-algorithm", "x-amz-date"];
