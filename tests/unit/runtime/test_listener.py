"""Which of Airflow's hooks the plugin answers, and what the task reports by them."""

import importlib
import sys
from types import SimpleNamespace
from typing import Any

import pytest

IDENTITY = {"dag_id": "d", "task_id": "t", "map_index": 3, "run_id": "r", "try_number": 2}


class TaskRunnerMarker:
    """What Airflow's task runner passes; the listener goes by the name of its class."""


class Report:
    """A TaskReport that only remembers what it was told."""

    def __init__(self, address: str, identity: dict[str, object]) -> None:
        self.address, self.identity = address, identity
        self.told: list[str] = []
        REPORTS.append(self)

    def parsed(self) -> None:
        self.told.append("parsed")

    def finished(self, outcome: str) -> None:
        self.told.append(outcome)


REPORTS: list[Report] = []


def plugin(monkeypatch: pytest.MonkeyPatch, address: str | None) -> Any:
    """The plugin as a process with this TASK_MEMORY_ADDRESS loads it."""
    if address is None:
        monkeypatch.delenv("TASK_MEMORY_ADDRESS", raising=False)
    else:
        monkeypatch.setenv("TASK_MEMORY_ADDRESS", address)
    monkeypatch.delitem(sys.modules, "windtunnel_runtime.listener", raising=False)
    return importlib.import_module("windtunnel_runtime.listener")


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Any:
    REPORTS.clear()
    known = IDENTITY | {"ti_id": "u", "something": "else"}
    monkeypatch.setattr(sys.modules["structlog.contextvars"], "get_contextvars", lambda: known, raising=False)
    module = plugin(monkeypatch, "task-memory:8126")
    monkeypatch.setattr(module, "TaskReport", Report)
    monkeypatch.setattr(module.atexit, "register", lambda _: None)
    return module.WindtunnelPlugin.listeners[0]


@pytest.mark.parametrize("address", [None, ""])
def test_without_an_address_there_is_no_listener(address: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert plugin(monkeypatch, address).WindtunnelPlugin.listeners == []


@pytest.mark.parametrize("state", ["success", "failed", "skipped", "up_for_retry", "deferred", "up_for_reschedule"])
def test_a_task_reports_its_state_as_the_outcome(listener: Any, state: str) -> None:
    task = SimpleNamespace(state=None)
    listener.on_starting(TaskRunnerMarker())
    listener.on_task_instance_running(task)
    task.state = SimpleNamespace(value=state)
    listener.before_stopping(TaskRunnerMarker())
    [report] = REPORTS
    assert report.address == "task-memory:8126"
    assert report.identity == IDENTITY | {"ti": "u"}
    assert report.told == ["parsed", state]


def test_a_task_whose_dag_cannot_be_imported_has_failed(listener: Any) -> None:
    listener.on_starting(TaskRunnerMarker())
    listener._exit_without_state()
    assert REPORTS[0].told == ["failed"]


def test_other_components_report_nothing(listener: Any) -> None:
    listener.on_starting(SimpleNamespace())
    listener.on_task_instance_running(SimpleNamespace(state="success"))
    listener.before_stopping(SimpleNamespace())
    assert not REPORTS
