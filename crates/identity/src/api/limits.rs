//! What temporary credentials may not ask of IAM and STS, whatever policies say.
//!
//! SPEC: access-control, 6.

use strongroom_access::{Caller, SessionOrigin};

use crate::iam::error::IamError;

/// Refuses an action of IAM to credentials that may call none.
pub(super) fn refuse_iam(caller: &Caller, action: &str) -> Result<(), IamError> {
    let Some(session) = &caller.session else { return Ok(()) };
    match session.origin {
        SessionOrigin::Operator | SessionOrigin::AssumedRole => Ok(()),
        SessionOrigin::SessionToken if session.mfa.is_some() => Ok(()),
        SessionOrigin::SessionToken | SessionOrigin::FederationToken => Err(denied(caller, action)),
    }
}

/// Refuses an action of STS to credentials that may not call it.
pub(super) fn refuse_sts(caller: &Caller, action: &str) -> Result<(), IamError> {
    let Some(session) = &caller.session else { return Ok(()) };
    let allowed = match session.origin {
        SessionOrigin::Operator => !matches!(action, "GetFederationToken" | "GetSessionToken"),
        SessionOrigin::AssumedRole => !matches!(action, "GetFederationToken" | "GetSessionToken"),
        SessionOrigin::SessionToken => matches!(action, "AssumeRole" | "GetCallerIdentity"),
        SessionOrigin::FederationToken => action == "GetCallerIdentity",
    };
    if allowed { Ok(()) } else { Err(denied(caller, action)) }
}

fn denied(caller: &Caller, action: &str) -> IamError {
    let arn = caller.principal.arn_text();
    let message = format!("{arn} may not call {action} with these temporary credentials");
    IamError::AccessDenied(message)
}
