"""The staging schema of a rebuild: what it is to hold, how far it is, and its beginning."""

import hashlib
import json
import logging
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from psycopg import Connection, sql
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from xml_rebuild.errors import Busy, RebuildError
from xml_rebuild.mapping import Mapping
from xml_rebuild.parts import PART_BYTES, Part, cut
from xml_rebuild.schema import (
    PART,
    RUN,
    create_schema,
    create_tables,
    drop_schema,
    drop_tables,
    staging_of,
    tables_of,
)
from xml_rebuild.session import WAIT, connected, exclusively
from xml_rebuild.source import Source

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

#: How far a rebuild is. While it finishes, some tables are as they will be published and some as they were loaded.
LOADING, FINISHING, FINISHED, CHECKED = "loading", "finishing", "finished", "checked"

log = logging.getLogger(__name__)


class NotLoaded(RebuildError):
    """Parts of the rebuild are not in the staging schema, or not any more; `load_missing` loads them."""


@dataclass(frozen=True, slots=True)
class Run:
    """One rebuild, as the table RUN has it; `rows` by table and `removed` records by rule are of finished tables."""

    id: str
    fingerprint: str
    mapping: str
    phase: str
    unlogged: bool
    parts: list[Part]
    rows: dict[str, int] | None = None
    removed: dict[str, int] | None = None


@dataclass(frozen=True, slots=True)
class PartSummary:
    """What one part brought in; `bytes` of unpacked XML, `rows` by table before any rule."""

    part: int
    source: str
    records: int
    rejected: int
    bytes: int
    rows: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """A JSON-able form."""
        return asdict(self)


def begin(
    conninfo: str,
    mapping: Mapping,
    schema: str,
    sources: Sequence[Source],
    part_bytes: int = PART_BYTES,
    s3: "S3Client | None" = None,
    wait: float = WAIT,
    unlogged: bool = False,
) -> list[Part]:
    """The parts to load for a rebuild of `schema` from `sources`, in load order.

    Goes on with what the staging schema holds if that is of the same sources and mapping, else makes it anew. Raises
    Busy when another rebuild of the schema is at work for longer than `wait` seconds.

    Tables that are `unlogged` until `finish` makes them permanent save the server's log at wal_level = minimal; even
    there that takes more time than it saves, and a crash of the server empties them.
    """
    with connected(conninfo) as connection, exclusively(connection, schema, wait):
        return prepare(connection, mapping, schema, sources, part_bytes, s3, unlogged)


def prepare(
    connection: Connection,
    mapping: Mapping,
    schema: str,
    sources: Sequence[Source],
    part_bytes: int = PART_BYTES,
    s3: "S3Client | None" = None,
    unlogged: bool = False,
) -> list[Part]:
    """`begin` for a session that holds the schema exclusively."""
    staging = staging_of(schema)
    fingerprint = _fingerprint(mapping, sources, part_bytes)
    found = stored_run(connection, staging)
    if found is not None and found.fingerprint == fingerprint:
        log.info("Going on with the rebuild %s of %s, of %d parts", found.id, schema, len(found.parts))
        repair(connection, mapping, staging, found)
        return found.parts
    rebuild = uuid.uuid4().hex
    parts = list(cut(sources, mapping, rebuild, part_bytes, s3))
    with connection.transaction():
        drop_schema(connection, staging)
        create_schema(connection, staging)
        create_tables(connection, mapping, staging, unlogged)
        _insert_run(connection, staging, Run(rebuild, fingerprint, mapping.name, LOADING, unlogged, parts))
    log.info("Began the rebuild %s of %s, of %d parts", rebuild, schema, len(parts))
    return parts


def _fingerprint(mapping: Mapping, sources: Sequence[Source], part_bytes: int) -> str:
    what = [mapping.fingerprint, [source.as_dict() for source in sources], part_bytes]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()


def _insert_run(connection: Connection, staging: str, run: Run) -> None:
    statement = """
        INSERT INTO {run} (id, fingerprint, mapping, phase, unlogged, parts)
        VALUES (%(id)s, %(fingerprint)s, %(mapping)s, %(phase)s, %(unlogged)s, %(parts)s)
    """
    values = asdict(run) | {"parts": Jsonb([part.as_dict() for part in run.parts])}
    connection.execute(sql.SQL(statement).format(run=sql.Identifier(staging, RUN)), values)


def stored_run(connection: Connection, schema: str) -> Run | None:
    """The rebuild that filled or fills `schema`; None where there is none."""
    if RUN not in tables_of(connection, schema):
        return None
    query = sql.SQL("SELECT id, fingerprint, mapping, phase, unlogged, parts, rows, removed FROM {run}")
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(query.format(run=sql.Identifier(schema, RUN))).fetchone()
    if row is None:
        return None
    return Run(**{**row, "parts": [Part.from_dict(form) for form in row["parts"]]})


def current_run(connection: Connection, schema: str, rebuild: str | None) -> Run:
    """The rebuild in the staging schema of `schema`.

    Raises NotLoaded when there is none, Busy when it is not `rebuild`, which another one has replaced since.
    """
    staging = staging_of(schema)
    run = stored_run(connection, staging)
    if run is None:
        raise NotLoaded("No rebuild", staging, "one that was begun", "none", "Begin the rebuild again.")
    if rebuild not in (None, run.id):
        step = "Let the other rebuild end, then begin again."
        raise Busy("Replaced rebuild", staging, f"the rebuild {rebuild}", f"the rebuild {run.id}", step)
    return run


def repair(connection: Connection, mapping: Mapping, staging: str, run: Run) -> None:
    """Make the tables anew if a crash of the server emptied those that `finish` had not yet made permanent."""
    if run.phase == LOADING or loaded_parts(connection, staging):
        return
    log.warning("The server crashed while the rebuild %s was being finished; all of it is loaded again", run.id)
    with connection.transaction():
        drop_tables(connection, staging, tables_of(connection, staging) - {RUN})
        create_tables(connection, mapping, staging, run.unlogged)
        note(connection, staging, phase=LOADING, rows=None, removed=None)


def note(connection: Connection, staging: str, **values: object) -> None:
    """Set columns of the table RUN."""
    columns = sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in values)
    statement = sql.SQL("UPDATE {run} SET {columns}").format(run=sql.Identifier(staging, RUN), columns=columns)
    connection.execute(statement, [Jsonb(value) if isinstance(value, dict) else value for value in values.values()])


def loaded_parts(connection: Connection, staging: str) -> dict[int, PartSummary]:
    """The parts that are in the staging schema, by number."""
    query = sql.SQL("SELECT part, source, records, rejected, bytes, rows FROM {part} ORDER BY part")
    with connection.cursor(row_factory=class_row(PartSummary)) as cursor:
        found = cursor.execute(query.format(part=sql.Identifier(staging, PART))).fetchall()
    return {summary.part: summary for summary in found}


def missing_parts(connection: Connection, staging: str, run: Run) -> list[Part]:
    """The parts that are not in the staging schema (yet, or after a crash of the server any more)."""
    loaded = loaded_parts(connection, staging)
    return [part for part in run.parts if part.number not in loaded]
