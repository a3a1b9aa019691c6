//! Domain errors in AWS's terms: the only place that names error codes and statuses.
//!
//! SPEC: access-control, 6 and 7. Messages are our own words.

use strongroom_wire::{DecodeError, ErrorResponse};

use crate::IdentityError;
use crate::iam::error::IamError;

/// An input that is not what the operation takes.
pub(super) fn decode_error(_operation: &str, error: &DecodeError) -> ErrorResponse {
    error.query()
}

/// A member for something that is not built here.
pub(super) fn not_implemented(member: &str) -> ErrorResponse {
    ErrorResponse::new("NotImplemented", 501, format!("`{member}` is not implemented"))
}

/// A parameter that the operation does not have.
pub(super) fn unknown_parameter(path: &str) -> ErrorResponse {
    let name = path.strip_prefix("Input.").unwrap_or(path);
    validation(format!("1 validation error detected: `{name}` is no parameter of the action"))
}

/// A parameter that breaks a rule of its type.
pub(super) fn validation(message: String) -> ErrorResponse {
    ErrorResponse::new("ValidationError", 400, message)
}

/// A caller without an account, or one that may not do this.
pub(super) fn access_denied(message: impl Into<String>) -> ErrorResponse {
    ErrorResponse::new("AccessDenied", 403, message.into())
}

/// A refusal of the domain.
pub(super) fn response(error: &IamError) -> ErrorResponse {
    let (code, status) = match error {
        IamError::NoSuchEntity(_) => ("NoSuchEntity", 404),
        IamError::EntityAlreadyExists(_) => ("EntityAlreadyExists", 409),
        IamError::DeleteConflict(_) => ("DeleteConflict", 409),
        IamError::LimitExceeded(_) => ("LimitExceeded", 409),
        IamError::MalformedPolicyDocument(_) => ("MalformedPolicyDocument", 400),
        IamError::InvalidInput(_) => ("InvalidInput", 400),
        IamError::Validation(_) => ("ValidationError", 400),
        IamError::AccessDenied(_) => ("AccessDenied", 403),
        IamError::PackedPolicyTooLarge(_) => ("PackedPolicyTooLarge", 400),
        IamError::Failed(error) => return failure(error),
    };
    ErrorResponse::new(code, status, error.to_string())
}

/// What the store or the key vault could not do.
pub(super) fn failure(error: &IdentityError) -> ErrorResponse {
    match error {
        IdentityError::Contended => ErrorResponse::new(
            "ConcurrentModification",
            409,
            "the request collided with another change; try again",
        ),
        _ => ErrorResponse::new("ServiceFailure", 500, error.to_string()),
    }
}
