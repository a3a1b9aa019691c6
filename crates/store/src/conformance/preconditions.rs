//! What must hold for a batch to be applied.

use super::{Checks, Outcome, World, absent, delete, ensure, key, present, put};
use crate::{Batch, CommitError, KeyRange, Precondition, Revision};

pub(super) const CHECKS: Checks = &[
    ("absent and present", |world| Box::pin(absent_and_present(world))),
    ("a revision holds until the record changes", |world| Box::pin(revision(world))),
    ("a range is empty or not", |world| Box::pin(range_empty(world))),
    ("the first precondition that fails is named", |world| Box::pin(first_failure(world))),
    ("preconditions see the state before the batch", |world| Box::pin(state_before(world))),
];

/// Whether a batch with these preconditions and one write goes through.
async fn judge(
    world: &World,
    preconditions: Vec<Precondition>,
) -> Result<Option<usize>, CommitError> {
    let batch = Batch { preconditions, writes: vec![put("witness", "")], ..Batch::default() };
    match world.commit(batch).await {
        Ok(_) => Ok(None),
        Err(CommitError::Precondition { index }) => Ok(Some(index)),
        Err(other) => Err(other),
    }
}

async fn absent_and_present(world: &World) -> Outcome {
    ensure!(judge(world, vec![absent("a")]).await?.is_none(), "absent fails without a record");
    ensure!(judge(world, vec![present("a")]).await?.is_some(), "present holds without a record");
    world.write(put("a", "1")).await?;
    ensure!(judge(world, vec![absent("a")]).await?.is_some(), "absent holds beside a record");
    ensure!(judge(world, vec![present("a")]).await?.is_none(), "present fails beside a record");
    world.write(delete("a")).await?;
    ensure!(judge(world, vec![absent("a")]).await?.is_none(), "absent fails after a delete");
    ensure!(judge(world, vec![present("a")]).await?.is_some(), "present holds after a delete");
    Ok(())
}

async fn revision(world: &World) -> Outcome {
    let at = |revision| vec![Precondition::Revision { key: key("a"), revision }];
    ensure!(judge(world, at(Revision(0))).await?.is_some(), "a revision of no record holds");
    let first = world.write(put("a", "1")).await?.revision;
    ensure!(judge(world, at(first)).await?.is_none(), "the revision of a record fails");
    ensure!(judge(world, at(Revision(first.0 + 1))).await?.is_some(), "another revision holds");
    world.write(put("b", "1")).await?;
    ensure!(judge(world, at(first)).await?.is_none(), "a write elsewhere changed a revision");
    let second = world.write(put("a", "1")).await?.revision;
    ensure!(judge(world, at(first)).await?.is_some(), "a stale revision holds");
    world.write(delete("a")).await?;
    ensure!(judge(world, at(second)).await?.is_some(), "the revision of a deleted record holds");
    world.write(put("a", "1")).await?;
    ensure!(judge(world, at(second)).await?.is_some(), "a record made again has its old revision");
    Ok(())
}

async fn range_empty(world: &World) -> Outcome {
    let empty = |start: &str, end: Option<&str>| {
        let range = KeyRange { start: key(start), end: end.map(key) };
        vec![Precondition::RangeEmpty { range }]
    };
    ensure!(judge(world, empty("m", None)).await?.is_none(), "an empty range is not empty");
    world.write(put("n", "1")).await?;
    ensure!(judge(world, empty("m", None)).await?.is_some(), "a record in an open range is missed");
    ensure!(judge(world, empty("n", Some("n\0"))).await?.is_some(), "the start is not included");
    ensure!(judge(world, empty("m", Some("n"))).await?.is_none(), "the end is included");
    ensure!(judge(world, empty("n\0", Some("o"))).await?.is_none(), "a range reaches back");
    ensure!(judge(world, empty("z", Some("a"))).await?.is_none(), "a void range holds records");
    ensure!(judge(world, empty("n", Some("n"))).await?.is_none(), "a void range holds its start");
    let all = vec![Precondition::RangeEmpty { range: KeyRange::prefix(b"") }];
    ensure!(judge(world, all).await?.is_some(), "the range of all keys is empty");
    world.write(delete("n")).await?;
    ensure!(judge(world, empty("n", Some("o"))).await?.is_none(), "a delete leaves a range full");
    Ok(())
}

async fn first_failure(world: &World) -> Outcome {
    world.write(put("a", "1")).await?;
    let preconditions = || vec![present("a"), absent("b"), absent("a"), present("b")];
    ensure!(judge(world, preconditions()).await? == Some(2), "not the first failure is named");
    world.write(put("b", "1")).await?;
    ensure!(judge(world, preconditions()).await? == Some(1), "not the first failure is named");
    Ok(())
}

async fn state_before(world: &World) -> Outcome {
    let batch =
        Batch { preconditions: vec![absent("a")], writes: vec![put("a", "1")], ..Batch::default() };
    world.commit(batch).await?;
    let batch =
        Batch { preconditions: vec![present("a")], writes: vec![delete("a")], ..Batch::default() };
    world.commit(batch).await?;
    ensure!(world.get("a").await?.is_none(), "a conditional delete did not apply");
    Ok(())
}
