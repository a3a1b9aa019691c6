use std::collections::BTreeSet;

use strongroom_crypto::{StaticRootKey, crc32c};
use strongroom_store::Store;
use strongroom_store::conformance::{self, Fixture, SplitMix, block_on};
use strongroom_store::memory::MemoryEngine;
use strongroom_types::BucketId;

use super::*;
use crate::disk::{Fault, SimDisk};

fn path() -> DiskPath {
    DiskPath::keys("test.key")
}

fn provider(byte: u8) -> Arc<dyn RootKeyProvider> {
    let entropy = Fixture::new(u64::from(byte)).entropy;
    Arc::new(StaticRootKey::new(Secret::from_bytes([byte; 32]), entropy))
}

fn open(disk: &SimDisk) -> Result<KeyFile, KeyFileError> {
    KeyFile::open(disk, &path(), provider(1), Fixture::new(2).entropy)
}

fn open_or_create(disk: &SimDisk, seed: u64) -> Result<KeyFile, KeyFileError> {
    KeyFile::open_or_create(disk, &path(), provider(1), Fixture::new(seed).entropy)
}

fn bucket(number: u16) -> VaultName {
    let mut bytes = [7; 16];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    VaultName::Store(KeyName::Bucket(BucketId::from_bytes(bytes)))
}

fn all_names() -> Vec<VaultName> {
    let account = KeyName::Account("123456789012".parse().unwrap());
    vec![
        VaultName::Log,
        VaultName::Index,
        VaultName::Store(KeyName::Token),
        VaultName::Store(KeyName::Tls),
        VaultName::Store(account),
        bucket(1),
        bucket(2),
    ]
}

/// A closed file with one key for every kind of name.
fn filled() -> (SimDisk, Vec<(VaultName, Secret<32>)>) {
    let disk = SimDisk::new(1);
    let file = open_or_create(&disk, 3).unwrap();
    let names = all_names().into_iter();
    let keys = names.map(|name| (name, file.create_secret(name).unwrap())).collect();
    (disk, keys)
}

fn assert_holds(file: &KeyFile, keys: &[(VaultName, Secret<32>)]) {
    assert_eq!(file.len(), keys.len());
    for (name, key) in keys {
        assert!(file.secret(*name).unwrap().ct_eq(key), "{name:?} changed");
    }
}

#[test]
fn it_is_a_vault() {
    let make = async |fixture: Fixture| {
        let disk = SimDisk::new(1);
        let entropy = Arc::clone(&fixture.entropy);
        let file = KeyFile::open_or_create(&disk, &path(), provider(1), entropy).unwrap();
        let rest = MemoryEngine::new(fixture.entropy, fixture.clock).store();
        Store { keys: Arc::new(file), ..rest }
    };
    block_on(conformance::run(make)).unwrap();
}

#[test]
fn keys_survive_reopening_and_destroyed_ones_do_not() {
    let (disk, mut keys) = filled();
    assert_holds(&open(&disk).unwrap(), &keys);
    let file = open(&disk).unwrap();
    file.destroy_secret(bucket(1)).unwrap();
    file.destroy_secret(bucket(9)).unwrap();
    assert!(file.secret(bucket(1)).is_err());
    keys.retain(|(name, _)| *name != bucket(1));
    let file = open(&disk).unwrap();
    assert_holds(&file, &keys);
    let again = file.create_secret(bucket(1)).unwrap();
    let (_, old) = filled();
    let (_, old) = old.iter().find(|(name, _)| *name == bucket(1)).unwrap();
    assert!(!again.ct_eq(old), "a destroyed key came back");
}

#[test]
fn a_missing_file_is_made_only_on_request() {
    let disk = SimDisk::new(1);
    assert!(matches!(open(&disk), Err(KeyFileError::Missing)));
    assert!(disk.files().is_empty());
    open_or_create(&disk, 3).unwrap();
    assert!(open(&disk).unwrap().is_empty());
}

#[test]
fn nothing_of_a_destroyed_key_can_be_opened() {
    let (disk, _) = filled();
    let before = disk.contents(&path()).unwrap();
    open(&disk).unwrap().destroy_secret(bucket(1)).unwrap();
    let after = disk.contents(&path()).unwrap();
    // Neither copy holds anything of the old wrapped key or of the old table any more.
    let windows = |bytes: &[u8]| -> BTreeSet<[u8; 8]> {
        let all = bytes.windows(8).map(|window| window.try_into().unwrap());
        all.filter(|window: &[u8; 8]| window.iter().filter(|byte| **byte != 0).count() > 5)
            .collect()
    };
    let second = before.len() / 2;
    let header = windows(&before[second - 8..second + 32]);
    let shared: Vec<_> = windows(&before).intersection(&windows(&after)).copied().collect();
    assert!(shared.iter().all(|window| header.contains(window)), "{shared:?}");
}

#[test]
fn another_root_key_is_refused_and_changes_nothing() {
    let (disk, keys) = filled();
    let before = disk.contents(&path()).unwrap();
    let entropy = Fixture::new(9).entropy;
    let refused = KeyFile::open_or_create(&disk, &path(), provider(2), entropy);
    assert!(matches!(refused, Err(KeyFileError::RootKey(RootKeyError::Refused))));
    assert_eq!(disk.contents(&path()).unwrap(), before);
    assert_holds(&open(&disk).unwrap(), &keys);
}

/// A root key that is not to be had at the moment.
#[derive(Debug)]
struct Away;

impl RootKeyProvider for Away {
    fn wrap(&self, _secret: &Secret<32>) -> Result<Vec<u8>, RootKeyError> {
        Err(RootKeyError::Unavailable("away".into()))
    }

    fn unwrap(&self, _wrapped: &[u8]) -> Result<Secret<32>, RootKeyError> {
        Err(RootKeyError::Unavailable("away".into()))
    }

    fn describe(&self) -> String {
        "away".to_owned()
    }
}

#[test]
fn a_root_key_that_is_away_changes_nothing() {
    let (disk, keys) = filled();
    let before = disk.contents(&path()).unwrap();
    let away = KeyFile::open_or_create(&disk, &path(), Arc::new(Away), Fixture::new(9).entropy);
    assert!(matches!(away, Err(KeyFileError::RootKey(RootKeyError::Unavailable(_)))));
    assert_eq!(disk.contents(&path()).unwrap(), before);

    let mut file = open(&disk).unwrap();
    file.provider = Arc::new(Away);
    let before = disk.contents(&path()).unwrap();
    assert!(matches!(file.create_secret(bucket(3)), Err(VaultError::Unavailable { .. })));
    assert!(matches!(file.destroy_secret(bucket(1)), Err(VaultError::Unavailable { .. })));
    assert_eq!(disk.contents(&path()).unwrap(), before);
    assert_holds(&file, &keys);
    file.provider = provider(1);
    file.create_secret(bucket(3)).unwrap();
}

/// Bits of the header, the wrapped key, the table and the checksum of the first copy.
fn image_bits(disk: &SimDisk) -> u64 {
    let bytes = disk.contents(&path()).unwrap();
    Image::parse(&bytes).unwrap().into_bytes().len() as u64 * 8
}

#[test]
fn a_flipped_bit_in_one_copy_is_repaired_from_the_other() {
    let (disk, keys) = filled();
    let sound = disk.contents(&path()).unwrap();
    let bits = image_bits(&disk);
    let stripe_bits = sound.len() as u64 / 2 * 8;
    let mut numbers = SplitMix::new(1);
    let padding = (0..200).map(|_| numbers.below(2 * stripe_bits));
    let images = (0..bits).chain(stripe_bits..stripe_bits + bits);
    for bit in images.chain(padding) {
        let damaged = disk.duplicate();
        assert!(damaged.flip_bit(&path(), bit));
        assert_holds(&open(&damaged).unwrap(), &keys);
        assert_eq!(damaged.contents(&path()).unwrap(), sound, "bit {bit} was not repaired");
    }
}

#[test]
fn a_flipped_bit_in_both_copies_is_refused() {
    let (disk, _) = filled();
    let bits = image_bits(&disk);
    let stripe_bits = disk.contents(&path()).unwrap().len() as u64 / 2 * 8;
    let mut numbers = SplitMix::new(2);
    for bit in 0..bits {
        let damaged = disk.duplicate();
        damaged.flip_bit(&path(), bit);
        damaged.flip_bit(&path(), stripe_bits + numbers.below(bits));
        let before = damaged.contents(&path()).unwrap();
        let refused = open_or_create(&damaged, 3);
        let told = matches!(
            refused,
            Err(KeyFileError::Damaged { .. } | KeyFileError::FormatVersion { .. })
        );
        assert!(told, "bit {bit}: {refused:?}");
        assert_eq!(damaged.contents(&path()).unwrap(), before, "a refused open wrote");
    }
}

#[test]
fn an_old_copy_does_not_stand_in_for_one_that_was_changed() {
    let (disk, _) = filled();
    let old = disk.contents(&path()).unwrap();
    open(&disk).unwrap().destroy_secret(bucket(1)).unwrap();
    let bytes = disk.contents(&path()).unwrap();
    let image_bytes = Image::parse(&bytes).unwrap().into_bytes().len();
    // The newest copy gets another table and a checksum to go with it; the other is put back.
    let file = disk.open(&path()).unwrap();
    let mut forged = bytes[..image_bytes - 4].to_vec();
    forged[image_bytes - 30] ^= 1;
    let checksum = crc32c(&forged).to_be_bytes();
    file.write_at(0, &[forged.as_slice(), &checksum].concat()).unwrap();
    let half = old.len() / 2;
    file.write_at(half as u64, &old[half..]).unwrap();
    assert!(matches!(open(&disk), Err(KeyFileError::Damaged { .. })));
}

#[test]
fn a_later_format_is_refused_and_left_alone() {
    let (disk, _) = filled();
    let file = disk.open(&path()).unwrap();
    let half = file.len().unwrap() / 2;
    for start in [0, half] {
        file.write_at(start + 9, &[2]).unwrap();
    }
    let before = disk.contents(&path()).unwrap();
    let refused = open_or_create(&disk, 3);
    assert!(matches!(refused, Err(KeyFileError::FormatVersion { found: 2 })));
    assert_eq!(disk.contents(&path()).unwrap(), before);
}

#[test]
fn the_file_grows_and_leaves_no_old_bytes_when_it_shrinks() {
    let disk = SimDisk::new(1);
    let mut file = open_or_create(&disk, 3).unwrap();
    let mut keys = Vec::new();
    for number in 0..700 {
        keys.push((bucket(number), file.create_secret(bucket(number)).unwrap()));
    }
    file = open(&disk).unwrap();
    assert_holds(&file, &keys);
    for (name, _) in keys.drain(100..) {
        file.destroy_secret(name).unwrap();
    }
    assert_holds(&open(&disk).unwrap(), &keys);
    let bytes = disk.contents(&path()).unwrap();
    let whole = Image::parse(&bytes).unwrap().into_bytes().len();
    let stripe = 16 * 1024;
    assert!(whole < stripe && bytes.len() > 4 * stripe);
    let mut used = vec![0..whole, stripe..stripe + whole].into_iter().flatten();
    let mut next = used.next();
    for (place, byte) in bytes.iter().enumerate() {
        if next == Some(place) {
            next = used.next();
        } else {
            assert_eq!(*byte, 0, "an old byte at {place}");
        }
    }
}

#[test]
fn the_number_of_keys_has_a_limit() {
    let disk = SimDisk::new(1);
    let file = open_or_create(&disk, 3).unwrap();
    file.writer.lock().keys_max = 3;
    for number in 0..3 {
        file.create_secret(bucket(number)).unwrap();
    }
    assert!(matches!(file.create_secret(bucket(3)), Err(VaultError::Full)));
    file.create_secret(bucket(0)).unwrap();
    file.destroy_secret(bucket(0)).unwrap();
    file.create_secret(bucket(3)).unwrap();
}

#[test]
fn the_longest_table_fits_and_a_longer_one_is_refused() {
    let mut keys = Keys::new();
    let number = |number: usize| u16::try_from(number).unwrap();
    for count in 0..VAULT_KEYS_MAX {
        let key = Arc::new(WrappingKey::from_secret(Secret::from_bytes([1; 32])));
        keys.insert(bucket(number(count)), key);
    }
    let entropy = Fixture::new(1).entropy;
    let image = Image::seal(&keys, 7, provider(1).as_ref(), entropy.as_ref()).unwrap();
    let bytes = image.into_bytes();
    assert!(bytes.len() <= image::IMAGE_BYTES_MAX);
    let image = Image::parse(&bytes).unwrap();
    assert_eq!(image.open(provider(1).as_ref()).unwrap().len(), VAULT_KEYS_MAX);
    let key = Arc::new(WrappingKey::from_secret(Secret::from_bytes([1; 32])));
    keys.insert(bucket(number(VAULT_KEYS_MAX)), key);
    let image = Image::seal(&keys, 7, provider(1).as_ref(), entropy.as_ref()).unwrap();
    assert_eq!(Image::parse(&image.into_bytes()).unwrap_err(), ImageError::Lengths);
}

#[test]
fn after_a_failed_write_or_sync_nothing_more_is_written() {
    for fault in [Fault::NextWriteFailsFrom(0), Fault::NextSyncFailsFrom(0)] {
        let (disk, keys) = filled();
        let file = open(&disk).unwrap();
        disk.inject(fault);
        assert!(matches!(file.create_secret(bucket(3)), Err(VaultError::Unavailable { .. })));
        let before = disk.changes();
        assert!(matches!(file.create_secret(bucket(3)), Err(VaultError::Unavailable { .. })));
        assert!(matches!(file.destroy_secret(bucket(1)), Err(VaultError::Unavailable { .. })));
        assert_eq!(disk.changes(), before, "a stopped key file wrote");
        assert_holds(&file, &keys);
        for seed in 0..20 {
            let reopened = open(&disk.duplicate().crash(seed)).unwrap();
            for (name, key) in &keys {
                assert!(reopened.secret(*name).unwrap().ct_eq(key));
            }
        }
    }
}

#[test]
fn a_power_cut_after_a_failed_sync_and_a_kill_loses_nothing() {
    // The page cache shows both copies as new, while the drive has the second one torn.
    let (disk, keys) = filled();
    let file = open(&disk).unwrap();
    let changes = disk.changes();
    // A rewrite is write, sync, write, sync.
    disk.inject(Fault::SyncFailsAt(changes + 3));
    assert!(file.create_secret(bucket(3)).is_err());
    let killed = disk.kill();
    let file = open(&killed).unwrap();
    let changes = killed.changes();
    for step in 0..4 {
        let cut = killed.duplicate();
        let file = open(&cut).unwrap();
        cut.inject(Fault::PowerCutAt(cut.changes() + step));
        assert!(file.create_secret(bucket(4)).is_err());
        for seed in 0..10 {
            let reopened = open(&cut.duplicate().crash(seed)).unwrap();
            for (name, key) in &keys {
                assert!(reopened.secret(*name).unwrap().ct_eq(key));
            }
        }
    }
    assert_eq!(killed.changes(), changes);
    drop(file);
}

/// What a run had been promised when the power was cut.
#[derive(Default)]
struct Promised {
    made: BTreeMap<VaultName, Secret<32>>,
    destroyed: BTreeMap<VaultName, Secret<32>>,
    /// Being made or destroyed at the moment of the cut.
    open: Option<VaultName>,
}

/// Makes and destroys keys until the power is cut.
fn run_until_cut(disk: &SimDisk) -> Promised {
    let mut promised = Promised::default();
    let Ok(file) = open_or_create(disk, 5) else {
        return promised;
    };
    for round in 0..4_u16 {
        for name in [bucket(round), bucket(round + 100)] {
            promised.open = Some(name);
            let Ok(key) = file.create_secret(name) else {
                return promised;
            };
            promised.made.insert(name, key);
        }
        let name = bucket(round);
        promised.open = Some(name);
        if file.destroy_secret(name).is_err() {
            return promised;
        }
        let key = promised.made.remove(&name).unwrap();
        promised.destroyed.insert(name, key);
        promised.open = None;
    }
    promised
}

/// Cuts the power at every change of a run on `start`, and looks at what is found then.
fn cut_everywhere(start: &SimDisk) {
    let whole = start.duplicate();
    run_until_cut(&whole);
    for cut in start.changes()..whole.changes() {
        for seed in 0..8 {
            let disk = start.duplicate();
            disk.inject(Fault::PowerCutAt(cut));
            let promised = run_until_cut(&disk);
            assert!(disk.is_off(), "the run ended before change {cut}");
            let after = disk.crash(seed * 1_000 + cut);
            let file = open_or_create(&after, 6).unwrap();
            for (name, key) in &promised.made {
                match file.secret(*name) {
                    Ok(found) => assert!(found.ct_eq(key), "{name:?} changed at {cut}"),
                    Err(_) => assert_eq!(promised.open, Some(*name), "lost at {cut}, {seed}"),
                }
            }
            for (name, key) in &promised.destroyed {
                let back = file.secret(*name).is_ok_and(|found| found.ct_eq(key));
                assert!(!back, "{name:?} came back at {cut}, seed {seed}");
            }
            // Whatever was found is in both copies now.
            let bytes = after.contents(&path()).unwrap();
            let half = bytes.len() / 2;
            assert_eq!(bytes[..half], bytes[half..]);
            assert_eq!(open(&after).unwrap().len(), file.len());
        }
    }
}

#[test]
fn a_power_cut_at_any_moment_of_a_new_file_keeps_every_promise() {
    cut_everywhere(&SimDisk::new(1));
}

#[test]
fn a_power_cut_at_any_moment_of_a_long_file_keeps_every_promise() {
    // Enough keys for a copy of several sectors, which can be torn.
    let disk = SimDisk::new(1);
    let file = open_or_create(&disk, 3).unwrap();
    for number in 1_000..1_040 {
        file.create_secret(bucket(number)).unwrap();
    }
    drop(file);
    cut_everywhere(&disk);
}

#[test]
fn a_full_drive_refuses_a_key_and_takes_it_when_there_is_room() {
    let (disk, mut keys) = filled();
    let file = open(&disk).unwrap();
    disk.limit_bytes(Some(disk.used_bytes() + 20_000)); // room for one more stripe of one copy
    let mut number = 3;
    let refused = loop {
        match file.create_secret(bucket(number)) {
            Ok(key) => keys.push((bucket(number), key)),
            Err(error) => break error,
        }
        number += 1;
    };
    assert!(matches!(refused, VaultError::Unavailable { .. }), "{refused:?}");
    assert_holds(&file, &keys);
    for seed in 0..20 {
        assert_holds(&open(&disk.duplicate().crash(seed)).unwrap(), &keys);
    }
    disk.limit_bytes(None);
    keys.push((bucket(number), file.create_secret(bucket(number)).unwrap()));
    assert_holds(&open(&disk.kill()).unwrap(), &keys);
}

#[test]
fn a_process_that_ends_while_the_file_is_made_leaves_no_name_that_a_power_cut_takes() {
    for at in 0.. {
        let disk = SimDisk::new(1);
        disk.inject(Fault::PowerCutAt(at));
        let made = open_or_create(&disk, 3).is_ok();
        let disk = disk.kill(); // what was done is seen, whether durable or not
        let file = open_or_create(&disk, 4).unwrap();
        let key = (VaultName::Log, file.create_secret(VaultName::Log).unwrap());
        for seed in 0..8 {
            let after = open(&disk.duplicate().crash(seed)).unwrap();
            assert_holds(&after, std::slice::from_ref(&key));
        }
        if made {
            break;
        }
    }
}
