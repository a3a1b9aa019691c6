//! How one block is sealed: AES-256-GCM under a key of the session that wrote it.
//!
//! Every process that opens an index draws 128 random bits, its *session*; the key is derived from
//! the index key and the session, and the nonce is a counter. Session and counter travel with the
//! block: together they are a nonce of 192 bits of which no two writes ever share one. A derivation
//! for each block instead would cost three times what sealing it does.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use strongroom_crypto::{AeadError, AeadKey, Secret, hkdf_sha256};
use strongroom_types::{Entropy, EntropyError};

/// Plaintext bytes of a block; a page of the database.
pub(super) const BLOCK_BYTES: usize = 4096;
/// Bytes of a block as stored: session, counter, ciphertext, tag.
pub(super) const SEALED_BYTES: usize = PREFIX_BYTES + BLOCK_BYTES + AeadKey::TAG_BYTES;

/// The plaintext of a block.
pub(super) type Block = [u8; BLOCK_BYTES];

/// Seals and opens the blocks of one file.
pub(super) struct Sealer {
    index_key: Secret<32>,
    file_id: [u8; 16],
    session: [u8; SESSION_BYTES],
    writing: Arc<AeadKey>,
    counter: AtomicU64,
    /// Keys of the sessions that were met, the own one among them.
    sessions: RwLock<BTreeMap<[u8; SESSION_BYTES], Arc<AeadKey>>>,
}

/// Which block, and for a block that is written in place, which of its writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) number: u64,
    pub(super) sequence: u64,
}

/// Why a block was not sealed or not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BlockError {
    #[error("block {number} was never written")]
    Blank { number: u64 },
    #[error("block {number} does not authenticate")]
    Unauthentic { number: u64 },
    #[error("the cryptographic library failed")]
    Unavailable,
    #[error("too many blocks were written since the index was opened")]
    Exhausted,
}

impl Sealer {
    /// Starts a session on the file with this id.
    pub(super) fn new(
        index_key: &Secret<32>,
        file_id: [u8; 16],
        entropy: &dyn Entropy,
    ) -> Result<Self, SealerError> {
        let mut session = [0; SESSION_BYTES];
        entropy.fill(&mut session)?;
        let writing = Arc::new(session_key(index_key, &file_id, &session)?);
        let sessions = RwLock::new(BTreeMap::from([(session, Arc::clone(&writing))]));
        let counter = AtomicU64::new(0);
        let index_key = index_key.duplicate();
        Ok(Self { index_key, file_id, session, writing, counter, sessions })
    }

    /// Appends the sealed form of `block`.
    pub(super) fn seal(
        &self,
        place: Place,
        block: &Block,
        out: &mut Vec<u8>,
    ) -> Result<(), BlockError> {
        // INVARIANT: no counter is used twice in a session, and no session twice.
        let counter = self.counter.fetch_add(1, Ordering::Relaxed);
        if counter >= SESSION_BLOCKS_MAX {
            return Err(BlockError::Exhausted);
        }
        out.extend_from_slice(&self.session);
        out.extend_from_slice(&counter.to_be_bytes());
        let start = out.len();
        out.extend_from_slice(block);
        let plaintext = out.get_mut(start..).unwrap_or_default();
        let tag = self
            .writing
            .seal_in_place(nonce(counter), &self.aad(place), plaintext)
            .map_err(|_| BlockError::Unavailable)?;
        out.extend_from_slice(&tag);
        Ok(())
    }

    /// Opens a sealed block where it lies.
    pub(super) fn open<'a>(
        &self,
        place: Place,
        sealed: &'a mut [u8],
    ) -> Result<&'a [u8], BlockError> {
        let number = place.number;
        let unauthentic = BlockError::Unauthentic { number };
        let (session, rest) = sealed.split_first_chunk_mut::<SESSION_BYTES>().ok_or(unauthentic)?;
        let (counter, rest) = rest.split_first_chunk_mut::<8>().ok_or(unauthentic)?;
        if *session == [0; SESSION_BYTES]
            && *counter == [0; 8]
            && rest.iter().all(|byte| *byte == 0)
        {
            return Err(BlockError::Blank { number });
        }
        let key = self.session_key(session)?;
        let nonce = nonce(u64::from_be_bytes(*counter));
        key.open_in_place(nonce, &self.aad(place), rest)
            .map(|plaintext| &*plaintext)
            .map_err(|_| unauthentic)
    }

    fn session_key(&self, session: &[u8; SESSION_BYTES]) -> Result<Arc<AeadKey>, BlockError> {
        if *session == self.session {
            return Ok(Arc::clone(&self.writing));
        }
        if let Some(key) = self.sessions.read().get(session) {
            return Ok(Arc::clone(key));
        }
        let key = session_key(&self.index_key, &self.file_id, session)
            .map(Arc::new)
            .map_err(|_| BlockError::Unavailable)?;
        let mut sessions = self.sessions.write();
        // SECURITY: damaged blocks name sessions that never were; they must not fill the memory.
        if sessions.len() >= SESSIONS_MAX {
            sessions.clear();
        }
        sessions.insert(*session, Arc::clone(&key));
        Ok(key)
    }

    fn aad(&self, place: Place) -> [u8; 32] {
        let mut aad = [0; 32];
        let fields = self
            .file_id
            .into_iter()
            .chain(place.number.to_be_bytes())
            .chain(place.sequence.to_be_bytes());
        for (to, from) in aad.iter_mut().zip(fields) {
            *to = from;
        }
        aad
    }
}

/// Why no session was started.
#[derive(Debug, thiserror::Error)]
pub(super) enum SealerError {
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    #[error(transparent)]
    Crypto(#[from] AeadError),
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(..)")
    }
}

fn session_key(
    index_key: &Secret<32>,
    file_id: &[u8; 16],
    session: &[u8; SESSION_BYTES],
) -> Result<AeadKey, AeadError> {
    AeadKey::new(&hkdf_sha256(index_key, session, &[LABEL, file_id]))
}

fn nonce(counter: u64) -> [u8; AeadKey::NONCE_BYTES] {
    let mut nonce = [0; AeadKey::NONCE_BYTES];
    for (to, from) in nonce.iter_mut().skip(4).zip(counter.to_be_bytes()) {
        *to = from;
    }
    nonce
}

const LABEL: &[u8] = b"strongroom index block v1";
const SESSION_BYTES: usize = 16;
const PREFIX_BYTES: usize = SESSION_BYTES + 8;
/// 4 PiB in one session: far more than a drive takes, far less than GCM allows for one key.
const SESSION_BLOCKS_MAX: u64 = 1 << 40;
const SESSIONS_MAX: usize = 1024; // one for each time that the store was opened

#[cfg(test)]
mod tests {
    use strongroom_store::conformance::Fixture;

    use super::*;

    fn sealer(seed: u64) -> Sealer {
        let entropy = Fixture::new(seed).entropy;
        Sealer::new(&Secret::from_bytes([1; 32]), [2; 16], entropy.as_ref()).unwrap()
    }

    const PLACE: Place = Place { number: 7, sequence: 3 };

    fn sealed(sealer: &Sealer) -> Vec<u8> {
        let mut out = Vec::new();
        sealer.seal(PLACE, &[9; BLOCK_BYTES], &mut out).unwrap();
        out
    }

    #[test]
    fn a_block_comes_back_in_every_session() {
        let bytes = sealed(&sealer(1));
        assert_eq!(bytes.len(), SEALED_BYTES);
        for seed in [1, 2] {
            let sealer = sealer(seed);
            assert_eq!(sealer.open(PLACE, &mut bytes.clone()).unwrap(), [9; BLOCK_BYTES]);
        }
    }

    #[test]
    fn a_block_opens_in_its_place_only() {
        let first = sealer(1);
        let bytes = sealed(&first);
        for place in [Place { number: 8, ..PLACE }, Place { sequence: 4, ..PLACE }] {
            assert!(first.open(place, &mut bytes.clone()).is_err());
        }
        let entropy = Fixture::new(3).entropy;
        let index_key = Secret::from_bytes([1; 32]);
        let other_file = Sealer::new(&index_key, [3; 16], entropy.as_ref()).unwrap();
        assert!(other_file.open(PLACE, &mut bytes.clone()).is_err());
        let index_key = Secret::from_bytes([2; 32]);
        let other_key = Sealer::new(&index_key, [2; 16], entropy.as_ref()).unwrap();
        assert!(other_key.open(PLACE, &mut bytes.clone()).is_err());
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let sealer = sealer(1);
        let bytes = sealed(&sealer);
        for bit in (0..24 * 8).chain((24 * 8..SEALED_BYTES * 8).step_by(61)) {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let refused = sealer.open(PLACE, &mut flipped);
            assert_eq!(refused, Err(BlockError::Unauthentic { number: 7 }), "bit {bit}");
        }
        let mut zeros = vec![0; SEALED_BYTES];
        let blank = sealer.open(PLACE, &mut zeros);
        assert_eq!(blank, Err(BlockError::Blank { number: 7 }));
        assert!(sealer.sessions.read().len() <= SESSIONS_MAX);
    }

    #[test]
    fn no_nonce_is_used_twice() {
        let sealer = sealer(1);
        let mut nonces = std::collections::BTreeSet::new();
        for _ in 0..100 {
            assert!(nonces.insert(sealed(&sealer)[..24].to_vec()));
        }
        sealer.counter.store(SESSION_BLOCKS_MAX, Ordering::Relaxed);
        let refused = sealer.seal(PLACE, &[0; BLOCK_BYTES], &mut Vec::new());
        assert_eq!(refused, Err(BlockError::Exhausted));
    }
}
