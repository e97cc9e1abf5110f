"""Uses the project's plugin, a packaged helper and a timetable."""

import logging
import os
import sys
import tempfile

import boto3
import numpy as np
from airflow.sdk import CronTriggerTimetable, Param, dag, get_current_context, task
from airflow.sdk.bases.hook import BaseHook
from greeting_operator import GreetingOperator

log = logging.getLogger(__name__)
BUCKET = os.environ.get("AIRFLOW__CUSTOM__BUCKET", "bucket")
SCRATCH = os.path.join(tempfile.gettempdir(), "scratch")


@dag(
    schedule=CronTriggerTimetable("@monthly", timezone="UTC"),
    params={"day": Param("2026-01-01", type="string", format="date")},
    default_args={"retries": 1},
)
def plugin_user():
    @task
    def fetch() -> str:
        connection = BaseHook.get_connection("api")
        os.makedirs(SCRATCH, exist_ok=True)
        path = os.path.join(SCRATCH, "settings.py")
        boto3.client("s3").download_file(BUCKET, "settings.py", path)
        with tempfile.NamedTemporaryFile("w") as file, open(file.name, mode="w") as again:
            again.write(connection.host or get_current_context()["run_id"])
        with open(os.path.join(os.path.dirname(__file__), "query.sql")) as query:
            return query.read() + str(np.zeros(1)) + sys.version

    greet = GreetingOperator(task_id="greet", name="you")
    fetch() >> greet


plugin_user()
