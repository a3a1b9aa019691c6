//! Tasks of the project: `cargo xtask ci | test | tidy | codegen | soak | fuzz | bench`.

mod bench;
mod codegen;
mod fuzz;
mod suite;
mod tidy;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::{Parser, Subcommand};

/// Tasks of the project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Format, lints, tidy and the pure tests: under five minutes.
    Ci,
    /// Everything, with real clients, on a fresh machine with Rust and Python 3.
    Test {
        /// Only the black-box tests that match this pytest expression.
        #[arg(long)]
        only: Option<String>,
    },
    /// What lints cannot check: arrows, names, tests that pretend, generated code.
    Tidy,
    /// Generates the operation types and the service tables from the models in the tree.
    Codegen {
        /// Only tells whether the generated files are up to date.
        #[arg(long)]
        check: bool,
    },
    /// The long forms of the crash tests; resumable by seed range.
    Soak {
        /// First seed.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// How many simulated crash points.
        #[arg(long, default_value_t = 1_000_000)]
        crashes: u64,
        /// How many real kills under load.
        #[arg(long, default_value_t = 500)]
        kills: u32,
    },
    /// Fuzzes every parser, or one, under libFuzzer; needs a nightly toolchain and cargo-fuzz.
    Fuzz {
        /// Only this target.
        target: Option<String>,
        /// Seconds for each target.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
    /// Speed and memory; never asserted in a test.
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Ci => suite::ci(),
        Task::Test { only } => suite::test(only.as_deref()),
        Task::Tidy => tidy::run(),
        Task::Codegen { check } => {
            codegen::run(check).map_err(|error| Failure::new(error.to_string()))
        }
        Task::Soak { from, crashes, kills } => suite::soak(from, crashes, kills),
        Task::Fuzz { target, seconds } => fuzz::run_targets(target.as_deref(), seconds),
        Task::Bench(options) => bench::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Why a task failed, for the person at the terminal.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// A failure with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// The folder of the workspace.
pub fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

/// Runs a command in the workspace and fails with it.
pub fn run(command: &mut Command) -> Result<(), Failure> {
    eprintln!("+ {command:?}");
    let status = command.current_dir(root()).status()?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("{command:?}: {status}"))) }
}
