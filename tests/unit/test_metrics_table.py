"""The table of metrics is whole, and what is made from it names things as Prometheus and CloudWatch do."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from windtunnel import metrics
from windtunnel.metrics import CLOUDWATCH, EXPORTED, LEFT_OUT, STATSD, label_name, series_name

ROOT = Path(__file__).parents[2]

# What AWS documents:
# https://docs.aws.amazon.com/mwaa/latest/userguide/accessing-metrics-cw-container-queue-db.html
# https://docs.aws.amazon.com/mwaa/latest/userguide/access-metrics-cw.html
CLUSTER = (
    "CPUUtilization MemoryUtilization EphemeralStorageUtilized EphemeralStorageReserved NetworkTxBytes NetworkRxBytes"
)
DATABASE = (
    "CPUUtilization DatabaseConnections DiskQueueDepth FreeableMemory VolumeWriteIOPS WriteIOPS WriteLatency "
    "WriteThroughput"
)
QUEUE = "ApproximateAgeOfOldestTask RunningTasks QueuedTasks ActiveConnectionCount"
AMAZON_MWAA = """
    SchedulerHeartbeat CriticalSectionBusy DagBagSize DagCallbackExceptions TaskInstanceFinished StartedTaskInstances
    TaskInstanceFailures TaskInstanceSuccesses TaskInstancePreviouslySucceeded ZombiesKilled TasksKilledExternally
    TaskTimeoutError FailedCeleryTaskExecution JobStart JobEnd JobHeartbeatFailure OperatorFailures OperatorSuccesses
    TaskInstanceCreatedUsingOperator TaskRemovedFromDAG TaskRestoredToDAG Processes ManagerStalls OtherCallbackCount
    FilePathQueueUpdateCount SlaCallbackCount SLAMissed FailedSLACallback FailedSLAEmailAttempts Updates Orphaned
    TriggersSucceeded TriggersFailed TriggersBlockedMainThread TriggerHeartbeat TriggererHeartbeat
    CeleryWorkerHeartbeat RunningTasks QueuedTasks OpenSlots TasksExecutable TasksStarving TasksRunning
    TasksWithoutDagRun TasksPending OrphanedTasksAdopted OrphanedTasksCleared ImportErrors DAGFileRefreshError
    ProcessorTimeouts TotalParseTime DAGFileProcessingLastRunSecondsAgo DAGFileProcessingLastNumOfDbQueries
    PoolOpenSlots PoolQueuedSlots PoolRunningSlots PoolDeferredSlots PoolScheduledSlots PoolStarvingTasks PoolFailures
    TriggersRunning TriggeredDagRuns TaskCpuUsage TaskMemoryUsage ExceptionFailures ExecutedTasks InfraFailures
    LoadedTasks PokedExceptions PokedSuccess PokedTasks CriticalSectionDuration CriticalSectionQueryDuration
    SchedulerLoopDuration CollectDBDags DAGDependencyCheck DAGDurationSuccess DAGDurationFailed DAGScheduleDelay
    FirstTaskSchedulingDelay DAGFileProcessingLastDuration TaskInstanceDuration TaskInstanceQueuedDuration
    TaskInstanceScheduledDuration
"""

MAPPINGS: list[dict[str, Any]] = yaml.safe_load(metrics.statsd_exporter())["mappings"]
RULES: list[dict[str, Any]] = yaml.safe_load(metrics.recording_rules())["groups"][0]["rules"]
FED = [metric for metric in CLOUDWATCH if not metric.reason]


@pytest.mark.parametrize(
    ("namespace", "name", "statistic", "series"),
    [
        ("AWS/MWAA", "CPUUtilization", "Average", "aws_mwaa_cpuutilization_average"),
        ("AmazonMWAA", "DAGDurationSuccess", "Average", "amazonmwaa_dagduration_success_average"),
        ("AmazonMWAA", "PoolOpenSlots", "Maximum", "amazonmwaa_pool_open_slots_maximum"),
        ("AWS/MWAA", "ApproximateAgeOfOldestTask", "Maximum", "aws_mwaa_approximate_age_of_oldest_task_maximum"),
        ("AWS/MWAA", "WriteIOPS", "SampleCount", "aws_mwaa_write_iops_sample_count"),
    ],
)
def test_series_are_named_as_cloudwatch_exporter_does(namespace: str, name: str, statistic: str, series: str) -> None:
    assert series_name(namespace, name, statistic) == series


@pytest.mark.parametrize(
    ("dimension", "label"),
    [
        ("Environment", "environment"),
        ("DatabaseRole", "database_role"),
        ("DAG", "dag"),
        ("DAG Filename", "dag_filename"),
        ("HostName", "host_name"),
        ("Job", "job_name"),
    ],
)
def test_labels_are_in_lower_snake_case(dimension: str, label: str) -> None:
    assert label_name(dimension) == label


@pytest.mark.parametrize(
    ("namespace", "names"), [("AWS/MWAA", f"{CLUSTER} {DATABASE} {QUEUE}"), ("AmazonMWAA", AMAZON_MWAA)]
)
def test_every_metric_of_mwaa_is_there_and_no_other(namespace: str, names: str) -> None:
    assert sorted(metric.name for metric in CLOUDWATCH if metric.namespace == namespace) == sorted(names.split())


@pytest.mark.parametrize("metric", CLOUDWATCH, ids=lambda metric: f"{metric.name}-{'-'.join(metric.dimensions)}")
def test_a_metric_of_mwaa_is_fed_by_one_thing_or_has_a_reason(metric: metrics.CloudWatch) -> None:
    assert [bool(metric.of), bool(metric.expression), bool(metric.reason)].count(True) == 1
    assert bool(metric.statistics) != bool(metric.reason)
    assert set(metric.statistics) <= {"Sum", "Average", "Maximum"}


@pytest.mark.parametrize("metric", [metric for metric in FED if metric.of], ids=lambda metric: metric.name)
def test_statistics_and_dimensions_fit_what_feeds_them(metric: metrics.CloudWatch) -> None:
    source = STATSD[metric.of]
    fitting = {"counter": ["Sum"], "gauge": ["Average", "Maximum"], "timer": ["Average"]}
    assert metric.statistics == fitting[source.type]
    assert set(metric.taken.values()) <= set(source.labels)
    assert source.type != "timer" or metric.unit in metrics.FACTORS


def test_every_metric_of_airflow_is_mapped_by_its_exact_name_type_and_help() -> None:
    found = {(rule["match"], rule["match_metric_type"], rule["name"], rule["help"]) for rule in MAPPINGS[:-1]}
    assert found == {
        (f"airflow.{metric.name}", metrics.MATCH_TYPES[metric.type], metric.series, metric.help)
        for metric in STATSD.values()
    }
    assert all("*" not in rule["match"] and rule["help"] for rule in MAPPINGS[:-1])


def test_unknown_metrics_are_dropped_last() -> None:
    assert MAPPINGS[-1] == {"match": ".", "match_type": "regex", "action": "drop", "name": "dropped"}
    assert [rule for rule in MAPPINGS if "action" in rule] == MAPPINGS[-1:]


def test_only_gauges_expire() -> None:
    expiring = [rule for rule in MAPPINGS if "ttl" in rule]
    assert {rule["match_metric_type"] for rule in expiring} == {"gauge"}
    per_task = [metric.series for metric in STATSD.values() if metric.type == "gauge" and "dag_id" in metric.labels]
    assert per_task and set(per_task) <= {rule["name"] for rule in expiring}


def test_buckets_span_from_a_hundredth_of_a_second_to_twelve_hours() -> None:
    defaults = yaml.safe_load(metrics.statsd_exporter())["defaults"]
    assert defaults["observer_type"] == "histogram"
    buckets = defaults["histogram_options"]["buckets"]
    assert buckets == sorted(set(buckets)) and (buckets[0], buckets[-1]) == (0.01, 43200)


def test_no_metric_is_both_sent_and_left_out() -> None:
    assert LEFT_OUT and not LEFT_OUT.keys() & STATSD.keys()


def test_no_two_metrics_share_a_series() -> None:
    names = [metric.series for metric in STATSD.values()] + [one.name for one in EXPORTED]
    assert len(names) == len(set(names))


def test_each_fed_statistic_has_its_rule() -> None:
    wanted = [series_name(metric.namespace, metric.name, one) for metric in FED for one in metric.statistics]
    rules = [rule["record"] for rule in RULES]
    assert rules == ["windtunnel:counts_from_zero", *wanted, "turbine_worker_load"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["record"])
def test_a_rule_asks_only_for_series_of_the_table_and_makes_up_none(rule: dict[str, Any]) -> None:
    assert not re.search(r"\b(vector|absent)\(", rule["expr"])
    assert "$over" not in rule["expr"] and "$across" not in rule["expr"]
    histograms = [
        metric.series + end for metric in STATSD.values() if metric.type == "timer" for end in ("_sum", "_count")
    ]
    known = {metric.series for metric in STATSD.values()} | {one.name for one in EXPORTED} | set(histograms)
    named = r"\b(?:airflow|windtunnel|container|redis|pg|probe|flower)_\w+(?!\w*\()"
    assert set(re.findall(named, rule["expr"])) <= known


@pytest.mark.parametrize("metric", FED, ids=lambda metric: f"{metric.name}-{'-'.join(metric.dimensions)}")
def test_a_rule_keeps_the_environment_and_gives_the_dimensions(metric: metrics.CloudWatch) -> None:
    for statistic in metric.statistics:
        kept = re.findall(r"by \(([^)]*)\)", metrics.expression(metric, statistic))
        assert kept and all(labels.split(", ") == ["environment", *metric.taken] for labels in kept)
    assert metric.fixed.keys() | metric.taken.keys() == {label_name(name) for name in metric.dimensions}


def test_dashboards_and_alerts_use_recorded_series_only() -> None:
    readers = [*ROOT.glob("monitoring/grafana/dashboards/*.json"), ROOT / "monitoring/prometheus/rules/alerts.yml"]
    used = {name for file in readers for name in re.findall(r"\b(?:amazonmwaa|aws_mwaa)_\w+", file.read_text())}
    assert used and used <= {rule["record"] for rule in RULES}


def test_the_page_names_every_metric_and_every_reason() -> None:
    page = metrics.documentation()
    names = [rule["record"] for rule in RULES[1:]] + [one.name for one in EXPORTED]
    assert not [name for name in [*names, *STATSD, *LEFT_OUT] if f"`{name}`" not in page]
    assert not [metric.name for metric in CLOUDWATCH if metric.reason and metric.reason not in page]
