//! Validated newtypes, and the traits by which time and randomness enter.
//!
//! Raw text becomes one of these types at the edge and is never parsed again. Constructors are the
//! only way in. This crate knows nothing of HTTP, storage, policies or any service.

mod account;
mod arn;
mod bucket;
mod clock;
mod object;
mod region;
mod request;
mod timestamp;

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;

pub use account::{AccessKeyId, AccessKeyIdError, AccountId, AccountIdError, CanonicalUserId};
pub use arn::{Arn, ArnError};
pub use bucket::{BucketId, BucketName, BucketNameError};
pub use clock::{Clock, Entropy, EntropyError};
pub use object::{ObjectKey, ObjectKeyError, VersionId, VersionIdError, VersioningState};
pub use region::{Region, RegionError};
pub use request::RequestId;
pub use timestamp::{Timestamp, TimestampError};
