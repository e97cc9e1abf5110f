"""Notices to Alertmanager: a task has failed, a task will be tried again, a run has not succeeded by its deadline.

One file that needs only what Airflow 3 brings, so that it works in MWAA too; how: dags/notices/README.md.

Every notice is one alert of its own, told apart by its labels, the try among them; sending it twice changes nothing, as
Alertmanager takes alerts with the same labels for the same one
(https://prometheus.io/docs/alerting/latest/clients/).
"""

import os
from typing import Any, ClassVar
from urllib.parse import quote

import httpx
from airflow.sdk.bases.notifier import BaseNotifier

Alert = dict[str, Any]


class AlertmanagerNotice(BaseNotifier):
    """A notice; the alert has the name of its class. TaskFailed, TaskRetried and DeadlineMissed are to be used."""

    severity: ClassVar[str]

    def __init__(self, context: dict[str, Any] | None = None, url: str | None = None) -> None:
        """Make a notice.

        Args:
            context: Airflow's, where the notice is awaited (deadlines).
            url: Alertmanager's address; ALERTMANAGER_URL when left out. Without both, nothing is sent.
        """
        super().__init__(context)
        self.url = url or os.environ.get("ALERTMANAGER_URL")

    def notify(self, context: dict[str, Any]) -> None:
        """Send from a task, or from the dag-processor.

        Raises:
            httpx.HTTPError: Alertmanager was not reached in three tries, or refused the alert. Airflow logs it.
        """
        if self._is_wanted():
            with httpx.Client(transport=httpx.HTTPTransport(retries=2), timeout=10) as client:
                client.post(self._endpoint(), json=[self.alert(context)]).raise_for_status()

    async def async_notify(self, context: dict[str, Any]) -> None:
        """Send from the triggerer.

        Raises:
            httpx.HTTPError: as `notify` does.
        """
        if self._is_wanted():
            async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(retries=2), timeout=10) as client:
                (await client.post(self._endpoint(), json=[self.alert(context)])).raise_for_status()

    def alert(self, context: dict[str, Any]) -> Alert:
        """The alert as Alertmanager takes it."""
        raise NotImplementedError

    def _alert(self, labels: dict[str, str], what: str, link: str) -> Alert:
        fixed = {
            "alertname": type(self).__name__,
            "severity": self.severity,
            "environment": os.environ.get("AIRFLOW_ENV_NAME", ""),
        }
        return {"labels": fixed | labels, "annotations": {"summary": f"{what} ({link})"}, "generatorURL": link}

    def _is_wanted(self) -> bool:
        if not self.url:
            self.log.warning("ALERTMANAGER_URL is not set: no notice %s", type(self).__name__)
        return bool(self.url)

    def _endpoint(self) -> str:
        return f"{str(self.url).rstrip('/')}/api/v2/alerts"


class TaskNotice(AlertmanagerNotice):
    """A notice of the task in the context."""

    happened: ClassVar[str]

    def alert(self, context: dict[str, Any]) -> Alert:
        """The alert, with the try's own labels and a link to its log."""
        ti = context["ti"]
        labels = {name: str(getattr(ti, name)) for name in ("dag_id", "task_id", "map_index", "run_id", "try_number")}
        error = context.get("exception") or "no exception: its process was killed"
        what = f"{ti.dag_id}.{ti.task_id} {self.happened} on try {ti.try_number}: {error!s:.300}"
        return self._alert(labels, what, ti.log_url)


class TaskFailed(TaskNotice):
    """For a task's `on_failure_callback`."""

    severity = "page"
    happened = "has failed"


class TaskRetried(TaskNotice):
    """For a task's `on_retry_callback`."""

    severity = "warning"
    happened = "will be tried again; it failed"


class DeadlineMissed(AlertmanagerNotice):
    """For a deadline: `DeadlineAlert(…, callback=AsyncCallback(DeadlineMissed))`."""

    severity = "page"

    def alert(self, context: dict[str, Any]) -> Alert:
        """The alert of the run and the deadline in `context`; Airflow gives no task there."""
        run, deadline = context["dag_run"], str(context["deadline"]["deadline_time"])
        dag_id, run_id = run["dag_id"], run["dag_run_id"]
        what = f"the run {run_id} of {dag_id} has not succeeded by {deadline}: it is {run['state']}"
        link = f"{_webserver()}/dags/{quote(dag_id)}/runs/{quote(run_id)}"
        return self._alert({"dag_id": dag_id, "run_id": run_id, "deadline": deadline}, what, link)


def _webserver() -> str:
    from airflow.sdk.configuration import conf

    return str(conf.get("api", "base_url", fallback="http://localhost:8080")).rstrip("/")
