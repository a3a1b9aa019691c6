//! The clock of this machine.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the one place where the time of the machine enters"
)]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use strongroom_types::{Clock, Timestamp};

/// The clock of the operating system.
#[derive(Debug)]
pub(crate) struct SystemClock {
    start: Instant,
}

impl SystemClock {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    /// A clock set before 1970 says 1970: every signed request is then too skewed to be accepted.
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::EPOCH.saturating_add(since)
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_after_this_was_written_and_does_not_step_back() {
        let clock = SystemClock::new();
        assert!(clock.now() > Timestamp::parse_amz_date("20251101T000000Z").unwrap());
        let first = clock.elapsed();
        assert!(clock.elapsed() >= first);
    }
}
