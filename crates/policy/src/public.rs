//! Whether a policy of a resource is public, by the published rules.
//!
//! These rules are the normative classification. They look at the form of statements and not at what
//! can be reached; what they do not recognise as limited is public.
//!
//! SPEC: access-control, 4.3.1.

use strongroom_types::AccountId;

use crate::catalog;
use crate::condition::{BoolOperand, Condition, Operands, Qualifier, Test};
use crate::document::{Effect, Policy, PolicyKind, Statement};
use crate::principal::PolicyPrincipal;

/// Whether some `Allow` of the policy is public. `Deny` statements do not count: they do not make a
/// public `Allow` less so.
pub(crate) fn is_public(policy: &Policy) -> bool {
    let kind = policy.kind();
    kind.is_s3()
        && policy
            .statements()
            .iter()
            .any(|statement| statement.effect == Effect::Allow && is_open(statement, kind))
}

/// Whether an `Allow` is public.
fn is_open(statement: &Statement, kind: PolicyKind) -> bool {
    // An action that S3 does not know could be one tomorrow.
    let unknown =
        statement.action.entries.iter().any(|entry| catalog::s3_actions(entry).count() == 0);
    if unknown && !statement.action.negated {
        return true;
    }
    let Some(principal) = &statement.principal else {
        return true;
    };
    let federated = |entry: &PolicyPrincipal| matches!(entry, PolicyPrincipal::Federated(_));
    if principal.negated || principal.entries.iter().any(federated) {
        return true;
    }
    let everyone = principal.entries.contains(&PolicyPrincipal::Everyone);
    everyone && !statement.conditions.iter().any(|condition| is_limiting(condition, kind))
}

/// Whether a condition limits everyone to somebody.
fn is_limiting(condition: &Condition, kind: PolicyKind) -> bool {
    let operator = condition.operator;
    // Each of these is true for a request that says nothing of itself.
    if operator.negated || operator.if_exists || condition.values.is_empty() {
        return false;
    }
    let in_list = match operator.qualifier {
        Some(Qualifier::ForAllValues) => return false,
        Some(Qualifier::ForAnyValue) => true,
        None => false,
    };
    let all = |fits: &dyn Fn(&str) -> bool| condition.values.iter().all(|value| fits(value));
    let equals = matches!(operator.test, Test::StringEquals | Test::StringEqualsIgnoreCase);
    let text = equals || operator.test == Test::StringLike;
    let arn = operator.test == Test::Arn;
    match &*condition.key {
        // SECURITY: `anonymous` is the account of callers without one.
        "aws:principalaccount" => text && all(&|value| value.parse::<AccountId>().is_ok()),
        "aws:principalorgid"
        | "aws:sourceaccount"
        | "aws:sourceowner"
        | "aws:sourcevpc"
        | "aws:sourcevpce"
        | "aws:vpceaccount"
        | "aws:vpceorgid"
        | "aws:userid"
        | "aws:principalservicename"
        | "s3:dataaccesspointaccount" => text && all(&is_fixed),
        "aws:sourceorgid" => text && all(&is_in_organization),
        "aws:principalorgpaths" | "aws:vpceorgpaths" | "aws:sourceorgpaths" => {
            text && in_list && all(&is_in_organization)
        }
        "aws:principalarn" => {
            (arn && all(&|value| is_of_account(value)))
                || (operator.test == Test::StringEquals
                    && all(&|value| is_fixed(value) && is_of_account(value)))
        }
        "aws:sourcearn" | "aws:sourcevpcarn" => {
            (arn || text) && all(&|value| is_of_account(value) || is_of_bucket(value))
        }
        "s3:dataaccesspointarn" if kind == PolicyKind::AccessPoint => {
            (arn || text) && all(&|value| is_fixed(value) && is_of_account(value))
        }
        "s3:dataaccesspointarn" => (arn || text) && all(&is_of_account),
        "aws:sourceip" => match condition.operands() {
            Operands::Ranges(ranges) => ranges.iter().all(|range| range.is_narrow()),
            _ => false,
        },
        "aws:principalisawsservice" => match condition.operands() {
            Operands::Bools(values) => {
                values.iter().all(|value| matches!(value, BoolOperand::Fixed(true)))
            }
            _ => false,
        },
        _ => false,
    }
}

/// No wildcard and no variable.
fn is_fixed(value: &str) -> bool {
    !value.is_empty() && !value.contains(['*', '?']) && !value.contains("${")
}

/// An organization's id, or a path in it: what varies, varies behind the id.
fn is_in_organization(value: &str) -> bool {
    let (id, _) = value.split_once('/').unwrap_or((value, ""));
    id.starts_with("o-") && is_fixed(id) && !value.contains("${")
}

/// An ARN of an account that is written out: what varies, varies behind it.
fn is_of_account(value: &str) -> bool {
    let parts: Vec<&str> = value.splitn(6, ':').collect();
    let &["arn", partition, service, region, account, resource] = parts.as_slice() else {
        return false;
    };
    let written = |text: &str| !text.contains(['*', '?']);
    account.parse::<AccountId>().is_ok()
        && written(partition)
        && written(service)
        && written(region)
        && !value.contains("${")
        && !resource.is_empty()
}

/// An S3 ARN, which has no account, of a bucket that is written out.
fn is_of_bucket(value: &str) -> bool {
    let Some(resource) = value.strip_prefix("arn:aws:s3:::") else {
        return false;
    };
    let (bucket, _) = resource.split_once('/').unwrap_or((resource, ""));
    is_fixed(bucket) && !value.contains("${")
}
