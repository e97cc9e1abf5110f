"""Collects the evidence from Airflow's API, the containers, Prometheus and the warehouse.

Only Airflow's API must answer; what else cannot be seen becomes a gap in the evidence.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

import httpx
import psycopg
from python_on_whales import DockerException

from windtunnel.airflow_api import AirflowAPI, Dag, LogEntry
from windtunnel.errors import RunNotFound, WindtunnelError
from windtunnel.explain.evidence import (
    DagFacts,
    Definition,
    Evidence,
    Executor,
    Heartbeat,
    Log,
    Memory,
    Neighbour,
    Pool,
    RunFacts,
    TaskFacts,
    Timeouts,
    Verdict,
    Worker,
)
from windtunnel.prometheus import Prometheus, Span
from windtunnel.runs import find_dag, raised_in, tail_of
from windtunnel.stack import Stack

T = TypeVar("T")

# Which task of a run is asked about when none is named: the first of the first of these states.
ORDER = (
    *("failed", "up_for_retry", "queued", "scheduled", "deferred", "up_for_reschedule", "running", "restarting"),
    *(None, "upstream_failed", "removed", "skipped", "success"),
)
EVENTS = 20
# Of the variables that a component was started with; bash reads them first (image: /usr/local/windtunnel).
TIMEOUTS = """
    echo ${AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT:-1800} ${AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT:-300}"""

VERDICT = """
    SELECT at, kind, try_number, container, limit_bytes, container_peak_bytes, task_peak_bytes, neighbours
    FROM windtunnel.oom_verdict WHERE (dag_id, task_id, run_id, map_index) = (%s, %s, %s, %s)
    ORDER BY at DESC LIMIT 1"""
MEMORY = """
    SELECT try_number, peak_private_bytes, outcome
    FROM windtunnel.task_memory WHERE (dag_id, task_id, run_id, map_index) = (%s, %s, %s, %s)
    ORDER BY try_number DESC LIMIT 1"""


def gather(stack: Stack, dag_id: str, task_id: str | None, run_id: str | None) -> Evidence:
    """The evidence about a task (by default the most telling one, if the run has not succeeded) of a run (by default
    the newest) of a DAG.

    Raises:
        DagNotFound, DagImportFailed: there is no such DAG, or its file does not import and it was never parsed.
        RunNotFound: no such run, or no such task in it.
        StackNotRunning: Airflow does not answer.
    """
    return _Gathering(stack).of(dag_id, task_id, run_id)


class _Gathering:
    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._api: AirflowAPI = stack.api()
        self._gaps: list[str] = []

    @cached_property
    def _prometheus(self) -> Prometheus:
        return Prometheus(self._stack.url("prometheus"))

    def of(self, dag_id: str, task_id: str | None, run_id: str | None) -> Evidence:
        dag = self._api.dag(dag_id) or find_dag(self._api, dag_id, discovery=0)
        run = self._run(dag_id, run_id)
        tasks = [_task(row) for row in self._tasks(dag_id, run)]
        task = _choose(tasks, task_id, dag_id, run)
        evidence = {
            "run": run,
            "task": task,
            "states": {one.name: one.state for one in tasks},
            **self._around(),
            **(self._of_task(dag_id, run, task) if run and task else {}),
        }
        return Evidence(datetime.now(UTC), self._dag(dag), gaps=tuple(self._gaps), **evidence)

    def _run(self, dag_id: str, run_id: str | None) -> RunFacts | None:
        if run_id is None:
            newest = self._api.find("dags", dag_id, "dagRuns", limit=1, order_by="-run_after") or {}
            return next((_run(row) for row in newest.get("dag_runs", ())), None)
        row = self._api.find("dags", dag_id, "dagRuns", run_id)
        if row is None:
            raise RunNotFound(
                f"{dag_id} has no run {run_id}", f"./windtunnel airflow dags list-runs {dag_id} lists its runs"
            )
        return _run(row)

    def _tasks(self, dag_id: str, run: RunFacts | None) -> list[Any]:
        return self._api.rows("task_instances", "dags", dag_id, "dagRuns", run.run_id, "taskInstances") if run else []

    def _dag(self, dag: Dag) -> DagFacts:
        details = self._api.find("dags", dag.dag_id, "details") or {}
        running = self._api.find("dags", dag.dag_id, "dagRuns", limit=1, state="running") or {}
        own = (dag.bundle_name, dag.relative_fileloc)
        failures = [one for one in self._api.import_errors() if (one.bundle_name, one.filename) == own]
        return DagFacts(
            dag_id=dag.dag_id,
            is_paused=dag.is_paused,
            is_stale=dag.is_stale,
            import_error=failures[0].stack_trace.strip().splitlines()[-1] if failures else None,
            file=dag.relative_fileloc or "",
            max_active_runs=details.get("max_active_runs") or 0,
            max_active_tasks=details.get("max_active_tasks") or 0,
            running_runs=running.get("total_entries", 0),
        )

    def _of_task(self, dag_id: str, run: RunFacts, task: TaskFacts) -> dict[str, Any]:
        key = (dag_id, task.task_id, run.run_id, task.map_index)
        at = ("dags", dag_id, "dagRuns", run.run_id, "taskInstances", task.task_id)
        mapped = (str(task.map_index),) if task.map_index >= 0 else ()
        blocked = self._api.find(*at, *mapped, "dependencies") or {}
        entries = self._api.task_log(dag_id, run.run_id, task.task_id, task.try_number, task.map_index)
        verdict, memory = self._seen("the memory history", lambda: self._history(key)) or (None, None)
        return {
            "definition": _definition(self._api.rows("tasks", "dags", dag_id, "tasks"), task.task_id),
            "reasons": tuple(one["reason"] for one in blocked.get("dependencies", ()) if one["reason"]),
            "events": self._events(key, task.try_number),
            "pool": _pool(self._api.find("pools", task.pool)),
            "log": _log(entries),
            "verdict": verdict,
            "memory": memory,
            "memory_now": self._seen("the task's memory now", lambda: self._memory_now(key)),
        }

    def _events(self, key: tuple[str, str, str, int], try_number: int) -> tuple[str, ...]:
        dag_id, task_id, run_id, map_index = key
        found = self._api.find(
            "eventLogs",
            dag_id=dag_id,
            task_id=task_id,
            run_id=run_id,
            map_index=map_index,
            try_number=try_number,
            limit=EVENTS,
            order_by="-event_log_id",
        )
        return tuple(row["event"] for row in (found or {}).get("event_logs", ()))

    def _around(self) -> dict[str, Any]:
        health = self._api.find("monitor", "health") or {}
        return {
            "heartbeats": {name: _heartbeat(name, part) for name, part in health.items()},
            "workers": self._seen("the workers' containers", self._workers) or (),
            "slots": int(self._stack.environment.value("CELERY_WORKER_AUTOSCALE").split(",")[0]),
            "executor": self._seen("the executor's slots", self._executor),
            "timeouts": self._seen("the scheduler's time limits", self._timeouts) or Timeouts(),
            "queue": self._seen("the queue's length", lambda: self._figure('redis_key_size{key="default"}', 0)),
            "busy": self._seen(
                "what the workers run",
                lambda: self._figure("sum(flower_worker_number_of_currently_executing_tasks)"),
            ),
        }

    def _workers(self) -> tuple[Worker, ...]:
        there = [one for one in self._stack.containers() if one.service in ("worker", "additional-worker")]
        return tuple(Worker(one.name, one.id[:12], one.is_running, one.health, one.memory_limit_bytes) for one in there)

    def _executor(self) -> Executor | None:
        open_slots, running = (
            self._figure(f"max(airflow_executor_{name})") for name in ("open_slots", "running_tasks")
        )
        return None if open_slots is None or running is None else Executor(open_slots, running)

    def _timeouts(self) -> Timeouts | None:
        of_airflow = ("scheduler", "worker", "webserver")
        there = (one for one in self._stack.containers() if one.service in of_airflow and one.is_running)
        reader = next(there, None)
        return Timeouts(*map(float, reader.execute("bash", "-c", TIMEOUTS).split())) if reader else None

    def _memory_now(self, key: tuple[str, str, str, int]) -> int | None:
        names = ("dag_id", "task_id", "run_id", "map_index")
        labels = ",".join(f'{name}="{value}"' for name, value in zip(names, key, strict=True))
        return self._figure(f"max(windtunnel_task_memory_private_bytes{{{labels}}})")

    def _figure(self, query: str, otherwise: int | None = None) -> int | None:
        now = time.time()
        found = self._prometheus.instant(query, Span(now, now, 1))
        return int(found[0].values[0]) if found else otherwise

    def _history(self, key: tuple[str, str, str, int]) -> tuple[Verdict | None, Memory | None]:
        dsn = self._stack.credentials()["warehouse"]["dsn"]
        with psycopg.connect(dsn, connect_timeout=5) as warehouse:
            verdict, memory = (warehouse.execute(query, key).fetchone() for query in (VERDICT, MEMORY))
        return _verdict(verdict) if verdict else None, Memory(*memory) if memory else None

    def _seen(self, what: str, look: Callable[[], T]) -> T | None:
        try:
            return look()
        except (WindtunnelError, DockerException, psycopg.Error, httpx.HTTPError, OSError, ValueError) as error:
            reason = str(error).strip().splitlines()
            self._gaps.append(f"{what}: {reason[0] if reason else type(error).__name__}")
            return None


def _choose(tasks: list[TaskFacts], wanted: str | None, dag_id: str, run: RunFacts | None) -> TaskFacts | None:
    found = [one for one in tasks if wanted in (None, one.task_id, one.name)]
    if wanted and not found:
        there = ", ".join(sorted({one.task_id for one in tasks})) or "none"
        of = f"the run {run.run_id} of {dag_id}" if run else f"{dag_id}, which never ran,"
        raise RunNotFound(f"{of} has no task {wanted}; its tasks: {there}", f"./windtunnel airflow tasks list {dag_id}")
    if wanted is None and run and run.state == "success":
        return None
    never = datetime.max.replace(tzinfo=UTC)
    return min(found, key=lambda one: (ORDER.index(one.state), one.end or never, one.start or never), default=None)


def _run(row: dict[str, Any]) -> RunFacts:
    times = (_time(row[key]) for key in ("queued_at", "start_date", "end_date"))
    return RunFacts(row["dag_run_id"], row["state"], *times)


def _task(row: dict[str, Any]) -> TaskFacts:
    return TaskFacts(
        task_id=row["task_id"],
        map_index=row["map_index"],
        state=row["state"],
        try_number=row["try_number"],
        max_tries=row["max_tries"],
        scheduled=_time(row["scheduled_when"]),
        queued=_time(row["queued_when"]),
        start=_time(row["start_date"]),
        end=_time(row["end_date"]),
        host=row["hostname"] or "",
        pool=row["pool"],
        pool_slots=row["pool_slots"],
        trigger=row["trigger"]["classpath"] if row["trigger"] else None,
    )


def _definition(rows: list[dict[str, Any]], task_id: str) -> Definition:
    own = next((row for row in rows if row["task_id"] == task_id), None)
    if own is None:
        return Definition()
    delay = own["retry_delay"] or {}
    return Definition(
        trigger_rule=own["trigger_rule"],
        upstream=tuple(row["task_id"] for row in rows if task_id in row["downstream_task_ids"]),
        retry_delay=timedelta(days=delay.get("days", 0), seconds=delay.get("seconds", 0)),
    )


def _pool(row: dict[str, Any] | None) -> Pool | None:
    sizes = ("slots", "open_slots", "running_slots", "queued_slots")
    return Pool(row["name"], *(row[key] for key in sizes)) if row else None


def _heartbeat(component: str, part: dict[str, Any]) -> Heartbeat:
    return Heartbeat(part["status"], _time(part.get(f"latest_{component}_heartbeat")))


def _log(entries: list[LogEntry]) -> Log:
    errors = tuple(entry.event for entry in entries if (entry.level or "").lower() in ("error", "critical"))
    return Log(raised_in(entries), errors[-3:], tail_of(entries)[-5:])


def _verdict(row: tuple[Any, ...]) -> Verdict:
    at, kind, try_number, container, limit, container_peak, task_peak, neighbours = row
    beside = tuple(_neighbour(one) for one in neighbours or ())
    return Verdict(at, kind, try_number, container, limit, container_peak, task_peak, beside)


def _neighbour(one: dict[str, Any]) -> Neighbour:
    dag_id, task_id, map_index = one.get("dag_id") or "", one.get("task_id") or "", one.get("map_index")
    mapped = f"[{map_index}]" if map_index not in (None, -1) else ""
    name = f"{dag_id}.{task_id}{mapped}" if task_id else one.get("name", "?")
    return Neighbour(name, one.get("private_bytes") or one.get("rss_bytes"), dag_id, task_id)


def _time(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)
