//! Users, and the groups that they are in.

use std::sync::Arc;

use strongroom_access::{Endpoint, EntityKind, Permit, Principal};
use strongroom_model::iam;
use strongroom_types::AccountId;
use strongroom_wire::ErrorResponse;

use super::bind;
use super::entities::{bound, refuse_held, unbind};
use super::shapes::{Page, Paging, account_of, group, listed_user, tags_in, user};
use crate::Identity;
use crate::iam::ENTITY_NAME_CHARS_MAX;
use crate::iam::error::IamError;
use crate::iam::names::{check_name, check_tags, path, path_prefix};
use crate::iam::records::{Detail, Kind, Record};
use crate::keys;

pub(super) fn endpoints(service: &Arc<Identity>) -> Vec<Arc<dyn Endpoint>> {
    vec![
        bind::<iam::CreateUser, _, _>(service, create_user),
        bind::<iam::DeleteUser, _, _>(service, delete_user),
        bind::<iam::GetUser, _, _>(service, get_user),
        bind::<iam::ListGroupsForUser, _, _>(service, list_groups_for_user),
        bind::<iam::ListUsers, _, _>(service, list_users),
        bind::<iam::UpdateUser, _, _>(service, update_user),
    ]
}

async fn create_user(
    service: Arc<Identity>,
    permit: Permit<iam::CreateUser>,
    input: iam::CreateUserInput,
) -> Result<iam::CreateUserOutput, ErrorResponse> {
    check_name("UserName", &input.user_name, ENTITY_NAME_CHARS_MAX)?;
    let path = path(input.path)?;
    let tags = tags_in(input.tags.unwrap_or_default());
    check_tags(&tags)?;
    let account = account_of(&permit)?;
    let mut change = service.begin(account).await?;
    let mut record = Record {
        id: change.new_id(Kind::User)?,
        name: input.user_name,
        path,
        created: change.now,
        tags,
        attached: Vec::new(),
        inline: Default::default(),
        boundary: None,
        detail: Detail::User { groups: Vec::new(), access_key_ids: Vec::new() },
    };
    bound(&mut change, &mut record, input.permissions_boundary).await?;
    change.add(&record).await?;
    change.commit(permit.audit()).await?;
    Ok(iam::CreateUserOutput { user: Some(user(account, &record)) })
}

async fn get_user(
    service: Arc<Identity>,
    permit: Permit<iam::GetUser>,
    input: iam::GetUserInput,
) -> Result<iam::GetUserOutput, ErrorResponse> {
    let account = account_of(&permit)?;
    let name = input.user_name.or_else(|| own_name(&permit));
    let user = match name {
        Some(name) => user(account, &service.named_record(account, Kind::User, &name).await?),
        None => root(&service, account).await?,
    };
    Ok(iam::GetUserOutput { user })
}

/// The name of the user who asks, if it is one.
pub(super) fn own_name<Op>(permit: &Permit<Op>) -> Option<String> {
    let Principal::Entity(entity) = &permit.caller().principal else { return None };
    match &entity.kind {
        EntityKind::User { name, .. } => Some(name.clone()),
        EntityKind::RoleSession { .. } | EntityKind::FederatedUser { .. } => None,
    }
}

/// The root of the account, as a user.
async fn root(service: &Identity, account: AccountId) -> Result<iam::User, IamError> {
    let created = service.account_record(account).await?.account.created;
    Ok(iam::User {
        path: "/".to_owned(),
        user_name: "root".to_owned(),
        user_id: account.to_string(),
        arn: format!("arn:aws:iam::{account}:root"),
        create_date: created.floor_to_second(),
        password_last_used: None,
        permissions_boundary: None,
        tags: None,
    })
}

async fn list_users(
    service: Arc<Identity>,
    permit: Permit<iam::ListUsers>,
    input: iam::ListUsersInput,
) -> Result<iam::ListUsersOutput, ErrorResponse> {
    let account = account_of(&permit)?;
    let paging = Paging::new(input.marker, input.max_items)?;
    let prefix = path_prefix(input.path_prefix)?;
    let keep = |record: &Record| record.path.starts_with(&prefix);
    let (after, wanted) = (paging.after.clone(), paging.wanted());
    let found = service.list_records(account, Kind::User, after.as_deref(), wanted, keep).await?;
    let Page { items, is_truncated, marker } = paging.cut(found, |record| record.name.clone());
    let users = items.iter().map(|record| listed_user(account, record)).collect();
    Ok(iam::ListUsersOutput { users, is_truncated, marker })
}

async fn update_user(
    service: Arc<Identity>,
    permit: Permit<iam::UpdateUser>,
    input: iam::UpdateUserInput,
) -> Result<iam::UpdateUserOutput, ErrorResponse> {
    let mut change = service.begin(account_of(&permit)?).await?;
    let mut record = change.named(Kind::User, &input.user_name).await?;
    if let Some(name) = input.new_user_name {
        check_name("NewUserName", &name, ENTITY_NAME_CHARS_MAX)?;
        change.rename(&mut record, &name).await?;
    }
    if let Some(new_path) = input.new_path {
        record.path = path(Some(new_path))?;
    }
    change.write(&record)?;
    change.commit(permit.audit()).await?;
    Ok(iam::UpdateUserOutput {})
}

async fn delete_user(
    service: Arc<Identity>,
    permit: Permit<iam::DeleteUser>,
    input: iam::DeleteUserInput,
) -> Result<iam::DeleteUserOutput, ErrorResponse> {
    let mut change = service.begin(account_of(&permit)?).await?;
    let record = change.named(Kind::User, &input.user_name).await?;
    refuse_held(&record)?;
    if let Detail::User { groups, access_key_ids } = &record.detail {
        if !access_key_ids.is_empty() {
            return Err(IamError::DeleteConflict("delete access keys").into());
        }
        if !groups.is_empty() {
            return Err(IamError::DeleteConflict("remove users from group").into());
        }
    }
    unbind(&mut change, &record);
    change.remove(&record);
    change.commit(permit.audit()).await?;
    Ok(iam::DeleteUserOutput {})
}

async fn list_groups_for_user(
    service: Arc<Identity>,
    permit: Permit<iam::ListGroupsForUser>,
    input: iam::ListGroupsForUserInput,
) -> Result<iam::ListGroupsForUserOutput, ErrorResponse> {
    let account = account_of(&permit)?;
    let paging = Paging::new(input.marker, input.max_items)?;
    let record = service.named_record(account, Kind::User, &input.user_name).await?;
    let mut groups = Vec::new();
    for found in service.groups_of(account, &record).await? {
        groups.push(group(account, &found));
    }
    groups.sort_by(|one, other| one.group_name.cmp(&other.group_name));
    let page = paging.page(groups, |group| group.group_name.clone());
    let Page { items, is_truncated, marker } = page;
    Ok(iam::ListGroupsForUserOutput { groups: items, is_truncated, marker })
}

/// The key of a membership, from both records.
pub(super) fn membership(account: AccountId, group: &Record, user: &Record) -> bytes::Bytes {
    keys::membership(account, &group.id, &user.id)
}
