//! Measures the index: a checkpoint of 150,000 entries, point reads, scans, verification.
//!
//! `cargo run --release -p strongroom-store-embedded --example index_bench -- DIR [ENTRIES]`

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::expect_used,
    reason = "a measurement for people, not part of the product"
)]

use std::time::Instant;

use strongroom_crypto::{AeadKey, Secret, SystemEntropy, hkdf_sha256};
use strongroom_store::KeyRange;
use strongroom_store::conformance::SplitMix;
use strongroom_store_embedded::disk::{DiskPath, RealDisk};
use strongroom_store_embedded::index::{Index, IndexOptions};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().expect("a directory to write to");
    let entries: u64 = arguments.next().map_or(1_000_000, |text| text.parse().expect("a number"));
    let disk = RealDisk::new(&dir, &dir).expect("the directory cannot be used");
    let index_key = Secret::from_bytes([1; 32]);
    let path = DiskPath::data("index");
    let options = IndexOptions::default();
    let index = Index::create(&disk, &path, &index_key, &SystemEntropy, options).expect("create");

    measure_sealing(&index_key);

    let mut numbers = SplitMix::new(1);
    let mut keys = Vec::new();
    while (keys.len() as u64) < entries {
        let mut batch: Vec<_> = (0..CHECKPOINT_ENTRIES)
            .map(|_| format!("bucket0000000000/objects/{:016x}", numbers.draw()).into_bytes())
            .collect();
        batch.sort_unstable();
        let value = [7; 120];
        let start = Instant::now();
        index.apply(batch.iter().map(|key| (key, Some(value))), b"checkpoint").expect("apply");
        let taken = start.elapsed();
        let count = batch.len();
        println!("checkpoint of {count} entries over {}: {taken:?}", keys.len());
        keys.append(&mut batch);
    }

    for (name, rounds, hot) in [("cached", 200_000, true), ("any", 100_000, false)] {
        let range = if hot { 10_000 } else { keys.len() };
        let start = Instant::now();
        for _ in 0..rounds {
            let number = usize::try_from(numbers.below(range as u64)).expect("a number");
            let key = keys.get(number).expect("a key");
            assert!(index.get(key).expect("get").is_some(), "a key is missing");
        }
        println!("get, {name}: {:?}", start.elapsed() / rounds);
    }

    let start = Instant::now();
    let mut range = KeyRange::prefix(b"");
    let mut seen = 0;
    loop {
        let page = index.scan(&range, 1_000).expect("scan");
        let Some((last, _)) = page.last() else { break };
        range = KeyRange::prefix_after(b"", last);
        seen += page.len();
    }
    println!("scan of {seen} entries: {:?}", start.elapsed());

    let start = Instant::now();
    let verified = index.verify(&mut |_, _| ()).expect("verify");
    println!("verification of {verified:?}: {:?}", start.elapsed());

    // As a crash leaves it.
    std::mem::forget(index);
    let start = Instant::now();
    let index = Index::open(&disk, &path, &index_key, &SystemEntropy, options).expect("open");
    println!("open after a crash: {:?}", start.elapsed());
    let start = Instant::now();
    index.close().expect("close");
    println!("close: {:?}", start.elapsed());
    let start = Instant::now();
    Index::open(&disk, &path, &index_key, &SystemEntropy, options).expect("open");
    println!("open: {:?}", start.elapsed());
}

/// What a key for each block would cost, against sealing the block.
fn measure_sealing(index_key: &Secret<32>) {
    let rounds = 100_000;
    let start = Instant::now();
    for round in 0..rounds {
        let key = hkdf_sha256(index_key, &u128::from(round).to_be_bytes(), &[b"label", &[1; 16]]);
        std::hint::black_box(AeadKey::new(&key).expect("key"));
    }
    println!("a key for one block: {:?}", start.elapsed() / rounds);
    let key = AeadKey::new(index_key).expect("key");
    let mut block = vec![0; 4096];
    let start = Instant::now();
    for round in 0..rounds {
        let mut nonce = [0; 12];
        nonce[8..].copy_from_slice(&round.to_be_bytes());
        std::hint::black_box(key.seal_in_place(nonce, &[2; 32], &mut block).expect("seal"));
    }
    println!("sealing one block: {:?}", start.elapsed() / rounds);
}

const CHECKPOINT_ENTRIES: usize = 150_000;
