//! The runtime that everything asynchronous runs on.

use std::io;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Runtime};

/// Starts it. Reads of the store block the worker that makes them, for microseconds as a rule, so
/// there are more workers than cores.
pub(crate) fn start() -> io::Result<Runtime> {
    let cores = available_parallelism().map_or(1, usize::from);
    Builder::new_multi_thread()
        .worker_threads(WORKERS_MIN.max(cores * WORKERS_PER_CORE))
        .thread_name("strongroom")
        .enable_all()
        .build()
}

const WORKERS_MIN: usize = 4;
const WORKERS_PER_CORE: usize = 2;
