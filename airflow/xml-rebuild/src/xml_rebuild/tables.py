"""One loaded table as it will be published: without what the rules remove, with its keys, indexes and statistics."""

from collections.abc import Iterator
from typing import Any

from psycopg import Connection, Cursor, sql
from psycopg.errors import NotNullViolation, UniqueViolation
from psycopg.types.json import Jsonb

from xml_rebuild.checks import expect, failed
from xml_rebuild.errors import CheckFailed
from xml_rebuild.mapping import RECORD_NO, Table
from xml_rebuild.schema import REMOVED, RUN, drop_tables, names, not_null

_PERSISTENCE = "SELECT relpersistence::text, 'rebuild_' || oid FROM pg_class WHERE oid = to_regclass(%s)"
_ALL = "SELECT {columns} FROM {table} AS loaded"
_STAYING = _ALL + " WHERE NOT EXISTS (SELECT FROM {removed} AS removed WHERE removed.{number} = loaded.{number})"
# Only the rows that stay are sorted: there are as many as keys, often thousands among millions.
_LAST = """
    WITH staying AS NOT MATERIALIZED ({staying}),
    last AS (SELECT {key}, max({number}) AS {number} FROM staying GROUP BY {key})
    SELECT DISTINCT ON ({key}) {columns} FROM staying JOIN last USING ({key}, {number}) ORDER BY {key}
"""
_DUPLICATES = """
    SELECT {key}, count(*), count(*) OVER () FROM {table}
    GROUP BY {key} HAVING count(*) > 1 ORDER BY {key} LIMIT {limit}
"""
_EXAMPLES = 3
_DELETE = "DELETE FROM {table} WHERE {number} IN (SELECT {number} FROM {removed})"
_STRIP = "ALTER TABLE {table} DROP COLUMN {number}, RESET (autovacuum_enabled, toast.autovacuum_enabled)"


class TableFinisher:
    """Works on `table` in one transaction, so that it is either as it was loaded or as it will be published."""

    def __init__(self, connection: Connection, table: Table, staging: str) -> None:
        self._connection = connection
        self._table = table
        self._staging = staging
        self._names: dict[str, sql.Composable] = {
            "table": sql.Identifier(staging, table.name),
            "removed": sql.Identifier(staging, REMOVED),
            "run": sql.Identifier(staging, RUN),
            "number": sql.Identifier(RECORD_NO),
            "columns": names(column.name for column in table.all_columns),
            "key": names(table.distinct),
        }

    def finish(self, loaded: int) -> int:
        """Finish a table into which `loaded` rows were copied, unless that is done; the number of rows that stay.

        Raises CheckFailed, with examples, when its primary key is not unique.
        """
        if not self._table.published:
            return 0
        with self._connection.transaction():
            done = self._noted()
            if done is None:
                done = self._reduced(loaded)
                self._dress()
                self._note(done)
        return done

    def _noted(self) -> int | None:
        row = self._run("SELECT (rows ->> %s)::bigint FROM {run}", [self._table.name]).fetchone()
        return None if row is None else row[0]

    def _note(self, rows: int) -> None:
        # The last statement: other tables' transactions wait at it for the end of this one.
        noted = Jsonb({self._table.name: rows})
        self._run("UPDATE {run} SET rows = coalesce(rows, jsonb_build_object()) || %s", [noted])

    def _reduced(self, loaded: int) -> int:
        """Without RECORD_NO and without what goes; the number of rows that stay."""
        anything_goes = self._run("SELECT FROM {removed} LIMIT 1").rowcount > 0
        persistence, unused_name = self._run(_PERSISTENCE, [self._names["table"].as_string()]).fetchone() or ("", "")
        if self._table.distinct:
            return self._rewritten(unused_name, self._last(_STAYING if anything_goes else _ALL))
        if persistence == "u":
            rows = self._rewritten(unused_name, self._sql(_STAYING if anything_goes else _ALL))
        else:
            rows = loaded - (self._run(_DELETE).rowcount if anything_goes else 0)
            self._run(_STRIP)
        if not anything_goes:
            expect(f"the row count of {self._staging}.{self._table.name}", loaded, rows)
        return rows

    def _last(self, staying: str) -> sql.Composed:
        query = sql.SQL(staying).format(**self._names | {"columns": sql.SQL("*")})
        return sql.SQL(_LAST).format(staying=query, **self._names)

    def _rewritten(self, name: str, query: sql.Composed) -> int:
        """As a new, permanent table that holds what `query` gives.

        One pass in place of three; and at wal_level = minimal the server's log does not get what a new table gets.
        """
        new = sql.Identifier(self._staging, name)
        rows = self._connection.execute(sql.SQL("CREATE TABLE {new} AS {query}").format(new=new, query=query)).rowcount
        drop_tables(self._connection, self._staging, {self._table.name})
        rename = sql.SQL("ALTER TABLE {new} RENAME TO {name}")
        self._connection.execute(rename.format(new=new, name=sql.Identifier(self._table.name)))
        return rows

    def _dress(self) -> None:
        self._add_primary_key()
        for columns in self._table.indexes:
            self._run("CREATE INDEX ON {table} ({indexed})", indexed=names(columns))
        for comment in self._comments():
            self._connection.execute(comment)
        self._run("ANALYZE {table}")

    def _add_primary_key(self) -> None:
        # What is NOT NULL before the key is made is not looked for again; a rewritten table has lost it.
        never_null = sorted(not_null(self._table))
        changes = [sql.SQL("ALTER {} SET NOT NULL").format(sql.Identifier(name)) for name in never_null]
        if self._table.primary_key:
            changes.append(sql.SQL("ADD PRIMARY KEY ({})").format(names(self._table.primary_key)))
        if changes:
            self._alter(sql.SQL(", ").join(changes))

    def _alter(self, changes: sql.Composed) -> None:
        try:
            with self._connection.transaction():
                self._run("ALTER TABLE {table} {changes}", changes=changes)
        except UniqueViolation as error:
            raise self._duplicates() from error
        except NotNullViolation as error:
            found = f"NULL in {error.diag.column_name}"
            raise failed(f"{self._staging}.{self._table.name}", "values in every row", found) from error

    def _duplicates(self) -> CheckFailed:
        rows = self._run(_DUPLICATES, key=names(self._table.primary_key), limit=sql.Literal(_EXAMPLES)).fetchall()
        examples = ", ".join(f"({', '.join(map(str, row[:-2]))}) in {row[-2]} rows" for row in rows)
        columns = ", ".join(self._table.primary_key)
        where = f"the primary key ({columns}) of {self._staging}.{self._table.name}"
        return failed(where, "one row a key", f"{rows[0][-1]} keys in several rows: {examples}")

    def _comments(self) -> Iterator[sql.Composed]:
        if self._table.comment:
            statement = sql.SQL("COMMENT ON TABLE {table} IS {text}")
            yield statement.format(table=self._names["table"], text=sql.Literal(self._table.comment))
        for column in self._table.all_columns:
            if column.comment:
                name = sql.Identifier(self._staging, self._table.name, column.name)
                yield sql.SQL("COMMENT ON COLUMN {} IS {}").format(name, sql.Literal(column.comment))

    def _run(self, statement: str, values: list[Any] | None = None, **more: sql.Composable) -> Cursor[Any]:
        return self._connection.execute(self._sql(statement, **more), values)

    def _sql(self, statement: str, **more: sql.Composable) -> sql.Composed:
        return sql.SQL(statement).format(**self._names | more)
