"""What UpdateEnvironment does to the stack: its Airflow containers start anew, and fetch what the document pins.

With DELIVERY=project they take their code from the project's folder, and the document decides nothing.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests

from mwaa_api.environment import ApplyFailed, Document

# The containers of Airflow; the web server last, since tasks need it to end.
COMPONENTS = ("worker", "scheduler", "webserver")
CODE = {
    f"{kind}S3{what}" for kind in ("Plugins", "Requirements", "StartupScript") for what in ("Path", "ObjectVersion")
} | {"AirflowConfigurationOptions"}
# A container has 90 s to stop, its startup script 5 minutes and its requirements 9.
STOP_SECONDS, HEALTHY_SECONDS, LOOK_SECONDS = 90, 1200.0, 1.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stack:
    """The containers of one environment, through docker-proxy."""

    docker_url: str
    name: str
    delivery: str

    def apply(self, old: Document, new: Document) -> None:
        """Bring the containers from one document to the next.

        Raises:
            ApplyFailed: the change is not for a container to make, or a container is not healthy afterwards.
        """
        changed = {key for key in new if new[key] != old.get(key)}
        if "EnvironmentClass" in changed:
            how = f"./windtunnel --name {self.name} up --class {new['EnvironmentClass']} --no-demo"
            raise ApplyFailed("INCORRECT_CONFIGURATION", f"The class of a stack is changed from outside: {how}")
        if changed & CODE:
            self._replace_code()
        log.info("changed: %s", ", ".join(sorted(changed)) or "nothing")

    def _replace_code(self) -> None:
        if self.delivery != "bucket":
            how = f"./windtunnel --name {self.name} up --delivery bucket --no-demo"
            raise ApplyFailed("INCORRECT_CONFIGURATION", f"This stack's code is a folder's, not its bucket's: {how}")
        for container in self._containers():
            restarted = self._ask("POST", f"/containers/{container}/restart?t={STOP_SECONDS}", STOP_SECONDS + 60)
            restarted.raise_for_status()
        for container in self._containers():
            self._until_healthy(container)

    def _containers(self) -> Iterator[str]:
        names = {one["Names"][0].removeprefix("/") for one in self._ask("GET", "/containers/json").json()}
        for component in COMPONENTS:
            yield from sorted(name for name in names if name.startswith(f"{self.name}-{component}-"))

    def _until_healthy(self, container: str) -> None:
        until = time.monotonic() + HEALTHY_SECONDS
        while (health := self._health(container)) != "healthy":
            if time.monotonic() > until:
                raise ApplyFailed("CONTAINER_UNHEALTHY", f"{container}: expected healthy, found {health}")
            time.sleep(LOOK_SECONDS)

    def _health(self, container: str) -> str:
        state = self._ask("GET", f"/containers/{container}/json").json()["State"]
        return str(state.get("Health", {}).get("Status", state["Status"]))

    def _ask(self, method: str, path: str, timeout: float = 10) -> Any:
        return requests.request(method, self.docker_url + path, timeout=timeout)
