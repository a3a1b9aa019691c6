//! The operations of IAM and STS: adapters between the generated types and the domain.
//!
//! One function for each operation. Nothing is decided here but what the form of a request says;
//! errors get their codes in [`errors`] and nowhere else.

mod absent;
mod access_keys;
mod account;
mod entities;
mod errors;
mod groups;
mod limits;
mod members;
mod policies;
mod roles;
mod shapes;
mod sts;
mod users;

use std::collections::BTreeSet;
use std::sync::Arc;

use strongroom_access::{BoundOperation, Endpoint, Manners, Operands, Permit, RefusedAction};
use strongroom_model::{iam, sts as sts_model};
use strongroom_wire::{ErrorResponse, OperationSpec};

use crate::Identity;
pub use members::{iam_tables, sts_tables};

/// Every action of IAM: bound to the service, or refused by name.
#[must_use]
pub fn iam_endpoints(service: &Arc<Identity>) -> Vec<Arc<dyn Endpoint>> {
    let mut endpoints = absent::endpoints(service);
    endpoints.extend(access_keys::endpoints(service));
    endpoints.extend(account::endpoints(service));
    endpoints.extend(entities::endpoints(service));
    endpoints.extend(groups::endpoints(service));
    endpoints.extend(policies::endpoints(service));
    endpoints.extend(roles::endpoints(service));
    endpoints.extend(users::endpoints(service));
    with_refusals(endpoints, iam::OPERATIONS, iam::REFUSED)
}

/// Every action of STS: bound to the service, or refused by name.
#[must_use]
pub fn sts_endpoints(service: &Arc<Identity>) -> Vec<Arc<dyn Endpoint>> {
    with_refusals(sts::endpoints(service), sts_model::OPERATIONS, sts_model::REFUSED)
}

/// Adds a refusal for every action that is not bound.
fn with_refusals(
    mut endpoints: Vec<Arc<dyn Endpoint>>,
    known: &[&'static OperationSpec],
    refused: &'static [OperationSpec],
) -> Vec<Arc<dyn Endpoint>> {
    let bound: BTreeSet<&str> = endpoints.iter().map(|endpoint| endpoint.name()).collect();
    let rest = known.iter().copied().chain(refused).filter(|spec| !bound.contains(spec.name));
    let rest: Vec<Arc<dyn Endpoint>> =
        rest.map(|spec| Arc::new(RefusedAction::new(spec)) as Arc<dyn Endpoint>).collect();
    endpoints.extend(rest);
    endpoints
}

/// Binds an adapter to its operation.
fn bind<Op, F, Fut>(service: &Arc<Identity>, adapter: F) -> Arc<dyn Endpoint>
where
    Op: Operands,
    F: Fn(Arc<Identity>, Permit<Op>, Op::Input) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Op::Output, ErrorResponse>> + Send + 'static,
{
    let service = Arc::clone(service);
    let of_iam = iam::OPERATIONS.iter().any(|spec| spec.name == Op::NAME);
    Arc::new(BoundOperation::<Op, _>::new(MANNERS, move |permit: Permit<Op>, input, _payload| {
        let refused = if of_iam {
            limits::refuse_iam(permit.caller(), Op::NAME)
        } else {
            limits::refuse_sts(permit.caller(), Op::NAME)
        };
        let refused = refused.and_then(|()| limits::refuse_entities(permit.caller(), Op::NAME));
        let answer = refused.map(|()| adapter(Arc::clone(&service), permit, input));
        async move {
            match answer {
                Ok(answer) => answer.await,
                Err(error) => Err(error.into()),
            }
        }
    }))
}

const MANNERS: Manners = Manners {
    decode_error: errors::decode_error,
    refused_member: members::refused_member,
    unknown_member: members::unknown_member,
    refused_request: |_, _, _| None,
};
