//! Amazon Resource Names.

use std::fmt;
use std::str::FromStr;

use crate::{AccountId, BucketName, ObjectKey};

/// An ARN: `arn:partition:service:region:account:resource`, split on the first five colons only.
///
/// SPEC: access-control, 0.1.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Arn(Box<str>);

/// Text that is no ARN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an ARN has six parts divided by colons and starts with `arn`")]
pub struct ArnError;

impl Arn {
    /// The ARN of a bucket.
    #[must_use]
    pub fn bucket(bucket: &BucketName) -> Self {
        Self(format!("arn:aws:s3:::{bucket}").into())
    }

    /// The ARN of an object.
    #[must_use]
    pub fn object(bucket: &BucketName, object_key: &ObjectKey) -> Self {
        Self(format!("arn:aws:s3:::{bucket}/{object_key}").into())
    }

    /// The ARN of an object whose key is only known as text: one of many that a body names.
    #[must_use]
    pub fn object_named(bucket: &BucketName, object_key: &str) -> Self {
        Self(format!("arn:aws:s3:::{bucket}/{object_key}").into())
    }

    /// The ARN of an account's root principal.
    #[must_use]
    pub fn root(account: AccountId) -> Self {
        Self(format!("arn:aws:iam::{account}:root").into())
    }

    /// The ARN that stands for everything, for actions without a resource.
    #[must_use]
    pub fn any() -> Self {
        Self("*".into())
    }

    /// The ARN as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Arn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(6, ':');
        let well_formed = parts.next() == Some("arn") && parts.count() == 5;
        if !well_formed {
            return Err(ArnError);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arn({})", self.0)
    }
}
