"""From loaded tables to a database: rules, keys, indexes and statistics, table by table and side by side."""

import logging
from dataclasses import asdict, dataclass
from typing import Any

from psycopg import Connection, sql

from xml_rebuild.foreign_keys import add_foreign_keys, unvalidated, validate
from xml_rebuild.mapping import Mapping
from xml_rebuild.progress import Meter, OnProgress
from xml_rebuild.schema import PART, REJECT, REMOVED, drop_tables, staging_of, tables_of
from xml_rebuild.session import WAIT, connected, connected_for_bulk, exclusively
from xml_rebuild.side_by_side import side_by_side
from xml_rebuild.staging import (
    FINISHED,
    FINISHING,
    LOADING,
    NotLoaded,
    Run,
    current_run,
    loaded_parts,
    missing_parts,
    note,
)
from xml_rebuild.tables import TableFinisher

#: Tables that are finished side by side, each by a connection of its own.
CONNECTIONS = 2
# On two cores, indexes side by side are made faster than indexes by several workers each.
_SETTINGS = {"maintenance_work_mem": "256MB", "max_parallel_maintenance_workers": "0", "work_mem": "64MB"}
_SIZES = """
    SELECT relname, pg_table_size(oid) FROM pg_class
    WHERE relnamespace = to_regnamespace(quote_ident(%s)) AND relname = ANY (%s) ORDER BY 2 DESC
"""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Finished:
    """`rows` by table of the finished database; `removed` records by rule."""

    records: int
    rejected: int
    bytes: int
    rows: dict[str, int]
    removed: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """A JSON-able form."""
        return asdict(self)


def finish(
    conninfo: str,
    mapping: Mapping,
    schema: str,
    connections: int = CONNECTIONS,
    on_progress: OnProgress | None = None,
    wait: float = WAIT,
    rebuild: str | None = None,
) -> Finished:
    """Make the staging schema what will be published; goes on where an earlier call was stopped.

    Raises NotLoaded when parts are missing, CheckFailed when keys are not unique or refer to nothing, and Busy when
    another rebuild of the schema is at work, or when the one begun is no longer `rebuild`.
    """
    with connected(conninfo) as connection, exclusively(connection, schema, wait):
        run = current_run(connection, schema, rebuild)
        return complete(connection, conninfo, mapping, schema, run, connections, on_progress)


def complete(
    connection: Connection,
    conninfo: str,
    mapping: Mapping,
    schema: str,
    run: Run,
    connections: int = CONNECTIONS,
    on_progress: OnProgress | None = None,
) -> Finished:
    """`finish` in a session that holds the schema exclusively."""
    staging = staging_of(schema)
    _require_all(connection, staging, run)
    if run.phase in (LOADING, FINISHING):
        _Finisher(connection, conninfo, mapping, staging, connections).finish(run, on_progress)
        run = current_run(connection, schema, run.id)
    parts = loaded_parts(connection, staging).values()
    return Finished(
        records=sum(part.records for part in parts),
        rejected=sum(part.rejected for part in parts),
        bytes=sum(part.bytes for part in parts),
        rows=run.rows or {},
        removed=run.removed or {},
    )


def _require_all(connection: Connection, staging: str, run: Run) -> None:
    missing = [str(part.number) for part in missing_parts(connection, staging, run)]
    if missing:
        found = f"{len(run.parts) - len(missing)}, without {', '.join(missing[:10])}"
        raise NotLoaded("Missing parts", staging, f"{len(run.parts)} parts", found, "Load the missing parts.")


class _Finisher:
    def __init__(self, connection: Connection, conninfo: str, mapping: Mapping, staging: str, connections: int) -> None:
        self._connection = connection
        self._conninfo = conninfo
        self._mapping = mapping
        self._staging = staging
        self._connections = connections

    def finish(self, run: Run, on_progress: OnProgress | None) -> None:
        note(self._connection, self._staging, phase=FINISHING)
        if run.removed is None:
            self._apply_rules(run.unlogged)
        self._finish_tables(on_progress)
        log.info("Tables have their keys and indexes; adding foreign keys")
        add_foreign_keys(self._connection, self._mapping, self._staging)
        self._validate_foreign_keys()
        self._close(run)

    def _apply_rules(self, unlogged: bool) -> None:
        with connected_for_bulk(self._conninfo, **_SETTINGS) as connection, connection.transaction():
            removed = sql.Identifier(self._staging, REMOVED)
            create = sql.SQL("CREATE {kind} TABLE {removed} (record_no bigint PRIMARY KEY, rule text NOT NULL)")
            connection.execute(create.format(kind=sql.SQL("UNLOGGED" if unlogged else ""), removed=removed))
            if self._mapping.rules is not None:
                path = sql.SQL("SET LOCAL search_path TO {staging}").format(staging=sql.Identifier(self._staging))
                connection.execute(path)
                connection.execute(self._mapping.rules.encode())
            connection.execute(sql.SQL("ANALYZE {removed}").format(removed=removed))
            count = sql.SQL("SELECT rule, count(*) FROM {removed} GROUP BY rule").format(removed=removed)
            counts: dict[str, int] = dict(connection.execute(count).fetchall())
            note(connection, self._staging, removed=counts)
        log.info("Records removed by rule: %s", counts)

    def _finish_tables(self, on_progress: OnProgress | None) -> None:
        loaded = self._loaded_rows()
        sizes: dict[str, int] = dict(self._connection.execute(_SIZES, [self._staging, list(loaded)]).fetchall())
        meter = Meter("finish", sum(sizes.values()), on_progress)

        def finish_one(table: str) -> None:
            with connected_for_bulk(self._conninfo, **_SETTINGS) as connection:
                rows = TableFinisher(connection, self._mapping.tables[table], self._staging).finish(loaded[table])
            meter.add(bytes=sizes[table], rows=rows)

        side_by_side(finish_one, sizes, self._connections, "finish")
        meter.end()

    def _loaded_rows(self) -> dict[str, int]:
        rows = dict.fromkeys(self._mapping.tables, 0)
        for part in loaded_parts(self._connection, self._staging).values():
            for table, count in part.rows.items():
                rows[table] += count
        return rows

    def _validate_foreign_keys(self) -> None:
        def validate_all(item: tuple[str, list[str]]) -> None:
            with connected_for_bulk(self._conninfo, **_SETTINGS) as connection:
                validate(connection, self._staging, *item)

        tables = unvalidated(self._connection, self._staging)
        side_by_side(validate_all, tables, self._connections, "validate")

    def _close(self, run: Run) -> None:
        with self._connection.transaction():
            spare = {table.name for table in self._mapping.tables.values() if not table.published} | {REMOVED}
            drop_tables(self._connection, self._staging, spare & tables_of(self._connection, self._staging))
            # Last of all: where this says that a part is loaded, its rows survive a crash of the server.
            for state in (PART, REJECT):
                statement = sql.SQL("ALTER TABLE {table} SET LOGGED")
                self._connection.execute(statement.format(table=sql.Identifier(self._staging, state)))
            note(self._connection, self._staging, phase=FINISHED)
