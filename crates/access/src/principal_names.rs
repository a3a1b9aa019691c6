//! Who exists, by the names that policies and ACLs give them.

use std::fmt;

use strongroom_policy::PolicyPrincipal;
use strongroom_store::BoxFuture;

use crate::DirectoryError;

/// Knows which principals exist. Implemented by `identity`.
pub trait PrincipalNames: Send + Sync + fmt::Debug {
    /// Whether the principal that a policy names exists. Everybody does, and so do services and
    /// identity providers: nobody here is one of them, and their names are checked where they are read.
    fn exists<'a>(
        &'a self,
        principal: &'a PolicyPrincipal,
    ) -> BoxFuture<'a, Result<bool, DirectoryError>>;
}
