//! Load: threads with one connection each, and what they measured.

use std::ops::Range;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use strongroom_sigv4::PayloadMode;
use strongroom_sigv4::sign::Signer;

use crate::Failure;
use crate::bench::server::processor_seconds;
use crate::bench::wire::{Answer, Connection, Endpoint, Request};

/// One kind of request, made over and over.
pub struct Load<'a> {
    pub method: &'a str,
    /// Path and query of a worker's next request; `None` when there is nothing left to do.
    pub target: &'a (dyn Fn(usize, u64) -> Option<Target> + Sync),
    pub mode: PayloadMode,
    pub body: &'a [u8],
    /// Length of a body, whichever way it goes.
    pub bytes: usize,
    /// Judges an answer and its body beyond status and length.
    pub check: &'a (dyn Fn(&Answer, &Seen) -> bool + Sync),
    /// Whether answers are listings whose keys are counted.
    pub counts_keys: bool,
    pub connections: usize,
    pub duration: Duration,
}

/// What a request points at, encoded.
pub struct Target {
    pub path: String,
    pub query: String,
}

/// What a worker remembers of a body that passed by.
#[derive(Default)]
pub struct Seen {
    pub bytes: u64,
    /// How many `<Key>` elements began in it.
    pub keys: u64,
    matched: usize,
}

impl Seen {
    /// Counts keys of a listing, however its bytes were cut.
    fn count_keys(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte == KEY_ELEMENT[self.matched] {
                self.matched += 1;
                if self.matched == KEY_ELEMENT.len() {
                    (self.keys, self.matched) = (self.keys + 1, 0);
                }
            } else {
                self.matched = usize::from(*byte == KEY_ELEMENT[0]);
            }
        }
    }
}

/// What a load measured.
pub struct Measured {
    pub operations: u64,
    /// Bytes of bodies, sent or received.
    pub bytes: u64,
    pub seconds: f64,
    /// Processor time that the load itself took, without what was prepared before.
    pub own_seconds: f64,
    /// In microseconds, sorted.
    latencies: Vec<u32>,
    /// How many requests each worker made.
    pub by_worker: Vec<u64>,
}

impl Measured {
    pub fn per_second(&self) -> f64 {
        self.operations as f64 / self.seconds
    }

    pub fn bytes_per_second(&self) -> f64 {
        self.bytes as f64 / self.seconds
    }

    /// A percentile of the latencies, in milliseconds.
    pub fn percentile(&self, percent: usize) -> f64 {
        let index = (self.latencies.len() * percent / 100).min(self.latencies.len().max(1) - 1);
        self.latencies.get(index).map_or(f64::NAN, |micros| f64::from(*micros) / 1_000.0)
    }
}

impl Load<'_> {
    /// Runs until the time is over; every answer must be a success of the right length.
    pub fn run(&self, endpoint: &Endpoint) -> Result<Measured, Failure> {
        let each = self.lanes_each();
        let threads = self.connections.div_ceil(each);
        let barrier = Barrier::new(threads + 1);
        let (loads, own_seconds) = std::thread::scope(|scope| {
            let start = |thread: usize| {
                let workers = thread * each..self.connections.min((thread + 1) * each);
                let barrier = &barrier;
                scope.spawn(move || self.work(endpoint, workers, barrier))
            };
            let threads: Vec<_> = (0..threads).map(start).collect();
            barrier.wait();
            let before = processor_seconds("self")?;
            let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
                thread.join().map_err(|_| Failure::new("a worker panicked"))
            };
            let loads = threads.into_iter().map(join).collect::<Result<Vec<_>, Failure>>()?;
            Ok::<_, Failure>((loads, processor_seconds("self")? - before))
        })?;
        let mut measured = Measured {
            operations: 0,
            bytes: 0,
            seconds: 0.0,
            own_seconds,
            latencies: Vec::new(),
            by_worker: Vec::new(),
        };
        let loads = loads.into_iter().collect::<Result<Vec<_>, Failure>>()?;
        for load in loads.into_iter().flatten() {
            measured.by_worker.push(load.latencies.len() as u64);
            measured.operations += load.latencies.len() as u64;
            measured.bytes += load.bytes;
            measured.seconds = measured.seconds.max(load.elapsed.as_secs_f64());
            measured.latencies.extend(load.latencies);
        }
        measured.latencies.sort_unstable();
        Ok(measured)
    }

    /// Connections that one thread serves. With small bodies it serves some in turn: the answer
    /// that it waits for is the oldest one, and the others come meanwhile, so that little of the
    /// shared processors goes into putting threads to sleep and waking them.
    fn lanes_each(&self) -> usize {
        if self.bytes <= SMALL_BYTES_MAX { LANES_EACH } else { 1 }
    }

    /// One thread: prepares, waits for the others, then works. All wait, also those that failed.
    fn work(
        &self,
        endpoint: &Endpoint,
        workers: Range<usize>,
        barrier: &Barrier,
    ) -> Result<Vec<Worked>, Failure> {
        let prepared: Result<Vec<_>, _> =
            workers.map(|worker| self.prepare(endpoint, worker)).collect();
        barrier.wait();
        let mut lanes = prepared?;
        let start = Instant::now();
        for lane in &mut lanes {
            self.send(endpoint, lane)?;
        }
        while lanes.iter().any(|lane| lane.sent.is_some()) {
            for lane in &mut lanes {
                if !self.receive(lane)? {
                    continue;
                }
                lane.worked.elapsed = start.elapsed();
                if lane.worked.elapsed < self.duration {
                    self.send(endpoint, lane)?;
                }
            }
        }
        Ok(lanes.into_iter().map(|lane| lane.worked).collect())
    }

    /// Connects, warms the connection up, and signs ahead, so that the time of the load is the
    /// server's and not the signer's.
    fn prepare(&self, endpoint: &Endpoint, worker: usize) -> Result<Lane, Failure> {
        let signer = endpoint.signer()?;
        let mut connection = endpoint.connect()?;
        let request = Request {
            method: "GET",
            path: "/",
            query: "",
            mode: PayloadMode::Unsigned,
            content_length: 0,
        };
        connection.exchange(&endpoint.head(&signer, &request)?, b"", &mut |_| {})?;
        let mut heads = Vec::new();
        let wanted = SIGNED_AHEAD_PER_SECOND.saturating_mul(self.duration.as_secs());
        let ahead = usize::try_from(wanted)?.min(SIGNED_AHEAD_MAX) / self.connections;
        let worth_it = self.body.len() <= SMALL_BYTES_MAX;
        while worth_it && heads.len() < ahead {
            match self.head(endpoint, &signer, worker, heads.len() as u64)? {
                Some(head) => heads.push(head),
                None => break,
            }
        }
        let heads = heads.into_iter();
        Ok(Lane { worker, connection, signer, heads, sent: None, worked: Worked::default() })
    }

    fn head(
        &self,
        endpoint: &Endpoint,
        signer: &Signer,
        worker: usize,
        index: u64,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let Some(target) = (self.target)(worker, index) else { return Ok(None) };
        let request = Request {
            method: self.method,
            path: &target.path,
            query: &target.query,
            mode: self.mode,
            content_length: self.body.len() as u64,
        };
        endpoint.head(signer, &request).map(Some)
    }

    /// Sends a worker's next request, if there is one.
    fn send(&self, endpoint: &Endpoint, lane: &mut Lane) -> Result<(), Failure> {
        let head = match lane.heads.next() {
            Some(head) => Some(head),
            None => {
                let index = lane.worked.latencies.len() as u64;
                self.head(endpoint, &lane.signer, lane.worker, index)?
            }
        };
        if let Some(head) = head {
            let now = Instant::now();
            lane.connection.send(&head, self.body)?;
            lane.sent = Some((now, head));
        }
        Ok(())
    }

    /// Reads the answer to what was sent; whether anything was.
    fn receive(&self, lane: &mut Lane) -> Result<bool, Failure> {
        let Some((sent, head)) = lane.sent.take() else { return Ok(false) };
        let mut seen = Seen::default();
        let answer = lane.connection.receive(&head, &mut |bytes| {
            seen.bytes += bytes.len() as u64;
            if self.counts_keys {
                seen.count_keys(bytes);
            }
        })?;
        if !(self.check)(&answer, &seen) {
            let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
            let line = String::from_utf8_lossy(line);
            let (bytes, keys) = (answer.content_length, seen.keys);
            return Err(Failure::new(format!("{line} answered {bytes} bytes with {keys} keys")));
        }
        lane.worked.bytes += self.body.len() as u64 + seen.bytes;
        lane.worked.latencies.push(u32::try_from(sent.elapsed().as_micros())?);
        Ok(true)
    }
}

/// One worker and its connection.
struct Lane {
    worker: usize,
    connection: Connection,
    signer: Signer,
    heads: std::vec::IntoIter<Vec<u8>>,
    /// The request that was sent and not answered yet, and when.
    sent: Option<(Instant, Vec<u8>)>,
    worked: Worked,
}

/// What one worker did.
#[derive(Default)]
struct Worked {
    latencies: Vec<u32>,
    bytes: u64,
    elapsed: Duration,
}

/// Object names that look random and need no list: worker and number say which.
#[derive(Debug, Clone, Copy)]
pub struct Names {
    seed: u64,
}

impl Names {
    /// Names that no other seed has.
    pub fn new(seed: u64) -> Self {
        Self { seed: mix(seed) }
    }

    /// 32 hexadecimal digits.
    pub fn name(self, worker: usize, number: u64) -> String {
        let first = mix(self.seed ^ mix(number ^ (worker as u64) << 40));
        format!("{first:016x}{:016x}", mix(first ^ self.seed))
    }
}

/// A fixed permutation of 64 bits without visible order (the finalizer of splitmix64).
pub fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

/// Bytes that do not compress.
pub fn noise(bytes: usize) -> Vec<u8> {
    (0..bytes.div_ceil(8) as u64).flat_map(|word| mix(word).to_le_bytes()).take(bytes).collect()
}

const KEY_ELEMENT: &[u8] = b"<Key>";
/// Heads that all workers together hold signed: about 300 MB.
const SIGNED_AHEAD_MAX: usize = 512 * 1024;
/// More requests than a server on the same processors answers.
const SIGNED_AHEAD_PER_SECOND: u64 = 64 * 1024;
/// Connections that one thread serves in turn.
const LANES_EACH: usize = 8;
/// With larger bodies neither signing shows nor who waits for what.
const SMALL_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_do_not_repeat() {
        let all = |seed| {
            (0..8).flat_map(move |worker| (0..1_000).map(move |n| Names::new(seed).name(worker, n)))
        };
        let names: BTreeSet<_> = all(1).chain(all(2)).collect();
        assert_eq!(names.len(), 16_000);
        assert!(names.iter().all(|name| name.len() == 32));
    }

    #[test]
    fn keys_are_counted_across_cuts() {
        let listing = b"<<Key>a</Key><Ke<Key>b</Key>";
        for cut in 0..listing.len() {
            let mut seen = Seen::default();
            seen.count_keys(&listing[..cut]);
            seen.count_keys(&listing[cut..]);
            assert_eq!(seen.keys, 2, "{cut}");
        }
    }

    #[test]
    fn percentiles_are_of_sorted_latencies() {
        let latencies = (1..=100).map(|micros| micros * 1_000).collect();
        let measured = Measured {
            operations: 100,
            bytes: 0,
            seconds: 2.0,
            own_seconds: 0.0,
            latencies,
            by_worker: Vec::new(),
        };
        assert_eq!((measured.percentile(50), measured.percentile(99)), (51.0, 100.0));
        assert_eq!(measured.per_second(), 50.0);
    }
}
