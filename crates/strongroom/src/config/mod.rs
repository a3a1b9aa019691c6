//! Settings: flags before the environment before `strongroom.toml`. Unknown keys are errors.
//!
//! The environment and the text of the file are arguments, so that a test can give any.

mod environment;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::ValueEnum;
use serde::Deserialize;
use strongroom_gateway::{DangerPlaintext, Limits, PresignedV2};
use strongroom_identity::{GivenRootKey, GivenRootKeyError};
use strongroom_types::Region;

pub(crate) use environment::{Environment, EnvironmentError};

/// What one source says; `None` leaves the word to the next one.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Layer {
    pub(crate) data: Option<PathBuf>,
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) listen_tls: Option<SocketAddr>,
    pub(crate) tls_cert: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    pub(crate) root_key: Option<PathBuf>,
    pub(crate) region: Option<String>,
    pub(crate) domain: Option<Vec<String>>,
    pub(crate) ephemeral: Option<bool>,
    pub(crate) danger_plaintext: Option<bool>,
    pub(crate) connections_max: Option<usize>,
    pub(crate) connections_per_address_max: Option<usize>,
    pub(crate) sigv2_presigned: Option<bool>,
    pub(crate) log: Option<LogLevel>,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogLevel {
    /// What needs the operator.
    Error,
    /// What may need the operator.
    Warn,
    /// Starts, stops and what changed.
    Info,
    /// Connections and decisions, one by one.
    Debug,
}

/// What the program does, all sources taken together.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) data: DataDir,
    pub(crate) listen: SocketAddr,
    pub(crate) listen_tls: SocketAddr,
    pub(crate) certificate: Certificate,
    pub(crate) root_key: Option<PathBuf>,
    pub(crate) region: Region,
    pub(crate) domains: Vec<String>,
    pub(crate) keeping: Keeping,
    pub(crate) danger_plaintext: DangerPlaintext,
    pub(crate) limits: Limits,
    pub(crate) presigned_v2: PresignedV2,
    pub(crate) log: LogLevel,
    pub(crate) given_root_key: Option<GivenRootKey>,
}

/// Where the data is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DataDir {
    /// `./strongroom-data`, because nobody said otherwise.
    Default,
    /// Where somebody said.
    Chosen(PathBuf),
}

/// Which certificate HTTPS shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Certificate {
    /// One that the server's own authority signs.
    Own,
    /// One that the operator gave.
    Given { chain: PathBuf, private_key: PathBuf },
}

/// Whether data outlives the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// On the drive, durable when acknowledged.
    Durable,
    /// In memory.
    Ephemeral,
}

/// Why settings are refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read as settings.
    #[error("the settings file is not valid: {0}")]
    File(String),
    /// The environment cannot be read as settings.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// One half of a certificate.
    #[error("`--tls-cert` and `--tls-key` are given together or not at all")]
    HalfCertificate,
    /// Not a region.
    #[error("`{0}` is no region: 1 to 32 lower-case letters, digits and hyphens")]
    Region(String),
    /// Not a domain.
    #[error("`{0}` is no domain name")]
    Domain(String),
    /// No connections at all, or more than there can be.
    #[error("`{0}` must be from 1 to {CONNECTIONS_MAX_MAX}")]
    Connections(&'static str),
    /// One half of a root key.
    #[error(
        "STRONGROOM_ROOT_ACCESS_KEY_ID and STRONGROOM_ROOT_SECRET_ACCESS_KEY are given together or \
         not at all"
    )]
    HalfRootKey,
    /// A root key that may not look like this.
    #[error(transparent)]
    RootKey(#[from] GivenRootKeyError),
}

impl Layer {
    /// Reads `strongroom.toml`.
    ///
    /// # Errors
    /// If the text is not TOML, has a key that is unknown or a value of another kind.
    pub(crate) fn from_toml(text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| ConfigError::File(error.to_string()))
    }

    /// This layer over another one.
    pub(crate) fn or(self, below: Self) -> Self {
        Self {
            data: self.data.or(below.data),
            listen: self.listen.or(below.listen),
            listen_tls: self.listen_tls.or(below.listen_tls),
            tls_cert: self.tls_cert.or(below.tls_cert),
            tls_key: self.tls_key.or(below.tls_key),
            root_key: self.root_key.or(below.root_key),
            region: self.region.or(below.region),
            domain: self.domain.or(below.domain),
            ephemeral: self.ephemeral.or(below.ephemeral),
            danger_plaintext: self.danger_plaintext.or(below.danger_plaintext),
            connections_max: self.connections_max.or(below.connections_max),
            connections_per_address_max: self
                .connections_per_address_max
                .or(below.connections_per_address_max),
            sigv2_presigned: self.sigv2_presigned.or(below.sigv2_presigned),
            log: self.log.or(below.log),
        }
    }
}

impl Settings {
    /// Takes all sources together.
    ///
    /// # Errors
    /// The first thing that is not allowed.
    pub(crate) fn resolve(
        flags: Layer,
        environment: Environment,
        file: Layer,
    ) -> Result<Self, ConfigError> {
        let layer = flags.or(environment.layer).or(file);
        let certificate = match (layer.tls_cert, layer.tls_key) {
            (None, None) => Certificate::Own,
            (Some(chain), Some(private_key)) => Certificate::Given { chain, private_key },
            _ => return Err(ConfigError::HalfCertificate),
        };
        let given_root_key = match environment.root_key {
            (None, None) => None,
            (Some(id), Some(secret)) => Some(GivenRootKey::new(&id, secret)?),
            _ => return Err(ConfigError::HalfRootKey),
        };
        let region = layer.region.unwrap_or_else(|| REGION_DEFAULT.to_owned());
        let domains = layer.domain.unwrap_or_else(|| vec![DOMAIN_DEFAULT.to_owned()]);
        if let Some(bad) = domains.iter().find(|domain| !is_domain(domain)) {
            return Err(ConfigError::Domain(bad.clone()));
        }
        let limits = limits(layer.connections_max, layer.connections_per_address_max)?;
        let danger = layer.danger_plaintext.unwrap_or(false);
        let ephemeral = layer.ephemeral.unwrap_or(false);
        Ok(Self {
            data: layer.data.map_or(DataDir::Default, DataDir::Chosen),
            listen: layer.listen.unwrap_or(LISTEN_DEFAULT),
            listen_tls: layer.listen_tls.unwrap_or(LISTEN_TLS_DEFAULT),
            certificate,
            root_key: layer.root_key,
            region: region.parse().map_err(|_| ConfigError::Region(region))?,
            domains,
            keeping: if ephemeral { Keeping::Ephemeral } else { Keeping::Durable },
            danger_plaintext: match danger {
                true => DangerPlaintext::Accepted,
                false => DangerPlaintext::Refused,
            },
            limits,
            // COMPAT: botocore presigns so by default where the region is us-east-1.
            presigned_v2: match layer.sigv2_presigned.unwrap_or(true) {
                true => PresignedV2::Accepted,
                false => PresignedV2::Refused,
            },
            log: layer.log.unwrap_or(LogLevel::Info),
            given_root_key,
        })
    }
}

impl Settings {
    /// The first domain, if somebody chose one.
    pub(crate) fn chosen_domain(&self) -> Option<&str> {
        self.domains.first().map(String::as_str).filter(|domain| *domain != DOMAIN_DEFAULT)
    }
}

impl DataDir {
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::Default => PathBuf::from(DATA_DIR_DEFAULT),
            Self::Chosen(path) => path.clone(),
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        })
    }
}

/// The limits with these numbers of connections. Without a word one address has three quarters.
fn limits(all: Option<usize>, per_address: Option<usize>) -> Result<Limits, ConfigError> {
    let defaults = Limits::default();
    let within = |count: usize, name| match count {
        1..=CONNECTIONS_MAX_MAX => Ok(count),
        _ => Err(ConfigError::Connections(name)),
    };
    let all = within(all.unwrap_or(defaults.connections_max), "connections-max")?;
    let share = per_address.unwrap_or(all.div_ceil(4).saturating_mul(3));
    let share = within(share, "connections-per-address-max")?;
    Ok(Limits { connections_max: all, connections_per_address_max: share, ..defaults })
}

/// A host name of at least two labels, so that no label of a single word is taken for a bucket.
fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(word)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= DOMAIN_BYTES_MAX && text.contains('.') && text.split('.').all(label)
}

/// More sockets than that one address of the server could not tell apart by port.
const CONNECTIONS_MAX_MAX: usize = 65_535;
const DATA_DIR_DEFAULT: &str = "strongroom-data";
const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9000);
const LISTEN_TLS_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9443);
const REGION_DEFAULT: &str = "us-east-1";
const DOMAIN_DEFAULT: &str = "s3.localhost";
const DOMAIN_BYTES_MAX: usize = 189; // a bucket name of 63 and a dot still fit into a host name

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Result<Environment, EnvironmentError> {
        Environment::read(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())))
    }

    fn resolve(flags: Layer, pairs: &[(&str, &str)], file: &str) -> Result<Settings, ConfigError> {
        Settings::resolve(flags, environment(pairs)?, Layer::from_toml(file)?)
    }

    #[test]
    fn without_any_word_the_defaults_are_safe() {
        let settings = resolve(Layer::default(), &[], "").unwrap();
        assert_eq!(settings.data, DataDir::Default);
        assert_eq!(settings.data.path(), PathBuf::from("strongroom-data"));
        assert_eq!(settings.listen, "127.0.0.1:9000".parse().unwrap());
        assert_eq!(settings.listen_tls, "127.0.0.1:9443".parse().unwrap());
        assert_eq!(settings.certificate, Certificate::Own);
        assert_eq!(settings.region.as_str(), "us-east-1");
        assert_eq!(settings.domains, ["s3.localhost"]);
        assert_eq!(settings.keeping, Keeping::Durable);
        assert_eq!(settings.danger_plaintext, DangerPlaintext::Refused);
        assert_eq!(settings.presigned_v2, PresignedV2::Accepted);
        assert!(settings.given_root_key.is_none());
        assert_eq!(settings.limits, Limits::default());
    }

    #[test]
    fn one_address_has_three_quarters_of_the_connections_unless_told_otherwise() {
        let with = |all, share| {
            let flags = Layer {
                connections_max: all,
                connections_per_address_max: share,
                ..Layer::default()
            };
            resolve(flags, &[], "").map(|settings| {
                (settings.limits.connections_max, settings.limits.connections_per_address_max)
            })
        };
        assert_eq!(with(Some(100), None).unwrap(), (100, 75));
        assert_eq!(with(Some(1), None).unwrap(), (1, 3));
        assert_eq!(with(Some(100), Some(10)).unwrap(), (100, 10));
        for (all, share) in [(Some(0), None), (Some(70_000), None), (None, Some(0))] {
            assert!(matches!(with(all, share), Err(ConfigError::Connections(_))));
        }
    }

    #[test]
    fn flags_come_before_the_environment_and_the_environment_before_the_file() {
        let file = "region = 'file-1'\ndata = 'file'\nlisten = '127.0.0.1:1'";
        let pairs = [("STRONGROOM_REGION", "env-1"), ("STRONGROOM_DATA", "env")];
        let flags = Layer { region: Some("flag-1".to_owned()), ..Layer::default() };
        let settings = resolve(flags, &pairs, file).unwrap();
        assert_eq!(settings.region.as_str(), "flag-1");
        assert_eq!(settings.data.path(), PathBuf::from("env"));
        assert_eq!(settings.listen, "127.0.0.1:1".parse().unwrap());
    }

    #[test]
    fn the_environment_can_take_back_what_the_file_allows() {
        let file = "danger-plaintext = true\nephemeral = true";
        let pairs = [("STRONGROOM_DANGER_PLAINTEXT", "false"), ("STRONGROOM_EPHEMERAL", "0")];
        let settings = resolve(Layer::default(), &pairs, file).unwrap();
        assert_eq!(settings.danger_plaintext, DangerPlaintext::Refused);
        assert_eq!(settings.keeping, Keeping::Durable);
    }

    #[test]
    fn every_setting_can_stand_in_the_file_and_in_the_environment() {
        let file = "data = 'd'\nlisten = '127.0.0.1:1'\nlisten-tls = '[::1]:2'\ntls-cert = 'c'\n\
                    tls-key = 'k'\nroot-key = 'r'\nregion = 'eu-central-1'\n\
                    domain = ['a.example', 'b.example']\nephemeral = true\n\
                    danger-plaintext = true\nconnections-max = 9\n\
                    connections-per-address-max = 8\nsigv2-presigned = false\nlog = 'warn'";
        let pairs = [
            ("STRONGROOM_DATA", "d"),
            ("STRONGROOM_LISTEN", "127.0.0.1:1"),
            ("STRONGROOM_LISTEN_TLS", "[::1]:2"),
            ("STRONGROOM_TLS_CERT", "c"),
            ("STRONGROOM_TLS_KEY", "k"),
            ("STRONGROOM_ROOT_KEY", "r"),
            ("STRONGROOM_REGION", "eu-central-1"),
            ("STRONGROOM_DOMAIN", "a.example,b.example"),
            ("STRONGROOM_EPHEMERAL", "true"),
            ("STRONGROOM_DANGER_PLAINTEXT", "1"),
            ("STRONGROOM_CONNECTIONS_MAX", "9"),
            ("STRONGROOM_CONNECTIONS_PER_ADDRESS_MAX", "8"),
            ("STRONGROOM_SIGV2_PRESIGNED", "0"),
            ("STRONGROOM_LOG", "warn"),
        ];
        let read = Layer::from_toml(file).unwrap();
        assert_eq!(environment(&pairs).unwrap().layer, read);
        assert!(read.data.is_some() && read.log.is_some() && read.root_key.is_some());
        let settings = resolve(read, &[], "").unwrap();
        assert_eq!(settings.presigned_v2, PresignedV2::Refused);
    }

    #[test]
    fn unknown_keys_and_values_of_another_kind_are_errors() {
        for file in ["bucket = 'x'", "listen_tls = '127.0.0.1:1'", "listen = 9000", "region"] {
            assert!(Layer::from_toml(file).is_err(), "{file}");
        }
        for pair in [
            ("STRONGROOM_BUCKET", "x"),
            ("STRONGROOM_LISTEN", "9000"),
            ("STRONGROOM_EPHEMERAL", "yes"),
            ("STRONGROOM_LOG", "trace"),
            ("STRONGROOM_", "x"),
        ] {
            assert!(environment(&[pair]).is_err(), "{pair:?}");
        }
    }

    #[test]
    fn halves_are_refused() {
        let flags = Layer { tls_cert: Some("c".into()), ..Layer::default() };
        assert!(matches!(resolve(flags, &[], ""), Err(ConfigError::HalfCertificate)));
        for name in ["STRONGROOM_ROOT_ACCESS_KEY_ID", "STRONGROOM_ROOT_SECRET_ACCESS_KEY"] {
            let refused = resolve(Layer::default(), &[(name, "0123456789abcdef")], "");
            assert!(matches!(refused, Err(ConfigError::HalfRootKey)));
        }
    }

    #[test]
    fn a_given_root_key_is_checked_and_never_shown() {
        let id = "STRONGROOM_ROOT_ACCESS_KEY_ID";
        let secret = "STRONGROOM_ROOT_SECRET_ACCESS_KEY";
        let pairs = [(id, "0123456789abcdef"), (secret, "hunter2hunter2")];
        let read = environment(&pairs).unwrap();
        assert!(!format!("{read:?}").contains("hunter2"));
        let settings = resolve(Layer::default(), &pairs, "").unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
        let refused =
            resolve(Layer::default(), &[(id, "0123456789abcdef"), (secret, "7 chars")], "");
        assert!(!refused.unwrap_err().to_string().contains("7 chars"));
    }

    #[test]
    fn domains_and_regions_are_checked() {
        for bad in ["", "localhost", "a..b", ".a.b", "a.b.", "a b.c", "-a.b", "a-.b", "ä.b"] {
            let flags = Layer { domain: Some(vec![bad.to_owned()]), ..Layer::default() };
            assert!(matches!(resolve(flags, &[], ""), Err(ConfigError::Domain(_))), "{bad}");
        }
        let flags = Layer { region: Some("US".to_owned()), ..Layer::default() };
        assert!(matches!(resolve(flags, &[], ""), Err(ConfigError::Region(_))));
    }
}
