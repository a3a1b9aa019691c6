//! The computation of one checksum, whatever its algorithm.

use std::fmt;
use std::hash::Hasher;

use crc_fast::CrcAlgorithm;
use twox_hash::{XxHash3_64, XxHash3_128, XxHash64};

use super::{Checksum, ChecksumAlgorithm};
use crate::digest::{Md5, Sha1, Sha256, Sha512};

/// Computes one checksum over data that comes in pieces.
#[derive(Clone)]
pub struct ChecksumHasher {
    algorithm: ChecksumAlgorithm,
    state: State,
}

#[derive(Clone)]
#[expect(clippy::large_enum_variant, reason = "one a request; boxing would cost an allocation")]
enum State {
    Crc(crc_fast::Digest),
    Sha1(Sha1),
    Sha256(Sha256),
    Sha512(Sha512),
    Md5(Md5),
    XxHash64(XxHash64),
    // Half a kilobyte each, for algorithms that few clients ask for.
    XxHash3(Box<XxHash3_64>),
    XxHash128(Box<XxHash3_128>),
}

impl ChecksumHasher {
    /// The state before the first byte.
    #[must_use]
    pub fn new(algorithm: ChecksumAlgorithm) -> Self {
        let crc = |crc| State::Crc(crc_fast::Digest::new(crc));
        let state = match algorithm {
            ChecksumAlgorithm::Crc32 => crc(CrcAlgorithm::Crc32IsoHdlc),
            ChecksumAlgorithm::Crc32c => crc(CrcAlgorithm::Crc32Iscsi),
            ChecksumAlgorithm::Crc64Nvme => crc(CrcAlgorithm::Crc64Nvme),
            ChecksumAlgorithm::Sha1 => State::Sha1(Sha1::new()),
            ChecksumAlgorithm::Sha256 => State::Sha256(Sha256::new()),
            ChecksumAlgorithm::Sha512 => State::Sha512(Sha512::new()),
            ChecksumAlgorithm::Md5 => State::Md5(Md5::new()),
            ChecksumAlgorithm::XxHash64 => State::XxHash64(XxHash64::with_seed(0)),
            ChecksumAlgorithm::XxHash3 => State::XxHash3(Box::new(XxHash3_64::new())),
            ChecksumAlgorithm::XxHash128 => State::XxHash128(Box::new(XxHash3_128::new())),
        };
        Self { algorithm, state }
    }

    /// The algorithm.
    #[must_use]
    pub fn algorithm(&self) -> ChecksumAlgorithm {
        self.algorithm
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.state {
            State::Crc(crc) => crc.update(data),
            State::Sha1(sha1) => sha1.update(data),
            State::Sha256(sha256) => sha256.update(data),
            State::Sha512(sha512) => sha512.update(data),
            State::Md5(md5) => md5.update(data),
            State::XxHash64(hash) => hash.write(data),
            State::XxHash3(hash) => hash.write(data),
            State::XxHash128(hash) => hash.write(data),
        }
    }

    /// The checksum of all bytes taken in.
    #[must_use]
    pub fn finish(self) -> Checksum {
        let algorithm = self.algorithm;
        match self.state {
            State::Crc(crc) => Checksum::from_crc(algorithm, crc.finalize()),
            State::Sha1(sha1) => Checksum::new(algorithm, &sha1.finish()),
            State::Sha256(sha256) => Checksum::new(algorithm, &sha256.finish()),
            State::Sha512(sha512) => Checksum::new(algorithm, &sha512.finish()),
            State::Md5(md5) => Checksum::new(algorithm, &md5.finish()),
            State::XxHash64(hash) => Checksum::new(algorithm, &hash.finish().to_be_bytes()),
            State::XxHash3(hash) => Checksum::new(algorithm, &hash.finish().to_be_bytes()),
            State::XxHash128(hash) => Checksum::new(algorithm, &hash.finish_128().to_be_bytes()),
        }
    }
}

impl fmt::Debug for ChecksumHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChecksumHasher({})", self.algorithm)
    }
}
