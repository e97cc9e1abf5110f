"""Every secret of the environment: made once, kept in one volume, handed out as files to the services that need them.

`generate.py`               makes what is missing and writes each group's files; repeating it changes nothing;
                            writes the execution role's policy too, from its file
`generate.py show`          prints all values as JSON (for `windtunnel credentials`)
`generate.py fingerprints`  prints a digest per file as JSON, never a value

One volume per group, mounted at /run/secrets/<group>, and only into that group's services: a DAG can read what
Airflow's workers need, and neither MinIO's root password nor Postgres' superuser.
"""

import base64
import hashlib
import json
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

import execution_role
import minio_policy

# Set, the services speak TLS: compose/tls.yml.
TLS = "WINDTUNNEL_TLS"
ROOT = Path("/run/secrets")
STORE = ROOT / "store" / "values.json"
ROLE = Path("/etc/windtunnel/execution-role.json")


def _password() -> str:
    return secrets.token_urlsafe(24)


def _fernet_key() -> str:
    """A Fernet key: 32 random bytes in URL-safe base64 (https://github.com/fernet/spec)."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


VALUES: dict[str, Callable[[], str]] = {
    "fernet_key": _fernet_key,
    "jwt_secret": _password,
    "api_secret_key": _password,
    "admin_password": _password,
    "postgres_password": _password,
    "airflow_db_password": _password,
    "warehouse_password": _password,
    "monitoring_db_password": _password,
    "task_memory_password": _password,
    "redis_password": _password,
    "minio_root_password": _password,
    "s3_secret_key": _password,
    "administrator_secret_key": _password,
    "mwaa_token_secret": _password,
    "flower_password": _password,
    "grafana_password": _password,
}

AIRFLOW_DB = "airflow:{airflow_db_password}@postgres:5432/airflow"
TASK_MEMORY_DSN = "host=postgres dbname=warehouse user=task_memory password={task_memory_password}{libpq_tls}"

FILES: dict[str, dict[str, str]] = {
    # All Airflow containers, workers and so DAGs included.
    "airflow": {
        "fernet-key": "{fernet_key}",
        "metadata-dsn": "postgresql+psycopg2://" + AIRFLOW_DB,
        "result-backend": "db+postgresql+psycopg2://" + AIRFLOW_DB,
        "broker-url": "redis://:{redis_password}@redis:6379/0",
        "aws-credentials": "[default]\naws_access_key_id = airflow\naws_secret_access_key = {s3_secret_key}",
    },
    # Web server and scheduler: who holds the JWT secret can sign any task's token.
    "control": {
        "jwt-secret": "{jwt_secret}",
        "api-secret-key": "{api_secret_key}",
        "mwaa-token-secret": "{mwaa_token_secret}",
        "flower-basic-auth": "admin:{flower_password}",
        "task-memory-dsn": TASK_MEMORY_DSN,
    },
    "init": {
        "postgres-password": "{postgres_password}",
        "airflow-db-password": "{airflow_db_password}",
        "warehouse-password": "{warehouse_password}",
        "monitoring-db-password": "{monitoring_db_password}",
        "task-memory-password": "{task_memory_password}",
        "admin-password": "{admin_password}",
    },
    "postgres": {"postgres-password": "{postgres_password}"},
    "redis": {"redis.conf": "requirepass {redis_password}", "redis-password": "{redis_password}"},
    "minio": {
        "root-user": "root",
        "root-password": "{minio_root_password}",
        "s3-secret-key": "{s3_secret_key}",
    },
    "monitoring": {
        "monitoring-db-password": "{monitoring_db_password}",
        # https://github.com/oliver006/redis_exporter: a JSON object of passwords by address.
        "redis-passwords.json": '{{"redis://redis:6379": "{redis_password}"}}',
        "grafana-password": "{grafana_password}",
    },
    "task-memory": {"warehouse-dsn": TASK_MEMORY_DSN},
    # The services that check signatures; beside these, `hand_out_role` puts the role's policy.
    "aws": {
        "execution-role-secret-key": "{s3_secret_key}",
        "administrator-secret-key": "{administrator_secret_key}",
    },
    # mwaa-api, whose tokens the web server takes: who holds it can log in as anybody.
    "mwaa": {"token-secret": "{mwaa_token_secret}"},
}

# With TLS: whom a group trusts, and what its server shows.
TLS_FILES: dict[str, dict[str, str]] = {
    **{group: {"ca.crt": "{ca_certificate}"} for group in ("airflow", "init", "task-memory", "monitoring", "mwaa")},
    "control": {"webserver.crt": "{webserver_certificate}{ca_certificate}", "webserver.key": "{webserver_key}"},
    "postgres": {"server.crt": "{postgres_certificate}{ca_certificate}", "server.key": "{postgres_key}"},
}
# Postgres takes a key that nobody else can read; the id is that of `postgres` in its official image, and in ours.
POSTGRES_UID = 999


def values() -> dict[str, str]:
    """The stored values, with those that are missing made and stored."""
    stored = json.loads(STORE.read_text()) if STORE.exists() else {}
    missing = {name: make() for name, make in VALUES.items() if name not in stored}
    if os.environ.get(TLS):
        import certificates

        missing |= certificates.issue(stored, os.environ["WINDTUNNEL_NAME"])
    if missing:
        _write(STORE, json.dumps(stored | missing, indent=2), mode=0o400)
    return stored | missing


def hand_out(known: dict[str, str]) -> None:
    """Write each group's files. They are world-readable on purpose: the volume's mounts say who can read them."""
    for group, files in FILES.items():
        # Who mounts `control` mounts `airflow` too.
        ca = ROOT / ("airflow" if group == "control" else group) / "ca.crt"
        libpq_tls = f" sslmode=verify-full sslrootcert={ca}" if os.environ.get(TLS) else ""
        for name, template in files.items():
            _write(ROOT / group / name, template.format(**known, libpq_tls=libpq_tls), mode=0o444)


def hand_out_certificates(known: dict[str, str]) -> None:
    """Write what TLS needs; without TLS, take it away, as containers tell by it what to trust."""
    for group, files in TLS_FILES.items():
        for name, template in files.items():
            if os.environ.get(TLS):
                private = name == "server.key"
                owner = POSTGRES_UID if private else None
                _write(ROOT / group / name, template.format(**known), mode=0o400 if private else 0o444, owner=owner)
            else:
                (ROOT / group / name).unlink(missing_ok=True)


def hand_out_role(file: Path) -> None:
    """Write the execution role's policy for the services that enforce it, and for MinIO what it says of S3.

    Raises:
        execution_role.Malformed: the file is not a policy.
    """
    policy = execution_role.read(file, os.environ)
    of_minio, left_out = minio_policy.of_role(policy)
    _write(ROOT / "aws" / "execution-role.json", json.dumps(policy, indent=2), mode=0o444)
    _write(ROOT / "minio" / "airflow-policy.json", json.dumps(of_minio, indent=2), mode=0o444)
    for line in left_out:
        print(f"execution role: {line}", file=sys.stderr)


def fingerprints() -> dict[str, str]:
    """A short SHA-256 per file below /run/secrets that this container can see."""
    files = sorted(path for path in ROOT.glob("*/*") if path.is_file() and path != STORE)
    return {str(path.relative_to(ROOT)): hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in files}


def _write(path: Path, text: str, mode: int, owner: int | None = None) -> None:
    """Replace `path` in one step, so that no reader sees half a secret; leave it alone when it is right already."""
    if path.exists() and path.read_text() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    partial.write_text(text)
    partial.chmod(mode)
    if owner is not None:
        os.chown(partial, owner, owner)
    partial.replace(path)


def main() -> None:
    """Run the verb of the command line."""
    match sys.argv[1:]:
        case []:
            known = values()
            hand_out(known)
            hand_out_certificates(known)
            try:
                hand_out_role(ROLE)
            except execution_role.Malformed as error:
                sys.exit(
                    f"execution role: {error}; correct the file that EXECUTION_ROLE_FILE names, then ./windtunnel up"
                )
        case ["show"]:
            print(json.dumps(values()))
        case ["fingerprints"]:
            print(json.dumps(fingerprints()))
        case other:
            sys.exit(f"generate.py: unknown arguments {other}; expected none, 'show' or 'fingerprints'")


if __name__ == "__main__":
    main()
