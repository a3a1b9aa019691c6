//! Listeners, TLS, limits, and the one path that every request takes.
//!
//! The only crate with hyper and rustls. It knows no service by name: services are lists of
//! endpoints with a signing name and a router.

mod authentication;
mod body;
mod budget;
mod cross_origin;
mod failures;
mod form;
mod guard;
mod heads;
mod intake;
mod limits;
mod listener;
mod pace;
mod pipeline;
mod places;
mod query;
mod refusals;
mod tls;

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;

pub use limits::Limits;
pub use listener::{DangerPlaintext, Listener, ListenerError};
pub use refusals::RefusalReport;
pub use tls::{CertifiedPem, TlsError, TlsSettings};

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use strongroom_access::{CredentialDirectory, CrossOrigin, Endpoint, Enforcement};
use strongroom_audit::EventSink;
use strongroom_types::{Clock, Entropy, Region};
use strongroom_wire::{ActionTable, HostRules, Protocol, Router};

use crate::budget::{Budget, Purse};
use crate::places::{Mark, Places};
use crate::refusals::Refusals;

/// Everything that answers requests, wired together by the binary.
pub struct Gateway {
    services: Vec<Service>,
    credentials: Arc<dyn CredentialDirectory>,
    enforcement: Enforcement,
    cross_origin: Arc<dyn CrossOrigin>,
    events: Arc<dyn EventSink>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    region: Region,
    hosts: HostRules,
    limits: Arc<Limits>,
    places: Arc<Places>,
    presigned_v2: PresignedV2,
    refusals: Refusals,
    budget: Budget,
}

/// What a gateway is made of.
#[derive(Debug)]
pub struct GatewayOptions {
    /// The services; the first one also answers unsigned requests.
    pub services: Vec<Service>,
    /// Where signing keys come from.
    pub credentials: Arc<dyn CredentialDirectory>,
    /// Who decides.
    pub enforcement: Enforcement,
    /// Where the rules for pages of other origins are.
    pub cross_origin: Arc<dyn CrossOrigin>,
    /// Where events go that belong to no change.
    pub events: Arc<dyn EventSink>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for request ids.
    pub entropy: Arc<dyn Entropy>,
    /// The one region of this server.
    pub region: Region,
    /// Domains below which a label is a bucket name.
    pub hosts: HostRules,
    /// How much clients may take.
    pub limits: Limits,
    /// Whether URLs and forms may be signed with version 2.
    pub presigned_v2: PresignedV2,
}

/// Whether URLs and forms that are signed with version 2 are accepted, under the rules of
/// SPEC: access-control, 5.7. Other requests of version 2 never are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PresignedV2 {
    /// As unmodified clients make them.
    Accepted,
    /// None at all.
    Refused,
}

/// One service: a signing name and its endpoints.
pub struct Service {
    signing_name: &'static str,
    protocol: Protocol,
    routing: Routing,
    endpoints: Vec<Arc<dyn Endpoint>>,
}

/// How the operation of a request is found.
enum Routing {
    /// By method, path, query and headers.
    Rest(Router),
    /// By the action that a form names.
    Actions(ActionTable),
}

impl Service {
    /// A service with these endpoints, each routed by its own specification.
    #[must_use]
    pub fn new(
        signing_name: &'static str,
        protocol: Protocol,
        endpoints: Vec<Arc<dyn Endpoint>>,
    ) -> Self {
        let entries: Vec<_> = endpoints.iter().map(|endpoint| endpoint.spec()).collect();
        Self { signing_name, protocol, routing: Routing::Rest(Router::new(&entries)), endpoints }
    }

    /// A service of the query protocol: its requests name action and version in a form, and its
    /// answers are of a namespace.
    #[must_use]
    pub fn query(
        signing_name: &'static str,
        namespace: &'static str,
        version: &'static str,
        endpoints: Vec<Arc<dyn Endpoint>>,
    ) -> Self {
        let entries: Vec<_> = endpoints.iter().map(|endpoint| endpoint.spec()).collect();
        let routing = Routing::Actions(ActionTable::new(version, &entries));
        Self { signing_name, protocol: Protocol::Query { namespace }, routing, endpoints }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("signing_name", &self.signing_name)
            .field("endpoints", &self.endpoints.len())
            .finish_non_exhaustive()
    }
}

impl Gateway {
    /// Wires a gateway.
    #[must_use]
    pub fn new(options: GatewayOptions) -> Arc<Self> {
        let limits = Arc::new(options.limits);
        Arc::new(Self {
            services: options.services,
            credentials: options.credentials,
            enforcement: options.enforcement,
            cross_origin: options.cross_origin,
            events: options.events,
            clock: options.clock,
            entropy: options.entropy,
            region: options.region,
            hosts: options.hosts,
            presigned_v2: options.presigned_v2,
            refusals: Refusals::default(),
            budget: Budget::new(&limits),
            places: Places::new(Arc::clone(&limits)),
            limits,
        })
    }

    /// Takes what was refused since the last call: requests that failed authentication or came
    /// from nobody. Aggregated and bounded, so that a stranger can neither fill the disk nor stop
    /// the service; the owner of the gateway calls this at an interval and logs the answer.
    #[must_use]
    pub fn take_refusals(&self) -> RefusalReport {
        self.refusals.take()
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("services", &self.services).finish_non_exhaustive()
    }
}

/// What is known of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    /// The TCP peer.
    pub(crate) peer: SocketAddr,
    /// TLS version times ten (12, 13); 0 over plain HTTP.
    pub(crate) tls_version: u8,
    /// What it does, and whether it shall end.
    pub(crate) mark: Arc<Mark>,
    /// The part of the memory for bodies that its client may take.
    pub(crate) memory: Purse,
}
