//! Encoding of outputs.
