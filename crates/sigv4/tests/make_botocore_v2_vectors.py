"""Makes vectors/botocore-v2.jsonl: URLs and forms presigned by botocore with signature version 2.

    python3 -m venv venv && venv/bin/pip install botocore==1.44.8
    venv/bin/python make_botocore_v2_vectors.py > vectors/botocore-v2.jsonl

The seed and the clocks are fixed, so that the same botocore writes the same file again.
"""

import datetime
import json
import random
from unittest import mock
from urllib.parse import quote, urlsplit

from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.utils import percent_encode_sequence

SEED = 5707
SIGNERS = [
    Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    Credentials("AKIDTHEOTHERUSER0001", "short+secret"),
    Credentials("ASIASESSIONKEY000001", "SessionSecret/With+Odd=Characters0000000",
                "Token/With+Odd==Characters%20and more"),
]
ALPHABET = list("abcXYZ019-._~ /+=&%?#'\"!*():;,@$") + ["ü", "日", "😀", "\u0301"]
HEADERS = {
    "Content-Type": ["text/plain", "text/html; charset=utf-8", "application/x-www-form-urlencoded"],
    "Content-MD5": ["1B2M2Y8AsgTpgAmY7PhCfg=="],
    "x-amz-acl": ["private"],
    "x-amz-meta-a": ["b", "with space", "with+plus&amp=1", "  padded  ", ""],
    "X-Amz-Meta-Upper": ["VaLuE"],
    "x-amz-server-side-encryption": ["AES256"],
    "x-amz-expected-bucket-owner": ["111122223333"],
    "x-amz-checksum-mode": ["ENABLED"],
    "If-None-Match": ["*"],
    "User-Agent": ["client/1.0"],
}
OVERRIDES = {
    "response-content-type": ["text/html", "application/json; charset=utf-8"],
    "response-content-disposition": ['attachment; filename="a b+c.txt"', "inline"],
    "response-content-encoding": ["gzip"],
    "response-content-language": ["de, en"],
    "response-cache-control": ["no-cache", "max-age=0"],
    "response-expires": ["Thu, 01 Dec 1994 16:00:00 GMT"],
    "versionId": ["null", "3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo"],
}


def text(rng, length):
    return "".join(rng.choice(ALPHABET) for _ in range(rng.randint(1, length)))


def some(rng, choices, share):
    return {name: rng.choice(values) for name, values in choices.items() if rng.random() < share}


def query_record(rng, now, signer):
    key = quote(text(rng, 8), safe="/~")
    in_host = rng.random() < 0.3
    host = rng.choice(["127.0.0.1:9000", "s3.localhost:9000"])
    if in_host:
        url, auth_path = f"https://bucket-1.s3.localhost:9000/{key}", f"/bucket-1/{key}"
    else:
        url, auth_path = f"http://{host}/bucket-1/{key}", None
    query = some(rng, OVERRIDES, 0.25)
    if query:
        url += "?" + percent_encode_sequence(query)
    method = rng.choice(["GET", "PUT", "HEAD"])
    request = AWSRequest(method=method, url=url, headers=some(rng, HEADERS, 0.2), auth_path=auth_path)
    expires = rng.choice([1, 60, 3600, 604800])
    auth.HmacV1QueryAuth(signer, expires=expires).add_auth(request)
    parts = urlsplit(request.url)
    # A client sends the URL; of the headers it sends those that do not travel in the query.
    headers = [["host", parts.netloc]]
    for name in ("If-None-Match", "User-Agent"):
        if name in request.headers:
            headers.append([name.lower(), request.headers[name]])
    return {"k": "query", "t": now, "m": method, "p": parts.path, "q": parts.query, "h": headers,
            "v": "bucket-1" if in_host else None}


def form_record(rng, now, signer):
    request = AWSRequest(method="POST", url="http://127.0.0.1:9000/bucket-1")
    request.context["s3-presign-post-fields"] = {"key": text(rng, 3)}
    request.context["s3-presign-post-policy"] = {
        "expiration": "2099-01-01T00:00:00Z",
        "conditions": [["starts-with", "$key", text(rng, 2)]],
    }
    auth.HmacV1PostAuth(signer).add_auth(request)
    return {"k": "form", "t": now, "f": list(request.context["s3-presign-post-fields"].items())}


def main():
    rng = random.Random(SEED)
    start = int(datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc).timestamp())
    for _ in range(700):
        now = start + rng.randint(0, 100_000_000)
        signer = rng.choice(SIGNERS)
        with mock.patch("botocore.auth.time.time", return_value=now):
            make = query_record if rng.random() < 0.85 else form_record
            print(json.dumps(make(rng, now, signer), ensure_ascii=True, separators=(",", ":")))


main()
