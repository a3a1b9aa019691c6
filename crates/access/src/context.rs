//! The condition keys of a request, each filled from a fact that the client cannot forge, or absent.
//!
//! Nothing is filled that no policy in play mentions: policies say which names they want, and only
//! those are looked up. A header or query parameter counts where the operation has it as a member;
//! elsewhere it means nothing to the operation, and so it must mean nothing to a policy.
//!
//! SPEC: access-control, 3.

use std::borrow::Cow;

use strongroom_audit::AuthKind;
use strongroom_policy::{Context, Value};
use strongroom_types::{AccountId, Region, Timestamp};
use strongroom_wire::{CopySource, OperationSpec, Query};

use crate::{Caller, EntityKind, Principal, Question, Stated};

/// Everything that condition keys are filled from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) question: &'a Question,
    pub(crate) spec: &'static OperationSpec,
    pub(crate) region: &'a Region,
    /// The account that owns the bucket.
    pub(crate) resource_owner: Option<AccountId>,
    /// The tags of the user or role, as they are now.
    pub(crate) principal_tags: &'a [(String, String)],
    /// What the typed input says.
    pub(crate) stated: &'a Stated,
    /// The object that is copied from.
    pub(crate) copy_source: Option<&'a CopySource>,
}

/// What differs between the questions of one request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct QuestionFacts<'a> {
    /// The version that is named.
    pub(crate) version_id: Option<&'a str>,
    /// The tags of the stored object, where the action knows such a key and they were read.
    pub(crate) existing_tags: Option<&'a [(String, String)]>,
}

impl<'a> Facts<'a> {
    /// The context of one question, with those of the named keys that have a value.
    pub(crate) fn context<'n>(
        &self,
        names: impl Iterator<Item = &'n str>,
        about: QuestionFacts<'a>,
    ) -> Context<'a> {
        let mut context = Context::new();
        for name in names {
            if let Some(value) = self.value(name, about) {
                context.set(name.to_owned(), value);
            }
        }
        context
    }

    /// The value of a key whose name is in lower case.
    pub(crate) fn value(&self, name: &str, about: QuestionFacts<'a>) -> Option<Value<'a>> {
        let (service, key) = name.split_once(':')?;
        match (service, key.split_once('/')) {
            ("aws", None) => self.global(key),
            ("aws", Some(("principaltag", tag))) => self.principal_tag(tag),
            ("aws", Some(("requesttag", tag))) => {
                self.bucket_tags().and_then(|tags| tag_value(tags, tag))
            }
            ("s3", None) => self.s3(key, about),
            ("s3", Some(("requestobjecttag", tag))) => {
                self.object_tags().and_then(|tags| tag_value(tags, tag))
            }
            ("s3", Some(("existingobjecttag", tag))) => {
                let tags = about.existing_tags?.iter().map(|(key, value)| (key, value));
                tag_value(
                    tags.map(|(key, value)| (key.as_str().into(), value.as_str().into())),
                    tag,
                )
            }
            _ => None,
        }
    }

    /// SPEC: access-control, 3.1.
    fn global(&self, key: &str) -> Option<Value<'a>> {
        let facts = &self.question.facts;
        match key {
            "currenttime" => Some(facts.received.into()),
            "epochtime" => number(facts.received.seconds()),
            "securetransport" => Some((facts.tls_version > 0).into()),
            "sourceip" => Some(facts.source_ip.into()),
            "requestedregion" => Some(self.region.as_str().into()),
            "useragent" => self.header("user-agent"),
            "referer" => self.header("referer"),
            "resourceaccount" => self.resource_owner.map(|owner| owner.to_string().into()),
            "tagkeys" => self.bucket_tags().map(tag_keys),
            "viaawsservice" | "principalisawsservice" if self.is_signed() => Some(false.into()),
            _ => self.of_principal(key).or_else(|| self.of_session(key)),
        }
    }

    /// SPEC: access-control, 0.2.
    fn of_principal(&self, key: &str) -> Option<Value<'a>> {
        let principal = &self.caller.principal;
        match key {
            "principalaccount" => Some(match principal.account() {
                Some(account) => account.to_string().into(),
                None => "anonymous".into(),
            }),
            "principaltype" => Some(
                match principal {
                    Principal::Anonymous => "Anonymous",
                    Principal::Root { .. } => "Account",
                    Principal::Entity(entity) => match entity.kind {
                        EntityKind::User { .. } => "User",
                        EntityKind::RoleSession { .. } => "AssumedRole",
                        EntityKind::FederatedUser { .. } => "FederatedUser",
                    },
                }
                .into(),
            ),
            "principalarn" => match principal {
                Principal::Anonymous => None,
                Principal::Root { account, .. } => {
                    Some(strongroom_types::Arn::root(*account).as_str().to_owned().into())
                }
                Principal::Entity(entity) => Some(match &entity.kind {
                    EntityKind::RoleSession { role_arn, .. } => role_arn.as_str().into(),
                    EntityKind::User { .. } | EntityKind::FederatedUser { .. } => {
                        entity.arn.as_str().into()
                    }
                }),
            },
            "userid" => match principal {
                Principal::Anonymous => None,
                Principal::Root { account, .. } => Some(account.to_string().into()),
                Principal::Entity(entity) => Some(match &entity.kind {
                    EntityKind::User { user_id, .. } => user_id.as_str().into(),
                    EntityKind::RoleSession { role_id, session_name, .. } => {
                        format!("{role_id}:{session_name}").into()
                    }
                    EntityKind::FederatedUser { name, .. } => {
                        format!("{}:{name}", entity.account).into()
                    }
                }),
            },
            "username" => match principal {
                Principal::Entity(entity) => match &entity.kind {
                    EntityKind::User { name, .. } => Some(name.as_str().into()),
                    EntityKind::RoleSession { .. } | EntityKind::FederatedUser { .. } => None,
                },
                Principal::Anonymous | Principal::Root { .. } => None,
            },
            _ => None,
        }
    }

    /// Keys of temporary credentials, absent for long-term ones.
    fn of_session(&self, key: &str) -> Option<Value<'a>> {
        let session = self.caller.session.as_deref()?;
        match key {
            "tokenissuetime" => Some(session.issued.into()),
            "multifactorauthpresent" => Some(session.mfa.is_some().into()),
            "multifactorauthage" => {
                let shown = session.mfa?;
                number(self.question.facts.received.saturating_since(shown).as_secs())
            }
            "sourceidentity" => session.source_identity.as_deref().map(Value::from),
            "federatedprovider" => session.federated_provider.as_deref().map(Value::from),
            _ => None,
        }
    }

    /// SPEC: access-control, 3.1: tags of the session come before those of the entity.
    fn principal_tag(&self, tag: &str) -> Option<Value<'a>> {
        let session = self.caller.session.as_deref().map(|session| session.tags.as_slice());
        let tags = session.unwrap_or_default().iter().chain(self.principal_tags);
        tag_value(tags.map(|(key, value)| (key.as_str().into(), value.as_str().into())), tag)
    }

    /// SPEC: access-control, 3.2.
    fn s3(&self, key: &str, about: QuestionFacts<'a>) -> Option<Value<'a>> {
        let facts = &self.question.facts;
        match key {
            "resourceaccount" => self.resource_owner.map(|owner| owner.to_string().into()),
            "tlsversion" if facts.tls_version > 0 => {
                Some(format!("{}.{}", facts.tls_version / 10, facts.tls_version % 10).into())
            }
            "authtype" => auth_type(self.caller.auth).map(Value::from),
            "signatureversion" => signature_version(self.caller.auth).map(Value::from),
            "signatureage" => {
                let age = facts.received.saturating_since(self.caller.signed?);
                number(u64::try_from(age.as_millis()).unwrap_or(u64::MAX))
            }
            // Never from the query, and whatever the operation.
            "x-amz-content-sha256" => self.header(key),
            "versionid" => about.version_id.map(Value::from),
            "prefix" | "delimiter" => self.query(key),
            "max-keys" if self.spec.takes_query("max-keys") => {
                let keys = self.question.head.query.get("max-keys");
                // What is no number does not decode.
                Some(keys.map_or(Ok(PAGE_KEYS), str::parse::<i64>).ok()?.into())
            }
            "locationconstraint" => self.stated.location_constraint.as_deref().map(Value::from),
            "requestobjecttagkeys" => self.object_tags().map(tag_keys),
            "x-amz-copy-source" => {
                let source = self.copy_source?;
                Some(format!("{}/{}", source.bucket, source.object_key).into())
            }
            "x-amz-storage-class" if self.spec.takes_header(key) => {
                self.header(key).or(Some("STANDARD".into()))
            }
            "objectcreationoperation" => match self.spec.name {
                "PutObject" | "CompleteMultipartUpload" | "CopyObject" => Some(true.into()),
                "CreateMultipartUpload" | "UploadPart" | "UploadPartCopy" => Some(false.into()),
                _ => None,
            },
            "if-match" | "if-none-match" if self.writes() => self.member(key),
            "object-lock-mode" => self.member("x-amz-object-lock-mode"),
            "object-lock-legal-hold" => self.member("x-amz-object-lock-legal-hold"),
            "object-lock-retain-until-date" => self.retain_until().map(Value::from),
            "object-lock-remaining-retention-days" => {
                let left = self.retain_until()?.saturating_since(facts.received).as_secs();
                // A day begun counts: a limit on days is never passed by some hours.
                number(left.div_ceil(DAY_SECONDS))
            }
            key if HEADER_KEYS.contains(&key) => self.member(key),
            _ => None,
        }
    }

    fn is_signed(&self) -> bool {
        self.caller.principal != Principal::Anonymous
    }

    fn writes(&self) -> bool {
        !matches!(self.spec.method, "GET" | "HEAD")
    }

    /// A header, whatever the operation.
    fn header(&self, name: &str) -> Option<Value<'a>> {
        let text = self.question.head.header_text(name)?.ok()?;
        Some(Value::Text(text))
    }

    /// A header that the operation has as a member.
    fn member(&self, name: &str) -> Option<Value<'a>> {
        if self.spec.takes_header(name) { self.header(name) } else { None }
    }

    /// A query parameter that the operation has as a member.
    fn query(&self, name: &str) -> Option<Value<'a>> {
        if !self.spec.takes_query(name) {
            return None;
        }
        self.question.head.query.get(name).map(Value::from)
    }

    fn retain_until(&self) -> Option<Timestamp> {
        const DATE: &str = "x-amz-object-lock-retain-until-date";
        if !self.spec.takes_header(DATE) {
            return None;
        }
        let text = self.question.head.header_text(DATE)?.ok()?;
        Timestamp::parse_iso8601(&text).ok()
    }

    /// Tags that the request gives an object; `None` if it gives none.
    fn object_tags(&self) -> Option<impl Iterator<Item = Tag<'a>>> {
        self.is_about_object().then(|| self.tags()).flatten()
    }

    /// Tags that the request gives a bucket; `None` if it gives none.
    fn bucket_tags(&self) -> Option<impl Iterator<Item = Tag<'a>>> {
        (!self.is_about_object()).then(|| self.tags()).flatten()
    }

    fn is_about_object(&self) -> bool {
        self.question.target.object_key.is_some()
    }

    fn tags(&self) -> Option<impl Iterator<Item = Tag<'a>> + use<'a>> {
        let tags: Vec<Tag<'a>> = match (&self.stated.tagging, &self.stated.tags) {
            (Some(text), _) => {
                // What is no query is refused by the service before it means anything.
                let query = Query::parse(text).ok()?;
                let pairs = query.iter().map(|(key, value)| {
                    (Cow::Owned(key.to_owned()), Cow::Owned(value.unwrap_or_default().to_owned()))
                });
                pairs.collect()
            }
            (None, Some(tags)) => tags
                .iter()
                .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
                .collect(),
            (None, None) => return None,
        };
        Some(tags.into_iter())
    }
}

/// Whether a policy that mentions this key, in lower case, wants the tags of the stored object.
pub(crate) fn wants_existing_tags(name: &str) -> bool {
    name.starts_with("s3:existingobjecttag/")
}

type Tag<'a> = (Cow<'a, str>, Cow<'a, str>);

fn tag_value<'a>(mut tags: impl Iterator<Item = Tag<'a>>, folded: &str) -> Option<Value<'a>> {
    tags.find(|(key, _)| key.to_lowercase() == folded).map(|(_, value)| Value::Text(value))
}

fn tag_keys<'a>(tags: impl Iterator<Item = Tag<'a>>) -> Value<'a> {
    Value::List(tags.map(|(key, _)| key).collect())
}

fn number<'a>(number: u64) -> Option<Value<'a>> {
    Some(i64::try_from(number).unwrap_or(i64::MAX).into())
}

fn auth_type(auth: AuthKind) -> Option<&'static str> {
    match auth {
        AuthKind::Header => Some("REST-HEADER"),
        AuthKind::Query | AuthKind::QueryV2 => Some("REST-QUERY-STRING"),
        AuthKind::Form | AuthKind::FormV2 => Some("POST"),
        AuthKind::Anonymous | AuthKind::Local => None,
    }
}

fn signature_version(auth: AuthKind) -> Option<&'static str> {
    match auth {
        AuthKind::Header | AuthKind::Query | AuthKind::Form => Some("AWS4-HMAC-SHA256"),
        AuthKind::QueryV2 | AuthKind::FormV2 => Some("AWS"),
        AuthKind::Anonymous | AuthKind::Local => None,
    }
}

/// Keys that are a header of the same name, where the operation has it.
const HEADER_KEYS: &[&str] = &[
    "x-amz-acl",
    "x-amz-bucket-namespace",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
    "x-amz-metadata-directive",
    "x-amz-object-ownership",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-website-redirect-location",
];
const PAGE_KEYS: i64 = 1_000; // what a listing gives if it is not told
const DAY_SECONDS: u64 = 24 * 60 * 60;
