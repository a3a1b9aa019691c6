//! The digests of a payload on its way in: each byte once per algorithm.

use bytes::Bytes;
use strongroom_crypto::{Checksum, ChecksumHasher, Md5};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Computes MD5 and one checksum of a payload.
///
/// MD5 is the slowest digest by far (0.6 GB/s), so for all but small payloads it runs beside on
/// a thread of its own, fed through a bounded channel.
#[derive(Debug)]
pub(super) struct PayloadHasher {
    md5: Md5Hasher,
    checksum: ChecksumHasher,
    hashed_bytes: usize,
}

/// The thread that computes MD5 is gone, which only a shutdown explains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the digest thread is gone")]
pub(crate) struct HasherGone;

#[derive(Debug)]
enum Md5Hasher {
    /// In place.
    Inline(Box<Md5>),
    /// On a thread that ends when the sender is dropped. The set aborts it when this is dropped.
    Beside { pieces: mpsc::Sender<Bytes>, thread: JoinSet<[u8; 16]> },
}

impl PayloadHasher {
    pub(super) fn new(checksum: ChecksumHasher) -> Self {
        Self { md5: Md5Hasher::Inline(Box::new(Md5::new())), checksum, hashed_bytes: 0 }
    }

    pub(super) async fn update(&mut self, piece: &Bytes) -> Result<(), HasherGone> {
        self.checksum.update(piece);
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

    pub(super) async fn finish(self) -> Result<([u8; 16], Checksum), HasherGone> {
        let checksum = self.checksum.finish();
        let md5 = match self.md5 {
            Md5Hasher::Inline(md5) => md5.finish(),
            Md5Hasher::Beside { pieces, mut thread } => {
                drop(pieces);
                thread.join_next().await.and_then(Result::ok).ok_or(HasherGone)?
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

const INLINE_MD5_BYTES_MAX: usize = 256 * 1024; // 0.4 ms: less is not worth a thread
const PIECES_WAITING_MAX: usize = 8; // pieces are network reads of at most some 100 KiB
