"""Bounds what Airflow keeps: task logs by age of the file, metadata by Airflow's own `db clean`, once a day."""

import os
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

LOGS = Path("/usr/local/airflow/logs")
DAY = 86_400


def keep() -> None:
    """Clean up once a day, for ever."""
    while True:
        time.sleep(DAY)
        delete_old_logs(LOGS, days=int(os.environ["LOG_RETENTION_DAYS"]))
        clean_metadata(days=int(os.environ["METADATA_RETENTION_DAYS"]))


def delete_old_logs(folder: Path, days: int) -> None:
    """Delete log files not written to for `days` days, and the folders that this leaves empty."""
    oldest = time.time() - days * DAY
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path.stat().st_mtime < oldest:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def clean_metadata(days: int) -> None:
    """Delete runs, task instances and events older than `days` days from the metadata database."""
    before = datetime.now(UTC) - timedelta(days=days)
    command = ["airflow", "db", "clean", "--yes", "--skip-archive", "--clean-before-timestamp", before.isoformat()]
    subprocess.run(command, check=False)
