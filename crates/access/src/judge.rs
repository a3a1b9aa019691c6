//! One question after the other: the facts that it needs, the policies in play, the answer.

use std::sync::Arc;

use strongroom_policy::{
    Account, AclMatch, AclQuestion, AclTarget, Action, Attached, Decision, Disclosure,
    ExistingObject, ObjectOwner, PolicySets, RequestPrincipal, ResourceSide,
};
use strongroom_types::{AccountId, Arn};

use crate::asking::{Asked, Asking};
use crate::context::{Facts, QuestionFacts, wants_existing_tags};
use crate::enforcement::Directories;
use crate::note::DecisionNote;
use crate::{
    BucketRef, Caller, Denial, EntityKind, HeldPolicy, ObjectFacts, ObjectOwnership, Principal,
    Seen, Standing,
};

/// Judges the questions of one request.
pub(crate) struct Judge<'a> {
    directories: &'a Directories,
    asking: &'a Asking,
    principal: RequestPrincipal,
    standing: Option<Arc<Standing>>,
    /// What the answers so far relied on.
    seen: Vec<Seen>,
    /// The first answer, or the one that denied.
    note: Option<DecisionNote>,
}

/// A question with what it is about.
#[derive(Clone, Copy)]
struct About<'q> {
    asked: &'q Asked<'q>,
    action: &'q Action,
    resource: &'q Arn,
    bucket: Option<&'q BucketRef>,
    /// The account that owns the resource; the caller's, where there is none.
    owner: AccountId,
}

impl<'a> Judge<'a> {
    /// A judge who knows the policies of the caller.
    pub(crate) async fn appoint(
        directories: &'a Directories,
        asking: &'a Asking,
    ) -> Result<Self, Denial> {
        let principal = &asking.caller.principal;
        let standing = match principal {
            Principal::Anonymous | Principal::Root { .. } => None,
            Principal::Entity(_) => {
                let found = directories.principals.standing(principal).await;
                Some(found.map_err(|_| Denial::Unavailable)?)
            }
        };
        let seen = standing.as_ref().map(|standing| standing.seen.clone()).unwrap_or_default();
        let principal = request_principal(principal);
        Ok(Self { directories, asking, principal, standing, seen, note: None })
    }

    /// Whether nothing that could be asked of this bucket would be denied: its owner's root, and no
    /// policy that could say otherwise.
    pub(crate) fn is_beyond_question(&self, bucket: Option<&BucketRef>) -> bool {
        Self::stands_above(&self.asking.caller, bucket)
    }

    /// The same, before a judge is there.
    pub(crate) fn stands_above(caller: &Caller, bucket: Option<&BucketRef>) -> bool {
        let Principal::Root { account, .. } = caller.principal else { return false };
        bucket.is_none_or(|bucket| {
            let controls = &bucket.controls;
            bucket.owner == account
                && controls.bucket_policy.is_none()
                && controls.ownership == ObjectOwnership::BucketOwnerEnforced
        })
    }

    /// Whether some policy or ACL could allow the caller anything here.
    pub(crate) fn may_hope(&self, bucket: Option<&BucketRef>) -> bool {
        let Some(bucket) = bucket else { return true };
        let controls = &bucket.controls;
        let resource_side = controls.bucket_policy.is_some()
            || controls.ownership != ObjectOwnership::BucketOwnerEnforced;
        let own = self.asking.caller.principal.account() == Some(bucket.owner);
        let identity_side = match (&self.asking.caller.principal, &self.standing) {
            (Principal::Root { .. }, _) => true,
            (_, Some(standing)) => !standing.identity_policies.is_empty(),
            (_, None) => false,
        };
        resource_side || (own && identity_side)
    }

    /// What the answers relied on.
    pub(crate) fn into_seen(self) -> Vec<Seen> {
        self.seen
    }

    /// Whether the source of a copy has tags.
    pub(crate) async fn source_is_tagged(&mut self, source: &BucketRef) -> Result<bool, Denial> {
        let Some(from) = &self.asking.copy_source else { return Ok(false) };
        let version_id = from.version_id.map(|id| id.to_string());
        let key = from.object_key.as_str();
        let found = self.directories.buckets.object(source, key, version_id.as_deref()).await;
        let found = found.map_err(|_| Denial::Unavailable)?;
        Ok(found.is_some_and(|mut object| {
            self.seen.append(&mut object.seen);
            !object.tags.is_empty()
        }))
    }

    /// What is to be recorded: the first answer, or the one that denied.
    pub(crate) fn note(&self) -> Option<&DecisionNote> {
        self.note.as_ref()
    }

    /// Asks one question.
    pub(crate) async fn ask(
        &mut self,
        asked: &Asked<'_>,
        bucket: Option<&BucketRef>,
    ) -> Result<(), Denial> {
        if self.is_beyond_question(bucket) {
            return Ok(());
        }
        let action: Action = asked.action.parse().map_err(|_| Denial::Unavailable)?;
        let object = self.object_facts(asked, bucket).await?;
        let resource = asked.arn();
        let account = self.asking.caller.principal.account();
        // INVARIANT: who is not signed in is not asked about what no bucket's owner owns.
        let owner = bucket.map(|bucket| bucket.owner).or(account).ok_or_else(Denial::plain)?;
        let about = About { asked, action: &action, resource: &resource, bucket, owner };
        let answer = self.answer(&about, object.as_ref());
        match answer {
            Ok(note) => {
                self.note.get_or_insert(note);
                Ok(())
            }
            Err((note, denial)) => {
                self.note = Some(note);
                Err(denial)
            }
        }
    }

    fn answer(
        &self,
        about: &About<'_>,
        object: Option<&ObjectFacts>,
    ) -> Result<DecisionNote, (DecisionNote, Denial)> {
        let About { asked, action, resource, bucket, owner } = *about;
        let asking = self.asking;
        let standing = self.standing.as_deref();
        let identity: Vec<_> = standing
            .map(|s| s.identity_policies.iter().map(attached).collect())
            .unwrap_or_default();
        let session = asking.caller.session.as_deref().and_then(|s| s.policies.as_deref());
        let session: Option<Vec<_>> = session.map(|held| held.iter().map(attached).collect());
        let account = asking.caller.principal.account();
        let side = match bucket {
            Some(bucket) => self.resource_side(asked, action, bucket, object),
            None => ResourceSide::of(owner),
        };
        let sets = PolicySets {
            identity: &identity,
            boundary: standing.and_then(|s| s.boundary.as_ref()).map(attached),
            session: session.as_deref(),
            ..PolicySets::new(side)
        };
        let facts = Facts {
            caller: &asking.caller,
            question: &asking.question,
            spec: asking.asks.spec,
            region: &self.directories.region,
            resource_owner: Some(owner),
            principal_tags: standing.map(|s| s.tags.as_slice()).unwrap_or_default(),
            stated: &asking.stated,
            copy_source: asking.copy_source.as_ref(),
        };
        let of_question = QuestionFacts {
            version_id: asked.object().and_then(|(_, version_id)| version_id),
            existing_tags: object.map(|object| object.tags.as_slice()),
        };
        let context = facts.context(self.names_in_play(bucket), of_question);
        let question = strongroom_policy::Question {
            principal: &self.principal,
            action,
            resource,
            context: &context,
        };
        match strongroom_policy::decide(&question, &sets) {
            Decision::Allow(allowance) => {
                Ok(DecisionNote::allowed(asked.action, &allowance, |name| {
                    self.version_of(name, bucket)
                }))
            }
            Decision::Deny(denial) => {
                let disclosure = match account == Some(owner) {
                    true => Disclosure::SameAccount,
                    false => Disclosure::Stranger,
                };
                let message = denial.message(&question, disclosure);
                let (_, trace) = strongroom_policy::explain(&question, &sets);
                let note = DecisionNote::denied(asked.action, &denial, &trace, |name| {
                    self.version_of(name, bucket)
                });
                let refusal = match denial.s3_code() {
                    "MethodNotAllowed" => Denial::MethodNotAllowed,
                    _ => Denial::AccessDenied { message },
                };
                Err((note, refusal))
            }
        }
    }

    fn resource_side<'s>(
        &self,
        asked: &Asked<'_>,
        action: &Action,
        bucket: &'s BucketRef,
        object: Option<&ObjectFacts>,
    ) -> ResourceSide<'s> {
        let controls = &bucket.controls;
        let with_acls = controls.ownership != ObjectOwnership::BucketOwnerEnforced;
        ResourceSide {
            policy: controls.bucket_policy.as_ref().map(attached),
            restrict_public: controls.block.restrict_public_buckets,
            object_owner: object.filter(|_| with_acls).and_then(|object| object.owner),
            acl: match with_acls {
                true => self.acl_match(asked, action, bucket, object),
                false => AclMatch::default(),
            },
            ..ResourceSide::of(bucket.owner)
        }
    }

    /// SPEC: access-control, 2.6, 4.1, 4.3 (IgnorePublicAcls).
    fn acl_match(
        &self,
        asked: &Asked<'_>,
        action: &Action,
        bucket: &BucketRef,
        object: Option<&ObjectFacts>,
    ) -> AclMatch {
        let account = self.asking.caller.principal.account();
        let is_bucket_owner = account == Some(bucket.owner);
        let existing = match object.map(|object| object.owner) {
            None => ExistingObject::Absent,
            Some(None) if is_bucket_owner => ExistingObject::OwnedByCaller,
            Some(Some(ObjectOwner::Account(owner))) if account == Some(owner) => {
                ExistingObject::OwnedByCaller
            }
            Some(_) => ExistingObject::OwnedByOther,
        };
        let ignored = bucket.controls.block.ignore_public_acls;
        let matching = |acl: &strongroom_policy::Acl, target| {
            let question = AclQuestion {
                principal: &self.principal,
                action,
                target,
                is_bucket_owner,
                existing,
            };
            match ignored && acl.is_public() {
                true => acl.without_public().matching(&question),
                false => acl.matching(&question),
            }
        };
        let of_bucket = matching(&bucket.controls.acl, AclTarget::Bucket);
        let of_object = match (asked.object(), object) {
            (Some(_), Some(object)) => matching(&object.acl, AclTarget::Object),
            _ => AclMatch::default(),
        };
        AclMatch {
            account: of_bucket.account || of_object.account,
            authenticated: of_bucket.authenticated || of_object.authenticated,
            everyone: of_bucket.everyone || of_object.everyone,
            log_delivery: of_bucket.log_delivery || of_object.log_delivery,
        }
    }

    /// What must be known of the stored object: its tags if a policy names them, its owner and ACL
    /// where ACLs count. Read only then.
    async fn object_facts(
        &mut self,
        asked: &Asked<'_>,
        bucket: Option<&BucketRef>,
    ) -> Result<Option<ObjectFacts>, Denial> {
        let (Some(bucket), Some((object_key, version_id))) = (bucket, asked.object()) else {
            return Ok(None);
        };
        let with_acls = bucket.controls.ownership != ObjectOwnership::BucketOwnerEnforced;
        let with_tags = EXISTING_TAG_ACTIONS.contains(&asked.action)
            && self.names_in_play(Some(bucket)).any(wants_existing_tags);
        if !with_acls && !with_tags {
            return Ok(None);
        }
        let found = self.directories.buckets.object(bucket, object_key, version_id).await;
        let mut found = found.map_err(|_| Denial::Unavailable)?;
        if let Some(object) = &mut found {
            self.seen.append(&mut object.seen.clone());
            if !with_tags {
                object.tags.clear();
            }
        }
        Ok(found)
    }

    fn names_in_play<'s>(&'s self, bucket: Option<&'s BucketRef>) -> impl Iterator<Item = &'s str> {
        let held = self.policies_in_play(bucket);
        held.flat_map(|held| held.condition_keys.iter().map(String::as_str))
    }

    fn policies_in_play<'s>(
        &'s self,
        bucket: Option<&'s BucketRef>,
    ) -> impl Iterator<Item = &'s HeldPolicy> {
        let standing = self.standing.as_deref();
        let identity = standing.map(|s| s.identity_policies.as_slice()).unwrap_or_default();
        let boundary = standing.and_then(|s| s.boundary.as_ref());
        let session = self.asking.caller.session.as_deref().and_then(|s| s.policies.as_deref());
        let of_bucket = bucket.and_then(|bucket| bucket.controls.bucket_policy.as_ref());
        identity.iter().chain(boundary).chain(session.unwrap_or_default()).chain(of_bucket)
    }

    /// The version of the policy of this name, for the record.
    fn version_of(&self, policy_id: &str, bucket: Option<&BucketRef>) -> String {
        let mut held = self.policies_in_play(bucket);
        let found = held.find(|held| &*held.policy_id == policy_id);
        found.map(|held| held.policy_version.to_string()).unwrap_or_default()
    }
}

fn attached(held: &HeldPolicy) -> Attached<'_> {
    Attached { policy: &held.policy, name: &held.policy_id }
}

/// The principal in words of the evaluator.
fn request_principal(principal: &Principal) -> RequestPrincipal {
    match principal {
        Principal::Anonymous => RequestPrincipal::Anonymous,
        Principal::Root { account, canonical_user_id } => {
            RequestPrincipal::Root(Account { id: *account, canonical: *canonical_user_id })
        }
        Principal::Entity(entity) => {
            let account = Account { id: entity.account, canonical: entity.canonical_user_id };
            let arn = entity.arn.clone();
            match &entity.kind {
                EntityKind::User { user_id, .. } => {
                    RequestPrincipal::User { account, arn, unique_id: user_id.as_str().into() }
                }
                EntityKind::RoleSession { role_id, role_arn, .. } => {
                    RequestPrincipal::RoleSession {
                        account,
                        session_arn: arn,
                        role_arn: role_arn.clone(),
                        role_id: role_id.as_str().into(),
                    }
                }
                EntityKind::FederatedUser { maker, .. } => RequestPrincipal::FederatedUser {
                    account,
                    arn,
                    user_arn: maker.as_ref().map(|(_, arn)| arn.clone()),
                    user_id: maker.as_ref().map(|(id, _)| id.as_str()).unwrap_or_default().into(),
                },
            }
        }
    }
}

/// Actions to which `s3:ExistingObjectTag` belongs.
const EXISTING_TAG_ACTIONS: &[&str] = &[
    "s3:DeleteObjectTagging",
    "s3:DeleteObjectVersionTagging",
    "s3:GetObject",
    "s3:GetObjectAcl",
    "s3:GetObjectAttributes",
    "s3:GetObjectTagging",
    "s3:GetObjectVersion",
    "s3:GetObjectVersionAcl",
    "s3:GetObjectVersionAttributes",
    "s3:GetObjectVersionTagging",
    "s3:PutObjectAcl",
    "s3:PutObjectTagging",
    "s3:PutObjectVersionAcl",
    "s3:PutObjectVersionTagging",
];
