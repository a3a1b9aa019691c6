//! The versions of a key: finding one, and where the next one goes.
//!
//! SPEC: data-protection, 4.1. In a bucket that was never versioned a key has one record at a fixed
//! place, so finding and replacing it is a point read. Elsewhere the first record of a key is its
//! current version, and what is written next is written before it.

use bytes::Bytes;
use strongroom_access::BucketRef;
use strongroom_store::{Precondition, Revision, Write};
use strongroom_types::{BucketId, ObjectKey, VersionId, VersioningState};

use super::StoredVersion;
use super::write::{release, unchanged};
use crate::buckets::put;
use crate::fault::Fault;
use crate::keys::{self, VersionOrder};
use crate::records::NullPlace;
use crate::{RACES_LOST_MAX, S3};

/// Where the next version of a key goes, by the rules of the state of its bucket.
#[derive(Debug)]
pub(super) struct Placement {
    /// The current version, which may be a delete marker.
    pub(super) current: Option<StoredVersion>,
    /// What the next version is called.
    pub(super) version_id: VersionId,
    /// The key of its record.
    pub(super) key: Bytes,
    /// What must hold for it to be the next one.
    pub(super) preconditions: Vec<Precondition>,
    /// What else changes with it: the null version that it replaces.
    pub(super) writes: Vec<Write>,
}

/// The null version of a key, if it has one.
#[derive(Debug, Default)]
struct FoundNull {
    version: Option<StoredVersion>,
    /// The revision of the record that says where it is, unless it is at the fixed place.
    place: Option<Revision>,
}

impl S3 {
    /// A version of a key: the named one, or the current one, which may be a delete marker.
    pub(crate) async fn version(
        &self,
        bucket: &BucketRef,
        object_key: &ObjectKey,
        version_id: Option<VersionId>,
    ) -> Result<Option<StoredVersion>, Fault> {
        match (version_id, bucket.versioning) {
            (None | Some(VersionId::Null), VersioningState::Unversioned) => {
                self.version_at(bucket.id, object_key, VersionOrder::NULL).await
            }
            (None, VersioningState::Enabled | VersioningState::Suspended) => {
                self.newest_version(bucket.id, object_key).await
            }
            (Some(VersionId::Null), VersioningState::Enabled | VersioningState::Suspended) => {
                Ok(self.null_version(bucket.id, object_key).await?.version)
            }
            (Some(VersionId::Named(bytes)), _) => {
                let order = VersionOrder::from_bytes(bytes);
                let found = self.version_at(bucket.id, object_key, order).await?;
                // The place of a null version is nobody's name.
                Ok(found.filter(|found| found.record.version_id == VersionId::Named(bytes)))
            }
        }
    }

    /// Where a version goes that is written now.
    ///
    /// INVARIANT: what is placed becomes the first record of its key and so the current version,
    /// or the batch does not hold: versions are in the order of their commits, whatever the clock
    /// says. A key has at most one null version.
    pub(super) async fn place(
        &self,
        bucket: &BucketRef,
        object_key: &ObjectKey,
    ) -> Result<Placement, Fault> {
        let current = self.version(bucket, object_key, None).await?;
        match bucket.versioning {
            VersioningState::Unversioned => {
                let key = keys::object_version(bucket.id, object_key, VersionOrder::NULL);
                Ok(replacing(key, current, Vec::new()))
            }
            VersioningState::Enabled => {
                let order = self.order_before(current.as_ref())?;
                let newest = newest_is(bucket.id, object_key, current.as_ref());
                Ok(Placement {
                    version_id: VersionId::Named(*order.as_bytes()),
                    key: keys::object_version(bucket.id, object_key, order),
                    preconditions: newest,
                    writes: Vec::new(),
                    current,
                })
            }
            VersioningState::Suspended => self.place_null(bucket.id, object_key, current).await,
        }
    }

    /// Where the null version goes, which replaces the one that there is.
    async fn place_null(
        &self,
        bucket: BucketId,
        object_key: &ObjectKey,
        current: Option<StoredVersion>,
    ) -> Result<Placement, Fault> {
        let newest = newest_is(bucket, object_key, current.as_ref());
        let order = match &current {
            None => Some(VersionOrder::NULL),
            Some(current) if current.record.version_id == VersionId::Null => Some(current.order),
            Some(_) => None,
        };
        if let Some(order) = order {
            let key = keys::object_version(bucket, object_key, order);
            return Ok(replacing(key, current, newest));
        }
        // There are named versions, and the null version among them or none: it moves before all.
        let order = self.order_before(current.as_ref())?;
        let place_key = keys::null_place(bucket, object_key);
        let found = self.null_version(bucket, object_key).await?;
        let mut preconditions = newest;
        let mut writes = vec![put(place_key.clone(), NullPlace { order }.encode()?)];
        preconditions.push(match found.place {
            Some(revision) => Precondition::Revision { key: place_key, revision },
            None => Precondition::Absent { key: place_key },
        });
        let at = found.version.as_ref().map_or(VersionOrder::NULL, |version| version.order);
        let key = keys::object_version(bucket, object_key, at);
        preconditions.push(unchanged(key.clone(), found.version.as_ref()));
        if let Some(replaced) = found.version {
            writes.extend(release(&replaced.record));
            writes.push(Write::Delete { key });
        }
        Ok(Placement {
            current,
            version_id: VersionId::Null,
            key: keys::object_version(bucket, object_key, order),
            preconditions,
            writes,
        })
    }

    /// What must be written for a version to be gone: itself, its parts, and what says where it is.
    pub(super) fn removal(
        &self,
        bucket: &BucketRef,
        object_key: &ObjectKey,
        version: &StoredVersion,
    ) -> Vec<Write> {
        let key = keys::object_version(bucket.id, object_key, version.order);
        let mut writes = vec![Write::Delete { key }];
        writes.extend(release(&version.record));
        if version.record.version_id == VersionId::Null && version.order != VersionOrder::NULL {
            writes.push(Write::Delete { key: keys::null_place(bucket.id, object_key) });
        }
        writes
    }

    async fn version_at(
        &self,
        bucket: BucketId,
        object_key: &ObjectKey,
        order: VersionOrder,
    ) -> Result<Option<StoredVersion>, Fault> {
        let key = keys::object_version(bucket, object_key, order);
        let entry = self.store.metadata.get(&key).await?;
        entry.map(|entry| StoredVersion::of(order, entry)).transpose()
    }

    async fn newest_version(
        &self,
        bucket: BucketId,
        object_key: &ObjectKey,
    ) -> Result<Option<StoredVersion>, Fault> {
        let range = keys::object_versions(bucket, object_key);
        let found = self.store.metadata.scan(range, 1).await?;
        let Some((key, entry)) = found.into_iter().next() else { return Ok(None) };
        let (_, order) = keys::parse_object_version(&key)?;
        StoredVersion::of(order, entry).map(Some)
    }

    async fn null_version(
        &self,
        bucket: BucketId,
        object_key: &ObjectKey,
    ) -> Result<FoundNull, Fault> {
        for _ in 0..RACES_LOST_MAX {
            let fixed = self.version_at(bucket, object_key, VersionOrder::NULL).await?;
            if fixed.is_some() {
                return Ok(FoundNull { version: fixed, place: None });
            }
            let place = self.store.metadata.get(&keys::null_place(bucket, object_key)).await?;
            let Some(place) = place else { return Ok(FoundNull::default()) };
            let NullPlace { order } = NullPlace::decode(&place.value)?;
            if let Some(found) = self.version_at(bucket, object_key, order).await? {
                return Ok(FoundNull { version: Some(found), place: Some(place.revision) });
            }
            // It was replaced between the two reads, and is somewhere else or gone.
        }
        Err(Fault::Contended)
    }

    /// The order of a version that is written now and comes before `current`.
    fn order_before(&self, current: Option<&StoredVersion>) -> Result<VersionOrder, Fault> {
        let mut random = [0; 8];
        self.entropy.fill(&mut random)?;
        Ok(VersionOrder::before(current.map(|current| current.order), self.clock.now(), random))
    }
}

/// Where the null version of a key is, unless it is behind all others.
pub(crate) async fn place_of_null(
    metadata: &dyn strongroom_store::MetadataStore,
    bucket: BucketId,
    object_key: &ObjectKey,
) -> Result<VersionOrder, Fault> {
    let place = metadata.get(&keys::null_place(bucket, object_key)).await?;
    Ok(match place {
        Some(place) => NullPlace::decode(&place.value)?.order,
        None => VersionOrder::NULL,
    })
}

/// The null version at this place, which is new or replaces the current one.
fn replacing(
    key: Bytes,
    current: Option<StoredVersion>,
    mut preconditions: Vec<Precondition>,
) -> Placement {
    if preconditions.is_empty() {
        preconditions.push(unchanged(key.clone(), current.as_ref()));
    }
    let writes = current.as_ref().and_then(|current| release(&current.record));
    Placement {
        version_id: VersionId::Null,
        key,
        preconditions,
        writes: writes.into_iter().collect(),
        current,
    }
}

/// That a version is still the first of its key and unchanged, or that the key still has none.
fn newest_is(
    bucket: BucketId,
    object_key: &ObjectKey,
    newest: Option<&StoredVersion>,
) -> Vec<Precondition> {
    let Some(newest) = newest else {
        return vec![Precondition::RangeEmpty { range: keys::object_versions(bucket, object_key) }];
    };
    let key = keys::object_version(bucket, object_key, newest.order);
    vec![
        Precondition::Revision { key, revision: newest.revision },
        Precondition::RangeEmpty { range: keys::versions_before(bucket, object_key, newest.order) },
    ]
}
