//! The suite of all engines, and random operations beside the in-memory reference.

use std::sync::Arc;

use parking_lot::Mutex;
use strongroom_store::conformance::{self, Fixture, block_on, model};
use strongroom_store::memory::MemoryEngine;
use strongroom_store_embedded::EmbeddedEngine;
use strongroom_store_embedded::disk::{Disk, RealDisk, SimDisk};

use crate::support::{Scratch, options, small_limits};

fn run_suite(make_disk: impl Fn() -> Arc<dyn Disk>) {
    let engines = Mutex::new(Vec::new());
    let outcome = block_on(conformance::run(|fixture: Fixture| {
        let options = options(make_disk(), &fixture, small_limits());
        let engine = EmbeddedEngine::open(options).unwrap();
        let store = engine.store();
        engines.lock().push(engine);
        async move { store }
    }));
    outcome.unwrap();
    for engine in engines.lock().drain(..) {
        engine.close().unwrap();
    }
}

#[test]
fn the_suite_passes_on_a_simulated_drive() {
    run_suite(|| Arc::new(SimDisk::new(1)));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the directory above the engine's own door")]
fn the_suite_passes_on_a_real_drive() {
    let scratch = Scratch::new();
    let number = Mutex::new(0);
    run_suite(|| {
        let mut number = number.lock();
        *number += 1;
        let keys = scratch.join(&format!("{number}-keys"));
        std::fs::create_dir_all(&keys).unwrap();
        Arc::new(RealDisk::new(scratch.join(&format!("{number}-data")), keys).unwrap())
    });
}

#[test]
fn random_operations_are_answered_as_by_the_reference() {
    for seed in 0..4 {
        let (ours, reference) = (Fixture::new(seed), Fixture::new(seed));
        let options = options(Arc::new(SimDisk::new(seed)), &ours, small_limits());
        let engine = EmbeddedEngine::open(options).unwrap();
        let memory = MemoryEngine::new(reference.entropy, reference.clock);
        block_on(model::run(seed, 25_000, &engine.store(), &memory.store())).unwrap();
        engine.close().unwrap();
    }
}
