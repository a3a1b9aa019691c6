//! Long-term access keys of users and of the root.

use std::sync::Arc;

use strongroom_access::{Endpoint, Permit, Principal};
use strongroom_model::iam::{self, StatusType};
use strongroom_types::{AccessKeyId, AccountId};
use strongroom_wire::{ErrorResponse, Redacted};

use super::bind;
use super::shapes::{Page, Paging, account_of};
use super::users::own_name;
use crate::iam::error::{IamError, shown};
use crate::iam::records::{Detail, Kind, LastUsed, Record};
use crate::iam::{ACCESS_KEYS_MAX, Change};
use crate::records::{AccessKeyFacts, AccessKeyRecord, AccessKeyStatus, AccountRecord, Bearer};
use crate::{Identity, IdentityError, NewAccessKey, generate, keys};

pub(super) fn endpoints(service: &Arc<Identity>) -> Vec<Arc<dyn Endpoint>> {
    vec![
        bind::<iam::CreateAccessKey, _, _>(service, create_access_key),
        bind::<iam::DeleteAccessKey, _, _>(service, delete_access_key),
        bind::<iam::GetAccessKeyLastUsed, _, _>(service, get_access_key_last_used),
        bind::<iam::ListAccessKeys, _, _>(service, list_access_keys),
        bind::<iam::UpdateAccessKey, _, _>(service, update_access_key),
    ]
}

/// Whose keys are meant.
enum Holder {
    Root(AccountRecord),
    User(Record),
}

impl Holder {
    /// The user who is named, or whoever asks.
    async fn of<Op>(
        service: &Identity,
        permit: &Permit<Op>,
        name: Option<String>,
    ) -> Result<Self, IamError> {
        let account = account_of(permit)?;
        match (name.or_else(|| own_name(permit)), &permit.caller().principal) {
            (Some(name), _) => {
                Ok(Self::User(service.named_record(account, Kind::User, &name).await?))
            }
            (None, Principal::Root { .. }) => {
                Ok(Self::Root(service.account_record(account).await?))
            }
            (None, _) => {
                let message = "must specify a user name when calling with these credentials";
                Err(IamError::Validation(message.to_owned()))
            }
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Root(_) => "root".to_owned(),
            Self::User(record) => record.name.clone(),
        }
    }

    fn bearer(&self) -> Bearer {
        match self {
            Self::Root(_) => Bearer::Root,
            Self::User(record) => Bearer::User(record.id.clone()),
        }
    }

    fn ids(&self) -> &[AccessKeyId] {
        match self {
            Self::Root(record) => &record.account.root_access_key_ids,
            Self::User(Record { detail: Detail::User { access_key_ids, .. }, .. }) => {
                access_key_ids
            }
            Self::User(_) => &[],
        }
    }

    fn ids_mut(&mut self) -> Result<&mut Vec<AccessKeyId>, IamError> {
        match self {
            Self::Root(record) => Ok(&mut record.account.root_access_key_ids),
            Self::User(Record { detail: Detail::User { access_key_ids, .. }, .. }) => {
                Ok(access_key_ids)
            }
            Self::User(_) => Err(IdentityError::Damaged { what: "user" }.into()),
        }
    }

    fn write(&self, change: &mut Change<'_>) -> Result<(), IamError> {
        match self {
            Self::Root(record) => {
                change.put(keys::account(change.account), record.encode()?);
                Ok(())
            }
            Self::User(record) => change.write(record),
        }
    }

    /// One of the holder's keys.
    fn own(&self, text: &str) -> Result<AccessKeyId, IamError> {
        let found = self.ids().iter().find(|id| id.as_str() == text).cloned();
        found.ok_or_else(|| no_such_key(text))
    }
}

fn no_such_key(text: &str) -> IamError {
    IamError::NoSuchEntity(format!("the access key with id {} cannot be found", shown(text)))
}

fn status(status: AccessKeyStatus) -> StatusType {
    match status {
        AccessKeyStatus::Active => StatusType::Active,
        AccessKeyStatus::Inactive => StatusType::Inactive,
    }
}

async fn create_access_key(
    service: Arc<Identity>,
    permit: Permit<iam::CreateAccessKey>,
    input: iam::CreateAccessKeyInput,
) -> Result<iam::CreateAccessKeyOutput, ErrorResponse> {
    let account = account_of(&permit)?;
    let mut change = service.begin(account).await?;
    let mut holder = Holder::of(&service, &permit, input.user_name).await?;
    if holder.ids().len() >= ACCESS_KEYS_MAX {
        let message = format!("cannot exceed quota of {ACCESS_KEYS_MAX} for access keys of a user");
        return Err(IamError::LimitExceeded(message).into());
    }
    let (new, record) = make_key(&service, &change, holder.bearer()).await?;
    change.put(keys::access_key(&new.access_key_id), record.encode().map_err(IamError::from)?);
    holder.ids_mut()?.push(new.access_key_id.clone());
    holder.write(&mut change)?;
    change.commit(permit.audit()).await?;
    Ok(iam::CreateAccessKeyOutput {
        access_key: iam::AccessKey {
            user_name: holder.name(),
            access_key_id: new.access_key_id.to_string(),
            status: StatusType::Active,
            secret_access_key: Redacted::from(new.secret_access_key.danger_expose()),
            create_date: Some(record.facts.created.floor_to_second()),
        },
    })
}

/// A new key under an id that nobody has.
async fn make_key(
    service: &Identity,
    change: &Change<'_>,
    bearer: Bearer,
) -> Result<(NewAccessKey, AccessKeyRecord), IamError> {
    let entropy = &*service.entropy;
    let failed = |error| IamError::from(IdentityError::Entropy(error));
    let new = NewAccessKey {
        access_key_id: generate::long_term_access_key_id(entropy).map_err(failed)?,
        secret_access_key: generate::secret_access_key(entropy).map_err(failed)?,
    };
    if service.store.metadata.get(&keys::access_key(&new.access_key_id)).await?.is_some() {
        return Err(IdentityError::Contended.into());
    }
    let facts = AccessKeyFacts {
        status: AccessKeyStatus::Active,
        bearer,
        account: change.account,
        canonical_user_id: service.account_record(change.account).await?.account.canonical_user_id,
        created: change.now,
    };
    let record = service.seal_access_key(facts, &new)?;
    Ok((new, record))
}

async fn key_record(service: &Identity, id: &AccessKeyId) -> Result<AccessKeyRecord, IamError> {
    let entry = service.store.metadata.get(&keys::access_key(id)).await?;
    let entry = entry.ok_or_else(|| no_such_key(id.as_str()))?;
    Ok(AccessKeyRecord::decode(&entry.value)?)
}

async fn list_access_keys(
    service: Arc<Identity>,
    permit: Permit<iam::ListAccessKeys>,
    input: iam::ListAccessKeysInput,
) -> Result<iam::ListAccessKeysOutput, ErrorResponse> {
    let paging = Paging::new(input.marker, input.max_items)?;
    let holder = Holder::of(&service, &permit, input.user_name).await?;
    let mut found = Vec::new();
    for id in holder.ids() {
        let record = key_record(&service, id).await?;
        found.push(iam::AccessKeyMetadata {
            user_name: Some(holder.name()),
            access_key_id: Some(id.to_string()),
            status: Some(status(record.facts.status)),
            create_date: Some(record.facts.created.floor_to_second()),
        });
    }
    found.sort_by(|one, other| one.access_key_id.cmp(&other.access_key_id));
    let page = paging.page(found, |key| key.access_key_id.clone().unwrap_or_default());
    let Page { items, is_truncated, marker } = page;
    Ok(iam::ListAccessKeysOutput { access_key_metadata: items, is_truncated, marker })
}

async fn update_access_key(
    service: Arc<Identity>,
    permit: Permit<iam::UpdateAccessKey>,
    input: iam::UpdateAccessKeyInput,
) -> Result<iam::UpdateAccessKeyOutput, ErrorResponse> {
    let status = match input.status {
        StatusType::Active => AccessKeyStatus::Active,
        StatusType::Inactive => AccessKeyStatus::Inactive,
        StatusType::Expired => {
            let message = "value at `Status` must be `Active` or `Inactive`";
            return Err(IamError::Validation(message.to_owned()).into());
        }
    };
    let mut change = service.begin(account_of(&permit)?).await?;
    let holder = Holder::of(&service, &permit, input.user_name).await?;
    let access_key_id = holder.own(&input.access_key_id)?;
    let old = key_record(&service, &access_key_id).await?;
    let secret_access_key =
        service.open_access_key(&access_key_id, &old).map_err(IamError::from)?;
    // The secret is sealed with its status, so that below this crate neither can be changed.
    let facts = AccessKeyFacts { status, ..old.facts };
    let new = NewAccessKey { access_key_id, secret_access_key };
    let record = service.seal_access_key(facts, &new).map_err(IamError::from)?;
    change.put(keys::access_key(&new.access_key_id), record.encode().map_err(IamError::from)?);
    change.commit(permit.audit()).await?;
    Ok(iam::UpdateAccessKeyOutput {})
}

async fn delete_access_key(
    service: Arc<Identity>,
    permit: Permit<iam::DeleteAccessKey>,
    input: iam::DeleteAccessKeyInput,
) -> Result<iam::DeleteAccessKeyOutput, ErrorResponse> {
    let mut change = service.begin(account_of(&permit)?).await?;
    let mut holder = Holder::of(&service, &permit, input.user_name).await?;
    let access_key_id = holder.own(&input.access_key_id)?;
    holder.ids_mut()?.retain(|id| *id != access_key_id);
    holder.write(&mut change)?;
    change.delete(keys::access_key(&access_key_id));
    change.delete(keys::last_used(&access_key_id));
    change.commit(permit.audit()).await?;
    Ok(iam::DeleteAccessKeyOutput {})
}

async fn get_access_key_last_used(
    service: Arc<Identity>,
    permit: Permit<iam::GetAccessKeyLastUsed>,
    input: iam::GetAccessKeyLastUsedInput,
) -> Result<iam::GetAccessKeyLastUsedOutput, ErrorResponse> {
    let account = account_of(&permit)?;
    let id: AccessKeyId =
        input.access_key_id.parse().map_err(|_| no_such_key(&input.access_key_id))?;
    let record = key_record(&service, &id).await?;
    if record.facts.account != account {
        return Err(no_such_key(&input.access_key_id).into());
    }
    let user_name = holder_name(&service, account, &record.facts.bearer).await?;
    let entry = service.store.metadata.get(&keys::last_used(&id)).await.map_err(IamError::from)?;
    let used = entry.map(|entry| LastUsed::decode(&entry.value)).transpose();
    let used = used.map_err(IamError::from)?;
    let not_available = || "N/A".to_owned();
    Ok(iam::GetAccessKeyLastUsedOutput {
        user_name: Some(user_name),
        access_key_last_used: Some(iam::AccessKeyLastUsed {
            last_used_date: used.as_ref().map(|used| used.time.floor_to_second()),
            service_name: used.as_ref().map_or_else(not_available, |used| used.service.clone()),
            region: used.map_or_else(not_available, |used| used.region),
        }),
    })
}

async fn holder_name(
    service: &Identity,
    account: AccountId,
    bearer: &Bearer,
) -> Result<String, IamError> {
    let Bearer::User(id) = bearer else { return Ok("root".to_owned()) };
    let found = service.record(account, Kind::User, id).await?;
    Ok(found.map(|(record, _)| record.name).unwrap_or_default())
}
