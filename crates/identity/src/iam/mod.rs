//! Users, groups, roles and policies: what is there, and how it changes.
//!
//! Every change of an account's identities writes the account's ledger, on condition that nobody
//! else has written it since: what was read for a change is still so when it is committed, and the
//! revision of the ledger is the epoch of all identities of the account.

pub(crate) mod error;
pub(crate) mod managed;
pub(crate) mod names;
pub(crate) mod records;
mod trust;

use bytes::Bytes;
use strongroom_audit::{AuditSlot, Outcome};
use strongroom_policy::{Policy, PolicyKind, counted_characters};
use strongroom_store::{
    Batch, CommitError, KeyRange, Precondition, Revision, SCAN_ENTRIES_MAX, VALUE_BYTES_MAX, Write,
};
use strongroom_types::{AccountId, Timestamp};
use tokio::sync::MutexGuard;

use self::error::{IamError, shown};
use self::managed::AwsPolicy;
use self::records::{Detail, Kind, Ledger, Record};
use crate::identity::put;
use crate::records::{AccountRecord, encode_name};
use crate::{Identity, IdentityError, generate, keys};

/// A managed policy: one that AWS names, or one of the account's.
#[derive(Debug)]
pub(crate) enum Managed {
    Aws(&'static AwsPolicy),
    Own(Box<Record>),
}

impl Managed {
    pub(crate) fn arn(&self, account: AccountId) -> String {
        match self {
            Self::Aws(policy) => policy.arn(),
            Self::Own(record) => record.arn(account),
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Aws(policy) => policy.name,
            Self::Own(record) => &record.name,
        }
    }
}

/// Reading.
impl Identity {
    /// The record of a unique id.
    pub(crate) async fn record(
        &self,
        account: AccountId,
        kind: Kind,
        id: &str,
    ) -> Result<Option<(Record, Revision)>, IamError> {
        let entry = self.store.metadata.get(&keys::record(account, kind, id)).await?;
        let Some(entry) = entry else { return Ok(None) };
        let record = Record::decode(&entry.value)?;
        if record.kind() != kind || record.id != id {
            return Err(IdentityError::Damaged { what: "identity" }.into());
        }
        Ok(Some((record, entry.revision)))
    }

    /// The record of a name, ignoring case.
    pub(crate) async fn find(
        &self,
        account: AccountId,
        kind: Kind,
        name: &str,
    ) -> Result<Option<Record>, IamError> {
        let entry = self.store.metadata.get(&keys::record_name(account, kind, name)).await?;
        let Some(entry) = entry else { return Ok(None) };
        let id = std::str::from_utf8(&entry.value)
            .map_err(|_| IdentityError::Damaged { what: "identity" })?;
        Ok(self.record(account, kind, id).await?.map(|(record, _)| record))
    }

    /// The record of a name, which must be there.
    pub(crate) async fn named_record(
        &self,
        account: AccountId,
        kind: Kind,
        name: &str,
    ) -> Result<Record, IamError> {
        let found = self.find(account, kind, name).await?;
        found.ok_or_else(|| IamError::no_such(kind.word(), name))
    }

    /// The managed policy of an ARN.
    pub(crate) async fn managed(&self, account: AccountId, arn: &str) -> Result<Managed, IamError> {
        let none = || IamError::NoSuchEntity(format!("policy {} does not exist", shown(arn)));
        let rest = arn.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split_once(":policy/"));
        let Some((owner, rest)) = rest else {
            let message = format!("ARN {} is not valid", shown(arn));
            return Err(IamError::InvalidInput(message));
        };
        if owner == "aws" {
            return AwsPolicy::find(arn).map(Managed::Aws).ok_or_else(none);
        }
        let name = rest.rsplit('/').next().unwrap_or_default();
        let found = self.find(account, Kind::Policy, name).await?;
        let found = found.filter(|record| record.arn(account) == arn).ok_or_else(none)?;
        Ok(Managed::Own(Box::new(found)))
    }

    /// The record of an account, which must be there.
    pub(crate) async fn account_record(
        &self,
        account: AccountId,
    ) -> Result<AccountRecord, IamError> {
        Ok(self.by_id(account).await?.1)
    }

    /// The groups that a user is in.
    pub(crate) async fn groups_of(
        &self,
        account: AccountId,
        user: &Record,
    ) -> Result<Vec<Record>, IamError> {
        let Detail::User { groups, .. } = &user.detail else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for id in groups {
            let group = self.record(account, Kind::Group, id).await?;
            found.push(group.ok_or(IdentityError::Damaged { what: "group" })?.0);
        }
        Ok(found)
    }

    /// The document of the version of an account's policy that is in force.
    pub(crate) async fn default_document(
        &self,
        account: AccountId,
        policy: &Record,
    ) -> Result<String, IamError> {
        let Detail::Policy { default_version, .. } = policy.detail else {
            return Err(IdentityError::Damaged { what: "policy" }.into());
        };
        self.policy_document(account, &policy.id, default_version).await
    }

    /// The document of one version of an account's policy.
    pub(crate) async fn policy_document(
        &self,
        account: AccountId,
        policy_id: &str,
        version: u32,
    ) -> Result<String, IamError> {
        let key = keys::policy_version(account, policy_id, version);
        let entry = self.store.metadata.get(&key).await?;
        let entry = entry.ok_or(IdentityError::Damaged { what: "policy version" })?;
        let text = std::str::from_utf8(&entry.value)
            .map_err(|_| IdentityError::Damaged { what: "policy version" })?;
        Ok(text.to_owned())
    }

    /// Records of one kind whose names follow `after` (in lower case), in that order: at most
    /// `limit`, those that `keep` takes.
    pub(crate) async fn list_records(
        &self,
        account: AccountId,
        kind: Kind,
        after: Option<&str>,
        limit: usize,
        keep: impl Fn(&Record) -> bool + Send,
    ) -> Result<Vec<Record>, IamError> {
        let prefix = keys::names(account, kind);
        let mut range = match after {
            None => KeyRange::prefix(&prefix),
            Some(name) => KeyRange::prefix_after(&prefix, &keys::record_name(account, kind, name)),
        };
        let mut found = Vec::new();
        loop {
            let page = self.store.metadata.scan(range, SCAN_ENTRIES_MAX).await?;
            let is_last = page.len() < SCAN_ENTRIES_MAX;
            let last = page.last().map(|(key, _)| key.clone());
            for (_, entry) in page {
                let id = String::from_utf8_lossy(&entry.value);
                // One that is gone meanwhile is not listed.
                let Some((record, _)) = self.record(account, kind, &id).await? else { continue };
                if keep(&record) {
                    found.push(record);
                }
                if found.len() == limit {
                    return Ok(found);
                }
            }
            match last {
                Some(last) if !is_last => range = KeyRange::prefix_after(&prefix, &last),
                _ => return Ok(found),
            }
        }
    }

    /// The tails of all keys with a prefix, after one.
    pub(crate) async fn tails(
        &self,
        prefix: &Bytes,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, IamError> {
        let mut range = match after {
            None => KeyRange::prefix(prefix),
            Some(tail) => KeyRange::prefix_after(prefix, &[prefix.as_ref(), tail].concat()),
        };
        let mut tails = Vec::new();
        loop {
            let count = SCAN_ENTRIES_MAX.min(limit.saturating_sub(tails.len()));
            if count == 0 {
                return Ok(tails);
            }
            let page = self.store.metadata.scan(range, count).await?;
            let is_last = page.len() < count;
            let last = page.last().map(|(key, _)| key.clone());
            let tail = |key: &Bytes| key.get(prefix.len()..).unwrap_or_default().to_vec();
            tails.extend(page.iter().map(|(key, _)| tail(key)));
            match last {
                Some(last) if !is_last => range = KeyRange::prefix_after(prefix, &last),
                _ => return Ok(tails),
            }
        }
    }

    /// How many identities an account has.
    pub(crate) async fn ledger(
        &self,
        account: AccountId,
    ) -> Result<(Ledger, Option<Revision>), IamError> {
        match self.store.metadata.get(&keys::ledger(account)).await? {
            None => Ok((Ledger::default(), None)),
            Some(entry) => Ok((Ledger::decode(&entry.value)?, Some(entry.revision))),
        }
    }

    /// Begins a change of an account's identities. Nobody else begins one here until it ends.
    pub(crate) async fn begin(&self, account: AccountId) -> Result<Change<'_>, IamError> {
        let turn = self.changing.lock().await;
        let (ledger, was) = self.ledger(account).await?;
        let now = self.clock.now();
        let (writes, preconditions) = (Vec::new(), Vec::new());
        Ok(Change { identity: self, account, ledger, was, now, writes, preconditions, _turn: turn })
    }
}

/// A change of an account's identities, whole or not at all.
pub(crate) struct Change<'i> {
    pub(crate) identity: &'i Identity,
    pub(crate) account: AccountId,
    pub(crate) ledger: Ledger,
    pub(crate) now: Timestamp,
    was: Option<Revision>,
    writes: Vec<Write>,
    preconditions: Vec<Precondition>,
    _turn: MutexGuard<'i, ()>,
}

impl Change<'_> {
    /// The record of a name, which must be there.
    pub(crate) async fn named(&self, kind: Kind, name: &str) -> Result<Record, IamError> {
        self.identity.named_record(self.account, kind, name).await
    }

    /// A new unique id.
    pub(crate) fn new_id(&self, kind: Kind) -> Result<String, IamError> {
        let id = generate::unique_id(kind.id_prefix(), &*self.identity.entropy);
        id.map_err(|error| IdentityError::from(error).into())
    }

    /// Adds a record under its name, which nobody may have, if there is room for one more.
    pub(crate) async fn add(&mut self, record: &Record) -> Result<(), IamError> {
        let kind = record.kind();
        self.refuse_taken(kind, &record.name, None).await?;
        let max = most_of(kind);
        let count = self.ledger.count(kind);
        if *count >= max {
            let message = format!("cannot exceed quota of {max} for {} entities", kind.word());
            return Err(IamError::LimitExceeded(message));
        }
        *count = count.saturating_add(1);
        let name = keys::record_name(self.account, kind, &record.name);
        self.put(name, record.id.clone().into_bytes());
        self.put(keys::owner(&record.id), encode_name(self.account));
        self.write(record)
    }

    /// Gives a record another name.
    pub(crate) async fn rename(&mut self, record: &mut Record, name: &str) -> Result<(), IamError> {
        let kind = record.kind();
        self.refuse_taken(kind, name, Some(&record.id)).await?;
        let old = keys::record_name(self.account, kind, &record.name);
        let new = keys::record_name(self.account, kind, name);
        if old != new {
            self.delete(old);
            self.put(new, record.id.clone().into_bytes());
        }
        name.clone_into(&mut record.name);
        Ok(())
    }

    async fn refuse_taken(
        &self,
        kind: Kind,
        name: &str,
        but: Option<&str>,
    ) -> Result<(), IamError> {
        match self.identity.find(self.account, kind, name).await? {
            Some(other) if but != Some(other.id.as_str()) => {
                let message = format!("{} with name {name} already exists", kind.word());
                Err(IamError::EntityAlreadyExists(message))
            }
            _ => Ok(()),
        }
    }

    /// Writes a record as it now is.
    pub(crate) fn write(&mut self, record: &Record) -> Result<(), IamError> {
        let value = record.encode()?;
        if value.len() > VALUE_BYTES_MAX {
            let message =
                format!("the {} with all its policies and tags is too large", record.kind().word());
            return Err(IamError::LimitExceeded(message));
        }
        self.put(keys::record(self.account, record.kind(), &record.id), value);
        Ok(())
    }

    /// Removes a record and its name.
    pub(crate) fn remove(&mut self, record: &Record) {
        let kind = record.kind();
        let count = self.ledger.count(kind);
        *count = count.saturating_sub(1);
        self.delete(keys::record_name(self.account, kind, &record.name));
        self.delete(keys::record(self.account, kind, &record.id));
        self.delete(keys::owner(&record.id));
    }

    pub(crate) fn put(&mut self, key: Bytes, value: Vec<u8>) {
        self.writes.push(put(key, value));
    }

    pub(crate) fn delete(&mut self, key: Bytes) {
        self.writes.push(Write::Delete { key });
    }

    pub(crate) fn require(&mut self, precondition: Precondition) {
        self.preconditions.push(precondition);
    }

    /// Commits, with the event of the request. Durable when this returns.
    pub(crate) async fn commit(mut self, audit: &AuditSlot) -> Result<(), IamError> {
        let key = keys::ledger(self.account);
        self.preconditions.push(match self.was {
            Some(revision) => Precondition::Revision { key: key.clone(), revision },
            None => Precondition::Absent { key: key.clone() },
        });
        self.writes.push(put(key, self.ledger.encode()?));
        let outcome = Outcome { status: 200, ..Outcome::default() };
        let batch = Batch {
            preconditions: self.preconditions,
            writes: self.writes,
            event: Some(audit.sealed_with(outcome)),
            ..Batch::default()
        };
        match self.identity.store.metadata.commit(batch).await {
            Ok(_) => {
                audit.mark_recorded();
                Ok(())
            }
            Err(CommitError::Precondition { .. }) => Err(IdentityError::Contended.into()),
            Err(error) => Err(IdentityError::Commit(error).into()),
        }
    }
}

/// Reads a policy that is to be saved, within its size.
pub(crate) fn check_policy(
    kind: PolicyKind,
    text: &str,
    characters_max: usize,
) -> Result<Policy, IamError> {
    if text.len() > DOCUMENT_BYTES_MAX || counted_characters(text) > characters_max {
        let message = format!("cannot exceed quota of {characters_max} characters for the policy");
        return Err(IamError::LimitExceeded(message));
    }
    let parsed = Policy::parse(kind, text.as_bytes());
    parsed.map_err(|error| IamError::MalformedPolicyDocument(error.iam_message()))
}

/// Puts an inline policy into a record, within what all of them may have together.
pub(crate) fn put_inline(record: &mut Record, name: String, text: String) -> Result<(), IamError> {
    let max = match record.detail {
        Detail::User { .. } => 2_048,
        Detail::Group => 5_120,
        Detail::Role { .. } | Detail::Policy { .. } => 10_240,
    };
    check_policy(PolicyKind::Identity, &text, max)?;
    record.inline.insert(name, text);
    let total: usize = record.inline.values().map(|text| counted_characters(text)).sum();
    if total > max {
        let message = format!(
            "maximum policy size of {max} characters exceeded for {} {}",
            record.kind().word(),
            record.name
        );
        return Err(IamError::LimitExceeded(message));
    }
    Ok(())
}

/// SPEC: access-control, 1.6.
pub(crate) fn most_of(kind: Kind) -> u32 {
    match kind {
        Kind::User => 5_000,
        Kind::Group => 300,
        Kind::Role => 1_000,
        Kind::Policy => 1_500,
    }
}

/// Attached to an entity, for what it gives.
pub(crate) const AS_POLICY: &[u8] = b"p";
/// Attached to an entity, as its boundary.
pub(crate) const AS_BOUNDARY: &[u8] = b"b";
/// Managed policies that one entity can have. SPEC: access-control, 1.6.
pub(crate) const ATTACHED_MAX: usize = 10;
/// Groups that one user can be in. SPEC: access-control, 1.6.
pub(crate) const GROUPS_MAX: usize = 10;
/// Access keys of one user. SPEC: access-control, 5.8.
pub(crate) const ACCESS_KEYS_MAX: usize = 2;
/// Versions that are kept of a managed policy. SPEC: access-control, 1.6.
pub(crate) const VERSIONS_MAX: usize = 5;
/// Names of users and roles. SPEC: access-control, 1.6.
pub(crate) const ENTITY_NAME_CHARS_MAX: usize = 64;
/// Names of groups and policies. SPEC: access-control, 1.6.
pub(crate) const DOCUMENT_NAME_CHARS_MAX: usize = 128;
/// A managed policy. SPEC: access-control, 1.6.
pub(crate) const MANAGED_CHARACTERS_MAX: usize = 6_144;
/// A trust policy. SPEC: access-control, 1.6.
pub(crate) const TRUST_CHARACTERS_MAX: usize = 2_048;
/// White space is not counted by the limits of IAM, but it is stored.
const DOCUMENT_BYTES_MAX: usize = 24 * 1024;
