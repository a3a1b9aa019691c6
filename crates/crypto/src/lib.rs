//! Secrets, authenticated encryption, digests and the object envelope.
//!
//! The only crate that names a crypto library. Keys, nonces and randomness are handled here and in
//! no other place; formats are written down byte by byte in `docs/formats`. This crate knows
//! nothing of S3 requests, files or storage.

mod aead;
mod blob;
mod checksum;
mod digest;
mod entropy;
mod envelope;
mod hmac;
mod root_key;
mod seal;
mod secret;
#[cfg(test)]
mod testing;
mod wrap;

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;

pub use aead::{AeadError, AeadKey};
pub use blob::BlobId;
pub use checksum::{
    Checksum, ChecksumAlgorithm, ChecksumAlgorithmError, ChecksumError, ChecksumHasher,
    ChecksumType, ChecksumTypeError, CombineError, Crc32c, combine_crc, composite, crc32c,
};
pub use digest::{Md5, Sha1, Sha256, Sha512, sha256};
pub use entropy::SystemEntropy;
pub use envelope::{
    CHUNK_BYTES as ENVELOPE_CHUNK_BYTES, CHUNK_OVERHEAD_BYTES as ENVELOPE_CHUNK_OVERHEAD_BYTES,
    CHUNK_STORED_BYTES as ENVELOPE_CHUNK_STORED_BYTES, ChunkSpan, EnvelopeContext, EnvelopeError,
    EnvelopeHeader, EnvelopeLayout, EnvelopeOpener, EnvelopeScrubber, EnvelopeSealer,
    EnvelopeWriter, HEADER_BYTES as ENVELOPE_HEADER_BYTES, seal_payload,
};
pub use hmac::{HmacSha256Key, hkdf_sha256, hmac_sha1, hmac_sha256};
pub use root_key::{RootKeyError, RootKeyProvider, StaticRootKey};
pub use seal::{SealError, open_secret, seal_secret};
pub use secret::{Secret, SecretBytes, SecretText, ct_eq};
pub use wrap::{DataKey, WrapContext, WrappedDataKey, WrappingKey};
