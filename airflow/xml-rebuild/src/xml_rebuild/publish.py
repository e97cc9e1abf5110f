"""Put a checked staging schema in the place of the live one, in one transaction; and go back to the one before."""

from importlib.resources import files

from psycopg import Connection

from xml_rebuild.checks import failed, refuse_unpublishable
from xml_rebuild.schema import drop_schema, exists, previous_of, rename_schema, staging_of
from xml_rebuild.session import WAIT, connected, exclusively, set_lock_timeout
from xml_rebuild.staging import stored_run

#: How long the swap waits for readers of the schema that it drops.
LOCK_TIMEOUT = "10s"


def publish(
    conninfo: str, schema: str, lock_timeout: str = LOCK_TIMEOUT, wait: float = WAIT, rebuild: str | None = None
) -> None:
    """Rename `schema` to its previous name and the staging schema to `schema`; the previous one before is dropped.

    Readers keep their rights, and a query that runs keeps its tables. Does nothing if `rebuild` is the live one by
    now. Raises CheckFailed when the staging schema is not checked, lacks a table or has one that is not permanent,
    psycopg.errors.LockNotAvailable when a reader of the previous schema holds it for longer than `lock_timeout` (with
    its unit), psycopg.errors.DependentObjectsStillExist when something outside, such as a view, was built on that
    one, and Busy when another rebuild is at work. Then nothing has changed.
    """
    with connected(conninfo) as connection, exclusively(connection, schema, wait):
        swap(connection, schema, lock_timeout, rebuild)


def swap(connection: Connection, schema: str, lock_timeout: str = LOCK_TIMEOUT, rebuild: str | None = None) -> None:
    """`publish` in a session that holds the schema exclusively."""
    staging, previous = staging_of(schema), previous_of(schema)
    live = stored_run(connection, schema)
    if rebuild is not None and live is not None and live.id == rebuild:
        return
    with connection.transaction():
        set_lock_timeout(connection, lock_timeout)
        refuse_unpublishable(connection, schema, rebuild)
        if exists(connection, schema):
            _copy_reading_rights(connection, schema, staging)
            drop_schema(connection, previous)
            rename_schema(connection, schema, previous)
        rename_schema(connection, staging, schema)


def rollback(conninfo: str, schema: str, lock_timeout: str = LOCK_TIMEOUT, wait: float = WAIT) -> None:
    """Swap `schema` and the one before it; a second call undoes the first.

    Raises CheckFailed when there is none before, and Busy when another rebuild is at work. Then nothing has changed.
    """
    previous, aside = previous_of(schema), f"{staging_of(schema)}_"
    with connected(conninfo) as connection, exclusively(connection, schema, wait), connection.transaction():
        set_lock_timeout(connection, lock_timeout)
        for name in (schema, previous):
            if not exists(connection, name):
                raise failed(name, "a schema to go back to", "none", "There is nothing to roll back.")
        _copy_reading_rights(connection, schema, previous)
        rename_schema(connection, schema, aside)
        rename_schema(connection, previous, schema)
        rename_schema(connection, aside, previous)


def _copy_reading_rights(connection: Connection, live: str, other: str) -> None:
    statements = files("xml_rebuild").joinpath("grants.sql").read_text(encoding="utf-8")
    for (statement,) in connection.execute(statements.encode(), {"live": live, "staging": other}).fetchall():
        connection.execute(statement)
