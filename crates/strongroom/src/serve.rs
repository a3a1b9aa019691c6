//! `strongroom serve`: wires the services together, announces the server, stops it in order.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use strongroom_access::Enforcement;
use strongroom_audit::{EventSink, SinkDown};
use strongroom_crypto::SystemEntropy;
use strongroom_gateway::{
    CertifiedPem, Gateway, GatewayOptions, Limits, Listener, Service, TlsSettings,
};
use strongroom_identity::{Bootstrap, Identity, iam_endpoints, sts_endpoints};
use strongroom_model::{iam, sts};
use strongroom_objects::{S3, SweepReport};
use strongroom_store::Store;
use strongroom_types::Clock;
use strongroom_wire::{HostRules, Protocol};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::admin::{AdminServer, EndpointAnswer, check_free};
use crate::certificates;
use crate::clock::SystemClock;
use crate::commands::Failure;
use crate::config::{Certificate, DataDir, Keeping, Settings};
use crate::engine::Engine;
use crate::operator::Operator;
use crate::place::{self, Ground, Places};
use crate::{descriptors, logs, runtime, shell};

/// Serves until a signal says stop.
pub(crate) fn serve(settings: Settings, called_as: &str) -> Result<(), Failure> {
    logs::start(settings.log);
    runtime::start()?.block_on(run(settings, called_as))
}

async fn run(settings: Settings, called_as: &str) -> Result<(), Failure> {
    let signals = Signals::new()?;
    let clock = Arc::new(SystemClock::new());
    let entropy = Arc::new(SystemEntropy);
    let plain = Listener::plain(settings.listen, settings.danger_plaintext).await?;
    if !settings.listen.ip().is_loopback() {
        tracing::warn!(
            address = %settings.listen,
            "DANGER: plain HTTP beyond loopback; data and session tokens can be read on the network"
        );
    }
    let places = Places::of(&settings)?;
    let socket = place::admin_socket(&places.data);
    check_free(&socket)?;
    let ground = Ground::prepare(&places, settings.keeping)?;
    let engine = Arc::new(match settings.keeping {
        Keeping::Durable => Engine::open(&places, clock.clone(), entropy.clone()).await?,
        Keeping::Ephemeral => Engine::ephemeral(clock.clone(), entropy.clone()),
    });
    let store = engine.store();
    let opened = async {
        let admin_server = AdminServer::bind(&socket)?;
        let identity = Identity::open(store.clone(), clock.clone(), entropy.clone()).await?;
        let bootstrap = identity.bootstrap(settings.given_root_key.as_ref()).await?;
        let tls = tls(&settings, &places, &store, &*clock).await?;
        let ca_file = tls.ca_file;
        let tls = Listener::tls(settings.listen_tls, TlsSettings::new(&tls.certified)?).await?;
        let endpoint = endpoint(&settings, &plain, &tls, ca_file)?;
        Ok::<_, Failure>((admin_server, identity, bootstrap, tls, endpoint))
    };
    let (admin_server, identity, bootstrap, tls, endpoint) = match opened.await {
        Ok(opened) => opened,
        Err(failure) => {
            // What the start has written is kept in order; the failure is the one to tell.
            let _ = engine.close().await;
            return Err(failure);
        }
    };
    let region = settings.region.clone();
    let s3 = S3::new(store.clone(), clock.clone(), entropy.clone(), region, identity.clone());
    let gateway = Gateway::new(GatewayOptions {
        services: vec![
            Service::new("s3", Protocol::RestXml, strongroom_objects::endpoints(&s3)),
            Service::query("iam", iam::NAMESPACE, iam::API_VERSION, iam_endpoints(&identity)),
            Service::query("sts", sts::NAMESPACE, sts::API_VERSION, sts_endpoints(&identity)),
        ],
        credentials: identity.clone(),
        enforcement: Enforcement::new(s3.clone(), identity.clone(), settings.region.clone()),
        cross_origin: s3.clone(),
        events: Arc::new(StoreEvents(store)),
        clock,
        entropy,
        region: settings.region.clone(),
        hosts: HostRules::new(host_domains(&settings)),
        limits: affordable(settings.limits.clone()),
        presigned_v2: settings.presigned_v2,
    });
    let next_step = next_step(called_as, &settings.data);
    announce(&settings, &places, &bootstrap, &endpoint, &next_step);
    let operator = Operator { engine: Arc::clone(&engine), identity, endpoint };
    let running = Running { gateway, s3, operator: Arc::new(operator), admin_server, signals };
    let ended = running.until_stopped(vec![plain, tls]).await;
    let closed = engine.close().await;
    drop(ground);
    if let Ended::EngineStopped(reason) = ended {
        return Err(Failure::new(format!("the engine has stopped: {reason}")));
    }
    closed?;
    tracing::info!("stopped");
    Ok(())
}

/// Why a server does not serve any more.
enum Ended {
    Asked,
    /// A start may help: it reads what is durable. Going on does not, nothing is taken any more.
    EngineStopped(String),
}

/// A server at work.
struct Running {
    gateway: Arc<Gateway>,
    s3: Arc<S3>,
    operator: Arc<Operator>,
    admin_server: AdminServer,
    signals: Signals,
}

impl Running {
    /// Serves until the first signal, or until the engine stops, then drains; a signal in that time
    /// cuts it short. Nothing acknowledged depends on it.
    async fn until_stopped(mut self, listeners: Vec<Listener>) -> Ended {
        let engine = Arc::clone(&self.operator.engine);
        let (stopping, stop) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(watch_refusals(Arc::clone(&self.gateway)));
        tasks.spawn(sweep(self.s3));
        let admin = self.admin_server.serve(self.operator, stop.clone());
        tasks.spawn(async move {
            if let Err(error) = admin.await {
                tracing::error!(%error, "the admin socket is closed");
            }
        });
        let serving = self.gateway.serve(listeners, stop);
        tokio::pin!(serving);
        let ended = tokio::select! {
            () = &mut serving => None,
            name = self.signals.next() => {
                tracing::info!(signal = name, "stopping: requests in progress may finish");
                Some(Ended::Asked)
            }
            reason = engine.stopped() => {
                tracing::error!(reason, "the engine has stopped: requests in progress are answered");
                Some(Ended::EngineStopped(reason))
            }
        };
        if ended.is_some() {
            stopping.send_replace(true);
            tokio::select! {
                () = &mut serving => {}
                () = impatience() => tracing::warn!("stopping at once"),
            }
        }
        tasks.shutdown().await;
        ended.unwrap_or(Ended::Asked)
    }
}

/// The signals that end a server.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Somebody asks again for what is under way.
///
/// COMPAT: supervisors such as `timeout` send a signal to the process and to its group; the echo is
/// no second wish.
async fn impatience() {
    tokio::time::sleep(ECHO).await;
    match Signals::new() {
        Ok(mut signals) => {
            signals.next().await;
        }
        Err(_) => std::future::pending().await,
    }
}

/// Strangers that were refused are told in numbers, so that they cannot fill the log.
async fn watch_refusals(gateway: Arc<Gateway>) {
    let mut interval = tokio::time::interval(REFUSALS_INTERVAL);
    loop {
        interval.tick().await;
        let report = gateway.take_refusals();
        for ((source, code), count) in report.counts {
            tracing::info!(%source, code, count, "refused");
        }
        if report.others > 0 {
            tracing::info!(count = report.others, "refused, from further sources");
        }
    }
}

/// Frees what belongs to nobody any more, at the start and then again and again.
async fn sweep(s3: Arc<S3>) {
    let mut interval = tokio::time::interval(SWEEP_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        match s3.sweep().await {
            Ok(SweepReport { uploads: 0, buckets: 0, .. }) => {}
            Ok(report) => {
                tracing::info!(uploads = report.uploads, buckets = report.buckets, "swept");
            }
            Err(error) => tracing::warn!(error = %Failure::from(error), "sweeping stopped"),
        }
    }
}

/// Events of requests that change nothing go into the store's own journal.
#[derive(Debug)]
struct StoreEvents(Store);

impl EventSink for StoreEvents {
    fn append(
        &self,
        event: Bytes,
    ) -> Pin<Box<dyn Future<Output = Result<(), SinkDown>> + Send + '_>> {
        Box::pin(async move {
            self.0.metadata.append_event(event).await.map_err(|error| SinkDown(Box::new(error)))
        })
    }
}

/// What HTTPS shows, and what clients check it against.
struct Tls {
    certified: CertifiedPem,
    ca_file: Option<String>,
}

async fn tls(
    settings: &Settings,
    places: &Places,
    store: &Store,
    clock: &dyn Clock,
) -> Result<Tls, Failure> {
    match &settings.certificate {
        Certificate::Given { chain, private_key } => {
            Ok(Tls { certified: certificates::given(chain, private_key)?, ca_file: None })
        }
        Certificate::Own => {
            let names = certificate_names(settings);
            let own = certificates::own(store, &names, clock.now(), &SystemEntropy).await?;
            let file = place::authority_file(&places.data);
            certificates::publish(&file, &own.authority_chain)?;
            let ca_file = Some(utf8(&file)?.to_owned());
            Ok(Tls { certified: own.server, ca_file })
        }
    }
}

/// Domains whose labels are bucket names.
///
/// COMPAT: SDKs that are given `http://localhost:9000` put the bucket in front of it.
fn host_domains(settings: &Settings) -> impl Iterator<Item = &str> {
    settings.domains.iter().map(String::as_str).chain([LOCALHOST])
}

/// Every name under which a client of this machine may know the server.
fn certificate_names(settings: &Settings) -> Vec<String> {
    let mut names = Vec::new();
    for domain in host_domains(settings) {
        names.push(domain.to_owned());
        names.push(format!("*.{domain}"));
    }
    let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let listening = settings.listen_tls.ip();
    let further =
        (!listening.is_unspecified() && !loopback.contains(&listening)).then_some(listening);
    names.extend(loopback.into_iter().chain(further).map(|address| address.to_string()));
    names
}

fn endpoint(
    settings: &Settings,
    plain: &Listener,
    tls: &Listener,
    ca_file: Option<String>,
) -> Result<EndpointAnswer, Failure> {
    let secure = reachable(tls.address()?);
    let https = match (&settings.certificate, settings.chosen_domain()) {
        // A certificate of the operator's is for a name, as a rule.
        (Certificate::Given { .. }, Some(domain)) => format!("https://{domain}:{}", secure.port()),
        _ => format!("https://{secure}"),
    };
    Ok(EndpointAnswer {
        http: format!("http://{}", reachable(plain.address()?)),
        https,
        ca_file,
        region: settings.region.to_string(),
    })
}

/// An address that a client of this machine can connect to.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// The limits, with no more connections than the system gives sockets for.
fn affordable(mut limits: Limits) -> Limits {
    let wanted = limits.connections_max.saturating_add(limits.turned_away_max);
    let sockets = descriptors::sockets(wanted);
    if sockets < wanted {
        let connections = sockets.saturating_sub(limits.turned_away_max).max(1);
        let asked = limits.connections_max;
        tracing::warn!(asked, connections, "fewer connections: the limit of open files is low");
        limits.connections_max = connections;
        let share = connections.div_ceil(4).saturating_mul(3);
        limits.connections_per_address_max = limits.connections_per_address_max.min(share);
    }
    limits
}

/// The line that the reader shall type next.
fn next_step(called_as: &str, data: &DataDir) -> String {
    let program = shell::quoted(called_as);
    let place = match data {
        DataDir::Default => String::new(),
        DataDir::Chosen(path) => format!(" --data {}", shell::quoted(&path.to_string_lossy())),
    };
    format!("eval \"$({program} env{place})\"")
}

/// What standard output gets. A reader that went away does not stop the server.
fn announce(
    settings: &Settings,
    places: &Places,
    bootstrap: &Bootstrap,
    endpoint: &EndpointAnswer,
    next_step: &str,
) {
    let mut text = format!("Strongroom serves {} and {}\n", endpoint.http, endpoint.https);
    match settings.keeping {
        Keeping::Ephemeral => text.push_str("Everything is kept in memory and ends with it.\n"),
        Keeping::Durable => {
            if let Bootstrap::Created(new) = bootstrap {
                text.push_str(&format!(
                    "Made account {} (`{}`). Data: {}\nKeep a copy of its root key, apart from it: \
                     {}\n",
                    new.account.id,
                    new.account.name,
                    places.data.display(),
                    places.root_key.display(),
                ));
            }
        }
    }
    text.push_str(&format!("Type next:\n\n    {next_step}\n\n"));
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    let account = bootstrap.account();
    tracing::info!(http = endpoint.http, https = endpoint.https, account = %account.id, "serving");
}

fn utf8(path: &Path) -> Result<&str, Failure> {
    path.to_str().ok_or_else(|| Failure::new("the path of the data directory is not UTF-8"))
}

const LOCALHOST: &str = "localhost";
/// Within this time a second signal is the first one's echo.
const ECHO: Duration = Duration::from_secs(1);
/// Between two looks for parts and buckets that belong to nobody: a scan of two short ranges.
const SWEEP_INTERVAL: Duration = Duration::from_secs(30);
const REFUSALS_INTERVAL: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Layer};

    fn settings(flags: Layer) -> Settings {
        Settings::resolve(flags, Environment::default(), Layer::default()).unwrap()
    }

    #[test]
    fn the_next_step_is_the_exact_line() {
        assert_eq!(
            next_step("target/release/strongroom", &DataDir::Default),
            "eval \"$(target/release/strongroom env)\""
        );
        assert_eq!(
            next_step("/opt/my tools/strongroom", &DataDir::Chosen("it's here".into())),
            "eval \"$('/opt/my tools/strongroom' env --data 'it'\\''s here')\""
        );
    }

    #[test]
    fn clients_are_sent_to_an_address_that_they_can_reach() {
        for (listening, expected) in [
            ("127.0.0.1:9000", "127.0.0.1:9000"),
            ("0.0.0.0:9000", "127.0.0.1:9000"),
            ("[::]:9000", "[::1]:9000"),
            ("192.0.2.1:9000", "192.0.2.1:9000"),
        ] {
            assert_eq!(reachable(listening.parse().unwrap()).to_string(), expected);
        }
    }

    #[test]
    fn certificates_name_every_way_to_the_server() {
        let names = certificate_names(&settings(Layer::default()));
        let expected =
            ["s3.localhost", "*.s3.localhost", "localhost", "*.localhost", "127.0.0.1", "::1"];
        assert_eq!(names, expected);
        let flags = Layer {
            listen_tls: Some("192.0.2.1:443".parse().unwrap()),
            domain: Some(vec!["s3.example.com".to_owned()]),
            ..Layer::default()
        };
        let names = certificate_names(&settings(flags));
        assert!(names.contains(&"*.s3.example.com".to_owned()));
        assert!(names.contains(&"192.0.2.1".to_owned()));
    }
}
