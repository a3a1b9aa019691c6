"""Nothing readable on disk, and nothing acknowledged is lost by a stop."""

import os
import pathlib

from conftest import client
from server import Server

MARKS = {
    "object": b"PLANTED-object-bytes-3f9a", "large": b"PLANTED-large-bytes-77c1", "name": b"PLANTED-key-name-5d20",
    "bucket": b"planted-bucket-name-91ab", "metadata": b"PLANTED-metadata-0c4e", "part": b"PLANTED-part-bytes-be02",
}


def files_below(folder):
    return [path for path in pathlib.Path(folder).rglob("*") if path.is_file()]


def test_a_search_of_the_whole_data_directory_finds_no_plaintext():
    server = Server().start()
    try:
        env = server.env()
        s3 = client(env)
        bucket = MARKS["bucket"].decode()
        s3.create_bucket(Bucket=bucket)
        name = MARKS["name"].decode()
        s3.put_object(Bucket=bucket, Key=name, Body=MARKS["object"] * 40, Metadata={"m": MARKS["metadata"].decode()})
        s3.put_object(Bucket=bucket, Key=name + "/large", Body=MARKS["large"] * 100_000)
        upload = s3.create_multipart_upload(Bucket=bucket, Key=name + "/parts")
        part = s3.upload_part(Bucket=bucket, Key=name + "/parts", UploadId=upload["UploadId"], PartNumber=1,
                              Body=MARKS["part"] * 50_000)
        s3.complete_multipart_upload(Bucket=bucket, Key=name + "/parts", UploadId=upload["UploadId"],
                                     MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        made = server.account("planted-account-e1")
        assert server.stop() == 0
        secrets = [made["SecretAccessKey"].encode(), env["AWS_SECRET_ACCESS_KEY"].encode()]
        marks = [*MARKS.values(), *secrets, b"planted-account-e1"]
        files = files_below(server.data)
        assert sum(file.stat().st_size for file in files) > 2_000_000, "the data is here"
        for file in [*files, *server.folder.glob("*.log"), *server.folder.glob("*.key")]:
            content = file.read_bytes()
            for mark in marks:
                assert mark not in content, f"{mark} stands in {file.name}"
        server.start()
        s3 = client(server.env())
        assert s3.get_object(Bucket=bucket, Key=name)["Body"].read() == MARKS["object"] * 40
        assert s3.get_object(Bucket=bucket, Key=name + "/parts")["Body"].read() == MARKS["part"] * 50_000
    finally:
        server.close()


def test_the_root_key_is_beside_the_data_and_only_its_owner_reads_it():
    server = Server().start()
    try:
        key = pathlib.Path(str(server.data) + ".key")
        assert key.is_file() and oct(key.stat().st_mode & 0o777) == "0o600"
        assert key.resolve().parent != server.data.resolve()
        key_text = key.read_bytes()
        assert all(key_text not in file.read_bytes() for file in files_below(server.data))
        assert server.stop() == 0
        os.rename(key, str(key) + ".away")
        done = server.run("serve", check=False)
        assert done.returncode != 0, "data without its root key is never opened under a new one"
        os.rename(str(key) + ".away", key)
        server.start()
    finally:
        server.close()


def test_scrub_reads_everything_back_and_finds_a_flipped_byte():
    server = Server().start()
    try:
        s3 = client(server.env())
        s3.create_bucket(Bucket="scrubbed-bucket")
        s3.put_object(Bucket="scrubbed-bucket", Key="k", Body=os.urandom(3_000_000))
        assert server.run("scrub", "--json").returncode == 0, "beside a running server"
        assert server.stop() == 0
        assert server.run("scrub", "--json").returncode == 0
        largest = max((file for file in files_below(server.data) if b"\0" * 4096 not in file.read_bytes()[:65536]),
                      key=lambda file: file.stat().st_size)
        with open(largest, "r+b") as stream:
            stream.seek(100_000)
            byte = stream.read(1)
            stream.seek(100_000)
            stream.write(bytes([byte[0] ^ 1]))
        done = server.run("scrub", "--json", check=False)
        assert done.returncode != 0 and "damage" in (done.stdout + done.stderr).lower()
    finally:
        server.close()
