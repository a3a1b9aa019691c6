//! What a store must hold: the rules of the traits in their simplest form.

use std::collections::BTreeMap;

use bytes::Bytes;
use strongroom_store::{KeyRange, Precondition, Protection};

/// All records and events.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Model {
    pub(super) records: BTreeMap<Bytes, ModelRecord>,
    pub(super) events: Vec<Bytes>,
}

/// A record as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ModelRecord {
    pub(super) value: Bytes,
    pub(super) payload: Option<Bytes>,
    pub(super) protection: Protection,
    /// Not known for a batch whose answer never came, until it is read back.
    pub(super) revision: Option<u64>,
}

/// A batch in the words of the model.
#[derive(Debug, Default, Clone)]
pub(super) struct ModelBatch {
    pub(super) preconditions: Vec<Precondition>,
    pub(super) writes: Vec<ModelWrite>,
    pub(super) event: Option<Bytes>,
}

#[derive(Debug, Clone)]
pub(super) enum ModelWrite {
    Put { key: Bytes, value: Bytes, payload: ModelPayload, protection: Protection },
    Delete { key: Bytes },
}

#[derive(Debug, Clone)]
pub(super) enum ModelPayload {
    None,
    Bytes(Bytes),
    Keep,
}

/// What a batch must be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ModelOutcome {
    Applied,
    Precondition(usize),
    Protected,
}

impl Model {
    /// Judges a batch and applies it if it holds.
    pub(super) fn apply(&mut self, batch: &ModelBatch, now_seconds: u64) -> ModelOutcome {
        for (index, precondition) in batch.preconditions.iter().enumerate() {
            if !self.holds(precondition) {
                return ModelOutcome::Precondition(index);
            }
        }
        for write in &batch.writes {
            let (key, replaces) = match write {
                ModelWrite::Delete { key } => (key, true),
                ModelWrite::Put { key, payload, .. } => {
                    (key, !matches!(payload, ModelPayload::Keep))
                }
            };
            let protected = self.records.get(key).is_some_and(|record| {
                let protection = record.protection;
                protection.legal_hold || protection.retain_until_seconds > now_seconds
            });
            if replaces && protected {
                return ModelOutcome::Protected;
            }
        }
        for write in &batch.writes {
            self.write(write);
        }
        self.events.extend(batch.event.clone());
        ModelOutcome::Applied
    }

    /// Notes the revision of an applied batch.
    pub(super) fn note_revision(&mut self, batch: &ModelBatch, revision: u64) {
        for write in &batch.writes {
            if let ModelWrite::Put { key, .. } = write
                && let Some(record) = self.records.get_mut(key)
            {
                record.revision = Some(revision);
            }
        }
    }

    fn write(&mut self, write: &ModelWrite) {
        match write {
            ModelWrite::Delete { key } => {
                self.records.remove(key);
            }
            ModelWrite::Put { key, value, payload, protection } => {
                let payload = match payload {
                    ModelPayload::None => None,
                    ModelPayload::Bytes(bytes) => Some(bytes.clone()),
                    ModelPayload::Keep => {
                        self.records.get(key).and_then(|record| record.payload.clone())
                    }
                };
                let record = ModelRecord {
                    value: value.clone(),
                    payload,
                    protection: *protection,
                    revision: None,
                };
                self.records.insert(key.clone(), record);
            }
        }
    }

    fn holds(&self, precondition: &Precondition) -> bool {
        match precondition {
            Precondition::Absent { key } => !self.records.contains_key(key),
            Precondition::Present { key } => self.records.contains_key(key),
            Precondition::Revision { key, revision } => {
                self.records.get(key).is_some_and(|record| record.revision == Some(revision.0))
            }
            Precondition::RangeEmpty { range } => self.is_empty(range),
        }
    }

    fn is_empty(&self, range: &KeyRange) -> bool {
        !self.records.keys().any(|key| range.contains(key))
    }
}
