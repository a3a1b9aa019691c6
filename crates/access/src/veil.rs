//! What a caller may not learn from a failure: whether something exists.
//!
//! SPEC: access-control, 2.9.

use std::fmt;

use crate::asking::{Asked, Asking, On};
use crate::judge::Judge;
use crate::{BucketRef, Enforcement};

/// Decides whether a caller may hear that an object or a version does not exist: only who may list
/// the bucket.
pub struct Veil {
    asking: Asking,
    buckets: Vec<BucketRef>,
    enforcement: Enforcement,
}

/// What does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// An object.
    Object,
    /// A version of one.
    Version,
}

impl Veil {
    /// A veil before what these buckets hold; `None` for a caller from whom nothing is hidden.
    pub(crate) fn before(
        asking: &Asking,
        buckets: &[Option<&BucketRef>],
        enforcement: &Enforcement,
    ) -> Option<Self> {
        let hidden = |bucket: &&BucketRef| !Judge::stands_above(&asking.caller, Some(bucket));
        let buckets: Vec<_> = buckets.iter().copied().flatten().filter(hidden).cloned().collect();
        match buckets.is_empty() {
            true => None,
            false => {
                let (asking, enforcement) = (asking.clone(), enforcement.clone());
                Some(Self { asking, buckets, enforcement })
            }
        }
    }

    /// Whether the caller must not hear of it. SECURITY: what cannot be decided is hidden.
    pub async fn hides(&self, missing: Missing) -> bool {
        let action = match missing {
            Missing::Object => "s3:ListBucket",
            Missing::Version => "s3:ListBucketVersions",
        };
        let Ok(mut judge) = self.enforcement.judge_of(&self.asking).await else { return true };
        for bucket in &self.buckets {
            let asked = Asked { action, on: On::Bucket(&bucket.name) };
            if judge.ask(&asked, Some(bucket)).await.is_err() {
                return true;
            }
        }
        false
    }
}

impl fmt::Debug for Veil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Veil").field("buckets", &self.buckets).finish_non_exhaustive()
    }
}
