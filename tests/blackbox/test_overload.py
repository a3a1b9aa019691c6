"""More clients than there is room for, clients that do nothing, and a stop under load."""

import concurrent.futures
import contextlib
import hashlib
import pathlib
import random
import resource
import select
import threading
import time

import pytest
from botocore.exceptions import ClientError

from conftest import client
from raw import Raw, read_answer
from server import Server, wait_until

MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def sockets():
    """Room for the sockets of the client side."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextlib.contextmanager
def running(*flags):
    server = Server(*flags).start()
    try:
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def connections(raw, count):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(raw.connect()) for _ in range(count)]


def pending_upload(raw, key, length=1000):
    """An upload whose body has been asked for and not been sent."""
    stream = raw.connect()
    request = raw.request("PUT", key, b"x" * length, {"Expect": "100-continue"})
    stream.sendall(request[:-length])
    assert stream.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
    return stream


def test_two_thousand_connections_of_which_thirty_two_are_busy():
    with running() as server:
        env = server.env()
        client(env).create_bucket(Bucket="crowd")
        raw = Raw(env)
        with connections(raw, 2000) as crowd:
            hello = raw.request("PUT", "/crowd/hello", b"hello")
            for stream in crowd:
                stream.sendall(hello)
                assert read_answer(stream)[0] == 200

            def work(number):
                stream = crowd[number]
                for turn, size in enumerate((4096, 70_000, MIB, 5 * MIB) * 3):
                    key, body = f"/crowd/{number}-{turn}", random.randbytes(size)
                    stream.sendall(raw.request("PUT", key, body))
                    status, headers, _ = read_answer(stream)
                    assert status == 200
                    # In a crowd a connection is not kept behind a large body: its buffers have grown.
                    assert (headers.get("connection") == "close") == (size > 65536)
                    if size > 65536:
                        stream.close()
                        stream = raw.connect()
                    stream.sendall(raw.request("GET", key))
                    status, _, read = read_answer(stream)
                    assert (status, hashlib.sha256(read).digest()) == (200, hashlib.sha256(body).digest())

            with concurrent.futures.ThreadPoolExecutor(32) as pool:
                list(pool.map(work, range(32)))
            # The others are still there, and none of them was harmed.
            for stream in crowd[32:]:
                stream.sendall(hello)
                assert read_answer(stream)[0] == 200
            assert server.resident_bytes() < 300 * MIB


def test_silent_connections_do_not_keep_clients_out():
    with running() as server:
        env = server.env()
        s3 = client(env)
        raw = Raw(env)
        before = server.resident_bytes()
        with connections(raw, 4500) as silent:
            started = time.monotonic()
            s3.create_bucket(Bucket="heard")
            s3.put_object(Bucket="heard", Key="k", Body=b"x")
            assert time.monotonic() - started < 30
            assert server.resident_bytes() - before < 200 * MIB
            # The oldest had to go; nobody was told anything that it could take for an answer.
            assert select.select(silent[:1], [], [], 10)[0]
            assert silent[0].recv(1) == b""


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_above_the_limit_every_client_hears_slow_down(scheme):
    with running("--connections-max", "24", "--connections-per-address-max", "20") as server:
        env = server.env("--tls") if scheme == "https" else server.env()
        s3 = client(env)
        s3.create_bucket(Bucket="full")
        s3.close()
        raw = Raw(env)
        busy = [pending_upload(raw, f"/full/{number}") for number in range(20)]
        for _ in range(5):
            with pytest.raises(ClientError) as refused:
                client(env).put_object(Bucket="full", Key="more", Body=b"x" * 100_000)
            response = refused.value.response
            assert response["Error"]["Code"] == "SlowDown"
            assert response["ResponseMetadata"]["HTTPStatusCode"] == 503
            assert response["ResponseMetadata"]["HTTPHeaders"]["connection"] == "close"
            assert response["ResponseMetadata"]["RequestId"]
        # A client with its usual retries gets through once there is room.
        patient = client(env, retries={"max_attempts": 8, "mode": "standard"})
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(patient.put_object, Bucket="full", Key="more", Body=b"x")
            for stream in busy:
                stream.sendall(b"x" * 1000)
                assert read_answer(stream)[0] == 200
                stream.close()
            waiting.result()


def test_abandoned_uploads_leave_neither_objects_nor_space_nor_memory():
    with running() as server:
        env = server.env()
        s3 = client(env)
        s3.create_bucket(Bucket="left")
        raw = Raw(env)

        def used():
            return sum(path.stat().st_blocks * 512 for path in server.data.rglob("*") if path.is_file())

        def abandon(count):
            for number in range(count):
                request = raw.request("PUT", f"/left/{number}", b"x" * (4 * MIB))
                stream = raw.connect()
                stream.sendall(request[:-MIB])
                stream.close()

        abandon(8)  # what the engine keeps for the next uploads is there now
        s3.put_object(Bucket="left", Key="k0", Body=b"y" * (4 * MIB))
        before, resident = used(), server.resident_bytes()
        abandon(200)
        # Two hundred times three MiB were sent.
        wait_until(lambda: used() < before + 32 * MIB)
        assert server.resident_bytes() < resident + 64 * MIB
        assert s3.list_objects_v2(Bucket="left")["KeyCount"] == 1
        # The whole of the memory for bodies is free again.
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            for done in [pool.submit(client(env).put_object, Bucket="left", Key=f"k{number}", Body=b"y" * (4 * MIB))
                         for number in range(32)]:
                done.result()


class Uploader:
    """One client that puts objects over a connection that it keeps."""

    def __init__(self, raw, name, seed):
        self.raw = raw
        self.name = name
        self.random = random.Random(seed)
        self.acknowledged = {}

    def run(self, begun):
        stream = self.raw.connect()
        while True:
            key = f"/stop/{self.name}-{len(self.acknowledged)}"
            body = self.random.randbytes(self.random.choice([10, 5000, 70_000, 1_500_000]))
            stream.sendall(self.raw.request("PUT", key, body))
            # The request is sent: whatever happens now, there is an answer to it.
            status, headers, _ = read_answer(stream)
            assert status == 200
            self.acknowledged[key] = hashlib.sha256(body).hexdigest()
            if len(self.acknowledged) == 3:
                begun.release()
            if headers.get("connection") == "close":
                stream.close()
                try:
                    stream = self.raw.connect()
                except OSError:
                    return


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_stop_under_load_loses_nothing_and_resets_nobody(scheme):
    server = Server().start()
    try:
        client(server.env()).create_bucket(Bucket="stop")
        for round_number in range(4):
            env = server.env("--tls") if scheme == "https" else server.env()
            raw = Raw(env)
            uploaders = [Uploader(raw, f"{round_number}-{number}", number) for number in range(16)]
            begun = threading.Semaphore(0)
            with concurrent.futures.ThreadPoolExecutor(16) as pool:
                at_work = [pool.submit(uploader.run, begun) for uploader in uploaders]
                for _ in uploaders:
                    assert begun.acquire(timeout=30)
                started = time.monotonic()
                assert server.stop() == 0
                assert time.monotonic() - started < 20
                for finished in at_work:
                    finished.result()
            server.start()
            raw = Raw(server.env())
            with raw.connect() as stream:
                for uploader in uploaders:
                    for key, digest in uploader.acknowledged.items():
                        stream.sendall(raw.request("GET", key))
                        status, _, body = read_answer(stream)
                        assert (status, hashlib.sha256(body).hexdigest()) == (200, digest), key
    finally:
        server.close()
