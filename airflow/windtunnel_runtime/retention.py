"""Bounds what Airflow keeps: task logs by age of the file or object, metadata by `db clean`, once a day."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from windtunnel_runtime import task_logs

LOGS = Path("/usr/local/airflow/logs")
DAY = 86_400
MINIO = "http://minio:9000"


def keep() -> None:
    """Clean up once a day, for ever."""
    while True:
        time.sleep(DAY)
        days = int(os.environ["LOG_RETENTION_DAYS"])
        delete_old_logs(LOGS, days)
        if are_in_our_bucket(os.environ):
            _delete_in_the_bucket(days)
        clean_metadata(days=int(os.environ["METADATA_RETENTION_DAYS"]))


def delete_old_logs(folder: Path, days: int) -> None:
    """Delete log files not written to for `days` days, and the folders that this leaves empty."""
    oldest = time.time() - days * DAY
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path.stat().st_mtime < oldest:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def are_in_our_bucket(environment: Mapping[str, str]) -> bool:
    """Whether the logs of tasks are in the stack's own S3: in any other, what to keep is for its owner to say."""
    return task_logs.kind(environment) == "s3" and environment.get("AWS_ENDPOINT_URL_S3") == MINIO


def _delete_in_the_bucket(days: int) -> None:
    """What fails today may go tomorrow: the store is away, or the execution role may not."""
    import boto3

    try:
        delete_old_objects(boto3.client("s3"), os.environ["WINDTUNNEL_BUCKET"], f"{task_logs.FOLDER}/dag_id=", days)
    except Exception as error:
        print(f"retention: logs not deleted from the bucket: {type(error).__name__}: {error}", file=sys.stderr)


def delete_old_objects(client: Any, bucket: str, prefix: str, days: int) -> None:
    """Delete a bucket's objects below a prefix that are older than `days` days."""
    oldest = time.time() - days * DAY
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for found in page.get("Contents", []):
            if found["LastModified"].timestamp() < oldest:
                client.delete_object(Bucket=bucket, Key=found["Key"])


def clean_metadata(days: int) -> None:
    """Delete runs, task instances and events older than `days` days from the metadata database."""
    before = datetime.now(UTC) - timedelta(days=days)
    command = ["airflow", "db", "clean", "--yes", "--skip-archive", "--clean-before-timestamp", before.isoformat()]
    subprocess.run(command, check=False)
