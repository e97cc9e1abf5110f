"""The job in one slot of a worker of 2 GiB while light tasks keep its four others busy.

Of 200 MB, or with WINDTUNNEL_FULL=1 of 3 GB: what its tasks hold must not depend on that.
"""

import os
import sys
from collections.abc import Iterator

import pytest

from command_line import CommandLine
from rebuild_job import RebuildJob
from windtunnel.bench import inputs
from windtunnel.stack import Stack
from windtunnel.wait import wait_until

SIZE = 3 * 10**9 if os.environ.get("WINDTUNNEL_FULL") else 2 * 10**8
BUSY, SLOTS = "selftest_busy_slots", 4
MB = 10**6
KEY = "pubmed/full-worker/large.xml"


@pytest.fixture(scope="module")
def job(cli: CommandLine, stack: Stack, warehouse_dsn: str) -> RebuildJob:
    return RebuildJob(cli, stack, warehouse_dsn)


@pytest.fixture
def document() -> inputs.Document:
    return inputs.made("pubmed", SIZE, sys.executable, print)


@pytest.fixture
def source(job: RebuildJob, document: inputs.Document) -> Iterator[str]:
    bucket = job.bucket
    bucket.client.upload_file(str(document.path), bucket.name, KEY)
    yield f"s3://{bucket.name}/{KEY}"
    bucket = job.bucket
    bucket.client.delete_object(Bucket=bucket.name, Key=KEY)


@pytest.fixture
def busy(job: RebuildJob) -> Iterator[str]:
    """A run whose tasks take four slots, and end once the run is told to."""
    api = job.stack.api()
    api.unpause(BUSY)
    run = api.trigger(BUSY).run_id
    running = lambda: [one for one in api.task_instances(BUSY, run) if one.state == "running"]  # noqa: E731
    wait_until(lambda: len(running()) == SLOTS, f"{SLOTS} slots to be busy", 120)
    yield run
    job.cli("airflow", "variables", "set", f"{BUSY}_end", run)
    wait_until(lambda: api.dag_run(BUSY, run).state == "success", "the light tasks to end", 120)


def peaks(job: RebuildJob, run: str) -> dict[str, float]:
    """By task, the most megabytes that one of its tries has added to what it began with."""
    statement = "SELECT task_id, max(peak_private_bytes) FROM windtunnel.task_memory WHERE run_id = %s GROUP BY 1"
    return {task: float(peak) / MB for task, peak in job.ask(statement, run)}


def test_it_ends_in_bounded_memory_and_nothing_is_killed(
    job: RebuildJob, document: inputs.Document, source: str, busy: str
) -> None:
    run = job.start(source=source)
    assert job.end(run) == "success"
    states = [one.state for one in job.stack.api().task_instances(BUSY, busy)]
    assert states == ["running"] * SLOTS
    assert job.rows() == document.rows("pubmed")
    assert job.ask("SELECT * FROM windtunnel.oom_verdict WHERE at > now() - interval '1 hour'") == []
    held = wait_until(lambda: peaks(job, run), "the tasks' peaks", 60)
    print({task: round(peak) for task, peak in held.items()}, "MB;", job.report(run)["seconds"], "s")
    assert held["load"] <= 100 and max(held.values()) <= 150, held
