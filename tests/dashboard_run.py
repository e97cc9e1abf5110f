"""A run of a DAG, and what is known of it and of its stack without any metric.

Known are what the DAG does, what Airflow's REST API and database say, and what containers and stores say themselves.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from statistics import mean
from typing import Any

import psycopg

from command_line import CommandLine
from dashboard_panels import Viewer
from windtunnel.containers import Container, memory_used
from windtunnel.errors import WindtunnelError
from windtunnel.machine import run
from windtunnel.prometheus import SCRAPE_SECONDS, Prometheus
from windtunnel.stack import Stack
from windtunnel.wait import wait_until
from witness import Reading, Source, Witness, account, processes

# What was before is in no rate and no average any more: the longest are of a minute, of what was scraped, then recorded
# and then shown up to a scrape later each.
REST_SECONDS = 60.0 + 3 * SCRAPE_SECONDS

DAG = "selftest.dashboards"
HOLD = "group.hold"

DATABASE = """
SELECT (SELECT sum(coalesce(writes, 0) + coalesce(extends, 0)) * 8192 FROM pg_stat_io)
         + (SELECT wal_bytes FROM pg_stat_wal) AS written,
       (SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL) AS connections
"""
PARSED = """
SELECT relative_fileloc, max(extract(epoch FROM last_parsed_time)) FROM dag WHERE NOT is_stale GROUP BY 1
"""
# The scheduler is the first that its container's supervisor has forked; it sleeps between two rounds.
ROUNDS = """
import time

pid = 1
for _ in range(2):
    pid = open(f"/proc/{pid}/task/{pid}/children").read().split()[0]
file = open(f"/proc/{pid}/wchan")
begun = at = time.monotonic()
awake, rounds, was_awake = 0.0, 0, False
while at - begun < 40:
    time.sleep(0.005)
    file.seek(0)
    is_awake, now = "nanosleep" not in file.read(), time.monotonic()
    awake += (now - at) * (was_awake + is_awake) / 2
    rounds += is_awake and not was_awake
    was_awake, at = is_awake, now
print(awake / rounds)
"""
REDIS = "REDISCLI_AUTH=$(cat /run/secrets/redis/redis-password) redis-cli info commandstats"


@dataclass(frozen=True)
class Ran:
    """A stack since a moment (epoch seconds), after a run of a DAG: who looks at its dashboards, who knows better."""

    stack: Stack
    viewer: Viewer
    witness: Witness
    run_id: str = ""

    @property
    def since(self) -> float:
        return self.witness.since

    def container(self, service: str) -> Container:
        return self.stack.container(service)

    def account(self, service: str) -> Reading:
        return account(self.container(service))

    def used(self, service: str) -> float:
        container = self.container(service)
        return memory_used([container])[container.id]

    def written_layer(self, service: str) -> float:
        command = ["docker", "inspect", "--size", "--format", "{{.SizeRw}}", self.container(service).id]
        return float(run(command, WindtunnelError))

    @cached_property
    def superuser(self) -> str:
        login = self.stack.credentials()["postgres"]
        return self.stack.url("postgres").replace("://", f"://{login['user']}:{login['password']}@")

    def rows(self, statement: str, *values: object, database: str = "airflow") -> list[tuple[Any, ...]]:
        with psycopg.connect(f"{self.superuser}/{database}") as connection:
            return connection.execute(statement, values).fetchall()

    def flush(self) -> None:
        """Have Postgres write now what tests before have left it to write."""
        with psycopg.connect(f"{self.superuser}/airflow", autocommit=True) as connection:
            connection.execute("CHECKPOINT")

    def figure(self, statement: str, *values: object, database: str = "airflow") -> float:
        [(value,)] = self.rows(statement, *values, database=database)
        return float(value or 0)

    @cached_property
    def tasks(self) -> list[dict[str, Any]]:
        return self.stack.api().rows("task_instances", "dags", self.viewer.dag, "dagRuns", self.run_id, "taskInstances")

    def of(self, task_id: str) -> list[dict[str, Any]]:
        return [one for one in self.tasks if one["task_id"] == task_id]

    def times(self, task_id: str, what: str) -> list[float]:
        return sorted(epoch(one[what]) for one in self.of(task_id))

    @cached_property
    def run_seconds(self) -> float:
        found = self.stack.api().dag_run(self.viewer.dag, self.run_id)
        assert found and found.start and found.end
        return (found.end - found.start).total_seconds()

    @cached_property
    def full(self) -> float:
        """A step when all slots have been taken for a scrape interval."""
        return step_before(self.times(HOLD, "end_date")[0])

    @cached_property
    def over(self) -> float:
        """A step when the run's end has been scraped."""
        return step_before(max(epoch(one["end_date"]) for one in self.tasks)) + 2 * SCRAPE_SECONDS

    def slots(self) -> float:
        return float(self.stack.environment.value("CELERY_WORKER_AUTOSCALE").split(",")[0])

    def longest_in_queue(self) -> float:
        waits = zip(self.times(HOLD, "start_date"), self.times(HOLD, "queued_when"), strict=True)
        return max(started - queued for started, queued in waits)

    def round_seconds(self) -> float:
        """How long a round of the scheduler takes, by what the kernel says its process waits for in 40 s."""
        return float(self.container("scheduler").execute("python3", "-c", ROUNDS))

    def parsed(self) -> dict[str, tuple[float, float]]:
        """By file, how many seconds its parsing took and ago it was, by the tables that Airflow logged in a minute."""
        script = 'docker logs --timestamps --since 70s "$1" 2>&1'
        log = run(["sh", "-c", script, "-", self.container("scheduler").id], WindtunnelError)
        found: dict[str, list[tuple[float, float]]] = {}
        for said, file, took, at in re.findall(r"(?m)^(\S+) \S+ +(\S+\.py) .* ([\d.]+)s +(\S+)$", log):
            found.setdefault(file, []).append((float(took), epoch(f"{said[:26]}Z") - epoch(f"{at}Z")))
        return {file: (mean(took for took, _ in rows), mean(ago for _, ago in rows)) for file, rows in found.items()}

    def parsings(self) -> float:
        """How many files have been parsed since; of those that do not import the database keeps no time."""
        names = [name for name in self.witness.names() if name.startswith("parsed.")]
        counted = sum(len({*self.witness.values(name)}) - 1 for name in names)
        return counted * (1 + len(self.stack.api().import_errors()) / len(names))


def let_pass(seconds: float, why: str) -> None:
    """For what can't be asked whether it is over."""
    since = time.monotonic()
    wait_until(lambda: time.monotonic() - since > seconds, why, 2 * seconds)


def epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def step_before(at: float) -> float:
    return at // SCRAPE_SECONDS * SCRAPE_SECONDS


@contextmanager
def watched(cli: CommandLine, stack: Stack) -> Iterator[Ran]:
    """Run the DAG, and watch from before it to the end of `with`."""
    with seen(stack, DAG) as before:
        cli("run", DAG, "--timeout", "300")
        (found,) = stack.api().find("dags", DAG, "dagRuns", order_by="-start_date", limit=1)["dag_runs"]
        yield replace(before, run_id=found["dag_run_id"])


@contextmanager
def seen(stack: Stack, dag: str = "") -> Iterator[Ran]:
    """Watch a stack that has rested, looking at the dashboards for all DAGs or for one."""
    ran = Ran(stack, Viewer(Prometheus(stack.url("prometheus")), stack.name, dag), Witness())
    with ran.witness.watching(sources(ran)):
        ran.flush()
        let_pass(REST_SECONDS, "the stack to rest")
        ran.witness.begin()
        yield ran


def sources(ran: Ran) -> dict[str, Source]:
    worker, postgres, redis = map(ran.container, ("worker", "postgres", "redis"))
    return {
        "worker": lambda: account(worker) | {"processes": processes(worker)},
        "postgres": lambda: account(postgres),
        "database": lambda: dict(zip(("written", "connections"), map(float, ran.rows(DATABASE)[0]), strict=True)),
        "parsed": lambda: {file: float(at) for file, at in ran.rows(PARSED)},
        "redis": lambda: calls(redis.execute("sh", "-c", REDIS)),
        "pressure": pressure(ran.container("task-memory"), worker),
    }


def calls(commandstats: str) -> Reading:
    return {name: float(count) for name, count in re.findall(r"cmdstat_(\w+):calls=(\d+)", commandstats)}


def pressure(looks: Container, of: Container) -> Source:
    """Seconds in which some processes of a container waited for memory, in the host's files; nothing without these."""
    files = looks.execute("find", "/sys/fs/cgroup", "-path", f"*{of.id}*", "-name", "memory.pressure").split()
    if not files:
        return lambda: {}
    microseconds = r"some .*total=(\d+)"
    return lambda: {"waited": float(re.findall(microseconds, looks.execute("cat", files[0]))[0]) / 1e6}
