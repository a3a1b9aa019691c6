//! Deterministic worlds: a random history on a simulated drive, with power cuts, killed processes,
//! failures of every kind of operation and a drive that fills up, compared with a model after every
//! recovery.
//!
//! One seed is one world: the same steps in the same order on one thread. The engine's own threads
//! are not used; each of their steps is a step of the world. Where two threads may be at work at once,
//! a step of one is taken between two operations of the drive of the other.

mod flips;
mod model;
mod world;

use std::ops::AddAssign;

pub use flips::{FlipStats, FlipTarget, FlipWorld};
use world::World;

/// What happened in worlds that went well.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Worlds.
    pub worlds: u64,
    /// Power cuts.
    pub power_cuts: u64,
    /// Those in the middle of an operation of the drive: each at another one of another history.
    pub crash_points: u64,
    /// Killed processes, between two steps or in the middle of one.
    pub kills: u64,
    /// Failed writes and syncs that were not power cuts.
    pub faults: u64,
    /// How often the engine stopped for good.
    pub stops: u64,
    /// Recoveries that were themselves interrupted by a power cut.
    pub interrupted_recoveries: u64,
    /// Recoveries that failed with the drive.
    pub failed_recoveries: u64,
    /// Recoveries that found no room.
    pub full_recoveries: u64,
    /// How often the drive was made full, or nearly so.
    pub fillings: u64,
    /// Steps of one thread that were taken in the middle of another's.
    pub meanwhile: u64,
    /// Batches that were acknowledged.
    pub acknowledged: u64,
    /// Batches that were refused.
    pub refused: u64,
    /// Groups whose outcome was open when the world stopped, and that were found applied.
    pub open_applied: u64,
    /// Groups whose outcome was open when the world stopped, and that were found not applied.
    pub open_dropped: u64,
    /// Checkpoints.
    pub checkpoints: u64,
    /// Segments that were emptied and used again.
    pub compactions: u64,
}

impl AddAssign for Stats {
    fn add_assign(&mut self, other: Self) {
        self.worlds += other.worlds;
        self.power_cuts += other.power_cuts;
        self.crash_points += other.crash_points;
        self.kills += other.kills;
        self.faults += other.faults;
        self.stops += other.stops;
        self.failed_recoveries += other.failed_recoveries;
        self.full_recoveries += other.full_recoveries;
        self.fillings += other.fillings;
        self.meanwhile += other.meanwhile;
        self.interrupted_recoveries += other.interrupted_recoveries;
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.open_applied += other.open_applied;
        self.open_dropped += other.open_dropped;
        self.checkpoints += other.checkpoints;
        self.compactions += other.compactions;
    }
}

/// A world in which the engine did what it must not do.
#[derive(Debug, thiserror::Error)]
#[error("seed {seed}, round {round}, step {step}: {what}")]
pub struct Failure {
    /// The world.
    pub seed: u64,
    /// How many recoveries there were before.
    pub round: u64,
    /// The step since the last recovery.
    pub step: u64,
    /// What was seen.
    pub what: String,
}

/// Runs the world of a seed.
///
/// # Errors
/// What the engine did that it must not do.
pub fn run_seed(seed: u64) -> Result<Stats, Failure> {
    let mut world = World::new(seed);
    match world.run() {
        Ok(()) => Ok(world.into_stats()),
        Err(what) => {
            let (round, step) = world.place();
            Err(Failure { seed, round, step, what })
        }
    }
}
