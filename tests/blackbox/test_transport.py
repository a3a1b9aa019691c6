"""What a scan from outside sees: protocol versions, suites, plaintext."""

import socket
import subprocess
import urllib.parse

import pytest

from server import BINARY, Server


def handshake(server, *flags):
    address = urllib.parse.urlsplit(server.env("--tls")["AWS_ENDPOINT_URL"]).netloc
    command = ["openssl", "s_client", "-connect", address, "-servername", "localhost", *flags]
    return subprocess.run(command, input="", capture_output=True, text=True, timeout=20)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_tls_1_2_and_1_3_are_spoken(server, version):
    env = server.env("--tls")
    done = handshake(server, version, "-CAfile", env["AWS_CA_BUNDLE"], "-verify_return_error")
    assert "Verify return code: 0 (ok)" in done.stdout


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_tls_1_0_and_1_1_are_refused(server, version):
    done = handshake(server, version, "-cipher", "ALL:@SECLEVEL=0")
    assert "Cipher is (NONE)" in done.stdout or "no protocols available" in done.stderr
    assert done.returncode != 0


@pytest.mark.parametrize("cipher", [
    "AES128-SHA", "AES256-SHA", "AES128-GCM-SHA256", "AES256-GCM-SHA384", "ECDHE-RSA-AES128-SHA",
    "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "DHE-RSA-AES128-GCM-SHA256", "AECDH-AES128-SHA", "NULL-SHA256",
])
def test_suites_without_forward_secrecy_or_authenticated_encryption_are_refused(server, cipher):
    done = handshake(server, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")
    assert "Cipher is (NONE)" in done.stdout
    assert done.returncode != 0


def test_plain_http_beyond_loopback_is_refused_unless_the_danger_is_named(tmp_path):
    command = [BINARY, "serve", "--data", tmp_path / "d", "--listen", "0.0.0.0:0"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=30,
                          env=Server().clean_environment())
    assert done.returncode != 0
    assert "--danger-plaintext" in done.stderr
    running = Server("--danger-plaintext", listen="0.0.0.0:0")
    try:
        running.start()
    finally:
        running.close()


def test_plaintext_on_the_tls_port_gets_no_answer(server):
    host, port = urllib.parse.urlsplit(server.env("--tls")["AWS_ENDPOINT_URL"]).netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as stream:
        stream.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"HTTP/1.1 2" not in stream.recv(4096)
