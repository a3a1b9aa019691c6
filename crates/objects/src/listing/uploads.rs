//! Listing the uploads in progress of a bucket: ListMultipartUploads.

use strongroom_store::MetadataStore;
use strongroom_types::{BucketId, ObjectKey};

use crate::fault::Fault;
use crate::keys::{Listed, UploadUnique};
use crate::multipart::UploadRecord;
use crate::records::RecordError;

use super::Filter;
use super::walk::{self, Each, Item, Last, Met, Scope, Start};

/// Which uploads to list.
#[derive(Debug, Clone, Default)]
pub(crate) struct UploadsQuery {
    /// Prefix, delimiter and limit.
    pub(crate) filter: Filter,
    /// Only uploads of keys greater than this text; empty for all.
    pub(crate) key_after: String,
    /// Also later uploads than this of the same key.
    pub(crate) upload_after: Option<UploadUnique>,
}

/// A page of uploads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UploadsPage {
    /// The uploads, keys ascending, oldest first within a key.
    pub(crate) uploads: Vec<ListedUpload>,
    /// The common prefixes, in order.
    pub(crate) common_prefixes: Vec<String>,
    /// The last result, if there are more behind it: key or common prefix, and upload.
    pub(crate) next: Option<(String, Option<UploadUnique>)>,
}

/// An upload in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedUpload {
    /// The key of the object that it will make.
    pub(crate) object_key: ObjectKey,
    /// Which upload.
    pub(crate) unique: UploadUnique,
    /// Its record.
    pub(crate) record: UploadRecord,
}

/// One page of the uploads in progress of a bucket.
pub(crate) async fn uploads(
    metadata: &dyn MetadataStore,
    bucket: BucketId,
    query: &UploadsQuery,
) -> Result<UploadsPage, Fault> {
    let scope = Scope {
        listed: Listed::Uploads,
        bucket,
        prefix: &query.filter.prefix,
        delimiter: query.filter.delimiter(),
    };
    let start = match (query.key_after.as_str(), query.upload_after) {
        ("", _) => Start::Beginning,
        (key, None) => Start::AfterKey(key),
        (key, Some(unique)) => Start::AfterRecord(key, *unique.as_bytes()),
    };
    let limit = (Each::Record, query.filter.results_max());
    let page = walk::page(metadata, scope, start, limit, read).await?;
    let mut out = UploadsPage { uploads: Vec::new(), common_prefixes: Vec::new(), next: None };
    for item in page.items {
        match item {
            Item::Record(upload) => out.uploads.push(upload),
            Item::CommonPrefix(common_prefix) => out.common_prefixes.push(common_prefix),
        }
    }
    out.next = page.last.map(|last| match last {
        Last::Record(object_key, unique) => {
            (object_key.as_str().to_owned(), Some(UploadUnique::from_bytes(unique)))
        }
        Last::CommonPrefix(common_prefix) => (common_prefix, None),
        // Here every record shows.
        Last::Hidden(key) => (key.as_str().to_owned(), None),
    });
    Ok(out)
}

fn read(met: Met<'_>) -> Result<Option<ListedUpload>, RecordError> {
    let record = UploadRecord::decode(&met.entry.value)?;
    let unique = UploadUnique::from_bytes(met.order);
    Ok(Some(ListedUpload { object_key: met.object_key, unique, record }))
}
