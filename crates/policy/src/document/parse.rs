//! From the JSON tree to the policy: every element is understood or refused with its place.
//!
//! SPEC: access-control, 1.1 to 1.5.

use std::fmt::Display;

use super::kind::SizeUnit;
use super::{
    Clause, Effect, Policy, PolicyKind, PolicyVersion, PrincipalEntry, ResourceEntry, Spans,
    Statement,
};
use crate::action::ActionPattern;
use crate::arn_pattern::{ArnFault, ArnPattern};
use crate::condition::{Condition, OperandFault, Operator};
use crate::error::{PolicyError, PolicyFault};
use crate::json::{self, Member, Node, Span, Value};
use crate::place::{Path, Place};
use crate::principal::PolicyPrincipal;

type Parsed<T> = Result<T, PolicyError>;

pub(super) fn parse(kind: PolicyKind, text: &[u8]) -> Parsed<Policy> {
    let document = Document { kind, bytes: text, variables: false };
    // SPEC: access-control, 1.7: said before anything else is read.
    if text.first() != Some(&b'{') {
        let detail = "a policy starts with `{`";
        return Err(document.fault(PolicyFault::NotAnObject, detail, &Path::DOCUMENT, ZERO));
    }
    let node = json::parse(text).map_err(|error| {
        let span = Span { start: error.offset, end: error.offset };
        document.fault(error.fault.into(), error.fault, &Path::DOCUMENT, span)
    })?;
    // INVARIANT: the reader has seen that the text is UTF-8.
    let text = std::str::from_utf8(text).unwrap_or_default();
    document.check_characters(text)?;
    document.check_size(text)?;
    document.policy(text, &node)
}

struct Document<'a> {
    kind: PolicyKind,
    bytes: &'a [u8],
    variables: bool,
}

impl Document<'_> {
    fn fault(
        &self,
        fault: PolicyFault,
        detail: impl Display,
        path: &Path<'_>,
        span: Span,
    ) -> PolicyError {
        let place = Place::new(self.bytes, path.to_string(), span);
        PolicyError::new(fault, detail.to_string(), place)
    }

    /// SPEC: access-control, 1.1 (characters allowed). An escape in the text may still stand for any.
    fn check_characters(&self, text: &str) -> Parsed<()> {
        let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{ff}');
        match text.char_indices().find(|(_, c)| !allowed(*c)) {
            None => Ok(()),
            Some((start, c)) => {
                let span = Span { start, end: start + c.len_utf8() };
                let detail = format!("the character {c:?} is not allowed unescaped");
                Err(self.fault(PolicyFault::InvalidCharacter, detail, &Path::DOCUMENT, span))
            }
        }
    }

    /// SPEC: access-control, 1.6.
    fn check_size(&self, text: &str) -> Parsed<()> {
        let (size_max, unit) = self.kind.size_max();
        let (size, unit) = match unit {
            SizeUnit::Bytes => (text.len(), "bytes"),
            SizeUnit::Characters => (text.chars().count(), "characters"),
        };
        if size <= size_max {
            return Ok(());
        }
        let detail = format!("the policy of {size} {unit} is over the limit of {size_max} {unit}");
        Err(self.fault(PolicyFault::TooLarge, detail, &Path::DOCUMENT, ZERO))
    }

    fn policy(mut self, text: &str, node: &Node) -> Parsed<Policy> {
        let root = Path::DOCUMENT;
        let members = self.object(node, &root)?;
        for member in members {
            let known = match &*member.name {
                "Version" | "Statement" => true,
                "Id" if !self.kind.has_principals() => {
                    let (path, detail) =
                        (root.member("Id"), "only policies of resources have an id");
                    let fault = PolicyFault::UnsupportedElement;
                    return Err(self.fault(fault, detail, &path, member.name_span));
                }
                "Id" => true,
                _ => false,
            };
            if !known {
                return Err(self.unknown(member, &root));
            }
        }
        let version = self.version(members)?;
        self.variables = version == PolicyVersion::V2012;
        let id = match find(members, "Id") {
            None => None,
            Some(member) => Some(self.string(&member.node, &root.member("Id"))?.into()),
        };
        let Some(member) = find(members, "Statement") else {
            let detail = "the policy has no `Statement`";
            return Err(self.fault(PolicyFault::MissingStatement, detail, &root, node.span));
        };
        let mut principals = Vec::new();
        let statements = self.statements(&member.node, &mut principals)?;
        let (kind, text) = (self.kind, text.into());
        // Until it is judged, a policy counts as public.
        Ok(Policy { kind, version, id, text, statements, principals, public: true })
    }

    fn version(&self, members: &[Member]) -> Parsed<PolicyVersion> {
        let Some(member) = find(members, "Version") else {
            return self.require_2012(PolicyVersion::V2008, ZERO);
        };
        let path = Path::DOCUMENT.member("Version");
        let version = match &member.node.value {
            Value::String(text) if **text == *"2012-10-17" => PolicyVersion::V2012,
            Value::String(text) if **text == *"2008-10-17" => PolicyVersion::V2008,
            _ => {
                let detail = "the version is `2012-10-17` or `2008-10-17`";
                let span = member.node.span;
                return Err(self.fault(PolicyFault::InvalidVersion, detail, &path, span));
            }
        };
        self.require_2012(version, member.node.span)
    }

    /// SPEC: access-control, 2.1 (resource control policies).
    fn require_2012(&self, version: PolicyVersion, span: Span) -> Parsed<PolicyVersion> {
        if self.kind == PolicyKind::ResourceControl && version != PolicyVersion::V2012 {
            let path = Path::DOCUMENT.member("Version");
            let detail = "a resource control policy has the version `2012-10-17`";
            return Err(self.fault(PolicyFault::InvalidVersion, detail, &path, span));
        }
        Ok(version)
    }

    fn statements(
        &self,
        node: &Node,
        principals: &mut Vec<PrincipalEntry>,
    ) -> Parsed<Vec<Statement>> {
        let path = Path::DOCUMENT.member("Statement");
        let mut statements: Vec<Statement> = Vec::new();
        match &node.value {
            Value::Object(_) => statements.push(self.statement(node, &path, 0, principals)?),
            Value::Array(nodes) if nodes.is_empty() => {
                let detail = "`Statement` is empty";
                return Err(self.fault(PolicyFault::EmptyStatement, detail, &path, node.span));
            }
            Value::Array(nodes) => {
                for (index, node) in nodes.iter().enumerate() {
                    let path = path.index(index);
                    statements.push(self.statement(node, &path, index, principals)?);
                }
            }
            _ => return Err(self.wrong_type("an object or an array of objects", &path, node.span)),
        }
        self.check_sids(&statements, &path)?;
        Ok(statements)
    }

    /// SPEC: access-control, 1.1 (`Sid`).
    fn check_sids(&self, statements: &[Statement], path: &Path<'_>) -> Parsed<()> {
        if !self.kind.has_strict_sids() {
            return Ok(());
        }
        let mut known = std::collections::BTreeSet::new();
        for (index, statement) in statements.iter().enumerate() {
            let Some(sid) = &statement.sid else {
                continue;
            };
            let path = path.index(index);
            let path = path.member("Sid");
            let span = statement.spans.statement;
            if !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                let detail = "a statement id has letters and digits only";
                return Err(self.fault(PolicyFault::InvalidSid, detail, &path, span));
            }
            if !sid.is_empty() && !known.insert(sid) {
                let detail = format!("two statements have the id `{sid}`");
                return Err(self.fault(PolicyFault::DuplicateSid, detail, &path, span));
            }
        }
        Ok(())
    }

    fn statement(
        &self,
        node: &Node,
        path: &Path<'_>,
        index: usize,
        principals: &mut Vec<PrincipalEntry>,
    ) -> Parsed<Statement> {
        let members = self.object(node, path)?;
        if let Some(member) = members.iter().find(|member| !ELEMENTS.contains(&&*member.name)) {
            return Err(self.unknown(member, path));
        }
        let sid = match find(members, "Sid") {
            None => None,
            Some(member) => Some(self.string(&member.node, &path.member("Sid"))?.into()),
        };
        let effect = self.effect(members, path, node.span)?;
        let principal = self.principal(members, path, node.span, effect)?;
        let action = self.action(members, path, node.span)?;
        let resource = self.resource(members, path, node.span)?;
        let conditions = self.conditions(members, path)?;
        let span_of = |names: [&str; 2]| {
            let member = names.iter().find_map(|name| find(members, name));
            member.map_or(node.span, |member| member.node.span)
        };
        let spans = Spans {
            statement: node.span,
            principal: span_of(["Principal", "NotPrincipal"]),
            action: span_of(["Action", "NotAction"]),
            resource: span_of(["Resource", "NotResource"]),
            condition: span_of(["Condition", "Condition"]),
        };
        let principal = principal.map(|clause| {
            let (named, spans): (Vec<_>, Vec<_>) = clause.entries.into_vec().into_iter().unzip();
            let entries = named.iter().zip(spans).map(|(principal, span)| PrincipalEntry {
                statement: index,
                principal: principal.clone(),
                span,
            });
            principals.extend(entries);
            Clause { negated: clause.negated, entries: named.into() }
        });
        let statement = Statement { sid, effect, principal, action, resource, conditions, spans };
        self.check_resource_control(&statement, path)?;
        Ok(statement)
    }

    fn effect(&self, members: &[Member], path: &Path<'_>, span: Span) -> Parsed<Effect> {
        let Some(member) = find(members, "Effect") else {
            let detail = "the statement has no `Effect`";
            return Err(self.fault(PolicyFault::MissingEffect, detail, path, span));
        };
        match &member.node.value {
            Value::String(text) if **text == *"Allow" => Ok(Effect::Allow),
            Value::String(text) if **text == *"Deny" => Ok(Effect::Deny),
            _ => {
                let detail = "the effect is `Allow` or `Deny`";
                let (path, span) = (path.member("Effect"), member.node.span);
                Err(self.fault(PolicyFault::InvalidEffect, detail, &path, span))
            }
        }
    }

    /// One of two members that exclude each other, and whether it is the negated one.
    fn one_of<'n>(
        &self,
        members: &'n [Member],
        names: [&'static str; 2],
        path: &Path<'_>,
    ) -> Parsed<Option<(&'n Node, &'static str, bool)>> {
        let [plain, negated] = names;
        match (find(members, plain), find(members, negated)) {
            (None, None) => Ok(None),
            (Some(member), None) => Ok(Some((&member.node, plain, false))),
            (None, Some(member)) => Ok(Some((&member.node, negated, true))),
            (Some(_), Some(member)) => {
                let detail = format!("`{plain}` and `{negated}` exclude each other");
                let fault = PolicyFault::ElementCombination;
                Err(self.fault(fault, detail, path, member.name_span))
            }
        }
    }

    /// SPEC: access-control, 1.1 and 1.2.
    fn principal(
        &self,
        members: &[Member],
        path: &Path<'_>,
        span: Span,
        effect: Effect,
    ) -> Parsed<Option<Clause<(PolicyPrincipal, Span)>>> {
        let found = self.one_of(members, ["Principal", "NotPrincipal"], path)?;
        let Some((node, name, negated)) = found else {
            if !self.kind.has_principals() {
                return Ok(None);
            }
            let detail = "the statement has no `Principal`";
            return Err(self.fault(PolicyFault::MissingPrincipal, detail, path, span));
        };
        let path = &path.member(name);
        if !self.kind.has_principals() {
            let detail = "the policy belongs to a principal and names none";
            return Err(self.fault(PolicyFault::PrincipalNotAllowed, detail, path, node.span));
        }
        if negated && effect == Effect::Allow {
            let detail = "`NotPrincipal` can only deny";
            return Err(self.fault(PolicyFault::AllowWithNotPrincipal, detail, path, node.span));
        }
        if negated && self.kind == PolicyKind::Trust {
            let detail = "a trust policy has no `NotPrincipal`";
            return Err(self.fault(PolicyFault::UnsupportedElement, detail, path, node.span));
        }
        let mut entries = Vec::new();
        match &node.value {
            Value::String(text) if **text == *"*" => {
                entries.push((PolicyPrincipal::Everyone, node.span));
            }
            Value::Object(kinds) => {
                for member in kinds {
                    let path = path.member(&member.name);
                    for (text, span) in self.texts(&member.node, &path)? {
                        let principal = PolicyPrincipal::parse(&member.name, text);
                        let Some(principal) = principal.filter(|named| self.may_name(named)) else {
                            let detail = format!("`{text}` is no principal");
                            let fault = PolicyFault::InvalidPrincipal;
                            return Err(self.fault(fault, detail, &path, span));
                        };
                        entries.push((principal, span));
                    }
                }
            }
            _ => {
                let detail = "a principal is `*` or an object";
                return Err(self.fault(PolicyFault::InvalidPrincipal, detail, path, node.span));
            }
        }
        if entries.is_empty() && (negated || self.kind.is_s3()) {
            let detail = "the list of principals is empty";
            return Err(self.fault(PolicyFault::InvalidPrincipal, detail, path, node.span));
        }
        Ok(Some(Clause { negated, entries: entries.into() }))
    }

    /// Canonical ids are S3's own. SPEC: access-control, 1.2.
    fn may_name(&self, principal: &PolicyPrincipal) -> bool {
        self.kind.is_s3() || !matches!(principal, PolicyPrincipal::CanonicalUser(_))
    }

    fn action(
        &self,
        members: &[Member],
        path: &Path<'_>,
        span: Span,
    ) -> Parsed<Clause<ActionPattern>> {
        let found = self.one_of(members, ["Action", "NotAction"], path)?;
        let Some((node, name, negated)) = found else {
            let detail = "the statement has no `Action`";
            return Err(self.fault(PolicyFault::MissingAction, detail, path, span));
        };
        let path = &path.member(name);
        let mut entries = Vec::new();
        for (text, span) in self.texts(node, path)? {
            let Some(pattern) = ActionPattern::parse(text) else {
                let detail = format!("`{text}` is no action");
                return Err(self.fault(PolicyFault::InvalidAction, detail, path, span));
            };
            entries.push(pattern);
        }
        self.check_not_empty(entries.is_empty(), negated, PolicyFault::MissingAction, path, node)?;
        Ok(Clause { negated, entries: entries.into() })
    }

    fn resource(
        &self,
        members: &[Member],
        path: &Path<'_>,
        span: Span,
    ) -> Parsed<Option<Clause<ResourceEntry>>> {
        let found = self.one_of(members, ["Resource", "NotResource"], path)?;
        let Some((node, name, negated)) = found else {
            if self.kind == PolicyKind::Trust {
                return Ok(None);
            }
            let detail = "the statement has no `Resource`";
            return Err(self.fault(PolicyFault::MissingResource, detail, path, span));
        };
        let path = &path.member(name);
        if self.kind == PolicyKind::Trust {
            let detail = "a trust policy has no `Resource`: it is about its role";
            return Err(self.fault(PolicyFault::UnsupportedElement, detail, path, node.span));
        }
        let mut entries = Vec::new();
        for (text, span) in self.texts(node, path)? {
            let short = self.kind.has_short_arns();
            let pattern = ArnPattern::resource(text, self.variables, short).map_err(|error| {
                let fault = match error {
                    ArnFault::Variable(_) | ArnFault::VariableSegment => {
                        PolicyFault::InvalidVariable
                    }
                    ArnFault::NotAnArn | ArnFault::TooShort | ArnFault::WildcardService => {
                        PolicyFault::InvalidResource
                    }
                };
                self.fault(fault, format!("`{text}`: {error}"), path, span)
            })?;
            entries.push(ResourceEntry { text: text.into(), pattern });
        }
        let fault = PolicyFault::MissingResource;
        self.check_not_empty(entries.is_empty(), negated, fault, path, node)?;
        Ok(Some(Clause { negated, entries: entries.into() }))
    }

    /// An empty list matches nothing; negated it would match everything, which nobody means.
    fn check_not_empty(
        &self,
        empty: bool,
        negated: bool,
        fault: PolicyFault,
        path: &Path<'_>,
        node: &Node,
    ) -> Parsed<()> {
        if empty && (negated || self.kind.is_s3()) {
            return Err(self.fault(fault, "the list is empty", path, node.span));
        }
        Ok(())
    }

    /// SPEC: access-control, 1.5.
    fn conditions(&self, members: &[Member], path: &Path<'_>) -> Parsed<Box<[Condition]>> {
        let Some(member) = find(members, "Condition") else {
            return Ok(Box::default());
        };
        let path = &path.member("Condition");
        let mut conditions = Vec::new();
        for member in self.object(&member.node, path)? {
            let Some(operator) = Operator::parse(&member.name) else {
                let detail = format!("Invalid Condition type : {}", member.name);
                let fault = PolicyFault::InvalidConditionOperator;
                return Err(self.fault(fault, detail, path, member.name_span));
            };
            let path = &path.member(&member.name);
            let mut keys: Vec<Box<str>> = Vec::new();
            for key in self.object(&member.node, path)? {
                let condition = self.condition(operator, &member.name, key, path)?;
                // SECURITY: the reader sees two names where the evaluator sees one.
                if keys.contains(&condition.key) {
                    let detail = format!("the key `{}` stands twice", key.name);
                    let fault = PolicyFault::InvalidConditionKey;
                    return Err(self.fault(fault, detail, path, key.name_span));
                }
                keys.push(condition.key.clone());
                conditions.push(condition);
            }
        }
        Ok(conditions.into())
    }

    fn condition(
        &self,
        operator: Operator,
        operator_name: &str,
        key: &Member,
        path: &Path<'_>,
    ) -> Parsed<Condition> {
        let well_formed = match key.name.split_once(':') {
            Some((service, name)) => {
                !service.is_empty() && !name.is_empty() && !name.ends_with('/')
            }
            None => false,
        };
        if !well_formed {
            let detail = format!("`{}` is no condition key: SERVICE:NAME", key.name);
            return Err(self.fault(PolicyFault::InvalidConditionKey, detail, path, key.name_span));
        }
        let path = &path.member(&key.name);
        let values = self.scalars(&key.node, path)?;
        Condition::new(operator, operator_name, &key.name, values, self.variables).map_err(
            |error| {
                let fault = match error {
                    OperandFault::Variable(_)
                    | OperandFault::VariableForOperator
                    | OperandFault::Arn(ArnFault::Variable(_)) => PolicyFault::InvalidVariable,
                    _ => PolicyFault::InvalidConditionValue,
                };
                let detail = format!("Invalid value for {operator_name}: {error}");
                self.fault(fault, detail, path, key.node.span)
            },
        )
    }

    /// What resource control policies may say.
    ///
    /// SPEC: access-control, 2.1. The one that allows everything is made by the service.
    fn check_resource_control(&self, statement: &Statement, path: &Path<'_>) -> Parsed<()> {
        if self.kind != PolicyKind::ResourceControl {
            return Ok(());
        }
        let everyone = statement.principal.as_ref().is_some_and(|clause| {
            !clause.negated && *clause.entries == [PolicyPrincipal::Everyone]
        });
        if !everyone {
            let detail = "a resource control policy is about everyone: `\"Principal\": \"*\"`";
            let span = statement.spans.principal;
            return Err(self.fault(PolicyFault::InvalidPrincipal, detail, path, span));
        }
        let bare = statement.action.entries.iter().any(|entry| entry.service().is_none());
        let full_access = statement.effect == Effect::Allow
            && !statement.action.negated
            && bare
            && statement.resource.as_ref().is_some_and(Clause::is_everything)
            && statement.conditions.is_empty();
        if full_access {
            return Ok(());
        }
        if statement.effect == Effect::Allow {
            let (detail, span) =
                ("a resource control policy can only deny", statement.spans.statement);
            return Err(self.fault(PolicyFault::InvalidEffect, detail, path, span));
        }
        if statement.action.negated || bare {
            let detail = "a resource control policy names actions with their service";
            let span = statement.spans.action;
            return Err(self.fault(PolicyFault::InvalidAction, detail, path, span));
        }
        Ok(())
    }

    fn object<'n>(&self, node: &'n Node, path: &Path<'_>) -> Parsed<&'n [Member]> {
        match &node.value {
            Value::Object(members) => Ok(members),
            _ => Err(self.wrong_type("an object", path, node.span)),
        }
    }

    fn string<'n>(&self, node: &'n Node, path: &Path<'_>) -> Parsed<&'n str> {
        match &node.value {
            Value::String(text) => Ok(text),
            _ => Err(self.wrong_type("a string", path, node.span)),
        }
    }

    /// A string or an array of strings.
    fn texts<'n>(&self, node: &'n Node, path: &Path<'_>) -> Parsed<Vec<(&'n str, Span)>> {
        match &node.value {
            Value::String(text) => Ok(vec![(text, node.span)]),
            Value::Array(nodes) => {
                nodes.iter().map(|node| Ok((self.string(node, path)?, node.span))).collect()
            }
            _ => Err(self.wrong_type("a string or an array of strings", path, node.span)),
        }
    }

    /// A scalar or an array of scalars. Numbers and booleans need no quotes.
    ///
    /// SPEC: access-control, 1.1.
    fn scalars(&self, node: &Node, path: &Path<'_>) -> Parsed<Vec<Box<str>>> {
        let scalar = |node: &Node| match &node.value {
            Value::String(text) | Value::Number(text) => Ok(text.clone()),
            Value::Bool(true) => Ok("true".into()),
            Value::Bool(false) => Ok("false".into()),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                Err(self.wrong_type("a string, a number or a boolean", path, node.span))
            }
        };
        match &node.value {
            Value::Array(nodes) => nodes.iter().map(scalar).collect(),
            _ => Ok(vec![scalar(node)?]),
        }
    }

    fn wrong_type(&self, wanted: &str, path: &Path<'_>, span: Span) -> PolicyError {
        self.fault(PolicyFault::DataType, format!("this must be {wanted}"), path, span)
    }

    fn unknown(&self, member: &Member, path: &Path<'_>) -> PolicyError {
        let detail = format!("Unknown field {}", member.name);
        self.fault(PolicyFault::UnknownElement, detail, path, member.name_span)
    }
}

impl Clause<ResourceEntry> {
    /// Whether this is `"Resource": "*"`.
    fn is_everything(&self) -> bool {
        !self.negated && self.entries.iter().any(|entry| *entry.text == *"*")
    }
}

fn find<'n>(members: &'n [Member], name: &str) -> Option<&'n Member> {
    members.iter().find(|member| *member.name == *name)
}

const ZERO: Span = Span { start: 0, end: 0 };

/// All members that a statement can have.
const ELEMENTS: &[&str] = &[
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];
