//! Credentials for the request pipeline.

use std::sync::Arc;

use strongroom_access::{
    Credential, CredentialDirectory, CredentialError, CredentialV2, DirectoryError, Principal,
    PrincipalDirectory, SessionFacts, SigningScope, Standing,
};
use strongroom_crypto::SecretText;
use strongroom_sigv4::{SignatureV2, SigningKey, StringToSignV2};
use strongroom_store::{BoxFuture, Entry, KeyName};
use strongroom_types::{AccessKeyId, Timestamp};

use crate::cache::{Hit, KnownAccessKey, KnownSession};
use crate::codec::Malformed;
use crate::records::{AccessKeyRecord, AccessKeyStatus, AccountRecord};
use crate::session::{SessionClaims, TokenError};
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
            (false, None) => {
                let entry = self.read(&keys::access_key(access_key_id)).await?;
                let entry = entry.ok_or(CredentialError::UnknownAccessKey)?;
                self.open_long_term(access_key_id, &entry)?
            }
            (true, Some(token)) => self.open_session(access_key_id, token, now).await?,
            (true, None) => return Err(CredentialError::UnknownAccessKey),
            (false, Some(_)) => return Err(CredentialError::InvalidToken),
        };
        let signature = SignatureV2::sign(&secret, to_sign);
        let session = known.facts();
        Ok(CredentialV2 { signature, principal: known.principal, session })
    }

    /// One read of the key's record; everything else is new only when the record is.
    async fn long_term(
        &self,
        access_key_id: &AccessKeyId,
        hit: Option<Hit>,
        scope: SigningScope<'_>,
    ) -> Result<Credential, CredentialError> {
        let entry = self.read(&keys::access_key(access_key_id)).await?;
        let entry = entry.ok_or(CredentialError::UnknownAccessKey)?;
        if let Some(hit) = hit.filter(|hit| hit.revision == entry.revision) {
            return Ok(hit.into_credential());
        }
        let (known, secret) = self.open_long_term(access_key_id, &entry)?;
        Ok(self.derive(access_key_id, known, scope, &secret))
    }

    /// What the record of a long-term key says, and its secret.
    fn open_long_term(
        &self,
        access_key_id: &AccessKeyId,
        entry: &Entry,
    ) -> Result<(KnownAccessKey, SecretText), CredentialError> {
        let record = AccessKeyRecord::decode(&entry.value).map_err(damaged)?;
        match record.facts.status {
            AccessKeyStatus::Active => {}
            AccessKeyStatus::Inactive => return Err(CredentialError::UnknownAccessKey),
        }
        let secret = self.open_access_key(access_key_id, &record).map_err(unavailable)?;
        let known = KnownAccessKey {
            revision: entry.revision,
            principal: Principal::Root {
                account: record.facts.account,
                canonical_user_id: record.facts.canonical_user_id,
            },
            session: None,
        };
        Ok((known, secret))
    }

    /// One read of the account's record, which says what was revoked.
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
        let entry = self.read(&keys::account(claims.account)).await?;
        // The account is gone, and its sessions with it.
        let entry = entry.ok_or(CredentialError::ExpiredToken)?;
        let record = AccountRecord::decode(claims.account, &entry.value).map_err(damaged)?;
        if claims.issued <= record.sessions_revoked_until {
            return Err(CredentialError::ExpiredToken);
        }
        let known = KnownAccessKey {
            revision: entry.revision,
            principal: Principal::Root {
                account: claims.account,
                canonical_user_id: record.account.canonical_user_id,
            },
            session: Some(KnownSession {
                account: claims.account,
                expires: claims.expires,
                facts: Arc::new(SessionFacts {
                    issued: claims.issued,
                    mfa: None,
                    source_identity: None,
                    federated_provider: None,
                    tags: Vec::new(),
                    policies: None,
                }),
                token: SecretText::new(token.to_owned()),
            }),
        };
        Ok((known, claims.secret_access_key))
    }

    /// The cached answer, if the account's record is still the one that it was made from.
    async fn session_again(
        &self,
        hit: Hit,
        now: Timestamp,
    ) -> Result<Option<Credential>, CredentialError> {
        let (Some(account), Some(expires)) = (hit.session_account, hit.expires) else {
            return Ok(None);
        };
        if now >= expires {
            return Err(CredentialError::ExpiredToken);
        }
        let entry = self.read(&keys::account(account)).await?;
        let same = entry.is_some_and(|entry| entry.revision == hit.revision);
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

    async fn read(&self, key: &[u8]) -> Result<Option<Entry>, CredentialError> {
        self.store.metadata.get(key).await.map_err(unavailable)
    }
}

impl PrincipalDirectory for Identity {
    /// There are accounts and their roots only: nothing is known of anybody else, and who is not
    /// known may do nothing.
    fn standing<'a>(
        &'a self,
        _principal: &'a Principal,
    ) -> BoxFuture<'a, Result<Arc<Standing>, DirectoryError>> {
        Box::pin(async { Ok(Arc::default()) })
    }
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
