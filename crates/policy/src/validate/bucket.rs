//! What a bucket accepts as its policy.
//!
//! SPEC: access-control, 1.7.

use strongroom_types::BucketName;

use crate::catalog::{self, ActionRow};
use crate::document::{Policy, Statement};
use crate::error::{PolicyError, PolicyFault};
use crate::json::Span;
use crate::principal::PolicyPrincipal;

impl Policy {
    /// Checks what a bucket refuses in its policy, beyond the grammar: principals that do not exist,
    /// actions that S3 does not know, resources of others, and combinations without effect.
    ///
    /// `exists` says whether a principal exists; it is asked about everyone but `*`.
    ///
    /// # Errors
    /// With the first thing that is wrong, and its place.
    pub fn check_for_bucket(
        &self,
        bucket: &BucketName,
        exists: &dyn Fn(&PolicyPrincipal) -> bool,
    ) -> Result<(), PolicyError> {
        self.check_principals(exists)?;
        for (index, statement) in self.statements().iter().enumerate() {
            let check = StatementCheck { policy: self, statement, index };
            check.actions()?;
            let covered = check.resources(bucket.as_str())?;
            check.applicability(covered)?;
            check.conditions(covered)?;
        }
        Ok(())
    }

    /// Checks that everyone whom the policy names exists. A unique id does not: it is what is shown of
    /// a principal that was deleted.
    ///
    /// SPEC: access-control, 1.2.
    ///
    /// # Errors
    /// With the first principal that does not exist.
    pub fn check_principals(
        &self,
        exists: &dyn Fn(&PolicyPrincipal) -> bool,
    ) -> Result<(), PolicyError> {
        for entry in self.principals() {
            let fine = match &entry.principal {
                PolicyPrincipal::Everyone => true,
                PolicyPrincipal::UniqueId(_) => false,
                other => exists(other),
            };
            if !fine {
                let path = format!("Statement[{}].Principal", entry.statement);
                let detail = format!("the principal `{}` does not exist", entry.principal);
                let place = self.place(path, entry.span);
                return Err(PolicyError::new(PolicyFault::InvalidPrincipal, detail, place));
            }
        }
        Ok(())
    }
}

/// Which of its resources a statement is about.
#[derive(Debug, Clone, Copy, Default)]
struct Covered {
    bucket: bool,
    objects: bool,
}

struct StatementCheck<'a> {
    policy: &'a Policy,
    statement: &'a Statement,
    index: usize,
}

impl StatementCheck<'_> {
    fn fault(&self, fault: PolicyFault, detail: String, element: &str, span: Span) -> PolicyError {
        let path = format!("Statement[{}].{element}", self.index);
        PolicyError::new(fault, detail, self.policy.place(path, span))
    }

    fn actions(&self) -> Result<(), PolicyError> {
        for entry in &self.statement.action.entries {
            if catalog::s3_actions(entry).next().is_none() {
                let detail = format!("S3 has no action `{}`", entry.as_str());
                let span = self.statement.spans.action;
                return Err(self.fault(PolicyFault::InvalidAction, detail, "Action", span));
            }
        }
        Ok(())
    }

    /// Every resource is this bucket or in it, written out up to the end of its name.
    fn resources(&self, bucket: &str) -> Result<Covered, PolicyError> {
        let mut covered = Covered::default();
        let Some(resource) = &self.statement.resource else {
            return Ok(covered);
        };
        for entry in &resource.entries {
            let text = &entry.text;
            let rest =
                text.strip_prefix("arn:aws:s3:::").and_then(|rest| rest.strip_prefix(bucket));
            let fits = match rest {
                Some("") => {
                    covered.bucket = true;
                    true
                }
                Some(rest) if rest.starts_with('/') && rest.len() > 1 => {
                    covered.objects = true;
                    true
                }
                Some(rest) if rest.starts_with(['*', '?']) => {
                    covered.objects = true;
                    covered.bucket |= rest.bytes().all(|byte| byte == b'*');
                    true
                }
                _ => false,
            };
            if !fits {
                let detail = format!("`{text}` is not this bucket and not in it");
                let span = self.statement.spans.resource;
                return Err(self.fault(PolicyFault::InvalidResource, detail, "Resource", span));
            }
        }
        if resource.negated {
            return Ok(Covered { bucket: true, objects: true });
        }
        Ok(covered)
    }

    /// The actions of S3 that the statement is about; all for `NotAction`.
    fn rows(&self) -> Vec<&'static ActionRow> {
        let action = &self.statement.action;
        let Some(service) = catalog::service("s3") else {
            return Vec::new();
        };
        if action.negated {
            return service.actions.iter().collect();
        }
        action.entries.iter().flat_map(catalog::s3_actions).collect()
    }

    fn applicability(&self, covered: Covered) -> Result<(), PolicyError> {
        if self.rows().into_iter().any(|row| applies(row, covered)) {
            return Ok(());
        }
        let detail = "no action of the statement applies to one of its resources".to_owned();
        let span = self.statement.spans.action;
        Err(self.fault(PolicyFault::ActionResourceMismatch, detail, "Action", span))
    }

    fn conditions(&self, covered: Covered) -> Result<(), PolicyError> {
        let span = self.statement.spans.condition;
        let rows = self.rows();
        for condition in &self.statement.conditions {
            let (key, service) = (&*condition.key, catalog::service("s3"));
            if catalog::key_type(key).is_none() {
                let detail = format!("there is no condition key `{key}`");
                let fault = PolicyFault::InvalidConditionKey;
                return Err(self.fault(fault, detail, "Condition", span));
            }
            let global = !key.starts_with("s3:");
            let supported = global
                || service.is_some_and(|service| {
                    rows.iter().any(|row| applies(row, covered) && row.has_key(service, key))
                });
            if !supported {
                let detail = format!("no action of the statement has the condition key `{key}`");
                let fault = PolicyFault::ConditionMismatch;
                return Err(self.fault(fault, detail, "Condition", span));
            }
        }
        Ok(())
    }
}

/// Whether an action can be limited to the bucket or to its objects, and the statement covers these.
fn applies(row: &ActionRow, covered: Covered) -> bool {
    let on = |name| row.resources.contains(&name);
    (covered.bucket && on("bucket")) || (covered.objects && on("object"))
}
