"""A custom deferrable operator and its trigger."""

import asyncio
from datetime import timedelta

from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync
from airflow.sdk import DAG, BaseOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent


class Wait(BaseTrigger):
    def serialize(self):
        return "deferrable.Wait", {}

    async def run(self):
        await asyncio.sleep(1)
        yield TriggerEvent("done")


class WaitOperator(BaseOperator):
    template_fields = ("path",)

    def __init__(self, path: str = "/tmp/x", queue_url: str = "", **kwargs):
        super().__init__(**kwargs)
        self.path = path

    def execute(self, context):
        self.defer(trigger=Wait(), method_name="done", timeout=timedelta(minutes=5))

    def done(self, context, event=None):
        open(self.path, "w").close()


with DAG(dag_id="deferrable", schedule=None) as dag:
    sensor = DateTimeSensorAsync(task_id="sensor", target_time="{{ data_interval_end }}")
    wait = WaitOperator(task_id="wait")
    sensor.set_downstream(wait)
    dag.doc_md = __doc__
