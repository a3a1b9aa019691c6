//! What every engine refuses before it judges anything: batches over a limit or at odds with
//! themselves. One implementation, so that no two engines differ in it.

use std::collections::BTreeSet;

use crate::{
    BATCH_BYTES_MAX, Batch, EVENT_BYTES_MAX, INLINE_BYTES_MAX, KEY_BYTES_MAX, NewPayload,
    Precondition, StoreError, VALUE_BYTES_MAX, Write,
};

impl Batch {
    /// Refuses a batch that no engine may take: a key that is empty, too long or written twice, a
    /// value, inline payload, event or batch over its limit, or [`NewPayload::Keep`] without a
    /// [`Precondition::Revision`] on the same key. Engines call this first, before they judge a
    /// precondition.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] naming the first rule that is broken.
    pub fn check(&self) -> Result<(), StoreError> {
        for precondition in &self.preconditions {
            if let Some(key) = precondition.key() {
                check_key(key)?;
            }
        }
        let mut keys = BTreeSet::new();
        for write in &self.writes {
            check_key(write.key())?;
            if !keys.insert(write.key()) {
                return Err(StoreError::Invalid { what: "a key is written twice in a batch" });
            }
            self.check_write(write)?;
        }
        check_event(self.event.as_deref().unwrap_or_default())?;
        if self.bytes() > BATCH_BYTES_MAX {
            return Err(StoreError::Invalid { what: "a batch is too large" });
        }
        Ok(())
    }

    /// What counts against [`BATCH_BYTES_MAX`]: the keys that are written, their values and inline
    /// payloads, and the event.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let mut bytes = self.event.as_ref().map_or(0, |event| event.len());
        for write in &self.writes {
            bytes = bytes.saturating_add(write.bytes());
        }
        bytes
    }

    /// Whether the batch insists on one revision of the record under `key`.
    fn pins(&self, key: &[u8]) -> bool {
        self.preconditions.iter().any(|precondition| {
            matches!(precondition, Precondition::Revision { key: pinned, .. } if pinned == key)
        })
    }

    fn check_write(&self, write: &Write) -> Result<(), StoreError> {
        let Write::Put { key, value, payload, .. } = write else {
            return Ok(());
        };
        if value.len() > VALUE_BYTES_MAX {
            return Err(StoreError::Invalid { what: "a value is too long" });
        }
        match payload {
            NewPayload::Inline(bytes) if bytes.len() > INLINE_BYTES_MAX => {
                Err(StoreError::Invalid { what: "an inline payload is too long" })
            }
            NewPayload::Keep if !self.pins(key) => {
                Err(StoreError::Invalid { what: "a payload is kept of an unknown revision" })
            }
            _ => Ok(()),
        }
    }
}

impl Write {
    /// The key of the record that is written.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Put { key, value, payload, .. } => {
                let inline = match payload {
                    NewPayload::Inline(bytes) => bytes.len(),
                    NewPayload::None | NewPayload::Blob(_) | NewPayload::Keep => 0,
                };
                key.len().saturating_add(value.len()).saturating_add(inline)
            }
            Self::Delete { key } => key.len(),
        }
    }
}

impl Precondition {
    /// The key that the precondition is about, if it is about one.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        match self {
            Self::Absent { key } | Self::Present { key } | Self::Revision { key, .. } => Some(key),
            Self::RangeEmpty { .. } => None,
        }
    }
}

/// Refuses an event over [`EVENT_BYTES_MAX`]. Engines call this first in
/// [`crate::MetadataStore::append_event`].
///
/// # Errors
/// [`StoreError::Invalid`].
pub fn check_event(event: &[u8]) -> Result<(), StoreError> {
    if event.len() > EVENT_BYTES_MAX {
        return Err(StoreError::Invalid { what: "an event is too long" });
    }
    Ok(())
}

/// Refuses a `limit` over [`crate::SCAN_ENTRIES_MAX`]: with fewer entries than asked for, the
/// caller would believe that the range has no more.
///
/// # Errors
/// [`StoreError::Invalid`].
pub fn check_scan_limit(limit: usize) -> Result<(), StoreError> {
    if limit > crate::SCAN_ENTRIES_MAX {
        return Err(StoreError::Invalid { what: "a scan asks for too many entries" });
    }
    Ok(())
}

fn check_key(key: &[u8]) -> Result<(), StoreError> {
    if key.is_empty() {
        return Err(StoreError::Invalid { what: "a key is empty" });
    }
    if key.len() > KEY_BYTES_MAX {
        return Err(StoreError::Invalid { what: "a key is too long" });
    }
    Ok(())
}
