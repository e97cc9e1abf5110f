"""boto3's CloudWatch answers with this environment's own figures, under MWAA's names."""

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from windtunnel.containers import memory_used
from windtunnel.stack import Stack
from windtunnel.wait import wait_until

PUSHED = 300.0  # seconds for a scrape, a rule's evaluation, a full minute and the push, on a busy machine


@pytest.fixture(scope="module")
def cloudwatch(stack: Stack) -> Any:
    region = stack.environment.value("AWS_REGION")
    login = {"aws_access_key_id": "anyone", "aws_secret_access_key": "anything"}
    return boto3.client("cloudwatch", endpoint_url=stack.url("aws"), region_name=region, **login)


def newest(client: Any, namespace: str, name: str, stat: str, dimensions: dict[str, str]) -> float | None:
    """The last minute's value, as a script would ask for it."""
    listed = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    metric = {"Namespace": namespace, "MetricName": name, "Dimensions": listed}
    now = datetime.now(UTC)
    (result,) = client.get_metric_data(
        MetricDataQueries=[{"Id": "newest", "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}}],
        StartTime=now - timedelta(minutes=5),
        EndTime=now,
        ScanBy="TimestampDescending",
    )["MetricDataResults"]
    return next(iter(result["Values"]), None)


def test_memory_utilization_is_the_worker_s_own(stack: Stack, cloudwatch: Any) -> None:
    dimensions = {"Environment": stack.name, "Cluster": "BaseWorker"}
    worker = stack.container("worker")

    def alike() -> bool:
        measured = 100 * memory_used([worker])[worker.id] / worker.memory_limit_bytes
        told = newest(cloudwatch, "AWS/MWAA", "MemoryUtilization", "Average", dimensions)
        assert told is not None and abs(told - measured) <= 2, (told, measured)
        return True

    wait_until(alike, "CloudWatch and the container to agree, in percent", PUSHED, 5)


def test_the_scheduler_s_heartbeat_is_counted(stack: Stack, cloudwatch: Any) -> None:
    dimensions = {"Environment": stack.name, "Function": "Scheduler"}
    wait_until(
        lambda: (newest(cloudwatch, "AmazonMWAA", "SchedulerHeartbeat", "Sum", dimensions) or 0) > 0,
        "SchedulerHeartbeat in CloudWatch",
        PUSHED,
        5,
    )


def test_search_lists_the_clusters(cloudwatch: Any, stack: Stack) -> None:
    expression = (
        f"SEARCH('{{AWS/MWAA,Cluster,Environment}} Environment=\"{stack.name}\" CPUUtilization', 'Average', 60)"
    )
    now = datetime.now(UTC)

    def clusters() -> set[str]:
        query = {"Id": "clusters", "Expression": expression}
        window = {"StartTime": now - timedelta(minutes=5), "EndTime": datetime.now(UTC)}
        results = cloudwatch.get_metric_data(MetricDataQueries=[query], **window)["MetricDataResults"]
        return {result["Label"].split()[0] for result in results}

    wait_until(lambda: {"BaseWorker", "Scheduler", "WebServer"} <= clusters(), "all clusters in CloudWatch", PUSHED, 5)


def test_metrics_are_listed_under_both_namespaces(cloudwatch: Any, stack: Stack) -> None:
    mine = [{"Name": "Environment", "Value": stack.name}]
    for namespace in ("AWS/MWAA", "AmazonMWAA"):
        wait_until(
            lambda name=namespace: cloudwatch.list_metrics(Namespace=name, Dimensions=mine)["Metrics"],
            f"metrics of {namespace}",
            PUSHED,
            5,
        )
