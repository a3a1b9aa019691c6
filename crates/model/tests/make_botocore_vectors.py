"""Lets botocore write requests of every S3 operation, with all members and with the required ones.

Usage, in a virtual environment with botocore:
    python3 make_botocore_vectors.py > it/vectors/requests.jsonl

Each line: what botocore sent, and which members it was asked to send.
"""

import datetime
import json
import urllib.parse

import botocore.awsrequest
import botocore.config
import botocore.session

SKIPPED = {
    "GetBucketLifecycle",
    "PutBucketLifecycle",
    "GetBucketNotification",
    "PutBucketNotification",
    "ListDirectoryBuckets",
}
FIXED = {
    "BucketName": "bucket-1",
    "ObjectKey": "dir/a b+c%é",
    "ObjectVersionId": "0123456789abcdef0123456789abcdef",
    "CopySource": {"Bucket": "source-bucket", "Key": "a b+c%é?x", "VersionId": "null"},
    "RenameSource": "bucket-1/old",
    "Metadata": {"name": "value", "other-name": "other"},
    "SSECustomerKey": "k" * 32,
    "CopySourceSSECustomerKey": "k" * 32,
    "ContentLength": 7,
    "Policy": '{"Version": "2012-10-17"}',
    "RequestRoute": "route",
    "NonEmptyKmsKeyArnString": "arn:aws:kms:us-east-1:123456789012:key/1234",
}
# Headers that differ from call to call, or say nothing about the operation.
CHANGING = ("user-agent", "authorization", "amz-sdk-invocation-id", "amz-sdk-request", "x-amz-date")
MOMENT = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)


def value(shape, everything, path, sent):
    """A value for a shape; names of what it has go to `sent`."""
    if shape.name in FIXED:
        return FIXED[shape.name]
    kind = shape.type_name
    if kind == "structure":
        members = {}
        for name, member in shape.members.items():
            needed = name in shape.required_members or shape.is_tagged_union and not members
            if needed or everything and not shape.is_tagged_union:
                inner = f"{path}.{name}" if path else name
                sent.append(inner)
                members[name] = value(member, everything, inner, sent)
        return members
    if kind == "list":
        return [value(shape.member, everything, path, sent)]
    if kind == "map":
        return {"name": "value"}
    if kind == "string":
        return shape.enum[0] if shape.enum else "text <&> text"
    if kind in ("integer", "long"):
        return 7
    if kind == "boolean":
        return True
    if kind == "timestamp":
        return MOMENT
    if kind == "blob":
        return b"payload"
    raise ValueError(kind)


class Sent(Exception):
    """Ends a call once its request is written."""


def main():
    session = botocore.session.Session()
    client = session.create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url="http://localhost:9000",
        aws_access_key_id="AKIDEXAMPLEEXAMPLE00",
        aws_secret_access_key="secret",
        config=botocore.config.Config(s3={"addressing_style": "path"}),
    )
    captured = []

    def capture(request, **_):
        captured.append(request)
        raise Sent

    client.meta.events.register_first("before-send.s3", capture)
    model = client.meta.service_model
    for name in model.operation_names:
        if name in SKIPPED:
            continue
        operation = model.operation_model(name)
        for everything in (True, False):
            sent = []
            params = value(operation.input_shape, everything, "", sent)
            captured.clear()
            method = botocore.xform_name(name)
            try:
                getattr(client, method)(**params)
            except Sent:
                pass
            (request,) = captured
            url = urllib.parse.urlsplit(request.url)
            body = request.body or b""
            if hasattr(body, "read"):
                body = body.read()
            if isinstance(body, str):
                body = body.encode()
            headers = [["host", url.netloc]]
            for header, text in sorted(request.headers.items()):
                text = text.decode() if isinstance(text, bytes) else text
                if header.lower() not in CHANGING:
                    headers.append([header.lower(), text])
            line = {
                "operation": name,
                "method": request.method,
                "path": url.path,
                "query": url.query,
                "headers": headers,
                "body": body.decode(),
                "sent": sent,
            }
            print(json.dumps(line, ensure_ascii=True))


if __name__ == "__main__":
    main()
