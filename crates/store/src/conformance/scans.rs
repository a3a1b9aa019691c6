//! Ranges of records, in the order of their keys.

use bytes::Bytes;

use super::{Checks, Failure, Outcome, World, delete, ensure, key, put};
use crate::{Batch, KeyRange, SCAN_ENTRIES_MAX};

pub(super) const CHECKS: Checks = &[
    ("a scan is in the order of bytes", |world| Box::pin(order(world))),
    ("a scan holds its range and nothing else", |world| Box::pin(bounds(world))),
    ("a scan pages through everything once", |world| Box::pin(paging(world))),
    ("a scan sees what get sees", |world| Box::pin(same_entries(world))),
];

async fn names(world: &World, range: KeyRange, limit: usize) -> Result<Vec<Bytes>, Failure> {
    let entries = world.store.metadata.scan(range, limit).await?;
    Ok(entries.into_iter().map(|(name, _)| name).collect())
}

async fn order(world: &World) -> Outcome {
    for name in ["b", "a", "ab", "a\0", "B", "é", "aa", "~"] {
        world.write(put(name, name)).await?;
    }
    let found = names(world, KeyRange::prefix(b""), 100).await?;
    let expected = ["B", "a", "a\0", "aa", "ab", "b", "~", "é"];
    ensure!(found == expected, "{found:?}");
    Ok(())
}

async fn bounds(world: &World) -> Outcome {
    for name in ["a", "b", "b/1", "b/2", "b/3", "c"] {
        world.write(put(name, "")).await?;
    }
    world.write(delete("b/2")).await?;
    let found = names(world, KeyRange::prefix(b"b/"), 100).await?;
    ensure!(found == ["b/1", "b/3"], "a prefix: {found:?}");
    let found = names(world, KeyRange::prefix_after(b"b/", b"b/1"), 100).await?;
    ensure!(found == ["b/3"], "behind a marker: {found:?}");
    let range = KeyRange { start: key("b"), end: Some(key("b/3")) };
    let found = names(world, range.clone(), 100).await?;
    ensure!(found == ["b", "b/1"], "start included, end excluded: {found:?}");
    let found = names(world, range.clone(), 1).await?;
    ensure!(found == ["b"], "a limit of one: {found:?}");
    ensure!(names(world, range, 0).await?.is_empty(), "a limit of none");
    let void = KeyRange { start: key("c"), end: Some(key("a")) };
    ensure!(names(world, void, 100).await?.is_empty(), "a range that ends before it starts");
    let same = KeyRange { start: key("c"), end: Some(key("c")) };
    ensure!(names(world, same, 100).await?.is_empty(), "a range that ends where it starts");
    Ok(())
}

async fn paging(world: &World) -> Outcome {
    let count = SCAN_ENTRIES_MAX * 2 + 500;
    let name = |number: usize| format!("p/{number:06}");
    for first in (0..count).step_by(500) {
        let writes = (first..first + 500).map(|number| put(&name(number), "")).collect();
        world.commit(Batch { writes, ..Batch::default() }).await?;
    }
    for limit in [SCAN_ENTRIES_MAX, 333] {
        let mut range = KeyRange::prefix(b"p/");
        let mut seen = 0;
        loop {
            let page = names(world, range, limit).await?;
            for found in &page {
                ensure!(*found == name(seen), "{found:?} at place {seen}");
                seen += 1;
            }
            match page.last() {
                Some(last) if page.len() == limit => range = KeyRange::prefix_after(b"p/", last),
                _ => break,
            }
        }
        ensure!(seen == count, "{seen} of {count} records in pages of {limit}");
    }
    Ok(())
}

async fn same_entries(world: &World) -> Outcome {
    for name in ["a", "b", "c"] {
        world.write(put(name, &name.repeat(3))).await?;
    }
    world.write(put("b", "changed")).await?;
    for (name, entry) in world.store.metadata.scan(KeyRange::prefix(b""), 10).await? {
        let got = world.store.metadata.get(&name).await?;
        let same = got.is_some_and(|got| {
            got.value == entry.value
                && got.revision == entry.revision
                && got.payload == entry.payload
        });
        ensure!(same, "{name:?} differs between get and scan");
    }
    Ok(())
}
