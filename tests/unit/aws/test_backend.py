"""Our CloudWatch as boto3 sees it, in moto's place for it."""

import gc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.cloudwatch.models import CloudWatchBackend, MetricDatumBase, cloudwatch_backends

from aws_service import backend

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
Dimensions = dict[str, str]
WORKER = {"Environment": "wt", "Cluster": "BaseWorker"}


@pytest.fixture
def cloudwatch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(cloudwatch_backends, "backend", CloudWatchBackend)
    with mock_aws():
        backend.install()
        yield boto3.client("cloudwatch", region_name="us-east-1")


def listed(dimensions: Dimensions) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in dimensions.items()]


def put(
    client: Any, minute: int, value: float, *, name: str = "MemoryUtilization", namespace: str = "AWS/MWAA", **more: Any
) -> None:
    datum = {"MetricName": name, "Dimensions": listed(WORKER), "Timestamp": NOON + timedelta(minutes=minute)}
    datum |= {"Value": value} if "StatisticValues" not in more and "Values" not in more else {}
    client.put_metric_data(Namespace=namespace, MetricData=[datum | more])


def ask(client: Any, *queries: dict[str, Any], minutes: int = 10, **more: Any) -> list[dict[str, Any]]:
    window = {"StartTime": NOON, "EndTime": NOON + timedelta(minutes=minutes)}
    more = {"ScanBy": "TimestampAscending"} | more
    results: list[dict[str, Any]] = client.get_metric_data(MetricDataQueries=list(queries), **window, **more)[
        "MetricDataResults"
    ]
    return results


def stat(
    stat: str = "Average",
    *,
    period: int = 60,
    name: str = "MemoryUtilization",
    namespace: str = "AWS/MWAA",
    dimensions: Dimensions = WORKER,
    **more: Any,
) -> dict[str, Any]:
    metric = {"Namespace": namespace, "MetricName": name, "Dimensions": listed(dimensions)}
    return {"Id": "m", "MetricStat": {"Metric": metric, "Period": period, "Stat": stat}} | more


def values(results: list[dict[str, Any]]) -> list[float]:
    (result,) = results
    return list(result["Values"])


def test_each_minute_has_its_own_value_and_time(cloudwatch: Any) -> None:
    for minute, value in ((0, 40.0), (1, 50.0), (3, 60.0)):
        put(cloudwatch, minute, value)
    (result,) = ask(cloudwatch, stat())
    assert result["Values"] == [40.0, 50.0, 60.0]
    assert result["Timestamps"] == [NOON + timedelta(minutes=minute) for minute in (0, 1, 3)]
    assert result["StatusCode"] == "Complete"


def test_newest_first_unless_asked_otherwise(cloudwatch: Any) -> None:
    put(cloudwatch, 0, 1.0)
    put(cloudwatch, 1, 2.0)
    assert values(ask(cloudwatch, stat(), ScanBy="TimestampDescending")) == [2.0, 1.0]


@pytest.mark.parametrize(
    ("name", "expected"), [("Average", 2.5), ("Sum", 10.0), ("Minimum", 1.0), ("Maximum", 4.0), ("SampleCount", 4.0)]
)
def test_a_longer_period_takes_its_points_together(cloudwatch: Any, name: str, expected: float) -> None:
    for minute, value in enumerate((4.0, 1.0, 2.0, 3.0)):
        put(cloudwatch, minute, value)
    put(cloudwatch, 5, 100.0)
    assert values(ask(cloudwatch, stat(name, period=300)))[0] == expected


def test_points_put_late_stand_where_they_belong(cloudwatch: Any) -> None:
    for minute in (2, 0, 1):
        put(cloudwatch, minute, float(minute))
    assert values(ask(cloudwatch, stat())) == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("name", "expected"), [("Average", 2.0), ("Sum", 12.0), ("Minimum", 1.0), ("Maximum", 5.0), ("SampleCount", 6.0)]
)
def test_statistic_sets_answer_each_statistic(cloudwatch: Any, name: str, expected: float) -> None:
    put(cloudwatch, 0, 0, StatisticValues={"SampleCount": 6, "Sum": 12, "Minimum": 1, "Maximum": 5})
    assert values(ask(cloudwatch, stat(name))) == [expected]
    (point,) = statistics(cloudwatch, name)
    assert point[name] == expected


def statistics(client: Any, name: str, dimensions: Dimensions = WORKER) -> list[dict[str, Any]]:
    points: list[dict[str, Any]] = client.get_metric_statistics(
        Namespace="AWS/MWAA",
        MetricName="MemoryUtilization",
        Dimensions=listed(dimensions),
        StartTime=NOON,
        EndTime=NOON + timedelta(minutes=10),
        Period=60,
        Statistics=[name],
    )["Datapoints"]
    return points


def test_a_metric_is_found_by_all_of_its_dimensions_in_any_order_and_by_no_part_of_them(cloudwatch: Any) -> None:
    put(cloudwatch, 0, 7.0)
    turned = dict(reversed(WORKER.items()))
    assert values(ask(cloudwatch, stat(dimensions=turned))) == [7.0]
    for other in ({}, {"Environment": "wt"}, WORKER | {"Cluster": "Scheduler"}, WORKER | {"Pool": "x"}):
        assert values(ask(cloudwatch, stat(dimensions=other))) == []
        assert statistics(cloudwatch, "Sum", other) == []


def test_namespaces_are_apart(cloudwatch: Any) -> None:
    put(cloudwatch, 0, 1.0, name="QueuedTasks")
    put(cloudwatch, 0, 2.0, name="QueuedTasks", namespace="AmazonMWAA")
    assert values(ask(cloudwatch, stat(name="QueuedTasks"))) == [1.0]
    assert values(ask(cloudwatch, stat(name="QueuedTasks", namespace="AmazonMWAA"))) == [2.0]


def test_units_are_apart_when_one_is_named(cloudwatch: Any) -> None:
    put(cloudwatch, 0, 1.0, Unit="Seconds")
    put(cloudwatch, 0, 3.0, Unit="Count")
    query = stat()
    assert values(ask(cloudwatch, query)) == [2.0]
    query["MetricStat"]["Unit"] = "Seconds"
    assert values(ask(cloudwatch, query)) == [1.0]


def test_values_and_counts(cloudwatch: Any) -> None:
    put(cloudwatch, 0, 0, Values=[1.0, 4.0], Counts=[2, 1])
    assert values(ask(cloudwatch, stat())) == [2.0]


def test_200_data_in_one_compressed_request(cloudwatch: Any) -> None:
    data = [{"MetricName": f"metric-{i}", "Timestamp": NOON, "Value": i} for i in range(200)]
    cloudwatch.put_metric_data(Namespace="mine", MetricData=data)
    assert len(cloudwatch.list_metrics(Namespace="mine")["Metrics"]) == 200


def test_metrics_are_listed_once_with_their_dimensions(cloudwatch: Any) -> None:
    put(cloudwatch, 0, 1.0)
    put(cloudwatch, 1, 1.0)
    cloudwatch.put_metric_data(Namespace="mine", MetricData=[{"MetricName": "other", "Value": 1}])
    (only,) = cloudwatch.list_metrics(Namespace="AWS/MWAA", Dimensions=[{"Name": "Cluster"}])["Metrics"]
    assert {one["Name"]: one["Value"] for one in only["Dimensions"]} == WORKER
    assert len(cloudwatch.list_metrics()["Metrics"]) == 2


def test_search_finds_each_metric_of_its_schema(cloudwatch: Any) -> None:
    put(cloudwatch, 0, 1.0)
    scheduler = listed(WORKER | {"Cluster": "Scheduler"})
    put(cloudwatch, 0, 2.0, Dimensions=scheduler)
    put(cloudwatch, 0, 3.0, name="CPUUtilization")
    found = ask(
        cloudwatch,
        {
            "Id": "s",
            "Expression": "SEARCH('{AWS/MWAA,Cluster,Environment} MetricName=\"MemoryUtilization\"', 'Average', 60)",
        },
    )
    assert {one["Label"]: one["Values"] for one in found} == {
        "BaseWorker wt MemoryUtilization": [1.0],
        "Scheduler wt MemoryUtilization": [2.0],
    }


def test_an_expression_may_name_another_query(cloudwatch: Any) -> None:
    put(cloudwatch, 0, 1.0)
    (result,) = ask(cloudwatch, stat(ReturnData=False), {"Id": "e", "Expression": "m"})
    assert (result["Id"], result["Values"]) == ("e", [1.0])


@pytest.mark.parametrize("expression", ["m / 2", "SELECT AVG(x) FROM y", "nobody"])
def test_what_is_not_known_is_refused_rather_than_answered_wrongly(cloudwatch: Any, expression: str) -> None:
    with pytest.raises(ClientError, match="ValidationError"):
        ask(cloudwatch, stat(), {"Id": "e", "Expression": expression})


def test_a_percentile_is_refused(cloudwatch: Any) -> None:
    put(cloudwatch, 0, 1.0)
    with pytest.raises(ClientError, match="p95"):
        ask(cloudwatch, stat("p95"))


def test_no_time_between_start_and_end_is_refused(cloudwatch: Any) -> None:
    with pytest.raises(ClientError, match="EndTime"):
        ask(cloudwatch, stat(), minutes=0)


def test_old_points_are_dropped_and_metrics_without_any(cloudwatch: Any) -> None:
    put(cloudwatch, 0, 1.0)
    put(cloudwatch, 1, 2.0)
    put(cloudwatch, 0, 3.0, name="CPUUtilization")
    backend.forget(NOON.timestamp() + 60)
    assert values(ask(cloudwatch, stat())) == [2.0]
    assert [one["MetricName"] for one in cloudwatch.list_metrics()["Metrics"]] == ["MemoryUtilization"]


def test_nothing_but_the_store_keeps_points(cloudwatch: Any) -> None:
    for minute in range(20):
        put(cloudwatch, minute, 1.0)
    backend.forget(NOON.timestamp())
    assert not [one for one in gc.get_objects() if isinstance(one, MetricDatumBase)]


def test_a_bad_datum_leaves_nothing_behind(cloudwatch: Any) -> None:
    good = {"MetricName": "good", "Value": 1.0}
    with pytest.raises(ClientError):
        cloudwatch.put_metric_data(Namespace="mine", MetricData=[good, {"MetricName": "bad", "Values": [float("nan")]}])
    assert cloudwatch.list_metrics()["Metrics"] == []
