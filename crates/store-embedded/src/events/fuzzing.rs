//! Fuzz target of the event journal.

use bytes::Bytes;
use strongroom_crypto::Secret;
use strongroom_store::{Revision, StoredEvent};
use strongroom_types::Timestamp;

use super::block::{BLOCK_START, BlockHeader, HEADER_BYTES, JournalKey};
use crate::fuzzing::edits;

/// Files and blocks of the journal under changes: events are read as they were written or not at
/// all.
///
/// The input is the lengths of three events, then changes.
pub(crate) fn block(bytes: &[u8]) {
    if let Some(header) = bytes.first_chunk::<HEADER_BYTES>()
        && let Some(header) = BlockHeader::decode(header)
    {
        assert!(header.previous_lsn < header.lsn_last);
        assert!(header.total_bytes() <= 1024 * 1024, "a block can be held");
    }
    let Some((lengths, changes)) = bytes.split_first_chunk::<3>() else {
        return;
    };
    let log_key = Secret::from_bytes([1; 32]);
    let Ok((key, file_header)) = JournalKey::begin(&log_key, 7, [2; 32]) else {
        return;
    };
    let event = |(number, length): (u64, &u8)| StoredEvent {
        revision: Revision(10 + number),
        event: Bytes::from(vec![*length; usize::from(*length)]),
    };
    let events: Vec<_> = (0..).zip(lengths).map(event).collect();
    let header = BlockHeader::of(9, &events, Timestamp::EPOCH);
    let mut sealed = Vec::new();
    if key.seal_block(BLOCK_START, header, &events, &mut sealed).is_err() {
        return;
    }
    let mut changed = edits::edited(&sealed, changes);
    let same = changed == sealed;
    let read = changed.first_chunk::<HEADER_BYTES>().and_then(BlockHeader::decode);
    let opened = read.and_then(|header| key.open_block(BLOCK_START, header, &mut changed));
    assert_eq!(opened.is_some(), same, "a change is noticed");
    assert!(opened.is_none_or(|opened| opened == events));
    assert!(key.open_block(BLOCK_START + 1, header, &mut sealed).is_none(), "in its place only");
    let changed = edits::edited(&file_header, changes);
    let whole = changed.get(..512) == file_header.get(..512)
        || changed.get(512..1024) == file_header.get(512..1024);
    let found = JournalKey::open(&log_key, 7, &changed);
    assert!(!whole || found.is_ok_and(|found| found.is_some()), "one copy is enough");
}
