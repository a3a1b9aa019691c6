"""Fixtures: one server for all tests that leave it as they found it, clients of both kinds."""

import os
import subprocess
import sys
import uuid

import boto3
import botocore.config
import pytest

from server import Server


@pytest.fixture(scope="session")
def server():
    running = Server().start()
    yield running
    running.close()


@pytest.fixture(params=["http", "https"])
def endpoint(request, server):
    """The environment of a client, over plain HTTP on loopback and over HTTPS."""
    return server.env("--tls") if request.param == "https" else server.env()


def client(env, **options):
    """A boto3 S3 client as a user would make it."""
    return boto3.client(
        "s3",
        endpoint_url=env["AWS_ENDPOINT_URL"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=env.get("AWS_SESSION_TOKEN"),
        region_name=env["AWS_REGION"],
        verify=env.get("AWS_CA_BUNDLE"),
        config=botocore.config.Config(**{"retries": {"max_attempts": 0}, **options}),
    )


@pytest.fixture
def s3(endpoint):
    return client(endpoint)


@pytest.fixture
def bucket(s3):
    name = f"b-{uuid.uuid4().hex[:16]}"
    s3.create_bucket(Bucket=name)
    yield name
    empty(s3, name)
    s3.delete_bucket(Bucket=name)


def empty(s3, bucket):
    for upload in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
        s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for entry in page.get("Versions", []) + page.get("DeleteMarkers", []):
            s3.delete_object(Bucket=bucket, Key=entry["Key"], VersionId=entry["VersionId"])


@pytest.fixture
def aws(endpoint):
    """Runs the unmodified AWS CLI; returns what it printed."""
    executable = os.path.join(os.path.dirname(sys.executable), "aws")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment.update(endpoint, AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE="/dev/null",
                       AWS_SHARED_CREDENTIALS_FILE="/dev/null", AWS_PAGER="")

    def run(*arguments, code=0):
        command = [executable, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.returncode == code, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    return run
