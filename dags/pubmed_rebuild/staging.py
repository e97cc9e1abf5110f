"""Load a whole database into a staging schema: COPY, then the rules, then keys, in one transaction."""

import gc
import logging
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg import Connection, Cursor, sql

from pubmed_rebuild.records import COLUMNS, JOURNAL_COLUMNS, Deletion, Record, Row
from pubmed_rebuild.xml_stream import read_citations

#: Every table of a finished database.
TABLES = ("journal", *COLUMNS)
RULES = ("older_versions", "duplicates", "deleted")
_LOAD_COLUMNS = {
    "journal": JOURNAL_COLUMNS,
    "deletion": ("pmid", "version", "before_record_no"),
    **{table: ("record_no", *columns) for table, columns in COLUMNS.items()},
}
_RECORDS_PER_COPY = 1000
_SECONDS_BETWEEN_REPORTS = 5.0
_SQL = Path(__file__).parent

log = logging.getLogger(__name__)


@dataclass
class Loaded:
    """What went in so far: `bytes` of unpacked XML, rows by table before any rule."""

    records: int = 0
    bytes: int = 0
    rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_LOAD_COLUMNS, 0))
    files: list[dict[str, Any]] = field(default_factory=list)


def rebuild(connection: Connection, files: Iterable[tuple[str, Iterable[bytes]]], schema: str) -> dict[str, Any]:
    """Fill `schema`, replacing whatever it held, from `files`: names and unpacked XML in load order.

    Returns the summary described in README.md. Raises BadInput, in which case nothing has changed.
    """
    started = time.monotonic()
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP SCHEMA IF EXISTS {name} CASCADE").format(name=sql.Identifier(schema)))
        cursor.execute(sql.SQL("CREATE SCHEMA {name}").format(name=sql.Identifier(schema)))
        cursor.execute(sql.SQL("SET LOCAL search_path TO {name}").format(name=sql.Identifier(schema)))
        cursor.execute(script("tables.sql"))
        with ThreadPoolExecutor(max_workers=1) as writer, _without_cycle_collection():
            loaded = _Loader(cursor, writer).load(files)
        log.info("Loaded %d records; applying rules and keys", loaded.records)
        rules = _apply_rules(cursor, loaded)
        cursor.execute("SET LOCAL maintenance_work_mem = '128MB'")
        cursor.execute(script("keys.sql"))
        for table in TABLES:
            cursor.execute(sql.SQL("ANALYZE {table}").format(table=sql.Identifier(table)))
    seconds = time.monotonic() - started
    return {
        "records": loaded.records,
        "bytes": loaded.bytes,
        "seconds": round(seconds, 3),
        "mb_per_s": round(loaded.bytes / 1e6 / seconds, 2),
        "tables": {table: loaded.rows[table] for table in TABLES},
        "rules": rules,
        "files": loaded.files,
    }


def script(name: str) -> str:
    """The text of one of this folder's .sql files."""
    return (_SQL / name).read_text(encoding="utf-8")


@contextmanager
def _without_cycle_collection() -> Iterator[None]:
    # Elements and rows form no cycles, and looking for some took a fifth of the load's CPU time.
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Loader:
    """Rows wait in a list per table, since one connection carries one COPY at a time.

    One batch is copied in the background, where it mostly waits for the server, while the next is parsed.
    """

    def __init__(self, cursor: Cursor, writer: ThreadPoolExecutor) -> None:
        self._cursor = cursor
        self._writer = writer
        self._copying: Future[None] | None = None
        self._loaded = Loaded()
        self._waiting = _no_rows()
        self._journals: dict[str, Row] = {}
        self._started = self._reported = time.monotonic()

    def load(self, files: Iterable[tuple[str, Iterable[bytes]]]) -> Loaded:
        for name, chunks in files:
            records, size = self._loaded.records, self._loaded.bytes
            for found in read_citations(self._counted(chunks, name), name):
                self._take(found)
            done = {"object": name, "records": self._loaded.records - records, "bytes": self._loaded.bytes - size}
            self._loaded.files.append(done)
        self._waiting["journal"] += self._journals.values()
        self._hand_over()
        self._finish_copying()
        return self._loaded

    def _counted(self, chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
        for chunk in chunks:
            self._loaded.bytes += len(chunk)
            if time.monotonic() - self._reported >= _SECONDS_BETWEEN_REPORTS:
                self._report(name)
            yield chunk

    def _report(self, name: str) -> None:
        self._reported = time.monotonic()
        seconds = self._reported - self._started
        records, size = self._loaded.records, self._loaded.bytes
        rates = f"{records / seconds:.0f} records/s, {size / 1e6 / seconds:.1f} MB/s"
        log.info("%s: %d bytes, %d records so far, %s", name, size, records, rates)

    def _take(self, found: Record | Deletion) -> None:
        if isinstance(found, Deletion):
            self._waiting["deletion"].append((found.pmid, found.version, self._loaded.records + 1))
            return
        self._loaded.records += 1
        number = self._loaded.records
        for table, rows in found.rows.items():
            self._waiting[table] += [(number, *row) for row in rows]
        if found.journal is not None:
            self._journals[str(found.journal[0])] = found.journal
        if number % _RECORDS_PER_COPY == 0:
            self._hand_over()

    def _hand_over(self) -> None:
        self._finish_copying()
        self._copying = self._writer.submit(self._copy_batch, self._waiting)
        self._waiting = _no_rows()

    def _finish_copying(self) -> None:
        if self._copying is not None:
            self._copying.result()

    def _copy_batch(self, batch: dict[str, list[Row]]) -> None:
        for table, rows in batch.items():
            if rows:
                self._copy(table, rows)
                self._loaded.rows[table] += len(rows)

    def _copy(self, table: str, rows: list[Row]) -> None:
        columns = sql.SQL(", ").join(map(sql.Identifier, _LOAD_COLUMNS[table]))
        # FREEZE: the tables are this transaction's own, so no later vacuum has to visit the rows again.
        statement = sql.SQL("COPY {table} ({columns}) FROM STDIN (FREEZE)")
        with self._cursor.copy(statement.format(table=sql.Identifier(table), columns=columns)) as copy:
            for row in rows:
                copy.write_row(row)


def _no_rows() -> dict[str, list[Row]]:
    return {table: [] for table in _LOAD_COLUMNS}


def _apply_rules(cursor: Cursor, loaded: Loaded) -> dict[str, int]:
    """Remove what rules.sql says, lowering `loaded.rows` to what is left; the number of records per rule."""
    cursor.execute(script("rules.sql"))
    counts: dict[str, int] = dict(cursor.execute("SELECT rule, count(*) FROM removed GROUP BY rule").fetchall())
    for table in COLUMNS:
        name = sql.Identifier(table)
        cursor.execute(
            sql.SQL("DELETE FROM {table} WHERE record_no IN (SELECT record_no FROM removed)").format(table=name)
        )
        loaded.rows[table] -= cursor.rowcount
        cursor.execute(sql.SQL("ALTER TABLE {table} DROP COLUMN record_no").format(table=name))
    cursor.execute("DELETE FROM journal WHERE nlm_id NOT IN (SELECT nlm_id FROM article WHERE nlm_id IS NOT NULL)")
    loaded.rows["journal"] -= cursor.rowcount
    cursor.execute("DROP TABLE removed, deletion")
    return {rule: counts.get(rule, 0) for rule in RULES}
