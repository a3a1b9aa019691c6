//! Accounts: making, finding, listing them; sessions for them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use strongroom_audit::{AuditEvent, AuthKind, Outcome, PrincipalKind};
use strongroom_crypto::{SecretText, open_secret, seal_secret};
use strongroom_store::{
    Batch, CommitError, KeyName, KeyRange, NewPayload, Precondition, Protection, Revision,
    SCAN_ENTRIES_MAX, Store, Write,
};
use strongroom_types::{AccessKeyId, AccountId, Clock, Entropy, Timestamp};

use crate::cache::SigningKeyCache;
use crate::codec::Malformed;
use crate::records::{
    AccessKeyFacts, AccessKeyRecord, AccessKeyStatus, AccountRecord, Bearer, FirstRecord,
    decode_name, encode_name,
};
use crate::session::{
    Given, SESSION_LIFETIME_MAX, SESSION_LIFETIME_MIN, SessionBearer, SessionClaims,
    SessionCredentials,
};
use crate::standing::StandingCache;
use crate::{
    Account, AccountName, Bootstrap, GivenRootKey, IdentityError, NewAccessKey, NewAccount,
    generate, keys,
};

/// The accounts of one store.
pub struct Identity {
    pub(crate) store: Store,
    pub(crate) cache: SigningKeyCache,
    pub(crate) standings: StandingCache,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    /// Whose turn it is to change identities: on one node no two changes meet.
    pub(crate) changing: tokio::sync::Mutex<()>,
}

impl Identity {
    /// Opens the accounts of a store; makes the key of session tokens where there is none.
    ///
    /// # Errors
    /// If the key vault cannot be used.
    pub async fn open(
        store: Store,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Arc<Self>, IdentityError> {
        store.keys.create(KeyName::Token).await?;
        let cache = SigningKeyCache::new(CACHED_ACCESS_KEYS_MAX);
        let changing = tokio::sync::Mutex::new(());
        let standings = StandingCache::default();
        Ok(Arc::new(Self { store, cache, standings, clock, entropy, changing }))
    }

    /// Makes the first account and its root key, once. A chosen key is used for it; a later start
    /// may repeat the choice but not change it.
    ///
    /// # Errors
    /// [`IdentityError::RootKeyDiffers`] if the choice is not the one of the first start; or if
    /// the store cannot be read or changed.
    pub async fn bootstrap(
        &self,
        given: Option<&GivenRootKey>,
    ) -> Result<Bootstrap, IdentityError> {
        if let Some(account) = self.first_account(given).await? {
            return Ok(Bootstrap::Existing(account));
        }
        let making = Making { name: AccountName::first(), given, place: Place::First };
        match self.make_account(making).await {
            Ok(new) => Ok(Bootstrap::Created(new)),
            // Another node's start was faster: its choice stands.
            Err(error @ IdentityError::NameTaken(_)) => {
                self.first_account(given).await?.map(Bootstrap::Existing).ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Makes an account and its root key.
    ///
    /// # Errors
    /// [`IdentityError::NameTaken`] if the name is in use; or if the store cannot be changed.
    pub async fn create_account(&self, name: AccountName) -> Result<NewAccount, IdentityError> {
        self.make_account(Making { name, given: None, place: Place::Further }).await
    }

    /// All accounts, in the order of their numbers.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn accounts(&self) -> Result<Vec<Account>, IdentityError> {
        let mut accounts = Vec::new();
        let mut range = KeyRange::prefix(keys::ACCOUNTS);
        loop {
            let page = self.store.metadata.scan(range, SCAN_ENTRIES_MAX).await?;
            let pages_end = page.len() < SCAN_ENTRIES_MAX;
            let last = page.last().map(|(key, _)| key.clone());
            for (key, entry) in page {
                let number = key.strip_prefix(keys::ACCOUNTS).unwrap_or_default();
                let id = decode_name(number).map_err(damaged("account"))?;
                let record = AccountRecord::decode(id, &entry.value).map_err(damaged("account"))?;
                accounts.push(record.account);
            }
            match last {
                Some(last) if !pages_end => range = KeyRange::prefix_after(keys::ACCOUNTS, &last),
                _ => return Ok(accounts),
            }
        }
    }

    /// The account of this name, ignoring case.
    ///
    /// # Errors
    /// [`IdentityError::NoSuchAccount`], or if the store cannot be read.
    pub async fn account(&self, name: &AccountName) -> Result<Account, IdentityError> {
        Ok(self.named(name).await?.1.account)
    }

    /// The account of a long-term access key, whatever its status.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub(crate) async fn account_of(
        &self,
        access_key_id: &AccessKeyId,
    ) -> Result<Option<AccountId>, IdentityError> {
        let entry = self.store.metadata.get(&keys::access_key(access_key_id)).await?;
        let Some(entry) = entry else { return Ok(None) };
        let record = AccessKeyRecord::decode(&entry.value).map_err(damaged("access key"))?;
        Ok(Some(record.facts.account))
    }

    /// Makes temporary credentials for the root of an account, for whoever operates this server.
    /// They are in the audit journal before anybody can use them.
    ///
    /// # Errors
    /// If there is no such account, the lifetime is out of bounds, or the event cannot be taken.
    pub async fn mint_session(
        &self,
        name: &AccountName,
        lifetime: Duration,
    ) -> Result<SessionCredentials, IdentityError> {
        if !(SESSION_LIFETIME_MIN..=SESSION_LIFETIME_MAX).contains(&lifetime) {
            return Err(IdentityError::Lifetime);
        }
        let account = self.account(name).await?.id;
        let issued = self.clock.now();
        let claims = SessionClaims {
            account,
            bearer: SessionBearer::Operator,
            given: Given::default(),
            issued,
            expires: issued.saturating_add(lifetime),
            secret_access_key: generate::secret_access_key(&*self.entropy)?,
        };
        let access_key_id = generate::temporary_access_key_id(&*self.entropy)?;
        let token_key = self.store.keys.get(&KeyName::Token)?;
        let session_token = claims.seal(&access_key_id, &token_key, &*self.entropy)?;
        let act = Act { service: "sts", operation: "GetSessionToken" };
        let audit_event = self.audit_event(act, account, Some(&access_key_id))?;
        self.store.metadata.append_event(audit_event).await?;
        Ok(SessionCredentials {
            account,
            access_key_id,
            secret_access_key: claims.secret_access_key,
            session_token,
            expires: claims.expires,
        })
    }

    /// Ends every session of an account that was issued up to now.
    ///
    /// # Errors
    /// If there is no such account, or the store cannot be changed.
    pub async fn revoke_sessions(&self, name: &AccountName) -> Result<(), IdentityError> {
        for _ in 0..ATTEMPTS_MAX {
            let (revision, mut record) = self.named(name).await?;
            // Time may step backwards, a revocation does not.
            record.sessions_revoked_until = record.sessions_revoked_until.max(self.clock.now());
            let key = keys::account(record.account.id);
            let act = Act { service: "strongroom", operation: "RevokeSessions" };
            let batch = Batch {
                preconditions: vec![Precondition::Revision { key: key.clone(), revision }],
                writes: vec![put(key, record.encode().map_err(damaged("account"))?)],
                event: Some(self.audit_event(act, record.account.id, None)?),
                ..Batch::default()
            };
            match self.store.metadata.commit(batch).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Precondition { .. }) => {}
                Err(error) => return Err(IdentityError::Commit(error)),
            }
        }
        Err(IdentityError::Contended)
    }

    /// The first account, if a start made it; a given key must be its root key.
    async fn first_account(
        &self,
        given: Option<&GivenRootKey>,
    ) -> Result<Option<Account>, IdentityError> {
        let Some(entry) = self.store.metadata.get(keys::FIRST).await? else {
            return Ok(None);
        };
        let first = FirstRecord::decode(&entry.value).map_err(damaged("first account"))?;
        if let Some(given) = given {
            if given.access_key_id != first.root_access_key_id {
                return Err(IdentityError::RootKeyDiffers);
            }
            let key = keys::access_key(&first.root_access_key_id);
            let entry =
                self.store.metadata.get(&key).await?.ok_or(IdentityError::RootKeyDiffers)?;
            let record = AccessKeyRecord::decode(&entry.value).map_err(damaged("access key"))?;
            let secret = self.open_access_key(&first.root_access_key_id, &record)?;
            if !secret.ct_eq(&given.secret_access_key) {
                return Err(IdentityError::RootKeyDiffers);
            }
        }
        let (_, record) = self.by_id(first.account).await?;
        Ok(Some(record.account))
    }

    async fn make_account(&self, making: Making<'_>) -> Result<NewAccount, IdentityError> {
        for _ in 0..ATTEMPTS_MAX {
            if self.store.metadata.get(&keys::name(&making.name)).await?.is_some() {
                return Err(IdentityError::NameTaken(making.name));
            }
            let id = generate::account_id(&*self.entropy)?;
            if self.store.metadata.get(&keys::account(id)).await?.is_some() {
                continue;
            }
            // The key is durable before anything that is sealed under it. Where the batch is lost
            // the key stays behind, unused: destroying it could meet a winner of the same number.
            self.store.keys.create(KeyName::Account(id)).await?;
            let (new, batch) = self.prepare_account(id, &making)?;
            match self.store.metadata.commit(batch).await {
                Ok(_) => return Ok(new),
                Err(CommitError::Precondition { index: ACCESS_KEY_ABSENT })
                    if making.given.is_some() =>
                {
                    return Err(IdentityError::AccessKeyTaken);
                }
                Err(CommitError::Precondition { index: NAME_ABSENT | FIRST_ABSENT }) => {
                    return Err(IdentityError::NameTaken(making.name));
                }
                // A random number or id was in use: draw again.
                Err(CommitError::Precondition { .. }) => {}
                Err(error) => return Err(IdentityError::Commit(error)),
            }
        }
        Err(IdentityError::Contended)
    }

    fn prepare_account(
        &self,
        id: AccountId,
        making: &Making<'_>,
    ) -> Result<(NewAccount, Batch), IdentityError> {
        let root_key = match making.given {
            Some(given) => NewAccessKey {
                access_key_id: given.access_key_id.clone(),
                secret_access_key: given.secret_access_key.duplicate(),
            },
            None => NewAccessKey {
                access_key_id: generate::long_term_access_key_id(&*self.entropy)?,
                secret_access_key: generate::secret_access_key(&*self.entropy)?,
            },
        };
        let account = Account {
            id,
            name: making.name.clone(),
            canonical_user_id: generate::canonical_user_id(&*self.entropy)?,
            created: self.clock.now(),
            root_access_key_ids: vec![root_key.access_key_id.clone()],
        };
        let facts = AccessKeyFacts {
            status: AccessKeyStatus::Active,
            bearer: Bearer::Root,
            account: id,
            canonical_user_id: account.canonical_user_id,
            created: account.created,
        };
        let access_key = self.seal_access_key(facts, &root_key)?;
        let record =
            AccountRecord { account: account.clone(), sessions_revoked_until: Timestamp::EPOCH };
        let mut records = vec![
            (keys::account(id), record.encode().map_err(damaged("account"))?),
            (keys::name(&account.name), encode_name(id)),
            (
                keys::access_key(&root_key.access_key_id),
                access_key.encode().map_err(damaged("access key"))?,
            ),
        ];
        if let Place::First = making.place {
            let root_access_key_id = root_key.access_key_id.clone();
            let first = FirstRecord { account: id, root_access_key_id };
            let value = first.encode().map_err(damaged("first account"))?;
            records.push((Bytes::from_static(keys::FIRST), value));
        }
        // INVARIANT: one precondition for each record, in the order of the `*_ABSENT` constants.
        let batch = Batch {
            preconditions: records
                .iter()
                .map(|(key, _)| Precondition::Absent { key: key.clone() })
                .collect(),
            writes: records.into_iter().map(|(key, value)| put(key, value)).collect(),
            event: Some(self.audit_event(CREATE_ACCOUNT, id, Some(&root_key.access_key_id))?),
            ..Batch::default()
        };
        Ok((NewAccount { account, root_key }, batch))
    }

    pub(crate) fn seal_access_key(
        &self,
        facts: AccessKeyFacts,
        access_key: &NewAccessKey,
    ) -> Result<AccessKeyRecord, IdentityError> {
        let key = self.store.keys.get(&KeyName::Account(facts.account))?;
        let sealed_secret = seal_secret(
            key.danger_expose_secret(),
            &secret_context(
                &access_key.access_key_id,
                &facts.encode().map_err(damaged("access key"))?,
            ),
            access_key.secret_access_key.danger_expose().as_bytes(),
            &*self.entropy,
        )?;
        Ok(AccessKeyRecord { facts, sealed_secret })
    }

    pub(crate) fn open_access_key(
        &self,
        access_key_id: &AccessKeyId,
        record: &AccessKeyRecord,
    ) -> Result<SecretText, IdentityError> {
        let key = self.store.keys.get(&KeyName::Account(record.facts.account))?;
        let facts = record.facts.encode().map_err(damaged("access key"))?;
        let context = secret_context(access_key_id, &facts);
        let secret = open_secret(key.danger_expose_secret(), &context, &record.sealed_secret)?;
        let text = std::str::from_utf8(secret.danger_expose())
            .map_err(|_| IdentityError::Damaged { what: "access key" })?;
        Ok(SecretText::new(text.to_owned()))
    }

    async fn named(&self, name: &AccountName) -> Result<(Revision, AccountRecord), IdentityError> {
        let entry = self.store.metadata.get(&keys::name(name)).await?;
        let entry = entry.ok_or_else(|| IdentityError::NoSuchAccount(name.clone()))?;
        self.by_id(decode_name(&entry.value).map_err(damaged("account name"))?).await
    }

    pub(crate) async fn by_id(
        &self,
        id: AccountId,
    ) -> Result<(Revision, AccountRecord), IdentityError> {
        let entry = self.store.metadata.get(&keys::account(id)).await?;
        let entry = entry.ok_or(IdentityError::Damaged { what: "account" })?;
        let record = AccountRecord::decode(id, &entry.value).map_err(damaged("account"))?;
        Ok((entry.revision, record))
    }

    /// The event of something that the operator did. `made` is the access key that it made.
    fn audit_event(
        &self,
        act: Act,
        account: AccountId,
        made: Option<&AccessKeyId>,
    ) -> Result<Bytes, IdentityError> {
        let event = AuditEvent {
            request_id: generate::request_id(&*self.entropy)?,
            time: self.clock.now(),
            service: act.service.to_owned(),
            operation: act.operation.to_owned(),
            principal: PrincipalKind::Operator,
            account: Some(account),
            access_key_id: made.map(|id| id.as_str().to_owned()).unwrap_or_default(),
            auth: AuthKind::Local,
            source_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            tls_version: 0,
            bucket: String::new(),
            object_key: String::new(),
            version_id: String::new(),
            decision: String::new(),
            outcome: Outcome { status: 200, ..Outcome::default() },
        };
        Ok(event.encode())
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("cache", &self.cache).finish_non_exhaustive()
    }
}

/// An account that is to be made.
struct Making<'a> {
    name: AccountName,
    given: Option<&'a GivenRootKey>,
    place: Place,
}

/// Whether an account is the one that a first start makes.
enum Place {
    First,
    Further,
}

/// What an operator did, in AWS's words where AWS has them.
struct Act {
    service: &'static str,
    operation: &'static str,
}

/// SECURITY: a sealed secret opens under its own access key id and beside its own facts only, so
/// that records cannot be exchanged, and an inactive key not be made active, below this crate.
fn secret_context<'a>(access_key_id: &'a AccessKeyId, facts: &'a [u8]) -> [&'a [u8]; 3] {
    [b"secret access key", access_key_id.as_str().as_bytes(), facts]
}

pub(crate) fn put(key: Bytes, value: Vec<u8>) -> Write {
    Write::Put {
        key,
        value: value.into(),
        payload: NewPayload::None,
        protection: Protection::default(),
    }
}

fn damaged(what: &'static str) -> impl Fn(Malformed) -> IdentityError {
    move |Malformed| IdentityError::Damaged { what }
}

const CREATE_ACCOUNT: Act = Act { service: "organizations", operation: "CreateAccount" };
const NAME_ABSENT: usize = 1;
const ACCESS_KEY_ABSENT: usize = 2;
const FIRST_ABSENT: usize = 3;
/// Draws of random ids, or rounds against other writers, before giving up.
const ATTEMPTS_MAX: usize = 64;
/// Access keys whose signing keys are kept: about 1 KiB each.
const CACHED_ACCESS_KEYS_MAX: usize = 4_096;
