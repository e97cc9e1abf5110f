"""The benchmark as a person reads it."""

from collections.abc import Iterator, Sequence

from rich.table import Table

from windtunnel.bench.contenders import MB
from windtunnel.bench.results import Result
from windtunnel.bench.size import shown

RIVAL = {"pubmed": "pubmed_parser", "onix": "preservation-database"}
CEILING = {"pubmed": "lxml-ceiling", "onix": "lxml-ceiling-onix"}
WHOLE, PART = "ours-1", "ours-1-200MB"


def table(results: Sequence[Result]) -> Table:
    """One line a contender; rates leave unpacking out."""
    known = {one.name: one for one in results if not one.error}
    grid = Table(box=None, pad_edge=False, padding=(0, 1))
    grid.add_column("contender", no_wrap=True)
    for heading in ("input", "s", "MB/s", "rec/s", "peak", "× rival", "of lxml", "rows"):
        grid.add_column(heading, justify="right", no_wrap=True)
    for one in results:
        rival, ceiling = known.get(RIVAL[one.document]), known.get(CEILING[one.document])
        grid.add_row(one.name, shown(one.bytes), *_figures(one, rival, ceiling))
    return grid


def _figures(one: Result, rival: Result | None, ceiling: Result | None) -> Iterator[str]:
    if one.error:
        yield "[red]failed[/]"
        return
    yield f"{one.seconds - one.gunzip_seconds:.1f}"
    yield f"{one.mb_per_s:.3g}"
    yield f"{one.records_per_s:,.0f}"
    yield f"{one.peak_mb:.0f}"
    yield f"{one.mb_per_s / rival.mb_per_s:.2f}" if rival else ""
    yield f"{one.mb_per_s / ceiling.mb_per_s:.0%}" if ceiling else ""
    yield _rows(one)


def _rows(one: Result) -> str:
    """Whether they are as counted; "own" where a contender's tables are."""
    if not any(rows.expected is not None for rows in one.rows.values()):
        return "own" if one.rows else ""
    return "differ" if one.differences else "✓"


def remarks(results: Sequence[Result]) -> Iterator[str]:
    """What the table cannot hold: who the rival is, unpacking, rows that differ, memory's growth, the end of errors."""
    yield "rival: " + ", ".join(f"{rival} ({name})" for name, rival in RIVAL.items())
    yield "peak: MB of the contender's own processes, summed where several run side by side"
    yield "of lxml: the share of the MB/s at which lxml parses the document and extracts nothing"
    for one in results:
        if one.gunzip_seconds:
            rate = one.bytes / MB / one.gunzip_seconds
            yield f"{one.name} reads only gzip: unpacking took {one.gunzip_seconds:.1f} s ({rate:.0f} MB/s), left out"
        if one.differences and not one.exact:
            lost = ", ".join(f"{table} {difference:+,}" for table, difference in one.differences.items())
            yield f"{one.name}, rows that differ from expat's count: {lost}"
        if one.error:
            yield f"{one.name} failed: {one.error.splitlines()[-1]}"
    known = {one.name: one for one in results if not one.error}
    if WHOLE in known and PART in known and known[WHOLE].bytes > known[PART].bytes:
        yield _growth(known[WHOLE], known[PART])


def _growth(whole: Result, part: Result) -> str:
    more = whole.peak_mb - part.peak_mb
    at_100_gb = part.peak_mb + more / (whole.bytes - part.bytes) * 10**11
    return (
        f"{whole.name}'s peak grows by {more:+.1f} MB ({more / part.peak_mb:+.1%}) from {shown(part.bytes)} to "
        f"{shown(whole.bytes)}; on that line 100 GB take {at_100_gb:.0f} MB"
    )
