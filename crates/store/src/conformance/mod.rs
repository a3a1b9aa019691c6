//! The suite that every engine must pass: one check for each sentence of the traits, and a
//! generator of random operations that compares two engines.
//!
//! It needs no test framework and no runtime, so that an engine can run it wherever it lives.

mod events;
#[cfg(test)]
mod faulty;
mod fixture;
mod limits;
pub mod model;
mod payloads;
mod preconditions;
mod protection;
mod races;
mod records;
mod scans;
mod vault;

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use bytes::Bytes;

use crate::{
    Batch, BoxFuture, CommitError, Committed, Entry, NewPayload, Precondition, Protection,
    SealedBlob, Store, StoreError, VaultError, Write,
};

pub use fixture::{Fixture, ManualClock, SeededEntropy, SplitMix};

/// Runs every check on an engine of its own. `make` gives an empty engine that takes its time and
/// randomness from the fixture.
///
/// # Errors
/// What the first check that failed saw.
pub async fn run<M, F>(make: M) -> Result<(), Failure>
where
    M: Fn(Fixture) -> F,
    F: Future<Output = Store>,
{
    let groups = [
        records::CHECKS,
        preconditions::CHECKS,
        limits::CHECKS,
        payloads::CHECKS,
        protection::CHECKS,
        scans::CHECKS,
        events::CHECKS,
        races::CHECKS,
        vault::CHECKS,
    ];
    for (name, check) in groups.into_iter().flatten() {
        let fixture = Fixture::default();
        let store = make(fixture.clone()).await;
        let world = World { store, fixture };
        check(&world).await.map_err(|failure| Failure { check: name, ..failure })?;
    }
    Ok(())
}

/// Runs a future to its end on this thread, without a runtime.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs all futures at the same time on this task and gives their values in the same order.
pub async fn join_all<T>(futures: Vec<BoxFuture<'_, T>>) -> Vec<T> {
    let mut slots: Vec<_> = futures.into_iter().map(|future| (future, None)).collect();
    std::future::poll_fn(|context| {
        let mut pending = false;
        for (future, value) in &mut slots {
            if value.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(ready) => *value = Some(ready),
                    Poll::Pending => pending = true,
                }
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    slots.into_iter().filter_map(|(_, value)| value).collect()
}

/// What an engine did that it must not do.
#[derive(Debug, thiserror::Error)]
#[error("{check}: {what}")]
pub struct Failure {
    /// The check that failed.
    pub check: &'static str,
    /// What was seen.
    pub what: String,
}

impl Failure {
    fn new(what: impl fmt::Display) -> Self {
        Self { check: "", what: what.to_string() }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(format_args!("unexpected error: {error:?}"))
    }
}

impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        Self::new(format_args!("unexpected refusal: {error:?}"))
    }
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        Self::new(format_args!("unexpected error of the vault: {error:?}"))
    }
}

/// Leaves the check with a failure unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($what:tt)+) => {
        if !$condition {
            return Err($crate::conformance::Failure::new(format_args!($($what)+)));
        }
    };
}
use ensure;

type Outcome = Result<(), Failure>;
type Check = for<'a> fn(&'a World) -> BoxFuture<'a, Outcome>;
type Checks = &'static [(&'static str, Check)];

/// An engine under test, and shorthands for talking to it.
#[derive(Debug)]
struct World {
    store: Store,
    fixture: Fixture,
}

impl World {
    async fn commit(&self, batch: Batch) -> Result<Committed, CommitError> {
        self.store.metadata.commit(batch).await
    }

    /// Commits one write without preconditions.
    async fn write(&self, write: Write) -> Result<Committed, CommitError> {
        self.commit(Batch { writes: vec![write], ..Batch::default() }).await
    }

    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        self.store.metadata.get(key.as_bytes()).await
    }

    /// The entry under a key that must be there.
    async fn entry(&self, key: &str) -> Result<Entry, Failure> {
        let entry = self.get(key).await?;
        entry.ok_or_else(|| Failure::new(format_args!("there is no record under `{key}`")))
    }

    /// A durable blob of these bytes, written in pieces of `piece_bytes`.
    async fn blob(&self, bytes: &[u8], piece_bytes: usize) -> Result<SealedBlob, Failure> {
        let blob_id = self.fixture.blob_id();
        let mut writer = self.store.blobs.create(blob_id).await?;
        for piece in bytes.chunks(piece_bytes) {
            writer.write(Bytes::copy_from_slice(piece)).await?;
        }
        let blob = writer.finish().await?;
        ensure!(blob.blob_id == blob_id, "a blob changed its id");
        ensure!(blob.stored_bytes == bytes.len() as u64, "a blob has another length");
        Ok(blob)
    }

    /// Reads the whole payload of an entry back.
    async fn payload(&self, entry: &Entry) -> Result<Option<Bytes>, Failure> {
        read_payload(&self.store, entry).await
    }
}

async fn read_payload(store: &Store, entry: &Entry) -> Result<Option<Bytes>, Failure> {
    let Some(payload) = &entry.payload else {
        return Ok(None);
    };
    let reader = store.blobs.open(payload).await?;
    let stored_bytes = reader.stored_bytes();
    ensure!(stored_bytes == payload.stored_bytes(), "a reader has another length than its record");
    let length = usize::try_from(stored_bytes).map_err(Failure::new)?;
    let whole = reader.read_at(0, length).await?;
    let (start, end) = (length / 3, length - length / 3);
    let middle = reader.read_at(start as u64, end - start).await?;
    ensure!(whole.get(start..end) == Some(&middle), "a part of a payload differs from the whole");
    Ok(Some(whole))
}

fn key(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn put(name: &str, value: &str) -> Write {
    put_payload(name, value, NewPayload::None)
}

fn put_payload(name: &str, value: &str, payload: NewPayload) -> Write {
    Write::Put { key: key(name), value: key(value), payload, protection: Protection::default() }
}

fn delete(name: &str) -> Write {
    Write::Delete { key: key(name) }
}

fn absent(name: &str) -> Precondition {
    Precondition::Absent { key: key(name) }
}

fn present(name: &str) -> Precondition {
    Precondition::Present { key: key(name) }
}

/// Bytes that differ everywhere, so that a wrong offset shows.
fn pattern(length: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; length];
    SplitMix::new(seed).fill(&mut bytes);
    bytes
}

/// Whether the outcome is a refusal because of a limit or a contradiction.
fn is_invalid<T>(outcome: &Result<T, CommitError>) -> bool {
    matches!(outcome, Err(CommitError::Store(StoreError::Invalid { .. })))
}

#[cfg(test)]
mod tests;
