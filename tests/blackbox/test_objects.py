"""S3's core with an unmodified boto3, over HTTP and HTTPS."""

import base64
import hashlib
import os
import zlib

import pytest
from botocore.exceptions import ClientError

from conftest import client

PART_BYTES = 5 * 1024 * 1024


def refused(code, status, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    return response


@pytest.mark.parametrize("size", [0, 1, 11, 65535, 65536, 65537, 131072, 1024 * 1024 + 1, 9 * 1024 * 1024])
def test_what_is_put_is_got(s3, bucket, size):
    body = os.urandom(size)
    put = s3.put_object(Bucket=bucket, Key="k", Body=body, Metadata={"a": "b"}, ContentType="text/x-test")
    assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    assert put["ServerSideEncryption"] == "AES256"
    assert put["ChecksumCRC32"] == base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == body
    assert (got["Metadata"], got["ContentType"], got["ContentLength"]) == ({"a": "b"}, "text/x-test", size)
    assert got["ServerSideEncryption"] == "AES256"
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head["ChecksumCRC32"] == put["ChecksumCRC32"] and head["ChecksumType"] == "FULL_OBJECT"


def test_ranges_are_exact_at_every_border(s3, bucket):
    body = os.urandom(300_000)
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    for first, last in [(0, 0), (65535, 65536), (65536, 131071), (131071, 299_999), (299_999, 299_999), (5, 10**9)]:
        got = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={first}-{last}")
        assert got["Body"].read() == body[first:last + 1]
        assert got["ContentRange"] == f"bytes {first}-{min(last, 299_999)}/300000"
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert s3.get_object(Bucket=bucket, Key="k", Range="bytes=-7")["Body"].read() == body[-7:]
    refused("InvalidRange", 416, s3.get_object, Bucket=bucket, Key="k", Range="bytes=300000-")


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_checksums_are_checked_and_kept(s3, bucket, algorithm):

    put = s3.put_object(Bucket=bucket, Key="k", Body=b"hello world", ChecksumAlgorithm=algorithm)
    value = put[f"Checksum{algorithm}"]
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head[f"Checksum{algorithm}"] == value
    wrong = base64.b64encode(bytes(len(base64.b64decode(value)))).decode()
    refused("BadDigest", 400, s3.put_object, Bucket=bucket, Key="bad", Body=b"hello world",
            **{f"Checksum{algorithm}": wrong})
    refused("404", 404, s3.head_object, Bucket=bucket, Key="bad")


# Computed with hashlib and with the xxhash package; boto3 computes none of them itself.
LATER_ALGORITHMS = {
    "SHA512": base64.b64encode(hashlib.sha512(b"hello world").digest()).decode(),
    "MD5": "XrY7u+Ae7tCTyyK7j1rNww==",
    "XXHASH64": "RatnNLIeaWg=",
    "XXHASH3": "1Eex6kDmmIs=",
    "XXHASH128": "340J6T+HSQCpm4d1zBW2xw==",
}


@pytest.mark.parametrize("algorithm", LATER_ALGORITHMS)
def test_checksums_that_the_client_computed_elsewhere(s3, bucket, algorithm):
    value, member = LATER_ALGORITHMS[algorithm], f"Checksum{algorithm}"
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"hello world", **{member: value})
    assert (put[member], put["ChecksumType"]) == (value, "FULL_OBJECT")
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got[member] == value and got["Body"].read() == b"hello world"
    wrong = base64.b64encode(bytes(len(base64.b64decode(value)))).decode()
    refused("BadDigest", 400, s3.put_object, Bucket=bucket, Key="bad", Body=b"hello world", **{member: wrong})
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k", ChecksumAlgorithm=algorithm)
    assert copied["CopyObjectResult"][member] == value
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert [entry["ChecksumAlgorithm"] for entry in listed] == [[algorithm], [algorithm]]
    upload = dict(Bucket=bucket, Key="parts")
    created = s3.create_multipart_upload(**upload, ChecksumAlgorithm=algorithm)
    assert (created["ChecksumAlgorithm"], created["ChecksumType"]) == (algorithm, "COMPOSITE")
    upload["UploadId"] = created["UploadId"]
    part = s3.upload_part(**upload, PartNumber=1, Body=b"hello world", **{member: value})
    parts = [{"PartNumber": 1, "ETag": part["ETag"], member: value}]
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert done[member].endswith("-1") and done["ChecksumType"] == "COMPOSITE"


def test_the_multipart_vector_of_the_specification(s3, bucket):
    parts = [b"A" * PART_BYTES, b"B" * PART_BYTES, b"C" * 1024]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm="CRC32", Metadata={"m": "1"})
    sent = []
    for number in (3, 1, 2):
        done = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload["UploadId"], PartNumber=number,
                              Body=parts[number - 1], ChecksumAlgorithm="CRC32")
        sent.append({"PartNumber": number, "ETag": done["ETag"], "ChecksumCRC32": done["ChecksumCRC32"]})
    refused("404", 404, s3.head_object, Bucket=bucket, Key="k")
    sent.sort(key=lambda part: part["PartNumber"])
    complete = dict(Bucket=bucket, Key="k", UploadId=upload["UploadId"], MultipartUpload={"Parts": sent})
    done = s3.complete_multipart_upload(**complete)
    assert done["ETag"] == '"1c3dafcf2149c7b623d2361636f6528c-3"'
    assert done["ChecksumCRC32"] == "MpSvpA==-3"
    assert s3.complete_multipart_upload(**complete)["ETag"] == done["ETag"], "completing twice is idempotent"
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == b"".join(parts) and got["Metadata"] == {"m": "1"}
    border = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={PART_BYTES - 3}-{PART_BYTES + 2}")
    assert border["Body"].read() == b"AAABBB"
    part = s3.get_object(Bucket=bucket, Key="k", PartNumber=3)
    assert part["Body"].read() == parts[2] and part["PartsCount"] == 3


def test_copies_carry_or_replace_metadata(s3, bucket):
    body = os.urandom(200_000)
    s3.put_object(Bucket=bucket, Key="ä +%/src", Body=body, Metadata={"a": "1"}, ContentType="text/a")
    source = {"Bucket": bucket, "Key": "ä +%/src"}
    s3.copy_object(Bucket=bucket, Key="dst", CopySource=source)
    got = s3.get_object(Bucket=bucket, Key="dst")
    assert (got["Body"].read(), got["Metadata"], got["ContentType"]) == (body, {"a": "1"}, "text/a")
    s3.copy_object(Bucket=bucket, Key="dst", CopySource=source, MetadataDirective="REPLACE", Metadata={"b": "2"})
    assert s3.head_object(Bucket=bucket, Key="dst")["Metadata"] == {"b": "2"}
    refused("InvalidRequest", 400, s3.copy_object, Bucket=bucket, Key="ä +%/src", CopySource=source)
    refused("PreconditionFailed", 412, s3.copy_object, Bucket=bucket, Key="x", CopySource=source,
            CopySourceIfMatch='"0"')


def test_listing_pages_and_prefixes(s3, bucket):
    keys = sorted([f"a/{n:03}" for n in range(30)] + ["b", "c/d/e", "z\u00e9", "z\U0001f511"])
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    paginator = s3.get_paginator("list_objects_v2")
    for size in (1, 7, 1000):
        found = [entry["Key"] for page in paginator.paginate(Bucket=bucket, PaginationConfig={"PageSize": size})
                 for entry in page.get("Contents", [])]
        assert found == keys
    page = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert [p["Prefix"] for p in page["CommonPrefixes"]] == ["a/", "c/"]
    assert s3.list_objects_v2(Bucket=bucket, Prefix="a/", MaxKeys=3)["KeyCount"] == 3
    done = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys + ["absent"]]})
    assert len(done["Deleted"]) == len(keys) + 1
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_missing_things_and_bad_input_get_the_errors_of_aws(s3, bucket):
    missing = refused("NoSuchKey", 404, s3.get_object, Bucket=bucket, Key="none")
    assert missing["Error"]["Key"] == "none"
    assert missing["ResponseMetadata"]["RequestId"] and missing["ResponseMetadata"]["HostId"]
    refused("NoSuchBucket", 404, s3.list_objects_v2, Bucket="no-such-bucket-at-all")
    refused("NoSuchUpload", 404, s3.list_parts, Bucket=bucket, Key="k", UploadId="none")
    refused("KeyTooLongError", 400, s3.put_object, Bucket=bucket, Key="k" * 1025, Body=b"")
    refused("NotImplemented", 501, s3.put_object, Bucket=bucket, Key="k", Body=b"", ObjectLockLegalHoldStatus="ON")
    assert s3.delete_object(Bucket=bucket, Key="none")["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_conditions_of_reads(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    assert s3.get_object(Bucket=bucket, Key="k", IfMatch=etag)["Body"].read() == b"x"
    refused("PreconditionFailed", 412, s3.get_object, Bucket=bucket, Key="k", IfMatch='"0"')
    refused("304", 304, s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=etag)


def test_a_session_without_its_token_or_with_a_changed_secret_is_refused(server):
    env = server.env()
    refused("InvalidAccessKeyId", 403, client({**env, "AWS_SESSION_TOKEN": None}).list_buckets)
    refused("SignatureDoesNotMatch", 403, client({**env, "AWS_SECRET_ACCESS_KEY": "x" * 40}).list_buckets)
    refused("InvalidToken", 400, client({**env, "AWS_SESSION_TOKEN": env["AWS_SESSION_TOKEN"][:-4] + "AAAA"}).list_buckets)


def test_another_account_sees_nothing(server, s3, bucket):
    made = server.account(f"other-{bucket}")
    other = client({**server.env(), "AWS_ACCESS_KEY_ID": made["AccessKeyId"],
                    "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"], "AWS_SESSION_TOKEN": None})
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert other.list_buckets()["Buckets"] == []
    for call, arguments in [(other.get_object, {"Key": "k"}), (other.put_object, {"Key": "k", "Body": b"y"}),
                            (other.delete_object, {"Key": "k"}), (other.list_objects_v2, {}),
                            (other.delete_bucket, {}), (other.get_object, {"Key": "absent"})]:
        refused("AccessDenied", 403, call, Bucket=bucket, **arguments)
    refused("BucketAlreadyExists", 409, other.create_bucket, Bucket=bucket)
    refused("AccessDenied", 403, other.copy_object, Bucket=bucket, Key="y", CopySource=f"{bucket}/k")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_what_every_bucket_is_without_configuration(s3, bucket):
    place = dict(Bucket=bucket)
    assert s3.get_bucket_request_payment(**place)["Payer"] == "BucketOwner"
    assert "Status" not in s3.get_bucket_accelerate_configuration(**place)
    assert "LoggingEnabled" not in s3.get_bucket_logging(**place)
    assert "TopicConfigurations" not in s3.get_bucket_notification_configuration(**place)
    assert all(s3.get_public_access_block(**place)["PublicAccessBlockConfiguration"].values())
    rules = s3.get_bucket_ownership_controls(**place)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    acl = s3.get_bucket_acl(**place)
    assert [(grant["Grantee"]["ID"], grant["Permission"]) for grant in acl["Grants"]] == [
        (acl["Owner"]["ID"], "FULL_CONTROL")]
    for code, call in [
        ("NoSuchCORSConfiguration", s3.get_bucket_cors),
        ("NoSuchLifecycleConfiguration", s3.get_bucket_lifecycle_configuration),
        ("NoSuchBucketPolicy", s3.get_bucket_policy),
        ("ReplicationConfigurationNotFoundError", s3.get_bucket_replication),
        ("NoSuchWebsiteConfiguration", s3.get_bucket_website),
        ("ObjectLockConfigurationNotFoundError", s3.get_object_lock_configuration),
    ]:
        refused(code, 404, call, **place)
    assert not s3.list_bucket_inventory_configurations(**place)["IsTruncated"]
    s3.put_bucket_request_payment(**place, RequestPaymentConfiguration={"Payer": "BucketOwner"})
    refused("NotImplemented", 501, s3.put_bucket_request_payment, **place,
            RequestPaymentConfiguration={"Payer": "Requester"})


def test_a_range_of_another_object_is_the_whole(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")["ETag"]
    meant = []
    s3.meta.events.register("before-sign.s3.GetObject", lambda request, **_: request.headers.add_header("If-Range", meant[0]))
    for value, body in [(etag, b"23"), ('"other"', b"0123456789")]:
        meant[:] = [value]
        assert s3.get_object(Bucket=bucket, Key="k", Range="bytes=2-3")["Body"].read() == body
