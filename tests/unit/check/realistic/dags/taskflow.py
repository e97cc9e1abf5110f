"""A TaskFlow pipeline, as Airflow's tutorial has it."""

import json
from pathlib import Path

import pendulum
from airflow.sdk import dag, task
from common.clock import now


@dag(schedule="@daily", start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), catchup=False, tags=["example"])
def taskflow_orders():
    @task
    def extract() -> dict[str, float]:
        return json.loads('{"1001": 301.27, "1002": 433.21}')

    @task(multiple_outputs=True)
    def transform(orders: dict[str, float]) -> dict[str, float]:
        return {"total": sum(orders.values())}

    @task
    def load(total: float) -> None:
        Path("/tmp/total.txt").write_text(f"{now()}: {total}")
        with open("/tmp/orders.csv", "a") as file:
            file.write(str(total))

    orders = extract()
    summary = transform(orders)
    load(summary["total"])


taskflow_orders()
