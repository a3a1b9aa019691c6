//! The one binary: command line, configuration, wiring, lifecycle. No logic of any service.

mod admin;
mod certificates;
mod cli;
mod clock;
mod commands;
mod config;
mod descriptors;
mod engine;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod logs;
mod offline;
mod operator;
mod place;
mod root_key;
mod runtime;
mod serve;
mod shell;
#[cfg(test)]
mod testing;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

use crate::cli::{AccountCommand, Arguments, Command, PolicyCommand};
use crate::commands::Failure;
use crate::config::{Environment, Layer, Settings};

/// Does what the command line says.
#[must_use]
pub fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody is left to be told if this fails.
            let _ = writeln!(io::stderr(), "strongroom: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    // Needs no settings, and so nothing of the directory or environment that it is called in.
    if let Command::Policy(command) = &arguments.command {
        return match command {
            PolicyCommand::Evaluate => commands::policy_evaluate(),
            PolicyCommand::Check(flags) => commands::policy_check(flags),
        };
    }
    let environment = Environment::read(std::env::vars_os())?;
    let named = arguments.place.config.clone().or(environment.config.clone().map(PathBuf::from));
    let file = settings_file(named.as_deref())?;
    let settings = Settings::resolve(arguments.layer(), environment, file)?;
    match &arguments.command {
        Command::Serve(_) => serve::serve(settings, &called_as()),
        Command::Env(flags) => commands::env(settings, flags),
        Command::Account(AccountCommand::Create { name, .. }) => {
            commands::account_create(&settings, name)
        }
        Command::Account(AccountCommand::List { .. }) => commands::account_list(&settings),
        Command::Scrub(flags) => commands::scrub(&settings, flags),
        Command::Policy(_) => Ok(()),
    }
}

/// The settings file that was named, or the one in the working directory, if there is one.
fn settings_file(named: Option<&Path>) -> Result<Layer, Failure> {
    let path = named.unwrap_or(Path::new(SETTINGS_FILE));
    match read_settings(path) {
        Ok(text) => Layer::from_toml(&text)
            .map_err(|error| Failure::new(format!("`{}`: {error}", path.display()))),
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => {
            Ok(Layer::default())
        }
        Err(error) => Err(Failure::new(format!("`{}`: {error}", path.display()))),
    }
}

#[expect(clippy::disallowed_methods, reason = "the settings file is not data of an engine")]
fn read_settings(path: &Path) -> io::Result<String> {
    std::fs::read_to_string(path)
}

/// How this program was called, for lines that the reader shall type.
fn called_as() -> String {
    let first = std::env::args_os().next().unwrap_or_default();
    let text = first.to_string_lossy().into_owned();
    if text.is_empty() { "strongroom".to_owned() } else { text }
}

const SETTINGS_FILE: &str = "strongroom.toml";
