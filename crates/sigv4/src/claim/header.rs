//! The header form of a claim: `Authorization: AWS4-HMAC-SHA256 Credential=..., ...`.
//!
//! SPEC: access-control, 5.1 and 5.3.

use std::borrow::Cow;

use strongroom_types::Timestamp;

use super::Claim;
use crate::canonical::{ALGORITHM, ALGORITHM_V4A, SignedHeaders};
use crate::credential::parse_credential;
use crate::error::{AuthError, Echo, HeaderDefect, SigV2Place};
use crate::request::RequestView;
use crate::verify::SignatureForm;

pub(super) fn parse<'a>(
    request: &RequestView<'a>,
    authorization: &'a str,
) -> Result<Claim<'a>, AuthError> {
    let components = Components::parse(scheme(authorization)?)?;
    let (access_key, scope) = parse_credential(components.credential, SignatureForm::Header)?;
    let signed_headers = SignedHeaders::parse(Cow::Borrowed(components.signed_headers))
        .ok_or(AuthError::Header(HeaderDefect::SignedHeaders))?;
    let session_token = request.single("x-amz-security-token")?;
    Ok(Claim {
        request: *request,
        form: SignatureForm::Header,
        access_key,
        scope,
        signed_headers,
        signature: Cow::Borrowed(components.signature),
        session_token: session_token.filter(|text| !text.is_empty()).map(Cow::Borrowed),
        request_time: date(request)?,
        expires_seconds: None,
        query_content_sha256: None,
    })
}

/// What follows the scheme, if it is ours.
fn scheme(authorization: &str) -> Result<&str, AuthError> {
    if authorization.is_empty() {
        return Err(AuthError::AuthorizationEmpty);
    }
    let (scheme, rest) = authorization.split_once(' ').unwrap_or((authorization, ""));
    match scheme {
        ALGORITHM if !rest.is_empty() => Ok(rest),
        ALGORITHM => Err(AuthError::NoSpaceAfterScheme { given: Echo::argument(authorization) }),
        ALGORITHM_V4A => Err(AuthError::SigV4aUnsupported),
        "AWS" => Err(AuthError::SigV2 { place: SigV2Place::Header }),
        glued if glued.starts_with(ALGORITHM) => {
            Err(AuthError::NoSpaceAfterScheme { given: Echo::argument(authorization) })
        }
        _ => Err(AuthError::UnsupportedScheme { given: Echo::argument(authorization) }),
    }
}

struct Components<'a> {
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Components<'a> {
    /// SECURITY: unknown and repeated components are refused, so there is one way to read the rest.
    fn parse(text: &'a str) -> Result<Self, AuthError> {
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for component in text.split(',') {
            let malformed = AuthError::Header(HeaderDefect::Components);
            let Some((name, value)) = component.trim_matches(' ').split_once('=') else {
                return Err(malformed);
            };
            let place = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => return Err(malformed),
            };
            if place.replace(value).is_some() {
                return Err(malformed);
            }
        }
        let missing = |defect| AuthError::Header(defect);
        Ok(Self {
            credential: credential.ok_or(missing(HeaderDefect::MissingCredential))?,
            signed_headers: signed_headers.ok_or(missing(HeaderDefect::MissingSignedHeaders))?,
            signature: signature.ok_or(missing(HeaderDefect::MissingSignature))?,
        })
    }
}

/// `x-amz-date` if it is there, otherwise `Date`. The string to sign holds the moment itself, so a
/// `Date` outside the signed headers is covered too.
fn date(request: &RequestView<'_>) -> Result<Timestamp, AuthError> {
    if let Some(text) = request.single("x-amz-date")? {
        return parse_date(text).ok_or(AuthError::NoDate);
    }
    let text = request.single("date")?.ok_or(AuthError::NoDate)?;
    parse_date(text).or_else(|| Timestamp::parse_http_date(text).ok()).ok_or(AuthError::NoDate)
}

/// `20130524T000000Z` and nothing that only looks like it.
pub(crate) fn parse_date(text: &str) -> Option<Timestamp> {
    let moment = Timestamp::parse_amz_date(text).ok()?;
    (moment.to_amz_date() == text).then_some(moment)
}
