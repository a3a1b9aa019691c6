//! The service on the in-memory engine, reached as the pipeline reaches it: route, decode, decide,
//! run, encode.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use strongroom_access::{
    Caller, DirectoryError, Endpoint, Enforcement, Principal, PrincipalDirectory, PrincipalNames,
    Question, RequestFacts, Standing,
};
use strongroom_audit::{AuditEvent, AuditSlot, AuthKind, Outcome, PrincipalKind};
use strongroom_crypto::SystemEntropy;
use strongroom_objects::{S3, endpoints};
use strongroom_policy::PolicyPrincipal;
use strongroom_store::memory::MemoryEngine;
use strongroom_store::{BoxFuture, Revision, Store};
use strongroom_types::{CanonicalUserId, Clock, Region, RequestId, Timestamp};
use strongroom_wire::{
    ByteStream, ErrorResponse, HostRules, InputKind, Payload, RequestHead, Router, encode_error_s3,
    parse_target,
};

/// The accounts that exist.
const ACCOUNTS: [u64; 2] = [111_111_111_111, 222_222_222_222];

/// There are roots of accounts only.
#[derive(Debug)]
struct Nobody;

impl PrincipalNames for Nobody {
    fn exists<'a>(
        &'a self,
        principal: &'a PolicyPrincipal,
    ) -> BoxFuture<'a, Result<bool, DirectoryError>> {
        let exists = match principal {
            PolicyPrincipal::Everyone
            | PolicyPrincipal::Service(_)
            | PolicyPrincipal::Federated(_) => true,
            PolicyPrincipal::Account(account) => ACCOUNTS.contains(&account.number()),
            PolicyPrincipal::CanonicalUser(id) => {
                ACCOUNTS.iter().any(|number| canonical_id_of(*number).to_string() == **id)
            }
            PolicyPrincipal::Arn(_) | PolicyPrincipal::UniqueId(_) => false,
        };
        Box::pin(async move { Ok(exists) })
    }
}

impl PrincipalDirectory for Nobody {
    fn standing<'a>(
        &'a self,
        _principal: &'a Principal,
    ) -> BoxFuture<'a, Result<Arc<Standing>, DirectoryError>> {
        Box::pin(async { Ok(Arc::default()) })
    }
}

/// A clock that stands still until it is told to go on.
#[derive(Debug)]
pub(crate) struct HandClock(AtomicU64);

impl HandClock {
    pub(crate) fn advance(&self, span: Duration) {
        self.0.fetch_add(u64::try_from(span.as_micros()).unwrap(), Ordering::SeqCst);
    }

    /// What no clock should do and some do.
    pub(crate) fn set_back(&self, span: Duration) {
        self.0.fetch_sub(u64::try_from(span.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst)).unwrap()
    }

    fn elapsed(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// A server without its network.
pub(crate) struct World {
    pub(crate) engine: MemoryEngine,
    pub(crate) store: Store,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) service: Arc<S3>,
    endpoints: Vec<Arc<dyn Endpoint>>,
    router: Router,
    enforcement: Enforcement,
}

/// An answer as a client sees it.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whether the body broke off before its end.
    pub(crate) broken: bool,
    /// Whether the service committed the audit event with its change.
    pub(crate) recorded: bool,
}

impl Reply {
    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// A header, or nothing.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The text of the first element of this name.
    pub(crate) fn element(&self, name: &str) -> Option<&str> {
        self.elements(name).into_iter().next()
    }

    /// The texts of all elements of this name.
    pub(crate) fn elements(&self, name: &str) -> Vec<&str> {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let pieces = self.text().split(open.as_str()).skip(1);
        pieces.map(|rest| rest.split(close.as_str()).next().unwrap()).collect()
    }

    /// Asserts the status and, for an error, the code.
    #[track_caller]
    pub(crate) fn expect(self, status: u16, code: &str) -> Self {
        let found = if self.status >= 400 { self.element("Code").unwrap_or("") } else { "" };
        assert_eq!((self.status, found), (status, code), "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// Asserts success.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        let shown = String::from_utf8_lossy(&self.body[..self.body.len().min(500)]).into_owned();
        assert!((200..300).contains(&self.status), "{} {shown}", self.status);
        self
    }
}

/// An answer whose body is still to be read.
pub(crate) struct Begun {
    response: http::Response<ByteStream>,
    recorded: bool,
}

impl Begun {
    /// Reads the body.
    pub(crate) async fn finish(self) -> Reply {
        let recorded = self.recorded;
        let (parts, body) = self.response.into_parts();
        let mut collected = Vec::new();
        let mut broken = false;
        match body {
            ByteStream::Empty => {}
            ByteStream::Full(bytes) => collected.extend_from_slice(&bytes),
            ByteStream::Stream { content_length, mut source } => {
                while let Some(piece) = source.next().await {
                    match piece {
                        Ok(piece) => collected.extend_from_slice(&piece),
                        Err(_) => {
                            broken = true;
                            break;
                        }
                    }
                }
                assert!(broken || collected.len() == usize::try_from(content_length).unwrap());
            }
        }
        let status = parts.status.as_u16();
        Reply { status, headers: parts.headers, body: collected.into(), broken, recorded }
    }
}

/// A request in the making.
pub(crate) struct Call<'a> {
    world: &'a World,
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
    caller: Caller,
    body: Bytes,
    payload: Option<Payload>,
}

pub(crate) fn canonical_id_of(number: u64) -> CanonicalUserId {
    CanonicalUserId::from_bytes([u8::try_from(number % 251).unwrap(); 32])
}

/// A caller's account by its number; canonical ids are made of it.
pub(crate) fn root_of(number: u64) -> Caller {
    let account = format!("{number:012}").parse().unwrap();
    let canonical_user_id = canonical_id_of(number);
    Caller {
        principal: Principal::Root { account, canonical_user_id },
        access_key_id: Some("AKIAIOSFODNN7EXAMPLE".parse().unwrap()),
        auth: AuthKind::Header,
        signed: None,
        session: None,
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::in_region("us-east-1")
    }

    pub(crate) fn in_region(region: &str) -> Self {
        let clock = Arc::new(HandClock(AtomicU64::new(1_800_000_000_000_000)));
        let engine = MemoryEngine::new(Arc::new(SystemEntropy), clock.clone());
        let store = engine.store();
        Self::assemble(engine, store, clock, region)
    }

    /// The same world over a changed store.
    pub(crate) fn over(self, change: impl FnOnce(Store) -> Store) -> Self {
        Self::assemble(self.engine, change(self.store), self.clock, "us-east-1")
    }

    fn assemble(engine: MemoryEngine, store: Store, clock: Arc<HandClock>, region: &str) -> Self {
        let region: Region = region.parse().unwrap();
        let entropy = Arc::new(SystemEntropy);
        let names = Arc::new(Nobody);
        let service = S3::new(store.clone(), clock.clone(), entropy, region.clone(), names);
        let endpoints = endpoints(&service);
        let specs: Vec<_> = endpoints.iter().map(|endpoint| endpoint.spec()).collect();
        let router = Router::new(&specs);
        let enforcement = Enforcement::new(service.clone(), Arc::new(Nobody), region);
        Self { engine, store, clock, service, endpoints, router, enforcement }
    }

    /// A world with a bucket `b`.
    pub(crate) async fn with_bucket() -> Self {
        let world = Self::new();
        world.put("/bkt").send().await.ok();
        world
    }

    pub(crate) fn call(&self, method: Method, target: &str) -> Call<'_> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Call {
            world: self,
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            headers: HeaderMap::new(),
            caller: root_of(111_111_111_111),
            body: Bytes::new(),
            payload: None,
        }
    }

    pub(crate) fn get(&self, target: &str) -> Call<'_> {
        self.call(Method::GET, target)
    }

    pub(crate) fn put(&self, target: &str) -> Call<'_> {
        self.call(Method::PUT, target)
    }

    pub(crate) fn head(&self, target: &str) -> Call<'_> {
        self.call(Method::HEAD, target)
    }

    pub(crate) fn post(&self, target: &str) -> Call<'_> {
        self.call(Method::POST, target)
    }

    pub(crate) fn delete(&self, target: &str) -> Call<'_> {
        self.call(Method::DELETE, target)
    }

    /// The names of all operations that are bound, built or refused.
    pub(crate) fn endpoints(&self) -> &[Arc<dyn Endpoint>] {
        &self.endpoints
    }

    /// All audit events that are durable.
    pub(crate) async fn events(&self) -> Vec<AuditEvent> {
        let mut events = Vec::new();
        let mut after = Revision(0);
        loop {
            let page = self.store.metadata.events(after, 1_000).await.unwrap();
            let Some(last) = page.last() else { return events };
            after = last.revision;
            events.extend(page.iter().map(|stored| AuditEvent::decode(&stored.event).unwrap()));
        }
    }
}

impl Call<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        self.headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// A body with whatever the client says about it; for streamed operations only.
    pub(crate) fn payload(mut self, payload: Payload) -> Self {
        self.payload = Some(payload);
        self
    }

    pub(crate) fn by(mut self, caller: Caller) -> Self {
        self.caller = caller;
        self
    }

    pub(crate) async fn send(self) -> Reply {
        self.begin().await.finish().await
    }

    /// Runs the request until its answer begins; the body is not read yet.
    pub(crate) async fn begin(self) -> Begun {
        let is_head = self.method == Method::HEAD;
        let resource = self.path.clone();
        let (answer, recorded) = self.run().await;
        let response = answer
            .unwrap_or_else(|error| encode_error_s3(&error, &resource, "ID", "HOST", is_head));
        Begun { response, recorded }
    }

    /// Runs the request and hands over its body before it is read. The answer must be a success.
    pub(crate) async fn open(self) -> ByteStream {
        self.run().await.0.unwrap().into_body()
    }

    async fn run(mut self) -> (Result<http::Response<ByteStream>, ErrorResponse>, bool) {
        let world = self.world;
        self.headers.insert("host", HeaderValue::from_static("127.0.0.1:9000"));
        let head = RequestHead::new(self.method, &self.path, &self.query, self.headers).unwrap();
        let target = match parse_target(&head, &HostRules::default()) {
            Ok(target) => target,
            Err(error) => return (Err(error.s3()), false),
        };
        let index = match world.router.route(&head, &target) {
            Ok(index) => index,
            Err(error) => return (Err(error.s3()), false),
        };
        let endpoint = &world.endpoints[index.0];
        let streamed = matches!(endpoint.spec().input, InputKind::Stream);
        let whole = (!streamed).then(|| self.body.clone());
        let call = match endpoint.decode(&head, &target, whole.as_deref()) {
            Ok(call) => call,
            Err(error) => return (Err(error), false),
        };
        let facts = RequestFacts {
            request_id: RequestId::from_bytes([7; 8]),
            received: world.clock.now(),
            source_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            tls_version: 13,
            endpoint: "http://127.0.0.1:9000".to_owned(),
        };
        let audit = AuditSlot::open(AuditEvent {
            request_id: facts.request_id,
            time: facts.received,
            service: "s3".to_owned(),
            operation: endpoint.name().to_owned(),
            principal: PrincipalKind::Root,
            account: self.caller.principal.account(),
            access_key_id: String::new(),
            auth: self.caller.auth,
            source_ip: facts.source_ip,
            tls_version: facts.tls_version,
            bucket: target.bucket.as_ref().map(ToString::to_string).unwrap_or_default(),
            object_key: target.object_key.as_ref().map(ToString::to_string).unwrap_or_default(),
            version_id: String::new(),
            decision: String::new(),
            outcome: Outcome::default(),
        });
        let question =
            Question { head: Arc::new(head), target: Arc::new(target), facts: Arc::new(facts) };
        let permitted = call.permit(&world.enforcement, &self.caller, question, &audit).await;
        let permitted = match permitted {
            Ok(permitted) => permitted,
            Err(denial) => return (Err(denial.into()), false),
        };
        let payload = match self.payload {
            Some(payload) => payload,
            None if streamed => Payload::full(self.body),
            None => Payload::empty(),
        };
        let answer = permitted.run(payload).await;
        (answer, audit.is_recorded())
    }
}
