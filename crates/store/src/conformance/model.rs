//! Random operations on two engines that must never differ.
//!
//! One seed is one sequence of operations. Engines choose revisions and places themselves, so
//! these are compared by what they mean: two revisions are the same if the same batch made them,
//! two payloads if they have the same bytes.

use std::collections::BTreeMap;

use bytes::Bytes;
use strongroom_crypto::BlobId;

use super::{Failure, SplitMix, read_payload};
use crate::{
    Batch, CommitError, Committed, Entry, KeyRange, NewPayload, PayloadRef, Precondition,
    Protection, Revision, SealedBlob, Store, StoreError, Write,
};

/// Offers `operations` random operations, which follow from `seed`, to both engines and compares
/// what they answer; then compares everything that they hold. Both must be empty at the start.
///
/// # Errors
/// The first difference.
pub async fn run(
    seed: u64,
    operations: u64,
    first: &Store,
    second: &Store,
) -> Result<(), Difference> {
    let mut model = Model {
        numbers: SplitMix::new(seed),
        stores: [first, second],
        revisions: BTreeMap::new(),
        stale: BTreeMap::new(),
    };
    for operation in 0..operations {
        let whole = operation % OPERATIONS_PER_COMPARISON == OPERATIONS_PER_COMPARISON - 1;
        let outcome = match model.step().await {
            Ok(()) if whole => model.compare_all().await,
            outcome => outcome,
        };
        outcome.map_err(|failure| Difference { seed, operation, what: failure.what })?;
    }
    let outcome = match model.compare_all().await {
        Ok(()) => model.compare_events().await,
        failed => failed,
    };
    outcome.map_err(|failure| Difference { seed, operation: operations, what: failure.what })
}

/// Where two engines differed.
#[derive(Debug, thiserror::Error)]
#[error("seed {seed}, operation {operation}: {what}")]
pub struct Difference {
    /// The seed of the run.
    pub seed: u64,
    /// The number of the operation, from 0.
    pub operation: u64,
    /// What differed.
    pub what: String,
}

struct Model<'a> {
    numbers: SplitMix,
    stores: [&'a Store; 2],
    /// The revision in the second engine of a batch, under that in the first.
    revisions: BTreeMap<Revision, Revision>,
    /// What each key was at some earlier moment, in both engines.
    stale: BTreeMap<Bytes, [Entry; 2]>,
}

/// A batch as drawn, before each engine's own revisions and blobs are put in.
struct Plan {
    preconditions: Vec<PlannedPrecondition>,
    writes: Vec<PlannedWrite>,
    event: Option<Bytes>,
}

enum PlannedPrecondition {
    Fixed(Precondition),
    CurrentRevision(Bytes),
    StaleRevision(Bytes),
}

enum PlannedWrite {
    Put { key: Bytes, value: Bytes, payload: PlannedPayload, protection: Protection },
    Delete { key: Bytes },
}

enum PlannedPayload {
    None,
    Keep,
    Inline(Bytes),
    Blob(BlobId, Bytes),
}

impl Model<'_> {
    async fn step(&mut self) -> Result<(), Failure> {
        match self.numbers.below(100) {
            0..60 => self.commit().await,
            60..75 => self.get().await,
            75..85 => self.scan().await,
            85..92 => self.open_stale().await,
            92..97 => self.remember().await,
            _ => self.append_event().await,
        }
    }

    async fn commit(&mut self) -> Result<(), Failure> {
        let plan = self.plan();
        let [first, second] = self.stores;
        let batches = [self.batch(&plan, 0, first).await?, self.batch(&plan, 1, second).await?];
        let shown = format!("{:?}", batches.first());
        let writes = !plan.writes.is_empty() || plan.event.is_some();
        let [batch_first, batch_second] = batches;
        let outcome_first = first.metadata.commit(batch_first).await;
        let outcome_second = second.metadata.commit(batch_second).await;
        let what = || format!("{shown}: {outcome_first:?} and {outcome_second:?}");
        match (&outcome_first, &outcome_second) {
            (Ok(Committed { revision: first }), Ok(Committed { revision: second })) => {
                // A batch that writes nothing need not have a place of its own.
                if writes {
                    let last = self.revisions.last_key_value().map(|(_, last)| *last);
                    super::ensure!(last < Some(*second), "revisions fell: {}", what());
                    self.revisions.insert(*first, *second);
                }
                Ok(())
            }
            (Err(first), Err(second)) => {
                super::ensure!(refusal(first)? == refusal(second)?, "{}", what());
                Ok(())
            }
            _ => Err(Failure::new(what())),
        }
    }

    fn plan(&mut self) -> Plan {
        let writes: Vec<_> = (0..self.numbers.below(4)).map(|_| self.planned_write()).collect();
        let mut preconditions: Vec<_> =
            (0..self.numbers.below(3)).map(|_| self.planned_precondition()).collect();
        for write in &writes {
            // Without its precondition a batch that keeps a payload is always refused.
            if let PlannedWrite::Put { key, payload: PlannedPayload::Keep, .. } = write
                && !self.numbers.chance(5)
            {
                preconditions.push(PlannedPrecondition::CurrentRevision(key.clone()));
            }
        }
        let event = self.numbers.chance(30).then(|| self.event(b'B'));
        Plan { preconditions, writes, event }
    }

    fn planned_write(&mut self) -> PlannedWrite {
        let key = self.key();
        if self.numbers.chance(30) {
            return PlannedWrite::Delete { key };
        }
        let value = self.bytes(200);
        let payload = match self.numbers.below(100) {
            0..40 => PlannedPayload::None,
            40..65 => PlannedPayload::Keep,
            65..95 => PlannedPayload::Inline(self.bytes(3_000)),
            _ => PlannedPayload::Blob(self.blob_id(), self.bytes(100_000)),
        };
        let protection = match self.numbers.below(100) {
            0..3 => Protection { legal_hold: true, ..Protection::default() },
            3..6 => Protection { retain_until_seconds: u64::MAX, legal_hold: false },
            6..20 => Protection { retain_until_seconds: 1, legal_hold: false },
            _ => Protection::default(),
        };
        PlannedWrite::Put { key, value, payload, protection }
    }

    fn planned_precondition(&mut self) -> PlannedPrecondition {
        let key = self.key();
        match self.numbers.below(6) {
            0 => PlannedPrecondition::Fixed(Precondition::Absent { key }),
            1 => PlannedPrecondition::Fixed(Precondition::Present { key }),
            2 => {
                let range = self.range();
                PlannedPrecondition::Fixed(Precondition::RangeEmpty { range })
            }
            3 => PlannedPrecondition::StaleRevision(key),
            _ => PlannedPrecondition::CurrentRevision(key),
        }
    }

    /// The batch of a plan for one of the engines.
    async fn batch(&self, plan: &Plan, side: usize, store: &Store) -> Result<Batch, Failure> {
        let mut batch = Batch { event: plan.event.clone(), ..Batch::default() };
        for planned in &plan.preconditions {
            batch.preconditions.push(match planned {
                PlannedPrecondition::Fixed(precondition) => precondition.clone(),
                PlannedPrecondition::CurrentRevision(key) => {
                    let entry = store.metadata.get(key).await?;
                    let revision = entry.map_or(Revision(0), |entry| entry.revision);
                    Precondition::Revision { key: key.clone(), revision }
                }
                PlannedPrecondition::StaleRevision(key) => {
                    let entry = self.stale.get(key).and_then(|entries| entries.get(side));
                    let revision = entry.map_or(Revision(u64::MAX), |entry| entry.revision);
                    Precondition::Revision { key: key.clone(), revision }
                }
            });
        }
        for planned in &plan.writes {
            batch.writes.push(match planned {
                PlannedWrite::Delete { key } => Write::Delete { key: key.clone() },
                PlannedWrite::Put { key, value, payload, protection } => Write::Put {
                    key: key.clone(),
                    value: value.clone(),
                    payload: match payload {
                        PlannedPayload::None => NewPayload::None,
                        PlannedPayload::Keep => NewPayload::Keep,
                        PlannedPayload::Inline(bytes) => NewPayload::Inline(bytes.clone()),
                        PlannedPayload::Blob(blob_id, bytes) => {
                            NewPayload::Blob(write_blob(store, *blob_id, bytes).await?)
                        }
                    },
                    protection: *protection,
                },
            });
        }
        Ok(batch)
    }

    async fn get(&mut self) -> Result<(), Failure> {
        let key = self.key();
        let [first, second] = self.stores;
        let entries = (first.metadata.get(&key).await?, second.metadata.get(&key).await?);
        match entries {
            (None, None) => Ok(()),
            (Some(first), Some(second)) => self.compare(&key, &first, &second).await,
            entries => Err(Failure::new(format_args!("get of {key:?}: {entries:?}"))),
        }
    }

    async fn scan(&mut self) -> Result<(), Failure> {
        let range = self.range();
        let limit = usize::try_from(self.numbers.below(20)).unwrap_or_default();
        self.compare_range(range, limit).await.map(|_| ())
    }

    /// Compares one page of a range and gives its last key.
    async fn compare_range(&self, range: KeyRange, limit: usize) -> Result<Option<Bytes>, Failure> {
        let [first, second] = self.stores;
        let first = first.metadata.scan(range.clone(), limit).await?;
        let second = second.metadata.scan(range.clone(), limit).await?;
        let keys = |page: &[(Bytes, Entry)]| -> Vec<Bytes> {
            page.iter().map(|(key, _)| key.clone()).collect()
        };
        let (keys_first, keys_second) = (keys(&first), keys(&second));
        super::ensure!(
            keys_first == keys_second,
            "scan of {range:?}, at most {limit}: {keys_first:?} and {keys_second:?}"
        );
        for ((key, first), (_, second)) in first.iter().zip(&second) {
            self.compare(key, first, second).await?;
        }
        Ok(if keys_first.len() < limit { None } else { keys_first.into_iter().next_back() })
    }

    async fn compare_all(&self) -> Result<(), Failure> {
        let mut range = KeyRange::prefix(b"");
        while let Some(last) = self.compare_range(range, PAGE_ENTRIES).await? {
            range = KeyRange::prefix_after(b"", &last);
        }
        Ok(())
    }

    async fn compare(&self, key: &Bytes, first: &Entry, second: &Entry) -> Result<(), Failure> {
        let what = || format!("{key:?}: {first:?} and {second:?}");
        super::ensure!(first.value == second.value, "{}", what());
        let revision = self.revisions.get(&first.revision);
        super::ensure!(revision == Some(&second.revision), "another batch made {}", what());
        let kinds = match (&first.payload, &second.payload) {
            (None, None) => return Ok(()),
            (
                Some(PayloadRef::Blob { blob_id: a, .. }),
                Some(PayloadRef::Blob { blob_id: b, .. }),
            ) => a == b,
            (Some(PayloadRef::Inline { .. }), Some(PayloadRef::Inline { .. })) => true,
            _ => false,
        };
        super::ensure!(kinds, "{}", what());
        let [store_first, store_second] = self.stores;
        let payload_first = read_payload(store_first, first).await?;
        let payload_second = read_payload(store_second, second).await?;
        super::ensure!(payload_first == payload_second, "the payloads differ of {}", what());
        Ok(())
    }

    /// Notes what a key is now, for later questions about what it once was.
    async fn remember(&mut self) -> Result<(), Failure> {
        let key = self.key();
        let [first, second] = self.stores;
        if let Some(first) = first.metadata.get(&key).await?
            && let Some(second) = second.metadata.get(&key).await?
        {
            self.stale.insert(key, [first, second]);
        }
        Ok(())
    }

    /// Opens an old reference: each engine has moved the payload or still reads the same bytes.
    async fn open_stale(&mut self) -> Result<(), Failure> {
        let key = self.key();
        let Some([first, second]) = self.stale.get(&key) else {
            return Ok(());
        };
        let [store_first, store_second] = self.stores;
        let first = read_stale(store_first, first).await?;
        let second = read_stale(store_second, second).await?;
        if let (Some(first), Some(second)) = (first, second) {
            super::ensure!(first == second, "an old reference to the payload of {key:?}");
        }
        Ok(())
    }

    async fn append_event(&mut self) -> Result<(), Failure> {
        let event = self.event(b'A');
        for store in self.stores {
            store.metadata.append_event(event.clone()).await?;
        }
        Ok(())
    }

    /// Compares all events. Those of batches are in the order of the batches, those alone in the
    /// order in which they were offered; how the two mix is the engine's choice.
    async fn compare_events(&mut self) -> Result<(), Failure> {
        let [first, second] = self.stores;
        let last = self.event(b'A');
        let first = events_until(first, &last).await?;
        let second = events_until(second, &last).await?;
        for kind in *b"AB" {
            let of_kind = |events: &[Bytes]| -> Vec<Bytes> {
                events.iter().filter(|event| event.first() == Some(&kind)).cloned().collect()
            };
            let (first, second) = (of_kind(&first), of_kind(&second));
            let same = first.iter().zip(&second).take_while(|(a, b)| a == b).count();
            super::ensure!(
                same == first.len() && same == second.len(),
                "{} and {} events of kind {kind}; they differ from place {same}",
                first.len(),
                second.len()
            );
        }
        Ok(())
    }

    fn key(&mut self) -> Bytes {
        let number = self.numbers.below(KEYS);
        let mut key = format!("{}/{}", number % 7, number).into_bytes();
        // Some long keys, and some that differ in their last byte only.
        if number.is_multiple_of(11) {
            key.resize(300, b'x');
        }
        key.push(u8::try_from(number % 3).unwrap_or_default());
        key.into()
    }

    fn range(&mut self) -> KeyRange {
        match self.numbers.below(4) {
            0 => KeyRange::prefix(format!("{}/", self.numbers.below(8)).as_bytes()),
            1 => KeyRange::prefix(&self.key()),
            2 => KeyRange { start: self.key(), end: None },
            _ => KeyRange { start: self.key(), end: Some(self.key()) },
        }
    }

    fn bytes(&mut self, length_max: u64) -> Bytes {
        let length = usize::try_from(self.numbers.below(length_max + 1)).unwrap_or_default();
        let mut bytes = vec![0; length];
        self.numbers.fill(&mut bytes);
        bytes.into()
    }

    fn event(&mut self, kind: u8) -> Bytes {
        let mut event = vec![kind];
        event.extend_from_slice(&self.numbers.draw().to_be_bytes());
        event.into()
    }

    fn blob_id(&mut self) -> BlobId {
        let mut bytes = [0; 16];
        self.numbers.fill(&mut bytes);
        BlobId::from_bytes(bytes)
    }
}

/// What a refusal says, apart from how an engine words it; a failure is no refusal.
fn refusal(error: &CommitError) -> Result<String, Failure> {
    match error {
        CommitError::Precondition { .. } | CommitError::Protected => Ok(format!("{error:?}")),
        CommitError::Store(StoreError::Invalid { .. }) => Ok("Invalid".to_owned()),
        CommitError::Store(_) | CommitError::Unknown => {
            Err(Failure::new(format_args!("a commit failed: {error:?}")))
        }
    }
}

async fn write_blob(store: &Store, blob_id: BlobId, bytes: &Bytes) -> Result<SealedBlob, Failure> {
    let mut writer = store.blobs.create(blob_id).await?;
    let half = bytes.len() / 2;
    writer.write(bytes.slice(..half)).await?;
    writer.write(bytes.slice(half..)).await?;
    Ok(writer.finish().await?)
}

async fn read_stale(store: &Store, entry: &Entry) -> Result<Option<Bytes>, Failure> {
    let Some(payload) = &entry.payload else {
        return Ok(None);
    };
    let length = usize::try_from(payload.stored_bytes()).map_err(Failure::new)?;
    let read = match store.blobs.open(payload).await {
        Ok(reader) => reader.read_at(0, length).await,
        Err(error) => Err(error),
    };
    match read {
        Ok(bytes) => Ok(Some(bytes)),
        Err(StoreError::Moved) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// All events of an engine, once the one that is appended now is durable.
async fn events_until(store: &Store, last: &Bytes) -> Result<Vec<Bytes>, Failure> {
    store.metadata.append_event(last.clone()).await?;
    let mut events = Vec::new();
    let mut after = Revision(0);
    for _ in 0..ROUNDS_MAX {
        let page = store.metadata.events(after, PAGE_ENTRIES).await?;
        let Some(newest) = page.last() else {
            // An empty batch pushes the queue along.
            store.metadata.commit(Batch::default()).await?;
            continue;
        };
        after = newest.revision;
        events.extend(page.into_iter().map(|stored| stored.event));
        if events.last() == Some(last) {
            return Ok(events);
        }
    }
    Err(Failure::new("an event never became durable"))
}

const KEYS: u64 = 200; // few enough that operations meet
const OPERATIONS_PER_COMPARISON: u64 = 2_000;
const PAGE_ENTRIES: usize = 100;
const ROUNDS_MAX: usize = 100_000; // an engine that drops an event would be asked for ever
