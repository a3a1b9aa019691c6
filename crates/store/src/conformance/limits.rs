//! The last that is allowed and the first that is refused.

use std::sync::Arc;

use bytes::Bytes;

use super::{Checks, Outcome, World, ensure, is_invalid, key, put, put_payload};
use crate::{
    BATCH_BYTES_MAX, Batch, CommitError, Committed, EVENT_BYTES_MAX, INLINE_BYTES_MAX,
    KEY_BYTES_MAX, KeyRange, NewPayload, Precondition, Protection, Revision, SCAN_ENTRIES_MAX,
    SealedBlob, StoreError, VALUE_BYTES_MAX, Write,
};

pub(super) const CHECKS: Checks = &[
    ("keys have 1 to 4,096 bytes", |world| Box::pin(keys(world))),
    ("values have up to 65,536 bytes", |world| Box::pin(values(world))),
    ("inline payloads have a limit", |world| Box::pin(inline_payloads(world))),
    ("batches have a limit", |world| Box::pin(batches(world))),
    ("events have a limit", |world| Box::pin(events(world))),
    ("a scan asks for at most 1,000 entries", |world| Box::pin(scans(world))),
    ("a key is written once in a batch", |world| Box::pin(duplicate_keys(world))),
    ("a blob of another engine is refused", |world| Box::pin(foreign_blob(world))),
];

fn sized(key_bytes: usize, value_bytes: usize, payload: NewPayload) -> Write {
    Write::Put {
        key: vec![b'k'; key_bytes].into(),
        value: vec![b'v'; value_bytes].into(),
        payload,
        protection: Protection::default(),
    }
}

async fn keys(world: &World) -> Outcome {
    world.write(sized(KEY_BYTES_MAX, 1, NewPayload::None)).await?;
    let longest = vec![b'k'; KEY_BYTES_MAX];
    let entry = world.store.metadata.get(&longest).await?;
    ensure!(entry.is_some_and(|entry| entry.value == "v"), "the longest key is lost");
    world.write(Write::Delete { key: longest.into() }).await?;
    for key_bytes in [0, KEY_BYTES_MAX + 1] {
        let refused = world.write(sized(key_bytes, 1, NewPayload::None)).await;
        ensure!(is_invalid(&refused), "put of a key of {key_bytes} bytes: {refused:?}");
        let write = Write::Delete { key: vec![b'k'; key_bytes].into() };
        let refused = world.write(write).await;
        ensure!(is_invalid(&refused), "delete of a key of {key_bytes} bytes: {refused:?}");
        let precondition = Precondition::Absent { key: vec![b'k'; key_bytes].into() };
        let batch = Batch { preconditions: vec![precondition], ..Batch::default() };
        let refused = world.commit(batch).await;
        ensure!(is_invalid(&refused), "precondition on {key_bytes} bytes: {refused:?}");
        let got = world.store.metadata.get(&vec![b'k'; key_bytes]).await?;
        ensure!(got.is_none(), "a record under a key of {key_bytes} bytes");
    }
    Ok(())
}

async fn values(world: &World) -> Outcome {
    world.write(sized(1, VALUE_BYTES_MAX, NewPayload::None)).await?;
    ensure!(world.entry("k").await?.value.len() == VALUE_BYTES_MAX, "the longest value is cut");
    let refused = world.write(sized(1, VALUE_BYTES_MAX + 1, NewPayload::None)).await;
    ensure!(is_invalid(&refused), "a value over the limit: {refused:?}");
    ensure!(world.entry("k").await?.value.len() == VALUE_BYTES_MAX, "a refused value applied");
    Ok(())
}

async fn inline_payloads(world: &World) -> Outcome {
    let inline = |length: usize| NewPayload::Inline(vec![b'p'; length].into());
    world.write(sized(1, VALUE_BYTES_MAX, inline(INLINE_BYTES_MAX))).await?;
    let payload = world.payload(&world.entry("k").await?).await?;
    let whole = payload.is_some_and(|bytes| bytes.len() == INLINE_BYTES_MAX);
    ensure!(whole, "the largest inline payload is not read back");
    let refused = world.write(sized(1, 1, inline(INLINE_BYTES_MAX + 1))).await;
    ensure!(is_invalid(&refused), "an inline payload over the limit: {refused:?}");
    Ok(())
}

/// Commits a batch whose keys, values, inline payloads and event have exactly `bytes` bytes.
async fn commit_bytes(world: &World, bytes: usize) -> Result<Committed, CommitError> {
    let event = vec![b'e'; 1_000];
    let mut left = bytes - event.len();
    let mut writes = Vec::new();
    while left > 0 {
        let number = writes.len();
        let name = Bytes::from(format!("{number:010}"));
        // The last write may be as short as its key; a full one leaves room for that.
        let body = (left - name.len()).min(VALUE_BYTES_MAX);
        let body = if left - name.len() - body < name.len() { left - name.len() } else { body };
        let value = vec![b'v'; body.min(VALUE_BYTES_MAX) / 2];
        let payload = NewPayload::Inline(vec![b'p'; body - value.len()].into());
        left -= name.len() + body;
        let protection = Protection::default();
        writes.push(Write::Put { key: name, value: value.into(), payload, protection });
    }
    world.commit(Batch { writes, event: Some(event.into()), ..Batch::default() }).await
}

async fn batches(world: &World) -> Outcome {
    commit_bytes(world, BATCH_BYTES_MAX).await?;
    let before = world.entry("0000000000").await?.revision;
    let refused = commit_bytes(world, BATCH_BYTES_MAX + 1).await;
    ensure!(is_invalid(&refused), "a batch over the limit: {refused:?}");
    ensure!(world.entry("0000000000").await?.revision == before, "a refused batch applied");
    Ok(())
}

async fn events(world: &World) -> Outcome {
    let event = |length: usize| Bytes::from(vec![b'e'; length]);
    let batch = |length| Batch { event: Some(event(length)), ..Batch::default() };
    world.commit(batch(EVENT_BYTES_MAX)).await?;
    let refused = world.commit(batch(EVENT_BYTES_MAX + 1)).await;
    ensure!(is_invalid(&refused), "a batch with an event over the limit: {refused:?}");
    world.store.metadata.append_event(event(EVENT_BYTES_MAX)).await?;
    let refused = world.store.metadata.append_event(event(EVENT_BYTES_MAX + 1)).await;
    ensure!(matches!(refused, Err(StoreError::Invalid { .. })), "an event too long: {refused:?}");
    Ok(())
}

async fn scans(world: &World) -> Outcome {
    let all = || KeyRange::prefix(b"");
    world.store.metadata.scan(all(), SCAN_ENTRIES_MAX).await?;
    let refused = world.store.metadata.scan(all(), SCAN_ENTRIES_MAX + 1).await;
    ensure!(matches!(refused, Err(StoreError::Invalid { .. })), "a scan over the limit");
    world.store.metadata.events(Revision(0), SCAN_ENTRIES_MAX).await?;
    let refused = world.store.metadata.events(Revision(0), SCAN_ENTRIES_MAX + 1).await;
    ensure!(matches!(refused, Err(StoreError::Invalid { .. })), "events over the limit");
    Ok(())
}

async fn duplicate_keys(world: &World) -> Outcome {
    let pairs = [
        [put("a", "1"), put("a", "2")],
        [put("a", "1"), Write::Delete { key: key("a") }],
        [Write::Delete { key: key("a") }, Write::Delete { key: key("a") }],
    ];
    for writes in pairs {
        let batch = Batch { writes: writes.into(), ..Batch::default() };
        let refused = world.commit(batch).await;
        ensure!(is_invalid(&refused), "two writes of one key: {refused:?}");
        ensure!(world.get("a").await?.is_none(), "a refused batch applied");
    }
    Ok(())
}

async fn foreign_blob(world: &World) -> Outcome {
    let adoption = Arc::new("nothing that an engine knows");
    let blob = SealedBlob { blob_id: world.fixture.blob_id(), stored_bytes: 1, adoption };
    let refused = world.write(put_payload("a", "1", NewPayload::Blob(blob))).await;
    ensure!(is_invalid(&refused), "a blob that the engine never made: {refused:?}");
    ensure!(world.get("a").await?.is_none(), "a refused batch applied");
    Ok(())
}
