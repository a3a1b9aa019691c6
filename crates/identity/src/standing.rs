//! What the policies of a principal say, for the enforcement point.
//!
//! What was put together is kept for as long as nothing in the account's identities has changed: the
//! revision of the ledger, read anew for each request, is their epoch. A change of anything takes
//! effect with the next request.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use strongroom_access::{
    DirectoryError, Entity, EntityKind, HeldPolicy, Principal, PrincipalDirectory, Seen, Standing,
};
use strongroom_policy::{Policy, PolicyKind};
use strongroom_store::{BoxFuture, Revision};
use strongroom_types::AccountId;

use crate::iam::Managed;
use crate::iam::error::IamError;
use crate::iam::records::{Detail, Kind, Record};
use crate::{Identity, IdentityError, keys};

/// Standings that were put together already, by unique id.
#[derive(Default)]
pub(crate) struct StandingCache(Mutex<BTreeMap<String, Kept>>);

struct Kept {
    epoch: Option<Revision>,
    standing: Arc<Standing>,
}

impl PrincipalDirectory for Identity {
    fn standing<'a>(
        &'a self,
        principal: &'a Principal,
    ) -> BoxFuture<'a, Result<Arc<Standing>, DirectoryError>> {
        Box::pin(async move {
            let standing = match principal {
                // Never asked about; nothing is known of them.
                Principal::Anonymous | Principal::Root { .. } => Ok(Arc::default()),
                Principal::Entity(entity) => self.standing_of(entity).await,
            };
            standing.map_err(|error| DirectoryError(Box::new(error)))
        })
    }
}

impl Identity {
    async fn standing_of(&self, entity: &Entity) -> Result<Arc<Standing>, IamError> {
        let account = entity.account;
        let (kind, id) = match &entity.kind {
            EntityKind::User { user_id, .. } => (Kind::User, user_id.as_str()),
            EntityKind::RoleSession { role_id, .. } => (Kind::Role, role_id.as_str()),
            EntityKind::FederatedUser { maker: Some((user_id, _)), .. } => {
                (Kind::User, user_id.as_str())
            }
            // The root's policies are those that allow everything; the session's limit them.
            EntityKind::FederatedUser { maker: None, .. } => (Kind::Policy, ROOT),
        };
        let (_, epoch) = self.ledger(account).await?;
        if let Some(standing) = self.standings.find(account, id, epoch) {
            return Ok(standing);
        }
        let seen = vec![Seen { key: keys::ledger(account), revision: epoch }];
        let standing = if id == ROOT {
            let all = self.managed(account, EVERYTHING).await?;
            let identity_policies = vec![self.held(account, &all, PolicyKind::Identity).await?];
            Standing { identity_policies, seen, ..Standing::default() }
        } else {
            // Who is gone may do nothing.
            let found = self.record(account, kind, id).await?;
            let gone = || IdentityError::Damaged { what: "identity" };
            let (record, revision) = found.ok_or_else(gone)?;
            self.put_together(account, &record, revision, seen).await?
        };
        let standing = Arc::new(standing);
        self.standings.keep(account, id, epoch, &standing);
        Ok(standing)
    }

    async fn put_together(
        &self,
        account: AccountId,
        record: &Record,
        revision: Revision,
        seen: Vec<Seen>,
    ) -> Result<Standing, IamError> {
        let mut identity_policies = Vec::new();
        self.gather(account, record, revision, &mut identity_policies).await?;
        if let Detail::User { groups, .. } = &record.detail {
            for group_id in groups {
                let group = self.record(account, Kind::Group, group_id).await?;
                let (group, revision) = group.ok_or(IdentityError::Damaged { what: "group" })?;
                self.gather(account, &group, revision, &mut identity_policies).await?;
            }
        }
        let boundary = match &record.boundary {
            None => None,
            Some(arn) => {
                let managed = self.managed(account, arn).await?;
                Some(self.held(account, &managed, PolicyKind::Boundary).await?)
            }
        };
        Ok(Standing { identity_policies, boundary, tags: record.tags.clone(), seen })
    }

    /// Adds the policies of one record, inline and attached.
    async fn gather(
        &self,
        account: AccountId,
        record: &Record,
        revision: Revision,
        held: &mut Vec<HeldPolicy>,
    ) -> Result<(), IamError> {
        let version = format!("r{}", revision.0);
        for (name, text) in &record.inline {
            let id = format!("{}/inline/{name}", record.arn(account));
            held.push(HeldPolicy::new(&id, &version, parsed(PolicyKind::Identity, text)?));
        }
        for arn in &record.attached {
            let managed = self.managed(account, arn).await?;
            held.push(self.held(account, &managed, PolicyKind::Identity).await?);
        }
        Ok(())
    }

    /// A managed policy in the version that is in force.
    pub(crate) async fn held(
        &self,
        account: AccountId,
        managed: &Managed,
        kind: PolicyKind,
    ) -> Result<HeldPolicy, IamError> {
        match managed {
            Managed::Aws(policy) => {
                Ok(HeldPolicy::new(&policy.arn(), "v1", parsed(kind, policy.document)?))
            }
            Managed::Own(record) => {
                let Detail::Policy { default_version, .. } = record.detail else {
                    return Err(IdentityError::Damaged { what: "policy" }.into());
                };
                let text = self.policy_document(account, &record.id, default_version).await?;
                let version = format!("v{default_version}");
                Ok(HeldPolicy::new(&record.arn(account), &version, parsed(kind, &text)?))
            }
        }
    }
}

/// A policy that was valid when it was saved.
///
/// SECURITY: one that is not any more makes the decision fail, and not the policy go away.
pub(crate) fn parsed(kind: PolicyKind, text: &str) -> Result<Arc<Policy>, IamError> {
    let parsed = Policy::parse(kind, text.as_bytes());
    let parsed = parsed.map_err(|_| IdentityError::Damaged { what: "policy" })?;
    Ok(Arc::new(parsed))
}

impl StandingCache {
    fn find(&self, account: AccountId, id: &str, epoch: Option<Revision>) -> Option<Arc<Standing>> {
        let kept = self.0.lock();
        let kept = kept.get(&name(account, id)).filter(|kept| kept.epoch == epoch)?;
        Some(Arc::clone(&kept.standing))
    }

    fn keep(
        &self,
        account: AccountId,
        id: &str,
        epoch: Option<Revision>,
        standing: &Arc<Standing>,
    ) {
        let mut kept = self.0.lock();
        if kept.len() >= STANDINGS_MAX {
            kept.clear();
        }
        kept.insert(name(account, id), Kept { epoch, standing: Arc::clone(standing) });
    }
}

impl fmt::Debug for StandingCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StandingCache({})", self.0.lock().len())
    }
}

fn name(account: AccountId, id: &str) -> String {
    format!("{account}{id}")
}

/// No unique id.
const ROOT: &str = "root";
const EVERYTHING: &str = "arn:aws:iam::aws:policy/AdministratorAccess";
/// Principals whose policies are kept compiled: at 30 KiB of policies each, 15 MiB.
const STANDINGS_MAX: usize = 512;
