//! Credentials for the request pipeline.

use std::sync::Arc;

use bytes::Bytes;
use strongroom_access::{
    Credential, CredentialDirectory, CredentialError, CredentialV2, Entity, EntityKind, HeldPolicy,
    Principal, SessionFacts, SessionOrigin, SigningScope,
};
use strongroom_crypto::SecretText;
use strongroom_policy::PolicyKind;
use strongroom_sigv4::{SignatureV2, SigningKey, StringToSignV2};
use strongroom_store::{Batch, BoxFuture, Entry, KeyName, Precondition, Revision};
use strongroom_types::{AccessKeyId, AccountId, Arn, CanonicalUserId, Timestamp};

use crate::cache::{Hit, KnownAccessKey, KnownSession};
use crate::codec::Malformed;
use crate::iam::error::IamError;
use crate::iam::records::{Kind, LastUsed, Record};
use crate::identity::put;
use crate::records::{AccessKeyRecord, AccessKeyStatus, AccountRecord, Bearer};
use crate::session::{SessionBearer, SessionClaims, TokenError};
use crate::standing::parsed;
use crate::{Identity, IdentityError, keys};

impl CredentialDirectory for Identity {
    fn credential<'a>(
        &'a self,
        access_key_id: &'a AccessKeyId,
        session_token: Option<&'a str>,
        scope: SigningScope<'a>,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Credential, CredentialError>> {
        Box::pin(self.find_credential(access_key_id, session_token, scope, now))
    }

    fn signature_v2<'a>(
        &'a self,
        access_key_id: &'a AccessKeyId,
        session_token: Option<&'a str>,
        to_sign: &'a StringToSignV2,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<CredentialV2, CredentialError>> {
        Box::pin(self.sign_v2(access_key_id, session_token, to_sign, now))
    }

    fn used<'a>(
        &'a self,
        access_key_id: &'a AccessKeyId,
        scope: SigningScope<'a>,
        now: Timestamp,
    ) -> BoxFuture<'a, ()> {
        if access_key_id.is_temporary() || !self.cache.is_use_due(access_key_id, now) {
            return Box::pin(std::future::ready(()));
        }
        Box::pin(self.note_use(access_key_id, scope, now))
    }
}

impl Identity {
    async fn find_credential(
        &self,
        access_key_id: &AccessKeyId,
        session_token: Option<&str>,
        scope: SigningScope<'_>,
        now: Timestamp,
    ) -> Result<Credential, CredentialError> {
        let hit = self.cache.find(access_key_id, session_token, scope);
        match (access_key_id.is_temporary(), session_token) {
            (false, None) => self.long_term(access_key_id, hit, scope).await,
            (true, Some(token)) => self.session(access_key_id, token, hit, scope, now).await,
            // SPEC: access-control, 5.3: a temporary key without its token is an unknown key.
            (true, None) => Err(CredentialError::UnknownAccessKey),
            (false, Some(_)) => Err(CredentialError::InvalidToken),
        }
    }

    async fn sign_v2(
        &self,
        access_key_id: &AccessKeyId,
        session_token: Option<&str>,
        to_sign: &StringToSignV2,
        now: Timestamp,
    ) -> Result<CredentialV2, CredentialError> {
        let (known, secret) = match (access_key_id.is_temporary(), session_token) {
            (false, None) => self.open_long_term(access_key_id).await?,
            (true, Some(token)) => self.open_session(access_key_id, token, now).await?,
            (true, None) => return Err(CredentialError::UnknownAccessKey),
            (false, Some(_)) => return Err(CredentialError::InvalidToken),
        };
        let signature = SignatureV2::sign(&secret, to_sign);
        let session = known.facts();
        Ok(CredentialV2 { signature, principal: known.principal, session })
    }

    /// Reads the records of the key and its user; everything else is new only when they are.
    async fn long_term(
        &self,
        access_key_id: &AccessKeyId,
        hit: Option<Hit>,
        scope: SigningScope<'_>,
    ) -> Result<Credential, CredentialError> {
        if let Some(hit) = hit
            && self.are_unchanged(&hit.records).await?
        {
            return Ok(hit.into_credential());
        }
        let (known, secret) = self.open_long_term(access_key_id).await?;
        Ok(self.derive(access_key_id, known, scope, &secret))
    }

    /// What the record of a long-term key says, and its secret.
    async fn open_long_term(
        &self,
        access_key_id: &AccessKeyId,
    ) -> Result<(KnownAccessKey, SecretText), CredentialError> {
        let key = keys::access_key(access_key_id);
        let entry = self.read(&key).await?.ok_or(CredentialError::UnknownAccessKey)?;
        let record = AccessKeyRecord::decode(&entry.value).map_err(damaged)?;
        match record.facts.status {
            AccessKeyStatus::Active => {}
            AccessKeyStatus::Inactive => return Err(CredentialError::UnknownAccessKey),
        }
        let secret = self.open_access_key(access_key_id, &record).map_err(unavailable)?;
        let mut records = vec![(key, entry.revision)];
        let owner = Owner {
            account: record.facts.account,
            canonical_user_id: record.facts.canonical_user_id,
        };
        let principal = match &record.facts.bearer {
            Bearer::Root => owner.root(),
            Bearer::User(id) => {
                let user = self.entity(&owner, Kind::User, id, &mut records).await?;
                // The user is gone, and its keys with it.
                owner.user(&user.ok_or(CredentialError::UnknownAccessKey)?)?
            }
        };
        let known = KnownAccessKey { records: records.into(), principal, session: None };
        Ok((known, secret))
    }

    /// The record of a user or role, noted as one that the answer depends on.
    async fn entity(
        &self,
        owner: &Owner,
        kind: Kind,
        id: &str,
        records: &mut Vec<(Bytes, Revision)>,
    ) -> Result<Option<Record>, CredentialError> {
        let found = self.record(owner.account, kind, id).await.map_err(unavailable)?;
        Ok(found.map(|(record, revision)| {
            records.push((keys::record(owner.account, kind, id), revision));
            record
        }))
    }

    /// Whether records are still those that an answer was made from.
    async fn are_unchanged(&self, records: &[(Bytes, Revision)]) -> Result<bool, CredentialError> {
        for (key, revision) in records {
            let entry = self.read(key).await?;
            if entry.is_none_or(|entry| entry.revision != *revision) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads the records of the account, which says what was revoked, and of the user or role.
    async fn session(
        &self,
        access_key_id: &AccessKeyId,
        token: &str,
        hit: Option<Hit>,
        scope: SigningScope<'_>,
        now: Timestamp,
    ) -> Result<Credential, CredentialError> {
        if let Some(hit) = hit
            && let Some(credential) = self.session_again(hit, now).await?
        {
            return Ok(credential);
        }
        let (known, secret) = self.open_session(access_key_id, token, now).await?;
        Ok(self.derive(access_key_id, known, scope, &secret))
    }

    /// What a session token says, if it is not over or revoked, and its secret.
    async fn open_session(
        &self,
        access_key_id: &AccessKeyId,
        token: &str,
        now: Timestamp,
    ) -> Result<(KnownAccessKey, SecretText), CredentialError> {
        let claims = self.open_token(access_key_id, token)?;
        if now >= claims.expires {
            return Err(CredentialError::ExpiredToken);
        }
        let key = keys::account(claims.account);
        // The account is gone, and its sessions with it.
        let entry = self.read(&key).await?.ok_or(CredentialError::ExpiredToken)?;
        let record = AccountRecord::decode(claims.account, &entry.value).map_err(damaged)?;
        if claims.issued <= record.sessions_revoked_until {
            return Err(CredentialError::ExpiredToken);
        }
        let mut records = vec![(key, entry.revision)];
        let canonical_user_id = record.account.canonical_user_id;
        let owner = Owner { account: claims.account, canonical_user_id };
        let principal = self.bearer(&owner, &claims.bearer, &mut records).await?;
        let policies = self.session_policies(&owner, &claims, &mut records).await?;
        let given = claims.given;
        let facts = SessionFacts {
            issued: claims.issued,
            mfa: None,
            source_identity: Some(given.source_identity).filter(|text| !text.is_empty()),
            federated_provider: None,
            tags: given.tags,
            policies,
            origin: match claims.bearer {
                SessionBearer::Operator => SessionOrigin::Operator,
                SessionBearer::Root | SessionBearer::User { .. } => SessionOrigin::SessionToken,
                SessionBearer::Role { .. } => SessionOrigin::AssumedRole,
                SessionBearer::Federated { .. } => SessionOrigin::FederationToken,
            },
        };
        let known = KnownAccessKey {
            records: records.into(),
            principal,
            session: Some(KnownSession {
                expires: claims.expires,
                facts: Arc::new(facts),
                token: SecretText::new(token.to_owned()),
            }),
        };
        Ok((known, claims.secret_access_key))
    }

    /// What limits a session: at most what one of its policies allows. A federated user who was
    /// given none may do nothing by them.
    async fn session_policies(
        &self,
        owner: &Owner,
        claims: &SessionClaims,
        records: &mut Vec<(Bytes, Revision)>,
    ) -> Result<Option<Vec<HeldPolicy>>, CredentialError> {
        let given = &claims.given;
        let mut policies = Vec::new();
        if !given.policy.is_empty() {
            let policy = parsed(PolicyKind::Session, &given.policy).map_err(unavailable)?;
            policies.push(HeldPolicy::new("session policy", "r0", policy));
        }
        if !given.policy_arns.is_empty() {
            // A change of any identity may be one of these policies.
            let (_, epoch) = self.ledger(owner.account).await.map_err(unavailable)?;
            records.extend(epoch.map(|epoch| (keys::ledger(owner.account), epoch)));
        }
        for arn in &given.policy_arns {
            match self.managed(owner.account, arn).await {
                Ok(managed) => {
                    let held = self.held(owner.account, &managed, PolicyKind::Session).await;
                    policies.push(held.map_err(unavailable)?);
                }
                // It is gone, and what it allowed.
                Err(IamError::NoSuchEntity(_)) => {}
                Err(error) => return Err(unavailable(error)),
            }
        }
        let is_limited = !given.policy.is_empty() || !given.policy_arns.is_empty();
        let is_federated = matches!(claims.bearer, SessionBearer::Federated { .. });
        Ok((is_limited || is_federated).then_some(policies))
    }

    /// Whom a session speaks for. With a user or role its sessions are over.
    async fn bearer(
        &self,
        owner: &Owner,
        bearer: &SessionBearer,
        records: &mut Vec<(Bytes, Revision)>,
    ) -> Result<Principal, CredentialError> {
        let gone = || CredentialError::ExpiredToken;
        match bearer {
            SessionBearer::Operator | SessionBearer::Root => Ok(owner.root()),
            SessionBearer::User { user_id } => {
                let user = self.entity(owner, Kind::User, user_id, records).await?;
                owner.user(&user.ok_or_else(gone)?)
            }
            SessionBearer::Role { role_id, session_name } => {
                let role = self.entity(owner, Kind::Role, role_id, records).await?;
                owner.role_session(&role.ok_or_else(gone)?, session_name)
            }
            SessionBearer::Federated { name, maker_id } if maker_id.is_empty() => {
                owner.federated(name, None)
            }
            SessionBearer::Federated { name, maker_id } => {
                let user = self.entity(owner, Kind::User, maker_id, records).await?;
                owner.federated(name, Some(&user.ok_or_else(gone)?))
            }
        }
    }

    /// The cached answer, if the records are still those that it was made from.
    async fn session_again(
        &self,
        hit: Hit,
        now: Timestamp,
    ) -> Result<Option<Credential>, CredentialError> {
        if hit.expires.is_none_or(|expires| now >= expires) {
            return Err(CredentialError::ExpiredToken);
        }
        let same = self.are_unchanged(&hit.records).await?;
        Ok(same.then(|| hit.into_credential()))
    }

    fn open_token(
        &self,
        access_key_id: &AccessKeyId,
        token: &str,
    ) -> Result<SessionClaims, CredentialError> {
        let token_key = self.store.keys.get(&KeyName::Token).map_err(unavailable)?;
        SessionClaims::open(token, access_key_id, &token_key).map_err(|error| match error {
            TokenError::Invalid => CredentialError::InvalidToken,
            TokenError::Unavailable => unavailable(strongroom_crypto::SealError::Unavailable),
        })
    }

    fn derive(
        &self,
        access_key_id: &AccessKeyId,
        known: KnownAccessKey,
        scope: SigningScope<'_>,
        secret: &SecretText,
    ) -> Credential {
        let signing_key = SigningKey::derive(secret, scope.date, scope.region, scope.service);
        let credential = Credential {
            signing_key: signing_key.duplicate(),
            principal: known.principal.clone(),
            expires: known.session.as_ref().map(|session| session.expires),
            session: known.facts(),
        };
        self.cache.insert(access_key_id, known, scope, signing_key);
        credential
    }

    /// Writes down when a key was last used. What fails here is tried again with a later use.
    async fn note_use(&self, access_key_id: &AccessKeyId, scope: SigningScope<'_>, now: Timestamp) {
        let (region, service) = (scope.region.to_owned(), scope.service.to_owned());
        let Ok(value) = (LastUsed { time: now, region, service }).encode() else { return };
        let batch = Batch {
            preconditions: vec![Precondition::Present { key: keys::access_key(access_key_id) }],
            writes: vec![put(keys::last_used(access_key_id), value)],
            ..Batch::default()
        };
        let _ = self.store.metadata.commit(batch).await;
    }

    async fn read(&self, key: &[u8]) -> Result<Option<Entry>, CredentialError> {
        self.store.metadata.get(key).await.map_err(unavailable)
    }
}

/// The account of a principal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    pub(crate) account: AccountId,
    pub(crate) canonical_user_id: CanonicalUserId,
}

/// Principals of the account. SPEC: access-control, 0.2.
impl Owner {
    fn root(&self) -> Principal {
        let Self { account, canonical_user_id } = *self;
        Principal::Root { account, canonical_user_id }
    }

    fn user(&self, user: &Record) -> Result<Principal, CredentialError> {
        let kind = EntityKind::User { user_id: user.id.clone(), name: user.name.clone() };
        self.entity(&user.arn(self.account), kind)
    }

    fn role_session(&self, role: &Record, session: &str) -> Result<Principal, CredentialError> {
        let arn = format!("arn:aws:sts::{}:assumed-role/{}/{session}", self.account, role.name);
        let kind = EntityKind::RoleSession {
            role_id: role.id.clone(),
            role_arn: arn_of(&role.arn(self.account))?,
            session_name: session.to_owned(),
        };
        self.entity(&arn, kind)
    }

    fn federated(&self, name: &str, maker: Option<&Record>) -> Result<Principal, CredentialError> {
        let arn = format!("arn:aws:sts::{}:federated-user/{name}", self.account);
        let maker = match maker {
            Some(user) => Some((user.id.clone(), arn_of(&user.arn(self.account))?)),
            None => None,
        };
        self.entity(&arn, EntityKind::FederatedUser { name: name.to_owned(), maker })
    }

    fn entity(&self, arn: &str, kind: EntityKind) -> Result<Principal, CredentialError> {
        let Self { account, canonical_user_id } = *self;
        let arn = arn_of(arn)?;
        Ok(Principal::Entity(Arc::new(Entity { account, canonical_user_id, arn, kind })))
    }
}

fn arn_of(text: &str) -> Result<Arn, CredentialError> {
    text.parse().map_err(|_| damaged(Malformed))
}

impl Hit {
    fn into_credential(self) -> Credential {
        Credential {
            signing_key: self.signing_key,
            principal: self.principal,
            expires: self.expires,
            session: self.session,
        }
    }
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> CredentialError {
    CredentialError::Unavailable(Box::new(error))
}

fn damaged(Malformed: Malformed) -> CredentialError {
    unavailable(IdentityError::Damaged { what: "credential" })
}
