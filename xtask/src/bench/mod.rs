//! Speed and memory of the server as it ships; never asserted in a test.
//!
//! Starts the release binary on a fresh data directory of a real disk and loads it from threads of
//! this process, so that server and load share the machine. An answer that is no success or has
//! another length than it must have ends the run: a figure never hides an error.
//! `docs/benchmarks.md` explains the rows.

mod load;
mod server;
mod table;
mod wire;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use strongroom_crypto::sha256;
use strongroom_sigv4::PayloadMode;

use crate::bench::load::{Load, Measured, Names, Target, mix, noise};
use crate::bench::server::Server;
use crate::bench::table::{Row, Unit};
use crate::bench::wire::{Endpoint, Request};
use crate::{Failure, root};

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where the data goes: a folder on the disk to be measured, emptied first and last.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Seconds of each row.
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// Connections under load.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Objects in the bucket that is listed and in the store that is killed.
    #[arg(long, default_value_t = 100_000)]
    objects: u64,
    /// A quick look: one second a row, ten thousand objects, no rows for 64 MiB.
    #[arg(long)]
    short: bool,
    /// Only the rows whose name contains this text.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Measures this binary instead of building one.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Loads a server that runs already; who asks is read from the `AWS_*` variables.
    #[arg(long, value_name = "URL")]
    connect: Option<String>,
    /// Writes the table as JSON too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Measures and prints the table.
pub fn run(options: &Options) -> Result<(), Failure> {
    // A load generator without optimisation would take the processors from the server.
    if cfg!(debug_assertions) {
        let cargo = ["run", "--release", "--quiet", "--package", "xtask", "--"];
        return crate::run(Command::new("cargo").args(cargo).args(std::env::args_os().skip(1)));
    }
    let mut bench = Bench {
        options,
        seconds: if options.short { 1 } else { options.seconds.max(1) },
        seed: u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() & SEED_MASK)?,
        body: noise(64 * MIB),
        rows: Vec::new(),
    };
    let machine = machine();
    match &options.connect {
        Some(url) => {
            let variable = |name: &str| match name {
                "AWS_ENDPOINT_URL" => Some(url.clone()),
                other => std::env::var(other).ok(),
            };
            bench.load(&Site { endpoint: Endpoint::new(&variable)?, server: None, suffix: "" })?;
        }
        None => bench.own_server()?,
    }
    println!("{}\n", machine["text"].as_str().unwrap_or_default());
    print!("{}", table::text(&bench.rows));
    if let Some(file) = &options.json {
        let json = table::json(&bench.rows, &machine);
        fs::write(file, serde_json::to_string_pretty(&json)? + "\n")?;
    }
    Ok(())
}

struct Bench<'a> {
    options: &'a Options,
    seconds: u64,
    seed: u64,
    /// Every body is a piece of this.
    body: Vec<u8>,
    rows: Vec<Row>,
}

/// Where a load goes.
struct Site<'a> {
    endpoint: Endpoint,
    /// Its process, if it is ours.
    server: Option<&'a Server>,
    /// What the names of its rows end with.
    suffix: &'static str,
}

/// Objects that a load has put.
struct Objects {
    bucket: String,
    names: Names,
    bytes: usize,
    by_worker: Vec<u64>,
}

/// A row before it is measured.
struct Wanted {
    name: String,
    unit: Unit,
    floor: Option<f64>,
    aim: Option<f64>,
}

impl Bench<'_> {
    fn own_server(&mut self) -> Result<(), Failure> {
        let binary = match &self.options.binary {
            Some(binary) => fs::canonicalize(binary)?,
            None => Server::build()?,
        };
        let folder = self.options.data.clone().unwrap_or_else(|| root().join("target/bench-data"));
        let parent = folder.join("strongroom-bench");
        remove(&parent)?;
        let outcome = self.measure_in(&binary, &parent);
        // A run that failed leaves its log and data for whoever looks into it.
        if outcome.is_ok() {
            remove(&parent)?;
        }
        outcome
    }

    fn measure_in(&mut self, binary: &Path, parent: &Path) -> Result<(), Failure> {
        self.start_up(binary, parent)?;
        let data = parent.join("data");
        let server = Server::start(binary, &data)?;
        self.load(&Site { endpoint: server.endpoint(false)?, server: Some(&server), suffix: "" })?;
        self.load_tls(&server)?;
        self.many(binary, server)
    }

    /// An empty server: how fast it is there, and what it takes while it does nothing.
    fn start_up(&mut self, binary: &Path, parent: &Path) -> Result<(), Failure> {
        let mut times = Vec::new();
        let mut resident = 0;
        for round in 0..START_UPS {
            let data = parent.join(format!("empty-{round}"));
            let server = Server::start(binary, &data)?;
            times.push(server.start_up.as_secs_f64() * 1_000.0);
            // One request, so that nothing is lazily missing from the figure.
            let endpoint = server.endpoint(false)?;
            list_buckets(&endpoint)?;
            resident = server.resident()?.0;
            server.kill()?;
            remove(&data)?;
        }
        times.sort_by(f64::total_cmp);
        let median = times[times.len() / 2];
        self.push(milliseconds("start-up, empty", 100.0), median);
        self.push(megabytes("memory, idle", 40.0), resident as f64 / 1e6);
        Ok(())
    }

    /// The rows of the first table.
    fn load(&mut self, site: &Site<'_>) -> Result<(), Failure> {
        let bucket = format!("bench-{:x}", mix(self.seed ^ site.suffix.len() as u64) >> 16);
        make_bucket(&site.endpoint, &bucket)?;
        for size in SIZES.iter().filter(|size| !self.options.short || size.bytes < 64 * MIB) {
            self.load_size(site, &bucket, size)?;
        }
        if site.suffix.is_empty() {
            self.single(site, &bucket)?;
        }
        Ok(())
    }

    fn load_size(&mut self, site: &Site<'_>, bucket: &str, size: &Size) -> Result<(), Failure> {
        let suffix = site.suffix;
        let put = size.put.wanted(format!("PUT {}{suffix}", size.name), suffix);
        let get = size.get.wanted(format!("GET {}{suffix}", size.name), suffix);
        // The figures of the first table are for unsigned payloads.
        let signed = format!("PUT {}, signed payload", size.name);
        let signed = Wanted { floor: None, aim: None, ..size.put.wanted(signed, suffix) };
        let (head, delete) = (rate("HEAD 4 KiB"), rate("DELETE 4 KiB"));
        let is_small = size.bytes == 4 * KIB && suffix.is_empty();
        let mut names = vec![&put.name, &get.name];
        if is_small {
            names.extend([&head.name, &delete.name]);
        }
        let (mut objects, mut others) =
            (self.objects(bucket, size, 1), self.objects(bucket, size, 2));
        if names.into_iter().any(|name| self.takes(name)) {
            self.put(site, put, PayloadMode::Unsigned, &mut objects)?;
            self.verify(&site.endpoint, &objects)?;
            self.read(site, get, "GET", &objects)?;
        }
        if suffix.is_empty() && self.takes(&signed.name) {
            let mode = PayloadMode::Sha256(sha256(&self.body[..size.bytes]));
            self.put(site, signed, mode, &mut others)?;
        }
        // Deleting comes last: freeing large files keeps a disk busy for a while.
        if is_small {
            self.read(site, head, "HEAD", &objects)?;
            self.delete(site, Some(delete), &objects)?;
        } else {
            self.delete(site, None, &objects)?;
        }
        self.delete(site, None, &others)
    }

    /// No objects yet, of names that nobody has.
    fn objects(&self, bucket: &str, size: &Size, salt: u64) -> Objects {
        Objects {
            bucket: bucket.to_owned(),
            names: Names::new(self.seed ^ salt << 56 ^ size.bytes as u64),
            bytes: size.bytes,
            by_worker: Vec::new(),
        }
    }

    fn load_tls(&mut self, server: &Server) -> Result<(), Failure> {
        let endpoint = server.endpoint(true)?;
        self.load(&Site { endpoint, server: Some(server), suffix: ", TLS" })?;
        let peak = server.resident()?.1;
        self.push(megabytes("memory, peak under these loads", 300.0), peak as f64 / 1e6);
        Ok(())
    }

    /// One connection: how long a durable PUT takes.
    fn single(&mut self, site: &Site<'_>, bucket: &str) -> Result<(), Failure> {
        let wanted = milliseconds("PUT 4 KiB, 1 connection, p50", 0.6);
        if !self.takes(&wanted.name) {
            return Ok(());
        }
        let names = Names::new(self.seed ^ 3);
        let target = |worker, index| Some(object_target(bucket, &names.name(worker, index)));
        let load = Load {
            method: "PUT",
            target: &target,
            mode: PayloadMode::Unsigned,
            body: &self.body[..4 * KIB],
            bytes: 4 * KIB,
            check: &|_, _| true,
            counts_keys: false,
            connections: 1,
            duration: Duration::from_secs(self.seconds),
        };
        let (measured, processor) = timed(&load, site)?;
        self.push_measured(wanted, &measured, processor);
        Ok(())
    }

    fn put(
        &mut self,
        site: &Site<'_>,
        wanted: Wanted,
        mode: PayloadMode,
        objects: &mut Objects,
    ) -> Result<(), Failure> {
        let target = |worker, index| {
            Some(object_target(&objects.bucket, &objects.names.name(worker, index)))
        };
        let load = Load {
            method: "PUT",
            target: &target,
            mode,
            body: &self.body[..objects.bytes],
            bytes: objects.bytes,
            check: &|_, _| true,
            counts_keys: false,
            connections: self.options.connections,
            duration: Duration::from_secs(self.seconds),
        };
        let (measured, processor) = timed(&load, site)?;
        self.push_measured(wanted, &measured, processor);
        objects.by_worker = measured.by_worker;
        Ok(())
    }

    /// Reads one object of each worker back, byte by byte, outside of any figure.
    fn verify(&self, endpoint: &Endpoint, objects: &Objects) -> Result<(), Failure> {
        let signer = endpoint.signer()?;
        let mut connection = endpoint.connect()?;
        for (worker, _) in objects.by_worker.iter().enumerate().filter(|(_, count)| **count > 0) {
            let path = object_target(&objects.bucket, &objects.names.name(worker, 0)).path;
            let mode = PayloadMode::Unsigned;
            let request =
                Request { method: "GET", path: &path, query: "", mode, content_length: 0 };
            let (mut position, mut same) = (0, true);
            connection.exchange(&endpoint.head(&signer, &request)?, b"", &mut |bytes| {
                same &= self.body.get(position..position + bytes.len()) == Some(bytes);
                position += bytes.len();
            })?;
            if !same || position != objects.bytes {
                return Err(Failure::new(format!("{path} does not read back as it was written")));
            }
        }
        Ok(())
    }

    /// GET or HEAD of random objects among the first ones, as many as the page cache surely holds.
    fn read(
        &mut self,
        site: &Site<'_>,
        wanted: Wanted,
        method: &str,
        objects: &Objects,
    ) -> Result<(), Failure> {
        if objects.by_worker.is_empty() || !self.takes(&wanted.name) {
            return Ok(());
        }
        let workers = objects.by_worker.len() as u64;
        let each_max = (READ_BYTES_MAX / objects.bytes as u64 / workers).max(1);
        let target = |worker: usize, index: u64| {
            let random = mix(index << 8 ^ worker as u64);
            let owner = usize::try_from(random % workers).ok()?;
            let count = objects.by_worker.get(owner)?.min(&each_max);
            let name = objects.names.name(owner, mix(random) % (*count).max(1));
            Some(object_target(&objects.bucket, &name))
        };
        let load = Load {
            method,
            target: &target,
            mode: PayloadMode::Unsigned,
            body: b"",
            bytes: objects.bytes,
            check: &|answer, _| answer.content_length == objects.bytes as u64,
            counts_keys: false,
            connections: self.options.connections,
            duration: Duration::from_secs(self.seconds),
        };
        let (measured, processor) = timed(&load, site)?;
        self.push_measured(wanted, &measured, processor);
        Ok(())
    }

    /// Deletes the objects; all of them where it is no row.
    fn delete(
        &mut self,
        site: &Site<'_>,
        wanted: Option<Wanted>,
        objects: &Objects,
    ) -> Result<(), Failure> {
        if objects.by_worker.is_empty() {
            return Ok(());
        }
        let target = |worker: usize, index: u64| {
            let left = objects.by_worker.get(worker).is_some_and(|count| index < *count);
            left.then(|| object_target(&objects.bucket, &objects.names.name(worker, index)))
        };
        let seconds = if wanted.is_some() { self.seconds } else { CLEANING_SECONDS_MAX };
        let load = Load {
            method: "DELETE",
            target: &target,
            mode: PayloadMode::Unsigned,
            body: b"",
            bytes: 0,
            check: &|_, _| true,
            counts_keys: false,
            connections: objects.by_worker.len(),
            duration: Duration::from_secs(seconds),
        };
        let (measured, processor) = timed(&load, site)?;
        if let Some(wanted) = wanted {
            self.push_measured(wanted, &measured, processor);
        }
        match site.server {
            Some(server) => settle(server),
            None => Ok(()),
        }
    }

    /// A store of many objects: a listing of it, then a kill and the start after it.
    fn many(&mut self, binary: &Path, server: Server) -> Result<(), Failure> {
        let count = if self.options.short { 10_000 } else { self.options.objects.max(2_000) };
        let shown = thousands(count);
        let list = milliseconds(format!("LIST page of 1,000 of {shown} objects, p50"), 2.0);
        let restart = milliseconds(format!("start-up, {shown} objects, after kill -9"), 3_000.0);
        if !self.takes(&list.name) && !self.takes(&restart.name) {
            return Ok(());
        }
        let (bucket, names) = ("bench-many", Names::new(self.seed ^ 4));
        let site = Site { endpoint: server.endpoint(false)?, server: Some(&server), suffix: "" };
        make_bucket(&site.endpoint, bucket)?;
        let workers = self.options.connections;
        let each = count.div_ceil(workers as u64);
        let target = |worker, index| {
            (index < each).then(|| object_target(bucket, &names.name(worker, index)))
        };
        let mut load = Load {
            method: "PUT",
            target: &target,
            mode: PayloadMode::Unsigned,
            body: &self.body[..MANY_BYTES],
            bytes: MANY_BYTES,
            check: &|_, _| true,
            counts_keys: false,
            connections: workers,
            duration: Duration::from_secs(FILLING_SECONDS_MAX),
        };
        let filled = load.run(&site.endpoint)?;
        if filled.operations < count {
            return Err(Failure::new("the store was not filled in an hour"));
        }
        // Starts in the lower nine tenths of the names, so that every page is full.
        let page = |_, index| {
            let start = mix(index) / 10 * 9;
            let query = format!("list-type=2&max-keys=1000&start-after={start:016x}");
            Some(Target { path: format!("/{bucket}"), query })
        };
        (load.method, load.target, load.body) = ("GET", &page, b"");
        load.check = &|_, seen| seen.keys == 1_000;
        load.counts_keys = true;
        load.connections = 1;
        load.duration = Duration::from_secs(self.seconds);
        let (measured, processor) = timed(&load, &site)?;
        self.push_measured(list, &measured, processor);
        let data = server.data().to_owned();
        server.kill()?;
        let server = Server::start(binary, &data)?;
        self.push(restart, server.start_up.as_secs_f64() * 1_000.0);
        let by_worker = filled.by_worker;
        let bucket = bucket.to_owned();
        self.verify(
            &server.endpoint(false)?,
            &Objects { bucket, names, bytes: MANY_BYTES, by_worker },
        )?;
        self.push(megabytes("memory, after that start", 300.0), server.resident()?.0 as f64 / 1e6);
        Ok(())
    }

    fn takes(&self, name: &str) -> bool {
        self.options.only.as_deref().is_none_or(|only| name.contains(only))
    }

    fn push(&mut self, wanted: Wanted, measured: f64) {
        self.push_row(wanted, measured, None, None);
    }

    fn push_measured(
        &mut self,
        wanted: Wanted,
        measured: &Measured,
        processor: Option<(f64, f64)>,
    ) {
        let value = match wanted.unit {
            Unit::PerSecond => measured.per_second(),
            Unit::GigabytesPerSecond => measured.bytes_per_second() / 1e9,
            Unit::Milliseconds | Unit::Megabytes => measured.percentile(50),
        };
        let latency = Some((measured.percentile(50), measured.percentile(99)));
        self.push_row(wanted, value, latency, processor);
    }

    /// Keeps a row, and shows it at once to whoever waits.
    fn push_row(
        &mut self,
        wanted: Wanted,
        measured: f64,
        latency: Option<(f64, f64)>,
        processor: Option<(f64, f64)>,
    ) {
        let Wanted { name: workload, unit, floor, aim } = wanted;
        if self.takes(&workload) {
            let row = Row { workload, unit, floor, aim, measured, latency, processor };
            eprintln!("{}", table::line(&row));
            self.rows.push(row);
        }
    }
}

/// Runs a load; the processor time of one operation in microseconds, the server's and ours.
fn timed(load: &Load<'_>, site: &Site<'_>) -> Result<(Measured, Option<(f64, f64)>), Failure> {
    let Site { endpoint, server, .. } = site;
    let before = server.map(Server::processor_seconds).transpose()?;
    let measured = load.run(endpoint)?;
    let Some((server, before)) = server.zip(before) else { return Ok((measured, None)) };
    let used = server.processor_seconds()? - before;
    let each = 1e6 / measured.operations.max(1) as f64;
    let processor = (used * each, measured.own_seconds * each);
    Ok((measured, Some(processor)))
}

/// Waits until the server has cleaned up behind a load and rests, so that no row pays for the one
/// before it.
fn settle(server: &Server) -> Result<(), Failure> {
    for _ in 0..SETTLING_SECONDS_MAX {
        let before = server.processor_seconds()?;
        std::thread::sleep(Duration::from_secs(1));
        if server.processor_seconds()? - before <= RESTING_SECONDS {
            return Ok(());
        }
    }
    Ok(())
}

fn object_target(bucket: &str, name: &str) -> Target {
    Target { path: format!("/{bucket}/{name}"), query: String::new() }
}

fn make_bucket(endpoint: &Endpoint, bucket: &str) -> Result<(), Failure> {
    ask(endpoint, "PUT", &format!("/{bucket}"))
}

fn list_buckets(endpoint: &Endpoint) -> Result<(), Failure> {
    ask(endpoint, "GET", "/")
}

fn ask(endpoint: &Endpoint, method: &str, path: &str) -> Result<(), Failure> {
    let request =
        Request { method, path, query: "", mode: PayloadMode::Unsigned, content_length: 0 };
    let head = endpoint.head(&endpoint.signer()?, &request)?;
    endpoint.connect()?.exchange(&head, b"", &mut |_| {})?;
    Ok(())
}

fn remove(folder: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// What was measured on.
fn machine() -> Value {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.unwrap_or_default().trim_start_matches(['\t', ' ', ':']).to_owned();
    // Of the minute before: whether somebody else used the machine.
    let load = read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned();
    let kernel = read("/proc/sys/kernel/osrelease").trim().to_owned();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let time = strongroom_types::Timestamp::from_seconds(now);
    let date = time.map(|time| time.to_iso8601()).unwrap_or_default();
    let text = format!(
        "{date}, {processors} processors shared with the load, {model}, Linux {kernel}, load \
         average before: {load}"
    );
    json!({
        "date": date,
        "processors": processors,
        "model": model,
        "kernel": kernel,
        "load_average": load,
        "text": text,
    })
}

fn rate(name: &str) -> Wanted {
    Wanted { name: name.to_owned(), unit: Unit::PerSecond, floor: None, aim: None }
}

fn milliseconds(name: impl Into<String>, floor: f64) -> Wanted {
    Wanted { name: name.into(), unit: Unit::Milliseconds, floor: Some(floor), aim: None }
}

fn megabytes(name: &str, floor: f64) -> Wanted {
    Wanted { name: name.to_owned(), unit: Unit::Megabytes, floor: Some(floor), aim: None }
}

fn thousands(count: u64) -> String {
    match count {
        1_000_000.. if count.is_multiple_of(1_000_000) => format!("{} M", count / 1_000_000),
        1_000.. if count.is_multiple_of(1_000) => format!("{} k", count / 1_000),
        _ => count.to_string(),
    }
}

/// One size of objects, with what is wanted of PUT and GET.
struct Size {
    name: &'static str,
    bytes: usize,
    put: Figures,
    get: Figures,
}

struct Figures {
    unit: Unit,
    floor: f64,
    aim: f64,
}

impl Figures {
    /// The figures are for plain HTTP; other rows have none.
    fn wanted(&self, name: String, suffix: &str) -> Wanted {
        let given = |value| suffix.is_empty().then_some(value);
        Wanted { name, unit: self.unit, floor: given(self.floor), aim: given(self.aim) }
    }
}

const fn per_second(floor: f64, aim: f64) -> Figures {
    Figures { unit: Unit::PerSecond, floor, aim }
}

const fn gigabytes(floor: f64, aim: f64) -> Figures {
    Figures { unit: Unit::GigabytesPerSecond, floor, aim }
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

const SIZES: [Size; 4] = [
    Size {
        name: "4 KiB",
        bytes: 4 * KIB,
        put: per_second(10_000.0, 20_000.0),
        get: per_second(30_000.0, 50_000.0),
    },
    Size {
        name: "64 KiB",
        bytes: 64 * KIB,
        put: per_second(3_000.0, 6_000.0),
        get: per_second(12_000.0, 20_000.0),
    },
    Size { name: "1 MiB", bytes: MIB, put: gigabytes(0.35, 0.6), get: gigabytes(1.5, 2.5) },
    Size { name: "64 MiB", bytes: 64 * MIB, put: gigabytes(0.4, 0.6), get: gigabytes(1.5, 3.0) },
];

/// Starts of an empty server; the median counts.
const START_UPS: u64 = 5;
/// Bytes of the objects in the store of many.
const MANY_BYTES: usize = 256;
/// What random reads are spread over.
const READ_BYTES_MAX: u64 = 1024 * 1024 * 1024;
const CLEANING_SECONDS_MAX: u64 = 600;
const SETTLING_SECONDS_MAX: u32 = 60;
/// Processor time in one second of a server that does nothing.
const RESTING_SECONDS: f64 = 0.02;
const FILLING_SECONDS_MAX: u64 = 3_600;
/// Low bits of the time, as a seed.
const SEED_MASK: u128 = 0xffff_ffff_ffff;
