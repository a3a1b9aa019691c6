//! Measures commits and reads on a real drive: `commit_bench DIR [WRITERS] [SECONDS]`.

#![expect(clippy::print_stdout, reason = "the result of a command line tool")]
#![expect(clippy::disallowed_methods, reason = "a measurement takes the time itself")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use strongroom_crypto::{Secret, StaticRootKey, SystemEntropy};
use strongroom_store::{Batch, NewPayload, Protection, Store, Write};
use strongroom_store_embedded::disk::{DiskPath, RealDisk};
use strongroom_store_embedded::{EmbeddedEngine, EngineLimits, EngineOptions};
use strongroom_types::{Clock, Timestamp};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().ok_or("usage: commit_bench DIR [WRITERS] [SECONDS]")?;
    let writers: usize = arguments.next().map_or(Ok(32), |text| text.parse())?;
    let seconds: u64 = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let began = Instant::now();
    let disk = Arc::new(RealDisk::new(format!("{dir}/data"), &dir)?);
    let entropy = Arc::new(SystemEntropy);
    let root_key = Arc::new(StaticRootKey::new(Secret::from_bytes([1; 32]), entropy.clone()));
    let engine = EmbeddedEngine::open(EngineOptions {
        disk,
        key_path: DiskPath::keys("bench.keys"),
        root_key,
        entropy,
        clock: Arc::new(WallClock(Instant::now())),
        limits: EngineLimits::default(),
    })?;
    println!("open: {:?}", began.elapsed());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    let store = engine.store();
    let written = Arc::new(AtomicU64::new(0));
    let span = Duration::from_secs(seconds);
    let began = Instant::now();
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for writer in 0..writers {
            tasks.spawn(write_for(store.clone(), writer, span, Arc::clone(&written)));
        }
        while tasks.join_next().await.is_some() {}
    });
    let count = written.load(Ordering::Relaxed);
    let rate = count as f64 / began.elapsed().as_secs_f64();
    println!("{writers} writers: {count} commits of 4 KiB, {rate:.0} a second");
    for pass in ["first", "second"] {
        let span = runtime.block_on(read_some(&store, writers as u64, count));
        println!("reads of 4 KiB, {pass} time: {:?} each", span / READS);
    }
    let began = Instant::now();
    drop(store);
    engine.close()?;
    println!("close: {:?}", began.elapsed());
    Ok(())
}

async fn read_some(store: &Store, writers: u64, count: u64) -> Duration {
    let began = Instant::now();
    for number in 0..u64::from(READS) {
        let key = key(number % writers, (number * 7919) % (count / writers).max(1));
        if let Ok(Some(entry)) = store.metadata.get(&key).await
            && let Some(payload) = entry.payload
            && let Ok(reader) = store.blobs.open(&payload).await
        {
            drop(reader.read_at(0, 4096).await);
        }
    }
    began.elapsed()
}

async fn write_for(store: Store, writer: usize, span: Duration, written: Arc<AtomicU64>) {
    let began = Instant::now();
    let payload = Bytes::from(vec![7; 4096]);
    let value = Bytes::from(vec![3; 300]);
    let mut number = 0;
    while began.elapsed() < span {
        let write = Write::Put {
            key: key(writer as u64, number),
            value: value.clone(),
            payload: NewPayload::Inline(payload.clone()),
            protection: Protection::default(),
        };
        let event = Some(Bytes::from_static(&[5; 200]));
        let batch = Batch { writes: vec![write], event, ..Batch::default() };
        if let Err(error) = store.metadata.commit(batch).await {
            println!("a commit failed: {error:?}");
            return;
        }
        written.fetch_add(1, Ordering::Relaxed);
        number += 1;
    }
}

/// Keys in no order, as hashes of names would be.
fn key(writer: u64, number: u64) -> Bytes {
    let mixed = (writer << 40 | number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Bytes::from(format!("bucket/{mixed:016x}/{writer}/{number}"))
}

#[derive(Debug)]
struct WallClock(Instant);

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let seconds = now.map_or(0, |now| now.as_secs());
        Timestamp::from_seconds(seconds).unwrap_or(Timestamp::EPOCH)
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

const READS: u32 = 50_000;
