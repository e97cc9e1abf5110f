"""What must be true of a finished staging schema before anybody reads from it."""

from dataclasses import asdict, dataclass
from typing import Any

from psycopg import Connection, sql

from xml_rebuild.errors import CheckFailed
from xml_rebuild.mapping import Mapping, Table
from xml_rebuild.schema import STATE_TABLES, staging_of, tables_of
from xml_rebuild.session import WAIT, connected, exclusively
from xml_rebuild.staging import CHECKED, FINISHED, Run, current_run, loaded_parts, note, stored_run

#: The share by which a table's row count may differ from that of the live schema, unless the caller says otherwise.
DIFFERENCE = 0.2

# pg_constraint.contype: p primary, f foreign.
_KEYS = """
    SELECT relname, contype::text, count(*)
    FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
    WHERE connamespace = to_regnamespace(quote_ident(%s)) AND convalidated AND contype IN ('p', 'f')
    GROUP BY relname, contype
"""
_PERSISTENCE = """
    SELECT relname, relpersistence::text FROM pg_class
    WHERE relnamespace = to_regnamespace(quote_ident(%s)) AND relkind IN ('r', 'p')
"""


@dataclass(frozen=True, slots=True)
class Checked:
    """`rows` by table as counted, `before` those of the live schema (empty where there is none)."""

    rows: dict[str, int]
    before: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """A JSON-able form."""
        return asdict(self)


def check(
    conninfo: str,
    mapping: Mapping,
    schema: str,
    previous: float | None = DIFFERENCE,
    wait: float = WAIT,
    rebuild: str | None = None,
) -> Checked:
    """Raises CheckFailed at the first thing that is not as it must be; what passes may be published.

    That is: every table permanent, with its keys and the rows that were loaded into it, not without any record, and
    its row count no further from that of the live schema than the share `previous` (None: never mind).
    """
    with connected(conninfo) as connection, exclusively(connection, schema, wait):
        run = current_run(connection, schema, rebuild)
        return examine(connection, mapping, schema, run, previous)


def examine(
    connection: Connection, mapping: Mapping, schema: str, run: Run, previous: float | None = DIFFERENCE
) -> Checked:
    """`check` in a session that holds the schema exclusively."""
    staging = staging_of(schema)
    if run.phase not in (FINISHED, CHECKED):
        raise failed(staging, "a finished rebuild", f"one that is {run.phase}")
    _expect_persistence(connection, staging, run)
    counts = {table: _row_count(connection, staging, table) for table in run.rows or {}}
    for table, rows in (run.rows or {}).items():
        expect(f"the row count of {staging}.{table}", rows, counts[table])
    _expect_keys(connection, mapping, staging)
    _expect_records(connection, mapping, staging, counts)
    before = _rows_before(connection, schema)
    if previous is not None:
        for table in counts.keys() & before.keys():
            _expect_alike(f"{staging}.{table}", before[table], counts[table], previous)
    note(connection, staging, phase=CHECKED)
    return Checked(counts, before)


def refuse_unpublishable(connection: Connection, schema: str, rebuild: str | None = None) -> None:
    """Raises CheckFailed unless the staging schema passed `check` and would survive a crash of the server."""
    staging = staging_of(schema)
    run = stored_run(connection, staging)
    if run is None:
        raise failed(staging, "a checked rebuild", "none")
    if rebuild not in (None, run.id) or run.phase != CHECKED:
        raise failed(staging, f"the rebuild {rebuild or run.id}, checked", f"{run.id}, {run.phase}")
    _expect_persistence(connection, staging, run)


def _expect_persistence(connection: Connection, staging: str, run: Run) -> None:
    found: dict[str, str] = dict(connection.execute(_PERSISTENCE, [staging]).fetchall())
    expect(f"the tables of {staging}", sorted({*STATE_TABLES, *(run.rows or {})}), sorted(found))
    expect(f"the tables of {staging} that are not permanent", [], sorted(name for name in found if found[name] != "p"))


def _expect_keys(connection: Connection, mapping: Mapping, staging: str) -> None:
    rows = connection.execute(_KEYS, [staging]).fetchall()
    found = {(table, kind): count for table, kind, count in rows}
    for table in mapping.tables.values():
        if table.published:
            keys = (int(bool(table.primary_key)), len(table.foreign_keys))
            has = (found.get((table.name, "p"), 0), found.get((table.name, "f"), 0))
            expect(f"the primary and foreign keys of {staging}.{table.name}", keys, has)


def _expect_records(connection: Connection, mapping: Mapping, staging: str, counts: dict[str, int]) -> None:
    """What other tables refer to with a row a record is what the database is about."""
    parents = {key.parent for table in mapping.tables.values() for key in table.foreign_keys}
    for name in sorted(parents):
        if _has_row_a_record(mapping.tables[name]) and not counts.get(name):
            raise failed(f"{staging}.{name}", "at least one row", "none")
    if not any(counts.values()):
        read = sum(part.records for part in loaded_parts(connection, staging).values())
        raise failed(staging, "at least one row", f"none, of {read} records")


def _has_row_a_record(table: Table) -> bool:
    return not (table.rows or table.distinct or table.when)


def _rows_before(connection: Connection, schema: str) -> dict[str, int]:
    run = stored_run(connection, schema)
    if run is not None:
        return run.rows or {}
    return {table: _row_count(connection, schema, table) for table in tables_of(connection, schema)}


def _expect_alike(table: str, before: int, now: int, share: float) -> None:
    if abs(now - before) > share * before and before:
        step = "Nothing was published. If it is right, check again with a greater difference allowed."
        raise failed(f"the row count of {table}", f"{before} as before, give or take {share:.0%}", str(now), step)


def _row_count(connection: Connection, schema: str, table: str) -> int:
    query = sql.SQL("SELECT count(*) FROM {table}").format(table=sql.Identifier(schema, table))
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def expect(where: str, expected: object, found: object) -> None:
    """Raises CheckFailed when `found` is not `expected`."""
    if found != expected:
        raise failed(where, str(expected), str(found))


def failed(
    where: str, expected: str, found: str, step: str = "Nothing was published; correct the input, run again."
) -> CheckFailed:
    """The error of a check."""
    return CheckFailed("Check failed", where, expected, found, step)
