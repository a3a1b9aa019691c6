//! Listing all versions of the objects of a bucket: ListObjectVersions.

use strongroom_store::MetadataStore;
use strongroom_types::{BucketId, ObjectKey, VersionId};

use crate::fault::Fault;
use crate::keys::{self, Listed, VersionOrder};
use crate::objects::place_of_null;
use crate::records::{ObjectRecord, RecordError};

use super::Filter;
use super::walk::{self, Each, Item, Last, Met, Scope, Start};

/// Which versions to list.
#[derive(Debug, Clone, Default)]
pub(crate) struct VersionsQuery {
    /// Prefix, delimiter and limit.
    pub(crate) filter: Filter,
    /// Where the listing goes on; `None` to begin.
    pub(crate) after: Option<VersionsMarker>,
}

/// Where a listing of versions goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VersionsMarker {
    /// Behind this key or common prefix,
    pub(crate) key: String,
    /// or behind this version of the key.
    pub(crate) version_id: Option<VersionId>,
}

/// A page of versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VersionsPage {
    /// Versions and delete markers, keys ascending, newest first within a key.
    pub(crate) versions: Vec<ListedVersion>,
    /// The common prefixes, in order.
    pub(crate) common_prefixes: Vec<String>,
    /// The marker of the next page, if there is one.
    pub(crate) next: Option<VersionsMarker>,
}

/// A version in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedVersion {
    /// The key of the object.
    pub(crate) object_key: ObjectKey,
    /// Whether it is the current version.
    pub(crate) is_latest: bool,
    /// The version or delete marker.
    pub(crate) record: ObjectRecord,
}

/// One page of all versions of a bucket.
pub(crate) async fn versions(
    metadata: &dyn MetadataStore,
    bucket: BucketId,
    query: &VersionsQuery,
) -> Result<VersionsPage, Fault> {
    let scope = Scope {
        listed: Listed::Objects,
        bucket,
        prefix: &query.filter.prefix,
        delimiter: query.filter.delimiter(),
    };
    let (start, mut previous) = begin(metadata, bucket, query.after.as_ref()).await?;
    let limit = (Each::Record, query.filter.results_max());
    let read = |met: Met<'_>| -> Result<Option<ListedVersion>, RecordError> {
        let record = ObjectRecord::decode(&met.entry.value)?;
        let is_latest = previous.as_ref() != Some(&met.object_key);
        previous = Some(met.object_key.clone());
        Ok(Some(ListedVersion { object_key: met.object_key, is_latest, record }))
    };
    let page = walk::page(metadata, scope, start, limit, read).await?;
    let mut out = VersionsPage { versions: Vec::new(), common_prefixes: Vec::new(), next: None };
    for item in page.items {
        match item {
            Item::Record(version) => out.versions.push(version),
            Item::CommonPrefix(common_prefix) => out.common_prefixes.push(common_prefix),
        }
    }
    out.next = page.last.map(|last| match last {
        Last::Record(object_key, order) => VersionsMarker {
            key: object_key.as_str().to_owned(),
            version_id: Some(marker_of(VersionOrder::from_bytes(order))),
        },
        Last::CommonPrefix(key) => VersionsMarker { key, version_id: None },
        // Here every record shows.
        Last::Hidden(key) => VersionsMarker { key: key.as_str().to_owned(), version_id: None },
    });
    Ok(out)
}

/// The version id that stands for a place among the versions of a key. It is the id of the version
/// at that place, except for a null version with newer and older ones around it: that is named by
/// its place, which needs no search when the listing goes on.
fn marker_of(order: VersionOrder) -> VersionId {
    if order == VersionOrder::NULL { VersionId::Null } else { VersionId::Named(*order.as_bytes()) }
}

/// Where the walk starts, and the key whose current version lies before that place.
async fn begin<'q>(
    metadata: &dyn MetadataStore,
    bucket: BucketId,
    after: Option<&'q VersionsMarker>,
) -> Result<(Start<'q>, Option<ObjectKey>), Fault> {
    let Some(marker) = after else { return Ok((Start::Beginning, None)) };
    let Some(version_id) = marker.version_id else {
        return Ok((Start::AfterKey(&marker.key), None));
    };
    let Ok(object_key) = marker.key.parse::<ObjectKey>() else {
        return Ok((Start::AfterKey(&marker.key), None));
    };
    let order = match version_id {
        VersionId::Named(bytes) => VersionOrder::from_bytes(bytes),
        VersionId::Null => place_of_null(metadata, bucket, &object_key).await?,
    };
    let range = keys::object_versions(bucket, &object_key);
    let first = metadata.scan(range, 1).await?;
    let position = keys::object_version(bucket, &object_key, order);
    let has_newer = first.first().is_some_and(|(first, _)| *first <= position);
    let start = Start::AfterRecord(&marker.key, *order.as_bytes());
    Ok((start, has_newer.then_some(object_key)))
}
