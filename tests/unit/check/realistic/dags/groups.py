"""Task groups, nested, by decorator and by class, with chain and lists of tasks."""

import datetime

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, TaskGroup, chain, cross_downstream, task_group

with DAG(dag_id="grouped", start_date=datetime.datetime(2026, 1, 1), schedule="@weekly"):
    first = EmptyOperator(task_id="first")

    @task_group
    def middle(of):
        one = EmptyOperator(task_id="one")
        two = EmptyOperator(task_id="two")
        of >> one >> two
        return two

    with TaskGroup("inner") as inner:
        a, b = EmptyOperator(task_id="a"), EmptyOperator(task_id="b")
        c = EmptyOperator(task_id="c")
        [a, b] >> c
        with TaskGroup("deeper"):
            previous = None
            for number in range(3):
                step = EmptyOperator(task_id=f"step_{number}")
                if previous:
                    previous >> step
                previous = step

    d, e = EmptyOperator(task_id="d"), EmptyOperator(task_id="e")
    cross_downstream([a, b], [d, e])
    last = EmptyOperator(task_id="last")
    middle(first) >> inner >> [d, e] >> last
    chain(first, [d, e], last)
