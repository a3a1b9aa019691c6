//! Conditional batches: the only way in which records change.

use bytes::Bytes;

use crate::{KeyRange, Revision, SealedBlob};

/// Changes that become durable together or not at all.
///
/// The preconditions are judged against everything committed before, in one total order with all
/// other batches. Writes apply in order; a key may be written once in a batch.
#[derive(Debug, Default)]
pub struct Batch {
    /// What must hold, or nothing is written.
    pub preconditions: Vec<Precondition>,
    /// What changes. May be empty: a batch of preconditions only is a durable read.
    pub writes: Vec<Write>,
    /// The audit event of the request, sealed and made durable with the writes.
    pub event: Option<Bytes>,
    /// Names the batch, so that an unknown outcome can be resolved by offering it again.
    pub token: Token,
}

/// An idempotency token: random, one for each batch; all zero where the engine runs in-process
/// and an outcome is never unknown.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Token(pub [u8; 16]);

/// What must hold for a batch to be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// There is no record under the key.
    Absent {
        /// The key of the record.
        key: Bytes,
    },
    /// There is a record under the key, whatever its revision.
    Present {
        /// The key of the record.
        key: Bytes,
    },
    /// The record under the key is still the one with this revision.
    Revision {
        /// The key of the record.
        key: Bytes,
        /// The revision that was read.
        revision: Revision,
    },
    /// There is no record in the range.
    RangeEmpty {
        /// Where nothing may be.
        range: KeyRange,
    },
}

/// One change of one record.
#[derive(Debug)]
pub enum Write {
    /// Makes or replaces a record. A payload that the replaced record owned is released, except
    /// with [`NewPayload::Keep`].
    Put {
        /// At most [`crate::KEY_BYTES_MAX`] bytes, not empty.
        key: Bytes,
        /// At most [`crate::VALUE_BYTES_MAX`] bytes.
        value: Bytes,
        /// The payload that the record owns from now on.
        payload: NewPayload,
        /// Until when the record resists deletion and replacement of its payload.
        protection: Protection,
    },
    /// Removes a record, if there is one, and releases its payload.
    Delete {
        /// The key of the record.
        key: Bytes,
    },
}

/// The payload of a record that is being written.
#[derive(Debug, Clone)]
pub enum NewPayload {
    /// The record owns no payload.
    None,
    /// Sealed bytes that travel with the record; at most [`crate::INLINE_BYTES_MAX`].
    Inline(Bytes),
    /// A blob that is durable already and that this batch makes visible.
    Blob(SealedBlob),
    /// The record keeps the payload of the record that it replaces. The batch must hold a
    /// [`Precondition::Revision`] on the same key, or it is refused.
    Keep,
}

/// What an engine itself enforces against deletion, beneath every service: object lock is not only
/// a check in a handler. A record whose protection is in force can be replaced only with
/// [`NewPayload::Keep`] and cannot be deleted.
///
/// Reserved from format version 1; services set it from the object-lock milestone on.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Protection {
    /// Seconds since 1970 until which the record is retained; 0 = not retained.
    pub retain_until_seconds: u64,
    /// Whether a legal hold is on the record.
    pub legal_hold: bool,
}

impl Protection {
    /// Whether the record is protected at this moment (seconds since 1970).
    #[must_use]
    pub fn is_in_force(&self, now_seconds: u64) -> bool {
        self.legal_hold || now_seconds < self.retain_until_seconds
    }
}

/// The outcome of a batch that was applied: it is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The revision that every record written by the batch now has.
    pub revision: Revision,
}
