//! Secrets, authenticated encryption, digests and the object envelope.
