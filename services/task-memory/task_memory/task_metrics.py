"""Prometheus' series of tasks: their memory while they run and for some minutes after, kills, stuck supervisors."""

import time
from collections import Counter
from dataclasses import astuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from task_memory.datagrams import PHASES
from task_memory.records import TaskRecord
from task_memory.verdicts import Verdict
from task_memory.watch import Watch

LABELS = ("dag_id", "task_id", "map_index", "run_id", "try_number", "container", "component")
PREFIX = "windtunnel_task_memory_"
GAUGES = {
    "rss_bytes": "Resident memory of the task and its children; pages they share count in each",
    "pss_bytes": "Proportional memory of the task and its children: shared pages divided by who maps them",
    "private_bytes": "What the task and its children have added by now to what it started with",
    "peak_private_bytes": "The most that the task and its children have added to what it started with",
    "peak_rss_bytes": "The greatest resident memory of the task and its children",
    "peak_pss_bytes": "The greatest proportional memory of the task and its children",
    "baseline_bytes": "What was the task's own just before the user's code",
    "growth_bytes_per_second": "Slope of the task's private memory over the last 30 s",
}


class TaskMetrics(Collector):
    """The series of a watch's tasks."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._kills: Counter[tuple[str, str, str, str]] = Counter()
        self._datagrams: Counter[str] = Counter()

    def verdict(self, verdict: Verdict) -> None:
        """Count a kill."""
        who = verdict.identity
        self._kills[who.dag_id, who.task_id, verdict.component, verdict.kind] += 1

    def datagram(self, phase: str) -> None:
        """Count a datagram."""
        self._datagrams[phase] += 1

    def describe(self) -> list[Metric]:
        """The series without values, for which the registry would else collect all when this is registered."""
        return [*_gauges().values(), *self._others()]

    def collect(self) -> list[Metric]:
        """The series of this moment."""
        gauges = _gauges()
        for record in [*self._watch.records.values()]:
            if record.identity and record.last:
                labels = [str(value) for value in (*astuple(record.identity), record.container, record.component)]
                for name, value in _values(record).items():
                    gauges[name].add_metric(labels, value)
        return [family for family in gauges.values() if family.samples] + self._others()

    def _others(self) -> list[Metric]:
        kills = CounterMetricFamily(
            "windtunnel_oom_kills", "Tasks lost to memory", labels=("dag_id", "task_id", "component", "kind")
        )
        for labels, count in self._kills.items():
            kills.add_metric(labels, count)
        datagrams = CounterMetricFamily(f"{PREFIX}datagrams", "Datagrams from tasks", labels=("phase",))
        for phase in PHASES:
            datagrams.add_metric((phase,), self._datagrams[phase])
        return [kills, datagrams, self._childless()]

    def _childless(self) -> GaugeMetricFamily:
        family = GaugeMetricFamily(
            "windtunnel_supervisors_without_child",
            "Task supervisors without a live child for over 60 s: they hold their memory for nothing",
            labels=("container", "component"),
        )
        for one in [*self._watch.containers.values()]:
            labels = (one.container.name, one.container.component)
            family.add_metric(labels, one.childless_supervisors(time.time()))
        return family


def _gauges() -> dict[str, GaugeMetricFamily]:
    return {name: GaugeMetricFamily(PREFIX + name, help, labels=LABELS) for name, help in GAUGES.items()}


def _values(record: TaskRecord) -> dict[str, float]:
    assert record.last
    runs = record.ended_at is None
    return {
        "rss_bytes": record.last.rss if runs else 0,
        "pss_bytes": record.last.pss if runs else 0,
        "private_bytes": record.added if runs else 0,
        "peak_private_bytes": record.peak_private,
        "peak_rss_bytes": record.peak_rss,
        "peak_pss_bytes": record.peak_pss,
        "baseline_bytes": record.baseline,
        "growth_bytes_per_second": record.growth.slope(time.time()) if runs else 0.0,
    }
