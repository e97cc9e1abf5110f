"""A verdict as Alertmanager gets it."""

import json
from typing import Any

import httpx
import pytest

from task_memory import oom_alerts
from task_memory.datagrams import Identity
from task_memory.oom_alerts import OomAlerts, alert
from task_memory.verdicts import Kind, Verdict

CULPRIT = {"name": "load.big", "dag_id": "load", "private_bytes": 700_000_000, "growth_bytes": 600_000_000}


def verdict(kind: Kind = "neighbour") -> Verdict:
    identity = Identity("load", "small", 2, "manual__1", 3)
    return Verdict(0.0, identity, "x-worker-1", "worker", 2_147_483_648, 2_147_000_000, 1_100_000_000, kind, [CULPRIT])


def test_labels_name_the_task_and_annotations_say_why() -> None:
    one = alert(verdict(), "made-up")
    assert one["labels"] == {
        "alertname": "OOMKill",
        "severity": "page",
        "environment": "made-up",
        "dag_id": "load",
        "task_id": "small",
        "map_index": "2",
        "run_id": "manual__1",
        "try_number": "3",
        "container": "x-worker-1",
        "kind": "neighbour",
    }
    assert one["annotations"]["summary"] == "load.small was killed for another's memory"
    assert one["annotations"]["description"] == (
        "Its memory peaked at 1,100 MB in x-worker-1, whose limit is 2,147 MB. "
        "Beside it ran: load.big 700 MB (grew by 600 MB)."
    )
    assert (one["startsAt"], one["endsAt"]) == ("1970-01-01T00:00:00+00:00", "1970-01-01T00:10:00+00:00")


@pytest.mark.parametrize("kind", ["task", "neighbour", "container"])
def test_each_kind_says_another_thing(kind: Kind) -> None:
    others = {alert(verdict(other), "x")["annotations"]["summary"] for other in ("task", "neighbour", "container")}
    assert len(others) == 3
    assert alert(verdict(kind), "x")["labels"]["kind"] == kind


def test_an_alertmanager_that_is_away_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oom_alerts, "wait_fixed", lambda _: lambda state: 0.0)
    answers = [503, 503, 200]
    taken: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/api/v2/alerts"
        taken.append(json.loads(request.content))
        return httpx.Response(answers.pop(0))

    alerts = OomAlerts("http://alertmanager:9093", "x", httpx.MockTransport(answer))
    one = alert(verdict(), "x")
    alerts.send(one)
    assert taken == [[one]] * 3
