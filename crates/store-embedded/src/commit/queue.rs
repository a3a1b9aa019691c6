//! The queue before the committer: bounded in bytes, so that callers wait and memory does not grow.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

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
    /// Whether somebody waits for one of them.
    urgent: bool,
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
        let urgent = !matches!(request, Request::Event { .. });
        state.requests.push_back(request);
        let first_urgent = urgent && !state.urgent;
        state.urgent |= urgent;
        // Only the first one can find the committer asleep, and only the first urgent one or a
        // crowd can find it lingering.
        let wake = first_urgent || matches!(state.requests.len(), 1 | EVENTS_LINGERING_MAX);
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
        // Nobody waits for events: they may gather, so that reads do not keep the drive syncing.
        while !state.urgent && !state.closed && state.requests.len() < EVENTS_LINGERING_MAX {
            if self.ready.wait_for(&mut state, EVENT_LINGER).timed_out() {
                break;
            }
        }
        state.urgent = false;
        into.append(&mut state.requests);
        true
    }

    /// Moves the requests that came in the meantime, if somebody waits for any of them.
    pub(crate) fn drain(&self, into: &mut VecDeque<Request>) {
        let mut state = self.state.lock();
        if state.urgent {
            into.append(&mut state.requests);
            state.urgent = false;
        }
    }

    /// Takes no further requests, and refuses those that are queued.
    pub(crate) fn refuse_all(&self, error: &dyn Fn() -> StoreError) {
        self.close();
        let requests = std::mem::take(&mut self.state.lock().requests);
        requests.into_iter().for_each(|request| request.refuse(|| error().into()));
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

/// How long events gather that nobody waits for. They are durable within 200 ms: this, and a sync.
const EVENT_LINGER: Duration = Duration::from_millis(50);
/// So many of them go at once: some 200 KiB.
const EVENTS_LINGERING_MAX: usize = 1024;
