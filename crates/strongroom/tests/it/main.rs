//! The binary as its operator meets it: started, asked, stopped, refused.

// Says to the lints that helpers here are test code, too.
#![cfg(test)]
#![expect(clippy::disallowed_methods, reason = "tests make and read the files that they are about")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use strongroom_crypto::SystemEntropy;
use strongroom_types::Entropy;

const BINARY: &str = env!("CARGO_BIN_EXE_strongroom");
const FRAME_HEADER_BYTES: usize = 64; // docs/formats/log.md
const ROOT_ID: &str = "STRONGROOM_ROOT_ACCESS_KEY_ID";
const ROOT_SECRET: &str = "STRONGROOM_ROOT_SECRET_ACCESS_KEY";

/// A directory of its own for one installation.
struct World(PathBuf);

impl World {
    fn new() -> Self {
        let mut random = [0; 8];
        SystemEntropy.fill(&mut random).unwrap();
        let name = format!("strongroom-it-{:016x}", u64::from_be_bytes(random));
        let dir = std::env::temp_dir().join(name);
        fs::create_dir(&dir).unwrap();
        Self(fs::canonicalize(dir).unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A command in this directory, in an environment without anything of ours or of AWS.
    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(BINARY);
        command.args(line.split_whitespace()).current_dir(&self.0);
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("STRONGROOM_") || name.starts_with("AWS_") {
                command.env_remove(name);
            }
        }
        command
    }

    fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    fn text(&self, line: &str) -> String {
        let done = self.run(line);
        assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    fn refused(&self, line: &str) -> String {
        let done = self.run(line);
        assert_eq!(done.status.code(), Some(1), "{line}");
        assert!(done.stdout.is_empty(), "{line}");
        String::from_utf8(done.stderr).unwrap()
    }

    fn serve(&self, flags: &str) -> Server {
        let line = format!("serve --listen 127.0.0.1:0 --listen-tls 127.0.0.1:0 {flags}");
        Server::start(self.command(&line))
    }

    fn exported(&self, line: &str, name: &str) -> Option<String> {
        let text = self.text(line);
        let prefix = format!("export {name}=");
        text.lines().find_map(|line| line.strip_prefix(&prefix)).map(str::to_owned)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A running server; killed if the test ends before it was stopped.
struct Server {
    child: Child,
    printed: Vec<String>,
}

impl Server {
    fn start(mut command: Command) -> Self {
        Self::start_with(command.stderr(Stdio::null()))
    }

    fn start_with(command: &mut Command) -> Self {
        command.stdout(Stdio::piped());
        let mut server = Self { child: command.spawn().unwrap(), printed: Vec::new() };
        let output = server.child.stdout.take().unwrap();
        for line in BufReader::new(output).lines() {
            server.printed.push(line.unwrap());
            if server.next_step().contains("eval") {
                return server;
            }
        }
        panic!("the server ended before it said what to type next: {:?}", server.printed)
    }

    fn next_step(&self) -> &str {
        self.printed.last().unwrap().trim()
    }

    fn stop(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn get(endpoint: &str, path: &str) -> String {
    let address = endpoint.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn names_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_first_start_makes_everything_and_says_what_to_type() {
    let world = World::new();
    let server = world.serve("");
    assert_eq!(server.next_step(), format!("eval \"$({BINARY} env)\""));
    assert_eq!(names_in(&world.0), ["strongroom-data", "strongroom-data.key"]);
    let endpoint = world.exported("env", "AWS_ENDPOINT_URL").unwrap();
    assert!(get(&endpoint, "/-/ready").starts_with("HTTP/1.1 200 "));
    assert!(get(&endpoint, "/").contains("<Code>AccessDenied</Code>"));
    assert!(world.exported("env", "AWS_SESSION_TOKEN").is_some());
    let bundle = world.exported("env --tls", "AWS_CA_BUNDLE").unwrap();
    assert_eq!(Path::new(&bundle), world.path("strongroom-data/ca.pem"));
    server.stop();
    assert!(!world.path("strongroom-data/admin.sock").exists());
    assert!(world.refused("env").contains("no server runs"));
}

#[test]
fn accounts_outlive_the_server_and_can_be_made_without_it() {
    let world = World::new();
    let server = world.serve("");
    let made = world.text("account create backup");
    for member in ["AccountId", "CanonicalUserId", "AccessKeyId", "SecretAccessKey"] {
        assert!(made.contains(&format!("\"{member}\": \"")), "{made}");
    }
    assert!(world.refused("account create Backup").contains("there is an account `Backup`"));
    assert!(world.refused("env --account nobody").contains("there is no account `nobody`"));
    assert!(world.exported("env --account backup", "AWS_SESSION_TOKEN").is_some());
    server.stop();
    world.text("account create offline");
    let listed = world.text("account list");
    for name in ["main", "backup", "offline"] {
        assert!(listed.contains(&format!("\"Name\": \"{name}\"")), "{listed}");
    }
    assert!(!listed.contains("Secret"));
    world.serve("").stop();
}

#[test]
fn one_data_directory_has_one_server() {
    let world = World::new();
    let _server = world.serve("");
    let refused = world.refused("serve --listen 127.0.0.1:0 --listen-tls 127.0.0.1:0");
    assert!(refused.contains("a server answers"), "{refused}");
    // Without its socket the lock still says so.
    fs::remove_file(world.path("strongroom-data/admin.sock")).unwrap();
    assert!(world.refused("account list").contains("in use"), "the lock is told");
    let refused = world.refused("serve --listen 127.0.0.1:0 --listen-tls 127.0.0.1:0");
    assert!(refused.contains("in use"), "{refused}");
}

#[test]
fn a_killed_server_is_followed_by_the_next_one() {
    let world = World::new();
    drop(world.serve(""));
    assert!(world.path("strongroom-data/admin.sock").exists());
    let server = world.serve("");
    assert!(world.exported("env", "AWS_ACCESS_KEY_ID").is_some());
    server.stop();
}

#[test]
fn data_without_a_key_is_never_opened_under_a_new_one() {
    let world = World::new();
    world.serve("").stop();
    for key in ["strongroom-data.key", "strongroom-data/keys"] {
        fs::rename(world.path(key), world.path("away")).unwrap();
        for line in ["serve --listen 127.0.0.1:0 --listen-tls 127.0.0.1:0", "account list"] {
            let refused = world.refused(line);
            assert!(refused.contains(key) && refused.contains("is missing"), "{refused}");
            assert!(!world.path(key).exists());
        }
        fs::rename(world.path("away"), world.path(key)).unwrap();
    }
    world.text("account list");
}

#[test]
fn another_root_key_does_not_open_the_data() {
    let world = World::new();
    world.serve("").stop();
    let other = World::new();
    other.serve("").stop();
    fs::copy(other.path("strongroom-data.key"), world.path("strongroom-data.key")).unwrap();
    let refused = world.refused("account list");
    assert!(refused.contains("root key"), "{refused}");
}

#[test]
fn a_chosen_root_key_is_repeated_and_cannot_be_changed() {
    let world = World::new();
    let command = |line: &str, secret: &str| {
        let mut command = world.command(line);
        command.env(ROOT_ID, "chosen_root_key_1").env(ROOT_SECRET, secret);
        command
    };
    let serve = "serve --listen 127.0.0.1:0 --listen-tls 127.0.0.1:0";
    let server = Server::start(command(serve, "it's chosen"));
    let printed = command("env", "it's chosen").output().unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert!(printed.contains("export AWS_ACCESS_KEY_ID=chosen_root_key_1\n"));
    assert!(printed.contains("export AWS_SECRET_ACCESS_KEY='it'\\''s chosen'\n"));
    assert!(printed.contains("unset AWS_SESSION_TOKEN\n"));
    server.stop();
    let refused = command(serve, "it's changed").output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(told.contains("chosen at the first start only"), "{told}");
    assert!(!told.contains("it's"), "{told}");
    Server::start(command(serve, "it's chosen")).stop();
    world.serve("").stop();
}

#[test]
fn an_ephemeral_server_leaves_nothing() {
    let world = World::new();
    let server = world.serve("--ephemeral");
    assert!(world.exported("env", "AWS_SESSION_TOKEN").is_some());
    assert_eq!(names_in(&world.path("strongroom-data")), ["admin.sock", "ca.pem"]);
    assert!(world.refused("scrub").contains("ephemeral"));
    server.stop();
    assert!(names_in(&world.0).is_empty());
}

#[test]
fn settings_come_from_flags_environment_and_file() {
    let world = World::new();
    let settings = "region = 'eu-west-1'\ndata = 'from-file'\nephemeral = true\n";
    fs::write(world.path("strongroom.toml"), settings).unwrap();
    let server = world.serve("--region eu-central-1");
    assert_eq!(server.next_step(), format!("eval \"$({BINARY} env --data from-file)\""));
    assert_eq!(world.exported("env", "AWS_REGION").unwrap(), "eu-central-1");
    server.stop();
    fs::write(world.path("strongroom.toml"), "regoin = 'eu-west-1'\n").unwrap();
    assert!(world.refused("env").contains("regoin"));
    assert!(world.refused("env --config missing.toml").contains("missing.toml"));
    fs::remove_file(world.path("strongroom.toml")).unwrap();
    let done = world.command("env").env("STRONGROOM_REGOIN", "x").output().unwrap();
    assert!(String::from_utf8_lossy(&done.stderr).contains("STRONGROOM_REGOIN"));
}

#[test]
fn plain_http_beyond_loopback_leaves_no_trace() {
    let world = World::new();
    let refused = world.refused("serve --listen 0.0.0.0:0 --listen-tls 127.0.0.1:0");
    assert!(refused.contains("--danger-plaintext"), "{refused}");
    assert!(names_in(&world.0).is_empty());
    let listen = "serve --ephemeral --danger-plaintext --listen 0.0.0.0:0 --listen-tls 127.0.0.1:0";
    let server = Server::start(world.command(listen));
    let endpoint = world.exported("env", "AWS_ENDPOINT_URL").unwrap();
    assert!(endpoint.starts_with("http://127.0.0.1:"), "{endpoint}");
    server.stop();
}

#[test]
fn commands_without_data_make_none() {
    let world = World::new();
    for line in ["env", "account list", "account create x", "scrub"] {
        let refused = world.refused(line);
        assert!(refused.contains("strongroom serve"), "{line}: {refused}");
    }
    assert!(names_in(&world.0).is_empty());
}

#[test]
fn scrub_reads_everything_back_with_and_without_a_server() {
    let world = World::new();
    let server = world.serve("");
    assert!(world.text("scrub").contains("everything reads back as it was written"));
    server.stop();
    let report = world.text("scrub --json");
    assert!(report.contains("\"damage\": []") && report.contains("\"records\": "), "{report}");
}

/// SPEC: DESIGN, 7. A supervisor starts again what ends with a failure; an engine that has stopped
/// takes nothing any more.
#[test]
fn a_server_whose_engine_stops_ends_and_says_why() {
    let world = World::new();
    world.serve("").stop();
    let line = "serve --listen 127.0.0.1:0 --listen-tls 127.0.0.1:0";
    let mut command = world.command(line);
    let log = fs::File::create(world.path("log")).unwrap();
    let mut server = Server::start_with(command.stderr(log));
    let endpoint = world.exported("env", "AWS_ENDPOINT_URL").unwrap();
    assert!(get(&endpoint, "/-/live").starts_with("HTTP/1.1 200 "));

    // The drive loses the index; whoever reads it notices.
    let index = fs::OpenOptions::new().write(true).open(world.path("strongroom-data/index"));
    let index = index.unwrap();
    let bytes = index.metadata().unwrap().len();
    for at in (20_480..bytes).step_by(512) {
        index.write_all_at(&[0x5a; 64], at).unwrap();
    }
    assert!(!world.run("scrub").status.success());

    assert_eq!(server.child.wait().unwrap().code(), Some(1), "a supervisor sees a failure");
    let told = fs::read_to_string(world.path("log")).unwrap();
    let last = told.lines().last().unwrap();
    assert!(last.starts_with("strongroom: the engine has stopped: the index is damaged"), "{told}");
    assert!(TcpStream::connect(endpoint.strip_prefix("http://").unwrap()).is_err());
    // The next start builds the index again.
    world.serve("").stop();
}

#[test]
fn scrub_tells_of_a_flipped_bit_and_fails() {
    let world = World::new();
    world.serve("").stop();
    let log = world.path("strongroom-data/log");
    let mut frames = 0;
    for name in names_in(&log) {
        let path = log.join(name);
        let mut bytes = fs::read(&path).unwrap();
        let starts: Vec<usize> =
            (0..bytes.len() - 4).filter(|at| bytes[*at..].starts_with(b"SRFR")).collect();
        for at in &starts {
            bytes[at + FRAME_HEADER_BYTES] ^= 1;
        }
        frames += starts.len();
        fs::write(&path, bytes).unwrap();
    }
    assert!(frames > 0, "the accounts and certificates of the first start are in the log");
    let done = world.run("scrub --json");
    assert_eq!(done.status.code(), Some(1));
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(told.contains("damaged") || told.contains("segment"), "{told}");
}

/// The output of a command that is told `input`.
fn told(world: &World, line: &str, input: &str) -> Output {
    let mut command = world.command(line);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn policies_are_decided_and_checked_without_a_server() {
    let world = World::new();
    let allow = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::b/*"}}"#;
    let question = |id: &str, action: &str| {
        format!(
            r#"{{"v":1,"op":"authorize","id":"{id}","policies":{{"identity":[{allow}]}},"s3":{{"bucket":"b","bucket_owner":"111111111111"}},"request":{{"principal":{{"type":"user","account":"111111111111","arn":"arn:aws:iam::111111111111:user/alice"}},"action":"{action}","resource":"arn:aws:s3:::b/k","context":{{}}}}}}"#
        )
    };
    let input = [question("1", "s3:GetObject"), String::new(), question("2", "s3:PutObject")];
    let done = told(&world, "policy evaluate", &input.join("\n"));
    let lines = String::from_utf8(done.stdout).unwrap();
    let lines: Vec<&str> = lines.lines().collect();
    assert!(done.status.success() && lines.len() == 2, "{lines:?}");
    assert!(lines[0].contains(r#""decision":"allow""#) && lines[0].contains(r#""id":"1""#));
    assert!(
        lines[1].contains(r#""reason":"no-identity-allow""#) && lines[1].contains(r#""id":"2""#)
    );
    let done = told(&world, "policy evaluate", "nonsense\n");
    assert_eq!(done.status.code(), Some(1), "a line that is no question fails the command");
    assert!(String::from_utf8_lossy(&done.stdout).contains("error"));

    let done = told(&world, "policy check --type identity", allow);
    assert!(done.status.success());
    assert_eq!(done.stdout, b"nothing is wrong with this policy\n");
    fs::write(world.path("p.json"), allow.replace("Allow", "allow")).unwrap();
    let done = world.run("policy check --type identity p.json");
    assert_eq!(done.status.code(), Some(1));
    let report = String::from_utf8(done.stdout).unwrap();
    assert!(report.starts_with("1:47: ERROR INVALID_EFFECT: "), "{report}");
    assert_eq!(names_in(&world.path("")), ["p.json"], "nothing else is made");
}
