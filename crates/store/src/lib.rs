//! Storage traits, the in-memory reference and the conformance suite.
