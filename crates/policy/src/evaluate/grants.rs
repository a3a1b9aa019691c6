//! Who is granted what, once nothing denies and every guard is open.
//!
//! SPEC: access-control, 2.2 steps 4 to 6, 2.3, 2.8; the second half of 2.11.

use super::Results;
use super::decision::{Allowance, Decision, Denial, DenialReason, StatementRef};
use super::scan::SetResult;
use super::sets::{AclMatch, Delegation, ObjectOwner, PolicySets, Question};
use crate::principal::{PrincipalMatch, RequestPrincipal};

/// Weighs what the resource grants against what the principal may.
pub(super) fn decide_grants<'a>(
    question: &Question<'a>,
    sets: &PolicySets<'a>,
    results: &Results<'a>,
) -> Decision<'a> {
    let resource = &sets.resource;
    let grants = ResourceGrants {
        policy: results.resource_grant(resource.is_foreign_object(question.action)),
        acl: resource.acl,
        statement: results.resource.allow.map(|(_, statement)| statement),
    };
    let Some(account) = question.principal.account() else {
        let through_access_point = resource.access_point.is_some();
        let allowance = grants.alone(question.principal, through_access_point);
        let denial = Denial::implicit(DenialReason::NoResourceAllow);
        return allowance.map_or(Decision::Deny(denial), Decision::Allow);
    };
    let principal = PrincipalSide::new(question.principal, results);
    let same_account = resource.owner_of(question.action) == ObjectOwner::Account(account.id);
    let allowance = match same_account {
        true => grants.in_own_account(&principal, resource.delegation),
        false => grants.across_accounts(&principal),
    };
    allowance.map_or_else(|| Decision::Deny(principal.denial()), Decision::Allow)
}

/// What the resource's side says.
struct ResourceGrants<'a> {
    /// How far its policy goes for the caller.
    policy: Option<PrincipalMatch>,
    acl: AclMatch,
    /// The statement of the policy that goes so far.
    statement: Option<StatementRef<'a>>,
}

impl<'a> ResourceGrants<'a> {
    /// For callers without an account, who have no policies of their own: the resource alone decides.
    ///
    /// SPEC: access-control, 2.8; 2.5 step 8 (no anonymous callers through access points).
    fn alone(
        &self,
        principal: &RequestPrincipal,
        through_access_point: bool,
    ) -> Option<Allowance<'a>> {
        match principal {
            RequestPrincipal::Anonymous if through_access_point => None,
            RequestPrincipal::Anonymous if self.policy == Some(PrincipalMatch::Anyone) => {
                Some(self.by_policy())
            }
            RequestPrincipal::Anonymous => self.acl.everyone.then_some(BY_ACL),
            _ if self.policy >= Some(PrincipalMatch::Direct) => Some(self.by_policy()),
            RequestPrincipal::Service(_) => self.acl.log_delivery.then_some(BY_ACL),
            _ => None,
        }
    }

    /// For callers of the account that owns the resource: how the resource's policy names them decides
    /// what still limits them, and what it does not name is for identity policies.
    ///
    /// SPEC: access-control, 2.2 steps 4 to 6.
    fn in_own_account(
        &self,
        principal: &PrincipalSide<'a>,
        delegation: Delegation,
    ) -> Option<Allowance<'a>> {
        let named = match self.policy {
            // Implicit denies of the principal's side do not matter.
            Some(PrincipalMatch::Direct | PrincipalMatch::Anyone) => true,
            Some(PrincipalMatch::RoleOfSession | PrincipalMatch::UserOfFederated) => {
                principal.is_within_limits()
            }
            Some(PrincipalMatch::Account) | None => false,
        };
        if named {
            return Some(self.by_policy());
        }
        let delegated = match delegation {
            Delegation::Optional => true,
            Delegation::Required => self.policy == Some(PrincipalMatch::Account),
        };
        if delegated && principal.allows() {
            return Some(Allowance { identity: principal.statement, ..NOTHING_NEEDED });
        }
        // A grant to the account itself gives its users nothing.
        (self.acl.everyone || self.acl.authenticated).then_some(BY_ACL)
    }

    /// For callers of another account: both sides must allow.
    ///
    /// SPEC: access-control, 2.3.
    fn across_accounts(&self, principal: &PrincipalSide<'a>) -> Option<Allowance<'a>> {
        if !principal.allows() {
            return None;
        }
        let acl = self.acl.account || self.acl.authenticated || self.acl.everyone;
        match self.policy {
            Some(_) => Some(Allowance { identity: principal.statement, ..self.by_policy() }),
            None if acl => Some(Allowance { identity: principal.statement, ..BY_ACL }),
            None => None,
        }
    }

    fn by_policy(&self) -> Allowance<'a> {
        Allowance { resource: self.statement, ..NOTHING_NEEDED }
    }
}

/// What the principal's own side says.
struct PrincipalSide<'a> {
    /// Whether an identity policy allows, or none is needed.
    identity: bool,
    /// Whether the boundary allows, or there is none.
    boundary: bool,
    /// Whether a session policy allows, or none is needed.
    session: bool,
    /// The statement of the identity policies that allows.
    statement: Option<StatementRef<'a>>,
}

impl<'a> PrincipalSide<'a> {
    fn new(principal: &RequestPrincipal, results: &Results<'a>) -> Self {
        let is_root = matches!(principal, RequestPrincipal::Root(_));
        let is_federated = matches!(principal, RequestPrincipal::FederatedUser { .. });
        let allows = |set: &SetResult<'a>| set.allow.is_some();
        Self {
            identity: is_root || allows(&results.identity),
            boundary: results.boundary.as_ref().is_none_or(allows),
            // SPEC: access-control, 2.2 step 5: a federated user has what its session policy gives.
            session: results.session.as_ref().map_or(!is_federated, allows),
            statement: results.identity.allow.map(|(_, statement)| statement),
        }
    }

    fn is_within_limits(&self) -> bool {
        self.boundary && self.session
    }

    fn allows(&self) -> bool {
        self.identity && self.is_within_limits()
    }

    /// The first thing that fails, once something does.
    ///
    /// SPEC: access-control, 2.11, last line.
    fn denial(&self) -> Denial<'a> {
        Denial::implicit(if !self.boundary {
            DenialReason::Boundary
        } else if !self.session {
            DenialReason::Session
        } else if !self.identity {
            DenialReason::NoIdentityAllow
        } else {
            DenialReason::NoResourceAllow
        })
    }
}

const NOTHING_NEEDED: Allowance<'static> =
    Allowance { identity: None, resource: None, acl_required: false };

const BY_ACL: Allowance<'static> = Allowance { acl_required: true, ..NOTHING_NEEDED };
