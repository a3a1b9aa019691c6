//! Time and randomness that a test holds in its hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use strongroom_crypto::BlobId;
use strongroom_types::{Clock, Entropy, EntropyError, Timestamp};

/// What an engine under test gets instead of the world.
#[derive(Debug, Clone)]
pub struct Fixture {
    /// Stands still until a check moves it.
    pub clock: Arc<ManualClock>,
    /// Gives the same bytes in every run.
    pub entropy: Arc<SeededEntropy>,
}

impl Default for Fixture {
    fn default() -> Self {
        Self::new(1)
    }
}

impl Fixture {
    /// A fixture whose randomness follows from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let entropy = Arc::new(SeededEntropy::new(seed));
        Self { clock: Arc::new(ManualClock::new(START_SECONDS)), entropy }
    }

    /// A new blob id.
    pub(super) fn blob_id(&self) -> BlobId {
        let mut bytes = [0; 16];
        self.entropy.numbers.lock().fill(&mut bytes);
        BlobId::from_bytes(bytes)
    }
}

/// A clock that moves when it is told to.
#[derive(Debug)]
pub struct ManualClock {
    micros: AtomicU64,
}

impl ManualClock {
    /// A clock that shows this many seconds since 1970.
    #[must_use]
    pub fn new(seconds: u64) -> Self {
        Self { micros: AtomicU64::new(seconds.saturating_mul(MICROS_PER_SECOND)) }
    }

    /// Moves the clock forward.
    pub fn advance(&self, span: Duration) {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.micros.load(Ordering::SeqCst)).unwrap_or(Timestamp::EPOCH)
    }

    fn elapsed(&self) -> Duration {
        Duration::from_micros(self.micros.load(Ordering::SeqCst))
    }
}

/// Bytes that look random and follow from a seed. SECURITY: for tests only.
#[derive(Debug)]
pub struct SeededEntropy {
    numbers: Mutex<SplitMix>,
}

impl SeededEntropy {
    /// The source that belongs to this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { numbers: Mutex::new(SplitMix::new(seed)) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError> {
        self.numbers.lock().fill(out);
        Ok(())
    }
}

/// The SplitMix64 generator: small, fast, and the same everywhere. Not for secrets.
#[derive(Debug, Clone)]
pub struct SplitMix {
    state: u64,
}

impl SplitMix {
    /// The sequence that belongs to this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.draw().checked_rem(bound).unwrap_or(0)
    }

    /// Whether something that happens `percent` times in a hundred happens now.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Fills `out`.
    pub fn fill(&mut self, out: &mut [u8]) {
        for piece in out.chunks_mut(8) {
            let bytes = self.draw().to_le_bytes();
            for (to, from) in piece.iter_mut().zip(bytes) {
                *to = from;
            }
        }
    }
}

const MICROS_PER_SECOND: u64 = 1_000_000;
const START_SECONDS: u64 = 1_700_000_000; // some day in 2023
