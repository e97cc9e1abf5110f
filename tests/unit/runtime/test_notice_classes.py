"""Notices as Alertmanager gets them, from a task and from the triggerer."""

import asyncio
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

URL = "http://alertmanager:9093"


class Alertmanager:
    """Takes what is posted; answers `status`."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []
        self.status = 200

    def answer(self, request: httpx.Request) -> httpx.Response:
        assert (request.method, str(request.url)) == ("POST", f"{URL}/api/v2/alerts")
        self.alerts += json.loads(request.content)
        return httpx.Response(self.status)


@pytest.fixture
def alertmanager(monkeypatch: pytest.MonkeyPatch) -> Alertmanager:
    alertmanager = Alertmanager()
    for kind in ("HTTPTransport", "AsyncHTTPTransport"):
        monkeypatch.setattr(httpx, kind, lambda retries: httpx.MockTransport(alertmanager.answer))
    monkeypatch.setenv("ALERTMANAGER_URL", URL)
    monkeypatch.setenv("AIRFLOW_ENV_NAME", "made")
    return alertmanager


@pytest.fixture
def notices() -> Iterator[Any]:
    from windtunnel_runtime import notices

    yield notices


def of_a_task(**changed: Any) -> dict[str, Any]:
    ti = {"dag_id": "d", "task_id": "g.t", "map_index": 3, "run_id": "r", "try_number": 1, "log_url": "http://log"}
    return {"ti": SimpleNamespace(**ti | changed), "exception": RuntimeError("no disk")}


def test_a_failed_task(notices: Any, alertmanager: Alertmanager) -> None:
    notices.TaskFailed().notify(of_a_task())
    labels = {"alertname": "TaskFailed", "severity": "page", "environment": "made", "dag_id": "d", "task_id": "g.t"}
    [alert] = alertmanager.alerts
    assert alert["labels"] == labels | {"map_index": "3", "run_id": "r", "try_number": "1"}
    assert alert["annotations"]["summary"] == "d.g.t has failed on try 1: no disk (http://log)"
    assert alert["generatorURL"] == "http://log"


def test_each_try_is_an_alert_of_its_own(notices: Any, alertmanager: Alertmanager) -> None:
    for number in (1, 2):
        notices.TaskRetried().notify(of_a_task(try_number=number))
    assert [alert["labels"]["try_number"] for alert in alertmanager.alerts] == ["1", "2"]
    assert {alert["labels"]["severity"] for alert in alertmanager.alerts} == {"warning"}


def test_a_killed_task_has_no_exception(notices: Any, alertmanager: Alertmanager) -> None:
    notices.TaskFailed().notify({"ti": of_a_task()["ti"]})
    assert "its process was killed" in alertmanager.alerts[0]["annotations"]["summary"]


def test_a_missed_deadline_from_the_triggerer(notices: Any, alertmanager: Alertmanager) -> None:
    context = {
        "dag_run": {"dag_id": "d", "dag_run_id": "manual__1+00:00", "state": "running"},
        "deadline": {"id": "u", "deadline_time": "2026-11-21 09:00:00+00:00"},
    }
    notice = notices.DeadlineMissed(context)
    asyncio.run(notice.async_notify(notice.context))
    [alert] = alertmanager.alerts
    assert alert["labels"]["alertname"] == "DeadlineMissed"
    assert alert["labels"]["deadline"] == "2026-11-21 09:00:00+00:00"
    assert alert["generatorURL"] == "http://localhost:8080/dags/d/runs/manual__1%2B00%3A00"


def test_a_refusal_is_an_error_that_airflow_logs(notices: Any, alertmanager: Alertmanager) -> None:
    alertmanager.status = 400
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        notices.TaskFailed().notify(of_a_task())


def test_without_an_address_a_notice_is_a_line_in_the_log(
    notices: Any, alertmanager: Alertmanager, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("ALERTMANAGER_URL")
    notices.TaskFailed().notify(of_a_task())
    assert not alertmanager.alerts
    assert "ALERTMANAGER_URL is not set: no notice TaskFailed" in caplog.text
    notices.TaskFailed(url=URL).notify(of_a_task())
    assert len(alertmanager.alerts) == 1
