"""The real Grafana has the dashboards and finds data for each of their panels.

No package registry holds Grafana: this is skipped where no image of it was to be had, unless GRAFANA_EXPECTED is set.
"""

import json
import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from command_line import CommandLine
from dashboard_panels import DASHBOARDS, Place, places
from windtunnel.stack import Stack
from windtunnel.wait import wait_until

SHOWN = 180.0  # seconds until the run's last figures are scraped, recorded and shown
NEEDS_NOTHING = [one for one in places() if not one.panel.needs]


@pytest.fixture(scope="module")
def grafana(stack: Stack, cli: CommandLine) -> Iterator[httpx.Client]:
    if "grafana" not in stack.urls():
        assert not os.environ.get("GRAFANA_EXPECTED"), "Grafana does not run"
        pytest.skip("no image of Grafana here")
    for dag in ("selftest.metrics.v1", "selftest.dashboards"):
        cli("run", dag, "--timeout", "300")
    login = stack.credentials()["grafana"]
    with httpx.Client(base_url=stack.url("grafana"), auth=(login["user"], login["password"]), timeout=30) as client:
        yield client


def test_the_dashboards_are_provisioned(grafana: httpx.Client) -> None:
    found = {one["uid"]: one["title"] for one in grafana.get("/api/search?type=dash-db").json()}
    assert {uid: board.title for uid, board in DASHBOARDS.items()}.items() <= found.items()
    for uid in DASHBOARDS:
        assert grafana.get(f"/api/dashboards/uid/{uid}").json()["meta"]["provisioned"]


@pytest.mark.parametrize("shown", NEEDS_NOTHING, ids=str)
def test_grafana_finds_data_for_each_query(grafana: httpx.Client, stack: Stack, shown: Place) -> None:
    model = grafana.get(f"/api/dashboards/uid/{shown.board.uid}").json()["dashboard"]
    panel = next(one for one in model["panels"] if one["id"] == shown.panel.id)
    queries = [chosen(target, stack.name) | {"intervalMs": 10_000, "maxDataPoints": 500} for target in panel["targets"]]
    asked = {"from": "now-15m", "to": "now", "queries": queries}

    def answered() -> bool:
        results: dict[str, Any] = grafana.post("/api/ds/query", json=asked).json()["results"]
        return all(values(results[query["refId"]]) for query in queries)

    wait_until(answered, f"data of {shown} in Grafana", SHOWN, 5)


def chosen(target: dict[str, Any], environment: str) -> dict[str, Any]:
    """The query with the dashboard's variables put in, as Grafana's pages do; `$__…` is its server's part."""
    text = json.dumps(target).replace("$environment", environment).replace("$dag", ".*").replace("$task", ".*")
    query: dict[str, Any] = json.loads(text)
    return query


def values(result: dict[str, Any]) -> list[Any]:
    """The numbers in a query's answer: each frame holds its columns, the first of them times."""
    assert "error" not in result, result["error"]
    columns = [column for frame in result["frames"] for column in frame["data"]["values"][1:]]
    return [value for column in columns for value in column if value is not None]
