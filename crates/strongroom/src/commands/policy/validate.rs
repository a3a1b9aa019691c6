//! `op: "validate"` and `op: "public"`.

use std::str::FromStr;

use serde_json::{Value, json};
use strongroom_policy::{Policy, PolicyKind, PolicyPrincipal};
use strongroom_types::BucketName;

use super::answer;
use super::authorize::read_acl;
use super::input::{AclInput, Public, Validate};

pub(super) fn validate(question: &Validate) -> Result<Value, String> {
    check_version(question.v)?;
    if let Some(account) = &question.account {
        strongroom_types::AccountId::from_str(account).map_err(|error| error.to_string())?;
    }
    let kind = kind(&question.kind)?;
    let bucket = question.bucket.as_deref().map(str::parse::<BucketName>).transpose();
    let bucket = bucket.map_err(|error| error.to_string())?;
    let policy = match Policy::parse(kind, question.document.as_bytes()) {
        Ok(policy) => policy,
        Err(error) => return Ok(answer::invalid(kind, &error)),
    };
    let exists = |principal: &PolicyPrincipal| match (principal, &question.known_users) {
        (PolicyPrincipal::Arn(arn), Some(known)) if arn.as_str().contains(":iam:") => {
            known.iter().any(|user| user == arn.as_str())
        }
        _ => true,
    };
    let checked = match (kind, &bucket) {
        (PolicyKind::Bucket, Some(bucket)) => policy.check_for_bucket(bucket, &exists),
        _ => policy.check_principals(&exists),
    };
    Ok(match checked {
        Ok(()) => answer::valid(&policy.findings()),
        Err(error) => answer::invalid(kind, &error),
    })
}

pub(super) fn public(question: &Public) -> Result<Value, String> {
    check_version(question.v)?;
    let public = match question.kind.as_str() {
        // An access point in a VPC is reached from nowhere else.
        "access-point-policy" if question.vpc_origin => false,
        "bucket-policy" | "access-point-policy" => {
            let kind = match question.kind.as_str() {
                "bucket-policy" => PolicyKind::Bucket,
                _ => PolicyKind::AccessPoint,
            };
            let text = match &question.document {
                Value::String(text) => text.clone(),
                document => document.to_string(),
            };
            let policy = Policy::parse(kind, text.as_bytes()).map_err(|error| error.to_string())?;
            policy.is_public()
        }
        "bucket-acl" | "object-acl" => {
            let acl: AclInput = serde_json::from_value(question.document.clone())
                .map_err(|error| error.to_string())?;
            read_acl(&acl, "", "")?.is_public()
        }
        other => return Err(format!("there is no type `{other}`")),
    };
    Ok(json!({"public": public, "witness": null, "by": "rule"}))
}

pub(super) fn check_version(v: Option<u32>) -> Result<(), String> {
    match v {
        None | Some(1) => Ok(()),
        Some(other) => Err(format!("there is no version {other} of this protocol")),
    }
}

pub(super) fn kind(name: &str) -> Result<PolicyKind, String> {
    KINDS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, kind)| *kind)
        .ok_or_else(|| format!("there is no type `{name}`"))
}

const KINDS: &[(&str, PolicyKind)] = &[
    ("identity", PolicyKind::Identity),
    ("boundary", PolicyKind::Boundary),
    ("session", PolicyKind::Session),
    ("bucket", PolicyKind::Bucket),
    ("access-point", PolicyKind::AccessPoint),
    ("trust", PolicyKind::Trust),
    ("key", PolicyKind::Key),
    ("vpc-endpoint", PolicyKind::VpcEndpoint),
    ("scp", PolicyKind::ServiceControl),
    ("rcp", PolicyKind::ResourceControl),
];
