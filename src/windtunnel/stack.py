"""One running environment: a compose project, its services, ports, volumes and secrets."""

import json
import re
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from python_on_whales import docker

from windtunnel import containers
from windtunnel.airflow_api import AirflowAPI
from windtunnel.containers import Container
from windtunnel.errors import StackNotRunning, WindtunnelError
from windtunnel.machine import failed, run
from windtunnel.settings import ROOT, EnvironmentFile
from windtunnel.shapes import has_tasks

# Services that a person opens: service, the port inside, the setting of the port outside, the scheme.
PUBLISHED = {
    "webserver": (8080, "WEBSERVER_PORT", "http"),
    "flower": (5555, "FLOWER_PORT", "http"),
    "postgres": (5432, "POSTGRES_PORT", "postgresql"),
    "minio": (9000, "MINIO_PORT", "http"),
    "minio-console": (9001, "MINIO_CONSOLE_PORT", "http"),
    "prometheus": (9090, "PROMETHEUS_PORT", "http"),
    "alertmanager": (9093, "ALERTMANAGER_PORT", "http"),
    "aws": (4566, "AWS_PORT", "http"),
    "aws-secrets": (4567, "AWS_SECRETS_PORT", "http"),
    "mwaa-api": (4568, "MWAA_API_PORT", "http"),
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

    @property
    def images(self) -> str:
        """Which images its data was written by: official or source."""
        return "source" if "source.yml" in self.environment.value("COMPOSE_FILE") else "official"

    def run(self, *arguments: str, help: str = "") -> str:
        """Run a compose verb and return what it prints.

        Raises:
            WindtunnelError: it failed; the message has its last lines.
        """
        return run([*self.compose, *arguments], WindtunnelError, help, env={"WINDTUNNEL_NAME": self.name}, cwd=ROOT)

    def containers(self) -> list[Container]:
        """All containers of the project, ended one-shots included."""
        return containers.of_project(self.name)

    def container(self, service: str) -> Container:
        """The running container of a service.

        Raises:
            StackNotRunning: there is none.
        """
        for container in self.containers():
            if container.service == service and container.is_running:
                return container
        raise StackNotRunning(f"{self.name}: expected a running container of {service}, found none", "./windtunnel up")

    def start(self) -> bool:
        """Create and start what is not running as the files and images say, and wait until everything is healthy.

        Returns whether there was anything to do.

        Raises:
            WindtunnelError: a service did not start or is not healthy; the message has the end of its log.
        """
        wanted = dict(line.split() for line in self.run("config", "--hash", "*").splitlines())
        there, images = self.containers(), containers.image_ids()
        stale = [
            one for one in there if (one.config_hash, one.image_id) != (wanted.get(one.service), images.get(one.image))
        ]
        healthy = {one.service for one in there if one.health == "healthy"}
        if not stale and healthy == set(wanted):
            return False
        # To replace containers, compose takes what others need away first; told to stop, it lets workers go first.
        if any(one.is_running for one in stale):
            self.run(*ALL, "stop")
        if extra := {one.service for one in there} - set(wanted):
            self.run(*ALL, "rm", "--stop", "--force", *sorted(extra))
        try:
            self.run("up", "--detach", "--wait", "--wait-timeout", "300", "--remove-orphans", "--no-build")
        except WindtunnelError as error:
            raise failed(error.message, self._logs_of_the_sick(), type(error), "./windtunnel doctor") from error
        return True

    def _logs_of_the_sick(self) -> str:
        sick = [container for container in self.containers() if container.health != "healthy"]
        return "\n".join("\n".join([f"--- {container.service}:", *container.log(8)]) for container in sick[:3])

    def down(self, volumes: bool) -> None:
        """Stop and remove the containers and the network; with `volumes`, the data too."""
        self.run(*ALL, "down", "--remove-orphans", *(["--volumes"] if volumes else []))

    def ports(self) -> dict[str, int]:
        """The ports on 127.0.0.1 that lead to those services of `PUBLISHED` that run."""
        outside = {container.service: container.ports for container in self.containers() if container.is_running}
        inside = {service: f"{port}/tcp" for service, (port, _, _) in PUBLISHED.items()}
        found = {
            service: outside.get(re.sub("-(console|secrets)$", "", service), {}).get(port)
            for service, port in inside.items()
        }
        return {service: port for service, port in found.items() if port}

    def urls(self) -> dict[str, str]:
        """The addresses of the services that run, for this machine's own programs."""
        schemes = {service: scheme for service, (_, _, scheme) in PUBLISHED.items()}
        schemes |= {"webserver": "https"} if self.environment.value("WINDTUNNEL_TLS") else {}
        return {service: f"{schemes[service]}://127.0.0.1:{port}" for service, port in self.ports().items()}

    @property
    def authority(self) -> str:
        """The certificate, as a PEM text, of who signs the web server's; empty without TLS."""
        return self.secrets["ca_certificate"] if self.environment.value("WINDTUNNEL_TLS") else ""

    @property
    def authority_file(self) -> Path:
        """Where `write_authority` writes it."""
        return ROOT / f"certs/{self.name}-ca.crt"

    def write_authority(self) -> None:
        """Put it where a browser or a script can be told to trust it; take it away without TLS."""
        if self.authority:
            self.authority_file.write_text(self.authority)
        else:
            self.authority_file.unlink(missing_ok=True)

    def url(self, service: str) -> str:
        """The address of one service.

        Raises:
            StackNotRunning: it does not run.
        """
        urls = self.urls()
        if service not in urls:
            raise StackNotRunning(f"{self.name}: expected {service} to run, found it down", "./windtunnel up")
        return urls[service]

    @cached_property
    def secrets(self) -> dict[str, str]:
        """The generated secrets, out of the volume that only the `secrets` one-shot mounts.

        Raises:
            StackNotRunning: they have not been made yet.
        """
        if not any(container.service == "secrets" for container in self.containers()):
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
            "aws": {"user": "administrator", "password": secret["administrator_secret_key"]},
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
        password = self.secrets["admin_password"]
        return AirflowAPI(self.url("webserver"), "admin", password, authority=self.authority)

    def services(self) -> list[Service]:
        """Every service with its state and what it uses now."""
        there = self.containers()
        used = containers.memory_used(there)
        return [_describe(one, used.get(one.id, 0)) for one in sorted(there, key=lambda one: one.service)]

    def status(self) -> dict[str, Any]:
        """The contract of `status --json`."""
        services = self.services()
        return {
            "name": self.name,
            "class": self.environment.value("ENVIRONMENT_CLASS"),
            "delivery": self.environment.value("DELIVERY"),
            "project": str(self.environment.project),
            "images": self.images,
            "memory_bytes": sum(service.memory_bytes for service in services),
            "urls": self.urls(),
            "services": [asdict(service) for service in services],
            "volumes": self.volumes(),
            "boot_problems": self.boot_problems(),
        }

    def boot_problems(self) -> dict[str, list[str]]:
        """By component, what of the user's project did not work when its container started."""
        there = {container.id[:12]: container for container in self.containers() if container.is_running}
        reader = next((one for one in there.values() if one.service in ("webserver", "scheduler", "worker")), None)
        script = "cat /usr/local/airflow/logs/boot/*.json 2> /dev/null || true"
        notes = [json.loads(line) for line in reader.execute("sh", "-c", script).splitlines()] if reader else []
        return {note["component"]: note["problems"] for note in notes if note["host"] in there and note["problems"]}

    def has_volumes(self) -> bool:
        """Whether the project has data of an earlier start."""
        return bool(docker.volume.list(filters=[("label", f"com.docker.compose.project={self.name}")]))

    def volumes(self) -> list[dict[str, Any]]:
        """Name and size in bytes of each volume of the project."""
        text = run(["docker", "system", "df", "--verbose", "--format", "{{json .Volumes}}"], WindtunnelError)
        mine = [volume for volume in json.loads(text) if self._is_mine(volume)]
        return sorted(({"name": v["Name"], "bytes": _bytes(v["Size"])} for v in mine), key=lambda v: str(v["name"]))

    def _is_mine(self, volume: dict[str, str]) -> bool:
        return f"com.docker.compose.project={self.name}" in volume["Labels"].split(",")

    def worker_peak(self) -> tuple[int, int]:
        """The kernel's high-water mark of the worker's memory since its container started, and its limit, in bytes."""
        worker = self.container(has_tasks(self.environment.value("COMPOSE_FILE")))
        v2, v1 = "/sys/fs/cgroup/memory.peak", "/sys/fs/cgroup/memory/memory.max_usage_in_bytes"
        return int(worker.execute("sh", "-c", f"cat {v2} 2>/dev/null || cat {v1}")), worker.memory_limit_bytes


def _describe(container: Container, memory: int) -> Service:
    return Service(
        name=container.service,
        state=container.state,
        health=container.health,
        memory_bytes=memory,
        memory_limit_bytes=container.memory_limit_bytes,
        cpus=container.cpus,
        restarts=container.restarts,
    )


def _bytes(size: str) -> int:
    """Docker's "12.3MB", in units of 1000 (https://pkg.go.dev/github.com/docker/go-units#HumanSize)."""
    match = re.fullmatch(r"([\d.e+]+)\s*([kMGT]?)B", size)
    return int(float(match[1]) * 1000 ** ("", "k", "M", "G", "T").index(match[2])) if match else 0
