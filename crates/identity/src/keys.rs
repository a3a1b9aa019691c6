//! Under which keys the records of this crate lie: `docs/formats/account-record.md`
//! and `docs/formats/iam-record.md`.

use bytes::Bytes;
use strongroom_types::{AccessKeyId, AccountId};

use crate::AccountName;
use crate::iam::records::Kind;

/// The record that names the first account.
pub(crate) const FIRST: &[u8] = b"i|f";

/// All account records, in the order of their numbers.
pub(crate) const ACCOUNTS: &[u8] = b"i|a|";

pub(crate) fn account(account: AccountId) -> Bytes {
    joined(ACCOUNTS, &account.number().to_be_bytes())
}

/// Names are unique ignoring case; the key holds the lower-case form.
pub(crate) fn name(name: &AccountName) -> Bytes {
    joined(b"i|n|", name.as_str().to_ascii_lowercase().as_bytes())
}

pub(crate) fn access_key(access_key_id: &AccessKeyId) -> Bytes {
    joined(b"i|k|", access_key_id.as_str().as_bytes())
}

/// A user, group, role or policy, by unique id.
pub(crate) fn record(account: AccountId, kind: Kind, id: &str) -> Bytes {
    of_account(b"i|e|", account, &[&[kind.code()], id.as_bytes()])
}

/// All names of one kind in an account, in order.
pub(crate) fn names(account: AccountId, kind: Kind) -> Bytes {
    of_account(b"i|l|", account, &[&[kind.code()]])
}

/// The unique id behind a name. Names are unique ignoring case.
pub(crate) fn record_name(account: AccountId, kind: Kind, name: &str) -> Bytes {
    let name = name.to_ascii_lowercase();
    of_account(b"i|l|", account, &[&[kind.code()], name.as_bytes()])
}

/// How many identities an account has, and their epoch.
pub(crate) fn ledger(account: AccountId) -> Bytes {
    of_account(b"i|c|", account, &[])
}

/// That a user is in a group; without a user, all of the group.
pub(crate) fn membership(account: AccountId, group_id: &str, user_id: &str) -> Bytes {
    of_account(b"i|x|", account, &[group_id.as_bytes(), b"|", user_id.as_bytes()])
}

/// All that a policy is attached to.
pub(crate) fn attachments(account: AccountId, policy_arn: &str) -> Bytes {
    of_account(b"i|t|", account, &[policy_arn.as_bytes(), b"|"])
}

/// That a policy is attached to an entity, or is its boundary.
pub(crate) fn attachment(
    account: AccountId,
    policy_arn: &str,
    usage: &[u8],
    kind: Kind,
    id: &str,
) -> Bytes {
    let tail = [usage, &[kind.code()], id.as_bytes()].concat();
    of_account(b"i|t|", account, &[policy_arn.as_bytes(), b"|", &tail])
}

/// The document of one version of a managed policy.
pub(crate) fn policy_version(account: AccountId, policy_id: &str, version: u32) -> Bytes {
    of_account(b"i|v|", account, &[policy_id.as_bytes(), b"|", &version.to_be_bytes()])
}

/// The account of a unique id.
pub(crate) fn owner(id: &str) -> Bytes {
    joined(b"i|o|", id.as_bytes())
}

/// That an account has this alias.
pub(crate) fn alias(alias: &str) -> Bytes {
    joined(b"i|b|", alias.as_bytes())
}

/// When an access key was last used.
pub(crate) fn last_used(access_key_id: &AccessKeyId) -> Bytes {
    joined(b"i|s|", access_key_id.as_str().as_bytes())
}

fn of_account(prefix: &[u8], account: AccountId, parts: &[&[u8]]) -> Bytes {
    let mut key = [prefix, &account.number().to_be_bytes()].concat();
    parts.iter().for_each(|part| key.extend_from_slice(part));
    key.into()
}

fn joined(prefix: &[u8], suffix: &[u8]) -> Bytes {
    let mut key = Vec::with_capacity(prefix.len() + suffix.len());
    key.extend_from_slice(prefix);
    key.extend_from_slice(suffix);
    key.into()
}
