//! Fuzz targets of this crate: plain functions over bytes that assert what must always hold.
//!
//! Not part of the API; built for tests and for the fuzzer only.

use strongroom_crypto::{Secret, SecretText, WrappingKey};
use strongroom_types::{AccessKeyId, AccountId, Timestamp};

use crate::account::{AccountName, GivenRootKey};
use crate::iam::records::{LastUsed, Ledger, Record};
use crate::records::{AccessKeyRecord, AccountRecord, FirstRecord, decode_name, encode_name};
use crate::session::{Given, SessionBearer, SessionClaims};

/// A target: its name, which is that of its corpus, and the function.
pub type FuzzTarget = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[FuzzTarget] =
    &[("identity_records", identity_records), ("session_token", session_token)];

/// Records of accounts and access keys: what is read is written as the same bytes.
pub fn identity_records(bytes: &[u8]) {
    let Ok(id) = AccountId::from_number(7) else {
        return;
    };
    if let Ok(record) = AccountRecord::decode(id, bytes) {
        assert_eq!(record.encode().as_deref(), Ok(bytes));
    }
    if let Ok(record) = AccessKeyRecord::decode(bytes) {
        assert_eq!(record.encode().as_deref(), Ok(bytes));
    }
    if let Ok(record) = FirstRecord::decode(bytes) {
        assert_eq!(record.encode().as_deref(), Ok(bytes));
    }
    if let Ok(record) = Record::decode(bytes) {
        assert_eq!(record.encode().as_deref(), Ok(bytes));
    }
    if let Ok(record) = Ledger::decode(bytes) {
        assert_eq!(record.encode().as_deref(), Ok(bytes));
    }
    if let Ok(record) = LastUsed::decode(bytes) {
        assert_eq!(record.encode().as_deref(), Ok(bytes));
    }
    if let Ok(account) = decode_name(bytes) {
        assert_eq!(encode_name(account), bytes);
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(name) = text.parse::<AccountName>() {
        assert_eq!(name.as_str(), text);
    }
    let given = GivenRootKey::new(text, SecretText::new(text.to_owned()));
    assert!(given.is_err() || text.parse::<AccessKeyId>().is_ok());
}

/// Session tokens under changes: a token opens as it was sealed, for its own key id, or not at all.
///
/// The input is the length of the secret, then changes; and all of it is tried as a token too.
pub fn session_token(bytes: &[u8]) {
    let Some((length, changes)) = bytes.split_first() else {
        return;
    };
    let (Ok(own), Ok(other)) = ("ASIAIOSFODNN7EXAMPLE".parse(), "ASIAIOSFODNN7EXAMPLF".parse())
    else {
        return;
    };
    let (Ok(account), Ok(expires)) = (AccountId::from_number(7), Timestamp::from_seconds(900))
    else {
        return;
    };
    let key = WrappingKey::from_secret(Secret::from_bytes([5; 32]));
    let claims = SessionClaims {
        account,
        bearer: SessionBearer::Root,
        given: Given::default(),
        issued: Timestamp::EPOCH,
        expires,
        secret_access_key: SecretText::new("s".repeat(usize::from(*length & 127))),
    };
    let entropy = counting::Counting::from(*length);
    let Ok(token) = claims.seal(&own, &key, &entropy) else {
        return;
    };
    let token = token.danger_expose();
    let changed = edits::edited(token.as_bytes(), changes);
    if let Ok(changed) = std::str::from_utf8(&changed) {
        let opened = SessionClaims::open(changed, &own, &key);
        assert_eq!(opened.is_ok(), changed == token, "a session has one token");
        if let Ok(opened) = opened {
            assert_eq!((opened.account, opened.expires), (account, expires));
            assert!(opened.secret_access_key.ct_eq(&claims.secret_access_key));
        }
        assert!(SessionClaims::open(changed, &other, &key).is_err(), "a token is not lent");
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert!(SessionClaims::open(text, &own, &key).is_err(), "a token was guessed");
    }
}

#[path = "../../../fuzz/counting.rs"]
mod counting;

#[path = "../../../fuzz/edits.rs"]
mod edits;

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;
