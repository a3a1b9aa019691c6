//! What may not be asked of IAM and STS, whatever policies say.
//!
//! SPEC: access-control, 6, for temporary credentials.

use strongroom_access::{Caller, Principal, SessionOrigin};

use crate::iam::error::IamError;

/// Refuses whoever is not the root of an account.
///
/// SECURITY: the enforcement point does not know yet which user, role or policy a request names, and
/// would ask about all of them as one; a policy that denies an action on some of them would then deny
/// nothing. Until it knows, policies give nobody these actions.
pub(super) fn refuse_entities(caller: &Caller, action: &str) -> Result<(), IamError> {
    match &caller.principal {
        Principal::Root { .. } => Ok(()),
        _ if OF_EVERYBODY.contains(&action) => Ok(()),
        principal => {
            let arn = principal.arn_text();
            let message = format!("User: {arn} is not authorized to perform: {action}");
            Err(IamError::AccessDenied(message))
        }
    }
}

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

/// What no policy can deny.
const OF_EVERYBODY: [&str; 2] = ["GetCallerIdentity", "GetSessionToken"];

fn denied(caller: &Caller, action: &str) -> IamError {
    let arn = caller.principal.arn_text();
    let message = format!("{arn} may not call {action} with these temporary credentials");
    IamError::AccessDenied(message)
}
