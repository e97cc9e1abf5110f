"""xml_rebuild on a real Postgres: from documents on disk to published tables, whatever happens on the way."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import psycopg
import pytest
from psycopg import sql

from windtunnel.settings import ROOT
from xml_rebuild import load as loading
from xml_rebuild.checks import check
from xml_rebuild.copying import Copier
from xml_rebuild.errors import Busy, CheckFailed, TooManyRejected
from xml_rebuild.finish import finish
from xml_rebuild.load import load_missing, load_parts
from xml_rebuild.mapping import Mapping
from xml_rebuild.parts import Part
from xml_rebuild.pipeline import Options, Rebuilt, rebuild
from xml_rebuild.publish import publish, rollback
from xml_rebuild.session import exclusively
from xml_rebuild.source import locate, read
from xml_rebuild.staging import NotLoaded, begin
from xml_rebuild.tables import TableFinisher

SEED = int(os.environ.get("REBUILD_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
SMALL_PART = 20_000
LIMIT = 120

MAPPING = """
name: library
root: library
rules: rules.sql
records:
  book:
    key: {id: {path: "@id", type: integer, required: true}}
    tables: [shelf, book, page]
  withdrawn:
    tables: [withdrawal]
tables:
  shelf:
    distinct: [code]
    when: "@shelf"
    columns: {code: {path: "@shelf", required: true}, room: {path: "@room"}}
  book:
    comment: What stands on the shelves
    primary_key: [id]
    foreign_keys: {code: shelf}
    indexes: [[title]]
    columns: {code: "@shelf", title: {path: title, comment: As printed}}
  page:
    rows: [page]
    foreign_keys: {id: book}
    columns: {position: {path: position(), type: integer}, text: .}
  withdrawal:
    published: false
    columns: {id: {path: "@id", type: integer, required: true}}
"""
RULES = """
INSERT INTO removed
SELECT record_no, 'withdrawn' FROM book
WHERE EXISTS (SELECT FROM withdrawal WHERE withdrawal.id = book.id AND withdrawal.record_no > book.record_no);
INSERT INTO removed
SELECT record_no, 'older' FROM book AS older
WHERE EXISTS (SELECT FROM book WHERE book.id = older.id AND book.record_no > older.record_no)
ON CONFLICT DO NOTHING;
"""
STATE = {"rebuild_part", "rebuild_reject", "rebuild_run"}
TABLES = {"shelf", "book", "page"}


@dataclass(frozen=True)
class Book:
    """One record."""

    id: int
    title: str
    pages: tuple[str, ...] = ()
    shelf: str = "A"
    room: str = "1"

    def __str__(self) -> str:
        pages = "".join(f"<page>{escape(text)}</page>" for text in self.pages)
        place = f'shelf="{self.shelf}" room="{self.room}"'
        return f'<book id="{self.id}" {place}><title>{escape(self.title)}</title>{pages}</book>'


@dataclass(frozen=True)
class Withdrawn:
    """The record that takes the books of this id before it away."""

    id: int

    def __str__(self) -> str:
        return f'<withdrawn id="{self.id}"/>'


Shelved = list[Book | Withdrawn]


def document(records: list[Any]) -> bytes:
    """`records` as a file."""
    return "\n".join(["<?xml version='1.0'?>\n<library>", *map(str, records), "</library>\n"]).encode()


def expected(records: Shelved) -> dict[str, set[tuple[Any, ...]]]:
    """What the mapping and its rules make of the records, worked out one by one."""
    books: dict[int, Book] = {}
    for record in records:
        books.pop(record.id, None)
        if isinstance(record, Book):
            books[record.id] = record
    return {
        "shelf": set({book.shelf: (book.shelf, book.room) for book in books.values()}.values()),
        "book": {(book.id, book.shelf, book.title) for book in books.values()},
        "page": {(book.id, at, text) for book in books.values() for at, text in enumerate(book.pages, start=1)},
    }


def made(chance: random.Random, count: int, clashes: bool = True) -> Shelved:
    """Books with awkward texts; with `clashes`, some come twice and some are withdrawn."""

    def text() -> str:
        return "".join(chance.choice("aé漢😀\\\"',;\t| \n") for _ in range(chance.randrange(1, 40))).strip() or "x"

    records: Shelved = []
    for number in range(count):
        pages = tuple(text() for _ in range(chance.randrange(4)))
        shelf = chance.randrange(7)
        identity = chance.randrange(number + 1) if clashes and chance.random() < 0.05 else number
        records.append(Book(identity, text(), pages, f"S{shelf}", str(chance.randrange(99))))
        if clashes and chance.random() < 0.03:
            records.append(Withdrawn(chance.randrange(number + 1)))
    return records


class Shelves:
    """A library to be rebuilt: its own schema, its files, its mapping."""

    def __init__(self, dsn: str, folder: Path, schema: str) -> None:
        self.dsn = dsn
        self.folder = folder
        self.schema = schema
        self.staging, self.previous = f"{schema}_staging", f"{schema}_previous"
        (folder / "mapping.yml").write_text(MAPPING)
        (folder / "rules.sql").write_text(RULES)
        self.mapping = Mapping.load(folder / "mapping.yml")
        self.connection = psycopg.connect(dsn, autocommit=True)

    def write(self, *files: list[Any]) -> None:
        """The files that the next rebuild reads."""
        for old in self.folder.glob("*.xml"):
            old.unlink()
        for number, records in enumerate(files):
            (self.folder / f"{number}.xml").write_bytes(document(records))

    def begin(self, unlogged: bool = False, part_bytes: int = SMALL_PART) -> list[Part]:
        """The parts of a rebuild from the files."""
        sources = locate(str(self.folder))
        return begin(self.dsn, self.mapping, self.schema, sources, part_bytes, wait=LIMIT, unlogged=unlogged)

    def load(self, part: Part, **options: Any) -> None:
        """Load one part."""
        load_parts(self.dsn, self.mapping, self.schema, [part], **options)

    def load_all(self, unlogged: bool = False) -> str:
        """Load the files; the rebuild's id."""
        parts = self.begin(unlogged)
        for part in parts:
            self.load(part)
        return parts[0].rebuild

    def finish(self, unlogged: bool = False) -> None:
        """Load and finish the files."""
        self.load_all(unlogged)
        finish(self.dsn, self.mapping, self.schema)

    def rebuild(self, **options: Any) -> Rebuilt:
        """All of it, whatever was live before."""
        given = Options(**{"part_bytes": SMALL_PART, "previous": None, **options})
        return rebuild(self.dsn, self.mapping, self.schema, locate(str(self.folder)), given)

    def rows(self, schema: str) -> dict[str, set[tuple[Any, ...]]]:
        """Every row of the mapping's tables; fails if one is there twice."""
        found = {}
        for table in TABLES:
            query = sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, table))
            rows = self.connection.execute(query).fetchall()
            found[table] = set(rows)
            assert len(found[table]) == len(rows)
        return found

    def persistence(self, schema: str) -> dict[str, str]:
        """Table → p permanent or u unlogged."""
        query = """
            SELECT relname, relpersistence::text FROM pg_class
            WHERE relnamespace = to_regnamespace(%s) AND relkind = 'r'
        """
        return dict(self.connection.execute(query, [schema]).fetchall())

    def storage(self, schema: str) -> list[tuple[Any, ...]]:
        """Identity of every relation's storage: the same list means that nothing was rewritten or replaced."""
        query = "SELECT relname, oid, relfilenode FROM pg_class WHERE relnamespace = to_regnamespace(%s) ORDER BY 1"
        return self.connection.execute(query, [schema]).fetchall()

    def parts(self, schema: str) -> dict[int, int]:
        """Loaded parts and their records."""
        query = sql.SQL("SELECT part, records FROM {}").format(sql.Identifier(schema, "rebuild_part"))
        return dict(self.connection.execute(query).fetchall())

    def execute(self, statement: str) -> None:
        """Run a statement with the staging schema as the search path."""
        self.connection.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(self.staging)))
        self.connection.execute(statement)

    def crash(self) -> None:
        """What a crash of the server does to tables: those that are unlogged are empty afterwards."""
        lost = [name for name, kind in self.persistence(self.staging).items() if kind == "u"]
        if lost:
            self.execute(f"TRUNCATE {', '.join(lost)}")

    def end_sessions_at_work(self) -> int:
        """End all sessions that write to the staging schema as an administrator would; how many."""
        query = """
            SELECT pg_terminate_backend(pid) FROM pg_locks
            WHERE relation IN (SELECT oid FROM pg_class WHERE relnamespace = to_regnamespace(%s))
            GROUP BY pid
        """
        with psycopg.connect(self.dsn, autocommit=True) as other:
            return other.execute(query, [self.staging]).rowcount


@pytest.fixture
def chance() -> random.Random:
    print(f"REBUILD_TEST_SEED={SEED}")
    return random.Random(SEED)


@pytest.fixture
def shelves(warehouse_dsn: str, tmp_path: Path) -> Iterator[Shelves]:
    shelves = Shelves(warehouse_dsn, tmp_path, f"scratch_{uuid.uuid4().hex[:12]}")
    yield shelves
    for name in (shelves.schema, shelves.staging, shelves.previous):
        shelves.connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(name)))
    shelves.connection.close()


@pytest.fixture(params=[True, False], ids=["unlogged", "logged"])
def unlogged(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.mark.parametrize("threads", [1, 2])
def test_what_the_files_hold_is_what_is_published(
    shelves: Shelves, chance: random.Random, unlogged: bool, threads: int
) -> None:
    files = [made(chance, 1500), made(chance, 20), made(chance, 700)]
    shelves.write(*files)
    done = shelves.rebuild(threads=threads, unlogged=unlogged)
    records = [record for file in files for record in file]
    assert shelves.rows(shelves.schema) == expected(records)
    assert done.records == len(records)
    assert done.rows == {table: len(rows) for table, rows in expected(records).items()}
    books = sum(isinstance(record, Book) for record in records)
    assert books - sum(done.removed.values()) == done.rows["book"]
    assert shelves.persistence(shelves.schema) == dict.fromkeys(TABLES | STATE, "p")
    assert sum(shelves.parts(shelves.schema).values()) == len(records)
    assert len(shelves.parts(shelves.schema)) > len(files)
    assert shelves.storage(shelves.staging) == []


def test_tables_are_published_with_keys_indexes_and_comments(shelves: Shelves, unlogged: bool) -> None:
    shelves.write([Book(1, "one", ("p",))])
    shelves.rebuild(unlogged=unlogged)
    query = """
        SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = to_regnamespace(%s) AND convalidated AND contype IN ('p', 'f')
    """
    shelves.connection.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(shelves.schema)))
    keys = {row for row in shelves.connection.execute(query, [shelves.schema]) if row[0] in TABLES}
    assert keys == {
        ("shelf", "PRIMARY KEY (code)"),
        ("book", "PRIMARY KEY (id)"),
        ("page", 'PRIMARY KEY (id, "position")'),
        ("book", "FOREIGN KEY (code) REFERENCES shelf(code)"),
        ("page", "FOREIGN KEY (id) REFERENCES book(id)"),
    }
    query = "SELECT indexdef FROM pg_indexes WHERE schemaname = %s AND tablename = 'book' ORDER BY 1"
    indexes = [row[0] for row in shelves.connection.execute(query, [shelves.schema])]
    assert [index.rpartition(" ")[2] for index in indexes] == ["(title)", "(id)"]
    query = """
        SELECT obj_description(attrelid), col_description(attrelid, attnum)
        FROM pg_attribute WHERE attrelid = 'book'::regclass AND attname = 'title'
    """
    assert shelves.connection.execute(query).fetchall() == [("What stands on the shelves", "As printed")]
    query = "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(%s) AND reloptions IS NOT NULL"
    assert shelves.connection.execute(query, [shelves.schema]).fetchall() == []
    query = "SELECT count(*) FROM pg_stats WHERE schemaname = %s AND tablename = 'page'"
    assert shelves.connection.execute(query, [shelves.schema]).fetchall() == [(3,)]


def test_permanent_tables_are_not_written_again_to_be_finished(shelves: Shelves) -> None:
    shelves.write([Book(number, "t", ("p",)) for number in range(50)])
    shelves.load_all(unlogged=False)
    before = {name: rest for name, *rest in shelves.storage(shelves.staging)}
    finish(shelves.dsn, shelves.mapping, shelves.schema)
    after = {name: rest for name, *rest in shelves.storage(shelves.staging)}
    assert [before[name] for name in ("book", "page")] == [after[name] for name in ("book", "page")]


def test_a_second_rebuild_keeps_the_first_for_a_rollback(shelves: Shelves) -> None:
    for title in ("one", "two", "three"):
        shelves.write([Book(1, title)])
        shelves.rebuild()
    titles = {name: {row[2] for row in shelves.rows(name)["book"]} for name in (shelves.schema, shelves.previous)}
    assert titles == {shelves.schema: {"three"}, shelves.previous: {"two"}}
    for live in ("two", "three"):
        rollback(shelves.dsn, shelves.schema)
        assert {row[2] for row in shelves.rows(shelves.schema)["book"]} == {live}


def test_there_is_no_rollback_without_a_schema_of_before(shelves: Shelves) -> None:
    shelves.write([Book(1, "one")])
    shelves.rebuild()
    with pytest.raises(CheckFailed, match="a schema to go back to"):
        rollback(shelves.dsn, shelves.schema)
    assert shelves.rows(shelves.schema)["book"] == {(1, "A", "one")}


# ------------------------------------------------------------------------------------------------- parts and retries


def test_a_part_that_is_loaded_is_not_loaded_again(shelves: Shelves, chance: random.Random, unlogged: bool) -> None:
    records = made(chance, 600)
    shelves.write(records)
    parts = shelves.begin(unlogged)
    again = [chance.choice(parts) for _ in parts]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(shelves.load, chance.sample(parts + again, len(parts + again))))
    assert [part.rebuild for part in shelves.begin(unlogged)] == [parts[0].rebuild] * len(parts)
    finish(shelves.dsn, shelves.mapping, shelves.schema)
    assert shelves.rows(shelves.staging) == expected(records)


def test_parts_travel_as_json(shelves: Shelves, chance: random.Random) -> None:
    records = made(chance, 600)
    shelves.write(records)
    for form in json.loads(json.dumps([part.as_dict() for part in shelves.begin()])):
        shelves.load(Part.from_dict(form))
    finish(shelves.dsn, shelves.mapping, shelves.schema)
    assert shelves.rows(shelves.staging) == expected(records)


def test_other_files_or_another_mapping_begin_anew(shelves: Shelves) -> None:
    shelves.write([Book(1, "one")])
    first = shelves.load_all()
    shelves.mapping = replace(shelves.mapping, fingerprint="another")
    second = shelves.load_all()
    shelves.write([Book(2, "two")])
    third = shelves.begin()[0].rebuild
    assert len({first, second, third}) == 3
    assert shelves.parts(shelves.staging) == {}


def command(shelves: Shelves, *more: str) -> list[str]:
    """The command line that rebuilds from the files."""
    options = ["--dsn", shelves.dsn, "--mapping", str(shelves.folder / "mapping.yml"), "--schema", shelves.schema]
    return [
        *(sys.executable, "-m", "xml_rebuild", "load", "--source", str(shelves.folder), *options),
        *("--part-bytes", str(SMALL_PART), "--previous", "none", *more),
    ]


ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT / "airflow/xml-rebuild/src")}


def until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Ask until `condition` holds or the process has ended."""
    while not condition() and process.poll() is None:
        threading.Event().wait(0.005)


def test_a_killed_loader_is_followed_by_one_that_loads_the_rest(
    shelves: Shelves, chance: random.Random, unlogged: bool
) -> None:
    shelves.write([Book(1, "live")])
    shelves.rebuild()
    records = made(chance, 6000)
    shelves.write(records)
    parts = shelves.begin(unlogged)
    kills = sorted(chance.sample(range(len(parts)), 3))
    for loaded in kills:
        process = subprocess.Popen(command(shelves, "--threads", "2"), env=ENVIRONMENT, stderr=subprocess.PIPE)
        until(lambda loaded=loaded: len(shelves.parts(shelves.staging)) > loaded, process)  # type: ignore[misc]
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if process.returncode == 0:
            break
        assert shelves.rows(shelves.schema)["book"] == {(1, "A", "live")}
    before = shelves.storage(shelves.schema)
    done = subprocess.run(command(shelves, "--wait", str(LIMIT)), env=ENVIRONMENT, capture_output=True, timeout=LIMIT)
    assert done.returncode == 0, done.stderr.decode()
    assert shelves.rows(shelves.schema) == expected(records)
    assert shelves.storage(shelves.schema) != before


def test_a_connection_that_ends_mid_copy_leaves_nothing_of_its_part(
    shelves: Shelves, chance: random.Random, unlogged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = made(chance, 800)
    shelves.write(records)
    parts = shelves.begin(unlogged)
    for part in parts[:2]:
        shelves.load(part)

    def cut(*given: Any) -> Iterator[bytes]:
        content = b"".join(read(*given))
        middle = chance.randrange(len(content))
        yield content[:middle]
        assert shelves.end_sessions_at_work() == 1
        yield content[middle:]

    with monkeypatch.context() as patch:
        patch.setattr(loading, "read", cut)
        with pytest.raises(psycopg.OperationalError):
            shelves.load(parts[2])
    assert set(shelves.parts(shelves.staging)) == {part.number for part in parts[:2]}
    shelves.load_all(unlogged)
    finish(shelves.dsn, shelves.mapping, shelves.schema)
    assert shelves.rows(shelves.staging) == expected(records)


def test_after_a_crash_the_parts_that_it_took_are_loaded_again(
    shelves: Shelves, chance: random.Random, unlogged: bool
) -> None:
    records = made(chance, 800)
    shelves.write(records)
    parts = shelves.begin(unlogged)
    for part in parts[: chance.randrange(1, len(parts))]:
        shelves.load(part)
    shelves.crash()
    with pytest.raises(NotLoaded, match="Missing parts"):
        finish(shelves.dsn, shelves.mapping, shelves.schema)
    load_missing(shelves.dsn, shelves.mapping, shelves.schema)
    finish(shelves.dsn, shelves.mapping, shelves.schema)
    assert shelves.rows(shelves.staging) == expected(records)


def stop_finish(shelves: Shelves, monkeypatch: pytest.MonkeyPatch, tables: int, rebuild: str) -> None:
    """Finish with one connection, which the server ends in the midst of a table when `tables` tables are done."""
    begun: list[TableFinisher] = []
    dress = TableFinisher._dress

    def stop(self: TableFinisher) -> None:
        if len(begun) == tables:
            assert shelves.end_sessions_at_work() == 1
        begun.append(self)
        dress(self)

    with monkeypatch.context() as patch:
        patch.setattr(TableFinisher, "_dress", stop)
        with pytest.raises(psycopg.OperationalError):
            finish(shelves.dsn, shelves.mapping, shelves.schema, connections=1, rebuild=rebuild)


@pytest.mark.parametrize("crash", [False, True], ids=["connection ended", "server crashed"])
def test_a_finish_that_was_stopped_is_gone_on_with(
    shelves: Shelves, chance: random.Random, unlogged: bool, crash: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = made(chance, 400)
    shelves.write(records)
    rebuild = shelves.load_all(unlogged)
    stop_finish(shelves, monkeypatch, chance.randrange(len(TABLES)), rebuild)
    if crash:
        shelves.crash()
    load_missing(shelves.dsn, shelves.mapping, shelves.schema, wait=LIMIT)
    done = finish(shelves.dsn, shelves.mapping, shelves.schema, rebuild=rebuild, wait=LIMIT)
    assert shelves.rows(shelves.staging) == expected(records)
    assert done.rows == {table: len(rows) for table, rows in expected(records).items()}
    assert finish(shelves.dsn, shelves.mapping, shelves.schema, rebuild=rebuild) == done


def test_a_single_part_is_loaded_again_after_a_crash_in_finish(
    shelves: Shelves, chance: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = made(chance, 400)
    shelves.write(records)
    rebuild = shelves.load_all(unlogged=True)
    stop_finish(shelves, monkeypatch, 2, rebuild)
    shelves.crash()
    for part in shelves.begin(unlogged=True):
        shelves.load(part, wait=LIMIT)
    finish(shelves.dsn, shelves.mapping, shelves.schema)
    assert shelves.rows(shelves.staging) == expected(records)


# ------------------------------------------------------------------------------------------------ two rebuilds at once


def test_a_rebuild_that_another_holds_says_so(shelves: Shelves) -> None:
    shelves.write([Book(1, "one")])
    part = shelves.begin()[0]
    with psycopg.connect(shelves.dsn, autocommit=True) as other, exclusively(other, shelves.schema):
        for step in (
            lambda: begin(shelves.dsn, shelves.mapping, shelves.schema, [part.source], wait=0.1),
            lambda: shelves.load(part, wait=0.1),
            lambda: finish(shelves.dsn, shelves.mapping, shelves.schema, wait=0.1),
            lambda: check(shelves.dsn, shelves.mapping, shelves.schema, wait=0.1),
            lambda: publish(shelves.dsn, shelves.schema, wait=0.1),
            lambda: rollback(shelves.dsn, shelves.schema, wait=0.1),
            lambda: shelves.rebuild(wait=0.1),
        ):
            with pytest.raises(Busy, match="another session that rebuilds it"):
                step()


def test_of_two_rebuilds_at_once_one_gives_up_or_waits(
    shelves: Shelves, chance: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = made(chance, 300)
    shelves.write(records)
    begun, go_on = threading.Event(), threading.Event()

    def held(*given: Any) -> Iterator[bytes]:
        begun.set()
        assert go_on.wait(LIMIT)
        yield from read(*given)

    monkeypatch.setattr(loading, "read", held)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(shelves.rebuild)
        assert begun.wait(LIMIT)
        with pytest.raises(Busy):
            shelves.rebuild(wait=0.1)
        second = pool.submit(shelves.rebuild, wait=LIMIT)
        go_on.set()
        assert first.result().rebuild != second.result().rebuild
    assert shelves.rows(shelves.schema) == shelves.rows(shelves.previous) == expected(records)


def test_a_part_of_a_rebuild_that_was_replaced_is_not_mixed_into_the_next(shelves: Shelves) -> None:
    shelves.write([Book(1, "old")])
    old = shelves.begin()[0]
    shelves.write([Book(1, "new")])
    shelves.finish()
    for step in (
        lambda: shelves.load(old),
        lambda: finish(shelves.dsn, shelves.mapping, shelves.schema, rebuild=old.rebuild),
        lambda: check(shelves.dsn, shelves.mapping, shelves.schema, rebuild=old.rebuild),
    ):
        with pytest.raises(Busy, match="Replaced rebuild"):
            step()
    check(shelves.dsn, shelves.mapping, shelves.schema)
    with pytest.raises(CheckFailed, match=old.rebuild):
        publish(shelves.dsn, shelves.schema, rebuild=old.rebuild)
    assert shelves.rows(shelves.staging)["book"] == {(1, "A", "new")}


def test_a_second_loader_of_a_part_says_so_while_the_first_is_at_it(
    shelves: Shelves, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelves.write([Book(1, "one")])
    part = shelves.begin()[0]
    begun, go_on = threading.Event(), threading.Event()

    def held(*given: Any) -> Iterator[bytes]:
        begun.set()
        assert go_on.wait(LIMIT)
        yield from read(*given)

    monkeypatch.setattr(loading, "read", held)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(shelves.load, part)
        assert begun.wait(LIMIT)
        with pytest.raises(Busy, match="Part in use"):
            shelves.load(part, wait=0.1)
        go_on.set()
        first.result()
    assert shelves.parts(shelves.staging) == {part.number: 1}


# -------------------------------------------------------------------------------------------------- rejects and checks


BROKEN = '<book id="9"><title>broken</titel></book>'
MISFIT = '<book id="nine"><title>no number</title></book>'


def test_rejected_records_are_kept_aside_with_their_place(shelves: Shelves) -> None:
    files: list[list[Any]] = [[Book(1, "one"), BROKEN, Book(2, "two")], [MISFIT, Book(3, "three")]]
    shelves.write(*files)
    assert shelves.rebuild(max_rejected=2).rejected == 2
    query = sql.SQL("SELECT source, byte_offset, excerpt FROM {} ORDER BY part")
    rows = shelves.connection.execute(query.format(sql.Identifier(shelves.schema, "rebuild_reject"))).fetchall()
    for (source, offset, excerpt), bad in zip(rows, (BROKEN, MISFIT), strict=True):
        assert Path(source).read_bytes()[offset:].startswith(bad.encode())
        assert excerpt == bad
    assert {row[0] for row in shelves.rows(shelves.schema)["book"]} == {1, 2, 3}


def test_more_rejected_records_than_allowed_end_the_rebuild(shelves: Shelves) -> None:
    shelves.write([Book(1, "live")])
    shelves.rebuild()
    shelves.write([BROKEN, Book(1, "one"), BROKEN], [MISFIT])
    for limit, named in ((0, 1), (1, 2), (2, 3)):
        with pytest.raises(TooManyRejected, match=f"at most {limit}") as told:
            shelves.rebuild(max_rejected=limit)
        assert str(told.value).count(", byte ") >= named
        assert f"0.xml, byte {document([BROKEN]).index(b'<book')}" in str(told.value)
    assert shelves.rows(shelves.schema)["book"] == {(1, "A", "live")}


def test_a_key_that_is_not_unique_is_told_with_examples(shelves: Shelves, unlogged: bool) -> None:
    shelves.mapping = replace(shelves.mapping, rules=None, fingerprint="no rules")
    shelves.write([Book(number % 5, "t") for number in range(11)])
    expected_message = r"primary key \(id\) of .*book: .*5 keys in several rows: \(0\) in 3 rows, \(1\) in 2 rows"
    for _ in range(2):
        with pytest.raises(CheckFailed, match=expected_message):
            shelves.finish(unlogged)


def test_a_key_that_refers_to_nothing_is_told_with_an_example(shelves: Shelves) -> None:
    shelves.mapping = replace(shelves.mapping, rules="DELETE FROM book WHERE id = 7")
    shelves.write([Book(number, "t", ("p",)) for number in range(9)])
    with pytest.raises(CheckFailed, match=r"foreign key page_id_fkey of .*page: .*\(id\)=\(7\) is not present"):
        shelves.finish()


def test_a_row_without_a_key_is_told(shelves: Shelves) -> None:
    shelves.write([Book(1, "one")])
    shelves.begin()
    with psycopg.connect(shelves.dsn) as connection, Copier(connection, shelves.mapping, shelves.staging) as copier:
        copier.add({"book": b"1,,\x7fA\x7f,\x7ftitle\x7f\r"})
        with pytest.raises(CheckFailed, match="table book: expected a value in id, found Failing row contains"):
            copier.flush()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("ALTER TABLE page DROP CONSTRAINT page_id_fkey", r"foreign keys of .*page: expected \(1, 1\), found \(1, 0\)"),
        ("ALTER TABLE page DROP CONSTRAINT page_pkey", r"foreign keys of .*page: expected \(1, 1\), found \(0, 1\)"),
        ("DELETE FROM page", "row count of .*page: expected 2, found 0"),
        ("DROP TABLE page", "the tables of"),
        ("ALTER TABLE page SET UNLOGGED", r"not permanent: expected \[\], found \['page'\]"),
    ],
    ids=["foreign key", "primary key", "rows", "table", "persistence"],
)
def test_check_refuses_what_is_missing(shelves: Shelves, damage: str, message: str) -> None:
    shelves.write([Book(1, "one", ("p", "q"))])
    shelves.finish()
    check(shelves.dsn, shelves.mapping, shelves.schema)
    shelves.execute(damage)
    with pytest.raises(CheckFailed, match=message):
        check(shelves.dsn, shelves.mapping, shelves.schema)


def test_check_refuses_a_database_that_is_not_finished_or_empty(shelves: Shelves) -> None:
    shelves.write([Book(1, "one"), Withdrawn(1)])
    shelves.load_all()
    with pytest.raises(CheckFailed, match="a finished rebuild"):
        check(shelves.dsn, shelves.mapping, shelves.schema)
    finish(shelves.dsn, shelves.mapping, shelves.schema)
    with pytest.raises(CheckFailed, match="book: expected at least one row"):
        check(shelves.dsn, shelves.mapping, shelves.schema)


@pytest.mark.parametrize(
    ("count", "bound", "passes"), [(80, 0.2, True), (79, 0.2, False), (121, 0.2, False), (79, None, True)]
)
def test_check_compares_with_the_live_schema(shelves: Shelves, count: int, bound: float | None, passes: bool) -> None:
    shelves.write([Book(number, "t") for number in range(100)])
    shelves.rebuild()
    shelves.write([Book(number, "t") for number in range(count)])
    shelves.finish()
    if passes:
        assert check(shelves.dsn, shelves.mapping, shelves.schema, bound).before["book"] == 100
        return
    with pytest.raises(CheckFailed, match=f"book: expected 100 as before, give or take 20%, found {count}"):
        check(shelves.dsn, shelves.mapping, shelves.schema, bound)


# ------------------------------------------------------------------------------------------------------------ the swap


def finished(shelves: Shelves, title: str) -> None:
    """A checked rebuild that waits to be published."""
    shelves.write([Book(1, title)])
    shelves.finish()
    check(shelves.dsn, shelves.mapping, shelves.schema, None)


def titles(shelves: Shelves, schema: str) -> set[str]:
    return {row[2] for row in shelves.rows(schema)["book"]}


def test_publish_refuses_what_is_not_permanent_not_checked_or_not_there(shelves: Shelves) -> None:
    shelves.write([Book(1, "live")])
    shelves.rebuild()
    before = shelves.storage(shelves.schema)
    with pytest.raises(CheckFailed, match="a checked rebuild, found none"):
        publish(shelves.dsn, shelves.schema)
    shelves.finish()
    with pytest.raises(CheckFailed, match="finished"):
        publish(shelves.dsn, shelves.schema)
    check(shelves.dsn, shelves.mapping, shelves.schema)
    shelves.execute("ALTER TABLE page SET UNLOGGED")
    with pytest.raises(CheckFailed, match=r"not permanent: expected \[\], found \['page'\]"):
        publish(shelves.dsn, shelves.schema)
    assert shelves.storage(shelves.schema) == before


def test_publishing_twice_is_publishing_once(shelves: Shelves) -> None:
    shelves.write([Book(1, "one")])
    shelves.rebuild()
    shelves.write([Book(1, "two")])
    rebuild = shelves.load_all()
    finish(shelves.dsn, shelves.mapping, shelves.schema)
    check(shelves.dsn, shelves.mapping, shelves.schema)
    for _ in range(2):
        publish(shelves.dsn, shelves.schema, rebuild=rebuild)
    assert titles(shelves, shelves.schema) == {"two"}
    assert titles(shelves, shelves.previous) == {"one"}


def test_publish_keeps_the_rights_of_readers(shelves: Shelves) -> None:
    shelves.write([Book(1, "one")])
    shelves.rebuild()
    for grant in ("USAGE ON SCHEMA {0}", "SELECT ON {0}.book", "SELECT (id) ON {0}.page"):
        for reader in ("pg_monitor", "PUBLIC"):
            shelves.connection.execute(f"GRANT {grant.format(shelves.schema)} TO {reader}")  # type: ignore[arg-type]
    shelves.connection.execute(f"GRANT SELECT ON {shelves.schema}.shelf TO pg_monitor WITH GRANT OPTION")  # type: ignore[arg-type]
    shelves.rebuild()
    query = """
        SELECT relname, privilege_type, is_grantable, grantee FROM pg_class, aclexplode(relacl)
        WHERE relnamespace = to_regnamespace(%(name)s) AND grantee <> relowner
        UNION ALL
        SELECT relname || '.' || attname, privilege_type, is_grantable, grantee
        FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid, aclexplode(attacl)
        WHERE relnamespace = to_regnamespace(%(name)s)
        UNION ALL
        SELECT 'schema', privilege_type, is_grantable, grantee FROM pg_namespace, aclexplode(nspacl)
        WHERE nspname = %(name)s AND grantee <> nspowner
    """
    rights = [set(shelves.connection.execute(query, {"name": name})) for name in (shelves.schema, shelves.previous)]
    assert {(what, right, grantable) for what, right, grantable, _ in rights[0]} == {
        ("schema", "USAGE", False),
        ("book", "SELECT", False),
        ("page.id", "SELECT", False),
        ("shelf", "SELECT", True),
    }
    assert rights[0] == rights[1]
    assert len(rights[0]) == 7


def test_a_query_that_runs_keeps_its_tables(shelves: Shelves) -> None:
    shelves.write([Book(number, "one") for number in range(1000)])
    shelves.rebuild()
    finished(shelves, "two")
    with psycopg.connect(shelves.dsn) as reader, reader.cursor("reading") as cursor:
        cursor.execute(sql.SQL("SELECT title FROM {}").format(sql.Identifier(shelves.schema, "book")))
        read_first = cursor.fetchmany(10)
        publish(shelves.dsn, shelves.schema)
        assert {row[0] for row in read_first + cursor.fetchall()} == {"one"}
        assert cursor.rownumber == 1000
    assert titles(shelves, shelves.schema) == {"two"}


def test_publish_gives_up_on_a_reader_of_the_previous_schema(shelves: Shelves) -> None:
    for title in ("one", "two"):
        shelves.write([Book(1, title)])
        shelves.rebuild()
    finished(shelves, "three")
    with psycopg.connect(shelves.dsn) as reader:
        reader.execute(sql.SQL("SELECT FROM {}").format(sql.Identifier(shelves.previous, "book")))
        with pytest.raises(psycopg.errors.LockNotAvailable):
            publish(shelves.dsn, shelves.schema, lock_timeout="100ms")
    names = (shelves.previous, shelves.schema, shelves.staging)
    assert [titles(shelves, name) for name in names] == [{"one"}, {"two"}, {"three"}]


def test_publish_does_not_drop_what_others_built_on_the_previous_schema(shelves: Shelves) -> None:
    shelves.write([Book(1, "one")])
    shelves.rebuild()
    view, table = sql.Identifier(f"{shelves.schema}_view"), sql.Identifier(shelves.schema, "book")
    shelves.connection.execute(sql.SQL("CREATE TEMPORARY VIEW {} AS SELECT id FROM {}").format(view, table))
    shelves.write([Book(1, "two")])
    shelves.rebuild()
    finished(shelves, "three")
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        publish(shelves.dsn, shelves.schema)
    assert titles(shelves, shelves.schema) == {"two"}


# --------------------------------------------------------------------------------------------------------- the command


def test_the_command_rebuilds_and_rolls_back(shelves: Shelves, chance: random.Random) -> None:
    records = made(chance, 500)
    for files in ([Book(1, "first")], records):
        shelves.write(files)
        ran = subprocess.run(command(shelves, "--json"), env=ENVIRONMENT, capture_output=True, timeout=LIMIT)
        assert ran.returncode == 0, ran.stderr.decode()
    summary = json.loads(ran.stdout)
    assert summary["records"] == len(records)
    assert summary["rows"] == {table: len(rows) for table, rows in expected(records).items()}
    assert shelves.rows(shelves.schema) == expected(records)
    back = [sys.executable, "-m", "xml_rebuild", "rollback", "--dsn", shelves.dsn, "--schema", shelves.schema]
    subprocess.run(back, env=ENVIRONMENT, check=True, timeout=LIMIT)
    assert titles(shelves, shelves.schema) == {"first"}


# Not the parent's rusage: that of a child begins with what its parent had in memory.
TELLING_ITS_PEAK = """
import re, sys
from pathlib import Path
from xml_rebuild.__main__ import main
failed = main(sys.argv[1:])
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
sys.exit(failed)
"""


@pytest.mark.parametrize(("threads", "limit"), [(1, 100), (2, 150)])
def test_the_command_needs_little_memory(shelves: Shelves, chance: random.Random, threads: int, limit: int) -> None:
    texts = ["".join(chance.choices("abcdefgh ", k=900)).strip() for _ in range(50)]
    shelves.write([Book(number, "t", tuple(chance.choices(texts, k=8))) for number in range(20_000)])
    interpreter, _, _, *arguments = command(shelves, "--threads", str(threads), "--part-bytes", str(2**26), "--json")
    process = [interpreter, "-c", TELLING_ITS_PEAK, *arguments]
    ran = subprocess.run(process, env=ENVIRONMENT, capture_output=True, timeout=LIMIT)
    assert ran.returncode == 0, ran.stderr.decode()
    summary, peak = ran.stdout.splitlines()
    assert json.loads(summary)["bytes"] > 100e6
    assert int(peak) / 1024 < limit
