"""CloudWatch and Logs at port 4566, for anybody, with MWAA's metrics in CloudWatch each minute; Secrets Manager, SSM,
IAM and STS at port 4567, for the environment's execution role as far as its policy goes, and for an administrator.

Settings, from the environment: PROMETHEUS_URL, WINDTUNNEL_NAME, AWS_REGION; CLOUDWATCH_PUSH (False: no metrics);
CLOUDWATCH_RETENTION_HOURS, after which points and log events are dropped; TASK_LOGS (cloudwatch: MWAA's log groups are
made); SECRETS_FOLDER with execution-role.json and the secret keys of both (without it, only the first port is served);
STORE_FILE, in which secrets and parameters outlive the service.
"""

import argparse
import logging
import os
import signal
import sys
import time
from pathlib import Path
from threading import Event

from moto.core.models import DEFAULT_ACCOUNT_ID

from aws_service import __version__, backend, logs, server, table
from aws_service.front import WSGI, Enforced, Open
from aws_service.identities import ExecutionRole, Malformed, make_administrator
from aws_service.push import MINUTE, Datum, Pusher
from aws_service.secrets_kept import SecretsKept

PORT = 4566
ENFORCED_PORT = 4567
TABLE = Path("/etc/windtunnel/metrics.toml")
LOG_GROUPS = Path("/etc/windtunnel/log_groups.toml")
HOUR = 3600.0


def main() -> None:
    """Serve until SIGTERM; at every full minute push metrics, if that is wanted, and drop old points."""
    arguments = argparse.ArgumentParser(prog="aws_service", description="CloudWatch and Logs, by moto.")
    arguments.add_argument("--version", action="version", version=__version__)
    arguments.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    app = server.moto()
    if os.environ.get("TASK_LOGS") == "cloudwatch":
        logs.make_groups(LOG_GROUPS, os.environ["WINDTUNNEL_NAME"], os.environ["AWS_REGION"], DEFAULT_ACCOUNT_ID)
    if folder := os.environ.get("SECRETS_FOLDER"):
        try:
            server.serve("0.0.0.0", ENFORCED_PORT, _enforced(app, Path(folder)))
        except Malformed as error:
            sys.exit(f"aws_service: {error}; correct the file of EXECUTION_ROLE_FILE, then ./windtunnel up")
    server.serve("0.0.0.0", PORT, Open(app, ENFORCED_PORT))
    pusher = _pusher() if os.environ.get("CLOUDWATCH_PUSH", "True") == "True" else None
    keep = float(os.environ.get("CLOUDWATCH_RETENTION_HOURS", "24")) * HOUR
    while not stop.wait(MINUTE - time.time() % MINUTE):
        if pusher:
            pusher.push(time.time() // MINUTE * MINUTE)
        logs.forget(time.time() - keep)
        backend.forget(time.time() - keep)


def _enforced(app: WSGI, folder: Path) -> Enforced:
    store = os.environ.get("STORE_FILE")
    kept = SecretsKept(Path(store) if store else None)
    kept.restore()
    make_administrator((folder / "administrator-secret-key").read_text())
    key = (folder / "execution-role-secret-key").read_text()
    return Enforced(app, ExecutionRole(folder / "execution-role.json", key, os.environ["AWS_REGION"]), kept)


def _pusher() -> Pusher:
    region, url, environment = (os.environ[key] for key in ("AWS_REGION", "PROMETHEUS_URL", "WINDTUNNEL_NAME"))

    def put(namespace: str, data: list[Datum]) -> None:
        # Looked up each time: moto's reset makes a new one.
        backend.of_region(region, DEFAULT_ACCOUNT_ID).put_metric_data(namespace, data)

    return Pusher(url, environment, table.read(TABLE), put)


if __name__ == "__main__":
    main()
