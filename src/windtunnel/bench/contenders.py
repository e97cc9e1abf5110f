"""Who takes part: each a program or two in benchmarks/rebuild, and what it may be asked to do."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from windtunnel.bench.inputs import Document
from windtunnel.bench.measure import PROGRAMS, Phases
from windtunnel.bench.tools import LIBRARY
from windtunnel.errors import UsageError

SHARDS = 2
MB = 10**6


@dataclass(frozen=True)
class Job:
    """What one run of a contender is given; `folder` is empty and its own."""

    document: Document
    python: str
    dsn: str
    folder: Path

    @property
    def source(self) -> str:
        """The document's file."""
        return str(self.document.path)

    def program(self, name: str, *arguments: str) -> list[str]:
        """One of benchmarks/rebuild's programs as a command."""
        return [self.python, str(PROGRAMS / name), *arguments]


@dataclass(frozen=True)
class Contender:
    """A way to rebuild.

    `rows`: the rule of `counts.RULES` that its tables must answer to; None where its tables are its own. `exact`: it
    has to, to the row; others may lose rows, which is then shown. `most`: the bytes that it is given at most, where it
    would take hours. `packed`: it reads only gzip, and unpacking is timed apart.
    """

    name: str
    about: str
    format: str
    phases: Callable[[Job], Phases]
    rows: str | None = None
    exact: bool = False
    processes: int = 1
    most: int | None = None
    packed: bool = False

    @property
    def environment(self) -> Mapping[str, str]:
        """What its processes find in their environment, besides what libpq needs."""
        return {"PYTHONPATH": str(LIBRARY)} if self.exact else {}


def chosen(names: list[str]) -> list[Contender]:
    """The contenders of these names, in the table's order; all when there are none.

    Raises:
        UsageError: there is no contender of such a name.
    """
    if unknown := set(names) - CONTENDERS.keys():
        raise UsageError(f"--contender {', '.join(sorted(unknown))}: expected one of {', '.join(CONTENDERS)}")
    return [one for one in CONTENDERS.values() if not names or one.name in names]


def _load(mapping: str, threads: int) -> Callable[[Job], Phases]:
    def phases(job: Job) -> Phases:
        command = [job.python, "-m", "xml_rebuild", "load", "--source", job.source, "--mapping", mapping]
        return [[[*command, "--dsn", job.dsn, "--schema", "bench", "--threads", str(threads)]]]

    return phases


def _shards(job: Job) -> Phases:
    at = (job.source, job.dsn, str(job.folder))
    workers = [job.program("ours_shards.py", "work", *at, str(worker), str(SHARDS)) for worker in range(SHARDS)]
    return [[job.program("ours_shards.py", "begin", *at)], workers, [job.program("ours_shards.py", "finish", *at)]]


def _plain(program: str, *first: str) -> Callable[[Job], Phases]:
    return lambda job: [[job.program(program, *first, job.source, job.dsn)]]


def _packed(program: str) -> Callable[[Job], Phases]:
    return lambda job: [[job.program(program, str(job.document.packed), job.dsn)]]


def _ceiling(job: Job) -> Phases:
    return [[job.program("lxml_ceiling.py", job.source, job.document.format.record.rpartition(":")[2])]]


def _ours(name: str, about: str, mapping: str, rows: str, threads: int, most: int | None = None) -> Contender:
    return Contender(name, about, rows.partition("_")[0], _load(mapping, threads), rows, exact=True, most=most)


_SMALL = str(PROGRAMS / "pubmed_small.yml")
_CPUS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

CONTENDERS: dict[str, Contender] = {
    one.name: one
    for one in (
        _ours("ours-1", "xml-rebuild, one thread, ten tables", "pubmed", "pubmed", 1),
        _ours("ours-all", f"xml-rebuild, {_CPUS} threads, ten tables", "pubmed", "pubmed", _CPUS),
        Contender(
            name="ours-shards",
            about=f"xml-rebuild, {SHARDS} worker processes on shards, ten tables",
            format="pubmed",
            phases=_shards,
            rows="pubmed",
            exact=True,
            processes=SHARDS,
        ),
        # For its memory: it must not grow with the document.
        _ours("ours-1-200MB", "ours-1 on the first 200 MB", "pubmed", "pubmed", 1, most=200 * MB),
        _ours("ours-1-small", "xml-rebuild, one thread, pubmed_parser's columns", _SMALL, "pubmed_small", 1),
        _ours(
            "ours-all-small", f"xml-rebuild, {_CPUS} threads, pubmed_parser's columns", _SMALL, "pubmed_small", _CPUS
        ),
        Contender("lxml-ceiling", "lxml.iterparse, nothing extracted, no database", "pubmed", _ceiling),
        Contender(
            name="pubmed_parser",
            about="pubmed_parser.parse_medline_xml + psycopg COPY",
            format="pubmed",
            phases=_packed("pubmed_parser_copy.py"),
            rows="pubmed_small",
            packed=True,
        ),
        Contender(
            name="django-bulk",
            about="Django, bulk_create, ten tables",
            format="pubmed",
            phases=_plain("django_load.py", "bulk"),
            rows="pubmed",
            most=200 * MB,
        ),
        Contender(
            name="django-transaction",
            about="Django, a save a row, one transaction for the file, ten tables",
            format="pubmed",
            phases=_plain("django_load.py", "transaction"),
            rows="pubmed",
            most=20 * MB,
        ),
        _ours("ours-1-onix", "xml-rebuild, one thread, ONIX", "onix_serials", "onix", 1),
        _ours("ours-all-onix", f"xml-rebuild, {_CPUS} threads, ONIX", "onix_serials", "onix", _CPUS),
        Contender("lxml-ceiling-onix", "lxml.iterparse, nothing extracted, no database", "onix", _ceiling),
        Contender(
            name="preservation-database",
            about="its own import of ONIX, its own two tables",
            format="onix",
            phases=_plain("preservation_database.py"),
            most=10 * MB,
        ),
        Contender(
            name="xml2db",
            about="the whole ONIX document, its own thirteen tables",
            format="onix",
            phases=_plain("xml2db_load.py"),
            most=50 * MB,
        ),
    )
}
