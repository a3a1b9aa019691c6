use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use strongroom_store::conformance::{Fixture, SplitMix};

use super::*;
use crate::disk::{Fault, SimDisk};

type Model = BTreeMap<Vec<u8>, Vec<u8>>;
type Changes = Vec<(Vec<u8>, Option<Vec<u8>>)>;

fn path() -> DiskPath {
    DiskPath::data("index")
}

fn key() -> Secret<32> {
    Secret::from_bytes([4; 32])
}

/// Small, so that tests read from the drive and not from the cache.
const OPTIONS: IndexOptions = IndexOptions { cache_bytes: 64 * 1024 };

fn create(disk: &SimDisk) -> Result<Index, IndexError> {
    Index::create(disk, &path(), &key(), Fixture::new(1).entropy.as_ref(), OPTIONS)
}

fn open_seeded(disk: &SimDisk, seed: u64) -> Result<Index, IndexError> {
    Index::open(disk, &path(), &key(), Fixture::new(seed).entropy.as_ref(), OPTIONS)
}

fn open(disk: &SimDisk) -> Result<Index, IndexError> {
    open_seeded(disk, 2)
}

/// Changes in the order of their keys, some of them removals.
fn changes(numbers: &mut SplitMix, count: u64, keys: u64) -> Changes {
    let mut drawn = BTreeMap::new();
    for _ in 0..count {
        let key = format!("some/name/{:08}", numbers.below(keys)).into_bytes();
        let value = (!numbers.chance(20)).then(|| {
            let length = if numbers.chance(2) { 5_000 } else { numbers.below(200) };
            let mut value = vec![0; usize::try_from(length).unwrap()];
            numbers.fill(&mut value);
            value
        });
        drawn.insert(key, value);
    }
    drawn.into_iter().collect()
}

fn apply_to_model(model: &mut Model, changes: &Changes) {
    for (key, value) in changes {
        match value {
            Some(value) => model.insert(key.clone(), value.clone()),
            None => model.remove(key),
        };
    }
}

fn all(index: &Index) -> Result<Model, IndexError> {
    let mut found = Model::new();
    let mut range = KeyRange::prefix(b"");
    loop {
        let page = index.scan(&range, 100)?;
        let Some((last, _)) = page.last() else { return Ok(found) };
        range = KeyRange::prefix_after(b"", last);
        found.extend(page.into_iter().map(|(key, value)| (key.to_vec(), value.to_vec())));
    }
}

fn verified(index: &Index) -> Result<Model, IndexError> {
    let mut found = Model::new();
    let verified = index.verify(&mut |key, value| {
        found.insert(key.to_vec(), value.to_vec());
    })?;
    assert_eq!(verified.entries, found.len() as u64);
    Ok(found)
}

/// An index with some history: many pages, some of them free.
fn filled(rounds: u64) -> (SimDisk, Model) {
    let disk = SimDisk::new(1);
    let index = create(&disk).unwrap();
    let mut numbers = SplitMix::new(1);
    let mut model = Model::new();
    for round in 0..rounds {
        let changes = changes(&mut numbers, 300, 1_000);
        apply_to_model(&mut model, &changes);
        index.apply(changes, &round.to_be_bytes()).unwrap();
    }
    index.close().unwrap();
    (disk, model)
}

#[test]
fn what_is_applied_is_read() {
    let disk = SimDisk::new(1);
    let index = create(&disk).unwrap();
    assert_eq!(index.checkpoint(), None);
    assert_eq!(index.first().unwrap(), None);
    assert_eq!(index.get(b"a").unwrap(), None);
    let changes = [("a", Some("1")), ("b", Some("")), ("c", Some("3")), ("d", None)];
    index.apply(changes, b"here").unwrap();
    index.apply([("c", None::<&str>), ("a", Some("2"))], b"there").unwrap();
    let check = |index: &Index| {
        assert_eq!(index.get(b"a").unwrap().unwrap(), "2");
        assert_eq!(index.get(b"b").unwrap().unwrap(), "");
        assert_eq!(index.get(b"c").unwrap(), None);
        assert_eq!(index.entries().unwrap(), 2);
        assert_eq!(index.first().unwrap().unwrap().0, "a");
        assert_eq!(index.last().unwrap().unwrap().0, "b");
        assert_eq!(index.checkpoint().unwrap(), "there");
        let range = KeyRange { start: "b".into(), end: Some("a".into()) };
        assert!(index.scan(&range, 10).unwrap().is_empty());
    };
    check(&index);
    index.close().unwrap();
    assert!(matches!(index.get(b"a"), Err(IndexError::Stopped)));
    assert!(matches!(index.apply([("a", Some("3"))], b""), Err(IndexError::Stopped)));
    check(&open(&disk).unwrap());
}

#[test]
fn a_missing_index_is_told() {
    let disk = SimDisk::new(1);
    assert!(matches!(open(&disk), Err(IndexError::Missing)));
}

#[test]
fn making_an_index_replaces_what_is_there() {
    let (disk, _) = filled(2);
    let index = create(&disk).unwrap();
    assert_eq!(index.entries().unwrap(), 0);
    assert_eq!(index.checkpoint(), None);
}

#[test]
fn it_is_an_ordered_map() {
    let disk = SimDisk::new(1);
    let mut index = create(&disk).unwrap();
    let mut numbers = SplitMix::new(5);
    let mut model = Model::new();
    for round in 0..30_u64 {
        let changes = changes(&mut numbers, 200, 600);
        apply_to_model(&mut model, &changes);
        index.apply(changes, &round.to_be_bytes()).unwrap();
        assert_eq!(all(&index).unwrap(), model);
        for _ in 0..50 {
            let key = format!("some/name/{:08}", numbers.below(700)).into_bytes();
            let found = index.get(&key).unwrap().map(|value| value.to_vec());
            assert_eq!(found, model.get(&key).cloned());
        }
        if round % 5 == 4 {
            assert_eq!(verified(&index).unwrap(), model);
            // Closed in order, or left as a crash leaves it.
            if round % 10 == 4 {
                index.close().unwrap();
            }
            drop(index);
            index = open_seeded(&disk, round + 10).unwrap();
            assert_eq!(index.checkpoint().unwrap(), round.to_be_bytes().as_slice());
        }
    }
}

#[test]
fn names_and_values_are_not_readable_on_the_drive() {
    let disk = SimDisk::new(1);
    let index = create(&disk).unwrap();
    index.apply([("a-name-to-find", Some("a-value-to-find"))], b"a-point-to-find").unwrap();
    index.close().unwrap();
    let bytes = disk.contents(&path()).unwrap();
    for text in ["a-name", "a-value", "a-point", "to-find", "entries", "redb"] {
        let found = bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!found, "`{text}` is readable");
    }
}

#[test]
fn another_key_finds_only_damage() {
    let (disk, _) = filled(1);
    let entropy = Fixture::new(2).entropy;
    let other = Secret::from_bytes([5; 32]);
    let refused = Index::open(&disk, &path(), &other, entropy.as_ref(), OPTIONS);
    assert!(matches!(refused, Err(IndexError::Damaged { .. })));
}

#[test]
fn no_two_stored_blocks_share_a_nonce() {
    let (disk, _) = filled(8);
    let bytes = disk.contents(&path()).unwrap();
    let blocks = bytes[20 * 1024..].chunks_exact(seal::SEALED_BYTES);
    let first = [&bytes[4 * 1024 + 8..][..24], &bytes[12 * 1024 + 8..][..24]];
    assert_eq!(first[0], first[1]);
    let mut nonces = BTreeSet::from([first[0].to_vec()]);
    for block in blocks.filter(|block| block.iter().any(|byte| *byte != 0)) {
        assert!(nonces.insert(block[..24].to_vec()));
    }
    assert!(nonces.len() > 50);
}

/// Applies changes until the power is cut. Gives the state after each change that was begun, and
/// how many were acknowledged; `None` if not even an index was made.
fn run_until_cut(disk: &SimDisk) -> (Vec<Model>, Option<usize>) {
    let mut numbers = SplitMix::new(7);
    let mut states = vec![Model::new()];
    let Ok(mut index) = create(disk) else { return (states, None) };
    for round in 0..8_usize {
        let changes = changes(&mut numbers, 60, 150);
        let mut model = states.last().unwrap().clone();
        apply_to_model(&mut model, &changes);
        states.push(model);
        if index.apply(changes, &round.to_be_bytes()).is_err() {
            return (states, Some(round));
        }
        if round == 4 {
            let closed = index.close();
            drop(index);
            match closed.and_then(|()| open(disk)) {
                Ok(opened) => index = opened,
                Err(_) => return (states, Some(round + 1)),
            }
        }
    }
    // Closing changes nothing that was acknowledged, whether it comes to its end or not.
    let _ = index.close();
    (states, Some(8))
}

#[test]
fn a_power_cut_at_any_moment_leaves_a_sound_index() {
    let disk = SimDisk::new(1);
    run_until_cut(&disk);
    let total = disk.changes();
    let mut begun = 0;
    for cut in 0..total {
        for seed in 0..4 {
            let disk = SimDisk::new(seed);
            disk.inject(Fault::PowerCutAt(cut));
            let (states, acknowledged) = run_until_cut(&disk);
            assert!(disk.is_off(), "the run ended before change {cut}");
            let after = disk.crash(seed * 1_000 + cut);
            let index = match (open_seeded(&after, 99), acknowledged) {
                (Ok(index), _) => index,
                (Err(IndexError::Missing | IndexError::Damaged { .. }), None) => continue,
                (Err(error), _) => panic!("change {cut}, seed {seed}: {error:?}"),
            };
            begun += 1;
            let at = match index.checkpoint() {
                None => 0,
                Some(round) => 1 + usize::from_be_bytes(round.as_ref().try_into().unwrap()),
            };
            let least = acknowledged.unwrap_or(0);
            assert!((least..states.len()).contains(&at), "change {cut}: {at} of {least}");
            assert_eq!(all(&index).unwrap(), states[at], "change {cut}, seed {seed}");
            if seed == 0 {
                assert_eq!(verified(&index).unwrap(), states[at]);
            }
            // It goes on as if nothing had been.
            index.apply([("later", Some("1"))], b"later").unwrap();
            assert_eq!(index.get(b"later").unwrap().unwrap(), "1");
        }
    }
    assert!(begun > total, "too few runs came as far as an index");
}

/// Lets the file grow and shrink until the power is cut. Gives how many rounds were acknowledged.
fn grow_and_shrink_until_cut(disk: &SimDisk) -> Option<u8> {
    let index = create(disk).ok()?;
    let keys = |round: u8| (0..10_u8).map(move |number| [round, number]);
    for round in 0..4_u8 {
        // Two rounds fill some megabytes, two empty them.
        let value = (round < 2).then(|| vec![round; 60_000]);
        let changes: Vec<_> = keys(round % 2).map(|key| (key, value.clone())).collect();
        if index.apply(changes, &[round]).is_err() {
            return Some(round);
        }
    }
    Some(4)
}

#[test]
fn a_power_cut_while_the_file_changes_its_length_leaves_a_sound_index() {
    let disk = SimDisk::new(1);
    grow_and_shrink_until_cut(&disk);
    let total = disk.changes();
    for cut in 0..total {
        let disk = SimDisk::new(cut);
        disk.inject(Fault::PowerCutAt(cut));
        let acknowledged = grow_and_shrink_until_cut(&disk);
        for seed in 0..3 {
            let index = match (open_seeded(&disk.duplicate().crash(seed), 99), acknowledged) {
                (Ok(index), _) => index,
                (Err(IndexError::Missing | IndexError::Damaged { .. }), None) => continue,
                (Err(error), _) => panic!("change {cut}, seed {seed}: {error:?}"),
            };
            let done = index.checkpoint().map_or(0, |round| round[0] + 1);
            assert!(done >= acknowledged.unwrap_or(0), "change {cut}: {done}");
            let filled = [[0, 10, 20, 10, 0][usize::from(done)], index.entries().unwrap()];
            assert_eq!(filled[0], filled[1], "change {cut}, seed {seed}");
            let found = verified(&index).unwrap();
            assert!(found.iter().all(|(key, value)| *value == vec![key[0]; 60_000]));
        }
    }
}

#[test]
fn a_flipped_bit_is_found_repaired_or_without_effect() {
    let (disk, model) = filled(4);
    let bits = disk.contents(&path()).unwrap().len() as u64 * 8;
    let mut numbers = SplitMix::new(3);
    // All of the superblock, much of the first blocks, some of the rest.
    let first = (0..300).map(|_| 8 * 4096 + numbers.below(8 * 16 * 1024));
    let mut picked: Vec<u64> = (0..64 * 8).chain(first).collect();
    picked.extend((0..700).map(|_| numbers.below(bits)));
    let mut found = 0;
    for bit in picked {
        let damaged = disk.duplicate();
        assert!(damaged.flip_bit(&path(), bit));
        let outcome = open(&damaged).and_then(|index| all(&index));
        match outcome {
            Ok(entries) => assert_eq!(entries, model, "bit {bit} changed an answer"),
            Err(IndexError::Damaged { .. }) => found += 1,
            Err(error) => panic!("bit {bit}: {error:?}"),
        }
    }
    assert!(found > 600, "only {found} were found");
}

#[test]
fn damage_stays_damage() {
    let (disk, _) = filled(4);
    let index = open(&disk).unwrap();
    let bytes = disk.contents(&path()).unwrap().len();
    for block in (20 * 1024..bytes).step_by(seal::SEALED_BYTES) {
        disk.flip_bit(&path(), block as u64 * 8 + 999);
    }
    assert!(matches!(all(&index), Err(IndexError::Damaged { .. })));
    assert!(matches!(index.get(b"a"), Err(IndexError::Damaged { .. })));
    assert!(matches!(index.apply([("a", Some("1"))], b""), Err(IndexError::Damaged { .. })));
    assert!(matches!(verified(&index), Err(IndexError::Damaged { .. })));
}

#[test]
fn an_older_block_in_its_place_is_found_by_verification() {
    let disk = SimDisk::new(1);
    let index = create(&disk).unwrap();
    let mut numbers = SplitMix::new(1);
    let mut model = Model::new();
    let mut older = Vec::new();
    for round in 0..6_u64 {
        let changes = changes(&mut numbers, 300, 1_000);
        apply_to_model(&mut model, &changes);
        index.apply(changes, &round.to_be_bytes()).unwrap();
        older.push(disk.contents(&path()).unwrap());
    }
    index.close().unwrap();
    let now = disk.contents(&path()).unwrap();
    let mut tried = 0;
    let mut found = 0;
    for older in &older {
        for start in (20 * 1024..older.len()).step_by(seal::SEALED_BYTES) {
            let block = &older[start..start + seal::SEALED_BYTES];
            let Some(current) = now.get(start..start + seal::SEALED_BYTES) else { continue };
            if block == current || block.iter().all(|byte| *byte == 0) {
                continue;
            }
            tried += 1;
            let replayed = disk.duplicate();
            replayed.open(&path()).unwrap().write_at(start as u64, block).unwrap();
            match open(&replayed).and_then(|index| verified(&index)) {
                Ok(entries) => assert_eq!(entries, model, "block at {start}"),
                Err(IndexError::Damaged { .. }) => found += 1,
                Err(error) => panic!("block at {start}: {error:?}"),
            }
        }
    }
    assert!(tried > 50 && found > 5, "{found} of {tried}");
}

#[test]
fn verification_sees_the_drive_and_not_the_cache() {
    let (disk, model) = filled(4);
    let entropy = Fixture::new(2).entropy;
    let options = IndexOptions::default();
    let index = Index::open(&disk, &path(), &key(), entropy.as_ref(), options).unwrap();
    assert_eq!(all(&index).unwrap(), model);
    assert_eq!(verified(&index).unwrap(), model);
    let bytes = disk.contents(&path()).unwrap().len();
    for block in (20 * 1024..bytes).step_by(seal::SEALED_BYTES) {
        disk.flip_bit(&path(), block as u64 * 8 + 999);
    }
    assert_eq!(all(&index).unwrap(), model, "everything was in the cache");
    assert!(matches!(verified(&index), Err(IndexError::Damaged { .. })));
}

#[test]
fn verification_finds_a_first_block_that_was_put_back() {
    let disk = SimDisk::new(1);
    let index = create(&disk).unwrap();
    index.apply([("a", Some("1"))], b"1").unwrap();
    let older = disk.contents(&path()).unwrap();
    index.apply([("a", Some("2"))], b"2").unwrap();
    let file = disk.open(&path()).unwrap();
    for starts in [vec![4 * 1024], vec![12 * 1024], vec![4 * 1024, 12 * 1024]] {
        let now = disk.contents(&path()).unwrap();
        for start in starts {
            file.write_at(start as u64, &older[start..start + 4200]).unwrap();
        }
        let refused = index.blocks.read_stored_first();
        assert!(matches!(refused, Err(IndexError::Damaged { .. })));
        file.write_at(0, &now).unwrap();
    }
    assert!(verified(&index).is_ok());
}

#[test]
fn a_drive_that_fails_stops_the_index_and_loses_nothing() {
    for fault in [Fault::NextWriteFailsFrom(0), Fault::NextSyncFailsFrom(0)] {
        let (disk, model) = filled(3);
        let index = open(&disk).unwrap();
        let checkpoint = index.checkpoint();
        disk.inject(fault);
        let failed = index.apply([("a", Some("1"))], b"new");
        assert!(matches!(failed, Err(IndexError::Io(_))), "{fault:?}: {failed:?}");
        assert!(index.apply([("a", Some("1"))], b"new").is_err(), "{fault:?}: went on");
        drop(index);
        for seed in 0..10 {
            let index = open(&disk.duplicate().crash(seed)).unwrap();
            assert_eq!(index.checkpoint(), checkpoint);
            assert_eq!(all(&index).unwrap(), model);
        }
    }
}

#[test]
fn a_read_that_fails_is_no_damage() {
    let (disk, model) = filled(3);
    let index = open(&disk).unwrap();
    disk.inject(Fault::ReadFailsAt(disk.reads()));
    assert!(matches!(all(&index), Err(IndexError::Io(_))));
    assert!(matches!(all(&index), Err(IndexError::Stopped)));
    drop(index);
    assert_eq!(all(&open(&disk).unwrap()).unwrap(), model);
}

#[test]
fn a_full_drive_loses_nothing() {
    let (disk, model) = filled(3);
    let index = open(&disk).unwrap();
    disk.limit_bytes(Some(disk.used_bytes()));
    let mut numbers = SplitMix::new(8);
    let mut failed = false;
    for _ in 0..30 {
        let value = vec![1; 60_000];
        let key = format!("big/{:08}", numbers.below(1_000_000));
        failed |= index.apply([(key, Some(value))], b"big").is_err();
    }
    assert!(failed, "the drive was never full");
    drop(index);
    disk.heal();
    let index = open(&disk).unwrap();
    let found = all(&index).unwrap();
    assert!(model.iter().all(|(key, value)| found.get(key) == Some(value)));
    assert_eq!(verified(&index).unwrap(), found);
}

#[test]
fn readers_see_one_state_while_changes_go_on() {
    let disk = SimDisk::new(1);
    let index = create(&disk).unwrap();
    let state =
        |round: u64| (0..200).map(move |number| (format!("k{number:04}"), Some(round.to_string())));
    index.apply(state(0), b"").unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for reader in 0..2 {
            let (index, done) = (&index, &done);
            scope.spawn(move || {
                let mut rounds = 0;
                while !done.load(Ordering::Relaxed) || rounds == 0 {
                    let page = index.scan(&KeyRange::prefix(b"k"), 1_000).unwrap();
                    assert_eq!(page.len(), 200);
                    assert!(page.iter().all(|(_, value)| *value == page[0].1), "a mixed state");
                    if reader == 0 {
                        index.verify(&mut |_, _| ()).unwrap();
                    }
                    rounds += 1;
                }
            });
        }
        for round in 1..40 {
            index.apply(state(round), b"").unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
}
