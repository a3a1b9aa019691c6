//! Fuzz targets of this crate: plain functions over bytes that assert what must always hold.
//!
//! Not part of the API; built for tests and for the fuzzer only.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::admin::{
    AccountsAnswer, Command, EndpointAnswer, Line, NewAccountAnswer, ScrubAnswer, SessionAnswer,
};
use crate::config::{Environment, Layer, Settings};
use crate::root_key;

/// A target: its name, which is that of its corpus, and the function.
pub type FuzzTarget = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[FuzzTarget] =
    &[("settings", settings), ("admin_lines", admin_lines), ("root_key_file", root_key_file)];

/// The settings file, and the same bytes as the value of each variable of the environment: what is
/// accepted is within its limits.
pub fn settings(bytes: &[u8]) {
    let file = std::str::from_utf8(bytes).ok().and_then(|text| Layer::from_toml(text).ok());
    for name in VARIABLES {
        let value = OsString::from_vec(bytes.to_vec());
        let read = Environment::read(std::iter::once(((*name).into(), value)));
        let Ok(environment) = read else { continue };
        check(
            Settings::resolve(Layer::default(), environment, file.clone().unwrap_or_default()).ok(),
        );
    }
    if let Some(file) = file {
        check(Settings::resolve(file, Environment::default(), Layer::default()).ok());
    }
}

fn check(settings: Option<Settings>) {
    let Some(settings) = settings else { return };
    assert!(!settings.domains.is_empty(), "a host is compared with nothing");
    assert!(settings.limits.connections_max > 0);
    assert!(settings.limits.connections_per_address_max > 0);
}

/// Lines of the admin socket: what is read is written as something that is read as the same.
pub fn admin_lines(bytes: &[u8]) {
    same_again::<Command>(bytes);
    same_again::<Line<AccountsAnswer>>(bytes);
    same_again::<Line<EndpointAnswer>>(bytes);
    same_again::<Line<NewAccountAnswer>>(bytes);
    same_again::<Line<ScrubAnswer>>(bytes);
    same_again::<Line<SessionAnswer>>(bytes);
}

fn same_again<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    let Ok(line) = serde_json::from_slice::<T>(bytes) else { return };
    let written = serde_json::to_string(&line).unwrap_or_default();
    assert!(!written.contains('\n'), "a line ends where it ends");
    let again = serde_json::from_str::<T>(&written).ok();
    assert_eq!(again.and_then(|again| serde_json::to_string(&again).ok()), Some(written));
}

/// The file of the root key: there is one way to write a key.
pub fn root_key_file(bytes: &[u8]) {
    let Some(key) = root_key::decode(bytes) else { return };
    assert_eq!(root_key::encode(&key).danger_expose(), bytes);
}

const VARIABLES: &[&str] = &[
    "STRONGROOM_CONFIG",
    "STRONGROOM_DATA",
    "STRONGROOM_LISTEN",
    "STRONGROOM_LISTEN_TLS",
    "STRONGROOM_REGION",
    "STRONGROOM_DOMAIN",
    "STRONGROOM_EPHEMERAL",
    "STRONGROOM_CONNECTIONS_MAX",
    "STRONGROOM_CONNECTIONS_PER_ADDRESS_MAX",
    "STRONGROOM_SIGV2_PRESIGNED",
    "STRONGROOM_LOG",
];

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;
