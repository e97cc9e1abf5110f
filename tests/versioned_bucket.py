"""A versioned bucket of moto's, for tests without a stack."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from moto import mock_aws

BUCKET = "pipelines"


@contextmanager
def versioned_bucket() -> Iterator[Any]:
    """The client of an S3 in which BUCKET is there, and empty."""
    with mock_aws():
        client = boto3.client("s3", "us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing")
        client.create_bucket(Bucket=BUCKET)
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield client
