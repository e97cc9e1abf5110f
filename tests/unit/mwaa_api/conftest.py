"""MWAA's API on a loopback port with a web server behind it, and boto3's client for it."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import pytest
from botocore.config import Config
from fake_webserver import FakeWebserver

from mwaa_api import environment as environments
from mwaa_api.__main__ import application, serve

SECRET = "a secret of thirty-two characters"


@pytest.fixture
def drawn() -> random.Random:
    """Random inputs, from a seed that a failing test shows."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    return random.Random(seed)


@dataclass
class Mwaa:
    """The endpoint's URL, the folder of its files, and its web server."""

    url: str
    folder: Path
    web: FakeWebserver
    applied: list[tuple[dict[str, Any], dict[str, Any]]]

    def client(self, key_id: str = "administrator", secret_key: str = "") -> Any:
        return boto3.client(
            "mwaa",
            region_name="eu-west-3",
            aws_access_key_id=key_id,
            aws_secret_access_key=secret_key or f"secret of {key_id}",
            config=Config(retries={"max_attempts": 0}),
        )

    def allow(self, *statements: dict[str, Any]) -> None:
        """Give the execution role another policy."""
        (self.folder / "execution-role.json").write_text(json.dumps({"Statement": list(statements)}))


@dataclass
class Applied:
    """The seam to the containers: what it was called with, and what it is to raise."""

    calls: list[tuple[dict[str, Any], dict[str, Any]]]
    error: Exception | None = None

    def __call__(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        self.calls.append((old, new))
        if self.error:
            raise self.error


@pytest.fixture
def applied() -> Applied:
    return Applied([])


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "token-secret").write_text(SECRET)
    for who in ("administrator", "execution-role"):
        (tmp_path / f"{who}-secret-key").write_text(f"secret of {who}".replace("execution-role", "airflow"))
    (tmp_path / "execution-role.json").write_text('{"Statement": []}')
    return {
        "WINDTUNNEL_NAME": "wt",
        "AWS_REGION": "eu-west-3",
        "BUCKET": "mine",
        "DAG_S3_PATH": "team/dags",
        "ENVIRONMENT_CLASS": "mw1.small",
        "AIRFLOW_VERSION": "3.3.1",
        "WEBSERVER_URL": "http://localhost:8080",
        "DOCUMENT": str(tmp_path / "environment.json"),
        "SECRETS_FOLDER": str(tmp_path),
        "TOKEN_SECRET_FILE": str(tmp_path / "token-secret"),
    }


@pytest.fixture
def mwaa(settings: dict[str, str], tmp_path: Path, applied: Applied, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mwaa]:
    web = FakeWebserver(tmp_path / "token-secret")
    server = serve("127.0.0.1", 0, application(settings | {"AIRFLOW_URL": web.url}, applied))
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    # As scripts have it, in and outside of the stack.
    monkeypatch.setenv("AWS_ENDPOINT_URL_MWAA", f"http://127.0.0.1:{server.port}")
    monkeypatch.setenv("AWS_DISABLE_HOST_PREFIX_INJECTION", "true")
    yield Mwaa(f"http://127.0.0.1:{server.port}", tmp_path, web, applied.calls)
    server.shutdown()
    web.stop()


@pytest.fixture(autouse=True)
def updates_end_before_they_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller of UpdateEnvironment then sees its end, without waiting."""
    follow = environments.Environment.update

    def update(self: environments.Environment, changes: dict[str, Any]) -> Thread:
        thread = follow(self, changes)
        thread.join()
        return thread

    monkeypatch.setattr(environments.Environment, "update", update)
