//! What is legal in a policy and probably not meant.
//!
//! SPEC: access-control, 9.2. What is an error there and keeps a policy from being saved is a
//! [`crate::PolicyError`]; here is what is saved and evaluated all the same.

use crate::catalog::{self, KeyType};
use crate::condition::{Condition, Qualifier, Test};
use crate::document::{Effect, Policy, PolicyVersion, Statement};
use crate::json::Span;
use crate::place::Place;

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It cannot do what it says.
    Error,
    /// It allows more than one would think.
    SecurityWarning,
    /// It is against good practice.
    Warning,
    /// It could be said better.
    Suggestion,
}

impl Severity {
    /// The name in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::SecurityWarning => "SECURITY_WARNING",
            Self::Warning => "WARNING",
            Self::Suggestion => "SUGGESTION",
        }
    }
}

/// Something in a policy that deserves a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How grave it is.
    pub severity: Severity,
    /// The code, `UPPER_SNAKE`.
    pub code: &'static str,
    /// What it is about, in words.
    pub detail: String,
    /// Where it is.
    pub place: Place,
}

impl Policy {
    /// Everything that deserves a look, in the order of the text.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let mut found = Found { policy: self, findings: Vec::new() };
        if self.version() == PolicyVersion::V2008 {
            let detail = "without version 2012-10-17 there are no variables".to_owned();
            let span = Span { start: 0, end: self.text().len() };
            found.push(Severity::Warning, "MISSING_VERSION", detail, String::new(), span);
        }
        for (index, statement) in self.statements().iter().enumerate() {
            found.of_statement(index, statement);
        }
        found.findings.sort_by_key(|finding| finding.place.span);
        found.findings
    }
}

struct Found<'a> {
    policy: &'a Policy,
    findings: Vec<Finding>,
}

impl Found<'_> {
    fn push(
        &mut self,
        severity: Severity,
        code: &'static str,
        detail: String,
        path: String,
        span: Span,
    ) {
        let place = self.policy.place(path, span);
        self.findings.push(Finding { severity, code, detail, place });
    }

    fn of_statement(&mut self, index: usize, statement: &Statement) {
        let path = |element: &str| format!("Statement[{index}].{element}");
        let spans = statement.spans;
        if statement.sid() == Some("") {
            let detail = "the statement id is empty".to_owned();
            let span = spans.statement;
            self.push(Severity::Suggestion, "EMPTY_SID_VALUE", detail, path("Sid"), span);
        }
        let earlier = self.policy.statements().iter().take(index);
        let repeated = statement.sid().is_some_and(|sid| {
            !sid.is_empty() && earlier.clone().any(|other| other.sid() == Some(sid))
        });
        if repeated {
            let detail = "another statement has this id".to_owned();
            let span = spans.statement;
            self.push(Severity::Warning, "UNIQUE_SIDS_RECOMMENDED", detail, path("Sid"), span);
        }
        if statement.action.entries.is_empty() {
            let detail = "an empty list of actions has no effect".to_owned();
            self.push(
                Severity::Suggestion,
                "EMPTY_ARRAY_ACTION",
                detail,
                path("Action"),
                spans.action,
            );
        }
        if statement.resource.as_ref().is_some_and(|resource| resource.entries.is_empty()) {
            let detail = "an empty list of resources has no effect".to_owned();
            let span = spans.resource;
            self.push(Severity::Suggestion, "EMPTY_ARRAY_RESOURCE", detail, path("Resource"), span);
        }
        self.of_actions(index, statement);
        for condition in &statement.conditions {
            let path = path(&format!("Condition.{}", condition.operator_name));
            self.of_condition(condition, &path, spans.condition);
        }
    }

    fn of_actions(&mut self, index: usize, statement: &Statement) {
        let path = || format!("Statement[{index}].Action");
        let span = statement.spans.action;
        for entry in &statement.action.entries {
            let Some(prefix) = entry.service() else {
                continue;
            };
            if prefix.contains(['*', '?']) {
                let detail = format!("`{}` names no service", entry.as_str());
                self.push(Severity::Suggestion, "WILDCARD_IN_SERVICE_NAME", detail, path(), span);
                continue;
            }
            let Some(service) = catalog::service(prefix) else {
                continue;
            };
            if catalog::actions(service, entry).next().is_none() {
                let detail = format!("there is no action `{}`", entry.as_str());
                self.push(Severity::Error, "INVALID_ACTION", detail, path(), span);
            }
        }
        let passes_roles = !statement.action.negated
            && statement.effect == Effect::Allow
            && statement
                .action
                .entries
                .iter()
                .any(|entry| entry.as_str() != "*" && entry.matches_folded("iam:passrole"));
        let everywhere = statement.resource.as_ref().is_some_and(|resource| {
            !resource.negated && resource.entries.iter().any(|entry| *entry.text == *"*")
        });
        if passes_roles && everywhere {
            let detail = "every role can be passed".to_owned();
            let code = "PASS_ROLE_WITH_STAR_IN_RESOURCE";
            self.push(Severity::SecurityWarning, code, detail, path(), span);
        }
    }

    fn of_condition(&mut self, condition: &Condition, path: &str, span: Span) {
        let operator = condition.operator;
        let key = &condition.key;
        let mut push = |severity, code, detail: String| {
            self.push(severity, code, detail, format!("{path}.{key}"), span);
        };
        if condition.values.is_empty() {
            let detail = "an empty list of values".to_owned();
            push(Severity::Suggestion, "EMPTY_ARRAY_CONDITION", detail);
        }
        if operator.test == Test::Null && operator.qualifier.is_some() {
            let detail = "`Null` with a set operator is always the same".to_owned();
            push(Severity::Suggestion, "NULL_WITH_QUALIFIER", detail);
        }
        let equals = matches!(operator.test, Test::StringEquals | Test::StringEqualsIgnoreCase);
        let escaped = |value: &str| value.replace("${*}", "").replace("${?}", "");
        if equals && condition.values.iter().any(|value| escaped(value).contains(['*', '?'])) {
            let detail = "this operator knows no wildcards: use its Like form".to_owned();
            push(Severity::Warning, "WILDCARD_WITHOUT_LIKE_OPERATOR", detail);
        }
        let Some(key_type) = catalog::key_type(key) else {
            let (code, known) = match key.split_once(':') {
                Some(("aws", _)) => ("INVALID_GLOBAL_CONDITION_KEY", true),
                Some((prefix, _)) => {
                    ("INVALID_SERVICE_CONDITION_KEY", catalog::service(prefix).is_some())
                }
                None => ("INVALID_CONDITION_KEY_FORMAT", true),
            };
            if known {
                push(Severity::Error, code, format!("there is no condition key `{key}`"));
            }
            return;
        };
        match (key_type.is_list(), operator.qualifier) {
            (true, None) if operator.test != Test::Null => {
                let detail = format!("`{key}` has several values: say ForAllValues or ForAnyValue");
                push(Severity::Error, "MISSING_QUALIFIER", detail);
            }
            (false, Some(Qualifier::ForAllValues)) if operator.test != Test::Null => {
                let detail = format!("true for requests without `{key}`, which has one value");
                push(Severity::SecurityWarning, "FORALLVALUES_WITH_SINGLE_VALUED_KEY", detail);
            }
            _ => {}
        }
        if let Some(code) = type_mismatch(operator.test, key_type) {
            push(Severity::Warning, code, format!("`{key}` is of another type than the operator"));
        }
    }
}

/// The code of a key that is of another type than its operator; text operators read every type.
fn type_mismatch(test: Test, key_type: KeyType) -> Option<&'static str> {
    let fits = match test {
        Test::StringEquals | Test::StringEqualsIgnoreCase | Test::StringLike => {
            !matches!(key_type, KeyType::Address)
        }
        Test::Number(_) => matches!(key_type, KeyType::Number),
        Test::Date(_) => matches!(key_type, KeyType::Date),
        Test::Bool => matches!(key_type, KeyType::Bool),
        Test::Ip => matches!(key_type, KeyType::Address),
        Test::Arn => matches!(key_type, KeyType::Arn | KeyType::ArnList),
        Test::Binary | Test::Null => true,
    };
    let code = match test {
        Test::Number(_) => "TYPE_MISMATCH_NUMBER",
        Test::Date(_) => "TYPE_MISMATCH_DATE",
        Test::Bool => "TYPE_MISMATCH_BOOLEAN",
        Test::Ip => "TYPE_MISMATCH_IP_RANGE",
        Test::StringEquals | Test::StringEqualsIgnoreCase | Test::StringLike => {
            "TYPE_MISMATCH_STRING"
        }
        Test::Arn | Test::Binary | Test::Null => "TYPE_MISMATCH",
    };
    (!fits).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::PolicyKind;

    fn codes(kind: PolicyKind, text: &str) -> Vec<&'static str> {
        let policy = Policy::parse(kind, text.as_bytes()).unwrap_or_else(|e| panic!("{e}: {text}"));
        policy.findings().iter().map(|finding| finding.code).collect()
    }

    fn of_statement(members: &str) -> Vec<&'static str> {
        let text = format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", {members}}}]}}"#
        );
        codes(PolicyKind::Identity, &text)
    }

    fn of_condition(condition: &str) -> Vec<&'static str> {
        of_statement(&format!(
            r#""Action": "s3:GetObject", "Resource": "*", "Condition": {{{condition}}}"#
        ))
    }

    #[test]
    fn a_sound_policy_has_no_findings() {
        assert!(
            of_condition(r#""StringLike": {"s3:prefix": "a*"}, "Null": {"aws:TagKeys": "true"}"#)
                .is_empty()
        );
        assert!(of_condition(r#""ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}"#).is_empty());
        assert!(
            of_condition(r#""StringEquals": {"foo:bar": "x", "s3:prefix": "${*}"}"#).is_empty()
        );
    }

    #[test]
    fn findings_about_documents_and_statements() {
        let old = r#"{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}"#;
        assert_eq!(codes(PolicyKind::Identity, old), ["MISSING_VERSION"]);
        let twice = r#"{"Sid": "a b", "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "arn:aws:s3:::b"}"#;
        let twice = format!(r#"{{"Version": "2012-10-17", "Statement": [{twice}, {twice}]}}"#);
        assert_eq!(codes(PolicyKind::Bucket, &twice), ["UNIQUE_SIDS_RECOMMENDED"]);
        assert_eq!(
            of_statement(r#""Sid": "", "Action": [], "Resource": []"#),
            ["EMPTY_SID_VALUE", "EMPTY_ARRAY_ACTION", "EMPTY_ARRAY_RESOURCE"]
        );
        assert_eq!(
            of_statement(r#""Action": ["s3:Foo", "foo:Bar"], "Resource": "*""#),
            ["INVALID_ACTION"]
        );
        assert_eq!(
            of_statement(r#""Action": "s*:Get", "Resource": "*""#),
            ["WILDCARD_IN_SERVICE_NAME"]
        );
        assert_eq!(
            of_statement(r#""Action": "iam:Pass*", "Resource": "*""#),
            ["PASS_ROLE_WITH_STAR_IN_RESOURCE"]
        );
    }

    #[test]
    fn findings_about_conditions() {
        assert_eq!(of_condition(r#""StringEquals": {"aws:TagKeys": "a"}"#), ["MISSING_QUALIFIER"]);
        assert_eq!(
            of_condition(r#""ForAllValues:StringEquals": {"s3:prefix": "a"}"#),
            ["FORALLVALUES_WITH_SINGLE_VALUED_KEY"]
        );
        assert_eq!(
            of_condition(r#""StringEquals": {"s3:prefix": "a*"}"#),
            ["WILDCARD_WITHOUT_LIKE_OPERATOR"]
        );
        assert_eq!(of_condition(r#""StringEquals": {"s3:prefix": []}"#), ["EMPTY_ARRAY_CONDITION"]);
        assert_eq!(
            of_condition(r#""ForAnyValue:Null": {"aws:TagKeys": "true"}"#),
            ["NULL_WITH_QUALIFIER"]
        );
        assert_eq!(
            of_condition(r#""StringEquals": {"aws:Foo": "a"}"#),
            ["INVALID_GLOBAL_CONDITION_KEY"]
        );
        assert_eq!(
            of_condition(r#""StringEquals": {"s3:Foo": "a"}"#),
            ["INVALID_SERVICE_CONDITION_KEY"]
        );
        assert_eq!(of_condition(r#""NumericEquals": {"s3:prefix": 1}"#), ["TYPE_MISMATCH_NUMBER"]);
        assert_eq!(
            of_condition(r#""StringEquals": {"aws:SourceIp": "10.0.0.1"}"#),
            ["TYPE_MISMATCH_STRING"]
        );
        assert_eq!(of_condition(r#""Bool": {"s3:prefix": true}"#), ["TYPE_MISMATCH_BOOLEAN"]);
        assert_eq!(of_condition(r#""DateEquals": {"s3:prefix": "2026"}"#), ["TYPE_MISMATCH_DATE"]);
        assert_eq!(
            of_condition(r#""IpAddress": {"s3:prefix": "10.0.0.0/8"}"#),
            ["TYPE_MISMATCH_IP_RANGE"]
        );
        assert_eq!(of_condition(r#""ArnLike": {"s3:prefix": "*"}"#), ["TYPE_MISMATCH"]);
    }
}
