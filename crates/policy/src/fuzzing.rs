//! Fuzz targets of this crate: plain functions over bytes that assert what must always hold.
//!
//! Not part of the API; built for tests and for the fuzzer only.

use strongroom_types::{AccountId, Arn, CanonicalUserId};

use crate::json;
use crate::pattern::Pattern;
use crate::variables::{Matcher, Syntax, Template};
use crate::{
    Account, Action, Attached, Context, Policy, PolicyKind, PolicySets, Question, RequestPrincipal,
    ResourceSide, decide, explain,
};

/// A target: its name, which is that of its corpus, and the function.
pub type FuzzTarget = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[FuzzTarget] =
    &[("policies", policies), ("policy_json", policy_json), ("policy_patterns", policy_patterns)];

/// A policy of any kind: it is refused with a place in the text, or it decides about any request
/// without a panic, the same with and without somebody looking on, and reads back as it was written.
pub fn policies(bytes: &[u8]) {
    for kind in KINDS {
        let policy = match Policy::parse(*kind, bytes) {
            Ok(policy) => policy,
            Err(error) => {
                assert!(error.place().span.start <= bytes.len(), "an error is in the text");
                assert!(!error.s3_message().is_empty() && !error.iam_message().is_empty());
                continue;
            }
        };
        assert_eq!(policy.text().as_bytes(), bytes, "the text is kept");
        let same = policy.translated(|principal| Some(principal.to_string()));
        let again = Policy::parse(*kind, same.as_bytes());
        // An account's root ARN is longer than its id.
        assert!(
            same.len() > 20_000
                || again.is_ok_and(|again| again.principals().len() == policy.principals().len()),
            "principals have a name"
        );
        decide_all(&policy);
    }
}

/// The JSON reader: what it accepts is what another strict reader accepts, with the same names.
pub fn policy_json(bytes: &[u8]) {
    if let Ok(node) = json::parse(bytes) {
        assert!(node.span.end <= bytes.len());
        assert_spans(&node, bytes);
    }
}

/// Patterns and variables: the first line is a pattern, the second a text. A pattern matches itself
/// where it has no wildcards, and `*` around it still matches.
pub fn policy_patterns(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (pattern, text) = text.split_once('\n').unwrap_or((text, ""));
    let matched = Pattern::parse(pattern).matches(text);
    assert!(!matched || Pattern::parse(&format!("*{pattern}*")).matches(text));
    if !pattern.contains(['*', '?']) {
        assert_eq!(matched, pattern == text);
    }
    let syntax = Syntax { wildcards: true, variables: true };
    let Ok(template) = Template::parse(pattern, syntax) else {
        return;
    };
    let mut context = Context::new();
    context.set("aws:username", text);
    let matched = Matcher::new(template.clone()).matches(text, &context);
    let parts = template.split_colons(6);
    assert!((1..=6).contains(&parts.len()));
    if template.text(&context).is_none() {
        assert!(!matched, "nothing matches a variable without value");
    }
}

fn decide_all(policy: &Policy) {
    let named = Attached { policy, name: "p" };
    let Ok(id) = AccountId::from_number(111_111_111_111) else {
        return;
    };
    let account = Account { id, canonical: CanonicalUserId::from_bytes([0; 32]) };
    let principals = [RequestPrincipal::Anonymous, RequestPrincipal::Root(account)];
    let mut context = Context::new();
    context.set("aws:username", "alice");
    context.set("aws:tagkeys", vec!["a", ""]);
    let (Ok(action), Ok(resource)) =
        ("s3:GetObject".parse::<Action>(), "arn:aws:s3:::b/k".parse::<Arn>())
    else {
        return;
    };
    for principal in &principals {
        let question =
            Question { principal, action: &action, resource: &resource, context: &context };
        let mut sets =
            PolicySets::new(ResourceSide { policy: Some(named), ..ResourceSide::of(account.id) });
        let identity = [named];
        sets.identity = &identity;
        let with = decide(&question, &sets);
        assert_eq!(with, explain(&question, &sets).0, "whoever looks on changes nothing");
        sets.boundary = Some(named);
        sets.session = Some(&identity);
        let limited = decide(&question, &sets);
        assert!(with.is_allowed() || !limited.is_allowed(), "limits give nothing");
    }
}

/// Every span lies in its parent's and starts where a value starts.
fn assert_spans(node: &json::Node, bytes: &[u8]) {
    let inside = |child: &json::Span| node.span.start <= child.start && child.end <= node.span.end;
    assert!(node.span.start < node.span.end);
    assert!(bytes.get(node.span.start).is_some_and(|byte| !byte.is_ascii_whitespace()));
    match &node.value {
        json::Value::Array(nodes) => {
            for child in nodes {
                assert!(inside(&child.span));
                assert_spans(child, bytes);
            }
        }
        json::Value::Object(members) => {
            for member in members {
                assert!(inside(&member.name_span) && inside(&member.node.span));
                assert_spans(&member.node, bytes);
            }
        }
        _ => {}
    }
}

const KINDS: &[PolicyKind] = &[
    PolicyKind::Identity,
    PolicyKind::Boundary,
    PolicyKind::Session,
    PolicyKind::Bucket,
    PolicyKind::AccessPoint,
    PolicyKind::Trust,
    PolicyKind::Key,
    PolicyKind::VpcEndpoint,
    PolicyKind::ServiceControl,
    PolicyKind::ResourceControl,
];

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
#[path = "../../../fuzz/edits.rs"]
mod edits;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::edits::edited;
    use super::policies;

    const POLICY: &str = r#"{"Version":"2012-10-17","Id":"x","Statement":[{"Sid":"a","Effect":"Deny","NotPrincipal":{"AWS":["123456789012"]},"NotAction":"s3:Get*","Resource":["arn:aws:s3:::b","arn:aws:s3:::b/${aws:username, 'x'}/*"],"Condition":{"ForAnyValue:StringNotLike":{"aws:TagKeys":["a*",""]},"DateLessThan":{"aws:CurrentTime":"2026-01-02T03:04:05.6+01:00"},"IpAddress":{"aws:SourceIp":"::ffff:10.0.0.0/104"},"ArnLike":{"aws:SourceArn":"arn:*:sns:*:*:x"},"NumericEquals":{"s3:max-keys":[1,"-2.5"]}}}]}"#;

    proptest! {
        /// Nearly a policy: past the first checks, unlike bytes out of nothing.
        #[test]
        fn a_policy_that_was_changed_is_refused_or_decides(edits in proptest::collection::vec(any::<u8>(), 0..24)) {
            policies(&edited(POLICY.as_bytes(), &edits));
        }

        #[test]
        fn bytes_out_of_nothing_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            policies(&bytes);
        }
    }
}
