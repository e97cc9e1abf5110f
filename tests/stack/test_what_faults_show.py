"""Panels that stay empty until something breaks have shown what the tests of alerts and of OOM kills broke.

Its name puts this file after those: it looks back over all that the stack has gone through. What panels count it knows
of a kill and of a lost task of its own, and of the verdicts on the tests' kills.
"""

from collections.abc import Iterator

import pytest

from dashboard_figures import FAULTS, PRESSURE, TELLS_PRESSURE, Figure
from dashboard_panels import Place, places
from dashboard_run import Ran, let_pass, seen
from task_processes import signal
from windtunnel.stack import Stack
from windtunnel.wait import wait_until

BREAKERS = {"test_alerts.py", "test_oom.py"}
NEEDS_FAULT = [one for one in places() if "fault" in one.panel.needs]
SHOWN = 120.0  # seconds until a fault is scraped, and recorded for a minute
HALTED = 80.0  # seconds: after 60 a supervisor counts as one without a child, and the next scrape shows it

# Another process than Celery's own is the first that the kernel takes.
TAKE_ALL_MEMORY = "echo 1000 > /proc/self/oom_score_adj; head -c 4000000000 /dev/zero | tail > /dev/null; true"


@pytest.fixture(scope="module")
def broken(request: pytest.FixtureRequest) -> None:
    chosen = {item.path.name for item in request.session.items}
    if not chosen >= BREAKERS:
        pytest.skip(f"nothing was broken: {', '.join(sorted(BREAKERS - chosen))} did not run")


@pytest.fixture(scope="module")
def breaks(broken: None, stack: Stack) -> Iterator[Ran]:
    with seen(stack) as ran:
        lose_a_task(ran)
        ran.container("worker").execute("sh", "-c", TAKE_ALL_MEMORY)
        yield ran


def lose_a_task(ran: Ran) -> None:
    """Kill a task while its supervisor stands still, and then that, so that nobody but Celery tells the scheduler."""
    api, dag = ran.stack.api(), "selftest_alerts_victim"
    api.unpause(dag)
    run_id = api.trigger(dag).run_id
    states = lambda: {task.state for task in api.task_instances(dag, run_id)}  # noqa: E731
    wait_until(lambda: "running" in states(), f"a task of {dag} to run", timeout=90)
    signal(ran.container("worker"), "supervisor", "STOP")
    signal(ran.container("worker"), "worker", "KILL")
    let_pass(HALTED, "its supervisor to be missed")
    signal(ran.container("worker"), "supervisor", "KILL")
    wait_until(lambda: "failed" in states(), f"the task of {dag} to be given up", timeout=90)


@pytest.mark.parametrize("shown", NEEDS_FAULT, ids=str)
def test_a_panel_that_needs_a_fault_has_shown_one(breaks: Ran, shown: Place) -> None:
    def has_shown() -> bool:
        return any(breaks.viewer.series(shown, target, minutes=120) for target in shown.panel.targets)

    wait_until(has_shown, f"what a fault shows in {shown}", 60, 5)


@pytest.mark.parametrize("figure", [*FAULTS, *PRESSURE] if TELLS_PRESSURE else FAULTS, ids=str)
def test_a_panel_shows_what_is_known_of_a_fault(breaks: Ran, figure: Figure) -> None:
    wait_until(lambda: figure.alike(breaks), f"{figure} to be right", SHOWN, 5)
