"""What must be true of a loaded schema before anybody reads from it."""

from typing import Any

from psycopg import Connection, sql

from pubmed_rebuild.bad_input import CheckFailed
from pubmed_rebuild.staging import TABLES

#: Table → kinds of key (pg_constraint.contype) it must have: p primary, f foreign.
_KEYS: dict[str, list[str]] = {table: ["f", "p"] for table in TABLES} | {"journal": ["p"]}

_FOUND_KEYS = """
    SELECT relname, array_agg(DISTINCT contype::text ORDER BY contype::text)
    FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
    WHERE connamespace = to_regnamespace(quote_ident(%s)) AND convalidated AND contype IN ('p', 'f')
    GROUP BY relname
"""
_FOUND_TABLES = """
    SELECT relname, relpersistence::text FROM pg_class
    WHERE relnamespace = to_regnamespace(quote_ident(%s)) AND relkind IN ('r', 'p')
"""


def check(connection: Connection, schema: str, summary: dict[str, Any]) -> None:
    """Compare `schema` with the summary of the rebuild that filled it; raises CheckFailed at the first difference."""
    refuse_unpublishable(connection, schema)
    counts = {table: _row_count(connection, schema, table) for table in TABLES}
    removed = sum(summary["rules"].values())
    _expect(f"{schema}.article plus the records that rules removed", summary["records"], counts["article"] + removed)
    for table in TABLES:
        _expect(f"the row count of {schema}.{table}", summary["tables"][table], counts[table])
    if counts["article"] == 0:
        raise _failed(f"{schema}.article", "at least one article", "none")
    keys: dict[str, list[str]] = dict(connection.execute(_FOUND_KEYS, [schema]).fetchall())
    for table, kinds in _KEYS.items():
        _expect(f"the kinds of key of {schema}.{table}", kinds, keys.get(table, []))


def refuse_unpublishable(connection: Connection, schema: str) -> None:
    """Raises CheckFailed unless `schema` has every table, each one such that it survives a crash of the server."""
    persistence: dict[str, str] = dict(connection.execute(_FOUND_TABLES, [schema]).fetchall())
    _expect(f"the tables of {schema}", sorted(TABLES), sorted(persistence))
    unlogged = sorted(table for table, kind in persistence.items() if kind != "p")
    _expect(f"the tables of {schema} that are not permanent", [], unlogged)


def _row_count(connection: Connection, schema: str, table: str) -> int:
    query = sql.SQL("SELECT count(*) FROM {table}").format(table=sql.Identifier(schema, table))
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def _expect(where: str, expected: object, found: object) -> None:
    if found != expected:
        raise _failed(where, str(expected), str(found))


def _failed(where: str, expected: str, found: str) -> CheckFailed:
    return CheckFailed("Check failed", where, expected, found, "Nothing was published; run the rebuild again.")
