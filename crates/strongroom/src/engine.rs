//! The engine that keeps the data: in memory, or on the drive of this machine.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use strongroom_crypto::{Secret, StaticRootKey};
use strongroom_store::Store;
use strongroom_store::memory::MemoryEngine;
use strongroom_store_embedded::disk::{DiskPath, RealDisk};
use strongroom_store_embedded::{
    EmbeddedEngine, EngineLimits, EngineOptions, OpenError, ScrubProgress, ScrubReport,
};
use strongroom_types::{Clock, Entropy};
use tokio::sync::mpsc;

use crate::admin::{Progress, ScrubAnswer};
use crate::commands::Failure;
use crate::place::Places;
use crate::root_key;

/// An open engine.
#[derive(Debug)]
pub(crate) enum Engine {
    /// In memory.
    Ephemeral(MemoryEngine),
    /// On the drive.
    Durable(Arc<EmbeddedEngine>),
}

impl Engine {
    /// An empty engine in memory.
    pub(crate) fn ephemeral(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self::Ephemeral(MemoryEngine::new(entropy, clock))
    }

    /// The engine of a data directory; makes it, and its root key, where there is neither.
    ///
    /// # Errors
    /// If the directory is locked, or its keys or its data cannot be read.
    pub(crate) async fn open(
        places: &Places,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, Failure> {
        let key_file = places.key_file();
        let name = key_file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let secret = root_key(&places.root_key, &*entropy)?;
        let options = EngineOptions {
            disk: Arc::new(RealDisk::new(&places.data, &places.data)?),
            key_path: DiskPath::keys(name),
            root_key: Arc::new(StaticRootKey::new(secret, Arc::clone(&entropy))),
            entropy,
            clock,
            limits: EngineLimits::default(),
        };
        // Recovery waits for drives and for threads of the engine: not on a thread of the runtime.
        let opened = tokio::task::spawn_blocking(move || EmbeddedEngine::open(options)).await?;
        let engine = opened.map_err(|error| match error {
            OpenError::KeyFileMissing => {
                let (key_file, data) = (key_file.display(), places.data.display());
                Failure::new(format!(
                    "`{key_file}` is missing: the data in `{data}` cannot be read without it"
                ))
            }
            error => error.into(),
        })?;
        Ok(Self::Durable(Arc::new(engine)))
    }

    /// The engine as the services see it.
    pub(crate) fn store(&self) -> Store {
        match self {
            Self::Ephemeral(engine) => engine.store(),
            Self::Durable(engine) => engine.store(),
        }
    }

    /// Waits until the engine has stopped for good, and says why. An engine in memory never does.
    pub(crate) async fn stopped(&self) -> String {
        let Self::Durable(engine) = self else { return std::future::pending().await };
        let mut interval = tokio::time::interval(LOOK_INTERVAL);
        loop {
            interval.tick().await;
            if let Some(reason) = engine.stopped() {
                return reason;
            }
        }
    }

    /// Ends in order. Nothing acknowledged depends on it, the next start is faster.
    ///
    /// # Errors
    /// If the engine had stopped before.
    pub(crate) async fn close(&self) -> Result<(), Failure> {
        match self {
            Self::Ephemeral(_) => Ok(()),
            Self::Durable(engine) => {
                let engine = Arc::clone(engine);
                Ok(tokio::task::spawn_blocking(move || engine.close()).await??)
            }
        }
    }

    /// Reads everything back. Ends early when nobody takes its progress any more.
    ///
    /// # Errors
    /// If there is nothing to read, or the drive fails.
    pub(crate) async fn scrub(
        &self,
        progress: mpsc::Sender<Progress>,
    ) -> Result<ScrubAnswer, Failure> {
        let Self::Durable(engine) = self else {
            return Err(Failure::new("an ephemeral server keeps nothing to scrub"));
        };
        let engine = Arc::clone(engine);
        let mut told_bytes = 0;
        let mut observer = move |step: ScrubProgress| {
            let due = step.bytes_done.saturating_sub(told_bytes) >= step.bytes_total / STEPS;
            if due {
                told_bytes = step.bytes_done;
                let step = Progress { done_bytes: step.bytes_done, total_bytes: step.bytes_total };
                // A step that finds the queue full is followed by another one.
                let _ = progress.try_send(step);
            }
            if progress.is_closed() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let scrubbed = tokio::task::spawn_blocking(move || engine.scrub(&mut observer));
        let report = scrubbed.await??;
        if report.ended_early {
            return Err(Failure::new("the scrub ended before everything was read"));
        }
        Ok(report.into())
    }
}

impl From<ScrubReport> for ScrubAnswer {
    fn from(report: ScrubReport) -> Self {
        let counts = [
            ("log_bytes", report.log_bytes),
            ("index_bytes", report.index_bytes),
            ("records", report.records),
            ("blobs", report.blobs),
            ("blob_bytes", report.blob_bytes),
            ("journal_bytes", report.journal_bytes),
            ("orphaned_files", report.orphans),
        ];
        Self {
            counts: counts.map(|(name, count)| (name.to_owned(), count)).into(),
            damage: report.findings,
        }
    }
}

/// The root key of a data directory. A first start makes it, before anything is sealed under it.
fn root_key(path: &Path, entropy: &dyn Entropy) -> Result<Secret<32>, Failure> {
    if path.exists() {
        return Ok(root_key::read(path)?);
    }
    if let Some(dir) = path.parent() {
        crate::place::make_private_dir(dir)?;
    }
    Ok(root_key::create(path, entropy)?)
}

/// Steps in which progress is told.
const STEPS: u64 = 1_000;
/// Between two looks whether the engine has stopped.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
