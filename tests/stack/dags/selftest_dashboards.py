"""A DAG whose figures are known: six tasks fill a worker of five slots, then each of six others does one thing only."""

import os
import subprocess
import time
from datetime import timedelta
from pathlib import Path

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import BaseOperator, Context, dag, get_current_context, task, task_group

# tests/dashboard_figures.py knows them too.
HOLDING, HELD_BYTES, HELD_SECONDS = 6, 50_000_000, 30
BUSY_SECONDS, GROWTH, WAIT_SECONDS = 40, 2_000_000, 40
MOVED_BYTES = 30_000_000
# Two of it are more than the pool has.
POOL_SLOTS = 65

# Once a first of those that hold has ended: no other may take a slot from them before.
LATER = {"trigger_rule": "one_success"}


class Wait(BaseOperator):
    """Deferred for so long."""

    def execute(self, context: Context) -> None:
        self.defer(trigger=TimeDeltaTrigger(timedelta(seconds=WAIT_SECONDS)), method_name="end")

    def end(self, context: Context, event: object) -> None:
        """The trigger has fired."""


@task
def hold(number: int) -> int:
    held = b"\x01" * HELD_BYTES
    time.sleep(HELD_SECONDS)
    return len(held) * number


@task(**LATER, pool_slots=POOL_SLOTS)
def busy(seconds: int) -> None:
    """Burn more processor time than a worker has."""
    for burner in [subprocess.Popen(["timeout", str(seconds), "sh", "-c", "while :; do :; done"]) for _ in range(2)]:
        burner.wait()


@task(**LATER)
def grow() -> None:
    """As fast by the clock, however busy the worker is."""
    held, begun = bytearray(), time.monotonic()
    while (seconds := time.monotonic() - begun) < BUSY_SECONDS:
        held.extend(b"\x01" * (int(seconds * GROWTH) - len(held)))
        time.sleep(0.2)


@task(**LATER)
def move() -> None:
    """To MinIO and back, and to the container's own disk, where it stays."""
    import boto3

    body, s3 = os.urandom(MOVED_BYTES), boto3.client("s3")
    [bucket] = [one["Name"] for one in s3.list_buckets()["Buckets"]]
    s3.put_object(Bucket=bucket, Key="selftest/dashboards", Body=body)
    with Path("/tmp/selftest-dashboards").open("wb") as file:
        for _ in range(2):
            file.write(body)
        os.fsync(file.fileno())
    for _ in s3.get_object(Bucket=bucket, Key="selftest/dashboards")["Body"].iter_chunks():
        pass


@task(**LATER, retries=1, retry_delay=timedelta(seconds=1))
def fail_once() -> None:
    if get_current_context()["ti"].try_number == 1:
        raise RuntimeError("told to fail once")


@dag(dag_id="selftest.dashboards", schedule=None, catchup=False)
def selftest_dashboards() -> None:
    @task_group
    def group() -> None:
        hold.expand(number=list(range(HOLDING)))

    group() >> [busy.expand(seconds=[BUSY_SECONDS, 1]), grow(), move(), fail_once(), Wait(task_id="wait", **LATER)]


selftest_dashboards()
