//! Why a request was not permitted.

use strongroom_types::BucketName;
use strongroom_wire::ErrorResponse;

/// A refusal by the enforcement point. Says no more than the caller may know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// Nothing allows it, or something denies it.
    #[error("access denied")]
    AccessDenied {
        /// Text for the client; AWS's enriched form where AWS would give it.
        message: String,
    },
    /// There is no such bucket. SPEC: access-control, 2.9: told to everybody.
    #[error("no such bucket")]
    NoSuchBucket(BucketName),
    /// The caller expects an owner that is no account id. SPEC: access-control, 4.4.
    #[error("the expected bucket owner is not an account id")]
    InvalidExpectedOwner,
    /// Allowed, but never to another account than the owner's. SPEC: access-control, 2.3.
    #[error("only the owner's account can do this")]
    MethodNotAllowed,
    /// Headers of the answer are chosen by nobody. SPEC: access-control, 2.8.
    #[error("headers of the answer cannot be chosen without a signature")]
    ResponseOverrides,
    /// What the decision needs could not be had: fail closed.
    #[error("the decision could not be made")]
    Unavailable,
}

impl Denial {
    /// The plain denial, without a reason.
    #[must_use]
    pub fn plain() -> Self {
        Self::AccessDenied { message: "Access Denied".to_owned() }
    }
}

impl From<Denial> for ErrorResponse {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::AccessDenied { message } => Self::new("AccessDenied", 403, message),
            Denial::NoSuchBucket(bucket) => {
                Self::new("NoSuchBucket", 404, "the specified bucket does not exist")
                    .element("BucketName", bucket.to_string())
            }
            Denial::InvalidExpectedOwner => Self::new(
                "InvalidBucketOwnerAWSAccountID",
                400,
                "the value of the expected bucket owner parameter must be an AWS account id",
            ),
            Denial::MethodNotAllowed => Self::new(
                "MethodNotAllowed",
                405,
                "the specified method is not allowed against this resource",
            ),
            Denial::ResponseOverrides => Self::new(
                "InvalidRequest",
                400,
                "Request specific response headers cannot be used for anonymous GET requests.",
            ),
            Denial::Unavailable => {
                Self::new("ServiceUnavailable", 503, "the request could not be decided; try again")
            }
        }
    }
}
