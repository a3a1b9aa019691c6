//! Groups and their members.

use std::sync::Arc;

use strongroom_access::{Endpoint, Permit};
use strongroom_model::iam;
use strongroom_wire::ErrorResponse;

use super::bind;
use super::entities::{PRESENT, empty, refuse_held};
use super::shapes::{Page, Paging, account_of, group, listed_user};
use super::users::membership;
use crate::Identity;
use crate::iam::error::IamError;
use crate::iam::names::{check_name, path, path_prefix};
use crate::iam::records::{Detail, Kind, Record};
use crate::iam::{DOCUMENT_NAME_CHARS_MAX, GROUPS_MAX};
use crate::keys;

pub(super) fn endpoints(service: &Arc<Identity>) -> Vec<Arc<dyn Endpoint>> {
    vec![
        bind::<iam::AddUserToGroup, _, _>(service, add_user_to_group),
        bind::<iam::CreateGroup, _, _>(service, create_group),
        bind::<iam::DeleteGroup, _, _>(service, delete_group),
        bind::<iam::GetGroup, _, _>(service, get_group),
        bind::<iam::ListGroups, _, _>(service, list_groups),
        bind::<iam::RemoveUserFromGroup, _, _>(service, remove_user_from_group),
        bind::<iam::UpdateGroup, _, _>(service, update_group),
    ]
}

async fn create_group(
    service: Arc<Identity>,
    permit: Permit<iam::CreateGroup>,
    input: iam::CreateGroupInput,
) -> Result<iam::CreateGroupOutput, ErrorResponse> {
    check_name("GroupName", &input.group_name, DOCUMENT_NAME_CHARS_MAX)?;
    let path = path(input.path)?;
    let account = account_of(&permit)?;
    let mut change = service.begin(account).await?;
    let record = Record {
        id: change.new_id(Kind::Group)?,
        name: input.group_name,
        path,
        created: change.now,
        tags: Vec::new(),
        attached: Vec::new(),
        inline: Default::default(),
        boundary: None,
        detail: Detail::Group,
    };
    change.add(&record).await?;
    change.commit(permit.audit()).await?;
    Ok(iam::CreateGroupOutput { group: group(account, &record) })
}

async fn get_group(
    service: Arc<Identity>,
    permit: Permit<iam::GetGroup>,
    input: iam::GetGroupInput,
) -> Result<iam::GetGroupOutput, ErrorResponse> {
    let account = account_of(&permit)?;
    let paging = Paging::new(input.marker, input.max_items)?;
    let record = service.named_record(account, Kind::Group, &input.group_name).await?;
    let prefix = keys::membership(account, &record.id, "");
    let after = paging.after.as_ref().map(|id| id.as_bytes());
    let mut members = Vec::new();
    for id in service.tails(&prefix, after, paging.wanted()).await? {
        let id = String::from_utf8_lossy(&id).into_owned();
        if let Some((user, _)) = service.record(account, Kind::User, &id).await? {
            members.push(user);
        }
    }
    let Page { items, is_truncated, marker } = paging.cut(members, |user| user.id.clone());
    let users = items.iter().map(|user| listed_user(account, user)).collect();
    Ok(iam::GetGroupOutput { group: group(account, &record), users, is_truncated, marker })
}

async fn list_groups(
    service: Arc<Identity>,
    permit: Permit<iam::ListGroups>,
    input: iam::ListGroupsInput,
) -> Result<iam::ListGroupsOutput, ErrorResponse> {
    let account = account_of(&permit)?;
    let paging = Paging::new(input.marker, input.max_items)?;
    let prefix = path_prefix(input.path_prefix)?;
    let keep = |record: &Record| record.path.starts_with(&prefix);
    let (after, wanted) = (paging.after.clone(), paging.wanted());
    let found = service.list_records(account, Kind::Group, after.as_deref(), wanted, keep).await?;
    let Page { items, is_truncated, marker } = paging.cut(found, |record| record.name.clone());
    let groups = items.iter().map(|record| group(account, record)).collect();
    Ok(iam::ListGroupsOutput { groups, is_truncated, marker })
}

async fn update_group(
    service: Arc<Identity>,
    permit: Permit<iam::UpdateGroup>,
    input: iam::UpdateGroupInput,
) -> Result<iam::UpdateGroupOutput, ErrorResponse> {
    let mut change = service.begin(account_of(&permit)?).await?;
    let mut record = change.named(Kind::Group, &input.group_name).await?;
    if let Some(name) = input.new_group_name {
        check_name("NewGroupName", &name, DOCUMENT_NAME_CHARS_MAX)?;
        change.rename(&mut record, &name).await?;
    }
    if let Some(new_path) = input.new_path {
        record.path = path(Some(new_path))?;
    }
    change.write(&record)?;
    change.commit(permit.audit()).await?;
    Ok(iam::UpdateGroupOutput {})
}

async fn delete_group(
    service: Arc<Identity>,
    permit: Permit<iam::DeleteGroup>,
    input: iam::DeleteGroupInput,
) -> Result<iam::DeleteGroupOutput, ErrorResponse> {
    let mut change = service.begin(account_of(&permit)?).await?;
    let record = change.named(Kind::Group, &input.group_name).await?;
    refuse_held(&record)?;
    let members = keys::membership(change.account, &record.id, "");
    if !service.tails(&members, None, 1).await?.is_empty() {
        return Err(IamError::DeleteConflict("remove users from group").into());
    }
    change.require(empty(&members));
    change.remove(&record);
    change.commit(permit.audit()).await?;
    Ok(iam::DeleteGroupOutput {})
}

async fn add_user_to_group(
    service: Arc<Identity>,
    permit: Permit<iam::AddUserToGroup>,
    input: iam::AddUserToGroupInput,
) -> Result<iam::AddUserToGroupOutput, ErrorResponse> {
    let mut change = service.begin(account_of(&permit)?).await?;
    let group = change.named(Kind::Group, &input.group_name).await?;
    let mut user = change.named(Kind::User, &input.user_name).await?;
    if let Detail::User { groups, .. } = &mut user.detail
        && !groups.contains(&group.id)
    {
        if groups.len() >= GROUPS_MAX {
            let message = format!("cannot exceed quota of {GROUPS_MAX} for groups of a user");
            return Err(IamError::LimitExceeded(message).into());
        }
        groups.push(group.id.clone());
        change.put(membership(change.account, &group, &user), PRESENT.to_vec());
        change.write(&user)?;
    }
    change.commit(permit.audit()).await?;
    Ok(iam::AddUserToGroupOutput {})
}

async fn remove_user_from_group(
    service: Arc<Identity>,
    permit: Permit<iam::RemoveUserFromGroup>,
    input: iam::RemoveUserFromGroupInput,
) -> Result<iam::RemoveUserFromGroupOutput, ErrorResponse> {
    let mut change = service.begin(account_of(&permit)?).await?;
    let group = change.named(Kind::Group, &input.group_name).await?;
    let mut user = change.named(Kind::User, &input.user_name).await?;
    if let Detail::User { groups, .. } = &mut user.detail {
        if !groups.contains(&group.id) {
            let message = format!("user {} is not in group {}", user.name, group.name);
            return Err(IamError::NoSuchEntity(message).into());
        }
        groups.retain(|id| *id != group.id);
    }
    change.delete(membership(change.account, &group, &user));
    change.write(&user)?;
    change.commit(permit.audit()).await?;
    Ok(iam::RemoveUserFromGroupOutput {})
}
