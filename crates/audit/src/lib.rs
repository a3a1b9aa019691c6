//! The audit event and its compact form.
