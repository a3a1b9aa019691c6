"""The README's quick start, word for word; only places and ports are set from outside."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys

from server import ROOT, Server


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_the_quick_start_works_word_for_word(tmp_path):
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    serve, use, account = (block.strip() for block in blocks[:3])
    environment = {
        **Server(environment={}).clean_environment(),
        "STRONGROOM_DATA": str(tmp_path / "data"),
        "STRONGROOM_LISTEN": f"127.0.0.1:{free_port()}",
        "STRONGROOM_LISTEN_TLS": f"127.0.0.1:{free_port()}",
        "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_PAGER": "",
        "PATH": f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    server = subprocess.Popen(serve, shell=True, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True,
                              start_new_session=True)
    try:
        printed = next(line for line in server.stdout if "eval" in line).strip()
        # The place of the data is not the default one here, so that the line names it.
        assert printed.startswith('eval "$(target/release/strongroom env')
        assert use.splitlines()[0] == 'eval "$(target/release/strongroom env)"'
        script = f"set -e\n{use}\n{account}\n"
        done = subprocess.run(["bash", "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "hello.txt" in done.stdout and "\nhello\n" in done.stdout and '"AccessKeyId"' in done.stdout
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=60)
