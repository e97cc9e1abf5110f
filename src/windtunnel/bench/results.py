"""What the runs of a contender come to."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from windtunnel.bench.contenders import MB, Contender
from windtunnel.bench.database import Contents
from windtunnel.bench.inputs import Document
from windtunnel.bench.measure import Measured


@dataclass(frozen=True)
class Run:
    """One run, or why it failed."""

    measured: Measured | None = None
    gunzip: Measured | None = None
    contents: Contents | None = None
    error: str = ""

    @property
    def seconds(self) -> float:
        """How long it took, unpacking left out."""
        whole = self.measured.seconds if self.measured else 0.0
        return whole - (self.gunzip.seconds if self.gunzip else 0.0)


@dataclass(frozen=True)
class Rows:
    """A table's rows; `expected` is what expat counts, None where the table is the contender's own."""

    rows: int
    expected: int | None
    persistence: str


@dataclass(frozen=True)
class Result:
    """The run of median speed. Rates leave out `gunzip_seconds`; `error` is empty when all is well."""

    name: str
    about: str
    document: str
    bytes: int
    records: int
    processes: int
    seconds: float = 0.0
    gunzip_seconds: float = 0.0
    cpu_seconds: float = 0.0
    mb_per_s: float = 0.0
    records_per_s: float = 0.0
    peak_mb: float = 0.0
    primary_keys: int = 0
    foreign_keys: int = 0
    indexes: int = 0
    rows: dict[str, Rows] = field(default_factory=dict)
    all_seconds: list[float] = field(default_factory=list)
    all_peak_mb: list[float] = field(default_factory=list)
    exact: bool = False
    error: str = ""

    @property
    def differences(self) -> dict[str, int]:
        """Table → rows more (or, negative, fewer) than expected, where there are such."""
        return {
            table: one.rows - one.expected
            for table, one in self.rows.items()
            if one.expected is not None and one.rows != one.expected
        }

    def as_json(self) -> dict[str, Any]:
        """The contract of `--json`."""
        return asdict(self)


def result_of(contender: Contender, document: Document, runs: Sequence[Run]) -> Result:
    """The contender's result; wrong rows of an exact one, and tables that are not permanent, are errors."""
    about: dict[str, Any] = {
        "name": contender.name,
        "about": contender.about,
        "document": contender.format,
        "bytes": document.size,
        "records": document.records,
        "processes": contender.processes,
        "exact": contender.exact,
    }
    if failed := [one.error for one in runs if one.error]:
        return Result(**about, error=failed[0])
    expected = document.rows(contender.rows) if contender.rows else {}
    result = Result(**about, **_figures(document, runs), rows=_rows(runs[-1].contents, expected))
    return replace(result, error=_mistake(result))


def _figures(document: Document, runs: Sequence[Run]) -> dict[str, Any]:
    median = sorted(runs, key=lambda one: one.seconds)[(len(runs) - 1) // 2]
    assert median.measured and median.contents
    return {
        "seconds": round(median.measured.seconds, 2),
        "gunzip_seconds": round(median.gunzip.seconds, 2) if median.gunzip else 0.0,
        "cpu_seconds": round(median.measured.cpu_seconds, 2),
        "mb_per_s": round(document.size / MB / median.seconds, 2),
        "records_per_s": round(document.records / median.seconds, 1),
        "peak_mb": round(median.measured.peak / MB, 1),
        "primary_keys": median.contents.primary_keys,
        "foreign_keys": median.contents.foreign_keys,
        "indexes": median.contents.indexes,
        "all_seconds": [round(one.measured.seconds, 2) for one in runs if one.measured],
        "all_peak_mb": [round(one.measured.peak / MB, 1) for one in runs if one.measured],
    }


def _rows(contents: Contents | None, expected: dict[str, int]) -> dict[str, Rows]:
    tables = contents.tables if contents else {}
    found = {name: Rows(one.rows, expected.get(name), one.persistence) for name, one in tables.items()}
    missing = {name: Rows(0, count, "missing") for name, count in expected.items() if name not in found}
    return found | missing


def _mistake(result: Result) -> str:
    if result.exact and result.differences:
        return "; ".join(f"{table}: {difference:+} rows" for table, difference in result.differences.items())
    fleeting = [table for table, one in result.rows.items() if one.persistence != "permanent"]
    return f"not permanent: {', '.join(fleeting)}" if fleeting else ""
