"""Has the failure callback of a killed task run, which Airflow 3.3 leaves out.

When a task's process is killed on its last try, its supervisor reports `failed` to the API server, and success to
Celery. The scheduler then sees a task that has ended as it should, and requests no callback; the process that would
have called `on_failure_callback` is gone (https://github.com/apache/airflow/issues/60858). With tries left the
supervisor reports nothing, the scheduler finds the task still running (event `state mismatch`), and requests the retry
callback itself; so it does for a task without heartbeats (`heartbeat timeout`), when the whole container has gone.

This looks every 2 s for tries that the service task-memory has seen die (outcome `oom` or `killed`), and for those that
Airflow has left out hands the dag-processor what the scheduler would have: a `TaskCallbackRequest` in Airflow's own
queue. A try is entered in `windtunnel.failure_callback` in the same step, so that it has its callback once.
"""

import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from tenacity import RetryCallState, retry, wait_fixed

DSN = Path("/run/secrets/control/task-memory-dsn")
POLL_S = 2

# A task that is marked as failed by hand has that state 5 s and more before its process is killed, the supervisor's
# patience between SIGTERM and SIGKILL; one that the kernel kills is dead first, and noticed at most this much later.
NOTICED_WITHIN = timedelta(seconds=3)

# Entries of Airflow's event log that say: the scheduler has ended this try, and requested its callback.
ENDED_BY_SCHEDULER = ("state mismatch", "heartbeat timeout", "stuck in queued tries exceeded")

TABLE = """
CREATE TABLE IF NOT EXISTS windtunnel.failure_callback (
    dag_id text, task_id text, map_index integer, run_id text, try_number integer,
    requested_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (dag_id, task_id, map_index, run_id, try_number))
"""
KILLED = """
SELECT dag_id, task_id, map_index, run_id, try_number, ended_at, outcome
FROM windtunnel.task_memory AS died
WHERE outcome IN ('oom', 'killed') AND ended_at > now() - interval '1 hour' AND NOT EXISTS (
    SELECT FROM windtunnel.failure_callback AS known
    WHERE (known.dag_id, known.task_id, known.map_index, known.run_id, known.try_number)
        = (died.dag_id, died.task_id, died.map_index, died.run_id, died.try_number))
"""
CLAIM = """
INSERT INTO windtunnel.failure_callback (dag_id, task_id, map_index, run_id, try_number)
VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""


class KilledTry(NamedTuple):
    """A try whose process died without a word."""

    dag_id: str
    task_id: str
    map_index: int
    run_id: str
    try_number: int
    ended_at: datetime
    outcome: str


def wanted() -> bool:
    """Whether there is a service task-memory to tell of killed tasks: not in the light mode."""
    from airflow.configuration import conf

    return conf.getboolean("metrics", "statsd_on") and DSN.exists()


def _waits(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    print(f"failure callbacks: tries again in 5 s: {type(error).__name__}: {error}", file=sys.stderr)


@retry(wait=wait_fixed(5), before_sleep=_waits)
def keep() -> None:
    """Look every 2 s, for ever; whatever goes wrong, Postgres away or a table not yet made, is tried again."""
    with psycopg.connect(DSN.read_text(), connect_timeout=5) as warehouse:
        warehouse.execute(TABLE)
        warehouse.commit()
        while True:
            for killed in _killed(warehouse):
                request_callback(warehouse, killed)
            time.sleep(POLL_S)


def _killed(warehouse: psycopg.Connection) -> list[KilledTry]:
    with warehouse.transaction():
        return [KilledTry(*row) for row in warehouse.execute(KILLED)]


def request_callback(warehouse: psycopg.Connection, killed: KilledTry) -> None:
    """Have the failure callback of `killed` run, unless it has been requested, or is not ours to request (yet).

    The claim is committed after the request: a crash between both, of a millisecond, repeats the callback rather than
    losing it.
    """
    from airflow.callbacks.database_callback_sink import DatabaseCallbackSink
    from airflow.utils.session import create_session

    with warehouse.transaction(), create_session() as session:
        task_instance = _left_out(session, killed)
        if task_instance and warehouse.execute(CLAIM, killed[:5]).rowcount:
            DatabaseCallbackSink().send(_request(task_instance, killed), session=session)
            print(f"failure callbacks: requested for {'.'.join(map(str, killed[:2]))} ({killed.outcome}): {killed}")


def _left_out(session: Any, killed: KilledTry) -> Any:
    """The task instance, when it has failed with this try by its supervisor's report."""
    from airflow.models import Log, TaskInstance
    from sqlalchemy import exists, select

    def is_this_try(table: Any) -> list[Any]:
        names = ("dag_id", "task_id", "map_index", "run_id", "try_number")
        return [getattr(table, name) == getattr(killed, name) for name in names]

    by_scheduler = exists().where(*is_this_try(Log), Log.event.in_(ENDED_BY_SCHEDULER))
    ended_by_its_death = TaskInstance.end_date >= killed.ended_at - NOTICED_WITHIN
    found = select(TaskInstance).where(
        *is_this_try(TaskInstance), TaskInstance.state == "failed", ended_by_its_death, ~by_scheduler
    )
    return session.scalar(found)


def _request(task_instance: Any, killed: KilledTry) -> Any:
    """What the scheduler makes for a task without heartbeats (`SchedulerJobRunner._purge_task_instances_…`)."""
    from airflow.api_fastapi.execution_api.datamodels.taskinstance import DagRun, TIRunContext
    from airflow.callbacks.callback_requests import TaskCallbackRequest

    run, version = task_instance.dag_run, task_instance.dag_version
    return TaskCallbackRequest(
        filepath=task_instance.dag_model.relative_fileloc,
        bundle_name=version.bundle_name,
        # A run that is not pinned to a version runs today's code, and so does its callback.
        bundle_version=version.bundle_version if run.bundle_version is not None else None,
        ti=task_instance,
        msg=f"The process of the task was killed ({killed.outcome}) at {killed.ended_at:%H:%M:%S %Z}",
        task_callback_type="failed",
        context_from_server=TIRunContext(
            dag_run=DagRun.model_validate(run, from_attributes=True),
            max_tries=task_instance.max_tries,
            variables=[],
            connections=[],
            xcom_keys_to_clear=[],
        ),
    )
