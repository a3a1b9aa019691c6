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
        for _ in 0..RACES_LOST_MAX {
            let bucket = bucket_of(permit)?;
            let key = keys::bucket(&bucket.name);
            let Some(entry) = self.store.metadata.get(&key).await? else {
                permit.renew().await?;
                continue;
            };
            let mut record = BucketRecord::decode(&entry.value)?;
            change(&mut record);
            let batch = Batch {
                // What is written is what was read, but for the setting.
                preconditions: vec![Precondition::Revision {
                    key: key.clone(),
                    revision: entry.revision,
                }],
                writes: vec![put(key, record.encode()?)],
                event: Some(permit.audit().sealed_with(outcome(status))),
                ..Batch::default()
            };
            if self.offer(permit, batch).await? == Offer::Committed {
                return Ok(());
            }
        }
        Err(Fault::Contended)
    }
}
