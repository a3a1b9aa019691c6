//! Listeners and connections: who may connect, how long, and how a stop drains.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ProtocolVersion;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::tls::TlsSettings;
use crate::{Connection, Gateway};

/// One socket that accepts connections.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    tls: Option<TlsSettings>,
}

/// Why a listener was refused.
#[derive(Debug, thiserror::Error)]
pub enum ListenerError {
    /// SECURITY: plain HTTP would carry data and session tokens in the clear.
    #[error("`{0}` is not a loopback address: plain HTTP there needs --danger-plaintext")]
    PlaintextBeyondLoopback(SocketAddr),
    /// The address cannot be bound.
    #[error("cannot listen on `{address}`")]
    Bind {
        /// The address that was given.
        address: SocketAddr,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
}

/// Whether plain HTTP may be spoken beyond loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DangerPlaintext {
    /// Never: the default.
    Refused,
    /// The operator asked for it by name.
    Accepted,
}

impl Listener {
    /// Binds a plain HTTP listener.
    ///
    /// # Errors
    /// Beyond loopback, unless the danger is accepted; or if the address cannot be bound.
    pub async fn plain(
        address: SocketAddr,
        danger: DangerPlaintext,
    ) -> Result<Self, ListenerError> {
        if !address.ip().is_loopback() && danger == DangerPlaintext::Refused {
            return Err(ListenerError::PlaintextBeyondLoopback(address));
        }
        let socket = bind(address).await?;
        Ok(Self { socket, tls: None })
    }

    /// Binds an HTTPS listener.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub async fn tls(address: SocketAddr, tls: TlsSettings) -> Result<Self, ListenerError> {
        let socket = bind(address).await?;
        Ok(Self { socket, tls: Some(tls) })
    }

    /// Where it really listens; tells the port that was chosen for port 0.
    ///
    /// # Errors
    /// If the operating system does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, ListenerError> {
    TcpListener::bind(address).await.map_err(|source| ListenerError::Bind { address, source })
}

impl Gateway {
    /// Serves until `stop` turns true, then drains: no new connections, requests in progress may
    /// finish within [`DRAIN_MAX`].
    pub async fn serve(self: Arc<Self>, listeners: Vec<Listener>, stop: watch::Receiver<bool>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut accepting = JoinSet::new();
        for listener in listeners {
            accepting.spawn(accept(Arc::clone(&self), listener, Arc::clone(&places), stop.clone()));
        }
        while accepting.join_next().await.is_some() {}
    }
}

async fn accept(
    gateway: Arc<Gateway>,
    listener: Listener,
    places: Arc<Semaphore>,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        // The semaphore is never closed; an error could only mean that it is.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            break;
        };
        let accepted = tokio::select! {
            accepted = listener.socket.accept() => accepted,
            () = stopped(&mut stop) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let gateway = Arc::clone(&gateway);
                let tls = listener.tls.clone();
                connections.spawn(connection(gateway, stream, peer, tls, place, stop.clone()));
            }
            Err(error) => {
                // Out of file descriptors, or the peer is gone already: neither ends the server.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_MAX, drained).await.is_err() {
        tracing::warn!("connections were cut: they did not finish within the drain time");
    }
}

/// Returns once the stop was asked for, or nobody is left who could ask.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn connection(
    gateway: Arc<Gateway>,
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsSettings>,
    place: OwnedSemaphorePermit,
    stop: watch::Receiver<bool>,
) {
    // Without it small answers wait for the peer's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    match tls {
        None => speak_http(gateway, stream, Connection { peer, tls_version: 0 }, stop).await,
        Some(settings) => {
            let handshake = TlsAcceptor::from(settings.0).accept(stream);
            match tokio::time::timeout(HANDSHAKE_MAX, handshake).await {
                Ok(Ok(stream)) => {
                    let tls_version = match stream.get_ref().1.protocol_version() {
                        Some(ProtocolVersion::TLSv1_3) => 13,
                        _ => 12,
                    };
                    speak_http(gateway, stream, Connection { peer, tls_version }, stop).await;
                }
                Ok(Err(error)) => tracing::debug!(%peer, %error, "the TLS handshake failed"),
                Err(_) => tracing::debug!(%peer, "the TLS handshake took too long"),
            }
        }
    }
    drop(place);
}

async fn speak_http<S>(
    gateway: Arc<Gateway>,
    stream: S,
    connection: Connection,
    mut stop: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let gateway = Arc::clone(&gateway);
        async move { Ok::<_, Infallible>(gateway.answer(connection, request).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_MAX)
        .max_buf_size(BUFFER_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = stopped(&mut stop) => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(peer = %connection.peer, %error, "the connection broke");
    }
}

/// Connections served at once; further ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 4_096;
/// A TLS handshake takes milliseconds; slower peers hold a place for nothing.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// A request's head, and the pause before it on a kept connection.
const HEADER_READ_MAX: Duration = Duration::from_secs(60);
/// How long a stop waits for requests in progress.
const DRAIN_MAX: Duration = Duration::from_secs(30);
/// After a failed accept, so that the loop does not spin while descriptors are short.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Read and write buffer of one connection. S3 allows heads of 8 KiB; the rest is payload.
const BUFFER_BYTES_MAX: usize = 256 * 1024;
/// 2 KiB of user metadata can be some 700 headers of a letter each.
const HEADERS_MAX: usize = 1024;
