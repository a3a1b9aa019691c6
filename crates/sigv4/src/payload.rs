//! What a request declares about its body, and what the signature therefore covers.

use crate::encode::{from_hex, hex};
use crate::error::{AuthError, Echo};

/// How the body is framed and what vouches for it.
///
/// SPEC: data-protection, 1.6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadMode {
    /// A plain body with this digest; the signature covers the digest.
    Sha256([u8; 32]),
    /// A plain body whose digest nobody declared, yet the signature covers: services other than
    /// S3, which read the body before they verify.
    BodyHash,
    /// A plain body that the signature does not cover.
    Unsigned,
    /// `aws-chunked`, each chunk signed.
    SignedChunks,
    /// `aws-chunked`, each chunk and the trailer signed.
    SignedChunksTrailer,
    /// `aws-chunked`, chunks unsigned, a checksum in the trailer if one was declared.
    UnsignedTrailer,
}

impl PayloadMode {
    /// Reads a value of `x-amz-content-sha256`.
    ///
    /// # Errors
    /// If it is neither 64 lower-case hexadecimal digits nor one of the known words.
    pub fn parse(text: &str) -> Result<Self, AuthError> {
        match text {
            UNSIGNED => Ok(Self::Unsigned),
            SIGNED_CHUNKS => Ok(Self::SignedChunks),
            SIGNED_CHUNKS_TRAILER => Ok(Self::SignedChunksTrailer),
            UNSIGNED_TRAILER => Ok(Self::UnsignedTrailer),
            ECDSA_CHUNKS | ECDSA_CHUNKS_TRAILER => Err(AuthError::SigV4aUnsupported),
            _ => match from_hex(text.as_bytes()) {
                Some(digest) => Ok(Self::Sha256(digest)),
                None => Err(AuthError::InvalidContentSha256 { given: Echo::argument(text) }),
            },
        }
    }

    /// Whether the body is framed as `aws-chunked`; only `PutObject` and `UploadPart` take that.
    #[must_use]
    pub fn is_streaming(self) -> bool {
        matches!(self, Self::SignedChunks | Self::SignedChunksTrailer | Self::UnsignedTrailer)
    }

    /// Whether every chunk carries a signature.
    #[must_use]
    pub fn has_chunk_signatures(self) -> bool {
        matches!(self, Self::SignedChunks | Self::SignedChunksTrailer)
    }

    /// The value of `x-amz-content-sha256` for this mode; empty for [`Self::BodyHash`].
    #[must_use]
    pub fn header_value(self) -> String {
        match self {
            Self::Sha256(digest) => hex(&digest).as_str().to_owned(),
            Self::BodyHash => String::new(),
            Self::Unsigned => UNSIGNED.to_owned(),
            Self::SignedChunks => SIGNED_CHUNKS.to_owned(),
            Self::SignedChunksTrailer => SIGNED_CHUNKS_TRAILER.to_owned(),
            Self::UnsignedTrailer => UNSIGNED_TRAILER.to_owned(),
        }
    }
}

const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
const SIGNED_CHUNKS: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
const SIGNED_CHUNKS_TRAILER: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
const UNSIGNED_TRAILER: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
const ECDSA_CHUNKS: &str = "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD";
const ECDSA_CHUNKS_TRAILER: &str = "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for mode in [
            PayloadMode::Sha256([7; 32]),
            PayloadMode::Unsigned,
            PayloadMode::SignedChunks,
            PayloadMode::SignedChunksTrailer,
            PayloadMode::UnsignedTrailer,
        ] {
            assert_eq!(PayloadMode::parse(&mode.header_value()), Ok(mode));
        }
    }

    #[test]
    fn other_values_are_refused() {
        let upper = "AB".repeat(32);
        let spaced = format!(" {}", "ab".repeat(32));
        for bad in ["", "unsigned-payload", "STREAMING", "e3b0", &upper, &spaced] {
            let refused = PayloadMode::parse(bad);
            assert!(matches!(refused, Err(AuthError::InvalidContentSha256 { .. })), "{bad}");
        }
        for sigv4a in [ECDSA_CHUNKS, ECDSA_CHUNKS_TRAILER] {
            assert_eq!(PayloadMode::parse(sigv4a), Err(AuthError::SigV4aUnsupported));
        }
    }
}
