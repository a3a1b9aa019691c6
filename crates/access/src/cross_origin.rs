//! Where the pipeline finds the rules by which browsers share answers with pages of other origins.

use std::fmt;

use strongroom_store::BoxFuture;
use strongroom_types::BucketName;
use strongroom_wire::CorsRules;

use crate::DirectoryError;

/// Finds the CORS rules of buckets. Implemented by the service that keeps them.
///
/// It is asked before anybody has proved who he is, and decides nothing: rules only tell a browser
/// what it may show to a page.
pub trait CrossOrigin: Send + Sync + fmt::Debug {
    /// The rules of the live bucket of this name; `None` if there are none, or no such bucket.
    fn cors_rules<'a>(
        &'a self,
        bucket: &'a BucketName,
    ) -> BoxFuture<'a, Result<Option<CorsRules>, DirectoryError>>;
}
