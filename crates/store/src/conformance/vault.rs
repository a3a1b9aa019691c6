//! Long-lived keys: made once, the same until destroyed, never the same again.

use std::sync::Arc;

use strongroom_crypto::{DataKey, WrapContext, WrappedDataKey, WrappingKey};
use strongroom_types::{AccountId, BucketId};

use super::{BoxFuture, Checks, Failure, Outcome, World, ensure, join_all};
use crate::{KeyName, VaultError};

pub(super) const CHECKS: Checks = &[
    ("a key is what it was when it was made", |world| Box::pin(made_once(world))),
    ("every name has a key of its own", |world| Box::pin(own_keys(world))),
    ("a destroyed key is gone for ever", |world| Box::pin(destroyed(world))),
    ("many makers of one key get the same", |world| Box::pin(many_makers(world))),
];

fn bucket(number: u8) -> KeyName {
    KeyName::Bucket(BucketId::from_bytes([number; 16]))
}

fn account(number: u64) -> Result<KeyName, Failure> {
    AccountId::from_number(number).map(KeyName::Account).map_err(Failure::new)
}

fn context(world: &World) -> Result<WrapContext, Failure> {
    Ok(WrapContext {
        account: AccountId::from_number(1).map_err(Failure::new)?,
        bucket_id: BucketId::from_bytes([1; 16]),
        blob_id: world.fixture.blob_id(),
    })
}

/// Something that only this key opens.
fn sealed(world: &World, key: &WrappingKey) -> Result<(WrappedDataKey, WrapContext), Failure> {
    let context = context(world)?;
    let entropy = world.fixture.entropy.as_ref();
    let data_key = DataKey::random(entropy).map_err(Failure::new)?;
    let wrapped = key.wrap(&data_key, &context, entropy).map_err(Failure::new)?;
    Ok((wrapped, context))
}

fn is_missing(outcome: &Result<Arc<WrappingKey>, VaultError>, name: KeyName) -> bool {
    matches!(outcome, Err(VaultError::NoSuchKey(missing)) if *missing == name)
}

async fn made_once(world: &World) -> Outcome {
    let keys = &world.store.keys;
    let name = bucket(1);
    ensure!(is_missing(&keys.get(&name), name), "a key that nobody made");
    let made = keys.create(name).await?;
    let (wrapped, context) = sealed(world, &made)?;
    let got = keys.get(&name)?;
    ensure!(got.unwrap(&wrapped, &context).is_ok(), "get gives another key");
    let again = keys.create(name).await?;
    ensure!(again.unwrap(&wrapped, &context).is_ok(), "create replaced a key");
    Ok(())
}

async fn own_keys(world: &World) -> Outcome {
    let names = [KeyName::Token, KeyName::Tls, account(1)?, account(2)?, bucket(1), bucket(2)];
    let mut made = Vec::new();
    for name in names {
        made.push(world.store.keys.create(name).await?);
    }
    for (maker, key) in made.iter().enumerate() {
        let (wrapped, context) = sealed(world, key)?;
        for (opener, name) in names.iter().enumerate() {
            let opens = world.store.keys.get(name)?.unwrap(&wrapped, &context).is_ok();
            ensure!(opens == (opener == maker), "{name:?} against the key of {maker}: {opens}");
        }
    }
    Ok(())
}

async fn destroyed(world: &World) -> Outcome {
    let keys = &world.store.keys;
    let name = bucket(1);
    keys.destroy(name).await?;
    let first = keys.create(name).await?;
    keys.create(bucket(2)).await?;
    let (wrapped, context) = sealed(world, &first)?;
    keys.destroy(name).await?;
    ensure!(is_missing(&keys.get(&name), name), "a destroyed key is still there");
    keys.get(&bucket(2))?;
    keys.destroy(name).await?;
    let second = keys.create(name).await?;
    ensure!(second.unwrap(&wrapped, &context).is_err(), "a destroyed key came back");
    Ok(())
}

async fn many_makers(world: &World) -> Outcome {
    let name = bucket(1);
    let makers: Vec<BoxFuture<'_, _>> = (0..8).map(|_| world.store.keys.create(name)).collect();
    let mut made = Vec::new();
    for outcome in join_all(makers).await {
        made.push(outcome?);
    }
    let first = made.first().ok_or_else(|| Failure::new("no maker was answered"))?;
    let (wrapped, context) = sealed(world, first)?;
    for key in &made {
        ensure!(key.unwrap(&wrapped, &context).is_ok(), "two makers got two keys");
    }
    Ok(())
}
