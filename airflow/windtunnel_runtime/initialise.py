"""Makes the databases, roles, tables, grants, admin and connections that the environment starts from. Safe to repeat.

What is there already is left alone: a second start costs one query. Roles and their passwords are set every time, so
that they follow the secrets.
"""

import hashlib
import json
from pathlib import Path

import psycopg
from psycopg import sql
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from windtunnel_runtime import seed

PROJECT = Path("/mnt/project")
SECRETS = Path("/run/secrets/init")
# There with TLS only: compose/tls.yml.
CA = SECRETS / "ca.crt"

# Role → (its database, the file with its password). Each role owns its database and sees no other.
ROLES = {
    "airflow": ("airflow", "airflow-db-password"),
    "warehouse": ("warehouse", "warehouse-password"),
    "monitoring": (None, "monitoring-db-password"),
    "task_memory": (None, "task-memory-password"),
}

# What the roles without a database of their own may see of the others', by database.
GRANTS = {
    # The memory of tasks, written by the service task-memory, read beside the warehouse's own tables.
    "warehouse": [
        "GRANT CONNECT ON DATABASE warehouse TO task_memory, monitoring",
        "CREATE SCHEMA IF NOT EXISTS windtunnel AUTHORIZATION task_memory",
        "GRANT USAGE ON SCHEMA windtunnel TO warehouse, monitoring",
        "ALTER DEFAULT PRIVILEGES FOR ROLE task_memory IN SCHEMA windtunnel"
        " GRANT SELECT ON TABLES TO warehouse, monitoring",
    ],
    # What the queries of postgres-exporter count: the queue, and runs with nothing scheduled. No user's data.
    "airflow": [
        "GRANT CONNECT ON DATABASE airflow TO monitoring",
        "GRANT SELECT (id, dag_id, task_id, run_id, map_index, try_number, state, queue, pool, pool_slots, executor,"
        " scheduled_dttm, queued_dttm, start_date, end_date, updated_at, last_heartbeat_at)"
        " ON task_instance TO monitoring",
        "GRANT SELECT (id, dag_id, run_id, run_type, state, queued_at, run_after, start_date, end_date, updated_at,"
        " last_scheduling_decision) ON dag_run TO monitoring",
    ],
}


def main() -> None:
    """Bring everything to where the Airflow components can start."""
    with _connect_to_server() as server:
        for role, (database, password_file) in ROLES.items():
            _ensure_role(server, role, _secret(password_file))
            if database:
                _ensure_database(server, database, owner=role)
        server.execute("GRANT pg_monitor TO monitoring")
        if _fingerprint(server) == _wanted_fingerprint():
            return print("init: nothing to do")
        _migrate()
        for database, statements in GRANTS.items():
            _grant(database, statements)
        _ensure_admin(_secret("admin-password"))
        _ensure_connections()
        seed.apply(seed.read(PROJECT))
        _record(server, _wanted_fingerprint())


def _secret(name: str) -> str:
    return (SECRETS / name).read_text()


@retry(retry=retry_if_exception_type(psycopg.OperationalError), stop=stop_after_delay(120), wait=wait_fixed(0.2))
def _connect_to_server(database: str = "postgres") -> psycopg.Connection:
    dsn = f"host=postgres dbname={database} user=postgres password={_secret('postgres-password')}"
    dsn += f" sslmode=verify-full sslrootcert={CA}" if CA.exists() else ""
    return psycopg.connect(dsn, autocommit=True, connect_timeout=5)


def _ensure_role(server: psycopg.Connection, role: str, password: str) -> None:
    exists = server.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    verb = sql.SQL("ALTER" if exists else "CREATE")
    server.execute(sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, sql.Identifier(role), sql.Literal(password)))


def _ensure_database(server: psycopg.Connection, database: str, owner: str) -> None:
    if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
        names = sql.Identifier(database), sql.Identifier(owner)
        server.execute(sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0").format(*names))
        server.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(names[0]))


def _grant(database: str, statements: list[str]) -> None:
    with _connect_to_server(database) as connection:
        for statement in statements:
            connection.execute(statement)


def _wanted_fingerprint() -> str:
    """What the database was prepared with: Airflow's version, this file, and the project's seed."""
    from importlib.metadata import version

    text = version("apache-airflow-core") + version("apache-airflow-providers-fab") + Path(__file__).read_text()
    text += CA.read_text() if CA.exists() else ""
    text += "".join(file.read_text() for file in seed.files(PROJECT))
    return hashlib.sha256(text.encode()).hexdigest()


def _fingerprint(server: psycopg.Connection) -> str | None:
    query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'airflow'"
    row = server.execute(query).fetchone()
    return row[0] if row else None


def _record(server: psycopg.Connection, fingerprint: str) -> None:
    server.execute(sql.SQL("COMMENT ON DATABASE airflow IS {}").format(sql.Literal(fingerprint)))


def _migrate() -> None:
    from airflow.utils.db import upgradedb

    upgradedb()


def _ensure_admin(password: str) -> None:
    """Create FAB's roles (Admin, Op, User, Viewer, Public) and the user `admin`, or give the user its password."""
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

    with get_application_builder() as builder:
        manager = builder.sm
        manager.sync_roles()
        if user := manager.find_user(username="admin"):
            manager.reset_password(user.id, password)
        else:
            manager.add_user("admin", "Admin", "Admin", "admin@example.com", manager.find_role("Admin"), password)


def _ensure_connections() -> None:
    """The warehouse's connection as it is there already, but for TLS."""
    from airflow.models import Connection
    from airflow.utils.session import create_session

    verified = {"sslmode": "verify-full", "sslrootcert": "/run/secrets/airflow/ca.crt"}
    with create_session() as session:
        warehouse = session.query(Connection).filter_by(conn_id="warehouse").first() or Connection(
            conn_id="warehouse",
            conn_type="postgres",
            host="postgres",
            login="warehouse",
            password=_secret("warehouse-password"),
            schema="warehouse",
            port=5432,
        )
        others = {name: value for name, value in warehouse.extra_dejson.items() if verified.get(name) != value}
        warehouse.set_extra(json.dumps(others | (verified if CA.exists() else {})))
        session.add(warehouse)


if __name__ == "__main__":
    main()
