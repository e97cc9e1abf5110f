"""Which records the PubMed mapping's rules leave, on a real Postgres, in scratch schemas beside the live ones."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import Connection, sql

from made_medline import citation, deletion, medline_file
from xml_rebuild.mapping import Mapping
from xml_rebuild.pipeline import Options, Rebuilt, rebuild
from xml_rebuild.source import locate

HEADING = '<MeshHeading><DescriptorName UI="D1" MajorTopicYN="Y">M</DescriptorName></MeshHeading>'
MESH = f"<MeshHeadingList>{HEADING}</MeshHeadingList>"

Load = Callable[..., Rebuilt]


@pytest.fixture
def connection(warehouse_dsn: str) -> Iterator[Connection]:
    with psycopg.connect(warehouse_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def schema(connection: Connection) -> Iterator[str]:
    name = f"scratch_{uuid.uuid4().hex[:12]}"
    yield name
    for suffix in ("", "_staging", "_previous"):
        connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(name + suffix)))


@pytest.fixture
def load(warehouse_dsn: str, schema: str, tmp_path: Path) -> Load:
    """Rebuilds from files, each a list of records, in their order."""

    def load(*files: list[str]) -> Rebuilt:
        for number, parts in enumerate(files):
            (tmp_path / f"{number}.xml").write_bytes(medline_file(*parts))
        options = Options(previous=None)
        return rebuild(warehouse_dsn, Mapping.load("pubmed"), schema, locate(str(tmp_path)), options)

    return load


def column(connection: Connection, schema: str, table: str, name: str) -> list[str]:
    query = sql.SQL("SELECT {} FROM {} ORDER BY 1").format(sql.Identifier(name), sql.Identifier(schema, table))
    return [row[0] for row in connection.execute(query)]


@pytest.mark.parametrize(
    ("files", "kept", "removed"),
    [
        ([[citation(1, 1, title="old"), citation(1, 2, title="new")]], ["new"], {"older_versions": 1}),
        ([[citation(1, 3, title="new")], [citation(1, 2, title="old")]], ["new"], {"older_versions": 1}),
        ([[citation(1, 10, title="new"), citation(1, 9, title="old")]], ["new"], {"older_versions": 1}),
        ([[citation(1, title="first")], [citation(1, title="later file")]], ["later file"], {"duplicates": 1}),
        ([[citation(1, title="first"), citation(1, title="later")]], ["later"], {"duplicates": 1}),
        ([[citation(1), citation(1), citation(1, 2, title="new")]], ["new"], {"older_versions": 2}),
        ([[citation(1), citation(2, title="stays"), deletion(1, 3)]], ["stays"], {"deleted": 1}),
        ([[citation(1), citation(2, title="stays")], [citation(3, title="too"), deletion(1)]],
         ["stays", "too"], {"deleted": 1}),
        ([[citation(2, title="stays"), deletion(1)], [citation(1, title="came back")]], ["came back", "stays"], {}),
        ([[citation(2, title="stays"), deletion(1), citation(1, title="came back")]], ["came back", "stays"], {}),
        ([[citation(1, title="kept"), citation(1, 2), deletion(1, version=2)]], ["kept"], {"deleted": 1}),
        ([[citation(1), citation(1, 2, title="kept"), deletion(1, version=1)]], ["kept"], {"deleted": 1}),
    ],
    ids=[
        "higher version later", "higher version earlier", "versions are numbers", "equal version, later file",
        "equal version, later position", "both older and equal", "deletion in its own file", "deletion in a later file",
        "citation in a file after its deletion", "citation after its deletion", "deletion of the newer version",
        "deletion of the older version",
    ],
)  # fmt: skip
def test_rules(
    connection: Connection, schema: str, load: Load, files: list[list[str]], kept: list[str], removed: dict[str, int]
) -> None:
    rebuilt = load(*files)
    assert column(connection, schema, "article", "title") == kept
    assert rebuilt.removed == removed
    assert rebuilt.rows["article"] == len(kept)
    assert "deletion" not in rebuilt.rows


def test_rows_of_a_removed_record_go_with_it(connection: Connection, schema: str, load: Load) -> None:
    parts = [citation(1, version, medline=MESH * (version == 1)) for version in (1, 2)]
    rebuilt = load(parts)
    assert rebuilt.rows["mesh_heading"] == 0
    assert column(connection, schema, "mesh_heading", "descriptor_ui") == []


def test_a_journal_is_described_as_in_the_last_record_left(connection: Connection, schema: str, load: Load) -> None:
    info = "<MedlineJournalInfo><MedlineTA>{}</MedlineTA><NlmUniqueID>{}</NlmUniqueID></MedlineJournalInfo>"
    names = [("Early", 7), ("Late", 7), ("Withdrawn", 7), ("Nobody's", 8)]
    parts = [citation(pmid, medline=info.format(*name)) for pmid, name in enumerate(names, start=1)]
    load([*parts, deletion(3, 4)])
    assert column(connection, schema, "journal", "medline_ta") == ["Late"]
    assert column(connection, schema, "journal", "nlm_id") == ["7"]
