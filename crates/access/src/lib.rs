//! The one policy enforcement point.
//!
//! For an operation and its input this crate says which questions must be answered, gathers what
//! the answer needs through traits, and issues a [`Permit`]: the proof without which no service
//! function can be called. It knows nothing of how anything is stored.

mod asking;
mod caller;
mod context;
mod controls;
mod credentials;
mod cross_origin;
mod denial;
mod directory;
mod endpoint;
mod enforcement;
mod form_policy;
mod judge;
mod note;
mod operations;
mod permit;
mod principal_names;
mod veil;

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;

pub use asking::Asks;
pub use caller::{
    Caller, Entity, EntityKind, Principal, RequestFacts, SessionFacts, SessionOrigin,
};
pub use controls::{BucketControls, ObjectOwnership};
pub use credentials::{
    Credential, CredentialDirectory, CredentialError, CredentialV2, SigningScope,
};
pub use cross_origin::CrossOrigin;
pub use denial::Denial;
pub use directory::{
    BucketDirectory, BucketRef, DirectoryError, HeldPolicy, ObjectFacts, PrincipalDirectory, Seen,
    Standing,
};
pub use endpoint::{
    Answer, BoundOperation, Decoded, Endpoint, Manners, Permitted, RefusedAction, RefusedOperation,
};
pub use enforcement::{Enforcement, Question};
pub use form_policy::{FormPolicy, FormPolicyError, FormQuestion, LengthRange};
pub use operations::{Circumstances, NamedKey, Need, Operands, Resource, S3_NEEDS, Stated, When};
pub use permit::Permit;
pub use principal_names::PrincipalNames;
pub use veil::{Missing, Veil};
