//! The commands of an operator, beside `serve`.
//!
//! Each speaks with the running server over its admin socket. Where no server runs, those that
//! need no server open the data directory themselves, under its lock. `policy` needs neither.

mod account;
mod env;
mod failure;
mod policy;
mod scrub;

pub(crate) use account::{create as account_create, list as account_list};
pub(crate) use env::env;
pub(crate) use failure::Failure;
pub(crate) use policy::{check as policy_check, evaluate as policy_evaluate};
pub(crate) use scrub::scrub;

use std::io::{self, Write};

/// Prints to standard output. A reader that went away is told as such.
fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
