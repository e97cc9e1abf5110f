"""DAGs for what Airflow rarely sends: dotted ids, a group, mapped tasks, a retry, a trigger, an asset, a schedule."""

import time
from datetime import timedelta

from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor
from airflow.sdk import Asset, CronTriggerTimetable, dag, get_current_context, task, task_group

# Airflow counts running and deferred tasks every 30 s, so each has to be in its state for longer.
SECONDS = 35

RESULT = Asset("selftest-metrics")


@dag(dag_id="selftest.metrics.v1", schedule=None, catchup=False)
def selftest_metrics() -> None:
    @task
    def mapped(number: int) -> int:
        return number

    @task(retries=1, retry_delay=timedelta(seconds=1))
    def fails_once() -> None:
        if get_current_context()["ti"].try_number == 1:
            raise RuntimeError("told to fail once")

    @task
    def long() -> None:
        time.sleep(SECONDS)

    @task_group
    def group() -> None:
        @task(outlets=[RESULT])
        def inner() -> None:
            pass

        inner()

    mapped.expand(number=[1, 2, 3])
    fails_once()
    long()
    group()
    TimeDeltaSensor(task_id="deferred", delta=timedelta(seconds=SECONDS), deferrable=True)


@dag(dag_id="selftest.metrics.consumer", schedule=[RESULT], catchup=False, is_paused_upon_creation=False)
def selftest_metrics_consumer() -> None:
    @task
    def consume() -> None:
        pass

    consume()


@dag(
    dag_id="selftest.metrics.scheduled",
    schedule=CronTriggerTimetable("0 0 * * *", timezone="UTC", run_immediately=True),
    catchup=False,
    is_paused_upon_creation=False,
)
def selftest_metrics_scheduled() -> None:
    # It starts by itself with the stack, when not everything may be there yet.
    @task(retries=3, retry_delay=timedelta(seconds=5))
    def scheduled() -> None:
        pass

    scheduled()


selftest_metrics()
selftest_metrics_consumer()
selftest_metrics_scheduled()
