//! How IAM, STS (query protocol) and KMS and the like (JSON) word a refused signature.
//!
//! SPEC: access-control, 5.3, last paragraph; data-protection, 3.1.

use super::{AuthError, ErrorParts, ScopeDefect};
use crate::error::s3;

impl AuthError {
    /// The error as services with the query protocol answer it.
    #[must_use]
    pub fn query_style(&self) -> ErrorParts {
        match self.kind() {
            Kind::Missing => ErrorParts::new(
                403,
                "MissingAuthenticationToken",
                "Request is missing Authentication Token",
            ),
            Kind::Incomplete => ErrorParts::new(400, "IncompleteSignature", self.incomplete()),
            Kind::UnknownSigner => ErrorParts::new(403, "InvalidClientTokenId", UNKNOWN_SIGNER),
            Kind::Mismatch => ErrorParts::new(403, "SignatureDoesNotMatch", self.mismatch()),
            Kind::SessionOver => ErrorParts::new(
                403,
                "ExpiredToken",
                "The security token included in the request is expired",
            ),
            Kind::Internal => ErrorParts { code: "InternalFailure", ..s3::internal() },
        }
    }

    /// The error as services with a JSON protocol answer it.
    #[must_use]
    pub fn json_style(&self) -> ErrorParts {
        match self.kind() {
            Kind::Missing => ErrorParts::new(
                400,
                "MissingAuthenticationTokenException",
                "Missing Authentication Token",
            ),
            Kind::Incomplete => {
                ErrorParts::new(400, "IncompleteSignatureException", self.incomplete())
            }
            Kind::UnknownSigner => {
                ErrorParts::new(400, "UnrecognizedClientException", UNKNOWN_SIGNER)
            }
            Kind::Mismatch => ErrorParts::new(400, "InvalidSignatureException", self.mismatch()),
            Kind::SessionOver => ErrorParts::new(
                400,
                "ExpiredTokenException",
                "The security token included in the request is expired",
            ),
            Kind::Internal => ErrorParts { code: "InternalFailure", ..s3::internal() },
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Anonymous | Self::AuthorizationEmpty => Kind::Missing,
            Self::UnsupportedScheme { .. }
            | Self::NoSpaceAfterScheme { .. }
            | Self::SigV2 { .. }
            | Self::ParameterMissingV2
            | Self::ParameterV2 { .. }
            | Self::HeaderDiffersV2 { .. }
            | Self::ExpiresV2 { .. }
            | Self::SigV4aUnsupported
            | Self::SeveralMechanisms
            | Self::DuplicateHeader { .. }
            | Self::UnreadableHeader { .. }
            | Self::TooManyHeaders
            | Self::InvalidUri
            | Self::Header(_)
            | Self::Query(_)
            | Self::FormFieldMissing { .. }
            | Self::FormFieldDuplicate { .. }
            | Self::NoDate
            | Self::MissingContentSha256
            | Self::InvalidContentSha256 { .. }
            | Self::AnonymousSignedChunks
            | Self::StreamingNotAllowed
            | Self::MissingDecodedLength
            | Self::TrailerUndeclared
            | Self::TrailerInvalid { .. }
            | Self::Scope { defect: ScopeDefect::Shape, .. } => Kind::Incomplete,
            Self::Scope { .. }
            | Self::RequestTimeTooSkewed { .. }
            | Self::NotYetValid { .. }
            | Self::Expired { .. }
            | Self::ExpiredV2 { .. }
            | Self::LifetimeV2 { .. }
            | Self::HeadersNotSigned { .. }
            | Self::SignedHeaderAbsent { .. }
            | Self::SignatureMismatch(_)
            | Self::PayloadMismatch { .. } => Kind::Mismatch,
            Self::UnknownAccessKeyId { .. } | Self::InvalidToken => Kind::UnknownSigner,
            Self::ExpiredToken => Kind::SessionOver,
            Self::BodyDigestNeeded => Kind::Internal,
        }
    }

    /// The S3 sentence serves here too: it says what is malformed.
    fn incomplete(&self) -> String {
        self.s3().message
    }

    fn mismatch(&self) -> String {
        match self {
            Self::RequestTimeTooSkewed { request_time, server_time }
            | Self::NotYetValid { request_time, server_time } => {
                let (signed, now) = (request_time.to_amz_date(), server_time.to_amz_date());
                if request_time > server_time {
                    format!(
                        "Signature not yet current: {signed} is still later than {now} (+ 15 min.)"
                    )
                } else {
                    format!("Signature expired: {signed} is now earlier than {now} (- 15 min.)")
                }
            }
            Self::Expired { expires_at, server_time, .. } => format!(
                "Signature expired: {} is now earlier than {}",
                expires_at.to_amz_date(),
                server_time.to_amz_date()
            ),
            Self::Scope { defect, .. } => match defect {
                ScopeDefect::Region { expected, .. } => {
                    format!("Credential should be scoped to a valid region: '{expected}'.")
                }
                ScopeDefect::Service { expected, .. } => {
                    format!("Credential should be scoped to correct service: '{expected}'.")
                }
                ScopeDefect::Terminator { .. } => {
                    "Credential should be scoped with a valid terminator: 'aws4_request'."
                        .to_owned()
                }
                ScopeDefect::Shape
                | ScopeDefect::DateFormat { .. }
                | ScopeDefect::DateDiffers { .. } => {
                    "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of \
                     date from HTTP."
                        .to_owned()
                }
            },
            Self::HeadersNotSigned { .. } | Self::SignedHeaderAbsent { .. } => self.s3().message,
            _ => s3::MISMATCH.to_owned(),
        }
    }
}

enum Kind {
    Missing,
    Incomplete,
    UnknownSigner,
    Mismatch,
    SessionOver,
    Internal,
}

const UNKNOWN_SIGNER: &str = "The security token included in the request is invalid.";
