"""A first DAG: two tasks, an operator of the project's plugins, and a variable of startup.sh."""

import os

from airflow.sdk import dag, task
from reports.operators import ReportOperator


@dag(schedule=None, tags=["example"])
def example() -> None:
    @task
    def numbers() -> list[int]:
        return list(range(int(os.environ["EXAMPLE_ROWS"])))

    @task
    def total(values: list[int]) -> int:
        return sum(values)

    summed = total(numbers())
    ReportOperator(task_id="report", text="The total is {{ ti.xcom_pull('total') }}.") << summed


example()
