//! The chain of signatures over the chunks of one body.
//!
//! SPEC: access-control, 5.2; data-protection, 1.7. Both sides of a connection hold one.

use std::fmt;

use strongroom_crypto::{Sha256, sha256};

use crate::encode::{Hex, hex};
use crate::key::SigningKey;

/// Signs chunk after chunk; each signature covers the one before, the first one the request's.
pub struct ChunkSigner {
    signing_key: SigningKey,
    /// `date LF scope LF`, the same for every chunk.
    context: String,
    previous: Hex,
}

impl ChunkSigner {
    pub(crate) fn new(signing_key: SigningKey, amz_date: &str, scope: &str, seed: Hex) -> Self {
        Self { signing_key, context: format!("{amz_date}\n{scope}\n"), previous: seed }
    }

    /// Signs the next chunk, whose payload has this digest.
    pub(crate) fn sign_digest(&mut self, digest: &[u8; 32]) -> Hex {
        let empty = hex(&sha256(b""));
        let covered = format!("{}\n{}", empty.as_str(), hex(digest).as_str());
        self.extend("AWS4-HMAC-SHA256-PAYLOAD", &covered)
    }

    /// Signs the trailer, whose lines have this digest.
    pub(crate) fn sign_trailer_digest(&mut self, digest: &[u8; 32]) -> Hex {
        self.extend("AWS4-HMAC-SHA256-TRAILER", hex(digest).as_str())
    }

    fn extend(&mut self, label: &str, covered: &str) -> Hex {
        let (context, previous) = (&self.context, self.previous.as_str());
        let string_to_sign = format!("{label}\n{context}{previous}\n{covered}");
        self.previous = self.signing_key.sign(string_to_sign.as_bytes());
        self.previous
    }

    /// Appends the next chunk with its frame. An empty one is the last.
    pub fn sign_chunk(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        let signature = self.sign_digest(&sha256(payload));
        let line = format!("{:x};chunk-signature={}\r\n", payload.len(), signature.as_str());
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(payload);
        if !payload.is_empty() {
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Appends the signed trailer, which follows the last chunk.
    pub fn sign_trailers(&mut self, trailers: &[(&str, &str)], out: &mut Vec<u8>) {
        let mut digest = Sha256::new();
        for (name, value) in trailers {
            digest.update(format!("{name}:{value}\n").as_bytes());
            out.extend_from_slice(format!("{name}:{value}\r\n").as_bytes());
        }
        let signature = self.sign_trailer_digest(&digest.finish());
        let line = format!("x-amz-trailer-signature:{}\r\n", signature.as_str());
        out.extend_from_slice(line.as_bytes());
    }
}

impl fmt::Debug for ChunkSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkSigner").finish_non_exhaustive()
    }
}
