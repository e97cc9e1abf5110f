"""Logs in the bucket go when they are old, and nothing else of the bucket does."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from versioned_bucket import BUCKET, versioned_bucket
from windtunnel_runtime.retention import are_in_our_bucket, delete_old_objects


def put(client: Any, key: str, days: float) -> None:
    client.put_object(Bucket=BUCKET, Key=key, Body=b"text")
    when = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=days)
    s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[BUCKET].keys[key].last_modified = when


def test_old_logs_go_and_the_rest_stays() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    drawn = random.Random(seed)
    ages = {f"logs/dag_id=d/task_id=t{n}/attempt=1.log": drawn.uniform(0, 60) for n in range(20)}
    with versioned_bucket() as client:
        for key, days in (ages | {"logs-of-mine/old": 60, "dags/mine.py": 60}).items():
            put(client, key, days)
        delete_old_objects(client, BUCKET, "logs/", days=30)
        left = {one["Key"] for one in client.list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert left == {key for key, days in ages.items() if days < 30} | {"logs-of-mine/old", "dags/mine.py"}


@pytest.mark.parametrize(
    ("kind", "endpoint", "ours"),
    [
        ("s3", "http://minio:9000", True),
        ("s3", "", False),  # an AWS profile of the user's: compose/aws-profile.yml
        ("s3", "https://storage.example.com", False),
        ("volume", "http://minio:9000", False),
    ],
)
def test_nothing_is_deleted_from_a_bucket_elsewhere(kind: str, endpoint: str, ours: bool) -> None:
    assert are_in_our_bucket({"WINDTUNNEL_TASK_LOGS": kind, "AWS_ENDPOINT_URL_S3": endpoint}) == ours
