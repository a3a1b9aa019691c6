//! Listing the current objects of a bucket: ListObjects and ListObjectsV2.

use strongroom_store::MetadataStore;
use strongroom_types::{BucketId, ObjectKey};

use crate::fault::Fault;
use crate::keys::Listed;
use crate::records::{ObjectRecord, RecordError};

use super::Filter;
use super::walk::{self, Each, Item, Last, Met, Scope, Start};

/// Which objects to list.
#[derive(Debug, Clone, Default)]
pub(crate) struct ObjectsQuery {
    /// Prefix, delimiter and limit.
    pub(crate) filter: Filter,
    /// Only what is greater than this text; empty for all.
    pub(crate) after: String,
}

/// A page of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObjectsPage {
    /// The objects that were not rolled up, in order.
    pub(crate) objects: Vec<ListedObject>,
    /// The common prefixes, in order.
    pub(crate) common_prefixes: Vec<String>,
    /// The last result, if there are more behind it: the marker of the next page.
    pub(crate) next: Option<String>,
}

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedObject {
    /// Its key.
    pub(crate) object_key: ObjectKey,
    /// Its current version.
    pub(crate) record: ObjectRecord,
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
    let start = match query.after.as_str() {
        "" => Start::Beginning,
        after => Start::AfterKey(after),
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
        Last::Record(object_key, _) => object_key.as_str().to_owned(),
        Last::CommonPrefix(common_prefix) => common_prefix,
    });
    Ok(out)
}

fn read(met: Met<'_>) -> Result<Option<ListedObject>, RecordError> {
    let record = ObjectRecord::decode(&met.entry.value)?;
    let shows = !record.is_delete_marker();
    Ok(shows.then_some(ListedObject { object_key: met.object_key, record }))
}
