"""OOM verdicts as alerts, posted straight to Alertmanager: a rule in Prometheus would be tens of seconds later."""

import logging
import queue
import threading
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from task_memory.verdicts import Verdict

# How long an alert stands: the time to be seen, since nothing resolves a kill.
STANDS = timedelta(minutes=10)
MEGABYTE = 10**6

log = logging.getLogger(__name__)


class OomAlerts:
    """Posts in a thread of its own.

    Args:
        url: Alertmanager's, such as http://alertmanager:9093.
        environment: the label `environment`.
        transport: for tests, in the place of the network.
    """

    def __init__(self, url: str, environment: str, transport: httpx.BaseTransport | None = None) -> None:
        self._environment = environment
        self._waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        # No TLS here: without `verify=False`, httpx reads all certificate authorities into memory.
        self._http = httpx.Client(base_url=url, transport=transport, timeout=5, verify=False, trust_env=False)

    def start(self) -> None:
        """Begin to post."""
        threading.Thread(target=self._run, name="alerts", daemon=True).start()

    def post(self, verdict: Verdict) -> None:
        """Tell Alertmanager, soon and while it does not answer for a minute."""
        self._waiting.put(alert(verdict, self._environment))

    def _run(self) -> None:
        while True:
            self.send(self._waiting.get())

    def send(self, one: dict[str, Any]) -> None:
        """Post one alert; one that Alertmanager does not take within a minute is logged and dropped."""
        retry = Retrying(stop=stop_after_delay(60), wait=wait_fixed(1), retry=retry_if_exception_type(httpx.HTTPError))
        try:
            retry(lambda: self._http.post("/api/v2/alerts", json=[one]).raise_for_status())
        except RetryError as error:
            log.error("Alertmanager was not told of %s: %s", one["labels"], error.last_attempt.exception())


def alert(verdict: Verdict, environment: str) -> dict[str, Any]:
    """The alert of a verdict, as https://petstore.swagger.io/?url=https://raw.githubusercontent.com/prometheus/alertmanager/main/api/v2/openapi.yaml
    has it (`postableAlert`)."""
    began = datetime.fromtimestamp(verdict.at, UTC)
    who = {name: str(value) for name, value in asdict(verdict.identity).items()}
    return {
        "labels": {
            "alertname": "OOMKill",
            "severity": "page",
            "environment": environment,
            **who,
            "container": verdict.container,
            "kind": verdict.kind,
        },
        "annotations": {"summary": _summary(verdict), "description": _description(verdict)},
        "startsAt": began.isoformat(),
        "endsAt": (began + STANDS).isoformat(),
    }


def _summary(verdict: Verdict) -> str:
    task = f"{verdict.identity.dag_id}.{verdict.identity.task_id}"
    how = {
        "task": "was killed for its own memory",
        "neighbour": "was killed for another's memory",
        "container": "was lost with its container, which ran out of memory",
    }
    return f"{task} {how[verdict.kind]}"


def _description(verdict: Verdict) -> str:
    limit = f", whose limit is {_megabytes(verdict.limit)}" if verdict.limit else ""
    beside = "; ".join(
        f"{one['name']} {_megabytes(one.get('private_bytes', one.get('rss_bytes', 0)))}"
        f" (grew by {_megabytes(one['growth_bytes'])})"
        for one in verdict.neighbours[:3]
    )
    peak = f"Its memory peaked at {_megabytes(verdict.task_peak)} in {verdict.container}{limit}."
    return f"{peak} Beside it ran: {beside}." if beside else peak


def _megabytes(size: int) -> str:
    return f"{size / MEGABYTE:,.0f} MB"
