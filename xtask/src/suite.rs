//! The test suites: what they run, and the virtual environment of the real clients.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{Failure, root, run, tidy};

/// Format, lints, tidy and pure tests.
pub fn ci() -> Result<(), Failure> {
    lint()?;
    run(Command::new("cargo").args(["test", "--workspace", "--quiet"]))
}

fn lint() -> Result<(), Failure> {
    run(Command::new("cargo").args(["fmt", "--all", "--check"]))?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"];
    run(Command::new("cargo").args(clippy))?;
    tidy::run()
}

/// Everything: unit, golden, property, model and sweep tests, simulated crashes, then the release
/// binary with real clients and real kills.
pub fn test(only: Option<&str>) -> Result<(), Failure> {
    if only.is_none() {
        run(Command::new("cargo").args(["test", "--workspace", "--quiet"]))?;
    }
    run(Command::new("cargo").args(["build", "--release", "--package", "strongroom"]))?;
    if only.is_none() {
        crashes(0, CRASHES)?;
    }
    black_box(only, KILLS)
}

/// The long forms; the figures go into `docs/reliability.md`.
pub fn soak(from: u64, crash_points: u64, kills: u32) -> Result<(), Failure> {
    run(Command::new("cargo").args(["build", "--release", "--package", "strongroom"]))?;
    crashes(from, crash_points)?;
    black_box(Some("test_no_kill_loses_anything_acknowledged"), kills)
}

/// Simulates worlds, one seed each, until so many crash points have been survived: power cuts in the
/// middle of an operation of the drive that the seed chooses. Cuts between operations do not count.
fn crashes(from: u64, crash_points: u64) -> Result<(), Failure> {
    let (mut seed, mut survived) = (from, 0);
    while survived < crash_points {
        let range = format!("{seed}..{}", seed + WORLDS_AT_ONCE);
        let mut simulation = Command::new("cargo");
        simulation.args(["run", "--release", "--quiet", "--package", "strongroom-store-embedded"]);
        simulation.args(["--example", "crash_sim", "--", "--seeds", &range]);
        let output = simulation.current_dir(root()).stderr(Stdio::inherit()).output()?;
        let totals = String::from_utf8_lossy(&output.stdout);
        print!("{totals}");
        if !output.status.success() {
            return Err(Failure::new(format!("the simulated worlds {range} failed")));
        }
        let totals: Value = serde_json::from_str(&totals)?;
        survived += totals["crash_points"].as_u64().unwrap_or(0);
        seed += WORLDS_AT_ONCE;
        eprintln!("{survived} of {crash_points} crash points survived; next seed {seed}");
    }
    Ok(())
}

fn black_box(only: Option<&str>, kills: u32) -> Result<(), Failure> {
    let python = virtual_environment()?;
    let mut pytest = Command::new(python);
    pytest.args(["-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider"]);
    pytest.arg(root().join("tests/blackbox"));
    if let Some(expression) = only {
        pytest.args(["-k", expression]);
    }
    pytest.env("KILLS", kills.to_string()).env("PYTHONDONTWRITEBYTECODE", "1");
    run(&mut pytest)
}

/// Makes `target/venv` with the clients at fixed versions, once; returns its Python.
fn virtual_environment() -> Result<PathBuf, Failure> {
    let folder = root().join("target/venv");
    let python = folder.join("bin/python");
    let wanted = root().join("tests/blackbox/requirements.txt");
    let installed = folder.join("requirements.txt");
    let same = std::fs::read(&wanted)? == std::fs::read(&installed).unwrap_or_default();
    if same && python.exists() {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--requirement"])
        .arg(&wanted))?;
    std::fs::copy(wanted, installed)?;
    Ok(python)
}

/// Simulated crash points of `cargo xtask test`.
const CRASHES: u64 = 10_000;
/// Real kills under load of `cargo xtask test`.
const KILLS: u32 = 30;
/// Worlds of one run of the simulator: small enough to see where a long run is.
const WORLDS_AT_ONCE: u64 = 500;
