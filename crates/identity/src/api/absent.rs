//! What no user or role here has, told as IAM tells it of one that has none: clients ask before they
//! remove a user or role.

use std::sync::Arc;

use strongroom_access::{Endpoint, Permit};
use strongroom_model::iam;
use strongroom_wire::ErrorResponse;

use super::bind;
use super::shapes::{Paging, account_of};
use super::users::own_name;
use crate::Identity;
use crate::iam::error::IamError;
use crate::iam::records::Kind;

/// Lists of a user that are empty.
macro_rules! empty_lists {
    ($service:expr, $($operation:ident $input:ident),*) => {
        [$({
            let list = |service: Arc<Identity>, permit: Permit<iam::$operation>, input: iam::$input| async move {
                Paging::new(input.marker, input.max_items)?;
                known_user(&service, &permit, input.user_name).await?;
                let mut output = <iam::$operation as strongroom_wire::Operation>::Output::default();
                output.is_truncated = Some(false);
                Ok(output)
            };
            bind::<iam::$operation, _, _>($service, list)
        }),*]
    };
}

pub(super) fn endpoints(service: &Arc<Identity>) -> Vec<Arc<dyn Endpoint>> {
    let mut endpoints: Vec<Arc<dyn Endpoint>> = empty_lists!(
        service,
        ListMFADevices ListMFADevicesInput,
        ListSSHPublicKeys ListSSHPublicKeysInput,
        ListServiceSpecificCredentials ListServiceSpecificCredentialsInput,
        ListSigningCertificates ListSigningCertificatesInput
    )
    .into();
    endpoints.extend([
        bind::<iam::GetLoginProfile, _, _>(service, get_login_profile),
        bind::<iam::DeleteLoginProfile, _, _>(service, delete_login_profile),
        bind::<iam::ListInstanceProfilesForRole, _, _>(service, list_instance_profiles_for_role),
    ]);
    endpoints
}

async fn known_user<Op>(
    service: &Identity,
    permit: &Permit<Op>,
    name: Option<String>,
) -> Result<String, IamError> {
    let account = account_of(permit)?;
    match name.or_else(|| own_name(permit)) {
        Some(name) => Ok(service.named_record(account, Kind::User, &name).await?.name),
        None => Ok("root".to_owned()),
    }
}

fn no_login_profile(name: &str) -> ErrorResponse {
    IamError::NoSuchEntity(format!("login profile for user {name} cannot be found")).into()
}

async fn get_login_profile(
    service: Arc<Identity>,
    permit: Permit<iam::GetLoginProfile>,
    input: iam::GetLoginProfileInput,
) -> Result<iam::GetLoginProfileOutput, ErrorResponse> {
    let name = known_user(&service, &permit, input.user_name).await?;
    Err(no_login_profile(&name))
}

async fn delete_login_profile(
    service: Arc<Identity>,
    permit: Permit<iam::DeleteLoginProfile>,
    input: iam::DeleteLoginProfileInput,
) -> Result<iam::DeleteLoginProfileOutput, ErrorResponse> {
    let name = known_user(&service, &permit, input.user_name).await?;
    Err(no_login_profile(&name))
}

async fn list_instance_profiles_for_role(
    service: Arc<Identity>,
    permit: Permit<iam::ListInstanceProfilesForRole>,
    input: iam::ListInstanceProfilesForRoleInput,
) -> Result<iam::ListInstanceProfilesForRoleOutput, ErrorResponse> {
    Paging::new(input.marker, input.max_items)?;
    service.named_record(account_of(&permit)?, Kind::Role, &input.role_name).await?;
    Ok(iam::ListInstanceProfilesForRoleOutput { is_truncated: Some(false), ..Default::default() })
}
