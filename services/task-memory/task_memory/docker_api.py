"""What the Docker API tells of an environment's containers, read through docker-proxy."""

import json
import logging
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from task_memory import worker_slots

# MWAA's name of the cluster (CloudWatch dimension `Cluster`) that each component stands for:
# https://docs.aws.amazon.com/mwaa/latest/userguide/accessing-metrics-cw-container-queue-db.html
CLUSTERS = {
    "worker": "BaseWorker",
    "additional-worker": "AdditionalWorker",
    "scheduler": "Scheduler",
    "webserver": "WebServer",
}
ENVIRONMENT_LABEL = "windtunnel.environment"
COMPONENT_LABEL = "windtunnel.component"
# Of containers that run tasks.
TASKS_LABEL = "windtunnel.tasks"
ACTIONS = ("start", "die", "oom")

log = logging.getLogger(__name__)


class DockerUnavailable(Exception):
    """The Docker API can't be reached, refused, or answered what can't be understood."""


class NoSuchContainer(DockerUnavailable):
    """The container is gone."""


@dataclass(frozen=True)
class Container:
    """A running container.

    Attributes:
        id: the full id, 64 hexadecimal digits.
        component: compose service.
        cluster: MWAA's name of the cluster, "" for what MWAA has no cluster of.
        pid: of the container's first process, in the host's pid namespace.
        memory_limit_bytes: None without a limit.
        cpus: None without a limit.
        started_at: seconds since the epoch.
        restarts: how often Docker has restarted it by its restart policy.
        slots: tasks that it runs at once by its environment, if it runs tasks.
    """

    id: str
    name: str
    component: str
    cluster: str
    pid: int
    memory_limit_bytes: int | None
    cpus: float | None
    started_at: float
    restarts: int
    state: str
    slots: int | None = None


@dataclass(frozen=True)
class Event:
    """What happened to a container.

    Attributes:
        at: seconds since the epoch.
        action: one of ACTIONS.
        attributes: the container's labels, its `image` and `name`, and with `die` its `exitCode`.
    """

    at: float
    action: str
    container_id: str
    name: str
    component: str
    attributes: Mapping[str, str] = field(default_factory=dict)


class DockerAPI:
    """A client of the Docker API. One instance may be used by several threads.

    Args:
        base_url: where the API listens, such as http://docker-proxy:2375.
        transport: for tests, in the place of the network.
    """

    def __init__(self, base_url: str, transport: httpx.BaseTransport | None = None) -> None:
        # No TLS here: without `verify=False`, httpx reads all certificate authorities into memory.
        self._http = httpx.Client(base_url=base_url, transport=transport, timeout=10, verify=False, trust_env=False)

    def containers(self, environment: str) -> list[Container]:
        """The environment's running containers, sorted by name.

        Raises:
            DockerUnavailable: the API gives no answer.
        """
        inspected = (self.container(container_id) for container_id in self.running_ids(environment))
        return sorted(filter(None, inspected), key=lambda container: container.name)

    def running_ids(self, environment: str) -> set[str]:
        """The ids of the environment's running containers: one request, where `containers` makes one for each.

        Raises:
            DockerUnavailable: the API gives no answer.
        """
        return {entry["Id"] for entry in self._running(environment)}

    def container(self, container_id: str) -> Container | None:
        """The container of that id or name; None if it does not run.

        Raises:
            DockerUnavailable: the API gives no answer.
        """
        try:
            data = self._get(f"/containers/{container_id}/json", {})
        except NoSuchContainer:
            return None
        return _container(data) if data["State"]["Running"] else None

    def writable_bytes(self, environment: str) -> dict[str, int]:
        """The size in bytes of each running container's writable layer, by container id.

        Docker walks the layers' files for that: not to be asked more often than once a minute.

        Raises:
            DockerUnavailable: the API gives no answer.
        """
        return {entry["Id"]: entry.get("SizeRw", 0) for entry in self._running(environment, size="true")}

    def events(self, environment: str) -> Iterator[Event]:
        """What happens to the environment's containers from now on, without end: a lost connection is made anew, and
        what happened meanwhile follows (Docker keeps its last 256 events)."""
        since = time.time_ns()
        pause = 0.5
        while True:
            try:
                for data in self._event_stream(environment, since):
                    since = data["timeNano"] + 1
                    pause = 0.5
                    yield _event(data)
            except DockerUnavailable as error:
                log.warning("the stream of Docker's events broke, next try in %.1f s: %s", pause, error)
            time.sleep(pause)
            pause = min(2 * pause, 10)

    def _running(self, environment: str, **parameters: str) -> list[dict[str, Any]]:
        filters = {"label": [f"{ENVIRONMENT_LABEL}={environment}"], "status": ["running"]}
        entries: list[dict[str, Any]] = self._get("/containers/json", {"filters": json.dumps(filters), **parameters})
        return entries

    def _get(self, path: str, parameters: dict[str, str]) -> Any:
        try:
            return _checked(self._http.get(path, params=parameters)).json()
        except (httpx.HTTPError, ValueError) as error:
            raise DockerUnavailable(f"GET {path} on {self._http.base_url}: {error!r}") from error

    def _event_stream(self, environment: str, since: int) -> Iterator[dict[str, Any]]:
        filters = {"type": ["container"], "event": ACTIONS, "label": [f"{ENVIRONMENT_LABEL}={environment}"]}
        parameters = {"since": f"{since // 10**9}.{since % 10**9:09d}", "filters": json.dumps(filters)}
        timeout = httpx.Timeout(10, read=None)
        try:
            with self._http.stream("GET", "/events", params=parameters, timeout=timeout) as response:
                for line in _checked(response).iter_lines():
                    yield json.loads(line)
        except (httpx.HTTPError, ValueError) as error:
            raise DockerUnavailable(f"GET /events on {self._http.base_url}: {error!r}") from error


def _checked(response: httpx.Response) -> httpx.Response:
    if response.status_code != httpx.codes.OK:
        response.read()
        failure = NoSuchContainer if response.status_code == httpx.codes.NOT_FOUND else DockerUnavailable
        raise failure(f"GET {response.url.path}: status {response.status_code}: {response.text[:200].strip()}")
    return response


def _container(data: dict[str, Any]) -> Container:
    labels = data["Config"]["Labels"] or {}
    component = labels.get(COMPONENT_LABEL, "")
    host, state = data["HostConfig"], data["State"]
    return Container(
        id=data["Id"],
        name=data["Name"].lstrip("/"),
        component=component,
        cluster=CLUSTERS.get(component, ""),
        pid=state["Pid"],
        memory_limit_bytes=host["Memory"] or None,
        cpus=host["NanoCpus"] / 1e9 or None,
        started_at=_epoch(state["StartedAt"]),
        restarts=data["RestartCount"],
        state=state["Status"],
        slots=worker_slots.of(data["Config"]["Env"] or []) if labels.get(TASKS_LABEL) else None,
    )


def _event(data: dict[str, Any]) -> Event:
    attributes = data["Actor"]["Attributes"]
    return Event(
        at=data["timeNano"] / 1e9,
        action=data["Action"],
        container_id=data["Actor"]["ID"],
        name=attributes.get("name", ""),
        component=attributes.get(COMPONENT_LABEL, ""),
        attributes=attributes,
    )


def _epoch(timestamp: str) -> float:
    """Seconds since the epoch of Docker's RFC 3339 time, whose nanoseconds `datetime` refuses."""
    return datetime.fromisoformat(re.sub(r"(\.\d{1,6})\d*", r"\1", timestamp)).timestamp()
