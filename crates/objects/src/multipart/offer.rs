//! Committing under a permit.

use strongroom_access::{BucketRef, Permit};
use strongroom_store::{Batch, CommitError, Precondition};

use crate::S3;
use crate::fault::Fault;
use crate::objects::decided;

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer {
    /// It is durable, and so is its audit event.
    Committed,
    /// A precondition did not hold: of the decision, which was renewed then, or of the batch
    /// itself. Read again and build the batch again.
    Lost,
}

/// The bucket that a permit is about.
pub(crate) fn bucket_of<Op>(permit: &Permit<Op>) -> Result<BucketRef, Fault> {
    permit.bucket().cloned().ok_or(Fault::NoBucket)
}

impl S3 {
    /// Commits a batch that holds only as long as the decision does, with the event of the
    /// request in it.
    pub(crate) async fn offer<Op>(
        &self,
        permit: &mut Permit<Op>,
        mut batch: Batch,
    ) -> Result<Offer, Fault> {
        let mut preconditions: Vec<Precondition> = decided(permit)?;
        let decided_count = preconditions.len();
        preconditions.append(&mut batch.preconditions);
        batch.preconditions = preconditions;
        match self.store.metadata.commit(batch).await {
            Ok(_) => {
                permit.audit().mark_recorded();
                Ok(Offer::Committed)
            }
            Err(CommitError::Precondition { index }) => {
                if index < decided_count {
                    permit.renew().await?;
                }
                Ok(Offer::Lost)
            }
            Err(error) => Err(Fault::Commit(error)),
        }
    }
}
