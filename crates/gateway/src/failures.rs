//! Refusals that the pipeline itself makes, before any service is asked.

use http::header;
use strongroom_access::CredentialError;
use strongroom_sigv4::ErrorParts;
use strongroom_wire::{ErrorResponse, PayloadError};

use crate::heads::HeadError;

/// The answer for a refusal by the signature verifier.
pub(crate) fn response(parts: ErrorParts) -> ErrorResponse {
    let mut response = ErrorResponse::new(parts.code, parts.status, parts.message);
    for (name, value) in parts.elements {
        response = response.element(name, value);
    }
    response
}

/// SPEC: data-protection, 7.11 ERR-005.
pub(crate) fn message_too_long() -> ErrorResponse {
    ErrorResponse::new("MaxMessageLengthExceeded", 400, "your request was too big")
}

/// SPEC: data-protection, 1.3: a length is needed and absent.
pub(crate) fn length_required() -> ErrorResponse {
    ErrorResponse::new("MissingContentLength", 411, "you must provide the Content-Length header")
}

/// SPEC: data-protection, 1.10 and 1.7: 5 GiB in one upload.
pub(crate) fn entity_too_large(proposed: u64, max: u64) -> ErrorResponse {
    ErrorResponse::new("EntityTooLarge", 400, "your proposed upload exceeds the maximum size")
        .element("ProposedSize", proposed.to_string())
        .element("MaxSizeAllowed", max.to_string())
}

/// SPEC: data-protection, 6.3.
pub(crate) fn headers_too_large() -> ErrorResponse {
    ErrorResponse::new(
        "RequestHeaderSectionTooLarge",
        400,
        "your request header and query parameters exceed the maximum allowed size",
    )
}

/// A request whose parts contradict each other.
pub(crate) fn invalid(message: &'static str) -> ErrorResponse {
    ErrorResponse::new("InvalidRequest", 400, message)
}

/// More is asked for at once than there are places or memory for. SPEC: data-protection, 2.5.
pub(crate) fn slow_down() -> ErrorResponse {
    let refusal = ErrorResponse::new("SlowDown", 503, "please reduce your request rate");
    refusal.header(header::CONNECTION, "close")
}

/// A head that is refused before anything else is known of the request.
pub(crate) fn head(error: HeadError) -> ErrorResponse {
    match error {
        HeadError::RequestLine
        | HeadError::HeaderLine
        | HeadError::LineEnd
        | HeadError::Truncated
        | HeadError::Length => {
            ErrorResponse::new("BadRequest", 400, "an error occurred when parsing the HTTP request")
        }
        HeadError::Version => invalid("only HTTP/1.1 is spoken here"),
        HeadError::TargetForm => invalid("the request target must be a path"),
        HeadError::TargetBytes => {
            ErrorResponse::new("InvalidURI", 400, "the specified URI could not be parsed")
        }
        HeadError::TooLarge => headers_too_large(),
        HeadError::Host => invalid("there must be exactly one Host header"),
        HeadError::Lengths => invalid("the length of the request is ambiguous"),
        HeadError::Coding => ErrorResponse::new(
            "NotImplemented",
            501,
            "a header you provided implies functionality that is not implemented",
        )
        .element("Header", "Transfer-Encoding"),
    }
}

/// A head that did not arrive in time.
pub(crate) fn too_slow() -> ErrorResponse {
    PayloadError::Timeout.s3()
}

/// The server cannot do it now.
pub(crate) fn unavailable() -> ErrorResponse {
    ErrorResponse::new(
        "ServiceUnavailable",
        503,
        "the service cannot handle the request; try again",
    )
}

/// SPEC: access-control, 5.3: tokens that do not open, or whose time is over.
pub(crate) fn credential(error: &CredentialError) -> ErrorResponse {
    let message = error.to_string();
    match error {
        CredentialError::UnknownAccessKey => ErrorResponse::new("InvalidAccessKeyId", 403, message),
        CredentialError::InvalidToken => ErrorResponse::new(
            "InvalidToken",
            400,
            "The provided token is malformed or otherwise invalid.",
        ),
        CredentialError::ExpiredToken => {
            ErrorResponse::new("ExpiredToken", 400, "The provided token has expired.")
        }
        CredentialError::Unavailable(_) => unavailable(),
    }
}
