"""Panels that stay empty until something breaks have shown what the tests of alerts and of OOM kills broke.

Its name puts this file after those: it looks back over all that the stack has gone through.
"""

import pytest

from dashboard_panels import Place, Viewer, places
from windtunnel.prometheus import Prometheus
from windtunnel.stack import Stack
from windtunnel.wait import wait_until

BREAKERS = {"test_alerts.py", "test_oom.py"}
NEEDS_FAULT = [one for one in places() if "fault" in one.panel.needs]


@pytest.fixture(autouse=True)
def broken(request: pytest.FixtureRequest) -> None:
    chosen = {item.path.name for item in request.session.items}
    if not chosen >= BREAKERS:
        pytest.skip(f"nothing was broken: {', '.join(sorted(BREAKERS - chosen))} did not run")


@pytest.mark.parametrize("shown", NEEDS_FAULT, ids=str)
def test_a_panel_that_needs_a_fault_has_shown_one(stack: Stack, shown: Place) -> None:
    viewer = Viewer(Prometheus(stack.url("prometheus")), stack.name)

    def seen() -> bool:
        return any(viewer.series(shown, target, minutes=120) for target in shown.panel.targets)

    wait_until(seen, f"what a fault shows in {shown}", 60, 5)
