//! Buckets: create, head, delete, list, locate.

mod directory;
mod settings;

use bytes::Bytes;
use strongroom_access::Permit;
use strongroom_audit::Outcome;
use strongroom_model::s3;
use strongroom_store::{
    Batch, CommitError, Entry, KeyName, NewPayload, Precondition, Protection, Write,
};
use strongroom_types::{AccountId, BucketId, BucketName, Region, Timestamp, VersioningState};

use crate::fault::Fault;
use crate::records::{BucketAccess, BucketEncryption, BucketRecord};
use crate::tags::{self, TagSet};
use crate::{RACES_LOST_MAX, S3, keys};

/// Why a bucket was not made, found or deleted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BucketError {
    /// Another account has a bucket of this name.
    #[error("the requested bucket name is not available; select a different name and try again")]
    AlreadyExists(BucketName),
    /// The caller has a bucket of this name.
    #[error("your previous request to create the named bucket succeeded and you already own it")]
    AlreadyOwnedByYou(BucketName),
    /// The bucket has objects or versions.
    #[error("the bucket you tried to delete is not empty")]
    NotEmpty(BucketName),
    /// The location is not where this server is.
    #[error("the specified location constraint is not valid for this endpoint")]
    WrongLocation {
        /// What the client asked for.
        location: String,
    },
    /// A region must be named where it is not the default one.
    #[error("the unspecified location constraint is incompatible with the region of this endpoint")]
    LocationMissing,
    /// A region was named where it must not be.
    #[error("the specified location constraint is not valid")]
    LocationNeedless {
        /// What the client asked for.
        location: String,
    },
    /// A continuation token that was not made here.
    #[error("the continuation token provided is incorrect")]
    ContinuationToken(String),
    /// Everything else.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Which buckets to list.
#[derive(Debug, Clone, Default)]
pub(crate) struct BucketQuery {
    /// Only names that begin with this.
    pub(crate) prefix: String,
    /// Only names behind this.
    pub(crate) after: Option<String>,
    /// At most so many.
    pub(crate) buckets_max: usize,
    /// Only buckets of this region.
    pub(crate) region: Option<String>,
}

/// One page of buckets.
#[derive(Debug, Default)]
pub(crate) struct BucketPage {
    /// The buckets in the order of their names.
    pub(crate) buckets: Vec<ListedBucket>,
    /// The last name of the page, if there may be more.
    pub(crate) next_after: Option<String>,
}

/// A bucket of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedBucket {
    /// Its name.
    pub(crate) name: BucketName,
    /// When it was made.
    pub(crate) created: Timestamp,
    /// Where it is.
    pub(crate) region: Region,
}

impl S3 {
    /// Makes a bucket and its key.
    pub(crate) async fn create_bucket(
        &self,
        permit: &mut Permit<s3::CreateBucket>,
        name: &BucketName,
        location: Option<&str>,
        tags: &TagSet,
    ) -> Result<(), BucketError> {
        self.check_location(location)?;
        let Some((account, canonical_user_id)) = permit.caller().principal.owner() else {
            return Err(Fault::NoBucket.into());
        };
        self.check_free(name, account).await?;
        let id = self.random_bucket_id()?;
        let record = BucketRecord {
            id,
            owner: account,
            owner_id: canonical_user_id,
            created: self.clock.now(),
            region: self.region.clone(),
            versioning: VersioningState::Unversioned,
            encryption: BucketEncryption::default(),
            access: BucketAccess::default(),
        };
        // The key is durable before the record that needs it; without the record nobody misses it.
        self.store.keys.create(KeyName::Bucket(id)).await.map_err(Fault::from)?;
        let batch = Batch {
            preconditions: vec![Precondition::Absent { key: keys::bucket(name) }],
            writes: vec![
                put(keys::bucket(name), record.encode().map_err(Fault::from)?),
                put(keys::owned_bucket(account, name), Vec::new()),
                tags::write(id, tags)?,
            ],
            event: Some(permit.audit().sealed_with(Outcome { status: 200, ..Outcome::default() })),
            ..Batch::default()
        };
        match self.store.metadata.commit(batch).await {
            Ok(_) => {
                permit.audit().mark_recorded();
                Ok(())
            }
            // Perhaps there is a bucket that needs the key.
            Err(CommitError::Unknown) => Err(Fault::Commit(CommitError::Unknown).into()),
            Err(error) => {
                self.store.keys.destroy(KeyName::Bucket(id)).await.map_err(Fault::from)?;
                self.check_free(name, account).await?;
                // If it was a race, the other bucket is gone again already.
                Err(Fault::Commit(error).into())
            }
        }
    }

    /// Deletes an empty bucket and its key. Its uploads are swept later.
    pub(crate) async fn delete_bucket(
        &self,
        permit: &mut Permit<s3::DeleteBucket>,
    ) -> Result<(), BucketError> {
        for _ in 0..RACES_LOST_MAX {
            let bucket = permit.bucket().ok_or(Fault::NoBucket)?.clone();
            let batch = Batch {
                preconditions: vec![
                    Precondition::Revision {
                        key: keys::bucket(&bucket.name),
                        revision: bucket.revision,
                    },
                    Precondition::RangeEmpty { range: keys::objects_of_bucket(bucket.id) },
                ],
                writes: vec![
                    Write::Delete { key: keys::bucket(&bucket.name) },
                    Write::Delete { key: keys::owned_bucket(bucket.owner, &bucket.name) },
                    Write::Delete { key: keys::bucket_cors(bucket.id) },
                    Write::Delete { key: keys::bucket_policy(bucket.id) },
                    Write::Delete { key: keys::bucket_tags(bucket.id) },
                    put(keys::dead_bucket(bucket.id), Vec::new()),
                ],
                event: Some(
                    permit.audit().sealed_with(Outcome { status: 204, ..Outcome::default() }),
                ),
                ..Batch::default()
            };
            match self.store.metadata.commit(batch).await {
                Ok(_) => {
                    permit.audit().mark_recorded();
                    // Crypto-erasure of what may linger. The sweep of the dead bucket destroys the
                    // key as well, so a failure here is made good later.
                    let _ = self.store.keys.destroy(KeyName::Bucket(bucket.id)).await;
                    return Ok(());
                }
                Err(CommitError::Precondition { index: 0 }) => {
                    permit.renew().await.map_err(Fault::from)?;
                }
                Err(CommitError::Precondition { .. }) => {
                    return Err(BucketError::NotEmpty(bucket.name));
                }
                Err(error) => return Err(Fault::Commit(error).into()),
            }
        }
        Err(Fault::Contended.into())
    }

    /// The record of the bucket that an operation is about.
    pub(crate) async fn bucket_record<Op>(
        &self,
        permit: &Permit<Op>,
    ) -> Result<BucketRecord, Fault> {
        let bucket = permit.bucket().ok_or(Fault::NoBucket)?;
        let entry = self.store.metadata.get(&keys::bucket(&bucket.name)).await?;
        let entry = entry.ok_or_else(|| {
            Fault::Denied(strongroom_access::Denial::NoSuchBucket(bucket.name.clone()))
        })?;
        let record = BucketRecord::decode(&entry.value)?;
        if record.id != bucket.id {
            return Err(strongroom_access::Denial::NoSuchBucket(bucket.name.clone()).into());
        }
        Ok(record)
    }

    /// The caller's buckets.
    pub(crate) async fn list_buckets(
        &self,
        permit: &Permit<s3::ListBuckets>,
        query: &BucketQuery,
    ) -> Result<BucketPage, BucketError> {
        let owner = permit.caller().principal.account().ok_or(Fault::NoBucket)?;
        let mut page = BucketPage::default();
        let mut after = query.after.clone();
        loop {
            let range = keys::owned_buckets(owner, &query.prefix, after.as_deref());
            let rows = self.store.metadata.scan(range, SCAN_ENTRIES).await.map_err(Fault::from)?;
            let more = rows.len() == SCAN_ENTRIES;
            for (key, _) in rows {
                let name = keys::parse_owned_bucket(&key).map_err(Fault::from)?;
                if page.buckets.len() == query.buckets_max {
                    page.next_after = page.buckets.last().map(|last| last.name.to_string());
                    return Ok(page);
                }
                after = Some(name.to_string());
                let Some((record, _)) = self.find_bucket(&name).await? else { continue };
                let region_fits =
                    query.region.as_ref().is_none_or(|region| region == record.region.as_str());
                if record.owner == owner && region_fits {
                    let BucketRecord { created, region, .. } = record;
                    page.buckets.push(ListedBucket { name, created, region });
                }
            }
            if !more {
                return Ok(page);
            }
        }
    }

    /// The live bucket of a name.
    pub(crate) async fn find_bucket(
        &self,
        name: &BucketName,
    ) -> Result<Option<(BucketRecord, Entry)>, Fault> {
        let Some(entry) = self.store.metadata.get(&keys::bucket(name)).await? else {
            return Ok(None);
        };
        Ok(Some((BucketRecord::decode(&entry.value)?, entry)))
    }

    /// DESIGN, 7: one server is one region; its name may be repeated, another one is refused.
    fn check_location(&self, location: Option<&str>) -> Result<(), BucketError> {
        let default_region = self.region.as_str() == REGION_WITHOUT_CONSTRAINT;
        match location {
            None if default_region => Ok(()),
            None => Err(BucketError::LocationMissing),
            // SPEC: the default region is named by leaving the constraint out.
            Some(location) if location == REGION_WITHOUT_CONSTRAINT && default_region => {
                Err(BucketError::LocationNeedless { location: location.to_owned() })
            }
            Some(location) if location == self.region.as_str() => Ok(()),
            Some(location) => Err(BucketError::WrongLocation { location: location.to_owned() }),
        }
    }

    async fn check_free(&self, name: &BucketName, account: AccountId) -> Result<(), BucketError> {
        match self.find_bucket(name).await? {
            None => Ok(()),
            Some((record, _)) if record.owner == account => {
                Err(BucketError::AlreadyOwnedByYou(name.clone()))
            }
            Some(_) => Err(BucketError::AlreadyExists(name.clone())),
        }
    }

    fn random_bucket_id(&self) -> Result<BucketId, Fault> {
        let mut bytes = [0; 16];
        self.entropy.fill(&mut bytes)?;
        Ok(BucketId::from_bytes(bytes))
    }
}

/// A record without a payload.
pub(crate) fn put(key: Bytes, value: Vec<u8>) -> Write {
    Write::Put {
        key,
        value: value.into(),
        payload: NewPayload::None,
        protection: Protection::default(),
    }
}

/// The region whose buckets have an empty location constraint.
pub(crate) const REGION_WITHOUT_CONSTRAINT: &str = "us-east-1";
const SCAN_ENTRIES: usize = 1_000; // the most that one scan gives
