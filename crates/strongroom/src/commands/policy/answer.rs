//! Answers in JSON, and findings for people.

use serde_json::{Value, json};
use strongroom_policy::{
    Denial, Effect, Finding, Place, PolicyError, PolicyKind, Severity, Trace, TraceEntry,
};

pub(super) fn allowed(trace: &Trace) -> Value {
    json!({"decision": "allow", "code": null, "reason": null, "trace": entries(trace)})
}

pub(super) fn denied(denial: &Denial<'_>, trace: &Trace) -> Value {
    refused(denial.s3_code(), denial.reason.as_str(), trace)
}

/// A refusal whose code is not that of a denied question.
pub(super) fn refused(code: &str, reason: &str, trace: &Trace) -> Value {
    json!({"decision": "deny", "code": code, "reason": reason, "trace": entries(trace)})
}

pub(super) fn malformed(kind: PolicyKind, error: &PolicyError) -> Value {
    let (code, message) = code_and_message(kind, error);
    json!({
        "decision": "malformed", "code": code, "reason": "malformed-policy",
        "message": message, "place": place(error.place()), "trace": [],
    })
}

pub(super) fn valid(findings: &[Finding]) -> Value {
    let findings: Vec<_> = findings.iter().map(finding).collect();
    json!({"valid": true, "code": null, "message": null, "findings": findings})
}

pub(super) fn invalid(kind: PolicyKind, error: &PolicyError) -> Value {
    let (code, message) = code_and_message(kind, error);
    let found = json!({
        "severity": Severity::Error.as_str(), "code": error.fault().code(),
        "detail": error.detail(), "place": place(error.place()),
    });
    json!({"valid": false, "code": code, "message": message, "findings": [found]})
}

/// A policy of S3 is refused in the words of S3, any other in those of IAM.
fn code_and_message(kind: PolicyKind, error: &PolicyError) -> (&'static str, String) {
    match kind {
        PolicyKind::Bucket | PolicyKind::AccessPoint => {
            ("MalformedPolicy", error.s3_message().to_owned())
        }
        _ => ("MalformedPolicyDocument", error.iam_message()),
    }
}

fn finding(finding: &Finding) -> Value {
    json!({
        "severity": finding.severity.as_str(), "code": finding.code,
        "detail": finding.detail, "place": place(&finding.place),
    })
}

fn place(place: &Place) -> Value {
    json!({
        "path": place.path, "line": place.line, "column": place.column,
        "start": place.span.start, "end": place.span.end,
    })
}

fn entries(trace: &Trace) -> Vec<Value> {
    trace.entries.iter().map(entry).collect()
}

fn entry(entry: &TraceEntry) -> Value {
    let conditions = entry.conditions.iter().map(|condition| {
        json!({
            "operator": condition.operator, "key": condition.key,
            "policy_values": condition.policy_values, "request_values": condition.request_values,
            "holds": condition.holds,
        })
    });
    json!({
        "policy": entry.set.as_str(), "name": entry.policy, "index": entry.index, "sid": entry.sid,
        "effect": match entry.effect { Effect::Allow => "Allow", Effect::Deny => "Deny" },
        "applies": entry.applies(), "principal_matches": entry.principal_matches,
        "conditions": conditions.collect::<Vec<_>>(),
    })
}

/// An answer of `validate` for people: a line for each finding.
pub(super) fn readable(answer: &Value) -> String {
    let text = |value: &Value, member: &str| {
        value.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let mut out = String::new();
    for found in answer.get("findings").and_then(Value::as_array).into_iter().flatten() {
        let number = |member: &str| {
            let place = found.get("place").and_then(|place| place.get(member));
            place.and_then(Value::as_u64).unwrap_or_default()
        };
        let path = found.get("place").map(|place| text(place, "path")).unwrap_or_default();
        let path = if path.is_empty() { String::new() } else { format!(" ({path})") };
        out.push_str(&format!(
            "{}:{}: {} {}: {}{path}\n",
            number("line"),
            number("column"),
            text(found, "severity"),
            text(found, "code"),
            text(found, "detail"),
        ));
    }
    if out.is_empty() {
        out.push_str("nothing is wrong with this policy\n");
    }
    out
}
