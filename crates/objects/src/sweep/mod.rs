//! Freeing what belongs to nobody any more: the parts of uploads that were aborted, whose object
//! was deleted or replaced, or whose bucket was deleted.
//!
//! Requests only mark such uploads and buckets, in the same batch that ends their life. What a
//! crash leaves half swept is swept by the next run. Knows nothing of requests.

mod pins;

use strongroom_store::{Batch, KeyName, KeyRange, SCAN_ENTRIES_MAX, Write};
use strongroom_types::BucketId;

use crate::S3;
use crate::buckets::put;
use crate::fault::Fault;
use crate::keys::{self, UploadUnique};

pub(crate) use pins::{PartsPin, PartsPins};

/// What one run of the sweeper did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct SweepReport {
    /// Uploads whose parts were freed.
    pub uploads: u64,
    /// Deleted buckets whose uploads and key were removed.
    pub buckets: u64,
    /// Uploads that were left for the next run, because somebody reads them.
    pub uploads_read: u64,
}

/// A run of the sweeper stopped. The next one goes on where it did.
#[derive(Debug, thiserror::Error)]
#[error("freeing what belongs to nobody has stopped")]
pub struct SweepError(#[source] Fault);

impl S3 {
    /// Frees everything that belongs to nobody. To be run at the start of a server and from time
    /// to time; runs at the same time do not disturb each other.
    ///
    /// # Errors
    /// If the store fails. The next run goes on where this one stopped.
    pub async fn sweep(&self) -> Result<SweepReport, SweepError> {
        self.sweep_all().await.map_err(SweepError)
    }

    async fn sweep_all(&self) -> Result<SweepReport, Fault> {
        let mut report = SweepReport::default();
        let mut range = keys::dead_buckets();
        loop {
            let rows = self.store.metadata.scan(range.clone(), BATCH_WRITES_MAX).await?;
            for (key, _) in &rows {
                self.sweep_bucket(keys::parse_dead_bucket(key)?).await?;
                report.buckets = report.buckets.saturating_add(1);
            }
            match rows.last() {
                Some((last, _)) if rows.len() == BATCH_WRITES_MAX => range = behind(range, last),
                _ => break,
            }
        }
        let mut range = keys::dead_uploads();
        loop {
            let rows = self.store.metadata.scan(range.clone(), BATCH_WRITES_MAX).await?;
            for (key, _) in &rows {
                match self.sweep_upload(keys::parse_dead_upload(key)?).await? {
                    Swept::Freed => report.uploads = report.uploads.saturating_add(1),
                    Swept::Read => report.uploads_read = report.uploads_read.saturating_add(1),
                }
            }
            match rows.last() {
                Some((last, _)) if rows.len() == BATCH_WRITES_MAX => range = behind(range, last),
                _ => return Ok(report),
            }
        }
    }

    /// Ends the uploads of a deleted bucket and destroys its key.
    async fn sweep_bucket(&self, bucket: BucketId) -> Result<(), Fault> {
        loop {
            let range = keys::uploads_of_bucket(bucket);
            let rows = self.store.metadata.scan(range, BATCH_WRITES_MAX).await?;
            let mut batch = Batch::default();
            for (key, _) in &rows {
                let (_, unique) = keys::parse_upload(key)?;
                batch.writes.push(put(keys::dead_upload(unique), Vec::new()));
                batch.writes.push(Write::Delete { key: key.clone() });
            }
            let is_last = rows.len() < BATCH_WRITES_MAX;
            if is_last {
                // Before the mark is removed, so that a crash in between destroys it again.
                self.store.keys.destroy(KeyName::Bucket(bucket)).await?;
                batch.writes.push(Write::Delete { key: keys::dead_bucket(bucket) });
            }
            self.store.metadata.commit(batch).await.map_err(Fault::Commit)?;
            if is_last {
                return Ok(());
            }
        }
    }

    /// Frees the parts of an upload that is marked as dead.
    pub(crate) async fn sweep_upload(&self, unique: UploadUnique) -> Result<Swept, Fault> {
        loop {
            if self.payloads.pins().is_pinned(unique) {
                return Ok(Swept::Read);
            }
            let range = keys::parts(unique, 0);
            let rows = self.store.metadata.scan(range, BATCH_WRITES_MAX).await?;
            let is_last = rows.len() < BATCH_WRITES_MAX;
            let parts = rows.into_iter().map(|(key, _)| Write::Delete { key });
            let mark = is_last.then(|| Write::Delete { key: keys::dead_upload(unique) });
            let batch = Batch { writes: parts.chain(mark).collect(), ..Batch::default() };
            self.store.metadata.commit(batch).await.map_err(Fault::Commit)?;
            if is_last {
                return Ok(Swept::Freed);
            }
        }
    }
}

/// What became of a dead upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Swept {
    /// Its parts are gone.
    Freed,
    /// Somebody reads it; its parts stay for now.
    Read,
}

fn behind(range: KeyRange, last: &[u8]) -> KeyRange {
    KeyRange { start: KeyRange::prefix_after(&[], last).start, end: range.end }
}

/// Records that one batch changes: small enough that other batches do not wait for it.
const BATCH_WRITES_MAX: usize = 250;
const _: () = assert!(BATCH_WRITES_MAX <= SCAN_ENTRIES_MAX);
