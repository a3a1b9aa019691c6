//! Batches are all or nothing; records are what was put last.

use bytes::Bytes;

use super::{Checks, Outcome, World, absent, delete, ensure, key, present, put};
use crate::{Batch, CommitError, NewPayload, Protection, Revision, Write};

pub(super) const CHECKS: Checks = &[
    ("an empty engine holds nothing", |world| Box::pin(empty(world))),
    ("what was put is got", |world| Box::pin(put_and_get(world))),
    ("a delete removes", |world| Box::pin(delete_removes(world))),
    ("a batch applies whole", |world| Box::pin(whole_batch(world))),
    ("a refused batch leaves no trace", |world| Box::pin(refused_batch(world))),
    ("revisions rise", |world| Box::pin(revisions_rise(world))),
    ("a batch of preconditions only is judged", |world| Box::pin(preconditions_only(world))),
    ("keys and values are opaque bytes", |world| Box::pin(opaque_bytes(world))),
    ("the clones of a store share its data", |world| Box::pin(clones(world))),
];

async fn empty(world: &World) -> Outcome {
    ensure!(world.get("a").await?.is_none(), "a record before the first put");
    let all = world.store.metadata.scan(crate::KeyRange::prefix(b""), 10).await?;
    ensure!(all.is_empty(), "{} records before the first put", all.len());
    let events = world.store.metadata.events(Revision(0), 10).await?;
    ensure!(events.is_empty(), "{} events before the first", events.len());
    Ok(())
}

async fn put_and_get(world: &World) -> Outcome {
    let first = world.write(put("a", "1")).await?;
    let entry = world.entry("a").await?;
    ensure!(entry.value == "1", "read {:?}", entry.value);
    ensure!(entry.revision == first.revision, "the record has not the revision of its batch");
    ensure!(entry.payload.is_none(), "a payload that nobody gave");
    let second = world.write(put("a", "2")).await?;
    let entry = world.entry("a").await?;
    ensure!(entry.value == "2", "read {:?} after it was replaced", entry.value);
    ensure!(entry.revision == second.revision, "a replaced record kept its revision");
    ensure!(world.get("A").await?.is_none(), "keys are not told apart by case");
    ensure!(world.get("a\0").await?.is_none(), "keys are not told apart by length");
    Ok(())
}

async fn delete_removes(world: &World) -> Outcome {
    world.write(delete("a")).await?;
    world.write(put("a", "1")).await?;
    world.write(delete("a")).await?;
    ensure!(world.get("a").await?.is_none(), "a deleted record is still there");
    world.write(put("a", "2")).await?;
    ensure!(world.entry("a").await?.value == "2", "a record cannot be made again");
    Ok(())
}

async fn whole_batch(world: &World) -> Outcome {
    world.write(put("gone", "1")).await?;
    let writes = vec![put("a", "1"), put("b", "2"), delete("gone"), delete("never")];
    let committed = world.commit(Batch { writes, ..Batch::default() }).await?;
    for name in ["a", "b"] {
        let revision = world.entry(name).await?.revision;
        ensure!(revision == committed.revision, "`{name}` has another revision than its batch");
    }
    ensure!(world.get("gone").await?.is_none(), "a delete of the batch is missing");
    Ok(())
}

async fn refused_batch(world: &World) -> Outcome {
    world.write(put("a", "1")).await?;
    let before = world.entry("a").await?;
    let refused = world
        .commit(Batch {
            preconditions: vec![absent("a")],
            writes: vec![put("a", "2"), put("b", "2"), delete("a")].drain(..2).collect(),
            event: Some(Bytes::from_static(b"refused")),
            ..Batch::default()
        })
        .await;
    ensure!(matches!(refused, Err(CommitError::Precondition { index: 0 })), "{refused:?}");
    let after = world.entry("a").await?;
    ensure!(after.value == "1" && after.revision == before.revision, "a refused put applied");
    ensure!(world.get("b").await?.is_none(), "half of a refused batch applied");
    let marker = Bytes::from_static(b"marker");
    world.commit(Batch { event: Some(marker.clone()), ..Batch::default() }).await?;
    let events = world.store.metadata.events(Revision(0), 10).await?;
    ensure!(
        events.iter().map(|event| &event.event).eq([&marker]),
        "the event of a refused batch was kept: {events:?}"
    );
    Ok(())
}

async fn revisions_rise(world: &World) -> Outcome {
    let mut last = Revision(0);
    for round in 0..20 {
        let write = if round % 3 == 2 { delete("a") } else { put("a", "1") };
        let committed = world.write(write).await?;
        ensure!(committed.revision > last, "{:?} after {last:?}", committed.revision);
        last = committed.revision;
    }
    Ok(())
}

async fn preconditions_only(world: &World) -> Outcome {
    let judge = |precondition| {
        world.commit(Batch { preconditions: vec![precondition], ..Batch::default() })
    };
    judge(absent("a")).await?;
    let refused = judge(present("a")).await;
    ensure!(matches!(refused, Err(CommitError::Precondition { index: 0 })), "{refused:?}");
    world.write(put("a", "1")).await?;
    judge(present("a")).await?;
    Ok(())
}

async fn opaque_bytes(world: &World) -> Outcome {
    let keys: [&[u8]; 6] = [b"\0", b"\0\0", b"\xff", b"\xff\xff\xff", b"a\0b", b"\xc3\x28"];
    for name in keys {
        let write = Write::Put {
            key: Bytes::copy_from_slice(name),
            value: Bytes::copy_from_slice(name),
            payload: NewPayload::None,
            protection: Protection::default(),
        };
        world.write(write).await?;
    }
    for name in keys {
        let entry = world.store.metadata.get(name).await?;
        ensure!(entry.is_some_and(|entry| entry.value == name), "lost the key {name:?}");
    }
    world
        .write(Write::Put {
            key: key("empty value"),
            value: Bytes::new(),
            payload: NewPayload::None,
            protection: Protection::default(),
        })
        .await?;
    ensure!(world.entry("empty value").await?.value.is_empty(), "an empty value became another");
    Ok(())
}

async fn clones(world: &World) -> Outcome {
    let other = world.store.clone();
    world.write(put("a", "1")).await?;
    ensure!(other.metadata.get(b"a").await?.is_some(), "a clone does not see a commit");
    Ok(())
}
