"""The history in the warehouse: tables `task_memory` and `oom_verdict` in the schema `windtunnel`.

Postgres may be away: what is to be stored waits, and nothing else does.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg.types.json import Jsonb

from task_memory.records import TaskRecord
from task_memory.verdicts import Verdict

# What waits while Postgres is away; the oldest goes first.
WAITING = 10_000
RETRY_SECONDS = 2
DAY_SECONDS = 86_400

KEY = "dag_id, task_id, map_index, run_id, try_number"
SCHEMA = f"""
    CREATE TABLE IF NOT EXISTS windtunnel.task_memory (
        dag_id text, task_id text, map_index integer, run_id text, try_number integer,
        host text NOT NULL, started_at timestamptz NOT NULL, ended_at timestamptz,
        baseline_bytes bigint, peak_rss_bytes bigint, peak_pss_bytes bigint, peak_private_bytes bigint,
        peak_at timestamptz, outcome text,
        PRIMARY KEY ({KEY})
    );
    COMMENT ON COLUMN windtunnel.task_memory.peak_private_bytes IS
        'the most that the task and its children added to what it had before the user''s code (baseline_bytes)';
    CREATE TABLE IF NOT EXISTS windtunnel.oom_verdict (
        at timestamptz NOT NULL, dag_id text, task_id text, map_index integer, run_id text, try_number integer,
        container text NOT NULL, limit_bytes bigint, container_peak_bytes bigint, task_peak_bytes bigint,
        kind text NOT NULL CHECK (kind IN ('task', 'neighbour', 'container')), neighbours jsonb NOT NULL
    );
    CREATE INDEX IF NOT EXISTS oom_verdict_task ON windtunnel.oom_verdict (dag_id, task_id, run_id, at);
    CREATE INDEX IF NOT EXISTS task_memory_started ON windtunnel.task_memory (started_at);
"""
# A try has several rows' worth of processes when it was deferred and came back: its peaks are of all of them.
UPSERT = f"""
    INSERT INTO windtunnel.task_memory AS known ({KEY}, host, started_at, ended_at,
        baseline_bytes, peak_rss_bytes, peak_pss_bytes, peak_private_bytes, peak_at, outcome)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT ({KEY}) DO UPDATE SET
        host = EXCLUDED.host, ended_at = EXCLUDED.ended_at, outcome = EXCLUDED.outcome,
        baseline_bytes = EXCLUDED.baseline_bytes,
        started_at = least(known.started_at, EXCLUDED.started_at),
        peak_rss_bytes = greatest(known.peak_rss_bytes, EXCLUDED.peak_rss_bytes),
        peak_pss_bytes = greatest(known.peak_pss_bytes, EXCLUDED.peak_pss_bytes),
        peak_private_bytes = greatest(known.peak_private_bytes, EXCLUDED.peak_private_bytes),
        peak_at = CASE WHEN known.peak_private_bytes > EXCLUDED.peak_private_bytes THEN known.peak_at
                       ELSE EXCLUDED.peak_at END
"""
INSERT_VERDICT = f"""
    INSERT INTO windtunnel.oom_verdict
        (at, {KEY}, container, limit_bytes, container_peak_bytes, task_peak_bytes, kind, neighbours)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
EXPIRED = """
    DELETE FROM windtunnel.task_memory WHERE started_at < now() - make_interval(days => %s);
    DELETE FROM windtunnel.oom_verdict WHERE at < now() - make_interval(days => %s)
"""

log = logging.getLogger(__name__)

Statement = tuple[str, tuple[object, ...]]


class Store:
    """Writes in a thread of its own, in the order of the calls.

    Args:
        dsn_file: the file with the libpq connection string.
        retention_days: what is older is deleted once a day.
    """

    def __init__(self, dsn_file: Path, retention_days: int, connect: Callable[[str], psycopg.Connection] | None = None):
        self._dsn_file = dsn_file
        self._retention_days = retention_days
        self._connect = connect or _connect
        self._waiting: deque[Statement] = deque(maxlen=WAITING)
        self._something = threading.Event()
        self._cleaned_at = float("-inf")

    def start(self) -> None:
        """Begin to write what has come and comes."""
        threading.Thread(target=self._run, name="store", daemon=True).start()

    def record(self, record: TaskRecord) -> None:
        """Store what is known of a task now."""
        self._put(UPSERT, _row(record))

    def verdict(self, verdict: Verdict) -> None:
        """Store a verdict."""
        sizes = (verdict.container, verdict.limit, verdict.container_peak, verdict.task_peak, verdict.kind)
        self._put(INSERT_VERDICT, (_time(verdict.at), *astuple(verdict.identity), *sizes, Jsonb(verdict.neighbours)))

    def _put(self, statement: str, values: tuple[object, ...]) -> None:
        if len(self._waiting) == WAITING:
            log.error("Postgres has been away for too long: the oldest record is lost")
        self._waiting.append((statement, values))
        self._something.set()

    def _run(self) -> None:
        while True:
            try:
                with self._connect(self._dsn_file.read_text()) as connection:
                    connection.execute(SCHEMA)
                    self._write_all(connection)
            except (psycopg.Error, OSError) as error:
                log.warning("the history waits for Postgres, %d to be stored: %s", len(self._waiting), error)
            time.sleep(RETRY_SECONDS)

    def _write_all(self, connection: psycopg.Connection) -> None:
        while True:
            self._something.clear()
            while self._waiting:
                statement, values = self._waiting[0]
                self._execute(connection, statement, values)
                # The deque drops its oldest by itself when it is full.
                if self._waiting and self._waiting[0][1] is values:
                    self._waiting.popleft()
            self._clean(connection)
            self._something.wait(3600)

    def _execute(self, connection: psycopg.Connection, statement: str, values: tuple[object, ...]) -> None:
        try:
            connection.execute(statement, values)
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            log.error("not stored, %s: %r", error, values)

    def _clean(self, connection: psycopg.Connection) -> None:
        if time.monotonic() - self._cleaned_at > DAY_SECONDS:
            self._cleaned_at = time.monotonic()
            for statement in EXPIRED.split(";"):
                connection.execute(statement, (self._retention_days,))


def _connect(dsn: str) -> psycopg.Connection:
    # No prepared statements: the server may restart under the connection.
    return psycopg.connect(dsn, autocommit=True, connect_timeout=5, prepare_threshold=None)


def _row(record: TaskRecord) -> tuple[object, ...]:
    assert record.identity
    peaks = (record.peak_rss, record.peak_pss, record.peak_private) if record.last else (None, None, None)
    return (
        *astuple(record.identity),
        record.host,
        _time(record.started_at),
        _time(record.ended_at),
        record.baseline if record.last else None,
        *peaks,
        _time(record.peak_at),
        record.outcome,
    )


def _time(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)
