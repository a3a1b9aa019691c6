//! Listing the current objects of a bucket: ListObjects and ListObjectsV2.

use strongroom_store::MetadataStore;
use strongroom_types::{BucketId, ObjectKey};

use crate::fault::Fault;
use crate::keys::Listed;
use crate::records::{ObjectSummary, RecordError};

use super::Filter;
use super::walk::{self, Each, Item, Last, Met, Scope, Start};

/// Which objects to list.
#[derive(Debug, Clone, Default)]
pub(crate) struct ObjectsQuery {
    /// Prefix, delimiter and limit.
    pub(crate) filter: Filter,
    /// Where the listing goes on.
    pub(crate) after: ObjectsMarker,
}

/// Where a listing of objects goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ObjectsMarker {
    /// Only what is greater than this text; empty for all.
    pub(crate) text: String,
    /// Whether a common prefix that the text belongs to may show nevertheless, because nothing of
    /// it has shown so far.
    pub(crate) inside: bool,
}

/// A page of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObjectsPage {
    /// The objects that were not rolled up, in order.
    pub(crate) objects: Vec<ListedObject>,
    /// The common prefixes, in order.
    pub(crate) common_prefixes: Vec<String>,
    /// The marker of the next page, if there is one. It need not be a result: a page ends early
    /// where very many keys are deleted.
    pub(crate) next: Option<ObjectsMarker>,
}

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedObject {
    /// Its key.
    pub(crate) object_key: ObjectKey,
    /// Its current version.
    pub(crate) record: ObjectSummary,
}

/// One page of the current objects of a bucket; those whose current version is a delete marker do
/// not show.
pub(crate) async fn objects(
    metadata: &dyn MetadataStore,
    bucket: BucketId,
    query: &ObjectsQuery,
) -> Result<ObjectsPage, Fault> {
    let scope = Scope {
        listed: Listed::Objects,
        bucket,
        prefix: &query.filter.prefix,
        delimiter: query.filter.delimiter(),
    };
    let start = match (query.after.text.as_str(), query.after.inside) {
        ("", _) => Start::Beginning,
        (after, false) => Start::AfterKey(after),
        (after, true) => Start::InsideAfterKey(after),
    };
    let limit = (Each::Key, query.filter.results_max());
    let page = walk::page(metadata, scope, start, limit, read).await?;
    let mut out = ObjectsPage { objects: Vec::new(), common_prefixes: Vec::new(), next: None };
    for item in page.items {
        match item {
            Item::Record(object) => out.objects.push(object),
            Item::CommonPrefix(common_prefix) => out.common_prefixes.push(common_prefix),
        }
    }
    out.next = page.last.map(|last| match last {
        Last::Record(object_key, _) => {
            ObjectsMarker { text: object_key.as_str().to_owned(), inside: false }
        }
        Last::CommonPrefix(text) => ObjectsMarker { text, inside: false },
        Last::Hidden(object_key) => {
            ObjectsMarker { text: object_key.as_str().to_owned(), inside: true }
        }
    });
    Ok(out)
}

fn read(met: Met<'_>) -> Result<Option<ListedObject>, RecordError> {
    let record = ObjectSummary::decode(&met.entry.value)?;
    let shows = !record.is_delete_marker();
    Ok(shows.then_some(ListedObject { object_key: met.object_key, record }))
}
