//! Fuzz targets of this crate: plain functions over bytes that assert what must always hold.
//!
//! Not part of the API; built for tests and for the fuzzer only.

use crate::AuditEvent;

/// A target: its name, which is that of its corpus, and the function.
pub type FuzzTarget = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[FuzzTarget] = &[("audit_event", audit_event)];

/// Events: what is read is written as the same bytes, up to the length at which texts are cut.
pub fn audit_event(bytes: &[u8]) {
    let Ok(event) = AuditEvent::decode(bytes) else {
        return;
    };
    let written = event.encode();
    assert!(written.len() <= 8 * 1024, "events are small");
    let again = AuditEvent::decode(&written);
    assert!(again.is_ok(), "what is written is read");
    // An event of the first format is written as one of the second.
    if written.len() == bytes.len() && written.first() == bytes.first() {
        assert_eq!(written, bytes);
        assert_eq!(again, Ok(event));
    }
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;
