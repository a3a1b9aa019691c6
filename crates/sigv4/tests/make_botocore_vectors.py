"""Signs random requests with botocore and prints one JSON object a line.

botocore is a signer that shares no code with this crate, so what it signs is an independent check
of the verifier. The seed and the clock are fixed: the same botocore gives the same file.

    python3 -m venv VENV && VENV/bin/pip install botocore==1.44.8
    VENV/bin/python crates/sigv4/tests/make_botocore_vectors.py > \
        crates/sigv4/tests/vectors/botocore.jsonl
"""

import datetime
import io
import json
import random
from unittest import mock
from urllib.parse import quote, urlsplit

from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.httpchecksum import AwsChunkedWrapper, Crc32Checksum
from botocore.utils import percent_encode_sequence

SEED = 20260102
TOKEN = "FwoGZXIvYXdzEBYaDH+/=tok en%2B" + "Ab9/" * 12
SIGNERS = [
    Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    Credentials("AKIDTHEOTHERUSER0001", "short+secret"),
    Credentials("ASIASESSIONKEY000001", "SessionSecret/With+Odd=Characters0000000", TOKEN),
]
REGIONS = ["us-east-1", "eu-central-1", "ap-northeast-3"]
KEY_PIECES = [
    "a", "Z9", " ", "  ", "+", "%", "%2F", "%41", "/", "//", "/../", "/./", "..", "~", "*", "'",
    "(", ")", "!", "&", "=", "?", "#", ":", "@", ";", ",", "$", "\\", "^", "`", "{", "}", "|", "<",
    '"', "ü", "日本", "🙂", "e\u0301", "\u00a0", "\x01", "\x7f", "-", "_", ".",
]
NAMES = ["prefix", "delimiter", "marker", "list-type", "max-keys", "acl", "uploads", "partNumber",
         "versionId", "a", "A", "a-b", "a.b", "x-id", "response-content-type", "ü"]
SERVICES = ["iam", "sts", "kms", "cloudtrail", "access-analyzer", "monitoring"]


def text(rng, pieces_max):
    return "".join(rng.choice(KEY_PIECES) for _ in range(rng.randint(0, pieces_max)))


def random_query(rng):
    query = {}
    for _ in range(rng.choice([0, 0, 1, 2, 5])):
        name = rng.choice(NAMES)
        value = rng.choice([text(rng, 4), text(rng, 4), "", str(rng.randint(0, 999))])
        if rng.random() < 0.15:
            value = [value, text(rng, 2), "1"]
        query[name] = value
    return query


def random_headers(rng):
    headers = {}
    choices = {
        "Content-Type": ["text/plain; charset=utf-8", "application/octet-stream"],
        "Content-MD5": ["1B2M2Y8AsgTpgAmY7PhCfg=="],
        "Range": ["bytes=0-9"],
        "Cache-Control": ["no-cache ,  max-age=0"],
        "x-amz-acl": ["private"],
        "x-amz-meta-spaces": ["  two   spaces\tand a tab  "],
        "x-amz-meta-empty": [""],
        "X-Amz-Meta-Upper": ["VaLuE"],
        "x-amz-storage-class": ["STANDARD"],
        "User-Agent": ["client/1.0"],
        "If-Match": ['"0123"'],
    }
    for name, values in choices.items():
        if rng.random() < 0.15:
            headers[name] = rng.choice(values)
    return headers


def line(kind, rng_time, region, service, request, body, extra=None):
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    headers = [["host", parts.netloc]]
    for name, value in prepared.headers.items():
        if isinstance(value, bytes):
            value = value.decode()
        if name.lower() not in ("host", "content-length"):
            headers.append([name.lower(), value])
    record = {
        "k": kind, "t": int(rng_time.timestamp()), "r": region, "s": service,
        "m": prepared.method, "p": parts.path, "q": parts.query, "h": headers, "b": body,
    }
    record.update(extra or {})
    print(json.dumps(record, ensure_ascii=True, separators=(",", ":")))


def s3_request(rng, body, headers=None, params=None):
    path = quote("/" + text(rng, 6), safe="/~")
    url = f"https://{rng.choice(['127.0.0.1:9000', 'b.s3.localhost:9000', 's3.localhost'])}{path}"
    query = random_query(rng)
    if query:
        url += "?" + percent_encode_sequence(query)
    method = rng.choice(["GET", "PUT", "HEAD", "DELETE", "POST"])
    merged = random_headers(rng)
    merged.update(headers or {})
    return AWSRequest(method=method, url=url, headers=merged, data=body.encode(), params=params)


def main():
    rng = random.Random(SEED)
    start = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    for index in range(1900):
        now = start + datetime.timedelta(seconds=rng.randint(0, 100_000_000))
        region, signer = rng.choice(REGIONS), rng.choice(SIGNERS)
        body = rng.choice(["", "", "Welcome to Amazon S3.", text(rng, 5)])
        with mock.patch("botocore.auth.get_current_datetime", return_value=now):
            kind = rng.choices(["header", "query", "other", "other-query", "trailer", "form"],
                               [40, 28, 15, 7, 7, 3])[0]
            if kind == "header":
                date = {"Date": "x"} if rng.random() < 0.1 else {}
                request = s3_request(rng, body, date)
                if rng.random() < 0.2:
                    config = Config(s3={"payload_signing_enabled": False})
                    request.context["client_config"] = config
                auth.S3SigV4Auth(signer, "s3", region).add_auth(request)
                line(kind, now, region, "s3", request, body)
            elif kind == "query":
                request = s3_request(rng, "")
                expires = rng.choice([1, 60, 3600, 604800])
                auth.S3SigV4QueryAuth(signer, "s3", region, expires=expires).add_auth(request)
                line(kind, now, region, "s3", request, "")
            elif kind in ("other", "other-query"):
                service = rng.choice(SERVICES)
                path = rng.choice(["/", "", "/analyzer/" + quote(text(rng, 6), safe="~"),
                                   quote("/" + text(rng, 6), safe="/~"), "/a/../b//c/./d/", "/a/.."])
                url = f"https://{service}.{region}.localhost:9000{path}"
                query = random_query(rng)
                params = None
                if query and rng.random() < 0.5:
                    # This way botocore writes a space as `+` into the request target.
                    params = {name: value for name, value in query.items()
                              if not isinstance(value, list)}
                elif query:
                    url += "?" + percent_encode_sequence(query)
                headers = {"X-Amz-Target": "TrentService.ListKeys"} if service == "kms" else {}
                if kind == "other":
                    request = AWSRequest("POST", url, headers, body.encode(), params)
                    auth.SigV4Auth(signer, service, region).add_auth(request)
                else:
                    body = ""
                    request = AWSRequest("GET", url, headers, b"", params)
                    auth.SigV4QueryAuth(signer, service, region, expires=60).add_auth(request)
                line(kind, now, region, service, request, body)
            elif kind == "trailer":
                payload = (body or "x").encode() * rng.choice([0, 1, 1, 1, 400])
                request = s3_request(rng, "", {
                    "Content-Encoding": "aws-chunked", "X-Amz-Trailer": "x-amz-checksum-crc32",
                    "X-Amz-Decoded-Content-Length": str(len(payload)),
                })
                request.context["checksum"] = {"request_algorithm": {"in": "trailer"}}
                auth.S3SigV4Auth(signer, "s3", region).add_auth(request)
                wrapper = AwsChunkedWrapper(io.BytesIO(payload), checksum_cls=Crc32Checksum,
                                            checksum_name="x-amz-checksum-crc32", chunk_size=8192)
                framed = wrapper.read().decode("latin-1")
                line(kind, now, region, "s3", request, framed,
                     {"d": payload.decode("latin-1")})
            else:
                request = AWSRequest("POST", "https://b.s3.localhost:9000/", HTTPHeaders())
                request.context["s3-presign-post-fields"] = {"key": text(rng, 3)}
                request.context["s3-presign-post-policy"] = {
                    "expiration": "2099-01-01T00:00:00Z",
                    "conditions": [["starts-with", "$key", text(rng, 2)]],
                }
                auth.S3SigV4PostAuth(signer, "s3", region).add_auth(request)
                fields = request.context["s3-presign-post-fields"]
                line(kind, now, region, "s3", request, "", {"f": list(fields.items())})


main()
