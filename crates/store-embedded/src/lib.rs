//! The storage engine of one machine.
