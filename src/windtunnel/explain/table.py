"""The evidence as rows for a person: what, and what was found."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from textwrap import shorten

from windtunnel.explain.evidence import Evidence
from windtunnel.explain.words import ago, megabytes, some

Row = tuple[str, str]
LOG_WIDTH = 200  # characters


def rows(evidence: Evidence) -> list[Row]:
    """All rows; what is not known has none but a gap at the end."""
    found = [*_of_the_run(evidence), *_of_the_task(evidence), *_around(evidence), *_log(evidence)]
    return found + [("not seen", gap) for gap in evidence.gaps]


def _of_the_run(evidence: Evidence) -> Iterator[Row]:
    dag, run = evidence.dag, evidence.run
    marks = [word for word, is_so in (("paused", dag.is_paused), ("stale", dag.is_stale)) if is_so]
    yield "DAG", f"{', '.join(marks) or 'active'}; {dag.running_runs} of {dag.max_active_runs} runs at once"
    if run:
        tasks = Counter(state or "not scheduled" for state in evidence.states.values())
        yield "run", f"{run.state}, queued at {_at(run.queued)}, started at {_at(run.start)}, ended at {_at(run.end)}"
        yield "its tasks", some([f"{count} {state}" for state, count in tasks.most_common()], 10)


def _of_the_task(evidence: Evidence) -> Iterator[Row]:
    task = evidence.task
    if task is None:
        return
    yield "task", f"{task.state or 'not scheduled'}, try {task.try_number} of {task.max_tries + 1}"
    times = {"scheduled": task.scheduled, "queued": task.queued, "started": task.start, "ended": task.end}
    yield "its times", ", ".join(f"{name} {_at(time)}" for name, time in times.items())
    if task.host:
        yield "its worker", task.host
    if evidence.upstream_states():
        yield "upstream", some([f"{name} {state}" for name, state in evidence.upstream_states().items()], 10)
    if evidence.memory:
        peak = megabytes(evidence.memory.peak_private)
        yield "its memory", f"peak {peak} on try {evidence.memory.try_number} ({evidence.memory.outcome or 'running'})"
    yield from (("Airflow says", reason) for reason in evidence.reasons)
    if evidence.events:
        yield "audit log", some(list(evidence.events))


def _around(evidence: Evidence) -> Iterator[Row]:
    pool, executor = evidence.pool, evidence.executor
    if pool:
        yield f"pool {pool.name}", f"{pool.open} of {pool.slots} open, {pool.running} running, {pool.queued} queued"
    if evidence.run and evidence.dag.max_active_tasks:
        yield "tasks of the run", f"{evidence.active_tasks()} of {evidence.dag.max_active_tasks} queued or running"
    if executor:
        yield "executor", f"{executor.running} tasks, {executor.open} slots open"
    for worker in evidence.workers:
        state = worker.health if worker.is_running else "stopped"
        yield worker.name, f"{state}, {evidence.slots} slots, limit {megabytes(worker.memory_limit)}"
    if evidence.busy is not None:
        yield "workers run", f"{evidence.busy} tasks"
    if evidence.queue is not None:
        yield "Redis", f"{evidence.queue} messages wait"
    for name, heart in evidence.heartbeats.items():
        if heart.last:
            yield name, f"{heart.status}, heartbeat at {ago(evidence.now, heart.last)}"


def _log(evidence: Evidence) -> Iterator[Row]:
    yield from (("log", shorten(line, LOG_WIDTH)) for line in evidence.log.tail)


def _at(time: datetime | None) -> str:
    return f"{time:%H:%M:%S}" if time else "–"
