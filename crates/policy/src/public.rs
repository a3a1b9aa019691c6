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

#[cfg(test)]
mod tests {
    use super::*;

    fn public_as(kind: PolicyKind, principal: &str, condition: &str) -> bool {
        let resource = match kind {
            PolicyKind::AccessPoint => "arn:aws:s3:us-east-1:111111111111:accesspoint/ap/object/*",
            _ => "arn:aws:s3:::b/*",
        };
        let text = format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Principal": {principal},
            "Action": "s3:GetObject", "Resource": "{resource}", "Condition": {condition}}}}}"#
        );
        Policy::parse(kind, text.as_bytes()).unwrap_or_else(|e| panic!("{e}: {text}")).is_public()
    }

    /// Everyone, under `operator` over `key` with one value.
    fn public(operator: &str, key: &str, value: &str) -> bool {
        let condition = format!(r#"{{"{operator}": {{"{key}": "{value}"}}}}"#);
        public_as(PolicyKind::Bucket, r#""*""#, &condition)
    }

    #[test]
    fn fixed_principals_are_not_public() {
        let named = |principal: &str| public_as(PolicyKind::Bucket, principal, "{}");
        assert!(named(r#""*""#) && named(r#"{"AWS": "*"}"#));
        assert!(named(r#"{"AWS": ["111111111111", "*"]}"#));
        assert!(!named(r#"{"AWS": ["111111111111", "arn:aws:iam::111111111111:user/alice"]}"#));
        assert!(!named(r#"{"Service": "logging.s3.amazonaws.com"}"#));
        assert!(named(r#"{"Federated": "accounts.google.com"}"#));
    }

    #[test]
    fn keys_that_limit_everyone() {
        for (operator, key, value) in [
            ("StringEquals", "aws:PrincipalOrgID", "o-a1b2c3d4e5"),
            ("StringEqualsIgnoreCase", "aws:SourceAccount", "111111111111"),
            ("StringEquals", "aws:PrincipalAccount", "111111111111"),
            ("StringLike", "aws:SourceVpce", "vpce-1a2b"),
            ("StringEquals", "AWS:sourcevpc", "vpc-1a2b"),
            ("StringEquals", "aws:VpceAccount", "111111111111"),
            ("StringEquals", "aws:VpceOrgID", "o-a1b2c3d4e5"),
            ("StringEquals", "aws:SourceOwner", "111111111111"),
            ("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-a1b2c3d4e5/*"),
            ("StringEquals", "aws:SourceOrgID", "o-a1b2c3d4e5"),
            ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::111111111111:role/*"),
            ("StringEquals", "aws:PrincipalArn", "arn:aws:iam::111111111111:role/r"),
            ("ArnLike", "aws:SourceArn", "arn:aws:sns:us-east-1:111111111111:*"),
            ("ArnEquals", "aws:SourceArn", "arn:aws:s3:::source"),
            ("IpAddress", "aws:SourceIp", "203.0.0.0/8"),
            ("IpAddress", "aws:SourceIp", "10.0.0.0/8"),
            ("IpAddress", "aws:SourceIp", "2001:db8::/32"),
            ("StringEquals", "aws:userid", "AIDA00000000000000000"),
            ("Bool", "aws:PrincipalIsAWSService", "true"),
            ("StringEquals", "aws:PrincipalServiceName", "x.amazonaws.com"),
            ("StringEquals", "s3:DataAccessPointAccount", "111111111111"),
            ("ArnLike", "s3:DataAccessPointArn", "arn:aws:s3:us-east-1:111111111111:accesspoint/*"),
        ] {
            assert!(!public(operator, key, value), "{operator} {key} {value}");
        }
    }

    #[test]
    fn what_does_not_limit_everyone() {
        for (operator, key, value) in [
            ("StringNotEquals", "aws:PrincipalOrgID", "o-a1b2c3d4e5"),
            ("StringEqualsIfExists", "aws:PrincipalOrgID", "o-a1b2c3d4e5"),
            ("ForAllValues:StringEquals", "aws:PrincipalOrgID", "o-a1b2c3d4e5"),
            ("StringLike", "aws:PrincipalOrgID", "o-*"),
            ("StringEquals", "aws:PrincipalOrgID", "${aws:PrincipalOrgID}"),
            ("StringEquals", "aws:PrincipalAccount", "anonymous"),
            ("StringLike", "aws:SourceVpce", "vpce-*"),
            ("StringLike", "aws:PrincipalOrgPaths", "o-a1b2c3d4e5/*"),
            ("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-a1b2*"),
            ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/x"),
            ("StringLike", "aws:PrincipalArn", "arn:aws:iam::111111111111:role/*"),
            ("ArnLike", "aws:SourceArn", "arn:aws:sns:*:111111111111:x"),
            ("ArnLike", "aws:SourceArn", "arn:aws:s3:::sou*"),
            ("IpAddress", "aws:SourceIp", "202.0.0.0/7"),
            ("IpAddress", "aws:SourceIp", "2001:db8::/31"),
            ("NotIpAddress", "aws:SourceIp", "203.0.113.9"),
            ("StringLike", "aws:userid", "AROA00000000000000000:*"),
            ("Bool", "aws:PrincipalIsAWSService", "false"),
            ("ArnLike", "s3:DataAccessPointArn", "arn:aws:s3:*:*:accesspoint/ap"),
            ("StringEquals", "aws:Referer", "https://example.com"),
            ("StringEquals", "aws:UserAgent", "x"),
            ("DateLessThan", "aws:CurrentTime", "2030"),
            ("Bool", "aws:SecureTransport", "true"),
            ("StringEquals", "s3:prefix", "x"),
            ("StringEquals", "s3:ExistingObjectTag/public", "no"),
            ("Null", "aws:SourceVpce", "false"),
            ("StringEquals", "s3:x-amz-server-side-encryption-aws-kms-key-id", "k"),
        ] {
            assert!(public(operator, key, value), "{operator} {key} {value}");
        }
    }

    #[test]
    fn an_access_point_is_stricter_about_access_points() {
        let limited = |arn: &str| {
            let condition = format!(r#"{{"ArnLike": {{"s3:DataAccessPointArn": "{arn}"}}}}"#);
            !public_as(PolicyKind::AccessPoint, r#""*""#, &condition)
        };
        assert!(limited("arn:aws:s3:us-east-1:111111111111:accesspoint/ap"));
        assert!(!limited("arn:aws:s3:us-east-1:111111111111:accesspoint/*"));
    }

    #[test]
    fn one_public_statement_is_enough_and_a_deny_does_not_help() {
        let policy = |text: &str| Policy::parse(PolicyKind::Bucket, text.as_bytes()).unwrap();
        let open = r#"{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}"#;
        let closed = open.replace("Allow", "Deny");
        assert!(policy(&format!(r#"{{"Statement": [{closed}, {open}]}}"#)).is_public());
        assert!(!policy(&format!(r#"{{"Statement": [{closed}]}}"#)).is_public());
        let unknown =
            open.replace("GetObject", "GetFoo").replace(r#""*""#, r#"{"AWS": "111111111111"}"#);
        assert!(policy(&format!(r#"{{"Statement": [{unknown}]}}"#)).is_public());
    }

    #[test]
    fn every_value_must_limit() {
        let condition = r#"{"StringEquals": {"aws:SourceVpce": ["vpce-1", "vpce-*"]}}"#;
        assert!(public_as(PolicyKind::Bucket, r#""*""#, condition));
        assert!(public_as(
            PolicyKind::Bucket,
            r#""*""#,
            r#"{"StringEquals": {"aws:SourceVpce": []}}"#
        ));
    }
}
