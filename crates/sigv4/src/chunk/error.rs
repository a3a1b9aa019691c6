//! What can be wrong with a body.

use crate::error::{ErrorParts, MISMATCH, payload_mismatch};

use super::{CHUNK_BYTES_MAX, CHUNK_BYTES_MIN};

/// Why a body was refused. Nothing of it may become visible.
///
/// SPEC: data-protection, 1.7.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// A line that is no chunk line, or a chunk without its line break.
    #[error("the body is not framed as `aws-chunked`")]
    MalformedFrame,
    /// A chunk line over its limit.
    #[error("a chunk line is too long")]
    LineTooLong,
    /// A signed chunk over its limit.
    #[error("chunk {index} of {chunk_bytes} bytes is over the limit of {CHUNK_BYTES_MAX}")]
    ChunkTooLarge {
        /// Which chunk, from 1.
        index: u64,
        /// Its size.
        chunk_bytes: u64,
    },
    /// A chunk below the limit that was not the last.
    #[error("chunk {index} of {chunk_bytes} bytes is under the limit of {CHUNK_BYTES_MIN}")]
    ChunkTooSmall {
        /// Which chunk, from 1.
        index: u64,
        /// Its size.
        chunk_bytes: u64,
    },
    /// The body ended before it was complete.
    #[error("the body ended before its end")]
    Truncated,
    /// More payload than `x-amz-decoded-content-length` said.
    #[error("the payload is longer than declared")]
    LongerThanDeclared,
    /// Less payload than `x-amz-decoded-content-length` said.
    #[error("the payload is shorter than declared")]
    ShorterThanDeclared,
    /// Bytes behind the end.
    #[error("bytes follow the end of the body")]
    BytesAfterEnd,
    /// A chunk is not what was signed.
    #[error("chunk {index} does not match its signature")]
    SignatureMismatch {
        /// Which chunk, from 1.
        index: u64,
    },
    /// The trailer is not what was signed.
    #[error("the trailer does not match its signature")]
    TrailerSignatureMismatch,
    /// A trailer line that is none.
    #[error("a trailer is malformed")]
    TrailerMalformed,
    /// The trailer lines together are over their limit.
    #[error("the trailer is too long")]
    TrailerTooLong,
    /// A declared trailer did not arrive.
    #[error("declared trailer `{name}` did not arrive")]
    TrailerMissing {
        /// Its name.
        name: String,
    },
    /// A trailer arrived that was not declared.
    #[error("trailer `{name}` was not declared")]
    TrailerUndeclared {
        /// Its name.
        name: String,
    },
    /// A trailer arrived twice.
    #[error("trailer `{name}` arrived twice")]
    TrailerDuplicate {
        /// Its name.
        name: String,
    },
    /// A plain body does not have the digest that was signed.
    #[error("the body does not have the digest that was signed")]
    DigestMismatch {
        /// The digest that was signed, in hexadecimal digits.
        declared: String,
        /// The digest of the body, in hexadecimal digits.
        computed: String,
    },
}

impl ChunkError {
    /// The error as S3 answers it.
    #[must_use]
    pub fn s3(&self) -> ErrorParts {
        match self {
            Self::MalformedFrame
            | Self::LineTooLong
            | Self::Truncated
            | Self::LongerThanDeclared
            | Self::ShorterThanDeclared
            | Self::BytesAfterEnd => ErrorParts::new(
                400,
                "IncompleteBody",
                "The request body did not have the number of bytes that its headers declare.",
            ),
            Self::ChunkTooSmall { index, chunk_bytes } => ErrorParts::new(
                400,
                "InvalidChunkSizeError",
                format!("Only the last chunk may have less than {CHUNK_BYTES_MIN} bytes."),
            )
            .with("Chunk", index.to_string())
            .with("BadChunkSize", chunk_bytes.to_string()),
            Self::ChunkTooLarge { index, chunk_bytes } => ErrorParts::new(
                400,
                "InvalidChunkSizeError",
                format!("A signed chunk may have at most {CHUNK_BYTES_MAX} bytes."),
            )
            .with("Chunk", index.to_string())
            .with("BadChunkSize", chunk_bytes.to_string()),
            Self::SignatureMismatch { .. } | Self::TrailerSignatureMismatch => {
                ErrorParts::new(403, "SignatureDoesNotMatch", MISMATCH)
            }
            Self::TrailerMalformed
            | Self::TrailerTooLong
            | Self::TrailerMissing { .. }
            | Self::TrailerUndeclared { .. }
            | Self::TrailerDuplicate { .. } => ErrorParts::new(
                400,
                "MalformedTrailerError",
                "The request body has trailing headers other than those that its headers declare.",
            ),
            Self::DigestMismatch { declared, computed } => payload_mismatch(declared, computed),
        }
    }
}
