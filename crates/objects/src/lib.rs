//! Amazon S3: buckets, objects, versions, multipart uploads.
//!
//! The domain (all folders but `api`) knows permits, records and payloads; it knows no HTTP, no
//! XML and no disk. `api` maps the generated inputs and outputs of each operation to it.

mod acl;
mod api;
mod bucket_policy;
mod buckets;
mod checksums;
mod conditions;
mod cors;
mod encryption;
mod fault;
mod keys;
mod listing;
mod metadata;
mod multipart;
mod objects;
mod ownership;
mod payload;
mod public_access;
mod records;
mod sweep;
mod tags;

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;

use std::fmt;
use std::sync::Arc;

use strongroom_access::PrincipalNames;
use strongroom_store::Store;
use strongroom_types::{Clock, Entropy, Region};

use crate::bucket_policy::PolicyShelf;
use crate::payload::Payloads;
pub use api::{endpoints, tables};

pub use sweep::{SweepError, SweepReport};

/// The S3 service.
pub struct S3 {
    store: Store,
    payloads: Payloads,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    region: Region,
    names: Arc<dyn PrincipalNames>,
    policies: PolicyShelf,
}

impl S3 {
    /// The service over a store, for the one region that this server is. `names` says whom policies
    /// may name.
    #[must_use]
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        region: Region,
        names: Arc<dyn PrincipalNames>,
    ) -> Arc<Self> {
        let payloads = Payloads::new(store.clone(), Arc::clone(&entropy));
        let policies = PolicyShelf::default();
        Arc::new(Self { store, payloads, clock, entropy, region, names, policies })
    }
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3").field("region", &self.region).finish_non_exhaustive()
    }
}

/// Races that one write may lose before it gives up; each loss means that another one won.
const RACES_LOST_MAX: usize = 1_000;
