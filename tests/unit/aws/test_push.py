"""From Prometheus' series to CloudWatch's data."""

import json
import logging
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from aws_service import table
from aws_service.prometheus import Away, Sample, samples
from aws_service.push import Pusher, of_samples, statistic_values
from aws_service.table import prefix, snake
from windtunnel.settings import ROOT

ROWS = """
[[statsd]]
name = "scheduler_heartbeat"

[[cloudwatch]]
namespace = "AWS/MWAA"
name = "MemoryUtilization"
unit = "Percent"
statistics = ["Average", "Maximum"]
dimensions = {Cluster = "{cluster}"}

[[cloudwatch]]
namespace = "AmazonMWAA"
name = "SchedulerHeartbeat"
unit = "Count"
statistics = ["Sum"]
dimensions = {Function = "Scheduler"}

[[cloudwatch]]
namespace = "AmazonMWAA"
name = "TaskMemoryUsage"
unit = "Percent"
statistics = ["Average"]
reason = "gone in Airflow 3"
"""
MINUTE = 1_795_000_020.0


@pytest.fixture
def rows(tmp_path: Path) -> table.Table:
    path = tmp_path / "metrics.toml"
    path.write_text(ROWS)
    return table.read(path)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("CPUUtilization", "cpuutilization"),
        ("DAGDurationSuccess", "dagduration_success"),
        ("PoolOpenSlots", "pool_open_slots"),
        ("DatabaseRole", "database_role"),
        ("SampleCount", "sample_count"),
    ],
)
def test_names_are_those_of_cloudwatch_exporter(name: str, expected: str) -> None:
    assert snake(name) == expected


def test_namespaces_lead_the_names() -> None:
    assert (prefix("AWS/MWAA"), prefix("AmazonMWAA")) == ("aws_mwaa", "amazonmwaa")


def test_only_what_is_fed_has_series(rows: table.Table) -> None:
    assert set(rows) == {
        "aws_mwaa_memory_utilization_average",
        "aws_mwaa_memory_utilization_maximum",
        "amazonmwaa_scheduler_heartbeat_sum",
    }


def test_the_project_s_own_table_is_of_that_form() -> None:
    own = table.read(ROOT / "monitoring/metrics.toml")
    (worker,) = own["aws_mwaa_memory_utilization_average"]
    assert (worker.namespace, worker.name, worker.unit) == ("AWS/MWAA", "MemoryUtilization", "Percent")
    assert set(worker.dimensions) == {("Environment", "environment"), ("Cluster", "cluster")}
    assert own["amazonmwaa_scheduler_heartbeat_sum"][0].statistic == "Sum"


def test_a_name_that_clusters_and_the_database_share_is_told_by_its_labels() -> None:
    own = table.read(ROOT / "monitoring/metrics.toml")
    cpu = "aws_mwaa_cpuutilization_average"
    worker = Sample(cpu, {"environment": "wt", "cluster": "BaseWorker"}, 5.0)
    database = Sample(cpu, {"environment": "wt", "database_role": "WRITER"}, 6.0)
    found = {
        frozenset(one["Name"] for one in datum["Dimensions"]): datum["StatisticValues"]["Sum"]
        for datum in of_samples([worker, database], own, MINUTE)["AWS/MWAA"]
    }
    assert found == {frozenset({"Cluster", "Environment"}): 5.0, frozenset({"DatabaseRole", "Environment"}): 6.0}


def test_statistics_of_one_metric_become_one_datum(rows: table.Table) -> None:
    labels = {"environment": "wt", "cluster": "BaseWorker"}
    found = [
        Sample("aws_mwaa_memory_utilization_average", labels, 40.0),
        Sample("aws_mwaa_memory_utilization_maximum", labels, 60.0),
        Sample("aws_mwaa_memory_utilization_average", labels | {"cluster": "Scheduler"}, 10.0),
        Sample("amazonmwaa_scheduler_heartbeat_sum", {"environment": "wt", "function": "Scheduler"}, 12.0),
        Sample("aws_mwaa_of_nobody", labels, 1.0),
    ]
    data = of_samples(found, rows, MINUTE)
    worker, scheduler = data["AWS/MWAA"]
    assert worker["Dimensions"] == [
        {"Name": "Cluster", "Value": "BaseWorker"},
        {"Name": "Environment", "Value": "wt"},
    ]
    assert worker["StatisticValues"] == {"SampleCount": 1.0, "Sum": 40.0, "Minimum": 40.0, "Maximum": 60.0}
    assert (worker["Unit"], worker["Timestamp"].timestamp()) == ("Percent", MINUTE)
    assert scheduler["StatisticValues"]["Maximum"] == 10.0
    (heartbeat,) = data["AmazonMWAA"]
    assert heartbeat["Dimensions"][1] == {"Name": "Function", "Value": "Scheduler"}


@pytest.mark.parametrize(
    "known",
    [
        {"Average": 3.0},
        {"Sum": 12.0},
        {"Maximum": 9.0},
        {"Average": 0.0, "Sum": 0.0},
        {"Average": 3.0, "Sum": 12.0},
        {"Average": 3.0, "Sum": 12.0, "Minimum": 1.0, "Maximum": 6.0},
        {"Average": -2.0, "Maximum": 1.0},
        {"Sum": 8.0, "SampleCount": 4.0},
        {"Average": 2.0, "SampleCount": 4.0},
    ],
)
def test_every_statistic_that_is_known_is_answered_as_known(known: dict[str, float]) -> None:
    put = statistic_values(known)
    answers = put | {"Average": put["Sum"] / put["SampleCount"]}
    assert {key: answers[key] for key in known} == pytest.approx(known)
    assert answers["Minimum"] <= answers["Maximum"]


class FakePrometheus:
    """An HTTP server that answers every query with `result`; `queries` is what was asked."""

    def __init__(self) -> None:
        self.result: list[dict[str, Any]] = []
        self.status = 200
        self.queries: list[dict[str, list[str]]] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                fake.queries.append(parse_qs(urlsplit(self.path).query))
                self.send_response(fake.status)
                self.end_headers()
                self.wfile.write(json.dumps({"data": {"result": fake.result}}).encode())

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def prometheus() -> Iterator[FakePrometheus]:
    fake = FakePrometheus()
    Thread(target=fake.server.serve_forever, daemon=True).start()
    yield fake
    fake.server.shutdown()
    fake.server.server_close()


def series(name: str, value: str, **labels: str) -> dict[str, Any]:
    return {"metric": {"__name__": name, "environment": "wt", **labels}, "value": [MINUTE, value]}


def test_reads_the_environment_s_series_at_the_minute_s_end(prometheus: FakePrometheus, rows: table.Table) -> None:
    prometheus.result = [series("amazonmwaa_scheduler_heartbeat_sum", "12", function="Scheduler")]
    put: list[tuple[str, list[dict[str, Any]]]] = []
    pushed = Pusher(prometheus.url, "wt", rows, lambda *one: put.append(one)).push(MINUTE + 60)
    assert (pushed, put[0][0], put[0][1][0]["Timestamp"].timestamp()) == (1, "AmazonMWAA", MINUTE)
    (asked,) = prometheus.queries
    assert asked["query"] == ['{__name__=~"(amazonmwaa|aws_mwaa)_.+",environment="wt"}']
    assert float(asked["time"][0]) == MINUTE + 60


def test_a_series_without_a_value_is_no_point(prometheus: FakePrometheus) -> None:
    prometheus.result = [series("a", "NaN"), series("b", "0")]
    assert [one.name for one in samples(prometheus.url, "x", MINUTE)] == ["b"]


def test_prometheus_away_is_said_once_and_once_when_it_is_back(
    prometheus: FakePrometheus, rows: table.Table, caplog: pytest.LogCaptureFixture
) -> None:
    pusher = Pusher(prometheus.url, "wt", rows, lambda *_: None)
    prometheus.status = 503
    with caplog.at_level(logging.INFO, logger="aws_service.push"):
        assert [pusher.push(MINUTE) for _ in range(3)] == [0, 0, 0]
        prometheus.status = 200
        pusher.push(MINUTE)
        pusher.push(MINUTE)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_nobody_at_the_address_is_away_too() -> None:
    with pytest.raises(Away, match=r"127\.0\.0\.1:9"):
        samples("http://127.0.0.1:9", "up", MINUTE)
