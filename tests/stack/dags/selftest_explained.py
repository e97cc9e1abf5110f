"""Two tasks that want the one slot of a pool, and a chain whose first task fails."""

import time

from airflow.sdk import dag, get_current_context, task


@dag(schedule=None, catchup=False)
def selftest_narrow_pool() -> None:
    @task(pool="selftest_narrow")
    def hold() -> None:
        conf = get_current_context()["dag_run"].conf or {}
        time.sleep(conf.get("sleep", 0))

    hold.override(task_id="first")()
    hold.override(task_id="second")()


@dag(schedule=None, catchup=False)
def selftest_broken_chain() -> None:
    @task(retries=1, retry_delay=120)
    def read() -> None:
        raise ValueError("nothing to read")

    @task
    def load() -> None:
        """Never reached."""

    read() >> load()


selftest_narrow_pool()
selftest_broken_chain()
