"""Run one DAG through the queue, and tell truthfully how that one run ended.

The run is made once, under an id that is chosen here, and is followed by that id alone: neither older runs nor a lost
answer can change the result. `queued` and `running` are both waited for.
"""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from windtunnel.airflow_api import AirflowAPI, Dag, DagRun, ImportFailure, LogEntry, LoggedException, TaskInstance
from windtunnel.errors import (
    MORE_EXACT,
    BadInput,
    DagImportFailed,
    DagNotFound,
    RunFailed,
    StackNotRunning,
    TimedOut,
    WindtunnelError,
    family,
)
from windtunnel.wait import wait_until

AWAY = 90.0  # seconds that Airflow may be unreachable while a run is followed: more than its restart takes
LOG_DELAY = 10.0  # seconds that the logs of failed tasks may come after the run's end
LOGS = 5  # as many failed tasks have their logs fetched; the rest are only named
ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")
TAIL = 20  # entries of a failed task's log


@dataclass(frozen=True)
class RunResult:
    """A run that succeeded; a task of it may still have failed, if the DAG is made to bear that."""

    dag_id: str
    run_id: str
    start: datetime | None
    end: datetime | None
    tasks: tuple[TaskInstance, ...]


@dataclass(frozen=True)
class TaskFailure:
    """A failed task: the exception of its last try, None if its process was killed, and that try's log's last lines."""

    task: TaskInstance
    exception: LoggedException | None
    log_tail: tuple[str, ...]

    def __str__(self) -> str:
        reason = self.exception or (
            f"no exception in its log, which ends with: {self.log_tail[-1]}"
            if self.log_tail
            else "its log is not there"
        )
        return f"{self.task.name}, try {self.task.try_number} of {self.task.max_tries + 1}: {reason}"


def _nothing(_: Any) -> None:
    """What the callbacks do unless the caller gives others; also reads no file."""


def run_dag(
    api: AirflowAPI,
    dag_id: str,
    conf: dict[str, Any] | None = None,
    *,
    timeout: float = 3600.0,
    discovery: float = 30.0,
    interval: float = 1.0,
    on_triggered: Callable[[str], None] = _nothing,
    on_change: Callable[[TaskInstance], None] = _nothing,
    on_failure: Callable[[TaskFailure], None] = _nothing,
    read_dag_file: Callable[[str], str | None] = _nothing,
) -> RunResult:
    """Make one run of the DAG, unpausing it if need be, and wait for the run's end.

    `timeout` (seconds) is for the run, `discovery` (seconds) for a DAG that is yet to be parsed; Airflow is asked
    every `interval` seconds. `on_triggered` gets the run's id, `on_change` each task whose state or try has changed,
    `on_failure` each failed task with the tail of its log. `read_dag_file` gives the text of a file by its path in the
    dags folder, or None. KeyboardInterrupt passes through, and the run goes on.

    Raises:
        DagNotFound: the DAG was not there after `discovery` seconds.
        DagImportFailed: the DAG's own file does not import.
        TimedOut: the run has not ended after `timeout` seconds; it goes on.
        RunFailed: the run failed, or was deleted.
        BadInput: the run failed, and its first failed task with an error of this family, by the name of the class.
        StackNotRunning: Airflow was not there, or away for longer than its restart takes.
    """
    dag = find_dag(api, dag_id, discovery=discovery, interval=interval, read_dag_file=read_dag_file)
    if dag.is_paused:
        api.unpause(dag_id)
    run_id = _trigger(api, dag_id, conf)
    on_triggered(run_id)
    watch = _Watch(api, dag_id, run_id, on_change)
    run = watch.wait(timeout, interval)
    if run.state != "success":
        raise _failure(api, run, watch.tasks, interval, on_failure)
    return RunResult(dag_id, run_id, run.start, run.end, tuple(watch.tasks))


def find_dag(
    api: AirflowAPI,
    dag_id: str,
    *,
    discovery: float = 30.0,
    interval: float = 1.0,
    read_dag_file: Callable[[str], str | None] = _nothing,
) -> Dag:
    """The DAG, once Airflow can run it; arguments and errors as in `run_dag`."""

    def runnable() -> Dag | None:
        dag = api.dag(dag_id)
        failure = _own_import_failure(dag_id, dag, api.import_errors(), read_dag_file)
        if failure:
            raise _import_failed(dag_id, failure)
        return dag if dag and not dag.is_stale and not dag.has_import_errors else None

    try:
        return wait_until(runnable, f"the DAG {dag_id}", discovery, interval)
    except TimedOut as error:
        raise _not_found(api, dag_id, discovery) from error


def _own_import_failure(
    dag_id: str, dag: Dag | None, failures: list[ImportFailure], read_dag_file: Callable[[str], str | None]
) -> ImportFailure | None:
    for failure in failures:
        if dag and (failure.bundle_name, failure.filename) == (dag.bundle_name, dag.relative_fileloc):
            return failure
        # Not (or no longer) known: the failure is the DAG's own if this file would define it.
        if (dag is None or dag.is_stale) and _defines(failure.filename, read_dag_file(failure.filename), dag_id):
            return failure
    return None


def _defines(path: str, text: str | None, dag_id: str) -> bool:
    if text is None:
        *folders, file = path.split("/")
        return dag_id in (file.removesuffix(".py"), *folders[-1:])
    name = re.escape(dag_id)
    literal = rf"""["']{name}["']"""
    return bool(
        re.search(rf"\bdag\((.*\bdag_id\s*=)?\s*{literal}", text, re.IGNORECASE)  # DAG("x"), @dag(…, dag_id="x")
        or re.search(rf"^\s*dag_id\s*=\s*{literal}", text, re.IGNORECASE | re.MULTILINE)  # on a line of its own
        or re.search(rf"@(\w+\.)?dag\b((?!\bdef\b).)*\bdef\s+{name}\b", text, re.DOTALL)  # @dag def x()
    )


def _import_failed(dag_id: str, failure: ImportFailure) -> DagImportFailed:
    return DagImportFailed(
        f"{failure.filename}, the file of the DAG {dag_id}, did not import when it was last parsed, at "
        f"{failure.timestamp:%H:%M:%S} UTC:\n{failure.stack_trace.rstrip()}",
        help=f"correct {failure.filename} and run again: it is parsed anew within seconds",
    )


def _not_found(api: AirflowAPI, dag_id: str, discovery: float) -> DagNotFound:
    broken = ", ".join(failure.filename for failure in api.import_errors())
    return DagNotFound(
        f"Airflow has no DAG {dag_id} that it can run, after {discovery:.0f} s"
        + (f"; files that do not import: {broken}" if broken else ""),
        help="./windtunnel logs scheduler",
    )


def _trigger(api: AirflowAPI, dag_id: str, conf: dict[str, Any] | None) -> str:
    run_id = f"manual__{datetime.now(UTC).isoformat()}"
    try:
        api.trigger(dag_id, conf, run_id)
    except StackNotRunning as error:
        # The answer is lost, the run may not be: to ask again could make a second one, to look cannot.
        with suppress(StackNotRunning):
            if api.dag_run(dag_id, run_id):
                return run_id
        raise StackNotRunning(
            f"{error.message}; the run {run_id} of {dag_id} may or may not have been made", error.help
        ) from error
    return run_id


class _Watch:
    def __init__(self, api: AirflowAPI, dag_id: str, run_id: str, on_change: Callable[[TaskInstance], None]) -> None:
        self.tasks: list[TaskInstance] = []
        self._state = "unknown"
        self._api, self._dag_id, self._run_id, self._on_change = api, dag_id, run_id, on_change
        self._last_answer = time.monotonic()

    def wait(self, timeout: float, interval: float) -> DagRun:
        try:
            return wait_until(self._ended, f"the run {self._run_id} of {self._dag_id} to end", timeout, interval)
        except TimedOut as error:
            raise TimedOut(self._unfinished(timeout), self._help()) from error

    def _ended(self) -> DagRun | None:
        try:
            run = self._look()
        except StackNotRunning as error:
            if time.monotonic() - self._last_answer < AWAY:
                return None
            raise StackNotRunning(f"{error.message}; the run {self._run_id} may go on", error.help) from error
        self._last_answer = time.monotonic()
        return run if run.state in ("success", "failed") else None

    def _look(self) -> DagRun:
        run = self._api.dag_run(self._dag_id, self._run_id)
        if run is None:
            raise RunFailed(f"the run {self._run_id} of {self._dag_id} is gone: it was deleted before its end")
        # The tasks after the run, so that a run that has ended is never shown with tasks that have not.
        before, self.tasks = self.tasks, self._api.task_instances(self._dag_id, self._run_id)
        self._state = run.state
        seen = {(task.name, task.state, task.try_number) for task in before}
        for task in self.tasks:
            if task.state and (task.name, task.state, task.try_number) not in seen:
                self._on_change(task)
        return run

    def _unfinished(self, timeout: float) -> str:
        at_work = [f"{task.name} ({task.state})" for task in self.tasks if task.state and task.state not in ENDED]
        return (
            f"the run {self._run_id} of {self._dag_id} is still {self._state} after {timeout:.0f} s; "
            f"unfinished tasks: {_some(at_work) or 'none was started'}"
        )

    def _help(self) -> str:
        service = "scheduler" if self._state == "queued" else "worker"
        return f"./windtunnel logs {service}; the run goes on: {self._api.run_url(self._dag_id, self._run_id)}"


def _failure(
    api: AirflowAPI,
    run: DagRun,
    tasks: list[TaskInstance],
    interval: float,
    on_failure: Callable[[TaskFailure], None],
) -> WindtunnelError:
    never = datetime.max.replace(tzinfo=UTC)
    failed = sorted((task for task in tasks if task.state == "failed"), key=lambda task: task.end or never)
    failures = _failures(api, run, failed[:LOGS], interval)
    for failure in failures:
        on_failure(failure)
    lines = [f"the run {run.run_id} of {run.dag_id} failed", *(str(failure) for failure in failures)]
    if not failed:
        lines[0] += ", though none of its tasks did: it took too long (dagrun_timeout), or somebody failed it by hand"
    if failed[LOGS:]:
        lines.append(f"failed too: {_some([task.name for task in failed[LOGS:]])}")
    first = failures[0].exception if failures else None
    kinds = family(BadInput) | MORE_EXACT
    kind = kinds.get(first.exc_type, RunFailed) if first else RunFailed
    return kind("\n  ".join(lines), f"./windtunnel logs worker; all logs: {api.run_url(run.dag_id, run.run_id)}")


def _failures(api: AirflowAPI, run: DagRun, failed: list[TaskInstance], interval: float) -> list[TaskFailure]:
    deadline = time.monotonic() + LOG_DELAY
    failures = []
    for task in failed:
        log = _log(api, run, task, max(0.0, deadline - time.monotonic()), interval)
        failures.append(TaskFailure(task, raised_in(log), tail_of(log)))
    return failures


def _log(api: AirflowAPI, run: DagRun, task: TaskInstance, timeout: float, interval: float) -> list[LogEntry]:
    log: list[LogEntry] = []

    def complete() -> bool:
        log[:] = api.task_log(run.dag_id, run.run_id, task.task_id, task.try_number, task.map_index)
        return raised_in(log) is not None

    # A worker reports the task's state before it uploads the log. If the log does not come, or has no exception
    # because the process was killed, the run has failed all the same.
    with suppress(WindtunnelError):
        wait_until(complete, f"the log of {task.name}", timeout, interval)
    return log


def raised_in(log: list[LogEntry]) -> LoggedException | None:
    """The exception that ended the task, None if no exception did."""
    # A task may log exceptions that it has dealt with, and Airflow those of callbacks: only this event ends a task.
    found = [entry.exception for entry in log if entry.exception and entry.event == "Task failed with exception"]
    return found[-1] if found else None


def tail_of(log: list[LogEntry]) -> tuple[str, ...]:
    """The last lines that the task and its supervisor have logged."""
    # Without the lines that only fold the log in Airflow's web pages, and those about where the log was found.
    shown = [entry for entry in log if entry.level and not entry.event.startswith(("::group::", "::endgroup::"))]
    return tuple(f"{it.event}: {it.exception}" if it.exception else it.event for it in shown[-TAIL:])


def _some(names: list[str], most: int = 10) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
