"""Versioning with an unmodified boto3."""

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def versioned(s3, bucket):
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


def refused(code, status, call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    return response["ResponseMetadata"]["HTTPHeaders"]


def test_a_life_with_versions(s3, versioned):
    k = {"Bucket": versioned, "Key": "k"}
    first = s3.put_object(**k, Body=b"one")["VersionId"]
    second = s3.put_object(**k, Body=b"two" * 50_000)["VersionId"]
    marker = s3.delete_object(**k)
    assert marker["DeleteMarker"]
    headers = refused("NoSuchKey", 404, s3.get_object, **k)
    assert (headers["x-amz-delete-marker"], headers["x-amz-version-id"]) == ("true", marker["VersionId"])
    headers = refused("MethodNotAllowed", 405, s3.get_object, **k, VersionId=marker["VersionId"])
    assert headers["allow"] == "DELETE" and headers["last-modified"]
    assert s3.get_object(**k, VersionId=first)["Body"].read() == b"one"
    assert s3.get_object(**k, VersionId=second)["Body"].read() == b"two" * 50_000
    page = s3.list_object_versions(Bucket=versioned)
    assert [v["VersionId"] for v in page["Versions"]] == [second, first]
    assert [(m["VersionId"], m["IsLatest"]) for m in page["DeleteMarkers"]] == [(marker["VersionId"], True)]
    assert s3.list_objects_v2(Bucket=versioned)["KeyCount"] == 0
    refused("BucketNotEmpty", 409, s3.delete_bucket, Bucket=versioned)
    s3.delete_object(**k, VersionId=marker["VersionId"])
    assert s3.head_object(**k)["VersionId"] == second
    copied = s3.copy_object(**k, CopySource={**k, "VersionId": first})
    assert copied["CopySourceVersionId"] == first
    assert s3.get_object(**k)["Body"].read() == b"one"
    s3.put_bucket_versioning(Bucket=versioned, VersioningConfiguration={"Status": "Suspended"})
    assert s3.get_bucket_versioning(Bucket=versioned)["Status"] == "Suspended"
    for body in (b"null 1", b"null 2"):
        s3.put_object(**k, Body=body)
    assert s3.get_object(**k, VersionId="null")["Body"].read() == b"null 2"
    page = s3.list_object_versions(Bucket=versioned)
    assert [v["VersionId"] for v in page["Versions"]] == ["null", copied["VersionId"], second, first]


def test_pages_of_versions_and_deletion_of_all(s3, versioned):
    for key in ("a", "b/c", "d"):
        for number in range(5):
            s3.put_object(Bucket=versioned, Key=key, Body=b"%d" % number)
        s3.delete_object(Bucket=versioned, Key=key)
    paginator = s3.get_paginator("list_object_versions")
    found = []
    for page in paginator.paginate(Bucket=versioned, PaginationConfig={"PageSize": 4}):
        entries = page.get("Versions", []) + page.get("DeleteMarkers", [])
        found += [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in entries]
    assert len(found) == 18 and len({entry["VersionId"] for entry in found}) == 18
    refused("InvalidArgument", 400, s3.list_object_versions, Bucket=versioned, VersionIdMarker="x")
    page = s3.list_object_versions(Bucket=versioned, Delimiter="/")
    assert [prefix["Prefix"] for prefix in page["CommonPrefixes"]] == ["b/"]
    done = s3.delete_objects(Bucket=versioned, Delete={"Objects": found})
    assert len(done["Deleted"]) == 18 and sum(d.get("DeleteMarker", False) for d in done["Deleted"]) == 3
    assert "Versions" not in s3.list_object_versions(Bucket=versioned)
    s3.delete_bucket(Bucket=versioned)
    s3.create_bucket(Bucket=versioned)


def test_conditions_on_the_current_version(s3, versioned):
    k = {"Bucket": versioned, "Key": "k"}
    etag = s3.put_object(**k, Body=b"one", IfNoneMatch="*")["ETag"]
    refused("PreconditionFailed", 412, s3.put_object, **k, Body=b"two", IfNoneMatch="*")
    refused("PreconditionFailed", 412, s3.delete_object, **k, IfMatch='"0"')
    s3.delete_object(**k, IfMatch=etag)
    refused("NoSuchKey", 404, s3.put_object, **k, Body=b"two", IfMatch=etag)
    s3.put_object(**k, Body=b"two", IfNoneMatch="*")


def test_the_command_line_lists_and_removes_versions(aws, s3, versioned):
    aws("s3api", "put-object", "--bucket", versioned, "--key", "k")
    aws("s3", "rm", f"s3://{versioned}/k")
    assert aws("s3", "ls", f"s3://{versioned}/") == ""
    marker = s3.list_object_versions(Bucket=versioned)["DeleteMarkers"][0]["VersionId"]
    aws("s3api", "delete-object", "--bucket", versioned, "--key", "k", "--version-id", marker)
    assert " k" in aws("s3", "ls", f"s3://{versioned}/")
    assert "Enabled" in aws("s3api", "get-bucket-versioning", "--bucket", versioned)
