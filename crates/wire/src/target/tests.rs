//! Tests of target parsing.
