//! The reference passes the suite, and the suite notices engines that do not.

use super::faulty::{Fault, faulty};
use super::*;
use crate::BlobStore;
use crate::memory::MemoryEngine;

fn engine(fixture: &Fixture) -> MemoryEngine {
    MemoryEngine::new(fixture.entropy.clone(), fixture.clock.clone())
}

#[test]
fn the_reference_passes() {
    block_on(run(async |fixture| engine(&fixture).store())).unwrap();
}

#[test]
fn two_references_never_differ() {
    let fixture = Fixture::default();
    let (first, second) = (engine(&fixture).store(), engine(&fixture).store());
    block_on(model::run(1, 20_000, &first, &second)).unwrap();
}

#[test]
fn the_suite_notices_every_fault() {
    for fault in Fault::ALL {
        let outcome = block_on(run(async |fixture| faulty(&engine(&fixture), fault)));
        assert!(outcome.is_err(), "the suite does not notice {fault:?}");
    }
}

#[test]
fn the_model_notices_faults_of_records_and_payloads() {
    let seen = [
        Fault::IgnoresPreconditions,
        Fault::LosesEvents,
        Fault::DropsLastWrite,
        Fault::ForgetsProtection,
        Fault::ScansBackwards,
        Fault::KeepsNothing,
        Fault::ReadsBesides,
        Fault::LosesLastPiece,
    ];
    for fault in seen {
        let fixture = Fixture::default();
        let (sound, unsound) = (engine(&fixture).store(), faulty(&engine(&fixture), fault));
        let outcome = block_on(model::run(2, 5_000, &sound, &unsound));
        assert!(outcome.is_err(), "the model does not notice {fault:?}");
    }
}

#[test]
fn payloads_of_released_records_are_freed() {
    let fixture = Fixture::default();
    let engine = engine(&fixture);
    let world = World { store: engine.store(), fixture };
    block_on(async {
        let blob = world.blob(&pattern(70_000, 1), 7_000).await.unwrap();
        let inline = NewPayload::Inline(pattern(100, 2).into());
        world.write(put_payload("a", "", NewPayload::Blob(blob))).await.unwrap();
        world.write(put_payload("b", "", inline)).await.unwrap();
        assert_eq!(engine.payload_bytes(), 70_100);
        world.write(put("a", "")).await.unwrap();
        world.write(delete("b")).await.unwrap();
        assert_eq!(engine.payload_bytes(), 0);
        let blob = world.blob(&pattern(70_000, 1), 7_000).await.unwrap();
        assert!(
            BlobStore::open(
                &engine,
                &crate::PayloadRef::Blob { blob_id: blob.blob_id, file: 1, stored_bytes: 70_000 }
            )
            .await
            .is_err()
        );
    });
}
