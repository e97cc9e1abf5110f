"""What is printed and written is what the runs found; wrong rows are an error of ours, and shown of others."""

import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from windtunnel.bench import command, rebuild
from windtunnel.bench.contenders import CONTENDERS, MB, Contender, Job, chosen
from windtunnel.bench.counts import RULES
from windtunnel.bench.database import Contents, Table
from windtunnel.bench.inputs import FORMATS, Document
from windtunnel.bench.measure import PROGRAMS, Measured
from windtunnel.bench.results import Result, Run, result_of
from windtunnel.bench.table import remarks, table
from windtunnel.cli import app
from windtunnel.errors import UsageError

EXACT, OTHER = CONTENDERS["ours-1"], CONTENDERS["pubmed_parser"]


@pytest.fixture
def document(tmp_path: Path) -> Document:
    path = tmp_path / "made.xml"
    path.write_text(f"<PubmedArticleSet>{'<PubmedArticle></PubmedArticle>' * 10}</PubmedArticleSet>")
    return Document(FORMATS["pubmed"], path)


def contents(articles: int, persistence: str = "permanent") -> Contents:
    empty = {name: Table(0, "permanent") for rule in RULES.values() for name in (*rule.rows, *rule.distinct)}
    return Contents(empty | {"article": Table(articles, persistence)}, 10, 9, 14)


def run(seconds: float, articles: int = 10, gunzip: float = 0.0, persistence: str = "permanent") -> Run:
    unpacked = Measured(gunzip, gunzip, 10 * MB) if gunzip else None
    return Run(Measured(seconds, seconds, 80 * MB), unpacked, contents(articles, persistence))


def test_the_median_run_counts_and_all_are_kept(document: Document) -> None:
    result = result_of(EXACT, document, [run(4.0), run(1.0), run(2.0)])
    assert (result.seconds, result.all_seconds, result.error) == (2.0, [4.0, 1.0, 2.0], "")
    assert result.records_per_s == 5.0
    assert result.peak_mb == 80.0


def test_unpacking_is_left_out_of_the_rates_only(document: Document) -> None:
    result = result_of(OTHER, document, [run(3.0, gunzip=1.0)])
    assert (result.seconds, result.gunzip_seconds, result.records_per_s) == (3.0, 1.0, 5.0)


def test_a_row_too_few_is_an_error_where_rows_must_be_exact(document: Document) -> None:
    assert result_of(EXACT, document, [run(1.0, articles=9)]).error == "article: -1 rows"


def test_a_row_too_few_is_shown_of_others(document: Document) -> None:
    result = result_of(OTHER, document, [run(1.0, articles=9)])
    assert (result.error, result.differences) == ("", {"article": -1})
    assert any("article -1" in remark for remark in remarks([result]))


@pytest.mark.parametrize("contender", [EXACT, OTHER])
def test_a_table_that_is_not_permanent_is_an_error(contender: Contender, document: Document) -> None:
    result = result_of(contender, document, [run(1.0, persistence="unlogged")])
    assert result.error == "not permanent: article"


def test_a_table_that_is_not_there_is_an_error(document: Document) -> None:
    nothing = Run(Measured(1.0, 1.0, MB), None, Contents({}, 0, 0, 0))
    assert "article: -10 rows" in result_of(EXACT, document, [nothing]).error


def test_the_table_compares_with_the_rival_and_the_ceiling(document: Document) -> None:
    ceiling = CONTENDERS["lxml-ceiling"]
    results = [
        result_of(EXACT, document, [run(1.0)]),
        result_of(OTHER, document, [run(5.0, gunzip=1.0)]),
        result_of(ceiling, document, [run(0.5)]),
    ]
    # A rate of so small a document is too coarse to divide.
    results = [
        Result(**{**vars(one), "mb_per_s": rate}) for one, rate in zip(results, (80.0, 20.0, 160.0), strict=True)
    ]
    console = Console(width=120)
    with console.capture() as capture:
        console.print(table(results))
    first = capture.get().splitlines()[1].split()
    assert (first[0], first[-3:]) == ("ours-1", ["4.00", "50%", "✓"])


def test_memorys_growth_is_drawn_out_to_100_gb() -> None:
    about = {"about": "", "document": "pubmed", "records": 1, "processes": 1}
    whole = Result(name="ours-1", bytes=3 * 10**9, peak_mb=90.0, **about)  # type: ignore[arg-type]
    part = Result(name="ours-1-200MB", bytes=2 * 10**8, peak_mb=88.0, **about)  # type: ignore[arg-type]
    assert list(remarks([whole, part]))[3:] == [
        "ours-1's peak grows by +2.0 MB (+2.3%) from 200 MB to 3 GB; on that line 100 GB take 159 MB"
    ]


def test_every_contenders_programs_are_there(document: Document, tmp_path: Path) -> None:
    job = Job(document, "/usr/bin/python", "postgresql://", tmp_path)
    named = [word for one in CONTENDERS.values() if not one.packed for phase in one.phases(job) for command in phase
             for word in command if word.startswith(str(PROGRAMS))]  # fmt: skip
    assert named and [word for word in named if not Path(word).exists()] == []


def test_contenders_are_chosen_by_name() -> None:
    assert chosen([]) == list(CONTENDERS.values())
    assert [one.name for one in chosen(["pubmed_parser", "ours-1"])] == ["ours-1", "pubmed_parser"]
    with pytest.raises(UsageError, match="expected one of ours-1"):
        chosen(["ours-99"])


def test_each_round_begins_with_another() -> None:
    turns = "".join(rebuild._in_turns("abcd", 2))  # type: ignore[arg-type,misc]
    assert turns == "abcdcdab"


def test_the_command_writes_what_it_found(document: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = rebuild.Outcome({"machine": {"cpus": 2}}, [result_of(EXACT, document, [run(1.0)])])
    monkeypatch.setattr(command.benchmark, "run", lambda *_: found)
    target = tmp_path / "found.json"
    done = CliRunner().invoke(app, ["bench", "rebuild", "--size", "50MB", "--json", str(target)])
    assert done.exit_code == 0, done.output
    written = json.loads(target.read_text())
    assert written["machine"] == {"cpus": 2}
    assert written["contenders"][0]["rows"]["article"] == {"rows": 10, "expected": 10, "persistence": "permanent"}
