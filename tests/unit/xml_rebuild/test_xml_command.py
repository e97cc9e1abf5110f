"""The command line, without a database: what it asks for, what it prints, how it ends."""

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from windtunnel import errors as windtunnel_errors
from xml_rebuild import __main__ as command
from xml_rebuild import errors
from xml_rebuild.pipeline import Options, Rebuilt
from xml_rebuild.staging import NotLoaded

FOUND = ("What", "where", "this", "that", "Do something.")
DONE = Rebuilt("id", 10, 1, 2_000_000, {"article": 9}, {"older": 1}, {"load": 1.5, "finish": 0.5})


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "a.xml").write_bytes(b"<set/>")
    return tmp_path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The rebuilds that the command asks for, none of which happens."""
    calls: list[tuple[Any, ...]] = []

    def rebuild(*given: Any) -> Rebuilt:
        calls.append(given)
        return DONE

    monkeypatch.setattr(command, "rebuild", rebuild)
    return calls


def test_load_has_defaults_for_all_but_source_and_mapping(source: Path, asked: list[tuple[Any, ...]]) -> None:
    assert command.main(["load", "--source", str(source), "--mapping", "pubmed"]) == 0
    (conninfo, mapping, schema, sources, options, s3) = asked[0]
    assert (conninfo, mapping.name, schema, options, s3) == ("", "pubmed", "pubmed", Options(), None)
    assert [item.url for item in sources] == [str(source / "a.xml")]


def test_load_takes_options_and_several_sources(source: Path, asked: list[tuple[Any, ...]]) -> None:
    more = ["--threads", "2", "--connections", "3", "--part-bytes", "1000", "--max-rejected", "0", "--previous", "none"]
    where = ["--dsn", "host=db", "--schema", "other", "--source", str(source), "--source", str(source / "a.xml")]
    assert command.main(["load", *where, "--mapping", "onix_serials", *more, "--wait", "1.5"]) == 0
    (conninfo, mapping, schema, sources, options, _) = asked[0]
    assert (conninfo, mapping.name, schema, len(sources)) == ("host=db", "onix_serials", "other", 2)
    assert options == Options(
        threads=2, connections=3, part_bytes=1000, max_rejected=0, previous=None, wait=1.5, lock_timeout="10s"
    )


def test_the_summary_is_json_on_request(
    source: Path, asked: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["load", "--source", str(source), "--mapping", "pubmed", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == DONE.as_dict()
    assert command.main(["load", "--source", str(source), "--mapping", "pubmed"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "10 records, 1 rejected, in 2.0 s: 1.0 MB/s, 5 records/s",
        "           9 article",
        "           1 records removed: older",
    ]


@pytest.mark.parametrize("name", sorted(windtunnel_errors.family(windtunnel_errors.BadInput)))
def test_a_failure_ends_with_the_code_that_windtunnel_gives_its_name(name: str) -> None:
    expected = windtunnel_errors.family(windtunnel_errors.BadInput)[name].exit_code
    assert command.exit_code(getattr(errors, name)(*FOUND)) == expected


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.TooManyRejected(*FOUND), 16),
        (errors.ChangedObject(*FOUND), 14),
        (errors.WrongMapping(*FOUND), 2),
        (errors.Busy(*FOUND), 6),
        (NotLoaded(*FOUND), 1),
        (psycopg.errors.LockNotAvailable("lock"), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_failures_have_the_code_of_their_kind(
    error: Exception, code: int, source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> Rebuilt:
        raise error

    monkeypatch.setattr(command, "rebuild", fail)
    assert command.main(["load", "--source", str(source), "--mapping", "pubmed"]) == code
    assert capsys.readouterr().err.splitlines()[-1] == f"{type(error).__name__}: {error}"


def test_what_is_not_there_is_said(source: Path, asked: list[tuple[Any, ...]]) -> None:
    assert command.main(["load", "--source", str(source / "none.xml"), "--mapping", "pubmed"]) == 14
    assert command.main(["load", "--source", str(source), "--mapping", "no_such"]) == 2
    assert asked == []


@pytest.mark.parametrize("wrong", [["--threads", "0"], ["--previous", "some"], ["--part-bytes", "x"], ["--no-such"]])
def test_a_wrong_command_line_ends_with_2(wrong: list[str], source: Path, asked: list[tuple[Any, ...]]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["load", "--source", str(source), "--mapping", "pubmed", *wrong])
    assert ended.value.code == 2
    assert asked == []


def test_rollback_names_its_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(command, "rollback", lambda *given: calls.append(given))
    assert command.main(["rollback", "--dsn", "host=db", "--schema", "pubmed", "--lock-timeout", "1s"]) == 0
    assert calls == [("host=db", "pubmed", "1s", 10.0)]


def test_check_mapping_shows_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["check-mapping", "pubmed"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (
        "mesh_heading (pmid integer, position integer, descriptor_ui text, descriptor text, major_topic boolean)"
        in lines
    )
    assert lines[-1] == "engine: C"
