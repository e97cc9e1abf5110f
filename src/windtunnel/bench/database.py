"""A Postgres of the platform's own image and settings, for the benchmark alone, and what a contender left in it."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from windtunnel.containers import image_ids
from windtunnel.errors import ImageFailed, MachineUnfit
from windtunnel.machine import run
from windtunnel.stack import Stack
from windtunnel.wait import wait_until

#: What the library sets for its own sessions; here for all, so that none is slower for want of a setting.
SESSION = {
    "synchronous_commit": "off",
    "work_mem": "64MB",
    "maintenance_work_mem": "128MB",
    "max_parallel_maintenance_workers": "1",
    "default_toast_compression": "lz4",
}
#: What the library's own tables begin with, which tell of the load and not of the document.
STATE = "rebuild_"
PERSISTENCE = {"p": "permanent", "u": "unlogged", "t": "temporary"}


@dataclass(frozen=True)
class Table:
    """What a table holds and how it is kept."""

    rows: int
    persistence: str


@dataclass(frozen=True)
class Contents:
    """Everything that a contender left: tables by name, and how many keys and indexes there are."""

    tables: dict[str, Table]
    primary_keys: int
    foreign_keys: int
    indexes: int


@dataclass(frozen=True)
class Server:
    """The running container; `described` is the part of its service that bears on speed."""

    host: str
    port: int
    password: str
    described: dict[str, Any]

    def dsn(self, database: str) -> str:
        """Where a database is; `environment` has the password."""
        return f"postgresql://postgres@{self.host}:{self.port}/{database}"

    @property
    def environment(self) -> dict[str, str]:
        """What libpq, and so every contender, takes from the environment to connect."""
        return {
            "PGPASSWORD": self.password,
            "PGOPTIONS": " ".join(f"-c {name}={value}" for name, value in SESSION.items()),
        }

    @contextmanager
    def fresh_database(self, name: str) -> Iterator[str]:
        """A new database's DSN; what earlier ones left to be written is written first."""
        with self._connect("postgres") as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            connection.execute("CHECKPOINT")
        yield self.dsn(name)
        with self._connect("postgres") as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def contents(self, database: str) -> Contents:
        """What is in a database, system tables and the library's own left out."""
        with self._connect(database) as connection:
            found = connection.execute(_TABLES).fetchall()
            tables = {
                table: Table(_rows(connection, schema, table), PERSISTENCE[kind]) for schema, table, kind in found
            }
            primary, foreign, indexes = connection.execute(_KEYS, {"state": STATE}).fetchone() or (0, 0, 0)
        return Contents(tables, primary, foreign, indexes)

    def version(self) -> str:
        """What it says it is."""
        with self._connect("postgres") as connection:
            row = connection.execute("SHOW server_version").fetchone()
        return str(row[0]) if row else ""

    def _connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(self.dsn(database), password=self.password, autocommit=True, connect_timeout=5)


_TABLES = """
SELECT schemaname, tablename, relpersistence
FROM pg_tables
JOIN pg_class ON pg_class.oid = format('%I.%I', schemaname, tablename)::regclass
WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
ORDER BY schemaname, tablename
"""
_KEYS = """
WITH found AS (
    SELECT oid, relkind FROM pg_class
    WHERE relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_|^information_schema$')
        AND NOT starts_with(relname, %(state)s)
)
SELECT
    (SELECT count(*) FROM pg_constraint WHERE contype = 'p' AND conrelid IN (SELECT oid FROM found)),
    (SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid IN (SELECT oid FROM found)),
    (SELECT count(*) FROM pg_index WHERE indrelid IN (SELECT oid FROM found WHERE relkind = 'r'))
"""


def _rows(connection: psycopg.Connection, schema: str, table: str) -> int:
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))).fetchone()
    return int(row[0]) if row else 0


@contextmanager
def postgres(stack: Stack) -> Iterator[Server]:
    """A Postgres as the stack's compose files describe it; it goes with all its data.

    Raises:
        ImageFailed: its image is not here.
    """
    service = _service(stack)
    password = secrets.token_hex(16)
    container = run(["docker", "run", *_options(service), service["image"], *service["command"]], MachineUnfit,
                    env={"POSTGRES_PASSWORD": password}).strip()  # fmt: skip
    try:
        host, _, port = run(["docker", "port", container, "5432/tcp"], MachineUnfit).split()[0].rpartition(":")
        server = Server(host, int(port), password, _described(service))
        wait_until(server.version, "the benchmark's Postgres to answer", timeout=120)
        yield server
    finally:
        run(["docker", "rm", "--force", "--volumes", container], MachineUnfit)


def _service(stack: Stack) -> dict[str, Any]:
    service: dict[str, Any] = json.loads(stack.run("config", "--format", "json", "postgres"))["services"]["postgres"]
    if service["image"] not in image_ids():
        raise ImageFailed(f"image {service['image']}: expected here, found none", "./windtunnel up gets all images")
    return service


def _options(service: dict[str, Any]) -> list[str]:
    """The service's settings as options of `docker run`; only the password's file becomes the password."""
    environment = {name: value for name, value in service["environment"].items() if name != "POSTGRES_PASSWORD_FILE"}
    return [
        "--detach",
        "--publish=127.0.0.1:0:5432",
        "--label=windtunnel.component=bench",
        f"--memory={service['mem_limit']}",
        f"--memory-swap={service['memswap_limit']}",
        f"--cpus={service['cpus']}",
        "--env=POSTGRES_PASSWORD",
        *(f"--env={name}={value}" for name, value in environment.items()),
        *(f"--volume={volume['target']}" for volume in service["volumes"] if volume["target"].endswith("/data")),
    ]


def _described(service: dict[str, Any]) -> dict[str, Any]:
    return {
        "image": service["image"],
        "session": SESSION,
        "settings": [word for word in service["command"] if "=" in word],
        "memory_bytes": int(service["mem_limit"]),
        "cpus": service["cpus"],
    }
