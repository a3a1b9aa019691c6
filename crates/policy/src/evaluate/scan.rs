//! One pass over the statements of a policy set.

use strongroom_types::Arn;

use super::decision::StatementRef;
use super::sets::{Attached, PolicySet, PolicySets, Question};
use crate::action::Action;
use crate::arn_pattern::ArnSegments;
use crate::document::{Effect, Statement};
use crate::principal::{PrincipalMatch, RequestPrincipal};

/// Sees the statements whose action and resource match. Only looks on: it cannot change a decision.
pub(crate) trait Observer {
    /// Whether anybody looks. If not, statements that cannot change the result are passed over.
    const LOOKS: bool;

    /// A statement that applies, or that the caller or a condition kept from applying.
    fn statement(&mut self, question: &Question<'_>, seen: Seen<'_>);
}

/// What an observer sees.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) reference: StatementRef<'a>,
    pub(crate) statement: &'a Statement,
    pub(crate) principal: Option<PrincipalMatch>,
}

/// The result of a set: its first `Deny` that applies, and its `Allow` that goes farthest.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SetResult<'a> {
    pub(super) deny: Option<StatementRef<'a>>,
    pub(super) allow: Option<(PrincipalMatch, StatementRef<'a>)>,
}

/// A question made ready to be held against statements.
pub(super) struct Scan<'a, 'o, O> {
    question: Question<'a>,
    /// What the request is about.
    request_resource: Option<ArnSegments<'a>>,
    /// The same, or what is behind the access point.
    bucket_resource: Option<ArnSegments<'a>>,
    through_access_point: bool,
    has_boundary: bool,
    observer: &'o mut O,
}

impl<'a, 'o, O: Observer> Scan<'a, 'o, O> {
    pub(super) fn new(question: &Question<'a>, sets: &PolicySets<'a>, observer: &'o mut O) -> Self {
        let request_resource = segments(question.resource, question.action);
        let bucket_resource = match &sets.resource.access_point {
            Some(side) => segments(side.bucket_resource, question.action),
            None => request_resource,
        };
        Self {
            question: *question,
            request_resource,
            bucket_resource,
            through_access_point: sets.resource.access_point.is_some(),
            has_boundary: sets.boundary.is_some(),
            observer,
        }
    }

    pub(super) fn caller(&self) -> &'a RequestPrincipal {
        self.question.principal
    }

    /// A set that is asked about the resource of the request.
    pub(super) fn request_side(
        &mut self,
        set: PolicySet,
        policies: &[Attached<'a>],
    ) -> SetResult<'a> {
        self.scan(set, policies, self.request_resource)
    }

    /// A set that is asked about the bucket or object itself.
    pub(super) fn bucket_side(
        &mut self,
        set: PolicySet,
        policies: &[Attached<'a>],
    ) -> SetResult<'a> {
        self.scan(set, policies, self.bucket_resource)
    }

    /// A set that must allow both, and may deny either.
    ///
    /// SPEC: access-control, 2.5 step 2.
    pub(super) fn both_resources(
        &mut self,
        set: PolicySet,
        policies: &[Attached<'a>],
    ) -> SetResult<'a> {
        let request = self.request_side(set, policies);
        if !self.through_access_point {
            return request;
        }
        let bucket = self.bucket_side(set, policies);
        SetResult { deny: request.deny.or(bucket.deny), allow: request.allow.and(bucket.allow) }
    }

    fn scan(
        &mut self,
        set: PolicySet,
        policies: &[Attached<'a>],
        resource: Option<ArnSegments<'a>>,
    ) -> SetResult<'a> {
        let mut result = SetResult::default();
        for attached in policies {
            for (index, statement) in attached.policy.statements().iter().enumerate() {
                let decided = match statement.effect {
                    Effect::Deny => result.deny.is_some(),
                    // Nothing goes farther than to be named as oneself or as anyone.
                    Effect::Allow => result.allow.is_some_and(|(how, _)| {
                        how == PrincipalMatch::Direct || how == PrincipalMatch::Anyone
                    }),
                };
                if decided && !O::LOOKS {
                    continue;
                }
                let reference = StatementRef {
                    set,
                    policy: attached.name,
                    index,
                    sid: statement.sid.as_deref(),
                };
                let Some(how) = self.applies(reference, statement, resource) else {
                    continue;
                };
                match statement.effect {
                    Effect::Deny => result.deny = result.deny.or(Some(reference)),
                    Effect::Allow
                        if !decided && result.allow.is_none_or(|(known, _)| known < how) =>
                    {
                        result.allow = Some((how, reference));
                    }
                    Effect::Allow => {}
                }
            }
        }
        result
    }

    /// Whether a statement applies, and how it names the caller.
    ///
    /// SPEC: access-control, 2.11 (`statement_applies`).
    fn applies(
        &mut self,
        reference: StatementRef<'a>,
        statement: &'a Statement,
        resource: Option<ArnSegments<'a>>,
    ) -> Option<PrincipalMatch> {
        let Question { principal, action, context, .. } = self.question;
        if !statement.matches_action(action)
            || !statement.matches_resource(resource.as_ref(), context)
        {
            return None;
        }
        let how = statement.matches_principal(principal, self.has_boundary);
        if O::LOOKS {
            let seen = Seen { reference, statement, principal: how };
            self.observer.statement(&self.question, seen);
        }
        how.filter(|_| statement.conditions_hold(context))
    }
}

/// The segments of a request's resource; `None` for `*`, the request without one, which only the
/// pattern `*` matches.
///
/// COMPAT: what S3 does without a resource, such as to list buckets, is commonly allowed on
/// `arn:aws:s3:::*`, and AWS takes it so. It is no bucket of any name: `arn:aws:s3:::b*` does not match.
fn segments<'a>(arn: &'a Arn, action: &Action) -> Option<ArnSegments<'a>> {
    match arn.as_str() {
        "*" if action.service() == "s3" => ArnSegments::split(ALL_BUCKETS),
        text => ArnSegments::split(text),
    }
}

const ALL_BUCKETS: &str = "arn:aws:s3:::*";
