//! What the log says after a start: which segments count, what they hold, where the log ends.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use strongroom_crypto::{AeadError, Secret};

use super::body::decode_freed;
use super::scan::{Group, later_group_exists, start_of, unknown_group_exists};
use super::segment::LOG_DIR;
use super::{
    FrameKind, GroupReader, GroupStop, Position, SealedFrame, SegmentEnd, SegmentFile,
    SegmentHeader, SegmentState, read_segment, segment_path,
};
use crate::disk::{Disk, DiskFile, DiskPath};

/// Every segment file that there is.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    /// By generation.
    pub(crate) used: BTreeMap<u64, Arc<SegmentFile>>,
    /// Files without a header: ready for use, or being made when the power failed.
    pub(crate) blank: Vec<(u64, Arc<dyn DiskFile>)>,
    /// Files whose header is neither whole nor blank.
    pub(crate) damaged: Vec<(u64, Arc<dyn DiskFile>)>,
    /// No file has this number or a greater one.
    pub(crate) file_number_next: u64,
}

/// From where to replay: what the last checkpoint knew.
#[derive(Debug, Clone)]
pub(crate) struct ReplayStart {
    /// The index holds everything before this place and nothing behind it.
    pub(crate) position: Position,
    /// The segments before that place which were in use.
    pub(crate) closed: Vec<SegmentEnd>,
}

/// What a replay found.
#[derive(Debug)]
pub(crate) struct Replayed {
    /// All segments that count; none of them is written again.
    pub(crate) ends: Vec<SegmentEnd>,
    /// The last group, which may have been in the page cache only. It was not given to `apply` and
    /// must be written again as part of the first group of the next segment.
    pub(crate) last_group: Vec<SealedFrame>,
    /// From where the next segment continues.
    pub(crate) continues: Position,
    /// No frame and no header has a greater LSN.
    pub(crate) lsn_max: u64,
    /// No segment has a greater generation.
    pub(crate) generation_max: u64,
    /// Segments that do not count, although their header is whole: they can be wiped.
    pub(crate) leftovers: Vec<u64>,
}

/// Why the log cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    /// The drive failed.
    #[error("the drive failed while the log was read")]
    Io(#[from] io::Error),
    /// Acknowledged bytes are damaged or missing.
    #[error("the log is damaged: {what}")]
    Corrupt {
        /// What, and where.
        what: String,
    },
    /// The crypto library failed.
    #[error(transparent)]
    Crypto(#[from] AeadError),
}

impl Inventory {
    /// Opens every segment file.
    pub(crate) fn take(disk: &dyn Disk, log_key: &Secret<32>) -> Result<Self, LogError> {
        let mut inventory = Self { file_number_next: 1, ..Self::default() };
        for name in disk.list(&DiskPath::data(LOG_DIR))? {
            let number = name.strip_suffix(".seg").and_then(|stem| stem.parse::<u64>().ok());
            let Some(number) = number else { continue };
            inventory.file_number_next = inventory.file_number_next.max(number + 1);
            let file = disk.open(&segment_path(number))?;
            match read_segment(&*file)? {
                SegmentState::Blank => inventory.blank.push((number, file)),
                SegmentState::Damaged => inventory.damaged.push((number, file)),
                SegmentState::Used(header) => {
                    let segment = SegmentFile::new(header, number, file, log_key)?;
                    let other = inventory.used.insert(header.generation, Arc::new(segment));
                    if other.is_some() {
                        return Err(corrupt(
                            header.generation,
                            "two segments have this generation",
                        ));
                    }
                }
            }
        }
        Ok(inventory)
    }
}

/// Reads the log from a checkpoint on, or all of it, and hands every batch that counts to `apply`
/// in the order of the log.
pub(crate) fn replay(
    inventory: &Inventory,
    start: Option<&ReplayStart>,
    log_key: &Secret<32>,
    apply: &mut dyn FnMut(&SegmentFile, &SealedFrame) -> Result<(), LogError>,
) -> Result<Replayed, LogError> {
    let start_generation = start.map_or(0, |start| start.position.generation);
    let void = void_segments(inventory, start)?;
    let counting: Vec<&Arc<SegmentFile>> =
        inventory.used.values().filter(|segment| !void.contains(&segment.generation())).collect();
    let newest = counting.last().copied();
    check_damaged(inventory, newest.map_or(0, |segment| segment.generation()), log_key)?;

    let known = known_ends(newest, start)?;
    let mut state = Replayed {
        ends: Vec::new(),
        last_group: Vec::new(),
        continues: start.map_or(NOTHING, |start| start.position),
        lsn_max: 0,
        generation_max: start_generation,
        leftovers: Vec::new(),
    };
    for segment in inventory.used.values() {
        state.generation_max = state.generation_max.max(segment.generation());
        state.lsn_max = state.lsn_max.max(segment.header.lsn_first);
    }

    let mut freed = BTreeSet::new();
    for segment in &counting {
        let generation = segment.generation();
        let is_newest = newest.is_some_and(|newest| newest.generation() == generation);
        let end = match start {
            // The checkpoint has the last word on what came before it.
            Some(start) if generation < start_generation => {
                match start.closed.iter().find(|end| end.generation == generation) {
                    Some(end) => state.ends.push(*end),
                    None => state.leftovers.push(generation),
                }
                continue;
            }
            _ => known.get(&generation).copied(),
        };
        if end.is_none() && !is_newest {
            state.leftovers.push(generation);
            continue;
        }
        let from = match start {
            Some(start) if generation == start_generation => start.position,
            Some(_) => chained(segment, state.continues)?,
            None => start_of(segment),
        };
        let limit = if is_newest { None } else { end };
        let mut walk = Walk { state: &mut state, freed: &mut freed, apply };
        walk.segment(segment, from, limit)?;
    }
    state.leftovers.extend(void);
    let expected: Vec<u64> = match start {
        None => known.keys().filter(|generation| !freed.contains(generation)).copied().collect(),
        Some(start) => {
            let since = known.keys().filter(|generation| **generation >= start_generation);
            start.closed.iter().map(|end| &end.generation).chain(since).copied().collect()
        }
    };
    match expected.iter().find(|generation| !inventory.used.contains_key(generation)) {
        Some(missing) => Err(corrupt(*missing, "the segment is missing")),
        None => Ok(state),
    }
}

struct Walk<'a> {
    state: &'a mut Replayed,
    freed: &'a mut BTreeSet<u64>,
    apply: &'a mut dyn FnMut(&SegmentFile, &SealedFrame) -> Result<(), LogError>,
}

impl Walk<'_> {
    /// Reads a segment up to its known end, or the newest one as far as it goes.
    fn segment(
        &mut self,
        segment: &SegmentFile,
        from: Position,
        limit: Option<SegmentEnd>,
    ) -> Result<(), LogError> {
        let generation = segment.generation();
        let mut reader = GroupReader::from_position(segment, from)?;
        let mut held: Option<Group> = None;
        loop {
            let at = reader.position();
            if let Some(limit) = limit
                && at.offset >= limit.end
            {
                if (at.offset, at.group) != (limit.end, limit.last_group) {
                    return Err(corrupt(generation, "a segment does not end where it should"));
                }
                break;
            }
            match reader.next_group() {
                Ok(group) => {
                    if let Some(earlier) = held.replace(group) {
                        self.group(segment, &earlier)?;
                    }
                }
                Err(GroupStop::Io(error)) => return Err(error.into()),
                Err(GroupStop::Bad(what)) if limit.is_some() => {
                    return Err(corrupt(generation, what));
                }
                Err(GroupStop::Bad(what)) => {
                    if later_group_exists(segment, at)? {
                        return Err(corrupt(generation, what));
                    }
                    break;
                }
            }
        }
        let mut end = reader.position();
        match (held, limit) {
            (Some(last), None) => {
                // This group may not be durable: it is cut here, and written again.
                end = last.start;
                for frame in &last.frames {
                    self.note(frame)?;
                }
                self.state.last_group = last.frames;
            }
            (Some(last), Some(_)) => self.group(segment, &last)?,
            (None, _) => {}
        }
        self.state.continues = end;
        if end.offset == start_of(segment).offset {
            // Nothing of it counts, and even its header may be in the page cache only: later
            // starts must not miss it.
            self.state.leftovers.push(generation);
        } else {
            let last_group = end.group;
            self.state.ends.push(SegmentEnd { generation, end: end.offset, last_group });
        }
        Ok(())
    }

    fn group(&mut self, segment: &SegmentFile, group: &Group) -> Result<(), LogError> {
        for frame in &group.frames {
            self.note(frame)?;
            if matches!(frame.header.kind, FrameKind::Batch | FrameKind::Relocated) {
                (self.apply)(segment, frame)?;
            }
        }
        Ok(())
    }

    fn note(&mut self, frame: &SealedFrame) -> Result<(), LogError> {
        self.state.lsn_max = self.state.lsn_max.max(frame.header.lsn);
        if frame.header.kind == FrameKind::Freed {
            let generations = decode_freed(&frame.plaintext)
                .map_err(|error| corrupt(frame.header.generation, &error.to_string()))?;
            self.freed.extend(generations);
        }
        Ok(())
    }
}

/// Segments whose first group is not whole: the power failed while they were begun, nothing in
/// them was acknowledged, and what their header says of the segment before is void.
fn void_segments(
    inventory: &Inventory,
    start: Option<&ReplayStart>,
) -> Result<BTreeSet<u64>, LogError> {
    let start_generation = start.map_or(0, |start| start.position.generation);
    let mut void = BTreeSet::new();
    for (generation, segment) in inventory.used.range(start_generation + 1..) {
        let mut reader = GroupReader::from_start(segment)?;
        match reader.next_group() {
            Ok(_) => {}
            Err(GroupStop::Io(error)) => return Err(error.into()),
            Err(GroupStop::Bad(what)) => {
                if later_group_exists(segment, start_of(segment))? {
                    return Err(corrupt(*generation, what));
                }
                void.insert(*generation);
            }
        }
    }
    Ok(void)
}

/// Where each segment but the newest ends: the first frame of the newest one says it, or the
/// checkpoint if nothing was begun since.
fn known_ends(
    newest: Option<&Arc<SegmentFile>>,
    start: Option<&ReplayStart>,
) -> Result<BTreeMap<u64, SegmentEnd>, LogError> {
    let by_generation = |ends: Vec<SegmentEnd>| -> BTreeMap<u64, SegmentEnd> {
        ends.into_iter().map(|end| (end.generation, end)).collect()
    };
    let Some(newest) = newest else {
        return match start {
            Some(start) => Err(corrupt(start.position.generation, "the segment is missing")),
            None => Ok(BTreeMap::new()),
        };
    };
    if let Some(start) = start {
        if newest.generation() < start.position.generation {
            return Err(corrupt(start.position.generation, "the segment is missing"));
        }
        if newest.generation() == start.position.generation {
            return Ok(by_generation(start.closed.clone()));
        }
    }
    let group = match GroupReader::from_start(newest)?.next_group() {
        Ok(group) => group,
        Err(GroupStop::Io(error)) => return Err(error.into()),
        Err(GroupStop::Bad(what)) => return Err(corrupt(newest.generation(), what)),
    };
    let first = group.frames.first();
    let table = first
        .filter(|frame| frame.header.kind == FrameKind::Table)
        .and_then(|frame| SegmentEnd::decode_table(&frame.plaintext).ok())
        .ok_or_else(|| corrupt(newest.generation(), "the table of segments is missing"))?;
    Ok(by_generation(table))
}

/// The place before a segment, if it continues where the one before it ended.
fn chained(segment: &SegmentFile, before: Position) -> Result<Position, LogError> {
    let start = start_of(segment);
    if (start.group, start.tag) != (before.group, before.tag) {
        return Err(corrupt(segment.generation(), "the segment does not continue the one before"));
    }
    Ok(start)
}

/// A header that is neither whole nor blank is a segment that was being begun or wiped when the
/// power failed, unless there is more in it than a first group.
fn check_damaged(
    inventory: &Inventory,
    newest_generation: u64,
    log_key: &Secret<32>,
) -> Result<(), LogError> {
    for (number, file) in &inventory.damaged {
        let header = SegmentHeader {
            generation: 0,
            salt: [0; 32],
            lsn_first: 0,
            continues_group: 0,
            continues_tag: [0; 16],
            segment_bytes: file.len()?,
        };
        let segment = SegmentFile::new(header, *number, Arc::clone(file), log_key)?;
        if unknown_group_exists(&segment, newest_generation)? {
            let what = format!("both headers of segment file {number} are damaged");
            return Err(LogError::Corrupt { what });
        }
    }
    Ok(())
}

fn corrupt(generation: u64, what: &str) -> LogError {
    LogError::Corrupt { what: format!("segment {generation}: {what}") }
}

/// Before the first segment of a new log.
const NOTHING: Position = Position { generation: 0, offset: 0, group: 0, tag: [0; 16] };
