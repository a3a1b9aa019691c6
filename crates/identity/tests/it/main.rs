//! Tests of what other crates and people see of this one.

#[cfg(test)]
mod document;
