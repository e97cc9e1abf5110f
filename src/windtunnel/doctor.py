"""A diagnosis, healthy or not: every part, from the machine to a task that a worker has run."""

import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg

from windtunnel import debian, engine, sample
from windtunnel.airflow_api import TaskInstance
from windtunnel.console import out
from windtunnel.errors import RunFailed, TimedOut, WindtunnelError
from windtunnel.machine import check, run
from windtunnel.runs import run_dag
from windtunnel.stack import Service, Stack
from windtunnel.up import requirements

PROBE = "windtunnel_probe"
PROBE_SECONDS = 60
PROBE_SECONDS_IF_SICK = 15

# The last state that the probe's task was seen in → what did not take it further, and where to look.
STOPPED_AT = {
    None: ("the scheduler made no task instance of the run", "./windtunnel logs scheduler"),
    "scheduled": (
        "the scheduler did not queue the task (pool, parallelism or executor)",
        "./windtunnel logs scheduler",
    ),
    "queued": ("no worker took the task from Redis", "./windtunnel logs worker"),
    "running": ("the worker started the task and never reported its end", "./windtunnel logs worker"),
}


class Diagnosis:
    """The findings, printed as they come; `problems` counts those that are wrong."""

    def __init__(self) -> None:
        self.problems = 0

    def finding(self, subject: str, good: bool, detail: str, help: str = "") -> None:
        """Print one finding, with the next command when it is not good."""
        self.problems += not good
        out.print(f"{'[green]✓[/]' if good else '[red]✗[/]'} {subject:<28}", end=" ")
        out.print(detail, markup=False)
        if not good and help:
            out.print(f"    → {help}", markup=False)

    def attempt(self, subject: str, action: Callable[[], str], help: str = "") -> bool:
        """Do something that says what it found, or fails; whether it went well."""
        try:
            self.finding(subject, True, action())
        except WindtunnelError as error:
            self.finding(subject, False, error.message, error.help or help)
        except (OSError, httpx.HTTPError, psycopg.Error, ValueError, KeyError) as error:
            self.finding(subject, False, f"{type(error).__name__}: {error}", help)
        else:
            return True
        return False


def diagnose(stack: Stack) -> None:
    """Check everything, print each finding, and fail if one of them is wrong.

    Raises:
        RunFailed: something is wrong; the message counts the findings.
    """
    diagnosis = Diagnosis()
    if diagnosis.attempt("engine", _engine, "./windtunnel up installs it where it can"):
        _machine(stack, diagnosis)
        _network(diagnosis)
        _services(stack, diagnosis)
        for subject, action, help in _connections(stack):
            diagnosis.attempt(subject, action, help)
        seconds = PROBE_SECONDS_IF_SICK if diagnosis.problems else PROBE_SECONDS
        diagnosis.attempt("probe DAG", lambda: probe(stack, seconds))
    if diagnosis.problems:
        raise RunFailed(f"{diagnosis.problems} findings above need your attention")


def _engine() -> str:
    found = engine.find()
    return f"Docker {found.server}, Compose {found.compose}, Buildx {found.buildx}"


def _machine(stack: Stack, diagnosis: Diagnosis) -> None:
    for one in check(requirements(stack, engine.find())):
        help = one.error.help if one.error else ""
        diagnosis.finding(one.subject, one.level != "fail", f"{one.found} ({one.expected} wanted)", help)


def _network(diagnosis: Diagnosis) -> None:
    """Where builds download from: the Debian mirror's name, and the Python package index by its own client."""
    mirror = debian.mirror(debian.release().codename) if debian.can_install() else None
    if mirror and (host := urlsplit(mirror.uri).hostname):
        diagnosis.attempt("DNS", lambda: f"{host} is {socket.getaddrinfo(host, None)[0][4][0]}", "cat /etc/resolv.conf")
    diagnosis.attempt("Python package index", _package_index, "pip config list; env | grep -i -E 'proxy|PIP_'")


def _package_index() -> str:
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir"]
        run([*pip, "--retries=1", "--timeout=10", f"--dest={folder}", "six"], WindtunnelError)
    return "answers"


def _services(stack: Stack, diagnosis: Diagnosis) -> None:
    services = stack.services()
    if not services:
        diagnosis.finding("services", False, f"none of {stack.name}'s are there", "./windtunnel up")
    for one in services:
        good = one.health == "healthy"
        diagnosis.finding(one.name, good, _describe(one), f"./windtunnel logs {one.name}")
        if not good:
            for container in stack.containers():
                for line in container.log(8) if container.service == one.name else []:
                    out.print(f"    {line}", markup=False)


def _describe(one: Service) -> str:
    memory = f"{one.memory_bytes / 1e6:.0f} of {one.memory_limit_bytes / 1e6:.0f} MB"
    return f"{one.state}, {one.health}, {memory}, {one.restarts} restarts"


def _connections(stack: Stack) -> Iterator[tuple[str, Callable[[], str], str]]:
    yield "Airflow's API", lambda: _api(stack), "./windtunnel logs webserver"
    yield "Postgres", lambda: _postgres(stack), "./windtunnel logs postgres"
    yield "Redis", lambda: _redis(stack), "./windtunnel logs redis"
    yield "S3", lambda: _s3(stack), "./windtunnel logs minio"
    if "prometheus" in stack.ports():
        yield "Prometheus' targets", lambda: _targets(stack), "./windtunnel logs prometheus"


def _api(stack: Stack) -> str:
    sick = {part: state for part, state in stack.api().health().items() if state not in ("healthy", None)}
    if sick:
        raise RunFailed(f"the API answers; these parts do not: {sick}", "./windtunnel logs scheduler")
    return "logged in, every component healthy"


def _postgres(stack: Stack) -> str:
    with psycopg.connect(stack.credentials()["warehouse"]["dsn"], connect_timeout=5) as warehouse:
        row = warehouse.execute("SELECT current_setting('server_version')").fetchone()
    return f"the warehouse role is let in, server {row[0] if row else '?'}"


def _redis(stack: Stack) -> str:
    command = "REDISCLI_AUTH=$(cat /run/secrets/redis/redis-password) redis-cli llen default"
    return f"{stack.container('redis').execute('sh', '-c', command).strip()} tasks wait in the queue"


def _s3(stack: Stack) -> str:
    bucket = sample.Bucket(stack.environment.value("BUCKET"), stack.url("minio"), stack.secrets["s3_secret_key"])
    bucket.client.put_object(Bucket=bucket.name, Key="windtunnel/doctor", Body=b"well")
    bucket.client.delete_object(Bucket=bucket.name, Key="windtunnel/doctor")
    return f"an object was written to {bucket.name} and deleted"


def _targets(stack: Stack) -> str:
    answer: dict[str, Any] = httpx.get(f"{stack.url('prometheus')}/api/v1/targets", timeout=10, trust_env=False).json()
    targets = answer["data"]["activeTargets"]
    down = [target["labels"]["job"] for target in targets if target["health"] == "down"]
    if down:
        raise RunFailed(f"no metrics from {', '.join(down)}", f"./windtunnel logs {down[0]}")
    return f"{len(targets)} answer"


def probe(stack: Stack, seconds: float) -> str:
    """Have a DAG scheduled, queued and run by a worker within `seconds`; say how long it took.

    Raises:
        TimedOut: it did not end; the message names the step where it stopped.
    """
    seen: list[TaskInstance] = []
    try:
        result = run_dag(stack.api(), PROBE, timeout=seconds, interval=0.5, on_change=seen.append)
    except TimedOut as error:
        what, help = STOPPED_AT.get(seen[-1].state if seen else None, (error.message, error.help))
        raise TimedOut(f"{what}, within {seconds:.0f} s", help) from error
    took = (result.end - result.start).total_seconds() if result.end and result.start else 0
    return f"scheduled, queued and run by a worker in {took:.1f} s"
