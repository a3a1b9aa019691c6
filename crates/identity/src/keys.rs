//! Under which keys the records of this crate lie: `docs/formats/account-record.md`.

use bytes::Bytes;
use strongroom_types::{AccessKeyId, AccountId};

use crate::AccountName;

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

fn joined(prefix: &[u8], suffix: &[u8]) -> Bytes {
    let mut key = Vec::with_capacity(prefix.len() + suffix.len());
    key.extend_from_slice(prefix);
    key.extend_from_slice(suffix);
    key.into()
}
