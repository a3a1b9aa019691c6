//! The group commit: judges what is queued, writes it with one call, syncs it once, makes it
//! visible, answers.

use std::collections::VecDeque;
use std::io;

use strongroom_store::{CommitError, Committed, Revision, StoreError, StoredEvent};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::judge::{Judge, Verdict, record_of};
use super::{Changes, Relocation, RelocationItem, Request};
use crate::blobs::BlobFiles;
use crate::chores::room_error;
use crate::ledger::Ledger;
use crate::log::{
    Body, FrameKind, GROUP_BYTES_MAX, GROUP_FRAMES_MAX, GroupBuilder, Item, ItemPayload,
    SealedGroup, SegmentStart, Writer, WriterError, encode_freed,
};
use crate::machine::{Machine, Room};
use crate::record::{Change, Home, Record};
use crate::segments::FreeSegment;

/// What only the committer changes.
#[derive(Debug)]
pub(crate) struct LogState {
    pub(crate) writer: Writer,
    pub(crate) ledger: Ledger,
    pub(crate) lsn_next: u64,
    pub(crate) generation_next: u64,
    /// Bytes of log since the last checkpoint began.
    pub(crate) bytes_since_checkpoint: u64,
    /// Whether the current segment is one of the reserve.
    pub(crate) on_reserve: bool,
    /// The memory of the last group.
    pub(crate) buffer: Vec<u8>,
}

/// A request that was judged, and goes into the group.
#[derive(Debug)]
struct Staged {
    lsn: u64,
    frame: StagedFrame,
    answer: Answer,
    /// Room in the queue, given back when the group is durable.
    permit: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
enum StagedFrame {
    Changes { kind: FrameKind, body: Body, replaced: Vec<Option<Change>> },
    Freed(Vec<u64>),
}

#[derive(Debug)]
enum Answer {
    Batch(oneshot::Sender<Result<Committed, CommitError>>),
    Internal(oneshot::Sender<Result<(), CommitError>>),
    Nobody,
}

/// A group while requests are judged for it.
#[derive(Debug, Default)]
struct Group {
    staged: Vec<Staged>,
    /// Refusals: answered after the sync, because what decided them may be in this group.
    refused: Vec<(Answer, CommitError)>,
    /// Relocations that are not needed any more, perhaps because of this group: answered as those.
    unneeded: Vec<Answer>,
    pending: Changes,
    bytes: u64,
}

/// Where the frames of a group lie: the frame, and its inline payloads.
#[derive(Debug)]
struct Placed {
    frame: u64,
    payloads: Vec<u32>,
}

impl Machine {
    /// Commits one group of what is queued. Answers `false` if nothing could be done: the drive is
    /// full, and what is queued are events, which wait.
    pub(crate) fn commit_group(&self, queue: &mut VecDeque<Request>) -> bool {
        if let Some(reason) = self.stopped() {
            for request in queue.drain(..) {
                request.refuse(|| StoreError::Stopped { reason: reason.clone() }.into());
            }
            return true;
        }
        let mut log = self.log.lock();
        let log = &mut *log;
        if log.on_reserve && !self.segments.wants_more() {
            log.on_reserve = false;
        }
        if self.is_stuck() {
            return refuse_first(queue, || StoreError::Full);
        }
        let Some(first) = queue.front() else { return true };
        let bytes = first.frame_bytes();
        let fresh = if bytes > log.room() {
            match self.next_segment(log, room_for(first)) {
                Ok(segment) => Some(segment),
                Err(error) => return refuse_first(queue, || room_error(error)),
            }
        } else {
            None
        };
        let room = fresh.as_ref().map_or(log.room(), |segment| segment.room(&log.ledger));
        if bytes > room {
            if let Some(fresh) = fresh {
                self.segments.give_back(fresh);
            }
            let what = "the batch is larger than a segment of the log";
            return refuse_first(queue, || StoreError::Invalid { what });
        }
        let mut group = Group::default();
        let lsn_first = log.lsn_next;
        let on_reserve = fresh.as_ref().map_or(log.on_reserve, |segment| segment.of_reserve);
        self.judge_all(log, queue, &mut group, (room, on_reserve));
        if group.staged.is_empty() {
            if let Some(fresh) = fresh {
                self.segments.give_back(fresh);
            }
            group.answer(&Ok(()));
            return true;
        }
        let written = self.write_group(log, &group.staged, fresh, lsn_first);
        match written {
            Ok((sealed, placed)) => {
                self.publish(log, &mut group, &sealed, placed);
                log.buffer = sealed.into_buffer();
                group.answer(&Ok(()));
            }
            Err(error) => {
                let reason = describe(&error);
                self.stop(&reason);
                group.answer(&Err(reason));
            }
        }
        true
    }

    fn judge_all(
        &self,
        log: &mut LogState,
        queue: &mut VecDeque<Request>,
        group: &mut Group,
        (room, on_reserve): (u64, bool),
    ) {
        let now_seconds = self.clock.now().seconds();
        while let Some(request) = queue.front() {
            let bytes = request.frame_bytes();
            let full = group.staged.len() >= GROUP_FRAMES_MAX
                || group.bytes + bytes > room
                || (group.bytes > 0 && group.bytes + bytes > GROUP_BYTES_MAX as u64);
            if full {
                return;
            }
            let Some(request) = queue.pop_front() else { return };
            let only_removals = on_reserve || self.is_short_of_room();
            self.judge_one(log, request, group, (now_seconds, only_removals, bytes));
        }
    }

    fn judge_one(
        &self,
        log: &mut LogState,
        request: Request,
        group: &mut Group,
        (now_seconds, only_removals, bytes): (u64, bool, u64),
    ) {
        let judge = Judge {
            pending: &group.pending,
            overlay: &self.overlay,
            index: &*self.index,
            now_seconds,
            only_removals,
        };
        match request {
            Request::Batch { batch, kept, answer, permit } => match judge.batch(batch, kept) {
                Err(error) => group.refused.push((Answer::Batch(answer), error)),
                Ok(verdict) => {
                    let lsn = log.next_lsn();
                    for lease in &verdict.leases {
                        lease.own();
                    }
                    let changes: Vec<_> = verdict.changes(lsn).collect();
                    group.pending.extend(changes);
                    let Verdict { body, replaced, .. } = verdict;
                    let frame = StagedFrame::Changes { kind: FrameKind::Batch, body, replaced };
                    let answer = Answer::Batch(answer);
                    group.stage(Staged { lsn, frame, answer, permit }, bytes);
                }
            },
            Request::Event { event, permit } => {
                let lsn = log.next_lsn();
                let body = Body { items: Vec::new(), event: Some(event) };
                let kind = FrameKind::Batch;
                let frame = StagedFrame::Changes { kind, body, replaced: Vec::new() };
                group.stage(Staged { lsn, frame, answer: Answer::Nobody, permit }, bytes);
            }
            Request::Relocate { relocation, answer } => {
                let lsn = relocation.lsn;
                match still_live(&judge, &log.ledger, relocation) {
                    Err(error) => group.refused.push((Answer::Internal(answer), error.into())),
                    Ok(live) if live.is_empty() => group.unneeded.push(Answer::Internal(answer)),
                    Ok(live) => {
                        let (items, replaced) = live.into_iter().unzip();
                        let body = Body { items, event: None };
                        let kind = FrameKind::Relocated;
                        let frame = StagedFrame::Changes { kind, body, replaced };
                        let answer = Answer::Internal(answer);
                        group.stage(Staged { lsn, frame, answer, permit: None }, bytes);
                    }
                }
            }
            Request::Freed { generations, answer } => {
                let lsn = log.next_lsn();
                let frame = StagedFrame::Freed(generations);
                let answer = Answer::Internal(answer);
                group.stage(Staged { lsn, frame, answer, permit: None }, bytes);
            }
        }
    }

    /// Writes the group, in a new segment if there must be one. A write that fails closes the
    /// segment: the group is written once more, in another segment that continues before it.
    fn write_group(
        &self,
        log: &mut LogState,
        staged: &[Staged],
        fresh: Option<FreeSegment>,
        lsn_first: u64,
    ) -> Result<(SealedGroup, Vec<Placed>), WriterError> {
        let (sealed, placed) = match fresh {
            Some(segment) => return self.write_first_group(log, staged, segment, lsn_first),
            None => {
                let mut builder = log.writer.begin(std::mem::take(&mut log.buffer));
                let placed = fill(&mut builder, staged);
                (builder.finish()?, placed)
            }
        };
        match sealed.write() {
            Ok(()) => {
                log.writer.advance(&sealed);
                Ok((sealed, placed))
            }
            Err(WriterError::Write(error)) => {
                tracing::error!(%error, "a write to the log failed; its segment is closed");
                let segment = self.next_segment(log, Room::Relocation);
                let segment = segment.or_else(|_| self.segment_of_last_resort());
                let segment = segment.map_err(|_| WriterError::Write(error))?;
                self.write_first_group(log, staged, segment, lsn_first)
            }
            Err(error) => Err(error),
        }
    }

    fn write_first_group(
        &self,
        log: &mut LogState,
        staged: &[Staged],
        segment: FreeSegment,
        lsn_first: u64,
    ) -> Result<(SealedGroup, Vec<Placed>), WriterError> {
        let start = SegmentStart {
            generation: log.generation_next,
            lsn_first,
            continues: log.writer.position(),
            segment_bytes: segment.segment_bytes,
        };
        log.generation_next += 1;
        let mut builder = GroupBuilder::begin_segment(
            start,
            segment.file_number,
            segment.file,
            (&self.log_key, &*self.entropy),
            &log.ledger.ends(),
        )?;
        let placed = fill(&mut builder, staged);
        let sealed = builder.finish()?;
        sealed.write()?;
        log.writer.advance(&sealed);
        log.on_reserve = segment.of_reserve;
        log.ledger.begin(start.generation, start.segment_bytes, lsn_first);
        self.segments.add(sealed.segment());
        Ok((sealed, placed))
    }

    /// Makes a durable group visible, and settles what it replaced.
    fn publish(
        &self,
        log: &mut LogState,
        group: &mut Group,
        sealed: &SealedGroup,
        placed: Vec<Placed>,
    ) {
        let generation = sealed.segment().generation();
        let end = sealed.end();
        if let Some(account) = log.ledger.get_mut(generation) {
            log.bytes_since_checkpoint += end.offset.saturating_sub(account.end);
            account.end = end.offset;
            account.last_group = end.group;
        }
        let mut changes = Changes::new();
        let mut events = Vec::new();
        let mut released = Vec::new();
        for (staged, placed) in group.staged.iter_mut().zip(placed) {
            let (kind, body, replaced) = match &mut staged.frame {
                StagedFrame::Changes { kind, body, replaced } => (kind, body, replaced),
                StagedFrame::Freed(generations) => {
                    generations.iter().for_each(|freed| log.ledger.note_freed(*freed));
                    continue;
                }
            };
            let frame = u32::try_from(placed.frame).unwrap_or(u32::MAX);
            let mut payloads = placed.payloads.into_iter();
            log.ledger.note_lsn(generation, staged.lsn);
            for (item, replaced) in body.items.iter().zip(replaced.drain(..)) {
                let home = Home { generation, frame, bytes: item.accounted_bytes() };
                let new = placed_record(item, staged.lsn, home, &mut payloads);
                let old = changes.get(item.key()).cloned().or(replaced);
                let old = old.and_then(|change| change.record);
                if new.is_none() {
                    log.ledger.note_removal(generation, home.bytes);
                    if *kind == FrameKind::Relocated {
                        continue; // a removal that is copied changes nothing
                    }
                }
                released.extend(settle(&mut log.ledger, old.as_ref(), new.as_ref(), &self.blobs));
                let change = Change { lsn: staged.lsn, record: new };
                changes.insert(item.key().clone(), change);
            }
            if let Some(event) = body.event.take() {
                events.push(StoredEvent { revision: Revision(staged.lsn), event });
            }
        }
        self.overlay.publish(changes, events);
        // Only now does no reader find a record that owned one of these files.
        for file in released {
            self.blobs.release(file);
        }
    }

    /// A segment out of the room that is kept for the index: without one the engine has to stop.
    fn segment_of_last_resort(&self) -> io::Result<FreeSegment> {
        self.reserve.release()?;
        let wanted = self.limits.segment_bytes_first;
        self.segments.make(wanted)?;
        self.segments.take(wanted, Room::Relocation)
    }

    /// A segment for the next group, if there is one for this purpose.
    fn next_segment(&self, log: &mut LogState, room: Room) -> io::Result<FreeSegment> {
        let wanted = self.segment_bytes_wanted(&log.ledger);
        self.segments.take(wanted, room)
    }
}

impl LogState {
    /// Bytes that a group may have in the current segment.
    fn room(&self) -> u64 {
        self.writer.room_bytes()
    }

    fn next_lsn(&mut self) -> u64 {
        let lsn = self.lsn_next;
        self.lsn_next += 1;
        lsn
    }
}

impl Group {
    fn stage(&mut self, staged: Staged, bytes: u64) {
        self.bytes += bytes;
        self.staged.push(staged);
    }

    /// Answers everybody. After a failed write or sync the outcome of what was staged is unknown,
    /// and a refusal may have been decided by it.
    fn answer(self, outcome: &Result<(), String>) {
        let stopped = |reason: &String| StoreError::Stopped { reason: reason.clone() };
        for (answer, error) in self.refused {
            let error = match outcome {
                Ok(()) => error,
                Err(reason) => stopped(reason).into(),
            };
            answer.refuse(error);
        }
        for answer in self.unneeded {
            match (answer, outcome) {
                (Answer::Internal(answer), Ok(())) => drop(answer.send(Ok(()))),
                (answer, _) => answer.refuse(CommitError::Unknown),
            }
        }
        for staged in self.staged {
            drop(staged.permit);
            match (staged.answer, outcome) {
                (answer, Err(_)) => answer.refuse(CommitError::Unknown),
                (Answer::Batch(answer), Ok(())) => {
                    let revision = Revision(staged.lsn);
                    drop(answer.send(Ok(Committed { revision })));
                }
                (Answer::Internal(answer), Ok(())) => drop(answer.send(Ok(()))),
                (Answer::Nobody, Ok(())) => {}
            }
        }
    }
}

impl Answer {
    // A caller that has gone away does not want its answer.
    fn refuse(self, error: CommitError) {
        match self {
            Self::Batch(answer) => drop(answer.send(Err(error))),
            Self::Internal(answer) => drop(answer.send(Err(error))),
            Self::Nobody => {}
        }
    }
}

/// A record comes, goes or changes its place: counts its bytes and adopts its file. Answers the
/// file that is to be released when readers see the change.
fn settle(
    ledger: &mut Ledger,
    old: Option<&Record>,
    new: Option<&Record>,
    blobs: &BlobFiles,
) -> Option<u64> {
    ledger.account(old, new);
    let (old_file, new_file) = (old.and_then(Record::blob_file), new.and_then(Record::blob_file));
    if old_file == new_file {
        return None;
    }
    if let Some(file) = new_file {
        blobs.adopt(file);
    }
    old_file
}

fn fill(builder: &mut GroupBuilder, staged: &[Staged]) -> Vec<Placed> {
    let mut placed = Vec::with_capacity(staged.len());
    for staged in staged {
        let mut payloads = Vec::new();
        let frame = match &staged.frame {
            StagedFrame::Changes { kind, body, .. } => {
                builder.push(*kind, staged.lsn, body, |at| payloads.push(at))
            }
            StagedFrame::Freed(generations) => {
                builder.push_plain(FrameKind::Freed, staged.lsn, &encode_freed(generations))
            }
        };
        placed.push(Placed { frame, payloads });
    }
    placed
}

/// The record that an item makes, at its place.
pub(crate) fn placed_record(
    item: &Item,
    lsn: u64,
    home: Home,
    payloads: &mut impl Iterator<Item = u32>,
) -> Option<Record> {
    let inline = matches!(item, Item::Put { payload: ItemPayload::Inline(_), .. });
    let body_offset = if inline { payloads.next() } else { None };
    let mut record = record_of(item, lsn, body_offset)?;
    record.home = home;
    Some(record)
}

/// The changes of a relocation that are still needed, and what they replace.
fn still_live(
    judge: &Judge<'_>,
    ledger: &Ledger,
    relocation: Relocation,
) -> Result<Vec<(Item, Option<Change>)>, StoreError> {
    let Relocation { generation, frame, lsn, items } = relocation;
    let mut live = Vec::new();
    for RelocationItem(item) in items {
        let current = judge.current(item.key())?;
        let wanted = match (&item, current.as_ref().and_then(|change| change.record.as_ref())) {
            (Item::Put { .. }, Some(record)) => {
                record.revision == lsn
                    && record.home.generation == generation
                    && record.home.frame == frame
            }
            (Item::Put { .. }, None) => false,
            // A record that came later hides everything older by its own LSN.
            (Item::Delete { .. }, Some(_)) => false,
            (Item::Delete { .. }, None) => ledger.needs_removal(lsn, generation),
        };
        if wanted {
            live.push((item, current));
        }
    }
    Ok(live)
}

/// Answers the first request, unless it is an event: its caller has been told that it is queued,
/// so it goes on to wait behind the others.
fn refuse_first(queue: &mut VecDeque<Request>, error: impl FnOnce() -> StoreError) -> bool {
    let events = |request: &Request| matches!(request, Request::Event { .. });
    if queue.front().is_some_and(events) {
        let others = !queue.iter().all(events);
        queue.rotate_left(1);
        return others;
    }
    if let Some(request) = queue.pop_front() {
        request.refuse(|| error().into());
    }
    true
}

fn room_for(request: &Request) -> Room {
    match request {
        Request::Batch { batch, .. } if batch.writes.iter().all(is_removal) => Room::Removal,
        Request::Batch { .. } => Room::Any,
        Request::Event { .. } => Room::Removal,
        Request::Relocate { .. } | Request::Freed { .. } => Room::Relocation,
    }
}

fn is_removal(write: &strongroom_store::Write) -> bool {
    use strongroom_store::{NewPayload, Write};
    match write {
        Write::Delete { .. } => true,
        Write::Put { payload, .. } => matches!(payload, NewPayload::None | NewPayload::Keep),
    }
}

fn describe(error: &WriterError) -> String {
    match error {
        WriterError::Write(source) | WriterError::Sync(source) => format!("{error}: {source}"),
        WriterError::Seal(_) | WriterError::Entropy(_) => error.to_string(),
    }
}
