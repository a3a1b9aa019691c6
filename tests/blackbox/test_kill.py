"""kill -9 under load on a real disk: nothing acknowledged is lost, torn, mixed or comes back."""

import concurrent.futures
import hashlib
import os
import random
import threading

from botocore.exceptions import BotoCoreError, ClientError

from conftest import client
from server import Server

KILLS = int(os.environ.get("KILLS", "30"))
WRITERS = 4
SIZES = [0, 100, 4096, 70_000, 1_500_000]


class Writer:
    """One writer with keys of its own, so that it knows the state of each."""

    def __init__(self, number, seed):
        self.number = number
        self.random = random.Random(seed)
        self.acknowledged = {}  # key -> digest, or None for a delete
        self.unsure = {}  # key -> states that an unanswered request may have left

    def run(self, env, stop):
        s3 = client(env)
        while not stop.is_set():
            key = f"w{self.number}/k{self.random.randrange(40)}"
            body = self.random.randbytes(self.random.choice(SIZES))
            delete = self.random.random() < 0.25
            state = None if delete else hashlib.sha256(body).hexdigest()
            self.unsure[key] = {self.acknowledged.get(key), state}
            try:
                if delete:
                    s3.delete_object(Bucket="kills", Key=key)
                else:
                    s3.put_object(Bucket="kills", Key=key, Body=body)
            except (BotoCoreError, ClientError):
                if stop.is_set():
                    return
                raise
            self.acknowledged[key] = state
            del self.unsure[key]

    def verify(self, s3):
        for key in {**self.acknowledged, **self.unsure}:
            try:
                found = hashlib.sha256(s3.get_object(Bucket="kills", Key=key)["Body"].read()).hexdigest()
            except s3.exceptions.NoSuchKey:
                found = None
            allowed = self.unsure.get(key, {self.acknowledged.get(key)})
            assert found in allowed, f"{key}: found {found}, acknowledged {allowed}"
            self.acknowledged[key] = found
        self.unsure.clear()


def test_no_kill_loses_anything_acknowledged():
    seed = int(os.environ.get("SEED", random.randrange(2**32)))
    print(f"seed {seed}: repeat with SEED={seed}")
    chance = random.Random(seed)
    server = Server().start()
    try:
        client(server.env()).create_bucket(Bucket="kills")
        writers = [Writer(number, chance.randrange(2**32)) for number in range(WRITERS)]
        for _ in range(KILLS):
            env = server.env()
            stop = threading.Event()
            with concurrent.futures.ThreadPoolExecutor(WRITERS) as pool:
                running = [pool.submit(writer.run, env, stop) for writer in writers]
                done, _ = concurrent.futures.wait(running, timeout=chance.uniform(0.2, 1.2),
                                                  return_when=concurrent.futures.FIRST_EXCEPTION)
                stop.set()
                server.kill()
                for finished in running:
                    finished.result()
            server.start()
            s3 = client(server.env())
            for writer in writers:
                writer.verify(s3)
        assert sum(len(writer.acknowledged) for writer in writers) > 100
    finally:
        server.close()
