"""Causes: the run or the task has yet to start, or to end."""

from datetime import datetime

from windtunnel.explain.cause import (
    LOGS_OF_SCHEDULER,
    LOGS_OF_WORKER,
    STATUS,
    Cause,
    always,
    in_state,
    task_of,
)
from windtunnel.explain.evidence import Evidence
from windtunnel.explain.words import ago, megabytes, some

DONE = ("success", "failed", "skipped", "upstream_failed", "removed")


def _is_open(evidence: Evidence) -> bool:
    return evidence.run is None or evidence.run.state in ("queued", "running")


def _is_the_scheduler_s_turn(evidence: Evidence) -> bool:
    return _is_open(evidence) and evidence.state() in (None, "scheduled", "up_for_retry", "up_for_reschedule")


def _has_no_file(evidence: Evidence) -> bool:
    return _is_the_scheduler_s_turn(evidence) and (evidence.dag.is_stale or evidence.dag.import_error is not None)


def _no_file(evidence: Evidence) -> str:
    dag = evidence.dag
    if dag.import_error:
        return f"The DAG's file {dag.file} does not import any more: {dag.import_error}"
    return f"No file defines the DAG any more ({dag.file} did), so nothing of it is scheduled."


def _last_heard(evidence: Evidence, component: str) -> str:
    last: datetime | None = evidence.heartbeats[component].last
    return f"the {component} was last heard of at {ago(evidence.now, last)}"


def _runs_are_full(evidence: Evidence) -> bool:
    dag = evidence.dag
    return _run_is_queued(evidence) and 0 < dag.max_active_runs <= dag.running_runs


def _run_is_queued(evidence: Evidence) -> bool:
    return evidence.run is not None and evidence.run.state == "queued"


def _has_no_triggerer(evidence: Evidence) -> bool:
    triggerer = evidence.heartbeats.get("triggerer")
    return evidence.state() == "deferred" and triggerer is not None and triggerer.last is None


def _unfinished_upstream(evidence: Evidence) -> list[str]:
    return [name for name, state in evidence.upstream_states().items() if state not in DONE]


def _upstream(evidence: Evidence) -> str:
    states = evidence.upstream_states()
    names = [f"{name} ({states[name] or 'not scheduled'})" for name in _unfinished_upstream(evidence)]
    return f"It waits for {some(names)}; its trigger rule is {evidence.definition.trigger_rule}."


def _explain_upstream(evidence: Evidence) -> str:
    return f"./windtunnel explain {evidence.dag.dag_id} {_unfinished_upstream(evidence)[0]}"


def _pool_is_full(evidence: Evidence) -> bool:
    pool = evidence.pool
    return evidence.state() == "scheduled" and pool is not None and pool.open < task_of(evidence).pool_slots


def _pool(evidence: Evidence) -> str:
    pool = evidence.pool
    assert pool
    return (
        f"It waits for the pool {pool.name}: it needs {task_of(evidence).pool_slots} of its slots, and "
        f"{max(0, pool.open)} of {pool.slots} are open ({pool.running} running, {pool.queued} queued)."
    )


def _run_is_full(evidence: Evidence) -> bool:
    return evidence.state() == "scheduled" and 0 < evidence.dag.max_active_tasks <= evidence.active_tasks()


def _active_tasks(evidence: Evidence) -> str:
    return (
        f"{evidence.active_tasks()} tasks of this run are queued or running, as many as the DAG's max_active_tasks "
        f"({evidence.dag.max_active_tasks}) allows."
    )


def _executor_is_full(evidence: Evidence) -> bool:
    full = evidence.executor is not None and evidence.executor.open <= 0
    return full and evidence.state() in ("scheduled", "queued")


def _parallelism(evidence: Evidence) -> str:
    assert evidence.executor
    return f"The executor is full: it has {evidence.executor.running} tasks, as many as core.parallelism allows."


def _has_no_worker(evidence: Evidence) -> bool:
    wants_one = in_state("scheduled", "queued")(evidence)
    return wants_one and bool(evidence.workers) and not evidence.alive_workers()


def _no_worker(evidence: Evidence) -> str:
    dead = [f"{one.name} is {one.health if one.is_running else 'stopped'}" for one in evidence.workers]
    return f"No worker is alive, so nothing that is queued starts: {some(dead)}{_behind(evidence)}."


def _workers_are_full(evidence: Evidence) -> bool:
    room = (evidence.slots or 0) * len(evidence.alive_workers())
    return evidence.state() == "queued" and room > 0 and evidence.busy is not None and evidence.busy >= room


def _busy(evidence: Evidence) -> str:
    workers = f"{len(evidence.alive_workers())} with {evidence.slots} slots each"
    return f"Every worker is busy: {workers} run {evidence.busy} tasks{_behind(evidence)}."


def _behind(evidence: Evidence) -> str:
    return "" if evidence.queue is None else f", and {evidence.queue} messages wait in Redis"


def _queued(evidence: Evidence) -> str:
    return (
        f"It is queued since {ago(evidence.now, task_of(evidence).queued)} and no worker has taken it yet"
        f"{_behind(evidence)}; after {evidence.timeouts.queued:g} s Airflow takes it back."
    )


def _host_is_gone(evidence: Evidence) -> bool:
    there = {worker.host for worker in evidence.alive_workers()}
    task = evidence.task
    return bool(task and task.state == "running" and task.host and evidence.workers and task.host not in there)


def _no_host(evidence: Evidence) -> str:
    return (
        f"Airflow has it for running, but its worker {task_of(evidence).host} is gone: once its heartbeat has been "
        f"missing for {evidence.timeouts.heartbeat:g} s (scheduler.task_instance_heartbeat_timeout), the scheduler "
        "retries or fails it."
    )


def _running(evidence: Evidence) -> str:
    task = task_of(evidence)
    memory = f"; it has added {megabytes(evidence.memory_now)} to its memory" if evidence.memory_now else ""
    host = task.host or "a worker"
    return f"It runs since {ago(evidence.now, task.start)} on {host}, try {task.try_number}{memory}."


CAUSES = (
    Cause("no file", _has_no_file, _no_file, always("./windtunnel airflow dags list-import-errors")),
    Cause(
        "the scheduler is silent",
        lambda e: _is_the_scheduler_s_turn(e) and e.is_silent("scheduler"),
        lambda e: f"Nothing is scheduled: {_last_heard(e, 'scheduler')}.",
        LOGS_OF_SCHEDULER,
    ),
    Cause(
        "the DAG is paused",
        lambda e: _is_the_scheduler_s_turn(e) and e.dag.is_paused,
        always("The DAG is paused: the scheduler starts none of its runs and tasks."),
        always("./windtunnel airflow dags unpause {dag}"),
    ),
    Cause(
        "max_active_runs",
        _runs_are_full,
        lambda e: (
            f"The run is queued: {e.dag.running_runs} runs of the DAG are running, as many as its "
            f"max_active_runs ({e.dag.max_active_runs}) allows."
        ),
        always("./windtunnel airflow dags list-runs {dag} --state running"),
    ),
    Cause("never ran", lambda e: e.run is None, always("The DAG has no run."), always("./windtunnel run {dag}")),
    Cause(
        "the run is queued",
        _run_is_queued,
        lambda e: (
            "The run is queued, and nothing is known to hold it: the scheduler starts it in one of its next loops."
        ),
        LOGS_OF_SCHEDULER,
    ),
    Cause(
        "the triggerer is silent",
        lambda e: e.state() == "deferred" and e.is_silent("triggerer"),
        lambda e: f"It waits for a trigger, and {_last_heard(e, 'triggerer')}.",
        LOGS_OF_SCHEDULER,
    ),
    Cause(
        "no triggerer",
        _has_no_triggerer,
        always("It waits for a trigger, and no triggerer ever ran here (TRIGGERER_ENABLED; light mode has none)."),
        STATUS,
    ),
    Cause(
        "deferred",
        in_state("deferred"),
        lambda e: f"It has freed its slot and waits for the trigger {task_of(e).trigger or 'that it deferred to'}.",
        LOGS_OF_SCHEDULER,
    ),
    Cause(
        "between two looks",
        in_state("up_for_reschedule"),
        always("It is a sensor between two looks (mode reschedule): what it waits for is not there yet."),
        LOGS_OF_WORKER,
    ),
    Cause(
        "waits for upstream",
        lambda e: _is_open(e) and in_state(None)(e) and bool(_unfinished_upstream(e)),
        _upstream,
        _explain_upstream,
    ),
    Cause("no worker", _has_no_worker, _no_worker, always("./windtunnel up --no-demo")),
    Cause(
        "no such pool",
        lambda e: e.state() == "scheduled" and e.pool is None,
        lambda e: f"Its pool {task_of(e).pool} does not exist.",
        lambda e: f"./windtunnel airflow pools set {task_of(e).pool} 1 '{e.dag.dag_id}'",
    ),
    Cause("the pool is full", _pool_is_full, _pool, always("./windtunnel airflow pools list")),
    Cause("max_active_tasks", _run_is_full, _active_tasks, always("./windtunnel airflow dags details {dag}")),
    Cause("the workers are full", _workers_are_full, _busy, STATUS),
    Cause("parallelism", _executor_is_full, _parallelism, STATUS),
    Cause("queued", in_state("queued"), _queued, LOGS_OF_WORKER),
    Cause("its worker is gone", _host_is_gone, _no_host, LOGS_OF_WORKER),
    Cause("running", in_state("running"), _running, LOGS_OF_WORKER),
)
