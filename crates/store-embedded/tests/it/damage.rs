//! Flipped bits of a store that was closed in order: never served wrong.
//!
//! Here a part of the bits; `examples/crash_sim --flips` takes all of them.

use strongroom_store_embedded::sim::{FlipStats, FlipTarget, FlipWorld};

fn flip_every(target: FlipTarget, step: usize) -> FlipStats {
    let world = FlipWorld::new().unwrap();
    let mut stats = FlipStats::default();
    for bit in world.bits_written(target).into_iter().step_by(step) {
        world.flip(target, bit, &mut stats).unwrap();
    }
    stats
}

#[test]
fn flipped_bits_of_the_log_are_detected_or_without_effect() {
    let stats = flip_every(FlipTarget::Log, 211);
    assert!(stats.detected > 20 && stats.right > 0, "{stats:?}");
}

#[test]
fn flipped_bits_of_the_key_file_are_repaired() {
    let stats = flip_every(FlipTarget::Keys, 13);
    assert_eq!((stats.refused, stats.detected), (0, 0), "one copy is damaged, the other is not");
}

#[test]
fn flipped_bits_of_the_index_make_it_be_built_again() {
    let stats = flip_every(FlipTarget::Index, 1511);
    assert!(stats.flips > 50 && stats.refused == 0, "{stats:?}");
}

#[test]
fn flipped_bits_of_blobs_are_detected() {
    let stats = flip_every(FlipTarget::Blobs, 37);
    assert!(stats.detected > 100 && stats.refused == 0, "{stats:?}");
}

#[test]
fn flipped_bits_of_the_event_journal_are_detected() {
    let stats = flip_every(FlipTarget::Events, 23);
    assert!(stats.detected > 50 && stats.refused == 0, "{stats:?}");
}
