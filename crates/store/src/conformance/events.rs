//! Audit events: durable with their batch, in one order, never dropped.

use bytes::Bytes;

use super::{Checks, Failure, Outcome, World, ensure, put};
use crate::{Batch, Revision, StoredEvent};

pub(super) const CHECKS: Checks = &[
    ("the event of a batch is durable with it", |world| Box::pin(with_batch(world))),
    ("an event alone becomes durable", |world| Box::pin(alone(world))),
    ("events keep their order", |world| Box::pin(order(world))),
    ("events are read in pages", |world| Box::pin(paging(world))),
];

fn event(number: usize) -> Bytes {
    Bytes::from(format!("event {number:06}"))
}

/// Waits until there are `count` events; batches in between push the queue along.
async fn wait_for(world: &World, count: usize) -> Result<Vec<StoredEvent>, Failure> {
    for _ in 0..ROUNDS_MAX {
        let events = all(world).await?;
        if events.len() >= count {
            return Ok(events);
        }
        world.write(put("push", "")).await?;
    }
    Err(Failure::new(format_args!("{count} events never became durable")))
}

async fn all(world: &World) -> Result<Vec<StoredEvent>, Failure> {
    let mut events: Vec<StoredEvent> = Vec::new();
    loop {
        let after = events.last().map_or(Revision(0), |event| event.revision);
        let page = world.store.metadata.events(after, PAGE_EVENTS).await?;
        if page.is_empty() {
            return Ok(events);
        }
        for event in &page {
            let last = events.last().map_or(Revision(0), |event| event.revision);
            ensure!(event.revision >= last, "{:?} after {last:?}", event.revision);
        }
        events.extend(page);
    }
}

async fn with_batch(world: &World) -> Outcome {
    let batch = Batch { writes: vec![put("a", "1")], event: Some(event(1)), ..Batch::default() };
    let committed = world.commit(batch).await?;
    let events = world.store.metadata.events(Revision(0), 10).await?;
    let expected = [StoredEvent { revision: committed.revision, event: event(1) }];
    ensure!(events == expected, "{events:?}");
    let behind = world.store.metadata.events(committed.revision, 10).await?;
    ensure!(behind.is_empty(), "`after` is not left out: {behind:?}");
    Ok(())
}

async fn alone(world: &World) -> Outcome {
    world.store.metadata.append_event(event(1)).await?;
    let events = wait_for(world, 1).await?;
    ensure!(events.iter().map(|event| &event.event).eq([&event(1)]), "{events:?}");
    Ok(())
}

async fn order(world: &World) -> Outcome {
    for number in 0..50 {
        if number % 3 == 0 {
            world.commit(Batch { event: Some(event(number)), ..Batch::default() }).await?;
        } else {
            world.store.metadata.append_event(event(number)).await?;
        }
    }
    let events = wait_for(world, 50).await?;
    let of_kind = |batch: bool| {
        events.iter().map(|event| &event.event).filter(move |event| {
            let number = std::str::from_utf8(event.get(6..).unwrap_or_default());
            let number = number.ok().and_then(|number| number.parse::<usize>().ok());
            number.is_some_and(|number| (number % 3 == 0) == batch)
        })
    };
    for batch in [true, false] {
        let expected: Vec<_> =
            (0..50).filter(|number| (number % 3 == 0) == batch).map(event).collect();
        ensure!(of_kind(batch).eq(expected.iter()), "out of order (batch: {batch}): {events:?}");
    }
    Ok(())
}

async fn paging(world: &World) -> Outcome {
    for number in 0..25 {
        world.commit(Batch { event: Some(event(number)), ..Batch::default() }).await?;
    }
    let mut after = Revision(0);
    let mut seen = 0;
    loop {
        let page = world.store.metadata.events(after, 10).await?;
        let Some(last) = page.last() else { break };
        ensure!(page.len() <= 10, "{} events on a page of 10", page.len());
        after = last.revision;
        for found in page {
            ensure!(found.event == event(seen), "{found:?} at place {seen}");
            seen += 1;
        }
    }
    ensure!(seen == 25, "{seen} of 25 events");
    let none = world.store.metadata.events(Revision(u64::MAX), 10).await?;
    ensure!(none.is_empty(), "events behind the end: {none:?}");
    Ok(())
}

const PAGE_EVENTS: usize = 100;
const ROUNDS_MAX: usize = 100_000; // an engine that drops an event would be asked for ever
