//! The engine as the services see it: the machine, and the threads that move it.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use strongroom_crypto::{BlobId, RootKeyProvider};
use strongroom_store::{
    Batch, BlobReader, BlobStore, BlobWriter, BoxFuture, CommitError, Committed, Entry, KeyRange,
    MetadataStore, PayloadRef, Revision, SealedBlob, Store, StoreError, StoredEvent, check_event,
    check_scan_limit,
};
use strongroom_types::{Clock, Entropy};
use tokio::sync::oneshot;

use crate::blobs::FileWriter;
use crate::commit::{Queue, Request, validate_kept};
use crate::disk::{Disk, DiskPath};
use crate::gc::Compacted;
use crate::keyfile::KeyFile;
use crate::limits::EngineLimits;
use crate::machine::Machine;
use crate::open::{IndexKind, OpenError, failed, open_all};
use crate::scrub::{ScrubObserver, ScrubReport};
use crate::workers::Workers;

/// What an engine is opened with.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// The drive.
    pub disk: Arc<dyn Disk>,
    /// Where the key file is. It must outlive the data directory's other files: without it
    /// nothing of them can be read.
    pub key_path: DiskPath,
    /// Opens the key file.
    pub root_key: Arc<dyn RootKeyProvider>,
    /// For salts and keys.
    pub entropy: Arc<dyn Entropy>,
    /// For retention, and the times in the event journal.
    pub clock: Arc<dyn Clock>,
    /// When the engine does what.
    pub limits: EngineLimits,
}

/// The storage engine of one machine.
///
/// Dropping it without [`EmbeddedEngine::close`] is as good as killing the process: nothing that
/// was acknowledged is lost, and the next start takes a little longer.
#[derive(Debug)]
pub struct EmbeddedEngine {
    inner: Arc<Inner>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Inner {
    machine: Machine,
    queue: Queue,
    keys: Arc<KeyFile>,
    workers: Workers,
    /// Rung when there may be a checkpoint to run.
    checkpoints: Bell,
    /// Rung when there may be something to keep in order.
    chores: Bell,
    /// The lock of the data directory, given back at the end.
    lock: Mutex<Option<Box<dyn std::any::Any + Send + Sync>>>,
}

impl EmbeddedEngine {
    /// Opens the store on a drive, and makes it if there is none.
    ///
    /// # Errors
    /// As the kind says; nothing acknowledged is lost by a failed open.
    pub fn open(options: EngineOptions) -> Result<Self, OpenError> {
        let lock = options.disk.lock().map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => OpenError::Locked,
            _ => failed("locking the data directory", error),
        })?;
        let queue_bytes = options.limits.queue_bytes;
        let (machine, keys) = open_all(options, IndexKind::Drive)?;
        machine.shorten_at_start();
        let workers =
            Workers::start(WORKERS).map_err(|error| failed("starting a thread", error))?;
        let inner = Arc::new(Inner {
            queue: Queue::new(queue_bytes),
            machine,
            keys: Arc::new(keys),
            workers,
            checkpoints: Bell::default(),
            chores: Bell::default(),
            lock: Mutex::new(Some(lock)),
        });
        let engine = Self { inner, threads: Mutex::default() };
        engine.start()?;
        Ok(engine)
    }

    fn start(&self) -> Result<(), OpenError> {
        self.spawn("store-commit", Inner::commit_loop)?;
        self.spawn("store-checkpoint", Inner::checkpoint_loop)?;
        self.spawn("store-chores", Inner::chore_loop)?;
        self.inner.chores.ring();
        Ok(())
    }

    fn spawn(&self, name: &str, job: fn(&Inner)) -> Result<(), OpenError> {
        let inner = Arc::clone(&self.inner);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || inner.run(job))
            .map_err(|error| failed("starting a thread", error))?;
        self.threads.lock().push(thread);
        Ok(())
    }

    /// The three faces of the engine.
    #[must_use]
    pub fn store(&self) -> Store {
        Store {
            metadata: Arc::new(Face(Arc::clone(&self.inner))),
            blobs: Arc::new(Face(Arc::clone(&self.inner))),
            keys: Arc::clone(&self.inner.keys) as Arc<dyn strongroom_store::KeyVault>,
        }
    }

    /// Reads everything back from the drive and checks it, beside reads and writes. Blocks.
    ///
    /// # Errors
    /// If the drive fails to read; what is damaged is in the report.
    pub fn scrub(&self, observer: ScrubObserver<'_>) -> Result<ScrubReport, StoreError> {
        self.inner.machine.scrub(observer)
    }

    /// Why the engine has stopped for good, if it has.
    #[must_use]
    pub fn stopped(&self) -> Option<String> {
        self.inner.machine.stopped()
    }

    /// Ends in order: carries out what is queued, moves everything to the index, joins all threads.
    /// Callers are refused from here on. Blocks.
    ///
    /// # Errors
    /// If the engine had stopped, or the last checkpoint failed; nothing acknowledged is lost.
    pub fn close(&self) -> Result<(), StoreError> {
        self.join();
        let machine = &self.inner.machine;
        let ended = machine.end();
        let closed = machine.index.close().map_err(crate::commit::index_error);
        drop(self.inner.lock.lock().take());
        ended.and(closed)
    }

    fn join(&self) {
        self.inner.queue.close();
        let mut threads: VecDeque<_> = self.threads.lock().drain(..).collect();
        // The committer first: while it carries out what is queued, it may wait for a checkpoint.
        join_thread(threads.pop_front());
        self.inner.machine.segments.note_idle();
        self.inner.checkpoints.stop();
        self.inner.chores.stop();
        for thread in threads {
            join_thread(Some(thread));
        }
        self.inner.workers.join();
    }
}

fn join_thread(thread: Option<JoinHandle<()>>) {
    if thread.is_some_and(|thread| thread.join().is_err()) {
        tracing::error!("a thread of the store panicked");
    }
}

impl Drop for EmbeddedEngine {
    fn drop(&mut self) {
        self.join();
        drop(self.inner.lock.lock().take());
    }
}

impl Inner {
    /// Runs one of the threads. If it panics nobody knows what it left undone: the engine stops,
    /// and all who wait or come later are refused.
    fn run(&self, job: fn(&Self)) {
        if catch_unwind(AssertUnwindSafe(|| job(self))).is_err() {
            self.machine.stop("a thread of the store panicked");
            self.machine.segments.note_idle();
            let reason = || self.machine.stopped().unwrap_or_default();
            self.queue.refuse_all(&|| StoreError::Stopped { reason: reason() });
        }
    }

    /// The committer: one group after the other, each of what was queued during the last sync.
    fn commit_loop(&self) {
        let mut queue = VecDeque::new();
        while self.queue.wait(&mut queue) {
            while !queue.is_empty() {
                let before = self.machine.log_bytes();
                let progress = self.machine.commit_group(&mut queue);
                let bytes = self.machine.log_bytes().saturating_sub(before);
                self.machine.segments.note_group(bytes);
                self.look_after();
                if !progress {
                    self.machine.segments.note_idle();
                }
                if !progress && !self.queue.wait(&mut queue) {
                    return;
                }
                self.queue.drain(&mut queue);
            }
            self.machine.segments.note_idle();
        }
    }

    /// After a group: begins a checkpoint if one is due, and waits if the last one is far behind.
    fn look_after(&self) {
        let machine = &self.machine;
        if machine.begin_checkpoint(false) {
            self.checkpoints.ring();
            let mut open = machine.checkpoint.lock();
            while open.is_some()
                && machine.overlay_is_full()
                && !machine.is_stuck()
                && machine.stopped().is_none()
            {
                machine.checkpoint_done.wait(&mut open);
            }
        }
        if machine.has_chores() {
            self.chores.ring();
        }
    }

    fn checkpoint_loop(&self) {
        while self.checkpoints.wait() {
            if self.machine.waits_for_room() {
                continue; // whoever commits next rings again
            }
            match self.machine.run_checkpoint_or_make_room() {
                Ok(()) | Err(StoreError::Stopped { .. }) => {}
                Err(StoreError::Full) => tracing::error!("there is no room for a checkpoint"),
                Err(error) => self.machine.stop(&format!("a checkpoint failed: {error}")),
            }
            self.chores.ring();
        }
    }

    fn chore_loop(&self) {
        while self.chores.wait() {
            // A request that is not taken is answered, too.
            let submit = |request: Request| drop(self.queue.push(request));
            loop {
                match self.machine.do_chores(&submit) {
                    Ok(Compacted::Emptied) if !self.chores.is_stopped() => {}
                    Ok(_) => break,
                    Err(StoreError::Stopped { .. }) => break,
                    Err(error) => {
                        tracing::warn!(%error, "keeping the store in order failed for now");
                        break;
                    }
                }
            }
            let waiting = self.machine.wants_checkpoint_for_segments();
            if waiting && self.machine.begin_checkpoint(true) {
                self.checkpoints.ring();
            }
        }
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("stopped", &self.machine.stopped()).finish_non_exhaustive()
    }
}

/// One face of the engine: it keeps everything alive that calls need.
#[derive(Debug)]
struct Face(Arc<Inner>);

impl MetadataStore for Face {
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Entry>, StoreError>> {
        Box::pin(async move { self.0.machine.get(key) })
    }

    fn scan<'a>(
        &'a self,
        range: KeyRange,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Bytes, Entry)>, StoreError>> {
        Box::pin(async move {
            check_scan_limit(limit)?;
            self.0.machine.scan(&range, limit)
        })
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<Committed, CommitError>> {
        Box::pin(async move {
            batch.check()?;
            self.0.machine.check_running()?;
            let kept = self.0.machine.read_kept(&batch)?;
            validate_kept(&batch, &kept)?;
            let (answer, answered) = oneshot::channel();
            let mut request = Request::Batch { batch, kept, answer, permit: None };
            let reserved = self.0.queue.reserve(request.frame_bytes()).await?;
            if let Request::Batch { permit, .. } = &mut request {
                *permit = Some(reserved);
            }
            self.0.queue.push(request)?;
            // The committer answers everything that it takes; if it does not, it died of it.
            answered.await.unwrap_or(Err(CommitError::Unknown))
        })
    }

    fn append_event(&self, event: Bytes) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            check_event(&event)?;
            self.0.machine.check_running()?;
            let mut request = Request::Event { event, permit: None };
            let reserved = self.0.queue.reserve(request.frame_bytes()).await?;
            if let Request::Event { permit, .. } = &mut request {
                *permit = Some(reserved);
            }
            self.0.machine.check_running()?;
            self.0.queue.push(request)
        })
    }

    fn events(
        &self,
        after: Revision,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        Box::pin(async move {
            check_scan_limit(limit)?;
            self.0.machine.events(after, limit)
        })
    }
}

impl BlobStore for Face {
    fn create(&self, blob_id: BlobId) -> BoxFuture<'_, Result<Box<dyn BlobWriter>, StoreError>> {
        Box::pin(async move {
            let machine = &self.0.machine;
            machine.check_running()?;
            if machine.is_short_of_room() {
                if machine.wants_look_at_room() {
                    self.0.chores.ring();
                }
                return Err(StoreError::Full);
            }
            let writer =
                FileWriter::new(Arc::clone(&machine.blobs), blob_id).map_err(blob_error)?;
            if machine.blobs.wants_refill() {
                self.0.chores.ring();
            }
            let inner = Arc::clone(&self.0);
            Ok(Box::new(Writing { inner, blob_id, writer: Some(writer) }) as Box<dyn BlobWriter>)
        })
    }

    fn open<'a>(
        &'a self,
        payload: &'a PayloadRef,
    ) -> BoxFuture<'a, Result<Box<dyn BlobReader>, StoreError>> {
        Box::pin(async move { self.0.machine.open_payload(payload) })
    }
}

#[derive(Debug)]
struct Writing {
    inner: Arc<Inner>,
    blob_id: BlobId,
    /// Not there while a worker has it, and after a failure.
    writer: Option<FileWriter>,
}

impl BlobWriter for Writing {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let mut writer = self.writer.take().ok_or_else(failed_before)?;
            writer.write(&bytes).map_err(blob_error)?;
            if writer.wants_sync() {
                let job = move || (writer.sync(), writer);
                let (synced, synced_writer) = self.inner.workers.run(job).await?;
                synced.map_err(blob_error)?;
                writer = synced_writer;
            }
            self.writer = Some(writer);
            Ok(())
        })
    }

    fn finish(self: Box<Self>) -> BoxFuture<'static, Result<SealedBlob, StoreError>> {
        Box::pin(async move {
            let Self { inner, blob_id, writer } = *self;
            let writer = writer.ok_or_else(failed_before)?;
            let finished = inner.workers.run(move || writer.finish()).await?;
            let lease = finished.map_err(blob_error)?;
            let stored_bytes = lease.stored_bytes();
            Ok(SealedBlob { blob_id, stored_bytes, adoption: Arc::new(lease) })
        })
    }
}

fn failed_before() -> StoreError {
    StoreError::Invalid { what: "the blob failed before" }
}

fn blob_error(error: io::Error) -> StoreError {
    if error.kind() == io::ErrorKind::StorageFull {
        return StoreError::Full;
    }
    StoreError::Io(error)
}

/// Wakes one thread; a ring while it is awake is not lost.
#[derive(Debug, Default)]
struct Bell {
    state: Mutex<BellState>,
    rung: Condvar,
}

#[derive(Debug, Default)]
struct BellState {
    rung: bool,
    stopped: bool,
}

impl Bell {
    fn ring(&self) {
        self.state.lock().rung = true;
        self.rung.notify_one();
    }

    fn stop(&self) {
        self.state.lock().stopped = true;
        self.rung.notify_all();
    }

    fn is_stopped(&self) -> bool {
        self.state.lock().stopped
    }

    /// Waits for a ring; answers `false` when there will be none any more.
    fn wait(&self) -> bool {
        let mut state = self.state.lock();
        while !state.rung && !state.stopped {
            self.rung.wait(&mut state);
        }
        state.rung = false;
        !state.stopped
    }
}

const WORKERS: usize = 4; // syncs of large blobs that run at the same time
