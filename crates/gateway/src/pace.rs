//! Patience with slow peers: what must move while they keep the server waiting.
//!
//! Knows spans of time and numbers of bytes. Only waiting counts: a server that is slow itself
//! never blames the client.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// Measures one direction of one exchange.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    window: Duration,
    bytes_min: usize,
    left: Duration,
    moved: usize,
}

impl Pace {
    pub(crate) fn new(window: Duration, bytes_min: usize) -> Self {
        Self { window, bytes_min, left: window, moved: 0 }
    }

    /// How long the peer may keep us waiting from now on.
    pub(crate) fn left(&self) -> Duration {
        self.left
    }

    /// So long it has kept us waiting.
    pub(crate) fn waited(&mut self, span: Duration) {
        self.left = self.left.saturating_sub(span);
    }

    /// So much has moved: enough of it begins a new window.
    pub(crate) fn moved(&mut self, bytes: usize) {
        self.moved = self.moved.saturating_add(bytes);
        if self.moved >= self.bytes_min {
            *self = Self::new(self.window, self.bytes_min);
        }
    }
}

/// One timer that is set again and again; it costs nothing until somebody waits.
#[derive(Debug, Default)]
pub(crate) struct Alarm(Option<(Pin<Box<Sleep>>, Instant)>);

impl Alarm {
    /// Whether it is `due`; if not, the task is woken then.
    pub(crate) fn rings(&mut self, due: Instant, cx: &mut Context<'_>) -> bool {
        let (sleep, set) =
            self.0.get_or_insert_with(|| (Box::pin(tokio::time::sleep_until(due)), due));
        loop {
            // A timer that rings too early is set again then, so that it is not moved each time.
            if *set > due {
                sleep.as_mut().reset(due);
                *set = due;
            }
            match sleep.as_mut().poll(cx) {
                Poll::Pending => return false,
                Poll::Ready(()) if *set >= due => return true,
                Poll::Ready(()) => {
                    sleep.as_mut().reset(due);
                    *set = due;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_with_enough_bytes_or_with_patience() {
        let mut pace = Pace::new(Duration::from_secs(30), 100);
        pace.waited(Duration::from_secs(29));
        pace.moved(99);
        assert_eq!(pace.left(), Duration::from_secs(1));
        pace.moved(1);
        assert_eq!(pace.left(), Duration::from_secs(30));
        pace.waited(Duration::from_secs(31));
        assert_eq!(pace.left(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn an_alarm_rings_when_it_is_due_however_it_was_set_before() {
        let mut alarm = Alarm::default();
        let start = Instant::now();
        for seconds in [60, 20, 40, 40] {
            let due = start + Duration::from_secs(seconds);
            std::future::poll_fn(|cx| match alarm.rings(due, cx) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            })
            .await;
            assert!(Instant::now() >= due, "{seconds}");
        }
        assert_eq!(Instant::now().duration_since(start).as_secs(), 60);
    }
}
