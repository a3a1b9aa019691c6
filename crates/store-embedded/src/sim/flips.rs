//! Flipped bits: a small store, closed in order, of which one bit changes before it is opened.
//!
//! Whatever bit it is, the store must refuse to open, refuse to read what is damaged, repair it, or
//! be right: it must never give out something else than what was written.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use strongroom_crypto::{BlobId, Secret, StaticRootKey};
use strongroom_store::conformance::{Fixture, SplitMix, block_on};
use strongroom_store::{
    Batch, KeyRange, NewPayload, Protection, Revision, SealedBlob, StoreError, Write,
};
use tokio::sync::oneshot;

use crate::blobs::FileWriter;
use crate::commit::Request;
use crate::disk::{DiskPath, SimDisk};
use crate::engine::EngineOptions;
use crate::limits::EngineLimits;
use crate::machine::Machine;
use crate::open::{IndexKind, open_all};

/// Which files bits are flipped in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlipTarget {
    /// The segments of the log.
    Log,
    /// The key file.
    Keys,
    /// The index.
    Index,
    /// Payload files.
    Blobs,
    /// The event journal.
    Events,
}

/// What became of flipped bits.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct FlipStats {
    /// Bits that were flipped.
    pub flips: u64,
    /// The store did not open, and said why.
    pub refused: u64,
    /// A read was refused.
    pub detected: u64,
    /// Everything was right: repaired, or of no effect.
    pub right: u64,
}

/// A store that was closed in order.
#[derive(Debug)]
pub struct FlipWorld {
    disk: SimDisk,
    records: Vec<(Bytes, Bytes, Option<Bytes>)>,
    events: Vec<Bytes>,
}

impl FlipWorld {
    /// Makes a store.
    ///
    /// # Errors
    /// What failed.
    pub fn new() -> Result<Self, String> {
        let disk = SimDisk::new(1);
        let mut world = Self { disk, records: Vec::new(), events: Vec::new() };
        let machine = world.open(&world.disk.clone())?;
        for number in 0..RECORDS {
            world.write(&machine, number)?;
        }
        machine.end().map_err(|error| format!("the store did not end: {error:?}"))?;
        machine.index.close().map_err(|error| format!("the index did not end: {error:?}"))?;
        drop(machine);
        world.records.sort();
        Ok(world)
    }

    /// How many bits there are of some files.
    #[must_use]
    pub fn bits(&self, target: FlipTarget) -> u64 {
        self.files(target).iter().map(|(_, bits)| bits).sum()
    }

    /// The bits of some files that are not in a byte of zeros: those that mean something.
    #[must_use]
    pub fn bits_written(&self, target: FlipTarget) -> Vec<u64> {
        let mut found = Vec::new();
        let mut first = 0;
        for (path, bits) in self.files(target) {
            let bytes = self.disk.contents(&path).unwrap_or_default();
            let written = bytes.iter().zip(0..).filter(|(byte, _)| **byte != 0);
            found.extend(written.flat_map(|(_, at)| (0..8).map(move |bit| first + at * 8 + bit)));
            first += bits;
        }
        found
    }

    /// Flips one bit and looks at everything.
    ///
    /// # Errors
    /// What was given out that is wrong.
    pub fn flip(&self, target: FlipTarget, bit: u64, stats: &mut FlipStats) -> Result<(), String> {
        let disk = self.disk.duplicate();
        let mut rest = bit;
        for (path, bits) in self.files(target) {
            if rest < bits {
                disk.flip_bit(&path, rest);
                break;
            }
            rest -= bits;
        }
        stats.flips += 1;
        let wrong = |what: String| format!("bit {bit} of {target:?}: {what}");
        match self.look(&disk) {
            Ok(Seen::Refused) => stats.refused += 1,
            Ok(Seen::Right) => stats.right += 1,
            Ok(Seen::Detected) => {
                stats.detected += 1;
                // The index is built again by the next open, and is right then.
                if target == FlipTarget::Index && self.look(&disk.kill()) != Ok(Seen::Right) {
                    return Err(wrong("the index was not repaired".into()));
                }
            }
            Err(what) => return Err(wrong(what)),
        }
        Ok(())
    }

    fn files(&self, target: FlipTarget) -> Vec<(DiskPath, u64)> {
        let wanted = |path: &DiskPath| {
            let relative = path.relative();
            match target {
                FlipTarget::Log => relative.starts_with("log/"),
                FlipTarget::Keys => relative.starts_with("keys"),
                FlipTarget::Index => relative.starts_with("index"),
                FlipTarget::Blobs => relative.starts_with("blobs/"),
                FlipTarget::Events => relative.starts_with("events/"),
            }
        };
        let files = self.disk.files().into_iter().filter(wanted);
        let sized = files.map(|path| {
            let bytes = self.disk.contents(&path).map_or(0, |bytes| bytes.len());
            (path, bytes as u64 * 8)
        });
        sized.collect()
    }

    /// Reads everything and compares it with what was written.
    fn look(&self, disk: &SimDisk) -> Result<Seen, String> {
        let Ok(machine) = self.open(disk) else { return Ok(Seen::Refused) };
        let mut seen = Seen::Right;
        for (key, value, payload) in &self.records {
            match read(&machine, key) {
                Ok(Some((found, found_payload))) => {
                    if found != *value || found_payload != *payload {
                        return Err(format!("{key:?} is not what was written"));
                    }
                }
                Ok(None) => return Err(format!("{key:?} is gone")),
                Err(StoreError::Corrupt { .. } | StoreError::Io(_)) => seen = Seen::Detected,
                Err(error) => return Err(format!("{key:?}: {error:?}")),
            }
        }
        match machine.scan(&KeyRange::prefix(b""), 1000) {
            Ok(found) => {
                let values = self.records.iter().map(|(key, value, _)| (key, value));
                if !found.iter().map(|(key, entry)| (key, &entry.value)).eq(values) {
                    return Err("a scan is not what was written".into());
                }
            }
            Err(StoreError::Corrupt { .. } | StoreError::Io(_)) => seen = Seen::Detected,
            Err(error) => return Err(format!("a scan: {error:?}")),
        }
        match machine.events(Revision(0), 1000) {
            Ok(found) => {
                if !found.iter().map(|event| &event.event).eq(&self.events) {
                    return Err("the events are not what was written".into());
                }
            }
            Err(StoreError::Corrupt { .. } | StoreError::Io(_)) => seen = Seen::Detected,
            Err(error) => return Err(format!("events: {error:?}")),
        }
        Ok(seen)
    }

    fn open(&self, disk: &SimDisk) -> Result<Machine, String> {
        let fixture = Fixture::new(5);
        let entropy = Arc::clone(&fixture.entropy);
        let root_key = Secret::from_bytes([9; 32]);
        let options = EngineOptions {
            disk: Arc::new(disk.clone()),
            key_path: DiskPath::keys("keys"),
            root_key: Arc::new(StaticRootKey::new(root_key, Arc::clone(&entropy) as _)),
            entropy: entropy as _,
            clock: fixture.clock as _,
            limits: limits(),
        };
        let (machine, _) =
            open_all(options, IndexKind::Drive).map_err(|error| format!("{error:?}"))?;
        Ok(machine)
    }

    fn write(&mut self, machine: &Machine, number: u64) -> Result<(), String> {
        let key = Bytes::from(format!("key-{number}"));
        let value = Bytes::from(format!("value of {number}"));
        let event = Bytes::from(format!("event of {number}"));
        let mut bytes = vec![0; 40 + usize::try_from(number).unwrap_or(0) * 60];
        SplitMix::new(number).fill(&mut bytes);
        let bytes = Bytes::from(bytes);
        let (payload, expected) = match number % 4 {
            0 => (NewPayload::None, None),
            1 => (NewPayload::Blob(blob(machine, number, &bytes)?), Some(bytes)),
            _ => (NewPayload::Inline(bytes.clone()), Some(bytes)),
        };
        let mut writes = vec![Write::Put {
            key: key.clone(),
            value: value.clone(),
            payload,
            protection: Protection::default(),
        }];
        if number == RECORDS - 1 {
            let (removed, _, _) = self.records.remove(0);
            writes.push(Write::Delete { key: removed });
        }
        let batch = Batch { writes, event: Some(event.clone()), ..Batch::default() };
        let (answer, mut answered) = oneshot::channel();
        let request = Request::Batch { batch, kept: Vec::new(), answer, permit: None };
        machine.commit_group(&mut VecDeque::from([request]));
        match answered.try_recv() {
            Ok(Ok(_)) => {}
            other => return Err(format!("a commit was answered {other:?}")),
        }
        self.records.push((key, value, expected));
        self.events.push(event);
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Refused,
    Detected,
    Right,
}

type Found = Option<(Bytes, Option<Bytes>)>;

fn read(machine: &Machine, key: &[u8]) -> Result<Found, StoreError> {
    let Some(entry) = machine.get(key)? else { return Ok(None) };
    let Some(payload) = entry.payload else { return Ok(Some((entry.value, None))) };
    let reader = machine.open_payload(&payload)?;
    let length = usize::try_from(reader.stored_bytes()).unwrap_or(usize::MAX);
    let bytes = block_on(reader.read_at(0, length))?;
    Ok(Some((entry.value, Some(bytes))))
}

fn blob(machine: &Machine, number: u64, bytes: &Bytes) -> Result<SealedBlob, String> {
    let blob_id = BlobId::from_bytes(u128::from(number).to_le_bytes());
    let written = FileWriter::new(Arc::clone(&machine.blobs), blob_id).and_then(|mut writer| {
        writer.write(bytes)?;
        writer.finish()
    });
    let lease = written.map_err(|error| format!("writing a blob: {error:?}"))?;
    let stored_bytes = lease.stored_bytes();
    Ok(SealedBlob { blob_id, stored_bytes, adoption: Arc::new(lease) })
}

fn limits() -> EngineLimits {
    EngineLimits {
        segment_bytes_first: 32 * 1024,
        segment_bytes_max: 32 * 1024,
        blob_pool_files: 1,
        free_bytes_min: 0,
        reserve_bytes: 0,
        segments_prewritten: false,
        ..EngineLimits::default()
    }
}

const RECORDS: u64 = 12;
