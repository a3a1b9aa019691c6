//! Runs simulated worlds: `crash_sim --seeds FROM..TO` prints one line of JSON with what happened.
//! `crash_sim --flips log|keys|index|blobs|events [EVERY]` flips bits of a small store instead:
//! all of them, or one in EVERY.

#![expect(clippy::print_stdout, reason = "the result of a command line tool")]

use std::process::ExitCode;

use strongroom_store_embedded::sim::{FlipStats, FlipTarget, FlipWorld, Stats, run_seed};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let failures = match arguments.as_slice() {
        ["--seeds", range] => parse_range(range).map(|(from, to)| run_worlds(from, to)),
        ["--flips", target] => parse_target(target).map(|target| run_flips(target, 1)),
        ["--flips", target, every] => {
            parse_target(target).and_then(|target| Some(run_flips(target, every.parse().ok()?)))
        }
        _ => None,
    };
    match failures {
        Some(0) => ExitCode::SUCCESS,
        Some(_) => ExitCode::FAILURE,
        None => {
            println!("usage: crash_sim --seeds FROM..TO | --flips TARGET [EVERY]");
            ExitCode::FAILURE
        }
    }
}

fn parse_range(range: &str) -> Option<(u64, u64)> {
    let (from, to) = range.split_once("..")?;
    Some((from.parse().ok()?, to.parse().ok()?))
}

fn parse_target(name: &str) -> Option<FlipTarget> {
    match name {
        "log" => Some(FlipTarget::Log),
        "keys" => Some(FlipTarget::Keys),
        "index" => Some(FlipTarget::Index),
        "blobs" => Some(FlipTarget::Blobs),
        "events" => Some(FlipTarget::Events),
        _ => None,
    }
}

/// Runs one job on every machine, each with its number and how many there are.
fn on_all_cores<T: Send>(job: impl Fn(u64, u64) -> T + Sync) -> (Vec<T>, u64) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let results: Vec<_> = std::thread::scope(|scope| {
        let job = &job;
        let runs: Vec<_> =
            (0..threads).map(|thread| scope.spawn(move || job(thread, threads))).collect();
        runs.into_iter().map(|run| run.join()).collect()
    });
    let panics = results.iter().filter(|result| result.is_err()).count() as u64;
    (results.into_iter().flatten().collect(), panics)
}

fn run_worlds(from: u64, to: u64) -> u64 {
    let (runs, panics) = on_all_cores(|thread, threads| {
        let mut stats = Stats::default();
        let mut failures = Vec::new();
        let mut seed = from + thread;
        while seed < to {
            match run_seed(seed) {
                Ok(world) => stats += world,
                Err(failure) => failures.push(failure.to_string()),
            }
            seed += threads;
        }
        (stats, failures)
    });
    let mut stats = Stats::default();
    let mut failures = Vec::new();
    for (run, failed) in runs {
        stats += run;
        failures.extend(failed);
    }
    println!(
        "{{\"seeds\":[{from},{to}],\"worlds\":{},\"power_cuts\":{},\"crash_points\":{},\"kills\":{},\"faults\":{},\"stops\":{},\
         \"interrupted_recoveries\":{},\"failed_recoveries\":{},\"full_recoveries\":{},\
         \"fillings\":{},\"meanwhile\":{},\"acknowledged\":{},\"refused\":{},\"open_applied\":{},\
         \"open_dropped\":{},\"checkpoints\":{},\"compactions\":{},\"panics\":{panics},\
         \"failures\":[{}]}}",
        stats.worlds,
        stats.power_cuts,
        stats.crash_points,
        stats.kills,
        stats.faults,
        stats.stops,
        stats.interrupted_recoveries,
        stats.failed_recoveries,
        stats.full_recoveries,
        stats.fillings,
        stats.meanwhile,
        stats.acknowledged,
        stats.refused,
        stats.open_applied,
        stats.open_dropped,
        stats.checkpoints,
        stats.compactions,
        quoted(&failures)
    );
    failures.len() as u64 + panics
}

fn run_flips(target: FlipTarget, every: u64) -> u64 {
    let (runs, panics) = on_all_cores(|thread, threads| {
        let mut stats = FlipStats::default();
        let mut failures = Vec::new();
        match FlipWorld::new() {
            Ok(world) => {
                let mut bit = thread * every;
                while bit < world.bits(target) {
                    if let Err(failure) = world.flip(target, bit, &mut stats) {
                        failures.push(failure);
                    }
                    bit += threads * every;
                }
            }
            Err(failure) => failures.push(failure),
        }
        (stats, failures)
    });
    let mut failures = Vec::new();
    let (mut flips, mut refused, mut detected, mut right) = (0, 0, 0, 0);
    for (run, failed) in runs {
        flips += run.flips;
        refused += run.refused;
        detected += run.detected;
        right += run.right;
        failures.extend(failed);
    }
    println!(
        "{{\"target\":\"{target:?}\",\"flips\":{flips},\"refused\":{refused},\
         \"detected\":{detected},\"right\":{right},\"panics\":{panics},\"failures\":[{}]}}",
        quoted(&failures)
    );
    failures.len() as u64 + panics
}

fn quoted(failures: &[String]) -> String {
    let quoted: Vec<String> = failures.iter().map(|failure| format!("{failure:?}")).collect();
    quoted.join(",")
}
