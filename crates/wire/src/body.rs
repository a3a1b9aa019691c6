//! Bodies: what a service reads, and what it sends.
//!
//! Both are pulled, never pushed, so that a slow side slows the other and nothing is buffered
//! whole. Knows no socket and no framing.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;

use crate::ErrorResponse;

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An outgoing body, whose length is known before its first byte.
#[derive(Default)]
pub enum ByteStream {
    /// No body.
    #[default]
    Empty,
    /// All of it.
    Full(Bytes),
    /// Pulled piece by piece.
    Stream {
        /// Bytes that the source will give; giving fewer or more aborts the connection.
        content_length: u64,
        /// Where they come from.
        source: Box<dyn ByteSource>,
    },
}

impl ByteStream {
    /// Bytes of the body.
    #[must_use]
    pub fn content_length(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Full(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Self::Stream { content_length, .. } => *content_length,
        }
    }
}

impl From<Bytes> for ByteStream {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::Empty } else { Self::Full(bytes) }
    }
}

impl fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match self {
            Self::Empty => "empty",
            Self::Full(_) => "full",
            Self::Stream { .. } => "stream",
        };
        // SECURITY: object bytes never reach a log through a debug print.
        write!(f, "ByteStream({form}, {} bytes)", self.content_length())
    }
}

/// The source of a streamed body.
pub trait ByteSource: Send {
    /// The next piece; `None` after the last.
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, StreamError>>>;
}

/// An outgoing body broke. The status line has left already: the connection must be aborted, so
/// that the client sees a short body and never a whole one with other bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the body broke while it was sent: {reason}")]
pub struct StreamError {
    reason: String,
}

impl StreamError {
    /// An error with its reason, for the log only.
    #[must_use]
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

/// An incoming body, already verified as far as the wire can: chunk signatures, SHA-256, length.
pub struct Payload(Box<dyn PayloadSource>);

impl Payload {
    /// The payload that this source gives.
    #[must_use]
    pub fn new(source: impl PayloadSource + 'static) -> Self {
        Self(Box::new(source))
    }

    /// A payload of no bytes.
    #[must_use]
    pub fn empty() -> Self {
        Self::full(Bytes::new())
    }

    /// A payload that is in memory already; its SHA-256 is unknown.
    #[must_use]
    pub fn full(bytes: Bytes) -> Self {
        let content_length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Self::new(FullPayload { bytes: Some(bytes), content_length })
    }

    /// The next piece; `None` after the last, when everything that the client declared held.
    ///
    /// # Errors
    /// If the body broke or does not match what the client declared. Nothing read from it may be
    /// kept then.
    pub async fn next(&mut self) -> Option<Result<Bytes, PayloadError>> {
        self.0.next().await
    }

    /// Bytes after decoding, if the client declared them.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        self.0.content_length()
    }

    /// Names announced by `x-amz-trailer`, in lower case.
    #[must_use]
    pub fn announced_trailers(&self) -> &[String] {
        self.0.announced_trailers()
    }

    /// Trailers that arrived and were verified; empty before the end.
    #[must_use]
    pub fn trailers(&self) -> &[(String, String)] {
        self.0.trailers()
    }

    /// SHA-256 of all decoded bytes if it was computed on the way; `None` before the end.
    #[must_use]
    pub fn sha256(&self) -> Option<[u8; 32]> {
        self.0.sha256()
    }

    /// Whether [`Self::sha256`] will be there at the end: nobody else need compute it.
    #[must_use]
    pub fn computes_sha256(&self) -> bool {
        self.0.computes_sha256()
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").field("content_length", &self.content_length()).finish()
    }
}

/// The source of an incoming body.
pub trait PayloadSource: Send {
    /// The next piece; `None` after the last.
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, PayloadError>>>;

    /// Bytes after decoding, if the client declared them.
    fn content_length(&self) -> Option<u64>;

    /// Names announced by `x-amz-trailer`, in lower case.
    fn announced_trailers(&self) -> &[String];

    /// Trailers that arrived and were verified; only after `next` returned `None`.
    fn trailers(&self) -> &[(String, String)];

    /// SHA-256 of all decoded bytes if it was computed on the way; only after the end.
    fn sha256(&self) -> Option<[u8; 32]>;

    /// Whether there will be a SHA-256 at the end. A source that says so and has none then breaks
    /// its body.
    fn computes_sha256(&self) -> bool {
        false
    }
}

/// Why an incoming body cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// It ended before the declared length.
    #[error("the body ended before its declared length")]
    Truncated,
    /// It went on past the declared length.
    #[error("the body is longer than its declared length")]
    TooLong,
    /// It has another SHA-256 than `x-amz-content-sha256` says.
    #[error("the body has not the declared SHA-256")]
    Sha256Mismatch {
        /// What the client declared, in hexadecimal.
        client: String,
        /// What was computed, in hexadecimal.
        computed: String,
    },
    /// Its framing or a signature in it is wrong; the answer is ready.
    #[error("a chunk of the body was refused: {}", .0.message)]
    Chunk(Box<ErrorResponse>),
    /// The client was too slow.
    #[error("the body did not arrive in time")]
    Timeout,
    /// The connection broke.
    #[error("the connection broke")]
    Io,
}

impl PayloadError {
    /// The answer in S3's terms.
    #[must_use]
    pub fn s3(&self) -> ErrorResponse {
        match self {
            Self::Truncated | Self::TooLong | Self::Io => ErrorResponse::new(
                "IncompleteBody",
                400,
                "the body has not the number of bytes that its length header declares",
            ),
            Self::Sha256Mismatch { client, computed } => ErrorResponse::new(
                "XAmzContentSHA256Mismatch",
                400,
                "the provided `x-amz-content-sha256` header does not match what was computed",
            )
            .element("ClientComputedContentSHA256", client.as_str())
            .element("S3ComputedContentSHA256", computed.as_str()),
            Self::Chunk(response) => response.as_ref().clone(),
            Self::Timeout => ErrorResponse::new(
                "RequestTimeout",
                400,
                "the connection was not read from or written to within the timeout period",
            ),
        }
    }
}

/// A payload that is in memory already.
struct FullPayload {
    bytes: Option<Bytes>,
    content_length: u64,
}

impl PayloadSource for FullPayload {
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, PayloadError>>> {
        let bytes = self.bytes.take().filter(|bytes| !bytes.is_empty());
        Box::pin(std::future::ready(bytes.map(Ok)))
    }

    fn content_length(&self) -> Option<u64> {
        Some(self.content_length)
    }

    fn announced_trailers(&self) -> &[String] {
        &[]
    }

    fn trailers(&self) -> &[(String, String)] {
        &[]
    }

    fn sha256(&self) -> Option<[u8; 32]> {
        None
    }
}
