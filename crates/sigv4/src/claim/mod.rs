//! What a request says about its signer, read without any secret and not yet believed.

use std::borrow::Cow;
use std::fmt;

use strongroom_types::Timestamp;

use crate::canonical::SignedHeaders;
use crate::credential::{AccessKeyClaim, Expected, Scope};
use crate::encode::PathEncoding;
use crate::error::{AuthError, Echo};
use crate::payload::PayloadMode;
use crate::request::RequestView;
use crate::verify::{CheckedClaim, SignatureForm, check_moment};

mod header;
mod query;
mod query_v2;
pub(crate) use header::parse_date;
pub use query_v2::{CheckedClaimV2, ClaimV2, ExpectedV2};

/// The claim of a request, in whichever version of signatures it is made.
#[derive(Debug)]
pub enum RequestClaim<'a> {
    /// In the header or the query.
    V4(Claim<'a>),
    /// In the query.
    V2(ClaimV2<'a>),
}

/// What one request says about its signer. Bound to that request: it cannot be checked or
/// verified against another one.
pub struct Claim<'a> {
    pub(crate) request: RequestView<'a>,
    pub(crate) form: SignatureForm,
    pub(crate) access_key: AccessKeyClaim,
    pub(crate) scope: Scope,
    pub(crate) signed_headers: SignedHeaders<'a>,
    pub(crate) signature: Cow<'a, str>,
    pub(crate) session_token: Option<Cow<'a, str>>,
    pub(crate) request_time: Timestamp,
    /// Only for the query form.
    pub(crate) expires_seconds: Option<u32>,
    /// The content digest in the query, where some signers put the header.
    pub(crate) query_content_sha256: Option<Cow<'a, str>>,
}

/// Reads the claim of a request; `None` if it makes none, which is an anonymous request.
///
/// # Errors
/// If the request makes several claims, or one that cannot be read.
pub fn parse_claim<'a>(request: &RequestView<'a>) -> Result<Option<RequestClaim<'a>>, AuthError> {
    let authorization = request.single("authorization")?;
    let found = query::AuthParameters::find(request.query)?;
    match (authorization, found.version_4(), found.version_2()) {
        (None, false, false) => Ok(None),
        (Some(value), false, false) => {
            header::parse(request, value).map(|claim| Some(RequestClaim::V4(claim)))
        }
        (None, true, false) => {
            query::parse(request, found).map(|claim| Some(RequestClaim::V4(claim)))
        }
        (None, false, true) => query_v2::parse(request).map(|claim| Some(RequestClaim::V2(claim))),
        _ => Err(AuthError::SeveralMechanisms),
    }
}

impl<'a> RequestClaim<'a> {
    /// The claim, if it is one of version 4.
    #[must_use]
    pub fn v4(self) -> Option<Claim<'a>> {
        match self {
            Self::V4(claim) => Some(claim),
            Self::V2(_) => None,
        }
    }
}

impl<'a> Claim<'a> {
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
        self.session_token.as_deref()
    }

    /// Header or query.
    #[must_use]
    pub fn form(&self) -> SignatureForm {
        self.form
    }

    /// Whether the claim is in the query, where anyone who has the URL can make it.
    #[must_use]
    pub fn is_presigned(&self) -> bool {
        self.form == SignatureForm::Presigned
    }

    /// Names of the headers that are said to be signed, sorted.
    pub fn signed_headers(&self) -> impl Iterator<Item = &str> {
        self.signed_headers.names()
    }

    /// When the request is said to have been signed.
    #[must_use]
    pub fn request_time(&self) -> Timestamp {
        self.request_time
    }

    /// The lifetime that is said to be signed; for presigned requests only.
    #[must_use]
    pub fn expires_seconds(&self) -> Option<u32> {
        self.expires_seconds
    }

    /// Judges all that needs no secret: scope, time, signed headers, declared payload.
    ///
    /// # Errors
    /// The first rule that the claim breaks.
    pub fn check(self, expected: &Expected<'_>) -> Result<CheckedClaim<'a>, AuthError> {
        let amz_date = self.request_time.to_amz_date();
        self.scope.check(self.form, &amz_date, expected)?;
        check_moment(self.request_time, self.expires_seconds, expected.now)?;
        self.signed_headers.check(&self.request)?;
        let payload_mode = self.payload_mode()?;
        if let AccessKeyClaim::Possible(id) = &self.access_key
            && id.is_temporary()
            && self.session_token.is_none()
        {
            return Err(self.access_key.unknown());
        }
        Ok(CheckedClaim { claim: self, amz_date, payload_mode, now: expected.now })
    }

    pub(crate) fn path_encoding(&self) -> PathEncoding {
        PathEncoding::of_service(self.scope.service())
    }

    /// SPEC: data-protection, 1.6. Only S3 knows bodies that the signature does not cover.
    fn payload_mode(&self) -> Result<PayloadMode, AuthError> {
        let declared = match (self.request.single(CONTENT_SHA256)?, &self.query_content_sha256) {
            // SECURITY: what is declared twice must be one thing.
            (Some(header), Some(query)) if header != query => {
                return Err(AuthError::InvalidContentSha256 { given: Echo::argument(query) });
            }
            (Some(header), _) => Some(PayloadMode::parse(header)?),
            (None, Some(query)) => Some(PayloadMode::parse(query)?),
            (None, None) => None,
        };
        match (self.path_encoding(), declared) {
            (PathEncoding::S3, Some(mode)) => Ok(mode),
            (PathEncoding::S3, None) if self.is_presigned() => Ok(PayloadMode::Unsigned),
            (PathEncoding::S3, None) => Err(AuthError::MissingContentSha256),
            (PathEncoding::Normalized, None) => Ok(PayloadMode::BodyHash),
            (PathEncoding::Normalized, Some(mode @ PayloadMode::Sha256(_))) => Ok(mode),
            (PathEncoding::Normalized, Some(mode)) => {
                let given = Echo::argument(&mode.header_value());
                Err(AuthError::InvalidContentSha256 { given })
            }
        }
    }
}

/// SECURITY: no signature, no session token.
impl fmt::Debug for Claim<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("form", &self.form)
            .field("access_key", &self.access_key)
            .field("scope", &self.scope)
            .field("request_time", &self.request_time)
            .field("expires_seconds", &self.expires_seconds)
            .field("session_token", &self.session_token.as_ref().map(|_| "(hidden)"))
            .finish_non_exhaustive()
    }
}

/// The header in which a signer declares what it says of the body.
pub(crate) const CONTENT_SHA256: &str = "x-amz-content-sha256";
