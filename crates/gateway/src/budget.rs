//! Memory for bodies: a fixed amount, lent to requests for as long as they hold bytes.
//!
//! However many clients there are, and however slow, what they can make the server hold is bounded:
//! who finds nothing left waits, and is told to slow down if it takes too long.

use std::sync::Arc;
use std::time::Duration;

use strongroom_sigv4::{CHUNK_BYTES_MAX, PayloadMode};
use strongroom_wire::{ByteStream, ErrorResponse, InputKind};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use crate::failures;
use crate::limits::Limits;

/// The memory that all bodies together may take.
#[derive(Debug)]
pub(crate) struct Budget {
    whole: Arc<Semaphore>,
    wait_max: Duration,
}

/// A part of it, given back when this is dropped.
#[derive(Debug)]
#[expect(dead_code, reason = "held for their destructors")]
pub(crate) struct Loan {
    of_client: OwnedSemaphorePermit,
    of_whole: OwnedSemaphorePermit,
}

/// Who lends to whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lender<'a> {
    pub(crate) budget: &'a Budget,
    /// The part of the memory that the client may take.
    pub(crate) client: &'a Arc<Semaphore>,
}

impl Lender<'_> {
    pub(crate) async fn lend(&self, bytes: u64) -> Result<Option<Loan>, ErrorResponse> {
        self.budget.lend(self.client, bytes).await
    }
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        let whole = Arc::new(Semaphore::new(limits.body_memory_kib_max));
        Self { whole, wait_max: limits.memory_wait_max }
    }

    /// Lends memory out of the part of one client; waits for it while others hold it. Nothing is
    /// lent for nothing.
    pub(crate) async fn lend(
        &self,
        client: &Arc<Semaphore>,
        bytes: u64,
    ) -> Result<Option<Loan>, ErrorResponse> {
        let kib = bytes.div_ceil(1024).min(LOAN_KIB_MAX);
        if kib == 0 {
            return Ok(None);
        }
        let kib = u32::try_from(kib).map_err(|_| failures::slow_down())?;
        let lent = async {
            // Always in this order, so that no two wait for each other.
            let of_client = Arc::clone(client).acquire_many_owned(kib).await?;
            let of_whole = Arc::clone(&self.whole).acquire_many_owned(kib).await?;
            Ok::<_, AcquireError>(Loan { of_client, of_whole })
        };
        match tokio::time::timeout(self.wait_max, lent).await {
            Ok(Ok(loan)) => Ok(Some(loan)),
            Ok(Err(_)) | Err(_) => Err(failures::slow_down()),
        }
    }
}

/// What a request body of `whole` bytes makes the server hold at most.
pub(crate) fn of_request(input: InputKind, mode: PayloadMode, whole: u64) -> u64 {
    let held = match input {
        InputKind::Stream => whole.min(UPLOAD_HELD_BYTES),
        // The document, what was read out of it, and the answer to each of its items.
        InputKind::None | InputKind::Text { .. } | InputKind::Xml { .. } | InputKind::Form => {
            whole.saturating_mul(3)
        }
    };
    // A signed chunk is held whole until its signature is verified.
    let chunk = if mode.has_chunk_signatures() { whole.min(CHUNK_BYTES_MAX) } else { 0 };
    held.saturating_add(chunk)
}

/// What a response body makes the server hold at most.
pub(crate) fn of_response(body: &ByteStream) -> u64 {
    match body {
        // At hand already, and no longer than one read.
        ByteStream::Empty | ByteStream::Full(_) => 0,
        ByteStream::Stream { content_length, .. } => (*content_length).min(DOWNLOAD_HELD_BYTES),
    }
}

/// No loan is larger than a document of the greatest length.
const LOAN_KIB_MAX: u64 = 8 * 1024;
/// An upload: one block being filled, one being written.
const UPLOAD_HELD_BYTES: u64 = 2 * 1024 * 1024;
/// A download: one read being decrypted, one being sent.
const DOWNLOAD_HELD_BYTES: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    /// Borrows until nothing is lent any more.
    async fn borrow_all(budget: &Budget, client: &Arc<Semaphore>) -> Vec<Option<Loan>> {
        let mut loans = Vec::new();
        loop {
            match budget.lend(client, 2 * MIB).await {
                Ok(loan) => loans.push(loan),
                Err(error) => {
                    assert_eq!((error.status, error.code.as_ref()), (503, "SlowDown"));
                    return loans;
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_memory_is_told_to_slow_down_and_served_when_some_is_given_back() {
        let limits = Limits::default();
        let budget = Budget::new(&limits);
        let client = Arc::new(Semaphore::new(limits.body_memory_kib_max));
        let mut loans = borrow_all(&budget, &client).await;
        assert_eq!(loans.len(), limits.body_memory_kib_max / 2048);
        loans.pop();
        assert!(budget.lend(&client, 1).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn one_client_leaves_memory_for_others() {
        let limits = Limits::default();
        let budget = Budget::new(&limits);
        let greedy = Arc::new(Semaphore::new(limits.body_memory_kib_max / 2));
        let loans = borrow_all(&budget, &greedy).await;
        assert_eq!(loans.len(), limits.body_memory_kib_max / 4096);
        let other = Arc::new(Semaphore::new(limits.body_memory_kib_max / 2));
        assert!(budget.lend(&other, 2 * MIB).await.is_ok());
    }

    #[test]
    fn a_signed_chunk_counts_beside_the_upload() {
        let plain = of_request(InputKind::Stream, PayloadMode::Unsigned, 1 << 30);
        let signed = of_request(InputKind::Stream, PayloadMode::SignedChunks, 1 << 30);
        assert_eq!(signed, plain + CHUNK_BYTES_MAX);
        assert_eq!(of_request(InputKind::Stream, PayloadMode::Unsigned, 4096), 4096);
    }
}
