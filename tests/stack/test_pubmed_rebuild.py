"""Rules, keys and the swap on a real Postgres, in scratch schemas beside the live ones."""

import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg import Connection, sql

from made_medline import citation, deletion, in_chunks, medline_file
from pubmed_rebuild.bad_input import CheckFailed, MalformedXML, TruncatedInput
from pubmed_rebuild.checks import check
from pubmed_rebuild.publish import swap
from pubmed_rebuild.staging import RULES, TABLES, rebuild

HEADING = '<MeshHeading><DescriptorName UI="D1" MajorTopicYN="Y">M</DescriptorName></MeshHeading>'
MESH = f"<MeshHeadingList>{HEADING}</MeshHeadingList>"


class Schemas(NamedTuple):
    live: str
    staging: str
    previous: str


@pytest.fixture
def connection(warehouse_dsn: str) -> Iterator[Connection]:
    with psycopg.connect(warehouse_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def schemas(connection: Connection) -> Iterator[Schemas]:
    mark = uuid.uuid4().hex[:12]
    names = Schemas(*(f"scratch_{mark}_{part}" for part in Schemas._fields))
    yield names
    for name in names:
        connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(name)))


def load(connection: Connection, schemas: Schemas, *files: bytes) -> dict[str, Any]:
    """Rebuild from `files`, named 1.xml, 2.xml and so on in this order."""
    named = [(f"{number}.xml", in_chunks(content)) for number, content in enumerate(files, start=1)]
    return rebuild(connection, named, schemas.staging)


def publish(connection: Connection, schemas: Schemas, *files: bytes) -> None:
    check(connection, schemas.staging, load(connection, schemas, *files))
    swap(connection, *schemas[:3])


def titles(connection: Connection, schema: str) -> dict[int, str]:
    query = sql.SQL("SELECT pmid, title FROM {}").format(sql.Identifier(schema, "article"))
    return dict(connection.execute(query).fetchall())


def files_of(connection: Connection, schema: str) -> list[tuple[Any, ...]]:
    """Identity of every relation's storage: the same list means that nothing was rewritten or replaced."""
    query = "SELECT relname, oid, relfilenode FROM pg_class WHERE relnamespace = to_regnamespace(%s) ORDER BY 1"
    return connection.execute(query, [schema]).fetchall()


def removed(**counts: int) -> dict[str, int]:
    return dict.fromkeys(RULES, 0) | counts


@pytest.mark.parametrize(
    ("files", "kept", "counts"),
    [
        ([[citation(1, 1, title="old"), citation(1, 2, title="new")]], {1: "new"}, removed(older_versions=1)),
        ([[citation(1, 3, title="new")], [citation(1, 2, title="old")]], {1: "new"}, removed(older_versions=1)),
        ([[citation(1, 10, title="new"), citation(1, 9, title="old")]], {1: "new"}, removed(older_versions=1)),
        ([[citation(1, title="first")], [citation(1, title="later file")]], {1: "later file"}, removed(duplicates=1)),
        ([[citation(1, title="first"), citation(1, title="later")]], {1: "later"}, removed(duplicates=1)),
        ([[citation(1), citation(1), citation(1, 2, title="new")]], {1: "new"}, removed(older_versions=2)),
        ([[citation(1), citation(2, title="stays"), deletion(1, 3)]], {2: "stays"}, removed(deleted=1)),
        ([[citation(1), citation(2, title="stays")], [citation(3, title="too"), deletion(1)]],
         {2: "stays", 3: "too"}, removed(deleted=1)),
        ([[citation(2, title="stays"), deletion(1)], [citation(1, title="came back")]],
         {1: "came back", 2: "stays"}, removed()),
        ([[citation(1, title="kept"), citation(1, 2), deletion(1, version=2)]], {1: "kept"}, removed(deleted=1)),
        ([[citation(1), citation(1, 2, title="kept"), deletion(1, version=1)]], {1: "kept"}, removed(deleted=1)),
    ],
    ids=[
        "higher version later", "higher version earlier", "versions are numbers", "equal version, later file",
        "equal version, later position", "both older and equal", "deletion in its own file", "deletion in a later file",
        "citation after its deletion", "deletion of the newer version", "deletion of the older version",
    ],
)  # fmt: skip
def test_rules(
    connection: Connection, schemas: Schemas, files: list[list[str]], kept: dict[int, str], counts: dict[str, int]
) -> None:
    summary = load(connection, schemas, *(medline_file(*parts) for parts in files))
    assert titles(connection, schemas.staging) == kept
    assert summary["rules"] == counts
    assert summary["records"] == summary["tables"]["article"] + sum(counts.values())
    check(connection, schemas.staging, summary)


def test_rows_of_removed_records_go_with_them(connection: Connection, schemas: Schemas) -> None:
    parts = [citation(1, version, title=str(version), medline=MESH * (version == 1)) for version in (1, 2)]
    summary = load(connection, schemas, medline_file(*parts))
    assert summary["tables"]["mesh_heading"] == 0
    check(connection, schemas.staging, summary)


def test_a_journal_is_described_by_its_last_record_and_kept_only_with_an_article(
    connection: Connection, schemas: Schemas
) -> None:
    def journal(nlm_id: str, country: str) -> str:
        return (
            f"<MedlineJournalInfo><Country>{country}</Country><NlmUniqueID>{nlm_id}</NlmUniqueID></MedlineJournalInfo>"
        )

    first, second = journal("J1", "Then"), journal("J1", "Now")
    load(
        connection,
        schemas,
        medline_file(citation(1, medline=first), citation(3, medline=journal("J2", "Gone"))),
        medline_file(citation(2, medline=second), deletion(3)),
    )
    query = sql.SQL("SELECT nlm_id, country FROM {}").format(sql.Identifier(schemas.staging, "journal"))
    assert connection.execute(query).fetchall() == [("J1", "Now")]


def test_keys_and_foreign_keys_are_there_and_valid(connection: Connection, schemas: Schemas) -> None:
    load(connection, schemas, medline_file(citation(1)))
    query = """
        SELECT conrelid::regclass::text, contype::text, confrelid::regclass::text
        FROM pg_constraint WHERE connamespace = to_regnamespace(%s) AND convalidated AND contype IN ('p', 'f')
    """
    with connection.transaction():
        connection.execute(sql.SQL("SET LOCAL search_path TO {}").format(sql.Identifier(schemas.staging)))
        found = set(connection.execute(query, [schemas.staging]).fetchall())
    of_article = {"author", "mesh_heading", "identifier", '"grant"', "citation", "publication_type"}
    assert {table for table, kind, _ in found if kind == "p"} == {*TABLES, '"grant"'} - {"grant"}
    assert {(table, other) for table, kind, other in found if kind == "f"} == {
        *((table, "article") for table in of_article),
        ("article", "journal"),
        ("affiliation", "author"),
        ("mesh_qualifier", "mesh_heading"),
    }


def test_a_second_rebuild_keeps_the_first_as_previous_and_drops_the_one_before(
    connection: Connection, schemas: Schemas
) -> None:
    for title in ("one", "two", "three"):
        publish(connection, schemas, medline_file(citation(1, title=title)))
    assert titles(connection, schemas.live) == {1: "three"}
    assert titles(connection, schemas.previous) == {1: "two"}
    assert files_of(connection, schemas.staging) == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [(medline_file(citation(2))[:-20], MalformedXML), (medline_file(citation(2)), TruncatedInput)],
    ids=["malformed", "truncated"],
)
def test_a_failed_rebuild_leaves_live_and_staging_untouched(
    connection: Connection, schemas: Schemas, content: bytes, expected: type[Exception]
) -> None:
    def stream() -> Iterator[bytes]:
        yield content
        raise TruncatedInput("Truncated gzip", "2.xml", "more", "the end", "Upload it again.")

    publish(connection, schemas, medline_file(citation(1, title="live")))
    load(connection, schemas, medline_file(citation(1, title="staged")))
    before = {name: files_of(connection, name) for name in schemas}
    second = stream() if expected is TruncatedInput else [content]
    with pytest.raises(expected):
        rebuild(connection, [("1.xml", [medline_file(citation(1))]), ("2.xml", second)], schemas.staging)
    assert {name: files_of(connection, name) for name in schemas} == before
    assert titles(connection, schemas.live) == {1: "live"}


def test_check_refuses_missing_rows_tables_and_keys(connection: Connection, schemas: Schemas) -> None:
    summary = load(connection, schemas, medline_file(citation(1, medline=MESH)))
    in_staging = sql.SQL("SET search_path TO {}").format(sql.Identifier(schemas.staging))
    connection.execute(in_staging)
    for damage, message in (
        ("ALTER TABLE mesh_heading DROP CONSTRAINT mesh_heading_pmid_fkey", r"kinds of key of .*mesh_heading"),
        ("DELETE FROM mesh_heading", r"row count of .*mesh_heading: expected 1, found 0"),
        ("DROP TABLE mesh_qualifier", "the tables of"),
    ):
        connection.execute(damage)
        with pytest.raises(CheckFailed, match=message):
            check(connection, schemas.staging, summary)


def test_check_refuses_records_that_nothing_accounts_for(connection: Connection, schemas: Schemas) -> None:
    summary = load(connection, schemas, medline_file(citation(1), citation(2)))
    with pytest.raises(CheckFailed, match="expected 3, found 2"):
        check(connection, schemas.staging, summary | {"records": 3})


def test_check_refuses_a_database_without_articles(connection: Connection, schemas: Schemas) -> None:
    summary = load(connection, schemas, medline_file(citation(1), deletion(1)))
    with pytest.raises(CheckFailed, match="at least one article"):
        check(connection, schemas.staging, summary)


def test_swap_refuses_unlogged_tables(connection: Connection, schemas: Schemas) -> None:
    publish(connection, schemas, medline_file(citation(1, title="live")))
    load(connection, schemas, medline_file(citation(1)))
    before = {name: files_of(connection, name) for name in (schemas.live, schemas.previous)}
    table = sql.Identifier(schemas.staging, "citation")
    connection.execute(sql.SQL("ALTER TABLE {} SET UNLOGGED").format(table))
    with pytest.raises(CheckFailed, match=r"not permanent: expected \[\], found \['citation'\]"):
        swap(connection, *schemas)
    assert {name: files_of(connection, name) for name in before} == before


def test_swap_refuses_a_staging_schema_that_is_not_there(connection: Connection, schemas: Schemas) -> None:
    publish(connection, schemas, medline_file(citation(1, title="live")))
    with pytest.raises(CheckFailed, match="the tables of"):
        swap(connection, *schemas)
    assert titles(connection, schemas.live) == {1: "live"}


def test_swap_keeps_the_rights_of_readers(connection: Connection, schemas: Schemas) -> None:
    publish(connection, schemas, medline_file(citation(1)))
    for grant in ("USAGE ON SCHEMA {0}", "SELECT ON {0}.article", 'SELECT ON {0}."grant"'):
        for reader in ("pg_monitor", "PUBLIC"):
            connection.execute(f"GRANT {grant.format(schemas.live)} TO {reader}")
    publish(connection, schemas, medline_file(citation(1)))
    query = """
        SELECT relname, privilege_type, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END
        FROM pg_class, aclexplode(relacl) WHERE relnamespace = to_regnamespace(%s) AND grantee <> relowner
        UNION ALL
        SELECT 'schema', privilege_type, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END
        FROM pg_namespace, aclexplode(nspacl) WHERE nspname = %s AND grantee <> nspowner
    """
    expected = {
        (what, right, reader)
        for what, right in (("schema", "USAGE"), ("article", "SELECT"), ("grant", "SELECT"))
        for reader in ("PUBLIC", "pg_monitor")
    }
    assert set(connection.execute(query, [schemas.live, schemas.live]).fetchall()) == expected


def test_swap_gives_up_on_a_reader_of_the_previous_schema(
    connection: Connection, schemas: Schemas, warehouse_dsn: str
) -> None:
    for title in ("one", "two"):
        publish(connection, schemas, medline_file(citation(1, title=title)))
    load(connection, schemas, medline_file(citation(1, title="three")))
    with psycopg.connect(warehouse_dsn) as reader:
        assert titles(reader, schemas.previous) == {1: "one"}
        with pytest.raises(psycopg.errors.LockNotAvailable):
            swap(connection, *schemas, lock_timeout="100ms")
    assert [titles(connection, name) for name in schemas] == [{1: "two"}, {1: "three"}, {1: "one"}]


def test_swap_does_not_drop_what_others_built_on_the_previous_schema(connection: Connection, schemas: Schemas) -> None:
    publish(connection, schemas, medline_file(citation(1, title="one")))
    view, table = sql.Identifier(f"{schemas.live}_view"), sql.Identifier(schemas.live, "article")
    connection.execute(sql.SQL("CREATE TEMPORARY VIEW {} AS SELECT pmid FROM {}").format(view, table))
    publish(connection, schemas, medline_file(citation(1, title="two")))
    load(connection, schemas, medline_file(citation(1, title="three")))
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        swap(connection, *schemas)
    assert titles(connection, schemas.live) == {1: "two"}
