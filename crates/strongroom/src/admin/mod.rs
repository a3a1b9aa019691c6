//! The operator's way to a running server: the Unix socket `DIR/admin.sock`.
//!
//! Whoever may open the socket is the operator. One connection carries one command: a line of
//! JSON, answered by any number of progress lines and one last line.

mod client;
mod protocol;
mod server;
mod socket;
#[cfg(test)]
mod tests;

pub(crate) use client::AdminClient;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use protocol::Line;
pub(crate) use protocol::{
    AccountsAnswer, Command, EndpointAnswer, NewAccountAnswer, Progress, ScrubAnswer, SessionAnswer,
};
pub(crate) use server::{Admin, AdminServer};
pub(crate) use socket::check_free;
