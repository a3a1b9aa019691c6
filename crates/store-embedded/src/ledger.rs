//! How much of each segment is still needed.

use std::collections::BTreeMap;

use crate::codec::{Fields, FieldsError, u32_of};
use crate::log::SegmentEnd;
use crate::record::{Home, Record};

/// The segments in use, by generation, and what is live in them.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Ledger {
    segments: BTreeMap<u64, SegmentAccount>,
}

/// What is known of one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SegmentAccount {
    /// Length of the file.
    pub(crate) segment_bytes: u64,
    /// The first byte behind its last group; grows while it is written.
    pub(crate) end: u64,
    /// The number of its last group.
    pub(crate) last_group: u64,
    /// The smallest LSN of any frame in it, relocated ones included.
    pub(crate) lsn_min: u64,
    /// Bytes of records whose home it is.
    pub(crate) live_bytes: u64,
    /// Bytes of removals in it, needed or not.
    pub(crate) removal_bytes: u64,
    pub(crate) state: SegmentUse,
}

/// What a segment is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SegmentUse {
    /// It holds records, or takes new ones.
    Live,
    /// All that was needed of it has been copied; it goes out of use after the next checkpoint.
    Emptied,
    /// The log says that it is out of use; its header is still to be wiped.
    Freed,
    /// Something in it could not be read back: it is kept as it is.
    Quarantined,
}

impl Ledger {
    /// Takes in a segment that is being begun.
    pub(crate) fn begin(&mut self, generation: u64, segment_bytes: u64, lsn_first: u64) {
        let account = SegmentAccount {
            segment_bytes,
            end: crate::log::FRAMES_START,
            last_group: 0,
            lsn_min: lsn_first,
            live_bytes: 0,
            removal_bytes: 0,
            state: SegmentUse::Live,
        };
        self.segments.insert(generation, account);
    }

    /// Forgets a segment that is out of use.
    pub(crate) fn remove(&mut self, generation: u64) {
        self.segments.remove(&generation);
    }

    /// The account of a segment.
    pub(crate) fn get(&self, generation: u64) -> Option<&SegmentAccount> {
        self.segments.get(&generation)
    }

    /// The account of a segment, to be changed.
    pub(crate) fn get_mut(&mut self, generation: u64) -> Option<&mut SegmentAccount> {
        self.segments.get_mut(&generation)
    }

    /// All segments in the order of their generations.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &SegmentAccount)> {
        self.segments.iter().map(|(generation, account)| (*generation, account))
    }

    /// A record found its home, or lost it.
    pub(crate) fn account(&mut self, old: Option<&Record>, new: Option<&Record>) {
        if let Some(home) = old.map(|record| record.home)
            && let Some(account) = self.segments.get_mut(&home.generation)
        {
            account.live_bytes = account.live_bytes.saturating_sub(home.bytes.into());
        }
        if let Some(home) = new.map(|record| record.home) {
            self.add(home);
        }
    }

    fn add(&mut self, home: Home) {
        if let Some(account) = self.segments.get_mut(&home.generation) {
            account.live_bytes = account.live_bytes.saturating_add(home.bytes.into());
        }
    }

    /// A frame with this LSN lies in a segment.
    pub(crate) fn note_lsn(&mut self, generation: u64, lsn: u64) {
        if let Some(account) = self.segments.get_mut(&generation) {
            account.lsn_min = account.lsn_min.min(lsn);
        }
    }

    /// A removal lies in a segment.
    pub(crate) fn note_removal(&mut self, generation: u64, bytes: u32) {
        if let Some(account) = self.segments.get_mut(&generation) {
            account.removal_bytes = account.removal_bytes.saturating_add(bytes.into());
        }
    }

    /// Whether a removal with this LSN, found in a segment, must be kept: some other segment may
    /// hold an older put of the same key.
    pub(crate) fn needs_removal(&self, lsn: u64, in_generation: u64) -> bool {
        self.iter()
            .any(|(generation, account)| generation != in_generation && account.lsn_min < lsn)
    }

    /// Bytes of all segments together, as far as they are written: starts leave long files with
    /// little in them.
    pub(crate) fn used_bytes(&self) -> u64 {
        self.segments.values().map(|account| account.end).sum()
    }

    /// The log says durably that a segment is out of use.
    pub(crate) fn note_freed(&mut self, generation: u64) {
        if let Some(account) = self.segments.get_mut(&generation) {
            account.state = SegmentUse::Freed;
        }
    }

    /// Where each segment ends, for the table of the next one. Without those that are freed: the
    /// frame that says so may be gone before the table is.
    pub(crate) fn ends(&self) -> Vec<SegmentEnd> {
        let end = |(generation, account): (u64, &SegmentAccount)| SegmentEnd {
            generation,
            end: account.end,
            last_group: account.last_group,
        };
        self.iter().filter(|(_, account)| account.state != SegmentUse::Freed).map(end).collect()
    }

    /// The ledger as a checkpoint keeps it: without segments that the checkpoint takes out of use.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let goes = |state| matches!(state, SegmentUse::Emptied | SegmentUse::Freed);
        let kept = || self.segments.iter().filter(|(_, account)| !goes(account.state));
        out.extend_from_slice(&u32_of(kept().count()).to_le_bytes());
        for (generation, account) in kept() {
            for number in [
                *generation,
                account.segment_bytes,
                account.end,
                account.last_group,
                account.lsn_min,
                account.live_bytes,
                account.removal_bytes,
            ] {
                out.extend_from_slice(&number.to_le_bytes());
            }
            out.push(u8::from(account.state == SegmentUse::Quarantined));
        }
    }

    /// Reads a ledger back.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Result<Self, FieldsError> {
        let mut ledger = Self::default();
        for _ in 0..fields.u32()? {
            let generation = fields.u64()?;
            let account = SegmentAccount {
                segment_bytes: fields.u64()?,
                end: fields.u64()?,
                last_group: fields.u64()?,
                lsn_min: fields.u64()?,
                live_bytes: fields.u64()?,
                removal_bytes: fields.u64()?,
                state: match fields.u8()? {
                    0 => SegmentUse::Live,
                    _ => SegmentUse::Quarantined,
                },
            };
            ledger.segments.insert(generation, account);
        }
        Ok(ledger)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removal_is_needed_while_another_segment_has_something_older() {
        let mut ledger = Ledger::default();
        ledger.begin(1, 100, 10);
        ledger.begin(2, 100, 20);
        assert!(ledger.needs_removal(15, 2));
        assert!(!ledger.needs_removal(15, 1));
        ledger.note_lsn(2, 3);
        assert!(ledger.needs_removal(15, 1), "a relocated frame is old");
        ledger.remove(2);
        assert!(!ledger.needs_removal(15, 1));
    }

    #[test]
    fn what_is_not_written_of_a_segment_is_not_used() {
        let mut ledger = Ledger::default();
        for generation in 1..9 {
            ledger.begin(generation, 1 << 24, generation * 10);
            ledger.get_mut(generation).unwrap().end = 5000;
        }
        assert_eq!(ledger.used_bytes(), 8 * 5000);
    }

    #[test]
    fn a_ledger_is_read_as_written_without_what_is_emptied() {
        let mut ledger = Ledger::default();
        for generation in 1..4 {
            ledger.begin(generation, 1 << 20, generation * 10);
        }
        ledger.get_mut(2).unwrap().state = SegmentUse::Emptied;
        ledger.get_mut(3).unwrap().state = SegmentUse::Quarantined;
        let mut out = Vec::new();
        ledger.encode(&mut out);
        let read = Ledger::decode(&mut Fields::new(&out)).unwrap();
        ledger.remove(2);
        assert_eq!(read, ledger);
    }
}
