//! The server's end of the admin socket.

use std::fmt;
use std::io;
use std::os::unix::net::UnixListener as StdListener;
use std::sync::Arc;

use serde::Serialize;
use strongroom_crypto::SecretBytes;
use strongroom_store::BoxFuture;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::protocol::{
    AccountsAnswer, COMMAND_BYTES_MAX, Command, EndpointAnswer, Line, NewAccountAnswer, Progress,
    ScrubAnswer, SessionAnswer,
};
use super::socket::{BoundSocket, SocketError};

/// What the operator may have done. Errors are words for the operator.
pub(crate) trait Admin: Send + Sync + fmt::Debug {
    fn endpoint(&self) -> EndpointAnswer;

    fn session(&self, account: String) -> BoxFuture<'_, Result<SessionAnswer, String>>;

    fn create_account(&self, name: String) -> BoxFuture<'_, Result<NewAccountAnswer, String>>;

    fn accounts(&self) -> BoxFuture<'_, Result<AccountsAnswer, String>>;

    /// Sends progress as it goes; a full channel is no reason to wait.
    fn scrub(&self, progress: mpsc::Sender<Progress>)
    -> BoxFuture<'_, Result<ScrubAnswer, String>>;
}

/// A socket that is bound and not yet served.
#[derive(Debug)]
pub(crate) struct AdminServer {
    listener: StdListener,
    bound: BoundSocket,
}

impl AdminServer {
    /// Binds the socket.
    ///
    /// # Errors
    /// If another server answers there, or the socket cannot be made.
    pub(crate) fn bind(path: &std::path::Path) -> Result<Self, SocketError> {
        let (listener, bound) = super::socket::bind(path)?;
        Ok(Self { listener, bound })
    }

    /// Answers commands until `stop` turns true; commands in progress are cut off, nothing of
    /// theirs is half done.
    ///
    /// # Errors
    /// If the socket cannot be used from here.
    pub(crate) async fn serve(
        self,
        admin: Arc<dyn Admin>,
        mut stop: watch::Receiver<bool>,
    ) -> io::Result<()> {
        let Self { listener, bound } = self;
        let listener = UnixListener::from_std(listener)?;
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => accepted,
                Some(_) = connections.join_next() => continue,
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
            };
            match accepted {
                Ok((stream, _)) if is_admitted(&bound, &stream) => {
                    connections.spawn(answer(Arc::clone(&admin), stream));
                }
                Ok(_) => tracing::warn!("another user tried the admin socket"),
                Err(error) => {
                    tracing::warn!(%error, "the admin socket could not accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

fn is_admitted(bound: &BoundSocket, stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| bound.admits(peer.uid()))
}

async fn answer(admin: Arc<dyn Admin>, mut stream: UnixStream) {
    // A peer that hangs up early, or never speaks, has its own reasons.
    if let Err(error) = converse(&*admin, &mut stream).await {
        tracing::debug!(%error, "an admin connection broke");
    }
}

async fn converse(admin: &dyn Admin, stream: &mut UnixStream) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut line = Vec::new();
    let mut reader = BufReader::new(reader).take(COMMAND_BYTES_MAX);
    let read = tokio::time::timeout(COMMAND_WAIT_MAX, reader.read_until(b'\n', &mut line));
    read.await.map_err(|_| io::ErrorKind::TimedOut)??;
    let command = match serde_json::from_slice(&line) {
        Ok(command) => command,
        Err(error) => {
            let refused = Line::<()>::Refused(format!("the command is not understood: {error}"));
            return send(&mut writer, &refused).await;
        }
    };
    match command {
        Command::Endpoint {} => send(&mut writer, &Line::Done(admin.endpoint())).await,
        Command::Session { account } => {
            send(&mut writer, &last(admin.session(account).await)).await
        }
        Command::AccountCreate { name } => {
            send(&mut writer, &last(admin.create_account(name).await)).await
        }
        Command::AccountList {} => send(&mut writer, &last(admin.accounts().await)).await,
        Command::Scrub {} => scrub(admin, &mut writer).await,
    }
}

async fn scrub<W: AsyncWriteExt + Unpin>(admin: &dyn Admin, writer: &mut W) -> io::Result<()> {
    let (sender, mut progress) = mpsc::channel(PROGRESS_QUEUE);
    let mut work = admin.scrub(sender);
    loop {
        tokio::select! {
            done = &mut work => return send(writer, &last(done)).await,
            Some(step) = progress.recv() => {
                send(writer, &Line::<ScrubAnswer>::Progress(step)).await?;
            }
        }
    }
}

fn last<T>(answer: Result<T, String>) -> Line<T> {
    match answer {
        Ok(done) => Line::Done(done),
        Err(reason) => Line::Refused(reason),
    }
}

async fn send<T: Serialize, W: AsyncWriteExt + Unpin>(
    writer: &mut W,
    line: &Line<T>,
) -> io::Result<()> {
    // Roomy, so that a secret is not left behind by growing; wiped with its value.
    let mut bytes = Vec::with_capacity(LINE_CAPACITY);
    serde_json::to_writer(&mut bytes, line)?;
    bytes.push(b'\n');
    let bytes = SecretBytes::new(bytes);
    writer.write_all(bytes.danger_expose()).await?;
    writer.flush().await
}

/// Operators' commands at once; further ones wait.
const CONNECTIONS_MAX: usize = 16;
/// A command is typed by a program, not by a hand.
const COMMAND_WAIT_MAX: std::time::Duration = std::time::Duration::from_secs(10);
/// After a failed accept, so that the loop does not spin while descriptors are short.
const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);
/// Progress that is not taken in time is dropped by the sender.
const PROGRESS_QUEUE: usize = 4;
/// Answers with a secret have about 500 bytes.
const LINE_CAPACITY: usize = 4 * 1024;
