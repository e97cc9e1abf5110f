"""How far the job is, as metrics that Airflow sends to StatsD; monitoring/metrics.toml has a row for each."""

from collections.abc import Mapping
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.observability import stats

from xml_rebuild.progress import OnProgress, Progress

_COUNTS = ("bytes", "total_bytes", "records", "rows", "rejected")
# Of these, counters too: a gauge of a task that has ended still stands when the next run's takes its place.
_WORK = ("bytes", "records", "rows")


def progress_of_this_task() -> OnProgress:
    """What sends a phase's progress under the name of the task that asks; the library calls it in its threads."""
    task: Any = get_current_context()["ti"]
    tags = {"dag_id": task.dag_id, "task_id": task.task_id}
    counted = dict.fromkeys(_WORK, 0)

    def send(progress: Progress) -> None:
        of_phase = tags | {"phase": progress.phase}
        for name in _WORK:
            now = getattr(progress, name)
            stats.incr(f"rebuild.done.{name}", now - counted[name], tags=of_phase)
            counted[name] = now
        of_phase["map_index"] = str(task.map_index)
        for name in _COUNTS:
            stats.gauge(f"rebuild.{name}", getattr(progress, name), tags=of_phase)
        if progress.seconds_left is not None:
            stats.gauge("rebuild.seconds_left", progress.seconds_left, tags=of_phase)

    return send


def send_outcome(dag_id: str, rows: Mapping[str, int], seconds: Mapping[str, float]) -> None:
    """What a rebuild came to: rows by table, and seconds by phase."""
    for table, count in rows.items():
        stats.gauge("rebuild.table_rows", count, tags={"dag_id": dag_id, "table": table})
    for phase, took in seconds.items():
        stats.gauge("rebuild.phase_seconds", took, tags={"dag_id": dag_id, "phase": phase})
