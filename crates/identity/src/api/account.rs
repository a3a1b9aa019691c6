//! What an account has as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use strongroom_access::{Endpoint, Permit};
use strongroom_model::iam::{self, EntityType};
use strongroom_types::AccountId;
use strongroom_wire::ErrorResponse;

use super::bind;
use super::policies::{aws_version, shape, usage, version};
use super::shapes::{Page, Paging, account_of, attached, boundary, encoded, some_tags};
use crate::Identity;
use crate::iam::error::IamError;
use crate::iam::managed::AWS_POLICIES;
use crate::iam::records::{Detail, Kind, Record};
use crate::iam::{ACCESS_KEYS_MAX, ATTACHED_MAX, GROUPS_MAX, Managed, VERSIONS_MAX, most_of};

pub(super) fn endpoints(service: &Arc<Identity>) -> Vec<Arc<dyn Endpoint>> {
    vec![
        bind::<iam::CreateAccountAlias, _, _>(service, create_account_alias),
        bind::<iam::DeleteAccountAlias, _, _>(service, delete_account_alias),
        bind::<iam::GetAccountAuthorizationDetails, _, _>(service, authorization_details),
        bind::<iam::GetAccountSummary, _, _>(service, get_account_summary),
        bind::<iam::ListAccountAliases, _, _>(service, list_account_aliases),
    ]
}

async fn get_account_summary(
    service: Arc<Identity>,
    permit: Permit<iam::GetAccountSummary>,
    _input: iam::GetAccountSummaryInput,
) -> Result<iam::GetAccountSummaryOutput, ErrorResponse> {
    let account = account_of(&permit)?;
    let (mut ledger, _) = service.ledger(account).await?;
    let root = service.account_record(account).await?;
    let mut rows: Vec<(&str, usize)> = vec![
        ("AccessKeysPerUserQuota", ACCESS_KEYS_MAX),
        ("AccountAccessKeysPresent", root.account.root_access_key_ids.len().min(1)),
        ("AccountMFAEnabled", 0),
        ("AccountPasswordPresent", 0),
        ("AccountSigningCertificatesPresent", 0),
        ("AssumeRolePolicySizeQuota", crate::iam::TRUST_CHARACTERS_MAX),
        ("AttachedPoliciesPerGroupQuota", ATTACHED_MAX),
        ("AttachedPoliciesPerRoleQuota", ATTACHED_MAX),
        ("AttachedPoliciesPerUserQuota", ATTACHED_MAX),
        ("GroupPolicySizeQuota", 5_120),
        ("GroupsPerUserQuota", GROUPS_MAX),
        ("InstanceProfiles", 0),
        ("MFADevices", 0),
        ("MFADevicesInUse", 0),
        ("PolicySizeQuota", crate::iam::MANAGED_CHARACTERS_MAX),
        ("Providers", 0),
        ("RolePolicySizeQuota", 10_240),
        ("ServerCertificates", 0),
        ("UserPolicySizeQuota", 2_048),
        ("VersionsPerPolicyQuota", VERSIONS_MAX),
    ];
    let kinds = [
        (Kind::User, "Users", "UsersQuota"),
        (Kind::Group, "Groups", "GroupsQuota"),
        (Kind::Role, "Roles", "RolesQuota"),
        (Kind::Policy, "Policies", "PoliciesQuota"),
    ];
    for (kind, count, quota) in kinds {
        let number = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        rows.push((count, number(*ledger.count(kind))));
        rows.push((quota, number(most_of(kind))));
    }
    let summary_map: BTreeMap<_, _> = rows
        .into_iter()
        .map(|(name, number)| (name.to_owned(), i32::try_from(number).unwrap_or(i32::MAX)))
        .collect();
    Ok(iam::GetAccountSummaryOutput { summary_map })
}

async fn list_account_aliases(
    service: Arc<Identity>,
    permit: Permit<iam::ListAccountAliases>,
    input: iam::ListAccountAliasesInput,
) -> Result<iam::ListAccountAliasesOutput, ErrorResponse> {
    let paging = Paging::new(input.marker, input.max_items)?;
    let (ledger, _) = service.ledger(account_of(&permit)?).await?;
    let aliases = Some(ledger.alias).filter(|alias| !alias.is_empty()).into_iter().collect();
    let Page { items, is_truncated, marker } = paging.page(aliases, Clone::clone);
    Ok(iam::ListAccountAliasesOutput { account_aliases: items, is_truncated, marker })
}

async fn create_account_alias(
    service: Arc<Identity>,
    permit: Permit<iam::CreateAccountAlias>,
    input: iam::CreateAccountAliasInput,
) -> Result<iam::CreateAccountAliasOutput, ErrorResponse> {
    let alias = input.account_alias;
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let ends = alias.starts_with('-') || alias.ends_with('-') || alias.contains("--");
    if !(3..=63).contains(&alias.len()) || !alias.bytes().all(fits) || ends {
        let message =
            "value at `AccountAlias` must be 3 to 63 lower-case letters, digits or hyphens";
        return Err(IamError::Validation(message.to_owned()).into());
    }
    let mut change = service.begin(account_of(&permit)?).await?;
    // SPEC: an account has one alias; another one replaces it. It must be unique in the store.
    let key = crate::keys::alias(&alias);
    let taken = service.store.metadata.get(&key).await.map_err(IamError::from)?;
    if taken.is_some() && change.ledger.alias != alias {
        let message = format!("the account alias {alias} already exists");
        return Err(IamError::EntityAlreadyExists(message).into());
    }
    if taken.is_none() {
        change.require(strongroom_store::Precondition::Absent { key: key.clone() });
        if !change.ledger.alias.is_empty() {
            let old = crate::keys::alias(&change.ledger.alias);
            change.delete(old);
        }
        change.put(key, super::entities::PRESENT.to_vec());
        change.ledger.alias = alias;
    }
    change.commit(permit.audit()).await?;
    Ok(iam::CreateAccountAliasOutput {})
}

async fn delete_account_alias(
    service: Arc<Identity>,
    permit: Permit<iam::DeleteAccountAlias>,
    input: iam::DeleteAccountAliasInput,
) -> Result<iam::DeleteAccountAliasOutput, ErrorResponse> {
    let mut change = service.begin(account_of(&permit)?).await?;
    if input.account_alias.is_empty() || change.ledger.alias != input.account_alias {
        return Err(IamError::no_such("account alias", &input.account_alias).into());
    }
    change.ledger.alias.clear();
    change.delete(crate::keys::alias(&input.account_alias));
    change.commit(permit.audit()).await?;
    Ok(iam::DeleteAccountAliasOutput {})
}

/// A place in the order of all entities: kind, then name.
fn place(kind: Kind, name: &str) -> String {
    format!("{}{}", kind.code(), name.to_ascii_lowercase())
}

async fn authorization_details(
    service: Arc<Identity>,
    permit: Permit<iam::GetAccountAuthorizationDetails>,
    input: iam::GetAccountAuthorizationDetailsInput,
) -> Result<iam::GetAccountAuthorizationDetailsOutput, ErrorResponse> {
    let account = account_of(&permit)?;
    let paging = Paging::new(input.marker, input.max_items)?;
    let asked = |filter| input.filter.as_ref().is_none_or(|asked| asked.contains(&filter));
    let kinds = [
        (Kind::User, EntityType::User),
        (Kind::Group, EntityType::Group),
        (Kind::Role, EntityType::Role),
        (Kind::Policy, EntityType::LocalManagedPolicy),
    ];
    let mut found = Vec::new();
    for (kind, filter) in kinds {
        let code = kind.code().to_string();
        let after = paging.after.as_deref();
        // What lies before the marker is over.
        let behind = after.is_some_and(|after| after.get(..1).unwrap_or_default() > code.as_str());
        if !asked(filter) || behind || found.len() >= paging.wanted() {
            continue;
        }
        let after = after.and_then(|after| after.strip_prefix(code.as_str()));
        let wanted = paging.wanted().saturating_sub(found.len());
        let records = service.list_records(account, kind, after, wanted, |_| true).await?;
        found.extend(records);
    }
    let first = paging.after.is_none();
    let page = paging.cut(found, |record: &Record| place(record.kind(), &record.name));
    let mut output = iam::GetAccountAuthorizationDetailsOutput {
        user_detail_list: Some(Vec::new()),
        group_detail_list: Some(Vec::new()),
        role_detail_list: Some(Vec::new()),
        policies: Some(Vec::new()),
        is_truncated: page.is_truncated,
        marker: page.marker,
    };
    if first && asked(EntityType::AWSManagedPolicy) {
        for policy in &AWS_POLICIES {
            let managed = Managed::Aws(policy);
            let detail = policy_detail(&service, account, &managed).await?;
            output.policies.get_or_insert_default().push(iam::ManagedPolicyDetail {
                policy_version_list: Some(vec![aws_version(policy, true)]),
                ..detail
            });
        }
    }
    for record in page.items {
        match record.kind() {
            Kind::User => {
                let detail = user_detail(&service, account, &record).await?;
                output.user_detail_list.get_or_insert_default().push(detail);
            }
            Kind::Group => {
                let detail = group_detail(account, &record);
                output.group_detail_list.get_or_insert_default().push(detail);
            }
            Kind::Role => {
                let trust = service.shown_trust(&record).await?;
                let detail = role_detail(account, &record, &trust);
                output.role_detail_list.get_or_insert_default().push(detail);
            }
            Kind::Policy => {
                let versions = versions(&service, account, &record).await?;
                let managed = Managed::Own(Box::new(record));
                let detail = policy_detail(&service, account, &managed).await?;
                output.policies.get_or_insert_default().push(iam::ManagedPolicyDetail {
                    policy_version_list: Some(versions),
                    ..detail
                });
            }
        }
    }
    Ok(output)
}

fn inline(record: &Record) -> Option<Vec<iam::PolicyDetail>> {
    let detail = |(name, text): (&String, &String)| iam::PolicyDetail {
        policy_name: Some(name.clone()),
        policy_document: Some(encoded(text)),
    };
    Some(record.inline.iter().map(detail).collect())
}

fn attachments(record: &Record) -> Option<Vec<iam::AttachedPolicy>> {
    Some(record.attached.iter().map(|arn| attached(arn)).collect())
}

async fn user_detail(
    service: &Identity,
    account: AccountId,
    record: &Record,
) -> Result<iam::UserDetail, IamError> {
    let groups = service.groups_of(account, record).await?;
    Ok(iam::UserDetail {
        path: Some(record.path.clone()),
        user_name: Some(record.name.clone()),
        user_id: Some(record.id.clone()),
        arn: Some(record.arn(account)),
        create_date: Some(record.created.floor_to_second()),
        user_policy_list: inline(record),
        group_list: Some(groups.into_iter().map(|group| group.name).collect()),
        attached_managed_policies: attachments(record),
        permissions_boundary: boundary(record),
        tags: some_tags(record),
    })
}

fn group_detail(account: AccountId, record: &Record) -> iam::GroupDetail {
    iam::GroupDetail {
        path: Some(record.path.clone()),
        group_name: Some(record.name.clone()),
        group_id: Some(record.id.clone()),
        arn: Some(record.arn(account)),
        create_date: Some(record.created.floor_to_second()),
        group_policy_list: inline(record),
        attached_managed_policies: attachments(record),
    }
}

fn role_detail(account: AccountId, record: &Record, trust: &str) -> iam::RoleDetail {
    iam::RoleDetail {
        path: Some(record.path.clone()),
        role_name: Some(record.name.clone()),
        role_id: Some(record.id.clone()),
        arn: Some(record.arn(account)),
        create_date: Some(record.created.floor_to_second()),
        assume_role_policy_document: Some(encoded(trust)),
        instance_profile_list: Some(Vec::new()),
        role_policy_list: inline(record),
        attached_managed_policies: attachments(record),
        permissions_boundary: boundary(record),
        tags: some_tags(record),
        role_last_used: None,
    }
}

async fn policy_detail(
    service: &Identity,
    account: AccountId,
    managed: &Managed,
) -> Result<iam::ManagedPolicyDetail, IamError> {
    let usage = usage(service, account, &managed.arn(account)).await?;
    let policy = shape(account, managed, usage);
    Ok(iam::ManagedPolicyDetail {
        policy_name: policy.policy_name,
        policy_id: policy.policy_id,
        arn: policy.arn,
        path: policy.path,
        default_version_id: policy.default_version_id,
        attachment_count: policy.attachment_count,
        permissions_boundary_usage_count: policy.permissions_boundary_usage_count,
        is_attachable: policy.is_attachable,
        description: policy.description,
        create_date: policy.create_date,
        update_date: policy.update_date,
        policy_version_list: None,
    })
}

async fn versions(
    service: &Identity,
    account: AccountId,
    record: &Record,
) -> Result<Vec<iam::PolicyVersion>, IamError> {
    let Detail::Policy { versions, default_version, .. } = &record.detail else {
        return Ok(Vec::new());
    };
    let mut shown = Vec::new();
    for (number, created) in versions.iter().rev() {
        let document = service.policy_document(account, &record.id, *number).await?;
        shown.push(version(*number, number == default_version, *created, Some(&document)));
    }
    Ok(shown)
}
