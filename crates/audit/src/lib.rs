//! What happened: the audit event of one request, in its compact form.
//!
//! An event is opened when a request has been permitted or refused, and closed with its outcome.
//! A change carries its event in the same commit batch, so that neither exists without the other.
//! The bytes are described in `docs/formats/audit-event.md`. This crate knows nothing of delivery.

mod codec;
mod event;
mod sink;
mod slot;

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;

pub use codec::EventCodecError;
pub use event::{AuditEvent, AuthKind, Outcome, PrincipalKind};
pub use sink::{EventSink, SinkDown};
pub use slot::AuditSlot;
