"""What the memory evidence costs: five tasks at once, with the service and the listener, and without both.

    .venv/bin/python benchmarks/task_memory.py --name NAME --rounds 3

The stack NAME must run with WINDTUNNEL_PROJECT set to a folder whose `dags` is a copy of tests/stack/dags, here as
there. It changes the stack, and leaves it as it was: without, the worker has no TASK_MEMORY_ADDRESS, and the service
`task-memory` is stopped.
"""

import argparse
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import mean

from rich.console import Console
from rich.table import Table

from windtunnel.runs import run_dag
from windtunnel.settings import ROOT, EnvironmentFile
from windtunnel.stack import Stack
from windtunnel.wait import wait_until

DAG = "selftest_memory_load"
TASKS = range(5)
WITHOUT_LISTENER = 'services: {worker: {environment: {TASK_MEMORY_ADDRESS: ""}}}\n'
OWN_CPU = re.compile(r'^container_cpu_usage_seconds_total\{.*component="task-memory".*\} (\S+)$', re.MULTILINE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True, help="of the running stack")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each kind, one after the other by turns")
    arguments = parser.parse_args()
    if "WINDTUNNEL_PROJECT" not in os.environ:
        # The worker that the benchmark starts anew would see other DAGs than the stack's scheduler.
        parser.error("WINDTUNNEL_PROJECT is not set: set it here to what the stack was started with")
    stack = Stack(EnvironmentFile(arguments.name))
    watched: list[dict[str, float]] = []
    alone: list[dict[str, float]] = []
    for _ in range(arguments.rounds):
        watched.append(measured(stack, own=True))
        with without_evidence(stack):
            alone.append(measured(stack, own=False))
    Console().print(table(watched, alone))


def measured(stack: Stack, own: bool) -> dict[str, float]:
    """Means over the tasks of one run in seconds, and with `own` the service's processor share in percent."""
    began, before = time.monotonic(), own_cpu_seconds(stack) if own else 0.0
    run = run_dag(stack.api(), DAG, timeout=600)
    share = 100 * (own_cpu_seconds(stack) - before) / (time.monotonic() - began) if own else 0.0
    said = [stack.api().xcom(DAG, run.run_id, "work", map_index=number) for number in TASKS]
    return {name: mean(one[name] for one in said) for name in ("seconds", "cpu_seconds")} | {"own": share}


def own_cpu_seconds(stack: Stack) -> float:
    """Processor seconds of the service so far, from its own series."""
    # From another container: a process in its own would be counted.
    said = stack.container("prometheus").execute("wget", "-qO-", "http://task-memory:9105/metrics")
    found = OWN_CPU.search(said)
    assert found, f"task-memory has no series of its own processor time:\n{said[:500]}"
    return float(found[1])


@contextmanager
def without_evidence(stack: Stack) -> Iterator[None]:
    """The stack with neither the service nor the listener."""
    stack.run("stop", "task-memory")
    try:
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as overlay:
            overlay.write(WITHOUT_LISTENER)
            overlay.flush()
            replace_worker(stack, Path(overlay.name))
        yield
    finally:
        stack.run("start", "task-memory")
        replace_worker(stack, None)


def replace_worker(stack: Stack, overlay: Path | None) -> None:
    """A worker with the settings of an overlay; after it, of none."""
    files = (stack.environment.values().get("COMPOSE_FILE") or "docker-compose.yml").split(":")
    arguments = [word for file in [*files, *([str(overlay)] if overlay else [])] for word in ("--file", file)]
    command = [*stack.compose, *arguments, "up", "--detach", "--no-deps", "--no-build", "worker"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    wait_until(lambda: stack.container("worker").health == "healthy", "the worker to be healthy", timeout=180)


def table(watched: list[dict[str, float]], alone: list[dict[str, float]]) -> Table:
    """The figures side by side."""
    result = Table("figure", "with", "without", "added", title=f"{len(TASKS)} tasks at once, {len(alone)} runs each")
    for name, title in (("seconds", "task, s"), ("cpu_seconds", "task's processor time, s")):
        with_it, without = mean(one[name] for one in watched), mean(one[name] for one in alone)
        added = 100 * (with_it / without - 1)
        result.add_row(title, f"{with_it:.3f}", f"{without:.3f}", f"{added:+.2f} %")
    result.add_row("task-memory's processor share", f"{mean(one['own'] for one in watched):.2f} %", "", "")
    return result


if __name__ == "__main__":
    main()
