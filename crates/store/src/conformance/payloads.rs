//! Payloads: owned by one record, read in ranges, readable as long as a reader lives.

use bytes::Bytes;

use super::{
    Checks, Failure, Outcome, World, absent, delete, ensure, is_invalid, key, pattern, put,
    put_payload,
};
use crate::{
    Batch, CommitError, Entry, INLINE_BYTES_MAX, NewPayload, PayloadRef, Precondition, Protection,
    SealedBlob, StoreError, Write,
};

pub(super) const CHECKS: Checks = &[
    ("an inline payload is read back", |world| Box::pin(inline(world))),
    ("a blob is read back", |world| Box::pin(blob(world))),
    ("a blob is read in ranges", |world| Box::pin(ranges(world))),
    ("an inline payload is read in ranges", |world| Box::pin(inline_ranges(world))),
    ("an empty payload is a payload", |world| Box::pin(empty(world))),
    ("a range outside the payload is refused", |world| Box::pin(outside(world))),
    ("an open reader survives what happens to the record", |world| Box::pin(survives(world))),
    ("a released payload has moved", |world| Box::pin(moved(world))),
    ("keep keeps the payload", |world| Box::pin(keep(world))),
    ("keep needs the revision of its own key", |world| Box::pin(keep_needs_revision(world))),
    ("keep without a payload keeps none", |world| Box::pin(keep_nothing(world))),
    ("a blob that lost a race is offered again", |world| Box::pin(offered_again(world))),
    ("a blob has one owner", |world| Box::pin(one_owner(world))),
    ("a writer that is dropped leaves nothing", |world| Box::pin(dropped(world))),
    ("one batch brings several payloads", |world| Box::pin(several(world))),
];

async fn put_blob(world: &World, name: &str, bytes: &[u8]) -> Result<Entry, Failure> {
    let blob = world.blob(bytes, 10_000).await?;
    world.write(put_payload(name, "", NewPayload::Blob(blob))).await?;
    world.entry(name).await
}

async fn put_inline(world: &World, name: &str, bytes: &[u8]) -> Result<Entry, Failure> {
    let payload = NewPayload::Inline(Bytes::copy_from_slice(bytes));
    world.write(put_payload(name, "", payload)).await?;
    world.entry(name).await
}

fn reference(entry: &Entry) -> Result<&PayloadRef, Failure> {
    entry.payload.as_ref().ok_or_else(|| Failure::new("the record owns no payload"))
}

async fn inline(world: &World) -> Outcome {
    for (number, length) in [1, 100, 4_096, 65_536, INLINE_BYTES_MAX].into_iter().enumerate() {
        let bytes = pattern(length, number as u64);
        let entry = put_inline(world, &format!("k{number}"), &bytes).await?;
        ensure!(reference(&entry)?.stored_bytes() == length as u64, "{length}: another length");
        let read = world.payload(&entry).await?;
        ensure!(read.is_some_and(|read| read == bytes), "{length} bytes are not read back");
    }
    Ok(())
}

async fn blob(world: &World) -> Outcome {
    let pieces =
        [(1, 1), (4_096, 4_096), (100_000, 1_000), (300_001, 65_556), (2_500_000, 1 << 20)];
    for (length, piece_bytes) in pieces {
        let bytes = pattern(length, length as u64);
        let blob = world.blob(&bytes, piece_bytes).await?;
        let blob_id = blob.blob_id;
        world.write(put_payload("k", "", NewPayload::Blob(blob))).await?;
        let entry = world.entry("k").await?;
        let named =
            matches!(reference(&entry)?, PayloadRef::Blob { blob_id: id, .. } if *id == blob_id);
        ensure!(named, "the record does not name its blob");
        let read = world.payload(&entry).await?;
        ensure!(read.is_some_and(|read| read == bytes), "{length} bytes are not read back");
    }
    Ok(())
}

async fn read_ranges(world: &World, entry: &Entry, bytes: &[u8]) -> Outcome {
    let reader = world.store.blobs.open(reference(entry)?).await?;
    let length = bytes.len();
    let ranges = [
        (0, 1),
        (0, length),
        (length - 1, 1),
        (1, length - 1),
        (9_999, 2),
        (10_000, 10_000),
        (5_000, 25_000),
        (4_095, 2),
        (0, 0),
        (length, 0),
        (length / 2, 1),
    ];
    for (offset, count) in ranges {
        let read = reader.read_at(offset as u64, count).await?;
        let expected = bytes.get(offset..offset + count).unwrap_or_default();
        ensure!(read == expected, "{count} bytes at {offset} are others than those written");
    }
    Ok(())
}

async fn ranges(world: &World) -> Outcome {
    let bytes = pattern(150_000, 7);
    let entry = put_blob(world, "k", &bytes).await?;
    read_ranges(world, &entry, &bytes).await
}

async fn inline_ranges(world: &World) -> Outcome {
    let bytes = pattern(60_000, 8);
    let entry = put_inline(world, "k", &bytes).await?;
    read_ranges(world, &entry, &bytes).await
}

async fn empty(world: &World) -> Outcome {
    let inline = put_inline(world, "inline", b"").await?;
    let blob = put_blob(world, "blob", b"").await?;
    for entry in [inline, blob] {
        let read = world.payload(&entry).await?;
        ensure!(read.is_some_and(|read| read.is_empty()), "an empty payload became {entry:?}");
    }
    Ok(())
}

async fn outside(world: &World) -> Outcome {
    let bytes = pattern(50_000, 9);
    let inline = put_inline(world, "inline", &bytes).await?;
    let blob = put_blob(world, "blob", &bytes).await?;
    for entry in [inline, blob] {
        let reader = world.store.blobs.open(reference(&entry)?).await?;
        let ranges = [(0, 50_001), (50_000, 1), (49_999, 2), (50_001, 0), (u64::MAX, 2)];
        for (offset, length) in ranges {
            let refused = reader.read_at(offset, length).await;
            let corrupt = matches!(refused, Err(StoreError::Corrupt { .. }));
            ensure!(corrupt, "{length} bytes at {offset} of 50,000: {refused:?}");
        }
    }
    Ok(())
}

async fn survives(world: &World) -> Outcome {
    let bytes = pattern(60_000, 10);
    let mut readers = Vec::new();
    for name in ["deleted", "replaced"] {
        let entry = put_inline(world, name, &bytes).await?;
        readers.push(world.store.blobs.open(reference(&entry)?).await?);
        world.write(delete(name)).await?;
        let entry = put_blob(world, name, &bytes).await?;
        readers.push(world.store.blobs.open(reference(&entry)?).await?);
    }
    world.write(delete("deleted")).await?;
    world.write(put("replaced", "without a payload")).await?;
    for number in 0..50_u64 {
        put_blob(world, &format!("noise{number}"), &pattern(60_000, number)).await?;
        put_inline(world, &format!("noise{number}"), &pattern(60_000, number)).await?;
    }
    for reader in readers {
        let read = reader.read_at(0, bytes.len()).await?;
        ensure!(read == bytes, "an open reader reads other bytes than it opened");
    }
    Ok(())
}

/// Opens a reference that must be stale: not there any more, and never another payload.
async fn ensure_moved(world: &World, stale: &Entry, how: &str) -> Outcome {
    let opened = world.store.blobs.open(reference(stale)?).await;
    ensure!(matches!(opened, Err(StoreError::Moved)), "a payload after {how}: {opened:?}");
    Ok(())
}

/// What is stale need not be gone at once: a log keeps a released inline payload until its segment
/// is used again. It then still is the same payload; it is never another one.
async fn ensure_moved_or_same(world: &World, stale: &Entry, bytes: &[u8]) -> Outcome {
    match world.store.blobs.open(reference(stale)?).await {
        Err(StoreError::Moved) => Ok(()),
        Err(other) => Err(other.into()),
        Ok(reader) => match reader.read_at(0, bytes.len()).await {
            Ok(read) => {
                ensure!(read == bytes, "a stale reference reads another payload");
                Ok(())
            }
            Err(StoreError::Moved) => Ok(()),
            Err(other) => Err(other.into()),
        },
    }
}

async fn moved(world: &World) -> Outcome {
    let bytes = pattern(50_000, 11);
    let deleted = put_blob(world, "k", &bytes).await?;
    world.write(delete("k")).await?;
    ensure_moved(world, &deleted, "its record was deleted").await?;
    let replaced = put_blob(world, "k", &bytes).await?;
    world.write(put("k", "")).await?;
    ensure_moved(world, &replaced, "its record was replaced").await?;
    let other = pattern(50_000, 12);
    let first = put_blob(world, "k", &bytes).await?;
    put_blob(world, "k", &other).await?;
    ensure_moved(world, &first, "another blob took its place").await?;

    let first = put_inline(world, "k", &bytes).await?;
    put_inline(world, "k", &other).await?;
    ensure_moved_or_same(world, &first, &bytes).await?;
    world.write(delete("k")).await?;
    ensure_moved_or_same(world, &first, &bytes).await
}

fn keep_at(name: &str, value: &str, entry: &Entry) -> Batch {
    let revision = entry.revision;
    Batch {
        preconditions: vec![Precondition::Revision { key: key(name), revision }],
        writes: vec![put_payload(name, value, NewPayload::Keep)],
        ..Batch::default()
    }
}

async fn keep(world: &World) -> Outcome {
    let bytes = pattern(50_000, 13);
    let inline = put_inline(world, "inline", &bytes).await?;
    let blob = put_blob(world, "blob", &bytes).await?;
    for (name, before) in [("inline", inline), ("blob", blob)] {
        let committed = world.commit(keep_at(name, "changed", &before)).await?;
        let after = world.entry(name).await?;
        ensure!(after.value == "changed", "the value was not replaced");
        ensure!(after.revision == committed.revision, "the revision did not change");
        let read = world.payload(&after).await?;
        ensure!(read.is_some_and(|read| read == bytes), "`{name}` lost its payload");
        let stale = world.commit(keep_at(name, "again", &before)).await;
        let refused = matches!(stale, Err(CommitError::Precondition { index: 0 }));
        ensure!(refused, "keep at a stale revision: {stale:?}");
        world.write(delete(name)).await?;
        let refused = world.commit(keep_at(name, "again", &after)).await;
        let refused = matches!(refused, Err(CommitError::Precondition { index: 0 }));
        ensure!(refused, "keep of a deleted record");
    }
    Ok(())
}

async fn keep_needs_revision(world: &World) -> Outcome {
    let bytes = pattern(1_000, 14);
    let entry = put_inline(world, "k", &bytes).await?;
    let other = put_inline(world, "other", &bytes).await?;
    let preconditions = [
        vec![],
        vec![Precondition::Present { key: key("k") }],
        vec![Precondition::Revision { key: key("other"), revision: other.revision }],
    ];
    for preconditions in preconditions {
        let writes = vec![put_payload("k", "changed", NewPayload::Keep)];
        let refused = world.commit(Batch { preconditions, writes, ..Batch::default() }).await;
        ensure!(is_invalid(&refused), "keep without the revision of its key: {refused:?}");
    }
    let after = world.entry("k").await?;
    ensure!(after.revision == entry.revision, "a refused batch applied");
    Ok(())
}

async fn keep_nothing(world: &World) -> Outcome {
    world.write(put("k", "1")).await?;
    let before = world.entry("k").await?;
    world.commit(keep_at("k", "2", &before)).await?;
    ensure!(world.entry("k").await?.payload.is_none(), "a payload from nowhere");
    Ok(())
}

/// A batch that loses against the record `taken`.
fn losing(blob: SealedBlob) -> Batch {
    Batch {
        preconditions: vec![absent("taken")],
        writes: vec![put_payload("k", "", NewPayload::Blob(blob))],
        ..Batch::default()
    }
}

async fn offered_again(world: &World) -> Outcome {
    let bytes = pattern(50_000, 15);
    world.write(put("taken", "")).await?;
    let blob = world.blob(&bytes, 4_096).await?;
    let refused = world.commit(losing(blob.clone())).await;
    ensure!(matches!(refused, Err(CommitError::Precondition { index: 0 })), "{refused:?}");
    world.write(delete("taken")).await?;
    world.commit(losing(blob.clone())).await?;
    drop(blob);
    let read = world.payload(&world.entry("k").await?).await?;
    ensure!(read.is_some_and(|read| read == bytes), "an adopted blob went with its handle");
    Ok(())
}

async fn one_owner(world: &World) -> Outcome {
    let bytes = pattern(50_000, 16);
    let blob = world.blob(&bytes, 4_096).await?;
    let offer = |name: &str| put_payload(name, "", NewPayload::Blob(blob.clone()));
    let twice = Batch { writes: vec![offer("a"), offer("b")], ..Batch::default() };
    let refused = world.commit(twice).await;
    ensure!(is_invalid(&refused), "one blob under two keys: {refused:?}");
    ensure!(world.get("a").await?.is_none(), "a refused batch applied");
    world.write(offer("a")).await?;
    for name in ["b", "a"] {
        let refused = world.write(offer(name)).await;
        ensure!(is_invalid(&refused), "a blob that has an owner: {refused:?}");
    }
    let read = world.payload(&world.entry("a").await?).await?;
    ensure!(read.is_some_and(|read| read == bytes), "the owner lost its blob");
    world.write(delete("a")).await?;
    let refused = world.write(offer("b")).await;
    ensure!(is_invalid(&refused), "a blob whose owner was deleted: {refused:?}");
    Ok(())
}

async fn dropped(world: &World) -> Outcome {
    for finish in [false, true] {
        let blob_id = world.fixture.blob_id();
        let mut writer = world.store.blobs.create(blob_id).await?;
        writer.write(pattern(100_000, 17).into()).await?;
        if finish {
            drop(writer.finish().await?);
        } else {
            drop(writer);
        }
    }
    let all = world.store.metadata.scan(crate::KeyRange::prefix(b""), 10).await?;
    ensure!(all.is_empty(), "a blob that nobody named became a record");
    let entry = put_blob(world, "k", &pattern(100_000, 18)).await?;
    let read = world.payload(&entry).await?;
    ensure!(read.is_some_and(|read| read == pattern(100_000, 18)), "a later blob is damaged");
    Ok(())
}

async fn several(world: &World) -> Outcome {
    let first = pattern(80_000, 19);
    let second = pattern(90_000, 20);
    let small = pattern(900, 21);
    let protection = Protection::default();
    let writes = vec![
        put_payload("first", "", NewPayload::Blob(world.blob(&first, 80_000).await?)),
        Write::Put {
            key: key("small"),
            value: Bytes::new(),
            payload: NewPayload::Inline(small.clone().into()),
            protection,
        },
        put_payload("second", "", NewPayload::Blob(world.blob(&second, 1_000).await?)),
        put("none", ""),
    ];
    world.commit(Batch { writes, ..Batch::default() }).await?;
    for (name, bytes) in [("first", first), ("small", small), ("second", second)] {
        let read = world.payload(&world.entry(name).await?).await?;
        ensure!(read.is_some_and(|read| read == bytes), "`{name}` has another payload");
    }
    ensure!(world.entry("none").await?.payload.is_none(), "a payload went to the wrong record");
    Ok(())
}
