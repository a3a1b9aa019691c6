//! The checksums that S3 clients declare: their names, forms, computation and combination.
//!
//! Knows no headers' grammar and no request. SPEC: data-protection, 1.4.

mod hasher;

use std::fmt;
use std::str::FromStr;

use crc_fast::CrcAlgorithm;
use data_encoding::BASE64;

pub use hasher::ChecksumHasher;

/// An algorithm of `x-amz-checksum-*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChecksumAlgorithm {
    /// CRC-32 of IEEE 802.3.
    Crc32,
    /// CRC-32 of Castagnoli.
    Crc32c,
    /// CRC-64 of the NVMe specification.
    Crc64Nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
    /// MD5.
    Md5,
    /// XXH64 with seed 0.
    XxHash64,
    /// The 64-bit form of XXH3, with seed 0.
    XxHash3,
    /// The 128-bit form of XXH3, with seed 0.
    XxHash128,
}

/// Text that names no checksum algorithm. Answered with `InvalidRequest` (400).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("checksum algorithm is not known")]
pub struct ChecksumAlgorithmError;

/// What the checksum of a multipart object covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChecksumType {
    /// The raw digests of the parts, concatenated.
    Composite,
    /// The bytes of the object.
    FullObject,
}

/// Text that names no checksum type. Answered with `InvalidRequest` (400).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("checksum type is not one of COMPOSITE, FULL_OBJECT")]
pub struct ChecksumTypeError;

impl ChecksumAlgorithm {
    /// All algorithms, in the order of the API.
    pub const ALL: [Self; 10] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
        Self::Sha512,
        Self::Md5,
        Self::XxHash64,
        Self::XxHash3,
        Self::XxHash128,
    ];

    /// The name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
            Self::Md5 => "MD5",
            Self::XxHash64 => "XXHASH64",
            Self::XxHash3 => "XXHASH3",
            Self::XxHash128 => "XXHASH128",
        }
    }

    /// The header or trailer that carries a value, in lower case.
    #[must_use]
    pub fn header_name(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
            Self::Sha512 => "x-amz-checksum-sha512",
            Self::Md5 => "x-amz-checksum-md5",
            Self::XxHash64 => "x-amz-checksum-xxhash64",
            Self::XxHash3 => "x-amz-checksum-xxhash3",
            Self::XxHash128 => "x-amz-checksum-xxhash128",
        }
    }

    /// The algorithm whose value this header carries. The name is given in lower case.
    #[must_use]
    pub fn from_header_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.header_name() == name)
    }

    /// Bytes of a raw digest.
    #[must_use]
    pub fn digest_bytes(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme | Self::XxHash64 | Self::XxHash3 => 8,
            Self::Md5 | Self::XxHash128 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// Whether a multipart object may have a checksum of this type.
    #[must_use]
    pub fn allows(self, checksum_type: ChecksumType) -> bool {
        match checksum_type {
            ChecksumType::Composite => self != Self::Crc64Nvme,
            ChecksumType::FullObject => self.crc().is_some(),
        }
    }

    /// The type that a multipart upload gets when it names none.
    #[must_use]
    pub fn default_type(self) -> ChecksumType {
        match self {
            Self::Crc64Nvme => ChecksumType::FullObject,
            Self::Crc32
            | Self::Crc32c
            | Self::Sha1
            | Self::Sha256
            | Self::Sha512
            | Self::Md5
            | Self::XxHash64
            | Self::XxHash3
            | Self::XxHash128 => ChecksumType::Composite,
        }
    }

    fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Sha1
            | Self::Sha256
            | Self::Sha512
            | Self::Md5
            | Self::XxHash64
            | Self::XxHash3
            | Self::XxHash128 => None,
        }
    }
}

impl FromStr for ChecksumAlgorithm {
    type Err = ChecksumAlgorithmError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == text)
            .ok_or(ChecksumAlgorithmError)
    }
}

impl fmt::Display for ChecksumAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl ChecksumType {
    /// The name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Composite => "COMPOSITE",
            Self::FullObject => "FULL_OBJECT",
        }
    }
}

impl FromStr for ChecksumType {
    type Err = ChecksumTypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "COMPOSITE" => Ok(Self::Composite),
            "FULL_OBJECT" => Ok(Self::FullObject),
            _ => Err(ChecksumTypeError),
        }
    }
}

impl fmt::Display for ChecksumType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One checksum: an algorithm and its raw digest, big-endian. Not secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Checksum {
    algorithm: ChecksumAlgorithm,
    /// INVARIANT: zero behind the bytes that the algorithm has.
    bytes: [u8; DIGEST_BYTES_MAX],
}

/// Why text or bytes are no checksum of the named algorithm.
///
/// SPEC: data-protection, 1.4, "Header grammar and errors": the two are answered differently.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChecksumError {
    /// Fewer characters or bytes than any digest of the algorithm has.
    #[error("value for {} header is too short", .algorithm.header_name())]
    TooShort {
        /// The algorithm that was asked for.
        algorithm: ChecksumAlgorithm,
    },
    /// Too long, not base64, or not the canonical base64 of its bytes.
    #[error("value for {} header is invalid", .algorithm.header_name())]
    Malformed {
        /// The algorithm that was asked for.
        algorithm: ChecksumAlgorithm,
    },
}

impl Checksum {
    /// The checksum with this raw digest.
    ///
    /// # Errors
    /// If the digest has not the length of the algorithm.
    pub fn from_bytes(algorithm: ChecksumAlgorithm, digest: &[u8]) -> Result<Self, ChecksumError> {
        if digest.len() < algorithm.digest_bytes() {
            return Err(ChecksumError::TooShort { algorithm });
        }
        if digest.len() > algorithm.digest_bytes() {
            return Err(ChecksumError::Malformed { algorithm });
        }
        Ok(Self::new(algorithm, digest))
    }

    /// The checksum that this base64 text says.
    ///
    /// # Errors
    /// If it is not exactly the padded, canonical base64 of a digest of the algorithm.
    pub fn from_base64(algorithm: ChecksumAlgorithm, text: &str) -> Result<Self, ChecksumError> {
        let digest_bytes = algorithm.digest_bytes();
        let text_bytes = BASE64.encode_len(digest_bytes);
        if text.len() < text_bytes {
            return Err(ChecksumError::TooShort { algorithm });
        }
        if text.len() > text_bytes {
            return Err(ChecksumError::Malformed { algorithm });
        }
        let digest =
            BASE64.decode(text.as_bytes()).map_err(|_| ChecksumError::Malformed { algorithm })?;
        // The library reads texts that end in padding one behind the other as one text.
        if digest.len() != digest_bytes || BASE64.encode(&digest) != text {
            return Err(ChecksumError::Malformed { algorithm });
        }
        Ok(Self::new(algorithm, &digest))
    }

    /// The algorithm.
    #[must_use]
    pub fn algorithm(&self) -> ChecksumAlgorithm {
        self.algorithm
    }

    /// The raw digest.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.algorithm.digest_bytes()).unwrap_or_default()
    }

    /// The padded base64 of the raw digest, as in headers and XML.
    #[must_use]
    pub fn to_base64(&self) -> String {
        BASE64.encode(self.as_bytes())
    }

    /// INVARIANT: `digest` has the length of the algorithm.
    fn new(algorithm: ChecksumAlgorithm, digest: &[u8]) -> Self {
        debug_assert_eq!(digest.len(), algorithm.digest_bytes());
        let mut bytes = [0; DIGEST_BYTES_MAX];
        for (to, from) in bytes.iter_mut().zip(digest) {
            *to = *from;
        }
        Self { algorithm, bytes }
    }

    /// The checksum of a CRC's value; its digest is the low bytes, big-endian.
    fn from_crc(algorithm: ChecksumAlgorithm, value: u64) -> Self {
        let wide = value.to_be_bytes();
        let start = wide.len().saturating_sub(algorithm.digest_bytes());
        Self::new(algorithm, wide.get(start..).unwrap_or_default())
    }

    fn crc_value(&self) -> u64 {
        self.as_bytes().iter().fold(0, |value, byte| (value << 8) | u64::from(*byte))
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Checksum({} {})", self.algorithm, self.to_base64())
    }
}

/// Why checksums of parts cannot be joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CombineError {
    /// The checksums are of different algorithms.
    #[error("the checksum algorithm {found} is not {expected}")]
    AlgorithmMismatch {
        /// The algorithm of the whole.
        expected: ChecksumAlgorithm,
        /// The algorithm of one part.
        found: ChecksumAlgorithm,
    },
    /// The algorithm does not know this type.
    #[error("the checksum type {checksum_type} cannot be used with {algorithm}")]
    TypeNotAllowed {
        /// The algorithm.
        algorithm: ChecksumAlgorithm,
        /// The type that was asked of it.
        checksum_type: ChecksumType,
    },
}

/// The CRC of two pieces in a row, from the CRC of each and the length of the second.
///
/// # Errors
/// If the two are of different algorithms, or not CRCs.
pub fn combine_crc(
    first: &Checksum,
    second: &Checksum,
    second_bytes: u64,
) -> Result<Checksum, CombineError> {
    let (expected, found) = (first.algorithm, second.algorithm);
    if expected != found {
        return Err(CombineError::AlgorithmMismatch { expected, found });
    }
    let Some(crc) = expected.crc() else {
        let checksum_type = ChecksumType::FullObject;
        return Err(CombineError::TypeNotAllowed { algorithm: expected, checksum_type });
    };
    let value =
        crc_fast::checksum_combine(crc, first.crc_value(), second.crc_value(), second_bytes);
    Ok(Checksum::from_crc(expected, value))
}

/// The composite checksum of a multipart object: the digest of the parts' raw digests in a row.
/// The `-N` that S3 shows behind it is not part of the value.
///
/// # Errors
/// If a part is of another algorithm, or the algorithm knows no composite checksums.
pub fn composite(
    algorithm: ChecksumAlgorithm,
    parts: impl IntoIterator<Item = Checksum>,
) -> Result<Checksum, CombineError> {
    let checksum_type = ChecksumType::Composite;
    if !algorithm.allows(checksum_type) {
        return Err(CombineError::TypeNotAllowed { algorithm, checksum_type });
    }
    let mut hasher = ChecksumHasher::new(algorithm);
    for part in parts {
        if part.algorithm != algorithm {
            let found = part.algorithm;
            return Err(CombineError::AlgorithmMismatch { expected: algorithm, found });
        }
        hasher.update(part.as_bytes());
    }
    Ok(hasher.finish())
}

/// The CRC-32C of `data`, for our own formats.
#[must_use]
pub fn crc32c(data: &[u8]) -> u32 {
    low_32_bits(crc_fast::checksum(CrcAlgorithm::Crc32Iscsi, data))
}

/// CRC-32C over data that comes in pieces, for our own formats.
#[derive(Debug, Clone)]
pub struct Crc32c(crc_fast::Digest);

impl Crc32c {
    /// The state before the first byte.
    #[must_use]
    pub fn new() -> Self {
        Self(crc_fast::Digest::new(CrcAlgorithm::Crc32Iscsi))
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The CRC of all bytes taken in.
    #[must_use]
    pub fn finish(&self) -> u32 {
        low_32_bits(self.0.finalize())
    }
}

impl Default for Crc32c {
    fn default() -> Self {
        Self::new()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the mask leaves 32 bits")]
fn low_32_bits(value: u64) -> u32 {
    (value & u64::from(u32::MAX)) as u32
}

const DIGEST_BYTES_MAX: usize = 64; // SHA-512

#[cfg(test)]
mod tests;
