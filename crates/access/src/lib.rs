//! The one policy enforcement point.
