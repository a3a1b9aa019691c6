//! The Security Token Service.

use std::sync::Arc;
use std::time::Duration;

use strongroom_access::{Endpoint, EntityKind, Permit, Principal};
use strongroom_model::sts::{
    Credentials, FederatedUser, GetAccessKeyInfo, GetAccessKeyInfoInput, GetAccessKeyInfoOutput,
    GetCallerIdentity, GetCallerIdentityInput, GetCallerIdentityOutput, GetFederationToken,
    GetFederationTokenInput, GetFederationTokenOutput, GetSessionToken, GetSessionTokenInput,
    GetSessionTokenOutput, PolicyDescriptorType,
};
use strongroom_policy::PolicyKind;
use strongroom_types::AccountId;
use strongroom_wire::{ErrorResponse, Redacted};

use super::shapes::account_of;
use super::{bind, errors};
use crate::Identity;
use crate::iam::check_policy;
use crate::iam::error::{IamError, shown};
use crate::iam::names::{check_name, check_tags};
use crate::issue::percent;
use crate::session::{Given, SessionBearer, SessionCredentials};

pub(super) fn endpoints(service: &Arc<Identity>) -> Vec<Arc<dyn Endpoint>> {
    vec![
        bind::<GetCallerIdentity, _, _>(service, get_caller_identity),
        bind::<GetAccessKeyInfo, _, _>(service, get_access_key_info),
        bind::<GetFederationToken, _, _>(service, get_federation_token),
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

/// SPEC: access-control, 6: what the session's policies and those of its maker both allow; without
/// session policies only what policies of resources give to the federated user.
async fn get_federation_token(
    service: Arc<Identity>,
    permit: Permit<GetFederationToken>,
    input: GetFederationTokenInput,
) -> Result<GetFederationTokenOutput, ErrorResponse> {
    let account = account_of(&permit)?;
    check_name("Name", &input.name, 32)?;
    if input.name.len() < 2 {
        let message = "value at `Name` must have 2 characters or more";
        return Err(IamError::Validation(message.to_owned()).into());
    }
    let seconds = duration(input.duration_seconds, 43_200, 129_600)?;
    let (maker_id, seconds) = match &permit.caller().principal {
        Principal::Root { .. } => (String::new(), seconds.min(3_600)),
        Principal::Entity(entity) => match &entity.kind {
            EntityKind::User { user_id, .. } => (user_id.clone(), seconds),
            EntityKind::RoleSession { .. } | EntityKind::FederatedUser { .. } => {
                return Err(not_with_sessions("GetFederationToken"));
            }
        },
        Principal::Anonymous => return Err(not_with_sessions("GetFederationToken")),
    };
    let tags = input.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect();
    let given = given(&service, account, input.policy, input.policy_arns, tags).await?;
    let (packed, packed_max) = given.packed();
    let bearer = SessionBearer::Federated { name: input.name.clone(), maker_id };
    let session = service.issue(account, bearer, given, lifetime(seconds))?;
    Ok(GetFederationTokenOutput {
        credentials: Some(credentials(session)),
        federated_user: Some(FederatedUser {
            federated_user_id: format!("{account}:{}", input.name),
            arn: format!("arn:aws:sts::{account}:federated-user/{}", input.name),
        }),
        packed_policy_size: i32::try_from(percent(packed, packed_max)).ok(),
        ..Default::default()
    })
}

/// What is given to a session, within its limits. SPEC: access-control, 1.6.
async fn given(
    service: &Identity,
    account: AccountId,
    policy: Option<String>,
    policy_arns: Option<Vec<PolicyDescriptorType>>,
    tags: Vec<(String, String)>,
) -> Result<Given, IamError> {
    check_tags(&tags)?;
    let policy = policy.unwrap_or_default();
    if policy.chars().count() > POLICY_CHARS_MAX {
        let message = format!("value at `Policy` must have {POLICY_CHARS_MAX} characters or fewer");
        return Err(IamError::Validation(message));
    }
    if !policy.is_empty() {
        check_policy(PolicyKind::Session, &policy, POLICY_CHARS_MAX)?;
    }
    let arns = policy_arns.unwrap_or_default().into_iter().filter_map(|named| named.arn);
    let policy_arns: Vec<String> = arns.collect();
    if policy_arns.len() > POLICY_ARNS_MAX {
        let message = format!("value at `PolicyArns` must have {POLICY_ARNS_MAX} items or fewer");
        return Err(IamError::Validation(message));
    }
    for arn in &policy_arns {
        service.managed(account, arn).await?;
    }
    Ok(Given { tags, policy, policy_arns, ..Given::default() })
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

/// SPEC: access-control, 1.6.
const POLICY_CHARS_MAX: usize = 2_048;
const POLICY_ARNS_MAX: usize = 10;
