//! Runs the fuzz targets under libFuzzer. Needs a nightly toolchain and cargo-fuzz; the tests of
//! the crates need neither, and replay what was found.

use std::fs;
use std::process::Command;

use toml::Value;

use crate::{Failure, root, run};

/// Fuzzes one target, or all one after the other, each for so many seconds.
pub fn run_targets(target: Option<&str>, seconds: u64) -> Result<(), Failure> {
    let known = targets()?;
    let chosen: Vec<_> =
        known.iter().filter(|name| target.is_none_or(|target| target == *name)).collect();
    if chosen.is_empty() {
        return Err(Failure::new(format!(
            "there is no such target; there are {}",
            known.join(", ")
        )));
    }
    for name in chosen {
        // No sanitizer: our code has no `unsafe`, and all of its checks are on.
        run(Command::new("cargo")
            .args(["+nightly", "fuzz", "run", "--fuzz-dir", "fuzz", "--sanitizer", "none", name])
            .args(["--", &format!("-max_total_time={seconds}"), "-timeout=10", "-max_len=4096"]))?;
    }
    Ok(())
}

/// The names of all targets, as the manifest of the fuzz workspace has them.
pub fn targets() -> Result<Vec<String>, Failure> {
    let manifest: Value = toml::from_str(&fs::read_to_string(root().join("fuzz/Cargo.toml"))?)?;
    let bins = manifest.get("bin").and_then(Value::as_array).into_iter().flatten();
    let names = bins.filter_map(|bin| bin.get("name")?.as_str());
    Ok(names.map(str::to_owned).collect())
}
