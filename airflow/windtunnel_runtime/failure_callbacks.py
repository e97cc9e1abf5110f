"""Has the failure callback of a killed task run, which Airflow 3.3 leaves out.

When a task's process is killed on its last try, its supervisor reports `failed` to the API server, and success to
Celery. The scheduler then sees a task that has ended as it should, and requests no callback; the process that would
have called `on_failure_callback` is gone (https://github.com/apache/airflow/issues/60858). With tries left the
supervisor reports nothing, the scheduler finds the task still running (event `state mismatch`), and requests the retry
callback itself; so it does for a task without heartbeats (`heartbeat timeout`), when the whole container has gone.

This looks every 2 s for tries that the service task-memory has seen die (outcome `oom` or `killed`), and for those that
Airflow has left out hands the dag-processor what the scheduler would have: a `TaskCallbackRequest` in Airflow's own
queue. A try is entered in `windtunnel.failure_callback` in the same step, so that it has its callback once.

Looking is plain SQL, by which the process stays under 10 MB of its own; a request needs Airflow's models, 40 MB, and
so has a process of its own that ends with it.
"""

import multiprocessing
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import psycopg
from tenacity import RetryCallState, retry, stop_after_attempt, wait_fixed

DSN = Path("/run/secrets/control/task-memory-dsn")
POLL_S = 2

# A task that is marked as failed by hand has that state 5 s and more before its process is killed, the supervisor's
# patience between SIGTERM and SIGKILL; one that the kernel kills is dead first, and noticed at most this much later.
NOTICED_WITHIN = timedelta(seconds=3)

# Entries of Airflow's event log that say: the scheduler has ended this try, and requested its callback.
ENDED_BY_SCHEDULER = ["state mismatch", "heartbeat timeout", "stuck in queued tries exceeded"]

TABLE = """
CREATE TABLE IF NOT EXISTS windtunnel.failure_callback (
    dag_id text, task_id text, map_index integer, run_id text, try_number integer,
    requested_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (dag_id, task_id, map_index, run_id, try_number))
"""
KILLED = """
SELECT dag_id, task_id, map_index, run_id, try_number, ended_at, outcome
FROM windtunnel.task_memory
WHERE outcome IN ('oom', 'killed') AND ended_at > now() - interval '1 hour'
    AND (dag_id, task_id, map_index, run_id, try_number) NOT IN (
        SELECT dag_id, task_id, map_index, run_id, try_number FROM windtunnel.failure_callback
        WHERE requested_at > now() - interval '2 hours')
"""
CLAIM = """
INSERT INTO windtunnel.failure_callback (dag_id, task_id, map_index, run_id, try_number)
VALUES (%(dag_id)s, %(task_id)s, %(map_index)s, %(run_id)s, %(try_number)s) ON CONFLICT DO NOTHING
"""
# In Airflow's own database.
LEFT_OUT = """
WITH ended AS (
    SELECT dag_id, task_id, map_index, run_id, try_number FROM task_instance
    WHERE dag_id = %(dag_id)s AND task_id = %(task_id)s AND map_index = %(map_index)s AND run_id = %(run_id)s
        AND try_number = %(try_number)s AND state = 'failed' AND end_date >= %(dead_by)s)
SELECT FROM ended WHERE NOT EXISTS (
    SELECT FROM log JOIN ended USING (dag_id, task_id, map_index, run_id, try_number)
    WHERE event = ANY(%(ended_by_scheduler)s))
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

    def __str__(self) -> str:
        return f"{self.dag_id}.{self.task_id}[{self.map_index}] try {self.try_number} of {self.run_id} ({self.outcome})"


def wanted() -> bool:
    """Whether there is a service task-memory to tell of killed tasks: not in the light mode."""
    from airflow.configuration import conf

    return conf.getboolean("metrics", "statsd_on") and DSN.exists()


def _say(what: str) -> None:
    print(f"failure callbacks: {what}", file=sys.stderr)


def _say_why(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    _say(f"tries again in 5 s after {type(error).__name__}: {error}")


@retry(wait=wait_fixed(5), before_sleep=_say_why)
def keep() -> None:
    """Look every 2 s, for ever; whatever goes wrong, Postgres away or a table not yet made, is tried again."""
    from airflow.configuration import conf

    metadata_dsn = conf.get("database", "sql_alchemy_conn").replace("+psycopg2", "")
    with _connect(DSN.read_text()) as warehouse, _connect(metadata_dsn) as metadata:
        warehouse.execute(TABLE)
        while True:
            for killed in [KilledTry(*row) for row in warehouse.execute(KILLED)]:
                if is_left_out(metadata, killed):
                    request_once(warehouse, killed)
            time.sleep(POLL_S)


def _connect(dsn: str) -> psycopg.Connection:
    return psycopg.connect(dsn, autocommit=True, connect_timeout=5)


def is_left_out(metadata: psycopg.Connection, killed: KilledTry) -> bool:
    """Whether the task has failed with this try by its supervisor's report, so that Airflow runs no callback."""
    values = killed._asdict() | {
        "dead_by": killed.ended_at - NOTICED_WITHIN,
        "ended_by_scheduler": ENDED_BY_SCHEDULER,
    }
    return metadata.execute(LEFT_OUT, values).rowcount > 0


def request_once(warehouse: psycopg.Connection, killed: KilledTry) -> None:
    """Request the callback of `killed`, unless that has been done.

    The claim is committed after the request: a crash between both, of milliseconds, repeats the callback rather than
    losing it. A request that Airflow cannot take, because the DAG is gone, is not tried for ever.
    """
    with warehouse.transaction():
        if not warehouse.execute(CLAIM, killed._asdict()).rowcount:
            return
        requester = multiprocessing.get_context("fork").Process(target=_request, args=[killed])
        requester.start()
        requester.join()
        _say(f"{'requested' if requester.exitcode == 0 else 'could not be requested'} for {killed}")


@retry(stop=stop_after_attempt(3), wait=wait_fixed(5), before_sleep=_say_why, reraise=True)
def _request(killed: KilledTry) -> None:
    """Queue what the scheduler makes for a task without heartbeats (SchedulerJobRunner)."""
    from airflow.api_fastapi.execution_api.datamodels.taskinstance import DagRun, TIRunContext
    from airflow.callbacks.callback_requests import TaskCallbackRequest
    from airflow.callbacks.database_callback_sink import DatabaseCallbackSink
    from airflow.models import TaskInstance
    from airflow.utils.session import create_session

    with create_session() as session:
        key = {name: getattr(killed, name) for name in ("dag_id", "task_id", "map_index", "run_id")}
        ti = session.query(TaskInstance).filter_by(**key).one()
        request = TaskCallbackRequest(
            filepath=ti.dag_model.relative_fileloc,
            bundle_name=ti.dag_version.bundle_name,
            # A run that is not pinned to a version runs today's code, and so does its callback.
            bundle_version=ti.dag_version.bundle_version if ti.dag_run.bundle_version is not None else None,
            ti=ti,
            msg=f"The process of {killed} was killed at {killed.ended_at.isoformat(timespec='seconds')}",
            task_callback_type="failed",
            context_from_server=TIRunContext(
                dag_run=DagRun.model_validate(ti.dag_run, from_attributes=True),
                max_tries=ti.max_tries,
                variables=[],
                connections=[],
                xcom_keys_to_clear=[],
            ),
        )
        DatabaseCallbackSink().send(request, session=session)
