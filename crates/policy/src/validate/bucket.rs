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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::PolicyKind;

    fn check(members: &str) -> Result<(), (PolicyFault, String)> {
        let text = format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", {members}}}]}}"#
        );
        let known = |principal: &PolicyPrincipal| {
            principal.to_string().ends_with("alice")
                || matches!(principal, PolicyPrincipal::Account(_))
        };
        Policy::parse(PolicyKind::Bucket, text.as_bytes())
            .and_then(|policy| policy.check_for_bucket(&"bkt".parse().unwrap(), &known))
            .map_err(|error| (error.fault(), error.s3_message().to_owned()))
    }

    fn refused(members: &str) -> String {
        check(members).expect_err(members).1
    }

    const EVERYONE: &str = r#""Principal": "*""#;

    #[test]
    fn principals_must_exist() {
        let named = |principal: &str| {
            check(&format!(
                r#""Principal": {{"AWS": "{principal}"}}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bkt/*""#
            ))
        };
        assert!(named("arn:aws:iam::111111111111:user/alice").is_ok());
        assert!(named("111111111111").is_ok() && named("*").is_ok());
        let (fault, message) = named("arn:aws:iam::111111111111:user/nobody").unwrap_err();
        assert_eq!(
            (fault, &*message),
            (PolicyFault::InvalidPrincipal, "Invalid principal in policy")
        );
        assert!(named("AIDA00000000000ALICE0").is_err(), "an id is what is left of the deleted");
    }

    #[test]
    fn actions_must_be_of_s3() {
        let with = |action: &str| {
            format!(r#"{EVERYONE}, "Action": "{action}", "Resource": "arn:aws:s3:::bkt/*""#)
        };
        assert!(check(&with("s3:getobject")).is_ok() && check(&with("s3:*")).is_ok());
        assert!(check(&with("*")).is_ok());
        for bad in ["s3:Foo", "iam:CreateUser", "s3:Foo*"] {
            assert_eq!(refused(&with(bad)), "Policy has invalid action", "{bad}");
        }
    }

    #[test]
    fn resources_must_be_of_this_bucket() {
        let with = |resource: &str| {
            format!(
                r#"{EVERYONE}, "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "{resource}""#
            )
        };
        for good in [
            "arn:aws:s3:::bkt",
            "arn:aws:s3:::bkt/*",
            "arn:aws:s3:::bkt*",
            "arn:aws:s3:::bkt/${aws:username}/x",
        ] {
            assert!(check(&with(good)).is_ok(), "{good}");
        }
        for bad in [
            "*",
            "arn:aws:s3:::other/*",
            "arn:aws:s3:::bkt2",
            "arn:aws:s3:::b*",
            "arn:aws:s3:::*",
            "arn:aws:s3:::bkt/",
            "arn:aws:s3:us-east-1::bkt",
            "arn:aws:sqs:::bkt",
        ] {
            assert_eq!(refused(&with(bad)), "Policy has invalid resource", "{bad}");
        }
    }

    #[test]
    fn an_action_must_apply_to_a_resource() {
        let with = |action: &str, resource: &str| {
            format!(r#"{EVERYONE}, "Action": {action}, "Resource": "arn:aws:s3:::{resource}""#)
        };
        let message = "Action does not apply to any resource(s) in statement";
        assert_eq!(refused(&with(r#""s3:PutObject""#, "bkt")), message);
        assert_eq!(refused(&with(r#""s3:ListBucket""#, "bkt/*")), message);
        assert_eq!(refused(&with(r#""s3:ListAllMyBuckets""#, "bkt")), message);
        assert!(check(&with(r#""s3:PutObject""#, "bkt*")).is_ok());
        assert!(check(&with(r#"["s3:ListBucket", "s3:GetObject"]"#, "bkt/*")).is_ok());
    }

    #[test]
    fn condition_keys_must_belong_to_an_action() {
        let with = |action: &str, key: &str| {
            format!(
                r#"{EVERYONE}, "Action": "{action}", "Resource": "arn:aws:s3:::bkt*", "Condition": {{"StringEquals": {{"{key}": "x"}}}}"#
            )
        };
        assert!(check(&with("s3:ListBucket", "s3:prefix")).is_ok());
        assert!(check(&with("s3:*", "s3:prefix")).is_ok());
        assert!(check(&with("s3:GetObject", "aws:PrincipalTag/t")).is_ok());
        assert!(check(&with("s3:GetObject", "s3:ExistingObjectTag/t")).is_ok());
        assert!(check(&with("s3:GetObject", "s3:authType")).is_ok());
        let message =
            "Conditions do not apply to combination of actions and resources in statement";
        assert_eq!(refused(&with("s3:GetObject", "s3:prefix")), message);
        for bad in ["s3:Foo", "aws:Foo", "foo:bar"] {
            assert_eq!(refused(&with("s3:GetObject", bad)), "Policy has an invalid condition key");
        }
    }
}
