//! Both ends of the socket, with an operator's hands that are tied.

use std::io::{BufRead, BufReader, Write};
use std::net::Shutdown;
use std::path::Path;
use std::sync::Arc;

use strongroom_crypto::SecretText;
use strongroom_store::BoxFuture;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::protocol::COMMAND_BYTES_MAX;
use super::socket::connect;
use super::{
    AccountsAnswer, Admin, AdminClient, AdminServer, Command, EndpointAnswer, NewAccountAnswer,
    Progress, ScrubAnswer, SessionAnswer,
};
use crate::place::admin_socket;
use crate::testing::TestDir;

#[derive(Debug)]
struct Tied;

impl Admin for Tied {
    fn endpoint(&self) -> EndpointAnswer {
        EndpointAnswer {
            http: "http://h".to_owned(),
            https: "https://h".to_owned(),
            ca_file: None,
            region: "us-east-1".to_owned(),
        }
    }

    fn session(&self, account: String) -> BoxFuture<'_, Result<SessionAnswer, String>> {
        Box::pin(async move {
            Ok(SessionAnswer {
                access_key_id: account,
                secret_access_key: SecretText::new("secret".to_owned()),
                session_token: SecretText::new("token".to_owned()),
                expires: String::new(),
            })
        })
    }

    fn create_account(&self, name: String) -> BoxFuture<'_, Result<NewAccountAnswer, String>> {
        Box::pin(async move { Err(format!("no account `{name}` today")) })
    }

    fn accounts(&self) -> BoxFuture<'_, Result<AccountsAnswer, String>> {
        Box::pin(async { Ok(AccountsAnswer { accounts: Vec::new() }) })
    }

    fn scrub(
        &self,
        progress: mpsc::Sender<Progress>,
    ) -> BoxFuture<'_, Result<ScrubAnswer, String>> {
        Box::pin(async move {
            for done_bytes in 0..3 {
                progress.send(Progress { done_bytes, total_bytes: 2 }).await.unwrap();
                // The other end takes it before the work goes on.
                while progress.capacity() < progress.max_capacity() {
                    tokio::task::yield_now().await;
                }
            }
            Ok(ScrubAnswer { counts: vec![("frames".to_owned(), 3)], damage: Vec::new() })
        })
    }
}

/// A server on a socket of its own.
struct World {
    dir: TestDir,
    runtime: Runtime,
    stop: watch::Sender<bool>,
    server: Option<JoinHandle<std::io::Result<()>>>,
}

impl World {
    fn new() -> Self {
        let dir = TestDir::new();
        let runtime = crate::runtime::start().unwrap();
        let (stop, stopped) = watch::channel(false);
        let bound = AdminServer::bind(&admin_socket(dir.path())).unwrap();
        let server = Some(runtime.spawn(bound.serve(Arc::new(Tied), stopped)));
        Self { dir, runtime, stop, server }
    }

    fn client(&self) -> AdminClient {
        AdminClient::connect(self.dir.path()).unwrap().unwrap()
    }

    /// The answer to these bytes, sent by somebody who speaks otherwise.
    fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = connect(&admin_socket(self.dir.path())).unwrap();
        // The server may have answered and hung up before everything was sent.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = String::new();
        let _ = BufReader::new(stream).read_line(&mut answer);
        answer
    }
}

#[test]
fn commands_are_answered() {
    let world = World::new();
    let endpoint: EndpointAnswer = world.client().ask(&Command::Endpoint {}, |_| {}).unwrap();
    assert_eq!(endpoint, Tied.endpoint());
    let command = Command::Session { account: "main".to_owned() };
    let session: SessionAnswer = world.client().ask(&command, |_| {}).unwrap();
    assert_eq!(session.access_key_id, "main");
    assert_eq!(session.session_token.danger_expose(), "token");
    let accounts: AccountsAnswer = world.client().ask(&Command::AccountList {}, |_| {}).unwrap();
    assert!(accounts.accounts.is_empty());
}

#[test]
fn a_refusal_comes_with_its_reason() {
    let world = World::new();
    let command = Command::AccountCreate { name: "x".to_owned() };
    let refused = world.client().ask::<NewAccountAnswer>(&command, |_| {}).unwrap_err();
    assert_eq!(refused.to_string(), "no account `x` today");
}

#[test]
fn progress_comes_before_the_end() {
    let world = World::new();
    let mut seen = Vec::new();
    let report: ScrubAnswer =
        world.client().ask(&Command::Scrub {}, |step| seen.push(step.done_bytes)).unwrap();
    assert_eq!(seen, [0, 1, 2]);
    assert_eq!(report.counts, [("frames".to_owned(), 3)]);
}

#[test]
fn what_is_no_command_is_refused_and_the_server_goes_on() {
    let world = World::new();
    let long = vec![b'x'; 10 * usize::try_from(COMMAND_BYTES_MAX).unwrap()];
    for bytes in [b"\n".as_slice(), b"GET / HTTP/1.1\r\n", b"{\"command\":\"erase\"}\n", b""] {
        assert!(world.raw(bytes).contains("not understood"), "{bytes:?}");
    }
    world.raw(&long);
    drop(connect(&admin_socket(world.dir.path())).unwrap());
    let done: AccountsAnswer = world.client().ask(&Command::AccountList {}, |_| {}).unwrap();
    assert!(done.accounts.is_empty());
}

#[test]
fn more_connections_than_are_served_at_once_wait_their_turn() {
    let world = World::new();
    let silent: Vec<_> =
        (0..16).map(|_| connect(&admin_socket(world.dir.path())).unwrap()).collect();
    let client = world.client();
    let waiting = std::thread::spawn(move || {
        client.ask::<AccountsAnswer>(&Command::AccountList {}, |_| {}).is_ok()
    });
    drop(silent);
    assert!(waiting.join().unwrap());
}

#[test]
fn a_stop_closes_the_socket_and_removes_it() {
    let mut world = World::new();
    let silent = connect(&admin_socket(world.dir.path())).unwrap();
    world.stop.send_replace(true);
    let server = world.server.take().unwrap();
    world.runtime.block_on(server).unwrap().unwrap();
    assert!(!admin_socket(world.dir.path()).exists());
    assert!(AdminClient::connect(world.dir.path()).unwrap().is_none());
    drop(silent);
}

#[test]
fn where_no_server_runs_there_is_no_client_and_no_error() {
    let dir = TestDir::new();
    assert!(AdminClient::connect(dir.path()).unwrap().is_none());
    assert!(AdminClient::connect(Path::new("/nonexistent/dir")).unwrap().is_none());
    dir.write("file", b"");
    assert!(AdminClient::connect(&dir.path().join("file")).unwrap().is_none());
}
