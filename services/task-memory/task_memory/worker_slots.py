"""How many tasks a worker runs at once: the most of celery.worker_autoscale, which is `max,min`."""

from collections.abc import Iterable
from pathlib import Path

VARIABLE = "AIRFLOW__CELERY__WORKER_AUTOSCALE"


def of(environment: Iterable[str]) -> int | None:
    """What an environment's lines, NAME=VALUE, say; None: nothing."""
    values = dict(line.partition("=")[::2] for line in environment)
    most = values.get(VARIABLE, "").partition(",")[0]
    return int(most) if most.isdigit() else None


def in_force(pid: int, configured: int, proc: Path) -> int:
    """What the process below a container's first one was started with: a project's options beat the container's.

    Args:
        pid: of the container's first process, which starts all others.
        configured: what the container's own environment says.
        proc: the host's /proc.
    """
    try:
        child = (proc / f"{pid}/task/{pid}/children").read_text().split()[0]
        environment = (proc / child / "environ").read_bytes().decode(errors="replace").split("\0")
    except (OSError, IndexError):
        return configured
    return of(environment) or configured
