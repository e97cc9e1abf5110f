"""An operator that this project's DAGs import."""

from collections.abc import Sequence

from airflow.sdk import BaseOperator, Context


class ReportOperator(BaseOperator):
    """Writes a text to the task's log, and returns it."""

    template_fields: Sequence[str] = ("text",)

    def __init__(self, *, text: str, **rest: object) -> None:
        super().__init__(**rest)
        self.text = text

    def execute(self, context: Context) -> str:
        self.log.info(self.text)
        return self.text
