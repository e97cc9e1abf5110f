"""Connections to Postgres, set for bulk work, and the lock that keeps two rebuilds of one schema apart."""

from collections.abc import Iterator
from contextlib import contextmanager
from operator import not_

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import make_conninfo
from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from xml_rebuild.errors import Busy

#: Seconds that a call waits for another rebuild of the same schema before it raises Busy.
WAIT = 10.0
_ASK_AGAIN = 0.1
_LOCK = "hashtextextended(%s, 0)"
# Minutes of silence are normal while the other side works; a peer that vanished is noticed all the same.
_KEEPALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 6}
_SETTINGS = {
    "client_encoding": "UTF8",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "6",
    "client_connection_check_interval": "10s",
}
# What is lost with these is lost with the unlogged tables or before `publish`, whose own commit flushes all of it.
_BULK = {"synchronous_commit": "off"}
# pglz takes more of the server's time than all the rest of COPY; a server built without lz4 keeps its default.
_TOAST = """
    SELECT set_config('default_toast_compression', 'lz4', false)
    FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)
"""


@contextmanager
def connected(conninfo: str) -> Iterator[Connection]:
    """A connection that commits each statement, with no server timeout that could end a long pause or statement."""
    with psycopg.connect(make_conninfo(conninfo, **_KEEPALIVE), autocommit=True) as connection:
        configure(connection, _SETTINGS)
        yield connection


@contextmanager
def connected_for_bulk(conninfo: str, **settings: str) -> Iterator[Connection]:
    """`connected`, for writing much that can be written again; `settings` on top."""
    with connected(conninfo) as connection:
        configure(connection, _BULK | settings)
        connection.execute(_TOAST)
        yield connection


def configure(connection: Connection, settings: dict[str, str]) -> None:
    """Set server settings for the session."""
    for name, value in settings.items():
        connection.execute("SELECT set_config(%s, %s, false)", [name, value])


@contextmanager
def exclusively(connection: Connection, schema: str, wait: float = WAIT) -> Iterator[None]:
    """The schema's rebuild is this session's alone: no other may hold it at all. Raises Busy after `wait` seconds."""
    with _locked(connection, schema, wait, ""):
        yield


@contextmanager
def jointly(connection: Connection, schema: str, wait: float = WAIT) -> Iterator[None]:
    """Other sessions may hold the schema's rebuild too, but none exclusively. Raises Busy after `wait` seconds."""
    with _locked(connection, schema, wait, "_shared"):
        yield


@contextmanager
def _locked(connection: Connection, schema: str, wait: float, kind: str) -> Iterator[None]:
    name = [f"xml_rebuild {schema}"]

    def taken() -> bool:
        return connection.execute(f"SELECT pg_try_advisory_lock{kind}({_LOCK})", name).fetchone() == (True,)

    # Asking again, since whoever queues for the lock exclusively would keep a rebuild's own sessions from joining it.
    asking = Retrying(retry=retry_if_result(not_), stop=stop_after_delay(wait), wait=wait_fixed(_ASK_AGAIN))
    try:
        asking(taken)
    except RetryError as error:
        raise _busy(schema) from error
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute(f"SELECT pg_advisory_unlock{kind}({_LOCK})", name)


def set_lock_timeout(connection: Connection, limit: str) -> None:
    """How long the statements of this transaction wait for a lock."""
    connection.execute(sql.SQL("SET LOCAL lock_timeout = {limit}").format(limit=limit))


def _busy(schema: str) -> Busy:
    step = "Wait for the other rebuild to end, or stop it, then run again."
    return Busy("Schema in use", schema, "no other rebuild of it", "another session that rebuilds it", step)
