//! The form-upload form of a claim: a signed policy document among the fields of a form.
//!
//! SPEC: access-control, 5.5. Proves who signed the policy text; whether the form fulfils the
//! policy, and whether the policy has expired, is for the caller to judge.

use std::fmt;

use strongroom_crypto::ct_eq;
use strongroom_types::Timestamp;

use crate::canonical::{ALGORITHM, ALGORITHM_V4A};
use crate::claim::parse_date;
use crate::credential::{AccessKeyClaim, Expected, Scope, parse_credential};
use crate::error::{AuthError, Echo, QueryDefect, SigV2Place, SignatureEcho};
use crate::key::SigningKey;
use crate::verify::{EXPIRES_SECONDS_MAX, SignatureForm, Verified, check_moment};

/// What a form says about the signer of its policy.
pub struct FormClaim<'a> {
    policy: &'a str,
    access_key: AccessKeyClaim,
    scope: Scope,
    signature: &'a str,
    session_token: Option<&'a str>,
    request_time: Timestamp,
}

/// Reads the claim of a form from the fields before its file; `None` if it makes none.
///
/// Names compare without regard to case, as everywhere in forms.
///
/// # Errors
/// If a field is missing, comes twice or cannot be read.
pub fn parse_form_claim<'a>(
    fields: &[(&'a str, &'a str)],
) -> Result<Option<FormClaim<'a>>, AuthError> {
    let version_2 = ["AWSAccessKeyId", "signature"];
    for name in version_2 {
        if field(fields, name)?.is_some() {
            return Err(AuthError::SigV2 { place: SigV2Place::Form });
        }
    }
    let names = ["x-amz-signature", "x-amz-credential", "x-amz-algorithm", "x-amz-date", "policy"];
    let mut values = [None; 5];
    for (value, name) in values.iter_mut().zip(names) {
        *value = field(fields, name)?;
    }
    if values.iter().all(Option::is_none) {
        return Ok(None);
    }
    for (value, name) in values.iter().zip(names) {
        if value.is_none() {
            return Err(AuthError::FormFieldMissing { name });
        }
    }
    let [signature, credential, algorithm, date, policy] = values.map(Option::unwrap_or_default);
    match algorithm {
        ALGORITHM => {}
        ALGORITHM_V4A => return Err(AuthError::SigV4aUnsupported),
        _ => return Err(AuthError::Query(QueryDefect::Algorithm)),
    }
    let (access_key, scope) = parse_credential(credential, SignatureForm::Form)?;
    Ok(Some(FormClaim {
        policy,
        access_key,
        scope,
        signature,
        session_token: field(fields, "x-amz-security-token")?.filter(|text| !text.is_empty()),
        request_time: parse_date(date).ok_or(AuthError::Query(QueryDefect::Date))?,
    }))
}

impl<'a> FormClaim<'a> {
    /// The access key that is said to have signed.
    #[must_use]
    pub fn access_key(&self) -> &AccessKeyClaim {
        &self.access_key
    }

    /// The day, region and service that the signature is said to be for.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
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
    /// The policy bears its own end; besides, a signing key serves for a week.
    ///
    /// # Errors
    /// The first rule that the claim breaks.
    pub fn check(self, expected: &Expected<'_>) -> Result<CheckedForm<'a>, AuthError> {
        let amz_date = self.request_time.to_amz_date();
        self.scope.check(SignatureForm::Form, &amz_date, expected)?;
        check_moment(self.request_time, Some(EXPIRES_SECONDS_MAX), expected.now)?;
        if let AccessKeyClaim::Possible(id) = &self.access_key
            && id.is_temporary()
            && self.session_token.is_none()
        {
            return Err(self.access_key.unknown());
        }
        Ok(CheckedForm { claim: self, now: expected.now })
    }
}

/// SECURITY: no signature, no session token, no policy.
impl fmt::Debug for FormClaim<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FormClaim")
            .field("access_key", &self.access_key)
            .field("scope", &self.scope)
            .field("request_time", &self.request_time)
            .finish_non_exhaustive()
    }
}

/// A form's claim that breaks no rule which can be judged without a secret. Not proven yet.
#[derive(Debug)]
pub struct CheckedForm<'a> {
    claim: FormClaim<'a>,
    now: Timestamp,
}

impl<'a> CheckedForm<'a> {
    /// The claim.
    #[must_use]
    pub fn claim(&self) -> &FormClaim<'a> {
        &self.claim
    }

    /// Proves that the signer's key signed the policy text.
    ///
    /// # Errors
    /// If the signature does not match.
    pub fn verify(&self, signing_key: &SigningKey) -> Result<Verified, AuthError> {
        let claim = &self.claim;
        let expected = signing_key.sign(claim.policy.as_bytes());
        // SECURITY: constant time, as for requests.
        let matches = ct_eq(expected.as_bytes(), claim.signature.as_bytes());
        match (matches, &claim.access_key) {
            (true, AccessKeyClaim::Possible(id)) => {
                Ok(Verified::form(id.clone(), claim.request_time, self.now))
            }
            (true, AccessKeyClaim::Impossible(_)) => Err(claim.access_key.unknown()),
            (false, access_key) => Err(AuthError::SignatureMismatch(Box::new(SignatureEcho {
                access_key_id: access_key.as_str().to_owned(),
                string_to_sign: Echo::document(claim.policy.as_bytes()),
                signature_provided: Echo::argument(claim.signature),
                canonical_request: None,
            }))),
        }
    }

    /// Does the work of [`Self::verify`] for an access key that does not exist.
    #[must_use]
    pub fn verify_unknown(&self) -> AuthError {
        drop(std::hint::black_box(self.verify(&SigningKey::nobody())));
        self.claim.access_key.unknown()
    }
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
