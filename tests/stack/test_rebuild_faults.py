"""Whatever is killed, cut or overwritten while the job loads, what it publishes in the end has exactly its rows."""

import gzip
import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from command_line import CommandLine
from independent_count import expected
from made_medline import citation, medline_file
from rebuild_job import DAG, RebuildJob
from windtunnel.sample import PREFIX
from windtunnel.stack import Stack
from windtunnel.wait import wait_until

KEY = "pubmed/faults/plain.xml"
# Six parts, of which four are loaded side by side.
PART_MIB = 30
# Most are begun after others have been loaded: what is being read already is read to its end as it was.
SMALL_PART_MIB = 8

# Each is ten of the one before: in full, 10 GB.
NAMES = "abcdefghiz"
TENS = "".join(f'<!ENTITY {name} "{10 * f"&{of};"}">' for of, name in pairwise(NAMES))
LAUGHS = f'<!DOCTYPE PubmedArticleSet [<!ENTITY a "ha, ha, ha">{TENS}]>'
OUTSIDE = '<!DOCTYPE PubmedArticleSet [<!ENTITY z SYSTEM "file:///etc/passwd">]>'

COST = """
SELECT peak_private_bytes, extract(epoch FROM ended_at - started_at) FROM windtunnel.task_memory
WHERE dag_id = 'pubmed_rebuild' AND task_id = 'load' AND outcome = 'failed' AND ended_at > '{since}'
"""


@pytest.fixture(scope="module")
def job(cli: CommandLine, stack: Stack, warehouse_dsn: str) -> Iterator[RebuildJob]:
    job = RebuildJob(cli, stack, warehouse_dsn)
    yield job
    assert job.end(job.start(source=f"s3://windtunnel/{PREFIX}")) == "success"


@pytest.fixture(scope="module")
def rows(sample_files: list[Path]) -> dict[str, int]:
    """What the first of the sample's files holds."""
    return expected(sample_files[:1])["tables"]


@pytest.fixture
def plain(job: RebuildJob, sample_files: list[Path]) -> str:
    """That file, unpacked, so that it is loaded in parts."""
    return job.put(KEY, gzip.decompress(sample_files[0].read_bytes()))


@pytest.fixture
def begun(job: RebuildJob, plain: str) -> str:
    """A run that has loaded some of its parts and is at all the others."""
    run = job.start(source=plain, part_mib=PART_MIB)
    job.until_loaded(2)
    job.until_all_begun(run)
    job.until_copying()
    return run


def assert_right(job: RebuildJob, run: str, rows: dict[str, int]) -> None:
    assert job.end(run) == "success"
    assert job.rows() == rows


def assert_right_after_retries(job: RebuildJob, run: str, rows: dict[str, int]) -> None:
    assert_right(job, run, rows)
    assert max(task.try_number for task in job.loads(run)) > 1


def test_the_worker_is_killed(job: RebuildJob, begun: str, rows: dict[str, int]) -> None:
    job.stack.run("kill", "--signal", "SIGKILL", "worker")
    job.stack.start()
    assert_right_after_retries(job, begun, rows)


def test_s3_is_killed_so_that_every_body_is_cut(job: RebuildJob, begun: str, rows: dict[str, int]) -> None:
    job.stack.run("kill", "--signal", "SIGKILL", "minio")
    job.stack.start()
    assert_right(job, begun, rows)


def test_postgres_is_killed_after_some_parts(job: RebuildJob, begun: str, rows: dict[str, int]) -> None:
    job.stack.container("postgres").execute("sh", "-c", f"kill -KILL {job.until_copying()}")
    assert_right_after_retries(job, begun, rows)


def test_postgres_is_killed_in_the_first_copy(job: RebuildJob, plain: str, rows: dict[str, int]) -> None:
    run = job.start(source=plain, part_mib=PART_MIB)
    job.stack.container("postgres").execute("sh", "-c", f"kill -KILL {job.until_copying()}")
    assert_right_after_retries(job, run, rows)


def test_an_overwritten_object_ends_the_run_and_the_next_one_reads_the_new(job: RebuildJob, plain: str) -> None:
    before = job.rows()
    overwritten = job.start(source=plain, part_mib=SMALL_PART_MIB)
    job.until_loaded(2)
    job.put(KEY, medline_file(citation(1, title="new")))
    assert job.end(overwritten) == "failed"
    assert set(job.failed(overwritten)) == {"load"} and set(job.failed(overwritten).values()) == {1}
    assert job.rows() == before
    run = job.start(source=f"s3://windtunnel/{KEY}")
    assert job.end(run) == "success"
    assert job.rows()["article"] == 1


def test_of_two_runs_at_once_the_second_waits(job: RebuildJob, begun: str, rows: dict[str, int]) -> None:
    second = job.start(source=job.put("pubmed/faults/second.xml", medline_file(citation(1, title="second"))))
    assert job.state(second) == "queued"
    assert_right(job, begun, rows)
    assert_right(job, second, {table: int(table == "article") for table in rows})


@pytest.mark.parametrize("doctype", [LAUGHS, OUTSIDE], ids=["billion laughs", "external entity"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "packed"])
def test_a_hostile_document_is_refused_in_little_memory_and_time(
    job: RebuildJob, doctype: str, pack: Callable[[bytes], bytes]
) -> None:
    before, [(since,)] = job.rows(), job.ask("SELECT now()::text")
    content = medline_file(citation(1, title="&z;"), doctype=doctype)
    conf = json.dumps({"source": job.put("pubmed/faults/hostile.xml", pack(content)), "difference": None})
    said = job.cli("run", DAG, "--conf", conf, "--timeout", "300", expect=17).stderr
    assert "WrongContent" in said and "ENTITY" in said
    [(peak, seconds)] = wait_until(lambda: job.ask(COST.format(since=since)), "what it took", 30)
    assert peak < 100_000_000 and seconds < 30
    assert job.rows() == before
