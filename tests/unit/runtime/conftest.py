"""What Airflow's image has and the tests' environment has not, as far as windtunnel_runtime imports it."""

import logging
import sys
from types import ModuleType
from typing import Any

import pluggy
import pytest


class BaseNotifier:
    """As much of airflow.sdk.bases.notifier.BaseNotifier as notices use."""

    log = logging.getLogger("notifier")

    def __init__(self, context: dict[str, Any] | None = None) -> None:
        self.context = context or {}


class Configuration:
    """airflow.sdk.configuration.conf, where nothing is set."""

    def get(self, section: str, key: str, fallback: str) -> str:
        return fallback


STANDINS: dict[str, dict[str, Any]] = {
    "airflow": {},
    "airflow.listeners": {"hookimpl": pluggy.HookimplMarker("airflow")},
    "airflow.sdk": {},
    "airflow.sdk.bases": {},
    "airflow.sdk.bases.notifier": {"BaseNotifier": BaseNotifier},
    "airflow.sdk.configuration": {"conf": Configuration()},
    "airflow.sdk.plugins_manager": {"AirflowPlugin": object},
    "structlog": {},
    "structlog.contextvars": {"get_contextvars": dict},
}


@pytest.fixture(autouse=True)
def airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, contents in STANDINS.items():
        module = ModuleType(name)
        vars(module).update(contents)
        monkeypatch.setitem(sys.modules, name, module)
