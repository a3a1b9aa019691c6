//! What each operation works on beside the bucket and object key of its target.

use strongroom_model::s3;
use strongroom_wire::{CopySource, Operation};

/// An operation that the enforcement point can decide. Implemented for every operation in scope,
/// and only here: an operation that is not listed cannot be bound to a service.
pub trait Operands: Operation {
    /// The object that the operation copies from.
    fn copy_source(_input: &Self::Input) -> Option<&CopySource> {
        None
    }

    /// How many keys the operation names in its body, each of which is decided by itself.
    fn key_count(_input: &Self::Input) -> usize {
        0
    }
}
