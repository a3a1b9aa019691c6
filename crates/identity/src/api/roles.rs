//! Roles and who may assume them.

use std::sync::Arc;

use strongroom_access::{Endpoint, Permit};
use strongroom_model::iam;
use strongroom_wire::ErrorResponse;

use super::bind;
use super::entities::{bound, refuse_held, unbind};
use super::shapes::{Page, Paging, account_of, role, tags_in};
use crate::Identity;
use crate::iam::ENTITY_NAME_CHARS_MAX;
use crate::iam::error::IamError;
use crate::iam::names::{check_name, check_tags, description, path, path_prefix};
use crate::iam::records::{Detail, Kind, Record};

pub(super) fn endpoints(service: &Arc<Identity>) -> Vec<Arc<dyn Endpoint>> {
    vec![
        bind::<iam::CreateRole, _, _>(service, create_role),
        bind::<iam::DeleteRole, _, _>(service, delete_role),
        bind::<iam::GetRole, _, _>(service, get_role),
        bind::<iam::ListRoles, _, _>(service, list_roles),
        bind::<iam::UpdateAssumeRolePolicy, _, _>(service, update_assume_role_policy),
        bind::<iam::UpdateRole, _, _>(service, update_role),
        bind::<iam::UpdateRoleDescription, _, _>(service, update_role_description),
    ]
}

async fn create_role(
    service: Arc<Identity>,
    permit: Permit<iam::CreateRole>,
    input: iam::CreateRoleInput,
) -> Result<iam::CreateRoleOutput, ErrorResponse> {
    check_name("RoleName", &input.role_name, ENTITY_NAME_CHARS_MAX)?;
    let path = path(input.path)?;
    let tags = tags_in(input.tags.unwrap_or_default());
    check_tags(&tags)?;
    let description = description(input.description)?;
    let max_session_seconds = session_seconds(input.max_session_duration)?;
    let account = account_of(&permit)?;
    let mut change = service.begin(account).await?;
    let trust = service.saved_trust(&input.assume_role_policy_document).await?;
    let mut record = Record {
        id: change.new_id(Kind::Role)?,
        name: input.role_name,
        path,
        created: change.now,
        tags,
        attached: Vec::new(),
        inline: Default::default(),
        boundary: None,
        detail: Detail::Role { trust, description, max_session_seconds },
    };
    bound(&mut change, &mut record, input.permissions_boundary).await?;
    change.add(&record).await?;
    change.commit(permit.audit()).await?;
    let role = role(account, &record, &input.assume_role_policy_document);
    Ok(iam::CreateRoleOutput { role })
}

/// SPEC: access-control, 7: one hour to twelve, one if nothing is said.
fn session_seconds(seconds: Option<i32>) -> Result<u32, IamError> {
    let seconds = u32::try_from(seconds.unwrap_or(3_600)).unwrap_or(0);
    if (3_600..=43_200).contains(&seconds) {
        return Ok(seconds);
    }
    let message = "value at `MaxSessionDuration` must be 3600 to 43200";
    Err(IamError::Validation(message.to_owned()))
}

async fn get_role(
    service: Arc<Identity>,
    permit: Permit<iam::GetRole>,
    input: iam::GetRoleInput,
) -> Result<iam::GetRoleOutput, ErrorResponse> {
    let account = account_of(&permit)?;
    let record = service.named_record(account, Kind::Role, &input.role_name).await?;
    let trust = service.shown_trust(&record).await?;
    Ok(iam::GetRoleOutput { role: role(account, &record, &trust) })
}

async fn list_roles(
    service: Arc<Identity>,
    permit: Permit<iam::ListRoles>,
    input: iam::ListRolesInput,
) -> Result<iam::ListRolesOutput, ErrorResponse> {
    let account = account_of(&permit)?;
    let paging = Paging::new(input.marker, input.max_items)?;
    let prefix = path_prefix(input.path_prefix)?;
    let keep = |record: &Record| record.path.starts_with(&prefix);
    let (after, wanted) = (paging.after.clone(), paging.wanted());
    let found = service.list_records(account, Kind::Role, after.as_deref(), wanted, keep).await?;
    let Page { items, is_truncated, marker } = paging.cut(found, |record| record.name.clone());
    let mut roles = Vec::new();
    for record in &items {
        let trust = service.shown_trust(record).await?;
        // Lists show neither boundary nor tags.
        let whole = role(account, record, &trust);
        roles.push(iam::Role { permissions_boundary: None, tags: None, ..whole });
    }
    Ok(iam::ListRolesOutput { roles, is_truncated, marker })
}

async fn update_role(
    service: Arc<Identity>,
    permit: Permit<iam::UpdateRole>,
    input: iam::UpdateRoleInput,
) -> Result<iam::UpdateRoleOutput, ErrorResponse> {
    let mut change = service.begin(account_of(&permit)?).await?;
    let mut record = change.named(Kind::Role, &input.role_name).await?;
    if let Detail::Role { description: text, max_session_seconds, .. } = &mut record.detail {
        if input.description.is_some() {
            *text = description(input.description)?;
        }
        if input.max_session_duration.is_some() {
            *max_session_seconds = session_seconds(input.max_session_duration)?;
        }
    }
    change.write(&record)?;
    change.commit(permit.audit()).await?;
    Ok(iam::UpdateRoleOutput {})
}

async fn update_role_description(
    service: Arc<Identity>,
    permit: Permit<iam::UpdateRoleDescription>,
    input: iam::UpdateRoleDescriptionInput,
) -> Result<iam::UpdateRoleDescriptionOutput, ErrorResponse> {
    let account = account_of(&permit)?;
    let mut change = service.begin(account).await?;
    let mut record = change.named(Kind::Role, &input.role_name).await?;
    if let Detail::Role { description: text, .. } = &mut record.detail {
        *text = description(Some(input.description))?;
    }
    change.write(&record)?;
    change.commit(permit.audit()).await?;
    let trust = service.shown_trust(&record).await?;
    Ok(iam::UpdateRoleDescriptionOutput { role: Some(role(account, &record, &trust)) })
}

async fn update_assume_role_policy(
    service: Arc<Identity>,
    permit: Permit<iam::UpdateAssumeRolePolicy>,
    input: iam::UpdateAssumeRolePolicyInput,
) -> Result<iam::UpdateAssumeRolePolicyOutput, ErrorResponse> {
    let mut change = service.begin(account_of(&permit)?).await?;
    let mut record = change.named(Kind::Role, &input.role_name).await?;
    let saved = service.saved_trust(&input.policy_document).await?;
    if let Detail::Role { trust, .. } = &mut record.detail {
        *trust = saved;
    }
    change.write(&record)?;
    change.commit(permit.audit()).await?;
    Ok(iam::UpdateAssumeRolePolicyOutput {})
}

async fn delete_role(
    service: Arc<Identity>,
    permit: Permit<iam::DeleteRole>,
    input: iam::DeleteRoleInput,
) -> Result<iam::DeleteRoleOutput, ErrorResponse> {
    let mut change = service.begin(account_of(&permit)?).await?;
    let record = change.named(Kind::Role, &input.role_name).await?;
    refuse_held(&record)?;
    unbind(&mut change, &record);
    change.remove(&record);
    change.commit(permit.audit()).await?;
    Ok(iam::DeleteRoleOutput {})
}
