//! The reference passes the suite, and the suite notices engines that do not.

use std::sync::Arc;

use super::*;
use crate::memory::MemoryEngine;
use crate::{BlobStore, KeyRange, MetadataStore, Revision, StoredEvent};

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

/// An engine with one fault.
#[derive(Debug)]
struct Faulty {
    inner: MemoryEngine,
    fault: Fault,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    IgnoresPreconditions,
    LosesEvents,
    DropsLastWrite,
    ForgetsProtection,
    ScansBackwards,
    KeepsNothing,
}

impl MetadataStore for Faulty {
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Entry>, StoreError>> {
        self.inner.get(key)
    }

    fn scan<'a>(
        &'a self,
        range: KeyRange,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Bytes, Entry)>, StoreError>> {
        Box::pin(async move {
            let mut page = self.inner.scan(range, limit).await?;
            if self.fault == Fault::ScansBackwards {
                page.reverse();
            }
            Ok(page)
        })
    }

    fn commit(&self, mut batch: Batch) -> BoxFuture<'_, Result<Committed, CommitError>> {
        match self.fault {
            Fault::IgnoresPreconditions if batch.check().is_ok() => batch.preconditions.clear(),
            Fault::LosesEvents => batch.event = None,
            Fault::DropsLastWrite if batch.check().is_ok() && batch.writes.len() > 1 => {
                batch.writes.pop();
            }
            Fault::ForgetsProtection | Fault::KeepsNothing => {
                for write in &mut batch.writes {
                    if let Write::Put {
                        protection,
                        payload,
                        ..
                    } = write
                    {
                        match self.fault {
                            Fault::ForgetsProtection => *protection = Protection::default(),
                            _ if matches!(payload, NewPayload::Keep) => *payload = NewPayload::None,
                            _ => (),
                        }
                    }
                }
            }
            _ => (),
        }
        self.inner.commit(batch)
    }

    fn append_event(&self, event: Bytes) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.append_event(event)
    }

    fn events(
        &self,
        after: Revision,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        self.inner.events(after, limit)
    }
}

fn faulty(fixture: &Fixture, fault: Fault) -> Store {
    let inner = engine(fixture);
    let store = inner.store();
    Store {
        metadata: Arc::new(Faulty { inner, fault }),
        ..store
    }
}

#[test]
fn faulty_engines_fail() {
    let faults = [
        Fault::IgnoresPreconditions,
        Fault::LosesEvents,
        Fault::DropsLastWrite,
        Fault::ForgetsProtection,
        Fault::ScansBackwards,
        Fault::KeepsNothing,
    ];
    for fault in faults {
        let outcome = block_on(run(async |fixture| faulty(&fixture, fault)));
        assert!(outcome.is_err(), "the suite does not notice {fault:?}");
        let fixture = Fixture::default();
        let (sound, unsound) = (engine(&fixture).store(), faulty(&fixture, fault));
        let outcome = block_on(model::run(2, 5_000, &sound, &unsound));
        assert!(outcome.is_err(), "the model does not notice {fault:?}");
    }
}

#[test]
fn payloads_of_released_records_are_freed() {
    let fixture = Fixture::default();
    let engine = engine(&fixture);
    let world = World {
        store: engine.store(),
        fixture,
    };
    block_on(async {
        let blob = world.blob(&pattern(70_000, 1), 7_000).await.unwrap();
        let inline = NewPayload::Inline(pattern(100, 2).into());
        world
            .write(put_payload("a", "", NewPayload::Blob(blob)))
            .await
            .unwrap();
        world.write(put_payload("b", "", inline)).await.unwrap();
        assert_eq!(engine.payload_bytes(), 70_100);
        world.write(put("a", "")).await.unwrap();
        world.write(delete("b")).await.unwrap();
        assert_eq!(engine.payload_bytes(), 0);
        let blob = world.blob(&pattern(70_000, 1), 7_000).await.unwrap();
        assert!(
            BlobStore::open(
                &engine,
                &crate::PayloadRef::Blob {
                    blob_id: blob.blob_id,
                    file: 1,
                    stored_bytes: 70_000,
                }
            )
            .await
            .is_err()
        );
    });
}
