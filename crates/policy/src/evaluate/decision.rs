//! Decisions, their reasons, and what a caller is told.

use super::sets::{PolicySet, Question};
use crate::principal::RequestPrincipal;

/// The answer to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Decision<'a> {
    /// Yes, and on what grounds.
    Allow(Allowance<'a>),
    /// No, and why.
    Deny(Denial<'a>),
}

/// What an answer rests on that allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance<'a> {
    /// The statement of the principal's own policies; none for the root user, and where the
    /// resource's policy alone decides.
    pub identity: Option<StatementRef<'a>>,
    /// The statement of the resource's policy.
    pub resource: Option<StatementRef<'a>>,
    /// Whether a grant of an ACL was needed: `aclRequired` in the records.
    pub acl_required: bool,
}

/// Why the answer is no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denial<'a> {
    /// The reason.
    pub reason: DenialReason,
    /// The statement that denies; none where one that allows is missing.
    pub statement: Option<StatementRef<'a>>,
}

/// The reasons. Of several, the one is named that comes first in the order of the specification.
///
/// SPEC: access-control, 2.10 (precedence).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DenialReason {
    /// A statement denies.
    ExplicitDeny,
    /// No service control policy allows, at some level.
    ServiceControl,
    /// No resource control policy allows, at some level.
    ResourceControl,
    /// The policy of the endpoint does not allow.
    VpcEndpoint,
    /// RestrictPublicBuckets: the bucket's policy is public and the caller of another account.
    PublicAccessBlock,
    /// The permissions boundary does not allow.
    Boundary,
    /// No session policy allows.
    Session,
    /// No identity policy allows.
    NoIdentityAllow,
    /// Neither the resource's policy nor an ACL allows.
    NoResourceAllow,
    /// Everything allows, but only the owner's account can ever do this.
    OwnerOnly,
}

/// A statement of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatementRef<'a> {
    /// The set that the policy belongs to.
    pub set: PolicySet,
    /// The name under which the policy was given.
    pub policy: &'a str,
    /// Index of the statement, from 0.
    pub index: usize,
    /// Its `Sid`.
    pub sid: Option<&'a str>,
}

/// How close the caller is to the resource, which decides what it is told.
///
/// SPEC: access-control, 2.10.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disclosure {
    /// A stranger: `Access Denied`.
    Stranger,
    /// Of another account in the same organization.
    SameOrganization,
    /// Of the account that owns the resource.
    SameAccount,
}

impl Decision<'_> {
    /// Whether the answer is yes.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow(_))
    }
}

impl<'a> From<Allowance<'a>> for Decision<'a> {
    fn from(allowance: Allowance<'a>) -> Self {
        Self::Allow(allowance)
    }
}

impl<'a> From<Denial<'a>> for Decision<'a> {
    fn from(denial: Denial<'a>) -> Self {
        Self::Deny(denial)
    }
}

impl<'a> Denial<'a> {
    pub(super) fn explicit(statement: StatementRef<'a>) -> Self {
        Self { reason: DenialReason::ExplicitDeny, statement: Some(statement) }
    }

    pub(super) fn implicit(reason: DenialReason) -> Self {
        Self { reason, statement: None }
    }

    /// The error code of S3.
    ///
    /// SPEC: access-control, 1.7 (PutBucketPolicy), 2.3.
    #[must_use]
    pub fn s3_code(&self) -> &'static str {
        match self.reason {
            DenialReason::OwnerOnly => "MethodNotAllowed",
            _ => "AccessDenied",
        }
    }

    /// What the caller is told: the one place where this text is made.
    ///
    /// SPEC: access-control, 2.10.
    #[must_use]
    pub fn message(&self, question: &Question<'_>, disclosure: Disclosure) -> String {
        if self.reason == DenialReason::OwnerOnly {
            return "The specified method is not allowed against this resource.".to_owned();
        }
        let by_endpoint = self.reason == DenialReason::VpcEndpoint
            || self.statement.is_some_and(|statement| statement.set == PolicySet::VpcEndpoint);
        let told = match disclosure {
            Disclosure::Stranger => false,
            Disclosure::SameOrganization => !by_endpoint,
            Disclosure::SameAccount => true,
        };
        if !told || matches!(question.principal, RequestPrincipal::Anonymous) {
            return PLAIN.to_owned();
        }
        let (who, action, resource) =
            (question.principal.shown(), question.action, question.resource);
        let quote = if action.service() == "s3" { "\"" } else { "" };
        let subject = format!(
            "User: {who} is not authorized to perform: {action} on resource: {quote}{resource}{quote}"
        );
        let absent =
            |policy: &str| format!("{subject} because no {policy} allows the {action} action");
        match (self.reason, self.statement) {
            (DenialReason::ExplicitDeny, Some(statement)) => {
                let managed = statement.managed_policy(question).map(|arn| format!(": {arn}"));
                let policy = explicit_phrase(statement.set);
                format!(
                    "{subject} with an explicit deny in {policy}{}",
                    managed.unwrap_or_default()
                )
            }
            // SECURITY: that the bucket is public is nothing that a caller need be told.
            (DenialReason::PublicAccessBlock, _) => {
                format!(
                    "{subject} with an explicit deny in {}",
                    explicit_phrase(PolicySet::Resource)
                )
            }
            (DenialReason::ServiceControl, _) => absent("service control policy"),
            (DenialReason::ResourceControl, _) => absent("resource control policy"),
            (DenialReason::VpcEndpoint, _) => absent("VPC endpoint policy"),
            (DenialReason::Boundary, _) => absent("permissions boundary"),
            (DenialReason::Session, _) => absent("session policy"),
            (DenialReason::NoIdentityAllow, _) => absent("identity-based policy"),
            (DenialReason::NoResourceAllow, _) => absent("resource-based policy"),
            (DenialReason::ExplicitDeny | DenialReason::OwnerOnly, _) => PLAIN.to_owned(),
        }
    }
}

impl DenialReason {
    /// One word from a closed list.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ExplicitDeny => "explicit-deny",
            Self::ServiceControl => "scp",
            Self::ResourceControl => "rcp",
            Self::VpcEndpoint => "endpoint",
            Self::PublicAccessBlock => "public-access-block",
            Self::Boundary => "boundary",
            Self::Session => "session",
            Self::NoIdentityAllow => "no-identity-allow",
            Self::NoResourceAllow => "no-resource-allow",
            Self::OwnerOnly => "owner-only",
        }
    }
}

impl StatementRef<'_> {
    /// The ARN of a managed policy of the caller's own account, which may be told to it.
    fn managed_policy(&self, question: &Question<'_>) -> Option<&str> {
        let account = question.principal.account()?.id;
        let own = format!("arn:aws:iam::{account}:policy/");
        self.policy.starts_with(&own).then_some(self.policy)
    }
}

fn explicit_phrase(set: PolicySet) -> &'static str {
    match set {
        PolicySet::ResourceControl => "a resource control policy",
        PolicySet::ServiceControl => "a service control policy",
        PolicySet::VpcEndpoint => "a VPC endpoint policy",
        PolicySet::AccessPoint | PolicySet::Resource => "a resource-based policy",
        PolicySet::Identity => "an identity-based policy",
        PolicySet::Boundary => "a permissions boundary",
        PolicySet::Session => "a session policy",
    }
}

const PLAIN: &str = "Access Denied";
