//! Settings in environment variables.

use std::ffi::{OsStr, OsString};
use std::str::FromStr;

use clap::ValueEnum;
use strongroom_crypto::SecretText;

use super::{Layer, LogLevel};

/// What the environment says.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    pub(crate) layer: Layer,
    /// `STRONGROOM_CONFIG`.
    pub(crate) config: Option<OsString>,
    /// `STRONGROOM_ROOT_ACCESS_KEY_ID` and `STRONGROOM_ROOT_SECRET_ACCESS_KEY`, unchecked.
    pub(crate) root_key: (Option<String>, Option<SecretText>),
}

/// Why the environment is refused. Values are not repeated: one may be a secret in the wrong place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EnvironmentError {
    /// SECURITY: a misspelt setting would otherwise silently not be in force.
    #[error("`{0}` is no setting of this version")]
    Unknown(String),
    /// A value of another kind.
    #[error("the value of `{name}` is not {expected}")]
    Value { name: String, expected: &'static str },
}

impl Environment {
    /// Reads every variable that begins with `STRONGROOM_`.
    ///
    /// # Errors
    /// If one of them is unknown or its value of another kind.
    pub(crate) fn read(
        variables: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, EnvironmentError> {
        let mut read = Self::default();
        for (name, value) in variables {
            // A name that is no UTF-8 cannot begin as ours do and be one of ours.
            let Some(name) = name.to_str() else { continue };
            let Some(setting) = name.strip_prefix(PREFIX) else { continue };
            if !is_orchestrators(setting) {
                read.take(name, setting, value)?;
            }
        }
        Ok(read)
    }

    fn take(&mut self, name: &str, setting: &str, value: OsString) -> Result<(), EnvironmentError> {
        let layer = &mut self.layer;
        match setting {
            "CONFIG" => self.config = Some(value),
            "DATA" => layer.data = Some(value.into()),
            "LISTEN" => layer.listen = Some(parsed(name, &value, ADDRESS)?),
            "LISTEN_TLS" => layer.listen_tls = Some(parsed(name, &value, ADDRESS)?),
            "TLS_CERT" => layer.tls_cert = Some(value.into()),
            "TLS_KEY" => layer.tls_key = Some(value.into()),
            "ROOT_KEY" => layer.root_key = Some(value.into()),
            "REGION" => layer.region = Some(text(name, &value)?.to_owned()),
            "DOMAIN" => {
                let domains = text(name, &value)?.split(',').map(str::trim);
                layer.domain = Some(domains.map(str::to_owned).collect());
            }
            "EPHEMERAL" => layer.ephemeral = Some(truth(name, &value)?),
            "DANGER_PLAINTEXT" => layer.danger_plaintext = Some(truth(name, &value)?),
            "CONNECTIONS_MAX" => layer.connections_max = Some(parsed(name, &value, COUNT)?),
            "CONNECTIONS_PER_ADDRESS_MAX" => {
                layer.connections_per_address_max = Some(parsed(name, &value, COUNT)?);
            }
            "SIGV2_PRESIGNED" => layer.sigv2_presigned = Some(truth(name, &value)?),
            "LOG" => {
                let level = LogLevel::from_str(text(name, &value)?, false);
                layer.log = Some(level.map_err(|_| wrong(name, LEVEL))?);
            }
            "ROOT_ACCESS_KEY_ID" => self.root_key.0 = Some(text(name, &value)?.to_owned()),
            "ROOT_SECRET_ACCESS_KEY" => {
                let secret = value.into_string().map_err(|_| wrong(name, TEXT))?;
                self.root_key.1 = Some(SecretText::new(secret));
            }
            _ => return Err(EnvironmentError::Unknown(name.to_owned())),
        }
        Ok(())
    }
}

/// COMPAT: Kubernetes gives every container such variables for a service named `strongroom`.
fn is_orchestrators(setting: &str) -> bool {
    setting == "PORT"
        || setting.starts_with("PORT_")
        || setting == "SERVICE_HOST"
        || setting == "SERVICE_PORT"
        || setting.starts_with("SERVICE_PORT_")
}

fn text<'a>(name: &str, value: &'a OsStr) -> Result<&'a str, EnvironmentError> {
    value.to_str().ok_or_else(|| wrong(name, TEXT))
}

fn parsed<T: FromStr>(
    name: &str,
    value: &OsStr,
    expected: &'static str,
) -> Result<T, EnvironmentError> {
    text(name, value)?.parse().map_err(|_| wrong(name, expected))
}

fn truth(name: &str, value: &OsStr) -> Result<bool, EnvironmentError> {
    match text(name, value)? {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(wrong(name, TRUTH)),
    }
}

fn wrong(name: &str, expected: &'static str) -> EnvironmentError {
    EnvironmentError::Value { name: name.to_owned(), expected }
}

const PREFIX: &str = "STRONGROOM_";
const ADDRESS: &str = "an address with a port, such as 127.0.0.1:9000";
const COUNT: &str = "a number";
const LEVEL: &str = "error, warn, info or debug";
const TEXT: &str = "UTF-8";
const TRUTH: &str = "true, false, 1 or 0";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_orchestrator_sets_is_let_be() {
        let names = [
            "STRONGROOM_SERVICE_HOST",
            "STRONGROOM_SERVICE_PORT",
            "STRONGROOM_SERVICE_PORT_HTTP",
            "STRONGROOM_PORT",
            "STRONGROOM_PORT_9000_TCP_ADDR",
            "PATH",
        ];
        let variables = names.iter().map(|name| ((*name).into(), "x".into()));
        assert_eq!(Environment::read(variables).unwrap().layer, Layer::default());
    }

    #[test]
    fn errors_name_the_variable_and_never_its_value() {
        let variables = [("STRONGROOM_LISTEN".into(), "hunter2".into())];
        let error = Environment::read(variables.into_iter()).unwrap_err().to_string();
        assert!(error.contains("STRONGROOM_LISTEN") && !error.contains("hunter2"), "{error}");
    }
}
