//! Preflights: what a browser asks with `OPTIONS` before it sends a request of another origin.
//!
//! SPEC: access-control, 4.8. They carry no credentials and are answered before any are looked
//! for.

use http::Response;
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};

use super::{CorsMethod, CorsRequest, CorsRules, requested_headers, single};
use crate::{ByteStream, ErrorResponse, PathShape, RequestHead, Target};

/// Why a preflight is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PreflightError {
    /// It names no origin.
    #[error("Insufficient information. Origin request header needed.")]
    OriginMissing,
    /// The method that it asks for is none that a rule can allow.
    #[error("Invalid Access-Control-Request-Method: {given}")]
    InvalidMethod {
        /// What it asks for; `null` if nothing.
        given: String,
    },
    /// The bucket has no rules.
    #[error("CORSResponse: CORS is not enabled for this bucket.")]
    NotEnabled(PreflightSubject),
    /// No rule of the bucket fits.
    #[error(
        "CORSResponse: This CORS request is not allowed. No rule of the bucket allows this origin, \
         method and these headers together."
    )]
    NotAllowed(PreflightSubject),
}

/// What a refused preflight asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreflightSubject {
    /// The method that it asks for.
    pub method: CorsMethod,
    /// What the path names.
    pub resource_type: &'static str,
}

/// A preflight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preflight {
    asked: PreflightSubject,
    /// `None` if no rule can fit what it says.
    request: Option<CorsRequest>,
}

impl Preflight {
    /// Reads a preflight.
    ///
    /// # Errors
    /// If it does not say who asks for what.
    pub fn parse(head: &RequestHead, target: &Target) -> Result<Self, PreflightError> {
        let text = |name| head.headers.get(name).map(http::HeaderValue::as_bytes);
        if text(ORIGIN).is_none_or(<[u8]>::is_empty) {
            return Err(PreflightError::OriginMissing);
        }
        let given = text(ACCESS_CONTROL_REQUEST_METHOD);
        let Some(method) = given.and_then(CorsMethod::from_bytes) else {
            let given = given.map(String::from_utf8_lossy).unwrap_or("null".into());
            let given = given.chars().take(METHOD_CHARS_MAX).collect();
            return Err(PreflightError::InvalidMethod { given });
        };
        let asked = PreflightSubject { method, resource_type: resource_type(target.shape) };
        let request = || {
            single(head, &ACCESS_CONTROL_REQUEST_METHOD)?;
            let origin = single(head, &ORIGIN)?.clone();
            Some(CorsRequest { origin, method: Some(method), headers: requested_headers(head)? })
        };
        Ok(Self { asked, request: request() })
    }

    /// The answer by the rules of the bucket; `None` if it has none.
    ///
    /// # Errors
    /// If no rule allows what is asked for.
    pub fn answer(
        &self,
        rules: Option<&CorsRules>,
    ) -> Result<Response<ByteStream>, PreflightError> {
        let rules = rules.ok_or(PreflightError::NotEnabled(self.asked))?;
        let allowed = self.request.as_ref().and_then(|request| rules.answer(request));
        let allowed = allowed.ok_or(PreflightError::NotAllowed(self.asked))?;
        let mut response = Response::new(ByteStream::Empty);
        allowed.write(response.headers_mut());
        Ok(response)
    }
}

impl PreflightError {
    /// The answer in S3's terms.
    #[must_use]
    pub fn s3(&self) -> ErrorResponse {
        let message = self.to_string();
        match self {
            Self::OriginMissing | Self::InvalidMethod { .. } => {
                ErrorResponse::new("BadRequest", 400, message)
            }
            Self::NotEnabled(asked) | Self::NotAllowed(asked) => {
                ErrorResponse::new("AccessForbidden", 403, message)
                    .element("Method", asked.method.as_str())
                    .element("ResourceType", asked.resource_type)
            }
        }
    }
}

/// What a path names, in the words of S3's errors.
pub(crate) fn resource_type(shape: PathShape) -> &'static str {
    match shape {
        PathShape::Service | PathShape::Fixed(_) => "SERVICE",
        PathShape::Bucket => "BUCKET",
        PathShape::Object => "OBJECT",
    }
}

const METHOD_CHARS_MAX: usize = 64; // an answer repeats no more of a request than this
