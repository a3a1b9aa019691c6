"""Rows of S3's own behaviour, one by one, as they stand on the wire. The names of the rows are those of
the specification of data protection."""

import base64
import contextlib
import hashlib
import http.client
import re
import urllib.parse

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

CRC32 = "DUoRhQ=="  # of b"hello world", as all below
MD5 = base64.b64encode(hashlib.md5(b"hello world").digest()).decode()
OTHER_MD5 = base64.b64encode(hashlib.md5(b"other").digest()).decode()
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
SSE = "x-amz-server-side-encryption"
HELLO = b"hello world"
TAGS = "<Tagging><TagSet>{}</TagSet></Tagging>"


class Auth(S3SigV4Auth):
    """Signs what it is told of the body, true or not."""

    def __init__(self, env, declared):
        credentials = Credentials(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"])
        super().__init__(credentials, "s3", env["AWS_REGION"])
        self.declared = declared

    def payload(self, request):
        return self.declared or super().payload(request)

    def _modify_request_before_signing(self, request):
        super()._modify_request_before_signing(request)
        if self.declared == "":
            del request.headers["X-Amz-Content-SHA256"]


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    def element(self, name):
        found = re.search(rf"<{name}>(.*?)</{name}>".encode(), self.body, re.DOTALL)
        return found and found.group(1).decode()

    @property
    def outcome(self):
        return f"{self.status} {self.element('Code')}" if self.status >= 400 and self.body else str(self.status)


@pytest.fixture(scope="module")
def send(server):
    """Sends a signed request whose body and headers may contradict each other."""
    env = server.env()
    place = urllib.parse.urlsplit(env["AWS_ENDPOINT_URL"])

    def send(method, path, body=b"", headers=None, payload=None, signed=True, length=None):
        headers = {name.lower(): value for name, value in (headers or {}).items()}
        request = AWSRequest(method, f"http://{place.netloc}{path}", data=body, headers={"Host": place.netloc, **headers})
        if signed:
            Auth(env, payload).add_auth(request)
        sent = {name.lower(): value for name, value in request.headers.items()}
        if length != "none":
            sent["content-length"] = str(len(body)) if length is None else length
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=30)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the answer may come before the body has gone
            connection.send(body)
        answer = Answer(connection.getresponse())
        connection.close()
        return answer

    return send


@pytest.fixture(scope="module")
def place(server, send):
    """A bucket for the whole table: what is refused leaves no trace in it."""
    assert send("PUT", "/checklist").outcome == "200"
    assert send("PUT", "/checklist/k", HELLO).outcome == "200"
    yield "/checklist"
    for key in ("k", "new"):
        send("DELETE", f"/checklist/{key}")
    assert send("DELETE", "/checklist").outcome == "204"


def chunked(*chunks, trailer=""):
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + f"0\r\n{trailer}\r\n".encode()


def stream(length="11", trailer=None):
    headers = {"content-encoding": "aws-chunked", "x-amz-decoded-content-length": length}
    return {**headers, "x-amz-trailer": trailer} if trailer else headers


def tags(*pairs):
    return TAGS.format("".join(f"<Tag><Key>{key}</Key><Value>{value}</Value></Tag>" for key, value in pairs)).encode()


def md5_of(body):
    return {"content-md5": base64.b64encode(hashlib.md5(body).digest()).decode()}


def put(**headers):
    return "PUT", "/new", HELLO, {name.replace("_", "-"): value for name, value in headers.items()}


REFUSED = {
    "INT-006": (*put(content_md5=OTHER_MD5), None, "400 BadDigest"),
    "INT-007": (*put(content_md5="xyz"), None, "400 InvalidDigest"),
    "INT-009": (*put(), "0" * 64, "400 XAmzContentSHA256Mismatch"),
    "INT-011": (*put(), "UNSIGNED", "400 InvalidArgument"),
    "INT-018": (*put(x_amz_checksum_crc32="AAAAAA=="), None, "400 BadDigest"),
    "INT-019": (*put(x_amz_checksum_crc32=CRC32, x_amz_checksum_crc32c="yZRlqg=="), None, "400 InvalidRequest"),
    "INT-020": (*put(x_amz_sdk_checksum_algorithm="CRC32"), None, "400 InvalidRequest"),
    "INT-020 another": (*put(x_amz_sdk_checksum_algorithm="SHA1", x_amz_checksum_crc32=CRC32), None,
                        "400 InvalidRequest"),
    "INT-027": ("PUT", "/new", chunked(HELLO, trailer="x-amz-checksum-crc32:AAAAAA==\r\n"),
                stream(trailer="x-amz-checksum-crc32"), UNSIGNED_TRAILER, "400 BadDigest"),
    "INT-028": ("PUT", "/new", chunked(HELLO), stream(trailer="x-amz-checksum-crc32"), UNSIGNED_TRAILER,
                "400 MalformedTrailerError"),
    "INT-029": ("PUT", "/new", chunked(HELLO, trailer=f"x-amz-checksum-crc32:{CRC32}\r\n"), stream(),
                UNSIGNED_TRAILER, "400 MalformedTrailerError"),
    "INT-034": ("PUT", "/new", chunked(b"a" * 100, HELLO), stream("111"), UNSIGNED_TRAILER,
                "400 InvalidChunkSizeError"),
    "INT-035": ("PUT", "/new", chunked(HELLO), stream("12"), UNSIGNED_TRAILER, "400 IncompleteBody"),
    "INT-036": ("PUT", "/new", chunked(HELLO), {"content-encoding": "aws-chunked"}, UNSIGNED_TRAILER,
                "411 MissingContentLength"),
    "INT-038": ("PUT", "/new", chunked(HELLO), stream(), "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
                "501 NotImplemented"),
    "INT-039": ("PUT", "?tagging", chunked(tags()), stream(str(len(tags()))), UNSIGNED_TRAILER, "400 InvalidRequest"),
    "INT-040": ("POST", "?delete", b"<Delete><Object><Key>k</Key></Object></Delete>", {}, None, "400 InvalidRequest"),
    "INT-049": ("GET", "/k?attributes", b"", {}, None, "400 InvalidRequest"),
    "INT-049 unknown": ("GET", "/k?attributes", b"", {"x-amz-object-attributes": "ETag,Colour"}, None,
                        "400 InvalidArgument"),
    "MPU-005": ("POST", "/new?uploads", b"",
                {"x-amz-checksum-algorithm": "CRC64NVME", "x-amz-checksum-type": "COMPOSITE"}, None, "400 InvalidRequest"),
    "MPU-006": ("POST", "/new?uploads", b"",
                {"x-amz-checksum-algorithm": "SHA256", "x-amz-checksum-type": "FULL_OBJECT"}, None, "400 InvalidRequest"),
    "MPU-007": ("POST", "/new?uploads", b"", {"x-amz-checksum-type": "FULL_OBJECT"}, None, "400 InvalidRequest"),
    "MPU-017 low": ("PUT", "/new?partNumber=0&uploadId=u", HELLO, {}, None, "400 InvalidArgument"),
    "MPU-017 high": ("PUT", "/new?partNumber=10001&uploadId=u", HELLO, {}, None, "400 InvalidArgument"),
    "MPU-029": ("GET", "/k?partNumber=2", b"", {}, None, "416 InvalidPartNumber"),
    "MPU-030": ("GET", "/k?partNumber=1", b"", {"range": "bytes=0-1"}, None, "400 InvalidRequest"),
    "CND-007": ("PUT", "/k", HELLO, {"if-none-match": "*"}, None, "412 PreconditionFailed"),
    "CND-008": ("PUT", "/k", HELLO, {"if-none-match": '"0"'}, None, "501 NotImplemented"),
    "CND-009 stale": ("PUT", "/k", HELLO, {"if-match": '"0"'}, None, "412 PreconditionFailed"),
    "CND-009 absent": ("PUT", "/new", HELLO, {"if-match": '"0"'}, None, "404 NoSuchKey"),
    "CND-010": ("PUT", "/k", HELLO, {"if-match": "*", "if-none-match": "*"}, None, "501 NotImplemented"),
    "CND-016": ("PUT", "/new", b"", {"x-amz-copy-source": "/checklist/k", "x-amz-copy-source-if-none-match": "*"}, None,
                "412 PreconditionFailed"),
    "CND-017": ("PUT", "/k", b"", {"x-amz-copy-source": "/checklist/k", "x-amz-metadata-directive": "REPLACE",
                                   "if-none-match": "*"}, None, "412 PreconditionFailed"),
    "CND-018": ("DELETE", "/k", b"", {"if-match": '"0"'}, None, "412 PreconditionFailed"),
    "SSE-007": (*put(**{SSE: "aes256"}), None, "400 InvalidArgument"),
    "SSE-008": (*put(**{SSE: "AES256", f"{SSE}-aws-kms-key-id": "k"}), None, "400 InvalidArgument"),
    "SSE-009": (*put(**{f"{SSE}-aws-kms-key-id": "k"}), None, "400 InvalidArgument"),
    "SSE-010": (*put(**{SSE: "AES256", f"{SSE}-customer-algorithm": "AES256"}), None, "400 InvalidArgument"),
    "SSE-011": ("GET", "/k", b"", {SSE: "AES256"}, None, "400 InvalidArgument"),
    "SSE-012": ("PUT", "/new?partNumber=1&uploadId=u", HELLO, {SSE: "AES256"}, None, "400 InvalidArgument"),
    "VER-009 malformed": ("GET", "/k?versionId=x%20y", b"", {}, None, "400 InvalidArgument"),
    "VER-009 empty": ("GET", "/k?versionId=", b"", {}, None, "400 InvalidArgument"),
    "VER-009 unknown": ("GET", f"/k?versionId={'a' * 32}", b"", {}, None, "404 NoSuchVersion"),
    "VER-015": ("GET", "?versions&version-id-marker=x", b"", {}, None, "400 InvalidArgument"),
    "CPY-003 metadata": ("PUT", "/new", b"", {"x-amz-copy-source": "/checklist/k", "x-amz-metadata-directive": "FOO"},
                         None, "400 InvalidArgument"),
    "CPY-003 tagging": ("PUT", "/new", b"", {"x-amz-copy-source": "/checklist/k", "x-amz-tagging-directive": "FOO"},
                        None, "400 InvalidArgument"),
    "CPY-005 key": ("PUT", "/new", b"", {"x-amz-copy-source": "/checklist/none"}, None, "404 NoSuchKey"),
    "CPY-005 bucket": ("PUT", "/new", b"", {"x-amz-copy-source": "/no-such-bucket/k"}, None, "404 NoSuchBucket"),
    "CPY-005 version": ("PUT", "/new", b"", {"x-amz-copy-source": f"/checklist/k?versionId={'a' * 32}"}, None,
                        "404 NoSuchVersion"),
    "CPY-009": ("PUT", "/new", b"", {"x-amz-copy-source": "/checklist/k",
                                     "x-amz-source-expected-bucket-owner": "999999999999"}, None, "403 AccessDenied"),
    "6.1 GET": ("GET", "/k", b"", {"x-amz-copy-source": "/checklist/k"}, None, "400 InvalidArgument"),
    "6.1 DELETE": ("DELETE", "/k", b"", {"x-amz-copy-source": "/checklist/k"}, None, "400 InvalidArgument"),
    "6.1 body": ("PUT", "/new", HELLO, {"x-amz-copy-source": "/checklist/k"}, None, "400 InvalidRequest"),
    "1.10 partNumber": ("PUT", "/new?partNumber=1", HELLO, {}, None, "400 InvalidArgument"),
    "1.10 uploadId": ("PUT", "/new?uploadId=u", HELLO, {}, None, "405 MethodNotAllowed"),
    "1.6 GET": ("GET", "/k", b"", {}, UNSIGNED_TRAILER, "400 InvalidRequest"),
    "TAG-001": ("PUT", "/k?tagging", *(lambda body: (body, md5_of(body)))(tags(*[(n, "") for n in range(11)])), None,
                "400 InvalidTag"),
    "TAG-002 key": ("PUT", "/k?tagging", *(lambda body: (body, md5_of(body)))(tags(("k" * 129, ""))), None,
                    "400 InvalidTag"),
    "TAG-002 value": ("PUT", "/k?tagging", *(lambda body: (body, md5_of(body)))(tags(("k", "v" * 257))), None,
                      "400 InvalidTag"),
    "TAG-003": ("PUT", "/k?tagging", *(lambda body: (body, md5_of(body)))(tags(("k", "1"), ("k", "2"))), None,
                "400 InvalidTag"),
    "TAG-004": (*put(x_amz_tagging="a=1&a=2"), None, "400 InvalidArgument"),
    "MET-001": (*put(x_amz_meta_a="v" * 2048), None, "400 MetadataTooLarge"),
    "NAM-001": ("PUT", "/" + "k" * 1025, HELLO, {}, None, "400 KeyTooLongError"),
    "RST-003": (*put(x_amz_storage_class="FOO"), None, "400 InvalidStorageClass"),
    "ERR-005": ("PUT", "/k?tagging", b" " * (10 * 1024 * 1024), {}, None, "400 MaxMessageLengthExceeded"),
}


@pytest.mark.parametrize("row", REFUSED)
def test_what_is_refused_has_its_code_and_leaves_no_trace(send, place, row):
    method, path, body, headers, payload, expected = REFUSED[row]
    answer = send(method, place + path, body, headers, payload)
    assert answer.outcome == expected, answer.body
    # ERR-001: every refusal says what it is about, and which request it was.
    assert answer.headers["content-type"] == "application/xml"
    assert answer.element("RequestId") == answer.headers["x-amz-request-id"]
    assert answer.element("HostId") == answer.headers["x-amz-id-2"]
    assert answer.element("Message") and answer.element("Resource")
    if expected.endswith("InvalidArgument"):
        assert answer.element("ArgumentName"), answer.body
    assert send("HEAD", f"{place}/new").status == 404
    kept = send("GET", f"{place}/k")
    assert (kept.body, kept.headers["x-amz-tagging-count"]) == (HELLO, None)


def test_int_010_a_signature_without_the_digest_of_the_body(send, place):
    assert send("PUT", f"{place}/new", HELLO, payload="").outcome == "400 InvalidRequest"


def test_int_043_044_the_length_is_known_and_bounded(send, place):
    assert send("PUT", f"{place}/new", length="none").outcome == "411 MissingContentLength"
    answer = send("PUT", f"{place}/new", length=str(5 * 1024**3 + 1), payload="UNSIGNED-PAYLOAD")
    assert answer.outcome == "400 EntityTooLarge"
    assert (answer.element("ProposedSize"), answer.element("MaxSizeAllowed")) == ("5368709121", "5368709120")


NEEDS_DIGEST = {
    "PutBucketEncryption": ("", "?encryption", "<ServerSideEncryptionConfiguration><Rule>"
                            "<ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>"
                            "</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"),
    "PutBucketRequestPayment": ("", "?requestPayment", "<RequestPaymentConfiguration><Payer>BucketOwner</Payer>"
                                "</RequestPaymentConfiguration>"),
    "PutBucketTagging": ("", "?tagging", TAGS.format("")),
    "PutBucketVersioning": ("", "?versioning", "<VersioningConfiguration/>"),
    "PutObjectTagging": ("/k", "?tagging", TAGS.format("")),
}


@pytest.mark.parametrize("operation", NEEDS_DIGEST)
def test_int_041_042_documents_that_change_something_have_a_digest(send, place, operation):
    key, query, body = NEEDS_DIGEST[operation]
    body, path = body.encode(), place + key + query
    assert send("PUT", path, body).outcome == "400 InvalidRequest"
    assert send("PUT", path, body, {"content-md5": OTHER_MD5}).outcome == "400 BadDigest"
    assert send("PUT", path, body, {"x-amz-checksum-crc32": "AAAAAA=="}).outcome == "400 BadDigest"
    if operation != "PutBucketVersioning":
        assert send("PUT", path, body, md5_of(body)).status in (200, 204)


def test_int_021_to_024_checksums_come_back_where_they_can_be_checked(send, place):
    answer = send("PUT", f"{place}/new", HELLO)
    assert (answer.headers["x-amz-checksum-crc64nvme"], answer.headers["x-amz-checksum-type"]) == (
        "jSnVw/bqjr4=", "FULL_OBJECT")
    for method in ("GET", "HEAD"):
        asked = send(method, f"{place}/new", headers={"x-amz-checksum-mode": "ENABLED"})
        assert (asked.headers["x-amz-checksum-crc64nvme"], asked.headers["x-amz-checksum-type"]) == (
            "jSnVw/bqjr4=", "FULL_OBJECT")
        plain = send(method, f"{place}/new")
        part = send(method, f"{place}/new", headers={"x-amz-checksum-mode": "ENABLED", "range": "bytes=0-9"})
        assert part.status == 206
        for answer in (plain, part):
            assert not [name for name in answer.headers if name.lower().startswith("x-amz-checksum")]
    send("DELETE", f"{place}/new")


def test_int_030_037_the_framing_of_a_body_is_not_stored(send, place):
    for encoding, kept in [("aws-chunked", None), ("aws-chunked,gzip", "gzip"), ("gzip, aws-chunked", "gzip")]:
        headers = {**stream(), "content-encoding": encoding}
        answer = send("PUT", f"{place}/new", chunked(HELLO), headers, UNSIGNED_TRAILER)
        assert answer.headers["x-amz-checksum-crc64nvme"] == "jSnVw/bqjr4=", answer.body
        got = send("GET", f"{place}/new")
        assert (got.body, got.headers["content-encoding"]) == (HELLO, kept)
    send("DELETE", f"{place}/new")


def test_int_048_050_attributes_of_an_object(send, place):
    wanted = {"x-amz-object-attributes": "ETag,Checksum,ObjectParts,StorageClass,ObjectSize"}
    answer = send("GET", f"{place}/k?attributes", headers=wanted)
    assert answer.element("ETag") == hashlib.md5(HELLO).hexdigest()
    assert (answer.element("ObjectSize"), answer.element("StorageClass")) == ("11", "STANDARD")
    assert answer.element("ChecksumCRC64NVME") == "jSnVw/bqjr4=" and answer.headers["last-modified"]
    assert b"ObjectParts" not in answer.body


def test_cnd_001_to_006_reads_follow_the_table(send, place):
    etag = send("HEAD", f"{place}/k").headers["etag"]
    past, future = "Sat, 01 Jan 2000 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
    for expected, headers in [
        (200, {"if-match": etag}), (200, {"if-match": etag.strip('"')}), (412, {"if-match": '"0"'}),
        (304, {"if-none-match": etag}), (200, {"if-none-match": '"0"'}),
        (304, {"if-modified-since": future}), (200, {"if-modified-since": past}), (412, {"if-unmodified-since": past}),
        (200, {"if-match": etag, "if-unmodified-since": past}),
        (304, {"if-none-match": etag, "if-modified-since": past}),
        (200, {"if-none-match": '"0"', "if-modified-since": future}),
        (200, {"if-modified-since": "yesterday"}), (200, {"if-unmodified-since": "yesterday"}),
    ]:
        for method in ("GET", "HEAD"):
            # A date in the future is none that anything can have been modified since.
            answer = send(method, f"{place}/k", headers=headers)
            assert answer.status == expected, (method, headers, answer.body)
            if answer.status == 304:
                assert (answer.headers["etag"], answer.body) == (etag, b"") and answer.headers["last-modified"]
            if answer.status == 412 and method == "GET":
                assert answer.element("Code") == "PreconditionFailed" and answer.element("Condition")


def test_met_002_003_metadata_is_kept_to_the_letter(send, place):
    for value, shown in [("a  b", "a  b"), ("=?UTF-8?B?w6Q=?=", "=?UTF-8?B?w6Q=?="), ("=?UTF-8?Q?=01?=", None)]:
        assert send("PUT", f"{place}/new", HELLO, {"X-Amz-Meta-FooBar": value}).outcome == "200"
        head = send("HEAD", f"{place}/new")
        assert (head.headers["x-amz-meta-foobar"], head.headers["x-amz-missing-meta"]) == (
            shown, None if shown else "1")
    send("DELETE", f"{place}/new")


def test_met_004_005_what_encrypting_clients_keep_beside_an_object_comes_back(send, place):
    described = {
        "x-amz-key-v2": "QUJD" * 60, "x-amz-iv": "AAAAAAAAAAAAAAAA", "x-amz-cek-alg": "AES/GCM/NoPadding",
        "x-amz-wrap-alg": "kms+context", "x-amz-tag-len": "128", "x-amz-unencrypted-content-length": "11",
        "x-amz-matdesc": '{"aws:x-amz-cek-alg":"AES/GCM/NoPadding"}',
        "x-amz-c": "115", "x-amz-w": "12", "x-amz-d": "ZGln" * 8, "x-amz-i": "aWQ=", "x-amz-t": '{"a": "b"}', "x-amz-3": "Qw==",
    }
    headers = {f"x-amz-meta-{name}": value for name, value in described.items()}
    assert send("PUT", f"{place}/new", HELLO, headers).outcome == "200"
    answer = send("GET", f"{place}/new")
    assert {name: answer.headers[name] for name in headers} == headers and answer.body == HELLO
    send("DELETE", f"{place}/new")


def test_nam_003_control_characters_in_keys_survive(send, place):
    keys = ["a\rb", "a\nb", "a\tb", "a\x01b"]
    for key in keys:
        assert send("PUT", f"{place}/{urllib.parse.quote(key)}", key.encode()).outcome == "200"
    listed = send("GET", f"{place}?list-type=2&prefix=a&encoding-type=url")
    found = re.findall(rb"<Key>(.*?)</Key>", listed.body)
    assert sorted(urllib.parse.unquote(key.decode()) for key in found) == sorted(keys)
    for key in keys:
        path = f"{place}/{urllib.parse.quote(key)}"
        assert send("GET", path).body == key.encode()
        assert send("DELETE", path).status == 204


BAD_NAMES = ["ab", "a" * 64, "Abc", "a_b", "-abc", "abc-", ".abc", "abc.", "a..b", "192.168.0.1", "xn--abc",
             "sthree-abc", "amzn-s3-demo-abc", "abc-s3alias", "abc--ol-s3", "abc.mrap", "abc--x-s3", "abc--table-s3",
             "abc-an"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_nam_004_names_that_no_bucket_has(send, name):
    assert send("PUT", f"/{name}").outcome == "400 InvalidBucketName"


def test_nam_005_a_bucket_is_made_once(send, place):
    assert send("PUT", place).outcome == "409 BucketAlreadyOwnedByYou"


def test_err_002_errors_of_head_have_no_body(send, place):
    for path, status in [(f"{place}/none", 404), ("/no-such-bucket", 404), (f"{place}/k?versionId=x%20y", 400)]:
        answer = send("HEAD", path)
        assert (answer.status, answer.body) == (status, b"") and answer.headers["x-amz-request-id"]
    answer = send("HEAD", f"{place}/k", signed=False)
    assert (answer.status, answer.body) == (403, b"")


def test_mpu_033_ranges_of_copied_parts(send, place):
    created = send("POST", f"{place}/new?uploads")
    path = f"{place}/new?partNumber=1&uploadId={urllib.parse.quote(created.element('UploadId'), safe='')}"
    for given, expected in [("bytes=0-", "400 InvalidArgument"), ("0-2", "400 InvalidArgument"),
                            ("bytes=hello", "400 InvalidArgument"), ("bytes=0-11", "416 InvalidRange"),
                            ("bytes=0-10", "200")]:
        headers = {"x-amz-copy-source": "/checklist/k", "x-amz-copy-source-range": given}
        assert send("PUT", path, headers=headers).outcome == expected, given
    assert send("GET", f"{place}/new").outcome == "404 NoSuchKey"
    assert send("DELETE", path.replace("partNumber=1&", "")).status == 204
