"""Every panel of the dashboard *Rebuild job* shows, after a rebuild in mapped tasks, what that came to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import CommandLine
from dashboard_figures import Figure
from dashboard_panels import Place, places
from dashboard_run import Ran, watched
from rebuild_figures import BOARD, FIGURES, PART_MIB, document
from rebuild_job import DAG, RebuildJob
from windtunnel.stack import Stack
from windtunnel.wait import wait_until

SHOWN = 120.0  # seconds until a scrape and the minute that speeds are taken over are seen at the latest


@pytest.fixture(scope="module")
def ran(cli: CommandLine, stack: Stack, warehouse_dsn: str, sample_files: list[Path]) -> Iterator[Ran]:
    source = RebuildJob(cli, stack, warehouse_dsn).put("pubmed/shown/plain.xml", document(sample_files[0]))
    with watched(cli, stack, DAG, source=source, part_mib=PART_MIB, difference=None) as ran:
        yield ran


@pytest.mark.parametrize("shown", [one for one in places() if one.board.uid == BOARD], ids=str)
def test_every_query_of_a_panel_returns_data(ran: Ran, shown: Place) -> None:
    for target in shown.panel.targets:
        wait_until(lambda target=target: ran.viewer.series(shown, target), f"data of {shown}: {target.expr}", SHOWN, 5)


@pytest.mark.parametrize("figure", FIGURES, ids=str)
def test_a_panel_shows_what_is_known_from_elsewhere(ran: Ran, figure: Figure) -> None:
    wait_until(lambda: figure.alike(ran), f"{figure} to be right", SHOWN, 5)
