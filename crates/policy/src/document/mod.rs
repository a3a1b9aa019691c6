//! Policies: read once, kept in the form in which they are evaluated.

mod keys;
mod kind;
mod parse;

use crate::action::{Action, ActionPattern};
use crate::arn_pattern::{ArnPattern, ArnSegments};
use crate::condition::Condition;
use crate::context::Context;
use crate::error::PolicyError;
use crate::json::Span;
use crate::place::Place;
use crate::principal::{PolicyPrincipal, PrincipalMatch, RequestPrincipal, is_excepted};
use crate::public;

pub use kind::{PolicyKind, counted_characters};

/// A policy whose every element is understood.
///
/// There is no way to one but [`Policy::parse`], which refuses what it does not know: an unknown
/// member, operator or type never reaches an evaluation.
#[derive(Debug, Clone)]
pub struct Policy {
    kind: PolicyKind,
    version: PolicyVersion,
    id: Option<Box<str>>,
    text: Box<str>,
    statements: Vec<Statement>,
    principals: Vec<PrincipalEntry>,
    public: bool,
}

/// The version of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyVersion {
    /// `2008-10-17`, also when no version is given: `${` is text like any other.
    V2008,
    /// `2012-10-17`.
    V2012,
}

/// Whether a statement allows or denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// `Allow`.
    Allow,
    /// `Deny`.
    Deny,
}

/// A list of entries that a request must match, or must not.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Clause<T> {
    /// `NotAction`, `NotResource`, `NotPrincipal`.
    pub(crate) negated: bool,
    pub(crate) entries: Box<[T]>,
}

/// An entry of `Resource` or `NotResource`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ResourceEntry {
    /// As the policy writes it.
    pub(crate) text: Box<str>,
    pub(crate) pattern: ArnPattern,
}

/// One statement of a policy.
#[derive(Debug, Clone)]
pub struct Statement {
    pub(crate) sid: Option<Box<str>>,
    pub(crate) effect: Effect,
    /// Absent in policies that belong to a principal.
    pub(crate) principal: Option<Clause<PolicyPrincipal>>,
    pub(crate) action: Clause<ActionPattern>,
    /// Absent in trust policies.
    pub(crate) resource: Option<Clause<ResourceEntry>>,
    pub(crate) conditions: Box<[Condition]>,
    pub(crate) spans: Spans,
}

/// Where the elements of a statement stand; an element that is absent stands where the statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Spans {
    pub(crate) statement: Span,
    pub(crate) principal: Span,
    pub(crate) action: Span,
    pub(crate) resource: Span,
    pub(crate) condition: Span,
}

/// A principal as it stands in the text of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalEntry {
    /// Index of the statement.
    pub statement: usize,
    /// Who is named.
    pub principal: PolicyPrincipal,
    /// The value in the text, quotes included.
    pub span: Span,
}

impl Policy {
    /// Reads a policy of a kind.
    ///
    /// This is the grammar, which holds for policies that are saved and for those that are read back.
    /// What depends on where the policy is attached, such as the bucket that it may name, is checked by
    /// [`Policy::check_for_bucket`] when it is saved.
    ///
    /// SPEC: access-control, 1.1 to 1.6.
    ///
    /// # Errors
    /// With the first thing that is wrong, and its place.
    pub fn parse(kind: PolicyKind, text: &[u8]) -> Result<Self, PolicyError> {
        let mut policy = parse::parse(kind, text)?;
        policy.public = public::is_public(&policy);
        Ok(policy)
    }

    /// The kind as which the policy was read.
    #[must_use]
    pub fn kind(&self) -> PolicyKind {
        self.kind
    }

    /// The version of the language that it is written in.
    #[must_use]
    pub fn version(&self) -> PolicyVersion {
        self.version
    }

    /// `Id`, which only policies of resources have.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The text, byte by byte as it was given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The statements, in their order.
    #[must_use]
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// Whether the published rules call this policy public; for policies of resources only.
    ///
    /// SPEC: access-control, 4.3.1.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.public
    }

    /// Every principal that the policy names, in the order of the text.
    #[must_use]
    pub fn principals(&self) -> &[PrincipalEntry] {
        &self.principals
    }

    /// The text with principals written differently: `translate` gives the new name of one, or `None`
    /// to leave it. So a saved policy names users and roles by unique id, a policy that is read shows
    /// their ARNs, and an account's id becomes its root ARN.
    ///
    /// SPEC: access-control, 1.2.
    pub fn translated(
        &self,
        mut translate: impl FnMut(&PolicyPrincipal) -> Option<String>,
    ) -> String {
        let mut text = String::with_capacity(self.text.len());
        let mut copied = 0;
        for entry in &self.principals {
            // `"Principal": "*"` and service names have no other spelling.
            let Some(name) = translate(&entry.principal) else {
                continue;
            };
            text.push_str(self.text.get(copied..entry.span.start).unwrap_or_default());
            push_json_string(&mut text, &name);
            copied = entry.span.end;
        }
        text.push_str(self.text.get(copied..).unwrap_or_default());
        text
    }

    /// The place of a span of this policy.
    pub(crate) fn place(&self, path: String, span: Span) -> Place {
        Place::new(self.text.as_bytes(), path, span)
    }
}

impl Statement {
    /// `Sid`, if it has one.
    #[must_use]
    pub fn sid(&self) -> Option<&str> {
        self.sid.as_deref()
    }

    /// Whether it allows or denies.
    #[must_use]
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// SPEC: access-control, 2.11 (`action_ok`).
    pub(crate) fn matches_action(&self, action: &Action) -> bool {
        self.action.entries.iter().any(|entry| entry.matches(action)) != self.action.negated
    }

    /// A trust policy has no resource: the role that it hangs on is meant.
    ///
    /// SPEC: access-control, 2.11 (`resource_ok`); 1.4: an entry of `NotResource` whose variable has
    /// no value matches nothing, so that the statement applies.
    pub(crate) fn matches_resource(
        &self,
        arn: Option<&ArnSegments<'_>>,
        context: &Context<'_>,
    ) -> bool {
        let Some(resource) = &self.resource else {
            return true;
        };
        let mut entries = resource.entries.iter();
        entries.any(|entry| entry.pattern.matches(arn, context)) != resource.negated
    }

    /// How an `Allow` names the caller, the farthest-reaching way first; for a `Deny` it only counts
    /// that there is one.
    ///
    /// SPEC: access-control, 2.11 (`principal_ok`).
    pub(crate) fn matches_principal(
        &self,
        caller: &RequestPrincipal,
        has_boundary: bool,
    ) -> Option<PrincipalMatch> {
        let Some(principal) = &self.principal else {
            // The policy hangs on its principal.
            return Some(PrincipalMatch::Direct);
        };
        if principal.negated {
            let excepted = is_excepted(&principal.entries, caller, has_boundary);
            return (!excepted).then_some(PrincipalMatch::Anyone);
        }
        principal.entries.iter().filter_map(|entry| entry.matches(caller)).max()
    }

    /// SPEC: access-control, 2.11 (`condition_true` of all).
    pub(crate) fn conditions_hold(&self, context: &Context<'_>) -> bool {
        self.conditions.iter().all(|condition| condition.holds(context))
    }
}

/// A string as JSON writes it.
fn push_json_string(text: &mut String, value: &str) {
    text.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => {
                text.push('\\');
                text.push(c);
            }
            '\0'..='\u{1f}' => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            other => text.push(other),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests;
