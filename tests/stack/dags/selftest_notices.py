"""Tasks that fail, are tried again, are killed, and whose run misses its deadline; each callback leaves a file."""

import os
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference, dag, task

from windtunnel_runtime.notices import DeadlineMissed, TaskFailed, TaskRetried

# On the one volume that the worker and the dag-processor share.
CALLS = Path("/usr/local/airflow/logs/selftest-callbacks")


def leaves_a_file(event: str) -> Callable[[dict[str, Any]], None]:
    """A callback that leaves a file of its own for each call: RUN/EVENT~TASK~TRY~NANOSECONDS."""

    def leave(context: dict[str, Any]) -> None:
        ti = context["ti"]
        folder = CALLS / ti.run_id
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{event}~{ti.task_id}~{ti.try_number}~{time.time_ns()}").touch()

    return leave


@dag(
    schedule=None,
    catchup=False,
    default_args={
        "retry_delay": timedelta(seconds=1),
        "on_failure_callback": [leaves_a_file("failure"), TaskFailed()],
        "on_retry_callback": [leaves_a_file("retry"), TaskRetried()],
    },
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(seconds=1),
        callback=AsyncCallback(DeadlineMissed),
    ),
)
def selftest_notices() -> None:
    def be_killed() -> None:
        time.sleep(1)
        os.kill(os.getpid(), signal.SIGKILL)

    def fail() -> None:
        raise RuntimeError("told to fail")

    task(be_killed, task_id="killed")()
    task(be_killed, task_id="killed_twice", retries=1)()
    task(fail, task_id="fails_twice", retries=1)()


selftest_notices()
