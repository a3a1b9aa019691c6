//! The engine from outside: the suite of all engines, on a simulated and on a real drive.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod conformance;
mod damage;
mod faults;
mod full;
mod support;
mod worlds;
