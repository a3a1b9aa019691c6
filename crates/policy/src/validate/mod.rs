//! Checks of a policy when it is saved that depend on where it will hang.

mod bucket;
mod findings;

pub use findings::{Finding, Severity};
