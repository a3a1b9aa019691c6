//! The decision: may this principal perform this action on this resource?
//!
//! One function, [`decide`], reads as the reference algorithm of the specification does: explicit
//! denies, then the guards, then what the resource grants, then what the principal may. It is pure and
//! total: it takes no path on which it could fail, and what it does not know denies.

mod decision;
mod grants;
mod scan;
mod sets;

use crate::principal::{PrincipalMatch, RequestPrincipal};
use crate::trace::{Trace, Unobserved};

use grants::decide_grants;
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
