//! Who asks, and what is known of the request besides its input.

use std::net::IpAddr;

use strongroom_audit::{AuthKind, PrincipalKind};
use strongroom_types::{AccessKeyId, AccountId, CanonicalUserId, RequestId, Timestamp};

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
}

impl Principal {
    /// The account of the principal, unless anonymous.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Anonymous => None,
            Self::Root { account, .. } => Some(*account),
        }
    }

    /// The kind, for the audit event.
    #[must_use]
    pub fn kind(&self) -> PrincipalKind {
        match self {
            Self::Anonymous => PrincipalKind::Anonymous,
            Self::Root { .. } => PrincipalKind::Root,
        }
    }

    /// The request principal's ARN as denials print it.
    #[must_use]
    pub fn arn_text(&self) -> String {
        match self {
            Self::Anonymous => "anonymous".to_owned(),
            Self::Root { account, .. } => format!("arn:aws:iam::{account}:root"),
        }
    }
}

/// A caller: the principal and how it proved itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who it is.
    pub principal: Principal,
    /// The key that signed; `None` for anonymous.
    pub access_key_id: Option<AccessKeyId>,
    /// How the request was signed.
    pub auth: AuthKind,
}

impl Caller {
    /// The caller of an unsigned request.
    #[must_use]
    pub fn anonymous() -> Self {
        Self { principal: Principal::Anonymous, access_key_id: None, auth: AuthKind::Anonymous }
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
