//! Checks that lints cannot make: arrows between crates, third parties in their place, banned
//! names, tests that pretend, module comments, generated code up to date.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::{Failure, root};

/// Runs all checks and reports every finding, not only the first.
pub fn run() -> Result<(), Failure> {
    let mut findings = Vec::new();
    check_arrows(&mut findings)?;
    let files = rust_files(&root())?;
    for file in &files {
        check_file(file, &mut findings)?;
    }
    check_fuzz_targets(&files, &mut findings)?;
    check_named_tests(&files, &mut findings)?;
    if !findings.is_empty() {
        return Err(Failure::new(format!("tidy found:\n  {}", findings.join("\n  "))));
    }
    crate::codegen::run(true).map_err(|error| Failure::new(error.to_string()))?;
    println!("tidy: arrows, names, tests and generated code are in order");
    Ok(())
}

/// Layer of each crate: dependencies point to lower layers only, or along [`SIDEWAYS`].
const LAYERS: &[(&str, u8)] = &[
    ("strongroom-types", 0),
    ("strongroom-crypto", 0),
    ("strongroom-policy", 1),
    ("strongroom-sigv4", 1),
    ("strongroom-wire", 1),
    ("strongroom-model", 1),
    ("strongroom-store", 2),
    ("strongroom-access", 2),
    ("strongroom-audit", 2),
    ("strongroom-identity", 3),
    ("strongroom-kms", 3),
    ("strongroom-objects", 3),
    ("strongroom-trail", 3),
    ("strongroom-endpoints", 3),
    ("strongroom-detect", 3),
    ("strongroom-posture", 3),
    ("strongroom-store-embedded", 3),
    ("strongroom-store-cluster", 3),
    ("strongroom-gateway", 4),
    ("strongroom-console", 4),
    ("strongroom", 5),
];

/// Arrows inside a layer that the design names.
const SIDEWAYS: &[(&str, &str)] = &[
    ("strongroom-crypto", "strongroom-types"),
    ("strongroom-model", "strongroom-wire"),
    ("strongroom-sigv4", "strongroom-crypto"),
    ("strongroom-access", "strongroom-audit"),
    ("strongroom-access", "strongroom-store"),
];

/// Development crates may depend on everything and are depended on by tests only.
const DEVELOPMENT: &[&str] = &["strongroom-testkit", "strongroom-sim", "xtask"];

/// Third parties that have one home each.
const HOMES: &[(&str, &[&str])] = &[
    ("aws-lc-rs", &["strongroom-crypto"]),
    ("md-5", &["strongroom-crypto"]),
    ("crc-fast", &["strongroom-crypto"]),
    ("hyper", &["strongroom-gateway"]),
    ("hyper-util", &["strongroom-gateway"]),
    ("rustls", &["strongroom-gateway"]),
    ("tokio-rustls", &["strongroom-gateway"]),
    ("rcgen", &["strongroom-gateway"]),
    ("redb", &["strongroom-store-embedded"]),
    ("quick-xml", &["strongroom-wire"]),
    ("clap", &["strongroom", "xtask"]),
];

/// Crates of layers 0 to 2 are pure: none of these may be among their dependencies.
const IMPURE: &[&str] = &["tokio", "hyper", "tracing", "rustls", "redb", "clap"];

fn check_arrows(findings: &mut Vec<String>) -> Result<(), Failure> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(root())
        .output()?;
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let layers: BTreeMap<_, _> = LAYERS.iter().copied().collect();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        if DEVELOPMENT.contains(&name) {
            continue;
        }
        let Some(layer) = layers.get(name) else {
            findings.push(format!("crate `{name}` has no layer: see DESIGN, crates"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let other = dependency["name"].as_str().unwrap_or_default();
            let for_tests = dependency["kind"].as_str() == Some("dev");
            if let Some(below) = layers.get(other) {
                let sideways = SIDEWAYS.contains(&(name, other));
                if !for_tests && below >= layer && !sideways {
                    findings.push(format!("arrow `{name}` -> `{other}` does not point down"));
                }
            }
            let home = HOMES.iter().find(|(third, _)| *third == other);
            if home.is_some_and(|(_, homes)| !homes.contains(&name)) && !for_tests {
                findings.push(format!("`{other}` is used in `{name}`, which is not its home"));
            }
            if *layer <= 2 && IMPURE.contains(&other) && !for_tests {
                findings.push(format!("`{name}` is pure and must not depend on `{other}`"));
            }
        }
    }
    Ok(())
}

/// Names that say nothing: crates, modules and folders with them collect what belongs elsewhere.
const NAMES_BANNED: &[&str] = &[
    "util", "utils", "common", "helper", "helpers", "manager", "misc", "base", "core", "data",
    "info",
];

fn check_file(file: &Path, findings: &mut Vec<String>) -> Result<(), Failure> {
    let shown = file.strip_prefix(root()).unwrap_or(file).display().to_string();
    for part in file.strip_prefix(root()).unwrap_or(file).iter() {
        let stem = Path::new(part).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if NAMES_BANNED.contains(&stem) {
            findings.push(format!("{shown}: the name `{stem}` is banned"));
        }
    }
    let text = fs::read_to_string(file)?;
    let tests = file.ends_with("tests.rs"); // described by the module that they test
    if !tests && !text.starts_with("//!") && !text.starts_with("// @generated") {
        findings.push(format!("{shown}: a module starts with `//!` and says what it is for"));
    }
    let ours = shown.starts_with("xtask/src/tidy.rs");
    for (number, line) in text.lines().enumerate() {
        let found = PRETENCES.iter().find(|pretence| line.contains(*pretence));
        if let (Some(pretence), false) = (found, ours) {
            findings.push(format!("{shown}:{}: `{pretence}` pretends", number + 1));
        }
    }
    Ok(())
}

/// Tests and code that look like something and are nothing.
const PRETENCES: &[&str] = &["#[ignore", "#[should_panic", "todo!(", "unimplemented!("];

/// Every fuzz target is a function that the tests of a crate replay, has a program and a corpus;
/// and none of these is without the others.
fn check_fuzz_targets(files: &[PathBuf], findings: &mut Vec<String>) -> Result<(), Failure> {
    let mut replayed = Vec::new();
    for file in files.iter().filter(|file| file.ends_with("src/fuzzing.rs")) {
        let text = fs::read_to_string(file)?;
        let table = text.split_once("pub const TARGETS").map_or("", |(_, table)| table);
        let table = table.split_once(';').map_or("", |(table, _)| table);
        let names = table.split("(\"").skip(1).filter_map(|entry| entry.split('"').next());
        replayed.extend(names.map(str::to_owned));
        if !text.contains("/fuzz/replay.rs\"]\nmod replay;") {
            findings.push(format!("{}: the corpora are not replayed", file.display()));
        }
    }
    replayed.sort();
    let mut built = crate::fuzz::targets()?;
    built.sort();
    for folder in ["corpus", "fuzz_targets"] {
        let mut found = Vec::new();
        for entry in fs::read_dir(root().join("fuzz").join(folder))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            found.push(name.trim_end_matches(".rs").to_owned());
        }
        found.sort();
        if found != built {
            findings.push(format!("fuzz/{folder} and fuzz/Cargo.toml name different targets"));
        }
    }
    if replayed != built {
        findings.push(format!("fuzz targets are {built:?}, and {replayed:?} are replayed"));
    }
    Ok(())
}

/// The tests that the table of published flaws names exist.
fn check_named_tests(files: &[PathBuf], findings: &mut Vec<String>) -> Result<(), Failure> {
    let table = fs::read_to_string(root().join(FLAWS))?;
    let mut sources = String::new();
    for file in files {
        sources.push_str(&fs::read_to_string(file)?);
    }
    for entry in fs::read_dir(root().join("tests/blackbox"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "py") {
            sources.push_str(&fs::read_to_string(path)?);
        }
    }
    // Between back-ticks, snake case of several words: names of tests, and nothing else in there.
    let quoted = table.split('`').skip(1).step_by(2);
    let named = quoted.filter(|text| {
        let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        text.contains('_') && text.bytes().all(word)
    });
    let mut count = 0;
    for name in named {
        count += 1;
        let defined = [format!("fn {name}("), format!("def {name}(")];
        if !defined.iter().any(|text| sources.contains(text.as_str())) {
            findings.push(format!("{FLAWS}: there is no test `{name}`"));
        }
    }
    if count == 0 {
        findings.push(format!("{FLAWS} names no test"));
    }
    Ok(())
}

const FLAWS: &str = "docs/security/peer-vulnerabilities.md";

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    let mut folders = vec![folder.join("crates"), folder.join("xtask")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                if !path.ends_with("target") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
