"""URLs and forms as unmodified boto3 and AWS CLI presign them, sent with a plain HTTP client."""

import urllib.parse
import xml.etree.ElementTree as ET

import pytest
import urllib3

from conftest import client

VERSIONS = {"default": {}, "s3v4": {"signature_version": "s3v4"}, "s3": {"signature_version": "s3"}}


@pytest.fixture
def http(endpoint):
    return urllib3.PoolManager(ca_certs=endpoint.get("AWS_CA_BUNDLE"), retries=False)


@pytest.fixture(params=["default", "s3v4"])
def signer(request, endpoint):
    return client(endpoint, **VERSIONS[request.param])


def is_version_2(url):
    return "AWSAccessKeyId=" in url


def code(answer):
    return answer.status, ET.fromstring(answer.data).findtext("Code")


def test_the_default_is_version_2_where_the_region_is_us_east_1(endpoint, bucket):
    url = client(endpoint).generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    assert is_version_2(url)
    assert "AWSAccessKeyId" in client(endpoint).generate_presigned_post(bucket, "k")["fields"]


def test_a_url_reads_what_it_was_signed_for(s3, signer, bucket, http):
    s3.put_object(Bucket=bucket, Key="a b/ü+&=.txt", Body=b"content")
    named = {"Bucket": bucket, "Key": "a b/ü+&=.txt"}
    url = signer.generate_presigned_url("get_object", Params=named)
    assert http.request("GET", url).data == b"content"
    assert http.request("GET", url, headers={"Range": "bytes=2-3"}).data == b"nt"
    disposition = 'attachment; filename="a b.txt"'
    url = signer.generate_presigned_url("get_object", Params={
        **named, "ResponseContentDisposition": disposition, "ResponseContentType": "text/x; charset=utf-8"})
    answer = http.request("GET", url)
    assert (answer.data, answer.headers["content-disposition"]) == (b"content", disposition)
    assert answer.headers["content-type"] == "text/x; charset=utf-8"
    assert http.request("GET", url.replace("text%2Fx", "text%2Fy")).status == 403
    url = signer.generate_presigned_url("head_object", Params=named)
    assert http.request("HEAD", url).headers["content-length"] == "7"
    assert http.request("GET", url).status == 403


def test_a_url_writes_what_it_was_signed_for(s3, signer, bucket, http):
    named = {"Bucket": bucket, "Key": "k"}
    url = signer.generate_presigned_url("put_object", Params=named)
    answer = http.request("PUT", url, body=b"by url")
    assert answer.status == 200, answer.data
    assert s3.get_object(**named)["Body"].read() == b"by url"
    described = {**named, "ContentType": "text/x", "Metadata": {"a": "b c"}, "ACL": "private",
                 "ServerSideEncryption": "AES256"}
    url = signer.generate_presigned_url("put_object", Params=described)
    headers = {"Content-Type": "text/x", "x-amz-meta-a": "b c", "x-amz-acl": "private",
               "x-amz-server-side-encryption": "AES256"}
    assert http.request("PUT", url, body=b"2", headers=headers).status == 200
    head = s3.head_object(**named)
    assert (head["ContentType"], head["Metadata"]) == ("text/x", {"a": "b c"})
    # Another value, or a header beside those that are signed.
    for name, value in [("Content-Type", "text/html"), ("x-amz-meta-a", "c"), ("x-amz-tagging", "a=b")]:
        assert http.request("PUT", url, body=b"3", headers={**headers, name: value}).status in (400, 403)
    assert http.request("DELETE", url).status in (400, 403)
    assert s3.get_object(**named)["Body"].read() == b"2"
    if is_version_2(url):
        # What botocore moved into the query has its effect without the headers, too.
        assert http.request("PUT", url, body=b"4", headers={"Content-Type": "text/x"}).status == 200
        assert s3.head_object(**named)["Metadata"] == {"a": "b c"}


@pytest.mark.parametrize("seconds", [0, -7, 609901, 100_000])
def test_a_url_lives_at_most_a_week(s3, endpoint, bucket, http, seconds):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    url = client(endpoint).generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=seconds)
    answer = http.request("GET", url)
    if seconds == 100_000:
        assert answer.data == b"x"
    else:
        assert code(answer) == (403, "AccessDenied")


@pytest.mark.parametrize("parameter, value, expected", [
    ("Expires", "604801", (400, "AuthorizationQueryParametersError")),
    ("Expires", "-1", (400, "AuthorizationQueryParametersError")),
    ("Expires", "abc", (400, "AuthorizationQueryParametersError")),
    ("Expires", None, (400, "AuthorizationQueryParametersError")),
    ("Signature", None, (400, "AuthorizationQueryParametersError")),
    ("SignedHeaders", None, (400, "AuthorizationQueryParametersError")),
    ("Expires", "3601", (403, "SignatureDoesNotMatch")),
    ("Date", "20000101T000000Z", (400, "AuthorizationQueryParametersError")),
    ("Signature", "0" * 64, (403, "SignatureDoesNotMatch")),
    ("Algorithm", "AWS4-HMAC-SHA1", (400, "AuthorizationQueryParametersError")),
    ("Credential", "x", (400, "AuthorizationQueryParametersError")),
])
def test_a_url_of_version_4_that_was_changed_is_refused(s3, endpoint, bucket, http, parameter, value, expected):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    signer = client(endpoint, **VERSIONS["s3v4"])
    url = urllib.parse.urlsplit(signer.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}))
    assert http.request("GET", url.geturl()).data == b"x"
    query = dict(urllib.parse.parse_qsl(url.query))
    query[f"X-Amz-{parameter}"] = value
    query = urllib.parse.urlencode({name: value for name, value in query.items() if value is not None})
    assert code(http.request("GET", url._replace(query=query).geturl())) == expected


def test_version_2_is_for_reading_and_writing_objects_only(s3, endpoint, bucket, http):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    old = client(endpoint, signature_version="s3")
    for operation, method, more in [
        ("delete_object", "DELETE", {"Key": "k"}), ("list_objects_v2", "GET", {}),
        ("get_object_tagging", "GET", {"Key": "k"}), ("get_bucket_location", "GET", {}),
        ("create_multipart_upload", "POST", {"Key": "k"}), ("delete_bucket", "DELETE", {}),
    ]:
        url = client(endpoint).generate_presigned_url(operation, Params={"Bucket": bucket, **more})
        assert is_version_2(url)
        answer = http.request(method, url)
        assert answer.status == 400, (operation, answer.data)
    with pytest.raises(Exception, match="authorization mechanism"):
        old.get_object(Bucket=bucket, Key="k")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_the_aws_cli_presigns(s3, aws, bucket, http):
    s3.put_object(Bucket=bucket, Key="k", Body=b"of the cli")
    url = aws("s3", "presign", f"s3://{bucket}/k", "--expires-in", "60").strip()
    assert http.request("GET", url).data == b"of the cli"


def upload(http, post, content=b"content", filename="f.txt", **fields):
    parts = {**post["fields"], **fields, "file": (filename, content)}
    return http.request("POST", post["url"], fields=parts, redirect=False)


def test_a_form_uploads_what_it_was_signed_for(s3, signer, bucket, http):
    post = signer.generate_presigned_post(bucket, "u/${filename}")
    answer = upload(http, post)
    assert (answer.status, answer.data) == (204, b""), answer.data
    assert s3.get_object(Bucket=bucket, Key="u/f.txt")["Body"].read() == b"content"
    assert answer.headers["etag"] == s3.head_object(Bucket=bucket, Key="u/f.txt")["ETag"]
    assert code(upload(http, post, key="elsewhere")) == (403, "AccessDenied")
    assert code(upload(http, post, acl="private")) == (403, "AccessDenied")
    assert code(upload(http, post, policy=post["fields"]["policy"][::-1]))[0] == 403


def test_a_large_form_is_streamed(s3, signer, bucket, http):
    content = bytes(range(256)) * 40_000 + b"\r\n--" * 1000
    conditions = [["content-length-range", 1, len(content)]]
    post = signer.generate_presigned_post(bucket, "k", Conditions=conditions)
    assert upload(http, post, content).status == 204
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == content
    answer = upload(http, post, content + b"x")
    assert code(answer) == (400, "EntityTooLarge")
    assert code(upload(http, post, b"")) == (400, "EntityTooSmall")
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == len(content)


def test_a_form_hears_what_it_wants_to_hear(s3, signer, bucket, http):
    fields = {"Content-Type": "image/png", "x-amz-meta-a": "b", "success_action_status": "201"}
    conditions = [["starts-with", "$Content-Type", "image/"], {"x-amz-meta-a": "b"},
                  ["starts-with", "$success_action_status", ""], ["starts-with", "$success_action_redirect", ""]]
    post = signer.generate_presigned_post(bucket, "a b", Fields=fields, Conditions=conditions)
    # A condition on a field that is absent does not hold.
    assert code(upload(http, post)) == (403, "AccessDenied")
    answer = upload(http, post, success_action_redirect="javascript:alert(1)")
    document = ET.fromstring(answer.data)
    assert (answer.status, document.tag) == (201, "PostResponse")
    assert (document.findtext("Bucket"), document.findtext("Key")) == (bucket, "a b")
    assert document.findtext("Location").endswith(f"/{bucket}/a%20b")
    assert document.findtext("ETag") == answer.headers["etag"]
    head = s3.head_object(Bucket=bucket, Key="a b")
    assert (head["ContentType"], head["Metadata"]) == ("image/png", {"a": "b"})
    answer = upload(http, post, success_action_redirect="https://x.example/done?x=1")
    assert answer.status == 303
    location = urllib.parse.urlsplit(answer.headers["location"])
    told = dict(urllib.parse.parse_qsl(location.query))
    assert told == {"x": "1", "bucket": bucket, "key": "a b", "etag": head["ETag"]}
    assert code(upload(http, post, **{"Content-Type": "text/html"})) == (403, "AccessDenied")


def test_a_form_without_a_signature_is_refused(s3, endpoint, bucket, http):
    post = {"url": f"{endpoint['AWS_ENDPOINT_URL']}/{bucket}", "fields": {"key": "k"}}
    assert code(upload(http, post)) == (403, "AccessDenied")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_a_form_with_a_policy_that_is_over_is_refused(signer, bucket, http):
    post = signer.generate_presigned_post(bucket, "k", ExpiresIn=-1)
    answer = upload(http, post)
    assert code(answer) == (403, "AccessDenied")
    assert "Invalid according to Policy: Policy expired." in answer.data.decode()


def test_a_form_of_a_versioned_bucket_makes_a_version(s3, signer, bucket, http):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    post = signer.generate_presigned_post(bucket, "k")
    first, second = upload(http, post, b"1"), upload(http, post, b"2")
    ids = [answer.headers["x-amz-version-id"] for answer in (first, second)]
    assert ids[0] != ids[1]
    for number, version in zip((b"1", b"2"), ids):
        url = signer.generate_presigned_url(
            "get_object", Params={"Bucket": bucket, "Key": "k", "VersionId": version})
        assert http.request("GET", url).data == number
    for version in ids:
        s3.delete_object(Bucket=bucket, Key="k", VersionId=version)
