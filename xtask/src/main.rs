//! Codegen, tidy, test, bench and release tasks.

fn main() {}
