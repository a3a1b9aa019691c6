//! What requests ask of the store: the paths that everybody walks stay short.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use strongroom_store::{BoxFuture, CommitError, MetadataStore, StoreError};

use crate::watched::{Watch, watched};
use crate::world::{Call, World};

/// Counts what is asked of the store.
#[derive(Debug, Default)]
struct Counts {
    gets: AtomicUsize,
    scans: AtomicUsize,
    commits: AtomicUsize,
}

impl Watch for Counts {
    fn get(&self) -> Result<(), StoreError> {
        self.gets.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn scan(&self) {
        self.scans.fetch_add(1, Ordering::Relaxed);
    }

    fn commit<'a>(&'a self, _: &'a dyn MetadataStore) -> BoxFuture<'a, Result<(), CommitError>> {
        self.commits.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Ok(()) })
    }
}

/// Gets, scans and commits of one request. One get is the bucket's, for the decision.
async fn cost(counts: &Counts, call: Call<'_>) -> [usize; 3] {
    let all = [&counts.gets, &counts.scans, &counts.commits];
    all.iter().for_each(|count| count.store(0, Ordering::Relaxed));
    call.send().await.ok();
    all.map(|count| count.load(Ordering::Relaxed))
}

#[tokio::test]
async fn objects_cost_one_read_and_a_change_one_commit() {
    let counts: Arc<Counts> = Arc::default();
    let world = World::with_bucket().await.over(|store| watched(store, counts.clone()));
    for round in 0..2 {
        let put = world.put("/bkt/k").body("hello");
        assert_eq!(cost(&counts, put).await, [2, 0, 1], "round {round}");
        assert_eq!(cost(&counts, world.get("/bkt/k")).await, [2, 0, 0]);
        assert_eq!(cost(&counts, world.head("/bkt/k")).await, [2, 0, 0]);
    }
    assert_eq!(cost(&counts, world.delete("/bkt/k")).await, [2, 0, 1]);
    // With versions a scan of one record takes the place of the point read.
    crate::versioning::set(&world, "Enabled").await;
    assert_eq!(cost(&counts, world.put("/bkt/k").body("hello")).await, [1, 1, 1]);
    assert_eq!(cost(&counts, world.get("/bkt/k")).await, [1, 1, 0]);
    assert_eq!(cost(&counts, world.delete("/bkt/k")).await, [1, 1, 1]);
    // However many there are, the null version is found and replaced at a fixed price.
    for _ in 0..50 {
        world.put("/bkt/k").body("hello").send().await.ok();
    }
    crate::versioning::set(&world, "Suspended").await;
    assert_eq!(cost(&counts, world.put("/bkt/k").body("null")).await, [3, 1, 1]);
    assert_eq!(cost(&counts, world.get("/bkt/k?versionId=null")).await, [4, 0, 0]);
    assert_eq!(cost(&counts, world.put("/bkt/k").body("null")).await, [1, 1, 1]);
    assert_eq!(cost(&counts, world.delete("/bkt/k?versionId=null")).await, [4, 0, 1]);
}
