"""The series of tasks."""

from pathlib import Path

import pytest
from fake_worker import MB, FakeWorker
from prometheus_client import CollectorRegistry

from task_memory.datagrams import Identity
from task_memory.task_metrics import GAUGES, PREFIX, TaskMetrics
from task_memory.verdicts import Verdict

LABELS = {
    "dag_id": "made_up",
    "task_id": "first",
    "map_index": "-1",
    "run_id": "run",
    "try_number": "1",
    "container": "made-up-worker-1",
    "component": "worker",
}


@pytest.fixture
def worker(tmp_path: Path) -> FakeWorker:
    return FakeWorker(tmp_path)


@pytest.fixture
def metrics(worker: FakeWorker) -> TaskMetrics:
    return TaskMetrics(worker.watch)


@pytest.fixture
def registry(metrics: TaskMetrics) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(metrics)
    return registry


def value(registry: CollectorRegistry, name: str) -> float | None:
    return registry.get_sample_value(PREFIX + name, LABELS)


def test_a_running_task_has_all_series_and_an_ended_one_its_peaks(
    worker: FakeWorker, registry: CollectorRegistry
) -> None:
    task = worker.task(201, "first")
    worker.begin(task)
    task.process.private += 100 * MB
    worker.tick(1)
    assert all(value(registry, name) is not None for name in GAUGES)
    assert value(registry, "private_bytes") == pytest.approx(100 * MB, abs=5000)
    assert value(registry, "baseline_bytes") == 20 * MB
    worker.say(task, "finished", "success")
    worker.end(201)
    worker.tick(1)
    assert value(registry, "private_bytes") == value(registry, "rss_bytes") == 0
    assert value(registry, "peak_private_bytes") == pytest.approx(100 * MB, abs=5000)


def test_growth_is_the_slope(worker: FakeWorker, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: worker.now)
    task = worker.task(201, "first")
    worker.begin(task)
    for _ in range(40):
        task.process.private += 2 * MB
        worker.tick(1)
    assert value(registry, "growth_bytes_per_second") == pytest.approx(2 * MB, rel=0.02)
    worker.tick(40)
    assert value(registry, "growth_bytes_per_second") == pytest.approx(0, abs=1000)


def test_kills_and_datagrams_are_counted(metrics: TaskMetrics, registry: CollectorRegistry) -> None:
    identity = Identity("made_up", "first", -1, "run", 1)
    for _ in range(2):
        metrics.verdict(Verdict(1.0, identity, "w", "worker", 1, 1, 1, "neighbour"))
    metrics.datagram("parsed")
    labels = {"dag_id": "made_up", "task_id": "first", "component": "worker", "kind": "neighbour"}
    assert registry.get_sample_value("windtunnel_oom_kills_total", labels) == 2
    assert registry.get_sample_value(f"{PREFIX}datagrams_total", {"phase": "parsed"}) == 1
    assert registry.get_sample_value(f"{PREFIX}datagrams_total", {"phase": "sample"}) == 0
