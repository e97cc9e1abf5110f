"""Bad input ends with its own exit code and a message to act on, and what was live is still there, untouched."""

import gzip
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from command_line import CommandLine
from windtunnel.errors import (
    MalformedXML,
    MissingObject,
    PortTaken,
    RegistryUnreachable,
    TruncatedInput,
    UsageError,
    WrongContent,
)

GOOD = b"<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID Version='1'>1</PMID>"


def storage(dsn: str) -> list[tuple[object, ...]]:
    query = "SELECT relname, oid, relfilenode FROM pg_class WHERE relnamespace = to_regnamespace('pubmed') ORDER BY 1"
    with psycopg.connect(dsn) as warehouse:
        return warehouse.execute(query).fetchall()


@pytest.fixture
def live_is_untouched(warehouse_dsn: str) -> Iterator[None]:
    before = storage(warehouse_dsn)
    assert before
    yield
    assert storage(warehouse_dsn) == before


@pytest.mark.usefixtures("live_is_untouched")
@pytest.mark.parametrize(
    ("content", "error"),
    [
        pytest.param(gzip.compress(GOOD * 5000)[:-200], TruncatedInput, id="truncated gzip"),
        pytest.param(gzip.compress(GOOD + b"</wrong>"), MalformedXML, id="malformed XML"),
        pytest.param(gzip.compress(b"<Other/>"), WrongContent, id="another document"),
    ],
)
def test_a_file_that_will_not_do(cli: CommandLine, tmp_path: Path, content: bytes, error: type[UsageError]) -> None:
    path = tmp_path / "input.xml.gz"
    path.write_bytes(content)
    said = cli("up", "--source", str(path), expect=error.exit_code).stderr
    assert error.__name__ in said and "input.xml.gz" in said


@pytest.mark.usefixtures("live_is_untouched")
def test_a_missing_object(cli: CommandLine) -> None:
    said = cli("up", "--source", "s3://windtunnel/pubmed/nowhere.xml.gz", expect=MissingObject.exit_code).stderr
    assert "nowhere.xml.gz" in said
    cli("up", "--source", "/nowhere/at/all.xml", expect=MissingObject.exit_code)


def test_a_port_that_is_taken(cli: CommandLine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        another = CommandLine(f"{cli.name}-port")
        try:
            said = another("up", expect=PortTaken.exit_code, FLOWER_PORT=port).stderr
            assert port in said and "FLOWER_PORT" in said
        finally:
            another.remove()


def test_images_of_an_unknown_kind(cli: CommandLine) -> None:
    assert "official, source or auto" in cli("up", "--images", "wrong", expect=UsageError.exit_code).stderr


def test_a_registry_that_does_not_answer(cli: CommandLine) -> None:
    nowhere = {"REDIS_EXPORTER_IMAGE": "127.0.0.1:1/nobody/nothing:1"}
    said = cli("up", "--images", "official", expect=RegistryUnreachable.exit_code, **nowhere).stderr
    assert "--images source" in said


def test_an_unknown_class(cli: CommandLine) -> None:
    assert "mw1.medium" in cli("up", "--class", "mw1.tiny", expect=UsageError.exit_code).stderr


def test_a_name_that_compose_would_refuse() -> None:
    CommandLine("Bad Name")("status", expect=UsageError.exit_code)
