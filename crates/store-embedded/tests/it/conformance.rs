//! The suite of all engines, and random operations beside the in-memory reference.

use std::sync::Arc;

use parking_lot::Mutex;
use strongroom_store::conformance::{self, Fixture, block_on};
use strongroom_store_embedded::EmbeddedEngine;
use strongroom_store_embedded::disk::{Disk, RealDisk, SimDisk};

use crate::support::{Scratch, options, small_limits};

fn run_suite(make_disk: impl Fn() -> Arc<dyn Disk>) {
    let engines = Mutex::new(Vec::new());
    let outcome = block_on(conformance::run(|fixture: Fixture| {
        let engine = EmbeddedEngine::open(options(make_disk(), &fixture, small_limits())).unwrap();
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
