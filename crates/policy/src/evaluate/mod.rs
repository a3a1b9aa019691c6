//! The decision: may this principal perform this action on this resource?
//!
//! One function, [`decide`], reads as the reference algorithm of the specification does: explicit
//! denies, then the guards, then what the resource grants, then what the principal may. It is pure and
//! total: it takes no path on which it could fail, and what it does not know denies.

mod decision;
mod scan;
mod sets;

use crate::principal::{PrincipalMatch, RequestPrincipal};
use crate::trace::{Trace, Unobserved};

use scan::{Scan, SetResult};

pub(crate) use scan::{Observer, Seen};

pub use decision::{Allowance, Decision, Denial, DenialReason, Disclosure, StatementRef};
pub use sets::{
    AccessPointSide, AclMatch, Attached, Delegation, ObjectOwner, PolicySet, PolicySets, Question,
    ResourceSide,
};

/// Answers a question.
///
/// SPEC: access-control, 2.11.
pub fn decide<'a>(question: &Question<'a>, sets: &PolicySets<'a>) -> Decision<'a> {
    decide_observed(question, sets, &mut Unobserved)
}

/// Answers a question and says why: the statements that applied or nearly did.
///
/// The answer is that of [`decide`], by the same code; it only takes longer.
pub fn explain<'a>(question: &Question<'a>, sets: &PolicySets<'a>) -> (Decision<'a>, Trace) {
    let mut trace = Trace::default();
    let decision = decide_observed(question, sets, &mut trace);
    (decision, trace)
}

fn decide_observed<'a, O: Observer>(
    question: &Question<'a>,
    sets: &PolicySets<'a>,
    observer: &mut O,
) -> Decision<'a> {
    let mut scan = Scan::new(question, sets, observer);
    let results = Results::gather(&mut scan, sets);
    if let Some(statement) = results.explicit_deny(question, sets) {
        return Decision::Deny(Denial::explicit(statement));
    }
    if let Some(reason) = results.closed_guard() {
        return Decision::Deny(Denial::implicit(reason));
    }
    if is_cut_off(question, sets) {
        return Decision::Deny(Denial::implicit(DenialReason::PublicAccessBlock));
    }
    let decision = decide_grants(question, sets, &results);
    // SPEC: access-control, 2.3: some operations never work for another account, whoever allows them.
    match decision {
        Decision::Allow(_) if is_owners_alone(question) && !is_of_owner(question, sets) => {
            Decision::Deny(Denial::implicit(DenialReason::OwnerOnly))
        }
        other => other,
    }
}

/// What each policy set says.
struct Results<'a> {
    rcp: LevelsResult<'a>,
    scp: LevelsResult<'a>,
    endpoint: Option<SetResult<'a>>,
    resource: SetResult<'a>,
    access_point: Option<SetResult<'a>>,
    identity: SetResult<'a>,
    boundary: Option<SetResult<'a>>,
    session: Option<SetResult<'a>>,
}

/// What policies say that hang at several levels, each of which must allow.
#[derive(Default)]
struct LevelsResult<'a> {
    deny: Option<StatementRef<'a>>,
    /// A level without an `Allow` that applies.
    closed: bool,
}

impl<'a> Results<'a> {
    fn gather<O: Observer>(scan: &mut Scan<'a, '_, O>, sets: &PolicySets<'a>) -> Self {
        let service_control = match scan.caller() {
            // SPEC: access-control, 2.1: these limit the principals of an account.
            RequestPrincipal::Root(_)
            | RequestPrincipal::User { .. }
            | RequestPrincipal::RoleSession { .. }
            | RequestPrincipal::FederatedUser { .. } => sets.service_control,
            RequestPrincipal::Anonymous
            | RequestPrincipal::Service(_)
            | RequestPrincipal::Provider(_) => None,
        };
        let rcp = Self::levels(scan, PolicySet::ResourceControl, sets.resource_control);
        let scp = Self::levels(scan, PolicySet::ServiceControl, service_control);
        let endpoint =
            sets.endpoint.map(|policy| scan.both_resources(PolicySet::VpcEndpoint, &[policy]));
        let resource = scan.bucket_side(PolicySet::Resource, sets.resource.policy.as_slice());
        let access_point = sets.resource.access_point.as_ref().map(|access_point| {
            scan.request_side(PolicySet::AccessPoint, access_point.policy.as_slice())
        });
        let identity = scan.request_side(PolicySet::Identity, sets.identity);
        let boundary =
            sets.boundary.map(|policy| scan.request_side(PolicySet::Boundary, &[policy]));
        let session = sets.session.map(|policies| scan.request_side(PolicySet::Session, policies));
        Self { rcp, scp, endpoint, resource, access_point, identity, boundary, session }
    }

    fn levels<O: Observer>(
        scan: &mut Scan<'a, '_, O>,
        set: PolicySet,
        levels: Option<&'a [&'a [Attached<'a>]]>,
    ) -> LevelsResult<'a> {
        let mut result = LevelsResult::default();
        for level in levels.unwrap_or_default() {
            let of_level = match set {
                PolicySet::ResourceControl => scan.both_resources(set, level),
                _ => scan.request_side(set, level),
            };
            result.deny = result.deny.or(of_level.deny);
            result.closed |= of_level.allow.is_none();
        }
        result
    }

    /// The first set with a `Deny` that applies, in the order in which they are named to the caller.
    ///
    /// SPEC: access-control, 2.2 step 1, 2.10 (precedence).
    fn explicit_deny(
        &self,
        question: &Question<'a>,
        sets: &PolicySets<'a>,
    ) -> Option<StatementRef<'a>> {
        let of_set = |result: &Option<SetResult<'a>>| result.as_ref().and_then(|set| set.deny);
        // SPEC: access-control, 2.7: a bucket policy cannot lock its owner's root user out of itself.
        let resource = match is_root_unlock(question, sets) {
            true => None,
            false => self.resource.deny,
        };
        self.rcp
            .deny
            .or(self.scp.deny)
            .or(of_set(&self.endpoint))
            .or(of_set(&self.access_point))
            .or(resource)
            .or(self.identity.deny)
            .or(of_set(&self.boundary))
            .or(of_set(&self.session))
    }

    /// The first guard without an `Allow` that applies.
    ///
    /// SPEC: access-control, 2.2 steps 2 and 3, 2.10 (precedence).
    fn closed_guard(&self) -> Option<DenialReason> {
        if self.scp.closed {
            return Some(DenialReason::ServiceControl);
        }
        if self.rcp.closed {
            return Some(DenialReason::ResourceControl);
        }
        let endpoint_closed = self.endpoint.as_ref().is_some_and(|set| set.allow.is_none());
        endpoint_closed.then_some(DenialReason::VpcEndpoint)
    }

    /// How far the resource's own policy goes for the caller. Through an access point both its policy
    /// and the bucket's must grant, and the narrower of the two counts.
    ///
    /// SPEC: access-control, 2.4 (objects of other accounts), 2.5 steps 4 and 5.
    fn resource_grant(&self, foreign_object: bool) -> Option<PrincipalMatch> {
        if foreign_object {
            return None;
        }
        let (bucket, _) = self.resource.allow?;
        match &self.access_point {
            None => Some(bucket),
            Some(set) => set.allow.map(|(access_point, _)| access_point.min(bucket)),
        }
    }
}

/// Grants, once nothing denies.
///
/// SPEC: access-control, 2.2 steps 4 to 6, 2.3, 2.8.
fn decide_grants<'a>(
    question: &Question<'a>,
    sets: &PolicySets<'a>,
    results: &Results<'a>,
) -> Decision<'a> {
    let resource = &sets.resource;
    let foreign_object = resource.is_foreign_object(question.action);
    let granted = results.resource_grant(foreign_object);
    let acl = resource.acl;
    let by_policy = || Allowance {
        identity: None,
        resource: results.resource.allow.map(|(_, statement)| statement),
        acl_required: false,
    };
    let by_acl = Allowance { identity: None, resource: None, acl_required: true };
    let Some(account) = question.principal.account() else {
        // No identity side: the resource alone decides.
        let allowed = match question.principal {
            RequestPrincipal::Anonymous if resource.access_point.is_some() => None,
            RequestPrincipal::Anonymous => match granted {
                Some(PrincipalMatch::Anyone) => Some(by_policy()),
                _ => acl.everyone.then_some(by_acl),
            },
            _ if granted >= Some(PrincipalMatch::Direct) => Some(by_policy()),
            RequestPrincipal::Service(_) => acl.log_delivery.then_some(by_acl),
            _ => None,
        };
        return match allowed {
            Some(allowance) => Decision::Allow(allowance),
            None => Decision::Deny(Denial::implicit(DenialReason::NoResourceAllow)),
        };
    };
    let is_root = matches!(question.principal, RequestPrincipal::Root(_));
    let is_federated = matches!(question.principal, RequestPrincipal::FederatedUser { .. });
    let allows = |set: &Option<SetResult<'a>>| set.as_ref().map(|set| set.allow.is_some());
    let principal_side = PrincipalSide {
        identity: is_root || results.identity.allow.is_some(),
        boundary: allows(&results.boundary).unwrap_or(true),
        // SPEC: access-control, 2.2 step 5: a federated user has what its session policy gives.
        session: allows(&results.session).unwrap_or(!is_federated),
    };
    let by_identity = |resource, acl_required| Allowance {
        identity: results.identity.allow.map(|(_, statement)| statement),
        resource,
        acl_required,
    };
    if resource.owner_of(question.action) == ObjectOwner::Account(account.id) {
        let group_grant = acl.everyone || acl.authenticated;
        let named = match granted {
            // Named as itself or as anyone: implicit denies of the principal's side do not matter.
            Some(PrincipalMatch::Direct | PrincipalMatch::Anyone) => return by_policy().into(),
            Some(PrincipalMatch::RoleOfSession | PrincipalMatch::UserOfFederated) => true,
            Some(PrincipalMatch::Account) | None => false,
        };
        if named && principal_side.is_within_limits() {
            return by_policy().into();
        }
        let delegated = match resource.delegation {
            Delegation::Optional => true,
            Delegation::Required => granted == Some(PrincipalMatch::Account),
        };
        if delegated && principal_side.allows() {
            return by_identity(None, false).into();
        }
        if group_grant {
            return by_acl.into();
        }
        return principal_side.denial().into();
    }
    let acl_grant = acl.account || acl.authenticated || acl.everyone;
    if !principal_side.allows() || (granted.is_none() && !acl_grant) {
        return principal_side.denial().into();
    }
    match granted {
        Some(_) => by_identity(by_policy().resource, false).into(),
        None => by_identity(None, true).into(),
    }
}

/// What the principal's own side says.
struct PrincipalSide {
    identity: bool,
    boundary: bool,
    session: bool,
}

impl PrincipalSide {
    fn is_within_limits(&self) -> bool {
        self.boundary && self.session
    }

    fn allows(&self) -> bool {
        self.identity && self.is_within_limits()
    }

    /// The first thing that fails, once something does.
    ///
    /// SPEC: access-control, 2.11, last line.
    fn denial<'a>(&self) -> Denial<'a> {
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

/// Whether RestrictPublicBuckets refuses the caller.
///
/// SPEC: access-control, 4.3: a public policy serves the owner's account and services only.
fn is_cut_off(question: &Question<'_>, sets: &PolicySets<'_>) -> bool {
    let resource = &sets.resource;
    let is_public = |attached: Option<Attached<'_>>| attached.is_some_and(|a| a.policy.is_public());
    let access_point = resource.access_point.as_ref().and_then(|side| side.policy);
    let public = is_public(resource.policy) || is_public(access_point);
    let is_service = matches!(question.principal, RequestPrincipal::Service(_));
    resource.restrict_public && public && !is_service && !is_of_owner(question, sets)
}

/// Whether the caller is of the account that owns the resource: of a bucket's object, the bucket.
fn is_of_owner(question: &Question<'_>, sets: &PolicySets<'_>) -> bool {
    question.principal.account().is_some_and(|account| account.id == sets.resource.owner)
}

/// SPEC: access-control, 2.7.
fn is_root_unlock(question: &Question<'_>, sets: &PolicySets<'_>) -> bool {
    let is_root = matches!(question.principal, RequestPrincipal::Root(_));
    is_root
        && is_of_owner(question, sets)
        && BUCKET_POLICY_ACTIONS.iter().any(|action| question.action.is(action))
}

/// SPEC: access-control, 2.3.
fn is_owners_alone(question: &Question<'_>) -> bool {
    let mut actions = BUCKET_POLICY_ACTIONS.iter().chain(OWNERSHIP_ACTIONS);
    actions.any(|action| question.action.is(action))
}

const BUCKET_POLICY_ACTIONS: &[&str] =
    &["s3:getbucketpolicy", "s3:putbucketpolicy", "s3:deletebucketpolicy"];

const OWNERSHIP_ACTIONS: &[&str] =
    &["s3:getbucketownershipcontrols", "s3:putbucketownershipcontrols"];

#[cfg(test)]
mod tests;
