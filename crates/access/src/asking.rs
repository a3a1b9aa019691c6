//! Everything that is asked about one request, kept so that it can be asked again.

use std::borrow::Cow;

use strongroom_types::{Arn, BucketName};
use strongroom_wire::{CopySource, OperationSpec};

use crate::operations::Circumstances;
use crate::{Caller, NamedKey, Need, Operands, Question, Resource, Stated, When};

/// An operation, as far as decisions depend on it.
#[derive(Debug, Clone, Copy)]
pub struct Asks {
    /// Its route and members.
    pub(crate) spec: &'static OperationSpec,
    pub(crate) needs: &'static [Need],
    pub(crate) makes_bucket: bool,
}

impl Asks {
    /// What an operation asks.
    #[must_use]
    pub fn of<Op: Operands>() -> Self {
        Self { spec: Op::SPEC, needs: Op::NEEDS, makes_bucket: Op::MAKES_BUCKET }
    }

    /// An operation that nothing is known of but its name.
    pub(crate) fn nothing(spec: &'static OperationSpec) -> Self {
        Self { spec, needs: &[], makes_bucket: false }
    }

    /// Whether the head says all that its decision depends on: the body of some operations names
    /// resources, or says what conditions ask for.
    pub(crate) fn by_head(&self) -> bool {
        let in_target = |need: &Need| matches!(need.resource, Resource::Bucket | Resource::Object);
        let by_body = ["PutBucketTagging", "PutObjectTagging", "PutObject"];
        !self.makes_bucket && self.needs.iter().all(in_target) && !by_body.contains(&self.spec.name)
    }
}

/// A request with all that its decision depends on.
#[derive(Debug, Clone)]
pub(crate) struct Asking {
    pub(crate) caller: Caller,
    pub(crate) question: Question,
    pub(crate) asks: Asks,
    pub(crate) stated: Stated,
    pub(crate) copy_source: Option<CopySource>,
    pub(crate) copies_tags: bool,
}

/// One question: may the caller do this with that?
#[derive(Debug, Clone)]
pub(crate) struct Asked<'a> {
    pub(crate) action: &'static str,
    pub(crate) on: On<'a>,
}

/// What a question is about.
#[derive(Debug, Clone)]
pub(crate) enum On<'a> {
    Service,
    Bucket(&'a BucketName),
    Object {
        bucket: &'a BucketName,
        object_key: &'a str,
        version_id: Option<Cow<'a, str>>,
    },
    /// The object that is copied from.
    Source {
        bucket: &'a BucketName,
        object_key: &'a str,
        version_id: Option<Cow<'a, str>>,
    },
}

impl Asking {
    pub(crate) fn new<Op: Operands>(
        caller: &Caller,
        question: &Question,
        input: &Op::Input,
    ) -> Self {
        Self {
            stated: Op::stated(input),
            copy_source: Op::copy_source(input).cloned(),
            copies_tags: Op::copies_tags(input),
            ..Self::by_head(caller, question, Asks::of::<Op>())
        }
    }

    /// What can be asked of a head alone.
    pub(crate) fn by_head(caller: &Caller, question: &Question, asks: Asks) -> Self {
        Self {
            caller: caller.clone(),
            question: question.clone(),
            asks,
            stated: Stated::default(),
            copy_source: None,
            copies_tags: false,
        }
    }

    /// The questions about the bucket and object of the target that need nothing of a source.
    pub(crate) fn of_target(&self) -> impl Iterator<Item = Asked<'_>> {
        let needs = self.asks.needs.iter();
        let needs = needs.filter(|need| !needs_source(need));
        let about = self.circumstances(false);
        needs.filter_map(move |need| self.query(need, about))
    }

    /// The others, but for those of single keys: those that depend on tags of the source, or those
    /// that do not.
    pub(crate) fn of_source(&self, source_tagged: bool) -> impl Iterator<Item = Asked<'_>> {
        // Those that do not depend on tags were asked before.
        let needs = self.asks.needs.iter();
        let needs =
            needs.filter(move |need| needs_source(need) && needs_tags(need) == source_tagged);
        let about = self.circumstances(source_tagged);
        needs.filter_map(move |need| self.query(need, about))
    }

    /// The questions about one key that the body names.
    pub(crate) fn of_key<'a>(&'a self, key: &'a NamedKey) -> impl Iterator<Item = Asked<'a>> {
        let about = Circumstances {
            version_id: key.version_id.as_deref(),
            etag: key.etag.as_deref(),
            ..Circumstances::default()
        };
        let each = self.asks.needs.iter().filter(|need| need.resource == Resource::EachKey);
        let asked = each.filter(move |need| need.when.holds(&self.question.head, about));
        asked.filter_map(|need| {
            let on = On::Object {
                bucket: self.question.target.bucket.as_ref()?,
                object_key: &key.object_key,
                version_id: key.version_id.as_deref().map(Cow::Borrowed),
            };
            Some(Asked { action: need.action, on })
        })
    }

    /// The version of the target that the query names.
    pub(crate) fn version_id(&self) -> Option<&str> {
        self.question.head.query.get("versionId")
    }

    fn circumstances(&self, source_tagged: bool) -> Circumstances<'_> {
        let source_version =
            self.copy_source.as_ref().and_then(|source| source.version_id.as_ref());
        Circumstances {
            version_id: self.version_id(),
            etag: None,
            source_versioned: source_version.is_some(),
            source_tagged,
            body_tags: self.stated.tags.is_some(),
        }
    }

    /// The question of a row; `None` if it is not asked of this request, or only of single keys.
    fn query<'a>(&'a self, need: &'static Need, about: Circumstances<'_>) -> Option<Asked<'a>> {
        if !need.when.holds(&self.question.head, about) {
            return None;
        }
        let target = &self.question.target;
        let on = match need.resource {
            Resource::Service => On::Service,
            Resource::Bucket => On::Bucket(target.bucket.as_ref()?),
            Resource::Object => On::Object {
                bucket: target.bucket.as_ref()?,
                object_key: target.object_key.as_ref()?.as_str(),
                version_id: self.version_id().map(Cow::Borrowed),
            },
            Resource::Source => {
                let source = self.copy_source.as_ref()?;
                On::Source {
                    bucket: &source.bucket,
                    object_key: source.object_key.as_str(),
                    version_id: source.version_id.map(|id| Cow::Owned(id.to_string())),
                }
            }
            Resource::EachKey => return None,
        };
        Some(Asked { action: need.action, on })
    }
}

impl<'a> Asked<'a> {
    /// The ARN of what it is about.
    pub(crate) fn arn(&self) -> Arn {
        match &self.on {
            On::Service => Arn::any(),
            On::Bucket(bucket) => Arn::bucket(bucket),
            On::Object { bucket, object_key, .. } | On::Source { bucket, object_key, .. } => {
                Arn::object_named(bucket, object_key)
            }
        }
    }

    /// Whether it is about the source of a copy.
    pub(crate) fn is_of_source(&self) -> bool {
        matches!(self.on, On::Source { .. })
    }

    /// The object that it is about, and the version.
    pub(crate) fn object(&self) -> Option<(&'a str, Option<&str>)> {
        match &self.on {
            On::Service | On::Bucket(_) => None,
            On::Object { object_key, version_id, .. }
            | On::Source { object_key, version_id, .. } => {
                Some((object_key, version_id.as_deref()))
            }
        }
    }
}

fn needs_source(need: &Need) -> bool {
    needs_tags(need) || need.resource == Resource::Source
}

fn needs_tags(need: &Need) -> bool {
    use When::{SourceTagged, SourceTaggedCurrent, SourceTaggedVersioned};
    matches!(need.when, SourceTagged | SourceTaggedVersioned | SourceTaggedCurrent)
}
