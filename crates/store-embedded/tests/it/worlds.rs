//! A few of the worlds of the simulation; `examples/crash_sim` runs as many as wanted.

use strongroom_store_embedded::sim::{Stats, run_seed};

#[test]
fn worlds_with_crashes_lose_nothing_and_mix_nothing() {
    let mut stats = Stats::default();
    for seed in 0..16 {
        match run_seed(seed) {
            Ok(world) => stats += world,
            Err(failure) => panic!("{failure}"),
        }
    }
    // The worlds are worth something only if everything happens in them.
    assert!(stats.power_cuts > 100, "{stats:?}");
    assert!(stats.interrupted_recoveries > 20, "{stats:?}");
    assert!(stats.open_applied > 3 && stats.open_dropped > 3, "{stats:?}");
    assert!(stats.checkpoints > 60 && stats.compactions > 60, "{stats:?}");
    assert!(stats.kills > 10 && stats.faults > 10, "{stats:?}");
    assert!(stats.crash_points > 50 && stats.failed_recoveries > 5, "{stats:?}");
    assert!(stats.stops > 5 && stats.fillings > 5 && stats.meanwhile > 50, "{stats:?}");
}

#[test]
fn a_world_follows_from_its_seed() {
    assert_eq!(run_seed(3).unwrap(), run_seed(3).unwrap());
}
