"""The Airflow plugin that makes each task report its memory (`task_report`) to TASK_MEMORY_ADDRESS, host:port.

Airflow loads plugins in the task's own process after the fork, and calls the listeners there. Without the address, as
in the light mode, the plugin has no listener. The Celery worker imports this before it forks (`imports` in its
configuration), so that no task pays for the import: 3 ms and 2 MB.
"""

import atexit
import os

from airflow.listeners import hookimpl
from airflow.sdk.plugins_manager import AirflowPlugin

from windtunnel_runtime.task_report import TaskReport


class TaskMemoryListener:
    """Reports the task that runs in this process; other components of Airflow call `on_starting` too."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._report: TaskReport | None = None
        self._task: object = None

    @hookimpl
    def on_starting(self, component: object) -> None:
        """The earliest that Airflow calls a listener: the task is known, its DAG not yet parsed."""
        if type(component).__name__ == "TaskRunnerMarker":
            self._report = TaskReport(self._address, _identity())
            atexit.register(self._exit_without_state)

    @hookimpl
    def on_task_instance_running(self, task_instance: object) -> None:
        """The last before the user's code."""
        if self._report:
            self._task = task_instance
            self._report.parsed()

    @hookimpl
    def before_stopping(self, component: object) -> None:
        """After the task's callbacks; the task runner has left the state that it reports on the task instance."""
        if self._report and (state := getattr(self._task, "state", None)):
            self._report.finished(str(getattr(state, "value", state)))

    def _exit_without_state(self) -> None:
        """The runner has raised before the task had a state: its DAG cannot be imported, for example."""
        if self._report:
            self._report.finished("failed")


def _identity() -> dict[str, object]:
    """Which task this process runs, from the context that the task runner gives to every log line."""
    from structlog.contextvars import get_contextvars

    known = get_contextvars()
    names = ("dag_id", "task_id", "map_index", "run_id", "try_number")
    return {"ti": known["ti_id"]} | {name: known[name] for name in names}


def _listeners() -> list[object]:
    address = os.environ.get("TASK_MEMORY_ADDRESS")
    return [TaskMemoryListener(address)] if address else []


class WindtunnelPlugin(AirflowPlugin):
    """The distribution's entry point `airflow.plugins`."""

    name = "windtunnel"
    listeners = _listeners()
