//! The stream of one connection on its way to hyper: only judged heads pass, and nobody is waited
//! for without end.
//!
//! Between two requests bytes are held until a head is whole and [`heads::judge`] has passed it; a
//! body is counted, so that the next head is known where it begins. Behind a body in chunks
//! nothing is judged any more: it is the last of its connection.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::heads::{self, Framing, HeadError};
use crate::limits::Limits;
use crate::pace::{Alarm, Pace};
use crate::places::Mark;

/// A stream that hyper reads requests from and writes answers to.
#[derive(Debug)]
pub(crate) struct Guard<S> {
    stream: S,
    mark: Arc<Mark>,
    limits: Arc<Limits>,
    phase: Phase,
    /// Bytes that hyper may not have yet. Those before `passed` it may.
    held: Vec<u8>,
    passed: usize,
    /// A request has been finished, so that the connection rests and does not dawdle.
    is_proven: bool,
    /// Since when the head of a request is waited for.
    waits_since: Option<Instant>,
    reading: Alarm,
    writing: Writing,
}

/// What the next byte that the client sends belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Head,
    Body(u64),
    /// A body in chunks, whose end only hyper knows.
    Chunks,
    /// Nothing that counts.
    Over(Ending),
}

/// Why a connection ended, as far as the client's side of it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The client closed it, or it broke.
    Gone,
    /// It rested too long, or its place was needed.
    Rested,
    /// The head of a request was too slow.
    Slow,
    /// The head of a request is refused.
    Refused(HeadError),
}

#[derive(Debug)]
struct Writing {
    pace: Pace,
    since: Option<Instant>,
    alarm: Alarm,
    is_stalled: bool,
}

impl<S> Guard<S> {
    pub(crate) fn new(stream: S, mark: Arc<Mark>, limits: Arc<Limits>) -> Self {
        let pace = Pace::new(limits.answer_window, limits.pace_bytes_min);
        Self {
            stream,
            mark,
            phase: Phase::Head,
            held: Vec::new(),
            passed: 0,
            is_proven: false,
            waits_since: Some(Instant::now()),
            reading: Alarm::default(),
            writing: Writing { pace, since: None, alarm: Alarm::default(), is_stalled: false },
            limits,
        }
    }

    /// The stream, and why nothing more is read from it, if the client is to blame.
    pub(crate) fn into_parts(self) -> (S, Option<Ending>) {
        let ending = match self.phase {
            _ if self.writing.is_stalled => Some(Ending::Gone),
            Phase::Over(ending) => Some(ending),
            Phase::Head | Phase::Body(_) | Phase::Chunks => None,
        };
        (self.stream, ending)
    }

    /// Decides how many of the bytes that came next may pass.
    fn judge(&mut self, bytes: &[u8]) -> usize {
        let mut passed = 0_usize;
        while let Some(rest) = bytes.get(passed..).filter(|rest| !rest.is_empty()) {
            let allowed = match self.phase {
                Phase::Over(_) => break,
                Phase::Chunks => rest.len(),
                Phase::Body(left) => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    let after = left.saturating_sub(u64::try_from(here).unwrap_or(u64::MAX));
                    self.phase = if after == 0 { Phase::Head } else { Phase::Body(after) };
                    here
                }
                Phase::Head => match heads::judge(rest) {
                    Ok(None) => break,
                    Err(error) => {
                        self.phase = Phase::Over(Ending::Refused(error));
                        break;
                    }
                    Ok(Some(head)) => {
                        self.phase = match head.framing {
                            Framing::Length(0) => Phase::Head,
                            Framing::Length(body_bytes) => Phase::Body(body_bytes),
                            Framing::Chunks => Phase::Chunks,
                        };
                        self.begin_request();
                        head.head_bytes
                    }
                },
            };
            passed = passed.saturating_add(allowed);
        }
        passed
    }

    fn begin_request(&mut self) {
        self.is_proven = true;
        self.waits_since = None;
        self.mark.works();
        self.writing.pace = Pace::new(self.limits.answer_window, self.limits.pace_bytes_min);
    }

    /// Nothing came: whether that was to be expected, or is the end.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // How long a body may take is judged where it is read, or not.
        if self.phase != Phase::Head {
            return Poll::Pending;
        }
        let rests = self.is_proven && self.held.is_empty();
        let since = *self.waits_since.get_or_insert_with(|| {
            if rests {
                self.mark.rests();
            }
            Instant::now()
        });
        let patience = match (rests, self.mark.is_stopping() && self.held.is_empty()) {
            (_, true) => self.limits.stop_idle_max,
            (true, false) => self.limits.idle_max,
            (false, false) => self.limits.head_max,
        };
        let ending = if self.held.is_empty() { Ending::Rested } else { Ending::Slow };
        if self.mark.is_called_off() {
            self.phase = Phase::Over(Ending::Rested);
        } else if self.reading.rings(since + patience, cx) {
            self.phase = Phase::Over(ending);
        } else {
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// The client sends no more. Half of a head is no request.
    fn end(&mut self) {
        self.phase = match self.phase {
            Phase::Head if !self.held.is_empty() => {
                Phase::Over(Ending::Refused(HeadError::Truncated))
            }
            Phase::Over(ending) => Phase::Over(ending),
            Phase::Head | Phase::Body(_) | Phase::Chunks => Phase::Over(Ending::Gone),
        };
        self.held.clear();
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        loop {
            if guard.passed > 0 {
                let count = guard.passed.min(buf.remaining());
                buf.put_slice(guard.held.get(..count).unwrap_or_default());
                guard.held.drain(..count);
                guard.passed = guard.passed.saturating_sub(count);
                return Poll::Ready(Ok(()));
            }
            if matches!(guard.phase, Phase::Over(_)) {
                return Poll::Ready(Ok(()));
            }
            let before = buf.filled().len();
            match Pin::new(&mut guard.stream).poll_read(cx, buf) {
                Poll::Pending => {
                    ready!(guard.wait(cx));
                    continue;
                }
                Poll::Ready(Err(error)) => {
                    guard.phase = Phase::Over(Ending::Gone);
                    return Poll::Ready(Err(error));
                }
                Poll::Ready(Ok(())) => {}
            }
            let fresh = buf.filled().get(before..).unwrap_or_default();
            if fresh.is_empty() {
                guard.end();
                return Poll::Ready(Ok(()));
            }
            if guard.held.is_empty() {
                // What passes at once, nearly everything, is where it has to be.
                let passed = guard.judge(fresh);
                let left = fresh.get(passed..).unwrap_or_default();
                if !left.is_empty() {
                    guard.held.extend_from_slice(left);
                    // The time for a head begins with its first byte.
                    guard.waits_since = guard.waits_since.map(|_| Instant::now());
                    buf.set_filled(before.saturating_add(passed));
                }
                if passed > 0 {
                    return Poll::Ready(Ok(()));
                }
            } else {
                guard.held.extend_from_slice(fresh);
                buf.set_filled(before);
                let held = std::mem::take(&mut guard.held);
                guard.passed = guard.judge(&held);
                guard.held = held;
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Guard<S> {
    /// Passes on what the stream did, and counts how long the client keeps us waiting for it.
    fn written<T>(
        &mut self,
        cx: &mut Context<'_>,
        done: Poll<io::Result<T>>,
        bytes: impl FnOnce(&T) -> usize,
    ) -> Poll<io::Result<T>> {
        let writing = &mut self.writing;
        match &done {
            Poll::Pending => {
                let since = *writing.since.get_or_insert_with(Instant::now);
                if !writing.alarm.rings(since + writing.pace.left(), cx) {
                    return Poll::Pending;
                }
                writing.is_stalled = true;
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            Poll::Ready(Ok(value)) => {
                if let Some(since) = writing.since.take() {
                    writing.pace.waited(since.elapsed());
                }
                writing.pace.moved(bytes(value));
            }
            Poll::Ready(Err(_)) => {}
        }
        done
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let guard = self.get_mut();
        let done = Pin::new(&mut guard.stream).poll_write(cx, buf);
        guard.written(cx, done, |count| *count)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let guard = self.get_mut();
        let done = Pin::new(&mut guard.stream).poll_write_vectored(cx, bufs);
        guard.written(cx, done, |count| *count)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        let done = Pin::new(&mut guard.stream).poll_flush(cx);
        guard.written(cx, done, |()| 0)
    }

    /// Only what hyper has written goes out; the end is the listener's to say, who may have a word
    /// to add.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}
