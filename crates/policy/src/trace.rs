//! Why a decision came out as it did: the statements that applied, or nearly.

use crate::condition::Condition;
use crate::context::{Context, Item, Value};
use crate::document::Effect;
use crate::evaluate::{Observer, PolicySet, Question, Seen};

/// The statements of all policy sets whose action and resource match the request, in the order in
/// which they were asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    /// One entry a statement.
    pub entries: Vec<TraceEntry>,
}

/// A statement that applied, or that its principal or a condition kept from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceEntry {
    /// The set that the policy belongs to.
    pub set: PolicySet,
    /// The name under which the policy was given.
    pub policy: String,
    /// Index of the statement, from 0.
    pub index: usize,
    /// Its `Sid`.
    pub sid: Option<String>,
    /// What the statement does when it applies.
    pub effect: Effect,
    /// Whether it names the caller.
    pub principal_matches: bool,
    /// Each condition and how it came out.
    pub conditions: Vec<ConditionTrace>,
}

/// A condition and how it came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionTrace {
    /// The operator as the policy writes it.
    pub operator: String,
    /// The key, in lower case.
    pub key: String,
    /// The values of the policy.
    pub policy_values: Vec<String>,
    /// The values of the request; `None` if it does not have the key.
    pub request_values: Option<Vec<String>>,
    /// Whether it holds.
    pub holds: bool,
}

impl TraceEntry {
    /// Whether the statement applied.
    #[must_use]
    pub fn applies(&self) -> bool {
        self.principal_matches && self.conditions.iter().all(|condition| condition.holds)
    }
}

impl ConditionTrace {
    fn new(condition: &Condition, context: &Context<'_>) -> Self {
        let texts = |value: &Value<'_>| {
            value.items().map(Item::into_text).map(std::borrow::Cow::into_owned).collect()
        };
        Self {
            operator: condition.operator_name.to_string(),
            key: condition.key.to_string(),
            policy_values: condition.values.iter().map(ToString::to_string).collect(),
            request_values: context.get(&condition.key).map(texts),
            holds: condition.holds(context),
        }
    }
}

impl Observer for Trace {
    const LOOKS: bool = true;

    fn statement(&mut self, question: &Question<'_>, seen: Seen<'_>) {
        let conditions = seen.statement.conditions.iter();
        self.entries.push(TraceEntry {
            set: seen.reference.set,
            policy: seen.reference.policy.to_owned(),
            index: seen.reference.index,
            sid: seen.reference.sid.map(str::to_owned),
            effect: seen.statement.effect,
            principal_matches: seen.principal.is_some(),
            conditions: conditions.map(|c| ConditionTrace::new(c, question.context)).collect(),
        });
    }
}

/// Nobody looks: the hot path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unobserved;

impl Observer for Unobserved {
    const LOOKS: bool = false;

    fn statement(&mut self, _: &Question<'_>, _: Seen<'_>) {}
}
