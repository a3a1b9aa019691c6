//! Protected records resist deletion and replacement of their payload, beneath every service.

use std::time::Duration;

use bytes::Bytes;
use strongroom_types::Clock as _;

use super::{Checks, Failure, Outcome, World, absent, delete, ensure, key, pattern, put};
use crate::{Batch, CommitError, Committed, NewPayload, Precondition, Protection, Write};

pub(super) const CHECKS: Checks = &[
    ("a legal hold protects until it is lifted", |world| Box::pin(legal_hold(world))),
    ("retention ends at its moment", |world| Box::pin(retention(world))),
    ("protection stops the whole batch", |world| Box::pin(whole_batch(world))),
    ("preconditions are judged before protection", |world| Box::pin(order(world))),
    ("a protected record may be made", |world| Box::pin(made(world))),
];

fn protected(name: &str, payload: NewPayload, protection: Protection) -> Write {
    Write::Put { key: key(name), value: Bytes::new(), payload, protection }
}

fn hold() -> Protection {
    Protection { legal_hold: true, ..Protection::default() }
}

/// Replaces the protection of a record and keeps its payload.
async fn protect(world: &World, name: &str, to: Protection) -> Result<Committed, Failure> {
    let revision = world.entry(name).await?.revision;
    let batch = Batch {
        preconditions: vec![Precondition::Revision { key: key(name), revision }],
        writes: vec![protected(name, NewPayload::Keep, to)],
        ..Batch::default()
    };
    Ok(world.commit(batch).await?)
}

async fn ensure_protected(world: &World, name: &str) -> Outcome {
    let before = world.entry(name).await?;
    let inline = NewPayload::Inline(Bytes::from_static(b"other"));
    let blob = NewPayload::Blob(world.blob(b"other", 5).await?);
    let writes = [
        delete(name),
        put(name, "other"),
        protected(name, inline, hold()),
        protected(name, blob, hold()),
    ];
    for write in writes {
        let shown = format!("{write:?}");
        let refused = world.write(write).await;
        ensure!(matches!(refused, Err(CommitError::Protected)), "{shown}: {refused:?}");
    }
    ensure!(world.entry(name).await?.revision == before.revision, "a refused write applied");
    Ok(())
}

async fn legal_hold(world: &World) -> Outcome {
    let bytes = pattern(2_000, 1);
    let payload = NewPayload::Inline(bytes.clone().into());
    world.write(protected("k", payload, hold())).await?;
    ensure_protected(world, "k").await?;
    protect(world, "k", hold()).await?;
    ensure_protected(world, "k").await?;
    let read = world.payload(&world.entry("k").await?).await?;
    ensure!(read.is_some_and(|read| read == bytes), "a protected payload changed");
    protect(world, "k", Protection::default()).await?;
    world.write(delete("k")).await?;
    ensure!(world.get("k").await?.is_none(), "a record without a hold resists");
    Ok(())
}

async fn retention(world: &World) -> Outcome {
    let retain_until_seconds = world.fixture.clock.now().seconds() + 100;
    let retained = Protection { retain_until_seconds, legal_hold: false };
    world.write(protected("k", NewPayload::None, retained)).await?;
    world
        .write(protected("held", NewPayload::None, Protection { legal_hold: true, ..retained }))
        .await?;
    ensure_protected(world, "k").await?;
    world.fixture.clock.advance(Duration::from_secs(99));
    ensure_protected(world, "k").await?;
    world.fixture.clock.advance(Duration::from_secs(1));
    ensure_protected(world, "held").await?;
    world.write(delete("k")).await?;
    ensure!(world.get("k").await?.is_none(), "retention did not end");
    Ok(())
}

async fn whole_batch(world: &World) -> Outcome {
    world.write(put("free", "1")).await?;
    world.write(protected("held", NewPayload::None, hold())).await?;
    let writes = vec![put("new", ""), delete("free"), delete("held")];
    let event = Some(Bytes::from_static(b"refused"));
    let refused = world.commit(Batch { writes, event, ..Batch::default() }).await;
    ensure!(matches!(refused, Err(CommitError::Protected)), "{refused:?}");
    ensure!(world.get("new").await?.is_none(), "half of a refused batch applied");
    ensure!(world.get("free").await?.is_some(), "half of a refused batch applied");
    let events = world.store.metadata.events(crate::Revision(0), 10).await?;
    ensure!(events.is_empty(), "the event of a refused batch was kept");
    Ok(())
}

async fn order(world: &World) -> Outcome {
    world.write(protected("held", NewPayload::None, hold())).await?;
    let batch = Batch {
        preconditions: vec![absent("held")],
        writes: vec![delete("held")],
        ..Batch::default()
    };
    let refused = world.commit(batch).await;
    ensure!(matches!(refused, Err(CommitError::Precondition { index: 0 })), "{refused:?}");
    Ok(())
}

async fn made(world: &World) -> Outcome {
    world.write(put("k", "1")).await?;
    world.write(protected("k", NewPayload::None, hold())).await?;
    ensure_protected(world, "k").await?;
    world.write(put("neighbour", "1")).await?;
    world.write(delete("neighbour")).await?;
    Ok(())
}
