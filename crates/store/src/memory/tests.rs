use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::*;
use crate::conformance::{Fixture, block_on};

fn engine() -> MemoryEngine {
    let fixture = Fixture::default();
    MemoryEngine::new(fixture.entropy, fixture.clock)
}

fn put_if(precondition: Precondition) -> Batch {
    Batch {
        preconditions: vec![precondition],
        writes: vec![Write::Put {
            key: Bytes::from_static(b"k"),
            value: Bytes::new(),
            payload: NewPayload::None,
            protection: Protection::default(),
        }],
        ..Batch::default()
    }
}

#[test]
fn one_thread_of_many_wins() {
    let engine = engine();
    let key = Bytes::from_static(b"k");
    block_on(engine.commit(put_if(Precondition::Absent { key: key.clone() }))).unwrap();
    for _ in 0..100 {
        let revision = block_on(MetadataStore::get(&engine, &key)).unwrap().unwrap().revision;
        let wins = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let batch = put_if(Precondition::Revision { key: key.clone(), revision });
                    match block_on(engine.commit(batch)) {
                        Ok(_) => wins.fetch_add(1, Ordering::SeqCst),
                        Err(CommitError::Precondition { index: 0 }) => 0,
                        Err(other) => panic!("{other}"),
                    }
                });
            }
        });
        assert_eq!(wins.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn the_oldest_events_go_when_there_are_too_many() {
    let engine = engine();
    let event = Bytes::from(vec![0; crate::EVENT_BYTES_MAX]);
    let kept = EVENTS_BYTES_MAX / (event.len() + EVENT_OVERHEAD_BYTES);
    for _ in 0..=kept {
        block_on(engine.append_event(event.clone())).unwrap();
    }
    assert_eq!(engine.shared.state.lock().events.len(), kept);
    let first = block_on(engine.events(Revision(0), 1)).unwrap();
    assert_eq!(first.first().map(|event| event.revision), Some(Revision(2)));
}

#[test]
fn pieces_are_read_across_their_borders() {
    let mut pieces = Pieces::default();
    for piece in [&b"abc"[..], b"", b"d", b"efgh"] {
        pieces.push(Bytes::copy_from_slice(piece));
    }
    for start in 0..=8 {
        for end in start..=8 {
            let read = pieces.read(start as u64, end - start).unwrap();
            assert_eq!(read, b"abcdefgh"[start..end]);
        }
        assert_eq!(pieces.read(start as u64, 9 - start), None);
    }
    assert_eq!(pieces.read(u64::MAX, 1), None);
}

#[test]
fn no_randomness_makes_no_key() {
    #[derive(Debug)]
    struct NoEntropy;
    impl Entropy for NoEntropy {
        fn fill(&self, _out: &mut [u8]) -> Result<(), strongroom_types::EntropyError> {
            Err(strongroom_types::EntropyError)
        }
    }
    let engine = MemoryEngine::new(Arc::new(NoEntropy), Fixture::default().clock);
    let refused = block_on(KeyVault::create(&engine, KeyName::Token));
    assert!(matches!(refused, Err(VaultError::Entropy(_))));
    assert!(KeyVault::get(&engine, &KeyName::Token).is_err());
}
