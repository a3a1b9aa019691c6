//! The command line: DESIGN, 7. Says what can be typed, not what it does.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::{Layer, LogLevel};

/// An S3-compatible object store whose security model is the product.
#[derive(Debug, Parser)]
#[command(name = "strongroom", version, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where the server is that a command is about.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The data directory [default: ./strongroom-data]
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) data: Option<PathBuf>,
    /// Settings file [default: ./strongroom.toml, if there is one]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// How much is logged on standard error [default: info]
    #[arg(long, value_name = "LEVEL", value_enum, global = true)]
    pub(crate) log: Option<LogLevel>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server; the first start makes account and root key.
    Serve(ServeFlags),
    /// Print shell exports for the clients of the running server, with a 12-hour session.
    Env(EnvFlags),
    /// Make and list accounts.
    #[command(subcommand)]
    Account(AccountCommand),
    /// Read everything back and check it.
    Scrub(ScrubFlags),
    /// Decide by policies and check them, without a server.
    #[command(subcommand)]
    Policy(PolicyCommand),
}

#[derive(Debug, Default, Args)]
pub(crate) struct ServeFlags {
    /// Plain HTTP, on loopback only [default: 127.0.0.1:9000]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// HTTPS [default: 127.0.0.1:9443]
    #[arg(long, value_name = "ADDR")]
    listen_tls: Option<SocketAddr>,
    /// Certificate chain in PEM form [default: one of an own authority]
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate in PEM form
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    #[command(flatten)]
    root_key: RootKeyFlag,
    /// The region of this server [default: us-east-1]
    #[arg(long, value_name = "R")]
    region: Option<String>,
    /// Domain whose labels are bucket names; may be repeated [default: s3.localhost]
    #[arg(long, value_name = "DOMAIN")]
    domain: Vec<String>,
    /// Keep everything in memory: for tests
    #[arg(long)]
    ephemeral: bool,
    /// Accept plain HTTP beyond loopback: data and session tokens are then readable on the network
    #[arg(long)]
    danger_plaintext: bool,
    /// Connections at once; further ones are told to slow down [default: 4096]
    #[arg(long, value_name = "N")]
    connections_max: Option<usize>,
    /// Connections of one client address at once [default: three quarters of all]
    #[arg(long, value_name = "N")]
    connections_per_address_max: Option<usize>,
    /// Accept URLs and forms presigned with signature version 2 [default: true]
    #[arg(long, value_name = "BOOL")]
    sigv2_presigned: Option<bool>,
}

/// Which root key opens the data directory.
#[derive(Debug, Default, Args)]
pub(crate) struct RootKeyFlag {
    /// Root key file, never inside the data directory [default: DIR.key]
    #[arg(long, value_name = "FILE")]
    root_key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct EnvFlags {
    /// The account whose root the session speaks for [default: main]
    #[arg(long, value_name = "NAME")]
    pub(crate) account: Option<String>,
    /// The HTTPS endpoint, with the authority that signed its certificate
    #[arg(long)]
    pub(crate) tls: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Make an account and print its root key, which is shown only here.
    Create {
        /// Name of the account.
        name: String,
        #[command(flatten)]
        root_key: RootKeyFlag,
    },
    /// Print all accounts, without secrets.
    List {
        #[command(flatten)]
        root_key: RootKeyFlag,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Read one question in JSON a line from standard input and print one decision a line.
    Evaluate,
    /// Say what is wrong with a policy, or deserves a look.
    Check(PolicyCheckFlags),
}

#[derive(Debug, Args)]
pub(crate) struct PolicyCheckFlags {
    /// The policy [default: standard input]
    pub(crate) file: Option<PathBuf>,
    /// What it is attached to: identity, boundary, session, bucket, access-point, trust, key,
    /// vpc-endpoint, scp or rcp
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: String,
    /// The bucket that it is for
    #[arg(long, value_name = "NAME")]
    pub(crate) bucket: Option<String>,
    /// Print the answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ScrubFlags {
    /// Print the report as JSON, without a progress bar
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    root_key: RootKeyFlag,
}

impl Arguments {
    /// What the flags say about settings.
    pub(crate) fn layer(&self) -> Layer {
        let place =
            Layer { data: self.place.data.clone(), log: self.place.log, ..Layer::default() };
        match &self.command {
            Command::Serve(flags) => flags.layer().or(place),
            Command::Env(_) | Command::Policy(_) => place,
            Command::Account(
                AccountCommand::Create { root_key, .. } | AccountCommand::List { root_key },
            )
            | Command::Scrub(ScrubFlags { root_key, .. }) => root_key.layer().or(place),
        }
    }
}

impl ServeFlags {
    fn layer(&self) -> Layer {
        let layer = Layer {
            listen: self.listen,
            listen_tls: self.listen_tls,
            tls_cert: self.tls_cert.clone(),
            tls_key: self.tls_key.clone(),
            region: self.region.clone(),
            domain: (!self.domain.is_empty()).then(|| self.domain.clone()),
            // A flag can only say yes; its absence leaves the word to the layers below.
            ephemeral: self.ephemeral.then_some(true),
            danger_plaintext: self.danger_plaintext.then_some(true),
            connections_max: self.connections_max,
            connections_per_address_max: self.connections_per_address_max,
            sigv2_presigned: self.sigv2_presigned,
            ..Layer::default()
        };
        layer.or(self.root_key.layer())
    }
}

impl RootKeyFlag {
    fn layer(&self) -> Layer {
        Layer { root_key: self.root_key.clone(), ..Layer::default() }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_place_may_stand_before_or_behind_the_command() {
        for line in [
            "strongroom --data d account create x",
            "strongroom account --data d create x",
            "strongroom account create x --data d",
            "strongroom account create --data d x",
        ] {
            let arguments = Arguments::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(arguments.layer().data, Some("d".into()), "{line}");
        }
    }

    #[test]
    fn every_flag_of_serve_reaches_the_settings() {
        let line = "strongroom serve --data d --listen 127.0.0.1:1 --listen-tls [::1]:2 --tls-cert c \
                    --tls-key k --root-key r --region eu-central-1 --domain a.example --domain \
                    b.example --ephemeral --danger-plaintext --connections-max 9 \
                    --connections-per-address-max 8 --sigv2-presigned false --log warn";
        let arguments = Arguments::try_parse_from(line.split_whitespace()).unwrap();
        let expected = Layer {
            data: Some("d".into()),
            listen: Some("127.0.0.1:1".parse().unwrap()),
            listen_tls: Some("[::1]:2".parse().unwrap()),
            tls_cert: Some("c".into()),
            tls_key: Some("k".into()),
            root_key: Some("r".into()),
            region: Some("eu-central-1".to_owned()),
            domain: Some(vec!["a.example".to_owned(), "b.example".to_owned()]),
            ephemeral: Some(true),
            danger_plaintext: Some(true),
            connections_max: Some(9),
            connections_per_address_max: Some(8),
            sigv2_presigned: Some(false),
            log: Some(LogLevel::Warn),
        };
        assert_eq!(arguments.layer(), expected);
    }

    #[test]
    fn flags_that_a_command_does_not_use_are_refused() {
        for line in [
            "strongroom env --root-key f",
            "strongroom env --ephemeral",
            "strongroom scrub --listen 127.0.0.1:1",
            "strongroom serve now",
            "strongroom explain X",
            "strongroom",
        ] {
            assert!(Arguments::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
