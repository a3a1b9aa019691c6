//! How S3 words a refused signature. SPEC: access-control, 5.3 to 5.5; data-protection, 6.6.

use std::fmt::Write as _;

use super::{AuthError, Echo, ErrorParts, HeaderDefect, QueryDefect, ScopeDefect, SignatureEcho};
use crate::verify::{SKEW_SECONDS_MAX, SignatureForm};

impl AuthError {
    /// The error as S3 and S3 Control answer it.
    #[must_use]
    pub fn s3(&self) -> ErrorParts {
        match self {
            Self::Anonymous | Self::AuthorizationEmpty => denied("Access Denied"),
            Self::UnsupportedScheme { given } => argument("Unsupported Authorization Type")
                .with("ArgumentName", "Authorization")
                .with("ArgumentValue", given.as_str()),
            Self::NoSpaceAfterScheme { given } => argument(
                "Authorization header is invalid -- one and only one ' ' (space) required.",
            )
            .with("ArgumentName", "Authorization")
            .with("ArgumentValue", given.as_str()),
            Self::SigV2 { .. } => request(
                "The authorization mechanism you have provided is not supported. Please use \
                 AWS4-HMAC-SHA256.",
            ),
            Self::SigV4aUnsupported => ErrorParts::new(
                501,
                "NotImplemented",
                "Signature version 4A (AWS4-ECDSA-P256-SHA256) is not implemented.",
            ),
            Self::SeveralMechanisms => argument(
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, \
                 Signature query string parameter or the Authorization header should be specified",
            )
            .with("ArgumentName", "Authorization"),
            Self::ParameterMissingV2 => denied(
                "Query-string authentication requires the Signature, Expires and AWSAccessKeyId \
                 parameters",
            ),
            Self::ParameterV2 { name } => argument(
                "A presigned request of signature version 2 has a query parameter that is not \
                 allowed in it, or is there twice.",
            )
            .with("ArgumentName", name.as_str()),
            Self::HeaderDiffersV2 { name } => {
                argument("A header differs from the query parameter of the same name.")
                    .with("ArgumentName", name.as_str())
            }
            Self::ExpiresV2 { given } => {
                denied(&format!("Invalid date (should be seconds since epoch): {}", given.as_str()))
            }
            Self::ExpiredV2 { expires_at, server_time } => denied("Request has expired")
                .with("Expires", expires_at.to_iso8601())
                .with("ServerTime", server_time.to_iso8601()),
            Self::LifetimeV2 { expires_at, server_time } => denied(
                "The time in Expires must be less than a week (604800 seconds) in the future",
            )
            .with("Expires", expires_at.to_iso8601())
            .with("ServerTime", server_time.to_iso8601()),
            Self::DuplicateHeader { name } => {
                argument(format!("The header {name} must be given once."))
                    .with("ArgumentName", *name)
            }
            Self::UnreadableHeader { name } => {
                argument(format!("The header {name} must be printable ASCII."))
                    .with("ArgumentName", *name)
            }
            Self::TooManyHeaders => ErrorParts::new(
                400,
                "RequestHeaderSectionTooLarge",
                "The request has more headers than are allowed.",
            ),
            Self::InvalidUri => {
                ErrorParts::new(400, "InvalidURI", "The specified URI could not be parsed.")
            }
            Self::Header(defect) => malformed_header(*defect),
            Self::Query(defect) => malformed_query(*defect),
            Self::FormFieldMissing { name } => argument(format!(
                "Bucket POST must contain a field named '{name}'.  If it is specified, please \
                 check the order of the fields."
            ))
            .with("ArgumentName", *name),
            Self::FormFieldDuplicate { name } => {
                argument(format!("The form field '{name}' must be given once."))
                    .with("ArgumentName", *name)
            }
            Self::Scope { form, defect } => wrong_scope(*form, defect),
            Self::NoDate => denied("AWS authentication requires a valid Date or x-amz-date header"),
            Self::RequestTimeTooSkewed { request_time, server_time } => ErrorParts::new(
                403,
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
            )
            .with("RequestTime", request_time.to_amz_date())
            .with("ServerTime", server_time.to_iso8601())
            .with("MaxAllowedSkewMilliseconds", (SKEW_SECONDS_MAX * 1000).to_string()),
            Self::NotYetValid { request_time, server_time } => denied("Request is not valid yet")
                .with("X-Amz-Date", request_time.to_amz_date())
                .with("ServerTime", server_time.to_iso8601()),
            Self::Expired { expires_seconds, expires_at, server_time } => {
                denied("Request has expired")
                    .with("X-Amz-Expires", expires_seconds.to_string())
                    .with("Expires", expires_at.to_iso8601())
                    .with("ServerTime", server_time.to_iso8601())
            }
            Self::MissingContentSha256 => {
                request("Missing required header for this request: x-amz-content-sha256")
            }
            Self::InvalidContentSha256 { given } => argument(
                "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, \
                 STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, \
                 STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
            )
            .with("ArgumentName", "x-amz-content-sha256")
            .with("ArgumentValue", given.as_str()),
            Self::HeadersNotSigned { names } => {
                denied("There were headers present in the request which were not signed")
                    .with("HeadersNotSigned", names.clone())
            }
            Self::SignedHeaderAbsent { name } => ErrorParts::new(
                403,
                "SignatureDoesNotMatch",
                format!("The header '{name}' is signed, but the request does not have it."),
            ),
            Self::UnknownAccessKeyId { access_key_id } => ErrorParts::new(
                403,
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist in our records.",
            )
            .with("AWSAccessKeyId", access_key_id.clone()),
            Self::InvalidToken => ErrorParts::new(
                400,
                "InvalidToken",
                "The provided token is malformed or otherwise invalid.",
            ),
            Self::ExpiredToken => {
                ErrorParts::new(400, "ExpiredToken", "The provided token has expired.")
            }
            Self::SignatureMismatch(echo) => mismatch(echo),
            Self::PayloadMismatch { declared, computed } => payload_mismatch(declared, computed),
            Self::AnonymousSignedChunks => request("Signed chunks need a signed request."),
            Self::StreamingNotAllowed => {
                request("This operation does not support an aws-chunked request body.")
            }
            Self::MissingDecodedLength => ErrorParts::new(
                411,
                "MissingContentLength",
                "You must provide the x-amz-decoded-content-length HTTP header.",
            ),
            Self::TrailerUndeclared => {
                request("Missing required header for this request: x-amz-trailer")
            }
            Self::TrailerInvalid { given } => {
                request("The value specified in the x-amz-trailer header is not supported")
                    .with("ArgumentName", "x-amz-trailer")
                    .with("ArgumentValue", given.as_str())
            }
            Self::BodyDigestNeeded => internal(),
        }
    }
}

/// The body does not have the digest that was signed, seen before or after it was read.
pub(crate) fn payload_mismatch(declared: &str, computed: &str) -> ErrorParts {
    ErrorParts::new(
        400,
        "XAmzContentSHA256Mismatch",
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
    )
    .with("ClientComputedContentSHA256", declared)
    .with("S3ComputedContentSHA256", computed)
}

pub(crate) const MISMATCH: &str = "The request signature we calculated does not match the \
                                   signature you provided. Check your key and signing method.";

pub(super) fn internal() -> ErrorParts {
    ErrorParts::new(500, "InternalError", "We encountered an internal error. Please try again.")
}

fn denied(message: &str) -> ErrorParts {
    ErrorParts::new(403, "AccessDenied", message)
}

fn argument(message: impl Into<String>) -> ErrorParts {
    ErrorParts::new(400, "InvalidArgument", message)
}

fn request(message: &str) -> ErrorParts {
    ErrorParts::new(400, "InvalidRequest", message)
}

fn malformed_header(defect: HeaderDefect) -> ErrorParts {
    let detail = match defect {
        HeaderDefect::Components => {
            "the authorization header requires three components: Credential, SignedHeaders, and \
             Signature."
        }
        HeaderDefect::MissingCredential => "missing Credential.",
        HeaderDefect::MissingSignedHeaders => "missing SignedHeaders.",
        HeaderDefect::MissingSignature => "missing Signature.",
        HeaderDefect::SignedHeaders => {
            "SignedHeaders must be a list of distinct lower-case header names."
        }
    };
    header_malformed(detail)
}

fn header_malformed(detail: &str) -> ErrorParts {
    let message = format!("The authorization header is malformed; {detail}");
    ErrorParts::new(400, "AuthorizationHeaderMalformed", message)
}

fn query_malformed(message: impl Into<String>) -> ErrorParts {
    ErrorParts::new(400, "AuthorizationQueryParametersError", message)
}

fn malformed_query(defect: QueryDefect) -> ErrorParts {
    match defect {
        QueryDefect::ParameterMissing => query_malformed(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, \
             X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and \
             X-Amz-Expires parameters.",
        ),
        QueryDefect::ParameterDuplicate { name } => {
            query_malformed(format!("{name} must be given once"))
        }
        QueryDefect::Algorithm => query_malformed(
            "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256\"",
        ),
        QueryDefect::Date => query_malformed(
            "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"",
        ),
        QueryDefect::ExpiresNotNumber => query_malformed("X-Amz-Expires should be a number"),
        QueryDefect::ExpiresNegative => query_malformed("X-Amz-Expires must be non-negative"),
        QueryDefect::ExpiresTooLong => query_malformed(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given \
             X-Amz-Expires must be less than 604800 seconds",
        ),
        QueryDefect::SignedHeaders => query_malformed(
            "X-Amz-SignedHeaders must be a list of distinct lower-case header names",
        ),
    }
}

fn wrong_scope(form: SignatureForm, defect: &ScopeDefect) -> ErrorParts {
    let detail = match defect {
        ScopeDefect::Shape => "the Credential is mal-formed; expecting \
                               \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\"."
            .to_owned(),
        ScopeDefect::DateFormat { given } => format!(
            "incorrect date format \"{}\". This date in the credential must be in the format \
             \"yyyyMMdd\".",
            given.as_str()
        ),
        ScopeDefect::Region { given, expected } => {
            format!("the region '{}' is wrong; expecting '{expected}'", given.as_str())
        }
        ScopeDefect::Service { given, expected } => format!(
            "incorrect service \"{}\". This endpoint belongs to \"{expected}\".",
            given.as_str()
        ),
        ScopeDefect::Terminator { given } => format!(
            "incorrect terminal \"{}\". This endpoint uses \"aws4_request\".",
            given.as_str()
        ),
        ScopeDefect::DateDiffers { given, request_date } => match form {
            SignatureForm::Header => {
                "Invalid credential date. Date is not the same as X-Amz-Date.".to_owned()
            }
            SignatureForm::Presigned | SignatureForm::Form => format!(
                "Invalid credential date \"{given}\". This date is not the same as X-Amz-Date: \
                 \"{request_date}\"."
            ),
        },
    };
    let own_sentence = matches!(defect, ScopeDefect::DateDiffers { .. });
    let parts = match form {
        SignatureForm::Header => header_malformed(&detail),
        SignatureForm::Presigned | SignatureForm::Form if own_sentence => query_malformed(detail),
        SignatureForm::Presigned | SignatureForm::Form => {
            query_malformed(format!("Error parsing the X-Amz-Credential parameter; {detail}"))
        }
    };
    // COMPAT: clients that were configured for another region sign again with this element.
    match defect {
        ScopeDefect::Region { expected, .. } => parts.with("Region", expected.clone()),
        _ => parts,
    }
}

fn mismatch(echo: &SignatureEcho) -> ErrorParts {
    let parts = ErrorParts::new(403, "SignatureDoesNotMatch", MISMATCH)
        .with("AWSAccessKeyId", echo.access_key_id.clone())
        .with("StringToSign", echo.string_to_sign.as_str())
        .with("SignatureProvided", echo.signature_provided.as_str())
        .with("StringToSignBytes", dump(&echo.string_to_sign));
    match &echo.canonical_request {
        Some(document) => parts
            .with("CanonicalRequest", document.as_str())
            .with("CanonicalRequestBytes", dump(document)),
        None => parts,
    }
}

/// `61 62 63`
fn dump(document: &Echo) -> String {
    let mut out = String::with_capacity(document.as_str().len() * 3);
    for byte in document.as_str().bytes() {
        let gap = if out.is_empty() { "" } else { " " };
        // Writing to a string does not fail.
        let _ = write!(out, "{gap}{byte:02x}");
    }
    out
}
