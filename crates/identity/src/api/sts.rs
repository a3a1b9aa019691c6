//! The Security Token Service.

use std::sync::Arc;

use strongroom_access::{Endpoint, EntityKind, Permit, Principal};
use strongroom_model::sts::{
    GetAccessKeyInfo, GetAccessKeyInfoInput, GetAccessKeyInfoOutput, GetCallerIdentity,
    GetCallerIdentityInput, GetCallerIdentityOutput,
};
use strongroom_wire::ErrorResponse;

use super::{bind, errors};
use crate::Identity;

pub(super) fn endpoints(service: &Arc<Identity>) -> Vec<Arc<dyn Endpoint>> {
    vec![
        bind::<GetCallerIdentity, _, _>(service, get_caller_identity),
        bind::<GetAccessKeyInfo, _, _>(service, get_access_key_info),
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

/// As much of a value as an answer repeats.
fn shown(value: &str) -> String {
    value.chars().take(128).collect()
}
