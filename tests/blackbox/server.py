"""A Strongroom under test: started from nothing, on free ports, in a directory of its own."""

import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("SERVER_BINARY", ROOT / "target" / "release" / "strongroom"))


class Server:
    """One server process; `env` holds what `strongroom env` prints."""

    def __init__(self, *flags, data=None, environment=None, listen="127.0.0.1:0"):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="strongroom-test-"))
        self.data = pathlib.Path(data) if data else self.folder / "data"
        self.flags = ["--listen", listen, "--listen-tls", "127.0.0.1:0", *flags]
        self.extra = dict(environment or {})
        self.process = None
        self.log = None

    def start(self):
        self.log = open(self.folder / "server.log", "ab")
        command = [BINARY, "serve", "--data", self.data]
        self.process = subprocess.Popen(
            [str(part) for part in command + self.flags],
            stdout=subprocess.PIPE, stderr=self.log, env=self.clean_environment(), text=True,
        )
        self.printed = []
        for line in self.process.stdout:
            self.printed.append(line.rstrip("\n"))
            if "eval" in line:
                return self
        raise RuntimeError("the server ended: " + self.log_text())

    def clean_environment(self):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STRONGROOM_"))}
        return {**kept, **self.extra}

    def log_text(self):
        self.log.flush()
        return (self.folder / "server.log").read_text(errors="replace")

    def env(self, *flags):
        """The variables that `strongroom env` exports."""
        done = self.run("env", *flags)
        found = {}
        for line in done.stdout.splitlines():
            if line.startswith("export "):
                name, _, value = line[len("export "):].rstrip(";").partition("=")
                found[name] = "".join(shlex.split(value))
        return found

    def run(self, *arguments, check=True):
        command = [str(BINARY), *map(str, arguments), "--data", str(self.data)]
        return subprocess.run(command, capture_output=True, text=True, check=check, env=self.clean_environment())

    def account(self, name):
        """Makes a further account by the command line; what it printed."""
        return json.loads(self.run("account", "create", name).stdout)

    def stop(self):
        """A graceful stop; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        if self.log:
            self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def resident_bytes(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("no VmRSS")


def wait_until(condition, seconds=30):
    """Polls until the condition holds; the test fails if it never does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("the condition did not come true")
