//! Runs simulated worlds: `crash_sim --seeds 0..1000` prints one line of JSON with what happened.

#![expect(clippy::print_stdout, reason = "the result of a command line tool")]

use std::process::ExitCode;

use strongroom_store_embedded::sim::{Stats, run_seed};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let seeds = match arguments.as_slice() {
        [flag, range] if flag == "--seeds" => range.split_once(".."),
        _ => None,
    };
    let parsed = seeds.and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    let Some((from, to)) = parsed else {
        println!("usage: crash_sim --seeds FROM..TO");
        return ExitCode::FAILURE;
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let results: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || run_every(from + thread, to, threads)))
            .collect();
        runs.into_iter().map(|run| run.join()).collect()
    });
    let mut stats = Stats::default();
    let mut failures = Vec::new();
    for result in results {
        match result {
            Ok((run, failed)) => {
                stats += run;
                failures.extend(failed);
            }
            Err(_) => failures.push("a world panicked".to_owned()),
        }
    }
    println!("{}", to_json(from, to, &stats, &failures));
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run_every(from: u64, to: u64, step: u64) -> (Stats, Vec<String>) {
    let mut stats = Stats::default();
    let mut failures = Vec::new();
    let mut seed = from;
    while seed < to {
        match run_seed(seed) {
            Ok(world) => stats += world,
            Err(failure) => failures.push(failure.to_string()),
        }
        seed += step;
    }
    (stats, failures)
}

fn to_json(from: u64, to: u64, stats: &Stats, failures: &[String]) -> String {
    let failures: Vec<String> = failures.iter().map(|failure| format!("{failure:?}")).collect();
    format!(
        "{{\"seeds\":[{from},{to}],\"worlds\":{},\"power_cuts\":{},\"kills\":{},\"faults\":{},\
         \"interrupted_recoveries\":{},\"acknowledged\":{},\"refused\":{},\"open_applied\":{},\
         \"open_dropped\":{},\"checkpoints\":{},\"compactions\":{},\"failures\":[{}]}}",
        stats.worlds,
        stats.power_cuts,
        stats.kills,
        stats.faults,
        stats.interrupted_recoveries,
        stats.acknowledged,
        stats.refused,
        stats.open_applied,
        stats.open_dropped,
        stats.checkpoints,
        stats.compactions,
        failures.join(",")
    )
}
