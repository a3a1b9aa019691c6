//! Trust policies as they are saved and shown: principals by unique id inside, by ARN outside.
//!
//! SPEC: access-control, 1.2: a principal must exist when a policy is saved; one that is deleted
//! shows as its id, and a new one of the same name is not meant.

use std::collections::BTreeMap;

use strongroom_policy::{Policy, PolicyKind, PolicyPrincipal};
use strongroom_types::AccountId;

use super::error::{IamError, shown};
use super::records::{Detail, Kind, Record};
use super::{TRUST_CHARACTERS_MAX, check_policy};
use crate::{Identity, keys};

impl Identity {
    /// A trust policy as it is stored.
    pub(crate) async fn saved_trust(&self, text: &str) -> Result<String, IamError> {
        let policy = check_policy(PolicyKind::Trust, text, TRUST_CHARACTERS_MAX)?;
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        for entry in policy.principals() {
            match &entry.principal {
                PolicyPrincipal::Everyone | PolicyPrincipal::Service(_) => {}
                PolicyPrincipal::Account(account) => {
                    if !self.has_account(*account).await? {
                        return Err(invalid(&account.to_string()));
                    }
                    names.insert(account.to_string(), format!("arn:aws:iam::{account}:root"));
                }
                PolicyPrincipal::Arn(arn) => {
                    let arn = arn.as_str();
                    if let Some(id) = self.principal_id(arn).await? {
                        names.insert(arn.to_owned(), id);
                    }
                }
                PolicyPrincipal::UniqueId(id) => return Err(invalid(id)),
                PolicyPrincipal::CanonicalUser(id) => return Err(invalid(id)),
                PolicyPrincipal::Federated(name) => return Err(invalid(name)),
            }
        }
        Ok(policy.translated(|principal| match principal {
            PolicyPrincipal::Account(account) => names.get(&account.to_string()).cloned(),
            PolicyPrincipal::Arn(arn) => names.get(arn.as_str()).cloned(),
            _ => None,
        }))
    }

    /// The trust policy of a role as it is shown.
    pub(crate) async fn shown_trust(&self, role: &Record) -> Result<String, IamError> {
        let Detail::Role { trust, .. } = &role.detail else { return Ok(String::new()) };
        let policy = Policy::parse(PolicyKind::Trust, trust.as_bytes());
        let policy =
            policy.map_err(|error| IamError::MalformedPolicyDocument(error.iam_message()))?;
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        for entry in policy.principals() {
            if let PolicyPrincipal::UniqueId(id) = &entry.principal
                && let Some(arn) = self.arn_of_id(id).await?
            {
                names.insert(id.to_string(), arn);
            }
        }
        Ok(policy.translated(|principal| match principal {
            PolicyPrincipal::UniqueId(id) => names.get(id.as_ref()).cloned(),
            _ => None,
        }))
    }

    async fn has_account(&self, account: AccountId) -> Result<bool, IamError> {
        Ok(self.store.metadata.get(&keys::account(account)).await?.is_some())
    }

    /// The unique id of a user or role by its ARN; `None` for what has none and may be named all the
    /// same: a session.
    pub(crate) async fn principal_id(&self, arn: &str) -> Result<Option<String>, IamError> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", "aws", service, "", account, resource] = parts.as_slice() else {
            return Err(invalid(arn));
        };
        let account: AccountId = account.parse().map_err(|_| invalid(arn))?;
        let (kind, rest) = resource.split_once('/').ok_or_else(|| invalid(arn))?;
        let (kind, name) = match (*service, kind) {
            ("iam", "user") => (Kind::User, rest.rsplit('/').next().unwrap_or_default()),
            ("iam", "role") => (Kind::Role, rest.rsplit('/').next().unwrap_or_default()),
            ("sts", "assumed-role") => {
                let role = rest.split('/').next().unwrap_or_default();
                let found = self.find(account, Kind::Role, role).await?;
                return found.map(|_| None).ok_or_else(|| invalid(arn));
            }
            ("sts", "federated-user") if self.has_account(account).await? => return Ok(None),
            _ => return Err(invalid(arn)),
        };
        let found = self.find(account, kind, name).await?;
        let found = found.filter(|record| record.arn(account) == arn);
        found.map(|record| Some(record.id)).ok_or_else(|| invalid(arn))
    }

    /// The ARN of the user or role that has a unique id, in whatever account.
    async fn arn_of_id(&self, id: &str) -> Result<Option<String>, IamError> {
        let Some(entry) = self.store.metadata.get(&keys::owner(id)).await? else {
            return Ok(None);
        };
        let account = crate::records::decode_name(&entry.value)?;
        let kind = if id.starts_with(Kind::User.id_prefix()) { Kind::User } else { Kind::Role };
        let found = self.record(account, kind, id).await?;
        Ok(found.map(|(record, _)| record.arn(account)))
    }
}

fn invalid(name: &str) -> IamError {
    let message = format!("Invalid principal in policy: {}", shown(name));
    IamError::MalformedPolicyDocument(message)
}
