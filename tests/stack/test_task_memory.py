"""Known allocations of tasks, drawn anew each time, against what is measured of them from outside and inside."""

import json
import random
import secrets

import psycopg
import pytest
from test_up import metric

from command_line import CommandLine
from windtunnel.stack import Stack
from windtunnel.wait import wait_until

DAG = "selftest_memory_shapes"
MB = 10**6
# Megabytes of each task: about 10, 100, 300 and 600, and what is drawn for the shapes that come and go.
RANGES = {
    "plateau_10": (8, 12),
    "plateau_100": (80, 120),
    "plateau_300": (250, 350),
    "plateau_600": (500, 650),
    "sawtooth": (100, 400),
    "in_a_child": (100, 400),
    "spike": (250, 350),
    "in_a_fork": (200, 400),
}


@pytest.fixture(scope="module")
def sizes() -> dict[str, int]:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    return {task: dice.randint(*bounds) for task, bounds in RANGES.items()}


@pytest.fixture(scope="module")
def run_id(cli: CommandLine, warehouse_dsn: str, sizes: dict[str, int]) -> str:
    cli("run", DAG, "--conf", json.dumps(sizes), "--timeout", "300")
    statement = "SELECT run_id FROM windtunnel.task_memory WHERE dag_id = %s ORDER BY started_at DESC LIMIT 1"
    with psycopg.connect(warehouse_dsn) as warehouse:
        row = warehouse.execute(statement, (DAG,)).fetchone()
    assert row
    return str(row[0])


def close(measured: float, true_mb: int) -> bool:
    return abs(measured - true_mb * MB) <= max(5 * MB, 0.05 * true_mb * MB)


def wrong(measured: dict[str, float], sizes: dict[str, int]) -> dict[str, tuple[float, int]]:
    """What is missing or not close: task → measured and true megabytes."""
    return {
        task: (measured.get(task, 0) / MB, size)
        for task, size in sizes.items()
        if not close(measured.get(task, 0), size)
    }


def test_the_history_has_each_peak(warehouse_dsn: str, run_id: str, sizes: dict[str, int]) -> None:
    statement = """
        SELECT task_id, peak_private_bytes, outcome, ended_at > started_at, peak_at BETWEEN started_at AND ended_at,
            peak_rss_bytes > peak_private_bytes, peak_pss_bytes > peak_private_bytes, baseline_bytes > 0
        FROM windtunnel.task_memory WHERE dag_id = %s AND run_id = %s
    """
    with psycopg.connect(warehouse_dsn) as warehouse:
        rows = warehouse.execute(statement, (DAG, run_id)).fetchall()
    assert wrong({task: peak for task, peak, *_ in rows}, sizes) == {}
    assert {row[2:] for row in rows} == {("success", True, True, True, True, True)}


def test_prometheus_has_each_peak(stack: Stack, run_id: str, sizes: dict[str, int]) -> None:
    # What a task tells before its process is found has no component yet.
    query = f'windtunnel_task_memory_peak_private_bytes{{dag_id="{DAG}", run_id="{run_id}", component="worker"}}'

    def all_there() -> list[dict[str, dict[str, str]]] | None:
        found = metric(stack, f"max_over_time({query}[10m])")
        return found if len(found) == len(sizes) else None

    found = wait_until(all_there, "the peaks of all tasks in Prometheus", timeout=60)
    peaks = {one["metric"]["task_id"]: float(one["value"][1]) for one in found}
    assert wrong(peaks, sizes) == {}


def test_a_healthy_run_has_no_verdict(warehouse_dsn: str, run_id: str) -> None:
    with psycopg.connect(warehouse_dsn) as warehouse:
        verdicts = warehouse.execute("SELECT * FROM windtunnel.oom_verdict WHERE run_id = %s", (run_id,)).fetchall()
    assert verdicts == []
