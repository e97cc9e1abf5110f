"""The history waits for Postgres and loses nothing; it is never waited for."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from task_memory import store as store_module
from task_memory.datagrams import Identity
from task_memory.records import TaskRecord
from task_memory.store import EXPIRED, INSERT_VERDICT, SCHEMA, UPSERT, Store
from task_memory.verdicts import Verdict
from windtunnel.wait import wait_until

IDENTITY = Identity("made_up", "task", -1, "run", 1)
VERDICT = Verdict(1.0, IDENTITY, "worker-1", "worker", 100, 99, 98, "task", [{"name": "other"}])


class FakePostgres:
    """A server that is away for some connections, and fails some statements."""

    def __init__(self, away: int = 0) -> None:
        self.away = away
        self.failures: list[Exception] = []
        self.done: list[tuple[str, Any]] = []

    def connect(self, dsn: str) -> "FakePostgres":
        self.away -= 1
        if self.away >= 0:
            raise psycopg.OperationalError("no such server")
        return self

    def execute(self, statement: str, values: Any = None) -> None:
        if statement in (UPSERT, INSERT_VERDICT) and self.failures:
            raise self.failures.pop(0)
        self.done.append((statement, values))

    def __enter__(self) -> "FakePostgres":
        return self

    def __exit__(self, *_: object) -> None:
        return None


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "RETRY_SECONDS", 0.01)


def started(postgres: FakePostgres, folder: Path) -> Store:
    (folder / "dsn").write_text("host=nowhere")
    store = Store(folder / "dsn", 90, postgres.connect)  # type: ignore[arg-type]
    store.start()
    return store


def record(name: str) -> TaskRecord:
    return TaskRecord("ti", 1.0, identity=Identity("made_up", name, -1, "run", 1))


def test_what_comes_while_postgres_is_away_is_written_in_order(tmp_path: Path) -> None:
    postgres = FakePostgres(away=5)
    store = started(postgres, tmp_path)
    for name in ("first", "second"):
        store.record(record(name))
    store.verdict(VERDICT)
    wait_until(lambda: len(postgres.done) >= 6, "all statements", timeout=10, interval=0.01)
    statements = [statement for statement, _ in postgres.done]
    assert statements[0] == SCHEMA
    assert [values[1] for statement, values in postgres.done if statement == UPSERT] == ["first", "second"]
    assert statements.index(INSERT_VERDICT) == 3


def test_a_connection_lost_in_between_loses_nothing(tmp_path: Path) -> None:
    postgres = FakePostgres()
    postgres.failures = [psycopg.OperationalError("server closed the connection")]
    store = started(postgres, tmp_path)
    store.verdict(VERDICT)
    wait_until(lambda: INSERT_VERDICT in dict(postgres.done), "the verdict", timeout=10, interval=0.01)
    assert [statement for statement, _ in postgres.done].count(INSERT_VERDICT) == 1


def test_what_postgres_refuses_does_not_stop_the_rest(tmp_path: Path) -> None:
    postgres = FakePostgres()
    postgres.failures = [psycopg.DataError("invalid byte")]
    store = started(postgres, tmp_path)
    store.record(record("refused"))
    store.record(record("fine"))
    wait_until(lambda: UPSERT in dict(postgres.done), "the second record", timeout=10, interval=0.01)
    assert [values[1] for statement, values in postgres.done if statement == UPSERT] == ["fine"]


def test_what_is_too_old_is_deleted(tmp_path: Path) -> None:
    postgres = FakePostgres()
    started(postgres, tmp_path)
    wait_until(lambda: len(postgres.done) == 3, "the deletions", timeout=10, interval=0.01)
    assert [values for _, values in postgres.done[1:]] == [(90,), (90,)]
    assert [statement for statement, _ in postgres.done[1:]] == EXPIRED.split(";")


def test_no_more_waits_than_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "WAITING", 2)
    postgres = FakePostgres(away=10**9)
    store = started(postgres, tmp_path)
    for name in ("oldest", "second", "third"):
        store.record(record(name))
    postgres.away = 0
    wait_until(lambda: len(postgres.done) >= 3, "what has waited", timeout=10, interval=0.01)
    assert [values[1] for statement, values in postgres.done if statement == UPSERT] == ["second", "third"]
