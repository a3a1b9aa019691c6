//! Time that moves when a test says so.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use strongroom_types::{Clock, Timestamp};

/// A clock that stands still until it is set.
#[derive(Debug)]
pub struct TestClock {
    micros: AtomicU64,
}

impl TestClock {
    /// A clock that stands at the second of January 2026, 03:04:05.
    #[must_use]
    pub fn new() -> Self {
        Self { micros: AtomicU64::new(START_MICROS) }
    }

    /// Moves the clock forward.
    pub fn advance(&self, span: Duration) {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.micros.load(Ordering::SeqCst)).unwrap_or(Timestamp::EPOCH)
    }

    fn elapsed(&self) -> Duration {
        Duration::from_micros(self.micros.load(Ordering::SeqCst))
    }
}

const START_MICROS: u64 = 1_767_323_045_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_moves_when_told() {
        let clock = TestClock::new();
        assert_eq!(clock.now().to_amz_date(), "20260102T030405Z");
        clock.advance(Duration::from_secs(60));
        assert_eq!(clock.now().to_amz_date(), "20260102T030505Z");
    }
}
