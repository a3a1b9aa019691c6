//! The whole request path in this process, on the in-memory engine.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use strongroom_access::Enforcement;
use strongroom_audit::{EventSink, SinkDown};
use strongroom_crypto::{SecretText, SystemEntropy};
use strongroom_gateway::{
    DangerPlaintext, Gateway, GatewayOptions, Limits, Listener, PresignedV2, Service,
};
use strongroom_identity::{AccountName, Identity, NewAccount};
use strongroom_objects::{S3, endpoints};
use strongroom_sigv4::sign::{Credentials, Signer};
use strongroom_store::memory::MemoryEngine;
use strongroom_store::{KeyRange, SCAN_ENTRIES_MAX, Store};
use strongroom_types::{AccountId, Clock, Entropy, Region, Timestamp};
use strongroom_wire::{HostRules, Protocol};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::{Call, Cast, Reply, TestClock, TestkitError};

/// A running server with two accounts.
pub struct TestServer {
    address: SocketAddr,
    clock: Arc<TestClock>,
    identity: Arc<Identity>,
    cast: Arc<Cast>,
    store: Store,
    region: Region,
    main: Keys,
    other: Keys,
    gateway: Arc<Gateway>,
    stop: watch::Sender<bool>,
    serving: Option<JoinHandle<()>>,
    runtime: Option<Runtime>,
}

/// Who signs.
#[derive(Debug)]
pub struct Keys {
    /// The account whose root it is.
    pub account: AccountId,
    /// The access key id.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: SecretText,
    /// The session token, for temporary credentials.
    pub session_token: Option<SecretText>,
}

impl TestServer {
    /// Starts a server on a free port of loopback.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start() -> Result<Self, TestkitError> {
        Self::start_with(Limits::default())
    }

    /// Starts a server that allows its clients so much.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start_with(limits: Limits) -> Result<Self, TestkitError> {
        Self::build(limits, PresignedV2::Accepted)
    }

    /// Starts a server that refuses signatures of version 2 everywhere.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start_without_v2() -> Result<Self, TestkitError> {
        Self::build(Limits::default(), PresignedV2::Refused)
    }

    fn build(limits: Limits, presigned_v2: PresignedV2) -> Result<Self, TestkitError> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let clock = Arc::new(TestClock::new());
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let now: Arc<dyn Clock> = Arc::<TestClock>::clone(&clock);
        let store = MemoryEngine::new(Arc::clone(&entropy), Arc::clone(&now)).store();
        let region: Region = REGION.parse().map_err(TestkitError::server)?;
        let identity = Identity::open(store.clone(), Arc::clone(&now), Arc::clone(&entropy));
        let identity = runtime.block_on(identity).map_err(TestkitError::server)?;
        let bootstrap = runtime.block_on(identity.bootstrap(None)).map_err(TestkitError::server)?;
        let strongroom_identity::Bootstrap::Created(main) = bootstrap else {
            return Err(TestkitError::BadReply("a new store has an account"));
        };
        let name: AccountName = "other".parse().map_err(TestkitError::server)?;
        let other =
            runtime.block_on(identity.create_account(name)).map_err(TestkitError::server)?;
        let cast = Arc::new(Cast::new(Arc::clone(&identity)));
        let s3 = S3::new(
            store.clone(),
            Arc::clone(&now),
            Arc::clone(&entropy),
            region.clone(),
            Arc::<Identity>::clone(&identity),
        );
        let gateway = Gateway::new(GatewayOptions {
            services: vec![Service::new("s3", Protocol::RestXml, endpoints(&s3))],
            credentials: Arc::<Cast>::clone(&cast),
            enforcement: Enforcement::new(s3.clone(), Arc::<Cast>::clone(&cast), region.clone()),
            cross_origin: s3,
            events: Arc::new(StoreEvents(store.clone())),
            clock: now,
            entropy,
            region: region.clone(),
            hosts: HostRules::new([DOMAIN]),
            limits,
            presigned_v2,
        });
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = runtime.block_on(Listener::plain(address, DangerPlaintext::Refused));
        let listener = listener.map_err(TestkitError::server)?;
        let address = listener.address()?;
        let (stop, stopped) = watch::channel(false);
        let serving = Some(runtime.spawn(Arc::clone(&gateway).serve(vec![listener], stopped)));
        let (main, other) = (Keys::of(main), Keys::of(other));
        let runtime = Some(runtime);
        Ok(Self {
            address,
            clock,
            identity,
            cast,
            store,
            region,
            main,
            other,
            gateway,
            stop,
            serving,
            runtime,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its clock.
    #[must_use]
    pub fn clock(&self) -> &TestClock {
        &self.clock
    }

    /// The root key of the first account.
    #[must_use]
    pub fn main(&self) -> &Keys {
        &self.main
    }

    /// The root key of another account.
    #[must_use]
    pub fn other(&self) -> &Keys {
        &self.other
    }

    /// Callers of other kinds than roots.
    #[must_use]
    pub fn cast(&self) -> &Cast {
        &self.cast
    }

    /// Temporary credentials for the root of the first account.
    ///
    /// # Errors
    /// If there are none to be had.
    pub fn session(&self, lifetime: Duration) -> Result<Keys, TestkitError> {
        let name = AccountName::first();
        let session = self.block_on(self.identity.mint_session(&name, lifetime))?;
        let session = session.map_err(TestkitError::server)?;
        Ok(Keys {
            account: session.account,
            access_key_id: session.access_key_id.to_string(),
            secret_access_key: session.secret_access_key,
            session_token: Some(session.session_token),
        })
    }

    /// A signer for S3 at the server's time.
    #[must_use]
    pub fn signer(&self, keys: &Keys) -> Signer {
        keys.signer(self.region.as_str(), "s3", self.clock.now())
    }

    /// A request to this server.
    #[must_use]
    pub fn call(&self, method: &str, target: &str) -> Call {
        Call::new(&self.address.to_string(), method, target)
    }

    /// Sends a request signed by the root of the first account.
    ///
    /// # Errors
    /// If it cannot be signed or sent.
    pub fn send_signed(&self, call: Call) -> Result<Reply, TestkitError> {
        self.send(&call.sign(&self.signer(&self.main))?)
    }

    /// Sends a request as it is, on a connection of its own.
    ///
    /// # Errors
    /// If there is not exactly one answer.
    pub fn send(&self, call: &Call) -> Result<Reply, TestkitError> {
        let mut bytes = Vec::new();
        let mut socket = self.connect()?;
        // A server that refuses early may close before it has read all; its answer still counts.
        let _ = socket.write_all(&call.to_bytes());
        let _ = socket.read_to_end(&mut bytes);
        let mut replies = Reply::parse_all(&bytes, call.method == "HEAD")?;
        replies.retain(|reply| reply.status != 100);
        match (replies.pop(), replies.pop()) {
            (Some(reply), None) => Ok(reply),
            (None, _) => Err(TestkitError::BadReply("no answer")),
            (Some(_), Some(_)) => Err(TestkitError::BadReply("more than one answer")),
        }
    }

    /// Sends bytes on one connection and reads every answer until the server closes it.
    ///
    /// # Errors
    /// If what comes back is no sequence of whole answers, or the server keeps the connection
    /// open and silent.
    pub fn converse(&self, bytes: &[u8]) -> Result<Vec<Reply>, TestkitError> {
        let mut socket = self.connect()?;
        let _ = socket.write_all(bytes);
        let mut answer = Vec::new();
        match socket.read_to_end(&mut answer) {
            Err(error) if error.kind() != std::io::ErrorKind::ConnectionReset => Err(error.into()),
            _ => Reply::parse_all(&answer, false),
        }
    }

    /// A connection to the server.
    ///
    /// # Errors
    /// If there is none to be had.
    pub fn connect(&self) -> Result<TcpStream, TestkitError> {
        let socket = TcpStream::connect(self.address)?;
        socket.set_read_timeout(Some(SILENCE_MAX))?;
        socket.set_write_timeout(Some(SILENCE_MAX))?;
        Ok(socket)
    }

    /// Asks the server to stop; it goes on with what it has begun.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until the server has stopped.
    ///
    /// # Errors
    /// If it does not.
    pub fn wait_stopped(&mut self) -> Result<(), TestkitError> {
        let Some(serving) = self.serving.take() else { return Ok(()) };
        self.block_on(async {
            let stopped = tokio::time::timeout(SILENCE_MAX, serving).await;
            stopped.map_err(TestkitError::server)?.map_err(TestkitError::server)
        })?
    }

    /// How often requests were refused with each code since the last call.
    #[must_use]
    pub fn take_refusals(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for ((_, code), count) in self.gateway.take_refusals().counts {
            *counts.entry(code).or_default() += count;
        }
        counts
    }

    /// Every record of the store and what it owns, but for the notes of when access keys were last
    /// used: equal before and after what must change nothing.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn contents(&self) -> Result<Contents, TestkitError> {
        self.block_on(read_contents(&self.store))?
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> Result<T, TestkitError> {
        let runtime = self.runtime.as_ref().ok_or(TestkitError::BadReply("no server"))?;
        Ok(runtime.block_on(future))
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for TestServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestServer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Keys {
    fn of(new: NewAccount) -> Self {
        Self {
            account: new.account.id,
            access_key_id: new.root_key.access_key_id.to_string(),
            secret_access_key: new.root_key.secret_access_key,
            session_token: None,
        }
    }

    /// A signer of these keys.
    #[must_use]
    pub fn signer(&self, region: &str, service: &str, now: Timestamp) -> Signer {
        let credentials = Credentials {
            access_key_id: &self.access_key_id,
            secret_access_key: &self.secret_access_key,
            session_token: self.session_token.as_ref(),
        };
        Signer::new(&credentials, region, service, now)
    }
}

/// Every record with its value, its revision and the bytes of its payload.
#[derive(Clone, PartialEq, Eq)]
pub struct Contents(BTreeMap<Bytes, (Bytes, u64, Vec<u8>)>);

/// Says how much there is; the records themselves are sealed or secret.
impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records", self.0.len())
    }
}

async fn read_contents(store: &Store) -> Result<Contents, TestkitError> {
    let mut records = BTreeMap::new();
    let mut range = KeyRange::prefix(b"");
    loop {
        let page = store.metadata.scan(range, SCAN_ENTRIES_MAX).await;
        let page = page.map_err(TestkitError::server)?;
        let last = page.last().map(|(key, _)| key.clone());
        let is_full = page.len() == SCAN_ENTRIES_MAX;
        // When a key was last used is noted of every proven request, refused or not.
        for (key, entry) in page.into_iter().filter(|(key, _)| !key.starts_with(LAST_USED)) {
            let mut payload = Vec::new();
            if let Some(place) = &entry.payload {
                let reader = store.blobs.open(place).await.map_err(TestkitError::server)?;
                let length = usize::try_from(reader.stored_bytes()).unwrap_or(usize::MAX);
                payload = reader.read_at(0, length).await.map_err(TestkitError::server)?.to_vec();
            }
            records.insert(key, (entry.value, entry.revision.0, payload));
        }
        match last {
            Some(last) if is_full => range = KeyRange::prefix_after(b"", &last),
            _ => return Ok(Contents(records)),
        }
    }
}

/// Events go where the binary puts them: into the store.
#[derive(Debug)]
struct StoreEvents(Store);

impl EventSink for StoreEvents {
    fn append(
        &self,
        event: Bytes,
    ) -> Pin<Box<dyn Future<Output = Result<(), SinkDown>> + Send + '_>> {
        Box::pin(async move {
            let appended = self.0.metadata.append_event(event).await;
            appended.map_err(|error| SinkDown(Box::new(error)))
        })
    }
}

/// Keys of records of last use: `docs/formats/iam-record.md`.
const LAST_USED: &[u8] = b"i|s|";
const REGION: &str = "us-east-1";
const DOMAIN: &str = "s3.localhost";
/// A server that is silent for so long has hung; no test waits for it to pass.
const SILENCE_MAX: Duration = Duration::from_secs(20);
