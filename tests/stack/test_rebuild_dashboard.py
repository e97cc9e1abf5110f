"""Every panel of the dashboard *Rebuild job* shows, after a rebuild in mapped tasks, what that came to."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from command_line import CommandLine
from dashboard_figures import Figure
from dashboard_panels import Place, places
from dashboard_run import Ran, seen
from rebuild_figures import BOARD, FIGURES, OF_MEMORY, PART_MIB, document
from rebuild_job import DAG, ROLLBACK, RebuildJob
from task_processes import signal
from windtunnel.stack import Stack
from windtunnel.wait import wait_until

SHOWN = 120.0  # seconds until a scrape and the minute that speeds are taken over are seen at the latest


@pytest.fixture(scope="module")
def ran(cli: CommandLine, stack: Stack, warehouse_dsn: str, sample_files: list[Path]) -> Iterator[Ran]:
    job = RebuildJob(cli, stack, warehouse_dsn)
    source = job.put("pubmed/shown/plain.xml", document(sample_files[0]))
    with seen(stack, DAG) as before:
        ran = replace(before, run_id=job.start(source=source, part_mib=PART_MIB))
        job.until_copying()
        until_scraped(ran)
        assert job.end(ran.run_id) == "success"
        yield ran
    # What is live is the demonstration's again, as tests after this one expect.
    cli("run", ROLLBACK)


def until_scraped(ran: Ran) -> None:
    """Hold the tasks up until their memory was seen: on an idle machine they end between two scrapes."""
    worker = ran.container("worker")
    signal(worker, "worker", "STOP")
    try:
        wait_until(lambda: OF_MEMORY.shown_of(ran), "the tasks' memory to be scraped", SHOWN, 1)
    finally:
        signal(worker, "worker", "CONT")


@pytest.mark.parametrize("shown", [one for one in places() if one.board.uid == BOARD], ids=str)
def test_every_query_of_a_panel_returns_data(ran: Ran, shown: Place) -> None:
    for target in shown.panel.targets:
        wait_until(lambda target=target: ran.viewer.series(shown, target), f"data of {shown}: {target.expr}", SHOWN, 5)


@pytest.mark.parametrize("figure", FIGURES, ids=str)
def test_a_panel_shows_what_is_known_from_elsewhere(ran: Ran, figure: Figure) -> None:
    wait_until(lambda: figure.alike(ran), f"{figure} to be right", SHOWN, 5)
