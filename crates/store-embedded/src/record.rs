//! What the engine knows of a record, and how the index keeps it.

use bytes::Bytes;
use strongroom_crypto::BlobId;
use strongroom_store::{Entry, PayloadRef, Protection, Revision};

use crate::codec::{Fields, FieldsError};

/// A record as it was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// The LSN of the batch that put it.
    pub(crate) revision: u64,
    /// The frame that holds it.
    pub(crate) home: Home,
    pub(crate) protection: Protection,
    pub(crate) payload: Payload,
    pub(crate) value: Bytes,
}

/// Where a record lies in the log.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Home {
    /// The generation of the segment.
    pub(crate) generation: u64,
    /// Where the frame starts in the segment.
    pub(crate) frame: u32,
    /// What the record takes of the segment.
    pub(crate) bytes: u32,
}

/// The payload of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Payload {
    None,
    /// In the frame of the record, at this place of its plaintext.
    Inline {
        body_offset: u32,
        stored_bytes: u32,
    },
    /// In a file of its own.
    Blob {
        blob_id: BlobId,
        file: u64,
        stored_bytes: u64,
    },
}

/// What became of a key, newest state: a record, or its removal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// The LSN of the batch that changed it.
    pub(crate) lsn: u64,
    pub(crate) record: Option<Record>,
}

impl Record {
    /// The record as callers see it.
    pub(crate) fn entry(&self) -> Entry {
        Entry {
            value: self.value.clone(),
            revision: Revision(self.revision),
            payload: self.payload_ref(),
        }
    }

    /// The record as callers see it, without a look back.
    pub(crate) fn into_entry(self) -> Entry {
        let payload = self.payload_ref();
        Entry { value: self.value, revision: Revision(self.revision), payload }
    }

    fn payload_ref(&self) -> Option<PayloadRef> {
        match self.payload {
            Payload::None => None,
            Payload::Inline { body_offset, stored_bytes } => Some(PayloadRef::Inline {
                segment: self.home.generation,
                offset: (u64::from(self.home.frame) << 32) | u64::from(body_offset),
                stored_bytes,
            }),
            Payload::Blob { blob_id, file, stored_bytes } => {
                Some(PayloadRef::Blob { blob_id, file, stored_bytes })
            }
        }
    }

    /// The file of the payload, if it has one.
    pub(crate) fn blob_file(&self) -> Option<u64> {
        match self.payload {
            Payload::Blob { file, .. } => Some(file),
            Payload::None | Payload::Inline { .. } => None,
        }
    }

    /// Whether the record resists deletion now.
    pub(crate) fn is_protected(&self, now_seconds: u64) -> bool {
        self.protection.legal_hold || self.protection.retain_until_seconds > now_seconds
    }
}

impl Change {
    /// What the index keeps. Removals are kept only while an index is built again.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let Some(record) = &self.record else {
            let mut out = vec![STATE_REMOVED];
            out.extend_from_slice(&self.lsn.to_le_bytes());
            return out;
        };
        let mut out = Vec::with_capacity(RECORD_BYTES_MAX + record.value.len());
        out.push(STATE_RECORD);
        out.extend_from_slice(&record.revision.to_le_bytes());
        out.extend_from_slice(&record.home.generation.to_le_bytes());
        out.extend_from_slice(&record.home.frame.to_le_bytes());
        out.extend_from_slice(&record.home.bytes.to_le_bytes());
        out.extend_from_slice(&record.protection.retain_until_seconds.to_le_bytes());
        out.push(u8::from(record.protection.legal_hold));
        match record.payload {
            Payload::None => out.push(PAYLOAD_NONE),
            Payload::Inline { body_offset, stored_bytes } => {
                out.push(PAYLOAD_INLINE);
                out.extend_from_slice(&body_offset.to_le_bytes());
                out.extend_from_slice(&stored_bytes.to_le_bytes());
            }
            Payload::Blob { blob_id, file, stored_bytes } => {
                out.push(PAYLOAD_BLOB);
                out.extend_from_slice(blob_id.as_bytes());
                out.extend_from_slice(&file.to_le_bytes());
                out.extend_from_slice(&stored_bytes.to_le_bytes());
            }
        }
        out.extend_from_slice(&record.value);
        out
    }

    /// Reads what the index kept.
    pub(crate) fn decode(bytes: &Bytes) -> Result<Self, FieldsError> {
        let mut fields = Fields::new(bytes);
        match fields.u8()? {
            STATE_REMOVED => return Ok(Self { lsn: fields.u64()?, record: None }),
            STATE_RECORD => {}
            _ => return Err(FieldsError),
        }
        let revision = fields.u64()?;
        let home = Home { generation: fields.u64()?, frame: fields.u32()?, bytes: fields.u32()? };
        let protection =
            Protection { retain_until_seconds: fields.u64()?, legal_hold: fields.u8()? != 0 };
        let payload = match fields.u8()? {
            PAYLOAD_NONE => Payload::None,
            PAYLOAD_INLINE => {
                Payload::Inline { body_offset: fields.u32()?, stored_bytes: fields.u32()? }
            }
            PAYLOAD_BLOB => Payload::Blob {
                blob_id: BlobId::from_bytes(fields.array()?),
                file: fields.u64()?,
                stored_bytes: fields.u64()?,
            },
            _ => return Err(FieldsError),
        };
        let value = bytes.slice(fields.position()..);
        let record = Record { revision, home, protection, payload, value };
        Ok(Self { lsn: revision, record: Some(record) })
    }

    /// What the change takes of memory in the overlay.
    pub(crate) fn memory_bytes(&self, key: &[u8]) -> usize {
        key.len() + self.record.as_ref().map_or(0, |record| record.value.len()) + CHANGE_BYTES
    }
}

const STATE_RECORD: u8 = 1;
const STATE_REMOVED: u8 = 2;
const PAYLOAD_NONE: u8 = 0;
const PAYLOAD_INLINE: u8 = 1;
const PAYLOAD_BLOB: u8 = 2;
const RECORD_BYTES_MAX: usize = 80; // all fields before the value
const CHANGE_BYTES: usize = 200; // a change in a map, with its share of the map's nodes

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_read_as_written() {
        let home = Home { generation: 7, frame: 4096, bytes: 99 };
        let protection = Protection { retain_until_seconds: 1 << 40, legal_hold: true };
        for payload in [
            Payload::None,
            Payload::Inline { body_offset: 3, stored_bytes: 5 },
            Payload::Blob { blob_id: BlobId::from_bytes([1; 16]), file: 2, stored_bytes: 1 << 40 },
        ] {
            let value = Bytes::from_static(b"value");
            let record = Record { revision: 11, home, protection, payload, value };
            let change = Change { lsn: 11, record: Some(record) };
            assert_eq!(Change::decode(&change.encode().into()), Ok(change));
        }
        let removed = Change { lsn: 5, record: None };
        assert_eq!(Change::decode(&removed.encode().into()), Ok(removed));
        assert!(Change::decode(&Bytes::from_static(&[9])).is_err());
        assert!(Change::decode(&Bytes::new()).is_err());
    }
}
