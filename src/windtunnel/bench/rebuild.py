"""The benchmark itself: every contender on the same documents, each in a database of its own, one after the other."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from windtunnel.bench import host, inputs, tools
from windtunnel.bench.contenders import Contender, Job
from windtunnel.bench.database import Server, postgres
from windtunnel.bench.inputs import Document
from windtunnel.bench.measure import PROGRAMS, Measured, measure
from windtunnel.bench.results import Result, Run, result_of
from windtunnel.errors import RunFailed
from windtunnel.stack import Stack

Report = Callable[[str], None]
DATABASE = "bench"


@dataclass(frozen=True)
class Entry:
    """A contender with what it gets to load."""

    contender: Contender
    document: Document


@dataclass(frozen=True)
class Outcome:
    """Everything that one run of the benchmark found; `described` says of what machine and which documents."""

    described: dict[str, Any]
    results: list[Result]


def run(stack: Stack, contenders: Sequence[Contender], size: int, rounds: int, report: Report) -> Outcome:
    """Make the documents, then time the contenders `rounds` times, in another order each time."""
    machine = host.description()
    python = tools.python(report)
    entries = _entries(contenders, size, python, report)
    runs: dict[str, list[Run]] = {entry.contender.name: [] for entry in entries}
    with postgres(stack) as server:
        described = {"version": server.version(), **server.described}
        for entry in _in_turns(entries, rounds):
            before = runs[entry.contender.name]
            if not any(one.error for one in before):
                report(f"{entry.contender.name}: {entry.contender.about}")
                before.append(_run(entry, server, python))
    documents = {entry.document.format.name: entry.document for entry in entries if entry.contender.most is None}
    return Outcome(
        {
            "machine": machine,
            "postgres": described,
            "packages": tools.versions(python),
            "documents": {name: _described(document) for name, document in documents.items()},
        },
        [result_of(entry.contender, entry.document, runs[entry.contender.name]) for entry in entries],
    )


def _entries(contenders: Sequence[Contender], size: int, python: str, report: Report) -> list[Entry]:
    names = {contender.format for contender in contenders}
    whole = {name: inputs.made(name, size, python, report) for name in sorted(names)}
    entries = [Entry(one, inputs.beginning(whole[one.format], one.most)) for one in contenders]
    for entry in entries:
        if entry.contender.packed:
            report(f"packing {entry.document.path.name}")
            assert entry.document.packed
        report(f"{entry.contender.name}: {entry.document.records:,} records")
    return entries


def _described(document: Document) -> dict[str, Any]:
    return {"bytes": document.size, "records": document.records}


def _in_turns(entries: Sequence[Entry], rounds: int) -> Iterator[Entry]:
    """Each once a round; every round begins with another, so that none is always the first or the last."""
    for at in range(rounds):
        start = at * len(entries) // rounds
        yield from entries[start:]
        yield from entries[:start]


def _run(entry: Entry, server: Server, python: str) -> Run:
    contender, document = entry.contender, entry.document
    environment = {**contender.environment, **server.environment}
    document.read_once()
    try:
        gunzip = _gunzip(document, python) if contender.packed else None
        with (
            server.fresh_database(DATABASE) as dsn,
            tempfile.TemporaryDirectory(prefix="windtunnel-bench-") as folder,
        ):
            phases = contender.phases(Job(document, python, dsn, Path(folder)))
            measured = measure(phases, environment)
            return Run(measured, gunzip, server.contents(DATABASE))
    except RunFailed as error:
        return Run(error=error.message)


def _gunzip(document: Document, python: str) -> Measured:
    return measure([[[python, str(PROGRAMS / "gunzip.py"), str(document.packed)]]], {})
