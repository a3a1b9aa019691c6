//! A store between a world and its engine, for tests of what is asked and of what fails.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use strongroom_store::{
    Batch, BoxFuture, CommitError, Committed, Entry, KeyRange, MetadataStore, Revision, Store,
    StoreError, StoredEvent,
};

/// What happens before the engine is asked. An error is the answer then.
pub(crate) trait Watch: Send + Sync + fmt::Debug {
    /// Before a point read.
    fn get(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Before a scan.
    fn scan(&self) {}

    /// Before a commit to this engine.
    fn commit<'a>(
        &'a self,
        _engine: &'a dyn MetadataStore,
    ) -> BoxFuture<'a, Result<(), CommitError>> {
        Box::pin(async { Ok(()) })
    }
}

/// The store with somebody who watches it.
pub(crate) fn watched(store: Store, watch: Arc<dyn Watch>) -> Store {
    Store { metadata: Arc::new(Watched { engine: store.metadata, watch }), ..store }
}

#[derive(Debug)]
struct Watched {
    engine: Arc<dyn MetadataStore>,
    watch: Arc<dyn Watch>,
}

impl MetadataStore for Watched {
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Entry>, StoreError>> {
        Box::pin(async move {
            self.watch.get()?;
            self.engine.get(key).await
        })
    }

    fn scan<'a>(
        &'a self,
        range: KeyRange,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Bytes, Entry)>, StoreError>> {
        self.watch.scan();
        self.engine.scan(range, limit)
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Committed, CommitError>> {
        Box::pin(async move {
            self.watch.commit(self.engine.as_ref()).await?;
            self.engine.commit(batch).await
        })
    }

    fn append_event(&self, event: Bytes) -> BoxFuture<'_, Result<(), StoreError>> {
        self.engine.append_event(event)
    }

    fn events(
        &self,
        after: Revision,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        self.engine.events(after, limit)
    }
}
