"""Docker's API without a daemon."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import httpx

ENVIRONMENT = "made-up"


def inspected(container_id: str, component: str, pid: int, **changes: Any) -> dict[str, Any]:
    """What Docker tells of a running container, as far as it is used."""
    return {
        "Id": container_id,
        "Name": f"/{ENVIRONMENT}-{component}-1",
        "RestartCount": 2,
        "State": {"Status": "running", "Running": True, "Pid": pid, "StartedAt": "2026-11-21T08:15:32.056164524Z"},
        "Config": {
            "Labels": {"windtunnel.environment": ENVIRONMENT, "windtunnel.component": component}
            | ({"windtunnel.tasks": "true"} if "worker" in component else {}),
            "Env": ["LANG=C.UTF-8", "AIRFLOW__CELERY__WORKER_AUTOSCALE=20,5"],
        },
        "HostConfig": {"Memory": 2 * 2**30, "NanoCpus": 1_500_000_000},
    } | changes


def happened(action: str, at: int, **attributes: str) -> dict[str, Any]:
    """An event as Docker streams it; `at` in nanoseconds since the epoch."""
    names = {"name": f"{ENVIRONMENT}-worker-1", "windtunnel.component": "worker"}
    return {"Action": action, "timeNano": at, "Actor": {"ID": "a" * 64, "Attributes": names | attributes}}


@dataclass
class Docker:
    """Docker's API: what it holds, and what it was asked."""

    containers: list[dict[str, Any]] = field(default_factory=list)
    writable: dict[str, int] = field(default_factory=dict)
    streams: list[list[dict[str, Any]]] = field(default_factory=list)
    status: int = 200
    answers: Event = field(default_factory=Event)
    asked: list[httpx.Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.answers.set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        self.answers.wait()
        if self.status != 200:
            return httpx.Response(self.status, text="not today")
        path = request.url.path
        if path == "/events":
            return httpx.Response(200, content=self._events())
        if path == "/containers/json":
            return httpx.Response(200, json=self._listed(request))
        found = [data for data in self.containers if path == f"/containers/{data['Id']}/json"]
        return httpx.Response(200, json=found[0]) if found else httpx.Response(404, text="No such container")

    def _events(self) -> Iterator[bytes]:
        for event in self.streams.pop(0):
            yield json.dumps(event).encode() + b"\n"

    def _listed(self, request: httpx.Request) -> list[dict[str, Any]]:
        if request.url.params.get("size") != "true":
            return [{"Id": data["Id"]} for data in self.containers]
        return [{"Id": data["Id"], "SizeRw": self.writable.get(data["Id"], 0)} for data in self.containers]
