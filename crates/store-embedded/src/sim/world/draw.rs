//! What a world writes, out of its random numbers.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use strongroom_crypto::BlobId;
use strongroom_store::conformance::SplitMix;
use strongroom_store::{
    Batch, KeyRange, NewPayload, Precondition, Protection, Revision, SealedBlob, Token, Write,
};
use strongroom_types::Clock;

use super::{MARKER, World};
use crate::blobs::{EXTENT_BYTES, FileWriter};
use crate::chores::room_error;
use crate::sim::model::{ModelBatch, ModelPayload, ModelWrite};

impl World {
    pub(super) fn draw_batch(
        &mut self,
        blobs: &mut Vec<SealedBlob>,
    ) -> Result<Option<(Batch, ModelBatch)>, String> {
        let mut batch = Batch { token: Token::default(), ..Batch::default() };
        let mut model = ModelBatch::default();
        let mut keys = BTreeSet::new();
        for _ in 0..self.below(4) {
            let key = self.draw_key();
            if !keys.insert(key.clone()) {
                continue;
            }
            if self.one_in(4) {
                batch.writes.push(Write::Delete { key: key.clone() });
                model.writes.push(ModelWrite::Delete { key });
                continue;
            }
            let Some((payload, model_payload)) = self.draw_new_payload(&key, &mut model, blobs)?
            else {
                return Ok(None);
            };
            let value = self.unique(MARKER);
            let protection = self.draw_protection();
            batch.writes.push(Write::Put {
                key: key.clone(),
                value: value.clone(),
                payload,
                protection,
            });
            model.writes.push(ModelWrite::Put { key, value, payload: model_payload, protection });
        }
        if self.one_in(3) {
            let precondition = self.draw_precondition();
            model.preconditions.push(precondition);
        }
        if self.one_in(2) {
            model.event = Some(self.unique(MARKER));
        }
        batch.preconditions.clone_from(&model.preconditions);
        batch.event.clone_from(&model.event);
        Ok(Some((batch, model)))
    }

    fn draw_new_payload(
        &mut self,
        key: &Bytes,
        model: &mut ModelBatch,
        blobs: &mut Vec<SealedBlob>,
    ) -> Result<Option<(NewPayload, ModelPayload)>, String> {
        let revision = self.model.records.get(key).and_then(|record| record.revision);
        Ok(match (self.below(8), revision) {
            (0..=1, Some(revision)) => {
                let key = key.clone();
                let revision = Revision(revision);
                model.preconditions.push(Precondition::Revision { key, revision });
                Some((NewPayload::Keep, ModelPayload::Keep))
            }
            (0..=2, _) => Some((NewPayload::None, ModelPayload::None)),
            (3..=4, _) => {
                let bytes = self.draw_blob();
                self.write_blob(&bytes, true)?.flatten().map(|blob| {
                    blobs.push(blob.clone());
                    (NewPayload::Blob(blob), ModelPayload::Bytes(bytes))
                })
            }
            _ => {
                let bytes = self.draw_payload();
                Some((NewPayload::Inline(bytes.clone()), ModelPayload::Bytes(bytes)))
            }
        })
    }

    /// Writes a blob; the inner option is `None` if it is not to be finished, the outer one if the
    /// drive failed.
    pub(super) fn write_blob(
        &mut self,
        bytes: &Bytes,
        finish: bool,
    ) -> Result<Option<Option<SealedBlob>>, String> {
        let blob_id = BlobId::from_bytes(self.counter_bytes());
        let files = Arc::clone(&self.machine()?.blobs);
        let mut written = FileWriter::new(files, blob_id).and_then(|mut writer| {
            let middle = bytes.len() / 2;
            writer.write(&bytes.slice(..middle))?;
            if middle as u64 > EXTENT_BYTES / 4 {
                writer.sync()?; // as large ones are, now and then
            }
            writer.write(&bytes.slice(middle..))?;
            Ok(Some(writer))
        });
        if !finish {
            written = written.map(|_| None);
        }
        let lease = match written {
            Ok(None) => return Ok(Some(None)),
            Ok(Some(writer)) => writer.finish(),
            Err(error) => Err(error),
        };
        match lease {
            Ok(lease) => {
                let stored_bytes = lease.stored_bytes();
                let adoption = Arc::new(lease);
                Ok(Some(Some(SealedBlob { blob_id, stored_bytes, adoption })))
            }
            Err(error) => {
                self.excuse_error("writing a blob", &room_error(error))?;
                Ok(None)
            }
        }
    }

    fn draw_precondition(&mut self) -> Precondition {
        let key = self.draw_key();
        match self.below(5) {
            0 => Precondition::Absent { key },
            1 => Precondition::Present { key },
            2 => {
                let prefix = key.slice(..2);
                Precondition::RangeEmpty { range: KeyRange::prefix(&prefix) }
            }
            _ => {
                let record = self.model.records.get(&key);
                let revision = record.and_then(|record| record.revision).unwrap_or(1);
                Precondition::Revision { key, revision: Revision(revision) }
            }
        }
    }

    fn draw_protection(&mut self) -> Protection {
        if !self.one_in(12) {
            return Protection::default();
        }
        let now = self.fixture.clock.now().seconds();
        Protection { retain_until_seconds: now + self.below(40), legal_hold: false }
    }

    pub(super) fn draw_key(&mut self) -> Bytes {
        let number = self.below(KEYS);
        Bytes::from(format!("k{}/{MARKER}-{number}", number % 5))
    }

    pub(super) fn draw_payload(&mut self) -> Bytes {
        let length = match self.below(8) {
            0 => 0,
            1 => 16_384,
            2 => 20_000,
            _ => self.below(3000),
        };
        let seed = self.random.draw();
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        SplitMix::new(seed).fill(&mut bytes);
        bytes.into()
    }

    /// A payload for a file: seldom one of more than one extent.
    fn draw_blob(&mut self) -> Bytes {
        if self.large_left == 0 || !self.one_in(8) {
            return self.draw_payload();
        }
        self.large_left -= 1;
        let length = EXTENT_BYTES * self.below(2) + EXTENT_BYTES - 2 + self.below(40_000);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        let mut pattern = [0; 8209];
        SplitMix::new(length).fill(&mut pattern);
        bytes.chunks_mut(pattern.len()).for_each(|piece| {
            piece.copy_from_slice(pattern.get(..piece.len()).unwrap_or(&pattern));
        });
        bytes.into()
    }

    /// A text that occurs once in this world.
    pub(super) fn unique(&mut self, what: &str) -> Bytes {
        self.counter += 1;
        let padding = self.below(200);
        let padding = usize::try_from(padding).unwrap_or(0);
        Bytes::from(format!("{MARKER} {what} {} {:padding$}", self.counter, ""))
    }

    fn counter_bytes(&mut self) -> [u8; 16] {
        self.counter += 1;
        u128::from(self.counter).to_le_bytes()
    }
}

const KEYS: u64 = 24; // few, so that everything is written again and again
