"""The containers of a compose project, as the engine describes them: one docker command for all."""

import json
from dataclasses import dataclass
from typing import Any

from tenacity import retry, retry_if_exception, stop_after_attempt

from windtunnel.errors import WindtunnelError
from windtunnel.machine import run

COMPOSE = "com.docker.compose"


@dataclass(frozen=True)
class Container:
    """One container; `health` is "healthy" for a one-shot that ended well, sizes are in bytes, times are RFC 3339."""

    id: str
    name: str
    service: str
    image: str
    image_id: str
    labels: dict[str, str]
    state: str
    health: str
    exit_code: int
    restarts: int
    started_at: str
    finished_at: str
    memory_limit_bytes: int
    cpus: float
    ports: dict[str, int]

    @property
    def is_running(self) -> bool:
        """Whether its process runs."""
        return self.state == "running"

    @property
    def config_hash(self) -> str:
        """Compose's digest of the service's definition that this container was made from."""
        return self.labels.get(f"{COMPOSE}.config-hash", "")

    def execute(self, *command: str) -> str:
        """Run a command in it and return what that prints.

        Raises:
            WindtunnelError: the command failed.
        """
        return run(["docker", "exec", self.id, *command], WindtunnelError)

    def log(self, tail: int) -> list[str]:
        """The last lines of its log, both streams."""
        return run(
            ["sh", "-c", 'docker logs --tail "$1" "$2" 2>&1', "-", str(tail), self.id], WindtunnelError
        ).splitlines()


def _has_just_gone(error: BaseException) -> bool:
    return isinstance(error, WindtunnelError) and "No such object" in error.message


@retry(retry=retry_if_exception(_has_just_gone), stop=stop_after_attempt(5), reraise=True)
def of_project(name: str) -> list[Container]:
    """All containers of a compose project, ended one-shots included; listed again when one goes away meanwhile."""
    listing = ["docker", "ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={COMPOSE}.project={name}"]
    ids = run(listing, WindtunnelError).split()
    described = json.loads(run(["docker", "inspect", *ids], WindtunnelError)) if ids else []
    return [_container(one) for one in described]


def image_ids() -> dict[str, str]:
    """The id of every image that is here, by its name."""
    listing = run(
        ["docker", "image", "ls", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"], WindtunnelError
    )
    return dict(line.split() for line in listing.splitlines())


def memory_used(containers: list[Container]) -> dict[str, int]:
    """Bytes that each running container uses now, inactive page cache left out, by container id."""
    from python_on_whales import docker

    running = [container.id for container in containers if container.is_running]
    return {stats.container_id: stats.memory_used for stats in docker.stats(containers=running)} if running else {}


def _container(one: dict[str, Any]) -> Container:
    state, host, labels = one["State"], one["HostConfig"], one["Config"]["Labels"] or {}
    return Container(
        id=one["Id"],
        name=one["Name"].removeprefix("/"),
        service=labels.get(f"{COMPOSE}.service", ""),
        image=one["Config"]["Image"],
        image_id=one["Image"],
        labels=labels,
        state=state["Status"],
        health=_health(state, is_one_shot=host["RestartPolicy"]["Name"] in ("", "no")),
        exit_code=state["ExitCode"],
        restarts=one["RestartCount"],
        started_at=state["StartedAt"],
        finished_at=state["FinishedAt"],
        memory_limit_bytes=host["Memory"],
        cpus=host["NanoCpus"] / 1e9,
        ports=_ports(one["NetworkSettings"]["Ports"] or {}),
    )


def _health(state: dict[str, Any], is_one_shot: bool) -> str:
    if not state["Running"]:
        ended_well = is_one_shot and state["Status"] == "exited" and state["ExitCode"] == 0
        return "healthy" if ended_well else "unhealthy"
    # Without a check, to run is all the health there is.
    return str((state.get("Health") or {}).get("Status", "healthy"))


def _ports(bindings: dict[str, list[dict[str, str]] | None]) -> dict[str, int]:
    return {inside: int(outside[0]["HostPort"]) for inside, outside in bindings.items() if outside}
