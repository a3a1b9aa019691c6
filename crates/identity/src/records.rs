//! The bytes of records: `docs/formats/account-record.md`.

use strongroom_types::{AccessKeyId, AccountId, CanonicalUserId, Timestamp};

use crate::codec::{Malformed, Reader, put_short};
use crate::{Account, AccountName};

/// An account as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccountRecord {
    pub(crate) account: Account,
    /// Sessions issued at this moment or before are over.
    pub(crate) sessions_revoked_until: Timestamp,
}

impl AccountRecord {
    pub(crate) fn encode(&self) -> Result<Vec<u8>, Malformed> {
        let account = &self.account;
        let mut out = Vec::with_capacity(160);
        out.push(FORMAT_VERSION);
        out.extend_from_slice(&account.created.micros().to_be_bytes());
        out.extend_from_slice(&self.sessions_revoked_until.micros().to_be_bytes());
        out.extend_from_slice(account.canonical_user_id.as_bytes());
        put_short(&mut out, account.name.as_str().as_bytes())?;
        out.push(u8::try_from(account.root_access_key_ids.len()).map_err(|_| Malformed)?);
        for access_key_id in &account.root_access_key_ids {
            put_short(&mut out, access_key_id.as_str().as_bytes())?;
        }
        Ok(out)
    }

    /// Reads the record of the account with this id, which its key holds.
    pub(crate) fn decode(id: AccountId, bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        version(&mut reader)?;
        let created = timestamp(&mut reader)?;
        let sessions_revoked_until = timestamp(&mut reader)?;
        let canonical_user_id = CanonicalUserId::from_bytes(reader.array()?);
        let name: AccountName = reader.short_text()?.parse().map_err(|_| Malformed)?;
        let count = reader.byte()?;
        if count > ROOT_KEYS_MAX {
            return Err(Malformed);
        }
        let root_access_key_ids =
            (0..count).map(|_| access_key_id(&mut reader)).collect::<Result<_, _>>()?;
        reader.end()?;
        let account = Account { id, name, canonical_user_id, created, root_access_key_ids };
        Ok(Self { account, sessions_revoked_until })
    }
}

/// A long-term access key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccessKeyRecord {
    pub(crate) facts: AccessKeyFacts,
    /// Opens with exactly these facts, see [`AccessKeyFacts::encode`].
    pub(crate) sealed_secret: Vec<u8>,
}

/// What is known of an access key beside its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccessKeyFacts {
    pub(crate) status: AccessKeyStatus,
    pub(crate) bearer: Bearer,
    /// The account of whom the key speaks for.
    pub(crate) account: AccountId,
    /// That of the account, which never changes; kept here so that a request needs one read.
    pub(crate) canonical_user_id: CanonicalUserId,
    pub(crate) created: Timestamp,
}

/// Whom a key or session speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bearer {
    /// The root of the account.
    Root,
    /// A user, by unique id.
    User(String),
}

/// Whether a key may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccessKeyStatus {
    Active,
    Inactive,
}

impl AccessKeyRecord {
    pub(crate) fn encode(&self) -> Result<Vec<u8>, Malformed> {
        let mut out = self.facts.encode()?;
        put_short(&mut out, &self.sealed_secret)?;
        Ok(out)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        version(&mut reader)?;
        let status = match reader.byte()? {
            1 => AccessKeyStatus::Active,
            2 => AccessKeyStatus::Inactive,
            _ => return Err(Malformed),
        };
        let bearer = reader.byte()?;
        let account = account_id(&mut reader)?;
        let canonical_user_id = CanonicalUserId::from_bytes(reader.array()?);
        let created = timestamp(&mut reader)?;
        let bearer = match bearer {
            PRINCIPAL_ROOT => Bearer::Root,
            PRINCIPAL_USER => Bearer::User(reader.short_text()?.to_owned()),
            _ => return Err(Malformed),
        };
        let facts = AccessKeyFacts { status, bearer, account, canonical_user_id, created };
        let sealed_secret = reader.short_bytes()?.to_vec();
        reader.end()?;
        Ok(Self { facts, sealed_secret })
    }
}

impl AccessKeyFacts {
    /// The record without its secret. The secret is sealed with these bytes as context, so that
    /// none of them can be changed without the key of the account.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, Malformed> {
        let mut out = Vec::with_capacity(256);
        out.push(FORMAT_VERSION);
        out.push(match self.status {
            AccessKeyStatus::Active => 1,
            AccessKeyStatus::Inactive => 2,
        });
        out.push(match self.bearer {
            Bearer::Root => PRINCIPAL_ROOT,
            Bearer::User(_) => PRINCIPAL_USER,
        });
        out.extend_from_slice(&self.account.number().to_be_bytes());
        out.extend_from_slice(self.canonical_user_id.as_bytes());
        out.extend_from_slice(&self.created.micros().to_be_bytes());
        if let Bearer::User(id) = &self.bearer {
            put_short(&mut out, id.as_bytes())?;
        }
        Ok(out)
    }
}

/// Which account was made first, and its root key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FirstRecord {
    pub(crate) account: AccountId,
    pub(crate) root_access_key_id: AccessKeyId,
}

impl FirstRecord {
    pub(crate) fn encode(&self) -> Result<Vec<u8>, Malformed> {
        let mut out = vec![FORMAT_VERSION];
        out.extend_from_slice(&self.account.number().to_be_bytes());
        put_short(&mut out, self.root_access_key_id.as_str().as_bytes())?;
        Ok(out)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        version(&mut reader)?;
        let account = account_id(&mut reader)?;
        let root_access_key_id = access_key_id(&mut reader)?;
        reader.end()?;
        Ok(Self { account, root_access_key_id })
    }
}

/// The value under a name: the account's number.
pub(crate) fn encode_name(account: AccountId) -> Vec<u8> {
    account.number().to_be_bytes().to_vec()
}

pub(crate) fn decode_name(bytes: &[u8]) -> Result<AccountId, Malformed> {
    let mut reader = Reader::new(bytes);
    let account = account_id(&mut reader)?;
    reader.end()?;
    Ok(account)
}

fn version(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    if reader.byte()? == FORMAT_VERSION { Ok(()) } else { Err(Malformed) }
}

pub(crate) fn timestamp(reader: &mut Reader<'_>) -> Result<Timestamp, Malformed> {
    Timestamp::from_micros(reader.u64()?).map_err(|_| Malformed)
}

pub(crate) fn account_id(reader: &mut Reader<'_>) -> Result<AccountId, Malformed> {
    AccountId::from_number(reader.u64()?).map_err(|_| Malformed)
}

fn access_key_id(reader: &mut Reader<'_>) -> Result<AccessKeyId, Malformed> {
    reader.short_text()?.parse().map_err(|_| Malformed)
}

const FORMAT_VERSION: u8 = 1;
const PRINCIPAL_ROOT: u8 = 1;
const PRINCIPAL_USER: u8 = 2;
const ROOT_KEYS_MAX: u8 = 2; // AWS's limit for each principal

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> AccountRecord {
        AccountRecord {
            account: Account {
                id: AccountId::from_number(123_456_789_012).unwrap(),
                name: "Main".parse().unwrap(),
                canonical_user_id: CanonicalUserId::from_bytes([0xca; 32]),
                created: Timestamp::from_micros(0x0102).unwrap(),
                root_access_key_ids: vec!["AKIAIOSFODNN7EXAMPLE".parse().unwrap()],
            },
            sessions_revoked_until: Timestamp::from_micros(0x0304).unwrap(),
        }
    }

    fn access_key() -> AccessKeyRecord {
        AccessKeyRecord {
            facts: AccessKeyFacts {
                status: AccessKeyStatus::Inactive,
                bearer: Bearer::Root,
                account: AccountId::from_number(123_456_789_012).unwrap(),
                canonical_user_id: CanonicalUserId::from_bytes([0xca; 32]),
                created: Timestamp::from_micros(0x0102).unwrap(),
            },
            sealed_secret: b"sealed".to_vec(),
        }
    }

    #[test]
    fn the_bytes_are_the_documented_ones() {
        let number = 123_456_789_012_u64.to_be_bytes();
        let created = b"\0\0\0\0\0\0\x01\x02".as_slice();
        let expected = [
            b"\x01".as_slice(),
            created,
            b"\0\0\0\0\0\0\x03\x04",
            &[0xca; 32],
            b"\x04Main",
            b"\x01\x14AKIAIOSFODNN7EXAMPLE",
        ];
        assert_eq!(account().encode().unwrap(), expected.concat());
        let expected = [b"\x01\x02\x01", &number[..], &[0xca; 32], created, b"\x06sealed"];
        assert_eq!(access_key().encode().unwrap(), expected.concat());
        let first = FirstRecord {
            account: AccountId::from_number(123_456_789_012).unwrap(),
            root_access_key_id: "AKIAIOSFODNN7EXAMPLE".parse().unwrap(),
        };
        let expected = [b"\x01", &number[..], b"\x14AKIAIOSFODNN7EXAMPLE"].concat();
        assert_eq!(first.encode().unwrap(), expected);
        assert_eq!(FirstRecord::decode(&expected), Ok(first));
    }

    #[test]
    fn records_read_back_and_nothing_shorter_or_longer_does() {
        let id = account().account.id;
        let bytes = account().encode().unwrap();
        assert_eq!(AccountRecord::decode(id, &bytes), Ok(account()));
        for end in 0..bytes.len() {
            assert!(AccountRecord::decode(id, &bytes[..end]).is_err(), "{end}");
        }
        assert!(AccountRecord::decode(id, &[bytes, vec![0]].concat()).is_err());
        let bytes = access_key().encode().unwrap();
        assert_eq!(AccessKeyRecord::decode(&bytes), Ok(access_key()));
        for end in 0..bytes.len() {
            assert!(AccessKeyRecord::decode(&bytes[..end]).is_err(), "{end}");
        }
        assert!(AccessKeyRecord::decode(&[bytes, vec![0]].concat()).is_err());
    }

    #[test]
    fn unknown_versions_states_and_principals_are_refused() {
        for (at, bad) in [(0, 2), (1, 0), (1, 3), (2, 0), (2, 2)] {
            let mut bytes = access_key().encode().unwrap();
            bytes[at] = bad;
            assert!(AccessKeyRecord::decode(&bytes).is_err(), "{at}");
        }
        let mut bytes = account().encode().unwrap();
        bytes[0] = 2;
        assert!(AccountRecord::decode(account().account.id, &bytes).is_err());
    }
}
