"""A custom operator, and the plugin that lets Airflow know of it."""

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import BaseOperator


class GreetingOperator(BaseOperator):
    def __init__(self, name: str, **kwargs):
        super().__init__(**kwargs)
        self.name = name

    def execute(self, context):
        return f"hello {self.name}"


class GreetingPlugin(AirflowPlugin):
    name = "greeting"
