//! Bodies between hyper and the services.
//!
//! Inwards: lengths, chunk signatures and the declared SHA-256 are checked while bytes pass, and
//! a service sees only what has passed. Outwards: a source is pulled as fast as the socket takes.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use parking_lot::Mutex;
use strongroom_sigv4::{BodyDecoder, Event};
use strongroom_wire::{
    BoxFuture, ByteSource, ByteStream, ErrorResponse, PayloadError, PayloadSource, StreamError,
};
use tokio::time::Instant;

use crate::budget::Loan;
use crate::failures;
use crate::pace::Pace;

/// The body of a request on its way to a service.
pub(crate) struct IncomingPayload {
    incoming: Option<Incoming>,
    /// `None` once the end was reached, or after an error.
    decoder: Option<BodyDecoder>,
    input: Bytes,
    length: BodyLength,
    received: u64,
    announced: Vec<String>,
    trailers: Vec<(String, String)>,
    sha256: Option<[u8; 32]>,
    computes_sha256: bool,
    failed: Failed,
    leftover: Leftover,
}

/// What went wrong with a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failed {
    /// Nothing.
    Not,
    /// No more of it comes, or too slowly.
    Body,
    /// It comes, but is not what it should be.
    Content,
}

/// How long a body may be, and how slow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLength {
    /// Decoded length that the client declared; `None` for a body in HTTP chunks.
    pub(crate) declared: Option<u64>,
    /// The longest body that the operation takes.
    pub(crate) bytes_max: u64,
    /// What must arrive while it is waited for.
    pub(crate) pace: Pace,
}

/// Where a payload takes the body from, and leaves what it has not read of it.
pub(crate) type Leftover = Arc<Mutex<Rest>>;

/// What was not read of a body.
#[derive(Debug, Default)]
pub(crate) enum Rest {
    /// Nothing: the next request follows.
    #[default]
    Nothing,
    /// This. It can be read away: a client that is still sending would else not hear why it was
    /// refused.
    Unread(Incoming),
    /// It broke off, or was too slow.
    Broken,
}

impl Rest {
    pub(crate) fn is_nothing(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Unread(incoming) => incoming.is_end_stream(),
            Self::Broken => false,
        }
    }
}

impl IncomingPayload {
    /// The body of a request whose signature was verified, or that made no claim.
    pub(crate) fn new(
        leftover: &Leftover,
        decoder: BodyDecoder,
        length: BodyLength,
        announced: Vec<String>,
    ) -> Self {
        Self {
            incoming: match std::mem::take(&mut *leftover.lock()) {
                Rest::Unread(incoming) => Some(incoming),
                Rest::Nothing | Rest::Broken => None,
            },
            computes_sha256: decoder.computes_sha256(),
            decoder: Some(decoder),
            input: Bytes::new(),
            length,
            received: 0,
            announced,
            trailers: Vec::new(),
            sha256: None,
            failed: Failed::Not,
            leftover: Arc::clone(leftover),
        }
    }

    async fn advance(&mut self) -> Result<Option<Bytes>, PayloadError> {
        loop {
            let Some(decoder) = &mut self.decoder else {
                return Ok(None);
            };
            while !self.input.is_empty() {
                if let Event::Payload(bytes) = decoder.feed(&mut self.input).map_err(chunk_error)? {
                    self.received = self.received.saturating_add(length(&bytes));
                    if self.received > self.length.declared.unwrap_or(self.length.bytes_max) {
                        return Err(PayloadError::TooLong);
                    }
                    return Ok(Some(bytes));
                }
            }
            let Some(incoming) = &mut self.incoming else {
                return Err(PayloadError::Io);
            };
            match read(incoming, &mut self.length.pace).await? {
                Some(bytes) => self.input = bytes,
                None => {
                    self.incoming = None;
                    self.finish()?;
                }
            }
        }
    }

    fn finish(&mut self) -> Result<(), PayloadError> {
        if let Some(decoder) = self.decoder.take() {
            let end = decoder.finish().map_err(chunk_error)?;
            let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
            self.trailers = end.trailers.iter().map(owned).collect();
            self.sha256 = end.sha256;
        }
        if self.length.declared.is_some_and(|declared| declared != self.received) {
            return Err(PayloadError::Truncated);
        }
        Ok(())
    }
}

impl Drop for IncomingPayload {
    fn drop(&mut self) {
        *self.leftover.lock() = match self.incoming.take() {
            None => Rest::Nothing,
            Some(_) if self.failed == Failed::Body => Rest::Broken,
            Some(incoming) => Rest::Unread(incoming),
        };
    }
}

impl PayloadSource for IncomingPayload {
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, PayloadError>>> {
        Box::pin(async move {
            if self.failed != Failed::Not {
                return Some(Err(PayloadError::Io));
            }
            let advanced = self.advance().await;
            self.failed = match &advanced {
                Ok(_) => Failed::Not,
                Err(PayloadError::Timeout | PayloadError::Io | PayloadError::Truncated) => {
                    Failed::Body
                }
                Err(_) => Failed::Content,
            };
            advanced.transpose()
        })
    }

    fn content_length(&self) -> Option<u64> {
        self.length.declared
    }

    fn announced_trailers(&self) -> &[String] {
        &self.announced
    }

    fn trailers(&self) -> &[(String, String)] {
        &self.trailers
    }

    fn sha256(&self) -> Option<[u8; 32]> {
        self.sha256
    }

    fn computes_sha256(&self) -> bool {
        self.computes_sha256
    }
}

/// Reads away what a client is still sending, up to a limit. Whether the end was reached, so that
/// another request may follow.
pub(crate) async fn drain(leftover: &Leftover, mut pace: Pace) -> bool {
    let mut incoming = match std::mem::take(&mut *leftover.lock()) {
        Rest::Nothing => return true,
        Rest::Broken => return false,
        Rest::Unread(incoming) => incoming,
    };
    let reading = async {
        let mut read_bytes = 0_usize;
        while let Ok(rest) = read(&mut incoming, &mut pace).await {
            let Some(bytes) = rest else { return true };
            read_bytes = read_bytes.saturating_add(bytes.len());
            if read_bytes > DRAIN_BYTES_MAX {
                return false;
            }
        }
        false
    };
    tokio::time::timeout(DRAIN_TIME_MAX, reading).await.unwrap_or(false)
}

/// Reads the next bytes of a body, however they are framed on the wire.
///
/// SECURITY: a body that trickles would hold its memory for as long as the client likes.
pub(crate) async fn read(
    incoming: &mut Incoming,
    pace: &mut Pace,
) -> Result<Option<Bytes>, PayloadError> {
    loop {
        let frame = match poll_fn(|cx| Poll::Ready(poll_frame(incoming, cx))).await {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                let since = Instant::now();
                let frame = poll_fn(|cx| poll_frame(incoming, cx));
                let frame = tokio::time::timeout(pace.left(), frame).await;
                pace.waited(since.elapsed());
                frame.map_err(|_| PayloadError::Timeout)?
            }
        };
        match frame {
            None => return Ok(None),
            Some(Err(error)) if error.is_incomplete_message() => {
                return Err(PayloadError::Truncated);
            }
            Some(Err(_)) => return Err(PayloadError::Io),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => {
                    pace.moved(bytes.len());
                    return Ok(Some(bytes));
                }
                // Trailers of HTTP itself mean nothing here.
                Err(_) => {}
            },
        }
    }
}

fn poll_frame(
    incoming: &mut Incoming,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
    Pin::new(incoming).poll_frame(cx)
}

fn chunk_error(error: strongroom_sigv4::ChunkError) -> PayloadError {
    PayloadError::Chunk(Box::new(failures::response(error.s3())))
}

fn length(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// The body of a response on its way to the client. Its length is always known.
pub(crate) struct ResponseBody {
    remaining: u64,
    part: Part,
    /// The memory that the answer takes, given back with its last bytes.
    loans: Loans,
}

/// What request and answer borrowed.
type Loans = [Option<Loan>; 2];

enum Part {
    Done,
    Bytes(Bytes),
    Source(Box<dyn ByteSource>),
    Pulling(Pull),
}

type Pulled = (Box<dyn ByteSource>, Option<Result<Bytes, StreamError>>);
type Pull = Pin<Box<dyn Future<Output = Pulled> + Send>>;

/// Why a response was cut: the connection is closed, never a short answer passed as whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResponseBodyError {
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error("the body had another length than was promised")]
    Length,
}

impl From<ByteStream> for ResponseBody {
    fn from(stream: ByteStream) -> Self {
        let remaining = stream.content_length();
        let part = match stream {
            ByteStream::Empty => Part::Done,
            ByteStream::Full(bytes) => Part::Bytes(bytes),
            ByteStream::Stream { source, .. } => Part::Source(source),
        };
        Self { remaining, part, loans: Loans::default() }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = ResponseBodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ResponseBodyError>>> {
        loop {
            match std::mem::replace(&mut self.part, Part::Done) {
                Part::Done if self.remaining == 0 => return Poll::Ready(None),
                Part::Done => return Poll::Ready(Some(Err(ResponseBodyError::Length))),
                Part::Bytes(bytes) => return Poll::Ready(Some(self.emit(bytes))),
                Part::Source(mut source) => {
                    self.part = Part::Pulling(Box::pin(async move {
                        let pulled = source.next().await;
                        (source, pulled)
                    }));
                }
                Part::Pulling(mut pull) => match pull.as_mut().poll(cx) {
                    Poll::Pending => {
                        self.part = Part::Pulling(pull);
                        return Poll::Pending;
                    }
                    Poll::Ready((_, None)) => {}
                    Poll::Ready((_, Some(Err(error)))) => {
                        tracing::error!(%error, "a response was cut");
                        return Poll::Ready(Some(Err(error.into())));
                    }
                    Poll::Ready((source, Some(Ok(bytes)))) => {
                        self.part = Part::Source(source);
                        return Poll::Ready(Some(self.emit(bytes)));
                    }
                },
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

impl ResponseBody {
    pub(crate) fn holding(mut self, loans: Loans) -> Self {
        self.loans = loans;
        self
    }

    fn emit(&mut self, bytes: Bytes) -> Result<Frame<Bytes>, ResponseBodyError> {
        let remaining = self.remaining.checked_sub(length(&bytes));
        self.remaining = remaining.ok_or(ResponseBodyError::Length)?;
        if self.remaining > 0 || self.loans.iter().all(Option::is_none) {
            return Ok(Frame::data(bytes));
        }
        // hyper drops the body now, and keeps these bytes until the client has taken them.
        let loans = std::mem::take(&mut self.loans);
        Ok(Frame::data(Bytes::from_owner(Borrowed { bytes, loans })))
    }
}

/// Bytes that hold on to what was borrowed for them.
struct Borrowed {
    bytes: Bytes,
    #[expect(dead_code, reason = "held for its destructor")]
    loans: Loans,
}

impl AsRef<[u8]> for Borrowed {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A whole body in memory, for operations whose input is a document. No payload
/// grows past its declared length, or the limit where none is declared.
pub(crate) async fn collect(
    payload: &mut strongroom_wire::Payload,
    declared: Option<u64>,
) -> Result<Bytes, ErrorResponse> {
    let mut whole = Vec::with_capacity(usize::try_from(declared.unwrap_or(0)).unwrap_or(0));
    while let Some(bytes) = payload.next().await {
        let bytes = bytes.map_err(|error| match error {
            PayloadError::TooLong => failures::message_too_long(),
            error => error.s3(),
        })?;
        whole.extend_from_slice(&bytes);
    }
    Ok(whole.into())
}

/// What is read away after a refusal. Larger uploads are cut; clients that mean to send them ask
/// first with `Expect: 100-continue`.
const DRAIN_BYTES_MAX: usize = 1024 * 1024;
const DRAIN_TIME_MAX: Duration = Duration::from_secs(2);
