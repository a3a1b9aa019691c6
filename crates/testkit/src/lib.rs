//! In-process server and signing client for tests.
