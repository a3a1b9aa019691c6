//! The IAM policy language: parser, validator, evaluator with a trace, public-access rules, and the
//! two older ways to grant access to buckets and objects, ACLs and their blocks.
//!
//! A policy is read once, when it is saved ([`Policy::parse`]), and whatever is not understood is
//! refused there. A decision ([`decide`]) is a pure function of a [`Question`] and the
//! [`PolicySets`] that bear on it; [`explain`] is the same function with somebody looking on.
//!
//! Pure: no I/O, clock or randomness. Must not know requests, HTTP, or how policies are stored.

mod acl;
mod action;
mod arn_pattern;
mod catalog;
mod condition;
mod context;
mod document;
mod error;
mod evaluate;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod json;
mod pattern;
mod place;
mod principal;
mod public;
mod public_access_block;
mod trace;
mod validate;
mod variables;

pub use acl::{
    ACL_GRANTS_MAX, Acl, AclGrant, AclGroup, AclNameError, AclPermission, AclQuestion, AclTarget,
    CannedAcl, ExistingObject, Grantee, ObjectOwnership,
};
pub use action::{Action, ActionError};
pub use context::{Context, Value};
pub use document::{
    Effect, Policy, PolicyKind, PolicyVersion, PrincipalEntry, Statement, counted_characters,
};
pub use error::{PolicyError, PolicyFault};
pub use evaluate::{
    AccessPointSide, AclMatch, Allowance, Attached, Decision, Delegation, Denial, DenialReason,
    Disclosure, ObjectOwner, PolicySet, PolicySets, Question, ResourceSide, StatementRef, decide,
    explain,
};
pub use json::Span;
pub use place::Place;
pub use principal::{Account, PolicyPrincipal, PrincipalMatch, RequestPrincipal};
pub use public_access_block::PublicAccessBlock;
pub use trace::{ConditionTrace, Trace, TraceEntry};
pub use validate::{Finding, Severity};
