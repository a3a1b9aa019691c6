//! The Security Token Service.

use std::sync::Arc;
use std::time::Duration;

use strongroom_access::{Endpoint, EntityKind, Permit, Principal};
use strongroom_model::sts::{
    Credentials, GetAccessKeyInfo, GetAccessKeyInfoInput, GetAccessKeyInfoOutput,
    GetCallerIdentity, GetCallerIdentityInput, GetCallerIdentityOutput, GetSessionToken,
    GetSessionTokenInput, GetSessionTokenOutput,
};
use strongroom_wire::{ErrorResponse, Redacted};

use super::shapes::account_of;
use super::{bind, errors};
use crate::Identity;
use crate::iam::error::{IamError, shown};
use crate::session::{Given, SessionBearer, SessionCredentials};

pub(super) fn endpoints(service: &Arc<Identity>) -> Vec<Arc<dyn Endpoint>> {
    vec![
        bind::<GetCallerIdentity, _, _>(service, get_caller_identity),
        bind::<GetAccessKeyInfo, _, _>(service, get_access_key_info),
        bind::<GetSessionToken, _, _>(service, get_session_token),
    ]
}

async fn get_caller_identity(
    _service: Arc<Identity>,
    permit: Permit<GetCallerIdentity>,
    _input: GetCallerIdentityInput,
) -> Result<GetCallerIdentityOutput, ErrorResponse> {
    let principal = &permit.caller().principal;
    let account = principal.account();
    let account = account.ok_or_else(|| errors::access_denied("the request is not signed"))?;
    Ok(GetCallerIdentityOutput {
        user_id: Some(user_id(principal)),
        account: Some(account.to_string()),
        arn: Some(principal.arn_text()),
    })
}

/// The value of `aws:userid`. SPEC: access-control, 0.2.
fn user_id(principal: &Principal) -> String {
    match principal {
        Principal::Anonymous => String::new(),
        Principal::Root { account, .. } => account.to_string(),
        Principal::Entity(entity) => match &entity.kind {
            EntityKind::User { user_id, .. } => user_id.clone(),
            EntityKind::RoleSession { role_id, session_name, .. } => {
                format!("{role_id}:{session_name}")
            }
            EntityKind::FederatedUser { name, .. } => format!("{}:{name}", entity.account),
        },
    }
}

async fn get_access_key_info(
    service: Arc<Identity>,
    permit: Permit<GetAccessKeyInfo>,
    input: GetAccessKeyInfoInput,
) -> Result<GetAccessKeyInfoOutput, ErrorResponse> {
    let unknown = || {
        let message = format!("the access key id `{}` is not known", shown(&input.access_key_id));
        errors::validation(message)
    };
    let access_key_id = input.access_key_id.parse().map_err(|_| unknown())?;
    let caller = permit.caller();
    if caller.access_key_id.as_ref() == Some(&access_key_id) {
        // Nothing is stored of temporary keys; the caller's own is known all the same.
        let account = caller.principal.account().map(|account| account.to_string());
        return Ok(GetAccessKeyInfoOutput { account });
    }
    let account = service.account_of(&access_key_id).await;
    let account = account.map_err(|error| errors::failure(&error))?.ok_or_else(unknown)?;
    Ok(GetAccessKeyInfoOutput { account: Some(account.to_string()) })
}

/// SPEC: access-control, 6: for long-term keys only.
async fn get_session_token(
    service: Arc<Identity>,
    permit: Permit<GetSessionToken>,
    input: GetSessionTokenInput,
) -> Result<GetSessionTokenOutput, ErrorResponse> {
    let account = account_of(&permit)?;
    let seconds = duration(input.duration_seconds, 43_200, 129_600)?;
    let (bearer, seconds) = match &permit.caller().principal {
        // More than an hour is an hour.
        Principal::Root { .. } => (SessionBearer::Root, seconds.min(3_600)),
        Principal::Entity(entity) => match &entity.kind {
            EntityKind::User { user_id, .. } => {
                (SessionBearer::User { user_id: user_id.clone() }, seconds)
            }
            EntityKind::RoleSession { .. } | EntityKind::FederatedUser { .. } => {
                return Err(not_with_sessions("GetSessionToken"));
            }
        },
        Principal::Anonymous => return Err(not_with_sessions("GetSessionToken")),
    };
    let session = service.issue(account, bearer, Given::default(), lifetime(seconds))?;
    Ok(GetSessionTokenOutput { credentials: Some(credentials(session)), ..Default::default() })
}

fn not_with_sessions(action: &str) -> ErrorResponse {
    let message = format!("cannot call {action} with session credentials");
    IamError::AccessDenied(message).into()
}

/// A duration in seconds within its bounds.
fn duration(seconds: Option<i32>, default: i32, max: i32) -> Result<u32, IamError> {
    let seconds = seconds.unwrap_or(default);
    let fits = (900..=max).contains(&seconds);
    let seconds = u32::try_from(seconds).ok().filter(|_| fits);
    seconds.ok_or_else(|| {
        IamError::Validation(format!("value at `DurationSeconds` must be 900 to {max}"))
    })
}

fn lifetime(seconds: u32) -> Duration {
    Duration::from_secs(u64::from(seconds))
}

fn credentials(session: SessionCredentials) -> Credentials {
    Credentials {
        access_key_id: session.access_key_id.to_string(),
        secret_access_key: Redacted::from(session.secret_access_key.danger_expose()),
        session_token: Redacted::from(session.session_token.danger_expose()),
        expiration: session.expires,
    }
}
