"""One notice per event: a task that fails, one that is tried again, a run that misses its deadline.

./windtunnel run notices --conf '{"fail": true}'
./windtunnel run notices --conf '{"sleep": 90}'
"""

import time
from datetime import timedelta

from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference, dag, get_current_context, task

from windtunnel_runtime.notices import DeadlineMissed, TaskFailed, TaskRetried


@dag(
    schedule=None,
    catchup=False,
    default_args={
        "retries": 1,
        "retry_delay": timedelta(seconds=10),
        "on_failure_callback": TaskFailed(),
        "on_retry_callback": TaskRetried(),
    },
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(minutes=1),
        callback=AsyncCallback(DeadlineMissed),
    ),
)
def notices() -> None:
    """Do what the run's configuration says: `fail`, or `sleep` so many seconds."""

    @task
    def work() -> None:
        conf = get_current_context()["dag_run"].conf or {}
        time.sleep(conf.get("sleep", 0))
        if conf.get("fail"):
            raise RuntimeError("told to fail")

    work()


notices()
