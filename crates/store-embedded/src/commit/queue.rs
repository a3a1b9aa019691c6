//! The queue before the committer: bounded in bytes, so that callers wait and memory does not grow.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use strongroom_store::StoreError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Request;

/// Requests in the order in which they came.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    ready: Condvar,
    room: Arc<Semaphore>,
    room_bytes: u32,
}

#[derive(Debug, Default)]
struct State {
    requests: VecDeque<Request>,
    closed: bool,
}

impl Queue {
    /// A queue for requests of so many bytes together.
    pub(crate) fn new(room_bytes: u32) -> Self {
        let permits = usize::try_from(room_bytes).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            state: Mutex::default(),
            ready: Condvar::new(),
            room: Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS))),
            room_bytes,
        }
    }

    /// Waits until there is room for a request of so many bytes.
    pub(crate) async fn reserve(&self, bytes: u64) -> Result<OwnedSemaphorePermit, StoreError> {
        // A request larger than the whole queue takes all of it.
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.room_bytes);
        let acquired = Arc::clone(&self.room).acquire_many_owned(bytes).await;
        acquired.map_err(|_| closed())
    }

    /// Puts a request at the end; refuses it if nothing is taken any more.
    pub(crate) fn push(&self, request: Request) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        if state.closed {
            drop(state);
            request.refuse(|| closed().into());
            return Err(closed());
        }
        state.requests.push_back(request);
        // Only the first one can find the committer asleep.
        let wake = state.requests.len() == 1;
        drop(state);
        if wake {
            self.ready.notify_one();
        }
        Ok(())
    }

    /// Waits for requests and moves all of them; answers `false` when there will be none any more.
    pub(crate) fn wait(&self, into: &mut VecDeque<Request>) -> bool {
        let mut state = self.state.lock();
        while state.requests.is_empty() {
            if state.closed {
                return false;
            }
            self.ready.wait(&mut state);
        }
        into.append(&mut state.requests);
        true
    }

    /// Moves the requests that came in the meantime.
    pub(crate) fn drain(&self, into: &mut VecDeque<Request>) {
        into.append(&mut self.state.lock().requests);
    }

    /// Takes no further requests; those that are queued are still carried out.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.room.close();
        self.ready.notify_all();
    }
}

/// What callers are told after the end.
pub(crate) fn closed() -> StoreError {
    StoreError::Stopped { reason: "the engine is closed".into() }
}
