//! The open event of a request in progress.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::{AuditEvent, Outcome};

/// The open event of one request. The pipeline holds one clone; the permit carries the other.
///
/// A service that changes something puts [`AuditSlot::sealed_with`] into its commit batch and,
/// after the commit, says so with [`AuditSlot::mark_recorded`]. Whatever has not been recorded by
/// then, the pipeline records when it closes the event: no request ends without one.
#[derive(Debug, Clone)]
pub struct AuditSlot {
    event: Arc<AuditEvent>,
    recorded: Arc<AtomicBool>,
    decision: Arc<Mutex<String>>,
}

impl AuditSlot {
    /// Opens an event; its outcome is filled in when it is sealed.
    #[must_use]
    pub fn open(event: AuditEvent) -> Self {
        Self { event: Arc::new(event), recorded: Arc::default(), decision: Arc::default() }
    }

    /// Notes what decided the request; the last decision counts.
    pub fn decided(&self, decision: &str) {
        decision.clone_into(&mut self.decision.lock());
    }

    /// The bytes of the event with this outcome.
    #[must_use]
    pub fn sealed_with(&self, outcome: Outcome) -> Bytes {
        self.sealed_for(&self.event.object_key, &self.event.version_id, outcome)
    }

    /// The bytes of the event of one key of a request that changes many.
    #[must_use]
    pub fn sealed_for(&self, object_key: &str, version_id: &str, outcome: Outcome) -> Bytes {
        self.event.encode_with(object_key, version_id, &self.decision.lock(), &outcome)
    }

    /// Says that the event became durable together with the change that it describes.
    pub fn mark_recorded(&self) {
        self.recorded.store(true, Ordering::Release);
    }

    /// Whether the event is durable already.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.recorded.load(Ordering::Acquire)
    }
}
