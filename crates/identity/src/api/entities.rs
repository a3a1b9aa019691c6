//! What users, groups and roles have alike: inline policies, attached policies, tags, boundaries.

use std::sync::Arc;

use strongroom_access::{Endpoint, Permit};
use strongroom_model::iam::{self, AttachedPolicy, Tag};
use strongroom_policy::PolicyKind;
use strongroom_store::{KeyRange, Precondition};
use strongroom_wire::ErrorResponse;

use super::bind;
use super::shapes::{Page, Paging, account_of, attached, encoded, tags_in, tags_out};
use crate::Identity;
use crate::iam::error::{IamError, shown};
use crate::iam::names::{check_name, check_tag_key, merge_tags, path_prefix, same_key};
use crate::iam::records::{Kind, Record};
use crate::iam::{
    AS_BOUNDARY, AS_POLICY, ATTACHED_MAX, Change, DOCUMENT_NAME_CHARS_MAX, Managed, check_policy,
    put_inline,
};
use crate::keys;

/// The operations that one kind has like another, in the words of the kind.
macro_rules! policies_of {
    ($service:expr, $kind:expr, $name:ident,
        $put:ident $get:ident $delete:ident $list:ident $attach:ident $detach:ident $attached:ident,
        $put_in:ident $get_in:ident $get_out:ident $list_in:ident $list_out:ident
        $attached_in:ident $attached_out:ident) => {{
        let put = |service: Arc<Identity>, permit: Permit<iam::$put>, input: iam::$put_in| async move {
            let (name, document) = (input.policy_name, input.policy_document);
            put_policy(&service, &permit, $kind, &input.$name, (name, document)).await?;
            Ok(Default::default())
        };
        let get = |service: Arc<Identity>, permit: Permit<iam::$get>, input: iam::$get_in| async move {
            let found = get_policy(&service, &permit, $kind, &input.$name, &input.policy_name);
            let (record, policy_document) = found.await?;
            Ok(iam::$get_out { $name: record.name, policy_name: input.policy_name, policy_document })
        };
        let delete = |service: Arc<Identity>,
                      permit: Permit<iam::$delete>,
                      input: <iam::$delete as strongroom_wire::Operation>::Input| async move {
            delete_policy(&service, &permit, $kind, &input.$name, &input.policy_name).await?;
            Ok(Default::default())
        };
        let list = |service: Arc<Identity>, permit: Permit<iam::$list>, input: iam::$list_in| async move {
            let paging = Paging::new(input.marker, input.max_items)?;
            let page = list_policies(&service, &permit, $kind, &input.$name, paging).await?;
            let Page { items, is_truncated, marker } = page;
            Ok(iam::$list_out { policy_names: items, is_truncated, marker })
        };
        let attach = |service: Arc<Identity>,
                      permit: Permit<iam::$attach>,
                      input: <iam::$attach as strongroom_wire::Operation>::Input| async move {
            attach_policy(&service, &permit, $kind, &input.$name, &input.policy_arn).await?;
            Ok(Default::default())
        };
        let detach = |service: Arc<Identity>,
                      permit: Permit<iam::$detach>,
                      input: <iam::$detach as strongroom_wire::Operation>::Input| async move {
            detach_policy(&service, &permit, $kind, &input.$name, &input.policy_arn).await?;
            Ok(Default::default())
        };
        let attached = |service: Arc<Identity>, permit: Permit<iam::$attached>, input: iam::$attached_in| async move {
            let paging = Paging::new(input.marker, input.max_items)?;
            let prefix = path_prefix(input.path_prefix)?;
            let page = list_attached(&service, &permit, $kind, &input.$name, (paging, &prefix));
            let Page { items, is_truncated, marker } = page.await?;
            Ok(iam::$attached_out { attached_policies: Some(items), is_truncated, marker })
        };
        [
            bind::<iam::$put, _, _>($service, put),
            bind::<iam::$get, _, _>($service, get),
            bind::<iam::$delete, _, _>($service, delete),
            bind::<iam::$list, _, _>($service, list),
            bind::<iam::$attach, _, _>($service, attach),
            bind::<iam::$detach, _, _>($service, detach),
            bind::<iam::$attached, _, _>($service, attached),
        ]
    }};
}

/// Tags and boundaries of users and roles.
macro_rules! marks_of {
    ($service:expr, $kind:expr, $name:ident,
        $tag:ident $untag:ident $list:ident $put:ident $delete:ident, $list_out:ident) => {{
        let tag = |service: Arc<Identity>,
                   permit: Permit<iam::$tag>,
                   input: <iam::$tag as strongroom_wire::Operation>::Input| async move {
            tag_record(&service, &permit, $kind, &input.$name, input.tags).await?;
            Ok(Default::default())
        };
        let untag =
            |service: Arc<Identity>,
             permit: Permit<iam::$untag>,
             input: <iam::$untag as strongroom_wire::Operation>::Input| async move {
                untag_record(&service, &permit, $kind, &input.$name, &input.tag_keys).await?;
                Ok(Default::default())
            };
        let list = |service: Arc<Identity>,
                    permit: Permit<iam::$list>,
                    input: <iam::$list as strongroom_wire::Operation>::Input| async move {
            let paging = Paging::new(input.marker, input.max_items)?;
            let record = service.named_record(account_of(&permit)?, $kind, &input.$name).await?;
            let Page { items, is_truncated, marker } = page_of_tags(&record, paging);
            Ok(iam::$list_out { tags: items, is_truncated, marker })
        };
        let put = |service: Arc<Identity>,
                   permit: Permit<iam::$put>,
                   input: <iam::$put as strongroom_wire::Operation>::Input| async move {
            let arn = Some(input.permissions_boundary);
            set_boundary(&service, &permit, $kind, &input.$name, arn).await?;
            Ok(Default::default())
        };
        let delete =
            |service: Arc<Identity>,
             permit: Permit<iam::$delete>,
             input: <iam::$delete as strongroom_wire::Operation>::Input| async move {
                set_boundary(&service, &permit, $kind, &input.$name, None).await?;
                Ok(Default::default())
            };
        [
            bind::<iam::$tag, _, _>($service, tag),
            bind::<iam::$untag, _, _>($service, untag),
            bind::<iam::$list, _, _>($service, list),
            bind::<iam::$put, _, _>($service, put),
            bind::<iam::$delete, _, _>($service, delete),
        ]
    }};
}

pub(super) fn endpoints(service: &Arc<Identity>) -> Vec<Arc<dyn Endpoint>> {
    let mut endpoints: Vec<Arc<dyn Endpoint>> = Vec::new();
    endpoints.extend(policies_of!(service, Kind::User, user_name,
        PutUserPolicy GetUserPolicy DeleteUserPolicy ListUserPolicies AttachUserPolicy
        DetachUserPolicy ListAttachedUserPolicies,
        PutUserPolicyInput GetUserPolicyInput GetUserPolicyOutput ListUserPoliciesInput
        ListUserPoliciesOutput ListAttachedUserPoliciesInput ListAttachedUserPoliciesOutput));
    endpoints.extend(policies_of!(service, Kind::Group, group_name,
        PutGroupPolicy GetGroupPolicy DeleteGroupPolicy ListGroupPolicies AttachGroupPolicy
        DetachGroupPolicy ListAttachedGroupPolicies,
        PutGroupPolicyInput GetGroupPolicyInput GetGroupPolicyOutput ListGroupPoliciesInput
        ListGroupPoliciesOutput ListAttachedGroupPoliciesInput ListAttachedGroupPoliciesOutput));
    endpoints.extend(policies_of!(service, Kind::Role, role_name,
        PutRolePolicy GetRolePolicy DeleteRolePolicy ListRolePolicies AttachRolePolicy
        DetachRolePolicy ListAttachedRolePolicies,
        PutRolePolicyInput GetRolePolicyInput GetRolePolicyOutput ListRolePoliciesInput
        ListRolePoliciesOutput ListAttachedRolePoliciesInput ListAttachedRolePoliciesOutput));
    endpoints.extend(marks_of!(service, Kind::User, user_name,
        TagUser UntagUser ListUserTags PutUserPermissionsBoundary DeleteUserPermissionsBoundary,
        ListUserTagsOutput));
    endpoints.extend(marks_of!(service, Kind::Role, role_name,
        TagRole UntagRole ListRoleTags PutRolePermissionsBoundary DeleteRolePermissionsBoundary,
        ListRoleTagsOutput));
    endpoints
}

async fn put_policy<Op>(
    service: &Identity,
    permit: &Permit<Op>,
    kind: Kind,
    name: &str,
    (policy_name, document): (String, String),
) -> Result<(), IamError> {
    check_name("PolicyName", &policy_name, DOCUMENT_NAME_CHARS_MAX)?;
    let mut change = service.begin(account_of(permit)?).await?;
    let mut record = change.named(kind, name).await?;
    put_inline(&mut record, policy_name, document)?;
    change.write(&record)?;
    change.commit(permit.audit()).await
}

async fn get_policy<Op>(
    service: &Identity,
    permit: &Permit<Op>,
    kind: Kind,
    name: &str,
    policy_name: &str,
) -> Result<(Record, String), IamError> {
    let record = service.named_record(account_of(permit)?, kind, name).await?;
    let document = record.inline.get(policy_name).map(|document| encoded(document));
    let document = document.ok_or_else(|| IamError::no_such(kind_policy(kind), policy_name))?;
    Ok((record, document))
}

async fn delete_policy<Op>(
    service: &Identity,
    permit: &Permit<Op>,
    kind: Kind,
    name: &str,
    policy_name: &str,
) -> Result<(), IamError> {
    let mut change = service.begin(account_of(permit)?).await?;
    let mut record = change.named(kind, name).await?;
    if record.inline.remove(policy_name).is_none() {
        return Err(IamError::no_such(kind_policy(kind), policy_name));
    }
    change.write(&record)?;
    change.commit(permit.audit()).await
}

fn kind_policy(kind: Kind) -> &'static str {
    match kind {
        Kind::User => "user policy",
        Kind::Group => "group policy",
        Kind::Role | Kind::Policy => "role policy",
    }
}

async fn list_policies<Op>(
    service: &Identity,
    permit: &Permit<Op>,
    kind: Kind,
    name: &str,
    paging: Paging,
) -> Result<Page<String>, IamError> {
    let record = service.named_record(account_of(permit)?, kind, name).await?;
    Ok(paging.page(record.inline.into_keys().collect(), Clone::clone))
}

async fn attach_policy<Op>(
    service: &Identity,
    permit: &Permit<Op>,
    kind: Kind,
    name: &str,
    arn: &str,
) -> Result<(), IamError> {
    let mut change = service.begin(account_of(permit)?).await?;
    let mut record = change.named(kind, name).await?;
    let arn = service.managed(change.account, arn).await?.arn(change.account);
    if !record.attached.contains(&arn) {
        if record.attached.len() >= ATTACHED_MAX {
            let message = format!("cannot exceed quota of {ATTACHED_MAX} for attached policies");
            return Err(IamError::LimitExceeded(message));
        }
        let key = keys::attachment(change.account, &arn, AS_POLICY, kind, &record.id);
        change.put(key, PRESENT.to_vec());
        record.attached.push(arn);
        change.write(&record)?;
    }
    change.commit(permit.audit()).await
}

async fn detach_policy<Op>(
    service: &Identity,
    permit: &Permit<Op>,
    kind: Kind,
    name: &str,
    arn: &str,
) -> Result<(), IamError> {
    let mut change = service.begin(account_of(permit)?).await?;
    let mut record = change.named(kind, name).await?;
    let before = record.attached.len();
    record.attached.retain(|other| other != arn);
    if record.attached.len() == before {
        let message = format!("policy {} was not found", shown(arn));
        return Err(IamError::NoSuchEntity(message));
    }
    change.delete(keys::attachment(change.account, arn, AS_POLICY, kind, &record.id));
    change.write(&record)?;
    change.commit(permit.audit()).await
}

async fn list_attached<Op>(
    service: &Identity,
    permit: &Permit<Op>,
    kind: Kind,
    name: &str,
    (paging, prefix): (Paging, &str),
) -> Result<Page<AttachedPolicy>, IamError> {
    let record = service.named_record(account_of(permit)?, kind, name).await?;
    let mut arns = record.attached;
    arns.sort();
    let in_path =
        |arn: &String| arn.split_once(":policy").is_some_and(|(_, p)| p.starts_with(prefix));
    arns.retain(in_path);
    let page = paging.page(arns, Clone::clone);
    let items = page.items.iter().map(|arn| attached(arn)).collect();
    Ok(Page { items, is_truncated: page.is_truncated, marker: page.marker })
}

async fn tag_record<Op>(
    service: &Identity,
    permit: &Permit<Op>,
    kind: Kind,
    name: &str,
    tags: Vec<Tag>,
) -> Result<(), IamError> {
    let mut change = service.begin(account_of(permit)?).await?;
    let mut record = change.named(kind, name).await?;
    merge_tags(&mut record.tags, tags_in(tags))?;
    change.write(&record)?;
    change.commit(permit.audit()).await
}

async fn untag_record<Op>(
    service: &Identity,
    permit: &Permit<Op>,
    kind: Kind,
    name: &str,
    tag_keys: &[String],
) -> Result<(), IamError> {
    let mut change = service.begin(account_of(permit)?).await?;
    let mut record = change.named(kind, name).await?;
    remove_tags(&mut record, tag_keys)?;
    change.write(&record)?;
    change.commit(permit.audit()).await
}

/// Removes tags; one that is not there is no error.
pub(super) fn remove_tags(record: &mut Record, tag_keys: &[String]) -> Result<(), IamError> {
    tag_keys.iter().try_for_each(|key| check_tag_key(key))?;
    record.tags.retain(|(key, _)| !tag_keys.iter().any(|other| same_key(key, other)));
    Ok(())
}

pub(super) fn page_of_tags(record: &Record, paging: Paging) -> Page<Tag> {
    let mut tags = tags_out(&record.tags);
    tags.sort_by(|one, other| one.key.cmp(&other.key));
    paging.page(tags, |tag| tag.key.clone())
}

async fn set_boundary<Op>(
    service: &Identity,
    permit: &Permit<Op>,
    kind: Kind,
    name: &str,
    arn: Option<String>,
) -> Result<(), IamError> {
    let mut change = service.begin(account_of(permit)?).await?;
    let mut record = change.named(kind, name).await?;
    if arn.is_none() && record.boundary.is_none() {
        let message = format!("{} {name} has no permissions boundary", kind.word());
        return Err(IamError::NoSuchEntity(message));
    }
    bound(&mut change, &mut record, arn).await?;
    change.write(&record)?;
    change.commit(permit.audit()).await
}

/// Gives a record another boundary, or none.
pub(super) async fn bound(
    change: &mut Change<'_>,
    record: &mut Record,
    arn: Option<String>,
) -> Result<(), IamError> {
    let (account, kind) = (change.account, record.kind());
    let arn = match arn {
        None => None,
        Some(arn) => {
            let managed = change.identity.managed(account, &arn).await?;
            if let Managed::Own(policy) = &managed {
                let text = change.identity.default_document(account, policy).await?;
                check_policy(PolicyKind::Boundary, &text, crate::iam::MANAGED_CHARACTERS_MAX)?;
            }
            Some(managed.arn(account))
        }
    };
    if record.boundary == arn {
        return Ok(());
    }
    if let Some(old) = &record.boundary {
        change.delete(keys::attachment(account, old, AS_BOUNDARY, kind, &record.id));
    }
    if let Some(new) = &arn {
        change.put(keys::attachment(account, new, AS_BOUNDARY, kind, &record.id), PRESENT.to_vec());
    }
    record.boundary = arn;
    Ok(())
}

/// Refuses to remove what policies still hang on.
pub(super) fn refuse_held(record: &Record) -> Result<(), IamError> {
    if !record.attached.is_empty() {
        return Err(IamError::DeleteConflict("detach all policies"));
    }
    if !record.inline.is_empty() {
        return Err(IamError::DeleteConflict("delete policies"));
    }
    Ok(())
}

/// Removes the boundary's mark of a record that is about to go.
pub(super) fn unbind(change: &mut Change<'_>, record: &Record) {
    if let Some(arn) = &record.boundary {
        change.delete(keys::attachment(
            change.account,
            arn,
            AS_BOUNDARY,
            record.kind(),
            &record.id,
        ));
    }
}

/// That nothing lies under a prefix.
pub(super) fn empty(prefix: &[u8]) -> Precondition {
    Precondition::RangeEmpty { range: KeyRange::prefix(prefix) }
}

/// The value of records whose key says all.
pub(super) const PRESENT: &[u8] = &[1];

/// Errors of the domain, as adapters hand them on.
impl From<IamError> for ErrorResponse {
    fn from(error: IamError) -> Self {
        super::errors::response(&error)
    }
}
