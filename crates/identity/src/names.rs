//! Who exists, for policies that name them.

use strongroom_access::{DirectoryError, PrincipalNames};
use strongroom_policy::PolicyPrincipal;
use strongroom_store::BoxFuture;

use crate::identity::Identity;
use crate::keys;

impl PrincipalNames for Identity {
    fn exists<'a>(
        &'a self,
        principal: &'a PolicyPrincipal,
    ) -> BoxFuture<'a, Result<bool, DirectoryError>> {
        Box::pin(async move {
            match principal {
                PolicyPrincipal::Everyone
                | PolicyPrincipal::Service(_)
                | PolicyPrincipal::Federated(_) => Ok(true),
                PolicyPrincipal::Account(account) => {
                    let found = self.store.metadata.get(&keys::account(*account)).await;
                    let found = found.map_err(|error| DirectoryError(Box::new(error)))?;
                    Ok(found.is_some())
                }
                PolicyPrincipal::CanonicalUser(id) => {
                    let accounts = self.accounts().await;
                    let accounts = accounts.map_err(|error| DirectoryError(Box::new(error)))?;
                    Ok(accounts.iter().any(|it| it.canonical_user_id.to_string() == **id))
                }
                PolicyPrincipal::Arn(_) | PolicyPrincipal::UniqueId(_) => Ok(false),
            }
        })
    }
}
