//! Fuzz target of the key file.

use std::sync::Arc;

use strongroom_crypto::{Secret, StaticRootKey, WrappingKey, crc32c};
use strongroom_store::KeyName;
use strongroom_types::{AccountId, BucketId};

use super::image::{Image, decode, encode};
use super::{Keys, VaultName};
use crate::fuzzing::edits;

/// Images under changes with their CRC made right: keys are read as they were written or not at
/// all. Tables as such: what is read is written as the same bytes.
///
/// The input is flags and changes; all of it is tried as an image and as a table too.
pub(crate) fn image(bytes: &[u8]) {
    if let Some(keys) = decode(bytes) {
        assert_eq!(encode(&keys).danger_expose(), bytes);
    }
    let entropy = Arc::new(counting::Counting::from(1));
    let provider = StaticRootKey::new(Secret::from_bytes([4; 32]), Arc::clone(&entropy) as _);
    if let Ok(found) = Image::parse(bytes) {
        assert!(found.open(&provider).is_err(), "an image was guessed");
    }
    let Some((flags, changes)) = bytes.split_first() else {
        return;
    };
    let Some(keys) = keys() else {
        return;
    };
    let Ok(sealed) = Image::seal(&keys, 9, &provider, &*entropy) else {
        return;
    };
    let sealed = sealed.into_bytes();
    let mut changed = edits::edited(&sealed, changes);
    if flags & 1 == 1
        && let Some((covered, crc)) = changed.split_last_chunk_mut::<4>()
    {
        *crc = crc32c(covered).to_be_bytes();
    }
    let opened = Image::parse(&changed).ok().and_then(|image| image.open(&provider).ok());
    // What follows an image is ignored.
    assert_eq!(opened.is_some(), changed.starts_with(&sealed), "a change is noticed");
    let same = opened
        .is_none_or(|opened| encode(&opened).danger_expose() == encode(&keys).danger_expose());
    assert!(same, "other keys came out");
}

fn keys() -> Option<Keys> {
    let account = AccountId::from_number(7).ok()?;
    let names = [
        VaultName::Log,
        VaultName::Index,
        VaultName::Store(KeyName::Token),
        VaultName::Store(KeyName::Account(account)),
        VaultName::Store(KeyName::Bucket(BucketId::from_bytes([8; 16]))),
    ];
    let key = |byte| Arc::new(WrappingKey::from_secret(Secret::from_bytes([byte; 32])));
    Some((1..).zip(names).map(|(byte, name)| (name, key(byte))).collect())
}

#[path = "../../../../fuzz/counting.rs"]
mod counting;
