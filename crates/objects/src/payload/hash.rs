//! The digests of a payload on its way in: each byte once per algorithm.

use bytes::Bytes;
use strongroom_crypto::{Checksum, ChecksumAlgorithm, ChecksumHasher, Md5};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Computes MD5 and one checksum of a payload.
///
/// MD5 is the slowest digest by far (0.6 GB/s), so for all but small payloads it runs beside on
/// a thread of its own, fed through a bounded channel.
#[derive(Debug)]
pub(super) struct PayloadHasher {
    md5: Md5Hasher,
    checksum: ChecksumDigest,
    hashed_bytes: usize,
}

/// Where the checksum comes from.
#[derive(Debug)]
enum ChecksumDigest {
    /// It is computed here.
    Computed(Box<ChecksumHasher>),
    /// It is the MD5 that is computed in any case.
    Md5,
    /// It is the SHA-256 that the reader of the body computes.
    FromBody,
}

/// What computes a digest is gone: the thread of the MD5, which only a shutdown explains, or the
/// reader of the body, which had promised its SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a digest was not computed")]
pub(crate) struct HasherGone;

#[derive(Debug)]
enum Md5Hasher {
    /// In place.
    Inline(Box<Md5>),
    /// On a thread that ends when the sender is dropped. The set aborts it when this is dropped.
    Beside { pieces: mpsc::Sender<Bytes>, thread: JoinSet<[u8; 16]> },
}

impl PayloadHasher {
    /// `sha256_in_body` says that the reader of the body computes its SHA-256.
    pub(super) fn new(algorithm: ChecksumAlgorithm, sha256_in_body: bool) -> Self {
        let checksum = match algorithm {
            ChecksumAlgorithm::Md5 => ChecksumDigest::Md5,
            ChecksumAlgorithm::Sha256 if sha256_in_body => ChecksumDigest::FromBody,
            _ => ChecksumDigest::Computed(Box::new(ChecksumHasher::new(algorithm))),
        };
        Self { md5: Md5Hasher::Inline(Box::new(Md5::new())), checksum, hashed_bytes: 0 }
    }

    pub(super) async fn update(&mut self, piece: &Bytes) -> Result<(), HasherGone> {
        if let ChecksumDigest::Computed(hasher) = &mut self.checksum {
            hasher.update(piece);
        }
        self.hashed_bytes = self.hashed_bytes.saturating_add(piece.len());
        if self.hashed_bytes > INLINE_MD5_BYTES_MAX {
            self.move_beside();
        }
        match &mut self.md5 {
            Md5Hasher::Inline(md5) => md5.update(piece),
            Md5Hasher::Beside { pieces, .. } => {
                pieces.send(piece.clone()).await.map_err(|_| HasherGone)?;
            }
        }
        Ok(())
    }

    /// The digests. `sha256` is what the reader of the body has computed.
    pub(super) async fn finish(
        self,
        sha256: Option<[u8; 32]>,
    ) -> Result<([u8; 16], Checksum), HasherGone> {
        let md5 = match self.md5 {
            Md5Hasher::Inline(md5) => md5.finish(),
            Md5Hasher::Beside { pieces, mut thread } => {
                drop(pieces);
                thread.join_next().await.and_then(Result::ok).ok_or(HasherGone)?
            }
        };
        let checksum = match self.checksum {
            ChecksumDigest::Computed(hasher) => hasher.finish(),
            ChecksumDigest::Md5 => known(ChecksumAlgorithm::Md5, &md5)?,
            ChecksumDigest::FromBody => {
                known(ChecksumAlgorithm::Sha256, &sha256.ok_or(HasherGone)?)?
            }
        };
        Ok((md5, checksum))
    }

    fn move_beside(&mut self) {
        let Md5Hasher::Inline(md5) = &mut self.md5 else {
            return;
        };
        let mut md5 = std::mem::replace(md5.as_mut(), Md5::new());
        let (pieces, mut incoming) = mpsc::channel::<Bytes>(PIECES_WAITING_MAX);
        let mut thread = JoinSet::new();
        thread.spawn_blocking(move || {
            while let Some(piece) = incoming.blocking_recv() {
                md5.update(&piece);
            }
            md5.finish()
        });
        self.md5 = Md5Hasher::Beside { pieces, thread };
    }
}

/// A digest that was computed already, as the checksum that it is.
fn known(algorithm: ChecksumAlgorithm, digest: &[u8]) -> Result<Checksum, HasherGone> {
    Checksum::from_bytes(algorithm, digest).map_err(|_| HasherGone)
}

const INLINE_MD5_BYTES_MAX: usize = 256 * 1024; // 0.4 ms: less is not worth a thread
const PIECES_WAITING_MAX: usize = 8; // pieces are network reads of at most some 100 KiB
