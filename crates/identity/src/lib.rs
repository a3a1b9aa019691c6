//! Accounts, credentials and sessions.
