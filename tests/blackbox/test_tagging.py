"""Tags of objects and buckets with unmodified clients."""

import json
import urllib.parse
import uuid

from test_objects import refused


def tag_set(**tags):
    return {"TagSet": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}


def test_tags_of_objects(s3, bucket):
    place = dict(Bucket=bucket, Key="k")
    s3.put_object(**place, Body=b"x", Tagging=urllib.parse.urlencode({"a": "1 2", "ü": ""}))
    assert s3.get_object_tagging(**place)["TagSet"] == tag_set(a="1 2", ü="")["TagSet"]
    assert s3.get_object(**place)["TagCount"] == 2
    assert s3.head_object(**place)["ResponseMetadata"]["HTTPHeaders"]["x-amz-tagging-count"] == "2"
    s3.put_object_tagging(**place, Tagging=tag_set(b="2"))
    before = s3.head_object(**place)
    s3.put_object_tagging(**place, Tagging=tag_set(c="3"))
    after = s3.head_object(**place)
    assert (after["LastModified"], after["ETag"]) == (before["LastModified"], before["ETag"])
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")
    assert s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"] == tag_set(c="3")["TagSet"]
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k", Tagging="d=4", TaggingDirective="REPLACE")
    assert s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"] == tag_set(d="4")["TagSet"]
    many = {f"k{number}": "v" for number in range(11)}
    refused("InvalidTag", 400, s3.put_object_tagging, **place, Tagging=tag_set(**many))
    refused("InvalidArgument", 400, s3.put_object, **place, Body=b"y", Tagging="a=1&a=2")
    assert s3.delete_object_tagging(**place)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert s3.get_object_tagging(**place)["TagSet"] == []
    assert s3.get_object(**place)["Body"].read() == b"x"
    refused("NoSuchKey", 404, s3.get_object_tagging, Bucket=bucket, Key="none")


def test_tags_of_buckets(s3, bucket):
    refused("NoSuchTagSet", 404, s3.get_bucket_tagging, Bucket=bucket)
    s3.put_bucket_tagging(Bucket=bucket, Tagging=tag_set(team="a", stage="b"))
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tag_set(team="a", stage="b")["TagSet"]
    refused("InvalidTag", 400, s3.put_bucket_tagging, Bucket=bucket, Tagging=tag_set(**{"aws:a": "b"}))
    s3.delete_bucket_tagging(Bucket=bucket)
    refused("NoSuchTagSet", 404, s3.get_bucket_tagging, Bucket=bucket)


def test_a_bucket_that_is_made_with_tags(s3, bucket):
    name = bucket + "-tagged"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"Tags": tag_set(team="a")["TagSet"]})
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == tag_set(team="a")["TagSet"]
    s3.delete_bucket(Bucket=name)


def test_the_command_line_tags(aws):
    bucket = f"cli-{uuid.uuid4().hex[:12]}"
    aws("s3", "mb", f"s3://{bucket}")
    aws("s3api", "put-object", "--bucket", bucket, "--key", "k", "--tagging", "a=1&b=2")
    tagging = '{"TagSet": [{"Key": "c", "Value": "3"}]}'
    aws("s3api", "put-object-tagging", "--bucket", bucket, "--key", "k", "--tagging", tagging)
    shown = aws("s3api", "get-object-tagging", "--bucket", bucket, "--key", "k")
    assert json.loads(shown)["TagSet"] == [{"Key": "c", "Value": "3"}]
    aws("s3", "rb", f"s3://{bucket}", "--force")
