//! Logs: structured, on standard error. Never a request as a whole.

use std::io::{self, IsTerminal};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::LogLevel;

/// Starts logging: readable lines on a terminal, JSON lines elsewhere.
///
/// SECURITY: the level is for our own crates; libraries stay at warnings, since what they tell of
/// requests at lower levels is not ours to vouch for.
pub(crate) fn start(level: LogLevel) {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let filter =
        Targets::new().with_default(level.min(LevelFilter::WARN)).with_target("strongroom", level);
    let terminal = io::stderr().is_terminal();
    let readable = terminal.then(|| tracing_subscriber::fmt::layer().with_writer(io::stderr));
    let json = (!terminal).then(|| tracing_subscriber::fmt::layer().json().with_writer(io::stderr));
    // A second start, as in tests, keeps the first one's subscriber.
    let _ = tracing_subscriber::registry().with(filter).with(readable).with(json).try_init();
}
