//! Memory for bodies: a fixed amount, lent to requests for as long as they hold bytes.
//!
//! However many clients there are, and however slow, what they can make the server hold is bounded:
//! who finds nothing left waits, and is told to slow down if it takes too long.

use std::sync::Arc;
use std::time::Duration;

use strongroom_sigv4::{CHUNK_BYTES_MAX, PayloadMode};
use strongroom_wire::{ByteStream, ErrorResponse, InputKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::failures;

/// The memory that all bodies together may take.
#[derive(Debug, Clone)]
pub(crate) struct Budget(Arc<Semaphore>);

/// A part of it, given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Loan(
    #[expect(dead_code, reason = "held for its destructor")] OwnedSemaphorePermit,
);

impl Budget {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(BUDGET_KIB)))
    }

    /// Lends memory; waits for it while others hold it. Nothing is lent for nothing.
    pub(crate) async fn lend(&self, bytes: u64) -> Result<Option<Loan>, ErrorResponse> {
        let kib = bytes.div_ceil(1024).min(LOAN_KIB_MAX);
        if kib == 0 {
            return Ok(None);
        }
        let kib = u32::try_from(kib).map_err(|_| failures::slow_down())?;
        let lent = Arc::clone(&self.0).acquire_many_owned(kib);
        match tokio::time::timeout(WAIT_MAX, lent).await {
            Ok(Ok(permit)) => Ok(Some(Loan(permit))),
            Ok(Err(_)) | Err(_) => Err(failures::slow_down()),
        }
    }
}

/// What a request body of `whole` bytes makes the server hold at most.
pub(crate) fn of_request(input: InputKind, mode: PayloadMode, whole: u64) -> u64 {
    let held = match input {
        InputKind::Stream => whole.min(UPLOAD_HELD_BYTES),
        InputKind::None | InputKind::Text { .. } | InputKind::Xml { .. } => whole,
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

/// All bodies together: 384 MiB, some 190 large uploads or 380 large downloads at once.
const BUDGET_KIB: usize = 384 * 1024;
/// No loan is larger than a document of the greatest length.
const LOAN_KIB_MAX: u64 = 8 * 1024;
/// An upload: one block being filled, one being written.
const UPLOAD_HELD_BYTES: u64 = 2 * 1024 * 1024;
/// A download: one read being decrypted, one being sent.
const DOWNLOAD_HELD_BYTES: u64 = 1024 * 1024;
/// Longer than this nobody waits for memory.
const WAIT_MAX: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_memory_is_told_to_slow_down_and_served_when_some_is_given_back() {
        let budget = Budget::new();
        let mut loans = Vec::new();
        loop {
            match budget.lend(2 * 1024 * 1024).await {
                Ok(loan) => loans.push(loan),
                Err(error) => {
                    assert_eq!((error.status, error.code.as_ref()), (503, "SlowDown"));
                    break;
                }
            }
        }
        assert_eq!(loans.len(), BUDGET_KIB / 2048);
        loans.pop();
        assert!(budget.lend(1).await.is_ok());
    }

    #[test]
    fn a_signed_chunk_counts_beside_the_upload() {
        let plain = of_request(InputKind::Stream, PayloadMode::Unsigned, 1 << 30);
        let signed = of_request(InputKind::Stream, PayloadMode::SignedChunks, 1 << 30);
        assert_eq!(signed, plain + CHUNK_BYTES_MAX);
        assert_eq!(of_request(InputKind::Stream, PayloadMode::Unsigned, 4096), 4096);
    }
}
