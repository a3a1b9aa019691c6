//! What the audit event says of a decision: one line that tells which statement of which version of
//! which policy decided, and for a denial what kept others from allowing.
//!
//! The form is described in `docs/formats/audit-event.md`.

use std::fmt::Write;

use strongroom_policy::{Allowance, Denial, Effect, StatementRef, Trace};

/// The line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DecisionNote(String);

impl DecisionNote {
    /// What allowed.
    pub(crate) fn allowed(
        action: &str,
        allowance: &Allowance<'_>,
        version_of: impl Fn(&str) -> String,
    ) -> Self {
        let mut text = format!("allow {action}");
        for statement in [allowance.identity, allowance.resource].into_iter().flatten() {
            push_statement(&mut text, &statement, &version_of);
        }
        if allowance.acl_required {
            text.push_str(" by acl");
        }
        Self::cut(text)
    }

    /// What denied, and which statements nearly applied.
    pub(crate) fn denied(
        action: &str,
        denial: &Denial<'_>,
        trace: &Trace,
        version_of: impl Fn(&str) -> String,
    ) -> Self {
        let mut text = format!("deny {action} {}", denial.reason.as_str());
        if let Some(statement) = &denial.statement {
            push_statement(&mut text, statement, &version_of);
        }
        let missed = trace.entries.iter().filter(|entry| !entry.applies());
        for entry in missed.filter(|entry| entry.effect == Effect::Allow).take(MISSED_MAX) {
            let version = version_of(&entry.policy);
            let (set, policy, index) = (entry.set.as_str(), &entry.policy, entry.index);
            let _ = write!(text, "; {set} {policy}@{version}#{index} missed:");
            if !entry.principal_matches {
                text.push_str(" principal");
            }
            for condition in entry.conditions.iter().filter(|condition| !condition.holds) {
                let values = condition.request_values.as_ref().map(|values| values.join(","));
                let has = values.as_deref().unwrap_or("absent");
                let _ = write!(text, " {}({})", condition.operator, condition.key);
                let _ = write!(text, " has [{}]", cut(has, VALUE_BYTES_MAX));
            }
        }
        Self::cut(text)
    }

    /// The line as it goes into the event.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    fn cut(text: String) -> Self {
        let kept = cut(&text, NOTE_BYTES_MAX);
        // SECURITY: values of the request cannot break the line.
        Self(kept.chars().map(|c| if c.is_control() { '?' } else { c }).collect())
    }
}

fn push_statement(
    text: &mut String,
    statement: &StatementRef<'_>,
    version_of: impl Fn(&str) -> String,
) {
    let (set, policy, index) = (statement.set.as_str(), statement.policy, statement.index);
    let _ = write!(text, " by {set} {policy}@{}#{index}", version_of(policy));
    if let Some(sid) = statement.sid {
        let _ = write!(text, " {sid}");
    }
}

fn cut(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or(text)
}

const MISSED_MAX: usize = 4; // statements that nearly allowed
const VALUE_BYTES_MAX: usize = 64;
const NOTE_BYTES_MAX: usize = 700; // an event stays small
