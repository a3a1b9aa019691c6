//! The envelope: the form in which every payload is stored, small or large.
//!
//! `docs/formats/envelope.md` says what the bytes are. All parts of it are state machines: bytes
//! in, bytes out, no files. Nothing here knows what a payload means.

mod header;
mod layout;
mod open;
mod scrub;
mod seal;
#[cfg(test)]
mod tests;

pub use header::EnvelopeHeader;
pub use layout::{ChunkSpan, EnvelopeLayout};
pub use open::EnvelopeOpener;
pub use scrub::EnvelopeScrubber;
pub use seal::{EnvelopeSealer, EnvelopeWriter, seal_payload};

use crate::aead::{AeadError, AeadKey};
use crate::blob::BlobId;
use crate::hmac::{HkdfSha256, hkdf_sha256};
use crate::secret::Secret;
use crate::wrap::DataKey;

/// What an envelope is bound to. It opens for this and for nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnvelopeContext {
    /// The payload.
    pub blob_id: BlobId,
    /// The part number of an upload in parts, or 0.
    pub part: u32,
}

/// Why an envelope was not written, or was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// The payload, or the offset asked for, is over the limit of the format.
    #[error("a payload has at most {} bytes", EnvelopeLayout::OBJECT_BYTES_MAX)]
    TooLarge,
    /// A chunk that is neither full nor last, or a last one without need.
    #[error("chunk {index} cannot have {chunk_bytes} bytes of payload")]
    ChunkBytes {
        /// The number of the chunk, from 0.
        index: u64,
        /// The bytes of payload that were given.
        chunk_bytes: usize,
    },
    /// A chunk behind the last one.
    #[error("the payload has ended")]
    Finished,
    /// The library could not do its work.
    #[error("the cryptographic library failed")]
    Unavailable,
    /// The first bytes are not those of an envelope.
    #[error("the stored bytes are no envelope")]
    NotAnEnvelope,
    /// The header does not match its CRC.
    #[error("the header of the envelope is damaged")]
    HeaderDamaged,
    /// Written by a version that this one does not know, or with settings that it does not know.
    #[error("format version {found} of an envelope is not known, or its settings are not")]
    FormatVersion {
        /// The version that was found.
        found: u8,
    },
    /// A sound envelope, of another payload or part.
    #[error("the envelope is that of another payload")]
    Misplaced,
    /// The data key is not the one that sealed the envelope.
    #[error("the data key does not belong to the envelope")]
    WrongKey,
    /// A stored chunk of a length that it cannot have.
    #[error("chunk {index} cannot have {stored_bytes} stored bytes")]
    StoredBytes {
        /// The number of the chunk, from 0.
        index: u64,
        /// The stored bytes that were given.
        stored_bytes: usize,
    },
    /// A chunk does not match its CRC: the medium or the way to it changed it.
    #[error("chunk {index} is damaged")]
    ChunkDamaged {
        /// The number of the chunk, from 0.
        index: u64,
    },
    /// A chunk matches its CRC but not its tag: someone changed, moved or exchanged it.
    #[error("chunk {index} does not authenticate")]
    ChunkUnauthentic {
        /// The number of the chunk, from 0.
        index: u64,
    },
    /// The stored bytes end too early.
    #[error("the envelope is cut off")]
    Truncated,
    /// The stored bytes go on behind the end.
    #[error("there are bytes behind the envelope")]
    TrailingBytes,
    /// No envelope has this many stored bytes.
    #[error("no envelope has {stored_bytes} stored bytes")]
    StoredLength {
        /// The number of stored bytes.
        stored_bytes: u64,
    },
}

/// The two keys of one envelope: what encrypts it, and what tells the right data key from others.
struct EnvelopeKeys {
    aead: AeadKey,
    commitment: Secret<32>,
}

impl EnvelopeKeys {
    fn derive(data_key: &DataKey, context: EnvelopeContext) -> Result<Self, EnvelopeError> {
        let part_key = HkdfSha256::new(&data_key.part_key(context), NO_SALT);
        // SECURITY: AES-GCM does not commit to its key. Without the commitment one ciphertext could
        // be made that opens to two payloads under two keys.
        let commitment = part_key.expand(&[COMMIT_LABEL]);
        let aead = AeadKey::new(&part_key.expand(&[ENCRYPT_LABEL]))
            .map_err(|_| EnvelopeError::Unavailable)?;
        Ok(Self { aead, commitment })
    }
}

impl DataKey {
    /// The key of one payload. All payloads are under such a key, those without parts under part 0.
    fn part_key(&self, context: EnvelopeContext) -> Secret<32> {
        let part = context.part.to_be_bytes();
        let info: [&[u8]; 3] = [PART_LABEL, &part, context.blob_id.as_bytes()];
        hkdf_sha256(self.danger_expose_secret(), NO_SALT, &info)
    }
}

/// Number of the chunk and last flag: no two chunks of one envelope share a nonce.
fn chunk_nonce(index: u64, last: bool) -> [u8; AeadKey::NONCE_BYTES] {
    let mut nonce = [0; AeadKey::NONCE_BYTES];
    let counter = [0; 3].into_iter().chain(index.to_be_bytes()).chain([u8::from(last)]);
    for (to, from) in nonce.iter_mut().zip(counter) {
        *to = from;
    }
    nonce
}

fn chunk_aad(context: EnvelopeContext) -> [u8; CHUNK_AAD_BYTES] {
    let mut aad = [0; CHUNK_AAD_BYTES];
    let fields = [FORMAT_VERSION]
        .into_iter()
        .chain(*context.blob_id.as_bytes())
        .chain(context.part.to_be_bytes())
        .chain([CHUNK_BYTES_LOG2]);
    for (to, from) in aad.iter_mut().zip(fields) {
        *to = from;
    }
    aad
}

fn chunk_error(error: AeadError, index: u64) -> EnvelopeError {
    match error {
        AeadError::Unavailable => EnvelopeError::Unavailable,
        AeadError::Unauthentic => EnvelopeError::ChunkUnauthentic { index },
    }
}

/// Bytes of payload in a full chunk.
pub const CHUNK_BYTES: usize = 1 << CHUNK_BYTES_LOG2;
/// Bytes that a chunk takes beyond its payload: tag and CRC.
pub const CHUNK_OVERHEAD_BYTES: usize = AeadKey::TAG_BYTES + CRC_BYTES;
/// Stored bytes of a full chunk.
pub const CHUNK_STORED_BYTES: usize = CHUNK_BYTES + CHUNK_OVERHEAD_BYTES;
/// Bytes of the header.
pub const HEADER_BYTES: usize = 64;

const FORMAT_VERSION: u8 = 1;
const CHUNK_BYTES_LOG2: u8 = 16; // 64 KiB: little to read in vain, overhead of 0.03 %
const CRC_BYTES: usize = 4;
/// 2^32 chunks (256 TiB) under one key: an observer's advantage against GCM stays under 2^-40.
const CHUNKS_MAX: u64 = 1 << 32;
const CHUNK_AAD_BYTES: usize = 1 + 16 + 4 + 1; // version, blob id, part, chunk size
const NO_SALT: &[u8] = b""; // the key above is uniform already
const PART_LABEL: &[u8] = b"strongroom part key v1";
const ENCRYPT_LABEL: &[u8] = b"strongroom envelope encrypt v1";
const COMMIT_LABEL: &[u8] = b"strongroom envelope commit v1";
