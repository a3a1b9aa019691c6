//! A few of the worlds of the simulation; `examples/crash_sim` runs as many as wanted.

use strongroom_store_embedded::sim::{Stats, run_seed};

#[test]
fn worlds_with_crashes_lose_nothing_and_mix_nothing() {
    let mut stats = Stats::default();
    for seed in 0..30 {
        match run_seed(seed) {
            Ok(world) => stats += world,
            Err(failure) => panic!("{failure}"),
        }
    }
    // The worlds are worth something only if everything happens in them.
    assert!(stats.power_cuts > 300, "{stats:?}");
    assert!(stats.interrupted_recoveries > 50, "{stats:?}");
    assert!(stats.open_applied > 10 && stats.open_dropped > 10, "{stats:?}");
    assert!(stats.checkpoints > 100 && stats.compactions > 100, "{stats:?}");
    assert!(stats.kills > 30 && stats.faults > 30, "{stats:?}");
}

#[test]
fn a_world_follows_from_its_seed() {
    assert_eq!(run_seed(3).unwrap(), run_seed(3).unwrap());
}
