"""DAGs whose tasks wait, last, starve or come late: what the tests of the alerts need to make faults of."""

import time
from datetime import datetime, timedelta

from airflow.sdk import dag, task


@dag(schedule=None, catchup=False, max_active_tasks=64)
def selftest_alerts_crowd() -> None:
    """More tasks than the executor has slots (32)."""

    @task
    def one(number: int) -> int:
        return number

    one.expand(number=list(range(36)))


@dag(schedule=None, catchup=False)
def selftest_alerts_narrow() -> None:
    """Three tasks for a pool of one slot."""

    @task(pool="selftest_narrow")
    def through(number: int) -> None: ...

    through.expand(number=[1, 2, 3])


@dag(schedule=None, catchup=False)
def selftest_alerts_victim() -> None:
    """One task that lasts until it is killed."""

    @task
    def last() -> None:
        time.sleep(600)

    last()


@dag(schedule=None, catchup=False)
def selftest_alerts_halted() -> None:
    """Two tasks, with time to pause the DAG during the first."""

    @task
    def first() -> None:
        time.sleep(15)

    @task
    def second() -> None: ...

    first() >> second()


@dag(
    schedule=timedelta(seconds=10),
    start_date=datetime(2020, 1, 1),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
)
def selftest_alerts_late() -> None:
    """A run each 10 s that lasts longer, so that the next is late."""

    @task
    def be() -> None:
        time.sleep(13)

    be()


selftest_alerts_crowd()
selftest_alerts_narrow()
selftest_alerts_victim()
selftest_alerts_halted()
selftest_alerts_late()
