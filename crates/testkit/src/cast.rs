//! Callers of every kind for tests: they sign with keys of their own, and may what they are given.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use strongroom_access::{
    Credential, CredentialDirectory, CredentialError, CredentialV2, DirectoryError, Entity,
    EntityKind, HeldPolicy, Principal, PrincipalDirectory, SessionFacts, SessionOrigin,
    SigningScope, Standing,
};
use strongroom_crypto::SecretText;
use strongroom_identity::Identity;
use strongroom_policy::{Policy, PolicyKind};
use strongroom_sigv4::{SignatureV2, SigningKey, StringToSignV2};
use strongroom_store::BoxFuture;
use strongroom_types::{AccessKeyId, AccountId, CanonicalUserId, Timestamp};

use crate::{Keys, TestkitError};

/// What a caller of a test is, and what limits it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role<'a> {
    /// A user.
    User,
    /// A user with this permissions boundary.
    Bounded(&'a str),
    /// A session of a role, with this session policy.
    Session(&'a str),
    /// A federated user without a session policy.
    Federated,
}

/// The callers that a test has made, before those that the server knows.
pub struct Cast {
    identity: Arc<Identity>,
    members: Mutex<Vec<Member>>,
}

struct Member {
    access_key_id: AccessKeyId,
    secret: SecretText,
    principal: Principal,
    session: Option<Arc<SessionFacts>>,
    standing: Arc<Standing>,
}

impl Cast {
    pub(crate) fn new(identity: Arc<Identity>) -> Self {
        Self { identity, members: Mutex::default() }
    }

    /// A caller of an account whose identity policy is this one; none if it is empty.
    ///
    /// # Errors
    /// If a policy is none.
    pub fn add(
        &self,
        account: AccountId,
        role: Role<'_>,
        identity_policy: &str,
    ) -> Result<Keys, TestkitError> {
        let mut members = self.members.lock();
        let number = members.len();
        let name = format!("member{number}");
        let kind = match role {
            Role::User | Role::Bounded(_) => {
                EntityKind::User { user_id: format!("AIDA{name}"), name: name.clone() }
            }
            Role::Session(_) => EntityKind::RoleSession {
                role_id: format!("AROA{name}"),
                role_arn: arn(&format!("arn:aws:iam::{account}:role/{name}"))?,
                session_name: "session".to_owned(),
            },
            Role::Federated => EntityKind::FederatedUser { name: name.clone(), maker: None },
        };
        let text = match role {
            Role::User | Role::Bounded(_) => format!("arn:aws:iam::{account}:user/{name}"),
            Role::Session(_) => format!("arn:aws:sts::{account}:assumed-role/{name}/session"),
            Role::Federated => format!("arn:aws:sts::{account}:federated-user/{name}"),
        };
        let entity = Entity {
            account,
            canonical_user_id: CanonicalUserId::from_bytes([7; 32]),
            arn: arn(&text)?,
            kind,
        };
        let mut standing = Standing::default();
        if !identity_policy.is_empty() {
            let name = format!("user/{name}/given");
            standing.identity_policies.push(held(&name, PolicyKind::Identity, identity_policy)?);
        }
        if let Role::Bounded(policy) = role {
            standing.boundary = Some(held("boundary", PolicyKind::Boundary, policy)?);
        }
        let policies = match role {
            Role::Session(policy) => Some(vec![held("session", PolicyKind::Session, policy)?]),
            Role::User | Role::Bounded(_) | Role::Federated => None,
        };
        let is_temporary = matches!(role, Role::Session(_) | Role::Federated);
        let session = is_temporary.then(|| {
            Arc::new(SessionFacts {
                issued: Timestamp::EPOCH,
                mfa: None,
                source_identity: None,
                federated_provider: None,
                tags: Vec::new(),
                policies,
                origin: match role {
                    Role::Federated => SessionOrigin::FederationToken,
                    Role::User | Role::Bounded(_) | Role::Session(_) => SessionOrigin::AssumedRole,
                },
            })
        });
        let access_key_id = format!("AKIACAST{number:012}");
        let secret = SecretText::new(format!("secret of {name}"));
        members.push(Member {
            access_key_id: access_key_id.parse().map_err(TestkitError::server)?,
            secret: secret.duplicate(),
            principal: Principal::Entity(Arc::new(entity)),
            session,
            standing: Arc::new(standing),
        });
        Ok(Keys { account, access_key_id, secret_access_key: secret, session_token: None })
    }
}

fn arn(text: &str) -> Result<strongroom_types::Arn, TestkitError> {
    text.parse().map_err(TestkitError::server)
}

fn held(name: &str, kind: PolicyKind, text: &str) -> Result<HeldPolicy, TestkitError> {
    let policy = Policy::parse(kind, text.as_bytes()).map_err(TestkitError::server)?;
    Ok(HeldPolicy::new(name, "1", Arc::new(policy)))
}

impl CredentialDirectory for Cast {
    fn credential<'a>(
        &'a self,
        access_key_id: &'a AccessKeyId,
        session_token: Option<&'a str>,
        scope: SigningScope<'a>,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Credential, CredentialError>> {
        let members = self.members.lock();
        let found = members.iter().find(|member| member.access_key_id == *access_key_id);
        let Some(member) = found else {
            return self.identity.credential(access_key_id, session_token, scope, now);
        };
        let SigningScope { date, region, service } = scope;
        let credential = Credential {
            signing_key: SigningKey::derive(&member.secret, date, region, service),
            principal: member.principal.clone(),
            expires: None,
            session: member.session.clone(),
        };
        Box::pin(async { Ok(credential) })
    }

    fn signature_v2<'a>(
        &'a self,
        access_key_id: &'a AccessKeyId,
        session_token: Option<&'a str>,
        to_sign: &'a StringToSignV2,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<CredentialV2, CredentialError>> {
        let members = self.members.lock();
        let found = members.iter().find(|member| member.access_key_id == *access_key_id);
        let Some(member) = found else {
            return self.identity.signature_v2(access_key_id, session_token, to_sign, now);
        };
        let credential = CredentialV2 {
            signature: SignatureV2::sign(&member.secret, to_sign),
            principal: member.principal.clone(),
            session: member.session.clone(),
        };
        Box::pin(async { Ok(credential) })
    }

    fn used<'a>(
        &'a self,
        access_key_id: &'a AccessKeyId,
        scope: SigningScope<'a>,
        now: Timestamp,
    ) -> BoxFuture<'a, ()> {
        let members = self.members.lock();
        match members.iter().any(|member| member.access_key_id == *access_key_id) {
            true => Box::pin(async {}),
            false => self.identity.used(access_key_id, scope, now),
        }
    }
}

impl PrincipalDirectory for Cast {
    fn standing<'a>(
        &'a self,
        principal: &'a Principal,
    ) -> BoxFuture<'a, Result<Arc<Standing>, DirectoryError>> {
        let members = self.members.lock();
        match members.iter().find(|member| member.principal == *principal) {
            Some(member) => {
                let standing = Arc::clone(&member.standing);
                Box::pin(async { Ok(standing) })
            }
            None => self.identity.standing(principal),
        }
    }
}

/// SECURITY: secrets of tests are secrets, too.
impl fmt::Debug for Cast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cast of {}", self.members.lock().len())
    }
}
