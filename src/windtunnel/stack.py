"""One running environment: a compose project, its services, ports, volumes and secrets."""

import json
import re
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from python_on_whales import Container, docker

from windtunnel.airflow_api import AirflowAPI
from windtunnel.errors import StackNotRunning, WindtunnelError
from windtunnel.machine import failed, run
from windtunnel.settings import ROOT, EnvironmentFile

# Services that a person opens: service, the port inside, the setting of the port outside, the scheme.
PUBLISHED = {
    "webserver": (8080, "WEBSERVER_PORT", "http"),
    "flower": (5555, "FLOWER_PORT", "http"),
    "postgres": (5432, "POSTGRES_PORT", "postgresql"),
    "minio": (9000, "MINIO_PORT", "http"),
    "minio-console": (9001, "MINIO_CONSOLE_PORT", "http"),
    "prometheus": (9090, "PROMETHEUS_PORT", "http"),
    "alertmanager": (9093, "ALERTMANAGER_PORT", "http"),
    "grafana": (3000, "GRAFANA_PORT", "http"),
}
# Of every profile: plain `down` and `stop` pass over containers whose profile is not active.
ALL = ("--profile", "*")


@dataclass(frozen=True)
class Service:
    """A container of the stack; sizes in bytes. `health` of a one-shot that ended well is "healthy"."""

    name: str
    state: str
    health: str
    memory_bytes: int
    memory_limit_bytes: int
    cpus: float
    restarts: int


class Stack:
    """The compose project of one environment file."""

    def __init__(self, environment: EnvironmentFile) -> None:
        self.environment = environment
        self.name = environment.name

    @property
    def compose(self) -> list[str]:
        """The compose command for this stack; run it in the repository's root."""
        file = ["--env-file", str(self.environment.path)] if self.environment.path.exists() else []
        return ["docker", "compose", "--project-name", self.name, *file]

    def run(self, *arguments: str, help: str = "") -> str:
        """Run a compose verb and return what it prints.

        Raises:
            WindtunnelError: it failed; the message has its last lines.
        """
        return run([*self.compose, *arguments], WindtunnelError, help, env={"WINDTUNNEL_NAME": self.name}, cwd=ROOT)

    def containers(self) -> list[Container]:
        """All containers of the project, ended one-shots included."""
        return docker.container.list(all=True, filters=[("label", f"com.docker.compose.project={self.name}")])

    def container(self, service: str) -> Container:
        """The running container of a service.

        Raises:
            StackNotRunning: there is none.
        """
        for container in self.containers():
            if _service(container) == service and container.state.running:
                return container
        raise StackNotRunning(f"{self.name}: expected a running container of {service}, found none", "./windtunnel up")

    def start(self) -> None:
        """Create and start what is not running, and wait until everything is healthy.

        Raises:
            WindtunnelError: a service did not start or is not healthy; the message has the end of its log.
        """
        self._remove_unwanted()
        try:
            self.run("up", "--detach", "--wait", "--wait-timeout", "300", "--remove-orphans", "--no-build")
        except WindtunnelError as error:
            raise failed(error.message, self._logs_of_the_sick(), type(error), "./windtunnel doctor") from error

    def _remove_unwanted(self) -> None:
        wanted = set(self.run("config", "--services").split())
        extra = {_service(container) for container in self.containers()} - wanted
        if extra:
            self.run(*ALL, "rm", "--stop", "--force", *sorted(extra))

    def _logs_of_the_sick(self) -> str:
        sick = [container for container in self.containers() if not _is_well(container)]
        names = [_service(container) for container in sick[:3]]
        return "\n".join("\n".join([f"--- {name}:", *self.last_lines(name)]) for name in names)

    def last_lines(self, service: str, count: int = 8) -> list[str]:
        """The end of a service's log."""
        mine = [container for container in self.containers() if _service(container) == service]
        return [line for container in mine for line in str(container.logs(tail=count)).splitlines()]

    def is_settled(self) -> bool:
        """Whether every service runs, healthy and as the files say now: then `up` has nothing to start."""
        there = {_service(container): container for container in self.containers()}
        wanted = dict(line.split() for line in self.run("config", "--hash", "*").splitlines())
        return set(wanted) == set(there) and all(
            _is_well(container) and _label(container, "config-hash") == wanted[service]
            for service, container in there.items()
        )

    def down(self, volumes: bool) -> None:
        """Stop and remove the containers and the network; with `volumes`, the data too."""
        self.run(*ALL, "down", "--remove-orphans", *(["--volumes"] if volumes else []))

    def port(self, service: str) -> int | None:
        """The port on 127.0.0.1 that leads to a service of `PUBLISHED`; None when it does not run."""
        inside, _, _ = PUBLISHED[service]
        for container in self.containers():
            if _service(container) == service.removesuffix("-console") and container.state.running:
                bindings = (container.network_settings.ports or {}).get(f"{inside}/tcp") or []
                return int(bindings[0]["HostPort"]) if bindings else None
        return None

    def urls(self) -> dict[str, str]:
        """The addresses of the services that run, for this machine's own programs."""
        ports = {service: self.port(service) for service in PUBLISHED}
        return {s: f"{PUBLISHED[s][2]}://127.0.0.1:{port}" for s, port in ports.items() if port}

    def url(self, service: str) -> str:
        """The address of one service.

        Raises:
            StackNotRunning: it does not run.
        """
        port = self.port(service)
        if port is None:
            raise StackNotRunning(f"{self.name}: expected {service} to run, found it down", "./windtunnel up")
        return f"{PUBLISHED[service][2]}://127.0.0.1:{port}"

    @cached_property
    def secrets(self) -> dict[str, str]:
        """The generated secrets, out of the volume that only the `secrets` one-shot mounts.

        Raises:
            StackNotRunning: they have not been made yet.
        """
        if not any(_service(container) == "secrets" for container in self.containers()):
            raise StackNotRunning(f"{self.name}: expected generated secrets, found none", "./windtunnel up")
        text = self.run("run", "--rm", "--no-deps", "-T", "secrets", "show")
        values: dict[str, str] = json.loads(text)
        return values

    def credentials(self) -> dict[str, dict[str, str]]:
        """User and password of each service that a person logs in to, and the warehouse's DSN."""
        secret = self.secrets
        host = self.url("postgres").removeprefix("postgresql://")
        password = secret["warehouse_password"]
        return {
            "airflow": {"user": "admin", "password": secret["admin_password"]},
            "flower": {"user": "admin", "password": secret["flower_password"]},
            "minio": {"user": "root", "password": secret["minio_root_password"]},
            "s3": {"user": "airflow", "password": secret["s3_secret_key"]},
            "grafana": {"user": "admin", "password": secret["grafana_password"]},
            "postgres": {"user": "postgres", "password": secret["postgres_password"]},
            "warehouse": {
                "user": "warehouse",
                "password": password,
                "dsn": f"postgresql://warehouse:{password}@{host}/warehouse",
            },
        }

    def api(self) -> AirflowAPI:
        """A client of this stack's Airflow, as its admin."""
        return AirflowAPI(self.url("webserver"), "admin", self.secrets["admin_password"])

    def services(self) -> list[Service]:
        """Every service with its state and what it uses now."""
        containers = self.containers()
        running = [container for container in containers if container.state.running]
        used = {stats.container_id: stats.memory_used for stats in docker.stats(containers=running)} if running else {}
        return sorted(
            (_describe(container, used.get(container.id, 0)) for container in containers), key=lambda s: s.name
        )

    def status(self) -> dict[str, Any]:
        """The contract of `status --json`."""
        services = self.services()
        return {
            "name": self.name,
            "class": self.environment.value("ENVIRONMENT_CLASS"),
            "images": "source" if "source.yml" in self.environment.value("COMPOSE_FILE") else "official",
            "memory_bytes": sum(service.memory_bytes for service in services),
            "urls": self.urls(),
            "services": [asdict(service) for service in services],
            "volumes": self.volumes(),
        }

    def volumes(self) -> list[dict[str, Any]]:
        """Name and size in bytes of each volume of the project."""
        text = run(["docker", "system", "df", "--verbose", "--format", "{{json .Volumes}}"], WindtunnelError)
        mine = [volume for volume in json.loads(text) if self._is_mine(volume)]
        return sorted(({"name": v["Name"], "bytes": _bytes(v["Size"])} for v in mine), key=lambda v: str(v["name"]))

    def _is_mine(self, volume: dict[str, str]) -> bool:
        return f"com.docker.compose.project={self.name}" in volume["Labels"].split(",")

    def worker_peak(self) -> tuple[int, int]:
        """The kernel's high-water mark of the worker's memory since its container started, and its limit, in bytes."""
        worker = self.container("worker")
        v2, v1 = "/sys/fs/cgroup/memory.peak", "/sys/fs/cgroup/memory/memory.max_usage_in_bytes"
        peak = worker.execute(["sh", "-c", f"cat {v2} 2>/dev/null || cat {v1}"])
        return int(str(peak)), int(worker.host_config.memory or 0)


def _service(container: Container) -> str:
    return _label(container, "service")


def _label(container: Container, name: str) -> str:
    return (container.config.labels or {}).get(f"com.docker.compose.{name}", "")


def _is_well(container: Container) -> bool:
    return _health(container) == "healthy"


def _health(container: Container) -> str:
    state = container.state
    if not state.running:
        return (
            "healthy" if state.status == "exited" and state.exit_code == 0 and _is_one_shot(container) else "unhealthy"
        )
    return (state.health.status if state.health else None) or "none"


def _is_one_shot(container: Container) -> bool:
    policy = container.host_config.restart_policy
    return not policy or policy.name in ("", "no")


def _describe(container: Container, memory: int) -> Service:
    host = container.host_config
    return Service(
        name=_service(container),
        state=container.state.status or "unknown",
        health=_health(container),
        memory_bytes=memory,
        memory_limit_bytes=int(host.memory or 0),
        cpus=(host.nano_cpus or 0) / 1e9,
        restarts=container.restart_count or 0,
    )


def _bytes(size: str) -> int:
    """Docker's "12.3MB", in units of 1000 (https://pkg.go.dev/github.com/docker/go-units#HumanSize)."""
    match = re.fullmatch(r"([\d.e+]+)\s*([kMGT]?)B", size)
    return int(float(match[1]) * 1000 ** ("", "k", "M", "G", "T").index(match[2])) if match else 0
