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
    shares: Shares,
    wait_max: Duration,
}

/// The parts of the memory that one client may take.
#[derive(Debug, Clone)]
pub(crate) struct Purse(Shares);

/// Memory for everything, and how much of it may be documents.
#[derive(Debug, Clone)]
struct Shares {
    whole: Arc<Semaphore>,
    documents: Arc<Semaphore>,
}

/// What memory is lent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A body that is read or written as it comes.
    Stream,
    /// A document that is read whole, and the work with it: few at a time are as fast as many, as
    /// each of them keeps the store busy.
    Document,
}

/// A part of the memory, given back when this is dropped.
#[derive(Debug)]
#[expect(dead_code, reason = "held for their destructors")]
pub(crate) struct Loan(Vec<OwnedSemaphorePermit>);

/// Who lends to whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lender<'a> {
    pub(crate) budget: &'a Budget,
    pub(crate) client: &'a Purse,
}

impl Lender<'_> {
    pub(crate) async fn lend(
        &self,
        purpose: Purpose,
        bytes: u64,
    ) -> Result<Option<Loan>, ErrorResponse> {
        self.budget.lend(self.client, purpose, bytes).await
    }
}

impl Purse {
    /// Three quarters: whatever one client does, others find memory.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self(Shares::new(
            limits.body_memory_kib_max / 4 * 3,
            limits.document_memory_kib_max / 4 * 3,
        ))
    }
}

impl Shares {
    fn new(whole_kib: usize, documents_kib: usize) -> Self {
        let whole = Arc::new(Semaphore::new(whole_kib));
        Self { whole, documents: Arc::new(Semaphore::new(documents_kib)) }
    }
}

impl Purpose {
    /// What the body of a request is.
    pub(crate) fn of(input: InputKind) -> Self {
        match input {
            InputKind::Stream => Self::Stream,
            InputKind::None | InputKind::Form | InputKind::Text { .. } | InputKind::Xml { .. } => {
                Self::Document
            }
        }
    }
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        let shares = Shares::new(limits.body_memory_kib_max, limits.document_memory_kib_max);
        Self { shares, wait_max: limits.memory_wait_max }
    }

    /// Lends memory out of the part of one client; waits for it while others hold it. Nothing is
    /// lent for nothing.
    pub(crate) async fn lend(
        &self,
        client: &Purse,
        purpose: Purpose,
        bytes: u64,
    ) -> Result<Option<Loan>, ErrorResponse> {
        let kib = bytes.div_ceil(1024).min(LOAN_KIB_MAX);
        if kib == 0 {
            return Ok(None);
        }
        let kib = u32::try_from(kib).map_err(|_| failures::slow_down())?;
        // Always in this order, so that no two wait for each other.
        let documents = [&client.0.documents, &self.shares.documents];
        let documents = documents.into_iter().filter(|_| purpose == Purpose::Document);
        let lent = async {
            let mut lent = Vec::new();
            for part in documents.chain([&client.0.whole, &self.shares.whole]) {
                lent.push(Arc::clone(part).acquire_many_owned(kib).await?);
            }
            Ok::<_, AcquireError>(Loan(lent))
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

/// No loan is larger than three times a document of the greatest length.
const LOAN_KIB_MAX: u64 = 16 * 1024;
/// An upload: one block being filled, one being written.
const UPLOAD_HELD_BYTES: u64 = 2 * 1024 * 1024;
/// A download: one read being decrypted, one being sent.
const DOWNLOAD_HELD_BYTES: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    /// Borrows until nothing is lent any more.
    async fn borrow_all(budget: &Budget, client: &Purse, purpose: Purpose) -> Vec<Option<Loan>> {
        let mut loans = Vec::new();
        loop {
            match budget.lend(client, purpose, 2 * MIB).await {
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
        let clients = [Purse::new(&limits), Purse::new(&limits)];
        let mut loans = Vec::new();
        for client in &clients {
            loans.extend(borrow_all(&budget, client, Purpose::Stream).await);
        }
        assert_eq!(loans.len(), limits.body_memory_kib_max / 2048);
        assert!(budget.lend(&clients[1], Purpose::Stream, 1).await.is_err());
        loans.pop();
        assert!(budget.lend(&clients[1], Purpose::Stream, 1).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn one_client_leaves_memory_for_others() {
        let limits = Limits::default();
        for (purpose, kib) in [
            (Purpose::Stream, limits.body_memory_kib_max),
            (Purpose::Document, limits.document_memory_kib_max),
        ] {
            let budget = Budget::new(&limits);
            let loans = borrow_all(&budget, &Purse::new(&limits), purpose).await;
            assert_eq!(loans.len(), kib / 4 * 3 / 2048);
            assert!(budget.lend(&Purse::new(&limits), purpose, 2 * MIB).await.is_ok());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn documents_take_their_share_and_leave_the_rest_to_streams() {
        let limits = Limits::default();
        let budget = Budget::new(&limits);
        let mut held = 0;
        for _ in 0..4 {
            // However many clients come with documents of 1,000 keys of 1,024 bytes each.
            let client = Purse::new(&limits);
            let input = InputKind::Xml { root: "Delete", required: true };
            let bytes = of_request(input, PayloadMode::Unsigned, MIB);
            while let Ok(loan) = budget.lend(&client, Purpose::of(input), bytes).await {
                std::mem::forget(loan);
                held += bytes;
            }
        }
        let most = limits.document_memory_kib_max as u64 * 1024;
        assert!(held <= most && held > most - 3 * MIB, "{held} of {most}");
        assert!(most <= 64 * MIB);
        let client = Purse::new(&limits);
        let loans = borrow_all(&budget, &client, Purpose::Stream).await;
        assert_eq!(loans.len(), limits.body_memory_kib_max / 4 * 3 / 2048);
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_document_is_lent_what_it_takes() {
        let limits = Limits::default();
        let input = InputKind::Text { required: true };
        let bytes = of_request(input, PayloadMode::Unsigned, 5 * MIB);
        let budget = Budget::new(&limits);
        let loan = budget.lend(&Purse::new(&limits), Purpose::of(input), bytes).await.unwrap();
        let left = limits.document_memory_kib_max - budget.shares.documents.available_permits();
        assert_eq!(left as u64 * 1024, bytes);
        drop(loan);
        assert_eq!(budget.shares.documents.available_permits(), limits.document_memory_kib_max);
    }

    #[test]
    fn a_signed_chunk_counts_beside_the_upload() {
        let plain = of_request(InputKind::Stream, PayloadMode::Unsigned, 1 << 30);
        let signed = of_request(InputKind::Stream, PayloadMode::SignedChunks, 1 << 30);
        assert_eq!(signed, plain + CHUNK_BYTES_MAX);
        assert_eq!(of_request(InputKind::Stream, PayloadMode::Unsigned, 4096), 4096);
    }
}
