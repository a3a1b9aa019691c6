//! The enforcement point over directories that answer at once: who may do what, and why.

// Says to the lints that helpers here are test code, too.
#![cfg(test)]

mod conditions;
mod decisions;
mod scene;
mod several;
