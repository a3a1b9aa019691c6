//! The server under test: the release binary as a process of its own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::bench::wire::Endpoint;
use crate::{Failure, root, run};

/// A running server; killed when dropped.
pub struct Server {
    process: Child,
    binary: PathBuf,
    data: PathBuf,
    /// From the start of the process to the line that says it is ready.
    pub start_up: Duration,
}

impl Server {
    /// Builds the binary as it ships; where it is.
    pub fn build() -> Result<PathBuf, Failure> {
        run(Command::new("cargo").args(["build", "--release", "--package", "strongroom"]))?;
        Ok(root().join("target/release/strongroom"))
    }

    /// Starts on a data directory, which is made if there is none.
    pub fn start(binary: &Path, data: &Path) -> Result<Self, Failure> {
        let parent = data.parent().unwrap_or(data);
        fs::create_dir_all(parent)?;
        let log = fs::File::create(parent.join("server.log"))?;
        let started = Instant::now();
        let mut process = command(binary, "serve", data)
            .args(["--listen", "127.0.0.1:0", "--listen-tls", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        let stdout = process.stdout.take();
        let stdout = stdout.ok_or_else(|| Failure::new("the server has no standard output"))?;
        let mut lines = BufReader::new(stdout).lines();
        // The server prints the line to type next once it answers requests.
        let ready = lines.by_ref().map_while(Result::ok).any(|line| line.contains("eval"));
        let start_up = started.elapsed();
        if !ready {
            process.wait()?;
            let log = fs::read_to_string(parent.join("server.log"))?;
            return Err(Failure::new(format!("the server ended: {log}")));
        }
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Ok(Self { process, binary: binary.to_owned(), data: data.to_owned(), start_up })
    }

    /// What `strongroom env` exports.
    pub fn endpoint(&self, tls: bool) -> Result<Endpoint, Failure> {
        let mut command = command(&self.binary, "env", &self.data);
        if tls {
            command.arg("--tls");
        }
        let output = command.output()?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(Failure::new(format!("`strongroom env` failed: {text}")));
        }
        let exports = String::from_utf8(output.stdout)?;
        Endpoint::new(&|name| exported(&exports, name))
    }

    /// Its data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Resident memory in bytes: now, and at its highest.
    pub fn resident(&self) -> Result<(u64, u64), Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
            kib.and_then(|kib| kib.parse::<u64>().ok()).map(|kib| kib * 1024)
        };
        field("VmRSS:").zip(field("VmHWM:")).ok_or_else(|| Failure::new("no memory figures"))
    }

    /// Processor time that the server has used.
    pub fn processor_seconds(&self) -> Result<f64, Failure> {
        processor_seconds(&self.process.id().to_string())
    }

    /// Kills it as a power cut would: no warning, nothing flushed.
    pub fn kill(mut self) -> Result<(), Failure> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already dead is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Processor time of a process (`self` for this one): user and system.
pub fn processor_seconds(process: &str) -> Result<f64, Failure> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in parentheses may have blanks in it.
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let mut ticks = fields.split(' ').skip(11).take(2).map_while(|field| field.parse::<f64>().ok());
    match (ticks.next(), ticks.next()) {
        (Some(user), Some(system)) => Ok((user + system) / TICKS_PER_SECOND),
        _ => Err(Failure::new("no processor figures")),
    }
}

fn command(binary: &Path, subcommand: &str, data: &Path) -> Command {
    let mut command = Command::new(binary);
    let inherited = std::env::vars().map(|(name, _)| name);
    for name in inherited.filter(|name| name.starts_with("STRONGROOM_") || name.starts_with("AWS_"))
    {
        command.env_remove(name);
    }
    // A long-term key, so that requests carry no session token.
    command.env("STRONGROOM_ROOT_ACCESS_KEY_ID", "BENCHROOTKEY00000001");
    command.env("STRONGROOM_ROOT_SECRET_ACCESS_KEY", "not-a-secret-but-long-enough-for-one");
    command.arg(subcommand).arg("--data").arg(data);
    command
}

/// The value of `export NAME=VALUE`, without the quotes that a shell would take off.
fn exported(exports: &str, name: &str) -> Option<String> {
    exports.lines().find_map(|line| {
        let (found, value) = line.strip_prefix("export ")?.split_once('=')?;
        let value = value.trim_end_matches(';').trim_matches(['\'', '"']);
        (found == name).then(|| value.to_owned())
    })
}

/// `USER_HZ`, fixed by the kernel's interface.
const TICKS_PER_SECOND: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_are_read_as_a_shell_would() {
        let exports = "export A='one'\nexport B=\"two\";\nexport AA=three\n";
        let read = |name| exported(exports, name);
        assert_eq!(read("A").as_deref(), Some("one"));
        assert_eq!(read("B").as_deref(), Some("two"));
        assert_eq!(read("AA").as_deref(), Some("three"));
        assert_eq!(read("C"), None);
    }
}
