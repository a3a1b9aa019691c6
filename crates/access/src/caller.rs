//! Who asks, and what is known of the request besides its input.

use std::net::IpAddr;
use std::sync::Arc;

use strongroom_audit::{AuthKind, PrincipalKind};
use strongroom_types::{AccessKeyId, AccountId, Arn, CanonicalUserId, RequestId, Timestamp};

use crate::HeldPolicy;

/// Who a verified request speaks for. Made from verified credentials only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// Nobody: the request was not signed.
    Anonymous,
    /// The root of an account, by its long-term key or a session minted for it.
    Root {
        /// The account.
        account: AccountId,
        /// Its canonical user id, as owner of what it makes.
        canonical_user_id: CanonicalUserId,
    },
    /// Somebody whom the account's policies allow what they may do.
    Entity(Arc<Entity>),
}

/// A user, a session of a role or a federated user.
///
/// SPEC: access-control, 0.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// The account that it belongs to.
    pub account: AccountId,
    /// The canonical user id of that account, as owner of what it makes.
    pub canonical_user_id: CanonicalUserId,
    /// The ARN of the request's principal; that of the session for sessions.
    pub arn: Arn,
    /// What it is.
    pub kind: EntityKind,
}

/// What an entity is, with the unique ids by which its policies are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntityKind {
    /// An IAM user, also by the credentials of GetSessionToken.
    User {
        /// `AIDA...`
        user_id: String,
        /// Its name, without the path.
        name: String,
    },
    /// A session of a role.
    RoleSession {
        /// `AROA...`
        role_id: String,
        /// The ARN of the role, with its path.
        role_arn: Arn,
        /// The name of the session.
        session_name: String,
    },
    /// The bearer of a federation token.
    FederatedUser {
        /// The name that the token was made for.
        name: String,
        /// The user who made it, by unique id and ARN; `None` if the root of the account did.
        maker: Option<(String, Arn)>,
    },
}

impl Principal {
    /// The account of the principal, unless anonymous.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Anonymous => None,
            Self::Root { account, .. } => Some(*account),
            Self::Entity(entity) => Some(entity.account),
        }
    }

    /// Its account with the canonical user id, as owner of what it makes; unless anonymous.
    #[must_use]
    pub fn owner(&self) -> Option<(AccountId, CanonicalUserId)> {
        match self {
            Self::Anonymous => None,
            Self::Root { account, canonical_user_id } => Some((*account, *canonical_user_id)),
            Self::Entity(entity) => Some((entity.account, entity.canonical_user_id)),
        }
    }

    /// The kind, for the audit event.
    #[must_use]
    pub fn kind(&self) -> PrincipalKind {
        match self {
            Self::Anonymous => PrincipalKind::Anonymous,
            Self::Root { .. } => PrincipalKind::Root,
            Self::Entity(entity) => match entity.kind {
                EntityKind::User { .. } => PrincipalKind::User,
                EntityKind::RoleSession { .. } => PrincipalKind::RoleSession,
                EntityKind::FederatedUser { .. } => PrincipalKind::FederatedUser,
            },
        }
    }

    /// The request principal's ARN as denials print it.
    #[must_use]
    pub fn arn_text(&self) -> String {
        match self {
            Self::Anonymous => "anonymous".to_owned(),
            Self::Root { account, .. } => format!("arn:aws:iam::{account}:root"),
            Self::Entity(entity) => entity.arn.to_string(),
        }
    }
}

/// A caller: the principal and how it proved itself.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who it is.
    pub principal: Principal,
    /// The key that signed; `None` for anonymous.
    pub access_key_id: Option<AccessKeyId>,
    /// How the request was signed.
    pub auth: AuthKind,
    /// When it was signed, by the signature; `None` for anonymous and for signatures without a
    /// time.
    pub signed: Option<Timestamp>,
    /// What temporary credentials say of themselves; `None` for long-term keys.
    pub session: Option<Arc<SessionFacts>>,
}

/// What was sealed into temporary credentials when they were issued.
#[derive(Debug, Clone)]
pub struct SessionFacts {
    /// When they were issued: `aws:TokenIssueTime`.
    pub issued: Timestamp,
    /// When a second factor was shown, if one was: `aws:MultiFactorAuthPresent` and `Age`.
    pub mfa: Option<Timestamp>,
    /// `aws:SourceIdentity`, which survives the chaining of roles.
    pub source_identity: Option<String>,
    /// `aws:FederatedProvider`.
    pub federated_provider: Option<String>,
    /// Tags of the session, which come before those of the user or role.
    pub tags: Vec<(String, String)>,
    /// What limits the session, if anything was given: at most what one of these allows.
    pub policies: Option<Vec<HeldPolicy>>,
    /// What they were issued for, which limits what may be asked of IAM and STS with them.
    pub origin: SessionOrigin,
}

/// What temporary credentials were issued for. SPEC: access-control, 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionOrigin {
    /// The operator of this server, on the machine itself.
    Operator,
    /// GetSessionToken: nothing of IAM without a second factor, and of STS only AssumeRole and
    /// GetCallerIdentity.
    SessionToken,
    /// AssumeRole.
    AssumedRole,
    /// GetFederationToken: nothing of IAM, and of STS only GetCallerIdentity.
    FederationToken,
}

impl Caller {
    /// The caller of an unsigned request.
    #[must_use]
    pub fn anonymous() -> Self {
        Self {
            principal: Principal::Anonymous,
            access_key_id: None,
            auth: AuthKind::Anonymous,
            signed: None,
            session: None,
        }
    }
}

/// Facts of a request that no client can forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestFacts {
    /// The id of the request and of its decision.
    pub request_id: RequestId,
    /// When it was received.
    pub received: Timestamp,
    /// The TCP peer, or the client named by a trusted proxy.
    pub source_ip: IpAddr,
    /// TLS version times ten (12, 13); 0 over plain HTTP. `aws:SecureTransport` is its being > 0.
    pub tls_version: u8,
    /// Scheme and authority that the client used, for `Location` answers; e.g. `http://127.0.0.1:9000`.
    pub endpoint: String,
}
