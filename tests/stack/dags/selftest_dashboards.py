"""A DAG whose figures are known: six tasks that each hold so much memory for so long, for a worker of five slots."""

import time

from airflow.sdk import dag, task, task_group

TASKS, BYTES, SECONDS = 6, 50_000_000, 40


@dag(dag_id="selftest.dashboards", schedule=None, catchup=False)
def selftest_dashboards() -> None:
    @task_group
    def group() -> None:
        @task
        def hold(number: int) -> int:
            held = b"\x01" * BYTES
            time.sleep(SECONDS)
            return len(held) * number

        hold.expand(number=list(range(TASKS)))

    group()


selftest_dashboards()
