"""Lets botocore read the golden answers, and compares with what the tests meant to say.

Usage, in a virtual environment with botocore: python3 check_golden.py

Answers that repeat what a request had put must parse to what botocore was asked to put. The
others are printed, for a person to compare with `it/outputs.rs`; `it/golden/parsed.json` holds
what was approved, and `--approve` writes it.
"""

import json
import pathlib
import sys

import botocore.awsrequest
import botocore.parsers
import botocore.session
from make_botocore_vectors import value

FOLDER = pathlib.Path(__file__).parent / "it" / "golden"
# Answer: the request that it repeats, and the member of the request that has the members of the
# answer (or is the one member of the answer).
REPEATED = {
    "GetBucketAbac": ("PutBucketAbac", None),
    "GetBucketAccelerateConfiguration": ("PutBucketAccelerateConfiguration", "AccelerateConfiguration"),
    "GetBucketAcl": ("PutBucketAcl", "AccessControlPolicy"),
    "GetBucketAnalyticsConfiguration": ("PutBucketAnalyticsConfiguration", None),
    "GetBucketCors": ("PutBucketCors", "CORSConfiguration"),
    "GetBucketEncryption": ("PutBucketEncryption", None),
    "GetBucketIntelligentTieringConfiguration": ("PutBucketIntelligentTieringConfiguration", None),
    "GetBucketInventoryConfiguration": ("PutBucketInventoryConfiguration", None),
    "GetBucketLifecycleConfiguration": ("PutBucketLifecycleConfiguration", "LifecycleConfiguration"),
    "GetBucketLogging": ("PutBucketLogging", "BucketLoggingStatus"),
    "GetBucketMetricsConfiguration": ("PutBucketMetricsConfiguration", None),
    "GetBucketNotificationConfiguration": ("PutBucketNotificationConfiguration", "NotificationConfiguration"),
    "GetBucketOwnershipControls": ("PutBucketOwnershipControls", None),
    "GetBucketReplication": ("PutBucketReplication", None),
    "GetBucketRequestPayment": ("PutBucketRequestPayment", "RequestPaymentConfiguration"),
    "GetBucketTagging": ("PutBucketTagging", "Tagging"),
    "GetBucketVersioning": ("PutBucketVersioning", "VersioningConfiguration"),
    "GetBucketWebsite": ("PutBucketWebsite", "WebsiteConfiguration"),
    "GetObjectAcl": ("PutObjectAcl", "AccessControlPolicy"),
    "GetObjectLegalHold": ("PutObjectLegalHold", None),
    "GetObjectLockConfiguration": ("PutObjectLockConfiguration", None),
    "GetObjectRetention": ("PutObjectRetention", None),
    "GetObjectTagging": ("PutObjectTagging", "Tagging"),
    "GetPublicAccessBlock": ("PutPublicAccessBlock", None),
}


def parse(model, name, text):
    head, _, body = text.partition("\n\n")
    status, *lines = head.split("\n")
    headers = botocore.awsrequest.HeadersDict(line.split(": ", 1) for line in lines)
    operation = model.operation_model(name)
    shape = operation.output_shape
    body = body.encode()
    if operation.has_streaming_output:

        class Stream:
            def read(self):
                return body

        parser = botocore.parsers.create_parser("rest-xml")
        parsed = parser.parse({"status_code": int(status), "headers": headers, "body": Stream()}, shape)
        payload = shape.serialization["payload"]
        parsed[payload] = parsed[payload].read().decode()
    else:
        parser = botocore.parsers.create_parser("rest-xml")
        parsed = parser.parse({"status_code": int(status), "headers": headers, "body": body}, shape)
    parsed.pop("ResponseMetadata")
    return parsed


def main():
    model = botocore.session.Session().get_service_model("s3")
    parsed = {}
    failures = []
    for path in sorted(FOLDER.glob("*.http")):
        name = path.stem
        answer = parse(model, name, path.read_bytes().decode())
        if name not in REPEATED:
            parsed[name] = json.loads(json.dumps(answer, default=str))
            continue
        request, member = REPEATED[name]
        put = value(model.operation_model(request).input_shape, True, "", [])
        output = model.operation_model(name).output_shape
        put = put[member] if member else {payload: put[payload] for payload in output.members}
        answer.pop("VersionId", None)
        if answer != put:
            failures.append(f"{name}\n  put {put}\n  got {answer}")
    if failures:
        sys.exit("\n".join(failures))
    text = json.dumps(parsed, indent=1) + "\n"
    if "--approve" in sys.argv:
        (FOLDER / "parsed.json").write_text(text)
    elif (FOLDER / "parsed.json").read_text() != text:
        sys.exit("what botocore reads is not what was approved:\n" + text)
    print(f"{len(REPEATED)} repeated and {len(parsed)} approved answers are read as meant")


if __name__ == "__main__":
    main()
