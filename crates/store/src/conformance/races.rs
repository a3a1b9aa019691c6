//! Batches are judged in one total order: of several writers that cannot all win, one does.

use super::{
    Checks, Outcome, World, absent, delete, ensure, join_all, key, pattern, put, put_payload,
};
use crate::{Batch, BoxFuture, CommitError, Committed, KeyRange, NewPayload, Precondition};

pub(super) const CHECKS: Checks = &[
    ("one of many creators wins", |world| Box::pin(creators(world))),
    ("one of many replacers wins each round", |world| Box::pin(replacers(world))),
    ("an empty range and a write into it exclude each other", |world| Box::pin(range(world))),
    ("a blob goes to the winner", |world| Box::pin(blobs(world))),
    ("writers without preconditions all succeed", |world| Box::pin(everyone(world))),
];

fn committing(world: &World, batch: Batch) -> BoxFuture<'_, Result<Committed, CommitError>> {
    Box::pin(world.commit(batch))
}

fn wins(outcomes: &[Result<Committed, CommitError>]) -> usize {
    outcomes.iter().filter(|outcome| outcome.is_ok()).count()
}

fn only_preconditions(outcomes: &[Result<Committed, CommitError>]) -> bool {
    outcomes
        .iter()
        .all(|outcome| matches!(outcome, Ok(_) | Err(CommitError::Precondition { index: 0 })))
}

async fn creators(world: &World) -> Outcome {
    let create = |writer: usize| {
        let batch = Batch {
            preconditions: vec![absent("k")],
            writes: vec![put("k", &writer.to_string())],
            ..Batch::default()
        };
        committing(world, batch)
    };
    let outcomes = join_all((0..WRITERS).map(create).collect()).await;
    ensure!(wins(&outcomes) == 1 && only_preconditions(&outcomes), "{outcomes:?}");
    let winner = outcomes.iter().position(Result::is_ok).unwrap_or_default();
    ensure!(world.entry("k").await?.value == winner.to_string(), "a loser wrote");
    Ok(())
}

async fn replacers(world: &World) -> Outcome {
    world.write(put("counter", "0")).await?;
    for round in 1..=ROUNDS {
        let revision = world.entry("counter").await?.revision;
        let replace = |_| {
            let batch = Batch {
                preconditions: vec![Precondition::Revision { key: key("counter"), revision }],
                writes: vec![put("counter", &round.to_string())],
                ..Batch::default()
            };
            committing(world, batch)
        };
        let outcomes = join_all((0..WRITERS).map(replace).collect()).await;
        ensure!(wins(&outcomes) == 1 && only_preconditions(&outcomes), "{outcomes:?}");
    }
    Ok(())
}

async fn range(world: &World) -> Outcome {
    for round in 0..ROUNDS {
        let bucket = format!("bucket{round}");
        world.write(put(&bucket, "")).await?;
        let object = format!("object{round}/a");
        let write = Batch {
            preconditions: vec![Precondition::Present { key: key(&bucket) }],
            writes: vec![put(&object, "")],
            ..Batch::default()
        };
        let prefix = KeyRange::prefix(format!("object{round}/").as_bytes());
        let remove = Batch {
            preconditions: vec![Precondition::RangeEmpty { range: prefix }],
            writes: vec![delete(&bucket)],
            ..Batch::default()
        };
        let batches = if round % 2 == 0 { [write, remove] } else { [remove, write] };
        let outcomes =
            join_all(batches.into_iter().map(|batch| committing(world, batch)).collect()).await;
        ensure!(wins(&outcomes) == 1 && only_preconditions(&outcomes), "{outcomes:?}");
        let bucket = world.get(&bucket).await?.is_some();
        let object = world.get(&object).await?.is_some();
        ensure!(bucket == object, "an object without its bucket");
    }
    Ok(())
}

async fn blobs(world: &World) -> Outcome {
    let mut offers = Vec::new();
    for writer in 0..WRITERS {
        let blob = world.blob(&pattern(70_000, writer as u64), 70_000).await?;
        offers.push(Batch {
            preconditions: vec![absent("k")],
            writes: vec![put_payload("k", &writer.to_string(), NewPayload::Blob(blob))],
            ..Batch::default()
        });
    }
    let outcomes =
        join_all(offers.into_iter().map(|batch| committing(world, batch)).collect()).await;
    ensure!(wins(&outcomes) == 1 && only_preconditions(&outcomes), "{outcomes:?}");
    let winner = outcomes.iter().position(Result::is_ok).unwrap_or_default();
    let entry = world.entry("k").await?;
    ensure!(entry.value == winner.to_string(), "a loser wrote");
    let read = world.payload(&entry).await?;
    let expected = pattern(70_000, winner as u64);
    ensure!(read.is_some_and(|read| read == expected), "the winner has the blob of another");
    Ok(())
}

async fn everyone(world: &World) -> Outcome {
    let write = |writer: usize| {
        let writes = vec![put("shared", &writer.to_string()), put(&format!("own{writer}"), "")];
        committing(world, Batch { writes, ..Batch::default() })
    };
    let outcomes = join_all((0..WRITERS).map(write).collect()).await;
    ensure!(wins(&outcomes) == WRITERS, "{outcomes:?}");
    let mut revisions = Vec::new();
    for outcome in outcomes {
        revisions.push(outcome?.revision);
    }
    let last = revisions.iter().enumerate().max_by_key(|(_, revision)| **revision);
    let last = last.map_or(0, |(writer, _)| writer);
    ensure!(world.entry("shared").await?.value == last.to_string(), "an earlier batch won");
    revisions.sort_unstable();
    revisions.dedup();
    ensure!(revisions.len() == WRITERS, "two batches have one revision");
    for (writer, _) in revisions.iter().enumerate() {
        ensure!(world.get(&format!("own{writer}")).await?.is_some(), "a write is lost");
    }
    Ok(())
}

const WRITERS: usize = 32;
const ROUNDS: usize = 20;
