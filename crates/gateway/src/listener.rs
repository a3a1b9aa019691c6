//! Listeners and connections: who may connect, how long, and how a stop drains.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ProtocolVersion;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::guard::{Ending, Guard};
use crate::heads::HEADERS_MAX;
use crate::places::{Mark, Place};
use crate::tls::TlsSettings;
use crate::{Connection, Gateway, failures};

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

/// Binds and listens. Connections that arrive faster than they are accepted wait in the kernel.
async fn bind(address: SocketAddr) -> Result<TcpListener, ListenerError> {
    let listen = || {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|source| ListenerError::Bind { address, source })
}

impl Gateway {
    /// Serves until `stop` turns true, then drains: no new connections, requests in progress may
    /// finish within [`crate::Limits::drain_max`].
    pub async fn serve(self: Arc<Self>, listeners: Vec<Listener>, stop: watch::Receiver<bool>) {
        let mut accepting = JoinSet::new();
        for listener in listeners {
            accepting.spawn(accept(Arc::clone(&self), listener, stop.clone()));
        }
        while accepting.join_next().await.is_some() {}
    }
}

async fn accept(gateway: Arc<Gateway>, listener: Listener, stop: watch::Receiver<bool>) {
    let Listener { socket, tls } = listener;
    let mut connections = JoinSet::new();
    let mut stopping = stop.clone();
    let welcome = |connections: &mut JoinSet<()>, stream: TcpStream, peer: SocketAddr| {
        // Without a place not even a refusal can be afforded: the socket is closed.
        let Some(place) = gateway.places.admit(peer.ip()) else { return };
        let (gateway, tls, stop) = (Arc::clone(&gateway), tls.clone(), stop.clone());
        connections.spawn(connection(gateway, stream, peer, tls, place, stop));
    };
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            () = stopped(&mut stopping) => break,
        };
        match accepted {
            Ok((stream, peer)) => welcome(&mut connections, stream, peer),
            Err(error) => {
                // Out of file descriptors, or the peer is gone already: neither ends the server.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    // Who has connected already, and may have sent a request, is served before the socket closes.
    if let Ok(socket) = socket.into_std() {
        while let Ok((stream, peer)) = socket.accept() {
            let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
            if let Ok(stream) = stream {
                welcome(&mut connections, stream, peer);
            }
        }
    }
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(gateway.limits.drain_max, drained).await.is_err() {
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
    place: Place,
    stop: watch::Receiver<bool>,
) {
    // Without it small answers wait for the peer's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let mark = place.mark();
    let on = |tls_version| Connection {
        peer,
        tls_version,
        mark: Arc::clone(&mark),
        memory: place.memory.clone(),
    };
    match tls {
        None => speak_http(gateway, stream, on(0), stop).await,
        Some(settings) => {
            let handshake = TlsAcceptor::from(settings.0).accept(stream);
            let handshake = tokio::time::timeout(gateway.limits.handshake_max, handshake);
            let shaken = tokio::select! {
                shaken = handshake => shaken,
                () = mark.called_off() => return,
            };
            match shaken {
                Ok(Ok(stream)) => {
                    let tls_version = match stream.get_ref().1.protocol_version() {
                        Some(ProtocolVersion::TLSv1_3) => 13,
                        _ => 12,
                    };
                    speak_http(gateway, stream, on(tls_version), stop).await;
                }
                Ok(Err(error)) => tracing::debug!(%peer, %error, "the TLS handshake failed"),
                Err(_) => tracing::debug!(%peer, "the TLS handshake took too long"),
            }
        }
    }
}

async fn speak_http<S>(
    gateway: Arc<Gateway>,
    stream: S,
    connection: Connection,
    mut stop: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mark = Arc::clone(&connection.mark);
    let guard = Guard::new(stream, Arc::clone(&mark), Arc::clone(&gateway.limits));
    let service = service_fn(|request| {
        let (gateway, connection) = (Arc::clone(&gateway), connection.clone());
        async move { Ok::<_, Infallible>(gateway.answer(connection, request).await) }
    });
    let mut served = http1::Builder::new()
        // The guard has timers of its own, which tell a client that rests from one that dawdles.
        .header_read_timeout(None)
        // Who has sent its request and closed its side is still to hear the answer.
        .half_close(true)
        .max_buf_size(BUFFER_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(guard), service);
    loop {
        tokio::select! {
            ended = &mut served => {
                if let Err(error) = ended {
                    tracing::debug!(peer = %connection.peer, %error, "the connection broke");
                }
                break;
            }
            // Either way the guard looks at the mark when hyper reads again.
            () = mark.called_off() => {}
            () = stopped(&mut stop), if !mark.is_summoned() => mark.stops(),
        }
    }
    let (stream, ending) = served.into_parts().io.into_inner().into_parts();
    mark.leaves();
    tokio::select! {
        () = part(&gateway, &connection, stream, ending) => {}
        () = gone(&mark) => {}
    }
}

/// Says what there is still to say, and closes the connection so that the client hears it.
async fn part<S>(gateway: &Gateway, connection: &Connection, mut stream: S, ending: Option<Ending>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let refusal = match ending {
        Some(Ending::Gone) => return,
        Some(Ending::Rested) | None => None,
        Some(Ending::Slow) => Some(failures::too_slow()),
        Some(Ending::Refused(error)) => Some(failures::head(error)),
    };
    let said = async {
        if let Some(refusal) = refusal {
            stream.write_all(&gateway.turn_away(connection, &refusal)).await?;
        }
        stream.shutdown().await?;
        // A socket that is closed over unread bytes is reset, and the answer may be lost with it.
        let mut scrap = vec![0; SCRAP_BYTES];
        let mut read_bytes = 0;
        while read_bytes < LINGER_BYTES_MAX {
            match stream.read(&mut scrap).await? {
                0 => break,
                bytes => read_bytes += bytes,
            }
        }
        Ok::<_, std::io::Error>(())
    };
    // Whether the client took it or not, the connection ends here.
    let _ = tokio::time::timeout(gateway.limits.linger_max, said).await;
}

/// Returns when the place is needed; never, if it was needed before.
async fn gone(mark: &Mark) {
    if mark.is_called_off() {
        // What is left to be said is short, and has its own limit.
        std::future::pending::<()>().await;
    }
    mark.called_off().await;
}

/// Waiting connections in the kernel; it may allow fewer.
const BACKLOG: u32 = 4096;
/// After a failed accept, so that the loop does not spin while descriptors are short.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Read and write buffer of one connection. S3 allows heads of 8 KiB; the rest is payload.
const BUFFER_BYTES_MAX: usize = 256 * 1024;
const SCRAP_BYTES: usize = 8 * 1024;
/// What is read away behind the last answer. Larger uploads are cut; clients that mean to send
/// them ask first with `Expect: 100-continue`.
const LINGER_BYTES_MAX: usize = 1024 * 1024;
