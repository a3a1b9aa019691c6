//! Changing one setting of a bucket.

use strongroom_access::Permit;
use strongroom_store::{Batch, Precondition, Write};
use strongroom_types::BucketId;

use super::put;
use crate::fault::Fault;
use crate::multipart::{Offer, bucket_of, outcome};
use crate::records::BucketRecord;
use crate::{RACES_LOST_MAX, S3, keys};

impl S3 {
    /// Writes a setting that has a record of its own; answered with `status`.
    pub(crate) async fn write_setting<Op>(
        &self,
        permit: &mut Permit<Op>,
        status: u16,
        write: impl Fn(BucketId) -> Write,
    ) -> Result<(), Fault> {
        for _ in 0..RACES_LOST_MAX {
            let batch = Batch {
                writes: vec![write(bucket_of(permit)?.id)],
                event: Some(permit.audit().sealed_with(outcome(status))),
                ..Batch::default()
            };
            if self.offer(permit, batch).await? == Offer::Committed {
                return Ok(());
            }
        }
        Err(Fault::Contended)
    }

    /// Changes the record of the bucket that an operation is about; answered with `status`.
    pub(crate) async fn change_bucket<Op>(
        &self,
        permit: &mut Permit<Op>,
        status: u16,
        change: impl Fn(&mut BucketRecord),
    ) -> Result<(), Fault> {
        let change = |record: &mut BucketRecord| {
            change(record);
            Ok::<_, Fault>(Vec::new())
        };
        self.try_change_bucket(permit, status, change).await
    }

    /// The same for a change that the bucket may not be fit for, and that writes more than its record.
    pub(crate) async fn try_change_bucket<Op, E: From<Fault>>(
        &self,
        permit: &mut Permit<Op>,
        status: u16,
        change: impl Fn(&mut BucketRecord) -> Result<Vec<Write>, E>,
    ) -> Result<(), E> {
        for _ in 0..RACES_LOST_MAX {
            let bucket = bucket_of(permit)?;
            let key = keys::bucket(&bucket.name);
            let Some(entry) = self.store.metadata.get(&key).await.map_err(Fault::from)? else {
                permit.renew().await.map_err(Fault::from)?;
                continue;
            };
            let mut record = BucketRecord::decode(&entry.value).map_err(Fault::from)?;
            if record.id != bucket.id {
                permit.renew().await.map_err(Fault::from)?;
                continue;
            }
            let mut writes = change(&mut record)?;
            writes.push(put(key.clone(), record.encode().map_err(Fault::from)?));
            let batch = Batch {
                // What is written is what was read, but for the setting.
                preconditions: vec![Precondition::Revision { key, revision: entry.revision }],
                writes,
                event: Some(permit.audit().sealed_with(outcome(status))),
                ..Batch::default()
            };
            if self.offer(permit, batch).await? == Offer::Committed {
                return Ok(());
            }
        }
        Err(Fault::Contended.into())
    }
}
