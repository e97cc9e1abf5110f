"""What is kept of log events: MWAA's groups are there, the old goes, and no flood fills the memory."""

import random
import time
from typing import Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID

from aws_service import logs
from unit.aws.aws_stack import REGION, Aws
from windtunnel.settings import ROOT

GROUP = "airflow-pipelines-Task"


@pytest.fixture
def client(aws: Aws) -> Any:
    logs.make_groups(ROOT / "airflow/windtunnel_runtime/log_groups.toml", "pipelines", REGION, DEFAULT_ACCOUNT_ID)
    return aws.client("logs", "anyone", port=aws.open_port)


def put(client: Any, stream: str, *events: tuple[float, str]) -> None:
    if stream not in streams(client):
        client.create_log_stream(logGroupName=GROUP, logStreamName=stream)
    told = [{"timestamp": int(at * 1000), "message": text} for at, text in events]
    client.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=told)


def streams(client: Any) -> list[str]:
    return [one["logStreamName"] for one in client.describe_log_streams(logGroupName=GROUP)["logStreams"]]


def kept(client: Any, stream: str) -> list[str]:
    return [one["message"] for one in client.get_log_events(logGroupName=GROUP, logStreamName=stream)["events"]]


def test_the_environment_has_mwaas_groups(client: Any) -> None:
    assert {one["logGroupName"] for one in client.describe_log_groups()["logGroups"]} == {
        f"airflow-pipelines-{name}" for name in ("DAGProcessing", "Scheduler", "Task", "WebServer", "Worker")
    }


def test_what_is_too_old_goes_and_a_stream_without_events_with_it(client: Any, drawn: random.Random) -> None:
    now = time.time()
    ages = [drawn.uniform(0, 2 * 3600) for _ in range(20)]
    put(client, "mixed", *sorted((now - age, f"{age:.3f}") for age in ages))
    put(client, "old", (now - 7200, "old"))
    client.create_log_stream(logGroupName=GROUP, logStreamName="just made")
    logs.forget(now - 3600)
    assert sorted(kept(client, "mixed")) == sorted(f"{age:.3f}" for age in ages if age <= 3600)
    assert streams(client) == ["just made", "mixed"]


def test_of_a_flood_the_newest_is_kept(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MOST", 100 * (logs.EVENT_BYTES + 8))
    now = time.time()
    for part in range(10):
        put(client, f"part {part}", *((now + part + at / 100, f"{part:04}{at:04}") for at in range(50)))
    left = [line for stream in streams(client) for line in kept(client, stream)]
    assert 50 <= len(left) <= 100
    assert max(left) == "00090049" and min(left) > "0007"
