//! A few threads for calls that block long, such as the sync of a large blob.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use strongroom_store::StoreError;
use tokio::sync::oneshot;

use crate::commit::closed;

/// Threads that run jobs in the order in which they come.
pub(crate) struct Workers {
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

type Job = Box<dyn FnOnce() + Send>;

impl Workers {
    /// Starts the threads.
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel::<Job>();
        let receiver = Arc::new(Mutex::new(receiver));
        let mut threads = Vec::new();
        for number in 0..count {
            let receiver = Arc::clone(&receiver);
            let name = format!("store-worker-{number}");
            let run = move || {
                loop {
                    let job = receiver.lock().recv();
                    match job {
                        // The caller sees that it has no answer; the thread is still good.
                        Ok(job) => drop(catch_unwind(AssertUnwindSafe(job))),
                        Err(_) => return,
                    }
                }
            };
            threads.push(std::thread::Builder::new().name(name).spawn(run)?);
        }
        Ok(Self { jobs: Mutex::new(Some(sender)), threads: Mutex::new(threads) })
    }

    /// Runs a job on one of the threads.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let (done, outcome) = oneshot::channel();
        let job = Box::new(move || drop(done.send(job())));
        let queued = self.jobs.lock().as_ref().map(|jobs| jobs.send(job));
        match queued {
            Some(Ok(())) => outcome.await.map_err(|_| closed()),
            Some(Err(_)) | None => Err(closed()),
        }
    }

    /// Ends the threads when they have done what is queued.
    pub(crate) fn join(&self) {
        drop(self.jobs.lock().take());
        for thread in self.threads.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a worker of the store panicked");
            }
        }
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Workers(..)")
    }
}
