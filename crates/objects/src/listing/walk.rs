//! Walking the records of a bucket in the order of their object keys.
//!
//! A walk reads ahead in pages and seeks past what a listing rolls up, so that the cost of a page
//! of results depends on the results and not on how many records lie under a common prefix. Knows
//! nothing of what records hold.

use std::collections::VecDeque;

use bytes::Bytes;
use strongroom_store::{Entry, KeyRange, MetadataStore, StoreError};
use strongroom_types::{BucketId, ObjectKey};

use super::RESULTS_MAX;
use crate::keys::{Listed, StoreKeyError};

/// What is listed: a bucket's records of one kind, those under a prefix, rolled up at a delimiter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// Which kind of records.
    pub(crate) listed: Listed,
    /// Of which bucket.
    pub(crate) bucket: BucketId,
    /// Only keys that begin so.
    pub(crate) prefix: &'a str,
    /// Keys with this text behind the prefix are rolled up; not empty.
    pub(crate) delimiter: Option<&'a str>,
}

/// Where a listing begins.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start<'a> {
    /// With the first record.
    Beginning,
    /// Behind all records of this key, and behind the common prefix that it is or belongs to.
    AfterKey(&'a str),
    /// Behind all records of this key; a common prefix that it belongs to shows if there is more
    /// of it, unless the key is that prefix itself.
    InsideAfterKey(&'a str),
    /// Behind the record of this key that ends in these bytes.
    AfterRecord(&'a str, [u8; 16]),
}

/// How much one key contributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Each {
    /// Its first record only: the current version.
    Key,
    /// All its records.
    Record,
}

/// One result of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item<T> {
    /// A record.
    Record(T),
    /// Keys that were rolled up: the prefix and the first delimiter behind it, included.
    CommonPrefix(String),
}

/// A page of results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page<T> {
    /// In the order of their keys.
    pub(crate) items: Vec<Item<T>>,
    /// The last of the items, if there are more behind it.
    pub(crate) last: Option<Last>,
}

/// The result behind which a listing goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Last {
    /// A record: its object key, and the last 16 bytes of its store key.
    Record(ObjectKey, [u8; 16]),
    /// A common prefix.
    CommonPrefix(String),
    /// None: so many keys do not show that the page ends behind this one, be it full or not.
    Hidden(ObjectKey),
}

/// Why a listing stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WalkError<E> {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key in the store is none of ours.
    #[error(transparent)]
    Key(#[from] StoreKeyError),
    /// A record could not be read.
    #[error("a record could not be read")]
    Record(E),
}

/// A record as a walk meets it.
#[derive(Debug)]
pub(crate) struct Met<'a> {
    /// The object key.
    pub(crate) object_key: ObjectKey,
    /// The last 16 bytes of the store key: a version's order, or an upload.
    pub(crate) order: [u8; 16],
    /// The record.
    pub(crate) entry: &'a Entry,
}

/// One page of a listing: at most `items_max` results.
///
/// `read` makes a result of a record, or says with `None` that the record does not show (a current
/// version that is a delete marker). A page ends early when it has met [`HIDDEN_KEYS_MAX`] of
/// these: what a page costs does not depend on how much was deleted.
pub(crate) async fn page<T, E>(
    metadata: &dyn MetadataStore,
    scope: Scope<'_>,
    start: Start<'_>,
    (each, items_max): (Each, usize),
    mut read: impl FnMut(Met<'_>) -> Result<Option<T>, E>,
) -> Result<Page<T>, WalkError<E>> {
    let mut page = Page { items: Vec::new(), last: None };
    let mut last = None;
    let mut hidden: usize = 0;
    if items_max == 0 {
        return Ok(page);
    }
    let Some(mut walk) = Walk::new(metadata, scope, start, items_max) else { return Ok(page) };
    if scope.delimiter.is_none() {
        page.items.reserve_exact(items_max.min(RESULTS_MAX));
    }
    while let Some((store_key, entry)) = walk.next().await? {
        let (object_key, order) = scope.listed.parse(&store_key)?;
        let common_prefix = scope.common_prefix(object_key.as_str()).map(str::to_owned);
        let met = Met { object_key: object_key.clone(), order, entry: &entry };
        let Some(record) = read(met).map_err(WalkError::Record)? else {
            if each == Each::Key {
                walk.skip_key(&store_key);
            }
            hidden = hidden.saturating_add(1);
            if hidden == HIDDEN_KEYS_MAX {
                page.last = Some(Last::Hidden(object_key));
                break;
            }
            continue;
        };
        if page.items.len() == items_max {
            page.last = last;
            break;
        }
        match common_prefix {
            Some(common_prefix) => {
                walk.skip_prefix(&common_prefix);
                last = Some(Last::CommonPrefix(common_prefix.clone()));
                page.items.push(Item::CommonPrefix(common_prefix));
            }
            None => {
                if each == Each::Key {
                    walk.skip_key(&store_key);
                }
                last = Some(Last::Record(object_key, order));
                page.items.push(Item::Record(record));
            }
        }
    }
    Ok(page)
}

impl<'a> Scope<'a> {
    /// The common prefix into which a key is rolled up, if it is.
    pub(crate) fn common_prefix<'k>(&self, object_key: &'k str) -> Option<&'k str> {
        let delimiter = self.delimiter?;
        let behind = object_key.strip_prefix(self.prefix)?;
        let at = behind.find(delimiter)?;
        object_key.get(..self.prefix.len() + at + delimiter.len())
    }

    /// The range in which a listing looks. `None` when nothing can be in it.
    ///
    /// Results are ordered by their text, whether keys or common prefixes, and a marker excludes
    /// what is not greater: a marker inside a common prefix therefore excludes that prefix.
    fn range(&self, start: Start<'a>) -> Option<KeyRange> {
        let mut range = self.listed.with_prefix(self.bucket, self.prefix)?;
        let first = match start {
            Start::Beginning => return Some(range),
            Start::AfterKey(key) | Start::AfterRecord(key, _)
                if self.common_prefix(key).is_some() =>
            {
                let common_prefix = self.common_prefix(key)?;
                self.listed.after_prefix(self.bucket, common_prefix)?
            }
            Start::InsideAfterKey(key) if self.common_prefix(key) == Some(key) => {
                self.listed.after_prefix(self.bucket, key)?
            }
            Start::AfterKey(key) | Start::InsideAfterKey(key) => {
                self.listed.after_key(self.bucket, key)
            }
            Start::AfterRecord(key, order) => self.listed.after_record(self.bucket, key, order),
        };
        if first > range.start {
            range.start = first;
        }
        (!range.is_void()).then_some(range)
    }
}

/// Reads ahead through a range, and seeks.
struct Walk<'a> {
    metadata: &'a dyn MetadataStore,
    scope: Scope<'a>,
    /// What the store has not been asked for yet; `None` when all of it was read.
    ahead: Option<KeyRange>,
    buffer: VecDeque<(Bytes, Entry)>,
    /// Entries to ask for next; grows while the walk is sequential, shrinks when it jumps.
    page_entries: usize,
    /// Entries that the last scan brought.
    fetched: usize,
}

impl<'a> Walk<'a> {
    fn new(
        metadata: &'a dyn MetadataStore,
        scope: Scope<'a>,
        start: Start<'a>,
        items_max: usize,
    ) -> Option<Self> {
        let range = scope.range(start)?;
        let page_entries = match scope.delimiter {
            // One entry more than the page tells whether there are more behind it.
            None => items_max.saturating_add(1).min(PAGE_ENTRIES_MAX),
            Some(_) => PAGE_ENTRIES_MIN,
        };
        let buffer = VecDeque::new();
        Some(Self { metadata, scope, ahead: Some(range), buffer, page_entries, fetched: 0 })
    }

    async fn next(&mut self) -> Result<Option<(Bytes, Entry)>, StoreError> {
        if self.buffer.is_empty() {
            self.fetch().await?;
        }
        Ok(self.buffer.pop_front())
    }

    async fn fetch(&mut self) -> Result<(), StoreError> {
        let Some(range) = self.ahead.take().filter(|range| !range.is_void()) else {
            return Ok(());
        };
        let end = range.end.clone();
        let limit = self.page_entries;
        self.buffer = self.metadata.scan(range, limit).await?.into();
        self.fetched = self.buffer.len();
        self.page_entries = limit.saturating_mul(2).min(PAGE_ENTRIES_MAX);
        if self.fetched >= limit
            && let Some((last, _)) = self.buffer.back()
        {
            let start = KeyRange::prefix_after(&[], last).start;
            self.ahead = Some(KeyRange { start, end });
        }
        Ok(())
    }

    /// Leaves out the other records of the key that this store key belongs to.
    fn skip_key(&mut self, store_key: &[u8]) {
        let Some((group, _)) = store_key.split_last_chunk::<16>() else { return };
        self.drop_while(|key| key.starts_with(group));
        if self.buffer.is_empty()
            && let Some(end) = KeyRange::prefix(group).end
        {
            self.seek_ahead(end);
        }
    }

    /// Leaves out all keys that begin so.
    fn skip_prefix(&mut self, common_prefix: &str) {
        let Some(target) = self.scope.listed.after_prefix(self.scope.bucket, common_prefix) else {
            self.buffer.clear();
            self.ahead = None;
            return;
        };
        self.drop_while(|key| *key < target);
        if self.buffer.is_empty() {
            self.seek_ahead(target);
        }
    }

    fn drop_while(&mut self, leave_out: impl Fn(&Bytes) -> bool) {
        let before = self.buffer.len();
        while self.buffer.front().is_some_and(|(key, _)| leave_out(key)) {
            self.buffer.pop_front();
        }
        let dropped = before.saturating_sub(self.buffer.len());
        if self.buffer.is_empty() && dropped.saturating_mul(2) > self.fetched {
            // Most of what was read ahead was for nothing: read less after the next jump.
            self.page_entries = (self.fetched / 4).max(PAGE_ENTRIES_MIN);
        }
    }

    fn seek_ahead(&mut self, target: Bytes) {
        if let Some(ahead) = &mut self.ahead
            && target > ahead.start
        {
            ahead.start = target;
        }
    }
}

/// Keys that a page passes over because they do not show.
pub(super) const HIDDEN_KEYS_MAX: usize = 5_000;
/// Entries of the first scan of a listing with a delimiter, and of the one after a long jump.
const PAGE_ENTRIES_MIN: usize = 16;
/// Entries of a scan at most: some 50 KiB, which stay in the processor's cache from the index to the
/// result. A scan that brought a whole page of a listing would be read from memory at every step.
const PAGE_ENTRIES_MAX: usize = 128;
