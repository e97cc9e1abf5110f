"""The job as a DAG: by month and by hand, whole and in shards, back again, and what its tasks hand on."""

import gzip
import json
from collections.abc import Iterator

import pytest

from command_line import CommandLine
from made_medline import citation, medline_file
from rebuild_job import DAG, RebuildJob
from windtunnel.stack import Stack

PMIDS = range(1, 3001)
LONG = "A title that is long enough for a file of some size. " * 20


@pytest.fixture(scope="module")
def job(cli: CommandLine, stack: Stack, warehouse_dsn: str) -> Iterator[RebuildJob]:
    job = RebuildJob(cli, stack, warehouse_dsn)
    yield job
    assert job.end(job.start(source="s3://windtunnel/pubmed/sample/")) == "success"


def month(job: RebuildJob, name: str, title: str, pmids: range = PMIDS) -> str:
    """A month's input."""
    records = (citation(pmid, title=f"{title} {LONG}") for pmid in pmids)
    return job.put(f"pubmed/months/{name}.xml.gz", gzip.compress(medline_file(*records)))


def first_word(job: RebuildJob, schema: str = "pubmed") -> str:
    [(title,)] = job.ask(f"SELECT DISTINCT split_part(title, ' ', 1) FROM {schema}.article")
    return str(title)


def test_two_months_in_a_row_and_back(job: RebuildJob) -> None:
    assert job.end(job.start(source=month(job, "start", "before"))) == "success"
    for name in ("2026-01", "2026-02"):
        run = job.start_for(name, source=month(job, name, name))
        assert job.end(run) == "success"
        assert job.report(run)["before"]["article"] == len(PMIDS)
    assert (first_word(job), first_word(job, "pubmed_previous")) == ("2026-02", "2026-01")
    job.cli("run", "pubmed_rollback", "--timeout", "120")
    assert (first_word(job), first_word(job, "pubmed_previous")) == ("2026-01", "2026-02")
    job.cli("run", "pubmed_rollback", "--timeout", "120")
    assert first_word(job) == "2026-02"


def test_a_month_that_is_too_different_is_not_published(job: RebuildJob) -> None:
    assert job.end(job.start(source=month(job, "good", "good"))) == "success"
    half = job.start_for("2026-03", source=month(job, "2026-03", "half", PMIDS[: len(PMIDS) // 2]))
    assert job.end(half) == "failed"
    assert job.failed(half) == {"check": 1}
    assert first_word(job) == "good"


@pytest.fixture(scope="module")
def in_shards(job: RebuildJob) -> str:
    """A run of a packed object in shards."""
    run = job.start(source=month(job, "packed", "packed"), shards="s3://windtunnel/shards", part_mib=1)
    assert job.end(run) == "success"
    return run


def test_a_packed_object_in_shards_is_loaded_side_by_side_and_leaves_none(job: RebuildJob, in_shards: str) -> None:
    assert job.rows()["article"] == len(PMIDS)
    assert len(job.loads(in_shards)) > 1
    bucket = job.bucket
    assert "Contents" not in bucket.client.list_objects_v2(Bucket=bucket.name, Prefix="shards/")


def test_tasks_hand_on_locations_and_summaries(job: RebuildJob, in_shards: str) -> None:
    shares = job.stack.api().xcom(DAG, in_shards, "begin")
    assert shares and all(len(json.dumps(share)) < 1000 for share in shares)
    assert len(json.dumps(job.report(in_shards))) < 2000


def test_the_report_accounts_for_every_record(job: RebuildJob) -> None:
    records = [citation(1, version) for version in (1, 2, 3)] + [citation(2)]
    run = job.start(source=job.put("pubmed/months/rules.xml", medline_file(*records)))
    assert job.end(run) == "success"
    told = job.report(run)
    assert told["rules"] == {"older_versions": 2}
    assert told["records"] == told["tables"]["article"] + sum(told["rules"].values())
    assert told["tables"] == job.rows()
    assert told["seconds"] == pytest.approx(sum(told["phases"].values()))


def test_records_that_cannot_be_read_are_put_aside_with_their_place(job: RebuildJob) -> None:
    broken = "<PubmedArticle><MedlineCitation><PMID>7</MedlineCitation></PubmedArticle>"
    content = medline_file(citation(1), broken, citation(2), broken, citation(3))
    source = job.put("pubmed/months/broken.xml", content)
    run = job.start(source=source, max_rejected=2)
    assert job.end(run) == "success"
    assert job.report(run)["rejected"] == 2 and job.rows()["article"] == 3
    offsets = [content.index(broken.encode()), content.rindex(broken.encode())]
    found = job.ask("SELECT source, byte_offset, excerpt FROM pubmed.rebuild_reject ORDER BY byte_offset")
    assert found == [(source, offset, broken) for offset in offsets]


def test_more_of_them_than_allowed_end_the_run_at_once(job: RebuildJob) -> None:
    broken = "<PubmedArticle><MedlineCitation><PMID>7</MedlineCitation></PubmedArticle>"
    source = job.put("pubmed/months/broken.xml", medline_file(citation(1), broken, broken))
    conf = json.dumps({"source": source, "max_rejected": 1, "difference": None})
    said = job.cli("run", DAG, "--conf", conf, "--timeout", "300", expect=16).stderr
    assert "TooManyRejected" in said and "try 1 of" in said
