//! PutBucketAcl, GetBucketAcl, PutObjectAcl, GetObjectAcl.

use std::sync::Arc;

use strongroom_access::{Endpoint, Permit};
use strongroom_model::s3;
use strongroom_policy::{Acl, AclGrant, AclGroup, AclPermission, Grantee};
use strongroom_types::CanonicalUserId;
use strongroom_wire::{ErrorResponse, Payload};

use super::bind;
use super::errors::AclFormError;
use super::listing::owner_out;
use crate::S3;
use crate::acl::WantedAcl;

pub(super) fn endpoints(service: &Arc<S3>) -> Vec<Arc<dyn Endpoint>> {
    vec![
        bind(service, get_bucket_acl),
        bind(service, get_object_acl),
        bind(service, put_bucket_acl),
        bind(service, put_object_acl),
    ]
}

async fn get_bucket_acl(
    service: Arc<S3>,
    permit: Permit<s3::GetBucketAcl>,
    _: s3::GetBucketAclInput,
    _: Payload,
) -> Result<s3::GetBucketAclOutput, ErrorResponse> {
    let owner = service.bucket_record(&permit).await?.owner_id;
    Ok(s3::GetBucketAclOutput { owner: Some(owner_out(owner)), grants: Some(grants_out(owner)) })
}

async fn get_object_acl(
    service: Arc<S3>,
    permit: Permit<s3::GetObjectAcl>,
    input: s3::GetObjectAclInput,
    _: Payload,
) -> Result<s3::GetObjectAclOutput, ErrorResponse> {
    let owner = service.get_object_acl(&permit, &input.key, input.version_id).await?;
    Ok(s3::GetObjectAclOutput {
        owner: Some(owner_out(owner)),
        grants: Some(grants_out(owner)),
        ..s3::GetObjectAclOutput::default()
    })
}

async fn put_bucket_acl(
    service: Arc<S3>,
    permit: Permit<s3::PutBucketAcl>,
    input: s3::PutBucketAclInput,
    _: Payload,
) -> Result<s3::PutBucketAclOutput, ErrorResponse> {
    let granted = [
        (AclPermission::FullControl, input.grant_full_control),
        (AclPermission::Read, input.grant_read),
        (AclPermission::ReadAcp, input.grant_read_acp),
        (AclPermission::Write, input.grant_write),
        (AclPermission::WriteAcp, input.grant_write_acp),
    ];
    let canned = input.acl.map(s3::BucketCannedACL::as_str);
    let wanted = wanted_acl(canned, granted, input.access_control_policy)?;
    service.put_bucket_acl(&permit, &wanted).await?;
    Ok(s3::PutBucketAclOutput {})
}

async fn put_object_acl(
    service: Arc<S3>,
    permit: Permit<s3::PutObjectAcl>,
    input: s3::PutObjectAclInput,
    _: Payload,
) -> Result<s3::PutObjectAclOutput, ErrorResponse> {
    let granted = [
        (AclPermission::FullControl, input.grant_full_control),
        (AclPermission::Read, input.grant_read),
        (AclPermission::ReadAcp, input.grant_read_acp),
        (AclPermission::Write, input.grant_write),
        (AclPermission::WriteAcp, input.grant_write_acp),
    ];
    let canned = input.acl.map(s3::ObjectCannedACL::as_str);
    let wanted = wanted_acl(canned, granted, input.access_control_policy)?;
    service.put_object_acl(&permit, &input.key, input.version_id, &wanted).await?;
    Ok(s3::PutObjectAclOutput::default())
}

/// The owner may do everything, nobody else anything.
fn grants_out(owner: CanonicalUserId) -> Vec<s3::Grant> {
    let id = Some(owner.to_string());
    let grantee = s3::Grantee { id, ..s3::Grantee::new(s3::GranteeType::CanonicalUser) };
    vec![s3::Grant { grantee: Some(grantee), permission: Some(s3::Permission::FullControl) }]
}

/// What a request wants an ACL to be, said in one of three ways.
fn wanted_acl(
    canned: Option<&str>,
    granted: [(AclPermission, Option<String>); 5],
    document: Option<s3::AccessControlPolicy>,
) -> Result<WantedAcl, AclFormError> {
    let by_grants = granted.iter().any(|(_, header)| header.is_some());
    match (canned, by_grants, document) {
        (Some(_), true, _) => Err(AclFormError::CannedAndGrants),
        (Some(_), false, Some(_)) | (None, true, Some(_)) => Err(AclFormError::HeaderAndDocument),
        (None, false, None) => Err(AclFormError::Missing),
        (Some(canned), false, None) => {
            Ok(WantedAcl::Canned(canned.parse().map_err(|_| AclFormError::Malformed)?))
        }
        (None, true, None) => {
            let mut grants = Vec::new();
            for (permission, header) in granted {
                let header = header.unwrap_or_default();
                for grantee in header.split(',').map(str::trim).filter(|text| !text.is_empty()) {
                    grants.push(AclGrant { grantee: grantee_of(grantee)?, permission });
                }
            }
            Ok(WantedAcl::Grants { owner: None, acl: Acl { grants } })
        }
        (None, false, Some(document)) => {
            let grants = document.grants.unwrap_or_default().into_iter().map(grant_in);
            let grants = grants.collect::<Result<_, _>>()?;
            let owner = document.owner.and_then(|owner| owner.id);
            Ok(WantedAcl::Grants { owner, acl: Acl { grants } })
        }
    }
}

/// A grantee in a header: `id="..."`, `uri="..."` or `emailAddress="..."`.
fn grantee_of(text: &str) -> Result<Grantee, AclFormError> {
    let (kind, name) = text.split_once('=').ok_or(AclFormError::Malformed)?;
    let name = name.trim();
    let unquoted = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
    let name = unquoted.unwrap_or(name);
    let kind = kind.trim();
    if kind.eq_ignore_ascii_case("id") {
        return Ok(Grantee::CanonicalUser(name.into()));
    }
    if kind.eq_ignore_ascii_case("uri") {
        return group(name);
    }
    match kind.eq_ignore_ascii_case("emailAddress") {
        true => Err(AclFormError::Email),
        false => Err(AclFormError::Malformed),
    }
}

fn grant_in(grant: s3::Grant) -> Result<AclGrant, AclFormError> {
    let permission = grant.permission.ok_or(AclFormError::Malformed)?;
    let permission = permission.as_str().parse().map_err(|_| AclFormError::Malformed)?;
    let grantee = grant.grantee.ok_or(AclFormError::Malformed)?;
    let grantee = match (grantee.grantee_type, grantee.id, grantee.uri, grantee.email_address) {
        (s3::GranteeType::CanonicalUser, Some(id), None, None) => Grantee::CanonicalUser(id.into()),
        (s3::GranteeType::Group, None, Some(uri), None) => group(&uri)?,
        (s3::GranteeType::AmazonCustomerByEmail, None, None, Some(_)) => {
            return Err(AclFormError::Email);
        }
        _ => return Err(AclFormError::Malformed),
    };
    Ok(AclGrant { grantee, permission })
}

fn group(uri: &str) -> Result<Grantee, AclFormError> {
    let group =
        AclGroup::from_uri(uri).ok_or_else(|| AclFormError::UnknownGroup(uri.to_owned()))?;
    Ok(Grantee::Group(group))
}
