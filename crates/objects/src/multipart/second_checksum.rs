//! A checksum beside the one that the client declared.
//!
//! An upload without an algorithm of its own gets a CRC64NVME of the whole object, joined from
//! those of its parts, while current clients declare a CRC32 with each part.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use strongroom_crypto::{Checksum, ChecksumAlgorithm, ChecksumHasher};
use strongroom_wire::{BoxFuture, Payload, PayloadError, PayloadSource};

/// Computes a checksum of a payload that somebody else reads.
#[derive(Debug)]
pub(super) struct SecondChecksum {
    hasher: Arc<Mutex<ChecksumHasher>>,
}

/// A payload whose bytes are hashed on their way.
struct Watched {
    body: Payload,
    hasher: Arc<Mutex<ChecksumHasher>>,
}

impl SecondChecksum {
    pub(super) fn new(algorithm: ChecksumAlgorithm) -> Self {
        Self { hasher: Arc::new(Mutex::new(ChecksumHasher::new(algorithm))) }
    }

    /// The payload, to be read in place of `body`.
    pub(super) fn watch(&self, body: Payload) -> Payload {
        Payload::new(Watched { body, hasher: Arc::clone(&self.hasher) })
    }

    /// The checksum of what was read.
    pub(super) fn finish(&self) -> Checksum {
        self.hasher.lock().clone().finish()
    }
}

impl PayloadSource for Watched {
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, PayloadError>>> {
        Box::pin(async move {
            let piece = self.body.next().await;
            if let Some(Ok(piece)) = &piece {
                self.hasher.lock().update(piece);
            }
            piece
        })
    }

    fn content_length(&self) -> Option<u64> {
        self.body.content_length()
    }

    fn announced_trailers(&self) -> &[String] {
        self.body.announced_trailers()
    }

    fn trailers(&self) -> &[(String, String)] {
        self.body.trailers()
    }

    fn sha256(&self) -> Option<[u8; 32]> {
        self.body.sha256()
    }

    fn computes_sha256(&self) -> bool {
        self.body.computes_sha256()
    }
}
