//! Who asks, and whom a policy names.

use std::fmt;
use std::str::FromStr;

use strongroom_types::{AccountId, Arn, CanonicalUserId};

/// An account, by both of its ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// The 12 digits.
    pub id: AccountId,
    /// The id of ACLs and of `CanonicalUser` principals.
    pub canonical: CanonicalUserId,
}

/// Who makes a request.
///
/// SPEC: access-control, 0.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestPrincipal {
    /// Nobody who could be named: the request is not signed.
    Anonymous,
    /// The root user of an account.
    Root(Account),
    /// An IAM user; its GetSessionToken credentials speak for it too.
    User {
        /// The account of the user.
        account: Account,
        /// `arn:aws:iam::ACCT:user/PATH/NAME`.
        arn: Arn,
        /// `AIDA...`; empty if unknown, which matches no principal by id.
        unique_id: Box<str>,
    },
    /// A session of a role.
    RoleSession {
        /// The account of the role.
        account: Account,
        /// `arn:aws:sts::ACCT:assumed-role/ROLE/SESSION`.
        session_arn: Arn,
        /// `arn:aws:iam::ACCT:role/PATH/ROLE`.
        role_arn: Arn,
        /// `AROA...`; empty if unknown.
        role_id: Box<str>,
    },
    /// A session of GetFederationToken.
    FederatedUser {
        /// The account of the user who asked for it.
        account: Account,
        /// `arn:aws:sts::ACCT:federated-user/NAME`.
        arn: Arn,
        /// The user who asked for it; absent if that was the root user.
        user_arn: Option<Arn>,
        /// `AIDA...` of that user; empty if unknown.
        user_id: Box<str>,
    },
    /// A service that acts for itself: `logging.s3.amazonaws.com`.
    Service(Box<str>),
    /// Somebody whom an identity provider vouches for, before a role is assumed: the ARN of the
    /// provider or its well-known host name.
    Provider(Box<str>),
}

impl RequestPrincipal {
    /// The account of the caller, if it has one.
    #[must_use]
    pub fn account(&self) -> Option<&Account> {
        match self {
            Self::Root(account)
            | Self::User { account, .. }
            | Self::RoleSession { account, .. }
            | Self::FederatedUser { account, .. } => Some(account),
            Self::Anonymous | Self::Service(_) | Self::Provider(_) => None,
        }
    }

    /// The name in messages: `User: NAME is not authorized ...`.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Anonymous => "anonymous".to_owned(),
            Self::Root(account) => Arn::root(account.id).as_str().to_owned(),
            Self::User { arn, .. } | Self::FederatedUser { arn, .. } => arn.as_str().to_owned(),
            Self::RoleSession { session_arn, .. } => session_arn.as_str().to_owned(),
            Self::Service(name) | Self::Provider(name) => name.to_string(),
        }
    }
}

/// An entry of `Principal` or `NotPrincipal`.
///
/// SPEC: access-control, 1.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyPrincipal {
    /// `"*"` or `{"AWS": "*"}`.
    Everyone,
    /// An account, as 12 digits or as its root ARN.
    Account(AccountId),
    /// A user, a role, a session of a role, a federated user: by ARN, letter by letter.
    Arn(Arn),
    /// A user or role by its unique id: how saved policies name it, so that another one of the same
    /// name is not meant.
    UniqueId(Box<str>),
    /// An account by its canonical id; S3 only.
    CanonicalUser(Box<str>),
    /// A service.
    Service(Box<str>),
    /// An identity provider.
    Federated(Box<str>),
}

/// How an `Allow` named the caller, which decides what still limits it.
///
/// SPEC: access-control, 2.11 (`principal_ok`); 2.2, step 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PrincipalMatch {
    /// By its account: the account's administrators decide.
    Account,
    /// By the role whose session it is.
    RoleOfSession,
    /// By the user for whom it is a federated session.
    UserOfFederated,
    /// By itself: user, session, service.
    Direct,
    /// As everybody is.
    Anyone,
}

impl PolicyPrincipal {
    /// Reads an entry of the key `kind` (`AWS`, `Service`, ...); `None` if it names nobody.
    pub(crate) fn parse(kind: &str, text: &str) -> Option<Self> {
        match kind {
            "AWS" => Self::parse_aws(text),
            "CanonicalUser" => is_canonical_id(text).then(|| Self::CanonicalUser(text.into())),
            "Service" => is_host_name(text).then(|| Self::Service(text.into())),
            "Federated" => is_provider(text).then(|| Self::Federated(text.into())),
            _ => None,
        }
    }

    fn parse_aws(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Everyone);
        }
        if let Ok(account) = text.parse() {
            return Some(Self::Account(account));
        }
        if is_unique_id(text) {
            return Some(Self::UniqueId(text.into()));
        }
        // No partial wildcards, and no variables: a principal is written out.
        if text.contains(['*', '?', '$', ' ']) {
            return None;
        }
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let &["arn", partition, service, "", account, resource] = parts.as_slice() else {
            return None;
        };
        let account: AccountId = account.parse().ok()?;
        let known = ["aws", "aws-cn", "aws-us-gov", "aws-eusc"].contains(&partition);
        if !known || resource.contains(':') {
            return None;
        }
        if (service, resource) == ("iam", "root") {
            return Some(Self::Account(account));
        }
        let (kind, name) = resource.split_once('/')?;
        let named = match (service, kind) {
            ("iam", "user" | "role") => !name.ends_with('/') && !name.is_empty(),
            ("sts", "assumed-role") => {
                name.split('/').count() == 2 && name.split('/').all(|part| !part.is_empty())
            }
            ("sts", "federated-user") => !name.is_empty() && !name.contains('/'),
            // Groups and instance profiles are no principals.
            _ => false,
        };
        named.then(|| Arn::from_str(text).ok()).flatten().map(Self::Arn)
    }

    /// How this entry names the caller; `None` if it does not.
    pub(crate) fn matches(&self, caller: &RequestPrincipal) -> Option<PrincipalMatch> {
        use PrincipalMatch::{Account, Anyone, Direct, RoleOfSession, UserOfFederated};
        let when = |found: bool, how: PrincipalMatch| found.then_some(how);
        match self {
            Self::Everyone => Some(Anyone),
            Self::Account(id) => when(caller.account().is_some_and(|own| own.id == *id), Account),
            Self::CanonicalUser(id) => {
                let same = |own: &super::principal::Account| *own.canonical.to_string() == **id;
                when(caller.account().is_some_and(same), Account)
            }
            Self::Arn(named) => match caller {
                RequestPrincipal::User { arn, .. } => when(named == arn, Direct),
                RequestPrincipal::RoleSession { session_arn, role_arn, .. } => {
                    when(named == session_arn, Direct).or(when(named == role_arn, RoleOfSession))
                }
                RequestPrincipal::FederatedUser { arn, user_arn, .. } => when(named == arn, Direct)
                    .or(when(user_arn.as_ref() == Some(named), UserOfFederated)),
                RequestPrincipal::Anonymous
                | RequestPrincipal::Root(_)
                | RequestPrincipal::Service(_)
                | RequestPrincipal::Provider(_) => None,
            },
            Self::UniqueId(named) => match caller {
                RequestPrincipal::User { unique_id, .. } => when(named == unique_id, Direct),
                RequestPrincipal::RoleSession { role_id, .. } => {
                    when(named == role_id, RoleOfSession)
                }
                RequestPrincipal::FederatedUser { user_id, .. } => {
                    when(named == user_id, UserOfFederated)
                }
                RequestPrincipal::Anonymous
                | RequestPrincipal::Root(_)
                | RequestPrincipal::Service(_)
                | RequestPrincipal::Provider(_) => None,
            },
            Self::Service(named) => match caller {
                RequestPrincipal::Service(name) => when(named == name, Direct),
                _ => None,
            },
            Self::Federated(named) => match caller {
                RequestPrincipal::Provider(name) => when(named == name, Direct),
                _ => None,
            },
        }
    }
}

impl fmt::Display for PolicyPrincipal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => f.write_str("*"),
            Self::Account(id) => write!(f, "arn:aws:iam::{id}:root"),
            Self::Arn(arn) => f.write_str(arn.as_str()),
            Self::UniqueId(text)
            | Self::CanonicalUser(text)
            | Self::Service(text)
            | Self::Federated(text) => f.write_str(text),
        }
    }
}

/// Whether a `NotPrincipal` with these entries leaves the caller out of its Deny.
///
/// To be left out, a caller must be listed with all that it is: a user with its account, a session
/// with its role and its account. One with a permissions boundary never is.
///
/// SPEC: access-control, 1.2.
pub(crate) fn is_excepted(
    entries: &[PolicyPrincipal],
    caller: &RequestPrincipal,
    has_boundary: bool,
) -> bool {
    if has_boundary {
        return false;
    }
    let listed = |how| entries.iter().any(|entry| entry.matches(caller) == Some(how));
    if listed(PrincipalMatch::Anyone) {
        return true;
    }
    match caller {
        RequestPrincipal::Anonymous => false,
        RequestPrincipal::Root(_) => listed(PrincipalMatch::Account),
        RequestPrincipal::User { .. } | RequestPrincipal::FederatedUser { .. } => {
            listed(PrincipalMatch::Direct) && listed(PrincipalMatch::Account)
        }
        RequestPrincipal::RoleSession { .. } => {
            listed(PrincipalMatch::Direct)
                && listed(PrincipalMatch::RoleOfSession)
                && listed(PrincipalMatch::Account)
        }
        RequestPrincipal::Service(_) | RequestPrincipal::Provider(_) => {
            listed(PrincipalMatch::Direct)
        }
    }
}

/// `AIDA...` or `AROA...`: what is shown of a principal that was deleted.
fn is_unique_id(text: &str) -> bool {
    let prefixed = text.starts_with("AIDA") || text.starts_with("AROA");
    let fits = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    prefixed && (16..=128).contains(&text.len()) && text.bytes().all(fits)
}

fn is_canonical_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_host_name(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-');
    text.contains('.') && text.bytes().all(fits)
}

/// The ARN of an identity provider, or a host name.
fn is_provider(text: &str) -> bool {
    if is_host_name(text) {
        return true;
    }
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let &["arn", _, "iam", "", account, resource] = parts.as_slice() else {
        return false;
    };
    let of_kind = resource.starts_with("oidc-provider/") || resource.starts_with("saml-provider/");
    account.parse::<AccountId>().is_ok() && of_kind && !resource.contains(['*', '?'])
}
