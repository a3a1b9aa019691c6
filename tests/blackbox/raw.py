"""Requests over bare sockets: what a client library hides is what these tests are about."""

import socket
import ssl
import urllib.parse

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


class Raw:
    """Signs requests and opens connections for one endpoint."""

    def __init__(self, env):
        self.url = urllib.parse.urlsplit(env["AWS_ENDPOINT_URL"])
        credentials = Credentials(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"],
                                  env.get("AWS_SESSION_TOKEN"))
        self.auth = S3SigV4Auth(credentials, "s3", env["AWS_REGION"])
        self.tls = None
        if self.url.scheme == "https":
            self.tls = ssl.create_default_context(cafile=env["AWS_CA_BUNDLE"])

    def request(self, method, path, body=b"", headers=None):
        """The bytes of a signed request."""
        request = AWSRequest(method, f"{self.url.scheme}://{self.url.netloc}{path}", data=body,
                             headers={"Host": self.url.netloc, **(headers or {})})
        self.auth.add_auth(request)
        lines = [f"{method} {path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in request.headers.items()]
        if "Content-Length" not in request.headers and method in ("PUT", "POST"):
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def connect(self, timeout=30):
        stream = socket.create_connection((self.url.hostname, self.url.port), timeout=timeout)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.tls.wrap_socket(stream, server_hostname=self.url.hostname) if self.tls else stream


def read_answer(stream):
    """Status, headers and body of the next answer on a connection."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = stream.recv(65536)
        if not piece:
            raise EOFError(f"the connection ended after {received!r}")
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    status_line, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        piece = stream.recv(65536)
        if not piece:
            raise EOFError("the connection ended inside a body")
        body += piece
    return int(status_line.split(" ")[1]), headers, body
