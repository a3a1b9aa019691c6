//! Digests: SHA-256 for our own use, MD5 and SHA-1 because S3 promises them to clients.

use std::fmt;

use aws_lc_rs::digest;
use md5::Digest as _;

/// The SHA-256 digest of `data`.
#[must_use]
pub fn sha256(data: &[u8]) -> [u8; 32] {
    array(digest::digest(&digest::SHA256, data).as_ref())
}

/// SHA-256 over data that comes in pieces.
#[derive(Clone)]
pub struct Sha256(digest::Context);

impl Sha256 {
    /// The state before the first byte.
    #[must_use]
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The digest of all bytes taken in.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        array(self.0.finish().as_ref())
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sha256(..)")
    }
}

/// SHA-512 over data that comes in pieces.
#[derive(Clone)]
pub struct Sha512(digest::Context);

impl Sha512 {
    /// The state before the first byte.
    #[must_use]
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA512))
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The digest of all bytes taken in.
    #[must_use]
    pub fn finish(self) -> [u8; 64] {
        array(self.0.finish().as_ref())
    }
}

impl Default for Sha512 {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Sha512 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sha512(..)")
    }
}

/// SHA-1 over data that comes in pieces.
///
/// SECURITY: collisions are easy to make. Only for the checksum that a client declares, never
/// where an attacker gains by two inputs of one digest.
#[derive(Clone)]
pub struct Sha1(digest::Context);

impl Sha1 {
    /// The state before the first byte.
    #[must_use]
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY))
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The digest of all bytes taken in.
    #[must_use]
    pub fn finish(self) -> [u8; 20] {
        array(self.0.finish().as_ref())
    }
}

impl Default for Sha1 {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Sha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sha1(..)")
    }
}

/// MD5 over data that comes in pieces.
///
/// SECURITY: collisions are easy to make. Only for ETags, `Content-MD5`, the checksum that a client
/// declares and the SSE-C key digest, where S3 asks for it.
#[derive(Clone)]
pub struct Md5(md5::Md5);

impl Md5 {
    /// The state before the first byte.
    #[must_use]
    pub fn new() -> Self {
        Self(md5::Md5::new())
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The digest of all bytes taken in.
    #[must_use]
    pub fn finish(self) -> [u8; 16] {
        self.0.finalize().into()
    }
}

impl Default for Md5 {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Md5 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Md5(..)")
    }
}

/// The digest as an array. INVARIANT: callers name the length of the algorithm that they used.
pub(crate) fn array<const N: usize>(digest: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(digest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex;

    const FOX: &[u8] = b"The quick brown fox jumps over the lazy dog";

    #[test]
    fn known_answers() {
        // FIPS 180 examples, RFC 1321 appendix A.5, and the well-known sentence.
        let sha256_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc").to_vec(), hex(sha256_abc));
        let sha256_empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256(b"").to_vec(), hex(sha256_empty));
        assert_eq!(Sha256::new().finish().to_vec(), hex(sha256_empty));

        let mut sha1 = Sha1::new();
        sha1.update(b"abc");
        assert_eq!(sha1.finish().to_vec(), hex("a9993e364706816aba3e25717850c26c9cd0d89d"));
        let mut sha1 = Sha1::new();
        sha1.update(FOX);
        assert_eq!(sha1.finish().to_vec(), hex("2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"));

        assert_eq!(Md5::new().finish().to_vec(), hex("d41d8cd98f00b204e9800998ecf8427e"));
        let mut md5 = Md5::new();
        md5.update(b"message digest");
        assert_eq!(md5.finish().to_vec(), hex("f96b697d7cb7938d525a2f31aaf161d0"));
        let mut md5 = Md5::new();
        md5.update(FOX);
        assert_eq!(md5.finish().to_vec(), hex("9e107d9d372bb6826bd81d3542a419d6"));
    }

    #[test]
    fn pieces_give_the_digest_of_the_whole() {
        for split in 0..=FOX.len() {
            let (head, tail) = FOX.split_at(split);
            let (mut sha256_pieces, mut md5, mut sha1) = (Sha256::new(), Md5::new(), Sha1::new());
            for piece in [head, tail] {
                sha256_pieces.update(piece);
                md5.update(piece);
                sha1.update(piece);
            }
            assert_eq!(sha256_pieces.finish(), sha256(FOX));
            assert_eq!(md5.finish().to_vec(), hex("9e107d9d372bb6826bd81d3542a419d6"));
            assert_eq!(sha1.finish().to_vec(), hex("2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"));
        }
    }
}
