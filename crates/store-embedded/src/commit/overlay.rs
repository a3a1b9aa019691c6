//! Committed changes that the index does not hold yet.
//!
//! Two layers: the active one takes new changes; the frozen one is being moved to the index. Every
//! read looks at the active layer first, then at the frozen one, then at the index.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;
use strongroom_store::{KeyRange, Revision, StoreError, StoredEvent};

use crate::ordered::{OrderedIndex, OrderedIndexError};
use crate::record::Change;

/// Changes by key.
pub(crate) type Changes = BTreeMap<Bytes, Change>;

/// The layers over the index.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    layers: RwLock<Layers>,
}

/// What a checkpoint moves to the index and to the journal.
#[derive(Debug, Default)]
pub(crate) struct Frozen {
    pub(crate) changes: Changes,
    pub(crate) events: Vec<StoredEvent>,
}

#[derive(Debug, Default)]
struct Layers {
    active: Changes,
    active_bytes: usize,
    events: Vec<StoredEvent>,
    frozen: Option<Arc<Frozen>>,
}

/// How much there is in the active layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OverlaySize {
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
}

impl Overlay {
    /// Makes changes and events visible; all of them at once.
    pub(crate) fn publish(&self, changes: Changes, events: Vec<StoredEvent>) {
        let mut layers = self.layers.write();
        for event in &events {
            layers.active_bytes += event.event.len() + EVENT_OVERHEAD_BYTES;
        }
        layers.events.extend(events);
        for (key, change) in changes {
            layers.active_bytes += change.memory_bytes(&key);
            let bytes = key.len();
            if let Some(old) = layers.active.insert(key, change) {
                let value = old.record.as_ref().map_or(0, |record| record.value.len());
                layers.active_bytes = layers.active_bytes.saturating_sub(bytes + value);
            }
        }
    }

    /// The newest change of a key that is not in the index.
    pub(crate) fn get(&self, key: &[u8]) -> Option<Change> {
        let layers = self.layers.read();
        if let Some(change) = layers.active.get(key) {
            return Some(change.clone());
        }
        layers.frozen.as_ref().and_then(|frozen| frozen.changes.get(key).cloned())
    }

    /// Makes the active layer the frozen one; `None` if the last one is still being moved.
    pub(crate) fn freeze(&self) -> Option<Arc<Frozen>> {
        let mut layers = self.layers.write();
        if layers.frozen.is_some() {
            return None;
        }
        let changes = std::mem::take(&mut layers.active);
        let events = std::mem::take(&mut layers.events);
        layers.active_bytes = 0;
        let frozen = Arc::new(Frozen { changes, events });
        layers.frozen = Some(Arc::clone(&frozen));
        Some(frozen)
    }

    /// Forgets the frozen layer: the index holds it.
    pub(crate) fn thaw(&self) {
        let frozen = self.layers.write().frozen.take();
        drop(frozen); // outside the lock: there may be much to free
    }

    /// Size of the active layer.
    pub(crate) fn size(&self) -> OverlaySize {
        let layers = self.layers.read();
        OverlaySize {
            entries: layers.active.len() + layers.events.len(),
            bytes: layers.active_bytes,
        }
    }

    /// Events that the journal may not hold yet, after a revision, in order.
    pub(crate) fn events(&self, after: Revision, limit: usize) -> Vec<StoredEvent> {
        let layers = self.layers.read();
        let frozen = layers.frozen.as_ref().map_or(&[][..], |frozen| &frozen.events);
        let mut found = Vec::new();
        for events in [frozen, &layers.events] {
            let from = events.partition_point(|event| event.revision <= after);
            let room = limit - found.len();
            found.extend(events.iter().skip(from).take(room).cloned());
        }
        found
    }

    /// Up to `limit` changes of a range from each layer, the one of higher rank last.
    fn pages(&self, range: &KeyRange, limit: usize) -> Vec<Vec<(Bytes, Change)>> {
        let layers = self.layers.read();
        let active = page(&layers.active, range, limit);
        let frozen = layers.frozen.clone();
        drop(layers);
        let frozen = frozen.map_or_else(Vec::new, |frozen| page(&frozen.changes, range, limit));
        vec![frozen, active]
    }
}

/// The newest state of a key in all layers.
pub(crate) fn find(
    overlay: &Overlay,
    index: &dyn OrderedIndex,
    key: &[u8],
) -> Result<Option<Change>, StoreError> {
    if let Some(change) = overlay.get(key) {
        return Ok(Some(change));
    }
    match index.get(key).map_err(index_error)? {
        None => Ok(None),
        Some(bytes) => decode(&bytes).map(Some),
    }
}

/// Up to `limit` records of a range in order, seen through `pending`, the overlay and the index.
pub(crate) fn scan(
    pending: Option<&Changes>,
    overlay: &Overlay,
    index: &dyn OrderedIndex,
    range: &KeyRange,
    limit: usize,
) -> Result<Vec<(Bytes, Change)>, StoreError> {
    let mut found = Vec::with_capacity(limit.min(FOUND_RESERVE_MAX));
    let mut range = range.clone();
    while found.len() < limit && !range.is_void() {
        let wanted = limit - found.len();
        let layer_entries = wanted + PAGE_SLACK;
        let mut layers = overlay.pages(&range, layer_entries);
        if let Some(pending) = pending {
            layers.push(page(pending, &range, layer_entries));
        }
        // Removals hide entries of lower layers: so many more have to be read there, and no others.
        let is_removal = |(_, change): &&(Bytes, Change)| change.record.is_none();
        let index_entries = wanted + layers.iter().flatten().filter(is_removal).count();
        let indexed = index.scan(&range, index_entries).map_err(index_error)?;
        let decoded: Result<Vec<_>, StoreError> =
            indexed.into_iter().map(|(key, bytes)| Ok((key, decode(&bytes)?))).collect();
        let decoded = decoded?;
        // A full page may be followed by more: only keys up to its last one are complete.
        let full_index = Some(&decoded).filter(|page| page.len() >= index_entries);
        let full_layers = layers.iter().filter(|page| page.len() >= layer_entries);
        let lasts = full_layers.chain(full_index).filter_map(|page| page.last());
        let complete_to = lasts.map(|(key, _)| key.clone()).min();
        let mut pages = Vec::with_capacity(layers.len() + 1);
        pages.push(decoded);
        pages.extend(layers);
        merge(pages, complete_to.as_ref(), limit, &mut found);
        let Some(complete_to) = complete_to else { break };
        let mut next = Vec::with_capacity(complete_to.len() + 1);
        next.extend_from_slice(&complete_to);
        next.push(0);
        range.start = next.into();
    }
    Ok(found)
}

/// Merges sorted pages, the one of highest rank last, and appends the records that remain.
fn merge(
    pages: Vec<Vec<(Bytes, Change)>>,
    complete_to: Option<&Bytes>,
    limit: usize,
    found: &mut Vec<(Bytes, Change)>,
) {
    let mut heads: Vec<_> = pages.into_iter().map(Vec::into_iter).collect();
    while found.len() < limit
        && let Some(rank) = least(&heads)
        && let Some((key, newest)) = heads.get_mut(rank).and_then(Iterator::next)
    {
        if complete_to.is_some_and(|complete_to| key > *complete_to) {
            return;
        }
        for head in heads.iter_mut().take(rank) {
            if head.as_slice().first().is_some_and(|(other, _)| *other == key) {
                head.next();
            }
        }
        if newest.record.is_some() {
            found.push((key, newest));
        }
    }
}

/// The rank of the head with the least key; of several, the highest.
fn least(heads: &[std::vec::IntoIter<(Bytes, Change)>]) -> Option<usize> {
    let mut least: Option<(usize, &Bytes)> = None;
    for (rank, head) in heads.iter().enumerate() {
        if let Some((key, _)) = head.as_slice().first()
            && least.is_none_or(|(_, other)| key <= other)
        {
            least = Some((rank, key));
        }
    }
    least.map(|(rank, _)| rank)
}

fn page(changes: &Changes, range: &KeyRange, limit: usize) -> Vec<(Bytes, Change)> {
    if range.is_void() {
        return Vec::new();
    }
    let inside = changes.range::<[u8], _>(range.bounds()).take(limit);
    inside.map(|(key, change)| (key.clone(), change.clone())).collect()
}

fn decode(bytes: &Bytes) -> Result<Change, StoreError> {
    Change::decode(bytes)
        .map_err(|_| StoreError::Corrupt { what: "an entry of the index has no known form".into() })
}

/// How callers see a failure of the index.
pub(crate) fn index_error(error: OrderedIndexError) -> StoreError {
    match error {
        OrderedIndexError::Damaged(what) => StoreError::Corrupt { what },
        OrderedIndexError::Full => StoreError::Full,
        OrderedIndexError::Failed(source) => StoreError::Io(std::io::Error::other(source)),
    }
}

const FOUND_RESERVE_MAX: usize = 1024; // entries; a page of a listing
const PAGE_SLACK: usize = 16; // entries; most ranges have few removals
const EVENT_OVERHEAD_BYTES: usize = 48; // of an event in memory

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ordered::MapIndex;
    use crate::record::{Home, Payload, Record};
    use strongroom_store::Protection;

    fn change(lsn: u64, value: Option<&'static str>) -> Change {
        let record = value.map(|value| Record {
            revision: lsn,
            home: Home::default(),
            protection: Protection::default(),
            payload: Payload::None,
            value: Bytes::from_static(value.as_bytes()),
        });
        Change { lsn, record }
    }

    fn publish(overlay: &Overlay, key: &str, lsn: u64, value: Option<&'static str>) {
        let key = Bytes::copy_from_slice(key.as_bytes());
        overlay.publish(Changes::from([(key, change(lsn, value))]), Vec::new());
    }

    #[test]
    fn newer_layers_hide_older_ones_and_removals_hide_all() {
        let (overlay, index) = (Overlay::default(), MapIndex::default());
        let entries = [("a", "index"), ("b", "index"), ("c", "index"), ("d", "index")];
        let mut changes = entries.iter().map(|(key, value)| {
            (Bytes::from_static(key.as_bytes()), Some(change(1, Some(value)).encode()))
        });
        index.apply(&mut changes, Bytes::new()).unwrap();
        publish(&overlay, "b", 2, Some("frozen"));
        publish(&overlay, "c", 3, None);
        overlay.freeze().unwrap();
        assert!(overlay.freeze().is_none());
        publish(&overlay, "c", 4, Some("active"));
        publish(&overlay, "a", 5, None);
        publish(&overlay, "e", 6, Some("active"));
        for limit in 1..6 {
            let found = scan(None, &overlay, &index, &KeyRange::prefix(b""), limit).unwrap();
            let found: Vec<_> = found
                .iter()
                .map(|(key, c)| (&key[..], &c.record.as_ref().unwrap().value[..]))
                .collect();
            let all: [(&[u8], &[u8]); 4] =
                [(b"b", b"frozen"), (b"c", b"active"), (b"d", b"index"), (b"e", b"active")];
            assert_eq!(found, all[..limit.min(4)]);
        }
    }

    #[test]
    fn a_long_run_of_removals_does_not_end_a_scan() {
        let (overlay, index) = (Overlay::default(), MapIndex::default());
        let mut changes = (0..500u32).map(|number| {
            (Bytes::from(format!("{number:04}")), Some(change(1, Some("v")).encode()))
        });
        index.apply(&mut changes, Bytes::new()).unwrap();
        for number in 3..490 {
            publish(&overlay, &format!("{number:04}"), 2, None);
        }
        let found = scan(None, &overlay, &index, &KeyRange::prefix(b""), 5).unwrap();
        let keys: Vec<_> = found.iter().map(|(key, _)| key.clone()).collect();
        assert_eq!(keys, ["0000", "0001", "0002", "0490", "0491"]);
    }
}
