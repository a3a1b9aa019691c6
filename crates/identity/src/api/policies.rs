//! Managed policies and their versions.

use std::sync::Arc;

use strongroom_access::{Endpoint, Permit};
use strongroom_model::iam::{self, Policy, PolicyScopeType, PolicyUsageType, PolicyVersion};
use strongroom_policy::PolicyKind;
use strongroom_types::{AccountId, Timestamp};
use strongroom_wire::ErrorResponse;

use super::bind;
use super::entities::{empty, page_of_tags, remove_tags};
use super::shapes::{Page, Paging, account_of, encoded, some_tags, tags_in};
use crate::Identity;
use crate::iam::error::{IamError, shown};
use crate::iam::managed::{AWS_POLICIES, AwsPolicy};
use crate::iam::names::{check_name, check_tags, description, merge_tags, path, path_prefix};
use crate::iam::records::{Detail, Kind, Record};
use crate::iam::{
    AS_BOUNDARY, AS_POLICY, DOCUMENT_NAME_CHARS_MAX, MANAGED_CHARACTERS_MAX, Managed, VERSIONS_MAX,
    check_policy,
};
use crate::keys;

pub(super) fn endpoints(service: &Arc<Identity>) -> Vec<Arc<dyn Endpoint>> {
    vec![
        bind::<iam::CreatePolicy, _, _>(service, create_policy),
        bind::<iam::CreatePolicyVersion, _, _>(service, create_policy_version),
        bind::<iam::DeletePolicy, _, _>(service, delete_policy),
        bind::<iam::DeletePolicyVersion, _, _>(service, delete_policy_version),
        bind::<iam::GetPolicy, _, _>(service, get_policy),
        bind::<iam::GetPolicyVersion, _, _>(service, get_policy_version),
        bind::<iam::ListEntitiesForPolicy, _, _>(service, list_entities_for_policy),
        bind::<iam::ListPolicies, _, _>(service, list_policies),
        bind::<iam::ListPolicyTags, _, _>(service, list_policy_tags),
        bind::<iam::ListPolicyVersions, _, _>(service, list_policy_versions),
        bind::<iam::SetDefaultPolicyVersion, _, _>(service, set_default_policy_version),
        bind::<iam::TagPolicy, _, _>(service, tag_policy),
        bind::<iam::UntagPolicy, _, _>(service, untag_policy),
    ]
}

async fn create_policy(
    service: Arc<Identity>,
    permit: Permit<iam::CreatePolicy>,
    input: iam::CreatePolicyInput,
) -> Result<iam::CreatePolicyOutput, ErrorResponse> {
    check_name("PolicyName", &input.policy_name, DOCUMENT_NAME_CHARS_MAX)?;
    let path = path(input.path)?;
    let description = description(input.description)?;
    let tags = tags_in(input.tags.unwrap_or_default());
    check_tags(&tags)?;
    check_policy(PolicyKind::Identity, &input.policy_document, MANAGED_CHARACTERS_MAX)?;
    let account = account_of(&permit)?;
    let mut change = service.begin(account).await?;
    let record = Record {
        id: change.new_id(Kind::Policy)?,
        name: input.policy_name,
        path,
        created: change.now,
        tags,
        attached: Vec::new(),
        inline: Default::default(),
        boundary: None,
        detail: Detail::Policy {
            description,
            updated: change.now,
            default_version: 1,
            next_version: 2,
            versions: vec![(1, change.now)],
        },
    };
    let document = keys::policy_version(account, &record.id, 1);
    change.put(document, input.policy_document.into_bytes());
    change.add(&record).await?;
    change.commit(permit.audit()).await?;
    let usage = Usage::default();
    Ok(iam::CreatePolicyOutput {
        policy: Some(shape(account, &Managed::Own(Box::new(record)), usage)),
    })
}

/// How often a policy is used.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    pub(super) attached: usize,
    pub(super) boundaries: usize,
}

/// Counts the uses of a policy in an account.
pub(super) async fn usage(
    service: &Identity,
    account: AccountId,
    arn: &str,
) -> Result<Usage, IamError> {
    let prefix = keys::attachments(account, arn);
    let tails = service.tails(&prefix, None, USES_MAX).await?;
    let count = |usage: &[u8]| tails.iter().filter(|tail| tail.starts_with(usage)).count();
    Ok(Usage { attached: count(AS_POLICY), boundaries: count(AS_BOUNDARY) })
}

pub(super) fn shape(account: AccountId, managed: &Managed, usage: Usage) -> Policy {
    let number = |count: usize| i32::try_from(count).ok();
    let common = Policy {
        policy_name: Some(managed.name().to_owned()),
        arn: Some(managed.arn(account)),
        attachment_count: number(usage.attached),
        permissions_boundary_usage_count: number(usage.boundaries),
        is_attachable: Some(true),
        ..Policy::default()
    };
    match managed {
        Managed::Aws(policy) => Policy {
            policy_id: Some(policy.id.to_owned()),
            path: Some("/".to_owned()),
            default_version_id: Some("v1".to_owned()),
            description: Some(policy.description.to_owned()),
            create_date: Some(Timestamp::EPOCH),
            update_date: Some(Timestamp::EPOCH),
            ..common
        },
        Managed::Own(record) => {
            let (text, updated, default) = match &record.detail {
                Detail::Policy { description, updated, default_version, .. } => {
                    (description.clone(), *updated, *default_version)
                }
                _ => (String::new(), record.created, 0),
            };
            Policy {
                policy_id: Some(record.id.clone()),
                path: Some(record.path.clone()),
                default_version_id: Some(format!("v{default}")),
                description: Some(text).filter(|text| !text.is_empty()),
                create_date: Some(record.created.floor_to_second()),
                update_date: Some(updated.floor_to_second()),
                tags: some_tags(record),
                ..common
            }
        }
    }
}

async fn get_policy(
    service: Arc<Identity>,
    permit: Permit<iam::GetPolicy>,
    input: iam::GetPolicyInput,
) -> Result<iam::GetPolicyOutput, ErrorResponse> {
    let account = account_of(&permit)?;
    let managed = service.managed(account, &input.policy_arn).await?;
    let usage = usage(&service, account, &input.policy_arn).await?;
    Ok(iam::GetPolicyOutput { policy: Some(shape(account, &managed, usage)) })
}

async fn list_policies(
    service: Arc<Identity>,
    permit: Permit<iam::ListPolicies>,
    input: iam::ListPoliciesInput,
) -> Result<iam::ListPoliciesOutput, ErrorResponse> {
    let account = account_of(&permit)?;
    let paging = Paging::new(input.marker, input.max_items)?;
    let prefix = path_prefix(input.path_prefix)?;
    let scope = input.scope.unwrap_or(PolicyScopeType::All);
    let mut all = Vec::new();
    if scope != PolicyScopeType::Local && prefix == "/" {
        all.extend(AWS_POLICIES.iter().map(Managed::Aws));
    }
    if scope != PolicyScopeType::Aws {
        let keep = |record: &Record| record.path.starts_with(&prefix);
        let own = service.list_records(account, Kind::Policy, None, usize::MAX, keep).await?;
        all.extend(own.into_iter().map(|record| Managed::Own(Box::new(record))));
    }
    let place = |managed: &Managed| managed.arn(account);
    all.sort_by_key(place);
    let (after, wanted) = (paging.after.clone(), paging.wanted());
    let mut found = Vec::new();
    for managed in all {
        if found.len() == wanted || after.as_ref().is_some_and(|after| place(&managed) <= *after) {
            continue;
        }
        let usage = usage(&service, account, &managed.arn(account)).await?;
        let is_used = match input.policy_usage_filter {
            None => usage.attached + usage.boundaries > 0,
            Some(PolicyUsageType::PermissionsPolicy) => usage.attached > 0,
            Some(PolicyUsageType::PermissionsBoundary) => usage.boundaries > 0,
        };
        let filtered = input.only_attached == Some(true) || input.policy_usage_filter.is_some();
        if is_used || !filtered {
            found.push(Policy { tags: None, description: None, ..shape(account, &managed, usage) });
        }
    }
    let page = paging.cut(found, |policy| policy.arn.clone().unwrap_or_default());
    let Page { items, is_truncated, marker } = page;
    Ok(iam::ListPoliciesOutput { policies: Some(items), is_truncated, marker })
}

async fn delete_policy(
    service: Arc<Identity>,
    permit: Permit<iam::DeletePolicy>,
    input: iam::DeletePolicyInput,
) -> Result<iam::DeletePolicyOutput, ErrorResponse> {
    let mut change = service.begin(account_of(&permit)?).await?;
    let record = own(service.managed(change.account, &input.policy_arn).await?)?;
    let prefix = keys::attachments(change.account, &input.policy_arn);
    if !service.tails(&prefix, None, 1).await?.is_empty() {
        return Err(IamError::DeleteConflict("detach this policy from all entities").into());
    }
    let Detail::Policy { versions, .. } = &record.detail else { return Err(not_a_policy()) };
    if versions.len() > 1 {
        return Err(IamError::DeleteConflict("delete all non-default versions").into());
    }
    for (number, _) in versions {
        change.delete(keys::policy_version(change.account, &record.id, *number));
    }
    change.require(empty(&prefix));
    change.remove(&record);
    change.commit(permit.audit()).await?;
    Ok(iam::DeletePolicyOutput {})
}

/// The record of a policy that may be changed.
fn own(managed: Managed) -> Result<Record, IamError> {
    match managed {
        Managed::Own(record) => Ok(*record),
        Managed::Aws(policy) => {
            let message = format!("policy {} is AWS's and cannot be changed", policy.arn());
            Err(IamError::AccessDenied(message))
        }
    }
}

fn not_a_policy() -> ErrorResponse {
    IamError::from(crate::IdentityError::Damaged { what: "policy" }).into()
}

async fn create_policy_version(
    service: Arc<Identity>,
    permit: Permit<iam::CreatePolicyVersion>,
    input: iam::CreatePolicyVersionInput,
) -> Result<iam::CreatePolicyVersionOutput, ErrorResponse> {
    check_policy(PolicyKind::Identity, &input.policy_document, MANAGED_CHARACTERS_MAX)?;
    let mut change = service.begin(account_of(&permit)?).await?;
    let mut record = own(service.managed(change.account, &input.policy_arn).await?)?;
    let Detail::Policy { updated, default_version, next_version, versions, .. } =
        &mut record.detail
    else {
        return Err(not_a_policy());
    };
    if versions.len() >= VERSIONS_MAX {
        let message = format!(
            "a managed policy can have up to {VERSIONS_MAX} versions; delete an existing one first"
        );
        return Err(IamError::LimitExceeded(message).into());
    }
    let number = *next_version;
    *next_version = number.saturating_add(1);
    *updated = change.now;
    versions.push((number, change.now));
    let is_default = input.set_as_default == Some(true);
    if is_default {
        *default_version = number;
    }
    let document = keys::policy_version(change.account, &record.id, number);
    change.put(document, input.policy_document.into_bytes());
    change.write(&record)?;
    let created = change.now;
    change.commit(permit.audit()).await?;
    let policy_version = Some(version(number, is_default, created, None));
    Ok(iam::CreatePolicyVersionOutput { policy_version })
}

pub(super) fn version(
    number: u32,
    is_default: bool,
    created: Timestamp,
    document: Option<&str>,
) -> PolicyVersion {
    PolicyVersion {
        document: document.map(encoded),
        version_id: Some(format!("v{number}")),
        is_default_version: Some(is_default),
        create_date: Some(created.floor_to_second()),
    }
}

/// The number of a version id that the policy has.
fn number_of(record: &Record, version_id: &str) -> Result<(u32, Timestamp, bool), IamError> {
    let Detail::Policy { versions, default_version, .. } = &record.detail else {
        return Err(crate::IdentityError::Damaged { what: "policy" }.into());
    };
    let found = versions.iter().find(|(number, _)| format!("v{number}") == version_id);
    let found = found.map(|(number, created)| (*number, *created, number == default_version));
    found.ok_or_else(|| no_such_version(&record.name, version_id))
}

fn no_such_version(name: &str, version_id: &str) -> IamError {
    let message = format!("policy {name} version {} does not exist", shown(version_id));
    IamError::NoSuchEntity(message)
}

async fn get_policy_version(
    service: Arc<Identity>,
    permit: Permit<iam::GetPolicyVersion>,
    input: iam::GetPolicyVersionInput,
) -> Result<iam::GetPolicyVersionOutput, ErrorResponse> {
    let account = account_of(&permit)?;
    let found = match service.managed(account, &input.policy_arn).await? {
        Managed::Aws(policy) if input.version_id == "v1" => aws_version(policy, true),
        Managed::Aws(policy) => return Err(no_such_version(policy.name, &input.version_id).into()),
        Managed::Own(record) => {
            let (number, created, is_default) = number_of(&record, &input.version_id)?;
            let document = service.policy_document(account, &record.id, number).await?;
            version(number, is_default, created, Some(&document))
        }
    };
    Ok(iam::GetPolicyVersionOutput { policy_version: Some(found) })
}

/// The only version that a policy of AWS's has.
pub(super) fn aws_version(policy: &AwsPolicy, with_document: bool) -> PolicyVersion {
    version(1, true, Timestamp::EPOCH, Some(policy.document).filter(|_| with_document))
}

async fn list_policy_versions(
    service: Arc<Identity>,
    permit: Permit<iam::ListPolicyVersions>,
    input: iam::ListPolicyVersionsInput,
) -> Result<iam::ListPolicyVersionsOutput, ErrorResponse> {
    let account = account_of(&permit)?;
    let paging = Paging::new(input.marker, input.max_items)?;
    let versions = match service.managed(account, &input.policy_arn).await? {
        Managed::Aws(policy) => vec![(0_u32, aws_version(policy, false))],
        Managed::Own(record) => {
            let Detail::Policy { versions, default_version, .. } = &record.detail else {
                return Err(not_a_policy());
            };
            // The newest first.
            let listed = versions.iter().rev().map(|(number, created)| {
                (u32::MAX - number, version(*number, number == default_version, *created, None))
            });
            listed.collect()
        }
    };
    let page = paging.page(versions, |(place, _)| format!("{place:010}"));
    let Page { items, is_truncated, marker } = page;
    let versions = items.into_iter().map(|(_, version)| version).collect();
    Ok(iam::ListPolicyVersionsOutput { versions: Some(versions), is_truncated, marker })
}

async fn delete_policy_version(
    service: Arc<Identity>,
    permit: Permit<iam::DeletePolicyVersion>,
    input: iam::DeletePolicyVersionInput,
) -> Result<iam::DeletePolicyVersionOutput, ErrorResponse> {
    let mut change = service.begin(account_of(&permit)?).await?;
    let mut record = own(service.managed(change.account, &input.policy_arn).await?)?;
    let (number, _, is_default) = number_of(&record, &input.version_id)?;
    if is_default {
        return Err(IamError::DeleteConflict("set another default version").into());
    }
    if let Detail::Policy { versions, .. } = &mut record.detail {
        versions.retain(|(other, _)| *other != number);
    }
    change.delete(keys::policy_version(change.account, &record.id, number));
    change.write(&record)?;
    change.commit(permit.audit()).await?;
    Ok(iam::DeletePolicyVersionOutput {})
}

async fn set_default_policy_version(
    service: Arc<Identity>,
    permit: Permit<iam::SetDefaultPolicyVersion>,
    input: iam::SetDefaultPolicyVersionInput,
) -> Result<iam::SetDefaultPolicyVersionOutput, ErrorResponse> {
    let mut change = service.begin(account_of(&permit)?).await?;
    let mut record = own(service.managed(change.account, &input.policy_arn).await?)?;
    let (number, ..) = number_of(&record, &input.version_id)?;
    if let Detail::Policy { default_version, updated, .. } = &mut record.detail {
        (*default_version, *updated) = (number, change.now);
    }
    change.write(&record)?;
    change.commit(permit.audit()).await?;
    Ok(iam::SetDefaultPolicyVersionOutput {})
}

async fn list_entities_for_policy(
    service: Arc<Identity>,
    permit: Permit<iam::ListEntitiesForPolicy>,
    input: iam::ListEntitiesForPolicyInput,
) -> Result<iam::ListEntitiesForPolicyOutput, ErrorResponse> {
    let account = account_of(&permit)?;
    let paging = Paging::new(input.marker, input.max_items)?;
    let prefix = path_prefix(input.path_prefix)?;
    service.managed(account, &input.policy_arn).await?;
    let uses =
        service.tails(&keys::attachments(account, &input.policy_arn), None, USES_MAX).await?;
    let mut found = Vec::new();
    for tail in uses {
        let [usage, kind, id @ ..] = tail.as_slice() else { continue };
        let wanted = match input.policy_usage_filter {
            None => true,
            Some(PolicyUsageType::PermissionsPolicy) => [*usage] == *AS_POLICY,
            Some(PolicyUsageType::PermissionsBoundary) => [*usage] == *AS_BOUNDARY,
        };
        let kind = Kind::ALL.into_iter().find(|known| known.code() == *kind);
        let Some(kind) = kind.filter(|kind| wanted && is_asked(input.entity_filter, *kind)) else {
            continue;
        };
        let id = String::from_utf8_lossy(id).into_owned();
        if let Some((record, _)) = service.record(account, kind, &id).await?
            && record.path.starts_with(&prefix)
        {
            found.push(record);
        }
    }
    found.sort_by(|one, other| one.id.cmp(&other.id));
    found.dedup_by(|one, other| one.id == other.id);
    let page = paging.page(found, |record| record.id.clone());
    let mut output = iam::ListEntitiesForPolicyOutput {
        policy_groups: Some(Vec::new()),
        policy_users: Some(Vec::new()),
        policy_roles: Some(Vec::new()),
        is_truncated: page.is_truncated,
        marker: page.marker,
    };
    for record in page.items {
        let (name, id) = (Some(record.name.clone()), Some(record.id.clone()));
        match record.kind() {
            Kind::Group => output
                .policy_groups
                .get_or_insert_default()
                .push(iam::PolicyGroup { group_name: name, group_id: id }),
            Kind::User => output
                .policy_users
                .get_or_insert_default()
                .push(iam::PolicyUser { user_name: name, user_id: id }),
            Kind::Role => output
                .policy_roles
                .get_or_insert_default()
                .push(iam::PolicyRole { role_name: name, role_id: id }),
            Kind::Policy => {}
        }
    }
    Ok(output)
}

fn is_asked(filter: Option<iam::EntityType>, kind: Kind) -> bool {
    match filter {
        None => true,
        Some(iam::EntityType::User) => kind == Kind::User,
        Some(iam::EntityType::Group) => kind == Kind::Group,
        Some(iam::EntityType::Role) => kind == Kind::Role,
        Some(iam::EntityType::LocalManagedPolicy | iam::EntityType::AWSManagedPolicy) => false,
    }
}

async fn tag_policy(
    service: Arc<Identity>,
    permit: Permit<iam::TagPolicy>,
    input: iam::TagPolicyInput,
) -> Result<iam::TagPolicyOutput, ErrorResponse> {
    let mut change = service.begin(account_of(&permit)?).await?;
    let mut record = own(service.managed(change.account, &input.policy_arn).await?)?;
    merge_tags(&mut record.tags, tags_in(input.tags))?;
    change.write(&record)?;
    change.commit(permit.audit()).await?;
    Ok(iam::TagPolicyOutput {})
}

async fn untag_policy(
    service: Arc<Identity>,
    permit: Permit<iam::UntagPolicy>,
    input: iam::UntagPolicyInput,
) -> Result<iam::UntagPolicyOutput, ErrorResponse> {
    let mut change = service.begin(account_of(&permit)?).await?;
    let mut record = own(service.managed(change.account, &input.policy_arn).await?)?;
    remove_tags(&mut record, &input.tag_keys)?;
    change.write(&record)?;
    change.commit(permit.audit()).await?;
    Ok(iam::UntagPolicyOutput {})
}

async fn list_policy_tags(
    service: Arc<Identity>,
    permit: Permit<iam::ListPolicyTags>,
    input: iam::ListPolicyTagsInput,
) -> Result<iam::ListPolicyTagsOutput, ErrorResponse> {
    let paging = Paging::new(input.marker, input.max_items)?;
    let account = account_of(&permit)?;
    let page = match service.managed(account, &input.policy_arn).await? {
        Managed::Aws(_) => paging.page(Vec::new(), |tag: &iam::Tag| tag.key.clone()),
        Managed::Own(record) => page_of_tags(&record, paging),
    };
    let Page { items, is_truncated, marker } = page;
    Ok(iam::ListPolicyTagsOutput { tags: items, is_truncated, marker })
}

/// More than all entities of an account can make of one policy.
const USES_MAX: usize = 20_000;
