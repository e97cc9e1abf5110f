"""The stack's alerting with time at 1/60, and a sink that is told: for tests that provoke each alert.

Prometheus and Alertmanager of the stack are made anew from rendered copies of their own configuration, beside a sink,
and put back at the end; all else runs on.
"""

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from windtunnel import alerts
from windtunnel.errors import WindtunnelError
from windtunnel.machine import run
from windtunnel.settings import ROOT
from windtunnel.stack import Stack

FACTOR = 60
SCRAPE, EVALUATE, PROBE = "2s", "1s", "5s"
SERVICES = ("prometheus", "alertmanager")
SINK = "alert-sink"
RECEIVERS = {
    "ALERT_WEBHOOK_URL": f"http://{SINK}:8000",
    "ALERT_MAIL_TO": "on-call@example.org",
    "ALERT_SMTP_SMARTHOST": f"{SINK}:2525",
    "ALERT_SMTP_TLS": "false",
}


@dataclass(frozen=True)
class Alert:
    """One alert, and labels that tell it from others of its name."""

    name: str
    labels: dict[str, str] = field(default_factory=dict)


@dataclass
class FastAlerting:
    """Rendered copies are written into `folder`."""

    stack: Stack
    folder: Path
    since: float = 0
    heard: int = 0

    def start(self) -> None:
        """Put the fast copies in, with the sink, and wait until they are healthy."""
        self._write_prometheus()
        override = self.folder / "fast.yml"
        override.write_text(yaml.safe_dump(self._override()))
        files = f"{self.stack.environment.value('COMPOSE_FILE')}{os.pathsep}{override}"
        self._compose("up", *self._anew(*SERVICES, SINK), COMPOSE_FILE=files)

    def stop(self) -> None:
        """Put the stack's own back."""
        self._compose("up", *self._anew(*SERVICES), "--remove-orphans")

    def query(self, expression: str) -> list[dict[str, Any]]:
        """An instant query: `[{"metric": labels, "value": [time, text]}]`."""
        url = f"{self.stack.url('prometheus')}/api/v1/query"
        answer = httpx.get(url, params={"query": expression}, trust_env=False).raise_for_status()
        return list(answer.json()["data"]["result"])

    def begin(self) -> None:
        """Forget what has fired, and been told, by now."""
        self.since, self.heard = time.time(), len(self.came()["notices"])

    def fired(self, alert: Alert) -> bool:
        """Whether it has fired since `begin`."""
        seconds = max(int(time.time() - self.since), 1)
        return bool(self.query(f"present_over_time({_series(alert)}[{seconds}s])"))

    def fires(self, alert: Alert) -> bool:
        """Whether it fires now."""
        return bool(self.query(_series(alert)))

    def told(self, alert: Alert, status: str) -> bool:
        """Whether the webhook got it since `begin`; `status` is firing or resolved."""
        notices = self.came()["notices"][self.heard :]
        told = [one["labels"] for notice in notices for one in notice["alerts"] if one["status"] == status]
        return any(labels | alert.labels == labels and labels["alertname"] == alert.name for labels in told)

    def came(self) -> dict[str, list[Any]]:
        """All that the sink has got: `{"notices": [webhook bodies], "mails": [texts]}`."""
        port = next(one for one in self.stack.containers() if one.service == SINK).ports["8000/tcp"]
        return dict(httpx.get(f"http://127.0.0.1:{port}", trust_env=False).raise_for_status().json())

    def _anew(self, *services: str) -> list[str]:
        return ["--detach", "--wait", "--no-build", "--no-deps", "--force-recreate", *services]

    def _compose(self, *arguments: str, **environ: str) -> str:
        environ |= {"WINDTUNNEL_NAME": self.stack.name}
        return run([*self.stack.compose, *arguments], WindtunnelError, env=environ, cwd=ROOT)

    def _override(self) -> dict[str, Any]:
        config = json.loads(self._compose("config", "--format", "json", **RECEIVERS))
        routes = alerts.scaled(yaml.safe_load(config["configs"]["alertmanager"]["content"]), FACTOR)
        sink = {
            "image": config["services"]["webserver"]["image"],
            "entrypoint": ["python3", "/sink.py"],
            "volumes": [f"{ROOT}/tests/stack/alert_sink/sink.py:/sink.py:ro,z"],
            "ports": ["127.0.0.1::8000"],
            "mem_limit": "128m",
        }
        prometheus = {"volumes": [f"{self.folder}/prometheus:/etc/prometheus:ro,z"]}
        return {
            "services": {"prometheus": prometheus, SINK: sink},
            "configs": {"alertmanager": {"content": yaml.safe_dump(routes)}},
        }

    def _write_prometheus(self) -> None:
        source, target = ROOT / "monitoring/prometheus", self.folder / "prometheus"
        (target / "rules").mkdir(parents=True)
        for path in (source / "rules").glob("*.yml"):
            fast = alerts.scaled(yaml.safe_load(path.read_text()), FACTOR)
            (target / "rules" / path.name).write_text(yaml.safe_dump(fast))
        config = yaml.safe_load((source / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": SCRAPE, "scrape_timeout": SCRAPE, "evaluation_interval": EVALUATE}
        # A probe is given up with its scrape: at 2 s none could be slow.
        patient = [
            {"source_labels": ["job"], "regex": "blackbox", "target_label": name, "replacement": PROBE}
            for name in ("__scrape_interval__", "__scrape_timeout__")
        ]
        for job in config["scrape_configs"]:
            job["relabel_configs"] = [*job.get("relabel_configs", []), *patient]
        (target / "prometheus.yml").write_text(yaml.safe_dump(config))


def _series(alert: Alert) -> str:
    labels = alert.labels | {"alertname": alert.name, "alertstate": "firing"}
    return "ALERTS{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"
