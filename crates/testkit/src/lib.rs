//! In-process server and signing client for tests.
//!
//! [`TestServer`] is the whole request path on the in-memory engine, with a clock that tests set;
//! it listens on loopback and is spoken to over real sockets. [`Call`] is a request that can be
//! signed, and spoilt afterwards in any way. For tests only.

mod call;
mod cast;
mod clock;
mod error;
mod reply;
mod server;

pub use call::Call;
pub use cast::{Cast, Role};
pub use clock::TestClock;
pub use error::TestkitError;
pub use reply::Reply;
pub use server::{Contents, Keys, TestServer};
