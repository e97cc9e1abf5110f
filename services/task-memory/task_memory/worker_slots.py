"""How many tasks a worker runs at once: the most of celery.worker_autoscale, which is `max,min`."""

import os
from collections.abc import Iterable
from pathlib import Path

VARIABLE = "AIRFLOW__CELERY__WORKER_AUTOSCALE"
# Where the container says what it started with (windtunnel_runtime.boot); Celery's title overwrites its environment.
FILE = "tmp/windtunnel-worker-autoscale"


def of(environment: Iterable[str]) -> int | None:
    """What an environment's lines, NAME=VALUE, say; None: nothing."""
    values = dict(line.partition("=")[::2] for line in environment)
    return _most(values.get(VARIABLE, ""))


def in_force(pid: int, configured: int, proc: Path) -> int:
    """What a container started with: a project's options beat its own environment.

    Args:
        pid: of one of the container's processes.
        configured: what the container's own environment says.
        proc: the host's /proc.
    """
    try:
        # Whatever a task has put there: no link is followed, and no pipe waited for.
        file = os.open(proc / str(pid) / "root" / FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return configured
    try:
        return _most(os.read(file, 100).decode(errors="replace")) or configured
    except OSError:
        return configured
    finally:
        os.close(file)


def _most(autoscale: str) -> int | None:
    most = autoscale.partition(",")[0].strip()
    return int(most) if most.isdecimal() else None
