//! The storage engine of one machine.
//!
//! A pre-written, sealed log is the commit point; an ordered index says where things are and can
//! be built again from the log; large payloads are files of their own. `docs/formats` describes
//! every byte. This crate implements the traits of `strongroom-store` and knows nothing of S3.

mod blobs;
mod chores;
mod codec;
mod commit;
mod engine;
mod events;
mod gc;
mod ledger;
mod limits;
mod log;
mod machine;
mod open;
mod ordered;
mod record;
mod reserve;
mod scrub;
mod segments;
mod workers;

pub mod disk;
pub mod index;
pub mod keyfile;
pub mod sim;

pub use engine::{EmbeddedEngine, EngineOptions};
pub use limits::EngineLimits;
pub use open::OpenError;
pub use scrub::{ScrubObserver, ScrubProgress, ScrubReport};

#[cfg(test)]
mod tests;

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
