"""An operator that a user's project brings."""

from airflow.sdk import BaseOperator, Context

from greetings.words import GREETING


class GreetOperator(BaseOperator):
    """Returns a greeting."""

    def __init__(self, who: str, **rest: object) -> None:
        super().__init__(**rest)
        self.who = who

    def execute(self, context: Context) -> str:
        return f"{GREETING}, {self.who}"
